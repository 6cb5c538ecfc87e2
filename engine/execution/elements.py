"""The life of an element 环节的生命周期: entered, executed, left; loops and multi-instance around it.

What each kind of element does while it is executed is registered in `BEHAVIOUR` by `activities` and `events`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engine.definitions.model import Element, Event, Flow, Kind, Loop, Process, Trigger
from engine.execution import adhoc, data, flows
from engine.execution.arming import arm_boundaries
from engine.execution.context import Context
from engine.execution.countersign import decided, tally
from engine.execution.run import STEP_BUDGET, Halt, Run
from engine.execution.scopes import cancel, compensable, end_case, release, wake, write
from engine.execution.state import ROOT, Instance
from engine.facts import ElementCompleted, ElementEntered, LoopOpened, LoopOutput, StatusChanged
from engine.values import Value

MOST_AT_ONCE = STEP_BUDGET // 2
"""Copies a parallel multi-instance may open: more would use up the steps of one command, and a person's work with them."""

Behaviour = Callable[[Run, Instance, Element], None]
_END, _CALL = Kind.END, Kind.CALL
BEHAVIOUR: dict[Kind, Behaviour] = {}


def behaviour(*kinds: Kind) -> Callable[[Behaviour], Behaviour]:
    """Register what elements of these kinds do when they are executed."""

    def register(do: Behaviour) -> Behaviour:
        for kind in kinds:
            BEHAVIOUR[kind] = do
        return do

    return register


# -- entering ------------------------------------------------------------------------------------------


def enter(
    run: Run,
    process: Process,
    element: Element,
    scope: int,
    cause: int = 0,
    strand: int = 0,
    loop: int = 0,
    variables: dict[str, Value] | None = None,
    consumes: tuple[str, ...] = (),
) -> Instance:
    """A token reaches an element: it is entered and executed."""
    instance, problem = introduce(run, process, element, scope, cause, strand, loop, variables, consumes)
    if problem is not None:
        run.incident(instance, element.id, problem)
    else:
        execute(run, instance, element)
    return instance


def introduce(
    run: Run,
    process: Process,
    element: Element,
    scope: int,
    cause: int = 0,
    strand: int = 0,
    loop: int = 0,
    variables: dict[str, Value] | None = None,
    consumes: tuple[str, ...] = (),
    starts_strand: bool = False,
) -> tuple[Instance, Halt | None]:
    """Enter an element without executing it yet; the `Halt` is that of its input parameters."""
    run.step()
    body = False
    problem: Halt | None = None
    if not element.passes:
        body = element.loop is not None and not loop
        if not body:
            variables, problem = _locals(run, element, scope, cause, strand, loop, variables)
        if element.kind is _END and any(event.trigger is Trigger.TERMINATE for event in element.events):
            waiting = run.state.instances[scope].arrivals.values()
            consumes = tuple(flow for tokens in waiting for flow, _, _ in tokens)
    id = run.state.last + 1
    run.emit(
        ElementEntered(
            id,
            process.key,
            element.id,
            scope,
            cause,
            loop,
            body,
            consumes,
            variables,
            id if starts_strand else strand,
        )
    )
    if not loop and element.properties:
        status = element.properties.get("status", "")
        if status and status != run.state.status:
            run.emit(StatusChanged(status))
    return run.state.instances[id], problem


def _locals(
    run: Run,
    element: Element,
    scope: int,
    cause: int,
    strand: int,
    loop: int,
    variables: dict[str, Value] | None,
) -> tuple[dict[str, Value] | None, Halt | None]:
    """What an element begins with: what a call passes on, its input parameters, the variables it declares."""
    problem: Halt | None = None
    if element.passes_all:
        seen = run.state.variables(scope)
        variables = {**seen, **run.state.strands.get(strand, {}), **(variables or {})}
    if element.inputs:
        try:
            variables = inputs(run, element, Context(run, scope, variables, None, cause, strand, loop))
        except Halt as found:
            problem = found
    if element.declares or element.kind is _CALL:
        variables = data.with_own(run, element, variables)
    return variables, problem


def inputs(run: Run, element: Element, context: Context) -> dict[str, Value]:
    """The input parameters' values, each seeing those before it."""
    values = dict(context.near or {})
    context.near = values
    for binding in element.inputs:
        values[binding.name] = run.ask(binding.value, context)
    return data.as_called(run, element, values) if element.kind is _CALL else values


def execute(run: Run, instance: Instance, element: Element, arm: bool = True) -> None:
    """Do what the element does. `arm`: also arm its boundary events, where it waits afterwards."""
    try:
        if instance.body:
            _open_loop(run, instance, element)
        else:
            BEHAVIOUR[element.kind](run, instance, element)
    except Halt as problem:
        run.incident(instance, element.id, problem)
        return
    if element.boundary and arm and not instance.loop and instance.id in run.state.instances:
        arm_boundaries(run, instance, element)


# -- leaving -------------------------------------------------------------------------------------------


def leave(
    run: Run,
    instance: Instance,
    result: dict[str, Value] | None = None,
    form: dict[str, Value] | None = None,
) -> None:
    """The element's work is done: write what it delivered, end it, send its token on.

    All that may fail is computed before anything is decided, so a retry repeats nothing.
    """
    process = run.package.processes[instance.process]
    element = process.elements[instance.element]
    chosen, over = element.outgoing, False
    try:
        values = result
        if element.outputs or instance.body or element.kind is _CALL:
            values = _delivered(run, instance, element, result, form)
        if instance.loop:
            step = _next_round(run, instance, element, values, form)
        elif element.branches:
            chosen, over = _ways(run, instance, element, values, form)
    except Halt as problem:
        run.incident(instance, element.id, problem, leaving=True)
        return
    if values:
        write(run, instance, values)
    if instance.holds:
        release(run, instance)
    if instance.loop:
        _close_round(run, instance, element, step)
        return
    state, awaited_by, end = run.state, 0, ""
    if element.kind is _END:
        end = _end(run, instance, element)
    if state.undoing and instance.id in state.undoing:
        awaited_by = state.undoing[instance.id].awaited_by
    if element.compensable or (state.kept and instance.id in state.kept):
        run.emit(ElementCompleted(instance.id, end, compensable(run, instance, element)))
    else:
        run.emit(ElementCompleted(instance.id, end))
    if over:
        adhoc.close(run, run.state.instances[instance.scope])
        run.later(finish_scope, instance.scope)
    elif chosen:
        scope, cause, strand = instance.scope, instance.cause, instance.strand
        for flow in chosen:
            flows.take(run, process, scope, flow, cause, strand)
    elif awaited_by:
        wake(run, awaited_by)
    else:
        run.later(finish_scope, instance.scope)


def _ways(
    run: Run,
    instance: Instance,
    element: Element,
    values: dict[str, Value] | None,
    form: dict[str, Value] | None,
) -> tuple[tuple[Flow, ...], bool]:
    """The flows by which an element is left, each once for every token that takes it (BPMN 2.0.2, 13.3.2:
    `completionQuantity`), and whether the ad-hoc subprocess around it is over with it."""
    chosen = flows.choose(run, instance, element, values, form) if element.outgoing else ()
    if element.completion_quantity > 1:
        chosen = tuple(flow for flow in chosen for _ in range(element.completion_quantity))
    if element.inside_ad_hoc:
        over = adhoc.over(run, instance, element, values, form)
        if over or adhoc.closing(run.state.instances[instance.scope]):
            return (), over
    return chosen, False


def _end(run: Run, instance: Instance, element: Element) -> str:
    """The name of an end event of the case's own course, be it in an interrupting event subprocess: what runs beside
    it or inside it does not say how the case ends."""
    scope = run.state.instances[instance.scope]
    while scope.scope:
        around = run.element(scope)
        if not around.event_subprocess or not run.process(scope).elements[around.start].interrupting:
            return ""
        scope = run.state.instances[scope.scope]
    return element.name or element.id


def _delivered(
    run: Run,
    instance: Instance,
    element: Element,
    result: dict[str, Value] | None,
    form: dict[str, Value] | None,
) -> dict[str, Value] | None:
    """What is written outside: the output parameters, or else the whole result."""
    loop = element.loop
    if instance.body:
        if loop is None or not loop.output_collection:
            return None
        collected = run.collected(instance)
        found = tally(run, instance, loop, collected)
        outcome = {loop.sign.outcome: found.outcome} if loop.sign is not None and found is not None else {}
        return {loop.output_collection: collected, **outcome}
    if element.kind is _CALL:
        result = dict(instance.variables or {}) if element.returns_all else None
    values: dict[str, Value] = {}
    near = dict(result or {})
    delivered = near
    if element.data_outputs:
        delivered = data.delivered(run, instance, element, near)
        near = dict(delivered)
    context = Context(run, instance.id, near, form)
    for binding in element.outputs:
        if binding.source:
            value = delivered.get(binding.source)
            if value is None:
                continue  # nothing of that name was delivered: the target stays as it is
        else:
            value = run.ask(binding.value, context)
        near[binding.name] = values[binding.name] = value
    if element.kind is _CALL and result is not None:
        return {**result, **values}
    return values


def finish_scope(run: Run, scope: int) -> None:
    """Complete a scope in which no token is left."""
    here = run.state.instances[scope]
    if run.state.undoing and run.state.phase(scope):
        wake(run, scope)
        return
    if here.children or here.arrivals or run.flying.get(scope):
        if here.items and adhoc.idle(run, here):
            adhoc.begin_next(run, here)
        return
    if scope == ROOT:
        end_case(run)
    elif here.items:
        adhoc.begin_next(run, here)
    else:
        leave(run, here)


# -- loops ---------------------------------------------------------------------------------------------


def _open_loop(run: Run, body: Instance, element: Element) -> None:
    loop = element.loop
    assert loop is not None
    if loop.kind == "standard":
        run.emit(LoopOpened(body.id, [], True))
        goes_on = loop.maximum is None or loop.maximum > 0
        if goes_on and loop.test_before and loop.condition is not None:
            goes_on = run.holds(loop.condition, body, {"loopCounter": 0})
        if goes_on:
            run.later(enter_round, body.id, 1)
        else:
            leave(run, body)
        return
    items = _items(run, body, loop)
    sequential = loop.kind == "sequential"
    if not sequential and len(items) > MOST_AT_ONCE:
        raise Halt(
            "expression_failed",
            f"多实例要同时展开 {len(items)} 份，超过 {MOST_AT_ONCE} 份的上限，请检查它的集合或次数，或改为依次办理。",
        )
    run.emit(LoopOpened(body.id, items, sequential))
    if not items:
        leave(run, body)
        return
    for counter in range(1, 2 if sequential else len(items) + 1):
        run.later(enter_round, body.id, counter)


def _items(run: Run, body: Instance, loop: Loop) -> list[Value]:
    if loop.collection is not None:
        found = run.value(loop.collection, body)
        if isinstance(found, list):
            return found
        text = loop.collection.text
        raise Halt("expression_failed", f"多实例的集合“{text}”没有得到一个列表，请检查它用到的信息。")
    if loop.cardinality is None:
        raise Halt("expression_failed", "多实例没有写集合，也没有写次数。")
    count = run.value(loop.cardinality, body)
    if (
        isinstance(count, bool)
        or not isinstance(count, int | Decimal)
        or count < 0
        or count != int(count)
        or count > 100_000
    ):
        text = loop.cardinality.text
        raise Halt("expression_failed", f"多实例的次数“{text}”没有得到一个自然数，请检查它用到的信息。")
    return list(range(1, int(count) + 1))


def enter_round(run: Run, scope: int, counter: int) -> None:
    """Begin round `counter` (from 1) of the loop whose body is `scope`."""
    body = run.state.instances[scope]
    element = run.element(body)
    variables = None
    if element.loop is not None and element.loop.element_variable and body.items:
        variables = {element.loop.element_variable: body.items[counter - 1]}
    enter(run, run.process(body), element, scope, body.cause, 0, counter, variables)


def _next_round(
    run: Run,
    instance: Instance,
    element: Element,
    values: dict[str, Value] | None,
    form: dict[str, Value] | None,
) -> _Step:
    """Whether the loop is at its end with this round, the round's output, and the events it throws."""
    loop, body = element.loop, run.state.instances[instance.scope]
    assert loop is not None
    near: dict[str, Value] = dict(instance.result or {})
    near.update(values or {})
    output = None
    if loop.output_collection and loop.output_element is not None:
        output = (instance.loop - 1, run.value(loop.output_element, instance, near, form))
    near["nrOfCompletedInstances"] = near["numberOfCompletedInstances"] = body.done + 1
    near["nrOfActiveInstances"] = near["numberOfActiveInstances"] = len(body.children) - 1
    if loop.output_collection:
        near[loop.output_collection] = run.collected(body, output)
    if loop.kind == "standard":
        if loop.maximum is not None and body.done + 1 >= loop.maximum:
            return True, output, ()
        return loop.condition is not None and not run.holds(loop.condition, instance, near, form), output, ()
    at_end = body.done + 1 >= body.rounds
    events: tuple[Event, ...] = ()
    if loop.throws:
        ends, events = _thrown(run, instance, loop, body.done == 0, near, form)
        at_end = at_end or ends
    if not at_end and loop.sign is not None:
        found = tally(run, body, loop, run.collected(body, output))
        at_end = found is not None and found.decided
    if not at_end and loop.completion is not None:
        at_end = run.holds(loop.completion, instance, near, form)
    return at_end, output, events


_Step = tuple[bool, tuple[int, Value] | None, tuple[Event, ...]]


def _thrown(
    run: Run,
    instance: Instance,
    loop: Loop,
    first: bool,
    near: dict[str, Value],
    form: dict[str, Value] | None,
) -> tuple[bool, tuple[Event, ...]]:
    """Whether a round's complex behaviour ends the multi-instance, and the events that are thrown with the round
    (BPMN 2.0.2, 10.3.8)."""
    ends = False
    events: list[Event] = []
    for one in loop.throws:
        if one.behavior == "one" and not first:
            continue
        if one.behavior == "complex":
            if one.condition is None or not run.holds(one.condition, instance, near, form):
                continue
            ends = True
        events += one.events
    return ends, tuple(events)


def _close_round(run: Run, instance: Instance, element: Element, step: _Step) -> None:
    at_end, output, events = step
    body = run.state.instances[instance.scope]
    if output is not None:
        run.emit(LoopOutput(body.id, *output))
    kept = element.compensable or instance.id in run.state.kept
    run.emit(ElementCompleted(instance.id, "", kept and compensable(run, instance, element)))
    if at_end:
        end_rounds(run, body)
    for event in events:
        if body.id in run.state.instances:
            run.throw(run, body, event)
    if at_end:
        leave_loop(run, body, element)
    elif body.sequential:
        run.later(enter_round, body.id, instance.loop + 1)


def end_rounds(run: Run, body: Instance) -> None:
    """Stop the rounds that are still going on: enough have come to their end."""
    decided(run, body)
    for child in list(body.children):
        cancel(run, run.state.instances[child])
    run.forget(body.id)


def leave_loop(run: Run, body: Instance, element: Element) -> None:
    """Leave a loop that is at its end: where its rounds throw events, when those that wait for them have heard them."""
    if element.loop is not None and element.loop.throws:
        run.later(finish_loop, body.id)
    else:
        leave(run, body)


def finish_loop(run: Run, id: int) -> None:
    """Leave a loop whose rounds are over, unless an event it has thrown halts it."""
    body = run.state.instances[id]
    if not body.children and not any(one in run.state.incidents for one in body.holds):
        leave(run, body)


def result_of(run: Run, instance: Instance) -> dict[str, Any] | None:
    """What a halted element had delivered before it could not be left."""
    if instance.result is not None:
        return instance.result
    if run.element(instance).kind in (Kind.BOUNDARY, Kind.START, Kind.CATCH, Kind.RECEIVE):
        return instance.variables
    return None

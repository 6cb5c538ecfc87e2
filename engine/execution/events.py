"""Events 事件: firing of what was waited for; throwing errors and escalations outwards."""

from __future__ import annotations

from engine.definitions.model import Element, Event, Kind, Process, Trigger
from engine.execution import correlation, timers
from engine.execution.arming import arm, arm_event_subprocesses, arm_or_halt, key_of
from engine.execution.collecting import collect, collect_anew
from engine.execution.elements import behaviour, introduce, leave
from engine.execution.records import Subscription
from engine.execution.run import CONDITION, Halt, Run
from engine.execution.scopes import cancel, interrupt, release
from engine.execution.state import COMPENSATING, ROOT, Instance
from engine.facts import (
    DeadlinePassed,
    ElementCompleted,
    ErrorThrown,
    EscalationThrown,
    FlowTaken,
    MessageReceived,
    MessageSent,
    SignalReceived,
    SignalSent,
    Subscribed,
    Unsubscribed,
)
from engine.values import Value

# -- firing --------------------------------------------------------------------------------------------


def deliver(
    run: Run, _: int, what: str, name: str, key: str, variables: dict[str, Value], one_only: bool = False
) -> None:
    """Hand a signal, or a message of the case to itself, to everything that waits for it; or look at the conditions
    waited for.

    `one_only`: a message from outside has one addressee (BPMN 2.0.2, 8.4.2): what waits with its very key before what
    waits without a key, the longest waiting first.
    """
    if what == CONDITION:
        _look_at_conditions(run)
        return
    subscriptions = run.state.subscriptions
    waiting = [one for one in subscriptions.values() if one.name == name and one.what == what]
    if what == "message":
        waiting = [one for one in waiting if not one.key or one.key == key]
        waiting = [one for one in waiting if _fits(run, one, variables)]
    if one_only:
        waiting = sorted(waiting, key=lambda one: (not one.key, one.id))[:1]
    for one in waiting:
        if one.id not in subscriptions:
            continue
        if what == "signal":
            run.emit(SignalReceived(one.id, name, dict(variables)))
        else:
            run.emit(MessageReceived(one.id, name, dict(variables)))
            correlation.learn_from(run, one, variables)
        fire(run, one.owner, one.element, dict(variables), one.part)


def _fits(run: Run, one: Subscription, variables: dict[str, Value]) -> bool:
    try:
        return correlation.fits(run, one, variables)
    except Halt as problem:
        run.incident(run.state.instances[one.owner], one.element, problem)
        return False


def _look_at_conditions(run: Run) -> None:
    """A conditional event fires when its condition comes to hold: at once where it holds already when the waiting
    begins, and again only after it has failed in between."""
    subscriptions = run.state.subscriptions
    for one in [s for s in subscriptions.values() if s.what == CONDITION]:
        if one.id not in subscriptions:
            continue
        owner = run.state.instances[one.owner]
        event = _awaited(run, owner, one.element)
        condition = event.events[one.part].when
        assert condition is not None
        try:
            holds = run.holds(condition, owner)
        except Halt as problem:
            run.emit(Unsubscribed(one.id))
            run.incident(owner, event.id, problem)
            continue
        held = one.key != ""
        if holds == held:
            continue
        if held or not event.interrupting:
            run.emit(Unsubscribed(one.id))
            key = "true" if holds else ""
            run.emit(Subscribed(run.next_id(), owner.id, event.id, CONDITION, one.name, key, one.part))
        if holds:
            fire(run, owner.id, event.id, {}, one.part)


def _awaited(run: Run, owner: Instance, id: str) -> Element:
    """The event an instance waits for: its own, one on its border, one after it, or the start of an event subprocess
    inside it."""
    event = run.process(owner).elements.get(id) if owner.element else None
    if event is not None:
        here = event.id == owner.element or event.attached_to == owner.element
        if here or run.element(owner).kind is Kind.EVENT_GATEWAY:
            return event
    return run.inside(owner)[0].elements[id]


def pass_deadline(run: Run, id: int) -> None:
    """A timer fires; a cycle is armed again."""
    deadline = run.state.deadlines[id]
    run.emit(DeadlinePassed(id))
    event = fire(run, deadline.owner, deadline.element, {}, deadline.part)
    owner = run.state.instances.get(deadline.owner)
    if event is None or owner is None or event.interrupting or (event.event and event.event.parallel):
        return
    try:
        timers.arm_again(run, owner, event.id, event.events[deadline.part], deadline)
    except Halt as problem:
        run.incident(owner, event.id, problem)


def fire(run: Run, owner_id: int, event_id: str, payload: dict[str, Value], part: int = 0) -> Element | None:
    """What `owner` waited for at event `event_id` (its definition `part`) has come. Gives the event where it may come
    again."""
    owner = run.state.instances[owner_id]
    event = _awaited(run, owner, event_id)
    if event.event is not None and event.event.parallel:
        all_payloads = collect(run, owner, event, part, payload)
        if all_payloads is None:
            return None
        payload = all_payloads
    return _happen(run, owner, event, payload)


def _happen(run: Run, owner: Instance, event: Element, payload: dict[str, Value]) -> Element | None:
    if owner.element == event.id:
        leave(run, owner, payload)
        return None
    if event.kind is Kind.BOUNDARY:
        fire_boundary(run, owner, run.process(owner), event, payload)
    elif event.kind is Kind.START:
        process, _ = run.inside(owner)
        fire_event_subprocess(run, owner, process, process.elements[event.scope], payload)
    else:
        _leave_event_gateway(run, owner, run.process(owner), event, payload)
        return None
    if event.event is not None and event.event.parallel and not event.interrupting:
        collect_anew(run, owner, event)
    return event


def fire_boundary(
    run: Run,
    host: Instance,
    process: Process,
    event: Element,
    payload: dict[str, Value],
    strand: dict[str, Value] | None = None,
    cause: int = 0,
) -> None:
    """A boundary event catches: its host is stopped where it interrupts, and its strand begins.

    `payload` is written like a result; `strand` are locals that only the strand sees.
    """
    if event.interrupting:
        cancel(run, host)
    own = strand is not None
    if strand is not None and host.strand:
        strand = {**run.state.strands.get(host.strand, {}), **strand}
    instance, _ = introduce(
        run,
        process,
        event,
        host.scope,
        cause or host.id,
        host.strand,
        0,
        strand if own else payload or None,
        (),
        own,
    )
    leave(run, instance, payload or None)


def fire_event_subprocess(
    run: Run,
    scope: Instance,
    process: Process,
    element: Element,
    payload: dict[str, Value],
    local: dict[str, Value] | None = None,
    cause: int = 0,
) -> None:
    """An event subprocess starts inside its scope, stopping all else there where it interrupts."""
    start = process.elements[element.start]
    consumes = interrupt(run, scope) if start.interrupting else ()
    instance, problem = introduce(
        run, process, element, scope.id, cause or scope.cause, 0, 0, local, consumes
    )
    if problem is not None:
        run.incident(instance, element.id, problem)
        return
    arm_event_subprocesses(run, instance)
    first, _ = introduce(run, process, start, instance.id, instance.cause, 0, 0, payload or None)
    leave(run, first, payload or None)


def _leave_event_gateway(
    run: Run, gateway: Instance, process: Process, event: Element, payload: dict[str, Value]
) -> None:
    flow = next(f for f in run.element(gateway).outgoing if f.target == event.id)
    release(run, gateway)
    run.emit(ElementCompleted(gateway.id))
    scope, cause, strand = gateway.scope, gateway.cause, gateway.strand
    run.emit(FlowTaken(scope, flow.id, "", cause, strand))
    instance, _ = introduce(run, process, event, scope, cause, strand, 0, payload or None)
    leave(run, instance, payload or None)


# -- throwing ------------------------------------------------------------------------------------------


def find_catcher(
    run: Run, thrower: Instance, trigger: Trigger, code: str
) -> tuple[Instance, Process, Element, Event] | None:
    """The innermost boundary event or event subprocess that catches, and by which of its definitions: first the same
    code, then any code."""
    state = run.state
    at = thrower
    while True:
        if at.element and not at.loop and state.phase(at.id) != COMPENSATING:
            process = run.process(at)
            found = _matching(
                trigger, code, [process.elements[id] for id in process.elements[at.element].boundary]
            )
            if found is not None:
                return at, process, *found
        if not at.scope:
            return None
        came, at = at, state.instances[at.scope]
        if state.phase(at.id) or not run.is_scope(at):
            continue  # it has completed, or been cancelled: nothing but what undoes it goes on in it
        process, event_subprocesses = run.inside(at)
        passed = process.elements.get(came.element)
        if passed is not None and passed.event_subprocess:
            if process.elements[passed.start].interrupting:
                continue  # the scope is already stopped
            event_subprocesses = tuple(e for e in event_subprocesses if e != passed.id)
        starts = [process.elements[process.elements[e].start] for e in event_subprocesses]
        found = _matching(trigger, code, starts)
        if found is not None:
            return at, process, *found


def _matching(trigger: Trigger, code: str, candidates: list[Element]) -> tuple[Element, Event] | None:
    fitting = [(one, event) for one in candidates for event in one.events if event.trigger is trigger]
    for wanted in (code, ""):
        for one, event in fitting:
            if event.code == wanted:
                return one, event
    return None


def throw_error(run: Run, thrower: Instance, code: str, message: str, variables: dict[str, Value]) -> bool:
    """A BPMN error goes outwards. Uncaught it halts the thrower. Whether somebody caught it."""
    found = find_catcher(run, thrower, Trigger.ERROR, code)
    run.emit(ErrorThrown(thrower.id, code, message, found[2].id if found else ""))
    if found is None:
        run.incident(
            thrower,
            thrower.element,
            Halt(
                "uncaught_error",
                f"出现业务错误{f'“{code}”' if code else ''}{'：' + message if message else ''}，流程图中没有画出由谁处理。"
                "请流程管理员补画错误边界事件，或更正后重试。",
            ),
        )
        return False
    host, process, event, definition = found
    _thrown(run, thrower)
    payload = dict(variables)
    _describe(payload, definition, code, message)
    if event.kind is Kind.BOUNDARY:
        fire_boundary(run, host, process, event, payload)
    else:
        fire_event_subprocess(run, host, process, process.elements[event.scope], payload)
    return True


def throw_escalation(run: Run, thrower: Instance, code: str, variables: dict[str, Value]) -> None:
    """An escalation goes outwards; its payload becomes locals of the strand that catches it."""
    found = find_catcher(run, thrower, Trigger.ESCALATION, code)
    run.emit(EscalationThrown(thrower.id, code, found[2].id if found else ""))
    if found is None:
        return
    host, process, event, definition = found
    local = dict(variables)
    _describe(local, definition, code, "")
    if event.event is not None and event.event.parallel:
        everything = collect(run, host, event, event.events.index(definition), local)
        if everything is None:
            return
        if event.interrupting:
            _thrown(run, thrower)
        _happen(run, host, event, everything)
        return
    if event.interrupting:
        _thrown(run, thrower)
    cause = thrower.cause
    if event.kind is Kind.BOUNDARY:
        fire_boundary(run, host, process, event, {}, local, cause)
    else:
        fire_event_subprocess(run, host, process, process.elements[event.scope], {}, local, cause)


def _thrown(run: Run, thrower: Instance) -> None:
    """An event that throws has done its work when it is caught, also where the catcher then stops all around it."""
    if run.element(thrower).kind in (Kind.THROW, Kind.END):
        run.emit(ElementCompleted(thrower.id))


def _describe(values: dict[str, Value], event: Event, code: str, message: str) -> None:
    if event.code_variable:
        values[event.code_variable] = code
    if event.message_variable:
        values[event.message_variable] = message


# -- what events do when a token reaches them ----------------------------------------------------------


@behaviour(Kind.START, Kind.BOUNDARY)
def _pass(run: Run, instance: Instance, element: Element) -> None:
    if instance.came:
        arm(run, instance, element)  # a parallel multiple start whose waiting failed is tried again
    elif element.outputs and instance.scope == ROOT:  # what began the case lies in the root's variables
        leave(run, instance, dict(run.state.root_variables))
    else:
        leave(run, instance)


@behaviour(Kind.CATCH, Kind.RECEIVE)
def _catch(run: Run, instance: Instance, element: Element) -> None:
    if element.event is None or element.event.trigger in (Trigger.NONE, Trigger.LINK):
        leave(run, instance)
    else:
        arm(run, instance, element)


@behaviour(Kind.EVENT_GATEWAY)
def _event_gateway(run: Run, instance: Instance, element: Element) -> None:
    if element.all_events:
        leave(run, instance)
        return
    elements = run.process(instance).elements
    for flow in element.outgoing:
        arm_or_halt(run, instance, elements[flow.target])


@behaviour(Kind.THROW, Kind.END)
def _throw(run: Run, instance: Instance, element: Element) -> None:
    """All definitions of the event are thrown, in the order drawn; those that may stop the thrower come last."""
    payload = payload_of(instance, element)
    order = sorted(element.events, key=lambda event: _STOPS.get(event.trigger, 0))
    waits = False
    keys = [
        _key(run, instance, event, payload) if event.trigger is Trigger.MESSAGE else "" for event in order
    ]
    for event, key in zip(order, keys, strict=True):
        if event.trigger is Trigger.MESSAGE:
            _say(run, instance, event, key, payload)
        elif event.trigger is Trigger.SIGNAL:
            run.emit(SignalSent(event.name, payload))
            run.post("signal", event.name, "", payload)
        elif event.trigger is Trigger.ESCALATION:
            throw_escalation(run, instance, event.code, payload)
        elif event.trigger is Trigger.ERROR:
            throw_error(run, instance, event.code, "", payload)
            return
        elif event.trigger is Trigger.TERMINATE:
            _terminate(run, instance)
        elif event.trigger is Trigger.COMPENSATION:
            from engine.execution.compensation import throw  # which fires boundary events

            waits = throw(run, instance, event) or waits
        elif event.trigger is Trigger.CANCEL:
            from engine.execution.compensation import cancel_transaction

            cancel_transaction(run, instance)
            return
        if instance.id not in run.state.instances:
            return  # whoever caught it interrupted us
    if not waits:  # else it goes on when all is undone
        leave(run, instance)


_STOPS = {Trigger.ESCALATION: 1, Trigger.TERMINATE: 2, Trigger.ERROR: 2, Trigger.CANCEL: 2}
"""What may end the element that throws it: thrown after what cannot."""


def throw_implicit(run: Run, at: Instance, event: Event) -> None:
    """Throw an event that no element stands for, as a multi-instance does when a round ends: to the boundary events of
    `at` and further out (BPMN 2.0.2, 10.3.8). It carries nothing."""
    if event.trigger is Trigger.MESSAGE:
        run.emit(MessageSent(event.name, "", {}, at.element))
        run.post("message", event.name, "", {})
    elif event.trigger is Trigger.SIGNAL:
        run.emit(SignalSent(event.name, {}))
        run.post("signal", event.name, "", {})
    elif event.trigger is Trigger.ESCALATION:
        throw_escalation(run, at, event.code, {})
    elif event.trigger is Trigger.ERROR:
        throw_error(run, at, event.code, "", {})


def payload_of(instance: Instance, element: Element) -> dict[str, Value]:
    """What a throw or send carries: its input parameters."""
    local = instance.variables or {}
    return {binding.name: local.get(binding.name) for binding in element.inputs}


def send_message(run: Run, instance: Instance, event: Event, payload: dict[str, Value]) -> None:
    """Send a message to the outside and, at once, to the case's own subscriptions."""
    _say(run, instance, event, _key(run, instance, event, payload), payload)


def _key(run: Run, instance: Instance, event: Event, payload: dict[str, Value]) -> str:
    """The key drawn on the event. Raises `Halt` where the message may not be sent."""
    correlation.must_fit(run, instance, run.process(instance), event.name, payload)
    return key_of(run, instance, event)


def _say(run: Run, instance: Instance, event: Event, key: str, payload: dict[str, Value]) -> None:
    run.emit(MessageSent(event.name, key, payload, instance.element))
    correlation.learn(run, instance, run.process(instance), event.name, payload)
    run.post("message", event.name, key, payload)


def _terminate(run: Run, instance: Instance) -> None:
    """Stop everything else in the scope; nothing outside it."""
    scope = run.state.instances[instance.scope]
    for child in list(scope.children):
        if child != instance.id and child in run.state.instances:
            cancel(run, run.state.instances[child])
    run.forget(scope.id)

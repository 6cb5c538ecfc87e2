"""How a case begins 案件如何开始 (BPMN 2.0.2, 13.2, 13.5.1): at a start event, at a receive task or an event after a gateway
that begins the case by what it hears, or, without any of these, at everything that no flow comes to.
"""

from __future__ import annotations

from datetime import datetime

from engine.calendar import Moment
from engine.commands import StartProcess
from engine.definitions.model import Element, Event, Kind, Package, Process, Trigger
from engine.errors import NotAllowed
from engine.execution import flows
from engine.execution.arming import arm, arm_event_subprocesses
from engine.execution.collecting import collect
from engine.execution.elements import enter, finish_scope, introduce, leave
from engine.execution.events import fire
from engine.execution.run import Halt, Run
from engine.execution.state import ROOT, Instance, State
from engine.execution.timers import first_firing
from engine.facts import ElementCompleted, FlowTaken
from engine.values import Value

ALL = -1
"""All the triggers of a parallel multiple event have come: whoever begins the case has seen to it."""


def begun_by(
    process: Process, start: str, trigger: Trigger, name: str, variables: dict[str, Value]
) -> StartProcess:
    """The case that a message or signal begins; a parallel multiple event then waits for its other triggers."""
    element = process.elements[start]
    part = ALL
    if element.event is not None and element.event.parallel:
        fitting = [index for index, event in enumerate(element.events) if event.trigger is trigger]
        part = next((index for index in fitting if element.events[index].name == name), fitting[0])
    return StartProcess(process.key, start, dict(variables), part=part)


def timer_firing(
    package: Package, event: Event, variables: dict[str, Value], moment: Moment
) -> tuple[datetime | None, int, str]:
    """When a timer start fires first, how often after that and at which interval (see `timers.first_firing`); None: never,
    or the expression gives no time. Raises `EngineError`."""
    if event.when is None:
        return None, 0, ""
    run = Run(package, State(), moment, "", lambda *_: None, lambda *_: None)
    value = event.when.evaluate({"p": package.values(), **variables}, moment)
    try:
        return first_firing(run, event, value)
    except Halt:
        return None, 0, ""


def begin(run: Run, process: Process, start: Element | None, part: int, payload: dict[str, Value]) -> None:
    """Begin a case at `start`, by its definition `part`; None: where the process begins without a start event."""
    if start is not None and start.kind is Kind.START:
        _conditions_hold(run, start, part)
        _come(run, process, start, part, payload)
        return
    if start is not None:
        _hear(run, process, start, part, payload)
    for id in process.implicit:  # beside what has been heard, too
        run.later(_begin, ROOT, process, process.elements[id])


def _hear(run: Run, process: Process, start: Element, part: int, payload: dict[str, Value]) -> None:
    """Begin at a receive task or an event after a gateway."""
    gateway = _gateway(process, start)
    if gateway is None:
        _come(run, process, start, part, payload)
    elif not gateway.all_events and start.event is not None and start.event.parallel and part != ALL:
        instance = enter(run, process, gateway, ROOT)  # all its triggers have to come before it wins
        fire(run, instance.id, start.id, payload, part)
    else:
        _go_on(run, process, gateway, start)
        _come(run, process, start, part, payload)


def joins(process: Process, start: str) -> bool:
    """Whether a case that has begun at `start` waits for more of what begins it: then what comes next is for that case,
    and begins no other."""
    element = process.elements[start]
    gateway = _gateway(process, element)
    together = gateway is not None and gateway.instantiate and gateway.all_events
    return together or (element.event is not None and element.event.parallel)


def begin_inside(run: Run, scope: Instance, process: Process, element: Element) -> None:
    """Begin a subprocess or a called process: at its plain start event, or where it begins without one."""
    starts = _inner_starts(process, element)
    arm_event_subprocesses(run, scope)
    for id in starts:
        run.later(_begin, scope.id, process, process.elements[id])
    if not starts:  # there is nothing inside
        run.later(finish_scope, scope.id)


def _inner_starts(process: Process, element: Element) -> tuple[str, ...]:
    if element.kind is Kind.SUBPROCESS:
        return (element.start,) if element.start else element.implicit
    entries = process.plain_entries
    if not entries:
        raise Halt("expression_failed", f"被调用的流程“{process.name or process.key}”没有空白开始事件。")
    return process.implicit if entries[0] == process.key else entries[:1]


def _begin(run: Run, scope: int, process: Process, start: Element) -> None:
    enter(run, process, start, scope, run.state.instances[scope].cause)


def _gateway(process: Process, start: Element) -> Element | None:
    sources = (process.elements[process.flows[flow].source] for flow in start.incoming)
    return next((one for one in sources if one.kind is Kind.EVENT_GATEWAY), None)


def _go_on(run: Run, process: Process, gateway: Element, to: Element) -> None:
    """Pass the gateway on the way to the event that has come. A parallel one goes on to the others, too."""
    instance, _ = introduce(run, process, gateway, ROOT)
    run.emit(ElementCompleted(instance.id))
    for flow in gateway.outgoing:
        if flow.target == to.id:
            run.emit(FlowTaken(ROOT, flow.id))
        elif gateway.all_events:
            flows.take(run, process, ROOT, flow, 0, 0)


def _come(run: Run, process: Process, start: Element, part: int, payload: dict[str, Value]) -> None:
    """What was waited for has come: the element has done its work as soon as it is entered. A parallel multiple event
    waits for the rest. The payload is among the case's first variables already."""
    instance, _ = introduce(run, process, start, ROOT)
    waits = start.event is not None and start.event.parallel and part != ALL
    if waits and collect(run, instance, start, part, payload) is None:
        try:
            arm(run, instance, start)
        except Halt as problem:
            run.incident(instance, start.id, problem)
        return
    leave(run, instance, dict(payload) if start.outputs else None)


def _conditions_hold(run: Run, start: Element, part: int) -> None:
    """A conditional start is looked at when somebody begins there. Raises `NotAllowed`."""
    parallel = start.event is not None and start.event.parallel and part == ALL
    if len(start.events) > 1 and not parallel:
        return
    for event in start.events:
        if event.trigger is not Trigger.CONDITIONAL:
            continue
        try:
            holds = event.when is not None and run.holds(event.when, run.state.instances[ROOT])
        except Halt as problem:
            raise NotAllowed(problem.message) from problem
        if not holds:
            text = event.when.text if event.when is not None else ""
            raise NotAllowed(f"开始的条件“{text}”不成立，不能从“{start.name or start.id}”开始。")

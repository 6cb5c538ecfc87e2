"""Beginning to wait 等待: arming timers and subscriptions of events, on the element or scope that owns them."""

from __future__ import annotations

from engine.definitions.model import Element, Event, Trigger
from engine.execution import timers
from engine.execution.run import CONDITION, Halt, Run
from engine.execution.state import Instance
from engine.facts import Subscribed
from engine.values import plain

_ARMED = (Trigger.TIMER, Trigger.MESSAGE, Trigger.SIGNAL, Trigger.CONDITIONAL)


def arm(run: Run, owner: Instance, element: Element) -> None:
    """Make `owner` wait for the event `element`: for each of its definitions that is not waited for yet. Raises `Halt`."""
    event = element.event
    if event is None:
        return
    if not event.parts:
        _arm(run, owner, element, event, 0)
        return
    armed = armed_parts(run, owner, element.id)
    for part, one in enumerate(event.parts):
        if part not in armed:
            _arm(run, owner, element, one, part)


def armed_parts(run: Run, owner: Instance, element: str) -> set[int]:
    """Which definitions of a multiple event are waited for, or have come already (parallel multiple)."""
    state = run.state
    found = {int(part) for part in (owner.came or {}).get(element, ())}
    for id in owner.holds:
        hold = state.subscriptions.get(id) or state.deadlines.get(id)
        if hold is not None and hold.element == element:
            found.add(hold.part)
    return found


def _arm(run: Run, owner: Instance, element: Element, event: Event, part: int) -> None:
    if event.trigger not in _ARMED:
        return
    if event.trigger is Trigger.TIMER:
        armed = timers.arm(run, owner, element.id, event, part=part)
        alone = element.event is event or (element.event is not None and element.event.parallel)
        if not armed and alone and owner.element == element.id:
            raise Halt("expression_failed", "定时事件没有得出时间，案件会一直停在这里。")
        return
    if event.trigger is Trigger.CONDITIONAL:
        if event.when is None:
            raise Halt("expression_failed", "这个条件事件没有写条件。")
        run.emit(Subscribed(run.next_id(), owner.id, element.id, CONDITION, event.when.text, "", part))
        run.post(CONDITION, "", "", {})  # it may hold already
        return
    key = key_of(run, owner, event) if event.trigger is Trigger.MESSAGE else ""
    run.emit(Subscribed(run.next_id(), owner.id, element.id, event.trigger.value, event.name, key, part))


def arm_or_halt(run: Run, owner: Instance, element: Element) -> None:
    """Arm an event on `owner`; where that fails the owner gets an incident and what else it does goes on."""
    try:
        arm(run, owner, element)
    except Halt as problem:
        run.incident(owner, element.id, problem)


def arm_boundaries(run: Run, host: Instance, element: Element) -> None:
    """Arm the boundary events drawn on an element."""
    elements = run.process(host).elements
    for id in element.boundary:
        arm_or_halt(run, host, elements[id])


def arm_event_subprocesses(run: Run, scope: Instance) -> None:
    """Arm the start events of the event subprocesses drawn directly in a scope."""
    process, event_subprocesses = run.inside(scope)
    for id in event_subprocesses:
        arm_or_halt(run, scope, process.elements[process.elements[id].start])


def key_of(run: Run, at: Instance, event: Event) -> str:
    """The text of an event's correlation key, "" for none."""
    if event.key is None:
        return ""
    key = run.value(event.key, at)
    if key is None or key == "":
        raise Halt("expression_failed", f"消息“{event.name}”的关联键“{event.key.text}”没有值。")
    return key if isinstance(key, str) else str(plain(key))

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
    """Make `owner` wait for the event `element`. Raises `Halt`."""
    event = element.event
    if event is None or event.trigger not in _ARMED:
        return
    if event.trigger is Trigger.TIMER:
        armed = timers.arm(run, owner, element.id, event)
        if not armed and owner.element == element.id:
            raise Halt("expression_failed", "定时事件没有得出时间，案件会一直停在这里。")
        return
    if event.trigger is Trigger.CONDITIONAL:
        if event.when is None:
            raise Halt("expression_failed", "这个条件事件没有写条件。")
        run.emit(Subscribed(run.next_id(), owner.id, element.id, CONDITION, event.when.text))
        run.post(CONDITION, "", "", {})  # it may hold already
        return
    key = key_of(run, owner, event)
    run.emit(Subscribed(run.next_id(), owner.id, element.id, event.trigger.value, event.name, key))


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

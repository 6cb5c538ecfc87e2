"""Parallel multiple events 并行多重事件 (BPMN 2.0.2, 10.5.1): all triggers must have come before the event happens. What
has come is remembered with the instance that waits (`Instance.came`).
"""

from __future__ import annotations

from engine.definitions.model import Element, Trigger
from engine.execution.arming import arm_or_halt
from engine.execution.run import CONDITION, Run
from engine.execution.state import Instance
from engine.facts import Subscribed, TriggerCame, Unsubscribed
from engine.values import Value


def collect(
    run: Run, owner: Instance, event: Element, part: int, payload: dict[str, Value]
) -> dict[str, Value] | None:
    """One of the triggers has come (BPMN 2.0.2, 10.5.1). The payloads of all when it was the last, else None."""
    state = run.state
    for id in list(owner.holds):
        hold = state.subscriptions.get(id)
        if hold is not None and hold.element == event.id and hold.part == part:
            run.emit(Unsubscribed(id))
    came = (owner.came or {}).get(event.id, {})
    everything = {name: value for one in came.values() for name, value in one.items()}
    everything.update(payload)
    complete = len({*came, str(part)}) == len(event.events)
    run.emit(TriggerCame(owner.id, event.id, part, dict(payload), complete))
    return everything if complete else None


def collect_anew(run: Run, owner: Instance, event: Element) -> None:
    """A non-interrupting one waits for all of them once more. A date comes only once: with one among them it has
    happened for the last time. A condition that holds has to fail first."""
    if owner.id not in run.state.instances or any(one.timer == "date" for one in event.events):
        return
    for part, one in enumerate(event.events):
        if one.trigger is Trigger.CONDITIONAL and one.when is not None:
            run.emit(Subscribed(run.next_id(), owner.id, event.id, CONDITION, one.when.text, "true", part))
    run.changed()
    arm_or_halt(run, owner, event)

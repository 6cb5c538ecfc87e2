"""Rules about undoing 补偿与取消: what is drawn for it and never comes."""

from __future__ import annotations

from engine.definitions.lint.rules import Remarks, rule, title
from engine.definitions.model import Element, Kind, Package, Process, Trigger

_UNDOING = frozenset({Trigger.COMPENSATION, Trigger.CANCEL})


@rule("undone_never", "warning")
def undone_never(process: Process, package: Package) -> Remarks:
    """What undoes something waits for a compensation event that throws, or for a transaction to be cancelled."""
    elements = [e for one in package.processes.values() for e in one.elements.values()]
    if any(e.kind in (Kind.THROW, Kind.END) and _triggers(e) & _UNDOING for e in elements):
        return
    for element in process.elements.values():
        if element.handler:
            yield (
                element,
                f"{title(element)}画了补偿活动，但流程中没有抛出补偿的事件，请补画补偿抛出（结束）事件或删去。",
            )
        if element.compensation:
            yield element, f"{title(element)}里画了补偿事件子流程，但流程中没有抛出补偿的事件，请补画或删去。"


@rule("cancel_never", "warning")
def cancel_never(process: Process, package: Package) -> Remarks:
    """A cancel boundary event goes on when a cancel end event inside its transaction is reached."""
    cancelled = set()
    for element in process.elements.values():
        if element.kind is Kind.END and Trigger.CANCEL in _triggers(element):
            scope = process.elements.get(element.scope)
            while scope is not None and scope.event_subprocess:
                scope = process.elements.get(scope.scope)
            cancelled.add(scope.id if scope is not None else "")
    for element in process.elements.values():
        waits = element.kind is Kind.BOUNDARY and Trigger.CANCEL in _triggers(element)
        if waits and element.attached_to not in cancelled:
            yield element, f"{title(element)}等待事务取消，但事务里没有取消结束事件，请补画或删去。"


def _triggers(element: Element) -> set[Trigger]:
    return {event.trigger for event in element.events}

"""Compensation and transactions as drawn 补偿与事务 (BPMN 2.0.2, 10.7, 13.5.5): which activity undoes which.

A compensation activity stands outside all flows; an association with the compensation boundary event of the activity it
undoes is all that binds it. Everywhere else an association is a line for the reader. What the standard forbids is said by
`standard.compensation`; here stands what only this dialect asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.definitions.model import Element, Kind, Trigger
from engine.definitions.reading import Node, Reading
from engine.definitions.vocabulary import ACTIVITIES, BPMN

_THROWING = frozenset({Kind.THROW, Kind.END})
_LEAVES = ACTIVITIES - {Kind.SUBPROCESS, Kind.CALL}


def associations(root: Node) -> list[tuple[str, str]]:
    """The two ends of every association, in whichever part of the file it is drawn."""
    return [
        (_end(node, "sourceRef"), _end(node, "targetRef")) for node in root.iter(f"{{{BPMN}}}association")
    ]


def _end(node: Node, name: str) -> str:
    return str(node.get(name) or "").strip().rpartition(":")[2]


def bind(reading: Reading, elements: dict[str, Element], sources: Mapping[str, Node], process: str) -> str:
    """Give activities their compensation activity, and scopes their compensation event subprocess.

    `elements` are changed in place; `sources` are their XML elements. Gives the event subprocess of the process itself.
    """
    handlers = _handlers(reading, elements)
    inside = {
        one.scope: one.id
        for one in reversed(elements.values())
        if one.event_subprocess and _triggered(elements.get(one.start), Trigger.COMPENSATION)
    }
    for key, element in list(elements.items()):
        handler, own = handlers.get(key, ""), inside.get(key, "")
        if element.kind in ACTIVITIES and (handler or own or element.kind is Kind.CALL):
            elements[key] = replace(element, handler=handler, compensation=own, compensable=True)
    _alone(reading, elements, sources)
    _caught(reading, elements, sources)
    _undone(reading, elements, sources)
    return inside.get(process, "")


def _triggered(element: Element | None, trigger: Trigger) -> bool:
    """Whether this is among what an event waits for or throws."""
    return element is not None and any(event.trigger is trigger for event in element.events)


def _handlers(reading: Reading, elements: Mapping[str, Element]) -> dict[str, str]:
    """Activity → the compensation activity that its compensation boundary event is bound to."""
    found: dict[str, str] = {}
    for pair in reading.associations:
        for event, handler in (pair, pair[::-1]):
            boundary, target = elements.get(event), elements.get(handler)
            if (
                boundary is not None
                and boundary.kind is Kind.BOUNDARY
                and _triggered(boundary, Trigger.COMPENSATION)
                and target is not None
                and target.for_compensation
            ):
                found.setdefault(boundary.attached_to, handler)
    return found


def _alone(reading: Reading, elements: Mapping[str, Element], sources: Mapping[str, Node]) -> None:
    """What only comes when its host has completed, or is rolled back, cannot be waited for beside anything else."""
    for key, element in elements.items():
        if element.kind in _THROWING or len(element.events) < 2:
            continue
        for trigger, word in ((Trigger.COMPENSATION, "补偿"), (Trigger.CANCEL, "取消")):
            if _triggered(element, trigger):
                reading.error(
                    "compensation_alone",
                    sources[key],
                    f"“{word}”不能和其他触发方式写在同一个事件上，请为它单独画一个事件。",
                )


def _caught(reading: Reading, elements: Mapping[str, Element], sources: Mapping[str, Node]) -> None:
    """A cancelled transaction goes on from its cancel boundary event."""
    caught = {
        e.attached_to for e in elements.values() if e.kind is Kind.BOUNDARY and _triggered(e, Trigger.CANCEL)
    }
    for key, element in elements.items():
        if element.kind is not Kind.END or not _triggered(element, Trigger.CANCEL):
            continue
        scope = elements.get(element.scope)
        while scope is not None and scope.event_subprocess:
            scope = elements.get(scope.scope)
        if scope is not None and scope.transaction and scope.id not in caught:
            reading.loose(
                "cancel_uncaught",
                sources[key],
                f"事务“{scope.name or scope.id}”没有取消边界事件，取消以后无路可走，请在事务的边框上补画。",
            )


def _undone(reading: Reading, elements: Mapping[str, Element], sources: Mapping[str, Node]) -> None:
    """10.5.5: what is to be compensated has a compensation activity or a compensation event subprocess."""
    for key, element in elements.items():
        if element.kind not in _THROWING:
            continue
        for event in element.events:
            target = elements.get(event.activity) if event.trigger is Trigger.COMPENSATION else None
            if target is not None and target.kind in _LEAVES and not target.compensable:
                reading.warning(
                    "compensation_without_handler",
                    sources[key],
                    f"“{target.name or target.id}”没有画补偿活动，补偿事件不起作用，请给它画补偿边界事件和补偿活动。",
                )

"""Compensation 补偿: which activity undoes which, and who may ask for it (BPMN 2.0.2, 10.7)."""

from __future__ import annotations

from collections import Counter

from engine.definitions.reading import Node, local
from engine.definitions.standard.drawing import (
    ACTIVITIES,
    Drawing,
    children,
    compensation,
    event_subprocess,
    title,
    true,
)
from engine.definitions.standard.rules import Wrong, rule


@rule(
    "compensation_boundary_flow", "10.7.1", "{it}是补偿边界事件，不能有流出的顺序流", "改用关联线连到补偿活动"
)
def compensation_boundary_flow(drawing: Drawing) -> Wrong:
    for node in _boundaries(drawing):
        if drawing.outgoing.get(node):
            yield node


@rule(
    "compensation_handler",
    "10.7.1",
    "{it}是补偿边界事件，没有用关联线连到补偿活动",
    "画一条关联线连到标为补偿的任务或子流程",
)
def compensation_handler(drawing: Drawing) -> Wrong:
    for node in _boundaries(drawing):
        if not _handlers(drawing, node) and not drawing.outgoing.get(node):
            yield node


@rule(
    "compensation_mark",
    "10.7.1",
    "{it}连到的{handler}没有标为补偿",
    "在它上面设 isForCompensation=true，或改连别的活动",
)
def compensation_mark(drawing: Drawing) -> Wrong:
    for node in _boundaries(drawing):
        for handler in _handlers(drawing, node):
            if local(handler) not in ACTIVITIES or not compensation(handler):
                yield node, {"handler": title(handler)}


@rule(
    "compensation_one",
    "10.7.1",
    "{it}连到了 {count} 个补偿活动",
    "只连一个，几步要补救时把它们放进一个补偿子流程",
)
def compensation_one(drawing: Drawing) -> Wrong:
    for node in _boundaries(drawing):
        handlers = _handlers(drawing, node)
        if len(handlers) > 1:
            yield node, {"count": str(len(handlers))}


@rule(
    "compensation_flow",
    "10.7.1",
    "{it}是补偿活动，不能有{side}的顺序流",
    "删去连线，由补偿边界事件的关联线接上",
)
def compensation_flow(drawing: Drawing) -> Wrong:
    for node in drawing.nodes(*sorted(ACTIVITIES)):
        if not compensation(node):
            continue
        for side, table in (("流入", drawing.incoming), ("流出", drawing.outgoing)):
            if table.get(node):
                yield node, {"side": side}
                break


@rule(
    "compensation_boundary_interrupts",
    "10.5.4",
    "{it}是补偿边界事件，没有中断可言，不能写 cancelActivity=false",
    "删去 cancelActivity",
    plays=True,
)
def compensation_boundary_interrupts(drawing: Drawing) -> Wrong:
    for node in _boundaries(drawing):
        if not true(node, "cancelActivity", True):
            yield node


@rule(
    "compensation_target",
    "10.7.2",
    "{it}要补偿{target}，但它不在能补偿的范围内",
    "改为同一层的活动，或把事件画进那一层",
)
def compensation_target(drawing: Drawing) -> Wrong:
    """The activity is in the thrower's own level, or in the level around the event subprocess (or the compensation
    activity) the thrower stands in; an event subprocess may also name the activity it is part of."""
    for event in drawing.nodes("intermediateThrowEvent", "endEvent"):
        for definition in drawing.definitions(event):
            if local(definition) != "compensateEventDefinition":
                continue
            target = drawing.find(definition, definition.get("activityRef"))
            if target is None or local(target) not in ACTIVITIES:
                continue
            if target.getparent() not in (reach := _reach(event)) and target not in reach[1:]:
                yield event, {"target": title(target)}


def _reach(event: Node) -> list[Node]:
    """The levels whose activities a throwing event sees, its own first."""
    found: list[Node] = []
    level = event.getparent()
    while level is not None:
        found.append(level)
        if not event_subprocess(level) and not compensation(level):
            break
        level = level.getparent()
    return found


@rule(
    "compensation_bound",
    "10.7.1",
    "{it}是补偿活动，应由一个补偿边界事件连到它，现有 {count} 个",
    "只用一条关联线，从它所撤销的活动的补偿边界事件连过来",
    plays=True,
)
def compensation_bound(drawing: Drawing) -> Wrong:
    """A compensation activity undoes exactly one activity; an event subprocess has its start event instead."""
    bound = Counter(handler for node in _boundaries(drawing) for handler in _handlers(drawing, node))
    for node in drawing.nodes(*sorted(ACTIVITIES)):
        if compensation(node) and not event_subprocess(node) and bound[node] != 1:
            yield node, {"count": str(bound[node])}


@rule(
    "compensation_marker",
    "10.7.1",
    "{it}由开始事件触发，不是补偿活动",
    "删去 isForCompensation，或改用补偿开始事件",
    plays=True,
)
def compensation_marker(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("subProcess"):
        if compensation(node) and event_subprocess(node) and not _undoes(drawing, node):
            yield node


@rule("compensation_level", "10.7.1", "{it}连到的{handler}在另一层", "移到它所撤销的活动的同一层")
def compensation_level(drawing: Drawing) -> Wrong:
    for node in _boundaries(drawing):
        for handler in _handlers(drawing, node):
            if compensation(handler) and handler.getparent() is not node.getparent():
                yield node, {"handler": title(handler)}


@rule(
    "compensation_twice", "10.7.1", "{it}有 {count} 个补偿边界事件", "只留一个，补救的几步放进一个补偿子流程"
)
def compensation_twice(drawing: Drawing) -> Wrong:
    boundaries = frozenset(_boundaries(drawing))
    for host, events in drawing.boundaries.items():
        count = sum(event in boundaries for event in events)
        if count > 1:
            yield host, {"count": str(count)}


@rule("compensation_of_compensation", "10.7.1", "{it}是补偿活动，本身不再补偿", "删去它边上的补偿边界事件")
def compensation_of_compensation(drawing: Drawing) -> Wrong:
    for node in _boundaries(drawing):
        host = drawing.find(node, node.get("attachedToRef"))
        if host is not None and compensation(host):
            yield host


@rule("compensation_start_twice", "10.7.1", "{it}有 {count} 个补偿事件子流程", "并成一个")
def compensation_start_twice(drawing: Drawing) -> Wrong:
    for level in drawing.levels():
        count = sum(event_subprocess(one) and _undoes(drawing, one) for one in children(level, "subProcess"))
        if count > 1:
            yield level, {"count": str(count)}


def _undoes(drawing: Drawing, node: Node) -> bool:
    """An event subprocess that compensation starts."""
    return any("compensate" in drawing.triggers(start) for start in children(node, "startEvent"))


def _boundaries(drawing: Drawing) -> list[Node]:
    return [one for one in drawing.nodes("boundaryEvent") if "compensate" in drawing.triggers(one)]


def _handlers(drawing: Drawing, boundary: Node) -> list[Node]:
    """What the associations of a compensation boundary event lead to."""
    joined = dict.fromkeys(drawing.associated.get(boundary, ()))
    return [node for node in joined if local(node) != "textAnnotation"]

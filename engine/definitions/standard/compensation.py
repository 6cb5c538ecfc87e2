"""Compensation 补偿: which activity undoes which, and who may ask for it (BPMN 2.0.2, 10.7)."""

from __future__ import annotations

from engine.definitions.reading import Node, local
from engine.definitions.standard.drawing import ACTIVITIES, Drawing, compensation, title, true
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
    """The activity is in the thrower's own level, or in the level around the event subprocess the thrower stands in."""
    for event in drawing.nodes("intermediateThrowEvent", "endEvent"):
        for definition in drawing.definitions(event):
            if local(definition) != "compensateEventDefinition":
                continue
            target = drawing.find(definition, definition.get("activityRef"))
            if target is None or local(target) not in ACTIVITIES:
                continue
            if target.getparent() not in list(event.iterancestors()):
                yield event, {"target": title(target)}


def _boundaries(drawing: Drawing) -> list[Node]:
    return [one for one in drawing.nodes("boundaryEvent") if "compensate" in drawing.triggers(one)]


def _handlers(drawing: Drawing, boundary: Node) -> list[Node]:
    """What the associations of a compensation boundary event lead to."""
    found: list[Node] = []
    for association in drawing.all("association"):
        ends = [drawing.find(association, association.get(name)) for name in ("sourceRef", "targetRef")]
        if boundary in ends:
            other = ends[1] if ends[0] is boundary else ends[0]
            if other is not None and local(other) != "textAnnotation" and other not in found:
                found.append(other)
    return found

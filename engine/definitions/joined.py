"""What the reading parts of a drawing refer to 图中引用: data, notes, lanes and message flows must be joined to something
that exists. None of it is executed, but a drawing with loose ends is invalid by the standard and misleads its readers.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.definitions.reading import Node, Reading, is_bpmn, local, namespace, owner, text_of
from engine.definitions.vocabulary import BPMN

_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "dataObjectReference": ("dataObjectRef",),
    "dataStoreReference": ("dataStoreRef",),
    "association": ("sourceRef", "targetRef"),
    "messageFlow": ("sourceRef", "targetRef", "messageRef"),
    "group": ("categoryValueRef",),
}
_CHILDREN = frozenset({"flowNodeRef", "dataInputRefs", "dataOutputRefs"})
_ASSOCIATIONS = frozenset({"dataInputAssociation", "dataOutputAssociation"})
_NO_END = frozenset(
    {
        "exclusiveGateway",
        "inclusiveGateway",
        "parallelGateway",
        "complexGateway",
        "eventBasedGateway",
        "process",
    }
)


def check(reading: Reading, root: Node) -> None:
    """Every reference of the reading parts names something in the file; a message flow joins two pools."""
    known: dict[str, Node] = {}
    for node in root.iter():
        if node.get("id"):
            known.setdefault(str(node.get("id")), node)
    for node in root.iter(f"{{{BPMN}}}*"):
        tag = local(node)
        for name in _ATTRIBUTES.get(tag, ()):
            if node.get(name):
                _exists(reading, node, str(node.get(name)), known)
        if tag in _CHILDREN and text_of(node):
            _exists(reading, node, text_of(node), known)
        if tag in _ASSOCIATIONS:
            for end in node:
                if is_bpmn(end, "sourceRef", "targetRef") and text_of(end):
                    _exists(reading, end, text_of(end), known)
        if tag == "messageFlow":
            _message_flow(reading, node, known)


def _exists(reading: Reading, node: Node, reference: str, known: Mapping[str, Node]) -> None:
    name = reference.strip().rpartition(":")[2]
    if reference.strip() not in known and name not in known:
        reading.error(
            "unknown_reference", node, f"引用的“{name[:60]}”不在此文件中，请删去“{local(node)}”或重新连接。"
        )


def _message_flow(reading: Reading, node: Node, known: Mapping[str, Node]) -> None:
    """BPMN 2.0.2, Message Flow: from one pool to another, from and to a pool, an activity or an event."""
    ends = [str(node.get(name) or "").rpartition(":")[2] for name in ("sourceRef", "targetRef")]
    for end in ends:
        if not end:
            reading.error("message_flow", node, "消息流缺少起点或终点，请重新连线。")
        elif end in known and namespace(known[end]) == BPMN and local(known[end]) in _NO_END:
            reading.error(
                "message_flow", node, f"消息流不能接在“{end[:60]}”上，请接到任务、事件或泳池的边框。"
            )
    pools = [_pool(known[end]) for end in ends if end in known]
    if len(pools) == 2 and pools[0] and pools[0] == pools[1]:
        reading.error(
            "message_flow", node, "消息流的两端在同一泳池，消息流只连接不同泳池，请改画顺序流，或用消息事件。"
        )


def _pool(node: Node) -> str:
    """The process (or, for a pool, the process or the pool itself) that `node` belongs to."""
    if is_bpmn(node, "participant"):
        return str(node.get("processRef") or owner(node)).rpartition(":")[2]
    current: Node | None = node
    while current is not None and not is_bpmn(current, "process"):
        current = current.getparent()
    return "" if current is None else str(current.get("id") or "")

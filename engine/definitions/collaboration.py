"""Read what a file says of several processes together 读协作图: pools and the message flows between them (BPMN 2.0.2, 9).

`duban play` carries messages along the flows. Between cases of the running engine a message goes by its name and key.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.definitions.model import Collaboration, Element, Kind, MessageFlow, Participant, Process, Trigger
from engine.definitions.reading import Node, Reading, is_bpmn, local
from engine.definitions.vocabulary import BPMN

_CHILDREN = (
    "participant",
    "messageFlow",
    "textAnnotation",
    "association",
    "group",
    "correlationKey",
    "conversation",
    "subConversation",
    "callConversation",
    "conversationLink",
    "conversationAssociation",
    "participantAssociation",
    "messageFlowAssociation",
)
"""Conversations are for reading; the correlation keys in them are read by `correlation`."""


def read(reading: Reading, root: Node) -> Collaboration:
    """The collaboration of a file. A participant's process must exist."""
    participants: list[Participant] = []
    flows: list[MessageFlow] = []
    for node in root:
        if not is_bpmn(node, "collaboration"):
            continue
        reading.attributes(node, {"id": None, "name": None, "isClosed": None})
        reading.extensions(node)
        for child in reading.children(node, *_CHILDREN):
            if local(child) == "participant":
                participants.append(_participant(reading, child, root))
            elif local(child) == "messageFlow":
                flows.append(_message_flow(reading, child))
    return Collaboration(tuple(participants), tuple(flows))


def _participant(reading: Reading, node: Node, root: Node) -> Participant:
    reading.attributes(node, dict.fromkeys(("id", "name", "processRef")))
    for child in reading.children(node, "participantMultiplicity", "interfaceRef", "endPointRef"):
        if local(child) == "participantMultiplicity":
            reading.warning(
                "participant_multiplicity",
                child,
                "参与者的数量只供阅读：每来一条启动它的消息，就开始一个案件。",
            )
    reading.extensions(node)
    process = _unqualified(node, "processRef")
    if not any(is_bpmn(p, "process") and p.get("id") == process for p in root):
        process = ""  # the standard's rules say so
    return Participant(str(node.get("id") or ""), str(node.get("name") or "").strip(), process)


def _message_flow(reading: Reading, node: Node) -> MessageFlow:
    return MessageFlow(
        str(node.get("id") or ""),
        _unqualified(node, "sourceRef"),
        _unqualified(node, "targetRef"),
        " ".join(str(node.get("name") or "").split()),
        reading.messages.get(_unqualified(node, "messageRef"), ""),
    )


# -- what a message flow can do ------------------------------------------------------------------------


def check(reading: Reading, root: Node, processes: Mapping[str, Process]) -> None:
    """Warn where a message flow cannot carry what its ends say (BPMN 2.0.2, 9.3)."""
    elements = {id: e for process in processes.values() for id, e in process.elements.items()}
    for node in root.iter(f"{{{BPMN}}}messageFlow"):
        source, target = (elements.get(_unqualified(node, end)) for end in ("sourceRef", "targetRef"))
        if source is None or target is None:
            continue  # from or to a pool: for reading, or by name
        if not _hears(target):
            shown = target.name or target.id
            reading.warning(
                "message_flow_target",
                node,
                f"“{shown}”不等待消息，连到它的消息流不起作用；要等待请改画接收任务或消息捕获事件。",
            )
        elif source.kind in _SENDERS and _named(source):
            sent, heard = _named(source), _named(target)
            if heard and sent != heard:
                reading.warning(
                    "message_flow_name",
                    node,
                    f"消息流的起点发出“{sent[:40]}”，终点等待“{heard[:40]}”：试运行时照图送到，"
                    "正式运行时消息按名称送达，请把两端改成同一条消息。",
                )


_SENDERS = (Kind.THROW, Kind.END, Kind.SEND)


def _named(element: Element) -> str:
    """The message that an element sends or waits for, "" for none."""
    return next((event.name for event in element.events if event.trigger is Trigger.MESSAGE), "")


def _hears(element: Element) -> bool:
    """Also a plain start event: the message flow to it is what begins its process."""
    if element.kind is Kind.START and element.plain_start:
        return True
    return _named(element) != "" and element.kind not in _SENDERS


def _unqualified(node: Node, name: str) -> str:
    """A reference without the prefix of a qualified name."""
    return str(node.get(name) or "").strip().rpartition(":")[2]

"""Collaboration 协作: pools, lanes, message flows, conversations, choreographies (BPMN 2.0.2, 9, 10.8 and 11)."""

from __future__ import annotations

from engine.definitions.reading import Node, is_bpmn, local
from engine.definitions.standard.drawing import (
    ACTIVITIES,
    ARTIFACTS,
    CATCHING,
    EVENTS,
    SUBPROCESSES,
    THROWING,
    Drawing,
    children,
    title,
    true,
)
from engine.definitions.standard.rules import Wrong, rule

_INTERACTING = ACTIVITIES | EVENTS | {"participant", "conversation", "subConversation", "callConversation"}
_CONVERSATIONS = frozenset({"conversation", "subConversation", "callConversation"})


@rule("message_flow_missing", "9.4", "消息流的{side}“{name}”不存在", "重新连线")
def message_flow_missing(drawing: Drawing) -> Wrong:
    for flow in drawing.all("messageFlow"):
        for attribute, side in (("sourceRef", "起点"), ("targetRef", "终点")):
            if not str(flow.get(attribute) or "").strip():
                yield flow, {"side": side, "name": "空"}


@rule("message_flow_end", "7.6.2", "消息流不能接在{end}上", "接到任务、事件或泳池的边框")
def message_flow_end(drawing: Drawing) -> Wrong:
    for flow, ends in _flows(drawing):
        for end in ends:
            if end is not None and local(end) not in _INTERACTING:
                yield flow, {"end": title(end)}


@rule(
    "message_flow_pool", "9.4", "消息流的两端（{source}、{target}）在同一泳池里", "改画顺序流，或用消息事件"
)
def message_flow_pool(drawing: Drawing) -> Wrong:
    for flow, (source, target) in _flows(drawing):
        if source is None or target is None:
            continue
        one, other = _pool(drawing, source), _pool(drawing, target)
        if one is not None and one is other:
            yield flow, {"source": title(source), "target": title(target)}


@rule(
    "message_flow_direction",
    "10.5",
    "{end}不能是消息流的{side}",
    "把消息流反过来画，或改接别的元素",
    plays=True,
)
def message_flow_direction(drawing: Drawing) -> Wrong:
    """What catches does not send, what throws does not receive."""
    for flow, source, target in _between_pools(drawing):
        if local(source) in CATCHING:
            yield flow, {"end": title(source), "side": "起点"}
        if local(target) in THROWING:
            yield flow, {"end": title(target), "side": "终点"}


@rule(
    "message_flow_event",
    "10.5",
    "{end}接了消息流，却不是消息事件",
    "改为消息事件，或改接别的元素",
    plays=True,
)
def message_flow_event(drawing: Drawing) -> Wrong:
    for flow, source, target in _between_pools(drawing):
        for end, side in ((source, THROWING), (target, CATCHING)):
            if local(end) in side and "message" not in drawing.triggers(end):
                yield flow, {"end": title(end)}


@rule(
    "message_flow_task", "10.3.3", "{end}不能是消息流的{side}", "把消息流反过来画，或换一种任务", plays=True
)
def message_flow_task(drawing: Drawing) -> Wrong:
    """A receive task only receives, a send task only sends."""
    for flow, source, target in _between_pools(drawing):
        if is_bpmn(source, "receiveTask"):
            yield flow, {"end": title(source), "side": "起点"}
        if is_bpmn(target, "sendTask"):
            yield flow, {"end": title(target), "side": "终点"}


@rule(
    "participant_multiplicity",
    "9.3.1",
    "{it}的参与方数量写了最少 {minimum}、最多 {maximum}",
    "写成最少不小于 0、最多不小于 1，且最少不大于最多",
    plays=True,
)
def participant_multiplicity(drawing: Drawing) -> Wrong:
    for node in drawing.all("participantMultiplicity"):
        around = node.getparent()
        low, high = str(node.get("minimum", "0")).strip(), str(node.get("maximum", "1")).strip()
        numbers = [_integer(low), _integer(high)]
        minimum, maximum = numbers
        if minimum is None or maximum is None:
            continue  # said by the schema
        if minimum < 0 or maximum < 1 or maximum < minimum:
            fields = {"minimum": low, "maximum": high}
            yield node, fields if around is None else {"it": title(around), **fields}


@rule(
    "public_executable",
    "10.2.1",
    "{it}是公共流程（processType=Public），不能标为可执行",
    "改为 Private 或 None，或把 isExecutable 改为 false",
    plays=True,
)
def public_executable(drawing: Drawing) -> Wrong:
    for node in drawing.all("process"):
        if str(node.get("processType") or "").strip() == "Public" and true(node, "isExecutable"):
            yield node


@rule(
    "choreography_reference",
    "9.7",
    "{it}不能引用编排（choreographyRef）",
    "删去，只有协作图可以引用编排",
    plays=True,
)
def choreography_reference(drawing: Drawing) -> Wrong:
    for node in drawing.all("choreography", "globalConversation", "globalChoreographyTask"):
        if children(node, "choreographyRef"):
            yield node


@rule("choreography_closed", "9.7", "{it}与它引用的编排的 isClosed 不一致", "两处写成一样", plays=True)
def choreography_closed(drawing: Drawing) -> Wrong:
    for node in drawing.all("collaboration"):
        for choreography in drawing.references(node, "choreographyRef"):
            if true(node, "isClosed") != true(choreography, "isClosed"):
                yield node


@rule(
    "choreography_initiator",
    "11.5.1",
    "{it}由“{name}”发起，但它不是参与方之一",
    "改为参与方之一，或把它加进参与方",
    plays=True,
)
def choreography_initiator(drawing: Drawing) -> Wrong:
    for node in drawing.all("choreographyTask", "subChoreography", "callChoreography"):
        first = drawing.find(node, node.get("initiatingParticipantRef"))
        if first is not None and first not in drawing.references(node, "participantRef"):
            yield node, {"name": str(first.get("name") or first.get("id"))}


@rule("conversation_global", "9.5", "{it}里面不能有{what}", "移到会话图里", plays=True)
def conversation_global(drawing: Drawing) -> Wrong:
    inside = _CONVERSATIONS | ARTIFACTS
    inside |= {
        "conversationNode",
        "participantAssociation",
        "messageFlowAssociation",
        "conversationAssociation",
    }
    for node in drawing.all("globalConversation"):
        for child in children(node, *sorted(inside)):
            yield child, {"it": title(node), "what": title(child)}


@rule("conversation_participants", "9.5.1", "{it}只有 {count} 个参与方", "写两个或更多参与方", plays=True)
def conversation_participants(drawing: Drawing) -> Wrong:
    for node in drawing.all(*sorted(_CONVERSATIONS)):
        count = len(children(node, "participantRef"))
        if count == 1:
            yield node, {"count": str(count)}


@rule("conversation_link_end", "9.5.2", "会话连线应连接会话和参与方，不能接在{end}上", "重新连线", plays=True)
def conversation_link_end(drawing: Drawing) -> Wrong:
    for link in drawing.all("conversationLink"):
        ends = [drawing.find(link, link.get(name)) for name in ("sourceRef", "targetRef")]
        if any(end is None for end in ends):
            continue
        kinds = [one is not None and local(one) in _CONVERSATIONS for one in ends]
        for end in ends:
            if end is not None and local(end) not in _INTERACTING:
                yield link, {"end": title(end)}
                break
        else:
            if kinds[0] == kinds[1] and ends[1] is not None:
                yield link, {"end": title(ends[1])}


@rule(
    "lane_member", "10.8", "{it}列出的“{name}”不在泳道所属的流程里", "从泳道中移走，或重新画进去", plays=True
)
def lane_member(drawing: Drawing) -> Wrong:
    for lane in drawing.all("lane"):
        level = next((n for n in lane.iterancestors() if is_bpmn(n, "process", *SUBPROCESSES)), None)
        for node in drawing.references(lane, "flowNodeRef"):
            if level is not None and level not in list(node.iterancestors()):
                yield lane, {"name": str(node.get("name") or node.get("id"))}


@rule("lane_twice", "10.8", "{node}同时在同一组的泳道“{one}”和“{other}”里", "只留一个", plays=True)
def lane_twice(drawing: Drawing) -> Wrong:
    for group in drawing.all("laneSet", "childLaneSet"):
        seen: dict[Node, Node] = {}
        for lane in children(group, "lane"):
            for node in dict.fromkeys(drawing.references(lane, "flowNodeRef")):
                first = seen.setdefault(node, lane)
                if first is not lane:
                    names = [str(one.get("name") or one.get("id")) for one in (first, lane)]
                    yield lane, {"node": title(node), "one": names[0], "other": names[1]}


def _flows(drawing: Drawing) -> list[tuple[Node, tuple[Node | None, Node | None]]]:
    return [
        (
            flow,
            (drawing.find(flow, flow.get("sourceRef")), drawing.find(flow, flow.get("targetRef"))),
        )
        for flow in drawing.all("messageFlow")
    ]


def _between_pools(drawing: Drawing) -> list[tuple[Node, Node, Node]]:
    """Message flows whose ends exist and lie in two pools."""
    found = []
    for flow, (source, target) in _flows(drawing):
        if source is not None and target is not None:
            one = _pool(drawing, source)
            if one is None or one is not _pool(drawing, target):
                found.append((flow, source, target))
    return found


def _pool(drawing: Drawing, node: Node) -> Node | None:
    """The process (for a pool: its process, or the pool itself) that `node` belongs to."""
    if is_bpmn(node, "participant"):
        process = drawing.find(node, node.get("processRef"))
        return node if process is None else process
    return drawing.process(node)


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None

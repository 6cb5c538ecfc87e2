"""Sequence flows 顺序流: where they begin and end, what they must not cross, and that nothing is left unjoined."""

from __future__ import annotations

from engine.definitions.reading import Node, is_bpmn, local, text_of
from engine.definitions.standard.drawing import (
    ACTIVITIES,
    CHOREOGRAPHY,
    EVENTS,
    FLOW_NODES,
    TITLES,
    Drawing,
    children,
    compensation,
    event_subprocess,
    title,
    true,
)
from engine.definitions.standard.rules import Wrong, rule

_SIDES = (("sourceRef", "起点"), ("targetRef", "终点"))


@rule("flow_end_missing", "8.4.13", "顺序流的{side}“{name}”不存在", "重新连线")
def flow_end_missing(drawing: Drawing) -> Wrong:
    for flow in drawing.all("sequenceFlow"):
        for attribute, side in _SIDES:
            name = str(flow.get(attribute) or "").strip()
            if drawing.find(flow, name) is None:
                yield flow, {"side": side, "name": name or "空"}


@rule(
    "flow_end_kind",
    "7.6.1",
    "顺序流的{side}是{end}，顺序流只连接活动、网关和事件",
    "改接到流程元素上，或改画关联线",
)
def flow_end_kind(drawing: Drawing) -> Wrong:
    for flow in drawing.all("sequenceFlow"):
        for attribute, side in _SIDES:
            end = drawing.find(flow, flow.get(attribute))
            if end is not None and local(end) not in FLOW_NODES:
                yield flow, {"side": side, "end": TITLES.get(local(end), local(end))}


@rule(
    "flow_crosses_pool",
    "9.3",
    "顺序流从一个泳池的{source}连到另一个泳池的{target}",
    "改画消息流",
)
def flow_crosses_pool(drawing: Drawing) -> Wrong:
    for flow, source, target in _joined(drawing):
        if drawing.process(source) is not drawing.process(target):
            yield flow, {"source": title(source), "target": title(target)}


@rule(
    "flow_crosses_scope",
    "7.6.1",
    "顺序流从{source}跨出子流程的边框连到{target}",
    "改为连接子流程的边框，或用边界事件",
)
def flow_crosses_scope(drawing: Drawing) -> Wrong:
    for flow, source, target in _joined(drawing):
        same_pool = drawing.process(source) is drawing.process(target)
        if same_pool and source.getparent() is not target.getparent():
            yield flow, {"source": title(source), "target": title(target)}


@rule(
    "flow_listed",
    "8.4.7",
    "{it}所列{side}的顺序流“{flow}”并不接在它上面",
    "删去这一项，或重新连线",
    plays=True,
)
def flow_listed(drawing: Drawing) -> Wrong:
    for node in drawing.nodes():
        for tag, side, table in (
            ("incoming", "流入", drawing.incoming),
            ("outgoing", "流出", drawing.outgoing),
        ):
            there = frozenset(table.get(node, ()))
            for child in children(node, tag):
                if drawing.find(child, text_of(child)) not in there:
                    yield node, {"side": side, "flow": text_of(child).rpartition(":")[2]}


@rule(
    "flow_unlisted",
    "8.4.7",
    "顺序流接在{end}上，但那里的 {tag} 没有列出它，而此流程的其他元素大多列了",
    "补上这一项，或从流程设计器重新导出",
    plays=True,
)
def flow_unlisted(drawing: Drawing) -> Wrong:
    """Tools may leave the lists out; a process that keeps them keeps them whole."""
    ends: dict[Node | None, list[tuple[Node, Node, str, bool]]] = {}
    lists: dict[tuple[Node, str], frozenset[str]] = {}
    for flow in drawing.all("sequenceFlow"):
        for attribute, tag in (("sourceRef", "outgoing"), ("targetRef", "incoming")):
            end = drawing.find(flow, flow.get(attribute))
            if end is not None and local(end) in FLOW_NODES and flow.get("id"):
                if (end, tag) not in lists:
                    lists[end, tag] = frozenset(
                        text_of(child).rpartition(":")[2] for child in children(end, tag)
                    )
                there = lists[end, tag]
                place = (flow, end, tag, str(flow.get("id")) in there)
                ends.setdefault(drawing.process(flow), []).append(place)
    for places in ends.values():
        if sum(listed for *_, listed in places) * 2 <= len(places):
            continue
        for flow, end, tag, listed in places:
            if not listed:
                yield flow, {"end": title(end), "tag": tag}


@rule("flow_choreography", "11.1", "流程中不能有{it}，它属于编排图", "移到编排图，或改画任务")
def flow_choreography(drawing: Drawing) -> Wrong:
    for node in drawing.nodes(*sorted(CHOREOGRAPHY)):
        around = node.getparent()
        if around is None or local(around) not in {"choreography", "subChoreography"}:
            yield node


# -- beginnings and ends -------------------------------------------------------------------------------


@rule("start_incoming", "10.5.2", "{it}不能有流入的顺序流", "改连到它后面的元素")
def start_incoming(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("startEvent"):
        if drawing.incoming.get(node):
            yield node


@rule("start_outgoing", "10.5.2", "{it}没有流出的顺序流", "连到第一个环节", plays=True)
def start_outgoing(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("startEvent"):
        if not drawing.outgoing.get(node):
            yield node


@rule("end_outgoing", "10.5.3", "{it}不能有流出的顺序流", "改画中间抛出事件")
def end_outgoing(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("endEvent"):
        if drawing.outgoing.get(node):
            yield node


@rule("end_incoming", "10.5.3", "{it}没有流入的顺序流", "连上最后一个环节，或删去", plays=True)
def end_incoming(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("endEvent"):
        if not drawing.incoming.get(node):
            yield node


@rule(
    "start_missing",
    "10.5.3",
    "{level}这一层有{it}却没有开始事件",
    "补画开始事件，或删去结束事件",
    plays=True,
)
def start_missing(drawing: Drawing) -> Wrong:
    for level in drawing.levels():
        ends = children(level, "endEvent")
        heard = children(level, "receiveTask", "eventBasedGateway")
        begins = children(level, "startEvent") or [one for one in heard if true(one, "instantiate")]
        if ends and not begins and local(level) != "adHocSubProcess":
            yield ends[0], {"level": title(level)}


@rule(
    "end_missing",
    "10.5.2",
    "{level}这一层有{it}却没有结束事件",
    "补画结束事件，或删去开始事件",
    plays=True,
)
def end_missing(drawing: Drawing) -> Wrong:
    for level in drawing.levels():
        starts = children(level, "startEvent")
        if starts and not children(level, "endEvent") and local(level) != "adHocSubProcess":
            yield starts[0], {"level": title(level)}


@rule(
    "node_incoming",
    "10.5.2",
    "这一层用了开始事件，{it}却没有流入的顺序流",
    "连上顺序流或删去",
    plays=True,
)
def node_incoming(drawing: Drawing) -> Wrong:
    for level in drawing.levels():
        if not children(level, "startEvent"):
            continue
        for node in _needing_flows(level):
            if local(node) in {"startEvent", "boundaryEvent", "endEvent"} or drawing.incoming.get(node):
                continue
            if is_bpmn(node, "intermediateCatchEvent", "intermediateThrowEvent"):
                continue  # said by `intermediate_flow`
            if is_bpmn(node, "receiveTask", "eventBasedGateway") and true(node, "instantiate"):
                continue
            yield node


@rule(
    "node_outgoing",
    "10.5.3",
    "这一层用了结束事件，{it}却没有流出的顺序流",
    "连到下一个环节或结束事件",
    plays=True,
)
def node_outgoing(drawing: Drawing) -> Wrong:
    for level in drawing.levels():
        if not children(level, "endEvent"):
            continue
        for node in _needing_flows(level):
            if local(node) in EVENTS or drawing.outgoing.get(node):
                continue
            if is_bpmn(node, "eventBasedGateway"):
                continue  # said by `event_gateway_flows`
            yield node


@rule("intermediate_flow", "10.5.4", "{it}没有{side}的顺序流", "连上顺序流，或改画别的事件", plays=True)
def intermediate_flow(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("intermediateCatchEvent", "intermediateThrowEvent"):
        if "link" in drawing.triggers(node):
            continue
        around = node.getparent()
        if around is not None and is_bpmn(around, "adHocSubProcess"):
            continue
        if not drawing.incoming.get(node):
            yield node, {"side": "流入"}
        if not drawing.outgoing.get(node):
            yield node, {"side": "流出"}


# -- conditions and defaults ---------------------------------------------------------------------------


@rule("condition_place", "8.4.13", "{source}流出的顺序流不能带条件", "删去条件，或改用排他、包容网关")
def condition_place(drawing: Drawing) -> Wrong:
    for flow in drawing.all("sequenceFlow"):
        source = drawing.find(flow, flow.get("sourceRef"))
        if source is None or not children(flow, "conditionExpression"):
            continue
        if local(source) in EVENTS:
            yield flow, {"source": title(source)}


@rule(
    "condition_parallel",
    "8.4.13",
    "{source}流出的顺序流不能带条件，条件不起作用",
    "删去条件，或改用排他、包容网关",
    plays=True,
)
def condition_parallel(drawing: Drawing) -> Wrong:
    """Of these gateways every outgoing flow gets its token, or the event decides (13.4.1, 13.4.4)."""
    for flow in drawing.all("sequenceFlow"):
        source = drawing.find(flow, flow.get("sourceRef"))
        if source is None or not children(flow, "conditionExpression"):
            continue
        if local(source) in {"parallelGateway", "eventBasedGateway"}:
            yield flow, {"source": title(source)}


@rule(
    "lone_condition",
    "8.4.13",
    "{source}只有一条流出的顺序流，还带条件，条件不成立时无路可走",
    "再画一条（如默认流），或删去条件",
    plays=True,
)
def lone_condition(drawing: Drawing) -> Wrong:
    for flow in drawing.all("sequenceFlow"):
        source = drawing.find(flow, flow.get("sourceRef"))
        if source is None or local(source) not in ACTIVITIES or not children(flow, "conditionExpression"):
            continue
        if len(drawing.outgoing.get(source, ())) == 1:
            yield flow, {"source": title(source)}


@rule("default_flow", "8.4.13", "{it}的默认流“{flow}”不是它流出的顺序流", "重新设置默认流")
def default_flow(drawing: Drawing) -> Wrong:
    for node in drawing.nodes():
        name = str(node.get("default") or "").strip()
        if name and drawing.find(node, name) not in drawing.outgoing.get(node, []):
            yield node, {"flow": name}


@rule("default_condition", "8.4.13", "{source}的默认流不能带条件", "删去条件，或另设默认流", plays=True)
def default_condition(drawing: Drawing) -> Wrong:
    for node in drawing.nodes():
        flow = drawing.find(node, node.get("default"))
        if (
            flow is not None
            and flow in drawing.outgoing.get(node, [])
            and children(flow, "conditionExpression")
        ):
            yield flow, {"source": title(node)}


@rule(
    "flow_immediate",
    "8.4.13",
    "可执行流程的顺序流不能写 isImmediate=false",
    "删去 isImmediate",
    plays=True,
)
def flow_immediate(drawing: Drawing) -> Wrong:
    for flow in drawing.all("sequenceFlow"):
        if not true(flow, "isImmediate", True) and drawing.executable(flow):
            yield flow


def _joined(drawing: Drawing) -> list[tuple[Node, Node, Node]]:
    """Flows with both ends at flow nodes of processes."""
    found = []
    for flow in drawing.all("sequenceFlow"):
        source, target = (drawing.find(flow, flow.get(name)) for name, _ in _SIDES)
        if source is None or target is None or {local(source), local(target)} - FLOW_NODES:
            continue
        if drawing.process(source) is not None and drawing.process(target) is not None:
            found.append((flow, source, target))
    return found


def _needing_flows(level: Node) -> list[Node]:
    """Flow nodes directly in a level that flows must reach and leave. What only undoes or handles stands apart; inside an
    ad-hoc subprocess anything may."""
    if is_bpmn(level, "adHocSubProcess"):
        return []
    return [
        node
        for node in children(level, *sorted(FLOW_NODES))
        if node.get("id") and not compensation(node) and not event_subprocess(node)
    ]

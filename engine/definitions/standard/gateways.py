"""Gateways 网关: how many ways lead in and out, and what may follow one that waits for events (BPMN 2.0.2, 10.6)."""

from __future__ import annotations

from engine.definitions.reading import Node, is_bpmn
from engine.definitions.standard.drawing import GATEWAYS, Drawing, title, true
from engine.definitions.standard.rules import Wrong, rule


@rule(
    "gateway_flows",
    "8.4.9",
    "{it}只有 {incoming} 条流入、{outgoing} 条流出的顺序流，网关要么分支要么汇合",
    "补画一条，或删去这个网关",
    plays=True,
)
def gateway_flows(drawing: Drawing) -> Wrong:
    for node in drawing.nodes(*sorted(GATEWAYS)):
        incoming, outgoing = _counts(drawing, node)
        if incoming < 2 and outgoing < 2 and not is_bpmn(node, "eventBasedGateway"):
            yield node, {"incoming": str(incoming), "outgoing": str(outgoing)}


@rule(
    "gateway_direction",
    "8.4.9",
    "{it}标为{direction}，却有 {incoming} 条流入、{outgoing} 条流出的顺序流",
    "改标注（gatewayDirection），或拆成两个网关",
    plays=True,
)
def gateway_direction(drawing: Drawing) -> Wrong:
    for node in drawing.nodes(*sorted(GATEWAYS)):
        direction = str(node.get("gatewayDirection") or "").strip().lower()
        incoming, outgoing = _counts(drawing, node)
        wrong = {
            "converging": outgoing > 1,
            "diverging": incoming > 1,
            "mixed": incoming < 2 or outgoing < 2,
        }
        if wrong.get(direction):
            shown = {"converging": "汇合", "diverging": "分支", "mixed": "混合"}[direction]
            yield node, {"direction": shown, "incoming": str(incoming), "outgoing": str(outgoing)}


@rule(
    "event_gateway_flows",
    "10.6.6",
    "{it}应有至少两条流出的顺序流",
    "补画要等待的事件；只等一件事时直接画捕获事件",
    plays=True,
)
def event_gateway_flows(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("eventBasedGateway"):
        if len(drawing.outgoing.get(node, ())) < 2:
            yield node


@rule(
    "event_gateway_target",
    "10.6.6",
    "事件网关后面不能接{target}，只能接接收任务或消息、定时、信号、条件的捕获事件",
    "在中间加一个捕获事件",
)
def event_gateway_target(drawing: Drawing) -> Wrong:
    for flow, _, target in _after(drawing):
        if is_bpmn(target, "receiveTask"):
            continue
        triggers = set(drawing.triggers(target))
        waits = triggers and triggers <= {"message", "timer", "signal", "conditional"}
        if not is_bpmn(target, "intermediateCatchEvent") or not waits:
            yield flow, {"target": title(target)}


@rule("event_gateway_boundary", "10.6.6", "{target}接在事件网关之后，不能有边界事件", "改画为并列的捕获事件")
def event_gateway_boundary(drawing: Drawing) -> Wrong:
    for flow, _, target in _after(drawing):
        if drawing.boundaries.get(target):
            yield flow, {"target": title(target)}


@rule("event_gateway_join", "10.6.6", "{target}接在事件网关之后，不能另有流入的顺序流", "拆成两个")
def event_gateway_join(drawing: Drawing) -> Wrong:
    for flow, _, target in _after(drawing):
        if len(drawing.incoming.get(target, ())) > 1:
            yield flow, {"target": title(target)}


@rule("event_gateway_mixed", "10.6.6", "{it}后面既用接收任务又用消息捕获事件", "统一为其中一种", plays=True)
def event_gateway_mixed(drawing: Drawing) -> Wrong:
    after: dict[Node, list[Node]] = {}
    for _, gateway, target in _after(drawing):
        after.setdefault(gateway, []).append(target)
    for gateway, targets in after.items():
        caught = any(
            is_bpmn(one, "intermediateCatchEvent") and "message" in drawing.triggers(one) for one in targets
        )
        if caught and any(is_bpmn(one, "receiveTask") for one in targets):
            yield gateway


@rule(
    "event_gateway_instantiates",
    "10.6.6",
    "{it}用来启动流程，不能有流入的顺序流",
    "删去连线，或取消 instantiate",
)
def event_gateway_instantiates(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("eventBasedGateway"):
        if true(node, "instantiate") and drawing.incoming.get(node):
            yield node


@rule(
    "event_gateway_parallel",
    "10.6.6",
    "{it}写了 eventGatewayType=Parallel，但它不启动流程",
    "改为 Exclusive，或设 instantiate=true 并删去流入的顺序流",
)
def event_gateway_parallel(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("eventBasedGateway"):
        if str(node.get("eventGatewayType") or "").strip() == "Parallel" and not true(node, "instantiate"):
            yield node


def _counts(drawing: Drawing, node: Node) -> tuple[int, int]:
    return len(drawing.incoming.get(node, ())), len(drawing.outgoing.get(node, ()))


def _after(drawing: Drawing) -> list[tuple[Node, Node, Node]]:
    """Flows out of event gateways: the flow, the gateway, the target."""
    found = []
    for gateway in drawing.nodes("eventBasedGateway"):
        for flow in drawing.outgoing.get(gateway, ()):
            target = drawing.find(flow, flow.get("targetRef"))
            if target is not None:
                found.append((flow, gateway, target))
    return found

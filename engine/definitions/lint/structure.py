"""Rules about how elements are joined 连线与位置."""

from __future__ import annotations

import re
from decimal import Decimal

from engine.definitions.lint.rules import Remarks, rule, title
from engine.definitions.model import Element, Kind, Package, Process, Trigger
from engine.definitions.vocabulary import ACTIVITIES, EVENTS, KIND_TITLES
from engine.values import Months, parse_duration

MAX_CARDINALITY = 100

_BRANCHING = frozenset({Kind.EXCLUSIVE, Kind.INCLUSIVE})
_NUMBER = re.compile(r"\d{1,30}(\.\d+)?")
_CYCLE = re.compile(r'"R(?P<times>\d*)/(?P<interval>P[^"]*)"')
_DURATION = re.compile(r'duration\(\s*"(?P<text>[^"]*)"\s*\)')


@rule("flow_crosses_scope")
def flow_crosses_scope(process: Process, package: Package) -> Remarks:
    """A sequence flow stays inside its subprocess."""
    for flow in process.flows.values():
        source, target = process.elements[flow.source], process.elements[flow.target]
        if source.scope != target.scope:
            yield (
                flow,
                f"顺序流从{title(source)}跨出子流程连到{title(target)}，请改为连接子流程的边框，或用边界事件。",
            )


@rule("flow_doubled", "warning")
def flow_doubled(process: Process, package: Package) -> Remarks:
    """Two flows between the same two elements make two tokens (or are one too many)."""
    seen: set[tuple[str, str]] = set()
    for flow in process.flows.values():
        if (flow.source, flow.target) in seen and process.elements[flow.source].kind is not Kind.EXCLUSIVE:
            yield (
                flow,
                f"{title(process.elements[flow.source])}有两条顺序流连到同一处，后续会办两遍，请删去一条。",
            )
        seen.add((flow.source, flow.target))


@rule("start_incoming")
def start_incoming(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        if element.kind is Kind.START and element.incoming:
            yield element, f"{title(element)}不能有流入的顺序流，请连到它后面的元素。"


@rule("end_outgoing")
def end_outgoing(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        if element.kind is Kind.END and element.outgoing:
            yield element, f"{title(element)}不能有流出的顺序流，请改画中间抛出事件。"


@rule("boundary_incoming")
def boundary_incoming(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        if element.kind is Kind.BOUNDARY and element.incoming:
            yield element, f"{title(element)}附着在任务边上，不能有流入的顺序流，请连到它后面的元素。"


@rule("boundary_outgoing")
def boundary_outgoing(process: Process, package: Package) -> Remarks:
    """BPMN 2.0.2, Intermediate Event: a boundary event leads somewhere."""
    for element in process.elements.values():
        if element.kind is Kind.BOUNDARY and not element.outgoing:
            yield element, f"{title(element)}没有流出的顺序流，触发后无事可做，请连到后续环节或删去。"


@rule("intermediate_flow")
def intermediate_flow(process: Process, package: Package) -> Remarks:
    """BPMN 2.0.2, Intermediate Event: an intermediate event in the normal flow has a flow in and a flow out."""
    for element in _of(process, Kind.CATCH, Kind.THROW):
        if element.event is not None and element.event.trigger is Trigger.LINK:
            continue
        if not element.incoming:
            yield element, f"{title(element)}没有流入的顺序流，请连上，或改画开始事件、边界事件。"
        if not element.outgoing:
            yield element, f"{title(element)}没有流出的顺序流，请连上，或改画结束事件。"


@rule("boundary_on_event_subprocess")
def boundary_on_event_subprocess(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        if element.event_subprocess and element.boundary:
            yield element, f"事件{title(element)}不能有边界事件，请把处理画在它里面。"


@rule("event_subprocess_flow")
def event_subprocess_flow(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        if element.event_subprocess and (element.incoming or element.outgoing):
            yield element, f"事件{title(element)}由事件触发，不能连顺序流，请删去连线或改画普通子流程。"


@rule("event_subprocess_loop")
def event_subprocess_loop(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        if element.event_subprocess and element.loop is not None:
            yield element, f"事件{title(element)}不能循环，请在它里面再画子流程。"


@rule("error_start_interrupts")
def error_start_interrupts(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        if (
            element.kind is Kind.START
            and any(event.trigger is Trigger.ERROR for event in element.events)
            and not element.interrupting
        ):
            yield element, f"{title(element)}接收错误，总是中断，请改为中断型，或改用升级事件。"


@rule("none_start_count")
def none_start_count(process: Process, package: Package) -> Remarks:
    """A process begins somewhere. One without any content is the empty pool of an outside party."""
    if not process.starts and (process.elements or len(package.processes) == 1):
        yield process, f"流程“{process.name}”没有开始事件，请画一个。"


@rule("none_start_twice", diagram="warning")
def none_start_twice(process: Process, package: Package) -> Remarks:
    plain = [s for s in process.starts if _plain(process.elements[s])]
    for extra in plain[1:]:
        yield (
            process.elements[extra],
            f"流程“{process.name}”有 {len(plain)} 个空开始事件，请只留一个，其余改为消息或定时开始。",
        )


def _plain(start: Element) -> bool:
    return start.event is None or start.event.trigger is Trigger.NONE


@rule("event_gateway_target")
def event_gateway_target(process: Process, package: Package) -> Remarks:
    """After an event gateway only waiting: catch events, or receive tasks without boundary events."""
    for gateway in _of(process, Kind.EVENT_GATEWAY):
        if len(gateway.outgoing) < 2:
            yield gateway, f"{title(gateway)}应有至少两条流出的顺序流，只等一件事时请直接画捕获事件。"
        for flow in gateway.outgoing:
            target = process.elements[flow.target]
            if target.kind not in {Kind.CATCH, Kind.RECEIVE}:
                yield (
                    flow,
                    f"{title(gateway)}后面只能接中间捕获事件或接收任务，不能接{title(target)}，请在中间加一个。",
                )
            elif len(target.incoming) > 1:
                yield flow, f"{title(target)}在{title(gateway)}之后，不能另有流入的顺序流，请拆成两个。"
            elif target.boundary:
                yield flow, f"{title(target)}在{title(gateway)}之后，不能有边界事件，请改画为并列的捕获事件。"


@rule("event_gateway_mixed")
def event_gateway_mixed(process: Process, package: Package) -> Remarks:
    """BPMN 2.0.2, Event-Based Gateway: messages are waited for by catch events or by receive tasks, not by both."""
    for gateway in _of(process, Kind.EVENT_GATEWAY):
        after = [process.elements[flow.target] for flow in gateway.outgoing]
        messages = [e for e in after if any(event.trigger is Trigger.MESSAGE for event in e.events)]
        if len({e.kind for e in messages}) > 1:
            yield gateway, f"{title(gateway)}后面不能既用接收任务又用消息捕获事件，请统一为其中一种。"


@rule("lone_condition")
def lone_condition(process: Process, package: Package) -> Remarks:
    """BPMN 2.0.2, Sequence Flow: a conditional flow of an activity has another beside it, or the token may be left behind."""
    for element in _of(process, *ACTIVITIES):
        if len(element.outgoing) == 1 and element.outgoing[0].condition is not None:
            yield (
                element.outgoing[0],
                f"{title(element)}只有一条带条件的流出顺序流，条件不成立时无路可走，请再画一条（如默认流）或删去条件。",
            )


@rule("condition_place")
def condition_place(process: Process, package: Package) -> Remarks:
    """Parallel and event gateways and events take all their flows (or choose by event): conditions mean nothing."""
    for flow in process.flows.values():
        source = process.elements[flow.source]
        if flow.condition is None:
            continue
        if source.kind in {Kind.PARALLEL, Kind.EVENT_GATEWAY}:
            yield flow, f"{title(source)}流出的顺序流不看条件，请删去条件，或把网关改为排他（包容）网关。"
        elif source.kind in EVENTS:
            yield flow, f"{title(source)}流出的顺序流不能带条件，请在它后面加排他网关。"


@rule("default_flow")
def default_flow(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        if not element.default:
            continue
        flow = next((f for f in element.outgoing if f.id == element.default), None)
        if flow is None:
            yield element, f"{title(element)}的默认流“{element.default[:40]}”不是它流出的顺序流，请重新设置。"
        elif flow.condition is not None:
            yield flow, f"{title(element)}的默认流不能带条件，请删去条件或另设默认流。"


@rule("gateway_condition", diagram="warning")
def gateway_condition(process: Process, package: Package) -> Remarks:
    """Each branch says when it is taken: a flow without condition hides those after it."""
    for gateway in _branching(process):
        for flow in gateway.outgoing:
            if flow.condition is None and flow.id != gateway.default:
                yield (
                    flow,
                    f"{title(gateway)}到{title(process.elements[flow.target])}的顺序流没有条件，请写条件或设为默认流。",
                )


@rule("gateway_default", "warning")
def gateway_default(process: Process, package: Package) -> Remarks:
    """Without a default, a case no condition fits halts with an incident."""
    for gateway in [*_branching(process), *(e for e in _of(process, Kind.COMPLEX) if len(e.outgoing) > 1)]:
        conditions = [f.condition.text.strip() if f.condition else "true" for f in gateway.outgoing]
        if not gateway.default and "true" not in conditions:
            yield gateway, f"{title(gateway)}没有默认流，条件都不满足时案件会停住，请设一条默认流。"


@rule("loop_cardinality", diagram="warning")
def loop_cardinality(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        if element.loop is None:
            continue
        text = element.loop.cardinality.text.strip() if element.loop.cardinality else ""
        number = Decimal(text) if _NUMBER.fullmatch(text) else Decimal(element.loop.maximum or 0)
        if number > MAX_CARDINALITY:
            yield (
                element,
                f"{title(element)}循环 {number} 次，超过 {MAX_CARDINALITY} 次，请减少次数或改用集合。",
            )


@rule("zero_cycle")
def zero_cycle(process: Process, package: Package) -> Remarks:
    """A cycle without time between would fire for ever at one instant."""
    for element, event in ((e, event) for e in process.elements.values() for event in e.events):
        if event.timer != "cycle" or event.when is None:
            continue
        if match := _CYCLE.fullmatch(event.when.text.strip()):
            if match["times"] and int(match["times"]) == 0:
                yield element, f"{title(element)}重复 0 次，永远不会触发，请改次数或删去。"
            interval = match["interval"]
        elif match := _DURATION.fullmatch(event.when.text.strip()):
            interval = match["text"]
        else:
            continue
        length = parse_duration(interval)
        if length is None or (length.total if isinstance(length, Months) else length.total_seconds()) <= 0:
            yield element, f"{title(element)}的周期为零或倒退，会不停触发，请写大于零的时长。"


@rule("unlabelled", "warning")
def unlabelled(process: Process, package: Package) -> Remarks:
    """People read the diagram: steps and questions need names."""
    for element in process.elements.values():
        branches = element.kind in _BRANCHING and len(element.outgoing) > 1
        if not element.name and (element.kind in ACTIVITIES or branches) and not element.event_subprocess:
            yield element, f"{KIND_TITLES[element.kind]}没有名称，请写上（网关写成问句，如“是否通过？”）。"


@rule("abstract_task", "warning", diagram="")
def abstract_task(process: Process, package: Package) -> Remarks:
    for element in _of(process, Kind.TASK):
        yield element, f"{title(element)}没有指定类型，会直接通过，请改为用户任务、服务任务等。"


@rule("external_topic", diagram="warning")
def external_topic(process: Process, package: Package) -> Remarks:
    for element in _of(process, Kind.SERVICE, Kind.SEND):
        if not element.topic and element.event is None:
            yield (
                element,
                f'{title(element)}没有写由谁执行，请填写 camunda:type="external" 和 camunda:topic。',
            )


def _of(process: Process, *kinds: Kind) -> list[Element]:
    return [e for e in process.elements.values() if e.kind in kinds]


def _branching(process: Process) -> list[Element]:
    return [e for e in _of(process, *_BRANCHING) if len(e.outgoing) > 1]

"""Advice on one drawing 图面: what the standard allows and people would stumble over. What it forbids stands in `standard`."""

from __future__ import annotations

import re
from decimal import Decimal

from engine.definitions.lint.rules import Remarks, rule, title
from engine.definitions.model import Element, Kind, Package, Process
from engine.definitions.vocabulary import ACTIVITIES, KIND_TITLES
from engine.values import Months, parse_duration

MAX_CARDINALITY = 100

_BRANCHING = frozenset({Kind.EXCLUSIVE, Kind.INCLUSIVE})
_NUMBER = re.compile(r"\d{1,30}(\.\d+)?")
_CYCLE = re.compile(r'"R(?P<times>\d*)/(?P<interval>P[^"]*)"')
_DURATION = re.compile(r'duration\(\s*"(?P<text>[^"]*)"\s*\)')


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


@rule("none_start_count")
def none_start_count(process: Process, package: Package) -> Remarks:
    """A process begins somewhere. One without any content is the empty pool of an outside party."""
    if not process.entries and (process.elements or len(package.processes) == 1):
        yield process, f"流程“{process.name}”没有开始事件，请画一个。"


@rule("none_start_twice", "warning")
def none_start_twice(process: Process, package: Package) -> Remarks:
    """Each is a way to begin (BPMN 2.0.2, 10.5.2), but a call takes the first."""
    plain = process.plain_entries
    for extra in plain[1:]:
        yield (
            process.elements[extra],
            f"流程“{process.name}”有 {len(plain)} 个空开始事件，被调用时只从第一个开始，请核对，或改为消息、定时开始。",
        )


@rule("implicit_start", "warning")
def implicit_start(process: Process, package: Package) -> Remarks:
    """Without a start event everything begins at once that no flow comes to: legal, but a reader must guess."""
    if process.implicit and not process.task:
        names = "、".join(title(process.elements[id]) for id in process.implicit)
        yield process, f"流程“{process.name}”没有开始事件，将同时从{names}开始，请画一个开始事件。"
    for element in process.elements.values():
        if element.implicit:
            names = "、".join(title(process.elements[id]) for id in element.implicit)
            yield element, f"{title(element)}里没有开始事件，将同时从{names}开始，请画一个开始事件。"


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

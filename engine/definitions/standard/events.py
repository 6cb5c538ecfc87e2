"""Events 事件: which trigger may stand where, and what each trigger needs."""

from __future__ import annotations

import re

from engine.definitions.reading import Node, is_bpmn, local, text_of
from engine.definitions.standard.drawing import (
    ACTIVITIES,
    EVENT_DEFINITIONS,
    THROWING,
    TRIGGERS,
    Drawing,
    children,
    event_subprocess,
    title,
    true,
)
from engine.definitions.standard.rules import Wrong, rule
from engine.values import parse_duration

_HANDLED = frozenset({"message", "timer", "conditional", "signal"})
_POSITIONS: dict[str, frozenset[str]] = {
    "流程的开始事件": frozenset({""}) | _HANDLED,
    "子流程内的开始事件": frozenset({""}),
    "事件子流程的开始事件": _HANDLED | {"error", "escalation", "compensate"},
    "中间捕获事件": _HANDLED | {"link"},
    "中间抛出事件": frozenset({"", "message", "signal", "escalation", "compensate", "link"}),
    "边界事件": _HANDLED | {"error", "escalation", "cancel", "compensate"},
    "结束事件": frozenset(
        {"", "message", "signal", "error", "escalation", "compensate", "cancel", "terminate"}
    ),
}
"""BPMN 2.0.2, tables 10.84 to 10.93: which triggers an event may have where it is drawn."""

_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
_ISO_CYCLE = re.compile(r"R\d*/.+")
_CRON = re.compile(r"[\d*?/,\-LW#A-Z]+(\s+[\d*?/,\-LW#A-Z]+){4,6}")


@rule("event_position", "10.5", "{place}不能是“{trigger}”，可用：{allowed}", "换一种触发方式，或改画别的事件")
def event_position(drawing: Drawing) -> Wrong:
    for node, place in _placed(drawing):
        allowed = _POSITIONS[place]
        for trigger in drawing.triggers(node):
            if trigger not in allowed:
                shown = "、".join(TRIGGERS[one] for one in TRIGGERS if one in allowed)
                yield node, {"place": place, "trigger": TRIGGERS[trigger], "allowed": shown}
                break


@rule("event_trigger_missing", "10.5", "{it}没有写等待什么", "选择一种触发方式（如消息、定时、信号）")
def event_trigger_missing(drawing: Drawing) -> Wrong:
    for node, place in _placed(drawing):
        if "" in _POSITIONS[place] or drawing.definitions(node):
            continue
        named = [child for child in node if local(child).endswith(("EventDefinition", "eventDefinitionRef"))]
        if not named:
            yield node


@rule(
    "event_definition_shared",
    "10.5.1",
    "{it}引用的触发方式“{name}”写在{other}里面，只有写在最外层的才能共用",
    "把它移到最外层，或在这里另写一个",
)
def event_definition_shared(drawing: Drawing) -> Wrong:
    for reference in drawing.all("eventDefinitionRef"):
        event, named = reference.getparent(), drawing.find(reference, text_of(reference))
        around = None if named is None else named.getparent()
        if event is None or named is None or around is None or local(named) not in EVENT_DEFINITIONS:
            continue
        if local(around) in THROWING:
            yield event, {"name": text_of(reference), "other": title(around)}


@rule("subprocess_start_twice", "13.3.4", "{level}有 {count} 个开始事件，子流程只能有一个", "只留一个")
def subprocess_start_twice(drawing: Drawing) -> Wrong:
    for level in drawing.all("subProcess", "transaction"):
        starts = children(level, "startEvent")
        for extra in starts[1:]:
            if not event_subprocess(level):
                yield extra, {"level": title(level), "count": str(len(starts))}


# -- event subprocesses --------------------------------------------------------------------------------


@rule("event_subprocess_flow", "10.3.5", "{it}由事件触发，不能连顺序流", "删去连线，或改画普通子流程")
def event_subprocess_flow(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("subProcess"):
        if event_subprocess(node) and (drawing.incoming.get(node) or drawing.outgoing.get(node)):
            yield node


@rule("event_subprocess_start", "10.3.5", "{it}有 {count} 个开始事件", "画且只画一个带触发方式的开始事件")
def event_subprocess_start(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("subProcess"):
        count = len(children(node, "startEvent"))
        if event_subprocess(node) and count != 1:
            yield node, {"count": str(count)}


@rule("boundary_on_event_subprocess", "10.3.5", "{it}不能有边界事件", "把处理画在它里面")
def boundary_on_event_subprocess(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("subProcess"):
        if event_subprocess(node) and drawing.boundaries.get(node):
            yield node


@rule("event_subprocess_loop", "10.3.5", "{it}不能循环", "在它里面再画一个循环的子流程")
def event_subprocess_loop(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("subProcess"):
        if event_subprocess(node) and children(
            node, "multiInstanceLoopCharacteristics", "standardLoopCharacteristics"
        ):
            yield node


@rule(
    "start_interrupts",
    "10.5.2",
    "{it}由“{trigger}”触发，总是中断，不能设为不中断",
    "改为中断型，或换触发方式",
)
def start_interrupts(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("startEvent"):
        if not true(node, "isInterrupting", True):
            for trigger in drawing.triggers(node):
                if trigger in {"error", "compensate"}:
                    yield node, {"trigger": TRIGGERS[trigger]}


# -- boundary events -----------------------------------------------------------------------------------


@rule("boundary_host", "10.5.4", "{it}没有附着在同一层的任务或子流程上", "重新放到任务或子流程的边上")
def boundary_host(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("boundaryEvent"):
        host = drawing.find(node, node.get("attachedToRef"))
        if host is None and str(node.get("attachedToRef") or "").strip():
            continue  # said by `unknown_reference`
        if host is None or local(host) not in ACTIVITIES or host.getparent() is not node.getparent():
            yield node


@rule("boundary_incoming", "10.5.4", "{it}附着在活动边上，不能有流入的顺序流", "改连到它后面的元素")
def boundary_incoming(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("boundaryEvent"):
        if drawing.incoming.get(node):
            yield node


@rule(
    "boundary_outgoing", "10.5.4", "{it}没有流出的顺序流，触发后无事可做", "连到后续环节，或删去", plays=True
)
def boundary_outgoing(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("boundaryEvent"):
        if not drawing.outgoing.get(node) and "compensate" not in drawing.triggers(node):
            yield node


@rule("boundary_interrupts", "10.5.4", "{it}由“{trigger}”触发，不能设为不中断", "改为中断型，或换触发方式")
def boundary_interrupts(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("boundaryEvent"):
        if not true(node, "cancelActivity", True):
            for trigger in drawing.triggers(node):
                if trigger in {"error", "cancel"}:
                    yield node, {"trigger": TRIGGERS[trigger]}


# -- transactions --------------------------------------------------------------------------------------


@rule(
    "cancel_end_place",
    "10.5.3",
    "取消结束事件只能直接画在事务子流程（或它的事件子流程）里，{it}不在其中",
    "移进事务子流程，或改用错误结束事件",
)
def cancel_end_place(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("endEvent"):
        around = node.getparent()
        while around is not None and event_subprocess(around):
            around = around.getparent()
        if "cancel" in drawing.triggers(node) and (around is None or local(around) != "transaction"):
            yield node


@rule(
    "cancel_boundary_place",
    "10.5.4",
    "取消边界事件只能附着在事务子流程上，{it}不是",
    "移到事务子流程边上，或改用错误边界事件",
)
def cancel_boundary_place(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("boundaryEvent"):
        host = drawing.find(node, node.get("attachedToRef"))
        if "cancel" in drawing.triggers(node) and host is not None and not is_bpmn(host, "transaction"):
            yield node


@rule("cancel_boundary_twice", "10.5.4", "{it}有 {count} 个取消边界事件", "只留一个")
def cancel_boundary_twice(drawing: Drawing) -> Wrong:
    for host, events in drawing.boundaries.items():
        count = sum("cancel" in drawing.triggers(event) for event in events)
        if count > 1:
            yield host, {"count": str(count)}


# -- what a trigger needs ------------------------------------------------------------------------------


@rule(
    "message_missing",
    "10.5.5",
    "可执行流程的{it}是消息事件，却没有写消息",
    "选择消息（messageRef）",
    plays=True,
)
def message_missing(drawing: Drawing) -> Wrong:
    for event, definition in _of_kind(drawing, "messageEventDefinition"):
        if not str(definition.get("messageRef") or "").strip() and not children(definition, "operationRef"):
            yield event


@rule(
    "error_code_missing",
    "8.4.3",
    "可执行流程的{it}抛出错误，却没有错误代码",
    "选择错误（errorRef）并填写 errorCode",
    plays=True,
)
def error_code_missing(drawing: Drawing) -> Wrong:
    yield from _without_code(drawing, "error")


@rule(
    "escalation_code_missing",
    "8.4.4",
    "可执行流程的{it}抛出升级，却没有升级代码",
    "选择升级（escalationRef）并填写 escalationCode",
    plays=True,
)
def escalation_code_missing(drawing: Drawing) -> Wrong:
    yield from _without_code(drawing, "escalation")


@rule("condition_missing", "10.5.5", "可执行流程的{it}是条件事件，却没有写条件", "填写条件")
def condition_missing(drawing: Drawing) -> Wrong:
    for event, definition in _of_kind(drawing, "conditionalEventDefinition"):
        conditions = children(definition, "condition")
        if not conditions or not text_of(conditions[0]):
            yield event


@rule("timer_missing", "10.5.5", "{it}是定时事件，要写且只写日期、时长、周期三者之一", "只留一个")
def timer_missing(drawing: Drawing) -> Wrong:
    """Exactly one where the process is executable; never two."""
    for event in drawing.nodes("startEvent", "intermediateCatchEvent", "boundaryEvent"):
        for definition in drawing.definitions(event):
            if is_bpmn(definition, "timerEventDefinition"):
                count = len(children(definition, "timeDate", "timeDuration", "timeCycle"))
                if count > 1 or (count == 0 and drawing.executable(event)):
                    yield event


@rule(
    "timer_text",
    "10.5.5",
    "{it}的定时“{text}”不是 ISO 8601 写法",
    "写成如 2026-10-08T08:30、PT2H、R3/PT1H，或写表达式",
)
def timer_text(drawing: Drawing) -> Wrong:
    """A bare word or phrase is neither ISO 8601 nor an expression of any language."""
    for event, definition in _of_kind(drawing, "timerEventDefinition"):
        for part in children(definition, "timeDate", "timeDuration", "timeCycle"):
            text = text_of(part)
            if not text or re.fullmatch(r"[^\W\d_][^\W_]*([ ,，。]+[^\W_]+)*[.。]?", text) and not _iso(text):
                yield event, {"text": text}


def _iso(text: str) -> bool:
    return bool(
        _ISO_DATE.fullmatch(text)
        or _ISO_CYCLE.fullmatch(text)
        or _CRON.fullmatch(text)
        or parse_duration(text) is not None
    )


def _placed(drawing: Drawing) -> list[tuple[Node, str]]:
    """Events of processes with the place they are drawn in, as `_POSITIONS` knows it."""
    found = []
    for node in drawing.nodes("startEvent"):
        around = node.getparent()
        if around is None or is_bpmn(around, "process"):
            found.append((node, "流程的开始事件"))
        elif event_subprocess(around):
            found.append((node, "事件子流程的开始事件"))
        elif is_bpmn(around, "subProcess", "transaction"):
            found.append((node, "子流程内的开始事件"))
    for tag, place in (
        ("intermediateCatchEvent", "中间捕获事件"),
        ("intermediateThrowEvent", "中间抛出事件"),
        ("boundaryEvent", "边界事件"),
        ("endEvent", "结束事件"),
    ):
        found += [(node, place) for node in drawing.nodes(tag)]
    return found


def _of_kind(drawing: Drawing, kind: str) -> list[tuple[Node, Node]]:
    """Events of executable processes with their definitions of a kind."""
    return [
        (event, definition)
        for event in drawing.nodes(*sorted(THROWING), "startEvent", "intermediateCatchEvent", "boundaryEvent")
        if drawing.executable(event)
        for definition in drawing.definitions(event)
        if is_bpmn(definition, kind)
    ]


def _without_code(drawing: Drawing, kind: str) -> Wrong:
    for event, definition in _of_kind(drawing, f"{kind}EventDefinition"):
        if local(event) not in THROWING:
            continue
        raw = definition.get(f"{kind}Ref")
        named = drawing.find(definition, raw)
        if named is None and str(raw or "").strip():
            continue  # said by `unknown_reference`, or in another file
        if named is None or not str(named.get(f"{kind}Code") or "").strip():
            yield event

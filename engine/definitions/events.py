"""Events of a diagram 事件: what an event waits for or throws, and the message of a send or receive task."""

from __future__ import annotations

import re
from datetime import datetime

from engine.definitions.model import Event, Kind, Trigger
from engine.definitions.reading import Node, Reading, boolean, camunda, is_bpmn, literal, local, text_of
from engine.definitions.vocabulary import (
    BPMN,
    EVENT_DEFINITIONS,
    EVENTS,
    KIND_TITLES,
    NOT_TOGETHER,
    POSITIONS,
    TRIGGER_TITLES,
)
from engine.feel import Expression
from engine.values import parse_duration

_CYCLE = re.compile(r"R(\d{0,6})/(?:(?P<first>\d[^/]*)/)?(?P<interval>P[^/]+)")
_FORMULA = re.compile(r"""["@]|[a-z][a-z ]*\(""")
"""How FEEL begins that gives a time; no ISO text does."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?")


def read_event(reading: Reading, node: Node, kind: Kind, position: str, key: str) -> Event | None:
    """The event of an element, None where it has none. `key` is its correlation key as drawn, `position` says where it
    stands (see `POSITIONS`)."""
    correlation = reading.text_or_formula(node, key, "关联键") if key else None
    if kind in {Kind.SEND, Kind.RECEIVE}:
        name = _reference(reading, node, "messageRef", reading.messages, "消息")
        if kind is Kind.RECEIVE and not name:
            if not node.get("messageRef"):
                reading.loose(
                    "message_missing", node, "接收任务没有写等待哪条消息，请选择消息（messageRef）。"
                )
            return Event(Trigger.MESSAGE, name=_own_name(node), key=correlation)
        if kind is Kind.SEND and name and camunda(node, "topic"):
            reading.error(
                "message_topic", node, "发送任务的消息（messageRef）和主题（camunda:topic）只能写一个。"
            )
        if not name:
            if key and kind is Kind.SEND:
                reading.error(
                    "unknown_property",
                    node,
                    "correlationKey 只能用在发消息的任务上，请选择消息（messageRef）或删去。",
                )
            return None
        return Event(Trigger.MESSAGE, name=name, key=correlation)
    if kind not in EVENTS:
        return None
    events: list[Event] = []
    for child in _definitions(reading, node):
        trigger = EVENT_DEFINITIONS.get(local(child))
        if trigger is None:
            continue  # an unknown definition was refused as an unknown child
        _position(reading, node, kind, trigger, position)
        events.append(_definition(reading, child, trigger, kind, correlation, node))
    triggers = {event.trigger for event in events}
    if not events:
        _position(reading, node, kind, Trigger.NONE, position)
    if key and Trigger.MESSAGE not in triggers:
        reading.error("unknown_property", node, "correlationKey 只能用在消息事件上，请删去。")
    if kind is Kind.BOUNDARY and Trigger.ERROR in triggers and node.get("cancelActivity") in {"false", "0"}:
        reading.error("error_interrupts", node, "错误边界事件总是中断任务，请改为中断型，或改用升级事件。")
    if not events:
        return Event(Trigger.NONE)
    return events[0] if len(events) == 1 else _multiple(reading, node, events, triggers)


def _definitions(reading: Reading, node: Node) -> list[Node]:
    """The definitions of an event in the order drawn: its own, and those at the root it refers to."""
    found: list[Node] = []
    for child in node:
        if not is_bpmn(child):
            continue
        if local(child).endswith("EventDefinition"):
            found.append(child)
        elif local(child) == "eventDefinitionRef":
            name = text_of(child)
            definition = reading.definitions.get(name, reading.definitions.get(name.rpartition(":")[2]))
            if definition is None:
                reading.error(
                    "unknown_reference", child, f"引用的事件定义“{name[:60]}”不存在，请重新选择或删去。"
                )
            else:
                found.append(definition)
    return found


def thrown_events(reading: Reading, drawn: Node, source: Node | str) -> list[Event]:
    """What an implicit throw event of the activity `drawn` throws: the definitions in it, or the one it names. That one
    may stand at the root or, as some modelers write it, inside another event."""
    if isinstance(source, str):
        name = source.rpartition(":")[2]
        found = [
            one
            for one in drawn.getroottree().iter(f"{{{BPMN}}}*")
            if one.get("id") in (source, name) and local(one) in EVENT_DEFINITIONS
        ]
        if not found:
            reading.error(
                "unknown_reference", drawn, f"引用的事件定义“{name[:60]}”不存在，请重新选择或删去。"
            )
    else:
        found = _definitions(reading, source)
        for child in source:
            if not is_bpmn(
                child, *EVENT_DEFINITIONS, "eventDefinitionRef", "documentation", "extensionElements"
            ):
                reading.unknown_child(child)
    return [
        _definition(reading, one, EVENT_DEFINITIONS[local(one)], Kind.THROW, None, drawn) for one in found
    ]


def _position(reading: Reading, node: Node, kind: Kind, trigger: Trigger, position: str) -> None:
    if trigger in POSITIONS[position]:
        return
    allowed = "、".join(TRIGGER_TITLES[t] for t in Trigger if t in POSITIONS[position])
    place = {"event subprocess start": "事件子流程的", "subprocess start": "子流程内的"}.get(position, "")
    reading.error(
        "event_position",
        node,
        f"{place}{KIND_TITLES[kind]}不能是“{TRIGGER_TITLES[trigger]}”，可用：{allowed}。",
    )


def _multiple(reading: Reading, node: Node, events: list[Event], triggers: set[Trigger]) -> Event:
    """Several definitions on one event (BPMN 2.0.2, 10.5.1): any one of them fires it, or with `parallelMultiple` all
    together do; an event that throws throws them all."""
    parallel = str(node.get("parallelMultiple") or "").strip() in {"true", "1"}
    if Trigger.LINK in triggers:
        reading.error(
            "event_link_alone", node, "链接事件不能和其他触发方式写在同一个事件上，请拆成几个事件。"
        )
    for trigger in sorted(triggers & NOT_TOGETHER) if parallel else ():
        reading.error(
            "parallel_multiple",
            node,
            f"并行多重事件要等所有触发都到齐，“{TRIGGER_TITLES[trigger]}”一发生就会停下所在环节，等不到其余各项，"
            "请单独画一个事件。",
        )
    return Event(Trigger.MULTIPLE, parts=tuple(events), parallel=parallel)


def _definition(
    reading: Reading, node: Node, trigger: Trigger, kind: Kind, key: Expression | None, drawn: Node
) -> Event:
    """One event definition as used on the event `drawn`."""
    throws = kind in {Kind.THROW, Kind.END}
    reading.extensions(node)
    match trigger:
        case Trigger.TIMER:
            return _timer(reading, node)
        case Trigger.MESSAGE | Trigger.SIGNAL:
            word, table = (
                ("messageRef", reading.messages)
                if trigger is Trigger.MESSAGE
                else ("signalRef", reading.signals)
            )
            title = TRIGGER_TITLES[trigger]
            reading.attributes(node, {"id": None, word: None})
            reading.children(node)
            name = _reference(reading, node, word, table, title)
            if not name and not node.get(word):
                reading.loose(
                    f"{trigger.value}_missing", node, f"{title}事件没有写{title}，请选择（{word}）。"
                )
                name = _own_name(drawn)
            return Event(trigger, name=name, key=key)
        case Trigger.ERROR | Trigger.ESCALATION:
            word = f"{trigger.value}Ref"
            title = TRIGGER_TITLES[trigger]
            table = reading.errors if trigger is Trigger.ERROR else reading.escalations
            reading.attributes(node, {"id": None, word: None})
            reading.children(node)
            code = _reference(reading, node, word, table, title)
            if throws and not code:
                reading.loose(
                    f"{trigger.value}_missing",
                    node,
                    f"抛出{title}要写{title}代码，请选择（{word}）并填写代码。",
                )
            variable = reading.variable(node, camunda(node, f"{trigger.value}CodeVariable"), "代码变量")
            message = reading.variable(node, camunda(node, "errorMessageVariable"), "说明变量")
            if throws and (variable or message):
                reading.error("unknown_attribute", node, "抛出事件不接收代码和说明，请删去变量名。")
            return Event(trigger, code=code, code_variable=variable, message_variable=message)
        case Trigger.CONDITIONAL:
            reading.attributes(node, {"id": None})
            parts = reading.children(node, "condition")
            if len(parts) != 1:
                reading.error("condition_missing", node, "条件事件要写一个条件，请填写 FEEL 表达式。")
                return Event(trigger)
            text = reading.expression_child(parts[0])
            return Event(trigger, when=reading.formula(parts[0], text, "条件"))
        case Trigger.LINK:
            reading.attributes(node, {"id": None, "name": None})
            reading.children(node, "source", "target")
            return Event(trigger, name=str(node.get("name") or "").strip() or _own_name(drawn))
        case Trigger.COMPENSATION:
            return _compensation(reading, node, throws)
        case _:
            reading.attributes(node, {"id": None})
            reading.children(node)
            return Event(trigger)


def _compensation(reading: Reading, node: Node, throws: bool) -> Event:
    """BPMN 2.0.2, 10.5.5: only a thrown compensation names an activity and waits for it (or not)."""
    reading.attributes(node, dict.fromkeys(("id", "activityRef", "waitForCompletion")))
    reading.children(node)
    activity = str(node.get("activityRef") or "").strip().rpartition(":")[2]
    waits = boolean(reading, node, "waitForCompletion", True)
    if not throws and (activity or not waits):
        reading.loose(
            "compensation_catch",
            node,
            "接收补偿的事件不写所指活动（activityRef），也不写是否等待（waitForCompletion），请删去。",
        )
    return Event(Trigger.COMPENSATION, activity=activity, waits=waits)


def _own_name(node: Node) -> str:
    """What an element is called whose message or signal is not drawn: its own name stands for it."""
    return " ".join(str(node.get("name") or node.get("id") or "").split())


def _reference(reading: Reading, node: Node, attribute: str, table: dict[str, str], title: str) -> str:
    """What a `…Ref` attribute names; the prefix of a qualified name is dropped."""
    raw = str(node.get(attribute) or "").strip()
    if not raw:
        return ""
    found = table.get(raw, table.get(raw.rpartition(":")[2]))
    if found is None:
        reading.error("unknown_reference", node, f"引用的{title}“{raw[:60]}”不存在，请重新选择。")
        return ""
    return found


def _timer(reading: Reading, node: Node) -> Event:
    reading.attributes(node, {"id": None})
    parts = reading.children(node, "timeDate", "timeDuration", "timeCycle")
    if len(parts) != 1:
        reading.error("timer_missing", node, "定时事件要写日期、时长、周期三者中的一个。")
        return Event(Trigger.TIMER)
    part = parts[0]
    kind = local(part).removeprefix("time").lower()
    text = reading.expression_child(part)
    if text.startswith("=") or "${" in text or "#{" in text or _FORMULA.match(text):
        return Event(Trigger.TIMER, timer=kind, when=reading.formula(part, text, "定时"))
    source = ""
    if kind == "date" and _is_date(text):
        source = f"{'date and time' if 'T' in text else 'date'}({literal(text)})"
    elif kind == "duration" and parse_duration(text) is not None:
        source = f"duration({literal(text)})"
    elif kind == "cycle" and _is_cycle(text):
        source = literal(text)
    if not source:
        sample = {"date": "2026-10-08T08:30", "duration": "PT2H", "cycle": "R3/PT1H"}[kind]
        reading.error(
            "timer_text", part, f"定时“{text[:60]}”写法有误，请写成如“{sample}”，或以 = 开头的 FEEL 表达式。"
        )
        return Event(Trigger.TIMER, timer=kind)
    return Event(Trigger.TIMER, timer=kind, when=reading.constant(part, source))


def _is_cycle(text: str) -> bool:
    """True for `R[n]/[start/]duration` of ISO 8601."""
    match = _CYCLE.fullmatch(text)
    if match is None or parse_duration(match["interval"]) is None:
        return False
    return match["first"] is None or _is_date(match["first"])


def _is_date(text: str) -> bool:
    """True for an ISO date or date and time that exists."""
    if not _DATE.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True

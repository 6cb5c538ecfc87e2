"""Automatic steps that the engine does itself 自动步骤: registered functions for the topics of service and send tasks.

A topic gets the task's inputs and a `JobCall`, may say facts through it, and returns the results that are merged
like a form's. Any exception becomes the incident `job_failed` on that task; what people did before it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import InputInvalid
from engine.execution.state import State
from engine.facts import Fact, NoticeSent, NumberGiven
from engine.handlers.setting import Setting
from engine.values import Value

Topic = Callable[[Mapping[str, Value], "JobCall"], dict[str, Value]]

TOPICS: dict[str, Topic] = {}


@dataclass(slots=True)
class JobCall:
    """One run of a topic. `said` are the facts it wants recorded if it succeeds."""

    job: int
    element: str
    state: State
    setting: Setting
    said: list[Fact] = field(default_factory=list)

    def say(self, fact: Fact) -> None:
        self.said.append(fact)


def topic(name: str) -> Callable[[Topic], Topic]:
    """Register a function for a topic."""

    def register(function: Topic) -> Topic:
        TOPICS[name] = function
        return function

    return register


@topic("case.number")
def number_case(inputs: Mapping[str, Value], call: JobCall) -> dict[str, Value]:
    """Give the case its number in the package's series; a case that has one keeps it."""
    if call.state.number:
        return {"案件编号": call.state.number}
    rule = call.setting.package.number
    text = _next_number(rule.get("series", ""), rule.get("format", ""), call)
    return {"案件编号": text}


@topic("letter.number")
def number_letter(inputs: Mapping[str, Value], call: JobCall) -> dict[str, Value]:
    """Number an official letter 文号 in the series the task names."""
    return {"文号": _next_number(_text(inputs, "series"), _text(inputs, "format"), call)}


@topic("notice.send")
def send_notice(inputs: Mapping[str, Value], call: JobCall) -> dict[str, Value]:
    """Tell units or people something; it appears in their messages and goes out by the outbox."""
    title = _text(inputs, "title")
    if not title:
        raise InputInvalid("通知没有标题，请在流程图该步骤的输入参数中填写 title")
    for n, to in enumerate(_receivers(inputs), 1):
        call.say(
            NoticeSent(
                unit=_text(to, "unit"),
                role=_text(to, "role"),
                person=_person(_text(to, "person"), call),
                title=title,
                body=_text(inputs, "body"),
                key=f"{call.setting.case}/{call.job}/{n}",
            )
        )
    return {}


@topic("letter.send")
def send_letter(inputs: Mapping[str, Value], call: JobCall) -> dict[str, Value]:
    """Send an official letter to its receivers' messages; paper and seal are people's work."""
    number, title = _text(inputs, "number"), _text(inputs, "title")
    if not title:
        raise InputInvalid("公文没有标题，请在流程图该步骤的输入参数中填写 title")
    units = inputs.get("units") or inputs.get("unit")
    wanted = {**inputs, "to": units if isinstance(units, list) else [units] if units else None}
    for n, to in enumerate(_receivers(wanted), 1):
        call.say(
            NoticeSent(
                unit=_text(to, "unit"),
                role=_text(to, "role") or _text(inputs, "role"),
                person="",
                title=f"{number} {title}".strip(),
                body=_text(inputs, "body"),
                key=f"{call.setting.case}/{call.job}/{n}",
            )
        )
    return {"送达时间": call.setting.moment.now}


@topic("archive")
def archive(inputs: Mapping[str, Value], call: JobCall) -> dict[str, Value]:
    """List what the case's file 一案一档 holds: each step that people finished, in the diagram's order, with who."""
    done, name_of = call.state.performers, call.setting.directory.name_of
    catalogue: list[Value] = [  # by the diagram: the state's own order is not part of a snapshot
        {"步骤": element.name or element.id, "办理人": "、".join(name_of(p) for p in done[element.id])}
        for process in call.setting.package.processes.values()
        for element in process.elements.values()
        if element.id in done
    ]
    return {"归档目录": catalogue, "归档时间": call.setting.moment.now}


@topic("statistics")
def count(inputs: Mapping[str, Value], call: JobCall) -> dict[str, Value]:
    """Mark when the case entered the figures. The figures themselves are computed from the register."""
    return {"入账时间": call.setting.moment.now}


def _next_number(series: str, pattern: str, call: JobCall) -> str:
    if not series:
        raise InputInvalid(
            "没有填写编号系列：案件编号写在 process.toml 的 [number]，文号写在步骤的输入参数 series"
        )
    year = call.setting.moment.today.year
    number = call.setting.numbers(series, year)
    text = pattern or "{series}〔{year}〕{number}号"
    for name, value in (("series", series), ("year", str(year)), ("number", str(number))):
        text = text.replace("{" + name + "}", value)
    call.say(NumberGiven(series=series, year=year, number=number, text=text))
    return text


def _receivers(inputs: Mapping[str, Value]) -> list[Mapping[str, Any]]:
    """Receivers out of `to` (a list of contexts or unit names), or of `unit`, `role`, `person` themselves."""
    to = inputs.get("to")
    if to is None:
        to = [{k: inputs.get(k) for k in ("unit", "role", "person")}]
    receivers: list[Mapping[str, Any]] = []
    for one in to if isinstance(to, list) else [to]:
        if isinstance(one, str):
            one = {"unit": one}
        if isinstance(one, Mapping) and any(one.get(k) for k in ("unit", "role", "person")):
            receivers.append(one)
    if not receivers:
        raise InputInvalid("没有收件单位或人员，请检查流程图该步骤的输入参数 unit、role、person 或 to")
    return receivers


def _text(inputs: Mapping[str, Value], key: str) -> str:
    value = inputs.get(key)
    return "" if value is None else str(value)


def _person(text: str, call: JobCall) -> str:
    if not text:
        return ""
    found = call.setting.directory.find_person(text)
    if found is None:
        raise InputInvalid(f"收件人“{text}”不在通讯录中")
    return found.id

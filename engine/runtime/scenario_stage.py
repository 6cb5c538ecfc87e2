"""Acting a scenario out 情景试演: one case in memory, on the real handlers and a virtual clock."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine import facts as fact_kinds
from engine.assignment import acting_as, candidates
from engine.calendar import Moment, WorkCalendar
from engine.clock import SHANGHAI
from engine.commands import (
    ENGINE,
    Actor,
    AddNote,
    CallAction,
    CancelCase,
    ClaimItem,
    Command,
    DeliverMessage,
    DeliverSignal,
    FinishItem,
    PassDeadline,
    ReleaseItem,
    ResumeCase,
    RetryIncident,
    ReturnItem,
    StartCase,
    SuspendCase,
    TransferItem,
)
from engine.definitions.forms import Field
from engine.definitions.model import Package
from engine.directory import Directory
from engine.errors import EngineError
from engine.execution.state import Item, State, fold
from engine.facts import Fact
from engine.feel import compile_expression
from engine.handlers import FileInfo, Setting, decide
from engine.handlers.work import Work
from engine.runtime.scenario_expect import expect
from engine.runtime.scenario_file import Scenario, Step, instant, outside
from engine.values import Value, dumps, loads, plain

CASE = "scenario"
"""Id of the case a scenario is about."""

MOST_FIRINGS = 10_000
"""Deadlines that may fire in one wait; more means a timer that never stops."""

MOST_STEPS = 200
"""Work items one `proceed` may finish; more means that it goes round in circles."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A promise not kept. `way` is 直接, 快照 or 重放; `step` 0 means the comparison at the end."""

    way: str
    step: int
    expected: str
    actual: str

    def __str__(self) -> str:
        where = f"第 {self.step} 步" if self.step else "结尾比对"
        return f"[{self.way}] {where}：应为 {self.expected}，实为 {self.actual}"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, for reading: Shanghai time, who, the fact."""

    at: datetime
    who: str
    fact: Fact


class Stopped(Exception):
    """The scenario cannot go on; the failure is recorded."""


class Stage:
    """One run: the case, the clock, and what has been found wrong."""

    def __init__(
        self,
        scenario: Scenario,
        package: Package,
        directory: Directory,
        calendar: WorkCalendar,
        defaults: Mapping[str, Mapping[str, Any]],
        way: str,
    ) -> None:
        self.scenario = scenario
        self.package = package
        self.directory = directory
        self.calendar = calendar
        self.defaults = defaults
        self.way = way
        self.now = scenario.now
        self.state = State()
        self.facts: list[Fact] = []
        self.timeline: list[Line] = []
        self.failures: list[Failure] = []
        self.refused = ""  # code of the last step's refusal
        self.files: dict[str, FileInfo] = {}
        self._numbers: dict[tuple[str, int], int] = {}

    # -- running ---------------------------------------------------------------------------------------

    def play(self, between: Callable[[Stage], None]) -> None:
        """All steps. Raises `Stopped` at the first that cannot be done."""
        for step, after in zip(self.scenario.steps, (*self.scenario.steps[1:], None), strict=True):
            if step.what == "expect":
                expect(self, step)
                continue
            if step.what == "wait":
                self._wait(step)
            elif step.what == "proceed":
                self._proceed(step, between)
            else:
                self._ask(step, after)
            between(self)

    def execute(self, command: Command, actor: Actor) -> None:
        """One command, its facts kept; a refusal leaves the case as it was."""
        try:
            said = decide(command, self.state, self.setting(actor))
        except Exception:
            self.state = fold(self.facts)
            raise
        self.facts += said
        local = self.now.astimezone(SHANGHAI)
        self.timeline += [Line(local, actor.name, fact) for fact in said]

    def setting(self, actor: Actor) -> Setting:
        return Setting(
            self.package,
            self.directory,
            Moment(self.now, self.calendar),
            actor,
            CASE,
            self._number,
            self.files.get,
            lambda _state: [{"label": number, "value": number} for number in self.scenario.others],
        )

    def _number(self, series: str, year: int) -> int:
        self._numbers[series, year] = self._numbers.get((series, year), 0) + 1
        return self._numbers[series, year]

    def fail(self, step: Step, expected: object, actual: object) -> None:
        self.failures.append(Failure(self.way, step.number, _shown(expected), _shown(actual)))

    def stop(self, step: Step, expected: object, actual: object) -> Stopped:
        self.fail(step, expected, actual)
        return Stopped()

    # -- time --------------------------------------------------------------------------------------------

    def _wait(self, step: Step) -> None:
        text = step.data["for"].strip()
        if text == "next deadline":
            due = self._next_due()
            if due is None:
                raise self.stop(step, "还有未到的时限", "没有时限")
            target = max(due[0], self.now)
        else:
            target = self._target(text, step)
        if target < self.now:
            raise self.stop(step, "等到现在之后", f"{local_text(target)}")
        self._pass_until(target, step)
        self.now = target

    def _target(self, text: str, step: Step) -> datetime:
        if text.startswith("until "):
            return instant(text[6:].strip(), f"第 {step.number} 步 wait")
        match = re.fullmatch(r"(\d{1,4}) (working )?(day|hour|minute)s?", text)
        if match is None or (match.group(2) and match.group(3) != "day"):
            raise self.stop(step, "5 working days、3 days、2 hours、until 时间、next deadline", text)
        count, working, unit = int(match.group(1)), match.group(2), match.group(3)
        if not working:
            return self.now + timedelta(**{unit + "s": count})
        local = self.now.astimezone(SHANGHAI)
        try:
            day = self.calendar.workdays(local.date(), count).astimezone(SHANGHAI).date()
        except EngineError as refusal:
            raise self.stop(step, "能够推算工作日", f"{refusal.code}：{refusal.message}") from refusal
        return local.replace(year=day.year, month=day.month, day=day.day).astimezone(self.now.tzinfo)

    def _next_due(self) -> tuple[datetime, int] | None:
        return min(((d.due, d.id) for d in self.state.deadlines.values() if d.due is not None), default=None)

    def _pass_until(self, target: datetime, step: Step) -> None:
        """Fire what is due up to `target`, in order, each at its own instant."""
        for _ in range(MOST_FIRINGS):
            due = self._next_due()
            if due is None or due[0] > target:
                return
            self.now = max(self.now, due[0])
            try:
                self.execute(PassDeadline(due[1]), ENGINE)
            except EngineError as refusal:
                raise self.stop(step, "时限到时能够执行", f"{refusal.code}：{refusal.message}") from refusal
            if self._next_due() == due:
                raise self.stop(step, "时限只触发一次", f"时限 {due[1]} 触发后仍未撤下")
        raise self.stop(step, f"等待期间时限触发不超过 {MOST_FIRINGS} 次", "更多，流程图中可能有不停的定时")

    # -- asking ------------------------------------------------------------------------------------------

    def _ask(self, step: Step, after: Step | None) -> None:
        self.refused = ""
        wanted = step.data.get("refused", "")
        if not wanted and after is not None and after.what == "expect":
            wanted = after.data.get("refused", "")
        self._pass_until(self.now, step)
        try:
            self.execute(*self._command(step))
        except EngineError as refusal:
            self.refused = refusal.code
            if refusal.code != wanted:
                detail = refusal.fields.get("errors")
                message = refusal.message + (f" {plain(detail)}" if detail else "")
                raise self.stop(
                    step, f"拒绝 {wanted}" if wanted else "办成", f"{refusal.code}：{message}"
                ) from refusal
        else:
            if step.data.get("refused"):
                raise self.stop(step, f"拒绝 {wanted}", "办成了")
        self._pass_until(self.now, step)

    def _proceed(self, step: Step, between: Callable[[Stage], None]) -> None:
        """照常办理: everyone does what is open, oldest first, with the defaults, until `until` is open and nothing else
        is (but what is to be left: `leave`)."""
        until, leave = step.data.get("until", ""), set(step.data.get("leave", ()))
        for _ in range(MOST_STEPS):
            waiting = [i for i in self.state.items.values() if i.element not in {*leave, until}]
            if not waiting:
                break
            item = min(waiting, key=lambda i: i.id)
            element = self.package.processes[self.state.instances[item.id].process].elements[item.element]
            people = candidates(item, self.state.performers, element, self.package.titles, self.directory)
            if not people:
                raise self.stop(step, f"“{item.name}”有人可办", "没有人可以办理")
            actor = acting_as(people[0], self.directory, item.role, item.unit)
            try:
                self.execute(FinishItem(CASE, item.id, self._form(item.form, {}, item.id)), actor)
            except EngineError as refusal:
                errors = plain(refusal.fields.get("errors", ""))
                raise self.stop(
                    step, f"照常办成“{item.name}”", f"{refusal.code}：{refusal.message} {errors}"
                ) from refusal
            self._pass_until(self.now, step)
            between(self)
        else:
            raise self.stop(step, f"{MOST_STEPS} 步之内办到“{until}”", "仍未办到")
        opened = [i.element for i in self.state.items.values()]
        if until and until not in opened:
            raise self.stop(step, f"办到“{until}”", opened)

    def _command(self, step: Step) -> tuple[Command, Actor]:
        data = step.data
        match step.what:
            case "start":
                form = self._form(self._start_form(data.get("at", "")), data, 0)
                return StartCase(self.package.key, form, data.get("at", "")), self._actor(step)
            case "message":
                return (
                    DeliverMessage(data["name"], str(data.get("key", "")), self._variables(data)),
                    self._asker(step),
                )
            case "signal":
                return DeliverSignal(data["name"], self._variables(data)), self._asker(step)
            case "suspend":
                until = data.get("until")
                at = instant(until, f"第 {step.number} 步 until") if until is not None else None
                return SuspendCase(CASE, str(data.get("reason", "")), at), self._actor(step)
            case "resume":
                return ResumeCase(CASE, str(data.get("reason", ""))), self._actor(step)
            case "cancel":
                return CancelCase(CASE, str(data.get("reason", ""))), self._actor(step)
            case "note":
                return AddNote(CASE, str(data.get("text", ""))), self._actor(step)
            case "action":
                action = self.package.actions.get(data.get("action", ""))
                form = self._form(action.form if action else "", data, 0)
                return CallAction(CASE, data.get("action", ""), form), self._actor(step)
            case "retry":
                return RetryIncident(self._incident(step), self._variables(data)), self._asker(step)
        return self._item_command(step)

    def _item_command(self, step: Step) -> tuple[Command, Actor]:
        data = step.data
        item = self._item(step)
        actor = self._actor(step, item)
        reason = str(data.get("reason", ""))
        match step.what:
            case "complete":
                return FinishItem(CASE, item.id, self._form(item.form, data, item.id)), actor
            case "claim":
                return ClaimItem(CASE, item.id), actor
            case "release":
                return ReleaseItem(CASE, item.id, reason), actor
            case "return":
                to = data.get("to", "")
                return ReturnItem(CASE, item.id, reason, self._element_named(to)), actor
            case _:
                person = str(data.get("person", ""))
                return TransferItem(CASE, item.id, reason, str(data.get("unit", "")), person), actor

    def _item(self, step: Step) -> Item:
        wanted = step.data.get("item", "")
        found = [i for i in self.state.items.values() if wanted in (i.element, i.name)]
        nth = step.data.get("nth")
        if nth is None and len(found) > 1:  # the one that lies with the person
            actor = self._actor(step)
            mine = [i for i in found if f"{i.role}@{i.unit}" in actor.posts or i.person == actor.person]
            found = mine or found
        index = (nth or 1) - 1
        if not 0 <= index < len(found):
            opened = [f"{i.element} {i.name}" for i in self.state.items.values()]
            raise self.stop(step, f"有待办“{wanted}”" + (f"（第 {nth} 个）" if nth else ""), opened)
        return found[index]

    def _incident(self, step: Step) -> int:
        wanted = step.data.get("incident", "")
        for incident in self.state.incidents.values():
            if wanted in ("", incident.element, incident.code, self.package.titles.get(incident.element)):
                return incident.id
        raise self.stop(step, f"有异常“{wanted}”", [i.code for i in self.state.incidents.values()])

    def _actor(self, step: Step, item: Item | None = None) -> Actor:
        name = step.data.get("by", "")
        person = self.directory.find_person(name)
        if person is None:
            raise self.stop(step, f"通讯录中有“{name}”", "没有这个人员")
        return acting_as(person.id, self.directory, item.role if item else "", item.unit if item else "")

    def _asker(self, step: Step) -> Actor:
        return self._actor(step) if "by" in step.data else ENGINE

    def _element_named(self, text: str) -> str:
        return next((id for id, name in self.package.titles.items() if name == text), text)

    # -- forms -------------------------------------------------------------------------------------------

    def _start_form(self, at: str) -> str:
        starts = self.package.starts
        if at in starts:
            return starts[at].form
        main = self.package.processes[self.package.main]
        plainly = [s for s in main.starts if s in starts and main.elements[s].plain_start]
        return starts[plainly[0]].form if not at and plainly else ""

    def _form(self, form: str, data: Mapping[str, Any], at: int) -> dict[str, Value]:
        """The step's form over the form's defaults; a null takes a default away, `=…` is FEEL."""
        merged = {**self.defaults.get(form, {}), **data.get("form", {})}
        given = {str(k): self._given(v, at) for k, v in merged.items() if v is not None}
        drawn = self.package.forms.get(form)
        return self._uploaded(drawn.fields, given) if drawn is not None else given

    def _uploaded(self, fields: Iterable[Field], given: dict[str, Value]) -> dict[str, Value]:
        """File fields name files as a person would say them; here they count as uploaded, under an id."""
        for part in fields:
            value = given.get(part.key)
            if part.type == "filepicker" and value is not None:
                given[part.key] = [self._upload(n) for n in (value if isinstance(value, list) else [value])]
            elif part.fields and isinstance(value, list):
                given[part.key] = [
                    self._uploaded(part.fields, r) if isinstance(r, dict) else r for r in value
                ]
        return given

    def _upload(self, name: Value) -> Value:
        if not isinstance(name, str):
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()
        self.files[digest[:20]] = FileInfo(digest[:20], name, "application/octet-stream", len(name), digest)
        return digest[:20]

    def _variables(self, data: Mapping[str, Any]) -> dict[str, Value]:
        return {str(k): self._given(v, 0, keep=True) for k, v in data.get("variables", {}).items()}

    def _given(self, value: Any, at: int, keep: bool = False) -> Value:
        if isinstance(value, str) and value.startswith("="):
            moment = Moment(self.now, self.calendar)
            work = Work(self.state, self.setting(ENGINE))
            found = compile_expression(value[1:]).evaluate(work.context(at or 1), moment)
            return found if keep else plain(found)
        if isinstance(value, list):
            return [self._given(v, at, keep) for v in value]
        if isinstance(value, dict):
            return {str(k): self._given(v, at, keep) for k, v in value.items()}
        return value if keep and not isinstance(value, float) else outside(value)


def local_text(at: datetime | None) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S") if at is not None else "无"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "、".join(map(str, value)) or "无"
    return str(value) or "（空）"


def through_bytes(facts: list[Fact]) -> list[Fact]:
    """The facts written out and read back, as the ledger would."""
    return [fact_kinds.from_data(loads(dumps(fact_kinds.to_data(fact)))) for fact in facts]

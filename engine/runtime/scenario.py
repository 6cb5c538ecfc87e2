"""Running scenarios 情景: what a process promises, acted out in memory on the real handlers and a virtual clock.

Every scenario is run three ways: plainly; with the state restored from its snapshot's bytes between every step; and
with the state folded anew from the facts' bytes between every step. The facts of the three must be the same, and
the plain run's state must equal the fold of its facts.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine import facts as fact_kinds
from engine.assignment import acting_as
from engine.calendar import Moment, WorkCalendar, seed_days
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
from engine.runtime.scenario_file import Scenario, Step, instant, is_bare_date, outside
from engine.values import Value, dumps, loads, plain

CASE = "scenario"
"""Id of the case a scenario is about."""

MOST_FIRINGS = 10_000
"""Deadlines that may fire in one wait; more means a timer that never stops."""


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


@dataclass(slots=True)
class Report:
    """How a scenario went."""

    file: str
    title: str
    failures: list[Failure] = field(default_factory=list)
    timeline: list[Line] = field(default_factory=list)
    steps: int = 0

    @property
    def passed(self) -> bool:
        return not self.failures


class Stopped(Exception):
    """The scenario cannot go on; the failure is recorded."""


def run(
    scenario: Scenario, package: Package, directory: Directory, defaults: Mapping[str, Mapping[str, Any]]
) -> Report:
    """Run a scenario all three ways."""
    report = Report(scenario.file, scenario.title, steps=len(scenario.steps))
    calendar = scenario_calendar(scenario)
    histories: dict[str, list[dict[str, Any]]] = {}
    for way, between in (("直接", _leave), ("快照", _restore), ("重放", _replay)):
        stage = Stage(scenario, package, directory, calendar, defaults, way)
        with contextlib.suppress(Stopped):
            stage.play(between)
        report.failures += stage.failures
        histories[way] = [fact_kinds.to_data(fact) for fact in stage.facts]
        if way == "直接":
            report.timeline = stage.timeline
            if fold(_through_bytes(stage.facts)) != stage.state:
                report.failures.append(Failure(way, 0, "由事实重放得到同一状态", "状态不同"))
        elif histories[way] != histories["直接"]:
            at = _first_difference(histories["直接"], histories[way])
            report.failures.append(Failure(way, 0, "与直接运行的事实完全相同", f"第 {at} 条事实起不同"))
    return report


def scenario_calendar(scenario: Scenario) -> WorkCalendar:
    """The seeded calendar around the scenario's time; `years` adds years taken as the library guesses them."""
    year = scenario.now.astimezone(SHANGHAI).year
    rows, confirmed = seed_days({*range(year - 2, year + 3), *scenario.years})
    return WorkCalendar(
        holidays=frozenset(r.day for r in rows if not r.working),
        makeup=frozenset(r.day for r in rows if r.working),
        confirmed_years=frozenset({*confirmed, *scenario.years}),
        version="scenario",
    )


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
        self.names = {e.id: e.name for p in package.processes.values() for e in p.elements.values() if e.name}

    # -- running ---------------------------------------------------------------------------------------

    def play(self, between: Callable[[Stage], None]) -> None:
        """All steps. Raises `Stopped` at the first that cannot be done."""
        for step, after in zip(self.scenario.steps, (*self.scenario.steps[1:], None), strict=True):
            if step.what == "expect":
                self._expect(step)
                continue
            if step.what == "wait":
                self._wait(step)
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
            raise self.stop(step, "等到现在之后", f"{_local(target)}")
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
        day = self.calendar.workdays(local.date(), count).astimezone(SHANGHAI).date()
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
            if wanted in ("", incident.element, incident.code, self.names.get(incident.element)):
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
        return next((id for id, name in self.names.items() if name == text), text)

    # -- forms -------------------------------------------------------------------------------------------

    def _start_form(self, at: str) -> str:
        starts = self.package.starts
        if at in starts:
            return starts[at].form
        main = self.package.processes[self.package.main]
        plainly = [s for s in main.starts if s in starts and _is_plain(main.elements[s].event)]
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

    # -- expecting ---------------------------------------------------------------------------------------

    def _expect(self, step: Step) -> None:
        for key, wanted in step.data.items():
            getattr(self, f"_expect_{key}")(step, wanted)

    def _expect_open(self, step: Step, wanted: list[str]) -> None:
        items = list(self.state.items.values())
        rest = list(items)
        for name in wanted:
            found = next((i for i in rest if name in (i.element, i.name)), None)
            if found is None:
                break
            rest.remove(found)
        else:
            if not rest:
                return
        self.fail(step, f"待办 {sorted(wanted)}", sorted(f"{i.element} {i.name}" for i in items))

    def _expect_status(self, step: Step, wanted: str) -> None:
        if self.state.status != wanted:
            self.fail(step, f"状态 {wanted}", self.state.status)

    def _expect_variables(self, step: Step, wanted: Mapping[str, Any]) -> None:
        actual = self.state.root_variables
        for name, value in wanted.items():
            if plain(actual.get(name)) != plain(outside(value)):
                self.fail(step, f"{name} = {plain(value)}", f"{name} = {plain(actual.get(name))}")

    def _expect_due(self, step: Step, wanted: Mapping[str, Any]) -> None:
        for name, value in wanted.items():
            found = [i.due for i in self.state.items.values() if name in (i.element, i.name)]
            if not found:
                self.fail(step, f"{name} 的期限 {value}", "没有这个待办")
            elif not any(_same_instant(due, value, step) for due in found):
                self.fail(step, f"{name} 的期限 {value}", [_local(d) for d in found])

    def _expect_at(self, step: Step, wanted: Any) -> None:
        if not _same_instant(self.now, wanted, step):
            self.fail(step, f"时间 {wanted}", _local(self.now))

    def _expect_holder(self, step: Step, wanted: Mapping[str, Any]) -> None:
        for name, value in wanted.items():
            found = [i for i in self.state.items.values() if name in (i.element, i.name)]
            names = [(i.unit, i.person, self.directory.name_of(i.person)) for i in found]
            if not any(value in held for held in names):
                self.fail(
                    step,
                    f"{name} 在 {value}",
                    [i.unit or i.person or "无人" for i in found] or "没有这个待办",
                )

    def _expect_deadlines(self, step: Step, wanted: Mapping[str, Any]) -> None:
        for name, value in wanted.items():
            found = sorted(
                d.due
                for d in self.state.deadlines.values()
                if name in (d.element, self.names.get(d.element)) and d.due is not None
            )
            if value is None:
                if found:
                    self.fail(step, f"没有时限 {name}", [_local(d) for d in found])
            elif not any(_same_instant(due, value, step) for due in found):
                self.fail(step, f"时限 {name} 在 {value}", [_local(d) for d in found] or "没有这个时限")

    def _expect_incidents(self, step: Step, wanted: list[str]) -> None:
        actual = sorted(i.code for i in self.state.incidents.values())
        if actual != sorted(wanted):
            messages = [f"{i.code} {i.element}：{i.message}" for i in self.state.incidents.values()]
            self.fail(step, f"异常 {sorted(wanted)}", messages)

    def _expect_ended(self, step: Step, wanted: Any) -> None:
        state = self.state
        actual = {state.ended, state.end, self.names.get(state.end, "")} if state.ended else {False}
        if wanted not in actual:
            self.fail(step, f"结束于 {wanted}", sorted(str(a) for a in actual if a) or "未结束")

    def _expect_facts(self, step: Step, wanted: list[str]) -> None:
        kinds = {fact.kind for fact in self.facts}
        for kind in wanted:
            if kind not in kinds:
                self.fail(step, f"有事实 {kind}", "没有")

    def _expect_notices(self, step: Step, wanted: list[str]) -> None:
        titles = [f.title for f in self.facts if isinstance(f, fact_kinds.NoticeSent)]
        for text in wanted:
            if not any(text in title for title in titles):
                self.fail(step, f"有通知“{text}”", titles)

    def _expect_refused(self, step: Step, wanted: str) -> None:
        if self.refused != wanted:
            self.fail(step, f"上一步被拒绝 {wanted}", self.refused or "办成了")


# -- the three ways ------------------------------------------------------------------------------------


def _leave(stage: Stage) -> None:
    """Plainly: the state goes on as it is."""


def _restore(stage: Stage) -> None:
    """From the snapshot's bytes."""
    stage.state = State.from_data(loads(dumps(stage.state.to_data())))


def _replay(stage: Stage) -> None:
    """From the facts' bytes."""
    stage.state = fold(_through_bytes(stage.facts))


def _through_bytes(facts: list[Fact]) -> list[Fact]:
    return [fact_kinds.from_data(loads(dumps(fact_kinds.to_data(fact)))) for fact in facts]


def _first_difference(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False), 1) if x != y), min(len(a), len(b)) + 1)


# -- comparing and showing -------------------------------------------------------------------------------


def _same_instant(actual: datetime | None, wanted: Any, step: Step) -> bool:
    if wanted is None or actual is None:
        return wanted is None and actual is None
    if is_bare_date(wanted):
        return actual.astimezone(SHANGHAI).date().isoformat() == str(wanted)
    return actual == instant(wanted, f"第 {step.number} 步")


def _local(at: datetime | None) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S") if at is not None else "无"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "、".join(map(str, value)) or "无"
    return str(value) or "（空）"


def _is_plain(event: Any) -> bool:
    return event is None or event.trigger == "none"

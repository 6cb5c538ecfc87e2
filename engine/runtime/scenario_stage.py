"""Acting a scenario out 情景试演: one case in memory, on the real handlers and a virtual clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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
    CheckPosts,
    Command,
    FinishItem,
    PassDeadline,
)
from engine.definitions.model import Package
from engine.directory import Directory
from engine.errors import EngineError
from engine.execution.history import History
from engine.execution.state import State, fold
from engine.facts import Fact
from engine.handlers import FileInfo, OtherCase, Setting, decide
from engine.handlers.posts import is_due
from engine.handlers.work import Work
from engine.runtime.scenario_ask import CASE, command_of, directory_after, form_of, handing_over
from engine.runtime.scenario_expect import expect, local_text
from engine.runtime.scenario_file import Scenario, Step, instant
from engine.values import dumps, loads, plain

MOST_FIRINGS = 10_000
"""Deadlines that may fire in one wait; more means a timer that never stops."""

MOST_STEPS = 200
"""Work items one `proceed` may finish; more means that it goes round in circles."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A promise not kept. `way` is 直接, 快照, 重放 or 两机; `step` 0 means the comparison at the end."""

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
        self._directory = directory
        self.calendar = calendar
        self.defaults = defaults
        self.way = way
        self.now = scenario.now
        self.state = State()
        self.facts: list[Fact] = []
        self.commands: list[tuple[Moment, list[Fact]]] = []  # the same, command by command
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
            elif step.what in ("away", "leaves"):
                self._directory = directory_after(self, step)
                self._check_posts()
            elif step.what == "hand_over":
                self._hand_over(step)
            else:
                self._ask(step, after)
            between(self)

    @property
    def directory(self) -> Directory:
        """The directory as it counts on the scenario's day."""
        return self._directory.at(self.now.astimezone(SHANGHAI).date())

    def _check_posts(self) -> None:
        """What the worker does after the directory has changed, or a day with absences has begun or ended."""
        if is_due(Work(self.state, self.setting(ENGINE))):
            self.execute(CheckPosts(CASE), ENGINE)

    def _hand_over(self, step: Step) -> None:
        """移交: what the worker does after somebody's work was handed over."""
        commands = handing_over(self, step)
        if not commands:
            raise self.stop(step, f"“{step.data.get('who', '')}”名下有事项", "没有")
        for command, actor in commands:
            try:
                self.execute(command, actor)
            except EngineError as refusal:
                raise self.stop(step, "移交", f"{refusal.code}：{refusal.message}") from refusal

    def execute(self, command: Command, actor: Actor) -> None:
        """One command, its facts kept; a refusal leaves the case as it was."""
        try:
            said = decide(command, self.state, self.setting(actor))
        except Exception:
            self.state = fold(self.facts)
            raise
        self.facts += said
        self.commands.append((Moment(self.now, self.calendar), said))
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
            history=lambda package: History(package, self.facts),
            other=self._other,
        )

    def _other(self, case: str) -> OtherCase | None:
        """One of the scenario's `others`: an open case of the same process, of no particular enterprise."""
        if case not in self.scenario.others:
            return None
        return OtherCase(case, case, "", "open", self.package.key, "")

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
        if self._directory.absences:
            self._check_posts()

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
            self.execute(*command_of(self, step))
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
                self.execute(FinishItem(CASE, item.id, form_of(self, item.form, {}, item.id)), actor)
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


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "、".join(map(str, value)) or "无"
    return str(value) or "（空）"


def through_bytes(facts: list[Fact]) -> list[Fact]:
    """The facts written out and read back, as the ledger would."""
    return [fact_kinds.from_data(loads(dumps(fact_kinds.to_data(fact)))) for fact in facts]

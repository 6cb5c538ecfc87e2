"""One case of a playing 试运行中的一个案件: its state, how its work is answered, and its facts as rows.

`play` runs one or several of them on a virtual clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine import facts as f
from engine.calendar import Moment
from engine.commands import CompleteItem, CompleteJob, FailJob, KernelCommand, ThrowError
from engine.definitions.model import Package
from engine.errors import InputInvalid
from engine.execution.advance import advance
from engine.execution.explain import drawn
from engine.execution.marking import State
from engine.execution.timers import later_by
from engine.values import Months, Value, from_outside, parse_duration, plain


@dataclass
class Answers:
    """What the work of each element returns, by element id, in order; shared by all cases of a playing."""

    given: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)

    def next(self, element: str) -> Mapping[str, Any]:
        """The next answer; an empty one when there is none (left)."""
        rows, used = self.given.get(element, ()), self.used.get(element, 0)
        self.used[element] = used + 1
        return rows[used] if used < len(rows) else {}

    def after(self, element: str) -> timedelta | Months:
        """How long after it was offered work is done, by its next answer."""
        rows, used = self.given.get(element, ()), self.used.get(element, 0)
        return (
            parse_duration(str(rows[used].get("after", ""))) or timedelta()
            if used < len(rows)
            else timedelta()
        )

    def left(self, element: str) -> bool:
        """Whether there is an answer that has not been used."""
        return self.used.get(element, 0) < len(self.given.get(element, ()))


class PlayedCase:
    """A case being played. `label` names it in the rows: the process's key, with a number from the second case on."""

    def __init__(self, package: Package, process: str, label: str, id: str) -> None:
        self.package = package
        self.process = process
        self.label = label
        self.id = id
        self.state = State()
        self._names: dict[int, tuple[str, str]] = {}  # id → element and its name, kept after it has ended
        self._since: dict[int, datetime] = {}  # open work → when it was offered
        self._loops: set[int] = set()  # what goes round: its rounds are the elements people count

    @property
    def outcome(self) -> str:
        """`completed`, `incident` or `waiting`."""
        if self.state.ended:
            return "completed"
        return "incident" if self.state.incidents else "waiting"

    def do(self, command: KernelCommand, moment: Moment) -> list[f.Fact]:
        """Carry out one command."""
        facts = advance(self.package, self.state, command, moment, self.id)
        for fact in facts:
            if isinstance(fact, f.WorkItemOffered | f.JobOffered):
                self._since[fact.id] = moment.now
        return facts

    def work(self, answers: Answers, hold: bool, now: datetime) -> KernelCommand | None:
        """What answers the oldest open work that is answered by now."""
        for at, id, element in self._open(answers, hold):
            if at <= now:
                return self._answer(id, element, answers.next(element))
        return None

    def next_work(self, answers: Answers, hold: bool) -> datetime | None:
        """When the first open work is answered."""
        return min((at for at, _, _ in self._open(answers, hold)), default=None)

    def held(self, answers: Answers) -> bool:
        """Whether work of people is open that nobody answers."""
        return any(not answers.left(item.element) for item in self.state.items.values())

    def _open(self, answers: Answers, hold: bool) -> Iterator[tuple[datetime, int, str]]:
        """When which open work is answered, the oldest first; `hold`: work of people without an answer is not."""
        state = self.state
        halted = {incident.owner for incident in state.incidents.values()}
        items = {id for id, item in state.items.items() if not hold or answers.left(item.element)}
        open_work = set(state.jobs) | items
        for id in sorted(open_work - halted):
            element = state.items[id].element if id in state.items else state.jobs[id].element
            yield later_by(self._since[id], answers.after(element)), id, element

    def _answer(self, id: int, element: str, answer: Mapping[str, Any]) -> KernelCommand:
        if "bpmnError" in answer:
            text = str(answer.get("message") or answer.get("errorMessage") or "")
            return ThrowError(id, str(answer["bpmnError"]), text, _variables(answer, element))
        if "fail" in answer:
            return FailJob(id, str(answer["fail"]))
        if id in self.state.items:
            return CompleteItem(id, _variables(answer, element))
        return CompleteJob(id, _variables(answer, element))

    def next_deadline(self) -> tuple[datetime, int] | None:
        """The timer that is due first. What an incident has halted waits for somebody to act: no timer on it or around
        it takes it away before."""
        state, halted = self.state, set()
        for incident in state.incidents.values():
            at = incident.owner
            while at and at not in halted:
                halted.add(at)
                at = state.instances[at].scope
        armed = (
            (d.due, d.id) for d in state.deadlines.values() if d.due is not None and d.owner not in halted
        )
        return min(armed, default=None)

    # -- rows ------------------------------------------------------------------------------------------

    def row(self, fact: f.Fact, now: datetime) -> dict[str, Any]:
        """A fact as a row: its kind, when, in which case, the element's id and name, and what the fact says."""
        names = self._names
        id = getattr(fact, "id", 0)
        element = getattr(fact, "element", "")
        if isinstance(fact, f.ElementEntered):
            process = self.package.processes[fact.process]
            names[id] = (element, process.elements[element].name)
        elif isinstance(fact, f.DeadlineSet | f.Subscribed | f.IncidentRaised):
            found = drawn(self.package, self.state, fact.owner, element)
            names[id] = (element, found.name if found is not None else names.get(id, ("", ""))[1])
        known = names.get(id, ("", ""))
        kind = fact.kind
        if getattr(fact, "body", False) is True:
            self._loops.add(id)
        if id in self._loops and kind in _LOOP_KINDS:
            kind = _LOOP_KINDS[kind]
        row: dict[str, Any] = {"kind": kind, "at": now.isoformat(), "case": self.label}
        if id:
            row["id"] = id
        if element or known[0]:
            row["element"] = element or known[0]
        if known[1]:
            row["name"] = known[1]
        for key, value in f.to_data(fact).items():
            if key == "name" and isinstance(fact, f.Subscribed | f.MessageReceived | f.SignalReceived):
                key = "waits_for"  # `name` is the element's
            row.setdefault(key, plain(value, exact=True))
        return row

    def finished(self, fact: f.Fact) -> str:
        """The element whose work this fact ends, "" for any other fact; of what goes round each round."""
        if isinstance(fact, f.ElementCompleted) and fact.id not in self._loops:
            return self._names.get(fact.id, ("", ""))[0]
        return ""


_LOOP_KINDS = {
    "ElementEntered": "LoopEntered",
    "ElementCompleted": "LoopCompleted",
    "ElementCancelled": "LoopCancelled",
}


# -- answers -------------------------------------------------------------------------------------------


def _variables(answer: Mapping[str, Any], element: str) -> dict[str, Value]:
    raw = answer.get("variables") or {}
    if not isinstance(raw, dict):
        raise InputInvalid(f"“{element}”的回答中 variables 应是一个 JSON 对象。")
    values = from_outside(raw)
    assert isinstance(values, dict)
    return values


def read_answers(raw: Any) -> dict[str, list[dict[str, Any]]]:
    """The answers file's content, checked. Raises `InputInvalid`."""
    if not isinstance(raw, dict):
        raise InputInvalid("回答文件应是一个 JSON 对象：元素编号 → 按次序使用的回答列表。")
    answers: dict[str, list[dict[str, Any]]] = {}
    for element, given in raw.items():
        rows = given if isinstance(given, list) else [given]
        for row in rows:
            if not isinstance(row, dict) or not set(row) <= _WORDS or not _says(row):
                raise InputInvalid(
                    f'“{element}”的回答有误：每条应是 {{"variables": {{…}}}}、{{"bpmnError": 代码}} 或 {{"fail": 原因}}，可加 "after": 时长。'
                )
        answers[str(element)] = rows
    return answers


def _says(row: Mapping[str, Any]) -> bool:
    """True when an error's code and a failure's reason are text (or a number, as a code may be), and a delay a duration."""
    said = [row[word] for word in ("bpmnError", "fail") if word in row]
    timed = "after" not in row or parse_duration(str(row["after"])) is not None
    return timed and len(said) < 2 and all(isinstance(one, str | int) and one != "" for one in said)


_WORDS = {"variables", "bpmnError", "fail", "message", "errorMessage", "after"}

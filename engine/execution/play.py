"""Play a diagram in memory on a virtual clock 试运行: people and machines answer at once, time jumps to what is due next.

Pure, like the kernel: the same diagram, answers and first instant give the same facts. Nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine import facts as f
from engine.calendar import Moment, WorkCalendar
from engine.commands import (
    CompleteItem,
    CompleteJob,
    DeliverMessage,
    DeliverSignal,
    FailJob,
    KernelCommand,
    PassDeadline,
    StartProcess,
    ThrowError,
)
from engine.definitions.model import Package, Process, Trigger
from engine.errors import InputInvalid, NotFound
from engine.execution.advance import advance
from engine.execution.explain import drawn
from engine.execution.marking import State
from engine.execution.records import Subscription
from engine.execution.run import CONDITION, Halt, Run
from engine.execution.timers import first_firing, later_by
from engine.values import Months, Value, from_outside, plain

DEFAULT_LIMIT = timedelta(days=365)
MOST_COMMANDS = 10_000
"""After so many commands the playing stops: an endless timer would go on for the whole limit."""

Heard = tuple[str, dict[str, Value]]
"""A message's or signal's name and payload."""


@dataclass
class Playing:
    """One playing of a process.

    `answers`: by element id what its work returns, in order; then, and without any, an empty result. Each is
    `{"variables": {…}}`, `{"bpmnError": CODE, "message": …}` or `{"fail": TEXT}`. `messages` and `signals` are each
    delivered once, as soon as something waits for them (or begin the case at a start event). `hold`: work of people
    stays open, and the clock then only moves when `until` says how far. An incident stops the clock.
    """

    package: Package
    at: datetime
    calendar: WorkCalendar
    process: str = ""
    variables: dict[str, Value] = field(default_factory=dict)
    answers: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    messages: list[Heard] = field(default_factory=list)
    signals: list[Heard] = field(default_factory=list)
    until: timedelta | Months | None = None
    hold: bool = False

    def __post_init__(self) -> None:
        self.now = self.at
        self.state = State()
        self._used: dict[str, int] = {}
        self._names: dict[int, tuple[str, str]] = {}  # id → element and its name, kept after it has ended
        self._loops: set[int] = set()  # what goes round: its rounds are the elements people count
        self._commands = 0

    @property
    def moment(self) -> Moment:
        return Moment(self.now, self.calendar)

    @property
    def outcome(self) -> str:
        """`completed`, `incident` or `waiting`."""
        if self.state.ended:
            return "completed"
        return "incident" if self.state.incidents else "waiting"

    def run(self) -> Iterator[dict[str, Any]]:
        """Play until nothing more happens; each fact as a row. Raises `EngineError` where a command is refused."""
        command: KernelCommand | None = self._begin()
        limit = later_by(self.at, self.until if self.until is not None else DEFAULT_LIMIT)
        while command is not None and self.now <= limit and self._commands < MOST_COMMANDS:
            self._commands += 1
            for fact in advance(self.package, self.state, command, self.moment, "play"):
                yield self._row(fact)
            command = None if self.state.ended else self._next(limit)

    # -- what to do next -------------------------------------------------------------------------------

    def _begin(self) -> StartProcess:
        process = self.package.processes.get(self.process or self.package.main)
        if process is None:
            raise NotFound(f"图中没有流程“{self.process}”，可选的有：{'、'.join(self.package.processes)}。")
        heard = self._heard_start(process)
        if heard is not None:
            start, payload = heard
            return StartProcess(process.key, start, {**self.variables, **payload})
        plain_starts = [s for s in process.starts if _trigger(process, s) is Trigger.NONE]
        timers = [s for s in process.starts if _trigger(process, s) is Trigger.TIMER]
        if not plain_starts and not timers:
            raise NotFound(
                f"流程“{process.name}”要由消息或信号启动，请用 --message 或 --signal 给出它的名称。"
            )
        if not plain_starts:
            self.now = max(self.now, self._timer_start(process, timers[0]))
        return StartProcess(process.key, (plain_starts or timers)[0], dict(self.variables))

    def _timer_start(self, process: Process, start: str) -> datetime:
        """The instant at which a timer start event begins the case."""
        event = process.elements[start].event
        assert event is not None
        run = Run(self.package, self.state, self.moment, "play", lambda *_: None, lambda *_: None)
        due = None
        if event.when is not None:
            value = event.when.evaluate(self.variables, self.moment)
            with suppress(Halt):
                due, _, _ = first_firing(run, event, value)
        if due is None:
            raise InputInvalid(f"开始事件“{start}”的时间没有得出有效的时间，流程不会开始。")
        return due

    def _heard_start(self, process: Process) -> tuple[str, dict[str, Value]] | None:
        for trigger, given in ((Trigger.MESSAGE, self.messages), (Trigger.SIGNAL, self.signals)):
            for one in given:
                for start in process.starts:
                    event = process.elements[start].event
                    if event is not None and event.trigger is trigger and event.name == one[0]:
                        given.remove(one)
                        return start, one[1]
        return None

    def _next(self, limit: datetime) -> KernelCommand | None:
        return self._hear() or self._work() or self._time(limit)

    def _hear(self) -> KernelCommand | None:
        for one in self.state.subscriptions.values():
            if one.what == CONDITION:
                continue
            heard = _take(self.messages if one.what == "message" else self.signals, one)
            if heard is not None:
                if one.what == "message":
                    return DeliverMessage(one.name, one.key, heard)
                return DeliverSignal(one.name, heard)
        return None

    def _work(self) -> KernelCommand | None:
        state = self.state
        halted = {incident.owner for incident in state.incidents.values()}
        open_work = set(state.jobs) if self.hold else set(state.jobs) | set(state.items)
        for id in sorted(open_work - halted):
            element = state.items[id].element if id in state.items else state.jobs[id].element
            return self._answer(id, element)
        return None

    def _answer(self, id: int, element: str) -> KernelCommand:
        given = self.answers.get(element, ())
        used = self._used.get(element, 0)
        self._used[element] = used + 1
        answer = given[used] if used < len(given) else {}
        if "bpmnError" in answer:
            text = str(answer.get("message") or answer.get("errorMessage") or "")
            return ThrowError(id, str(answer["bpmnError"]), text, _variables(answer, element))
        if "fail" in answer:
            return FailJob(id, str(answer["fail"]))
        if id in self.state.items:
            return CompleteItem(id, _variables(answer, element))
        return CompleteJob(id, _variables(answer, element))

    def _time(self, limit: datetime) -> KernelCommand | None:
        if self.state.incidents or (self.hold and self.until is None and self.state.items):
            return None  # somebody has to act first
        armed = [(d.due, d.id) for d in self.state.deadlines.values() if d.due is not None]
        if not armed:
            return None
        due, id = min(armed)
        if due > limit:
            return None
        self.now = max(self.now, due)
        return PassDeadline(id)

    # -- rows ------------------------------------------------------------------------------------------

    def _row(self, fact: f.Fact) -> dict[str, Any]:
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
        row: dict[str, Any] = {"kind": kind, "at": self.now.isoformat()}
        if id:
            row["id"] = id
        if element or known[0]:
            row["element"] = element or known[0]
        if known[1]:
            row["name"] = known[1]
        for key, value in f.to_data(fact).items():
            if key == "name" and isinstance(fact, f.Subscribed | f.MessageReceived | f.SignalReceived):
                key = "waits_for"  # `name` is the element's
            row.setdefault(key, plain(value))
        return row


_LOOP_KINDS = {
    "ElementEntered": "LoopEntered",
    "ElementCompleted": "LoopCompleted",
    "ElementCancelled": "LoopCancelled",
}


def _trigger(process: Process, start: str) -> Trigger:
    event = process.elements[start].event
    return Trigger.NONE if event is None else event.trigger


def _take(heard: list[Heard], subscription: Subscription) -> dict[str, Value] | None:
    for one in heard:
        if one[0] == subscription.name:
            heard.remove(one)
            return one[1]
    return None


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
                    f'“{element}”的回答有误：每条应是 {{"variables": {{…}}}}、{{"bpmnError": 代码}} 或 {{"fail": 原因}}。'
                )
        answers[str(element)] = rows
    return answers


def _says(row: Mapping[str, Any]) -> bool:
    """True when an error's code and a failure's reason are text (or a number, as a code may be)."""
    said = [row[word] for word in ("bpmnError", "fail") if word in row]
    return len(said) < 2 and all(isinstance(one, str | int) and one != "" for one in said)


_WORDS = {"variables", "bpmnError", "fail", "message", "errorMessage"}

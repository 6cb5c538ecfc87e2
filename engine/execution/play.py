"""Play a diagram in memory on a virtual clock 试运行: people and machines answer at once, time jumps to what is due next.

The pools of a file are played together: each begins a case of its own, and messages go from one to the other. Pure, like
the kernel: the same diagram, answers and first instant give the same facts. Nothing is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.calendar import Moment, WorkCalendar
from engine.commands import DeliverMessage, PassDeadline, StartProcess
from engine.definitions.model import Kind, Package
from engine.errors import NotFound
from engine.execution.correlation import hears
from engine.execution.play_case import Answers, PlayedCase, read_answers
from engine.execution.play_post import Post, To, hear_signal
from engine.execution.play_start import Beginning, Heard, owners
from engine.execution.records import Subscription
from engine.execution.timers import later_by
from engine.values import Months, Value

__all__ = ["Heard", "Playing", "read_answers"]

DEFAULT_LIMIT = timedelta(days=365)
MOST_COMMANDS = 10_000
"""After so many commands the playing stops: an endless timer would go on for the whole limit."""


@dataclass
class Playing:
    """One playing of a process, or of all pools of a collaboration.

    `process` plays that one alone. Without it the main process begins and, in a collaboration, every other pool whose
    process begins by itself (a plain or a timer start) or by one of `messages` and `signals`; a pool that a message
    starts begins when another pool sends it. `variables` are the main process's.

    `answers`: by element id what its work returns, in order; then, and without any, an empty result. Each is
    `{"variables": {…}}`, `{"bpmnError": CODE, "message": …}` or `{"fail": TEXT}`, with `"after": DURATION` that much later
    than the work is offered. `messages` and `signals` are each
    delivered once, as soon as something waits for them (or begin the case at a start event). `hold`: work of people
    without an answer stays open, and the clock then only moves when `until` says how far. `start` is where the case begins, without it at
    what is heard, the first plain start, a condition that holds, or the first timer. What an incident has halted stays
    where it is, and the clocks on it and around it stand still; all else goes on.
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
    start: str = ""

    def __post_init__(self) -> None:
        self.now = self.at
        self.cases: list[PlayedCase] = []
        self._running: list[PlayedCase] = []  # those of them that are open, in the order in which they began
        self._begun: Counter[str] = Counter()
        self._answers = Answers(self.answers)
        self._to_begin: list[tuple[datetime, StartProcess]] = []
        self._commands = 0

    @property
    def moment(self) -> Moment:
        return Moment(self.now, self.calendar)

    @property
    def outcome(self) -> str:
        """`completed` when all cases are, `incident` when one has halted, else `waiting` (also when none has begun)."""
        outcomes = {case.outcome for case in self.cases} or {"waiting"}
        return next((one for one in ("incident", "waiting") if one in outcomes), "completed")

    def run(self) -> Iterator[dict[str, Any]]:
        """Play until nothing more happens; each fact as a row. Raises `EngineError` where a command is refused."""
        partners = self._begin()
        self._post = Post(self.package, partners)
        limit = later_by(self.at, self.until if self.until is not None else DEFAULT_LIMIT)
        while self.now <= limit and self._commands < MOST_COMMANDS:
            step = self._next(limit)
            if step is None:
                break
            self._commands += 1
            case, command = step
            if case is None:
                assert isinstance(command, StartProcess)
                case = self._new_case(command.process)
            facts = case.do(command, self.moment)
            for fact in facts:
                yield case.row(fact, self.now)
            self._post.collect(case, facts)
            if not case.state.open:
                self._running.remove(case)

    def _new_case(self, process: str) -> PlayedCase:
        self._begun[process] += 1
        number = self._begun[process]
        label = process if number == 1 else f"{process}#{number}"
        id = f"play{len(self.cases) + 1}" if self.cases else "play"
        case = PlayedCase(self.package, process, label, id)
        self.cases.append(case)
        self._running.append(case)
        return case

    # -- how it begins ---------------------------------------------------------------------------------

    def _begin(self) -> tuple[str, ...]:
        """Plan the first cases. Gives the processes that messages between cases may begin."""
        processes = self.package.processes
        key = self.process or next(owners(self.package, self.start), "") or self.package.main
        main = processes.get(key)
        if main is None:
            raise NotFound(f"图中没有流程“{self.process}”，可选的有：{'、'.join(processes)}。")
        pools = [p.process for p in main.collaboration.participants if p.process in processes]
        called = {e.called for p in processes.values() for e in p.elements.values() if e.kind is Kind.CALL}
        others = [key for key in pools if key != main.key and key not in called and not self.process]
        beginning = Beginning(self.package, self.moment, self.messages, self.signals)
        sent = set() if self.process else {key for key in (main.key, *others) if _sent_for(self.package, key)}
        begun = [
            beginning.first(processes[key], {})
            for key in others
            if processes[key].entries and key not in sent
        ]
        values = dict(self.variables)
        waits = main.key in sent and any(begun)
        first: tuple[datetime, StartProcess] | None = None
        if self.start:
            first = beginning.at(main, self.start, values)
        elif not waits:
            first = beginning.first(main, values)
        if first is None and not any(begun):
            raise NotFound(
                f"流程“{main.name}”不会自己开始，请用 --message 或 --signal 给出启动它的消息或信号，"
                "用 --variables 使它的条件成立，或用 --start 指明从哪里开始。"
            )
        self._to_begin = [one for one in (first, *begun) if one is not None]
        self._to_begin.sort(key=lambda one: one[0])  # stable: the main process first
        if self._to_begin[0][0] > self.now:
            self.now = self._to_begin[0][0]
        if self.process:
            return ()
        free = [key for key, p in processes.items() if not (key in called or key in pools or p.task)]
        return tuple(dict.fromkeys([main.key, *pools, *free]))

    # -- what to do next -------------------------------------------------------------------------------

    def _next(self, limit: datetime) -> To | None:
        if self._to_begin and self._to_begin[0][0] <= self.now:
            return None, self._to_begin.pop(0)[1]
        running = self._running
        return (
            self._post.next(running, self.moment)
            or self._hear(running)
            or self._work(running)
            or self._time(limit)
        )

    def _hear(self, running: list[PlayedCase]) -> To | None:
        """A message or signal from outside, as soon as something waits for it."""
        for case in running:
            for one in case.state.subscriptions.values():
                if one.what == "message" and (heard := self._message(case, one)) is not None:
                    return case, DeliverMessage(one.name, one.key, heard)
                if one.what == "signal" and (heard := _take(self.signals, one)) is not None:
                    self._post.ready.extend(hear_signal(running, one.name, heard))
                    return self._post.ready.popleft()
        return None

    def _message(self, case: PlayedCase, one: Subscription) -> dict[str, Value] | None:
        for name, payload in self.messages:
            if name == one.name and hears(self.package, case.state, self.moment, one, payload):
                self.messages.remove((name, payload))
                return payload
        return None

    def _work(self, running: list[PlayedCase]) -> To | None:
        for case in running:
            command = case.work(self._answers, self.hold, self.now)
            if command is not None:
                return case, command
        return None

    def _time(self, limit: datetime) -> To | None:
        """Let the clock jump to what is due first."""
        running = self._running
        if self.hold and self.until is None and any(case.held(self._answers) for case in running):
            return None
        due = [(found[0], case, found[1]) for case in running if (found := case.next_deadline())]
        first = min(due, key=lambda one: one[0], default=None)  # of several the case that began first
        done = [at for case in running if (at := case.next_work(self._answers, self.hold))]
        if done and min(done) <= limit and (first is None or min(done) < first[0]):
            self.now = min(done)
            return self._work(running)
        if self._to_begin and (first is None or self._to_begin[0][0] <= first[0]):
            at, command = self._to_begin[0]
            if at > limit:
                return None
            self.now = at
            del self._to_begin[0]
            return None, command
        if first is None or first[0] > limit:
            return None
        self.now = max(self.now, first[0])
        return first[1], PassDeadline(first[2])


def _sent_for(package: Package, process: str) -> bool:
    """Whether another pool begins the process at a plain start event: a message flow to a start event is a trigger of
    its process, whatever the event says (BPMN 2.0.2, 10.5.2)."""
    this = package.processes[process]
    elsewhere = {id for p in package.processes.values() if p is not this for id in p.elements}
    aimed_at = {flow.target for flow in this.collaboration.message_flows if flow.source in elsewhere}
    plain = [start for start in this.starts if this.elements[start].plain_start]
    return bool(plain) and aimed_at.issuperset(plain)


def _take(heard: list[Heard], subscription: Subscription) -> dict[str, Value] | None:
    for one in heard:
        if one[0] == subscription.name:
            heard.remove(one)
            return one[1]
    return None

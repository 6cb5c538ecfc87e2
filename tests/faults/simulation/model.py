"""The reference model 参照模型: what must have happened by now, in plain Python, without the engine.

It is told what came from outside, once it is committed (a person finished an item, a job was done, a message was
delivered), and when the clock moves; everything else it works out itself from the drawing: which items and jobs are open,
which clocks run until when, what fired, which notices and letters went out. Time goes first: what is due at an instant has
happened before anybody acts at that instant. One subject a file: `course`, `desk`, `going_back`, `case`, `letters`; what
may be asked stands in `allowed`.

`Fault` is raised where what the product did is not what had to be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta

from tests.faults.simulation.case import Case
from tests.faults.simulation.drawing import Drawing
from tests.faults.simulation.letters import Letter, Letters
from tests.faults.simulation.live import Fault


class Model:
    """All cases of one run."""

    def __init__(self, drawing: Drawing, begin: datetime) -> None:
        self.drawing, self.begin, self.now = drawing, begin, begin
        self.cases: dict[str, Case] = {}
        self.letters = Letters(self.cases, begin)
        self.seen: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        self.clock_begun = 0

    def move(self, now: datetime) -> None:
        """The clock stands at `now`: what is due has happened."""
        self.now = now
        self.letters.move(now)
        for case in list(self.cases.values()):
            self.pass_due(case)

    def pass_due(self, case: Case) -> None:
        slept = case.state == "suspended"
        case.course.pass_due()
        if slept and case.state != "suspended":
            self.letters.awake(case.id)

    def next_due(self) -> list[datetime]:
        """All instants at which something is due from now on, in order."""
        dues = {a.due for case in self.cases.values() for a in case.course.clocks() if a.due}
        dues |= {self.begin + timedelta(minutes=m) for m in self.drawing.clock_starts}
        return sorted(due for due in dues if due > self.now)

    def delivered(self, name: str, case: str, letter: Letter | None) -> None:
        """The product says that a message or signal reached this case."""
        self.letters.delivered(name, case, letter)
        self.cases[case].course.tell("hear", name)

    def started(self, id: str, start: str, person: str, letter: Letter | None) -> None:
        """A case has begun, perhaps by a letter."""
        if start == "SM":
            if letter is None or letter.begun:
                raise Fault(
                    "start", f"{id} was begun by a message that nobody sent, or once more than it was sent"
                )
            letter.begun = True
        elif start == "ST":
            self.clock_begun += 1
            if self.clock_begun > self.clock_starts_due():
                raise Fault("start", f"{id} was begun by the clock before its time, or twice")
        self.cases[id] = Case(self, id, start, person)

    def clock_starts_due(self) -> int:
        return sum(self.begin + timedelta(minutes=m) <= self.now for m in self.drawing.clock_starts)

    def outstanding(self) -> list[str]:
        """Letters and starts that should have arrived by now, and have not."""
        found = list(self.letters.outstanding())
        missing = self.clock_starts_due() - self.clock_begun
        if missing > 0:
            found.append(f"{missing} case(s) should have begun by the clock")
        for case in self.cases.values():
            for goes_on in self._goes_on(case):
                if case.id not in goes_on.joined:
                    found.append(f"{goes_on.id} has not heard that {case.id} was merged")
        return found

    # -- 并案 --------------------------------------------------------------------------------------------

    def merged(self, case: Case) -> None:
        """Nothing is merged in a circle."""
        if case in self._goes_on(case):
            raise Fault("merge", f"{case.id} was merged into itself")

    def _goes_on(self, case: Case) -> list[Case]:
        """The case that goes on for one, and the one that goes on for that."""
        found: list[Case] = []
        while case.into and self.cases[case.into] not in found:
            case = self.cases[case.into]
            found.append(case)
        return found

    def joined(self, id: str, other: str) -> None:
        """The product says that a case has heard of one that was merged into it."""
        case, merged = self.cases[id], self.cases.get(other)
        if merged is None or case not in self._goes_on(merged):
            raise Fault("merge", f"{id} heard of {other}, which was not merged into it")
        if other in case.joined:
            raise Fault("merge", f"{id} heard twice that {other} was merged into it")
        case.joined.add(other)
        case.seers |= {p for p in ("carl",) if merged.sees(p)}

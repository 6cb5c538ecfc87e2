"""A case of the reference model 案件: its course, and what people do to each other around it: who sees it, copies 抄送, comments
评论, merging 并案. Written from the manual.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.faults.simulation.going_back import BackCourse, due_running
from tests.faults.simulation.live import NAMES, OFFICE, POSTS, Fault, Live
from tests.faults.simulation.office_hours import is_worked

if TYPE_CHECKING:
    from tests.faults.simulation.model import Model

TITLE = "模拟"


@dataclass(eq=False)
class Copy:
    """A copy of the case: to a person, or to a post (`role@unit`, `@unit`), of which each reads it for oneself. `joined`: by 并案,
    which asks nobody to read it."""

    to: str
    readers: set[str] = field(default_factory=set)
    joined: bool = False


class Case:
    """One case of the drawing."""

    def __init__(self, model: Model, id: str, start: str, person: str) -> None:
        self.model, self.id = model, id
        self.course = BackCourse(model.drawing, self, lambda: model.now, model.seen[id])
        self.copies: list[Copy] = []
        self.notes = 0
        self.into = ""  # the case that goes on for this one
        self.joined: set[str] = set()  # what the product says to have merged into this one
        self.workers = {person} - {""}  # who has begun it or done something in it
        self.desks: set[str] = set()  # units that hold or held one of its items
        self.seers: set[str] = set()  # who sees it because they saw a case that was merged into it
        self.course.tell("begin", start)

    @property
    def state(self) -> str:
        return self.course.state

    # -- to the other cases ------------------------------------------------------------------------------

    def sent(self, name: str) -> None:
        self.model.letters.send(name, self.id)

    def ended(self) -> None:
        self.model.letters.ended(self.id)

    def hears(self, name: str) -> bool:
        return self.course.hears(name)

    def suspend(self, until: datetime | None) -> None:
        self.course.tell("suspend", until, due_running(self.course))
        self.model.letters.asleep(self.id)

    def resume(self) -> None:
        self.course.tell("resume")
        self.model.letters.awake(self.id)

    # -- who sees it, who works on it --------------------------------------------------------------------

    def sees(self, person: str) -> bool:
        """The desk gets all such cases, and the office sees every case; others what they have to do with."""
        role, unit = POSTS[person]
        return (
            person in ("anna", "ben", "chief")
            or unit in self.desks
            or person in self.workers | self.seers
            or any(one.person == person for one in self.course.items())
            or any(copy.to in (person, f"{role}@{unit}", f"@{unit}") for copy in self.copies)
        )

    def works_on(self, person: str) -> bool | None:
        """Whether the person is of the office, began the case, did one of its steps, or holds one. None: did one, which may have
        been undone."""
        role, unit = POSTS[person]
        items = self.course.items()
        if unit == OFFICE or any(i.person == person or (i.role, i.unit) == (role, unit) for i in items):
            return True
        return None if person in self.workers else False

    # -- 抄送 --------------------------------------------------------------------------------------------

    def unread(self, to: str) -> bool:
        return any(copy.to == to and not copy.readers and not copy.joined for copy in self.copies)

    def copy(self, number: int, to: str, *, told: bool) -> None:
        if number != len(self.copies) + 1:
            raise Fault("copy", f"copy {number} of {self.id} is not the next one")
        self.copies.append(Copy(to))
        if told:
            self.expect("NoticeSent", f"抄送：{TITLE} → {to}")

    def mine(self, person: str) -> list[int]:
        """Numbers of the copies that the person can confirm to have read."""
        role, unit = POSTS[person]
        return [
            number
            for number, copy in enumerate(self.copies, 1)
            if copy.to in (person, f"{role}@{unit}", f"@{unit}")
            and person not in copy.readers
            and not copy.joined
        ]

    # -- 评论 --------------------------------------------------------------------------------------------

    def note(self, number: int, by: str, named: list[str]) -> None:
        self.notes += 1
        if number != self.notes:
            raise Fault("note", f"comment {number} of {self.id} should be number {self.notes}")
        for person in named:
            self.expect("NoticeSent", f"{NAMES[by]}在评论中@您：{TITLE} → {person}")

    # -- 催办 --------------------------------------------------------------------------------------------

    def urged_today(self, item: Live, person: str) -> bool:
        """Whether the person has urged the item since the working day began that counts now."""
        day = local(self.model.now)
        while not is_worked(day.date()):
            day -= timedelta(days=1)
        return any(by == person and local(at).date() >= day.date() for by, at in item.urges)

    # -- 并案 --------------------------------------------------------------------------------------------

    def merge(self, into: str) -> None:
        """The case ends; who holds its items is told; the one that goes on must hear of it and of all merged into this one."""
        for one in self.course.items():
            self.expect("NoticeSent", f"不再办理：{self.course.title(one)} → {one.holder}")
        self.course.tell("over", "merged")
        self.into = into
        self.model.merged(self)

    def expect(self, kind: str, element: str) -> None:
        self.course.seen[kind, element] += 1


def local(at: datetime) -> datetime:
    """The office's time of day."""
    return at + timedelta(hours=8)

"""Messages and signals between the cases of the model 案件之间的消息: who must have heard what by when, and who may hear it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from tests.faults.simulation.drawing import HEARD, NEW, URGED
from tests.faults.simulation.live import Fault

LONGEST_BACKOFF = timedelta(hours=1)
"""A letter that could not be delivered is tried again after this at the latest."""


class Receiver(Protocol):
    """A case, as the post knows it."""

    state: str

    def hears(self, name: str) -> bool: ...


@dataclass(eq=False)
class Letter:
    """A message or signal that a case sent. `owed`: cases that waited for it then, and since when they must have it.
    `missed`: cases that were suspended while it was on its way; it is tried again for them, however long that takes."""

    name: str
    sender: str
    owed: dict[str, datetime]
    at: datetime
    missed: set[str] = field(default_factory=set)
    heard: set[str] = field(default_factory=set)
    last: datetime | None = None  # the last instant at which it was on its way
    tried_by: datetime | None = (
        None  # who has missed it is gone: it is tried once more, by then at the latest
    )
    begun: bool = False


class Letters:
    """All that was sent. `now` is the model's."""

    def __init__(self, cases: Mapping[str, Receiver], now: datetime) -> None:
        self.cases, self.now = cases, now
        self.sent: list[Letter] = []

    def move(self, now: datetime) -> None:
        before, self.now = self.now, now
        for letter in self.sent:
            once_more = letter.tried_by is not None and before < letter.tried_by
            if once_more or self._tried_again(
                letter
            ):  # at this instant, whatever becomes of who has missed it
                letter.last = now

    def send(self, name: str, sender: str) -> None:
        waiting = [] if name == NEW else [
            id for id, case in self.cases.items() if id != sender and case.hears(name)
        ]  # fmt: skip
        asleep = {id for id in waiting if self.cases[id].state == "suspended"}
        self.sent.append(Letter(name, sender, dict.fromkeys(waiting, self.now), self.now, asleep))

    def sent_by(self, name: str, sender: str, nth: int) -> Letter | None:
        """The letter of this name that the case sent as its `nth`, from 0."""
        theirs = [one for one in self.sent if (one.name, one.sender) == (name, sender)]
        return theirs[nth] if nth < len(theirs) else None

    def asleep(self, case: str) -> None:
        """A case has been suspended: what is on its way now misses it, also if it began after that was sent."""
        for letter in self.sent:
            if letter.name != NEW and case not in (letter.sender, *letter.heard) and self._on_its_way(letter):
                letter.missed.add(case)

    def awake(self, case: str) -> None:
        """A case that was suspended hears again; what it missed comes when it is tried again."""
        for letter in self.sent:
            if case in letter.owed and case not in letter.heard:
                letter.owed[case] = self.now + LONGEST_BACKOFF

    def ended(self, case: str) -> None:
        """A case is over. What is tried again for it does not know that yet: who listens at the next try hears it."""
        for letter in self.sent:
            if case in letter.missed and case not in letter.heard:
                letter.tried_by = self.now + LONGEST_BACKOFF

    def delivered(self, name: str, case: str, letter: Letter | None) -> None:
        """The product says that a message or signal reached this case: a letter, or what a person outside told it."""
        if self.cases[case].state != "open":
            raise Fault("message", f"{case} is {self.cases[case].state} and took “{name}”")
        if name not in (HEARD, URGED):
            return
        if letter is None or letter.name != name or letter.sender == case:
            raise Fault("message", f"{case} took “{name}”, which nobody sent it")
        if case in letter.heard:
            raise Fault("message", f"{case} took “{name}” of {letter.sender} twice")
        # who has begun since it was sent may hear it too, as long as it is on its way
        if case not in letter.owed and not self._on_its_way(letter):
            raise Fault("message", f"{case} took “{name}” of {letter.sender} when that was delivered already")
        letter.heard.add(case)

    def _on_its_way(self, letter: Letter) -> bool:
        return self.now in (letter.at, letter.last) or self._tried_again(letter)

    def _tried_again(self, letter: Letter) -> bool:
        """Somebody whose case was suspended could not take it, or has not been asked again since."""
        return any(
            id not in letter.heard and self.cases[id].state in ("open", "suspended") for id in letter.missed
        )

    def outstanding(self) -> Iterable[str]:
        """Letters that should have arrived by now, and have not."""
        for letter in self.sent:
            if letter.name == NEW:
                if not letter.begun:
                    yield f"no case was begun by “{NEW}” of {letter.sender}"
                continue
            for id, since in letter.owed.items():
                if id not in letter.heard and self.cases[id].state == "open" and since <= self.now:
                    yield f"“{letter.name}” of {letter.sender} has not reached {id}"

"""What the ledger says 所记: after each commit the new facts are read by a connection of their own.

What came from outside is told to the model (`telling`), and everything is counted at once: more than there can be by now is
duplicated or early.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from engine import commands as c
from engine.store import tables
from engine.store.database import Database
from engine.values import loads
from tests.faults.simulation.live import Fault
from tests.faults.simulation.model import Model
from tests.faults.simulation.telling import Teller, receiver

COUNTED = {
    "WorkItemOffered", "JobOffered", "DeadlinePassed", "NoticeSent", "MessageSent", "SignalSent", "CaseCompleted",
    "SigningDecided",
}  # fmt: skip


class Observer:
    """Reads what was committed in a run. `looking`: a database of its own, on which no power fails."""

    def __init__(self, looking: Database, model: Model) -> None:
        self.looking, self.model = looking, model
        self.seen: dict[str, int] = {}  # facts of each case read so far
        self.counted: Counter[tuple[str, str, str]] = Counter()
        self.commands: Counter[str] = Counter()  # batches of facts by their command
        self.teller = Teller(model)
        self._elements: dict[tuple[str, int], str] = {}

    @property
    def asked(self) -> dict[str, tuple[c.Command, str]]:
        """What people ask for, by the commands' ids."""
        return self.teller.asked

    @property
    def locked(self) -> dict[tuple[str, int], tuple[str, datetime]]:
        """Job → the worker that holds it, and until when."""
        return self.teller.locked

    def observe(self) -> None:
        """Something was committed: read it, tell the model what came from outside, count everything."""
        for batch in self._new_batches():
            case, facts = batch[0].case, [loads(row.data) for row in batch]
            self.commands[batch[0].command] += 1
            for fact, row in zip(facts, batch, strict=True):
                self._learn(case, row, fact)
            self.teller.tell(case, facts, batch[0].command)
            for fact in facts:
                self._count(case, fact["kind"], fact)

    def _new_batches(self) -> Iterable[list[Any]]:
        with self.looking.read() as connection:
            ends = connection.execute(
                sa.select(tables.cases.c.id, tables.cases.c.seq).order_by(tables.cases.c.started_at)
            )
            grown = [(id, seq) for id, seq in ends if seq != self.seen.get(id, 0)]
            for id, seq in grown:
                new = connection.execute(
                    sa.select(tables.facts)
                    .where(tables.facts.c.case == id, tables.facts.c.seq > self.seen.get(id, 0))
                    .order_by(tables.facts.c.seq)
                ).all()
                self.seen[id] = seq
                for _, batch in groupby(new, key=lambda row: row.command):
                    yield list(batch)

    def _learn(self, case: str, row: Any, fact: dict[str, Any]) -> None:
        """Which element the numbers of the product belong to, and which letter a row of its outbox is."""
        if row.kind in ("WorkItemOffered", "JobOffered", "DeadlineSet", "LoopOpened", "ElementEntered"):
            self._elements[case, fact["id"]] = fact.get("element", self._elements.get((case, fact["id"]), ""))
        elif row.kind in ("MessageSent", "SignalSent"):
            self.teller.letter_written(f"{case}/{row.seq}", fact["name"], case)
        if row.kind == "JobOffered":
            self.teller.jobs[case, fact["id"]] = fact["element"]

    def _count(self, case: str, kind: str, fact: dict[str, Any]) -> None:
        """More than there can be by now is duplicated or early, at once."""
        if kind not in COUNTED:
            return
        element = fact.get("element") if kind in ("WorkItemOffered", "JobOffered") else ""
        if kind in ("DeadlinePassed", "SigningDecided"):
            element = self._elements.get((case, fact["id"]), "?")
        elif kind == "NoticeSent":
            element = f"{fact['title']} → {receiver(fact)}"
        elif kind in ("MessageSent", "SignalSent"):
            element = fact["name"]
        if kind == "JobOffered" and self.model.drawing.nodes[str(element)].kind == "notice":
            return
        self.counted[case, kind, str(element)] += 1
        course = self.model.cases[case].course
        had_to = course.seen[kind, str(element)]
        if self.counted[case, kind, str(element)] > had_to:
            waits = any(a.element == element for a in course.armed)
            word = "early" if kind == "DeadlinePassed" and waits else "duplicated"
            raise Fault(word, f"{kind} {element} of {case}: {had_to} by now, and one more was recorded")

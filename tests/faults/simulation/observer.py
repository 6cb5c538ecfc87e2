"""What the ledger says 所记: after each commit the new facts are read by a connection of their own.

What came from outside is told to the model, and everything is counted at once: more than there can be by now is duplicated or
early.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from engine.runtime.relay import _receipt
from engine.store import tables
from engine.store.database import Database
from engine.values import loads
from tests.faults.simulation.drawing import KEY
from tests.faults.simulation.model import Fault, Letter, Model

COUNTED = {
    "WorkItemOffered", "JobOffered", "DeadlinePassed", "NoticeSent", "MessageSent", "SignalSent", "CaseCompleted",
}  # fmt: skip


class Observer:
    """Reads what was committed in a run. `looking`: a database of its own, on which no power fails."""

    def __init__(self, looking: Database, model: Model) -> None:
        self.looking, self.model = looking, model
        self.seen: dict[str, int] = {}  # facts of each case read so far
        self.counted: Counter[tuple[str, str, str]] = Counter()
        self.commands: Counter[str] = Counter()  # batches of facts by their command
        self.targets: dict[str, int] = {}  # command → the item it was about
        self.locked: dict[
            tuple[str, int], tuple[str, datetime]
        ] = {}  # job → the worker that holds it, and until when
        self._elements: dict[tuple[str, int], str] = {}
        self._letters: dict[
            str, tuple[str, str, int]
        ] = {}  # key in the outbox → name, sender, which of those

    def observe(self) -> None:
        """Something was committed: read it, tell the model what came from outside, count everything."""
        for batch in self._new_batches():
            case, kinds = batch[0].case, [row.kind for row in batch]
            facts = [loads(row.data) for row in batch]
            self.commands[batch[0].command] += 1
            for fact, row in zip(facts, batch, strict=True):
                self._learn(case, row, fact)
            self._tell(case, kinds, facts, batch[0].command)
            for fact, row in zip(facts, batch, strict=True):
                self._count(case, row.kind, fact)

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
        if row.kind in ("WorkItemOffered", "JobOffered", "DeadlineSet"):
            self._elements[case, fact["id"]] = fact["element"]
        elif row.kind in ("MessageSent", "SignalSent"):
            same = sum((name, by) == (fact["name"], case) for name, by, _ in self._letters.values())
            self._letters[f"{case}/{row.seq}"] = (fact["name"], case, same)

    def _letter(self, command: str, receiver: str) -> Letter | None:
        """The letter that this command delivered to the receiver; None where it delivered none. The command's id begins with
        the letter's own receipt, also where a mutant makes every try another command."""
        for key, (name, sender, nth) in self._letters.items():
            if command.startswith(_receipt(key, receiver)):
                return self.model.sent_by(name, sender, nth)
        return None

    def _tell(self, case: str, kinds: list[str], facts: list[dict[str, Any]], command: str) -> None:
        """Tell the model what came from outside."""
        model, first = self.model, facts[0]
        target = self.targets.get(command, 0)  # the item that the command was about, 0 for none
        if kinds[0] == "CaseStarted":
            model.started(case, first["start"], self._letter(command, f"{KEY}/{first['start']}"))
        one = model.cases.get(case)
        if one is None:
            raise Fault("start", f"{case} has facts and never began")
        if kinds[0] in ("MessageReceived", "SignalReceived"):
            model.delivered(first["name"], case, self._letter(command, case))
        elif kinds[0] == "CaseSuspended":
            one.suspend(first["until"])
        elif kinds[0] == "CaseResumed":
            one.resume()
            one.pass_due()
        elif kinds[0] == "IncidentResolved" and "JobOffered" in kinds:
            self._retried(case, facts)
        for kind, fact in zip(kinds, facts, strict=True):
            if kind == "CaseCancelled":
                one._over("cancelled")
            elif kind in ("WorkItemClaimed", "WorkItemReleased", "WorkItemCompleted", "WorkItemReturned"):
                if target and fact["id"] != target:
                    raise Fault("not open", f"{kind} of item {fact['id']}, and item {target} was meant")
                self._item(case, kind, fact)
            elif kind in ("JobCompleted", "JobFailed"):
                self._job(case, kind, fact)
            elif kind == "WorkItemOffered":
                one.named(fact["element"], fact["id"], job=False)
            elif kind == "JobOffered" and self.model.drawing.nodes[fact["element"]].kind == "job":
                one.named(fact["element"], fact["id"], job=True)

    def _retried(self, case: str, facts: list[dict[str, Any]]) -> None:
        for fact in facts:
            if fact["kind"] == "JobOffered":
                live = self.model.cases[case].job(fact["id"])
                if live is None or not live.halted:
                    raise Fault("job", f"job {fact['id']} was offered again though nothing was wrong with it")
                live.halted, live.retries = False, 3
                self.model.cases[case].seen["JobOffered", live.node.id] += 1

    def _item(self, case: str, kind: str, fact: dict[str, Any]) -> None:
        one = self.model.cases[case]
        live = one.item(fact["id"])
        if live is None or one.state != "open":
            raise Fault("not open", f"{kind} of item {fact['id']} of {case}, which is not open")
        if kind == "WorkItemClaimed":
            live.person = fact["person"]
        elif kind == "WorkItemReleased":
            live.person = ""
        elif kind == "WorkItemCompleted":
            if live.person not in ("", fact["person"]):
                raise Fault("not open", f"{fact['person']} finished what {live.person} had claimed")
            one.x = int(fact["form"]["x"])
            one.done(live, fact["person"])
        else:
            one.send_back(live, fact["person"])

    def _job(self, case: str, kind: str, fact: dict[str, Any]) -> None:
        if self.model.drawing.nodes[self._elements[case, fact["id"]]].kind != "job":
            return
        one = self.model.cases[case]
        live = one.job(fact["id"])
        if live is None or one.state != "open" or live.halted:
            raise Fault("job", f"{kind} of job {fact['id']} of {case}, which does not wait")
        self.locked.pop((case, live.id), None)
        if kind == "JobCompleted":
            one.finish(live)
        else:
            live.retries = fact["retries_left"]
            live.halted = not live.retries

    def _count(self, case: str, kind: str, fact: dict[str, Any]) -> None:
        """More than there can be by now is duplicated or early, at once."""
        if kind not in COUNTED:
            return
        element = fact.get("element") if kind in ("WorkItemOffered", "JobOffered") else ""
        if kind == "DeadlinePassed":
            element = self._elements.get((case, fact["id"]), "?")
        elif kind == "NoticeSent":
            element = fact["title"]
        elif kind in ("MessageSent", "SignalSent"):
            element = fact["name"]
        if kind == "JobOffered" and self.model.drawing.nodes[str(element)].kind == "notice":
            return
        self.counted[case, kind, str(element)] += 1
        had_to = self.model.cases[case].seen[kind, str(element)]
        if self.counted[case, kind, str(element)] > had_to:
            waits = any(a.element == element for a in self.model.cases[case].armed)
            word = "early" if kind == "DeadlinePassed" and waits else "duplicated"
            raise Fault(word, f"{kind} {element} of {case}: {had_to} by now, and one more was recorded")

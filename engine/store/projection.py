"""Facts → rows 投影. Everything the tables say about cases is written here, and only here.

`Projection` gathers what the facts of one command change into a `Batch`, which is written later. It needs, beside the
facts, two views of the marking: what stood open before the command, and the state after it. So an item that vanished with
its scope is closed whether or not a fact names it, and rows cannot outlive what they show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from engine import facts as f
from engine.calendar import Moment
from engine.commands import Actor
from engine.definitions.model import Package
from engine.store import tables
from engine.store.batch import Batch
from engine.store.register import Registered, register_values
from engine.values import dumps

RETRIES = 3
"""How often a job is tried before its failure becomes an incident."""


class Marking(Registered, Protocol):
    """What the projection reads of `execution.state.State` (of its ids, names and variables)."""

    @property
    def items(self) -> Mapping[int, Any]: ...
    @property
    def deadlines(self) -> Mapping[int, Any]: ...
    @property
    def subscriptions(self) -> Mapping[int, Any]: ...
    @property
    def jobs(self) -> Mapping[int, Any]: ...
    @property
    def incidents(self) -> Mapping[int, Any]: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """Ids of what stood open in a case before a batch of facts."""

    items: frozenset[int] = frozenset()
    deadlines: frozenset[int] = frozenset()
    subscriptions: frozenset[int] = frozenset()
    jobs: frozenset[int] = frozenset()
    incidents: frozenset[int] = frozenset()

    @classmethod
    def of(cls, state: Marking) -> Standing:
        return cls(
            frozenset(state.items),
            frozenset(state.deadlines),
            frozenset(state.subscriptions),
            frozenset(state.jobs),
            frozenset(state.incidents),
        )


def backoff(attempt: int) -> timedelta:
    """How long to wait after the `attempt`-th failure (from 1): 10 s, 40 s, 160 s … at most an hour."""
    return timedelta(seconds=min(10 * 4 ** max(attempt - 1, 0), 3600))


def by_number(number: str) -> str:
    """A case's number as a text in whose order 9号 comes before 10号: every figure in it takes ten places."""
    return _FIGURES.sub(lambda found: found[0].zfill(10), number)[:200]


_FIGURES = re.compile("[0-9]+")


class Rows:
    """One case's rows of one table, in a batch. `new` are the ids that came in by it."""

    def __init__(self, batch: Batch, table: sa.Table, case: str) -> None:
        self.batch, self.table, self.case = batch, table, case
        self.new: set[int] = set()

    def add(self, id_: int, **values: Any) -> None:
        self.new.add(id_)
        self.batch.insert(self.table, (self.case, id_), values)

    def change(self, id_: int, **values: Any) -> None:
        self.batch.change(self.table, (self.case, id_), **values)

    def drop(self, id_: int) -> None:
        self.batch.delete(self.table, (self.case, id_))


class Projection:
    """What the facts of one command change in the tables of one case, gathered into `batch`."""

    def __init__(
        self,
        batch: Batch,
        case: str,
        package: Package,
        before: Standing,
        state: Marking,
        actor: Actor,
        moment: Moment,
    ) -> None:
        self.batch, self.case, self.package, self.before, self.state = batch, case, package, before, state
        self.actor, self.moment, self.at = actor, moment, moment.now
        self.values: dict[str, Any] = {}  # columns of `cases`
        self.begins = False
        self.items = Rows(batch, tables.work_items, case)
        self.deadlines = Rows(batch, tables.deadlines, case)
        self.subscriptions = Rows(batch, tables.subscriptions, case)
        self.incidents = Rows(batch, tables.incidents, case)
        self.jobs = Rows(batch, tables.jobs, case)
        self.closed: set[int] = set()
        self.register_changed = False

    # -- reading the facts ---------------------------------------------------------------------------------

    def take(self, facts: Sequence[f.Fact]) -> None:
        """Read a batch of facts in their order."""
        for fact in facts:
            read = _READERS.get(type(fact))
            if read is not None:
                read(self, fact)
        # A message from outside moves a case; what its own clocks tell it does not.
        moved = bool(self.actor.person) or (bool(facts) and isinstance(facts[0], f.MessageReceived))
        self._close_what_vanished()
        if self.register_changed:
            self.values.update(register_values(self.package, self.case, self.state, self.moment))
        if moved:
            self.values["moved_at"] = self.at

    def case_started(self, fact: f.CaseStarted) -> None:
        self.begins = True
        self.values |= {
            "package": self.package.hash,
            "package_key": self.package.key,
            "state": "open",
            "started_at": fact.at,
            "started_by": self.actor.person,
            "started_unit": self.actor.unit if self.actor.person else "",
            "moved_at": self.at,
        }
        self.register_changed = True

    def case_completed(self, fact: f.CaseCompleted) -> None:
        name = self.package.titles.get(fact.end, fact.end)
        self.values |= {"state": "completed", "ended_at": self.at, "end": name[:100]}

    def case_cancelled(self, fact: f.CaseCancelled) -> None:
        self.values |= {"state": "cancelled", "ended_at": self.at}

    def case_suspended(self, fact: f.CaseSuspended) -> None:
        self.values["state"] = "suspended"

    def case_resumed(self, fact: f.CaseResumed) -> None:
        self.values["state"] = "open"

    def status_changed(self, fact: f.StatusChanged) -> None:
        self.values["status"] = fact.status[:40]
        self.register_changed = True

    def variables_set(self, fact: f.VariablesSet) -> None:
        if fact.scope == 1:
            self.register_changed = True

    def number_given(self, fact: f.NumberGiven) -> None:
        number = self.state.number[:100]
        self.values["number"] = number
        self.register_changed = True
        if fact.text[:100] == number:  # the case's own, not a letter's
            for item in self.before.items & self.state.items.keys():
                self.items.change(item, by_number=by_number(number))

    def history_imported(self, fact: f.HistoryImported) -> None:
        self.values["imported"] = True

    def item_offered(self, fact: f.WorkItemOffered) -> None:
        self.items.add(
            fact.id,
            element=fact.element,
            name=fact.name,
            form=fact.form,
            state="open",
            unit="",
            role="",
            person=fact.assignee,
            behalf="",
            basis="",
            due=fact.due,
            offered_at=fact.at,
            claimed_at=None,
            closed_at=None,
            closed_by="",
            began=self.state.started,
            by_number=by_number(self.state.number[:100]),
            urged=0,
            urged_at=None,
        )

    def item_routed(self, fact: f.WorkItemRouted) -> None:
        person = {"person": fact.person} if fact.person else {}
        self.items.change(fact.id, unit=fact.unit, role=fact.role, basis=fact.basis, **person)

    def item_claimed(self, fact: f.WorkItemClaimed) -> None:
        self.items.change(fact.id, person=fact.person, behalf=fact.behalf, claimed_at=self.at)

    def item_released(self, fact: f.WorkItemReleased) -> None:
        self.items.change(fact.id, person="", behalf="", claimed_at=None)

    def item_transferred(self, fact: f.WorkItemTransferred) -> None:
        self.items.change(
            fact.id,
            unit=fact.unit,
            role=fact.role,
            person=fact.person,
            behalf="",
            claimed_at=None,
            basis=f"转办：{fact.reason}",
        )

    def item_completed(self, fact: f.WorkItemCompleted) -> None:
        self._close(fact.id, "finished", fact.person)

    def item_returned(self, fact: f.WorkItemReturned) -> None:
        self._close(fact.id, "returned", fact.person)

    def item_taken_back(self, fact: f.WorkItemTakenBack) -> None:
        self.items.change(fact.id, state="taken_back")

    def due_moved(self, fact: f.DueMoved) -> None:
        self.items.change(fact.id, due=fact.due)

    def _close(self, item: int, state: str, person: str) -> None:
        self.closed.add(item)
        behalf = self.actor.behalf if person else ""
        self.items.change(item, state=state, closed_at=self.at, closed_by=person, behalf=behalf)

    def job_offered(self, fact: f.JobOffered) -> None:
        self.jobs.add(
            fact.id,
            element=fact.element,
            topic=fact.topic,
            inputs=dumps(fact.inputs),
            retries=RETRIES,
            run_at=self.at,
            locked_by="",
            locked_until=None,
        )

    def job_failed(self, fact: f.JobFailed) -> None:
        wait = backoff(RETRIES - fact.retries_left) if fact.wait is None else fact.wait
        self.jobs.change(
            fact.id, retries=fact.retries_left, run_at=self.at + wait, locked_by="", locked_until=None
        )

    def incident_raised(self, fact: f.IncidentRaised) -> None:
        self.incidents.add(
            fact.id,
            element=fact.element,
            code=fact.code,
            message=fact.message,
            raised_at=self.at,
            resolved_at=None,
        )

    def incident_resolved(self, fact: f.IncidentResolved) -> None:
        self.incidents.change(fact.id, resolved_at=self.at)

    def deadline_set(self, fact: f.DeadlineSet) -> None:
        self.deadlines.add(
            fact.id,
            element=fact.element,
            name=self.package.titles.get(fact.element, ""),
            owner=fact.owner,
            due=fact.due,
        )

    def deadline_moved(self, fact: f.DeadlineMoved) -> None:
        self.deadlines.change(fact.id, due=fact.due)

    def subscribed(self, fact: f.Subscribed) -> None:
        self.subscriptions.add(
            fact.id, what=fact.what, name=fact.name, key=fact.key[:200], element=fact.element
        )

    def file_attached(self, fact: f.FileAttached) -> None:
        self.batch.change(tables.files, (fact.file,), case=self.case, item=fact.item)

    def item_urged(self, fact: f.WorkItemUrged) -> None:
        item = self.state.items.get(fact.id)  # which another fact of the same command may have closed
        if item is not None:
            self.items.change(fact.id, urged=len(item.urges or ()), urged_at=fact.at)

    def case_copied(self, fact: f.CaseCopied) -> None:
        sent_by = "" if fact.element else self.actor.person
        self._copy(fact.id, "copy", (fact.person, fact.role, fact.unit), fact.note, sent_by)

    def copy_read(self, fact: f.CopyRead) -> None:
        if fact.alone:
            self.batch.insert(tables.copy_reads, (self.case, fact.id, fact.person), {"at": self.at})
        else:
            self.batch.change(tables.copies, (self.case, fact.id), read_at=self.at, read_by=fact.person)

    def register_corrected(self, fact: f.RegisterCorrected) -> None:
        self.register_changed = True

    def case_merged(self, fact: f.CaseMerged) -> None:
        if not fact.passes:
            self.values |= {"state": "merged", "ended_at": self.at, "merged_into": fact.into}

    def case_joined(self, fact: f.CaseJoined) -> None:
        self.batch.insert(tables.joined_cases, (self.case, fact.other), {"at": self.at})
        for id_, to in enumerate(f.receivers(fact.people, fact.posts), fact.first):
            self._copy(id_, "merge", to, "", "")

    def _copy(self, id_: int, what: str, to: tuple[str, str, str], note: str, sent_by: str) -> None:
        person, role, unit = to
        row: dict[str, Any] = {"what": what, "person": person, "unit": unit, "role": role, "note": note}
        row |= {
            "sent_by": sent_by,
            "at": self.at,
            "read_at": None,
            "read_by": "",
            "began": self.state.started,
        }
        self.batch.insert(tables.copies, (self.case, id_), row)

    def hint_judged(self, fact: f.HintJudged) -> None:
        said = {"verdict": fact.verdict, "reason": fact.reason, "judged_by": self.actor.person}
        self.batch.change(tables.hints, (fact.hint,), **said, judged_at=self.at)

    def _close_what_vanished(self) -> None:
        """Rows follow the marking: what is no longer in it is closed or gone, whichever fact took it away."""
        state = self.state
        for item in sorted((self.before.items | self.items.new) - state.items.keys() - self.closed):
            self._close(item, "cancelled", "")
        for rows, before, now in (
            (self.deadlines, self.before.deadlines, state.deadlines),
            (self.subscriptions, self.before.subscriptions, state.subscriptions),
            (self.jobs, self.before.jobs, state.jobs),
        ):
            for id_ in (before | rows.new) - now.keys():
                rows.drop(id_)
        gone = (self.before.incidents | self.incidents.new) - state.incidents.keys()
        for id_ in gone:
            if self.batch.pending(tables.incidents, (self.case, id_)).get("resolved_at") is None:
                self.incidents.change(id_, resolved_at=self.at)

    def case_row(self, seq: int, head: bytes, *, anew: bool = False) -> None:
        """The row of `cases` after fact `seq`: new with a case's first command. `anew`: the row is there (facts refer to it)
        and is brought back to its beginning."""
        values = self.values | {"seq": seq, "head": head}
        if self.begins and not anew:
            self.batch.insert(tables.cases, (self.case,), _NEW_CASE | values)
        else:
            self.batch.change(tables.cases, (self.case,), **(_NEW_CASE | values if self.begins else values))


_NEW_CASE = {
    "number": "", "title": "", "status": "", "end": "", "region": "", "sector": "", "party": "",
    "origin": "", "deadline": None, "register": "{}", "ended_at": None, "imported": False,
    "started_by": "", "started_unit": "", "rung": 0, "supervisor": "", "closed_on": None, "merged_into": "",
}  # fmt: skip

_READERS: dict[type[f.Fact], Any] = {
    f.CaseStarted: Projection.case_started,
    f.CaseCompleted: Projection.case_completed,
    f.CaseCancelled: Projection.case_cancelled,
    f.CaseSuspended: Projection.case_suspended,
    f.CaseResumed: Projection.case_resumed,
    f.StatusChanged: Projection.status_changed,
    f.VariablesSet: Projection.variables_set,
    f.NumberGiven: Projection.number_given,
    f.HistoryImported: Projection.history_imported,
    f.WorkItemOffered: Projection.item_offered,
    f.WorkItemRouted: Projection.item_routed,
    f.WorkItemClaimed: Projection.item_claimed,
    f.WorkItemReleased: Projection.item_released,
    f.WorkItemTransferred: Projection.item_transferred,
    f.WorkItemCompleted: Projection.item_completed,
    f.WorkItemReturned: Projection.item_returned,
    f.WorkItemTakenBack: Projection.item_taken_back,
    f.DueMoved: Projection.due_moved,
    f.JobOffered: Projection.job_offered,
    f.JobFailed: Projection.job_failed,
    f.IncidentRaised: Projection.incident_raised,
    f.IncidentResolved: Projection.incident_resolved,
    f.DeadlineSet: Projection.deadline_set,
    f.DeadlineMoved: Projection.deadline_moved,
    f.Subscribed: Projection.subscribed,
    f.FileAttached: Projection.file_attached,
    f.HintJudged: Projection.hint_judged,
    f.WorkItemUrged: Projection.item_urged,
    f.CaseCopied: Projection.case_copied,
    f.CopyRead: Projection.copy_read,
    f.CaseMerged: Projection.case_merged,
    f.RegisterCorrected: Projection.register_corrected,
    f.CaseJoined: Projection.case_joined,
}

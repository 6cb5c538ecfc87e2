"""Facts → rows 投影. Everything the tables say about cases is written here, and only here.

`Projection` gathers what one batch of facts (the facts of one command) changes and then writes it in few
statements. It needs, beside the facts, two views of the marking: what stood open before the batch, and the state after
it. So an item that vanished with its scope is closed whether or not a fact names it, and rows cannot outlive what they show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Protocol

import sqlalchemy as sa

from engine import facts as f
from engine.calendar import Moment
from engine.commands import Actor
from engine.definitions.model import Package
from engine.store import tables
from engine.store.register import Registered, register_values
from engine.store.rows import Rows, insert
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


@lru_cache(maxsize=256)
def _update_case(columns: tuple[str, ...]) -> sa.Update:
    statement = sa.update(tables.cases).where(tables.cases.c.id == sa.bindparam("b_id"))
    return statement.values({c: sa.bindparam(f"v_{c}") for c in columns})


_attach = (
    sa.update(tables.files)
    .where(tables.files.c.id == sa.bindparam("b_id"))
    .values(case=sa.bindparam("v_case"), item=sa.bindparam("v_item"))
)


class Projection:
    """What one batch of facts changes in the tables of one case. `at` is the batch's instant."""

    def __init__(
        self, case: str, package: Package, before: Standing, state: Marking, actor: Actor, moment: Moment
    ) -> None:
        self.case, self.package, self.before, self.state = case, package, before, state
        self.actor, self.moment, self.at = actor, moment, moment.now
        self.values: dict[str, Any] = {}  # columns of `cases`
        self.items = Rows(tables.work_items, "item")
        self.deadlines = Rows(tables.deadlines, "deadline")
        self.subscriptions = Rows(tables.subscriptions, "subscription")
        self.incidents = Rows(tables.incidents, "incident")
        self.jobs = Rows(tables.jobs, "job")
        self.files: list[dict[str, Any]] = []
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
        self.values |= {
            "id": self.case,
            "package": self.package.hash,
            "package_key": self.package.key,
            "state": "open",
            "started_at": fact.at,
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
        self.values["number"] = self.state.number[:100]
        self.register_changed = True

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
            basis="",
            due=fact.due,
            offered_at=fact.at,
            claimed_at=None,
            closed_at=None,
            closed_by="",
        )

    def item_routed(self, fact: f.WorkItemRouted) -> None:
        self.items.change(fact.id, unit=fact.unit, role=fact.role, basis=fact.basis)

    def item_claimed(self, fact: f.WorkItemClaimed) -> None:
        self.items.change(fact.id, person=fact.person, claimed_at=self.at)

    def item_released(self, fact: f.WorkItemReleased) -> None:
        self.items.change(fact.id, person="", claimed_at=None)

    def item_transferred(self, fact: f.WorkItemTransferred) -> None:
        self.items.change(
            fact.id,
            unit=fact.unit,
            role=fact.role,
            person=fact.person,
            claimed_at=None,
            basis=f"转办：{fact.reason}",
        )

    def item_completed(self, fact: f.WorkItemCompleted) -> None:
        self._close(fact.id, "finished", fact.person)

    def item_returned(self, fact: f.WorkItemReturned) -> None:
        self._close(fact.id, "returned", fact.person)

    def due_moved(self, fact: f.DueMoved) -> None:
        self.items.change(fact.id, due=fact.due)

    def _close(self, item: int, state: str, person: str) -> None:
        self.closed.add(item)
        self.items.change(item, state=state, closed_at=self.at, closed_by=person)

    def job_offered(self, fact: f.JobOffered) -> None:
        self.jobs.add(
            fact.id,
            element=fact.element,
            topic=fact.topic,
            inputs=dumps(fact.inputs),
            retries=RETRIES,
            run_at=self.at,
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
        self.files.append({"b_id": fact.file, "v_case": self.case, "v_item": fact.item})

    def _close_what_vanished(self) -> None:
        """Rows follow the marking: what is no longer in it is closed or gone, whichever fact took it away."""
        state = self.state
        for item in sorted((self.before.items | self.items.new.keys()) - state.items.keys() - self.closed):
            self._close(item, "cancelled", "")
        for rows, before, now in (
            (self.deadlines, self.before.deadlines, state.deadlines),
            (self.subscriptions, self.before.subscriptions, state.subscriptions),
            (self.jobs, self.before.jobs, state.jobs),
        ):
            for id_ in (before | rows.new.keys()) - now.keys():
                rows.drop(id_)
        gone = (self.before.incidents | self.incidents.new.keys()) - state.incidents.keys()
        for id_ in gone:
            row = self.incidents.new.get(id_) or self.incidents.changed.get(id_) or {}
            if row.get("resolved_at") is None:
                self.incidents.change(id_, resolved_at=self.at)

    # -- writing the rows ----------------------------------------------------------------------------------

    def write_case(self, connection: sa.Connection, seq: int, head: bytes, *, anew: bool = False) -> None:
        """The row of `cases`: inserted by a case's first batch (it comes before all rows that refer to it).

        `anew`: the row is there (facts refer to it) and is brought back to its beginning instead.
        """
        values = self.values | {"seq": seq, "head": head}
        if "id" in values:
            if not anew or self._case_missing(connection):
                connection.execute(insert(tables.cases), [_NEW_CASE | values])
                return
            values = _NEW_CASE | values
            del values["id"]
        columns = tuple(sorted(values))
        connection.execute(
            _update_case(columns), {"b_id": self.case, **{f"v_{k}": v for k, v in values.items()}}
        )

    def _case_missing(self, connection: sa.Connection) -> bool:
        query = sa.select(tables.cases.c.id).where(tables.cases.c.id == self.case)
        return connection.execute(query).first() is None

    def write_rest(self, connection: sa.Connection) -> None:
        for rows in (self.items, self.deadlines, self.subscriptions, self.jobs, self.incidents):
            rows.write(connection, self.case)
        if self.files:
            connection.execute(_attach, self.files)


_NEW_CASE = {
    "number": "", "title": "", "status": "", "end": "", "region": "", "sector": "", "party": "",
    "origin": "", "deadline": None, "register": "{}", "ended_at": None, "imported": False,
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
    f.DueMoved: Projection.due_moved,
    f.JobOffered: Projection.job_offered,
    f.JobFailed: Projection.job_failed,
    f.IncidentRaised: Projection.incident_raised,
    f.IncidentResolved: Projection.incident_resolved,
    f.DeadlineSet: Projection.deadline_set,
    f.DeadlineMoved: Projection.deadline_moved,
    f.Subscribed: Projection.subscribed,
    f.FileAttached: Projection.file_attached,
}

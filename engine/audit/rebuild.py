"""Rebuilding the rows from the facts 重建: what proves that the tables are nothing but a projection.

Drops every row that is projected from facts and writes them anew, case by case, one batch of facts a command, as
`ledger.record` wrote them. What is no projection stays: facts, receipts, outbox, notices, numbers, and the locks of
external workers on jobs (a job is free again after a rebuild).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import sqlalchemy as sa

from engine.audit.ledger import Entry, entries_of
from engine.calendar import Moment, WorkCalendar
from engine.definitions.model import Package
from engine.execution.state import State, evolve
from engine.facts import CaseStarted
from engine.store import snapshots, tables
from engine.store.batch import Batch
from engine.store.projection import Projection, Standing
from engine.values import dumps

PROJECTED = (
    tables.work_items,
    tables.deadlines,
    tables.subscriptions,
    tables.incidents,
    tables.jobs,
    tables.copies,
    tables.copy_reads,
    tables.joined_cases,
    tables.snapshots,
)
"""Tables dropped and written anew, beside `cases` (whose rows others refer to: they are brought to the same content)."""


def rebuild(
    connection: sa.Connection,
    package: Callable[[str], Package],
    calendar: WorkCalendar,
    *,
    only: str = "",
) -> int:
    """Rebuild the rows of all cases, or of one, in the caller's writing transaction. Returns how many cases.

    `package` gives a version by its hash. Register expressions are evaluated with `calendar` as it is today; a register
    column that counts working days may therefore differ if the calendar was changed since.
    """
    wanted = sa.select(tables.facts.c.case).distinct().order_by(tables.facts.c.case)
    if only:
        wanted = wanted.where(tables.facts.c.case == only)
    done = 0
    for case in connection.execute(wanted).scalars().all():
        for table in PROJECTED:
            connection.execute(sa.delete(table).where(table.c.case == case))
        connection.execute(sa.update(tables.files).where(tables.files.c.case == case).values(case="", item=0))
        unjudged = {"verdict": "", "reason": "", "judged_by": "", "judged_at": None}
        connection.execute(sa.update(tables.hints).where(tables.hints.c.case == case).values(unjudged))
        _rebuild(connection, case, package, calendar)
        done += 1
    return done


def _rebuild(
    connection: sa.Connection, case: str, package: Callable[[str], Package], calendar: WorkCalendar
) -> None:
    state, seq, head, batch = State(), 0, b"", Batch()
    there = connection.execute(sa.select(tables.cases.c.id).where(tables.cases.c.id == case)).first()
    pinned: Package | None = None
    standing = Standing()
    for entries in batches(entries_of(connection, case)):
        first = entries[0]
        if isinstance(first.fact, CaseStarted):
            pinned = package(first.fact.package)
        if pinned is None:
            raise RuntimeError(f"case {case} does not begin with CaseStarted")
        for entry in entries:
            evolve(state, entry.fact)
        moment = Moment(first.at, calendar)
        projection = Projection(batch, case, pinned, standing, state, first.actor, moment)
        projection.take([entry.fact for entry in entries])
        seq, head = entries[-1].seq, entries[-1].hash
        projection.case_row(seq, head, anew=there is not None)
        standing = Standing.of(state)
    snapshots.save(batch, case, seq, head, dumps(state.to_data()), new=True)
    batch.write(connection)


def batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Entries by the command that caused them, in order."""
    for _, group in groupby(entries, key=lambda e: e.command):
        yield list(group)

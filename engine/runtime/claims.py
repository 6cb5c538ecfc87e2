"""Claims 领取: which cases with due deadlines are this worker's now, so that any number of workers on any number of hosts
never wait for each other and never do the same.

A claim is a lock on the rows of `cases`, taken inside the transaction that passes the deadlines and gone with it: with the
commit, or with the connection of a worker that died. Who is locked by somebody else is left out, not waited for. So the order
of locks is: a case first, everything else of it afterwards; nobody who holds a case waits for a second one.

SQLite has no locks on rows: there one transaction writes at a time, and the claim is the transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from engine.store.tables import cases, deadlines

MOST_LOOKS = 4
"""How often one claim looks again because a few cases with many due deadlines filled what it saw."""

WINDOW = 20_000
"""The longest due deadlines among which those are looked for whom one package's crowd keeps waiting."""

LONGEST_IDLE = "10s"
"""A worker that hangs in the middle of its claim loses it after so long."""

_due_at = deadlines.c.due
_others = deadlines.c.case.not_in(sa.bindparam("without", expanding=True))
_due = (
    sa.select(deadlines.c.case)
    .join(cases, cases.c.id == deadlines.c.case)
    .where(_due_at <= sa.bindparam("now", type_=_due_at.type), _others)
    .order_by(_due_at, deadlines.c.case)
    .limit(sa.bindparam("most"))
    .with_for_update(of=cases, skip_locked=True)
)
_window = (
    sa.select(deadlines.c.case, _due_at)
    .where(_due_at <= sa.bindparam("now", type_=_due_at.type), _others)
    .order_by(_due_at, deadlines.c.case)
    .limit(WINDOW)
    .subquery()
)
_of_others = (
    sa.select(cases.c.id)
    .join_from(_window, cases, cases.c.id == _window.c.case)
    .where(cases.c.package_key != sa.bindparam("package"))
    .order_by(_window.c.due, _window.c.case)
    .limit(sa.bindparam("most"))
    .with_for_update(of=cases, skip_locked=True)
)
_packages = (
    sa.select(cases.c.package_key)
    .where(cases.c.id.in_(sa.bindparam("ids", expanding=True)))
    .group_by(cases.c.package_key)
    .order_by(sa.func.count().desc())
    .limit(1)
)
_limit = sa.select(
    sa.func.set_config("idle_in_transaction_session_timeout", sa.bindparam("idle"), True)
)  # until the transaction ends
_next = sa.select(_due_at).where(_due_at.is_not(None), _others).order_by(_due_at).limit(1)


def due_cases(connection: sa.Connection, now: datetime, most: int, without: Collection[str]) -> list[str]:
    """Take up to `most` cases with a due deadline, those due longest first, and give their ids. Left out are the cases
    `without` and those that another transaction holds.

    What is counted is cases: one with ten thousand due deadlines takes one place.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_limit, {"idle": LONGEST_IDLE})
    found: dict[str, None] = {}
    for _ in range(MOST_LOOKS):
        left = most - len(found)
        asked = {"now": now, "most": left, "without": [*without, *found]}
        rows = connection.execute(_due, asked).scalars().all()
        found |= dict.fromkeys(rows)
        if len(rows) < left or len(found) == most:
            break
    return list(found)


def next_due(connection: sa.Connection, without: Collection[str]) -> datetime | None:
    """When the next deadline of all cases but `without` is due (it may have been for long); None when none is armed."""
    due: datetime | None = connection.execute(_next, {"without": list(without)}).scalar()
    return due


def kept_waiting(
    connection: sa.Connection, now: datetime, most: int, without: Collection[str], crowd: Collection[str]
) -> list[str]:
    """As `due_cases`, but of other packages than the one that most of `crowd` (a claim that was full) belong to: so that a
    package with ten thousand due cases does not keep the others waiting. Looks through many rows: now and then only."""
    package = connection.execute(_packages, {"ids": list(crowd)}).scalar()
    asked = {"now": now, "most": most, "without": list(without), "package": package}
    return list(dict.fromkeys(connection.execute(_of_others, asked).scalars()))

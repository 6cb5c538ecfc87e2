"""Turns 轮流: in what order waiting outbox rows are carried, so that nobody with much to say keeps the others waiting.

The oldest first; but of one case only a `SHARE`-th of a round and of one package only half of it as long as others wait too, and
within a round the cases take turns. Rows of one case stay in their order: while another relay carries earlier rows of a case,
its later ones are left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.runtime import hold
from engine.store.tables import cases, outbox

SHARE = 20
"""So many cases fill a round [P]: none has more of it, unless nobody else waits."""

WINDOW = 20_000
"""The oldest waiting rows among which those are looked for whom a crowd keeps waiting."""

MOST_LOOKS = 4
"""How often one round looks for them."""

_due = sa.and_(
    outbox.c.sent_at.is_(None), outbox.c.send_at <= sa.bindparam("now", type_=outbox.c.send_at.type)
)
_inside = outbox.c.what.in_(hold.INSIDE)  # after a restore
_oldest = (
    sa.select(outbox, sa.func.coalesce(cases.c.package_key, "").label("package"))
    .join_from(outbox, cases, cases.c.id == outbox.c.case, isouter=True)
    .where(_due)
    .order_by(outbox.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(of=outbox, skip_locked=True)
)
_window = sa.select(outbox.c.id).where(_due).order_by(outbox.c.id).limit(WINDOW)
_others = _oldest.where(
    outbox.c.id.in_(_window),
    outbox.c.case.not_in(sa.bindparam("cases", expanding=True)),
    sa.func.coalesce(cases.c.package_key, "").not_in(sa.bindparam("packages", expanding=True)),
)
_first = (
    sa.select(outbox.c.case, sa.func.min(outbox.c.id).label("id"))
    .where(_due, outbox.c.case.in_(sa.bindparam("cases", expanding=True)))
    .group_by(outbox.c.case)
)


def waiting(connection: sa.Connection, now: datetime, most: int, *, inside_only: bool) -> list[Any]:
    """Up to `most` rows whose turn it is, in the order to carry them. On PostgreSQL they are locked until the transaction
    ends, and what others have locked is left out. `inside_only`: none that leave the house (`hold`)."""
    oldest, others = (_oldest.where(_inside), _others.where(_inside)) if inside_only else (_oldest, _others)
    found = {row.id: row for row in connection.execute(oldest, {"now": now, "most": most})}
    for look in range(MOST_LOOKS if len(found) == most else 0):
        share, half = _shares(most)
        of_packages = [] if look else _with_more_than(half, [row.package for row in found.values()])
        of_cases = _with_more_than(share, [row.case for row in found.values()]) if look else []
        if not of_packages and not of_cases:
            if look:
                break
            continue
        asked = {"now": now, "most": half, "cases": of_cases, "packages": of_packages}
        found |= {row.id: row for row in connection.execute(others, asked)}
    rows = sorted(found.values(), key=lambda row: row.id)
    taken = _shared(rows, most)
    in_their_shares = {row.id for row in taken}
    left_over = [row for row in rows if row.id not in in_their_shares]
    return _in_turn(_in_order(connection, now, (taken + left_over)[:most]))


def _shared(rows: Sequence[Any], most: int) -> list[Any]:
    """Of the oldest rows those that fit into the shares of their case and package."""
    share, half = _shares(most)
    by_case: Counter[str] = Counter()
    by_package: Counter[str] = Counter()
    taken = []
    for row in rows:
        if by_case[row.case] < share and by_package[row.package] < half:
            by_case[row.case] += 1
            by_package[row.package] += 1
            taken.append(row)
    return taken


def _with_more_than(count: int, names: Sequence[str]) -> list[str]:
    return [name for name, number in Counter(names).items() if number > count]


def _shares(most: int) -> tuple[int, int]:
    """How many rows of a round one case may have, and one package."""
    return max(most // SHARE, 1), max(most // 2, 1)


def _in_order(connection: sa.Connection, now: datetime, rows: Sequence[Any]) -> list[Any]:
    """Without the rows of cases of which another relay carries earlier ones."""
    if connection.dialect.name == "sqlite" or not rows:
        return list(rows)
    ours = _firsts(rows)
    first = {row.case: row.id for row in connection.execute(_first, {"now": now, "cases": list(ours)})}
    return [row for row in rows if not row.case or first.get(row.case, row.id) >= ours[row.case]]


def _firsts(rows: Collection[Any]) -> dict[str, int]:
    firsts: dict[str, int] = {}
    for row in rows:
        firsts[row.case] = min(row.id, firsts.get(row.case, row.id))
    return firsts


def _in_turn(rows: Sequence[Any]) -> list[Any]:
    """Each case's first row, then each one's second, and so on."""
    nth: Counter[str] = Counter()
    turn: dict[int, int] = {}
    for row in sorted(rows, key=lambda row: row.id):
        turn[row.id] = nth[row.case]
        nth[row.case] += 1
    return sorted(rows, key=lambda row: (turn[row.id], row.id))

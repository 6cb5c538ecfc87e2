"""What was copied to a person 抄送我: newest first, with whether it was read; and who has a copy of one case."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store import tables as t
from web.identity import Who
from web.paging import LARGEST, Page, decode, encode

MOST_COUNTED = 100
"""Counting ends there."""

_k = t.copies
_key = (_k.c.at, _k.c.case, _k.c.copy)
_columns = (
    _k.c.case, _k.c.copy, _k.c.person, _k.c.unit, _k.c.role, _k.c.note, _k.c.sent_by, _k.c.at, _k.c.read_at, _k.c.read_by,
    t.cases.c.number, t.cases.c.title, t.cases.c.status, t.cases.c.party, t.cases.c.region,
    t.cases.c.state.label("case_state"), t.cases.c.package_key,
)  # fmt: skip


def copied_to_me(
    c: sa.Connection, who: Who, *, unread: bool = False, after: str = "", limit: int = 50
) -> Page:
    """Copies to the person and to the person's posts, newest first. `unread`: only those nobody has read yet. A row holds the copy
    (`case, copy, note, sent_by, at, read_at, read_by`) and of its case `number, title, status, party, region, case_state`."""
    limit = max(1, min(limit, LARGEST))
    beyond = decode(after, (datetime, str, int)) if after else None
    parts = []
    for way in ways(who):
        found = sa.select(*_key).where(way, _k.c.what == "copy")
        if unread:
            found = found.where(_k.c.read_at.is_(None))
        if beyond is not None:
            key = (sa.literal(k, column.type) for k, column in zip(beyond, _key, strict=True))
            found = found.where(sa.tuple_(*_key) < sa.tuple_(*key))
        newest = found.order_by(*(column.desc() for column in _key)).limit(limit + 1)
        parts.append(sa.select(newest.subquery()))
    keys = sa.union(*parts).subquery()
    statement = (
        sa.select(*_columns)
        .select_from(keys)
        .join(_k, sa.and_(_k.c.case == keys.c.case, _k.c.copy == keys.c.copy))
        .join(t.cases, t.cases.c.id == _k.c.case)
        .order_by(*(column.desc() for column in _key))
        .limit(limit + 1)
    )
    rows = c.execute(statement).all()
    more, rows = len(rows) > limit, rows[:limit]
    following = encode((rows[-1].at, rows[-1].case, rows[-1].copy)) if more else ""
    return Page([dict(r._mapping) for r in rows], following)


def count_unread(c: sa.Connection, who: Who) -> int:
    """How many copies to the person wait to be read, at most `MOST_COUNTED`."""
    waiting = (
        sa.select(_k.c.case)
        .where(sa.or_(*ways(who)), _k.c.what == "copy", _k.c.read_at.is_(None))
        .limit(MOST_COUNTED)
    )
    return int(c.execute(sa.select(sa.func.count()).select_from(waiting.subquery())).scalar_one())


def of_case(c: sa.Connection, case: str) -> list[dict[str, Any]]:
    """The copies of one case that people or the diagram sent, in order."""
    sent = sa.select(_k).where(_k.c.case == case, _k.c.what == "copy").order_by(_k.c.copy)
    return [dict(r._mapping) for r in c.execute(sent)]


def is_to(row: dict[str, Any], who: Who) -> bool:
    """Whether a copy is the person's or came to one of the person's posts."""
    if row["person"]:
        return bool(row["person"] == who.person)
    return any(unit == row["unit"] and row["role"] in ("", role) for role, unit in who.posts)


def ways(who: Who) -> list[sa.ColumnElement[bool]]:
    """Conditions on copies, each the beginning of an index: to the person, to one of the person's posts."""
    found = [sa.and_(_k.c.person == who.person, t.to_a_person)]
    posts = [("", unit) for unit in who.units] + list(who.posts)
    found += [sa.and_(_k.c.unit == unit, _k.c.role == role, t.to_a_post) for role, unit in posts]
    return found

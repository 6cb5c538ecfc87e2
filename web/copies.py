"""Copies 抄送: which are a person's, whether that one has read them, and who has a copy of one case."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engine.store import tables as t
from web.identity import Who

MOST_COUNTED = 100
"""Counting ends there."""

LOOKED_AT = 300
"""So many of the newest copies to a post are looked at for those that one of it has not read yet [P]."""

_k, _r = t.copies, t.copy_reads


def read_alone(person: str | sa.ColumnElement[str]) -> sa.Select[Any]:
    """The copies to posts that the person has read, each for oneself."""
    return sa.select(_r.c.case, _r.c.copy, _r.c.at).where(_r.c.person == person)


def unread_by(person: str | sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a copy waits to be read by the person."""
    return sa.and_(t.unread_copy, _unread(_k, person))


def _unread(copies: sa.FromClause, person: str | sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    # One look-up for each copy. NOT EXISTS may be made a join that reads all that anybody has ever read.
    here = sa.and_(_r.c.case == copies.c.case, _r.c.copy == copies.c.copy, _r.c.person == person)
    return sa.select(_r.c.at).where(here).correlate(copies).scalar_subquery().is_(None)


def unread(way: sa.ColumnElement[bool], person: str | sa.ColumnElement[str]) -> sa.Select[Any]:
    """As many rows as the person has to read of what came on this way (of `ways`), at most `MOST_COUNTED`: looked for among the
    newest `LOOKED_AT`, so that it costs the same whatever colleagues have left unread for years."""
    waiting = sa.select(_k.c.case, _k.c.copy).where(way, t.unread_copy)
    newest = waiting.order_by(_k.c.at.desc(), _k.c.case.desc(), _k.c.copy.desc()).limit(LOOKED_AT).subquery()
    return sa.select(newest.c.copy).where(_unread(newest, person)).limit(MOST_COUNTED)


def count_unread(c: sa.Connection, who: Who) -> int:
    """How many copies to the person wait to be read, at most `MOST_COUNTED`."""
    found = sa.union_all(*(sa.select(unread(way, who.person).subquery()) for way in ways(who))).subquery()
    return min(MOST_COUNTED, int(c.execute(sa.select(sa.func.count()).select_from(found)).scalar_one()))


def of_case(c: sa.Connection, case: str) -> list[dict[str, Any]]:
    """The copies of one case that people or the diagram sent, in order, each with its `readers` (ids, in their order), and
    whether nobody has to read it any more (`for_all`). `read_at` and `read_by` are of the first of them."""
    sent = sa.select(_k).where(_k.c.case == case, _k.c.what == "copy").order_by(_k.c.copy)
    rows = [dict(r._mapping) for r in c.execute(sent)]
    read = sa.select(_r.c.copy, _r.c.person, _r.c.at).where(_r.c.case == case)
    alone: dict[int, list[Any]] = {}
    for one in c.execute(read.order_by(_r.c.at, _r.c.person)):
        alone.setdefault(one.copy, []).append(one)
    for row in rows:
        readers = [(one.at, one.person) for one in alone.get(row["copy"], [])]
        row["for_all"] = row["read_at"] is not None
        if row["for_all"]:
            readers.append((row["read_at"], row["read_by"]))
        row["readers"] = [person for _, person in readers]
        if readers:
            row["read_at"], row["read_by"] = readers[0]
    return rows


def is_to(row: dict[str, Any], who: Who) -> bool:
    """Whether a copy is the person's or came to one of the person's posts."""
    if row["person"]:
        return bool(row["person"] == who.person)
    return any(unit == row["unit"] and row["role"] in ("", role) for role, unit in who.posts)


def is_unread(row: dict[str, Any], who: Who) -> bool:
    """Whether a copy (of `of_case`) waits to be read by the person."""
    return is_to(row, who) and who.person not in row["readers"] and not row["for_all"]


def ways(who: Who) -> list[sa.ColumnElement[bool]]:
    """Conditions on copies, each the beginning of an index: to the person, to one of the person's posts."""
    found = [sa.and_(_k.c.person == who.person, t.to_a_person)]
    posts = [("", unit) for unit in who.units] + list(who.posts)
    found += [sa.and_(_k.c.unit == unit, _k.c.role == role, t.to_a_post) for role, unit in posts]
    return found

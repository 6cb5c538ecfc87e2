"""Filters a person keeps 常用筛选: a name for what is looked for again and again; one of them may open the page."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import sqlalchemy as sa

from engine.errors import InputInvalid, NotFound
from engine.store.tables import saved_filters
from web.worklist.wanted import Wanted, read

MOST = 20
"""Filters of one person: more are not a help any longer [P]."""

_f = saved_filters
_of_person = (
    sa.select(_f.c.id, _f.c.name, _f.c.query, _f.c.first)
    .where(_f.c.person == sa.bindparam("b_me"))
    .order_by(_f.c.name)
)


def of(c: sa.Connection, person: str) -> list[dict[str, Any]]:
    """A person's filters by name."""
    return [dict(r._mapping) for r in c.execute(_of_person, {"b_me": person})]


def save(c: sa.Connection, person: str, name: str, wanted: Wanted, now: datetime, *, first: bool) -> str:
    """Keep a filter under a name, in the place of an older one of that name; with `first` the page opens with it from now on.
    Returns its id. Raises `InputInvalid` where there are too many."""
    name = name.strip()
    if not name:
        raise InputInvalid("请给常用筛选起个名字。", field="name")
    kept = of(c, person)
    there = next((one["id"] for one in kept if one["name"] == name), "")
    if not there and len(kept) >= MOST:
        raise InputInvalid(f"常用筛选最多保存 {MOST} 个，请先删去不用的。")
    if first:
        c.execute(sa.update(_f).where(_f.c.person == person).values(first=False))
    row = {"query": wanted.query, "first": first, "saved_at": now}
    if there:
        c.execute(sa.update(_f).where(_f.c.id == there).values(**row))
        return str(there)
    id_ = secrets.token_urlsafe(10)
    c.execute(sa.insert(_f).values(id=id_, person=person, name=name, **row))
    return id_


def put_first(c: sa.Connection, person: str, id_: str, *, first: bool) -> None:
    """The page opens with this filter, or with none. Raises `NotFound`."""
    _known(c, person, id_)
    c.execute(sa.update(_f).where(_f.c.person == person).values(first=False))
    c.execute(sa.update(_f).where(_f.c.id == id_).values(first=first))


def drop(c: sa.Connection, person: str, id_: str) -> None:
    """Keep it no longer. Raises `NotFound`."""
    _known(c, person, id_)
    c.execute(sa.delete(_f).where(_f.c.id == id_))


def _known(c: sa.Connection, person: str, id_: str) -> None:
    owned = sa.select(_f.c.id).where(_f.c.id == id_, _f.c.person == person)
    if c.execute(owned).first() is None:
        raise NotFound("没有这个常用筛选，可能已经删去。")


def wanted_of(query: str) -> Wanted:
    """What a kept filter asks for. Raises `InputInvalid` where this program no longer knows it."""
    args = dict(parse_qsl(query))
    return read(args, args.get("tab", "mine"))

"""Cases a person began 我发起, newest first, with who has the ball."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from engine.store import tables as t
from web import discretion
from web.identity import Who
from web.paging import LARGEST, decode, encode
from web.worklist.queries import LOOKED_THROUGH, Found, like
from web.worklist.wanted import Wanted

_k = t.cases
_columns = (
    _k.c.id, _k.c.number, _k.c.title, _k.c.status, _k.c.state, _k.c.party, _k.c.region, _k.c.package_key, _k.c.deadline,
    _k.c.started_at, _k.c.ended_at,
)  # fmt: skip
_newest = (_k.c.started_at, _k.c.id)
_look, _count = (sa.bindparam(name, type_=sa.Integer()) for name in ("b_look", "b_count"))
_place = (sa.bindparam("b_after_0", type_=t.Instant()), sa.bindparam("b_after_1", type_=sa.String()))
_words = sa.bindparam("b_words", type_=sa.String())
_NARROWED: dict[str, sa.ColumnElement[bool]] = {
    "q": sa.or_(*(column.like(_words, escape="\\") for column in (_k.c.number, _k.c.title, _k.c.party))),
    "package": _k.c.package_key == sa.bindparam("b_package"),
    "region": _k.c.region == sa.bindparam("b_region"),
}
"""What can be asked of a case; a step, a unit, a holder are asked of items."""


def cases(c: sa.Connection, who: Who, wanted: Wanted, *, after: str = "", limit: int = 50) -> Found:
    """One page. A narrowed one looks through so many of the next cases, as in `queries.items`."""
    limit = max(1, min(limit, LARGEST))
    place = decode(after, (datetime, str)) if after else None
    narrowed = tuple(name for name in wanted.narrowed if name in _NARROWED)
    values: dict[str, Any] = {"b_me": who.person, "b_words": like(wanted.q), "b_count": limit + 1}
    values |= {"b_package": wanted.package, "b_region": wanted.region}
    values |= {"b_look": LOOKED_THROUGH if narrowed else limit + 1}
    if place is not None:
        values |= {f"b_after_{n}": part for n, part in enumerate(place)}
    rows = c.execute(_page(place is not None, narrowed), values).all()
    more, rows = len(rows) > limit, rows[:limit]
    found = [dict(r._mapping) for r in rows]
    _holders(c, who, found)
    if more:
        return Found(found, encode((rows[-1].started_at, rows[-1].id)))
    last = c.execute(_last(place is not None), values).first() if narrowed else None
    if last is not None and last.looked == LOOKED_THROUGH:
        return Found(found, encode((last.started_at, last.id)), stopped=True)
    return Found(found, "")


@lru_cache(maxsize=64)
def _page(later: bool, narrowed: tuple[str, ...]) -> sa.Select[Any]:
    keys = _keys(later)
    newest = (keys.c.started_at.desc(), keys.c.id.desc())
    statement = sa.select(*_columns).select_from(keys).join(_k, _k.c.id == keys.c.id)
    return statement.where(*(_NARROWED[name] for name in narrowed)).order_by(*newest).limit(_count)


@lru_cache(maxsize=2)
def _last(later: bool) -> sa.Select[Any]:
    """The last case that a narrowed page looked at, and how many it `looked` at."""
    keys = _keys(later)
    looked = sa.func.count().over().label("looked")
    return sa.select(keys, looked).order_by(keys.c.started_at, keys.c.id).limit(1)


def _keys(later: bool) -> sa.Subquery:
    mine = sa.select(*_newest).where(_k.c.started_by == sa.bindparam("b_me"))
    if later:
        mine = mine.where(sa.tuple_(*_newest) < sa.tuple_(*_place))
    return mine.order_by(*(column.desc() for column in _newest)).limit(_look).subquery("page")


def _holders(c: sa.Connection, who: Who, rows: list[dict[str, Any]]) -> None:
    """Where each case stands: its open steps, each with who has it."""
    i = t.work_items
    ids = [r["id"] for r in rows if r["state"] in ("open", "suspended")]
    at: dict[str, list[dict[str, Any]]] = {}
    if ids:
        statement = sa.select(i.c.case, i.c.name, i.c.unit, i.c.person, i.c.due).order_by(i.c.case, i.c.item)
        statement = statement.where(t.open_item, i.c.case.in_(ids), discretion.of(who).shown_items())
        for r in c.execute(statement):
            at.setdefault(r.case, []).append(dict(r._mapping))
    for row in rows:
        row["at"] = at.get(row["id"], [])

"""What a person has to do 待办, as rows: soonest due first, those without a limit last.

A list is merged from strands, one for each post (or unit, or person): in each the items lie in an index in the list's
order, so that a page costs the same however much lies behind it. Only the keys are merged; the rows of the page are
fetched by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache, reduce
from operator import add
from typing import Any

import sqlalchemy as sa

from engine.store import tables as t
from web.context import the_directory
from web.identity import Who
from web.paging import FAR, LARGEST, Page, decode, encode, paged

TABS = {"unclaimed": "待签收", "mine": "待办", "overdue": "超期", "unit": "本单位", "done": "已办"}

MOST_COUNTED = 100
"""Counting ends there: whoever has so much to do does not need the number."""

_i = t.work_items
_columns = (
    _i.c.case, _i.c.item, _i.c.element, _i.c.name, _i.c.form, _i.c.state, _i.c.unit, _i.c.role, _i.c.person,
    _i.c.behalf, _i.c.basis, _i.c.due, _i.c.offered_at, _i.c.claimed_at, _i.c.closed_at, _i.c.closed_by,
    t.cases.c.number, t.cases.c.title, t.cases.c.status, t.cases.c.party, t.cases.c.region,
    t.cases.c.state.label("case_state"), t.cases.c.package_key,
)  # fmt: skip

Strand = sa.ColumnElement[bool]
"""A condition on open items that fixes the first columns of one index, whose next ones are due, case, item."""

# A statement is built once for each shape: a tab, how many posts and units the person has, where a page begins. What is
# asked for is bound under these names.
_me, _now, _count = (
    sa.bindparam("b_me", type_=sa.String()),
    sa.bindparam("b_now", type_=t.Instant()),
    sa.bindparam("b_count", type_=sa.Integer()),
)
_AFTER = ("b_after_due", "b_after_case", "b_after_item")
_after: tuple[sa.BindParameter[Any], ...] = (
    sa.bindparam(_AFTER[0], type_=t.Instant()),
    sa.bindparam(_AFTER[1], type_=sa.String()),
    sa.bindparam(_AFTER[2], type_=sa.Integer()),
)


def _bound(who: Who, now: datetime) -> dict[str, Any]:
    """The person, the posts, the units and the instant, by the names under which the strands speak of them."""
    units = {f"b_unit_{n}": unit for n, unit in enumerate(who.units)}
    return {"b_now": now, **_bound_posts(who), **units}


def _bound_posts(who: Who) -> dict[str, Any]:
    """The person, the posts, and whom the person stands in for at which of them."""
    bound: dict[str, Any] = {"b_me": who.person}
    for n, (person, role, unit) in enumerate(who.standing):
        bound |= {f"b_for_{n}": person, f"b_for_role_{n}": role, f"b_for_place_{n}": unit}
    for n, (role, unit) in enumerate(who.posts):
        bound |= {f"b_role_{n}": role, f"b_place_{n}": unit}
    return bound


def _mine(standing: int) -> list[Strand]:
    """What the person has in hand, and what those have whom the person stands in for 代, at those posts."""
    others = [
        sa.and_(
            _i.c.person == sa.bindparam(f"b_for_{n}"),
            _i.c.role == sa.bindparam(f"b_for_role_{n}"),
            _i.c.unit == sa.bindparam(f"b_for_place_{n}"),
            t.with_somebody,
            t.open_item,
        )
        for n in range(standing)
    ]
    return [sa.and_(_i.c.person == _me, t.with_somebody, t.open_item), *others]


def _at_posts(posts: int) -> list[Strand]:
    """Items nobody has taken, at one of the person's posts."""
    nobody = _i.c.person == sa.literal_column("''")
    return [
        sa.and_(
            _i.c.unit == sa.bindparam(f"b_place_{n}"),
            _i.c.role == sa.bindparam(f"b_role_{n}"),
            nobody,
            t.open_item,
        )
        for n in range(posts)
    ]


def _strands(tab: str, posts: int, units: int, standing: int) -> list[Strand]:
    """The strands of a tab of open items, of somebody with so many posts and units who stands in so many times."""
    match tab:
        case "unclaimed":
            return _at_posts(posts)
        case "mine":
            return _mine(standing)
        case "overdue":
            return [sa.and_(s, _i.c.due < _now) for s in (*_mine(standing), *_at_posts(posts))]
        case "unit":
            return [sa.and_(_i.c.unit == sa.bindparam(f"b_unit_{n}"), t.open_item) for n in range(units)]
        case "all":
            return [*_mine(standing), *_at_posts(posts)]
    raise KeyError(tab)


def items(c: sa.Connection, who: Who, tab: str, now: datetime, *, after: str = "", limit: int = 50) -> Page:
    """One tab of the worklist."""
    if tab == "done":
        return _done(c, who, after, limit)
    limit = max(1, min(limit, LARGEST))
    key = decode(after, (datetime, str, int)) if after else None
    begins = "" if key is None else "dated" if key[0] < FAR else "undated" if key[0] == FAR else "beyond"
    statement = _page(tab, len(who.posts), len(who.units), len(who.standing), begins)
    if statement is None:
        return Page([], "")
    bound = _bound(who, now) | {"b_count": limit + 1}
    if key is not None:
        bound |= dict(zip(_AFTER, key, strict=True))
    rows = c.execute(statement, bound).all()
    more, rows = len(rows) > limit, rows[:limit]
    following = encode((rows[-1].due or FAR, rows[-1].case, rows[-1].item)) if more else ""
    return Page([as_row(r) for r in rows], following)


@lru_cache(maxsize=256)
def _page(tab: str, posts: int, units: int, standing: int, begins: str) -> sa.Select[Any] | None:
    """The rows of a page; None where there can be none."""
    strands = _strands(tab, posts, units, standing)
    if not strands or (tab == "overdue" and begins not in ("", "dated")):
        return None
    keys = _merged(strands, begins, undated=tab != "overdue")
    order = (keys.c.due.is_(None), keys.c.due, keys.c.case, keys.c.item)
    statement = (
        sa.select(*_columns)
        .select_from(keys)
        .join(_i, sa.and_(_i.c.case == keys.c.case, _i.c.item == keys.c.item))
        .join(t.cases, t.cases.c.id == keys.c.case)
    )
    return statement.order_by(*order)


def _merged(strands: Iterable[Strand], begins: str, *, undated: bool) -> sa.Subquery:
    """The keys (due, case, item) of the next items of all strands, from the first one on or, as `begins` says, after an item
    with a limit or without. What has no limit has strands of its own, because the databases do not agree where NULL comes
    in an order; a list in which there is none (`undated`) does without them."""
    parts: list[sa.Select[Any]] = []
    for strand in strands:
        found = sa.select(_i.c.due, _i.c.case, _i.c.item).where(strand)
        if begins in ("", "dated"):
            dated = found.where(_i.c.due.is_not(None)).order_by(_i.c.due, _i.c.case, _i.c.item)
            parts.append(dated if not begins else dated.where(sa.tuple_(*_key) > sa.tuple_(*_after)))
        if not undated:
            continue
        without = found.where(_i.c.due.is_(None)).order_by(_i.c.case, _i.c.item)
        if begins == "undated":
            without = without.where(sa.tuple_(*_key[1:]) > sa.tuple_(*_after[1:]))
        parts.append(without)
    every = sa.union_all(*(sa.select(p.limit(_count).subquery()) for p in parts)).subquery()
    order = (every.c.due.is_(None), every.c.due, every.c.case, every.c.item)
    return sa.select(every).order_by(*order).limit(_count).subquery("page")


_key = (_i.c.due, _i.c.case, _i.c.item)


def _done(c: sa.Connection, who: Who, after: str, limit: int) -> Page:
    return paged(
        c, _closed_by_me, (_i.c.closed_at, _i.c.case, _i.c.item), lambda r: (r.closed_at, r.case, r.item), as_row,
        kinds=(datetime, str, int), after=after, limit=limit, descending=True, bound={"b_me": who.person},
    )  # fmt: skip


_closed_by_me = (
    sa.select(*_columns)
    .join(t.cases, t.cases.c.id == _i.c.case)
    .where(_i.c.closed_by == _me, t.closed_by_somebody, _i.c.state != "open")
)


def as_row(r: Any) -> dict[str, Any]:
    """A row as data."""
    return dict(r._mapping)


COUNTED = ("unclaimed", "mine", "overdue", "unit")
"""The tabs of open items, whose numbers are shown."""


def counts(c: sa.Connection, who: Who, now: datetime) -> dict[str, int]:
    """How many items each open tab holds, at most `MOST_COUNTED`."""
    found = (
        c.execute(_counts(len(who.posts), len(who.units), len(who.standing)), _bound(who, now)).one()._mapping
    )
    return {tab: min(MOST_COUNTED, found[tab]) for tab in COUNTED}


@lru_cache(maxsize=64)
def _counts(posts: int, units: int, standing: int) -> sa.Select[Any]:
    """For each tab of open items the sum of its strands, each counted to `MOST_COUNTED`."""

    def one(strand: Strand) -> Any:
        inner = sa.select(sa.literal_column("1")).select_from(_i).where(strand).limit(MOST_COUNTED).subquery()
        return sa.select(sa.func.count()).select_from(inner).scalar_subquery()

    def every(tab: str) -> Any:
        return reduce(add, (one(s) for s in _strands(tab, posts, units, standing)), sa.literal_column("0"))

    return sa.select(*(every(tab).label(tab) for tab in COUNTED))


def notices(c: sa.Connection, who: Who, *, after: str = "", limit: int = 20) -> Page:
    """Messages to the person, the person's posts or units, newest first; and those to a unit below one's own where
    nobody holds the post, as its items come to the unit above too (a town reads for an enterprise without an account).
    """
    n = t.notices
    directory = the_directory()
    below = [[u for u in directory.below(unit) if not directory.members(u, role)] for role, unit in who.posts]
    bound = _bound_posts(who) | {f"b_below_{at}": units for at, units in enumerate(below) if units}
    return paged(
        c, _notices(tuple(bool(units) for units in below)), (n.c.at, n.c.key), lambda r: (r.at, r.key), as_row,
        kinds=(datetime, str), after=after, limit=limit, descending=True, bound=bound,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _notices(below: tuple[bool, ...]) -> sa.Select[Any]:
    """Of somebody with so many posts; for each of them, whether units below are read for."""
    n = t.notices
    ways = [n.c.person == _me]
    for at, others in enumerate(below):
        unit: sa.BindParameter[str] = sa.bindparam(f"b_place_{at}")
        role: sa.BindParameter[str] = sa.bindparam(f"b_role_{at}")
        ways.append(sa.and_(n.c.unit == unit, n.c.role.in_(("", role)), n.c.person == ""))
        if others:
            units: sa.BindParameter[str] = sa.bindparam(f"b_below_{at}", expanding=True)
            ways.append(sa.and_(n.c.unit.in_(units), n.c.role == role, n.c.person == ""))
    return (
        sa.select(n, t.cases.c.number, t.cases.c.title.label("case_title"))
        .outerjoin(t.cases, t.cases.c.id == n.c.case)
        .where(sa.or_(*ways))
    )

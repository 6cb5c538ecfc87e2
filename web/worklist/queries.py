"""What a person has to do 待办, as rows: soonest due first, those without a limit last.

A list is merged from strands, one for each post (or unit, or person): in each the items lie in an index in the list's
order, so that a page costs the same however much lies behind it. Only the keys are merged; the rows of the page are
fetched by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store import tables as t
from web.context import the_directory
from web.identity import Who
from web.paging import FAR, LARGEST, Page, beyond, decode, encode, paged

TABS = {"unclaimed": "待签收", "mine": "待办", "overdue": "超期", "unit": "本单位", "done": "已办"}

MOST_COUNTED = 100
"""Counting ends there: whoever has so much to do does not need the number."""

_i = t.work_items
_columns = (
    _i.c.case, _i.c.item, _i.c.element, _i.c.name, _i.c.form, _i.c.state, _i.c.unit, _i.c.role, _i.c.person,
    _i.c.basis, _i.c.due, _i.c.offered_at, _i.c.claimed_at, _i.c.closed_at, _i.c.closed_by,
    t.cases.c.number, t.cases.c.title, t.cases.c.status, t.cases.c.party, t.cases.c.region,
    t.cases.c.state.label("case_state"), t.cases.c.package_key,
)  # fmt: skip

Strand = sa.ColumnElement[bool]
"""A condition on open items that fixes the first columns of one index, whose next ones are due, case, item."""


def _mine(who: Who) -> list[Strand]:
    return [sa.and_(_i.c.person == who.person, t.with_somebody, t.open_item)]


def _at_posts(who: Who) -> list[Strand]:
    """Items nobody has taken, at one of the person's posts."""
    nobody = _i.c.person == sa.literal_column("''")
    return [sa.and_(_i.c.unit == unit, _i.c.role == role, nobody, t.open_item) for role, unit in who.posts]


def _strands(who: Who, tab: str, now: datetime) -> list[Strand]:
    """The strands of a tab of open items."""
    match tab:
        case "unclaimed":
            return _at_posts(who)
        case "mine":
            return _mine(who)
        case "overdue":
            return [sa.and_(s, _i.c.due < now) for s in (*_mine(who), *_at_posts(who))]
        case "unit":
            return [sa.and_(_i.c.unit == unit, t.open_item) for unit in who.units]
        case "all":
            return [*_mine(who), *_at_posts(who)]
    raise KeyError(tab)


def items(c: sa.Connection, who: Who, tab: str, now: datetime, *, after: str = "", limit: int = 50) -> Page:
    """One tab of the worklist."""
    if tab == "done":
        return _done(c, who, after, limit)
    limit = max(1, min(limit, LARGEST))
    strands = _strands(who, tab, now)
    if not strands:
        return Page([], "")
    keys = _merged(strands, decode(after, (datetime, str, int)) if after else None, limit + 1)
    order = (keys.c.due.is_(None), keys.c.due, keys.c.case, keys.c.item)
    statement = (
        sa.select(*_columns)
        .select_from(keys)
        .join(_i, sa.and_(_i.c.case == keys.c.case, _i.c.item == keys.c.item))
        .join(t.cases, t.cases.c.id == keys.c.case)
    )
    rows = c.execute(statement.order_by(*order)).all()
    more, rows = len(rows) > limit, rows[:limit]
    following = encode((rows[-1].due or FAR, rows[-1].case, rows[-1].item)) if more else ""
    return Page([as_row(r) for r in rows], following)


def _merged(strands: Iterable[Strand], after: list[Any] | None, count: int) -> sa.Subquery:
    """The keys (due, case, item) of the next `count` items of all strands. What has no limit has strands of its own, because
    the databases do not agree where NULL comes in an order."""
    parts: list[sa.Select[Any]] = []
    for strand in strands:
        found = sa.select(_i.c.due, _i.c.case, _i.c.item).where(strand)
        if after is None or after[0] < FAR:
            dated = found.where(_i.c.due.is_not(None)).order_by(_i.c.due, _i.c.case, _i.c.item)
            parts.append(dated if after is None else dated.where(beyond(_key, after)))
        undated = found.where(_i.c.due.is_(None)).order_by(_i.c.case, _i.c.item)
        if after is not None and after[0] == FAR:
            undated = undated.where(beyond(_key[1:], after[1:]))
        parts.append(undated)
    every = sa.union_all(*(sa.select(p.limit(count).subquery()) for p in parts)).subquery()
    order = (every.c.due.is_(None), every.c.due, every.c.case, every.c.item)
    return sa.select(every).order_by(*order).limit(count).subquery("page")


_key = (_i.c.due, _i.c.case, _i.c.item)


def _done(c: sa.Connection, who: Who, after: str, limit: int) -> Page:
    statement = (
        sa.select(*_columns)
        .join(t.cases, t.cases.c.id == _i.c.case)
        .where(_i.c.closed_by == who.person, t.closed_by_somebody, _i.c.state != "open")
    )
    return paged(
        c, statement, (_i.c.closed_at, _i.c.case, _i.c.item), lambda r: (r.closed_at, r.case, r.item), as_row,
        kinds=(datetime, str, int), after=after, limit=limit, descending=True,
    )  # fmt: skip


def as_row(r: Any) -> dict[str, Any]:
    """A row as data."""
    return dict(r._mapping)


def counts(c: sa.Connection, who: Who, now: datetime) -> dict[str, int]:
    """How many items each open tab holds, at most `MOST_COUNTED`."""

    def one(strand: Strand) -> Any:
        inner = sa.select(sa.literal_column("1")).select_from(_i).where(strand).limit(MOST_COUNTED).subquery()
        return sa.select(sa.func.count()).select_from(inner).scalar_subquery()

    tabs = {tab: _strands(who, tab, now) for tab in ("unclaimed", "mine", "overdue", "unit")}
    counted = iter(
        c.execute(
            sa.select(sa.literal_column("0"), *(one(s) for found in tabs.values() for s in found))
        ).one()[1:]
    )
    return {tab: min(MOST_COUNTED, sum(next(counted) for _ in found)) for tab, found in tabs.items()}


def notices(c: sa.Connection, who: Who, *, after: str = "", limit: int = 20) -> Page:
    """Messages to the person, the person's posts or units, newest first; and those to a unit below one's own where
    nobody holds the post, as its items come to the unit above too (a town reads for an enterprise without an account).
    """
    n = t.notices
    posts = [
        sa.and_(n.c.unit == unit, n.c.role.in_(("", role)), n.c.person == "") for role, unit in who.posts
    ]
    directory = the_directory()
    for role, unit in who.posts:
        below = [
            u.id for u in directory.units.values() if u.parent == unit and not directory.members(u.id, role)
        ]
        if below:
            posts.append(sa.and_(n.c.unit.in_(below), n.c.role == role, n.c.person == ""))
    statement = (
        sa.select(n, t.cases.c.number, t.cases.c.title.label("case_title"))
        .outerjoin(t.cases, t.cases.c.id == n.c.case)
        .where(sa.or_(n.c.person == who.person, *posts))
    )
    return paged(
        c, statement, (n.c.at, n.c.key), lambda r: (r.at, r.key), as_row,
        kinds=(datetime, str), after=after, limit=limit, descending=True,
    )  # fmt: skip

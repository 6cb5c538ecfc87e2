"""What a person has to do 待办, as rows: soonest due first, those without a limit last."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store import tables as t
from web.context import the_engine
from web.identity import Who
from web.paging import FAR, Page, paged

TABS = {"unclaimed": "待签收", "mine": "待办", "overdue": "超期", "unit": "本单位", "done": "已办"}

_i = t.work_items
_due = sa.func.coalesce(_i.c.due, sa.literal(FAR, t.Instant()), type_=t.Instant())
_columns = (
    _i.c.case, _i.c.item, _i.c.element, _i.c.name, _i.c.form, _i.c.state, _i.c.unit, _i.c.role, _i.c.person,
    _i.c.basis, _i.c.due, _i.c.offered_at, _i.c.claimed_at, _i.c.closed_at, _i.c.closed_by,
    t.cases.c.number, t.cases.c.title, t.cases.c.status, t.cases.c.party, t.cases.c.region,
    t.cases.c.state.label("case_state"), t.cases.c.package_key,
)  # fmt: skip


def at_post(who: Who) -> sa.ColumnElement[bool]:
    """Items nobody has taken, at one of the person's posts."""
    posts = [sa.and_(_i.c.unit == unit, _i.c.role == role) for role, unit in who.posts]
    return sa.and_(_i.c.person == "", sa.or_(sa.false(), *posts))


def _tab(who: Who, tab: str, now: datetime) -> sa.ColumnElement[bool]:
    mine = _i.c.person == who.person
    if tab == "done":
        return sa.and_(_i.c.closed_by == who.person, _i.c.state != "open")
    chosen = {
        "unclaimed": at_post(who),
        "mine": mine,
        "overdue": sa.and_(sa.or_(mine, at_post(who)), _i.c.due < now),
        "unit": _i.c.unit.in_(who.units),
        "all": sa.or_(mine, at_post(who)),
    }[tab]
    return sa.and_(_i.c.state == "open", chosen)


def items(c: sa.Connection, who: Who, tab: str, now: datetime, *, after: str = "", limit: int = 50) -> Page:
    """One tab of the worklist."""
    statement = sa.select(*_columns).join(t.cases, t.cases.c.id == _i.c.case).where(_tab(who, tab, now))
    if tab == "done":
        return paged(
            c, statement, (_i.c.closed_at, _i.c.case, _i.c.item), lambda r: (r.closed_at, r.case, r.item), as_row,
            kinds=(datetime, str, int), after=after, limit=limit, descending=True,
        )  # fmt: skip
    return paged(
        c, statement, (_due, _i.c.case, _i.c.item), lambda r: (r.due or FAR, r.case, r.item), as_row,
        kinds=(datetime, str, int), after=after, limit=limit,
    )  # fmt: skip


def as_row(r: Any) -> dict[str, Any]:
    """A row as data."""
    return dict(r._mapping)


def counts(c: sa.Connection, who: Who, now: datetime) -> dict[str, int]:
    """How many items each open tab holds."""

    def one(tab: str) -> Any:
        inner = sa.select(sa.literal(1)).select_from(_i).where(_tab(who, tab, now)).limit(1000).subquery()
        return sa.select(sa.func.count()).select_from(inner).scalar_subquery().label(tab)

    row = c.execute(sa.select(*(one(tab) for tab in ("unclaimed", "mine", "overdue", "unit")))).one()
    return dict(row._mapping)


def notices(c: sa.Connection, who: Who, *, after: str = "", limit: int = 20) -> Page:
    """Messages to the person, the person's posts or units, newest first; and those to a unit below one's own where
    nobody holds the post, as its items come to the unit above too (a town reads for an enterprise without an account).
    """
    n = t.notices
    posts = [
        sa.and_(n.c.unit == unit, n.c.role.in_(("", role)), n.c.person == "") for role, unit in who.posts
    ]
    directory = the_engine().directory()
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

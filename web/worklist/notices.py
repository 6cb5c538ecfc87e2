"""Messages 消息 to a person, the person's posts and units, newest first."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from engine.store import tables as t
from web.context import the_directory
from web.identity import Who
from web.paging import Page, paged
from web.worklist.queries import bound_posts


def notices(c: sa.Connection, who: Who, *, after: str = "", limit: int = 20) -> Page:
    """Messages to the person, to whom the person stands in for 替岗, to the person's posts or units, newest first; and those to a unit
    below one's own where nobody holds the post, as its items come to the unit above too (a town reads for an enterprise without an account).
    """
    n = t.notices
    directory = the_directory()
    below = [[u for u in directory.below(unit) if not directory.members(u, role)] for role, unit in who.posts]
    people = list(dict.fromkeys((who.person, *(away for away, _, _ in who.standing))))
    bound = (
        bound_posts(who)
        | {"b_people": people}
        | {f"b_below_{at}": units for at, units in enumerate(below) if units}
    )
    return paged(
        c, _notices(tuple(bool(units) for units in below)), (n.c.at, n.c.key), lambda r: (r.at, r.key), lambda r: dict(r._mapping),
        kinds=(datetime, str), after=after, limit=limit, descending=True, bound=bound,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _notices(below: tuple[bool, ...]) -> sa.Select[Any]:
    """Of somebody with so many posts; for each of them, whether units below are read for."""
    n = t.notices
    ways: list[sa.ColumnElement[bool]] = [n.c.person.in_(sa.bindparam("b_people", expanding=True))]
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

"""What was copied to a person 抄送我, newest first, with whether that one has read it; all of it or what is looked for."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from engine.store import tables as t
from web.copies import read_alone, unread_by, ways
from web.identity import Who
from web.paging import LARGEST, decode, encode
from web.worklist.queries import LOOKED_THROUGH, Found, like
from web.worklist.wanted import Wanted

_k = t.copies
_key = (_k.c.at, _k.c.case, _k.c.copy)


def copies(
    c: sa.Connection, who: Who, wanted: Wanted, *, unread: bool = False, after: str = "", limit: int = 50
) -> Found:
    """Copies to the person and to the person's posts. `unread`: only those the person has not read. A row holds the copy
    (`case, copy, note, sent_by, at`, and `read_at, read_by` as the person has read it, or one for all) and of its case `number,
    title, status, party, region, case_state`. A narrowed page looks through so many of the next copies, as in
    `queries.items`."""
    limit = max(1, min(limit, LARGEST))
    asked = _asked(wanted)
    look = LOOKED_THROUGH if asked else limit + 1
    beyond = decode(after, (datetime, str, int)) if after else None
    parts = []
    for way in ways(who):
        found = sa.select(*_key).where(way, _k.c.what == "copy")
        if unread:
            found = found.where(unread_by(who.person))
        if beyond is not None:
            key = (sa.literal(k, column.type) for k, column in zip(beyond, _key, strict=True))
            found = found.where(sa.tuple_(*_key) < sa.tuple_(*key))
        newest = found.order_by(*(column.desc() for column in _key)).limit(look)
        parts.append(sa.select(newest.subquery()))
    every = sa.union(*parts).subquery()
    newest_first = (every.c.at.desc(), every.c.case.desc(), every.c.copy.desc())
    keys = sa.select(every).order_by(*newest_first).limit(look).subquery("page")
    mine = read_alone(who.person).subquery("mine")
    here = sa.and_(mine.c.case == _k.c.case, mine.c.copy == _k.c.copy)
    statement = (
        sa.select(
            _k.c.case, _k.c.copy, _k.c.person, _k.c.unit, _k.c.role, _k.c.note, _k.c.sent_by, _k.c.at,
            sa.func.coalesce(mine.c.at, _k.c.read_at, type_=t.Instant()).label("read_at"),
            sa.case((mine.c.at.is_not(None), sa.literal(who.person)), else_=_k.c.read_by).label("read_by"),
            t.cases.c.number, t.cases.c.title, t.cases.c.status, t.cases.c.party, t.cases.c.region,
            t.cases.c.state.label("case_state"), t.cases.c.package_key,
        )
        .select_from(keys)
        .join(_k, sa.and_(_k.c.case == keys.c.case, _k.c.copy == keys.c.copy))
        .join(t.cases, t.cases.c.id == _k.c.case)
        .outerjoin(mine, here)
        .where(*asked)
        .order_by(*(column.desc() for column in _key))
        .limit(limit + 1)
    )  # fmt: skip
    rows = c.execute(statement).all()
    more, rows = len(rows) > limit, rows[:limit]
    shown = [dict(r._mapping) for r in rows]
    if more:
        return Found(shown, encode((rows[-1].at, rows[-1].case, rows[-1].copy)))
    if asked:
        looked = c.execute(sa.select(keys).order_by(*(keys.c[k.name].desc() for k in _key))).all()
        if len(looked) == LOOKED_THROUGH:
            last = looked[-1]
            return Found(shown, encode((last.at, last.case, last.copy)), stopped=True)
    return Found(shown, "")


def _asked(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    """What can be asked of a copy: of its case, or of what was written to it."""
    asked: list[sa.ColumnElement[bool]] = []
    if wanted.q:
        words = (t.cases.c.number, t.cases.c.title, t.cases.c.party, _k.c.note)
        asked.append(sa.or_(*(column.like(like(wanted.q), escape="\\") for column in words)))
    if wanted.package:
        asked.append(t.cases.c.package_key == wanted.package)
    if wanted.region:
        asked.append(t.cases.c.region == wanted.region)
    return asked

"""What the office administers 管理: calendar days and settings, as rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.errors import NotFound
from engine.runtime import reminders
from engine.store import tables as t
from web.context import the_channels, the_directory, the_engine
from web.paging import Page, paged


def calendar(c: sa.Connection) -> dict[str, Any]:
    """The days that differ from their weekday, the years, the hours."""
    d, y = t.calendar_days, t.calendar_years
    calendar_ = the_engine().calendar()
    return {
        "days": [dict(r._mapping) for r in c.execute(sa.select(d).order_by(d.c.day))],
        "years": [dict(r._mapping) for r in c.execute(sa.select(y).order_by(y.c.year))],
        "hours": {n: getattr(calendar_, n) for n in ("opens", "closes", "send_from", "send_until")},
    }


def tokens_of(c: sa.Connection, person: str) -> list[dict[str, Any]]:
    """A person's tokens that are still good."""
    k = t.tokens
    rows = c.execute(
        sa.select(k.c.id, k.c.name, k.c.made_at)
        .where(k.c.person == person, k.c.revoked_at.is_(None))
        .order_by(k.c.made_at)
    )
    return [dict(r._mapping) for r in rows]


_d = t.deliveries
SENT, WAITING, GIVEN_UP = "已发出", "待发送", "未送达"


def contacts(c: sa.Connection, person: str) -> list[dict[str, Any]]:
    """The channels that people may choose, each with what the person has entered ("" where nothing)."""
    mine = reminders.contacts_of(c, person)
    found = []
    for one in the_channels().values():
        if one.address:
            entered = mine.get(one.key)
            found.append(
                {
                    "channel": one.key, "title": one.title, "label": one.address,
                    "address": entered.address if entered else "", "way": entered.way if entered else "",
                }
            )  # fmt: skip
    return found


def deliveries(c: sa.Connection, person: str, *, after: str = "", limit: int = 20) -> Page:
    """Reminders to a person, newest first, with what became of each."""
    return _deliveries(c, _to_person, after, limit, {"b_person": person})


def undelivered(c: sa.Connection, *, after: str = "", limit: int = 50) -> Page:
    """Reminders that were tried and not taken, newest first."""
    return _deliveries(c, _not_taken, after, limit, {})


_to_person = sa.select(_d).where(_d.c.person == sa.bindparam("b_person", type_=sa.String()))
_not_taken = sa.select(_d).where(_d.c.sent_at.is_(None), _d.c.last_error != "")


def _deliveries(
    c: sa.Connection, statement: sa.Select[Any], after: str, limit: int, bound: dict[str, Any]
) -> Page:
    return paged(
        c, statement, (_d.c.written_at, _d.c.key), lambda r: (r.written_at, r.key), _delivery,
        kinds=(datetime, str), after=after, limit=limit, descending=True, bound=bound,
    )  # fmt: skip


def _delivery(row: Any) -> dict[str, Any]:
    channel = the_channels().get(row.channel)
    state = SENT if row.sent_at is not None else WAITING if row.send_at is not None else GIVEN_UP
    return {
        "key": row.key,
        "to": the_directory().name_of(row.person) if row.person else row.unit,
        "channel": channel.title if channel else row.channel,
        "case": row.case,
        "title": row.title,
        "state": state,
        "written_at": row.written_at,
        "sent_at": row.sent_at,
        "attempts": row.attempts,
        "error": row.last_error,
    }


def handovers(c: sa.Connection) -> list[dict[str, Any]]:
    """What was handed over 移交, newest first, at most 200, each with the number of its lines."""
    h, i = t.handovers, t.handover_items
    lines = sa.select(sa.func.count()).where(i.c.handover == h.c.id).scalar_subquery()
    rows = c.execute(sa.select(h, lines.label("count")).order_by(h.c.at.desc(), h.c.id).limit(200))
    return [dict(r._mapping) for r in rows]


def handover(c: sa.Connection, id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One handover and its lines. Raises `NotFound`."""
    h, i = t.handovers, t.handover_items
    found = c.execute(sa.select(h).where(h.c.id == id)).first()
    if found is None:
        raise NotFound("没有这份交接清单。")
    lines = c.execute(sa.select(i).where(i.c.handover == id).order_by(i.c.position))
    return dict(found._mapping), [dict(r._mapping) for r in lines]

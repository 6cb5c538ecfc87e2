"""What the office administers 管理: calendar days and settings, as rows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engine.store import tables as t
from web.context import the_engine


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

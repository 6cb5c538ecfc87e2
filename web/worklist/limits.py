"""What the office sets for the worklist: how many working days count as soon 将到期, how many items are done together 批量."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

import sqlalchemy as sa

from engine.calendar import Moment
from engine.clock import SHANGHAI
from engine.errors import CalendarUnknown
from engine.store import settings as stored

SOON, BULK = "worklist_soon_days", "worklist_bulk_items"

SOON_DAYS = 1
"""Today and the next working day, when the ladder's first rung warns, too [P]."""

BULK_ITEMS = 50
"""As many as a page shows [P]."""

MOST_SOON_DAYS, MOST_BULK_ITEMS = 60, 200
"""What the office can set at most: a quarter of a year, the longest page."""


@dataclass(frozen=True, slots=True)
class Limits:
    soon_days: int = SOON_DAYS
    bulk_items: int = BULK_ITEMS


def read(c: sa.Connection) -> Limits:
    """As the office has set them."""
    raw = stored.get(c, [SOON, BULK])

    def number(key: str, usual: int, most: int) -> int:
        text = raw.get(key, "")
        return int(text) if text.isdecimal() and int(text) <= most else usual

    return Limits(number(SOON, SOON_DAYS, MOST_SOON_DAYS), max(1, number(BULK, BULK_ITEMS, MOST_BULK_ITEMS)))


def soon_until(moment: Moment, days: int) -> datetime:
    """The instant from which on a limit is not soon: the beginning of the working day after the next `days` ones. Where the
    calendar of that time is not confirmed, days of the week are counted instead: a list cannot wait for it."""
    try:
        last = moment.calendar.workdays(moment.today, days + 1).astimezone(SHANGHAI).date()
    except CalendarUnknown:
        last = moment.today + timedelta(days=days + 1)
    return datetime.combine(last, time(), SHANGHAI)

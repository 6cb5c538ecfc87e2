"""Working-time functions 工作日 of this dialect: they read the calendar of the moment.

Where a day is asked, a date, a date and time or their ISO text will do. An unconfirmed year raises
`CalendarUnknown`; it is the one failure that is not null, for a time limit must not vanish silently.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from engine.feel import temporal
from engine.feel.budget import Run
from engine.feel.functions.registry import function
from engine.feel.numbers import is_number, whole


def day_of(value: Any) -> date | None:
    """A date, or an instant, from what an author may give."""
    if isinstance(value, str):
        return temporal.parse_date(value) or temporal.parse_date_time(value)
    return value if isinstance(value, date) else None


def _counting(name: str, method: str) -> None:
    @function(name, "from, n")
    def count(run: Run, from_: Any, n: Any) -> datetime | None:
        start, steps = day_of(from_), whole(n) if is_number(n) else None
        if start is None or steps is None:
            return None
        work: Callable[[date, int], datetime] = getattr(run.moment.calendar, method)
        return work(start, steps)


_counting("workdays", "workdays")
_counting("days", "days")
_counting("months", "months")
_counting("sending workday", "sending_workday")


@function("sending", "t")
def sending(run: Run, value: Any) -> datetime | None:
    """The first instant at or after `t` inside sending hours; a bare date begins at midnight."""
    at = day_of(value)
    if at is None:
        return None
    if not isinstance(at, datetime):
        at = datetime.combine(at, datetime.min.time())
    return run.moment.calendar.sending(at)


@function("working days between", "a, b")
def working_days_between(run: Run, a: Any, b: Any) -> int | None:
    first, last = day_of(a), day_of(b)
    return run.moment.calendar.between(first, last) if first is not None and last is not None else None


@function("is working day", "d")
def is_working_day(run: Run, value: Any) -> bool | None:
    day = day_of(value)
    return run.moment.calendar.is_working(day) if day is not None else None

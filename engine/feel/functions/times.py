"""Functions that make dates, times and durations, and read a day's place in its year."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from engine.feel import temporal
from engine.feel.budget import Run
from engine.feel.functions.registry import function
from engine.feel.numbers import is_number, whole
from engine.values import Months, parse_duration

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June") + (
    ("July", "August", "September", "October", "November", "December")
)


def _ints(*values: Any) -> list[int] | None:
    found = [whole(value) if is_number(value) else None for value in values]
    return None if None in found else [value for value in found if value is not None]


@function("date", "from | year, month, day", single=True)
def date_(run: Run, value: Any, month: Any = None, day: Any = None) -> date | None:
    """Of a text, of a date and time (its day in Shanghai for an instant), or of year, month and day."""
    if isinstance(value, str):
        return temporal.parse_date(value)
    if isinstance(value, datetime):
        return temporal.shown(value).date()
    if isinstance(value, date):
        return value
    parts = _ints(value, month, day)
    try:
        return date(*parts) if parts else None
    except (ValueError, OverflowError):
        return None


@function("time", "from | hour, minute, second, offset?", single=True)
def time_(run: Run, value: Any, minute: Any = None, second: Any = None, offset: Any = None) -> time | None:
    """Of a text, of a date and time (in its zone), or of hour, minute, second and an offset (duration)."""
    if isinstance(value, str):
        return temporal.parse_time(value)
    if isinstance(value, datetime):
        return temporal.clock_of(value)
    if isinstance(value, time):
        return value
    if isinstance(value, date):
        return time(tzinfo=UTC)
    parts = _ints(value, minute)
    if parts is None or not is_number(second) or not 0 <= second < 60:
        return None
    micros = int(second * 1_000_000)
    if offset is not None and (not isinstance(offset, timedelta) or abs(offset) > temporal.OFFSET_LIMIT):
        return None
    try:
        zone = None if offset is None else timezone(offset)
        return time(parts[0], parts[1], micros // 1_000_000, micros % 1_000_000, zone)
    except (ValueError, OverflowError):
        return None


@function("date and time", "from | date, time | year, month, day, hour, minute, second", single=True)
def date_and_time(run: Run, value: Any, *more: Any) -> datetime | None:
    """Of a text, of a date and a time, or of six numbers. A bare date is its midnight."""
    if not more:
        if isinstance(value, str):
            found = temporal.parse_date_time(value)
            if found is not None:
                return found
            value = temporal.parse_date(value)
        if isinstance(value, datetime):
            return value
        return datetime.combine(value, time.min) if isinstance(value, date) else None
    if len(more) == 1:
        (clock,) = more
        if not isinstance(value, date) or not isinstance(clock, time):
            return None
        day = temporal.shown(value).date() if isinstance(value, datetime) else value
        return temporal.joined(day, clock)
    parts = _ints(value, *more)
    try:
        return datetime(*parts) if parts and len(parts) == 6 else None  # type: ignore[arg-type]  # noqa: DTZ001
    except (ValueError, OverflowError):
        return None


@function("duration", "from", single=True)
def duration(run: Run, value: Any) -> timedelta | Months | None:
    """Of ISO text: `P5D`, `PT2H30M`, `P1Y6M`."""
    if isinstance(value, timedelta | Months):
        return value
    return parse_duration(value) if isinstance(value, str) else None


@function("years and months duration", "from, to", single=True)
def years_and_months_duration(run: Run, start: Any, end: Any) -> Months | None:
    """Whole months between two days."""
    if not isinstance(start, date) or not isinstance(end, date):
        return None
    a = temporal.shown(start) if isinstance(start, datetime) else start
    b = temporal.shown(end) if isinstance(end, datetime) else end
    months = (b.year - a.year) * 12 + b.month - a.month
    if months > 0 and b.day < a.day:
        months -= 1
    elif months < 0 and b.day > a.day:
        months += 1
    return Months(months)


@function("now", "")
def now(run: Run) -> datetime:
    """The command's instant."""
    return run.moment.now


@function("today", "")
def today(run: Run) -> date:
    """The command's day in Shanghai."""
    return run.moment.today


def _day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return temporal.shown(value).date()
    return value if isinstance(value, date) else None


@function("day of year", "date", single=True)
def day_of_year(run: Run, value: Any) -> int | None:
    day = _day(value)
    return day.timetuple().tm_yday if day else None


@function("day of week", "date", single=True)
def day_of_week(run: Run, value: Any) -> str | None:
    """In English, as the standard has it: "Monday"; `.weekday` gives 1 to 7."""
    day = _day(value)
    return _WEEKDAYS[day.weekday()] if day else None


@function("month of year", "date", single=True)
def month_of_year(run: Run, value: Any) -> str | None:
    day = _day(value)
    return _MONTHS[day.month - 1] if day else None


@function("week of year", "date", single=True)
def week_of_year(run: Run, value: Any) -> int | None:
    """ISO week."""
    day = _day(value)
    return day.isocalendar().week if day else None

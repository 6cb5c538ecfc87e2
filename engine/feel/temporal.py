"""FEEL's dates, times and durations: reading, writing, parts and arithmetic.

Days are Shanghai's: an instant in `UTC` (which is how the engine keeps instants) shows its parts, its date and its
text in Asia/Shanghai, and a date and time without a zone is Shanghai's when it meets one with a zone. What an author
writes with a zone keeps it: `…Z` is `ZULU`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from engine.calendar import add_months
from engine.clock import SHANGHAI
from engine.errors import CalendarUnknown
from engine.feel.numbers import DIGITS, MATH, is_number, narrow
from engine.values import MONTHS_LIMIT, ZULU, Months, duration_text, parse_duration

SHANGHAI_OFFSET = timezone(timedelta(hours=8))
MICRO = timedelta(microseconds=1)
OFFSET_LIMIT = timedelta(hours=14)  # XML Schema, 3.3.7
Temporal = date | time | datetime | timedelta | Months

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.A)
_TIME = re.compile(
    r"(?P<h>\d{2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:\.(?P<f>\d{1,40}))?)?"
    r"(?P<zone>Z|z|[+-]\d{2}:\d{2}(?::\d{2})?|@[A-Za-z][A-Za-z0-9_+\-]{0,40}(?:/[A-Za-z0-9_+\-]{1,40}){0,3})?",
    re.A,
)


_MIDNIGHT = re.compile(r"24:00(?::00(?:\.0{1,40})?)?(?![\d:.])")


def parse_date(text: str) -> date | None:
    """`2026-10-10`."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def parse_time(text: str) -> time | None:
    """`08:30:00`, with a zone or without; seconds may be left out. `24:00:00` is midnight (ISO 8601)."""
    found = _clock(text.replace("24", "00", 1) if _MIDNIGHT.match(text) else text)
    return found.replace(tzinfo=SHANGHAI_OFFSET) if found is not None and found.tzinfo is SHANGHAI else found


def parse_date_time(text: str) -> datetime | None:
    """`2026-10-10T18:00:00+08:00`, `…Z`, `…@Asia/Shanghai`, or without a zone."""
    day, separator, clock = text.partition("T")
    on = parse_date(day)
    if on is None or not separator:
        return None
    at = _clock(clock.replace("24", "00", 1) if _MIDNIGHT.match(clock) else clock)
    if at is None:
        return None
    found = joined(on, at)
    try:
        return found + timedelta(days=1) if _MIDNIGHT.match(clock) else found
    except OverflowError:
        return None


def joined(day: date, clock: time) -> datetime:
    """A day and a time of day as a date and time, in the time's zone."""
    return datetime.combine(day, clock, ZULU if clock.tzinfo is UTC else clock.tzinfo)


def parse_temporal(text: str) -> Temporal | None:
    """What an `@"…"` literal means."""
    found: Temporal | None = parse_date(text)
    for read in (parse_date_time, parse_time, parse_duration):
        if found is None:
            found = read(text)
    return found


def _clock(text: str) -> time | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        zone = _zone(match["zone"])
        micros = int((match["f"] or "0").ljust(6, "0")[:6])
        return time(int(match["h"]), int(match["m"]), int(match["s"] or 0), micros, zone)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text in ("Z", "z"):
        return UTC
    if text[0] == "@":
        return SHANGHAI if text[1:] == SHANGHAI.key else ZoneInfo(text[1:])
    parts = [int(p) for p in text[1:].split(":")]
    offset = timedelta(hours=parts[0], minutes=parts[1], seconds=parts[2] if len(parts) > 2 else 0)
    if offset > OFFSET_LIMIT or parts[1] > 59:
        raise ValueError("offset out of range")
    return timezone(-offset if text[0] == "-" else offset)


# -- one meaning for every instant ---------------------------------------------------------------------


def shown(value: datetime) -> datetime:
    """A date and time as people read it: instants in UTC in Shanghai's time."""
    if value.tzinfo is UTC:
        try:
            return value.astimezone(SHANGHAI)
        except OverflowError:
            return value
    return value


def clock_of(value: datetime) -> time:
    """The time of day of a date and time, in its zone; Shanghai's is kept as its offset, as everywhere."""
    value = shown(value)
    if isinstance(value.tzinfo, ZoneInfo) and value.tzinfo is not SHANGHAI:
        return value.timetz()
    offset = value.utcoffset()
    return value.time().replace(tzinfo=None if offset is None else timezone(offset))


def aware(value: datetime) -> datetime:
    """A date and time with a zone; without one it is Shanghai's."""
    return value if value.tzinfo is not None else value.replace(tzinfo=SHANGHAI)


def comparable(a: Any, b: Any) -> tuple[Any, Any]:
    """Two dates and times, or two times, made comparable if only one has a zone."""
    if isinstance(a, datetime):
        if (a.tzinfo is None) != (b.tzinfo is None):
            return aware(a), aware(b)
    elif isinstance(a, time):
        a, b = settled(a), settled(b)
        if (a.tzinfo is None) != (b.tzinfo is None):
            return _zoned(a), _zoned(b)
    return a, b


def _zoned(value: time) -> time:
    return value if value.tzinfo is not None else value.replace(tzinfo=SHANGHAI_OFFSET)


def settled(value: time) -> time:
    """A time in a named zone with the offset that the zone has without summer time: of a time no day is known."""
    if not isinstance(value.tzinfo, ZoneInfo):
        return value
    offset = datetime.combine(date(1970, 1, 1), value).utcoffset()
    return value.replace(tzinfo=timezone(offset) if offset is not None else None)


# -- writing -------------------------------------------------------------------------------------------


def temporal_text(value: Temporal) -> str:
    """As FEEL's `string()` writes it."""
    if isinstance(value, datetime):
        value = shown(value)
        return _clock_text(value.replace(tzinfo=None)) + _zone_text(value, value.utcoffset())
    if isinstance(value, time):
        return _clock_text(value.replace(tzinfo=None)) + _zone_text(value, settled(value).utcoffset())
    if isinstance(value, date):
        return value.isoformat()
    return duration_text(value) if isinstance(value, timedelta) else str(value)


def _clock_text(value: datetime | time) -> str:
    """ISO text without needless zeros in the fraction of a second."""
    return value.isoformat().rstrip("0") if value.microsecond else value.isoformat()


def _zone_text(value: datetime | time, offset: timedelta | None) -> str:
    zone = value.tzinfo
    if zone is None:
        return ""
    if isinstance(zone, ZoneInfo) and zone is not SHANGHAI:
        return f"@{zone.key}"
    if not offset:
        return "Z"
    return time.min.replace(tzinfo=timezone(offset)).isoformat()[8:]


# -- parts ---------------------------------------------------------------------------------------------


def part(value: Temporal, name: str) -> Any:
    """A part of a date, time or duration by its FEEL name; null when it has none of that name."""
    if isinstance(value, timedelta):
        return _duration_part(value, name)
    if isinstance(value, Months):
        sign = -1 if value.total < 0 else 1
        years, months = divmod(abs(value.total), 12)
        return {"years": sign * years, "months": sign * months}.get(name)
    if isinstance(value, datetime):
        value = shown(value)
    if isinstance(value, date):
        if name in ("year", "month", "day"):
            return getattr(value, name)
        if name == "weekday":
            return value.isoweekday()
    if isinstance(value, datetime | time):
        if name in ("hour", "minute", "second"):
            return getattr(value, name)
        offset = value.utcoffset() if isinstance(value, datetime) else settled(value).utcoffset()
        if name == "time offset":
            return offset
        if name == "timezone":
            if isinstance(value.tzinfo, ZoneInfo):
                return value.tzinfo.key
            return SHANGHAI.key if offset == timedelta(hours=8) else None  # Shanghai's is kept as its offset
    return None


def _duration_part(value: timedelta, name: str) -> int | None:
    sign, value = (-1, -value) if value < timedelta(0) else (1, value)
    parts = {
        "days": value.days,
        "hours": value.seconds // 3600,
        "minutes": value.seconds // 60 % 60,
        "seconds": value.seconds % 60,
    }
    return sign * parts[name] if name in parts else None


# -- arithmetic ----------------------------------------------------------------------------------------


def plus(a: Any, b: Any) -> Any:
    """`a + b` where at least one is a date, time or duration; null when they do not add."""
    try:
        if isinstance(b, date | time) and isinstance(a, timedelta | Months):
            a, b = b, a
        if isinstance(a, timedelta):
            return a + b if isinstance(b, timedelta) else None
        if isinstance(a, Months):
            return _months(a.total + b.total) if isinstance(b, Months) else None
        if isinstance(b, Months):
            return _plus_months(a, b.total)
        return _plus_time(a, b) if isinstance(b, timedelta) else None
    except (OverflowError, ValueError, CalendarUnknown):  # beyond year 9999
        return None


def _plus_months(value: Any, months: int) -> Any:
    if isinstance(value, datetime):
        day = add_months(value.date(), months)
        return value.replace(year=day.year, month=day.month, day=day.day)
    return add_months(value, months) if isinstance(value, date) else None


def _plus_time(value: Any, amount: timedelta) -> Any:
    if isinstance(value, datetime):
        if isinstance(value.tzinfo, ZoneInfo):  # elapsed time, not wall-clock time
            return (value.astimezone(UTC) + amount).astimezone(value.tzinfo)
        return value + amount
    if isinstance(value, date):
        return (datetime.combine(value, time.min) + amount).date()
    moved = datetime.combine(date(2000, 1, 1), value) + amount % timedelta(days=1)
    return moved.timetz()


def minus(a: Any, b: Any) -> Any:
    """`a - b` where at least one is a date, time or duration; null when they do not subtract."""
    try:
        if isinstance(b, timedelta):
            return plus(a, -b)
        if isinstance(b, Months):
            return plus(a, Months(-b.total))
        if isinstance(a, time) and isinstance(b, time):
            a, b = comparable(a, b)
            day = date(2000, 1, 1)
            return datetime.combine(day, a) - datetime.combine(day, b)
        if isinstance(a, date) and isinstance(b, date):
            if isinstance(a, datetime) or isinstance(b, datetime):
                a, b = comparable(_midnight(a), _midnight(b))
                return a.astimezone(UTC) - b.astimezone(UTC) if a.tzinfo else a - b
            return a - b
    except (OverflowError, ValueError):
        pass
    return None


def _midnight(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time.min)


def times(value: Any, factor: Any) -> Any:
    """A duration times a number, cut to whole months or microseconds."""
    if not is_number(factor):
        return None
    try:
        if isinstance(value, Months):
            months = _truncated(MATH.multiply(Decimal(value.total), Decimal(factor)))
            return _months(months)
        if isinstance(value, timedelta):
            micros = _truncated(MATH.multiply(Decimal(value // MICRO), Decimal(factor)))
            return timedelta(microseconds=micros) if micros is not None else None
    except OverflowError:
        pass
    return None


def over(a: Any, b: Any) -> Any:
    """A duration divided by a number (cut to whole months or microseconds) or by a duration of its kind."""
    try:
        if isinstance(a, Months):
            if isinstance(b, Months):
                return narrow(MATH.divide(Decimal(a.total), Decimal(b.total))) if b.total else None
            return _months(_cut(a.total, b))
        if isinstance(a, timedelta):
            if isinstance(b, timedelta):
                return narrow(MATH.divide(Decimal(a // MICRO), Decimal(b // MICRO))) if b else None
            micros = _cut(a // MICRO, b)
            return timedelta(microseconds=micros) if micros is not None else None
    except OverflowError:
        pass
    return None


def _months(total: int | None) -> Months | None:
    return Months(total) if total is not None and abs(total) < MONTHS_LIMIT else None


def _cut(value: int, divisor: Any) -> int | None:
    if not is_number(divisor) or not divisor:
        return None
    return _truncated(MATH.divide(Decimal(value), Decimal(divisor)))


def _truncated(value: Decimal) -> int | None:
    return int(value) if value.is_finite() and value.adjusted() < DIGITS else None

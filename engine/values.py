"""The values a case's variables may hold 变量值, and how they are written to JSON and read back.

Values are FEEL's: null, boolean, number (int or Decimal, never float), string, date, time, date and time,
days-and-time duration (timedelta), years-and-months duration, range, list, context (dict with string keys).
A function is no value: it is code, and code is kept in the version of the process, not in a case.
JSON knows fewer kinds: the others are written as one-key objects, `{"$date": "2026-10-10"}`, so that what a
case remembers comes back as exactly what it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from engine.errors import InputInvalid

ZULU = timezone(timedelta(0), "Z")
"""UTC as an author wrote it (`…Z`). The engine's own instants are in `datetime.UTC` and shown in Shanghai's time."""

_SHANGHAI = "Asia/Shanghai"

Value = Any
"""None | bool | int | Decimal | str | date | time | datetime | timedelta | Months | Range | list | dict."""


@dataclass(frozen=True, slots=True, order=True)
class Months:
    """A years-and-months duration 年月时长, in months."""

    total: int

    def __str__(self) -> str:
        years, months = divmod(abs(self.total), 12)
        text = (f"{years}Y" if years else "") + (f"{months}M" if months or not years else "")
        return ("-" if self.total < 0 else "") + "P" + text


@dataclass(frozen=True, slots=True)
class Range:
    """A range 区间 `[low..high]`; an end that is None is open for ever."""

    low: Any
    high: Any
    low_closed: bool
    high_closed: bool


def duration_text(value: timedelta) -> str:
    """ISO 8601 text of a days-and-time duration, as FEEL's `string()` writes it."""
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f".{value.microseconds:06d}".rstrip("0") if value.microseconds else ""
    clock = (
        (f"{hours}H" if hours else "")
        + (f"{minutes}M" if minutes else "")
        + (f"{seconds}{fraction}S" if seconds or fraction else "")
    )
    days = f"{value.days}D" if value.days else ""
    return sign + "P" + (days + ("T" + clock if clock else "") or "T0S")


MONTHS_LIMIT = 12 * 10**9  # what nine digits of years can write
_DURATION = re.compile(
    r"(?P<sign>-?)P(?:(?P<years>\d{1,9})Y)?(?:(?P<months>\d{1,9})M)?(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?P<clock>T(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,40})?)S)?)?",
    re.ASCII,
)


@lru_cache(maxsize=4096)
def parse_duration(text: str) -> timedelta | Months | None:
    """ISO 8601 duration → days-and-time or years-and-months duration; None when it is neither."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    part = match.groupdict()
    calendar = part["years"] is not None or part["months"] is not None
    clock = any(part[k] is not None for k in ("weeks", "days", "hours", "minutes", "seconds"))
    if calendar == clock or (part["clock"] == "T"):  # mixed, or nothing at all
        return None
    sign = -1 if part["sign"] else 1
    if calendar:
        total = 12 * int(part["years"] or 0) + int(part["months"] or 0)
        return Months(sign * total) if total < MONTHS_LIMIT else None
    try:
        return sign * timedelta(
            weeks=int(part["weeks"] or 0),
            days=int(part["days"] or 0),
            hours=int(part["hours"] or 0),
            minutes=int(part["minutes"] or 0),
            microseconds=int(Decimal(part["seconds"] or 0) * 1_000_000),
        )
    except OverflowError:
        return None


def _unusual(value: object) -> object:
    """orjson's default: the kinds JSON lacks."""
    if isinstance(value, Decimal):
        return {"$number": str(value)}
    if isinstance(value, datetime):
        return {"$datetime": _zoned_text(value)}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, time):
        return {"$time": _zoned_text(value)}
    if isinstance(value, timedelta):
        return {"$duration": duration_text(value)}
    if isinstance(value, Months):
        return {"$duration": str(value)}
    if isinstance(value, Range):
        return {"$range": [value.low_closed, value.low, value.high, value.high_closed]}
    raise TypeError(f"not a value of a case: {type(value).__name__}")


def _zoned_text(value: datetime | time) -> str:
    """ISO text that brings the zone back too: `…+01:00@Europe/Paris`, and `…Z` as written. Shanghai's is its offset."""
    zone, text = value.tzinfo, value.isoformat()
    if isinstance(zone, ZoneInfo) and (zone.key != _SHANGHAI or isinstance(value, time)):
        return f"{text}@{zone.key}"
    return text[:-6] + "Z" if zone is ZULU else text


def dumps(value: object) -> bytes:
    """JSON bytes, kinds tagged, keys in the order they were written: a case restored from them goes through its
    contexts in the order it went before."""
    return _written(value, _OPTIONS)


def canonical(value: object) -> bytes:
    """JSON bytes with sorted keys: equal values give equal bytes. For digests and comparisons."""
    return _written(value, _OPTIONS | orjson.OPT_SORT_KEYS)


def _written(value: object, options: int) -> bytes:
    try:
        return orjson.dumps(value, default=_unusual, option=options)
    except TypeError:  # an int beyond 64 bits, which orjson refuses without asking; or no value at all
        return orjson.dumps(_tag_large(value), default=_unusual, option=options)


_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def _tag_large(value: object) -> object:
    """The same with ints beyond 64 bits as `{"$integer": …}`."""
    if isinstance(value, dict):
        return {key: _tag_large(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_tag_large(inner) for inner in value]
    if isinstance(value, Range):
        return Range(_tag_large(value.low), _tag_large(value.high), value.low_closed, value.high_closed)
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return {"$integer": str(value)}
    return value


def loads(data: bytes | str) -> Any:
    """The inverse of `dumps`. Raises `InputInvalid` for anything that `dumps` has not written."""
    try:
        return untag(orjson.loads(data))
    except (ValueError, ArithmeticError, RecursionError) as error:  # ArithmeticError: no Decimal
        raise InputInvalid(f"保存的数据已损坏，无法读取：{str(error)[:80]}") from error


_TO_READ = frozenset({dict, list, float})
"""What JSON brings that is not a value as it stands; the rest of a snapshot needs no second look."""


def untag(raw: Any) -> Any:
    """Tagged JSON data → values. JSON floats become Decimal."""
    if isinstance(raw, dict):
        if len(raw) == 1:
            ((key, inner),) = raw.items()
            if key[:1] == "$" and isinstance(inner, str):
                read = _READERS.get(key)
                if read is not None:
                    return read(inner)
            elif key == "$range":
                return _read_range(inner)
        return {k: untag(v) if type(v) in _TO_READ else v for k, v in raw.items()}
    if isinstance(raw, list):
        return [untag(v) if type(v) in _TO_READ else v for v in raw]
    if isinstance(raw, float):
        return Decimal(repr(raw))
    return raw


def _read_duration(text: str) -> timedelta | Months:
    found = parse_duration(text)
    if found is None:
        raise InputInvalid(f"不是有效的时长：{text[:40]}")
    return found


def _read_range(raw: Any) -> Range:
    if (
        not isinstance(raw, list)
        or len(raw) != 4
        or not isinstance(raw[0], bool)
        or not isinstance(raw[3], bool)
    ):
        raise InputInvalid("不是有效的区间")
    return Range(untag(raw[1]), untag(raw[2]), raw[0], raw[3])


def _read_number(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise InputInvalid(f"不是有限的数字：{text[:40]}")
    return number


def _read_datetime(text: str) -> datetime:
    if text.endswith("Z"):
        return datetime.fromisoformat(text[:-1]).replace(tzinfo=ZULU)
    iso, _, key = text.partition("@")
    found = datetime.fromisoformat(iso)
    zone = _zone(key) if key else None
    if zone is None:
        return found
    for fold in (0, 1):  # a local time that happens twice is told by its offset
        local = found.replace(tzinfo=zone, fold=fold)
        if local.utcoffset() == found.utcoffset():
            return local
    return found  # the zone's rules have changed since: the instant stands


def _read_time(text: str) -> time:
    iso, _, key = text.partition("@")
    found = time.fromisoformat(iso)
    return found.replace(tzinfo=_zone(key)) if key else found


def _zone(key: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(key)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None


_READERS: dict[str, Callable[[str], Any]] = {
    "$number": _read_number,
    "$integer": int,
    "$date": date.fromisoformat,
    "$time": _read_time,
    "$datetime": _read_datetime,
    "$duration": _read_duration,
}


def plain(value: Value, *, exact: bool = False) -> Any:
    """What people and other machines are shown: ordinary JSON without tags (dates as ISO text). `exact` leaves
    numbers what they are, for `json_text`."""
    if isinstance(value, Mapping):
        return {str(k): plain(v, exact=exact) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, exact=exact) for v in value]
    if isinstance(value, Decimal) and not exact:
        if value.copy_abs() < 2**53 and value == value.to_integral_value():
            return int(value)
        number = float(value)
        return number if isfinite(number) else str(value)  # JSON has no number that large
    if isinstance(value, time) and isinstance(value.tzinfo, ZoneInfo):
        return _zoned_text(value)
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, Months):
        return str(value)
    if isinstance(value, Range):
        low, high = ("" if end is None else plain(end) for end in (value.low, value.high))
        return f"{'[' if value.low_closed else '('}{low}..{high}{']' if value.high_closed else ')'}"
    return value


def plain_json(value: Value) -> bytes:
    """`dumps(plain(value))`, without going through what JSON has anyway."""
    try:
        return orjson.dumps(value, default=plain, option=_OPTIONS)
    except TypeError:  # keys that are no text, an int beyond 64 bits, or no value at all
        return dumps(plain(value))


def number_text(value: int | Decimal) -> str:
    """A number with all its digits and no needless zeros, as FEEL's `string()` and JSON write it."""
    if isinstance(value, int):
        return str(value)
    text = format(value, "f") if -400 < value.adjusted() < 400 else str(value)
    if "." in text and "E" not in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") or not value else text


def json_text(value: Any) -> str:
    """JSON text of plain data, numbers with all their digits: a Decimal is a JSON number, never a binary fraction."""
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {json_text(v)}" for k, v in value.items())
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(json_text, value)) + "]"
    return number_text(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def check_text(raw: str) -> None:
    """Raises `InputInvalid` for text that no case can remember: with NUL, or half of a character."""
    if "\x00" in raw:
        raise InputInvalid("文字中含有空字符")
    try:
        raw.encode()
    except UnicodeEncodeError:
        raise InputInvalid("文字编码不完整") from None


def check_texts(raw: Any) -> None:
    """`check_text` for every text in lists and tables, keys too: what a file of a package was read as."""
    if isinstance(raw, str):
        check_text(raw)
    elif isinstance(raw, dict):
        for key, value in raw.items():
            check_texts(key)
            check_texts(value)
    elif isinstance(raw, list):
        for value in raw:
            check_texts(value)


def from_outside(raw: Any, *, depth: int = 0) -> Value:
    """JSON from outside (API, files) → values. Refuses what a case cannot remember for ever.

    Raises `InputInvalid` for nesting beyond 32, NUL characters, lone surrogates, integers beyond 34 digits
    (FEEL's decimal128), and not-a-number. Tags are not honoured: an outsider's `{"$date": …}` stays a context
    and its key is refused.
    """
    if depth > 32:
        raise InputInvalid("数据嵌套超过 32 层")
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, int):
        if abs(raw) >= 10**34:
            raise InputInvalid("整数超过 34 位")
        return raw
    if isinstance(raw, float | Decimal):
        number = Decimal(repr(raw)) if isinstance(raw, float) else raw
        if not number.is_finite():
            raise InputInvalid("数字不是有限值")
        return number
    if isinstance(raw, str):
        check_text(raw)
        return raw
    if isinstance(raw, list):
        return [from_outside(v, depth=depth + 1) for v in raw]
    if isinstance(raw, dict):
        for key in raw:
            if key.startswith("$"):
                raise InputInvalid(f"字段名不能以 $ 开头：{key[:40]}")
        return {from_outside(k): from_outside(v, depth=depth + 1) for k, v in raw.items()}
    raise InputInvalid(f"不支持的数据类型：{type(raw).__name__}")

"""The working calendar 工作日历: which days count, when the office is open, and what "now" is for pure code.

Days are Asia/Shanghai's whatever the host's zone; instants in and out are aware UTC. A year whose holidays are
not confirmed is never guessed: every question that would need one of its days raises `CalendarUnknown`.

Working days are kept as sorted ordinals in unbroken blocks of confirmed years, so that counting is a bisection.
"""

from __future__ import annotations

import calendar as months_of_the_year
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

from engine.clock import SHANGHAI
from engine.errors import CalendarUnknown, InputInvalid

SATURDAY = 5

FIRST_ANNOUNCED_YEAR = 2004
"""Earliest year for which the `holidays` library was compared with a second source (`chinesecalendar`)."""

LAST_ANNOUNCED_YEAR = 2026
"""Last year announced when this was written: 国务院办公厅关于2026年部分节假日安排的通知 (published 2025-11-04).

For later years the library computes the feasts and guesses; such a year is seeded as not confirmed.
"""

ANNOUNCEMENT = "国务院办公厅关于{year}年部分节假日安排的通知"


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day that differs from its weekday: a holiday 节假日 or a make-up working day 调休补班."""

    day: date
    working: bool
    note: str


@dataclass(frozen=True, slots=True)
class _Block:
    """Working days of an unbroken run of confirmed years, and the instants the office opens and closes on them."""

    first: int  # ordinal of 1 January of the first year
    last: int  # ordinal of 31 December of the last year
    days: list[int]
    opening: list[datetime]
    closing: list[datetime]


@dataclass(frozen=True)
class WorkCalendar:
    """Working days and office hours of one office.

    `holidays` are days off whatever their weekday, `makeup` working days whatever their weekday (调休补班).
    Office hours `opens`–`closes` and sending hours `send_from`–`send_until` are wall-clock texts "HH:MM" in
    Shanghai; the defaults are those of domain.md 3.5. There is no lunch break: limits are counted in whole days.
    """

    holidays: frozenset[date]
    makeup: frozenset[date]
    confirmed_years: frozenset[int]
    opens: str = "08:30"
    closes: str = "18:00"
    send_from: str = "08:30"
    send_until: str = "18:00"
    version: str = ""
    notes: Mapping[date, str] = field(default_factory=dict, repr=False, compare=False)
    """Why a day differs from its weekday: 国庆节, 调休补班."""

    _hours: tuple[time, time, time, time] = field(init=False, repr=False, compare=False)
    _blocks: list[_Block] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        hours = tuple(_clock(text) for text in (self.opens, self.closes, self.send_from, self.send_until))
        if hours[0] >= hours[1] or hours[2] >= hours[3]:
            raise InputInvalid("工作日历有误：上班时间须早于下班时间，发送起始时间须早于截止时间。")
        set_ = object.__setattr__
        set_(self, "_hours", hours)
        set_(self, "_blocks", [self._block(years) for years in _runs(self.confirmed_years)])

    def _block(self, years: range) -> _Block:
        first, last = date(years[0], 1, 1).toordinal(), date(years[-1], 12, 31).toordinal()
        off = {d.toordinal() for d in self.holidays}
        on = {d.toordinal() for d in self.makeup}
        days = [
            o for o in range(first, last + 1) if o in on or (o not in off and (o - 1) % 7 < SATURDAY)
        ]  # ordinal 1 was a Monday
        opens, closes = self._hours[0], self._hours[1]
        opening = [_instant(date.fromordinal(o), opens) for o in days]
        closing = [_instant(date.fromordinal(o), closes) for o in days]
        return _Block(first, last, days, opening, closing)

    def __hash__(self) -> int:
        return hash((self.holidays, self.makeup, self.confirmed_years, self.version))

    # -- days ------------------------------------------------------------------------------------------

    def is_working(self, day: date) -> bool:
        """Whether `day` (a date, or an instant's day in Shanghai) is a working day."""
        ordinal = ordinal_of(day)
        block = self._block_of(ordinal)
        i = bisect_left(block.days, ordinal)
        return i < len(block.days) and block.days[i] == ordinal

    def workdays(self, from_: date, n: int) -> datetime:
        """End of office hours of the n-th working day after `from_`'s day (民法典 201: the first day does not count).

        n = 0: of the day itself, or of the next working day when it is none. Negative n counts back.
        """
        block, i = self._nth(ordinal_of(from_), n)
        return block.closing[i]

    def sending_workday(self, from_: date, n: int) -> datetime:
        """Start of sending hours of the n-th working day after `from_`'s day; n as in `workdays`."""
        block, i = self._nth(ordinal_of(from_), n)
        if self._hours[2] == self._hours[0]:
            return block.opening[i]
        return _instant(date.fromordinal(block.days[i]), self._hours[2])

    def days(self, from_: date, n: int) -> datetime:
        """End of office hours n calendar days after `from_`'s day, rolled forward to a working day (民法典 203)."""
        return self._roll(_ordinal_within(ordinal_of(from_) + n))

    def months(self, from_: date, n: int) -> datetime:
        """As `days`, n months after; a day the month lacks becomes the month's last (民法典 202)."""
        return self._roll(add_months(date.fromordinal(ordinal_of(from_)), n).toordinal())

    def between(self, a: date, b: date) -> int:
        """Working days after `a`'s day up to and including `b`'s day; negative when `b` lies before `a`.

        Both directions mirror each other: `between(a, b) == -between(b, a)`.
        """
        low, high = ordinal_of(a), ordinal_of(b)
        if low == high:
            return 0
        if low > high:
            return -self.between(date.fromordinal(high), date.fromordinal(low))
        block = self._block_of(low + 1)
        if high > block.last:
            raise _unknown(date.fromordinal(block.last).year + 1)
        return bisect_right(block.days, high) - bisect_right(block.days, low)

    def days_between(self, a: date, b: date) -> list[CalendarDay]:
        """The days that `between` looks at, the earlier end left out: each with whether it counts, and its note.

        Raises `CalendarUnknown` as `between` does.
        """
        low, high = sorted((ordinal_of(a), ordinal_of(b)))
        found = []
        for ordinal in range(low + 1, high + 1):
            day = date.fromordinal(ordinal)
            found.append(CalendarDay(day, self.is_working(day), self.notes.get(day, "")))
        return found

    def end_of(self, day: date) -> datetime:
        """End of office hours of `day` itself, working day or not: what a bare date means as a due date."""
        return _instant(date.fromordinal(ordinal_of(day)), self._hours[1])

    # -- instants --------------------------------------------------------------------------------------

    def sending(self, instant: datetime) -> datetime:
        """The first instant at or after `instant` inside sending hours (both ends included) of a working day."""
        local = local_time(instant)
        today = local.toordinal()
        start, until = self._hours[2], self._hours[3]
        if self.is_working(local):
            clock = local.time()
            if clock <= start:
                return _instant(local.date(), start)
            if clock <= until:
                return instant.astimezone(UTC) if instant.tzinfo else local.astimezone(UTC)
        block, i = self._nth(today, 1)
        return _instant(date.fromordinal(block.days[i]), start)

    def working_time_between(self, a: datetime, b: datetime) -> timedelta:
        """Office hours between two instants; negative when `b` lies before `a`."""
        a, b = local_time(a), local_time(b)
        if a > b:
            return -self.working_time_between(b, a)
        block = self._block_of(a.toordinal())
        if b.toordinal() > block.last:
            raise _unknown(date.fromordinal(block.last).year + 1)
        return self._position(block, b) - self._position(block, a)

    def add_working_time(self, instant: datetime, amount: timedelta) -> datetime:
        """The instant at which `amount` of office hours has passed since `instant`; negative goes back.

        A sum that ends with the day is that day's closing, not the next day's opening, so that a limit which
        stood at 18:00 is at 18:00 again after a suspension. Zero leaves the instant as it is.
        """
        local = local_time(instant)
        if not amount:
            return local.astimezone(UTC)
        block = self._block_of(local.toordinal())
        target = self._position(block, local) + amount
        length = self._length
        if amount > timedelta(0):
            i, offset = divmod(target, length)
            if not offset:
                i, offset = i - 1, length
        else:
            i, offset = divmod(target, length)
        if i < 0:
            raise _unknown(date.fromordinal(block.first).year - 1)
        if i >= len(block.days):
            raise _unknown(date.fromordinal(block.last).year + 1)
        return block.opening[i] + offset

    def instant(self, value: date | datetime) -> datetime:
        """What a date or a date and time means as an instant: a bare date is its end of office hours; a date and
        time without a zone is Shanghai's."""
        if isinstance(value, datetime):
            return local_time(value).astimezone(UTC)
        return self.end_of(value)

    # -- inside ----------------------------------------------------------------------------------------

    @cached_property
    def _length(self) -> timedelta:
        opens, closes = self._hours[0], self._hours[1]
        return timedelta(hours=closes.hour - opens.hour, minutes=closes.minute - opens.minute)

    def _position(self, block: _Block, local: datetime) -> timedelta:
        """Office hours from the block's beginning to a Shanghai time."""
        i = bisect_left(block.days, local.toordinal())
        done = i * self._length
        if i < len(block.days) and block.days[i] == local.toordinal():
            done += min(max(local - block.opening[i], timedelta(0)), self._length)
        return done

    def _block_of(self, ordinal: int) -> _Block:
        for block in self._blocks:  # one or two in practice
            if block.first <= ordinal <= block.last:
                return block
        raise _unknown(date.fromordinal(_ordinal_within(ordinal)).year)

    def _nth(self, ordinal: int, n: int) -> tuple[_Block, int]:
        """Block and index of the n-th working day from `ordinal`; raises when the count leaves confirmed years."""
        if n > 0:
            block = self._block_of(ordinal + 1)
            i = bisect_right(block.days, ordinal) + n - 1
        elif n < 0:
            block = self._block_of(ordinal - 1)
            i = bisect_left(block.days, ordinal) + n
            if i < 0:
                raise _unknown(date.fromordinal(block.first).year - 1)
        else:
            block = self._block_of(ordinal)
            i = bisect_left(block.days, ordinal)
        if i >= len(block.days):
            raise _unknown(date.fromordinal(block.last).year + 1)
        return block, i

    def _roll(self, ordinal: int) -> datetime:
        block, i = self._nth(ordinal, 0)
        return block.closing[i]


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant of a command and the calendar in force: the only "now" that pure code sees."""

    now: datetime
    calendar: WorkCalendar

    @property
    def today(self) -> date:
        """The day of `now` in Shanghai."""
        return self.now.astimezone(SHANGHAI).date()


def local_time(instant: datetime) -> datetime:
    """Shanghai's wall-clock time of an instant; one without a zone is taken to be Shanghai's already."""
    return instant.astimezone(SHANGHAI) if instant.tzinfo is not None else instant.replace(tzinfo=SHANGHAI)


def ordinal_of(day: date) -> int:
    """The proleptic ordinal of a date, or of an instant's day in Shanghai."""
    if isinstance(day, datetime) and day.tzinfo is not None:
        return day.astimezone(SHANGHAI).toordinal()
    return day.toordinal()


def add_months(day: date, n: int) -> date:
    """`day` n months later; a day the month lacks becomes the month's last. Raises `CalendarUnknown` out of range."""
    year, month = divmod(day.year * 12 + day.month - 1 + n, 12)
    if not 1 <= year <= 9999:
        raise _unknown(year)
    return date(year, month + 1, min(day.day, months_of_the_year.monthrange(year, month + 1)[1]))


def seed_days(years: Iterable[int]) -> tuple[list[CalendarDay], dict[int, str]]:
    """First contents of the calendar's tables: the days of `years`, and the confirmed years with their source.

    From the `holidays` library (China), which knows the State Council's announcements with their make-up days.
    Years outside the announced ones are the library's guess and are left out of the confirmed ones, for the office
    to check and confirm.
    """
    import holidays as library  # slow to import, and needed only when a calendar is first made

    wanted = sorted(set(years))
    rows: list[CalendarDay] = []
    if wanted:
        found = library.country_holidays("CN", years=wanted, language="zh_CN")
        rows += [CalendarDay(d, False, str(name)) for d, name in found.items() if d.year in wanted]
        rows += [CalendarDay(d, True, "调休补班") for d in found.weekend_workdays if d.year in wanted]
    rows.sort(key=lambda row: row.day)
    confirmed = {
        y: ANNOUNCEMENT.format(year=y) for y in wanted if FIRST_ANNOUNCED_YEAR <= y <= LAST_ANNOUNCED_YEAR
    }
    return rows, confirmed


def seed(years: Iterable[int]) -> WorkCalendar:
    """A calendar straight from `seed_days`, for tests, simulation and `duban play`."""
    rows, confirmed = seed_days(years)
    return WorkCalendar(
        holidays=frozenset(row.day for row in rows if not row.working),
        makeup=frozenset(row.day for row in rows if row.working),
        confirmed_years=frozenset(confirmed),
        version="seed",
        notes={row.day: row.note for row in rows},
    )


def _unknown(year: int) -> CalendarUnknown:
    return CalendarUnknown(
        f"{year}年的节假日安排尚未确认，涉及该年度的期限无法推算。请在“工作日历”中核对并确认{year}年后重试。",
        year=year,
    )


def _instant(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, SHANGHAI).astimezone(UTC)


def _clock(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 — a wall-clock time has no zone
    except ValueError:
        raise InputInvalid(f"工作日历有误：“{text[:20]}”不是时间，应写成 08:30 的样子。") from None


def _ordinal_within(ordinal: int) -> int:
    if ordinal < 1:
        raise _unknown(0)
    if ordinal > date.max.toordinal():
        raise _unknown(10000)
    return ordinal


def _runs(years: frozenset[int]) -> list[range]:
    """Unbroken runs of years."""
    runs: list[range] = []
    for year in sorted(years):
        if runs and runs[-1].stop == year:
            runs[-1] = range(runs[-1].start, year + 1)
        else:
            runs.append(range(year, year + 1))
    return runs

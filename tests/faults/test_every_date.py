"""Every date as an independent oracle has it: the State Council's announcements of 2024 to 2026 written down once more by hand,
and a plain walk over a list of days, against the calendar of the product; and no deadline early on any host.

The oracle shares nothing with `engine.calendar`: no bisection, no blocks, no library of holidays.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest

from engine.calendar import WorkCalendar, seed
from engine.clock import SHANGHAI
from engine.errors import CalendarUnknown
from tests import announced

pytestmark = pytest.mark.slow

CASES = 4_000
"""Random questions of each kind and calendar."""

CHINA = timezone(timedelta(hours=8))
DAY = timedelta(days=1)
OPENS, CLOSES = time(8, 30), time(18, 0)


class Unknown(Exception):
    """The oracle would have to guess."""


class Oracle:
    """Days, one after the other: what each is, and counting by walking."""

    def __init__(self, years: set[int]) -> None:
        self.years = years

    def working(self, day: date) -> bool:
        if day.year not in self.years:
            raise Unknown
        return day in announced.MAKE_UP or (day.isoweekday() <= 5 and day not in announced.OFF)

    def nth(self, day: date, n: int) -> date:
        """民法典 201: the first day does not count."""
        if n == 0:
            while not self.working(day):
                day += DAY
        for _ in range(abs(n)):
            day += DAY if n > 0 else -DAY
            while not self.working(day):
                day += DAY if n > 0 else -DAY
        return day

    def workdays(self, day: date, n: int) -> datetime:
        return at(self.nth(day, n), CLOSES)

    def days(self, day: date, n: int) -> datetime:
        """民法典 203: a last day that is a holiday rolls forward."""
        return at(self.nth(day + n * DAY, 0), CLOSES)

    def months(self, day: date, n: int) -> datetime:
        """民法典 202: the same day of the month, or the month's last where it has none."""
        year, month = day.year, day.month
        for _ in range(abs(n)):
            month += 1 if n > 0 else -1
            if month in (0, 13):
                year, month = year + (1 if month else -1), 1 if month else 12
        found = date(year, month, 1)
        while found.day < day.day and (found + DAY).month == month:
            found += DAY
        return at(self.nth(found, 0), CLOSES)

    def between(self, a: date, b: date) -> int:
        if a > b:
            return -self.between(b, a)
        count = 0
        while a < b:
            a += DAY
            count += self.working(a)
        return count

    def sending(self, instant: datetime) -> datetime:
        local = instant.astimezone(CHINA)
        today = local.date()
        if self.working(today) and local.timetz() <= CLOSES.replace(tzinfo=CHINA):
            return max(instant, at(today, OPENS))
        return at(self.nth(today, 1), OPENS)

    def add_working_time(self, instant: datetime, amount: timedelta) -> datetime:
        """Office hours used up day by day, forward."""
        day = instant.astimezone(CHINA).date()
        while True:
            if self.working(day):
                begin = max(instant, at(day, OPENS))
                left = at(day, CLOSES) - begin
                if left > timedelta(0):
                    if amount <= left:
                        return begin + amount
                    amount -= left
            day += DAY

    def working_time_between(self, a: datetime, b: datetime) -> timedelta:
        if a > b:
            return -self.working_time_between(b, a)
        found, day, last = timedelta(0), a.astimezone(CHINA).date(), b.astimezone(CHINA).date()
        while day <= last:
            if self.working(day):
                begin, end = max(a, at(day, OPENS)), min(b, at(day, CLOSES))
                found += max(end - begin, timedelta(0))
            day += DAY
        return found


def at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, CHINA).astimezone(UTC)


def confirmed_by_the_office() -> WorkCalendar:
    """2024–2026 as announced, and 2027 and 2028 confirmed by an office that found no holiday in them but weekends."""
    return replace(seed(announced.YEARS), confirmed_years=frozenset(range(2024, 2029)))


CALENDARS: dict[str, tuple[WorkCalendar, set[int]]] = {
    "as announced, later years unconfirmed": (seed(range(2024, 2029)), {2024, 2025, 2026}),
    "five confirmed years": (confirmed_by_the_office(), {2024, 2025, 2026, 2027, 2028}),
    "one year between two unconfirmed ones": (seed([2025]), {2025}),
}
EDGES = [
    date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1), date(2028, 2, 29), date(2025, 2, 28), date(2024, 1, 31), date(2026, 1, 31),
    date(2026, 2, 14), date(2026, 2, 28), date(2026, 10, 10), date(2024, 12, 31), date(2025, 1, 1), date(2026, 12, 31), date(2027, 1, 1),
    date(2023, 12, 31), date(2028, 12, 31),
]  # fmt: skip


def some_day(choice: random.Random) -> date:
    if choice.random() < 0.3:
        return choice.choice(EDGES)
    day = date(2023, 12, 25) + choice.randrange(1_835) * DAY
    if choice.random() < 0.3:  # the ends of months
        day = (day.replace(day=28) + 4 * DAY).replace(day=1) - DAY
    return day


def some_instant(choice: random.Random) -> datetime:
    """To the second, often exactly at an edge of the office's hours or of the day."""
    clock = choice.choice([time(0), time(8, 29, 59), OPENS, CLOSES, time(18, 0, 1), time(23, 59, 59), None])
    if clock is None:
        clock = time(choice.randrange(24), choice.randrange(60), choice.randrange(60))
    return at(some_day(choice), clock)


Question = Callable[[random.Random], tuple[object, ...]]
QUESTIONS: dict[str, Question] = {
    "workdays": lambda c: (some_day(c), c.choice([0, 0, 1, 2, 3, 5, 10, 30, 120, -1, -3, -20])),
    "days": lambda c: (some_day(c), c.choice([0, 1, 2, 7, 10, 15, 30, 60, 90, 365, -1, -30])),
    "months": lambda c: (some_day(c), c.choice([0, 1, 1, 1, 2, 3, 6, 11, 12, 13, 24, 36, 48, -1, -12])),
    "between": lambda c: (some_day(c), some_day(c)),
    "sending": lambda c: (some_instant(c),),
    "add_working_time": lambda c: (some_instant(c), timedelta(minutes=c.choice([1, 30, 570, 571, 5_700, 50_000]))),
    "working_time_between": lambda c: (some_instant(c), some_instant(c)),
}  # fmt: skip


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("kind", QUESTIONS)
def test_every_answer_is_the_oracles(kind: str, calendar: str) -> None:
    product, years = CALENDARS[calendar]
    oracle, choice = Oracle(years), random.Random(f"{kind} {calendar}")
    answered = refused = 0
    for _ in range(CASES):
        asked = QUESTIONS[kind](choice)
        try:
            expected = getattr(oracle, kind)(*asked)
        except Unknown:
            expected = Unknown
        try:
            found = getattr(product, kind)(*asked)
        except CalendarUnknown:
            found = Unknown
        assert found == expected, f"{kind}{asked}: {found}, and the oracle says {expected}"
        answered, refused = answered + (expected is not Unknown), refused + (expected is Unknown)
    assert answered > CASES // 50 and refused > CASES // 400, (answered, refused)


@pytest.mark.parametrize("calendar", CALENDARS)
def test_every_single_day(calendar: str) -> None:
    product, years = CALENDARS[calendar]
    oracle, day = Oracle(years), date(2023, 12, 1)
    while day < date(2029, 2, 1):
        if day.year in years:
            assert product.is_working(day) is oracle.working(day), day
        else:
            with pytest.raises(CalendarUnknown):
                product.is_working(day)
        day += DAY


_ON_THIS_HOST = """
import sys
from tests.faults.test_every_date import the_answers
sys.stdout.write(the_answers())
"""


def the_answers() -> str:
    """Answers of the product to the same two thousand questions, to be compared between hosts of other zones."""
    choice = random.Random(7)
    product, lines = CALENDARS["five confirmed years"][0], []
    for _ in range(2_000):
        kind = choice.choice(sorted(QUESTIONS))
        try:
            lines.append(str(getattr(product, kind)(*QUESTIONS[kind](choice))))
        except CalendarUnknown as error:
            lines.append(error.message)
    return "\n".join(lines)


def test_the_hosts_zone_and_its_summer_time_change_no_answer() -> None:
    said = announced.said_on_hosts(_ON_THIS_HOST, "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai")
    assert len(set(said.values())) == 1 and len(said["Asia/Shanghai"].splitlines()) == 2_000


def test_the_oracle_knows_its_zone() -> None:
    """China has had no summer time since 1992; the oracle's fixed eight hours are the product's Asia/Shanghai."""
    for day in (date(2024, 1, 1), date(2026, 7, 1), date(2028, 12, 31)):
        assert at(day, CLOSES) == datetime.combine(day, CLOSES, SHANGHAI)

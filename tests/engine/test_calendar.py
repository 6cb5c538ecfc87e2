"""The working calendar 工作日历: 2026 day by day, counting, office hours, and what it refuses to guess."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import LAST_ANNOUNCED_YEAR, Moment, WorkCalendar, seed, seed_days
from engine.clock import SHANGHAI
from engine.errors import CalendarUnknown, InputInvalid
from tests import announced

CALENDAR = seed(range(2023, 2028))
ONE_YEAR = seed([2026])


def shanghai(text: str) -> datetime:
    """A wall-clock time in Shanghai as the engine keeps it: an aware UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def day(text: str) -> date:
    return date.fromisoformat(text)


def test_every_day_of_the_announced_years() -> None:
    for at in announced.days(date(announced.YEARS[0], 1, 1), date(announced.YEARS[-1], 12, 31)):
        expected = at in announced.MAKE_UP or (at.weekday() < 5 and at not in announced.OFF)
        assert CALENDAR.is_working(at) is expected, at


@pytest.mark.parametrize(
    ("start", "n", "expected"),
    [
        ("2026-09-28", 5, "2026-10-10T18:00"),  # across National Day: 29, 30, then 8, 9 and the make-up 10
        ("2026-09-28", 1, "2026-09-29T18:00"),
        ("2026-09-30", 1, "2026-10-08T18:00"),
        ("2026-09-30", 3, "2026-10-10T18:00"),  # the make-up Saturday counts
        ("2026-09-30", 4, "2026-10-12T18:00"),
        ("2026-10-01", 0, "2026-10-08T18:00"),  # a holiday is no working day: the next one
        ("2026-09-28", 0, "2026-09-28T18:00"),
        ("2026-10-08", -1, "2026-09-30T18:00"),
        ("2026-10-12", -1, "2026-10-10T18:00"),
        ("2026-02-13", 1, "2026-02-14T18:00"),
        ("2026-02-14", 1, "2026-02-24T18:00"),
        ("2025-12-31", 1, "2026-01-04T18:00"),  # across the year's end, 4 January being a make-up Sunday
    ],
)
def test_working_days(start: str, n: int, expected: str) -> None:
    assert CALENDAR.workdays(day(start), n) == shanghai(expected)


@pytest.mark.parametrize(
    ("start", "n", "expected"),
    [
        ("2026-09-24", 1, "2026-09-28"),  # 25 to 27 September are off
        ("2026-09-24", 5, "2026-09-29"),
        ("2026-09-28", 5, "2026-10-08"),  # 3 October rolls over the week
        ("2026-09-28", 12, "2026-10-10"),  # ends on the make-up Saturday
        ("2026-09-28", 0, "2026-09-28"),
    ],
)
def test_calendar_days_roll_forward(start: str, n: int, expected: str) -> None:
    assert CALENDAR.days(day(start), n) == shanghai(f"{expected}T18:00")


@pytest.mark.parametrize(
    ("start", "n", "expected"),
    [
        ("2026-01-31", 1, "2026-02-28"),  # a missing day is the month's last, here a make-up Saturday
        ("2024-01-31", 1, "2024-02-29"),
        ("2026-03-31", 1, "2026-04-30"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-07-01", 3, "2026-10-08"),
        ("2025-11-30", 3, "2026-02-28"),
        ("2026-08-31", 0, "2026-08-31"),
    ],
)
def test_months_end_with_the_month(start: str, n: int, expected: str) -> None:
    assert CALENDAR.months(day(start), n) == shanghai(f"{expected}T18:00")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-09-28T08:29:59", "2026-09-28T08:30"),
        ("2026-09-28T08:30", "2026-09-28T08:30"),
        ("2026-09-28T12:15:30", "2026-09-28T12:15:30"),
        ("2026-09-28T18:00", "2026-09-28T18:00"),
        ("2026-09-28T18:00:01", "2026-09-29T08:30"),
        ("2026-09-30T20:00", "2026-10-08T08:30"),
        ("2026-10-03T12:00", "2026-10-08T08:30"),
        ("2026-10-10T09:00", "2026-10-10T09:00"),
        ("2026-10-10T23:59", "2026-10-12T08:30"),
    ],
)
def test_sending_hours(at: str, expected: str) -> None:
    assert CALENDAR.sending(shanghai(at)) == shanghai(expected)


@pytest.mark.parametrize(
    ("start", "n", "expected"),
    [("2026-09-30", 1, "2026-10-08"), ("2026-10-01", 0, "2026-10-08"), ("2026-10-12", -1, "2026-10-10")],
)
def test_sending_workday(start: str, n: int, expected: str) -> None:
    assert CALENDAR.sending_workday(day(start), n) == shanghai(f"{expected}T08:30")


def test_sending_hours_may_differ_from_office_hours() -> None:
    late = WorkCalendar(frozenset(), frozenset(), frozenset([2026]), send_from="10:00", send_until="16:00")
    assert late.sending_workday(day("2026-03-03"), 1) == shanghai("2026-03-04T10:00")
    assert late.sending(shanghai("2026-03-03T16:01")) == shanghai("2026-03-04T10:00")
    assert late.workdays(day("2026-03-03"), 1) == shanghai("2026-03-04T18:00")


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("2026-09-30", "2026-10-08", 1),
        ("2026-09-30", "2026-10-10", 3),
        ("2026-10-01", "2026-10-07", 0),
        ("2026-10-08", "2026-09-30", -1),
        ("2026-09-28", "2026-09-28", 0),
    ],
)
def test_working_days_between(a: str, b: str, expected: int) -> None:
    assert CALENDAR.between(day(a), day(b)) == expected


def test_days_are_shanghais() -> None:
    """22:00 UTC on the 27th is the 28th in Shanghai."""
    at = datetime(2026, 9, 27, 22, 0, tzinfo=UTC)
    assert CALENDAR.workdays(at, 1) == shanghai("2026-09-29T18:00")
    assert CALENDAR.is_working(at)
    assert Moment(at, CALENDAR).today == day("2026-09-28")
    assert CALENDAR.between(at, day("2026-09-29")) == 1
    west = at.astimezone(timezone(timedelta(hours=-8)))
    assert CALENDAR.workdays(west, 1) == shanghai("2026-09-29T18:00")


def test_what_a_due_date_means() -> None:
    assert CALENDAR.instant(day("2026-10-03")) == shanghai("2026-10-03T18:00")
    assert CALENDAR.instant(datetime(2026, 10, 3, 9, 0)) == shanghai("2026-10-03T09:00")  # noqa: DTZ001
    assert CALENDAR.instant(shanghai("2026-10-03T09:00")) == shanghai("2026-10-03T09:00")


# -- what is not known ---------------------------------------------------------------------------------


def test_an_unannounced_year_is_seeded_but_not_confirmed() -> None:
    rows, confirmed = seed_days([2026, 2027])
    assert set(confirmed) == {2026} and "2026" in confirmed[2026]
    assert LAST_ANNOUNCED_YEAR == 2026
    assert {row.day.year for row in rows} == {2026, 2027}
    assert {row.day for row in rows if row.working} == {d for d in announced.MAKE_UP if d.year == 2026}
    assert [row.day for row in rows] == sorted(row.day for row in rows)
    assert all(row.note for row in rows)


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.workdays(day("2026-12-30"), 5),
        lambda c: c.workdays(day("2026-12-31"), 1),
        lambda c: c.sending_workday(day("2026-12-31"), 1),
        lambda c: c.days(day("2026-12-30"), 5),
        lambda c: c.months(day("2026-12-30"), 1),
        lambda c: c.between(day("2026-12-30"), day("2027-01-02")),
        lambda c: c.is_working(day("2027-01-02")),
        lambda c: c.sending(shanghai("2026-12-31T19:00")),
        lambda c: c.working_time_between(shanghai("2026-12-31T09:00"), shanghai("2027-01-01T09:00")),
        lambda c: c.add_working_time(shanghai("2026-12-31T09:00"), timedelta(hours=20)),
        lambda c: c.workdays(day("2027-03-01"), 0),
        lambda c: c.workdays(day("2026-06-01"), 10**30),
    ],
)
def test_an_unconfirmed_year_is_refused_by_name(ask: object) -> None:
    with pytest.raises(CalendarUnknown, match="2027年") as refusal:
        ask(ONE_YEAR)  # type: ignore[operator]
    assert refusal.value.fields["year"] == 2027


def test_the_years_before_are_refused_too() -> None:
    for ask in (
        lambda: ONE_YEAR.workdays(day("2026-01-05"), -3),
        lambda: ONE_YEAR.months(day("2026-01-05"), -1),
        lambda: ONE_YEAR.add_working_time(shanghai("2026-01-05T09:00"), -timedelta(hours=30)),
        lambda: ONE_YEAR.between(day("2026-01-05"), day("2025-12-05")),
    ):
        with pytest.raises(CalendarUnknown, match="2025年"):
            ask()


def test_counting_does_not_jump_over_an_unconfirmed_year() -> None:
    gap = WorkCalendar(frozenset(), frozenset(), frozenset([2024, 2026]))
    with pytest.raises(CalendarUnknown, match="2025年"):
        gap.workdays(day("2024-12-30"), 10)
    with pytest.raises(CalendarUnknown, match="2025年"):
        gap.between(day("2024-12-30"), day("2026-01-05"))
    assert gap.workdays(day("2026-01-05"), 1) == shanghai("2026-01-06T18:00")
    assert gap.workdays(day("2025-12-31"), 1) == shanghai("2026-01-01T18:00")  # needs no day of 2025


@pytest.mark.parametrize("far", [10**12, -(10**12), 10**40])
def test_days_beyond_all_calendars_are_refused(far: int) -> None:
    for ask in (CALENDAR.days, CALENDAR.months, CALENDAR.workdays, CALENDAR.sending_workday):
        with pytest.raises(CalendarUnknown):
            ask(day("2026-03-03"), far)


def test_senseless_hours_are_refused() -> None:
    for hours in (
        {"opens": "18:00", "closes": "08:00"},
        {"opens": "half past eight"},
        {"send_from": "19:00"},
    ):
        with pytest.raises(InputInvalid, match="工作日历"):
            WorkCalendar(frozenset(), frozenset(), frozenset([2026]), **hours)


# -- office hours --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "hours"),
    [
        ("2026-09-28T09:00", "2026-09-28T11:00", 2),
        ("2026-09-28T07:00", "2026-09-28T20:00", 9.5),
        ("2026-09-28T17:00", "2026-09-29T09:30", 2),
        ("2026-09-30T17:00", "2026-10-08T09:30", 2),
        ("2026-10-01T00:00", "2026-10-08T00:00", 0),
    ],
)
def test_working_time_counts_office_hours_only(a: str, b: str, hours: float) -> None:
    expected = timedelta(hours=hours)
    assert CALENDAR.working_time_between(shanghai(a), shanghai(b)) == expected
    assert CALENDAR.working_time_between(shanghai(b), shanghai(a)) == -expected


def test_a_limit_keeps_its_hour_over_a_suspension() -> None:
    due = CALENDAR.workdays(day("2026-09-21"), 3)
    suspended, resumed = shanghai("2026-09-22T10:00"), shanghai("2026-10-12T10:00")
    left = CALENDAR.working_time_between(suspended, due)
    assert CALENDAR.add_working_time(resumed, left) == shanghai("2026-10-14T18:00")


inside = st.dates(date(2024, 3, 1), date(2026, 6, 30))
instants = st.datetimes(datetime(2024, 3, 1), datetime(2026, 9, 30), timezones=st.just(UTC))  # noqa: DTZ001


@given(inside, st.integers(1, 60), st.integers(0, 60))
def test_more_working_days_end_later(start: date, n: int, more: int) -> None:
    first, second = CALENDAR.workdays(start, n), CALENDAR.workdays(start, n + more)
    assert first < second if more else first == second


@given(inside, inside, st.integers(-30, 60))
def test_a_later_start_never_ends_earlier(a: date, b: date, n: int) -> None:
    a, b = min(a, b), max(a, b)
    assert CALENDAR.workdays(a, n) <= CALENDAR.workdays(b, n)


@given(inside, st.integers(1, 60))
def test_between_is_the_inverse_of_workdays(start: date, n: int) -> None:
    assert CALENDAR.between(start, CALENDAR.workdays(start, n)) == n
    assert CALENDAR.between(start, CALENDAR.sending_workday(start, n)) == n


@given(inside, st.integers(1, 60))
def test_back_is_the_inverse_of_forth(start: date, n: int) -> None:
    on = CALENDAR.workdays(start, 0)
    assert CALENDAR.workdays(CALENDAR.workdays(on, n), -n) == on


@given(inside, inside, inside)
def test_between_adds_up(a: date, b: date, c: date) -> None:
    assert CALENDAR.between(a, b) + CALENDAR.between(b, c) == CALENDAR.between(a, c)
    assert CALENDAR.between(a, b) == -CALENDAR.between(b, a)


@given(inside, inside)
def test_between_counts_days_one_by_one(a: date, b: date) -> None:
    a, b = min(a, b), max(a, b)
    b = min(b, a + timedelta(days=200))
    walked = sum(CALENDAR.is_working(a + timedelta(days=k)) for k in range(1, (b - a).days + 1))
    assert CALENDAR.between(a, b) == walked


@given(inside, st.integers(0, 90))
def test_days_and_months_end_on_working_days(start: date, n: int) -> None:
    for end in (CALENDAR.days(start, n), CALENDAR.months(start, n % 3)):
        assert CALENDAR.is_working(end)
        assert end.astimezone(SHANGHAI).strftime("%H:%M") == "18:00"


@given(instants, st.timedeltas(timedelta(0), timedelta(hours=400)))
def test_added_working_time_is_the_time_between(start: datetime, amount: timedelta) -> None:
    end = CALENDAR.add_working_time(start, amount)
    assert CALENDAR.working_time_between(start, end) == amount
    assert end >= start


@given(instants, st.timedeltas(timedelta(0), timedelta(hours=300)))
def test_working_time_goes_back_too(start: datetime, amount: timedelta) -> None:
    begin = CALENDAR.add_working_time(start, -amount)
    assert CALENDAR.working_time_between(begin, start) == amount
    assert begin <= start


@given(instants)
def test_sending_is_inside_hours_and_settled(at: datetime) -> None:
    sent = CALENDAR.sending(at)
    assert sent >= at and CALENDAR.sending(sent) == sent
    local = sent.astimezone(SHANGHAI)
    assert CALENDAR.is_working(sent) and "08:30" <= local.strftime("%H:%M:%S.%f") <= "18:00:00.000000"


# -- hosts ---------------------------------------------------------------------------------------------

_PROBE = """
from datetime import UTC, date, datetime
from engine.calendar import Moment, seed
c = seed([2026])
# 8 March and 1 November 2026: New York's clocks change; Shanghai's never do
for at in (datetime(2026, 3, 8, 6, 30, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 9, 27, 16, 0, tzinfo=UTC)):
    print(c.workdays(at, 3), c.sending(at), c.days(at, 9), c.months(at, 1), Moment(at, c).today, c.is_working(at))
print(c.workdays(date(2026, 3, 6), 1), c.instant(datetime(2026, 3, 8, 2, 30)))
"""


@pytest.mark.slow
def test_the_hosts_zone_does_not_matter() -> None:
    said = announced.said_on_hosts(_PROBE, "Asia/Shanghai", "America/New_York", "UTC")
    assert len(set(said.values())) == 1
    assert "2026-03-11 10:00:00+00:00" in said["UTC"]


def test_counting_is_fast() -> None:
    """Bisection, not walking: it takes a twentieth of a second, and a walk over nine million days would take seconds."""
    start, begun = day("2023-01-05"), process_time()
    for _ in range(10_000):
        CALENDAR.workdays(start, 900)
    assert process_time() - begun < 0.6

"""Working time of the simulated weeks, minute by minute by hand: what the reference model counts suspended clocks with.

National Day 2026 as announced: 1 to 7 October are off, Saturday 10 October is worked. Office hours 08:30 to 18:00 in
Shanghai, which is UTC+8 all year round.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

OFF = {date(2026, 10, day) for day in range(1, 8)}
WORKED = {date(2026, 10, 10)}
FIRST, LAST = date(2026, 9, 28), date(2026, 12, 31)


def is_worked(day: date) -> bool:
    """Whether it is a working day."""
    return day in WORKED or (day.weekday() < 5 and day not in OFF)


def _hours() -> list[tuple[datetime, datetime]]:
    found, day = [], FIRST
    while day <= LAST:
        if is_worked(day):
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8)
            found.append((midnight + timedelta(hours=8, minutes=30), midnight + timedelta(hours=18)))
        day += timedelta(days=1)
    return found


HOURS = _hours()


def left(now: datetime, due: datetime) -> timedelta:
    """Office hours from now until the due instant; none if that has passed."""
    total = timedelta(0)
    for opens, closes in HOURS:
        if opens >= due:
            break
        total += max(min(closes, due) - max(opens, now), timedelta(0))
    return total


def after(now: datetime, amount: timedelta) -> datetime:
    """When so many office hours will have passed. Nothing left is now."""
    if not amount:
        return now
    for opens, closes in HOURS:
        begin = max(opens, now)
        if begin >= closes:
            continue
        if amount <= closes - begin:
            return begin + amount
        amount -= closes - begin
    raise ValueError("beyond the simulated weeks")

"""Instants and timers 时限: from what an expression gives to the instant at which a timer fires."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

from engine.calendar import add_months
from engine.clock import SHANGHAI
from engine.definitions.model import Event
from engine.errors import EngineError
from engine.execution.run import Halt, Run
from engine.execution.state import Deadline, Instance
from engine.facts import DeadlineSet
from engine.values import Months, Value, duration_text, parse_duration

_CYCLE = re.compile(r"R(?P<times>\d{0,9})/(?:(?P<first>[^/P][^/]*)/)?(?P<interval>P[^/]*)")


def instant(run: Run, value: Value) -> datetime | None:
    """A date and time, a date (meaning the end of its office hours), or ISO text of one → UTC; else None."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=SHANGHAI)).astimezone(UTC)
    if isinstance(value, date):
        try:
            return run.moment.calendar.end_of(value)
        except EngineError as problem:
            raise Halt(problem.code, problem.message) from problem
    return None


def later_by(start: datetime, length: timedelta | Months, day: int = 0) -> datetime:
    """An instant plus a duration; months are counted in Shanghai's calendar, a day the month lacks is its last.

    `day` is the day of the month that is counted from, where `start`'s month lacked it: what is repeated each month from 31
    January is the end of every month, not the 28th for ever (民法典 202).
    """
    if isinstance(length, timedelta):
        return start + length
    local = start.astimezone(SHANGHAI)
    month = add_months(local.date().replace(day=1), length.total)
    on = month.replace(day=min(day or local.day, monthrange(month.year, month.month)[1]))
    return datetime.combine(on, local.timetz()).astimezone(UTC)


def counted_from(now: datetime, due: datetime, interval: str) -> int:
    """The day of the month from which a cycle counts that fires first at `due`: today's, or that of a first instant that was
    written into it."""
    length = parse_duration(interval) if interval else None
    begun = now if length is not None and due == later_by(now, length) else due
    return begun.astimezone(SHANGHAI).day


def lacking(day: int, due: datetime, interval: str) -> int:
    """`day` where a cycle of months fires on another one because the month has no such day, else 0."""
    of_months = bool(interval) and isinstance(parse_duration(interval), Months)
    return day if of_months and day != due.astimezone(SHANGHAI).day else 0


def _length(value: Value) -> timedelta | Months | None:
    if isinstance(value, str):
        return parse_duration(value)
    return value if isinstance(value, timedelta | Months) else None


def arm(
    run: Run, owner: Instance, element: str, event: Event, after: datetime | None = None, part: int = 0
) -> bool:
    """Arm a timer as seen from its owner. False when a cycle gives no instant (its end).

    `part`: which of the definitions of a multiple event it is. `after`: the firing before this one; a cycle computed anew must get on, or it would fire for ever at one instant.
    """
    if event.when is None:
        raise Halt("expression_failed", "这个定时事件没有写时间。")
    value = run.value(event.when, owner)
    if value is None and event.timer == "cycle":
        return False
    due, repeats, interval = first_firing(run, event, value)
    if repeats == _NEVER:
        return False
    if due is None:
        raise Halt(
            "expression_failed",
            f"定时事件的时间“{event.when.text}”没有得出有效的时间，请检查它用到的信息是否已经填写。",
        )
    if after is not None and due <= after:
        raise Halt(
            "expression_failed",
            f"重复定时“{event.when.text}”算出的下一次时间不晚于这一次，已停止重复。请流程管理员检查流程图。",
        )
    day = lacking(counted_from(run.moment.now, due, interval), due, interval)
    run.emit(DeadlineSet(run.next_id(), owner.id, element, due, repeats, interval, part, day))
    return True


_NEVER = -2


def first_firing(run: Run, event: Event, value: Value) -> tuple[datetime | None, int, str]:
    """When a timer whose expression gave `value` fires first (None: the value is no time), how often it repeats after
    that (-1: without end, -2: a cycle of zero times never fires), and at which interval."""
    now = run.moment.now
    due: datetime | None = None
    repeats, interval = 0, ""
    try:
        if event.timer == "duration":
            length = _length(value)
            due = later_by(now, length) if length is not None else None
        elif event.timer == "cycle":
            cycle = _CYCLE.fullmatch(value) if isinstance(value, str) else None
            if cycle is None:
                due, repeats = instant(run, value), -1
            else:
                length = parse_duration(cycle["interval"])
                if length is not None:
                    interval = duration_text(length) if isinstance(length, timedelta) else str(length)
                    repeats = int(cycle["times"]) - 1 if cycle["times"] else -1
                    if cycle["times"] and repeats < 0:
                        return None, _NEVER, ""
                    due = instant(run, cycle["first"]) if cycle["first"] else later_by(now, length)
        else:
            due = instant(run, value)
    except (OverflowError, ValueError):
        due = None
    return due, repeats, interval


def arm_again(run: Run, owner: Instance, element: str, event: Event, passed: Deadline) -> None:
    """Arm the next firing of a cycle: the fixed interval after the last one, or computed anew."""
    if not passed.repeats or passed.due is None:
        return
    if not passed.interval:
        arm(run, owner, element, event, passed.due, passed.part)
        return
    length = parse_duration(passed.interval)
    assert length is not None  # it was written by `arm`
    repeats = passed.repeats - 1 if passed.repeats > 0 else -1
    day = passed.day or passed.due.astimezone(SHANGHAI).day
    due = later_by(passed.due, length, day)
    day = lacking(day, due, passed.interval)
    run.emit(DeadlineSet(run.next_id(), owner.id, element, due, repeats, passed.interval, passed.part, day))

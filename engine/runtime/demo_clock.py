"""The demo's clock 演示时钟: the host's clock plus an offset kept in the database.

So that the ladder can be watched in a minute, the office's demo may move it forward: to an instant, to the next
deadline, to the next working day. It never goes back, and outside demo mode it does not exist.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine.commands import Actor
from engine.errors import InputInvalid, NotAllowed
from engine.store import settings
from engine.store.tables import deadlines

if TYPE_CHECKING:
    from engine.runtime.engine import Engine

KEY = "demo_clock_offset"
"""Key in the settings table: the offset in seconds."""

FARTHEST = timedelta(days=3 * 366)
"""How far ahead of the real time the demo may go."""


class DemoClock:
    """System time plus an offset. The engine sets the offset from the database at each look."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def set_offset(self, seconds: str) -> None:
        self.offset = timedelta(seconds=float(seconds))


def move_to(engine: Engine, instant: datetime, actor: Actor) -> datetime:
    """Move the demo's clock forward to `instant` and return the new now (UTC).

    Raises `NotAllowed` outside demo mode, `InputInvalid` for an instant in the past or too far ahead.
    """
    clock = engine.clock
    if not isinstance(clock, DemoClock):
        raise NotAllowed("时钟只能在演示模式下拨动，正式环境使用真实时间。")
    if instant.tzinfo is None:
        raise InputInvalid("时间须带时区。")
    with engine.desk(actor) as desk:
        now = desk.now
        if instant < now:
            raise InputInvalid("演示时钟只能向前拨，不能回到过去。")
        offset = clock.offset + (instant - now)
        if offset > FARTHEST:
            raise InputInvalid(f"演示时钟最多比真实时间快 {FARTHEST.days} 天。")
        settings.put(desk.connection, KEY, repr(offset.total_seconds()))
        settings.bump(desk.connection, "directory_version")  # the directory is one day's
        desk.note("DemoClockMoved", KEY, {"title": instant.isoformat(), "to": instant})
    engine.bell.ring()
    return engine.now()


def next_deadline(engine: Engine) -> datetime | None:
    """The instant of the earliest armed deadline of all cases, None when nothing is armed."""
    with engine.read() as connection:
        due = connection.execute(sa.select(sa.func.min(deadlines.c.due, type_=deadlines.c.due.type))).scalar()
    return max(due, engine.now()) if due is not None else None


def next_working_day(engine: Engine) -> datetime:
    """08:30 (the calendar's sending time) of the next working day after today."""
    moment = engine.moment()
    return moment.calendar.sending_workday(moment.now, 1)

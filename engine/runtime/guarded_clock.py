"""The guarded clock 受监护的时钟: one clock for all hosts, and nobody's deadline by a clock that jumps.

On PostgreSQL `now` is the database's clock, on SQLite the host's. It is read once a second and in between carried on by the
host's steady clock (which nobody can set, and which counts while the host sleeps); so it is never ahead of its source by
more than that clock's own fault in a second. A reading that differs from what the steady clock expects by more than `most` is
not believed: `now` goes on as if nothing had happened, `jump` says what was seen, and the worker passes no deadlines until
the source has come back to what was expected or a person confirms the new time (`duban clock confirm`).

The alarm is a row of the settings table, which `/readyz` and all workers see. A jump while no process of ours runs cannot be
told from a long pause.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine.clock import SHANGHAI, Clock
from engine.commands import Actor
from engine.errors import InputInvalid
from engine.runtime.host_clock import SystemClock
from engine.store import settings

if TYPE_CHECKING:
    from engine.runtime.engine import Engine

log = logging.getLogger(__name__)

ALARM = "clock_guard"
"""Key in the settings table: what jumped, in words for people; "" or absent while all is well."""

CONFIRMED = "clock_confirmed"
"""Key in the settings table: when, by the source's clock, a person confirmed it last. ISO text."""

MOST = "clock_jump_seconds"
"""Key in the settings table: seconds by which the source may differ from what is expected."""

MOST_SECONDS = 10.0
"""Where the office has not said otherwise [P]: more than a clock that is kept by NTP is ever stepped by."""

WATCHED = (ALARM, CONFIRMED, MOST)

EVERY = 1.0
"""Seconds between two readings of the source."""

SLOW = 1.0
"""A reading that took longer says too little and is not used."""

_database_clock = sa.select(sa.func.clock_timestamp())


def shown(at: datetime) -> str:
    """An instant to the second, in Shanghai."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def steady_clock() -> float:
    """Seconds since the host started; goes on while it sleeps, cannot be set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Jump:
    """What the source said, and what was expected (UTC)."""

    found: datetime
    expected: datetime

    @property
    def seconds(self) -> float:
        return (self.found - self.expected).total_seconds()

    def __str__(self) -> str:
        way = "向前" if self.seconds > 0 else "向后"
        return (
            f"时钟{way}跳了 {abs(self.seconds):.0f} 秒：现在读到 {shown(self.found)}，"
            f"应为 {shown(self.expected)} 左右"
        )


class GuardedClock:
    """A `Clock`. `look` reads the source where it is time to; `now` never goes back but by a person's confirmation."""

    def __init__(
        self,
        *,
        steady: Callable[[], float] = steady_clock,
        host: Clock | None = None,
    ) -> None:
        self.jump: Jump | None = None
        self.alarm = ""  # what the settings table says
        self._steady, self.host = steady, host or SystemClock()
        self.raised = False  # by this process
        self._believed: tuple[datetime, float] | None = (
            None  # a reading, and the steady clock when it had arrived
        )
        self._looked = 0.0
        self._latest: datetime | None = None  # what was given out
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            if self._believed is None:
                return self.host.now()
            at, arrived = self._believed
            now = at + timedelta(seconds=self._steady() - arrived)
            self._latest = max(now, self._latest or now)
            return self._latest

    def heed(self, watched: Mapping[str, str]) -> bool:
        """Take note of the values of `WATCHED`, as far as they are set. Whether the last reading is young enough to go by."""
        self.alarm = watched.get(ALARM, "")
        return self._believed is not None and self._steady() - self._looked < EVERY

    def look(self, connection: sa.Connection, watched: Mapping[str, str]) -> None:
        """Read the source if the last reading is old. `watched` are the values of `WATCHED` as far as they are set."""
        if self.heed(watched):
            return
        asked = self._steady()
        if connection.dialect.name == "sqlite":
            found = self.host.now()
        else:
            found = connection.execute(_database_clock).scalar_one().astimezone(UTC)
        arrived = self._steady()
        if arrived - asked > SLOW and self._believed is not None:
            return
        with self._lock:
            self._take(found, asked, arrived, watched)

    def _take(self, found: datetime, asked: float, arrived: float, watched: Mapping[str, str]) -> None:
        self._looked = arrived
        if self._believed is None:
            self._believed = found, arrived
            return
        at, then = self._believed
        earliest, latest = (at + timedelta(seconds=t - then) for t in (asked, arrived))
        expected = min(max(found, earliest), latest)
        most = timedelta(seconds=float(watched.get(MOST) or MOST_SECONDS))
        if abs(found - expected) <= most:
            self._believed, self.jump = (found, arrived), None
        elif _confirmed_between(watched, found - timedelta(seconds=arrived - then), found):
            self._believed, self.jump, self._latest = (found, arrived), None, None
        else:
            self.jump = Jump(found, expected)


def _confirmed_between(watched: Mapping[str, str], after: datetime, until: datetime) -> bool:
    """Whether a person has confirmed the clock since it was last believed, by the clock that is to be believed."""
    text = watched.get(CONFIRMED)
    return bool(text) and after <= datetime.fromisoformat(str(text)) <= until


def may_pass(engine: Engine) -> bool:
    """Whether deadlines may be passed. Raises the alarm when this process has seen a jump, and takes back its own."""
    clock = engine.clock
    if not isinstance(clock, GuardedClock):
        return True
    engine.now()  # looks
    if clock.jump is not None and not clock.alarm:
        log.error("%s。已暂停处理时限，请核对时钟后执行 duban clock confirm", clock.jump)
        with engine.database.write() as connection:
            settings.put(connection, ALARM, f"{clock.jump}")
            settings.put(connection, CONFIRMED, "")
        clock.raised = True
    elif clock.jump is None and clock.alarm and clock.raised:
        log.warning("the clock is back to what was expected; deadlines are passed again")
        with engine.database.write() as connection:
            settings.put(connection, ALARM, "")
        clock.alarm, clock.raised = "", False
    return clock.jump is None and not clock.alarm


def alarm(connection: sa.Connection) -> str:
    """What is wrong with the clock, in words for people; "" when nothing is."""
    return settings.get(connection, [ALARM]).get(ALARM, "")


def confirm(engine: Engine, actor: Actor) -> str:
    """A person has seen that the clock is right as it is now: deadlines are passed by it again. Returns the alarm that was.

    Raises `InputInvalid` where nothing is to be confirmed."""
    with engine.desk(actor) as desk:
        was = alarm(desk.connection)
        if not was:
            raise InputInvalid("时钟没有告警，不需要确认。")
        if engine.database.is_sqlite:
            now = engine.clock.host.now() if isinstance(engine.clock, GuardedClock) else desk.now
        else:
            now = desk.connection.execute(_database_clock).scalar_one().astimezone(UTC)
        settings.put(desk.connection, CONFIRMED, now.isoformat())
        settings.put(desk.connection, ALARM, "")
        desk.note("ClockConfirmed", CONFIRMED, {"title": shown(now), "to": now, "alarm": was})
    return was


def allow(engine: Engine, seconds: float, actor: Actor) -> None:
    """Set by how many seconds the clock may differ from what is expected. Raises `InputInvalid` outside 1 to 3600."""
    if not 1 <= seconds <= 3600:
        raise InputInvalid("允许的时钟偏差须为 1 到 3600 秒。")
    with engine.desk(actor) as desk:
        settings.put(desk.connection, MOST, repr(float(seconds)))
        desk.note(
            "ClockConfirmed", MOST, {"title": f"允许偏差 {seconds:g} 秒", "seconds": repr(float(seconds))}
        )

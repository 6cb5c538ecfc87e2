"""The office as it is now 办公室现状: directory, calendar and clock, as a transaction sees them, and its own record.

Directory and calendar are kept in memory and read anew only when their version counters in the settings have moved. Who
stands in for whom also depends on the day: the directory in memory is one day's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from engine.audit import chain, office
from engine.calendar import Moment, WorkCalendar
from engine.clock import SHANGHAI, Clock
from engine.commands import Actor
from engine.directory import Directory
from engine.runtime import demo_clock, guarded_clock
from engine.runtime.guarded_clock import GuardedClock
from engine.runtime.host_clock import SystemClock
from engine.runtime.reading import read_calendar, read_directory
from engine.store import settings
from engine.store.database import Database, alone

DIRECTORY_VERSION = "directory_version"
CALENDAR_VERSION = "calendar_version"

URGES_A_DAY = "urges_a_day"
"""Key in the settings table: how often one person may urge the same item on a working day 催办上限."""

DEFAULT_URGES = "1"
"""Where the office has not said otherwise [P]."""

WATCHED = (DIRECTORY_VERSION, CALENDAR_VERSION, URGES_A_DAY, demo_clock.KEY, *guarded_clock.WATCHED)
"""Settings that every transaction reads."""

OFFICE_LOCK = 0x6F66666963  # "offic"
"""The number of the lock that those hold who change the office itself: its facts are one chain."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A writing transaction on the office's own tables. Every change leaves an office fact by `note`."""

    connection: sa.Connection
    now: datetime
    actor: Actor
    digest: chain.Hash

    def note(self, kind: str, subject: str, data: dict[str, Any]) -> None:
        office.note(self.connection, kind, subject, data, self.actor, self.now, self.digest)


@dataclass(frozen=True, slots=True)
class Office:
    """Directory, calendar and the office's limit as one transaction sees them, on one day in the office's zone."""

    directory_version: str
    calendar_version: str
    urges_a_day: str
    day: date
    directory: Directory
    calendar: WorkCalendar


class Present:
    """The office over one database, by one clock. Thread-safe."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self.database = database
        self.clock: Clock = GuardedClock() if clock is None or isinstance(clock, SystemClock) else clock
        self._office: Office | None = None
        with database.read() as connection:
            name = settings.get(connection, [chain.SETTING]).get(chain.SETTING, "sha256")
        self.digest = chain.hash_function(name)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One consistent view for queries."""
        with self.database.read() as connection:
            yield connection

    @contextmanager
    def desk(self, actor: Actor) -> Iterator[Desk]:
        """One transaction on the office's own tables (directory, calendar, accounts). Who may is the caller's question."""
        with self.database.write() as connection:
            alone(connection, OFFICE_LOCK)
            yield Desk(connection, self.moment_in(connection).now, actor, self.digest)

    def directory(self) -> Directory:
        """The directory as it is now."""
        with self.database.read() as connection:
            return self._seen(connection).directory

    def directory_of(self, version: str | None) -> Directory:
        """The directory of the version that a query of the caller's has just read under `DIRECTORY_VERSION` (None: not set):
        without another query where it is known."""
        office_, wanted = self._office, (version or "0", self._today())
        if office_ is not None and (office_.directory_version, office_.day) == wanted:
            return office_.directory
        return self.directory()

    def posts_as_of(self) -> str:
        """What the directory counts by, as this process saw it last (its version, with absences the day too): while this stays,
        nobody comes to a post or leaves it."""
        office_ = self._office
        if office_ is None:
            with self.database.read() as connection:
                office_ = self._seen(connection)
        day = office_.day.isoformat() if office_.directory.absences else ""
        return f"{office_.directory_version}/{day}"

    def _today(self) -> date:
        return self.clock.now().astimezone(SHANGHAI).date()

    def directory_in(self, connection: sa.Connection) -> Directory:
        """`directory()` as the caller's transaction sees it."""
        return self._seen(connection).directory

    def day_in(self, connection: sa.Connection) -> date:
        """Today in the office's zone, as the caller's transaction sees it."""
        return self._seen(connection).day

    def calendar(self) -> WorkCalendar:
        """The working calendar as it is now."""
        with self.database.read() as connection:
            return self._seen(connection).calendar

    def urges_a_day(self) -> int:
        """How often one person may urge the same item on a working day 催办上限."""
        with self.database.read() as connection:
            return int(self._seen(connection).urges_a_day)

    def moment(self) -> Moment:
        """Now (UTC) with the calendar: what expressions are evaluated at."""
        with self.database.read() as connection:
            return self.moment_in(connection)

    def now(self) -> datetime:
        """The present instant of the engine's clock (in demo mode, with the offset kept in the database)."""
        return self.moment().now

    def moment_in(self, connection: sa.Connection) -> Moment:
        """`moment()` as the caller's transaction sees it."""
        calendar = self._seen(connection).calendar  # also sets a demo clock's offset
        return Moment(self.clock.now(), calendar)

    def _seen(self, connection: sa.Connection) -> Office:
        """Directory and calendar, read anew only when their version counters moved."""
        return self._office_by(connection, settings.get(connection, WATCHED))

    def _office_by(self, connection: sa.Connection, found: Mapping[str, str]) -> Office:
        office_ = self._office_known(found)
        if office_ is not None:
            return office_
        if isinstance(self.clock, GuardedClock):
            self.clock.look(connection, found)
        one, two, urges = _versions(found)
        day = self._today()
        known = self._office
        same_directory = known is not None and known.directory_version == one and known.day <= day
        same_calendar = known is not None and known.calendar_version == two
        self._office = office_ = Office(
            one,
            two,
            urges,
            day,
            known.directory.at(day) if known and same_directory else read_directory(connection, day),
            known.calendar if known and same_calendar else read_calendar(connection, version=two),
        )
        return office_

    def _office_known(self, found: Mapping[str, str]) -> Office | None:
        """The office by the settings in `WATCHED`, where nothing has to be read for it: neither clock nor tables."""
        if isinstance(self.clock, demo_clock.DemoClock):
            self.clock.set_offset(found.get(demo_clock.KEY, "0"))
        elif isinstance(self.clock, GuardedClock) and not self.clock.heed(found):
            return None
        office_ = self._office
        if office_ is None:
            return None
        known = (office_.directory_version, office_.calendar_version, office_.urges_a_day)
        return office_ if known == _versions(found) and office_.day == self._today() else None


def _versions(found: Mapping[str, str]) -> tuple[str, str, str]:
    """Of the directory and of the calendar; and the office's limit, which is its own version."""
    return (
        found.get(DIRECTORY_VERSION, "0"),
        found.get(CALENDAR_VERSION, "0"),
        found.get(URGES_A_DAY, DEFAULT_URGES),
    )

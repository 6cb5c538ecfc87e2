"""The doorbell 门铃: wakes workers the moment there is something for them, instead of at their next look.

It never carries work, only "look": losing a ring loses nothing (every worker looks once a second), ringing twice does nothing.
In one process it is an event. To other processes it rings by NOTIFY, and by a message in Redis where there is one
(`dramatiq_bell`). That is done after the commit, by a thread of its own and at most `MOST_A_SECOND` times a second: a NOTIFY
inside a transaction takes a lock that lets only one transaction of the whole database commit at a time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

import psycopg
import sqlalchemy as sa

from engine.store.database import Database

log = logging.getLogger(__name__)

CHANNEL = "duban"

MOST_A_SECOND = 50
"""Rings one process sends to the others [P]; those in between are one."""

AGAIN_AFTER = 1.0
"""Seconds until a listener whose connection was lost tries again."""

EAR_SECONDS = 0.25
"""How long a listener listens before it looks whether it is to stop."""

_notify = sa.select(sa.func.pg_notify(CHANNEL, ""))


class FarBell(Protocol):
    """A way to wake other processes."""

    def ring(self) -> None: ...

    def listening(self, heard: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `heard` at each ring while the block runs, whatever becomes of the connection meanwhile."""

    def close(self) -> None: ...


class Doorbell:
    """`ring` where others may have something to do; `set` wakes this process's worker only."""

    def __init__(self, far: list[FarBell] | None = None) -> None:
        self.far = far or []
        self._here = threading.Event()
        self._rung = threading.Event()
        self._closed = threading.Event()
        self._ringer: threading.Thread | None = None
        self._starting = threading.Lock()

    def ring(self) -> None:
        """Wake every worker of every process, soon."""
        self._here.set()
        if self.far and not self._rung.is_set():
            self._rung.set()
            if self._ringer is None:
                self._start()

    def set(self) -> None:
        self._here.set()

    def clear(self) -> None:
        self._here.clear()

    def wait(self, seconds: float) -> bool:
        """Until it rings, but no longer. Whether it rang."""
        return self._here.wait(seconds)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the rings of other processes while the block runs."""
        with ExitStack() as stack:
            for bell in self.far:
                stack.enter_context(bell.listening(self.set))
            yield

    def close(self) -> None:
        """Send what was rung and be still."""
        self._closed.set()
        self._rung.set()
        if self._ringer is not None:
            self._ringer.join(5)
        for bell in self.far:
            bell.close()

    def _start(self) -> None:
        with self._starting:
            if self._ringer is None and not self._closed.is_set():
                self._ringer = threading.Thread(target=self._ring_far, name="doorbell", daemon=True)
                self._ringer.start()

    def _ring_far(self) -> None:
        working = True
        while True:
            self._rung.wait()
            self._rung.clear()
            for bell in self.far:
                try:
                    bell.ring()
                    working = True
                except Exception as error:  # whatever it is, workers look by themselves
                    if working:
                        log.warning("the doorbell cannot be rung (%s); workers look every second", error)
                    working = False
            if self._closed.wait(1 / MOST_A_SECOND):
                return


class PostgresBell:
    """LISTEN and NOTIFY."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def ring(self) -> None:
        with self.database.glance() as connection:
            connection.execute(_notify)

    @contextmanager
    def listening(self, heard: Callable[[], None]) -> Iterator[None]:
        stop = threading.Event()
        ear = threading.Thread(target=self._listen, args=(heard, stop), name="doorbell-ear", daemon=True)
        ear.start()
        try:
            yield
        finally:
            stop.set()
            ear.join(5)

    def close(self) -> None:
        """Its connections are the database's."""

    def _listen(self, heard: Callable[[], None], stop: threading.Event) -> None:
        """A lost connection is made anew; what was rung meanwhile counts as heard then."""
        engine = self.database.engine
        _, given = engine.dialect.create_connect_args(engine.url)
        working = True
        while not stop.is_set():
            try:
                with psycopg.connect(**given, autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    working = True
                    heard()
                    while not stop.is_set():
                        for _ in connection.notifies(timeout=EAR_SECONDS, stop_after=1):
                            heard()
            except psycopg.Error as error:
                if working:
                    log.warning("the doorbell cannot be heard (%s); looking every second", error)
                working = False
                stop.wait(AGAIN_AFTER)

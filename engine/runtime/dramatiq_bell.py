"""The doorbell by Redis: a dramatiq message that says "look", and carries nothing else.

A doorbell only, never a clock or a store of work: a message of a killed worker comes back late, a flushed Redis has lost them
all, and neither matters, because the tables are the truth and every worker looks once a second. So nothing is retried or
delayed here, old rings are dropped unheard, and no more of them are kept than `MOST_KEPT`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, Middleware

log = logging.getLogger(__name__)

QUEUE = "duban"

OLD = 10_000
"""Milliseconds after which a ring that nobody has heard is dropped."""

MOST_KEPT = 100
"""Rings waiting in Redis; while there are so many, nobody listens or all are busy, and one more wakes nobody."""

HEARTBEAT = 5_000
"""Milliseconds until what a killed worker had fetched is taken from it (dramatiq's own default is a minute)."""

MAINTENANCE = 100_000
"""Of a million fetches so many look for killed workers: one in ten (dramatiq's default is one in a thousand)."""

PATIENCE = 100
"""Milliseconds between two looks into an idle queue."""

TIMEOUT_SECONDS = 2.0
"""A Redis that does not answer holds nobody up longer."""


class RedisBell:
    """Rings and hears by the Redis at `url` (`DUBAN_REDIS`)."""

    def __init__(self, url: str) -> None:
        middleware: list[Middleware] = [AgeLimit(max_age=OLD)]
        self.broker = RedisBroker(  # type: ignore[no-untyped-call]
            url=url,
            middleware=middleware,
            heartbeat_timeout=HEARTBEAT,
            maintenance_chance=MAINTENANCE,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
        )
        self._heard: Callable[[], None] = lambda: None
        self.look = dramatiq.actor(actor_name="look", queue_name=QUEUE, broker=self.broker)(self._look)

    def _look(self, kind: str) -> None:
        self._heard()

    def ring(self) -> None:
        if self.broker.client.llen(f"{self.broker.namespace}:{QUEUE}") < MOST_KEPT:
            self.look.send("all")

    @contextmanager
    def listening(self, heard: Callable[[], None]) -> Iterator[None]:
        """Call `heard` at each ring while the block runs. A Redis that is gone is waited for in the background."""
        self._heard = heard
        worker = dramatiq.Worker(self.broker, worker_threads=1, worker_timeout=PATIENCE)
        worker.start()
        try:
            yield
        finally:
            worker.stop(timeout=int(TIMEOUT_SECONDS * 1000))

    def close(self) -> None:
        self.broker.client.close()

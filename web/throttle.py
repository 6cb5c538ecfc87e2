"""How often somebody may try 限次: so many attempts of one caller in a window that begins with the first.

With Redis all processes count together. While it is away each counts for itself: nobody is kept from signing in by that.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from web.errors import TooMany

log = logging.getLogger(__name__)

REDIS_SECONDS = 1.0
"""How long Redis has to answer [P]."""

AWAY_SECONDS = 10.0
"""How long it is left alone after it did not [P]."""

MOST_KEPT = 10_000
"""Callers remembered here before those whose window is over are forgotten [P]."""


class Throttle:
    """Counts the attempts at one thing, `what`. Thread-safe."""

    def __init__(self, what: str, most: int, seconds: int, redis: str = "") -> None:
        self.what, self.most, self.seconds = what, most, seconds
        self._redis = redis
        self._client: Any = None
        self._away_until = 0.0  # of the host's steady clock, as the windows
        self._here: dict[str, tuple[float, int]] = {}  # caller: end of the window, attempts
        self._lock = threading.Lock()

    def attempt(self, caller: str) -> None:
        """Count an attempt. Raises `TooMany`, which says when to come back, after the first `most` of a window."""
        count, left = self._count(caller)
        if count > self.most:
            raise TooMany("登录尝试过于频繁，请一分钟后再试。", retry_after=max(1, left))

    def _count(self, caller: str) -> tuple[int, int]:
        """How many there were in this window, and how many seconds it still has."""
        if self._redis and time.monotonic() >= self._away_until:
            import redis  # only where one is used

            try:
                return self._count_there(caller)
            except redis.RedisError as error:
                log.warning("redis does not count (%s); this process counts for itself", type(error).__name__)
                self._away_until = time.monotonic() + AWAY_SECONDS
        return self._count_here(caller)

    def _count_there(self, caller: str) -> tuple[int, int]:
        import redis

        if self._client is None:
            self._client = redis.Redis.from_url(
                self._redis, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
            )
        key = f"duban:{self.what}:{caller}"
        together = self._client.pipeline()
        together.set(key, 0, ex=self.seconds, nx=True)
        together.incr(key)
        together.ttl(key)
        _, count, left = together.execute()
        return int(count), int(left)

    def _count_here(self, caller: str) -> tuple[int, int]:
        now = time.monotonic()
        with self._lock:
            if len(self._here) >= MOST_KEPT:
                self._here = {c: kept for c, kept in self._here.items() if kept[0] > now}
            until, count = self._here.get(caller, (0.0, 0))
            if until <= now:
                until, count = now + self.seconds, 0
            self._here[caller] = until, count + 1
            return count + 1, int(until - now)

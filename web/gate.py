"""The gate 排队: how many requests of this process work at once, how many wait, and that the rest are told to come later.

Beyond `threads` requests at work up to `queue` wait, each for at most `wait_seconds`; whoever finds the queue full or has waited
that long is answered 429 with Retry-After before anything was done. `/livez`, `/readyz` and the pages' own files never wait.
"""

from __future__ import annotations

import threading
import time

from flask import Flask, g, request

from engine.runtime.settings import Settings
from web.errors import Busy

FREE = frozenset({"health", "assets"})
"""Blueprints whose requests pass by."""

SPARE = 4
"""Threads a server has beyond those that work or wait: to refuse the rest and to answer `/livez` [P]."""


class Gate:
    """Counts who works and who waits. Thread-safe; first come, first served as far as the system's locks are."""

    def __init__(self, at_once: int, queue: int, wait_seconds: float) -> None:
        self.at_once, self.queue, self.wait_seconds = at_once, queue, wait_seconds
        self.working = self.waiting = 0
        self._changed = threading.Condition()

    def enter(self) -> None:
        """Begin to work, now or after waiting. Raises `Busy`."""
        with self._changed:
            if self.working >= self.at_once or self.waiting:
                self._wait()
            self.working += 1

    def _wait(self) -> None:
        if self.waiting >= self.queue:
            raise Busy
        until = time.monotonic() + self.wait_seconds
        self.waiting += 1
        try:
            while self.working >= self.at_once:
                if not self._changed.wait(until - time.monotonic()):
                    raise Busy
        finally:
            self.waiting -= 1

    def leave(self) -> None:
        with self._changed:
            self.working -= 1
            self._changed.notify()


def server_threads(settings: Settings) -> int:
    """Threads a server needs so that requests wait here, where they are counted, and not before it."""
    return settings.threads + settings.queue + SPARE


def install(app: Flask, settings: Settings) -> None:
    """Put the gate before everything else of `app`."""
    gate = Gate(settings.threads, settings.queue, settings.wait_seconds)
    app.extensions["duban.gate"] = gate

    @app.before_request
    def enter() -> None:
        if request.blueprint not in FREE:
            gate.enter()
            g.entered = True

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        if g.pop("entered", False):
            gate.leave()

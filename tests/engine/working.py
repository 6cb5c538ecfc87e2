"""A worker in a thread, and waiting for what another thread does: until it is so, however slow the machine is today."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from engine.runtime.engine import Engine
from engine.runtime.worker import Worker

PATIENCE = 30.0
"""Seconds after which something does not happen any more."""


def eventually(what: Callable[[], object], otherwise: str = "nobody came") -> None:
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until, otherwise
        time.sleep(0.01)


@contextmanager
def working(engine: Engine, poll: float) -> Iterator[None]:
    """While the block runs a worker does, and sleeps when the block begins. It has ended afterwards."""
    stop, asleep = threading.Event(), threading.Event()
    sleep = engine.bell.wait

    def fall_asleep(seconds: float) -> bool:
        asleep.set()
        return sleep(seconds)

    with mock.patch.object(engine.bell, "wait", fall_asleep):
        thread = threading.Thread(target=Worker(engine).run, args=(stop, poll))
        thread.start()
        try:
            assert asleep.wait(PATIENCE), "the worker finds no end"
            yield
        finally:
            stop.set()
            engine.bell.set()
            thread.join(PATIENCE)
    assert not thread.is_alive()

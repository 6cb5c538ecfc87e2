"""The product as it runs in an office: several `duban serve --no-worker` and `duban worker` processes over one PostgreSQL and
one Redis, each of which can be killed and started again at any moment.

`python -m tests.faults.product` is a nursery: it imports everything once and has nothing open. For each line of its input,
the words of a `duban` command, it forks a process that runs the command and prints its id. What is killed is so a whole
process with its group, but starting it again takes no second of reading Python files.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis

from tests.services import child
from tests.services.postgres import Postgres
from tests.services.redis import Redis

ROOT = Path(__file__).resolve().parents[2]

GRACE = 30.0
"""Seconds in which a process that is told to stop has to be gone."""


@dataclass
class Product:
    """The processes by name (`web0`, `web1`, `worker0` …), the servers, and how often each kind was killed."""

    nursery: subprocess.Popen[str]
    postgres: Postgres
    redis: Redis
    database: str
    ports: list[int]
    workers: int
    serve: str = "serve --no-worker"
    """The words of the `duban` command that serves people; the port is added."""
    running: dict[str, int] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    """Processes that ended by themselves and were started again, as a service manager does."""

    @property
    def names(self) -> list[str]:
        return [f"web{n}" for n in range(len(self.ports))] + [f"worker{n}" for n in range(self.workers)]

    def start(self, name: str) -> None:
        """Start one process of the product. It may find the database gone, and end."""
        if name.startswith("web"):
            words = f"{self.serve} --port {self.ports[int(name[3:])]}"
        else:
            words = "worker"
        assert self.nursery.stdin is not None and self.nursery.stdout is not None
        self.nursery.stdin.write(words + "\n")
        self.nursery.stdin.flush()
        self.running[name] = int(self.nursery.stdout.readline())

    def look_after(self) -> None:
        """Start again what has ended by itself."""
        for name in self.names:
            if name not in self.running:
                self.start(name)
            elif not alive(self.running[name]):
                self.ended.append(name)
                self.start(name)

    def kill(self, name: str) -> None:
        """SIGKILL to the process and to whatever it started itself."""
        pid = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        while alive(pid):
            time.sleep(0.001)

    def stop(self) -> list[str]:
        """SIGTERM to all. Gives the names of those that had to be killed after `GRACE` seconds."""
        for pid in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + GRACE
        while any(alive(pid) for pid in self.running.values()) and time.monotonic() < until:
            time.sleep(0.02)
        stubborn = [name for name, pid in self.running.items() if alive(pid)]
        for name in stubborn:
            self.kill(name)
        self.running.clear()
        return stubborn

    def kill_a_backend(self, choice: random.Random) -> bool:
        """SIGKILL to one of PostgreSQL's own processes that serves the product; the server then restarts them all."""
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        with psycopg.connect(self.postgres.dsn(self.database), autocommit=True) as connection:
            found = [row[0] for row in connection.execute(query, [self.database])]
        if not found:
            return False
        try:
            os.kill(choice.choice(found), signal.SIGKILL)
        except ProcessLookupError:  # its client had just gone
            return False
        return True

    def flush_redis(self) -> None:
        with redis.Redis(port=self.redis.port) as client:
            client.flushall()


def alive(pid: int) -> bool:
    """Whether the process is there and not merely a dead child nobody has asked after."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before the file was opened, or before it was read
        return False


def children(pid: int) -> list[int]:
    """The processes that it has started and that are there."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(one) for one in found if alive(int(one))]


@contextlib.contextmanager
def product(
    folder: Path,
    postgres: Postgres,
    redis_: Redis,
    database: str,
    *,
    webs: int,
    workers: int,
    code: Path = ROOT,
    serve: str = "serve --no-worker",
) -> Iterator[Product]:
    """The product over this database and data folder; nothing is started yet. Whatever runs at the end is killed.

    `code` is the folder whose `engine` and `web` are run, `serve` what serves people.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.product", str(folder / "product.log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**environment(folder, postgres.url(database), redis_.url()), "PYTHONPATH": f"{code}:{ROOT}"},
    )
    made = Product(
        process, postgres, redis_, database, [child.free_port() for _ in range(webs)], workers, serve
    )
    try:
        yield made
    finally:
        for name in list(made.running):
            made.kill(name)
        process.communicate(timeout=GRACE)


def environment(folder: Path, database: str, redis_: str) -> Mapping[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("DUBAN_")}
    return own | {
        "DUBAN_DATA": str(folder),
        "DUBAN_DATABASE": database,
        "DUBAN_REDIS": redis_,
        "DUBAN_MODE": "demo",
        "DUBAN_SECRET": "a secret for the tests only, " + "x" * 20,
    }


def nursery(log: Path) -> None:
    import web.cli.serve
    import web.cli.web
    import web.cli.worker  # noqa: F401
    from web.app import create_app  # noqa: F401
    from web.cli.main import main

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried at once
    libc = ctypes.CDLL(None)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                libc.prctl(child.SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL))
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(output, 1)
                os.dup2(output, 2)
                code = main(shlex.split(line))
                sys.stdout.flush()
            except BaseException as error:
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
                code = 1
            os._exit(code)
        print(pid, flush=True)  # noqa: T201


if __name__ == "__main__":
    nursery(Path(sys.argv[1]))

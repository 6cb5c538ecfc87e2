"""The one PostgreSQL of a benchmark run: ours, the floor and the peers write to the same server, durably.

`fsync` and `synchronous_commit` are on. What differs from PostgreSQL's defaults is said in `SETTINGS` and printed above
the tables.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import psycopg

from tests.services.postgres import Postgres

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "track_commit_timestamp": "on",  # by it the lateness of deadlines is told
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",  # a forced checkpoint in the middle of one competitor's round would be luck
}


@functools.cache
def server() -> Postgres:
    """Started by the first who asks, gone at the process's end, data and all."""
    folder = Path(tempfile.mkdtemp(prefix="duban-bench-"))
    folder.chmod(0o755)
    found = Postgres(folder / "server", durable=True, **SETTINGS).start()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(found.stop)
    return found


def about() -> str:
    """Version and settings in one line."""
    with psycopg.connect(server().dsn("postgres")) as connection:
        version = connection.info.parameter_status("server_version")
        in_force = ", ".join(f"{name}={_shown(connection, name)}" for name in SETTINGS)
    return f"PostgreSQL {version} on loopback, on the same machine as clients and load: {in_force}."


def _shown(connection: psycopg.Connection[tuple[str]], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return row[0]

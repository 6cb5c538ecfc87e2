"""Opening the database 数据库, and the only two ways into it: `write()` and `read()`.

SQLite (3.35 or later) runs with a write-ahead log, `synchronous=FULL` (a commit that returned is on the disk),
foreign keys, and `BEGIN IMMEDIATE` for writing, so that what a writer has read cannot change under it. Writers of
one process queue at a lock of ours, because SQLite's own waiting sleeps in growing steps and is unfair; writers of
several processes wait for each other by `busy_timeout`. Reading takes a snapshot and waits for nobody.

Both drivers leave transactions to us: what begins one is said here, and where nothing is said (`glance`) every statement
is a transaction by itself.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg
import sqlalchemy as sa

from engine.store import raw

BUSY_SECONDS = 30
"""How long a write waits for another process's write before it fails."""

GONE = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "tcp_keepalives_idle": 5,
        "tcp_keepalives_interval": 2,
        "tcp_keepalives_count": 3,
        "tcp_user_timeout": 15_000,
        "idle_in_transaction_session_timeout": 300_000,
    }.items()
)
"""What every connection asks of PostgreSQL [P]: a host that lost its power or its network is noticed within about ten seconds
and what it held is free again (the server's own default is two hours), a process that hangs within five minutes. A URL
with `options` of its own is left as it is."""

CONNECT_SECONDS = 5
"""How long a database that does not answer is waited for when a connection is opened [P]."""


BEGINS = "duban_begin"
"""Execution option of a connection: in which words its transactions begin; "" for none at all."""

_BEGIN_SQLITE = {"write": "BEGIN IMMEDIATE", "read": "BEGIN", "glance": "BEGIN"}
_BEGIN_POSTGRESQL = {
    "write": "BEGIN",
    "read": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "glance": "",
}


class Database:
    """One opened database. Thread-safe; close it with `close()`."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._one_writer = threading.Lock()
        words = _BEGIN_SQLITE if self.is_sqlite else _BEGIN_POSTGRESQL
        self._writing, self._reading, self._glancing = (
            engine.execution_options(**{BEGINS: words[way]}) for way in ("write", "read", "glance")
        )

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction that may write. Committed at the end of the block, undone by any exception in it."""
        with self._one_writer if self.is_sqlite else nullcontext(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One consistent view for queries. Whatever is written in it is undone."""
        with self._reading.connect() as connection:
            yield connection  # closing the connection rolls back

    @contextmanager
    def glance(self) -> Iterator[sa.Connection]:
        """For one query by itself: no transaction around it, which on PostgreSQL saves two of three round trips. Two
        queries in it may see two different moments."""
        with self._glancing.connect() as connection:
            yield connection

    @contextmanager
    def outright(self) -> Iterator[raw.Line]:
        """Each statement is a transaction by itself, committed when it is done: for what is written by one statement that
        fails where what was read before has moved (`Batch.expect`). Only on PostgreSQL, where this saves two round trips."""
        line = raw.Line(self.engine)
        try:
            yield line
        finally:
            line.close()

    def first(self, query: raw.Query, **parameters: object) -> Any:
        """The first row of one query by itself, None when it has none: `glance` for what every request asks."""
        if self.is_sqlite:
            with self.glance() as connection:
                return connection.execute(query.select, parameters).first()
        with self.outright() as line:
            return query.first(line, parameters)

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: str, *, pool: int = 20, pool_seconds: float = BUSY_SECONDS) -> Database:
    """Open `url`, e.g. `sqlite:////var/lib/duban/duban.db`. Makes no tables: see `migrate.upgrade`.

    `pool` connections are kept and never more opened; who waits longer than `pool_seconds` for one gets `sa.exc.TimeoutError`.

    Both of its stores, SQLite and PostgreSQL, keep the same promises and pass the same tests.
    """
    parsed = sa.make_url(url)
    options: dict[str, Any] = {"pool_size": pool, "max_overflow": 0, "pool_timeout": pool_seconds}
    if parsed.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": BUSY_SECONDS, "cached_statements": 512}
    else:
        options["isolation_level"] = "AUTOCOMMIT"
        options["connect_args"] = {"prepare_threshold": 2, "connect_timeout": CONNECT_SECONDS}
        if "options" not in parsed.query:
            options["connect_args"]["options"] = f"-c timezone=UTC {GONE}"
    engine = sa.create_engine(parsed, hide_parameters=True, **options)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
    else:
        raw.listen(engine)
        sa.event.listen(engine, "checkout", _still_there)
    sa.event.listen(engine, "begin", _begin)
    return Database(engine)


def alone(connection: sa.Connection, number: int) -> None:
    """Wait until no other transaction holds the lock of this number, and hold it until ours ends. SQLite's writers are
    alone anyway."""
    if connection.dialect.name != "sqlite":
        connection.execute(_lock, {"number": number})


_lock = sa.select(sa.func.pg_advisory_xact_lock(sa.bindparam("number", type_=sa.BigInteger)))


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-32000",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    words = connection.get_execution_options().get(BEGINS, "BEGIN")
    if words:
        connection.exec_driver_sql(words)


def _still_there(connection: Any, record: object, proxy: object) -> None:
    """A connection that the server has ended while it lay in the pool is not given out: all of its age are replaced. What a
    server says at the end lies in the socket, so that this costs no round trip."""
    ours = connection.pgconn
    try:
        while select.select([ours.socket], [], [], 0)[0]:
            ours.consume_input()
    except (psycopg.OperationalError, OSError, ValueError) as ended:
        raise sa.exc.DisconnectionError("the server has ended this connection") from ended

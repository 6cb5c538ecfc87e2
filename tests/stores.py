"""The two stores that every promise is held on: SQLite and PostgreSQL.

A test module that says `pytestmark = stores.both` runs each of its tests on either. Offices made by the builders meanwhile
lie in the chosen store; a folder remembers where its office lies, so that it can be opened again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import pytest
import sqlalchemy as sa

from engine.store import append_only
from engine.store.database import Database
from tests.services import postgres

Opened = TypeVar("Opened", bound="Closeable")
Test = TypeVar("Test", bound=Callable[..., object])

SQLITE, POSTGRESQL = "sqlite", "postgresql"

REMEMBERED = "database-url"
"""The file in an office's folder that says where in PostgreSQL it lies."""

each = [SQLITE, pytest.param(POSTGRESQL, marks=pytest.mark.slow)]
"""For `parametrize`: one store after the other; in `make check`, which starts no server, SQLite only."""

both = [pytest.mark.usefixtures("store"), pytest.mark.parametrize("store", each, indirect=True)]
"""For `pytestmark`: each test of the module runs on both stores, in `make check` on SQLite only."""

on_postgresql = [
    pytest.mark.slow,
    pytest.mark.usefixtures("store"),
    pytest.mark.parametrize("store", [POSTGRESQL], indirect=True),
]
"""For `pytestmark`: what SQLite does not have (locks on rows, a clock and a life of its own); not in `make check`."""


def on_both(test: Test) -> Test:
    """For one test of a module: it runs on both stores."""
    for mark in both:
        test = mark(test)
    return test


_chosen = SQLITE
_made: list[str] = []
_opened: list[Closeable] = []


class Closeable(Protocol):
    """What is closed when the block of `use` ends, however it ended."""

    def close(self) -> None: ...


def chosen() -> str:
    """The store that new databases are made in now."""
    return _chosen


@contextmanager
def use(store: str) -> Iterator[None]:
    """New databases are made in `store` until the block ends; those of PostgreSQL are dropped then. Blocks may be nested."""
    global _chosen
    before, _chosen = _chosen, store
    opened, made = len(_opened), len(_made)
    try:
        yield
    finally:
        _chosen = before
        while len(_opened) > opened:
            _opened.pop().close()
        while len(_made) > made:
            postgres.shared().drop(_made.pop())


def closing(what: Opened) -> Opened:
    """Have it closed when the block of `use` ends."""
    _opened.append(what)
    return what


@contextmanager
def as_application(database: Database, role: str = "duban_app") -> Iterator[str]:
    """The URL by which a role of PostgreSQL that has the application's rights and does not own the tables opens the database.
    The role belongs to the server: it is gone after the block."""
    with database.write() as connection:
        connection.exec_driver_sql(f"DROP ROLE IF EXISTS {role}")
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        for statement in append_only.grants(connection, role):
            connection.exec_driver_sql(statement)
    try:
        yield database.engine.url.set(username=role).render_as_string()
    finally:
        with database.write() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")


def off_the_disk(database: Database) -> Database:
    """Commits do not wait for SQLite's disk, as they do not for the shared PostgreSQL's: this is for tests that look at what
    is written, not at whether it survives a power cut."""
    if database.is_sqlite:
        sa.event.listen(database.engine, "checkout", _off_the_disk)
    return database


def _off_the_disk(connection: sqlite3.Connection, record: sa.pool.ConnectionPoolEntry, proxy: object) -> None:
    if not record.info.get("off the disk"):
        connection.execute("PRAGMA synchronous=OFF").close()
        record.info["off the disk"] = True


def url_in(folder: Path) -> str:
    """Where the office of this folder lies; an empty database is made in the chosen store if there is none."""
    remembered = folder / REMEMBERED
    if remembered.exists():
        return remembered.read_text()
    if _chosen == SQLITE or (folder / "duban.db").exists():
        return f"sqlite:///{folder / 'duban.db'}"
    return _remember(folder, temporary())


def keep_in(folder: Path) -> None:
    """The office of this folder will lie in the chosen store for as long as the process runs: others begin as copies of it."""
    if _chosen == POSTGRESQL:
        _remember(folder, postgres.shared().create())


def copy_in(folder: Path, template: str) -> str:
    """An office in PostgreSQL that begins as a copy of the database `template`. Returns its URL."""
    return _remember(folder, temporary(like=template))


def temporary(*, like: str = "template0") -> str:
    """A database of PostgreSQL that is dropped when the block of `use` ends."""
    name = postgres.shared().create(like=like)
    _made.append(name)
    return name


def _remember(folder: Path, name: str) -> str:
    url = postgres.shared().url(name)
    (folder / REMEMBERED).write_text(url)
    return url

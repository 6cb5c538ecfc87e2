"""Offices for runs 模拟用的办公室: one furnished database for each drawing and store, and a copy of it for each run."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from unittest import mock

from engine.clock import FixedClock
from engine.commands import ENGINE
from engine.definitions.compile import compile_package, refuses
from engine.definitions.model import Package
from engine.directory import Directory, Person, Post, Unit
from engine.runtime import office, present, published
from engine.runtime.engine import Engine
from engine.store.database import Database, open_database
from tests import stores
from tests.engine.office_builder import CHIEF, MONDAY, directory
from tests.faults.simulation.drawing import Drawing, files
from tests.faults.simulation.live import BESIDE_DESK, NAMES
from tests.faults.simulation.stage import StagedDatabase
from tests.services import postgres

MEMORY = Path("/dev/shm")
"""Databases of SQLite lie in memory where the system has such a folder: power fails by a rollback here, not by a disk."""


@dataclass
class Office:
    """A run's own database. `observer` reads it beside the product, without turns and failures."""

    database: StagedDatabase
    observer: Database
    folder: Path
    packages: dict[str, Package]
    seen: present.Office


@dataclass
class _Template:
    content: bytes | str
    packages: dict[str, Package]
    seen: present.Office


@dataclass
class _Place:
    """Where all runs of this process lie, one after the other: statements are compiled once for all of them."""

    folder: Path
    name: str  # of PostgreSQL's database
    database: StagedDatabase
    observer: Database


@cache
def _place(store: str) -> _Place:
    folder = Path(tempfile.mkdtemp(prefix="duban-runs-", dir=MEMORY if MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    name = f"run_of_{os.getpid()}" if store == stores.POSTGRESQL else ""
    url = postgres.shared().url(name) if name else f"sqlite:///{folder / 'duban.db'}"
    return _Place(folder, name, StagedDatabase(quick(url).engine), quick(url))


@contextmanager
def opened(number: int, store: str) -> Iterator[Office]:
    """A fresh office for the drawing of this number. There is one at a time in a process."""
    template, place = _template(number, store), _place(store)
    if isinstance(template.content, bytes):
        for beside in ("-wal", "-shm"):
            Path(place.folder, f"duban.db{beside}").unlink(missing_ok=True)
        Path(place.folder, "duban.db").write_bytes(template.content)
    else:
        postgres.shared().drop(place.name)
        postgres.shared().create(place.name, like=template.content)
    try:
        yield Office(place.database, place.observer, place.folder, dict(template.packages), template.seen)
    finally:
        place.database.close()
        place.observer.close()


def quick(url: str) -> Database:
    """A database whose commits do not wait for the disk."""
    return stores.off_the_disk(open_database(url))


@cache
def drawing(number: int) -> Drawing:
    """The drawing of this number."""
    return Drawing(number)


def neighbours() -> Directory:
    """The small office, and a unit beside it that may do its work."""
    small, name = directory(), NAMES["carl"]
    unit = Unit(BESIDE_DESK, BESIDE_DESK, "督办部门")
    return replace(
        small,
        units={**small.units, unit.id: unit},
        people={**small.people, "carl": Person("carl", "carl", name)},
        posts=(*small.posts, Post("carl", BESIDE_DESK, "DB")),
    )


@cache
def _template(number: int, store: str) -> _Template:
    """Furnished step by step. Structure is checked; soundness, which would take most of the time, is not asked for."""
    made = files(drawing(number))
    folder = Path(tempfile.mkdtemp(prefix="duban-template-", dir=MEMORY if MEMORY.is_dir() else None))
    name = ""
    try:
        if store == stores.POSTGRESQL:
            name = postgres.shared().create()
            url = postgres.shared().url(name)
        else:
            url = f"sqlite:///{folder / 'duban.db'}"
        engine = Engine.open(url, folder, FixedClock(MONDAY))
        office.seed_calendar(engine, [2026], ENGINE)
        office.load_directory(engine, neighbours(), ENGINE)
        package, findings = compile_package(made)
        assert package is not None and not refuses(findings), findings
        with mock.patch.object(published, "check_files", lambda _: findings):
            engine.publish(made, CHIEF, "模拟")
        engine.calendar()
        assert engine._office is not None
        if not name:
            with engine.read() as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("VACUUM INTO ?", (f"{folder}/copy.db",))
        engine.close()
        content = name or (folder / "copy.db").read_bytes()
        return _Template(content, dict(engine._packages), engine._office)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

"""Failure at each SQL statement of every kind of transaction, on both stores: whichever fails, before it or after it ran,
before a commit or after it, nothing is half-written, and asking again gives the whole.

Where an act is several transactions, what stands after a failure is what stood at the end of one of them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa

from engine.audit.verify import verify
from engine.errors import EngineError
from engine.runtime import accounts, uploads
from engine.runtime import engine as engine_module
from engine.runtime.engine import Engine
from engine.store.database import Database
from engine.store.raw import Line
from engine.store.tables import metadata
from tests import stores
from tests.faults.transactions import CHANGES, KINDS, Prepared

pytestmark = stores.both

FEWEST = 4
"""Points the smallest transaction has: a statement and a commit, before and after."""

QUICK = {"starting", "finishing", "passing_deadlines"}
"""In the quick run, too."""

UNCOMPARED = {
    ("facts", "hash"), ("office_facts", "hash"), ("cases", "head"), ("snapshots", "head"),
    ("people", "password"), ("tokens", "digest"), ("outbox", "id"), ("responsibilities", "id"),
    ("commands", "digest"),
}  # fmt: skip
"""Made of random ids (the chains are verified instead), salted, or counted on by what was undone."""

NOT_REPEATABLE = {*CHANGES, "uploading", "revoking_a_token", "signing_in_wrongly", "fetching_a_job"}
"""Carry no id by which a repetition is known: after a lost answer they are done, and asking again does them again or refuses."""


class Unplugged(BaseException):
    """The disk, the driver or the power fails here. No code of the product catches it."""


class Points:
    """Counts the points of failure an act comes to and fails at the `fatal`-th (0: at none)."""

    def __init__(self, fatal: int = 0) -> None:
        self.fatal, self.passed, self.at = fatal, 0, ""
        self.after_commit: Callable[[], None] = lambda: None
        self.looking = False  # what the test itself reads is no point
        self.thread = threading.get_ident()  # nor what rings the bell beside it

    def committed(self) -> None:
        self.looking = True
        self.after_commit()
        self.looking = False
        self.point("after COMMIT")

    def point(self, what: str, undo: Callable[[], None] = lambda: None) -> None:
        if self.looking or threading.get_ident() != self.thread:
            return
        self.passed += 1
        if self.passed == self.fatal:
            self.at = what
            undo()
            raise Unplugged(what)


@contextmanager
def watched(engine: Engine, points: Points) -> Iterator[None]:
    """Every statement of the engine's database, and every commit, is a point."""
    database = engine.database.engine
    write, execute = Database.write, Line.execute

    def statement(when: str) -> Callable[..., None]:
        def passed(conn: Any, cursor: Any, text: str, *_: Any) -> None:
            if not text.startswith("BEGIN"):
                undo = lambda: (cursor.close(), conn.connection.dbapi_connection.rollback())  # noqa: E731
                points.point(f"{when} {text[:60]}", undo)  # type: ignore[arg-type]

        return passed

    @contextmanager
    def writing(self: Database, *args: Any, **named: Any) -> Iterator[sa.Connection]:
        with write(self, *args, **named) as connection:
            yield connection
            points.point("before COMMIT")
        points.committed()

    def outright(self: Line, text: str, parameters: Any) -> Any:
        points.point(f"before {text[:60]}")
        row = execute(self, text, parameters)
        if text.lstrip().startswith("SELECT"):
            points.point(f"after {text[:60]}")
        else:
            points.committed()  # the statement is the whole transaction
        return row

    before, after = statement("before"), statement("after")
    sa.event.listen(database, "before_cursor_execute", before)
    sa.event.listen(database, "after_cursor_execute", after)
    try:
        with mock.patch.object(Database, "write", writing), mock.patch.object(Line, "execute", outright):
            yield
    finally:
        sa.event.remove(database, "before_cursor_execute", before)
        sa.event.remove(database, "after_cursor_execute", after)


@contextmanager
def counted_ids() -> Iterator[None]:
    """Random ids are counted instead, so that two runs can be compared."""
    numbers = count(1)

    class Counted:
        @staticmethod
        def token_hex(size: int = 16) -> str:
            return f"id{next(numbers):06d}".ljust(size, "0")

        token_urlsafe = token_hex

    with (
        mock.patch.object(engine_module, "secrets", Counted),
        mock.patch.object(uploads, "secrets", Counted),
        mock.patch.object(accounts, "secrets", Counted),
    ):
        yield


def everything(engine: Engine) -> str:
    """All rows of all tables, with random ids by the order in which they were made."""
    lines = []
    with engine.read() as connection:
        for table in metadata.sorted_tables:
            columns = [column for column in table.c if (table.name, column.name) not in UNCOMPARED]
            told = (str(tuple(row)) for row in connection.execute(sa.select(*columns)))
            found = [re.sub(r"relay-[0-9a-f]{48}", "relay", row) for row in told]  # digests of random ids
            lines += [table.name, *sorted(found)]
    names: dict[str, str] = {}
    return re.sub(r"id\d{6}0*", lambda m: names.setdefault(m[0], f"<{len(names)}>"), "\n".join(lines))


def proved(engine: Engine) -> None:
    with engine.read() as connection:
        assert verify(connection, fold=True).ok


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in QUICK else pytest.mark.slow) for kind in KINDS]
)
def test_nothing_is_half_written(tmp_path: Path, kind: str) -> None:
    with counted_ids():
        folders = (tmp_path / str(n) for n in count())
        engine, act = prepared(kind, next(folders))
        stands = [everything(engine)]
        whole = Points()
        whole.after_commit = lambda: stands.append(everything(engine))
        with watched(engine, whole):
            act()
        engine.close()
        assert whole.passed >= FEWEST and stands[-1] != stands[0], "it does nothing"

        engine, act = prepared(kind, next(folders))
        failed = 0
        for number in count(1):
            points = Points(number)
            try:
                with watched(engine, points):
                    act()
                break  # there is no such point: all have failed once
            except Unplugged:
                failed += 1
            now = everything(engine)
            assert now in stands, f"half-written at point {number} ({points.at})"
            if now == stands[0]:
                continue  # nothing is left behind: the next failure meets the same office
            if kind not in NOT_REPEATABLE:
                ask_again(act)
                assert everything(engine) == stands[-1], f"not whole after asking again ({points.at})"
            proved(engine)
            engine.close()
            engine, act = prepared(kind, next(folders))
        assert everything(engine) == stands[-1], (
            "the office in which it had failed before shows no trace of it"
        )
        proved(engine)
        engine.close()
        assert failed == points.passed == whole.passed, "a point was left out"


def prepared(kind: str, folder: Path) -> Prepared:
    """Whatever a process reads once and remembers is read: otherwise a first try has more points than the next."""
    engine, act = KINDS[kind](folder)
    engine.directory()
    engine.newest_all()
    return engine, act


def ask_again(act: Callable[[], object]) -> None:
    """It is done, or it says that it was done already."""
    try:
        act()
    except EngineError:
        return

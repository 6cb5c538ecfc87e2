"""Failure at each SQL statement of a command: whichever fails, nothing is half-written, and asking again works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from engine.audit.verify import verify
from engine.commands import FinishItem, StartCase
from engine.runtime.engine import Engine
from engine.store.tables import metadata
from tests.engine.office_builder import ANNA, KEY, finish, later, new_office, start


class Unplugged(Exception):
    """The disk, the driver or the power fails here."""


@contextmanager
def failing_at(engine: Engine, number: int, *, after: bool) -> Iterator[list[str]]:
    """Raise at the `number`-th statement (from 1), before or after it ran; COMMIT counts. 0 fails nowhere."""
    seen: list[str] = []
    database = engine.database.engine

    def step(statement: str) -> None:
        seen.append(statement)
        if len(seen) == number:
            raise Unplugged(statement)

    def before_execute(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not after and statement != "BEGIN":
            step(statement)

    def after_execute(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if after and statement != "BEGIN":
            step(statement)

    def commit(conn: Any) -> None:
        step("COMMIT")

    sa.event.listen(database, "before_cursor_execute", before_execute)
    sa.event.listen(database, "after_cursor_execute", after_execute)
    sa.event.listen(database, "commit", commit)
    try:
        yield seen
    finally:
        sa.event.remove(database, "before_cursor_execute", before_execute)
        sa.event.remove(database, "after_cursor_execute", after_execute)
        sa.event.remove(database, "commit", commit)


def everything(engine: Engine) -> dict[str, list[Any]]:
    with engine.read() as connection:
        return {t.name: [tuple(r) for r in connection.execute(sa.select(t))] for t in metadata.sorted_tables}


Prepared = tuple[Engine, Callable[[], object]]


def completing(folder: Path) -> Prepared:
    engine = new_office(folder)
    begun = finish(engine, start(engine), "A")
    item = next(iter(begun.state.items))
    return engine, lambda: engine.execute(FinishItem(begun.case, item, {}), ANNA, "the-command")


def starting(folder: Path) -> Prepared:
    engine = new_office(folder)
    return engine, lambda: engine.execute(StartCase(KEY, {}), ANNA, "the-command")


def firing(folder: Path) -> Prepared:
    engine = new_office(folder)
    begun = start(engine)
    later(engine, hours=2)
    return engine, lambda: engine.pass_deadlines(begun.case)


@pytest.mark.parametrize("prepare", [completing, starting, firing], ids=lambda f: f.__name__)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_nothing_is_half_written(tmp_path: Path, prepare: Callable[[Path], Prepared], after: bool) -> None:
    engine, act = prepare(tmp_path)
    before = everything(engine)
    number = 0
    while True:
        number += 1
        with failing_at(engine, number, after=after) as seen:
            try:
                act()
            except Unplugged:
                assert everything(engine) == before, f"half-written at {seen[-1]}"
                continue
            break
    assert number - 1 == len(seen) and len(seen) >= 9, "no statement was left out"
    assert everything(engine) != before  # the last attempt went through, after all those failures
    with engine.read() as connection:
        assert verify(connection, fold=True).ok
        with_command = connection.execute(
            sa.text("select count(*) from commands where id = 'the-command' or id like '%/deadline/%'")
        ).scalar()
    assert with_command == 1

"""The engine on SQLite: a completion, a start, many due deadlines, each beside its floor.

The floor of a completion is the same SQL: the statements and parameters of one real completion, recorded at the
driver and run again by the bare driver in one durable transaction on another file with the same tables.
"""

from __future__ import annotations

import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from engine.commands import FinishItem, StartCase
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from engine.store import tables
from tests.benchmarks.table import SQLITE, Row
from tests.engine.office_builder import ANNA, KEY, WITHOUT_ACTIONS, later, new_office, trial_files

TABLE = SQLITE

ROUNDS = 400
DUE, DUE_FULL = 2_000, 10_000

FOUR_STEPS = """
process trial name=试办
    start S
    script P name=登记要素 do="{案名: p.name, 企业: p.party, 期限: date(p.limit)}"
    user A name=一 groups=DB
    boundary A1 name=催一 on=A interrupting=false duration=PT2H
    user B name=二 groups=DB
    boundary B1 name=催二 on=B interrupting=false duration=PT2H
    end E
    end X
    end Y
    xor W name=期限清楚吗
    S -> P -> A -> B -> W
    W -> E if 期限 = null
    W -> A default
    A1 -> X
    B1 -> Y
"""


def rows(full: bool = False) -> list[Row]:
    """Rows of `make bench`; `bench-full` has more deadlines."""
    with tempfile.TemporaryDirectory() as name:
        engine = new_office(Path(name), files=trial_files(FOUR_STEPS, WITHOUT_ACTIONS))
        try:
            return [
                *completions(engine, Path(name)),
                starts(engine),
                deadlines(engine, DUE_FULL if full else DUE),
            ]
        finally:
            engine.close()


def completions(engine: Engine, folder: Path) -> list[Row]:
    outcome = engine.execute(StartCase(KEY, {}), ANNA)
    case, state = outcome.case, outcome.state

    def complete() -> None:
        nonlocal state
        state = engine.execute(FinishItem(case, next(iter(state.items)), {}), ANNA).state

    timed(complete, 50)
    copy(folder / "duban.db", folder / "bare.db")
    statements = recorded(engine, complete)
    mine, floor = [], []
    bare = Bare(folder / "bare.db", statements)
    for _ in range(ROUNDS):  # interleaved, so that a noisy machine is noisy for both
        mine += timed(complete, 1)
        floor.append(bare.run())
    bare.close()
    a, b = statistics.median(mine), statistics.median(floor)
    return [
        Row(
            "completion through the engine, SQLite",
            f"{a:.2f}",
            "ms",
            f"median of {ROUNDS}, fsync included; p95 {statistics.quantiles(mine, n=20)[18]:.2f}; one client",
        ),
        Row("the same SQL by the bare driver", f"{b:.2f}", "ms", f"the floor: {len(statements)} statements"),
        Row("ratio to the floor", f"{a / b:.1f}", "×", ""),
    ]


def starts(engine: Engine) -> Row:
    took = timed(lambda: engine.execute(StartCase(KEY, {}), ANNA), ROUNDS // 2)
    note = f"{statistics.median(took):.2f} ms median, durable, one client"
    return Row("starts, SQLite", f"{1000 / statistics.mean(took):.0f}", "/s", note)


def deadlines(engine: Engine, least: int) -> Row:
    """`least` armed deadlines in as many cases, all due at once, passed by one worker."""
    with engine.read() as connection:
        armed = waiting(connection)
    for _ in range(max(least - armed, 0)):
        engine.execute(StartCase(KEY, {}), ANNA)
    later(engine, hours=3)
    with engine.read() as connection:
        due = waiting(connection)
    worker = Worker(engine)
    begun = time.perf_counter()
    passed = 0
    while done := worker.pass_deadlines():
        passed += done
    took = time.perf_counter() - begun
    assert passed == due >= least, (passed, due)
    note = f"{passed:,} in {took:.1f} s by one worker, each with its facts, chain, rows and snapshot"
    return Row("due deadlines passed, SQLite", f"{passed / took:.0f}", "/s", note)


def waiting(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(tables.deadlines)).scalar_one()


def copy(source: Path, target: Path) -> None:
    connection = sqlite3.connect(source, isolation_level=None)
    connection.execute("VACUUM INTO ?", (str(target),))
    connection.close()


def timed(act: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each run."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        act()
        took.append((time.perf_counter() - begun) * 1000)
    return took


def recorded(engine: Engine, act: Callable[[], object]) -> list[tuple[str, Any, bool]]:
    """The SQL statements of one run, as they reach the driver."""
    seen: list[tuple[str, Any, bool]] = []

    def listen(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if not statement.startswith("BEGIN"):
            seen.append((statement, parameters, many))

    sa.event.listen(engine.database.engine, "before_cursor_execute", listen)
    try:
        act()
    finally:
        sa.event.remove(engine.database.engine, "before_cursor_execute", listen)
    return seen


class Bare:
    """The recorded statements by the bare driver, on a copy of the file as it was before them.

    What a round inserted is deleted again before the next one, outside the clock.
    """

    def __init__(self, file: Path, statements: list[tuple[str, Any, bool]]) -> None:
        self.statements = statements
        self.connection = sqlite3.connect(file, isolation_level=None, cached_statements=512)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self.connection.execute(f"PRAGMA {pragma}")
        guards = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%BEFORE DELETE%'"
        for (name,) in self.connection.execute(guards).fetchall():
            self.connection.execute(
                f"DROP TRIGGER {name}"
            )  # the record only grows; a round here is taken back
        for statement, parameters, many in statements:  # once only: what they take away stays away
            if statement.startswith("DELETE"):
                (self.connection.executemany if many else self.connection.execute)(statement, parameters)
        self.highest = {
            table: self.connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()[0]
            for statement, _, _ in statements
            if (table := inserted(statement))
        }

    def run(self) -> float:
        """Milliseconds of one round."""
        cursor = self.connection.cursor()
        cursor.execute("BEGIN")
        for table, highest in self.highest.items():
            cursor.execute(f"DELETE FROM {table} WHERE rowid > ?", (highest,))
        cursor.execute("COMMIT")
        begun = time.perf_counter()
        cursor.execute("BEGIN IMMEDIATE")
        for statement, parameters, many in self.statements:
            if many:
                cursor.executemany(statement, parameters)
            elif statement.startswith("SELECT"):
                cursor.execute(statement, parameters).fetchall()
            else:
                cursor.execute(statement, parameters)
        cursor.execute("COMMIT")
        return (time.perf_counter() - begun) * 1000

    def close(self) -> None:
        self.connection.close()


def inserted(statement: str) -> str:
    """The table an INSERT writes to; "" for other statements."""
    found = re.match(r"INSERT (?:OR IGNORE )?INTO (\w+)", statement)
    return found[1] if found else ""

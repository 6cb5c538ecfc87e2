"""The stage 舞台: a real store whose users take turns, one at a time, and may lose power at any point.

Everyone acts in a coroutine of its own (greenlet). Whoever is about to open a transaction, or has just ended one, gives
the turn back; who goes on is drawn from the instant's seed. So a worker that has looked for due rows and one that passes
them, or a client that has read a case and one that changes it, meet in every order, and each order can be played again.
Inside a transaction nobody else has a turn: what locks do between real connections is tested by real threads and processes.
Where a statement is a transaction by itself (`outright`), others have a turn before the one that writes.

Power fails by `PowerFailure`, which no code of the product catches: the transaction is undone as the database would undo it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import greenlet
import sqlalchemy as sa

from engine.store.database import Database
from engine.store.raw import Line
from tests.faults.simulation.schedule import Crash


class PowerFailure(BaseException):
    """The process of whoever has the turn is gone."""


class Stage:
    """Whose turn it is, and what becomes of it. `committed` is called after each commit, before anything else happens."""

    def __init__(self) -> None:
        self.random = random.Random(0)
        self.committed: Callable[[], None] = lambda: None
        self.crash: dict[greenlet.greenlet, tuple[Crash, int]] = {}
        self.alone = True  # nobody else is there: preparing and looking

    def play(self, acts: list[tuple[Callable[[], None], Crash | None]], mix: int) -> None:
        """Let all act, interleaved by the seed `mix`, until all are done. What one raises is raised here."""
        self.random = random.Random(mix)
        actors = []
        for act, crash in acts:
            actor = greenlet.greenlet(act)
            if crash is not None:
                self.crash[actor] = (crash, 0)
            actors.append(actor)
        self.alone = False
        try:
            while actors:
                actor = self.random.choice(actors)
                actor.switch()
                if actor.dead:
                    actors.remove(actor)
        finally:
            self.alone = True
            self.crash.clear()
            for (
                actor
            ) in actors:  # after a fault: whatever they had begun is undone now, not when they are collected
                actor.throw()

    def plan(self, crash: Crash) -> None:
        """Power fails so for whoever acts now."""
        self.crash[greenlet.getcurrent()] = (crash, 0)

    def turn(self) -> None:
        """Others may go first."""
        if not self.alone:
            parent = greenlet.getcurrent().parent
            assert parent is not None
            parent.switch()

    def point(self, kind: str) -> None:
        """A point at which power may fail."""
        actor = greenlet.getcurrent()
        planned = self.crash.get(actor)
        if planned is None or planned[0].where != kind:
            return
        crash, passed = planned
        if passed + 1 == crash.nth:
            del self.crash[actor]
            raise PowerFailure(kind)
        self.crash[actor] = (crash, passed + 1)


class StagedDatabase(Database):
    """The product's database, with turns and points of failure at its transactions and statements."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self.stage = Stage()  # each run puts its own here
        sa.event.listen(engine, "before_cursor_execute", self._before)
        sa.event.listen(engine, "after_cursor_execute", self._after)

    def _before(self, conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        self._statement("before", conn, cursor, statement)

    def _after(self, conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        self._statement("after", conn, cursor, statement)

    def _statement(self, kind: str, conn: Any, cursor: Any, statement: str) -> None:
        if statement.startswith("BEGIN"):
            return
        try:
            self.stage.point(kind)
        except (
            PowerFailure
        ):  # the driver's end of the connection is gone at once, also where the traceback holds it
            cursor.close()
            conn.connection.dbapi_connection.rollback()
            raise

    @contextmanager
    def write(self, *args: Any, **named: Any) -> Iterator[sa.Connection]:
        self.stage.turn()
        with super().write(*args, **named) as connection:
            yield connection
            self.stage.point("commit")
        self.stage.committed()
        self.stage.point("committed")
        self.stage.turn()

    @contextmanager
    def read(self, *args: Any, **named: Any) -> Iterator[sa.Connection]:
        self.stage.turn()
        with super().read(*args, **named) as connection:
            yield connection
        self.stage.turn()

    @contextmanager
    def glance(self, *args: Any, **named: Any) -> Iterator[sa.Connection]:
        self.stage.turn()
        with super().glance(*args, **named) as connection:
            yield connection
        self.stage.turn()

    @contextmanager
    def outright(self) -> Iterator[Line]:
        self.stage.turn()
        with super().outright() as line:
            yield _StagedLine(line, self.stage)
        self.stage.turn()


class _StagedLine(Line):
    """What is read and then written without a transaction around it: others have a turn in between, too."""

    def __init__(self, line: Line, stage: Stage) -> None:
        self.line, self.stage, self.dialect = line, stage, line.dialect

    def execute(self, statement: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
        writes = not statement.lstrip().startswith("SELECT")
        if writes:
            self.stage.turn()
        self.stage.point("before")
        row = self.line.execute(statement, parameters)
        if writes:
            self.stage.committed()
        self.stage.point("after")
        return row

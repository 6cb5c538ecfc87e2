"""PostgreSQL gives up, hangs up or restarts in the middle of a command: nothing is doubled, and nothing that is there is
reported lost."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa

from engine.audit.verify import verify
from engine.clock import FixedClock
from engine.commands import AddNote, FinishItem, StartCase
from engine.runtime import again, external
from engine.runtime.engine import Engine, Outcome
from engine.store import tables
from engine.store.database import BEGINS, open_database
from engine.store.raw import Line
from tests import stores
from tests.engine.office_builder import (
    ANNA,
    CHIEF,
    KEY,
    MONDAY,
    NUMBERED,
    WITHOUT_ACTIONS,
    finish,
    furnish,
    later,
    new_office,
    start,
    trial_files,
)
from tests.services.postgres import Postgres

pytestmark = stores.on_postgresql

WHEN = ["before the first statement", "before COMMIT", "after COMMIT"]


def terminate(engine: Engine, pid: int) -> None:
    """The server ends one of its backends."""
    other = open_database(engine.database.engine.url.render_as_string(hide_password=False))
    with other.write() as c:
        assert c.execute(sa.select(sa.func.pg_terminate_backend(pid, 5000))).scalar()
    other.close()


@contextmanager
def hanging_up(engine: Engine, when: str) -> Iterator[list[str]]:
    """The server ends the connection of the next writing transaction at this moment, once."""
    over: list[str] = []
    database = engine.database.engine
    ours = threading.current_thread()

    execute = Line.execute

    def end(driver: Any) -> None:
        over.append(when)
        terminate(engine, driver.info.backend_pid)

    def begin(connection: Any) -> None:
        writes = connection.get_execution_options().get(BEGINS) == "BEGIN"
        if not over and writes and when == WHEN[0] and ours is threading.current_thread():
            end(connection.connection.dbapi_connection)

    def outright(self: Line, text: str, parameters: Any) -> Any:
        """What is written without a transaction around it is committed by the statement itself."""
        first = text.lstrip().startswith("SELECT")
        if not over and first == (when == WHEN[0]) and ours is threading.current_thread():
            if when == WHEN[2]:
                execute(self, text, parameters)
            end(self._held.driver_connection)
        return execute(self, text, parameters)

    def commit(connection: Any) -> None:
        if not over and when != WHEN[0] and ours is threading.current_thread():
            if when == WHEN[2]:
                connection.connection.dbapi_connection.commit()
            end(connection.connection.dbapi_connection)

    sa.event.listen(database, "begin", begin)
    sa.event.listen(database, "commit", commit)
    try:
        with mock.patch.object(Line, "execute", outright):
            yield over
    finally:
        sa.event.remove(database, "begin", begin)
        sa.event.remove(database, "commit", commit)


def counted(engine: Engine) -> tuple[int, int, int]:
    """Cases, facts, receipts."""
    with engine.read() as connection:
        return tuple(  # type: ignore[return-value]
            connection.execute(sa.select(sa.func.count()).select_from(t)).scalar()
            for t in (tables.cases, tables.facts, tables.commands)
        )


def starting(engine: Engine) -> Callable[[], object]:
    return lambda: engine.execute(StartCase(KEY, {}), ANNA)


def completing(engine: Engine) -> Callable[[], object]:
    begun = finish(engine, start(engine), "A")
    item = next(iter(begun.state.items))
    return lambda: engine.execute(FinishItem(begun.case, item, {}), ANNA)


def firing(engine: Engine) -> Callable[[], object]:
    begun = start(engine)
    later(engine, hours=2)
    return lambda: engine.pass_deadlines(begun.case)


def failing(engine: Engine) -> Callable[[], object]:
    finish(engine, finish(engine, start(engine), "A"), "G")
    (job,) = external.fetch_and_lock(engine, "outside", "w", 60)
    return lambda: external.fail(engine, job.case, job.job, "w", "对方没有回应")


@pytest.mark.parametrize("prepare", [starting, completing, firing, failing], ids=lambda f: f.__name__)
@pytest.mark.parametrize("when", WHEN)
def test_a_lost_connection_is_settled(
    tmp_path: Path, prepare: Callable[[Engine], Callable[[], object]], when: str
) -> None:
    (tmp_path / "one").mkdir()
    undisturbed = new_office(tmp_path / "one")
    act = prepare(undisturbed)
    before = counted(undisturbed)
    act()
    expected = [b - a for a, b in zip(before, counted(undisturbed), strict=True)]

    (tmp_path / "two").mkdir()
    engine = new_office(tmp_path / "two")
    act = prepare(engine)
    before = counted(engine)
    with hanging_up(engine, when) as over:
        answer = act()
    assert over, "nobody hung up: this shows nothing"
    assert [b - a for a, b in zip(before, counted(engine), strict=True)] == expected
    if isinstance(answer, Outcome):
        assert len(answer.facts) == expected[1]
        assert answer.state == engine.load(answer.case)
    with engine.read() as connection:
        assert verify(connection, fold=True).ok


def test_a_connection_lost_inside_automatic_work_is_no_incident(tmp_path: Path) -> None:
    """A letter's number is counted in the middle of a command: what fails there is the database, not the step."""
    engine = new_office(tmp_path)
    engine.publish(trial_files(NUMBERED, WITHOUT_ACTIONS), CHIEF)
    begun = start(engine)
    over: list[int] = []

    def end(connection: Any, cursor: Any, text: str, *_: Any) -> None:
        if not over and text.startswith("INSERT INTO numbers"):
            over.append(connection.connection.dbapi_connection.info.backend_pid)
            terminate(engine, over[0])

    sa.event.listen(engine.database.engine, "before_cursor_execute", end)
    done = finish(engine, begun, "A")
    sa.event.remove(engine.database.engine, "before_cursor_execute", end)
    assert over and done.state.root_variables["文号"] == "督1号" and not done.state.incidents


def test_two_that_wait_for_each_other_both_end_well(tmp_path: Path) -> None:
    """Two transactions lock two cases in opposite order: PostgreSQL undoes one of them, which is then done again."""
    engine = new_office(tmp_path)
    cases = [start(engine).case for _ in range(2)]
    later(engine, hours=2)
    gate = threading.Barrier(2)
    passed: list[int] = []
    tries: list[int] = []

    def go(order: list[str]) -> None:
        first = True

        def which(connection: sa.Connection, now: object) -> list[str]:
            nonlocal first
            tries.append(1)
            if first:
                first = False
                engine._load(connection, order[0])
                gate.wait(10)
            return order

        passed.append(engine.pass_many(which))

    threads = [threading.Thread(target=go, args=(order,)) for order in (cases, cases[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(passed) == [0, 2] and len(tries) == 3
    for case in cases:
        assert [e.fact.kind for e in engine.facts(case)].count("DeadlinePassed") == 1


def test_what_does_not_pass_by_is_let_out_at_once() -> None:
    calls = []

    def wrong(repeated: bool) -> None:
        calls.append(repeated)
        raise sa.exc.ProgrammingError("select nonsense", {}, Exception("no such column"))

    with pytest.raises(sa.exc.ProgrammingError):
        again.until_done(wrong)
    assert calls == [False]


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A server of its own, durable, that may be killed."""
    folder = Path(tempfile.mkdtemp(prefix="duban-postgres-"))
    folder.chmod(0o755)
    server = Postgres(folder / "server", durable=True).start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_after_a_restart_the_next_request_works(
    tmp_path: Path, server: Postgres, store: str, how: str
) -> None:
    """Every connection in the pool is dead, and nobody has noticed yet."""
    end = getattr(server, how)
    engine = stores.closing(Engine.open(server.url(server.create()), tmp_path, FixedClock(MONDAY)))
    furnish(engine, trial_files())
    case = start(engine).case
    gate = threading.Barrier(4)

    def open_one() -> None:
        with engine.read() as connection:
            connection.execute(sa.select(1))
            gate.wait(10)

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    end()
    server.start()
    assert engine.load(case).items  # a reader, who does not try again
    end()
    server.start()
    assert engine.execute(AddNote(case, "现场已看"), ANNA, "note").facts
    end()
    asking = threading.Thread(target=engine.execute, args=(AddNote(case, "又看一次"), ANNA, "note-2"))
    asking.start()  # while nobody answers
    time.sleep(0.2)
    server.start()
    asking.join(20)
    assert [e.fact.kind for e in engine.facts(case)].count("NoteAdded") == 2
    engine.close()

"""Claims are locks on rows: several workers at once never meet, and what a dead one held is free."""

from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy as sa

from engine.commands import AddNote
from engine.facts import DeadlinePassed
from engine.runtime import claims
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from tests import stores
from tests.engine.office_builder import ANNA, later, start
from tests.engine.working import eventually

pytestmark = stores.on_postgresql


def test_two_claims_at_once_have_nothing_in_common(engine: Engine) -> None:
    cases = {start(engine).case for _ in range(6)}
    later(engine, hours=2)
    with engine.database.write() as one, engine.database.write() as two:
        first = claims.due_cases(one, engine.now(), 4, [])
        second = claims.due_cases(two, engine.now(), 4, [])
    assert (len(first), len(second)) == (4, 2) and {*first, *second} == cases


def test_a_case_somebody_works_on_is_left_out_and_not_waited_for(engine: Engine) -> None:
    cases = [start(engine).case for _ in range(3)]
    later(engine, hours=2)
    with engine.database.write() as busy:
        engine._load(busy, cases[1])
        began = time.monotonic()
        assert Worker(engine).pass_deadlines() == 2
        assert time.monotonic() - began < 5
    assert Worker(engine).pass_deadlines() == 1


def test_a_person_waits_for_the_batch_and_no_longer(engine: Engine) -> None:
    case = start(engine).case
    later(engine, hours=2)
    held, go_on = threading.Event(), threading.Event()

    def batch() -> None:
        def claim(connection: sa.Connection, now: object) -> list[str]:
            found = claims.due_cases(connection, engine.now(), 10, [])
            held.set()
            assert go_on.wait(10)
            return found

        assert engine.pass_many(claim) == 1

    worker = threading.Thread(target=batch)
    worker.start()
    assert held.wait(10)
    person = threading.Thread(target=engine.execute, args=(AddNote(case, "现场已看"), ANNA))
    person.start()
    eventually(lambda: somebody_waits(engine), "the person does not wait for the batch")
    assert person.is_alive()
    go_on.set()
    worker.join(10)
    person.join(10)
    history = [entry.fact.kind for entry in engine.facts(case)]
    assert history.count("DeadlinePassed") == 1 and history[-1] == "NoteAdded"


def somebody_waits(engine: Engine) -> bool:
    """For a lock that another holds."""
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with engine.read() as connection:
        return bool(connection.execute(waiting).scalar())


def test_what_a_lost_connection_held_is_free_at_once(engine: Engine) -> None:
    cases = {start(engine).case for _ in range(3)}
    later(engine, hours=2)
    connection = engine.database.engine.connect()
    backend = connection.execute(sa.select(sa.func.pg_backend_pid())).scalar()
    assert set(claims.due_cases(connection, engine.now(), 10, [])) == cases
    assert Worker(engine).pass_deadlines() == 0
    with engine.database.write() as other:
        assert other.execute(sa.select(sa.func.pg_terminate_backend(backend))).scalar()
    eventually(Worker(engine).pass_deadlines)
    passed = [e for case in cases for e in engine.facts(case) if isinstance(e.fact, DeadlinePassed)]
    assert len(passed) == 3
    connection.invalidate()
    connection.close()


def test_what_a_hanging_worker_held_is_free_after_a_while(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "LONGEST_IDLE", "300ms")
    cases = {start(engine).case for _ in range(3)}
    later(engine, hours=2)
    connection = engine.database.engine.connect()
    assert set(claims.due_cases(connection, engine.now(), 10, [])) == cases
    worker = Worker(engine)
    eventually(worker.pass_deadlines)
    assert worker.pass_deadlines() == 0
    passed = [e for case in cases for e in engine.facts(case) if isinstance(e.fact, DeadlinePassed)]
    assert len(passed) == 3
    connection.invalidate()
    connection.close()

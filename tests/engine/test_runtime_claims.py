"""Claims: the longest due first, and nobody with much keeps the others waiting."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from engine.commands import StartCase
from engine.runtime import claims, worker
from engine.runtime.engine import Engine
from engine.runtime.worker import TOGETHER, Worker
from engine.store import tables
from tests import stores
from tests.engine.office_builder import ANNA, CHIEF, later, start, trial_files

pytestmark = stores.both


def flood(engine: Engine, case: str, count: int) -> None:
    """Many more due rows of one case than anybody takes in one go, all of them due before everything else."""
    due = engine.now() - timedelta(days=1)
    with engine.database.write() as connection:
        connection.execute(
            sa.insert(tables.deadlines),
            [
                {"case": case, "deadline": 10_000 + n, "element": "A1", "name": "", "owner": 1, "due": due}
                for n in range(count)
            ],
        )


def test_the_longest_due_come_first_and_those_left_out_do_not(engine: Engine) -> None:
    cases = []
    for _ in range(4):
        cases.append(start(engine).case)
        later(engine, minutes=1)
    later(engine, hours=2)
    with engine.database.write() as connection:
        assert claims.due_cases(connection, engine.now(), 10, []) == cases
        assert claims.due_cases(connection, engine.now(), 2, cases[:1]) == cases[1:3]
        assert claims.due_cases(connection, engine.now() - timedelta(hours=1), 10, []) == []


def test_the_next_due_is_told_before_and_after_it_is_due(engine: Engine) -> None:
    with engine.read() as connection:
        assert claims.next_due(connection, []) is None
    first = start(engine).case
    due = engine.now() + timedelta(hours=2)
    later(engine, hours=1)
    start(engine)
    with engine.read() as connection:
        assert claims.next_due(connection, []) == due
        assert claims.next_due(connection, [first]) == due + timedelta(hours=1)


def test_one_case_with_ten_thousand_due_deadlines_takes_one_place(engine: Engine) -> None:
    greedy = start(engine).case
    others = {start(engine).case for _ in range(3)}
    flood(engine, greedy, 10_000)
    later(engine, hours=2)
    with engine.database.write() as connection:
        found = claims.due_cases(connection, engine.now(), TOGETHER, [])
    assert found[0] == greedy and set(found[1:]) == others


def test_a_package_with_many_due_cases_leaves_room_for_others(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the crowd were due before the one; it has its turn in the second claim."""
    monkeypatch.setattr(worker, "TOGETHER", 10)
    monkeypatch.setattr(worker, "BATCH", 20)
    crowd = [(StartCase("trial", {}), f"s{n}") for n in range(60)]
    engine.do_all(crowd, ANNA, package="trial")
    small = trial_files()["process.toml"].replace(b'key = "trial"', b'key = "small"')
    engine.publish(trial_files() | {"process.toml": small}, CHIEF)
    later(engine, minutes=1)
    one = engine.execute(StartCase("small", {}), ANNA).case
    later(engine, hours=3)
    assert Worker(engine).pass_deadlines() == 20
    assert [e.fact.kind for e in engine.facts(one)].count("DeadlinePassed") == 1

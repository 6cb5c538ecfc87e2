"""The clock may jump as it likes: nothing is passed early or twice, the worker pauses and says so, and a person or the
clock's return lets it go on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.clock import FixedClock
from engine.commands import AddNote
from engine.errors import InputInvalid
from engine.facts import DeadlinePassed
from engine.runtime import guarded_clock
from engine.runtime.engine import Engine
from engine.runtime.guarded_clock import GuardedClock
from engine.runtime.worker import Worker
from tests import stores
from tests.engine.office_builder import ANNA, CHIEF, MONDAY, new_office, open_engine, start

pytestmark = stores.both

HOUR = timedelta(hours=1)


class Host:
    """A host with two clocks: a steady one, and one that can be set. On PostgreSQL the latter stands for the database's."""

    def __init__(self) -> None:
        self.steady, self.wall = 100.0, FixedClock(MONDAY)

    def goes_on(self, length: timedelta) -> None:
        self.steady += length.total_seconds()
        self.wall.at += length

    def jumps(self, length: timedelta) -> None:
        self.wall.at += length

    def clock(self) -> GuardedClock:
        return GuardedClock(steady=lambda: self.steady, host=self.wall)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, store: str) -> Host:
    made = Host()
    if store == stores.POSTGRESQL:  # its own clock cannot be set: another one is read in its place

        class Said:
            def compile(self) -> sa.Select[tuple[object]]:
                return sa.select(sa.literal(made.wall.at, sa.DateTime(timezone=True)))

        original = sa.Connection.execute

        def execute(self: sa.Connection, statement: object, *rest: object, **options: object) -> object:
            if statement is guarded_clock._database_clock:
                statement = Said().compile()
            return original(self, statement, *rest, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(sa.Connection, "execute", execute)
    return made


@contextlib.contextmanager
def another_process(engine: Engine, folder: Path, host: Host) -> Iterator[Engine]:
    """Shares the database and the hosts' clocks, nothing else."""
    other = open_engine(folder, host.clock())
    other._packages.update(engine._packages)
    yield other


def passed(engine: Engine, case: str) -> list[int]:
    return [e.fact.id for e in engine.facts(case) if isinstance(e.fact, DeadlinePassed)]


def test_a_clock_that_goes_on_is_followed(tmp_path: Path, host: Host) -> None:
    engine = new_office(tmp_path, host.clock())
    assert engine.now() == MONDAY
    case, worker = start(engine).case, Worker(engine)
    host.goes_on(2 * HOUR - timedelta(seconds=1))
    assert worker.step() == 0
    host.goes_on(timedelta(seconds=1))
    assert worker.pass_deadlines() == 1 and len(passed(engine, case)) == 1
    host.jumps(timedelta(seconds=3))  # NTP
    host.goes_on(timedelta(seconds=2))
    assert engine.now() == host.wall.at
    host.jumps(timedelta(seconds=-4))
    before = engine.now()
    host.goes_on(timedelta(seconds=2))
    assert engine.now() == before, "it waits, it does not go back"
    host.goes_on(timedelta(seconds=9))
    assert engine.now() == host.wall.at


@pytest.mark.parametrize("hours", [3, 20, -1, -24])
def test_a_jump_passes_nothing_until_a_person_confirms(
    tmp_path: Path, host: Host, hours: int, caplog: pytest.LogCaptureFixture
) -> None:
    engine = new_office(tmp_path, host.clock())
    case, worker = start(engine).case, Worker(engine)
    host.goes_on(HOUR)
    engine.now()
    host.jumps(hours * HOUR)
    host.goes_on(timedelta(seconds=5))
    assert worker.pass_deadlines() == 0 and passed(engine, case) == []
    assert "已暂停处理时限" in caplog.text
    assert engine.now() == MONDAY + HOUR + timedelta(seconds=5), "it goes on as if nothing had happened"
    engine.execute(
        AddNote(case, "现场已看"), ANNA
    )  # a command passes what is due before it: by that time, nothing
    assert passed(engine, case) == []
    with engine.read() as connection:
        assert f"{abs(hours) * 3600} 秒" in guarded_clock.alarm(connection)
    with another_process(
        engine, tmp_path, host
    ) as other:  # started after the jump, it knows of it by the alarm
        assert Worker(other).pass_deadlines() == 0
        guarded_clock.confirm(other, CHIEF)
        with pytest.raises(InputInvalid):
            guarded_clock.confirm(other, CHIEF)
    host.goes_on(timedelta(seconds=2))
    due = hours > 0
    assert worker.pass_deadlines() == due and len(passed(engine, case)) == due
    assert engine.now() == host.wall.at
    if hours < 0:
        host.goes_on(timedelta(hours=1 - hours))
        assert worker.pass_deadlines() == 1
    assert len(passed(engine, case)) == 1
    with engine.read() as connection:
        assert guarded_clock.alarm(connection) == ""


def test_a_clock_that_comes_back_needs_nobody(tmp_path: Path, host: Host) -> None:
    engine = new_office(tmp_path, host.clock())
    case, worker = start(engine).case, Worker(engine)
    engine.now()
    host.jumps(timedelta(days=1))
    host.goes_on(timedelta(seconds=5))
    assert worker.pass_deadlines() == 0
    host.jumps(timedelta(days=-1))
    host.goes_on(timedelta(seconds=5))
    assert worker.pass_deadlines() == 0
    with engine.read() as connection:
        assert guarded_clock.alarm(connection) == ""
    host.goes_on(2 * HOUR)
    assert worker.pass_deadlines() == 1 and len(passed(engine, case)) == 1


def test_a_confirmation_counts_for_the_jump_it_was_given_for(tmp_path: Path, host: Host) -> None:
    engine = new_office(tmp_path, host.clock())
    start(engine)
    worker = Worker(engine)
    for _ in range(2):
        engine.now()
        host.jumps(-HOUR)
        host.goes_on(timedelta(seconds=5))
        assert worker.pass_deadlines() == 0
        with engine.read() as connection:
            assert guarded_clock.alarm(connection) != ""
        guarded_clock.confirm(engine, CHIEF)
        host.goes_on(timedelta(seconds=5))
        worker.pass_deadlines()
        assert engine.now() == host.wall.at


def test_the_office_says_what_it_allows(tmp_path: Path, host: Host) -> None:
    engine = new_office(tmp_path, host.clock())
    start(engine)
    guarded_clock.allow(engine, 120, CHIEF)
    engine.now()
    host.jumps(timedelta(seconds=100))
    host.goes_on(timedelta(seconds=5))
    assert guarded_clock.may_pass(engine) and engine.now() == host.wall.at
    host.jumps(timedelta(seconds=200))
    host.goes_on(timedelta(seconds=5))
    assert not guarded_clock.may_pass(engine)
    for seconds in (0, 3601):
        with pytest.raises(InputInvalid):
            guarded_clock.allow(engine, seconds, CHIEF)


def test_between_readings_the_steady_clock_carries_on(tmp_path: Path, store: str) -> None:
    """The real clocks: hosts agree with the database, whatever their own clocks say."""
    engine = new_office(tmp_path, GuardedClock(host=FixedClock(MONDAY)))
    one = engine.now()
    if store == stores.SQLITE:
        assert one >= MONDAY
        return
    with engine.read() as connection:
        database = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    two = engine.now()
    assert one <= database <= two + timedelta(seconds=0.5) and two - one < timedelta(seconds=30)

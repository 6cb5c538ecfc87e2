"""The doorbell: another process's worker looks at once; a bell that is lost, late or rung twice changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.facts import DeadlinePassed
from engine.runtime.doorbell import Doorbell
from engine.runtime.dramatiq_bell import MOST_KEPT, QUEUE, RedisBell
from engine.runtime.engine import Engine
from engine.runtime.host_clock import SystemClock
from engine.store import tables
from tests import stores
from tests.engine.office_builder import WITHOUT_ACTIONS, new_office, open_engine, start, trial_files
from tests.engine.working import eventually, working
from tests.services import redis as redis_service

TICK = """
process trial name=试办
    start S
    user A name=等待 groups=DB
    boundary T name=即到 on=A interrupting=false duration=PT1S
    service N topic=notice.send name=告知 in:unit="p.party" in:title="p.name"
    end X
    end E
    S -> A -> E
    T -> N -> X
"""
FOR_EVER = 600.0
"""A poll so long that only the bell can have woken the worker."""


def two_processes(folder: Path) -> tuple[Engine, Engine]:
    """They share the database and nothing else."""
    one = new_office(folder, SystemClock(), trial_files(TICK, WITHOUT_ACTIONS))
    other = open_engine(folder, SystemClock())
    other._packages.update(one._packages)
    return one, other


def notices(engine: Engine) -> int:
    with engine.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(tables.notices)).scalar() or 0


def passed(engine: Engine, case: str) -> int:
    return sum(isinstance(e.fact, DeadlinePassed) for e in engine.facts(case))


@pytest.mark.slow
@pytest.mark.parametrize("store", [stores.POSTGRESQL], indirect=True)
def test_a_worker_elsewhere_sleeps_until_it_is_due_and_no_longer(tmp_path: Path, store: str) -> None:
    web, elsewhere = two_processes(tmp_path)
    with working(elsewhere, FOR_EVER):
        case = start(web).case
        eventually(lambda: notices(web) == 1)  # rung when armed, slept a second, passed, relayed
        assert passed(web, case) == 1


@pytest.mark.slow
@pytest.mark.parametrize("store", [stores.POSTGRESQL], indirect=True)
def test_a_listener_that_lost_its_connection_hears_again(tmp_path: Path, store: str) -> None:
    web, elsewhere = two_processes(tmp_path)
    heard = threading.Event()
    with elsewhere.bell.far[0].listening(heard.set):
        eventually(heard.is_set)
        with web.database.write() as connection:
            ended = "select pg_terminate_backend(pid) from pg_stat_activity where query like 'LISTEN%%' and datname = current_database()"
            assert connection.exec_driver_sql(ended).all() == [(True,)]
        heard.clear()
        eventually(heard.is_set)  # what was rung meanwhile counts as heard
        heard.clear()
        web.bell.ring()
        eventually(heard.is_set)


@pytest.mark.parametrize("store", stores.each, indirect=True)
def test_without_any_bell_the_next_look_finds_it(tmp_path: Path, store: str) -> None:
    web, elsewhere = two_processes(tmp_path)
    web.bell = Doorbell()
    with working(elsewhere, poll=0.2):
        start(web)
        eventually(lambda: notices(web) == 1)


def test_a_bell_nobody_can_ring_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        rings = 0

        def ring(self) -> None:
            Broken.rings += 1
            raise OSError("gone")

        def close(self) -> None: ...

    bell = Doorbell([Broken()])  # type: ignore[list-item]
    began = time.monotonic()
    for _ in range(1000):
        bell.ring()
    assert time.monotonic() - began < 1 and bell.wait(0)
    eventually(lambda: Broken.rings > 0)
    bell.close()
    assert Broken.rings < 100 and caplog.text.count("cannot be rung") == 1


# -- Redis ---------------------------------------------------------------------------------------------------


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[redis_service.Redis]:
    server = redis_service.Redis(tmp_path / "redis").start()
    yield server
    server.stop()


@pytest.mark.slow
def test_by_redis_a_worker_elsewhere_looks_at_once(tmp_path: Path, redis: redis_service.Redis) -> None:
    """On SQLite, where nothing else could have told it. Flushing Redis, or ending it, costs a look and no more."""
    web, elsewhere = two_processes(tmp_path)
    for engine in (web, elsewhere):
        engine.bell.far.append(RedisBell(redis.url()))
    with working(elsewhere, FOR_EVER):
        start(web)
        eventually(lambda: notices(web) == 1)
        web.bell.far[0].broker.client.flushall()  # type: ignore[attr-defined]
        start(web)
        eventually(lambda: notices(web) == 2)


@pytest.mark.slow
def test_redis_killed_under_the_worker(tmp_path: Path, redis: redis_service.Redis) -> None:
    web, elsewhere = two_processes(tmp_path)
    for engine in (web, elsewhere):
        engine.bell.far.append(RedisBell(redis.url()))
    with working(elsewhere, poll=0.3):
        redis.kill()
        start(web)
        eventually(lambda: notices(web) == 1)
        redis.start()
        start(web)
        eventually(lambda: notices(web) == 2)


@pytest.mark.slow
def test_rings_nobody_hears_do_not_pile_up(redis: redis_service.Redis) -> None:
    bell = RedisBell(redis.url())
    for _ in range(MOST_KEPT + 50):
        bell.ring()
    assert bell.broker.client.llen(f"dramatiq:{QUEUE}") == MOST_KEPT
    bell.close()

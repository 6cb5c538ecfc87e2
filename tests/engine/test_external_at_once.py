"""Sixteen outside workers at once: different jobs for each, and nobody reports a job that is another's by now."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from engine.errors import Conflict, NotFound
from engine.facts import JobCompleted
from engine.runtime import external
from engine.runtime.engine import Engine
from tests import stores
from tests.engine.office_builder import finish, later, start

pytestmark = stores.both

WORKERS = 16


def waiting_jobs(engine: Engine, count: int) -> list[str]:
    return [finish(engine, finish(engine, start(engine), "A"), "G").case for _ in range(count)]


def test_sixteen_workers_get_different_jobs(engine: Engine) -> None:
    cases = waiting_jobs(engine, 24)
    gate = threading.Barrier(WORKERS)
    fetched: list[tuple[str, str]] = []
    broken: list[str] = []

    def go(name: str) -> None:
        gate.wait()
        try:
            for _ in range(2):
                for job in external.fetch_and_lock(engine, "outside", name, 60):
                    fetched.append((job.case, name))
                    external.complete(engine, job.case, job.job, name, {})
        except Exception as error:
            broken.append(repr(error))

    threads = [threading.Thread(target=go, args=(f"w{n}",)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []
    assert sorted(case for case, _ in fetched) == sorted(cases)
    assert len({name for _, name in fetched}) > 4


def test_one_job_wanted_and_reported_by_many_is_done_once(engine: Engine) -> None:
    (case,) = waiting_jobs(engine, 1)
    gate = threading.Barrier(8)
    answers: Counter[str] = Counter()
    (job,) = external.fetch_and_lock(engine, "outside", "w", 60)

    def go(n: int) -> None:
        gate.wait()
        try:
            if n % 2:
                external.complete(engine, case, job.job, "w", {})
            else:
                external.fail(engine, case, job.job, "w", "对方没有回应")
            answers["done"] += 1
        except (NotFound, Conflict):
            answers["refused"] += 1

    threads = [threading.Thread(target=go, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {"done": 1, "refused": 7}


def test_a_report_that_waited_for_the_case_finds_the_lock_gone(
    engine: Engine, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look at the lock is good; until the case is ours it has run out and another worker has fetched the job."""
    (case,) = waiting_jobs(engine, 1)
    (job,) = external.fetch_and_lock(engine, "outside", "slow", 60)
    original = Engine._execute

    def waited(self: Engine, *args: object, **named: object) -> object:
        if not later_done:
            later_done.append(True)
            later(engine, seconds=61)
            assert len(external.fetch_and_lock(engine, "outside", "quick", 60)) == 1
        return original(self, *args, **named)  # type: ignore[arg-type]

    later_done: list[bool] = []
    monkeypatch.setattr(Engine, "_execute", waited)
    with pytest.raises(Conflict):
        external.complete(engine, case, job.job, "slow", {"结果": "慢"})
    external.complete(engine, case, job.job, "quick", {"结果": "快"})
    done = [e for e in engine.facts(case) if isinstance(e.fact, JobCompleted)]
    assert len(done) == 1 and engine.load(case).root_variables["结果"] == "快"

"""Deadlines on PostgreSQL: how many are passed a second with many armed, and how late they are.

Every deadline is passed with all duties: facts, chain, rows, snapshot, receipt. Workers are processes of their own, as the
product's are, each a `Worker` over its own `Engine`. The armed cases are copies of a real one, each due at its own instant.

Child: `python -m tests.benchmarks.bench_deadlines DATABASE FOLDER`, lines of JSON as in `competitor`:
    {"do": "warm", "times": N}       N steps of the worker
    {"do": "steps", "seconds": S}    steps for so long: how many deadlines were passed
    {"do": "run", "seconds": S}      the product's own loop, with its sleeping and waking, for so long
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from tests.benchmarks import cloning, ours
from tests.benchmarks.competitor import Child
from tests.benchmarks.server import server
from tests.benchmarks.table import DEADLINES, Row, at_least, at_most

TABLE = DEADLINES

ARMED, ARMED_FULL = 100_000, 1_000_000
DUE = 60_000
"""Of the armed ones, those that are due; in `bench-full` four times as many."""
WINDOW, ROUNDS = 1.5, 3
"""Seconds in which one and two workers take turns, and how often."""
LEAD = 10
"""Seconds from making the cases of the lateness test to the first deadline."""
A_SECOND, SECONDS = 100, 15
"""Deadlines that come due each second when lateness is measured, and for how long."""
RATE, LATE = 5_000, 1_000
"""Targets: deadlines a second by two workers, milliseconds of lateness at p99."""


def rows(full: bool = False) -> Iterator[Row]:
    armed, due = (ARMED_FULL, 4 * DUE) if full else (ARMED, DUE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = ours.prepare(folder)
        model = ours.Session(engine).start()["case"]
        database = engine.database.engine.url.database
        engine.close()
        assert database is not None
        dsn = server().dsn(database)
        cloning.clone(
            dsn,
            model,
            armed - due,
            "later",
            due="now() + interval '30 days' + n * interval '1 second'",
            settled=False,
        )
        cloning.clone(dsn, model, due, "due", due=f"now() - ({due} - n) * interval '10 milliseconds'")
        command = [sys.executable, "-m", "tests.benchmarks.bench_deadlines", server().url(database), name]
        workers = [Child(command) for _ in range(2)]
        try:
            yield from rate(workers, armed)
            with psycopg.connect(dsn) as connection:  # what is left over is not late, it was never waited for
                connection.execute("UPDATE deadlines SET due = NULL WHERE due < now()")
            cloning.settle(dsn)
            yield from lateness(workers, dsn, model, armed)
        finally:
            for worker in workers:
                worker.close()


def rate(workers: list[Child], armed: int) -> Iterator[Row]:
    """One worker, two workers, in turns."""
    for worker in workers:
        worker.ask("warm", times=2)
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for count, rates in found.items():
            for worker in workers[:count]:
                worker.tell("steps", seconds=WINDOW)
            answers = [worker.answer() for worker in workers[:count]]
            if any(answer["dry"] for answer in answers):
                raise RuntimeError("all due deadlines were passed before the time was over: raise DUE")
            rates.append(sum(answer["passed"] / answer["seconds"] for answer in answers))
    for count, rates in found.items():
        rate = statistics.median(rates)
        note = f"{armed:,} armed; median of {ROUNDS} windows of {WINDOW} s, in turns"
        name = f"due deadlines passed by {count} worker process{'es' if count > 1 else ''}"
        yield Row(name, f"{rate:,.0f}", "/s", note, at_least(rate, RATE) if count == 2 else "")


def lateness(workers: list[Child], dsn: str, model: str, armed: int) -> Iterator[Row]:
    """From the instant a deadline is due to the commit of its facts, while the product's own loops run in both workers."""
    count = A_SECOND * SECONDS
    cloning.clone(
        dsn,
        model,
        count,
        "soon",
        due=f"now() + interval '{LEAD} seconds' + n * interval '{1000 / A_SECOND} milliseconds'",
        settled=False,
    )
    with psycopg.connect(dsn) as connection:
        connection.execute(
            """CREATE TABLE soon AS SELECT "case", due FROM deadlines WHERE "case" LIKE 'soon%'"""
        )
        row = connection.execute(
            "SELECT count(*), min(due) > now(), extract(epoch FROM max(due) - now()) FROM soon"
        ).fetchone()
    assert row is not None and row[0] == count
    if not row[1]:
        raise RuntimeError("making the cases took so long that the first were due already")
    for worker in workers:
        worker.tell("run", seconds=float(row[2]) + 3)
    for worker in workers:
        worker.answer()
    with psycopg.connect(dsn) as connection:
        late = connection.execute(
            """SELECT count(*), extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY late)) * 1000,
                extract(epoch FROM percentile_cont(0.99) WITHIN GROUP (ORDER BY late)) * 1000
            FROM (SELECT pg_xact_commit_timestamp(c.xmin) - s.due AS late FROM soon s JOIN commands c
                ON c."case" = s."case" AND c.id LIKE '%/deadline/%') l"""
        ).fetchone()
    assert late is not None and late[0] == count, (late, count)
    note = f"{count:,} deadlines, {A_SECOND} a second, {armed:,} armed, two workers; due to commit"
    yield Row("lateness, median", f"{late[1]:,.0f}", "ms", note)
    yield Row("lateness, p99", f"{late[2]:,.0f}", "ms", note, at_most(float(late[2]), LATE))


class Answers:
    """A worker's process."""

    def __init__(self, url: str, folder: str) -> None:
        self.engine = Engine.open(url, Path(folder))
        self.worker = Worker(self.engine)

    def warm(self, times: int) -> dict[str, float]:
        return {"passed": sum(self.worker.step() for _ in range(times))}

    def steps(self, seconds: float) -> dict[str, float]:
        passed, dry = 0, False
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            done = self.worker.step()
            passed += done
            dry |= done == 0
        return {"passed": passed, "seconds": time.perf_counter() - begun, "dry": dry}

    def run(self, seconds: float) -> dict[str, float]:
        stop = threading.Event()
        running = threading.Thread(target=self.worker.run, args=(stop,))
        running.start()
        time.sleep(seconds)
        stop.set()
        self.engine.bell.set()
        running.join()
        return {}


def main(url: str, folder: str) -> None:
    answers = Answers(url, folder)
    for line in sys.stdin:
        words = json.loads(line)
        print(json.dumps(getattr(answers, words.pop("do"))(**words)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

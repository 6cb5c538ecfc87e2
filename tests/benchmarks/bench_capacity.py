"""The capacity model, printed: service times measured now, then what each level needs and how 8:30 after a holiday goes.

python -m tests.benchmarks capacity
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from engine.clock import FixedClock
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from engine.store import tables as t
from tests.benchmarks import bench_lists, filling
from tests.benchmarks.capacity import ASSUMED, Measured, burst, need, sizes
from tests.benchmarks.ours import Session, prepare
from tests.benchmarks.server import server
from tests.benchmarks.table import CAPACITY, Row
from tests.engine.office_builder import MONDAY, later

TABLE = CAPACITY

CASES, FULL_CASES = 200, 3000
STEPS = 4
"""Completions in each of them, after which their deadlines are passed."""


def rows(full: bool = False) -> Iterator[Row]:
    """Rows of `make bench`; `bench-full` measures more cases."""
    m = measure(FULL_CASES if full else CASES)
    yield Row(
        "measured: completion", f"{m.completion * 1000:.1f}", "ms", f"one client; {m.facts_an_item:.1f} facts"
    )
    yield Row("measured: page", f"{m.page * 1000:.1f}", "ms", "worklist over 10,000 open items, whole")
    yield Row("measured: deadline", f"{m.deadline * 1000:.2f}", "ms", "one worker, with all duties")
    yield Row(
        "measured: in the store",
        f"{m.bytes_a_fact:.0f}",
        "bytes a fact",
        f"and {m.bytes_a_case:,.0f} a case besides",
    )
    for level, said in ASSUMED["levels"].items():
        n = need(said["counties"], m)
        parts = f"{n.databases} database{'s' if n.databases > 1 else ''}, {'facts by month' if n.by_month else 'no partitions'}"
        yield Row(
            f"{level}: open cases",
            f"{n.open_cases:,.0f}",
            "",
            f"{said['counties']:,} counties {said['source']}".strip(),
        )
        yield Row(
            f"{level}: a working day", f"{n.items_a_day:,.0f}", "items", f"{n.deadlines_a_day:,.0f} deadlines"
        )
        yield Row(
            f"{level}: a year", f"{n.facts_a_year:,.0f}", "facts", f"{n.gigabytes_a_year:,.1f} GB; {parts}"
        )
        yield Row(
            f"{level}: in the busiest hour",
            f"{n.cores:,}",
            "cores",
            f"{n.yuan_a_year:,.0f} yuan a year with the disk after three years",
        )
    for level, said in ASSUMED["levels"].items():
        if level == "nation":
            continue  # nobody runs it as one; see docs/capacity.md
        enough = sizes(m, said["counties"])
        for webs in sorted({1, enough}):
            b = burst(said["counties"], m, webs, 1)
            note = f"99th of 100 clicks ({b.clicks:,} in all) answered within {b.click_p99:,.1f} s"
            yield Row(f"8:30 after a holiday, {level}, {webs} web", f"{b.click_p99:,.2f}", "s", note)
        for workers in (1, 2, 4):
            b = burst(said["counties"], m, enough, workers)
            note = f"{b.deadlines:,} that fell due in the holiday"
            yield Row(
                f"8:30 after a holiday, {level}, {workers} worker{'s' if workers > 1 else ''}",
                f"{b.last_fired:,.1f}",
                "s to the last",
                note,
            )


def measure(cases: int) -> Measured:
    """Service times and sizes, now, on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        engine = prepare(Path(folder), FixedClock(MONDAY))
        try:
            session = Session(engine)
            empty = stored(engine)
            begun = [session.start() for _ in range(cases)]
            first = facts(engine)
            took = []
            for _ in range(STEPS):
                for case in begun:
                    at = time.perf_counter()
                    session.complete(case)
                    took.append(time.perf_counter() - at)
            many, full = facts(engine), stored(engine)
            later(engine, hours=13)
            worker, passed, at = Worker(engine), 0, time.perf_counter()
            while done := worker.pass_deadlines():
                passed += done
            deadline = (time.perf_counter() - at) / passed
            assert passed == cases, (passed, cases)
        finally:
            engine.close()
    with bench_lists.office(server().url(server().create()), 10_000) as (engine, _, _):
        page = bench_lists.measured(engine, filling.WORKER, "/worklist?tab=unit", "AS page").whole / 1000
    of_facts = (full[0] - empty[0]) / many
    besides = (full[1] - empty[1]) / cases
    return Measured(statistics.median(took), page, deadline, (many - first) / len(took), of_facts, besides)


def facts(engine: Engine) -> int:
    with engine.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(t.facts)).scalar_one())


def stored(engine: Engine) -> tuple[int, int]:
    """Bytes of the facts, and of all other tables, with their indexes, vacuumed."""
    with engine.database.glance() as connection:
        connection.exec_driver_sql("VACUUM")
        query = sa.text(
            "SELECT relname, pg_total_relation_size(oid) AS size FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        size = {r.relname: int(r.size) for r in connection.execute(query)}
    return size.pop("facts"), sum(size.values())

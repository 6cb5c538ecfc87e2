"""What a case's past and the size of the tables cost a completion on PostgreSQL, and what a live case weighs.

Both are asked side by side: an old case and a young one, a small database and large ones are worked on in turns, so that a
minute's noise is in both. Large tables are filled with copies of a real case; see `cloning`.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from engine.audit import verify
from tests.benchmarks import cloning, ours
from tests.benchmarks.competitor import STEPS
from tests.benchmarks.server import server
from tests.benchmarks.table import GROWTH, Row, at_most

TABLE = GROWTH

ROUNDS, LAST = 2_000, 100
"""Rounds of four completions in the old case, and how many at the end are compared with as many at the beginning."""
SIZES, SIZES_FULL = (10_000, 100_000, 1_000_000), (10_000, 100_000, 1_000_000, 10_000_000)
"""Facts in the database."""
TIMES = 200
LIVE, LIVE_FULL = 500, 5_000
CHAINED, CHAINED_FULL = 100_000, 1_000_000
OLDER, LARGER, WEIGHT = 1.2, 1.5, 4.0
"""Targets: a step after 2,000 rounds, in large tables (times), and kilobytes of a live case."""


def rows(full: bool = False) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        yield history(Path(name), 3_600 if full else 60)
        yield from size(Path(name), SIZES_FULL if full else SIZES)
        yield from weight(Path(name), LIVE_FULL if full else LIVE)
        yield verification(Path(name), CHAINED_FULL if full else CHAINED)


def timed(session: ours.Session, case: dict[str, Any]) -> float:
    """Milliseconds of one completion."""
    begun = time.perf_counter()
    session.complete(case)
    return (time.perf_counter() - begun) * 1000


def one_round(folder: Path) -> tuple[ours.Session, str, int]:
    """An office with one case in it to be copied, a round old; its id, and how many facts it has."""
    session = ours.Session(ours.prepare(folder))
    case = session.start()
    for _ in STEPS:
        session.complete(case)
    with session.engine.read() as connection:
        its = connection.exec_driver_sql("SELECT count(*) FROM facts").scalar_one()
    return session, str(case["case"]), int(its)


def history(folder: Path, seconds: float) -> Row:
    """The last hundred rounds of 2,000 in one case (fewer where the time is over before), in turns with the first hundred of
    another."""
    engine = ours.prepare(folder)
    session = ours.Session(engine)
    old, young = session.start(), session.start()
    before, until = 0, time.perf_counter() + seconds
    while before < ROUNDS - LAST and time.perf_counter() < until:
        for _ in STEPS:
            session.complete(old)
        before += 1
    last, first = [], []
    for _ in range(LAST * len(STEPS)):
        last.append(timed(session, old))
        first.append(timed(session, young))
    engine.close()
    ratio = statistics.median(last) / statistics.median(first)
    note = f"{statistics.median(last):.2f} and {statistics.median(first):.2f} ms, medians of {len(last)} each, side by side"
    return Row(
        f"completion in rounds {before:,} to {before + LAST:,} of a case / in the first {LAST}",
        f"{ratio:.2f}", "×", note, at_most(ratio, OLDER) if before + LAST == ROUNDS else f"at most {OLDER:g} over {ROUNDS:,} rounds: not known",
    )  # fmt: skip


def size(folder: Path, sizes: tuple[int, ...]) -> Iterator[Row]:
    """Completions in databases of several sizes, in turns."""
    field: list[tuple[int, ours.Session, dict[str, Any]]] = []
    for facts in sizes:
        session, model, its = one_round(folder)
        cloning.clone(dsn(session.engine), model, facts // its, "k")
        field.append((facts, session, session.start()))
    times: dict[int, list[float]] = {facts: [] for facts in sizes}
    for number in range(TIMES + 20):
        for facts, session, case in field:
            took = timed(session, case)
            if number >= 20:
                times[facts].append(took)
    for facts, session, _ in field:
        session.engine.close()
        median, least = statistics.median(times[facts]), statistics.median(times[sizes[0]])
        target = at_most(median / least, LARGER) if facts != sizes[0] else ""
        note = f"{median / least:.2f} times the smallest; median of {TIMES}, in turns"
        yield Row(f"completion with {facts:,} facts in the database", f"{median:.2f}", "ms", note, target)
    for facts in sizes[1:]:
        _drop(next(s.engine for f, s, _ in field if f == facts))


def weight(folder: Path, live: int) -> Iterator[Row]:
    """Kilobytes of a live case after two completions, all of them played by the engine, after a vacuum."""
    engine = ours.prepare(folder)
    session = ours.Session(engine)
    before = _sizes(dsn(engine))
    for _ in range(live):
        case = session.start()
        session.complete(case)
        session.complete(case)
    with psycopg.connect(dsn(engine), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE state = 'open')::float / count(*), (SELECT avg(pg_column_size(state)) FROM snapshots)"
            " FROM work_items"
        ).fetchone()
    assert row is not None
    open_share, snapshot = row
    grown = {table: (size - before[table]) / live / 1024 for table, size in _sizes(dsn(engine)).items()}
    hot = {table: grown[table] for table in ("cases", "snapshots", "deadlines", "subscriptions")}
    hot["open work items"] = grown["work_items"] * open_share
    total = sum(hot.values())
    engine.close()
    parts = ", ".join(f"{name} {kb:.2f}" for name, kb in hot.items())
    yield Row(
        "a live case in the store, with its indexes",
        f"{total:.2f}",
        "kB",
        f"{parts}; {live:,} cases after two completions each, vacuumed; a snapshot has {snapshot:.0f} bytes",
        at_most(total, WEIGHT),
    )
    done = grown["facts"] + grown["commands"] + grown["work_items"] * (1 - open_share)
    yield Row(
        "its history, for each command",
        f"{done / 3:.2f}",
        "kB",
        f"facts {grown['facts'] / 3:.2f}, receipt {grown['commands'] / 3:.2f}, finished items; kept for good",
    )


def verification(folder: Path, facts: int) -> Row:
    """`duban audit verify`: every chain read and every hash made anew."""
    session, model, its = one_round(folder)
    engine = session.engine
    cloning.chains(dsn(engine), model, facts // its, "k")
    begun = time.perf_counter()
    with engine.read() as connection:
        report = verify.verify(connection)
    took = time.perf_counter() - begun
    engine.close()
    assert report.ok and report.facts >= facts - its, (report.breaks[:3], report.facts)
    return Row(
        "facts verified",
        f"{report.facts / took:,.0f}",
        "/s",
        f"{report.facts:,} in {took:.1f} s, {report.cases:,} chains",
    )


def dsn(engine: Any) -> str:
    """Of an engine on the run's server."""
    return server().dsn(engine.database.engine.url.database)


def _drop(engine: Any) -> None:
    server().drop(engine.database.engine.url.database)


def _sizes(dsn: str) -> dict[str, int]:
    """Bytes of each table with its indexes and what it keeps aside."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    return dict(found)

"""What facts by month cost: a completion, and reading all of one case, with and without 60 partitions (`duban db partition`)."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.audit.ledger import entries_of
from engine.runtime.engine import Engine
from engine.store import partition
from tests.benchmarks.ours import Session, prepare
from tests.benchmarks.table import GROWTH, Row, at_most

TABLE = GROWTH

ROUNDS, FULL_ROUNDS = 200, 1000
MONTHS = 60


def rows(full: bool = False) -> Iterator[Row]:
    """Rows of `make bench`; `bench-full` has more rounds."""
    rounds = FULL_ROUNDS if full else ROUNDS
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        plain, parted = prepare(Path(one)), prepare(Path(other))
        try:
            with parted.database.write() as connection:
                partition.partition(connection, MONTHS)
            sessions = Session(plain), Session(parted)
            cases = [session.start() for session in sessions]
            completing = interleaved(
                rounds, *(lambda s=s, c=c: s.complete(c) for s, c in zip(sessions, cases, strict=True))
            )  # type: ignore[misc]
            ids = [session.start()["case"] for session in sessions]
            reading = interleaved(
                rounds, *(lambda e=e, i=i: read(e, i) for e, i in zip((plain, parted), ids, strict=True))
            )  # type: ignore[misc]
        finally:
            plain.close()
            parted.close()
    for name, (without, having) in (("completion", completing), ("reading one case's facts", reading)):
        note = f"{without:.2f} ms in one table, {having:.2f} ms in {MONTHS} months; medians of {rounds} interleaved rounds"
        yield Row(
            f"{name}: facts by month against one table",
            f"{having / without:.2f}",
            "×",
            note,
            at_most(having / without, 1.1),
        )


def read(engine: Engine, case: str) -> None:
    with engine.read() as connection:
        assert entries_of(connection, case)


def interleaved(rounds: int, *acts: Callable[[], object]) -> tuple[float, ...]:
    """Median milliseconds of each, one after the other, so that a noisy machine is noisy for all."""
    took: list[list[float]] = [[] for _ in acts]
    for _ in range(rounds):
        for act, mine in zip(acts, took, strict=True):
            began = time.perf_counter()
            act()
            mine.append((time.perf_counter() - began) * 1000)
    return tuple(statistics.median(mine[10:]) for mine in took)

"""Where the time of a completion goes: `python -m tests.benchmarks.profile [--deadlines] [--times N] [--by own|all]`.

The first table is honest about time: the same completions without a profiler, wall clock and CPU of this process, with the
round trips to the server and what they waited told apart. The second is cProfile's, which makes every call dearer: read it
for the order of things, not for their size. `--deadlines` passes due deadlines instead, in batches, as a worker does.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from engine.audit import ledger
from engine.runtime import engine as engine_module
from engine.runtime.worker import Worker
from engine.store import snapshots
from engine.store.batch import Batch
from tests.benchmarks import cloning, ours
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.server import about, server

LINES = 40


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.profile")
    parser.add_argument("--times", type=int, default=1_000, help="completions (or deadlines)")
    parser.add_argument(
        "--by",
        choices=("own", "all"),
        default="own",
        help="order by a function's own time, or with what it calls",
    )
    parser.add_argument("--deadlines", action="store_true", help="due deadlines instead of completions")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        act, count = prepared(Path(name), options.deadlines, options.times)
        print(about())
        print(f"\n{shown(act, count)}\n")
        profiler = cProfile.Profile()
        profiler.enable()
        act()
        profiler.disable()
        pstats.Stats(profiler).strip_dirs().sort_stats(
            "tottime" if options.by == "own" else "cumulative"
        ).print_stats(LINES)


def prepared(folder: Path, deadlines: bool, times: int) -> tuple[Callable[[], object], int]:
    """What is profiled, warmed up, and how many completions or deadlines it does."""
    engine = ours.prepare(folder)
    session = ours.Session(engine)
    case = session.start()
    if not deadlines:

        def completions() -> None:
            for _ in range(times):
                session.complete(case)

        completions()
        return completions, times
    dsn = server().dsn(str(engine.database.engine.url.database))
    cloning.clone(dsn, case["case"], 4 * times + 4_000, "due", due="now() - interval '1 minute'")
    worker = Worker(engine)

    def passing() -> None:
        passed = 0
        while passed < times:
            done = worker.step()
            if not done:
                raise RuntimeError("no deadline is due any more")
            passed += done

    passing()
    return passing, times


def shown(act: Callable[[], object], count: int) -> str:
    """A Markdown table of the time without a profiler."""
    database = server().process
    assert database is not None
    with watched() as calls:
        wall, cpu, theirs = time.perf_counter(), time.process_time(), cpu_seconds(database.pid)
        act()
        wall, cpu, theirs = (
            time.perf_counter() - wall,
            time.process_time() - cpu,
            cpu_seconds(database.pid) - theirs,
        )
    each = 1e6 / count
    lines = [
        "| of one | µs | |",
        "|---|---:|---|",
        f"| wall clock | {wall * each:.0f} | {count:,} of them |",
        f"| CPU of this process | {cpu * each:.0f} | the driver's included |",
        f"| CPU of PostgreSQL | {theirs * each:.0f} | all its processes |",
    ]
    for kind, took in sorted(calls.items(), key=lambda one: -sum(one[1])):
        lines.append(
            f"| in the driver: {kind} | {sum(took) * each:.0f} | {len(took) / count:.2f} a time, median {statistics.median(took) * 1e6:.0f} |"
        )
    known = sum(map(sum, calls.values()))
    lines.append(f"| outside the driver | {(wall - known) * each:.0f} | ours and SQLAlchemy's |")
    with stops() as cpu_of:
        whole = time.thread_time()
        act()
        whole = time.thread_time() - whole
    lines += [f"| CPU: {stop} | {took * each:.0f} | |" for stop, took in cpu_of.items()]
    lines.append(
        f"| CPU: all the rest | {(whole - sum(cpu_of.values())) * each:.0f} | transaction, commit, answer |"
    )
    return "\n".join(lines)


STOPS = (
    (snapshots, "take", "taking the case"),
    (engine_module, "decide", "deciding: permission, form, kernel"),
    (ledger, "record", "chaining and projecting into a batch"),
    (Batch, "write", "writing the batch"),
)
"""The stops of a command (docs/architecture.md) whose CPU is told apart; none is inside another."""


@contextmanager
def stops() -> Iterator[Counter[str]]:
    """CPU seconds of this thread at each stop."""
    found: Counter[str] = Counter()

    def counted(original: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **words: Any) -> Any:
            begun = time.thread_time()
            try:
                return original(*args, **words)
            finally:
                found[name] += time.thread_time() - begun

        return call

    kept = [getattr(owner, name) for owner, name, _ in STOPS]
    for (owner, name, stop), original in zip(STOPS, kept, strict=True):
        setattr(owner, name, counted(original, stop))
    try:
        yield found
    finally:
        for (owner, name, _), original in zip(STOPS, kept, strict=True):
            setattr(owner, name, original)


@contextmanager
def watched() -> Iterator[dict[str, list[float]]]:
    """Seconds of each statement, commit and rollback at the driver, by kind."""
    calls: dict[str, list[float]] = {}
    depth: Counter[str] = Counter()

    def counted(original: Callable[..., Any], kind_of: Callable[..., str]) -> Callable[..., Any]:
        def call(self: Any, *args: Any, **words: Any) -> Any:
            if depth["in"]:
                return original(self, *args, **words)
            depth["in"] += 1
            begun = time.perf_counter()
            try:
                return original(self, *args, **words)
            finally:
                depth["in"] -= 1
                calls.setdefault(kind_of(*args), []).append(time.perf_counter() - begun)

        return call

    cursor, connection = psycopg.Cursor, psycopg.Connection
    kept = cursor.execute, connection.commit, connection.rollback
    cursor.execute = counted(kept[0], lambda text, *_: str(text).split(None, 1)[0].upper())  # type: ignore[method-assign]
    connection.commit = counted(kept[1], lambda: "commit")  # type: ignore[method-assign]
    connection.rollback = counted(kept[2], lambda: "rollback")  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        cursor.execute, connection.commit, connection.rollback = kept  # type: ignore[method-assign]


if __name__ == "__main__":
    main()

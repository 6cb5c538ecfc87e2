"""Completion and start over HTTP on PostgreSQL: the product, SpiffWorkflow behind Flask and Operaton, in one run.

A round begins some cases and takes all of them through their four tasks; the servers take turns, round by round, and a
ratio is the median of the rounds' ratios. In each round all open tasks are looked for first and completed then, so that
a completion alone and a completion with the search before it are told apart.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.http_load import Clients, Phase, request
from tests.benchmarks.http_servers import Contender, Operaton, Ours, Spiff, Unavailable
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.server import server
from tests.benchmarks.table import HTTP, Row, at_least, at_most, not_measured

TABLE = HTTP
MANY, ALONE = 16, 1
STEPS = 4
OF_OPERATON, OF_SPIFF, OF_COLD, OF_MEMORY = 1.0, 2.0, 0.2, 0.3
"""The targets: completions with 16 clients against both peers, cold start and memory against Operaton."""


@dataclass(frozen=True, slots=True)
class Size:
    """Cases to warm up with, rounds, cases a round with 16 clients and with one, cold starts."""

    warm: int
    rounds: int
    cases: int
    alone: int
    cold: int


QUICK = Size(warm=320, rounds=3, cases=128, alone=32, cold=1)
FULL = Size(warm=2_000, rounds=7, cases=320, alone=64, cold=3)


@dataclass(frozen=True, slots=True)
class Round:
    """What one server did in one round. CPU in milliseconds for each completion."""

    starts: float
    completions: float
    with_search: float
    each: list[float]
    own_cpu: float
    app_cpu: float
    database_cpu: float


def rows(full: bool = False) -> Iterator[Row]:
    size = FULL if full else QUICK
    yield from _load(size)


def _load(size: Size) -> Iterator[Row]:
    missing: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        there: dict[type[Contender], Contender] = {}
        cold: dict[type[Contender], float] = {}
        try:
            for kind in (Ours, Spiff, Operaton):
                contender = kind(Path(name))
                there[kind] = contender
                try:
                    contender.prepare()
                except Unavailable as reason:
                    missing.append(not_measured(contender.name, str(reason)))
                    del there[kind]
                    continue
                cold[kind] = _cold(contender, size.cold)
            for contender in there.values():
                play(contender, MANY, size.warm)
            many: dict[type[Contender], list[Round]] = {kind: [] for kind in there}
            alone: dict[type[Contender], list[Round]] = {kind: [] for kind in there}
            nothing: list[float] = []
            for _ in range(size.rounds):
                for kind, contender in there.items():
                    many[kind].append(play(contender, MANY, size.cases))
                    alone[kind].append(play(contender, ALONE, size.alone))
                with Clients(there[Spiff].port, MANY) as clients:
                    nothing.append(_rate(clients.phase([request("GET", "/nothing")] * size.cases * STEPS)))
            held = {kind: contender.memory() for kind, contender in there.items()}
        finally:
            for contender in there.values():
                contender.stop()
    for count, figures in ((MANY, many), (ALONE, alone)):
        for kind, rounds in figures.items():
            yield from _figures(kind.name, count, rounds)
    yield Row(
        "an empty Flask endpoint, 16 clients",
        f"{statistics.median(nothing):.0f}",
        "/s",
        "the same web server and workers",
    )
    yield from missing
    yield from _targets(many, cold, held)


def _cold(contender: Contender, times: int) -> float:
    """Median seconds from nothing to the first durable start, on tables that are there; it runs on afterwards."""
    took = []
    for _ in range(times):
        contender.stop()
        took.append(contender.first_start())
    return statistics.median(took)


def play(contender: Contender, count: int, cases: int) -> Round:
    """One round with `count` clients."""
    postgres = server().process
    assert postgres is not None
    ended = contender.ended()
    with Clients(contender.port, count) as clients:
        started = clients.phase([contender.start()] * cases)
        ids = [contender.case_of(body) for body in started.bodies]
        searches: list[Phase] = []
        finishes: list[Phase] = []
        app = database = 0.0
        for _ in range(STEPS):
            searches.append(clients.phase([contender.find(case) for case in ids]))
            tasks = [contender.task_of(body) for body in searches[-1].bodies]
            asked = [contender.finish(case, task) for case, task in zip(ids, tasks, strict=True)]
            before = contender.cpu(), cpu_seconds(postgres.pid)
            finishes.append(clients.phase(asked))
            app += contender.cpu() - before[0]
            database += cpu_seconds(postgres.pid) - before[1]
    if contender.ended() != ended + cases:
        raise RuntimeError(
            f"{contender.name}: {contender.ended() - ended} of {cases} cases came to their end"
        )
    completions = cases * STEPS
    took = sum(p.took for p in finishes)
    return Round(
        starts=_rate(started),
        completions=completions / took,
        with_search=completions / (took + sum(p.took for p in searches)),
        each=[1000 * seconds for phase in finishes for seconds in phase.each],
        own_cpu=sum(p.own_cpu for p in finishes) / took,
        app_cpu=1000 * app / completions,
        database_cpu=1000 * database / completions,
    )


def _rate(phase: Phase) -> float:
    return len(phase.bodies) / phase.took


def _figures(name: str, count: int, rounds: list[Round]) -> Iterator[Row]:
    def median(part: str) -> float:
        return statistics.median(getattr(r, part) for r in rounds)

    clients = f"{count} clients" if count > 1 else "1 client"
    each = statistics.quantiles([ms for r in rounds for ms in r.each], n=20)
    note = (
        f"p50 {each[9]:.1f} ms, p95 {each[18]:.1f} ms; CPU for each: application {median('app_cpu'):.2f} ms, "
        f"PostgreSQL {median('database_cpu'):.2f} ms; the load generator took {median('own_cpu'):.0%} of a core"
    )
    yield Row(f"{name}: completion, {clients}", f"{median('completions'):.0f}", "/s", note)
    yield Row(f"{name}: search and completion, {clients}", f"{median('with_search'):.0f}", "/s")
    yield Row(f"{name}: start, {clients}", f"{median('starts'):.0f}", "/s")


def _targets(
    many: dict[type[Contender], list[Round]],
    cold: dict[type[Contender], float],
    held: dict[type[Contender], int],
) -> Iterator[Row]:
    for peer, target in ((Operaton, OF_OPERATON), (Spiff, OF_SPIFF)):
        if peer not in many:
            continue
        pairs = zip(many[Ours], many[peer], strict=True)
        ratio = statistics.median(a.completions / b.completions for a, b in pairs)
        yield Row(
            f"completion, {MANY} clients, against {peer.name}",
            f"{ratio:.2f}",
            "×",
            "",
            at_least(ratio, target),
        )
    for kind in cold:
        yield Row(
            f"{kind.name}: cold start to the first durable start",
            f"{cold[kind]:.2f}",
            "s",
            "tables are there",
        )
        yield Row(
            f"{kind.name}: memory of the server",
            f"{held[kind] / 1e6:.0f}",
            "MB",
            "after the rounds; all its processes, shared pages once",
        )
    if Operaton in cold:
        ratio = cold[Ours] / cold[Operaton]
        yield Row("cold start against Operaton", f"{ratio:.2f}", "×", "", at_most(ratio, OF_COLD))
        ratio = held[Ours] / held[Operaton]
        yield Row("memory against Operaton", f"{ratio:.2f}", "×", "", at_most(ratio, OF_MEMORY))

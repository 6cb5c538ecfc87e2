"""Completion and start over HTTP on PostgreSQL: the product, SpiffWorkflow behind Flask and Operaton, in one run, and beside
them the floor, bare SQL of the same rows without HTTP.

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

from tests.benchmarks import bench_write
from tests.benchmarks.competitor import Child
from tests.benchmarks.form import FILLED, LAST
from tests.benchmarks.http_load import Clients, Phase, request
from tests.benchmarks.http_servers import JAVA_HEAP, Contender, Operaton, Ours, Spiff, SpiffLean, Unavailable
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.server import server
from tests.benchmarks.table import HTTP, Row, at_least, at_most, not_measured

TABLE = HTTP
MANY, ALONE = 16, 1
STEPS = 4
COMPLETIONS: dict[type[Contender], float] = {Operaton: 1.0, Spiff: 2.0, SpiffLean: 2.0}
OF_FLOOR, OF_COLD, OF_MEMORY = 0.30, 0.2, 0.3
"""The targets: completions with 16 clients against the peers and the floor, cold start and memory against Operaton."""
FLOOR_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Size:
    """Cases to warm up with, rounds, cases a round with 16 clients and with one, cold starts."""

    warm: int
    rounds: int
    cases: int
    alone: int
    cold: int


QUICK = Size(warm=160, rounds=3, cases=96, alone=16, cold=1)
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

    @property
    def cpu(self) -> float:
        return self.app_cpu + self.database_cpu


@dataclass(slots=True)
class Measured:
    """Everything of one run, by server."""

    many: dict[type[Contender], list[Round]]
    alone: dict[type[Contender], list[Round]]
    cold: dict[type[Contender], float]
    memory: dict[type[Contender], int]
    nothing: list[float]
    floor: list[float]


def rows(full: bool = False) -> Iterator[Row]:
    """Rows of `make bench`; `bench-full` warms up with 2,000 cases for each server and plays more and longer rounds."""
    size = FULL if full else QUICK
    with tempfile.TemporaryDirectory() as name:
        there: dict[type[Contender], Contender] = {}
        floor: list[Child] = []
        cold: dict[type[Contender], float] = {}
        try:
            for kind in (Ours, Spiff, SpiffLean, Operaton):
                contender = kind(Path(name))
                try:
                    contender.prepare()
                except Unavailable as reason:
                    yield not_measured(kind.name, str(reason), f"at least {COMPLETIONS[kind]:g}: not known")
                    continue
                there[kind] = contender
                cold[kind] = _cold(contender, size.cold)
            dsn = bench_write.office(Path(name))
            floor += [Child.of("floor", dsn, Path(name)) for _ in range(2)]
            measured = _rounds(there, floor, size)
            measured.cold = cold
        finally:
            for child in floor:
                child.close()
            for contender in there.values():
                contender.stop()
    for kind, rounds in measured.many.items():
        yield from _figures(kind.name, MANY, rounds, size)
    for kind, rounds in measured.alone.items():
        yield from _figures(kind.name, ALONE, rounds, size)
    yield from _compared(measured)


def _rounds(there: dict[type[Contender], Contender], floor: list[Child], size: Size) -> Measured:
    for contender in there.values():
        play(contender, MANY, size.warm)
    _floor(floor)
    found = Measured({kind: [] for kind in there}, {kind: [] for kind in there}, {}, {}, [], [])
    for _ in range(size.rounds):
        for kind, contender in there.items():
            found.many[kind].append(play(contender, MANY, size.cases))
            found.alone[kind].append(play(contender, ALONE, size.alone))
        with Clients(there[Spiff].port, MANY) as clients:
            asked = [request("GET", "/nothing")] * size.cases * STEPS
            found.nothing.append(_rate(clients.phase(asked)))
        found.floor.append(_floor(floor))
    found.memory = {kind: contender.memory() for kind, contender in there.items()}
    return found


def _floor(children: list[Child]) -> float:
    """Completions a second of bare SQL by 16 connections of two processes."""
    for child in children:
        child.tell("load", threads=MANY // len(children), seconds=FLOOR_SECONDS)
    answers = [child.answer() for child in children]
    return float(sum(a["completions"] / a["seconds"] for a in answers))


def _cold(contender: Contender, times: int) -> float:
    """Median seconds from nothing to the first durable start; it runs on afterwards. The very first start does not count:
    tables are made in it, modules compiled, files read from the disk."""
    contender.first_start()
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
        for form in (FILLED,) * (STEPS - 1) + (LAST,):
            searches.append(clients.phase([contender.find(case) for case in ids]))
            tasks = [contender.task_of(body) for body in searches[-1].bodies]
            asked = [contender.finish(case, task, form) for case, task in zip(ids, tasks, strict=True)]
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


def _figures(name: str, count: int, rounds: list[Round], size: Size) -> Iterator[Row]:
    def median(part: str) -> float:
        return statistics.median(getattr(r, part) for r in rounds)

    clients = f"{count} clients" if count > 1 else "1 client"
    each = statistics.quantiles([ms for r in rounds for ms in r.each], n=20)
    cases = size.cases if count == MANY else size.alone
    note = (
        f"p50 {each[9]:.1f} ms, p95 {each[18]:.1f} ms; CPU for each: server {median('app_cpu'):.2f} ms, "
        f"PostgreSQL {median('database_cpu'):.2f} ms; load generator {median('own_cpu'):.0%} of a core; "
        f"{len(rounds)} rounds of {cases} cases after {size.warm} to warm up; "
        f"with the search before it {median('with_search'):.0f}/s; starts {median('starts'):.0f}/s"
    )
    yield Row(f"completion, {clients}: {name}", f"{median('completions'):.0f}", "/s", note)


def _compared(measured: Measured) -> Iterator[Row]:
    mine = [r.completions for r in measured.many[Ours]]
    for peer, target in COMPLETIONS.items():
        if peer in measured.many:
            ratio = _ratio(mine, [r.completions for r in measured.many[peer]])
            cpu = _ratio([r.cpu for r in measured.many[peer]], [r.cpu for r in measured.many[Ours]])
            note = f"in CPU time, server and PostgreSQL together, {cpu:.2f}"
            yield Row(
                f"completion, {MANY} clients: ours against {peer.name}",
                f"{ratio:.2f}",
                "×",
                note,
                at_least(ratio, target),
            )
    floor = statistics.median(measured.floor)
    yield Row(f"the floor: the same rows as bare SQL, {MANY} connections, no HTTP", f"{floor:.0f}", "/s")
    ratio = _ratio(mine, measured.floor)
    yield Row(
        f"completion, {MANY} clients: ours against the floor",
        f"{ratio:.2f}",
        "×",
        "",
        at_least(ratio, OF_FLOOR),
    )
    nothing = statistics.median(measured.nothing)
    yield Row(
        f"an empty Flask endpoint, {MANY} clients",
        f"{nothing:.0f}",
        "/s",
        "the same web server, processes and threads",
    )
    cold, memory = measured.cold, measured.memory
    for kind, seconds in cold.items():
        note = "from nothing to the answer to the first start; tables and definition are there"
        yield Row(f"cold start: {kind.name}", f"{seconds:.2f}", "s", note)
    for kind, held in memory.items():
        note = "after the rounds, all its processes, shared pages once"
        yield Row(
            f"memory of the server: {kind.name}",
            f"{held / 1e6:.0f}",
            "MB",
            note + (f"; -Xmx{JAVA_HEAP}" if kind is Operaton else ""),
        )
    if Operaton in cold:
        ratio = cold[Ours] / cold[Operaton]
        yield Row("cold start: ours against Operaton", f"{ratio:.2f}", "×", "", at_most(ratio, OF_COLD))
        ratio = memory[Ours] / memory[Operaton]
        yield Row(
            "memory of the server: ours against Operaton", f"{ratio:.2f}", "×", "", at_most(ratio, OF_MEMORY)
        )


def _ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))

"""A completion and a start on PostgreSQL: ours, the floor and the peers, durably, in interleaved rounds of one run.

Everybody has a process of its own and a database of its own on the same server, and plays the same process; see
`competitor`. In every round each plays whole cases in turn; a figure is the median over all rounds, a ratio the median of
the rounds' ratios, so that an hour's noise is noise for all.
"""

from __future__ import annotations

import importlib.util
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import ours
from tests.benchmarks.competitor import STEPS, Child, diagram
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.server import server
from tests.benchmarks.table import WRITE, Row, at_least, not_measured
from tests.engine.builders import xml

TABLE = WRITE

CASES = 3
"""Cases a competitor plays in a round."""
EARLIER, AGAIN = 100, 4
"""Completions that the old case has behind it, and those measured in a round."""
LEAST_ROUNDS = 4
LOAD_SECONDS = 1.0
NODE = Path(__file__).parent / "peers" / "bpmn_engine"

OURS, FLOOR, LEAN = "ours", "the floor: the same rows", "the least: state and facts only"
SPIFF, SPIFF_LEAN = "SpiffWorkflow, JSON in PostgreSQL", "SpiffWorkflow, without the diagram in its JSON"
VIEWFLOW, ENGINE_JS = "viewflow (Django)", "bpmn-engine (Node), JSON in PostgreSQL"

TARGETS = {FLOOR: 0.40, SPIFF: 4.0, SPIFF_LEAN: 4.0, VIEWFLOW: 12.0}
TARGETS_OLD = {SPIFF: 20.0, SPIFF_LEAN: 20.0}

Times = dict[str, list[list[float]]]
"""Competitor → milliseconds, one list a round."""


def rows(full: bool = False) -> Iterator[Row]:
    """Rows of `make bench`; `bench-full` plays four times as many rounds."""
    rounds = 48 if full else 12
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from alone(folder, rounds, 600 if full else 75)
        yield from together(folder, 12 if full else 4)


def office(folder: Path) -> str:
    """The DSN of a database with the office and the process in it."""
    engine = ours.prepare(folder)
    database = engine.database.engine.url.database
    engine.close()
    assert database is not None
    return server().dsn(database)


def field(folder: Path) -> dict[str, Callable[[], Child]]:
    """Everybody who takes part with one client."""

    def node() -> Child:
        found = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
        if found is None or not (NODE / "node_modules").exists():
            raise FileNotFoundError("its npm packages are not installed (`make bench` installs them)")
        drawing = folder / "four.bpmn"
        drawing.write_bytes(xml(diagram("${environment.variables.back}")).replace(b">=$", b">$"))
        url = server().url(server().create()).replace("+psycopg", "")
        return Child([found, "run.mjs", url, str(drawing)], folder=NODE)

    def viewflow() -> Child:
        if importlib.util.find_spec("viewflow") is None:
            raise FileNotFoundError("it is not installed (`make bench` installs it)")
        return Child.of("peers.viewflow_app", server().dsn(server().create()), folder)

    def empty(module: str) -> Callable[[], Child]:
        return lambda: Child.of(module, server().dsn(server().create()), folder)

    return {
        OURS: lambda: Child.of("ours", office(folder), folder),
        FLOOR: lambda: Child.of("floor", office(folder), folder),
        LEAN: empty("floor:Lean"),
        SPIFF: empty("peers.spiff"),
        SPIFF_LEAN: empty("peers.spiff:Lean"),
        VIEWFLOW: viewflow,
        ENGINE_JS: node,
    }


def alone(folder: Path, most: int, seconds: float) -> Iterator[Row]:
    """One client: the first four completions of fresh cases, starts, and completions of a case with a past.

    `most` rounds, or as many as the time allows and `LEAST_ROUNDS` in any case.
    """
    children: dict[str, Child] = {}
    out: dict[str, str] = {}
    for name, begin in field(folder).items():
        try:
            children[name] = begin()
            children[name].ask("cases", times=4)  # warm
            children[name].ask("rounds", earlier=EARLIER, times=1)
        except Exception as error:
            if name in (OURS, FLOOR):
                raise
            out[name] = str(error)
            left = children.pop(name, None)
            if left is not None:
                left.close()
    fresh: Times = {name: [] for name in children}
    begun: Times = {name: [] for name in children}
    old: Times = {name: [] for name in children}
    spent = {name: [0.0, 0.0] for name in children}
    rounds = 0
    database = server().process
    assert database is not None
    try:
        until = time.perf_counter() + seconds
        while rounds < most and (rounds < LEAST_ROUNDS or time.perf_counter() < until):
            rounds += 1
            for name, child in children.items():
                before = cpu_seconds(database.pid)
                took = child.ask("cases", times=CASES)
                spent[name][0] += took["cpu"][0]
                spent[name][1] += (cpu_seconds(database.pid) - before) * 1000
                fresh[name].append(took["complete"])
                begun[name].append(took["start"])
            for name, child in children.items():
                old[name].append(child.ask("rounds", earlier=EARLIER, times=AGAIN)["complete"])
    finally:
        for child in children.values():
            child.close()
    yield from told("completion, fresh case, 1 client", fresh, TARGETS)
    commands = rounds * CASES * (1 + len(STEPS))
    for name, (own, servers) in spent.items():
        ratio = (own + servers) / sum(spent[OURS])
        note = f"{own / commands:.2f} in its process and {servers / commands:.2f} in PostgreSQL, starts and completions alike"
        note += f"; {ratio:.1f} times ours" if name != OURS else ""
        yield Row(f"CPU of a command: {name}", f"{(own + servers) / commands:.2f}", "ms", note)
    yield from (
        not_measured(f"completion, 1 client: {name}", why, _wanted(name)) for name, why in out.items()
    )
    yield from told(f"completion after {EARLIER} earlier ones in the case", old, TARGETS_OLD)
    yield from told("start, 1 client", begun, {})


def _wanted(name: str) -> str:
    return f"at least {TARGETS[name]:g}: not known" if name in TARGETS else ""


def told(what: str, times: Times, targets: dict[str, float]) -> Iterator[Row]:
    """A row for each competitor: the median, and how many times ours it is."""
    for name, all_rounds in times.items():
        flat = sorted(one for each in all_rounds for one in each)
        ratio = statistics.median(
            statistics.median(theirs) / statistics.median(mine)
            for theirs, mine in zip(all_rounds, times[OURS], strict=True)
        )
        note = f"p95 {flat[len(flat) * 95 // 100]:.2f}, {len(flat)} of them"
        if name in (FLOOR, LEAN):
            note = f"ours does {ratio:.2f} of what it does; {note}"
        elif name != OURS:
            note = f"{ratio:.1f} times ours; {note}"
        target = at_least(ratio, targets[name]) if name in targets else ""
        yield Row(f"{what}: {name}", f"{statistics.median(flat):.2f}", "ms", note, target)


def together(folder: Path, rounds: int) -> Iterator[Row]:
    """Sixteen clients on two cores: threads of one process, and of two."""
    mine, floors = office(folder), office(folder)
    least = server().dsn(server().create())
    field = {
        f"{OURS}, one process": [Child.of("ours", mine, folder)],
        f"{OURS}, two processes of 8": [Child.of("ours", mine, folder) for _ in range(2)],
        f"{FLOOR}, two processes of 8": [Child.of("floor", floors, folder) for _ in range(2)],
        f"{LEAN}, two processes of 8": [Child.of("floor:Lean", least, folder) for _ in range(2)],
    }
    rates: dict[str, list[float]] = {name: [] for name in field}
    try:
        for number in range(rounds + 1):
            for name, children in field.items():
                for child in children:
                    child.tell("load", threads=16 // len(children), seconds=LOAD_SECONDS)
                answers = [child.answer() for child in children]
                if number:  # the first round makes the cases and warms up
                    rates[name].append(sum(a["completions"] / a["seconds"] for a in answers))
    finally:
        for child in (one for children in field.values() for one in children):
            child.close()
    floor = rates[f"{FLOOR}, two processes of 8"]
    for name, found in rates.items():
        ratio = statistics.median(own / its for own, its in zip(found, floor, strict=True))
        note = f"{ratio:.2f} of the floor" if floor is not found else ""
        yield Row(f"completions, 16 clients: {name}", f"{statistics.median(found):,.0f}", "/s", note)

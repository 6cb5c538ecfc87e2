"""The kernel's speed 内核速度: microseconds a step, and that a step does not grow with the case's history.

A step is one work item finished: from the command to the state after it, in memory, facts and all. SpiffWorkflow,
stock, plays the same diagrams in the same run, once through, and round and round as rework does: what a case has behind
it costs it more with every step, and us nothing. Read the ratios, not the absolutes.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable

from engine import commands as c
from engine.calendar import Moment
from engine.definitions.model import Package
from engine.execution.advance import advance
from engine.execution.state import State, fold
from engine.values import dumps, loads
from tests.benchmarks.table import KERNEL, Row, at_most
from tests.engine.builders import CALENDAR, MONDAY, diagram, xml

TABLE = KERNEL

ROUNDS = 2_000
ROUNDS_AGAIN = (10, 20)
STEPS_A_ROUND = 14
MOMENT = Moment(MONDAY, CALENDAR)

REWORK = """
start S
user A groups=QY
boundary T on=A duration=P5D interrupting=false
user N
user B groups=DB
xor X
end E
end F
S -> A -> B -> X
X -> A if 合格 = false
X -> E default
T -> N -> F
"""


def thirty(plain: bool = False, again: bool = False) -> str:
    """30 elements: 14 user tasks in sequence and in parallel, gateways, start and end. `plain`: with conditions that
    SpiffWorkflow reads too. `again`: from the last task back to the first, for ever."""
    condition = "1 == 1" if plain else "合格 = true"
    lines = ["start S", "end E"]
    if again:
        lines += ["xor M", "xor V", "S -> M", "user Y name=Y", "user Z name=Z", "Y -> Z -> V -> E default"]
        lines += [f"V -> M if {condition}", f"X3 -> Y if {condition}", "X3 -> E default"]
    chain = ["M" if again else "S"]
    for part in range(4):
        a, b, d = f"A{part}", f"B{part}", f"C{part}"
        lines += [f"user {name} name={name}" for name in (a, b, d)]
        lines += [f"and F{part}", f"and J{part}", f"xor X{part}", f"F{part} -> {a} -> J{part}"]
        lines += [f"F{part} -> {b} -> J{part}", f"J{part} -> {d} -> X{part}"]
        chain += [f"F{part}", f"X{part}"]
        lines.append(f"{chain[-3]} -> F{part}" + ("" if part == 0 else f" if {condition}"))
        if part:
            lines.append(f"{chain[-3]} -> E default")
    if not again:
        lines += ["user Y name=Y", "user Z name=Z", "xor W", "task V"]
        lines += [f"X3 -> Y if {condition}", "X3 -> E default", "Y -> W -> Z -> V -> E"]
    return "\n".join(lines)


def sequence() -> str:
    """30 elements in a row."""
    names = [f"A{n}" for n in range(28)]
    return "\n".join(["start S", *(f"user {n}" for n in names), "end E", f"S -> {' -> '.join(names)} -> E"])


def play(package: Package) -> tuple[list[float], int, State]:
    """One case to its end: seconds of each step, facts in all, and the state midway."""
    state = State()
    facts = advance(package, state, c.StartProcess("main", "", {"合格": True}), MOMENT)
    spent, number = [], len(facts)
    midway = state
    while state.items:
        command = c.CompleteItem(next(iter(state.items)), {"合格": True}, "p1", "u1")
        begin = time.perf_counter()
        facts = advance(package, state, command, MOMENT)
        spent.append(time.perf_counter() - begin)
        number += len(facts)
        if len(spent) == 7:
            midway = State.from_data(state.to_data())
    assert state.ended == "completed"
    return spent, number, midway


def rounds_of(package: Package, steps: int) -> list[float]:
    """Seconds of each of the first `steps` steps of one case that does not end."""
    state = State()
    advance(package, state, c.StartProcess("main", "", {"合格": True}), MOMENT)
    spent = []
    for _ in range(steps):
        command = c.CompleteItem(next(iter(state.items)), {"合格": False}, "p1", "u1")
        begin = time.perf_counter()
        advance(package, state, command, MOMENT)
        spent.append(time.perf_counter() - begin)
    return spent


class Spiff:
    """Stock SpiffWorkflow at the same diagram."""

    def __init__(self, lines: str) -> None:
        from lxml import etree
        from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser

        text = xml(lines).replace(b">=1 == 1<", b">1 == 1<").replace(b"userTask", b"manualTask")
        self.parser = BpmnParser()
        self.parser.add_bpmn_xml(etree.parse(io.BytesIO(text)).getroot(), filename="bench.bpmn")

    def steps(self, most: int = 1_000_000) -> list[float]:
        """Seconds of each step of one case: the first task that is ready run, and the engine until it waits."""
        from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
        from SpiffWorkflow.util.task import TaskState

        workflow = BpmnWorkflow(self.parser.get_spec("main"), self.parser.get_subprocess_specs("main"))
        workflow.do_engine_steps()
        spent: list[float] = []
        while not workflow.is_completed() and len(spent) < most:
            task = workflow.get_tasks(state=TaskState.READY, manual=True)[0]
            begin = time.perf_counter()
            task.data.update({"合格": True})
            task.run()
            workflow.do_engine_steps()
            spent.append(time.perf_counter() - begin)
        return spent


def _each(do: Callable[[], object], times: int) -> float:
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        do()
        spent.append(time.perf_counter() - begin)
    return statistics.median(spent)


def _again(theirs: list[float], ours: list[float], rounds: int) -> Row:
    """Both medians over a case that has gone round so often."""
    them, we = (statistics.median(steps[: rounds * STEPS_A_ROUND]) for steps in (theirs, ours))
    note = f"the same 30 elements: {them / we:.0f} times ours ({we * 1e6:.1f} µs)"
    return Row(f"SpiffWorkflow step, stock, {rounds} rounds", f"{them * 1e6:.0f}", "µs", note)


def rows(full: bool = False) -> list[Row]:
    """Rows of `make bench`; `bench-full` has the same."""
    package = diagram(thirty())
    play(package)
    played = [play(package) for _ in range(60)]
    steps = [one for spent, _, _ in played for one in spent]
    step = statistics.median(steps)
    _, number, midway = played[-1]
    data = dumps(midway.to_data())
    restore = _each(lambda: State.from_data(loads(data)), 300)
    store = _each(lambda: dumps(midway.to_data()), 300)
    state = State()
    facts = advance(package, state, c.StartProcess("main", "", {"合格": True}), MOMENT)
    while state.items:
        facts += advance(package, state, c.CompleteItem(next(iter(state.items)), {}, "p1"), MOMENT)
    folding = _each(lambda: fold(facts), 300) / len(facts)
    line = diagram(sequence())
    play(line)
    simple = statistics.median([one for _ in range(30) for one in play(line)[0]])
    rounds = rounds_of(diagram(REWORK), 2 * ROUNDS)
    ratio = statistics.median(rounds[-200:]) / statistics.median(rounds[:200])
    peer = Spiff(thirty(plain=True))
    once = statistics.median([one for _ in range(5) for one in peer.steps()])
    longest = max(ROUNDS_AGAIN) * STEPS_A_ROUND
    theirs = Spiff(thirty(plain=True, again=True)).steps(longest)
    ours = rounds_of(diagram(thirty(again=True).replace(" = true", " = false")), longest)
    elements = len(package.processes["main"].elements)
    return [
        Row(
            "kernel step",
            f"{step * 1e6:.1f}",
            "µs",
            f"median of {len(steps)}, {elements} elements, forks and joins; aim 25",
        ),
        Row("kernel step, task to task", f"{simple * 1e6:.1f}", "µs", "30 elements in a row"),
        Row(
            "kernel step, per fact",
            f"{sum(played[-1][0]) / number * 1e6:.2f}",
            "µs",
            f"{number} facts a case",
        ),
        Row(
            "kernel rework step",
            f"{statistics.median(rounds) * 1e6:.1f}",
            "µs",
            f"median of {ROUNDS} rounds of two steps, a boundary timer on one",
        ),
        Row("kernel rework, last 100 rounds / first 100", f"{ratio:.2f}", "×", "", at_most(ratio, 1.5)),
        Row("kernel fold", f"{folding * 1e6:.2f}", "µs", "a fact"),
        Row("snapshot written", f"{store * 1e6:.0f}", "µs", f"{len(data)} bytes"),
        Row("snapshot restored", f"{restore * 1e6:.0f}", "µs", ""),
        Row(
            "SpiffWorkflow step, stock, once through",
            f"{once * 1e6:.0f}",
            "µs",
            f"the same diagram: {once / step:.0f} times ours",
        ),
        *(_again(theirs, ours, rounds) for rounds in ROUNDS_AGAIN),
    ]

"""Two engines, ten thousand drawings 两机对照: random processes, worked off in random order.

After every command SpiffWorkflow offers the same work as the kernel. A run ends with the case, after a number of
commands (a graph may go round for ever), or where SpiffWorkflow is wrong (`faults`); most runs are compared to the end.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from engine import commands as c
from engine.calendar import Moment
from engine.definitions.second_engine.following import SecondEngine
from engine.execution.advance import advance
from engine.execution.state import State
from tests.engine.builders import CALENDAR, MONDAY, diagram
from tests.properties.random_process import Drawing

PROCESSES = 10_000
PARTS = 20
MOST_COMMANDS = 25


def work_off(seed: int) -> tuple[str, int]:
    """How the comparison of one random process ended, and after how many commands. Fails at a difference."""
    drawing = Drawing(seed)
    package, state, chance = diagram(drawing.text), State(), random.Random(seed + 1)
    second = SecondEngine(package)
    now = MONDAY
    command: c.KernelCommand | None = c.StartProcess("main", "", {"x": chance.randint(0, 4)})
    for _ in range(MOST_COMMANDS):
        if command is None:
            break
        moment = Moment(now, CALENDAR)
        difference = second.follow(advance(package, state, command, moment, "case"), moment)
        assert not difference, f"seed {seed}, {command}: {difference}\n{drawing.text}"
        if second.ended:
            return second.ended, second.compared
        command = None
        if state.ended:
            break
        command = next_command(state, chance)
        if isinstance(command, c.PassDeadline):
            now = max(now, state.deadlines[command.deadline].due or now)
    return "办结" if state.ended else "还在办", second.compared


def next_command(state: State, chance: random.Random) -> c.KernelCommand | None:
    """Something that may happen now: a person, a machine, the next deadline, a message or a signal."""
    answer = {"x": chance.randint(0, 4)}
    may: list[c.KernelCommand] = [c.CompleteItem(id, answer, "p") for id in state.items]
    may += [c.CompleteJob(id, answer) for id in state.jobs]
    due = [(d.due, d.id) for d in state.deadlines.values() if d.due is not None]
    if due:
        may.append(c.PassDeadline(min(due)[1]))
    for one in state.subscriptions.values():
        may.append(c.DeliverSignal(one.name) if one.what == "signal" else c.DeliverMessage(one.name, "", {}))
    return chance.choice(may) if may else None


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_both_engines_offer_the_same_work(part: int) -> None:
    share = PROCESSES // PARTS
    ends: Counter[str] = Counter()
    for seed in range(part * share, (part + 1) * share):
        ends[work_off(seed)[0]] += 1
    assert ends["办结"] + ends["还在办"] >= 0.85 * share, ends


@pytest.mark.parametrize("default", [" default", ""])
@pytest.mark.parametrize("x", [0, 1])
def test_a_task_s_plain_and_conditional_ways_are_told_apart(default: str, x: int) -> None:
    """BPMN 2.0.2, 13.2.1: the plain ways are a parallel split beside the inclusive one."""
    other = f"K -> B{default}" if default else "K -> B if x = 5"
    text = f"start S\nuser K\nuser A\nuser B\nuser C\nS -> K\nK -> A if x = 1\n{other}\nK -> C"
    package, state, moment = diagram(text), State(), Moment(MONDAY, CALENDAR)
    second = SecondEngine(package)
    assert not second.follow(advance(package, state, c.StartProcess("main"), moment, "case"), moment)
    facts = advance(package, state, c.CompleteItem(next(iter(state.items)), {"x": x}, "p"), moment, "case")
    assert not second.follow(facts, moment) and not second.ended
    assert {i.element for i in state.items.values()} == {"C", *("A" if x else "B" if default else "")}

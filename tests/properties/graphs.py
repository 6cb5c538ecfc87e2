"""Every state the kernel can bring a small process to, whatever is decided and in whatever order work is finished.

The conditions of the diagram are not asked but tried: each way of answering them is a branch. The oracle of
`test_soundness`: slow, and nothing but the kernel.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest

from engine import commands as c
from engine.calendar import Moment
from engine.definitions.model import Element, Flow, Kind, Package
from engine.execution.advance import advance
from engine.execution.run import Run
from engine.execution.state import Instance, State
from tests.engine.builders import CALENDAR, MONDAY

Key = tuple[Any, ...]

MOST_CHOICES = 5
"""Conditions asked in one step after which it is taken to go round without waiting."""


class TooBig(Exception):
    """More states than were asked for, or a step without end."""


class Answers:
    """Answers the conditions of one step from a script; what the script does not say is answered by the first way."""

    def __init__(self, script: tuple[int, ...] = ()) -> None:
        self.script = script
        self.choices: list[int] = []  # how many ways there were, at each choice
        self.chosen: dict[int, frozenset[str]] = {}
        self.taken: list[int] = []
        self.pick: Callable[[Element], frozenset[str]] | None = None

    def condition(self, run: Run, flow: Flow, at: Instance, near: Any, form: Any) -> bool:
        if flow.condition is None:
            return True
        if at.id not in self.chosen:
            element = run.element(at)
            if self.pick is not None:
                self.chosen[at.id] = self.pick(element)
            else:
                ways = answers(element)
                number = len(self.choices)
                if number > MOST_CHOICES:
                    raise TooBig
                self.choices.append(len(ways))
                way = self.script[number] if number < len(self.script) else 0
                self.taken.append(way)
                self.chosen[at.id] = ways[way]
        return flow.id in self.chosen[at.id]


def answers(element: Element) -> list[frozenset[str]]:
    """The sets of conditional flows whose conditions may hold; only one at a time where only one is taken."""
    asked = [f.id for f in element.outgoing if f.condition is not None]
    none = [frozenset[str]()] if element.default or len(asked) < len(element.outgoing) else []
    sizes = (1,) if element.kind is Kind.EXCLUSIVE else range(1, len(asked) + 1)
    return [frozenset(some) for size in sizes for some in combinations(asked, size)] + none


def key(state: State) -> Key:
    """A state without its ids and times: what stands where."""

    def of(instance: Instance) -> Key:
        arrivals = tuple(sorted((g, tuple(sorted(t[0] for t in ts))) for g, ts in instance.arrivals.items()))
        held = sorted(
            (state.deadlines.get(h) or state.subscriptions[h]).element  # type: ignore[union-attr]
            for h in instance.holds
            if h in state.deadlines or h in state.subscriptions
        )
        return (
            instance.element,
            instance.body,
            arrivals,
            tuple(held),
            tuple(sorted(of(state.instances[child]) for child in instance.children)),
        )

    return (state.ended, of(state.instances[1]) if 1 in state.instances else ())


def standing(state: State) -> tuple[tuple[str, str], ...]:
    """The tokens that wait at joins: gateway and flow."""
    return tuple(
        sorted((g, t[0]) for i in state.instances.values() for g, ts in i.arrivals.items() for t in ts)
    )


def commands(state: State) -> Iterator[tuple[c.KernelCommand, str]]:
    """What can happen next, and at which element."""
    for item in state.items.values():
        yield c.CompleteItem(item.id, {}), item.element
    for job in state.jobs.values():
        yield c.CompleteJob(job.id), job.element
    for deadline in state.deadlines.values():
        yield c.PassDeadline(deadline.id), deadline.element
    for one in state.subscriptions.values():
        if one.what == "message":
            yield c.DeliverMessage(one.name, one.key), one.element
        elif one.what == "signal":
            yield c.DeliverSignal(one.name), one.element


def step(
    package: Package, data: Mapping[str, Any] | None, command: c.KernelCommand, answers: Answers
) -> State:
    """One command on a copy of a state, its conditions answered from outside."""
    state = State() if data is None else State.from_data(data)
    now = MONDAY
    if isinstance(command, c.PassDeadline):
        due = state.deadlines[command.deadline].due
        assert due is not None
        now = max(now, due)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "condition", lambda run, *args: answers.condition(run, *args))
        advance(package, state, command, Moment(now, CALENDAR), "case")
    return state


@dataclass
class Graph:
    """All states of a process, by `key`."""

    states: dict[Key, State] = field(default_factory=dict)
    after: dict[Key, set[Key]] = field(default_factory=dict)

    @property
    def stuck(self) -> list[State]:
        """States that have not ended and in which nothing can happen any more."""
        return [s for s in self.states.values() if not s.ended and not any(commands(s))]

    @property
    def hopeless(self) -> list[Key]:
        """States from which the case cannot be completed, whatever is done."""
        good = {k for k, s in self.states.items() if s.ended}
        before: dict[Key, set[Key]] = {}
        for one, others in self.after.items():
            for other in others:
                before.setdefault(other, set()).add(one)
        stack = list(good)
        while stack:
            for one in before.get(stack.pop(), ()):
                if one not in good:
                    good.add(one)
                    stack.append(one)
        return [k for k in self.states if k not in good]


def every_state(package: Package, most: int = 3_000) -> Graph:
    """All states the kernel can come to. Raises `TooBig`."""
    graph = Graph()
    todo: list[Key] = []
    steps = 0

    def follow(data: Mapping[str, Any] | None, command: c.KernelCommand, origin: Key | None) -> None:
        scripts: list[tuple[int, ...]] = [()]
        while scripts:
            script = scripts.pop()
            nonlocal steps
            steps += 1
            if steps > 6 * most:
                raise TooBig
            said = Answers(script)
            state = step(package, data, command, said)
            for index in range(len(script), len(said.choices)):
                for other in range(1, said.choices[index]):
                    scripts.append((*said.taken[:index], other))
            found = key(state)
            if found not in graph.states:
                if len(graph.states) >= most:
                    raise TooBig
                graph.states[found] = state
                graph.after[found] = set()
                todo.append(found)
            if origin is not None:
                graph.after[origin].add(found)

    follow(None, c.StartProcess(""), None)
    while todo:
        origin = todo.pop()
        state = graph.states[origin]
        if not state.ended:
            data = state.to_data()
            for command, _ in list(commands(state)):
                follow(data, command, origin)
    return graph


def replay(package: Package, path: tuple[str, ...]) -> State:
    """Follow a path of element and flow ids in the kernel, one command at a time, as far as it leads."""
    process = package.processes[package.main]
    left: dict[str, list[frozenset[str]]] = {}  # by element, the flows by which it is left, time after time
    order: list[str] = []
    for index, id in enumerate(path):
        if id in process.elements:
            taken = []
            for flow in path[index + 1 :]:
                if flow not in process.flows:
                    break
                taken.append(flow)
            left.setdefault(id, []).append(frozenset(taken))
            order.append(id)

    def pick(element: Element) -> frozenset[str]:
        taken = left[element.id][done[element.id]]
        done[element.id] += 1
        return taken - {element.default}

    done = dict.fromkeys(left, 0)
    said = Answers()
    said.pick = pick
    state = step(package, None, c.StartProcess(""), said)
    for id in order:
        waiting = [command for command, element in commands(state) if element == id]
        if waiting:
            state = step(package, state.to_data(), waiting[0], said)
    return state


# -- random processes ----------------------------------------------------------------------------------


def random_graph(dice: random.Random, *, inclusive: bool = True, boundary: bool = True) -> str:
    """A small process drawn without any plan: tasks and gateways, joined at random."""
    count = dice.randint(3, 8)
    kinds = ["user"] * 4 + ["xor"] * 3 + ["and"] * 3 + (["or"] * 2 if inclusive else [])
    nodes = [(f"N{index}", dice.choice(kinds)) for index in range(count)]
    flows: list[tuple[str, str]] = [("S", "N0")]
    for index in range(1, count):
        flows.append((nodes[dice.randrange(max(0, index - 3), index)][0], nodes[index][0]))
    for _ in range(dice.randint(0, 4)):
        source, target = dice.randrange(count), dice.randrange(count)
        if source != target and (target > source or dice.random() < 0.4):
            flows.append((nodes[source][0], nodes[target][0]))
    lines = ["start S", "end E"]
    for id, kind in nodes:
        lines.append(f"{kind} {id}")
        if not any(source == id for source, _ in flows):
            flows.append((id, "E"))
        if boundary and kind == "user" and dice.random() < 0.15:
            word = dice.choice(["", " interrupting=false"])
            lines.append(f"boundary B{id} on={id} duration=P1D{word}")
            flows.append((f"B{id}", dice.choice([*(n for n, _ in nodes), "E"])))
    return "\n".join([*lines, *_written(dict(nodes), list(dict.fromkeys(flows)), dice)])


class Nested:
    """Scopes inside scopes, each drawn like `random_graph`. `rich`: with ends that stop their scope, throws, boundary
    events and event subprocesses."""

    def __init__(self, dice: random.Random, *, rich: bool) -> None:
        self.dice = dice
        self.rich = rich
        self.count = 0
        self.text = "\n".join(["process main", *self._scope(2, "  ")])

    def _id(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def _scope(self, depth: int, pad: str) -> list[str]:
        dice = self.dice
        kinds = ["user"] * 4 + ["xor"] * 2 + ["and"] * 3 + ["or"] + (["sub"] * 3 if depth else [])
        nodes = [(self._id("N"), dice.choice(kinds)) for _ in range(dice.randint(2, 5 if depth else 4))]
        start, ends = self._id("S"), [(self._id("E"), "")]
        if self.rich and dice.random() < 0.3:
            ends.append((self._id("E"), dice.choice(["terminate", "error=X", "escalation=L"])))
        flows = [(start, nodes[0][0])]
        for index in range(1, len(nodes)):
            flows.append((nodes[dice.randrange(max(0, index - 2), index)][0], nodes[index][0]))
        for _ in range(dice.randint(0, 3)):
            source, target = dice.randrange(len(nodes)), dice.randrange(len(nodes))
            if source != target and (target > source or dice.random() < 0.3):
                flows.append((nodes[source][0], nodes[target][0]))
        out = [f"{pad}start {start}", *(f"{pad}end {id} {word}" for id, word in ends)]
        for id, kind in nodes:
            out.append(f"{pad}{kind} {id}")
            if kind == "sub":
                out += self._scope(depth - 1, pad + "  ")
            if not any(source == id for source, _ in flows):
                flows.append((id, dice.choice(ends)[0]))
            if self.rich and kind in ("user", "sub") and dice.random() < 0.3:
                event = self._id("B")
                out.append(f"{pad}boundary {event} on={id} {dice.choice(_EVENTS[kind])}")
                flows.append((event, dice.choice([*(n for n, _ in nodes), *(e for e, _ in ends)])))
        if self.rich and dice.random() < 0.12:
            out += self._handler(pad)
        return [*out, *(pad + line for line in _written(dict(nodes), list(dict.fromkeys(flows)), dice))]

    def _handler(self, pad: str) -> list[str]:
        id, start, work, end = self._id("H"), self._id("S"), self._id("N"), self._id("E")
        inside = [f"start {start} {self.dice.choice(_STARTS)}", f"user {work}", f"end {end}"]
        return [f"{pad}eventsub {id}", *(f"{pad}  {one}" for one in [*inside, f"{start} -> {work} -> {end}"])]


_TIMERS = ["duration=P1D", "duration=P1D interrupting=false"]
_EVENTS = {
    "user": _TIMERS,
    "sub": [*_TIMERS, "error=X", "escalation=L", "escalation=L interrupting=false"],
}
_STARTS = ["message=m", "message=m interrupting=false", "escalation=L", "error=X"]


def _written(kinds: dict[str, str], flows: list[tuple[str, str]], dice: random.Random) -> Iterator[str]:
    for source in dict.fromkeys(s for s, _ in flows):
        targets = [t for s, t in flows if s == source]
        asks = kinds.get(source) in ("xor", "or") and len(targets) > 1
        if kinds.get(source) == "user" and len(targets) > 1:
            asks = dice.random() < 0.4
        default = asks and dice.random() < 0.5
        for index, target in enumerate(targets):
            if default and index == len(targets) - 1:
                yield f"{source} -> {target} default"
            else:
                yield f"{source} -> {target}" + (f" if v{index}" if asks else "")

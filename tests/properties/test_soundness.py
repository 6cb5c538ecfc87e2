"""The soundness analysis against the kernel itself: what it says is stuck gets stuck, and nothing else does.

Random processes drawn without a plan are played by the real kernel in every order and with every answer to every
condition (`graphs`). The markings in which nothing can happen any more are the same ones, with and without reduction;
every way that is shown leads there; where the kernel has a step open twice, that is said. Blocks are always sound.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.definitions.lint import RULES
from engine.definitions.soundness import Analysis
from engine.definitions.soundness.exploration import Exploration
from engine.errors import StepBudgetExceeded
from tests.engine.builders import diagram
from tests.properties.graphs import Nested, TooBig, every_state, random_graph, replay, standing
from tests.properties.test_kernel_random import Block, Writer, blocks

Marking = tuple[tuple[str, str], ...]


def stuck(seen: Exploration) -> set[Marking]:
    """The markings in which tokens are left for ever: gateway and flow."""
    found = set()
    for state in seen.stuck:
        places = [seen.net.places[token] for token in seen.states[state][0]]
        found.add(tuple(sorted((place.element, place.flow) for place in places if place.flow)))
    return found


def compare(seed: int) -> Counter[str]:
    """One random process, told by the analysis and played by the kernel; what there was to see."""
    text = random_graph(random.Random(seed))
    package = diagram(text)
    try:
        kernel = every_state(package, 200)
    except (TooBig, StepBudgetExceeded):
        return Counter(left_out=1)  # it grows without end, or goes round without waiting
    scope = Analysis(package).scopes["main", "main"]
    seen, all_orders = scope.exploration, Analysis(package, reduce=False).scopes["main", "main"].exploration
    assert seen.complete, text
    if seen.growing and scope.net.inclusive:
        return Counter(
            left_out=1
        )  # which of two free inclusive joins goes first is left open: more may pile up than does
    assert not seen.growing, text
    ends = {standing(state) for state in kernel.stuck}
    assert stuck(seen) == stuck(all_orders) == ends, text
    assert bool(seen.stuck or seen.endless) == bool(kernel.hopeless), text
    deadlocks = [fault for fault in scope.faults if fault.kind == "deadlock"]
    assert bool(deadlocks) >= bool(ends), text
    for fault in deadlocks:
        state = replay(package, fault.path)
        assert not state.ended, (text, fault.path)
        assert getattr(fault.at, "id", "") in dict(standing(state)), (text, fault.path)
    double = {
        element
        for state in kernel.states.values()
        for element, times in Counter(item.element for item in state.items.values()).items()
        if times > 1
    } & scope.net.after((id for some in scope.starts for id in some), beside=False)
    together = [fault for fault in scope.faults if fault.kind in ("unsynchronised", "unbounded")]
    assert bool(together) >= bool(double), (text, double)
    return Counter(looked_at=1, stuck=bool(ends), replayed=len(deadlocks), double=bool(double))


def compare_nested(seed: int, *, rich: bool) -> Counter[str]:
    """Scopes inside scopes: what gets stuck is said, what is said never to come never comes."""
    text = Nested(random.Random(seed), rich=rich).text
    package = diagram(text)
    try:
        kernel = every_state(package, 120)
    except (TooBig, StepBudgetExceeded):
        return Counter(left_out=1)
    analysis = Analysis(package)
    said = {(fault.kind, getattr(fault.at, "id", "")) for fault in analysis.faults}
    in_every_order = Analysis(package, reduce=False).faults
    assert said == {(fault.kind, getattr(fault.at, "id", "")) for fault in in_every_order}, text
    kinds = {kind for kind, _ in said}
    stuck = [state for state in kernel.stuck if not state.incidents]
    assert "deadlock" in kinds or not stuck, text
    entered = {one.element for state in kernel.states.values() for one in state.instances.values()}
    assert not entered & {id for kind, id in said if kind == "dead"}, text
    no_way_out = list(RULES["no_end_reachable"].check(package.processes["main"], package))
    if not rich and not no_way_out:  # which that rule says
        assert bool(kernel.hopeless) == bool(kinds & {"deadlock", "livelock"}), text
    return Counter(looked_at=1, stuck=bool(stuck), dead="dead" in kinds)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**9))
def test_what_the_kernel_comes_to_is_what_is_said(seed: int) -> None:
    compare(seed)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**9), rich=st.booleans())
def test_scopes_inside_scopes(seed: int, rich: bool) -> None:
    compare_nested(seed, rich=rich)


@pytest.mark.slow
def test_hundreds_of_random_nested_processes() -> None:
    found: Counter[str] = Counter()
    for seed in range(400):
        found += compare_nested(seed, rich=bool(seed % 2))
    assert found["looked_at"] > 250
    assert found["stuck"] > 30
    assert found["dead"] > 30


@pytest.mark.slow
def test_hundreds_of_random_processes() -> None:
    found: Counter[str] = Counter()
    for seed in range(600):
        found += compare(seed)
    assert found["looked_at"] > 450
    assert found["replayed"] > 80
    assert found["double"] > 40


@pytest.mark.slow
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(block=blocks())
def test_blocks_are_sound(block: Block) -> None:
    text = Writer().process(block)
    for reduce in (True, False):
        analysis = Analysis(diagram(text), reduce=reduce)
        faults = [f for f in analysis.faults if f.kind != "budget"]
        assert not faults, (text, [(f.kind, f.at) for f in faults])

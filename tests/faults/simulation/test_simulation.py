"""Random processes, random people, random failures, and nothing lost, duplicated, early or late.

1,000 seeds on SQLite and some on PostgreSQL in `make test`; `make soak` plays 20,000 (`SIMULATIONS`). A seed that fails
says how to play it again.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator

import pytest

from tests import stores
from tests.faults.simulation.run import DRAWINGS, explained, play
from tests.faults.simulation.schedule import draw, shorten

SIMULATIONS = int(os.environ.get("SIMULATIONS", "1000"))
PARTS = 10
ON_POSTGRESQL = max(SIMULATIONS // 20, 40)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What the product logs about failures that are meant to happen."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def play_all(seeds: range, store: str, drawings: int) -> Counter[str]:
    happened: Counter[str] = Counter()
    for seed in seeds:
        played = play(seed, store, drawings=drawings)
        if played.fault is not None:
            pytest.fail(explained(played, store, drawings), pytrace=False)
        world = played.world
        happened["runs"] += 1
        happened["crashes"] += world.crashes
        happened["acts"] += world.acts
        happened["facts"] += sum(world.observer.seen.values())
        for (_, kind, _element), count in world.observer.counted.items():
            happened[kind] += count
    return happened


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_duplicated_early_or_late(part: int) -> None:
    size = SIMULATIONS // PARTS
    drawings = DRAWINGS if SIMULATIONS <= 1000 else SIMULATIONS // 40
    happened = play_all(range(part * size, (part + 1) * size), stores.SQLITE, drawings)
    print(dict(happened))  # noqa: T201 — read with -s
    assert happened["crashes"] > size and happened["DeadlinePassed"] > 5 * size, (
        "the days are not what they should be"
    )


@pytest.mark.slow
def test_the_same_on_postgresql() -> None:
    happened = play_all(range(ON_POSTGRESQL), stores.POSTGRESQL, 20)
    assert happened["crashes"] > ON_POSTGRESQL


def test_a_few_days_in_the_quick_run() -> None:
    happened = play_all(range(7), stores.SQLITE, 4)
    assert happened["crashes"] and happened["DeadlinePassed"] and happened["MessageSent"]


def test_a_seed_is_played_the_same_each_time() -> None:
    for seed in (7, 42):
        one, two = play(seed), play(seed)
        assert one.world.trace == two.world.trace and one.world.observer.seen == two.world.observer.seen


def test_what_fails_is_shortened() -> None:
    """A day that fails whenever somebody returns an item is shortened to that."""
    schedule = next(
        day for day in map(draw, range(200)) if any(a.what == "return" for i in day for a in i.acts)
    )
    short = shorten(schedule, lambda day: any(a.what == "return" for i in day for a in i.acts))
    assert sum(len(instant.acts) for instant in short) == 1

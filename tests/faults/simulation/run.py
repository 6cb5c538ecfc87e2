"""Playing a seed 按种子模拟, saying what failed in it, and how to see it again.

python -m tests.faults.simulation --seed 4711 [--store postgresql]
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from unittest import mock

from engine.runtime import engine as engine_module
from engine.runtime import relay
from tests import stores
from tests.faults.simulation import offices
from tests.faults.simulation.live import Fault
from tests.faults.simulation.schedule import Schedule, draw, shorten, told
from tests.faults.simulation.world import World, token_hex

DRAWINGS = 50
"""Processes that the seeds share: seed n plays drawing n modulo this. A process takes longer to compile than to play."""


@dataclass
class Played:
    """What came of a run. `fault` None: everything was as it had to be."""

    seed: int
    fault: Fault | None
    world: World


Sickness = Callable[[], AbstractContextManager[object]]
"""What makes the engine ill: a mutant (`mutants.MUTANTS`)."""


def play(
    seed: int,
    store: str = stores.SQLITE,
    schedule: Schedule | None = None,
    drawings: int = DRAWINGS,
    sickness: Sickness = nullcontext,
) -> Played:
    """Play the day of a seed, or another schedule over the same office."""
    number = seed % drawings
    with offices.opened(number, store) as office:
        world = World(offices.drawing(number), office, seed)
        with (
            mock.patch.object(engine_module, "secrets", token_hex(world)),
            mock.patch.object(
                relay, "LONGEST_ROUND", math.inf
            ),  # the host's own time, which a day must not depend on
            sickness(),
        ):
            try:
                world.play(schedule or draw(seed))
            except Fault as fault:
                return Played(seed, fault, world)
            except Exception as error:
                return Played(seed, Fault("unexpected", f"{type(error).__name__}: {error}"), world)
        return Played(seed, None, world)


def explained(
    played: Played, store: str = stores.SQLITE, drawings: int = DRAWINGS, sickness: Sickness = nullcontext
) -> str:
    """For people: the fault, how to play it again, and the day shortened to what still fails by the same check."""
    assert played.fault is not None
    check = played.fault.check

    def fails(schedule: Schedule) -> bool:
        again = play(played.seed, store, schedule, drawings, sickness)
        return again.fault is not None and again.fault.check == check

    logging.disable(logging.CRITICAL)
    try:
        short = shorten(draw(played.seed), fails)
        last = play(played.seed, store, short, drawings, sickness)
    finally:
        logging.disable(logging.NOTSET)
    how = f"python -m tests.faults.simulation --seed {played.seed} --store {store} --drawings {drawings}"
    trace = "\n  ".join(last.world.trace)
    return (
        f"seed {played.seed} on {store}: {played.fault}\nagain: {how}\n"
        f"shortened to ({last.fault}):\n{told(short)}\nwhat happened:\n  {trace}"
    )

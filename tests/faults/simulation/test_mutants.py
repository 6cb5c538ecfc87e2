"""What the simulation is worth: every mutant of the engine is caught within `MOST_RUNS` seeds, the engine itself by none."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.faults.simulation.mutants import MOST_RUNS, MUTANTS, Mutant
from tests.faults.simulation.mutants_at_work import AT_WORK
from tests.faults.simulation.run import play

OUT_OF_DATE = ("TypeError", "ProgrammingError", "AttributeError", "NameError", "KeyError")
"""What a patch raises that was made for an older engine."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", [*MUTANTS, *AT_WORK], ids=lambda mutant: mutant.name)
def test_every_mutant_is_caught(mutant: Mutant, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(MOST_RUNS):
        fault = play(seed, sickness=mutant.sick).fault
        if fault is not None:
            break
    else:
        pytest.fail(f"{mutant.name} ({mutant.fault}) was not caught in {MOST_RUNS} runs")
    with capsys.disabled():
        print(f"\n{mutant.name}: seed {seed}, {str(fault)[:110]}")  # noqa: T201 — the figures of the run
    assert not any(word in str(fault) for word in OUT_OF_DATE), (
        "the patch no longer fits the engine: this proves nothing"
    )
    assert play(seed).fault is None, "the engine without it passes that very day"


@pytest.mark.slow
def test_mutants_do_not_stay_behind() -> None:
    for seed, mutant in enumerate([*MUTANTS, *AT_WORK]):
        play(seed, sickness=mutant.sick)
    for seed in range(5):
        assert play(seed).fault is None

"""Soak 浸泡: a virtual year of 500 cases by `make soak`, a virtual month of 50 in `make test`. 0 faults, and no memory kept.

`SOAK=year` plays the year (up to half an hour).
"""

from __future__ import annotations

import logging
import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.simulation.offices import MEMORY
from tests.faults.year import lived

A_YEAR = os.environ.get("SOAK") == "year"
DAYS, CASES = (365, 500) if A_YEAR else (30, 50)

MOST_GROWTH = 1.05
"""Memory at the end against memory after the warm-up."""

WARM = 0.5
"""Part of the time in which caches fill and the number of open cases rises."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
def test_nothing_goes_wrong_and_nothing_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder,
        lived(Path(folder), days=DAYS, cases=CASES) as found,
    ):
        pass
    warm = statistics.median(found.kilobytes[int(len(found.kilobytes) * WARM) :][:5])
    last = statistics.median(found.kilobytes[-5:])
    with capsys.disabled():
        print(  # noqa: T201 — the figures of the run
            f"\n{DAYS} days: {dict(found.happened)}\nrefused {dict(found.refused)}, incidents {dict(found.incidents)}"
            f"\nmemory {warm / 1024:.1f} MB after the warm-up, {last / 1024:.1f} MB at the end ({last / warm:.3f} ×)"
        )
    assert not found.faults, found.faults[:10]
    assert set(found.refused) <= REFUSALS, "people were refused for reasons they could not help"
    assert found.happened["crashes"] > DAYS / 5 and found.happened["DeadlinePassed"] > CASES * 3
    assert last / warm <= MOST_GROWTH


REFUSALS = {"not_open", "not_allowed", "suspended", "already_claimed", "separation_of_duties", "form_invalid"}
"""What may be said to people who act at random: somebody or time was quicker, or it is not theirs."""

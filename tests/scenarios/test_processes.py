"""What every process package promises: all its scenarios, each run plainly, restored and replayed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from engine.runtime.scenario import DEFAULTS, Book, book_of_folder

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "processes").glob("*/scenarios/*.yaml") if path.name != DEFAULTS)


@cache
def book(folder: Path) -> Book:
    return book_of_folder(folder)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}/{path.stem}")
def test_scenario(path: Path) -> None:
    (report,) = book(path.parent.parent).run(path.name)
    assert [str(failure) for failure in report.failures] == []


def test_there_are_as_many_as_promised() -> None:
    assert len([p for p in FILES if p.parent.parent.name == "major_hazard_supervision"]) >= 38

"""The shape of the benchmark: rows of tables, and targets as plain words.

A module `bench_NAME.py` of this folder names its table by `TABLE` (one of `TABLES`) and offers
`rows(full: bool = False)`: an iterable of `Row`, printed as they come. `full` is `make bench-full`: larger sizes, more
rounds. Figures that are compared (ours, floor, peers) are measured in interleaved rounds of the same run.
"""

from __future__ import annotations

from typing import NamedTuple

KERNEL = "The kernel, in memory"
SQLITE = "One machine, SQLite"
WRITE = "Completion and start through the engine, PostgreSQL"
HTTP = "Completion and start over HTTP, PostgreSQL"
DEADLINES = "Deadlines, PostgreSQL"
LISTS = "Worklist, register and stuck cases, PostgreSQL"
GROWTH = "Cost against history and size, PostgreSQL"

PICTURES = "Photos handed in a second time"
CAPACITY = "Capacity: what a county, a city, a province need"

TABLES = (KERNEL, SQLITE, WRITE, HTTP, DEADLINES, LISTS, GROWTH, PICTURES, CAPACITY)
"""In the order in which they are printed."""


class Row(NamedTuple):
    """One line of a table. `target` says what the figure should be and whether it is: see `at_least`, `at_most`."""

    name: str
    value: str
    unit: str
    note: str = ""
    target: str = ""


def at_least(figure: float, target: float) -> str:
    """The target's cell for a figure that should not be smaller."""
    return _said("at least", figure >= target, target)


def at_most(figure: float, target: float) -> str:
    """The target's cell for a figure that should not be larger."""
    return _said("at most", figure <= target, target)


def _said(bound: str, reached: bool, target: float) -> str:
    return f"{bound} {target:,g}: {'reached' if reached else 'NOT reached'}"


def not_measured(name: str, why: str, target: str = "") -> Row:
    """The row of something that cannot be measured here, with the reason in plain words."""
    return Row(name, "—", "", f"not measured, because {why}", target)


HEADER = "| what | value | unit | beside it | target |\n|---|---:|---|---|---|"


def line(row: Row) -> str:
    """The row as Markdown."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"

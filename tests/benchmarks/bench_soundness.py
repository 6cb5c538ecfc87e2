"""How long the soundness of a definition takes 可靠性检查: time and markings, with and without partial-order reduction."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from engine.definitions.compile import compile_package, load_folder
from engine.definitions.model import Package
from engine.definitions.soundness import Analysis
from tests.benchmarks.table import KERNEL, Row
from tests.engine.builders import diagram

TABLE = KERNEL

ROOT = Path(__file__).parents[2]
KEY = "major_hazard_supervision"


def branches(number: int, steps: int) -> str:
    """So many branches beside each other, each of so many steps with a choice in every one."""
    lines = ["start S", "and F", "and J", "end E", "S -> F", "J -> E"]
    for b in range(number):
        before = "F"
        for s in range(steps):
            x, y, one, two = f"X{b}_{s}", f"Y{b}_{s}", f"P{b}_{s}", f"Q{b}_{s}"
            lines += [f"xor {x}", f"xor {y}", f"user {one}", f"user {two}", f"{before} -> {x}"]
            lines += [f"{x} -> {one} if a", f"{x} -> {two} default", f"{one} -> {y}", f"{two} -> {y}"]
            before = y
        lines.append(f"{before} -> J")
    return "\n".join(lines)


def _looked(package: Package, most: int, reduce: bool) -> tuple[float, str]:
    spent = []
    for _ in range(3):
        begin = time.perf_counter()
        analysis = Analysis(package, most, reduce=reduce)
        spent.append(time.perf_counter() - begin)
    whole = all(scope.exploration.complete for scope in analysis.scopes.values())
    return statistics.median(spent), f"{analysis.states}{'' if whole else ' and more'} markings"


def rows(full: bool = False) -> list[Row]:
    """Rows of `make bench`; `bench-full` has the same."""
    package = compile_package(load_folder(ROOT / "processes" / KEY, ROOT / "forms" / KEY))[0]
    assert package is not None
    elements = sum(len(process.elements) for process in package.processes.values())
    found: list[Row] = []
    for what, one in (
        (f"{KEY}, {elements} elements", package),
        ("6 branches of 6 choices", diagram(branches(6, 6))),
    ):
        with_it, few = _looked(one, 20_000, True)
        without, many = _looked(one, 20_000, False)
        found.append(
            Row(
                f"soundness, {what}",
                f"{with_it * 1e3:.0f}",
                "ms",
                f"{few}; all orders: {without * 1e3:.0f} ms, {many}",
            )
        )
    return found

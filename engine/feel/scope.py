"""The names in force while an expression runs, and what a compiled node is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.feel.budget import Run


class Env:
    """The names in force at one point: `values` here, the rest in `parent`."""

    __slots__ = ("parent", "run", "values")

    def __init__(self, values: Mapping[str, Any], parent: Env | None, run: Run) -> None:
        self.values = values
        self.parent = parent
        self.run = run


Code = Callable[[Env], Any]

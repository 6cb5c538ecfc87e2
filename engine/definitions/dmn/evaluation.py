"""One evaluation of a decision 一次决策: its budget, what it remarks on the way, and layers of names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.calendar import Moment
from engine.feel.budget import DECISION_LIMIT, Run
from engine.values import Value

REMARK_LIMIT = 30


class Deciding(Run):
    """A run with the decision's budget. `remarks` say where a value became null because it does not fit its type,
    or a function could not be called: the standard goes on with null, and people want to know why."""

    __slots__ = ("remarks",)

    def __init__(self, moment: Moment, steps: int = DECISION_LIMIT) -> None:
        super().__init__(moment, steps)
        self.remarks: list[str] = []

    def remark(self, sentence: str) -> None:
        if len(self.remarks) < REMARK_LIMIT and sentence not in self.remarks:
            self.remarks.append(sentence)


def remark(run: Run, sentence: str) -> None:
    """Note a sentence where the run keeps them."""
    if isinstance(run, Deciding):
        run.remark(sentence)


class Overlay(Mapping[str, Any]):
    """Some names over a context that is not copied."""

    __slots__ = ("_below", "_over")

    def __init__(self, over: Mapping[str, Any], below: Mapping[str, Any]) -> None:
        self._over = over
        self._below = below

    def __getitem__(self, name: str) -> Any:
        return self._over[name] if name in self._over else self._below[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self._over[name] if name in self._over else self._below.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._over or name in self._below

    def __iter__(self) -> Iterator[str]:
        yield from self._over
        yield from (name for name in self._below if name not in self._over)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def shown(value: Value) -> str:
    """A value in a sentence, shortened."""
    text = f"“{value}”" if isinstance(value, str) else "空" if value is None else str(value)
    return text if len(text) <= 40 else text[:39] + "…"

"""How a built-in function is declared and found.

    @function("substring", "string, start position, length?")
    def substring(run, string, start, length=None): ...

A function receives its run (for the budget and the moment) and its arguments; arguments of a wrong kind give null.
Several signatures are separated by "|"; "…" at the end takes any number of arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Builtin:
    """A built-in function. `signatures` hold the parameters' names, each with whether it must be given."""

    name: str
    call: Callable[..., Any]
    signatures: tuple[tuple[tuple[str, bool], ...], ...]
    variadic: bool

    def positional(self, count: int) -> bool:
        """Whether it can be called with this many arguments."""
        if self.variadic:
            return count >= 1
        return any(sum(must for _, must in one) <= count <= len(one) for one in self.signatures)

    def named(self, names: tuple[str, ...]) -> list[int | None] | None:
        """Where each parameter's argument stands in a call by name; None when no signature fits. Where two signatures
        have the same names (`before(point, range)` and `before(range, point)`), the one in the order of the call."""
        for one in sorted(self.signatures, key=lambda one: tuple(name for name, _ in one) != names):
            known = [name for name, _ in one]
            if set(names) <= set(known) and all(name in names for name, must in one if must):
                return [names.index(name) if name in names else None for name in known]
        return None

    def usage(self) -> str:
        """The signatures as people read them."""
        shown = [", ".join(n if must else f"[{n}]" for n, must in one) for one in self.signatures]
        return " 或 ".join(f"{self.name}({one}{'…' if self.variadic else ''})" for one in shown)


FUNCTIONS: dict[str, Builtin] = {}


def function(name: str, parameters: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a built-in function under `name`."""

    def declare(call: Callable[..., Any]) -> Callable[..., Any]:
        variadic = parameters.endswith("…")
        signatures = tuple(
            tuple(
                (word.strip().rstrip("?"), not word.strip().endswith("?"))
                for word in one.split(",")
                if word.strip()
            )
            for one in parameters.rstrip("…").split("|")
        )
        FUNCTIONS[name] = Builtin(name, call, signatures, variadic)
        return call

    return declare

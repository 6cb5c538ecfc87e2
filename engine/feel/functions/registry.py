"""How a built-in function is declared and found.

    @function("substring", "string, start position, length?")
    def substring(run, string, start, length=None): ...

A function receives its run (for the budget and the moment) and its arguments; arguments of a wrong kind give null.
Several signatures are separated by "|"; "…" at the end takes any number of arguments. `single` says that no parameter
takes a list: a list of one is then as good as its entry (DMN 1.3 to 1.5, 10.3.2.9.4).
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


def function(
    name: str, parameters: str = "", *, single: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
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
        FUNCTIONS[name] = Builtin(name, _of_single(call) if single else call, signatures, variadic)
        return call

    return declare


def _of_single(call: Callable[..., Any]) -> Callable[..., Any]:
    def with_entries(run: Any, *arguments: Any) -> Any:
        for argument in arguments:
            if type(argument) is list:
                return call(run, *map(_entry, arguments))
        return call(run, *arguments)

    return with_entries


def _entry(value: Any) -> Any:
    """The entry of a list of one; any other value as it is."""
    return value[0] if type(value) is list and len(value) == 1 else value

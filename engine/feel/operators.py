"""Compiled operators: the common kinds first, the whole rule after; indexes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from engine.feel import semantics as s
from engine.feel.budget import Run
from engine.feel.scope import Code, Env

_FAST: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC = {"+": s.add, "-": s.subtract, "*": s.multiply, "/": s.divide, "**": s.power}


def operation(op: str) -> Callable[[Any, Any, Run], Any]:
    """What an arithmetic operator or comparison does with two values."""
    arithmetic = _ARITHMETIC.get(op)
    if arithmetic is not None:
        return arithmetic
    return lambda a, b, run: s.compare(op, a, b, run)


def binary(op: str, left: Code, right: Code) -> Code:
    """Two operands: the common kinds first, the whole rule after."""
    arithmetic = _ARITHMETIC.get(op)
    if arithmetic is not None:
        return lambda env: arithmetic(left(env), right(env), env.run)
    if op in ("=", "!="):
        wanted = op == "="

        def same(env: Env) -> bool | None:
            a, b = left(env), right(env)
            of = type(a)
            if of is type(b) and (of is str or of is int or of is bool):
                return (a == b) is wanted
            answer = s.equal(a, b, env.run)
            return answer if wanted or answer is None else not answer

        return same
    fast = _FAST[op]

    def compared(env: Env) -> bool | None:
        a, b = left(env), right(env)
        if type(a) is int and type(b) is int:
            return fast(a, b)
        return s.compare(op, a, b, env.run)

    return compared


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """`or` in three-valued logic; stops at the first true."""
    unknown = False
    for answer in answers:
        if answer is True:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


def entry_at(items: list[Any] | None, index: int) -> Any:
    """The entry at an index from 1, from the end when negative; null outside."""
    if items is None or index == 0 or abs(index) > len(items):
        return None
    return items[index - 1 if index > 0 else index]

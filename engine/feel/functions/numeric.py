"""Numeric functions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from engine.feel import numbers, semantics
from engine.feel.budget import Run
from engine.feel.functions.registry import function
from engine.feel.numbers import MATH, Number, fit, is_number, narrow, position, whole
from engine.values import Months


def _rounding(name: str, parameters: str, mode: str) -> None:
    may_lack = parameters.endswith("?")  # then a null is as good as none

    @function(name, parameters, single=True)
    def rounded(run: Run, value: Any, scale: Any = None) -> Number | None:
        places = 0 if scale is None and may_lack else position(scale)
        if not is_number(value) or places is None:
            return None
        run.charge(min(abs(places), 8_000) >> 4)  # far decimals are written out while rounding
        return numbers.round_to(value, places, mode)


_rounding("decimal", "n, scale", numbers.HALF_EVEN)
_rounding("floor", "n, scale?", numbers.FLOOR)
_rounding("ceiling", "n, scale?", numbers.CEILING)
_rounding("round up", "n, scale", numbers.UP)
_rounding("round down", "n, scale", numbers.DOWN)
_rounding("round half up", "n, scale", numbers.HALF_UP)
_rounding("round half down", "n, scale", numbers.HALF_DOWN)


@function("abs", "n", single=True)
def abs_(run: Run, value: Any) -> Any:
    """Of a number or a duration."""
    if is_number(value):
        return abs(value) if type(value) is int else value.copy_abs()
    if isinstance(value, timedelta | Months):
        negative = value < timedelta(0) if isinstance(value, timedelta) else value.total < 0
        return semantics.negate(value) if negative else value
    return None


@function("modulo", "dividend, divisor", single=True)
def modulo(run: Run, a: Any, b: Any) -> Number | None:
    return numbers.modulo(a, b) if is_number(a) and is_number(b) else None


def _of_decimal(name: str, work: Callable[[Decimal], Decimal], parameter: str = "number") -> None:
    @function(name, parameter, single=True)
    def computed(run: Run, value: Any) -> Number | None:
        run.charge(100)
        return fit(work(Decimal(value))) if is_number(value) else None


_of_decimal("exp", MATH.exp)
_of_decimal("log", lambda value: MATH.ln(value) if value > 0 else Decimal("NaN"))


@function("sqrt", "number", single=True)
def sqrt(run: Run, value: Any) -> Number | None:
    if not is_number(value) or value < 0:
        return None
    root = MATH.sqrt(Decimal(value))
    return narrow(root) if type(value) is int else fit(root)


@function("odd", "number", single=True)
def odd(run: Run, value: Any) -> bool | None:
    exact = whole(value) if is_number(value) else None
    return exact % 2 == 1 if exact is not None else None


@function("even", "number", single=True)
def even(run: Run, value: Any) -> bool | None:
    exact = whole(value) if is_number(value) else None
    return exact % 2 == 0 if exact is not None else None

"""FEEL's numbers: exact ints and Decimals of 34 digits (decimal128), never float.

A result is an int when its operands are ints and it is whole; what leaves 34 digits becomes a Decimal; what is no
number at all (a division by zero) is null.
"""

from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
)

from engine.errors import BudgetExceeded

DIGITS = 34
MATH = Context(prec=DIGITS, Emin=-6143, Emax=6144, rounding=ROUND_HALF_EVEN, traps=[])
_WIDE = Context(prec=12_400, Emin=-999999, Emax=999999, traps=[])  # room to round 34 digits at any scale
INT_LIMIT = 10**DIGITS

CEILING, FLOOR, UP, DOWN = ROUND_CEILING, ROUND_FLOOR, ROUND_UP, ROUND_DOWN
HALF_EVEN, HALF_UP, HALF_DOWN = ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_HALF_DOWN

Number = int | Decimal


def is_number(value: object) -> bool:
    """Whether a value is a FEEL number (a boolean is none)."""
    kind = type(value)
    return kind is int or kind is Decimal


def fit(value: Number) -> Number | None:
    """An int or Decimal as a FEEL number: within 34 digits, null when not finite."""
    if type(value) is int:
        return value if -INT_LIMIT < value < INT_LIMIT else MATH.create_decimal(value)
    return finite(MATH.plus(Decimal(value)))


def finite(value: Decimal) -> Decimal | None:
    """A result of decimal128, which is rounded already: null when not finite. There is one zero, without a sign."""
    if not value:
        return value.copy_abs()
    return value if value.is_finite() else None


def whole(value: Number) -> int | None:
    """The int that a number is, or None when it is none (or is beyond 34 digits)."""
    if type(value) is int:
        return value
    if not isinstance(value, Decimal) or not value.is_finite() or value.copy_abs() >= INT_LIMIT:
        return None
    number = int(value)
    return number if number == value else None


def narrow(value: Decimal) -> Number | None:
    """A Decimal as an int where it is one, so that whole results of ints stay ints."""
    number = whole(value)
    return number if number is not None else fit(value)


def add(a: Number, b: Number) -> Number | None:
    if type(a) is int and type(b) is int:
        return fit(a + b)
    return finite(MATH.add(a, b))


def subtract(a: Number, b: Number) -> Number | None:
    if type(a) is int and type(b) is int:
        return fit(a - b)
    return finite(MATH.subtract(a, b))


def multiply(a: Number, b: Number) -> Number | None:
    if type(a) is int and type(b) is int:
        return fit(a * b)
    return finite(MATH.multiply(a, b))


def divide(a: Number, b: Number) -> Number | None:
    if not b:
        return None
    if type(a) is int and type(b) is int:
        quotient, rest = divmod(a, b)
        if not rest:
            return quotient
    return finite(MATH.divide(a, b))


def power(a: Number, b: Number) -> Number | None:
    """`a ** b`. Raises `BudgetExceeded` when the result leaves decimal128."""
    if not a and b < 0:
        return None
    result = MATH.power(Decimal(a), Decimal(b)) if a or b else Decimal(1)
    if result.is_infinite():
        raise BudgetExceeded("幂运算的结果超出数字范围，已停止。")
    if not result.is_finite():
        return None
    return narrow(result) if type(a) is int and type(b) is int else fit(result)


def modulo(a: Number, b: Number) -> Number | None:
    """Remainder with the divisor's sign, as FEEL's `modulo`: dividend - divisor * floor(dividend / divisor)."""
    if not b:
        return None
    if type(a) is int and type(b) is int:
        return a % b
    a, b = Decimal(a), Decimal(b)
    if a and abs(a.adjusted() - b.adjusted()) > 2 * DIGITS:
        return None
    rest = _WIDE.remainder(a, b)
    if rest and (rest < 0) != (b < 0):
        rest = _WIDE.add(rest, b)
    return fit(rest)


def round_to(value: Number, scale: int, mode: str) -> Number | None:
    """Rounded to `scale` decimals; null for a scale out of decimal128's range."""
    if not -6111 <= scale <= 6176:
        return None
    if type(value) is int and scale >= 0:
        return value
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-scale, _WIDE), rounding=mode, context=_WIDE)
    return narrow(rounded) if scale <= 0 else fit(rounded)


def position(value: object) -> int | None:
    """A number as a position, length or scale: its whole part; None when it is no number."""
    if type(value) is int:
        return value
    if not isinstance(value, Decimal):
        return None
    exact = whole(value)
    return exact if exact is not None else (int(value) if abs(value.adjusted()) < DIGITS else None)

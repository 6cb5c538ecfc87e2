"""What FEEL's operators mean: kinds, equality, order, arithmetic, ranges, and the text of a value.

One kind exists only inside an evaluation, `Function`; it is no value of a case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from engine.errors import BudgetExceeded, ExpressionFailed
from engine.feel import numbers, temporal
from engine.feel.budget import DEPTH_LIMIT, VALUE_LIMIT, Run, too_deep
from engine.feel.nodes import Type
from engine.values import Months, Range, Value, number_text


@dataclass(frozen=True, slots=True)
class Function:
    """A function value: an author's function, a built-in, or a decision model's knowledge. `call(run, *arguments)`
    takes the arguments in the parameters' order and sees to their types itself. `types` and `returns` are what is
    declared, for `instance of`."""

    parameters: tuple[str, ...]
    call: Callable[..., Any]
    variadic: bool = False
    types: tuple[Type | None, ...] = ()
    returns: Type | None = None


_KINDS: dict[type, str] = {
    bool: "boolean",
    int: "number",
    Decimal: "number",
    str: "string",
    date: "date",
    time: "time",
    datetime: "date and time",
    timedelta: "days and time duration",
    Months: "years and months duration",
    list: "list",
    dict: "context",
    Range: "range",
    Function: "function",
}

_ORDERED = frozenset(
    [
        "number",
        "string",
        "date",
        "time",
        "date and time",
        "days and time duration",
        "years and months duration",
    ]
)


def kind(value: Any) -> str:
    """FEEL's name of a value's kind."""
    return _KINDS.get(type(value), "Null")


# -- equality and order --------------------------------------------------------------------------------


def equal(a: Any, b: Any, run: Run, depth: int = 0) -> bool | None:
    """`a = b`: null when the kinds differ (null itself differs from everything else)."""
    if a is None or b is None:
        return a is b
    of = _KINDS.get(type(a))
    if of != _KINDS.get(type(b)):
        return None
    if of in ("list", "context", "range"):
        if depth > DEPTH_LIMIT:
            raise too_deep()
        return _equal_inside(a, b, run, depth)
    if of in ("date and time", "time"):
        a, b = temporal.comparable(a, b)
    if of == "function":
        return a is b
    return bool(a == b)


def _equal_inside(a: Any, b: Any, run: Run, depth: int) -> bool | None:
    """Part by part, in three-valued logic: false if one part differs, else null if one cannot be compared."""
    if isinstance(a, Range):
        if a.low_closed != b.low_closed or a.high_closed != b.high_closed:
            return False
        pairs = [(a.low, b.low), (a.high, b.high)]
    else:
        run.charge(3 + 3 * min(len(a), len(b)))
        if len(a) != len(b):
            return False
        if isinstance(a, list):
            pairs = list(zip(a, b, strict=True))
        elif a.keys() != b.keys():
            return False
        else:
            pairs = [(a[key], b[key]) for key in a]
    unknown = False
    for x, y in pairs:
        same = equal(x, y, run, depth + 1)
        if same is False:
            return False
        unknown = unknown or same is None
    return None if unknown else True


def order(a: Any, b: Any) -> int | None:
    """-1, 0 or 1 for values of one ordered kind; None for all others."""
    of = _KINDS.get(type(a))
    if of != _KINDS.get(type(b)) or of not in _ORDERED:
        return None
    if of in ("date and time", "time"):
        a, b = temporal.comparable(a, b)
    return int(a > b) - int(a < b)


def compare(op: str, a: Any, b: Any, run: Run) -> bool | None:
    """`a op b` for =, !=, <, <=, >, >=."""
    if op == "=":
        return equal(a, b, run)
    if op == "!=":
        same = equal(a, b, run)
        return None if same is None else not same
    sign = order(a, b)
    if sign is None:
        return None
    if op == "<":
        return sign < 0
    if op == "<=":
        return sign <= 0
    return sign > 0 if op == ">" else sign >= 0


def both(a: bool | None, b: bool | None) -> bool | None:
    """Three-valued and."""
    if a is False or b is False:
        return False
    return True if a is True and b is True else None


# -- ranges --------------------------------------------------------------------------------------------


def make_range(low: Any, high: Any, low_closed: bool, high_closed: bool) -> Range | None:
    """A range, or null when its ends are not of one ordered kind or lie the wrong way round."""
    if low is None and high is None:
        return None
    if low is not None and high is not None:
        sign = order(low, high)
        if sign is None or sign > 0:
            return None
    elif kind(high if low is None else low) not in _ORDERED:
        return None
    return Range(low, high, low_closed, high_closed)


def within(value: Any, range_: Range) -> bool | None:
    """Whether a range includes a value."""
    result: bool | None = True
    if range_.low is not None:
        sign = order(value, range_.low)
        result = None if sign is None else sign > 0 or (sign == 0 and range_.low_closed)
    if range_.high is not None:
        sign = order(value, range_.high)
        result = both(result, None if sign is None else sign < 0 or (sign == 0 and range_.high_closed))
    return result


def matches(value: Any, test: Any, run: Run) -> bool | None:
    """Whether a value passes a unary test that is a value: in the range, in the list, or equal to it."""
    if isinstance(test, Range):
        return within(value, test)
    if isinstance(test, list):
        if isinstance(value, list) and equal(value, test, run) is True:
            return True
        run.entries(len(test))
        return any(
            (within(value, one) if isinstance(one, Range) else equal(value, one, run)) is True for one in test
        )
    return equal(value, test, run)


# -- arithmetic ----------------------------------------------------------------------------------------

# All take the run, so that one table serves them (`operators`); null for kinds that do not fit.

_TEMPORAL = (date, time, timedelta, Months)  # a datetime is a date


def add(a: Any, b: Any, run: Run) -> Any:
    if numbers.is_number(a) and numbers.is_number(b):
        return numbers.add(a, b)
    if isinstance(a, str) and isinstance(b, str):
        run.text(len(a) + len(b))
        return a + b
    return temporal.plus(a, b) if isinstance(a, _TEMPORAL) and isinstance(b, _TEMPORAL) else None


def subtract(a: Any, b: Any, run: Run) -> Any:
    if numbers.is_number(a) and numbers.is_number(b):
        return numbers.subtract(a, b)
    return temporal.minus(a, b) if isinstance(a, _TEMPORAL) and isinstance(b, _TEMPORAL) else None


def multiply(a: Any, b: Any, run: Run) -> Any:
    if numbers.is_number(a):
        if numbers.is_number(b):
            return numbers.multiply(a, b)
        a, b = b, a
    return temporal.times(a, b)


def divide(a: Any, b: Any, run: Run) -> Any:
    if numbers.is_number(a) and numbers.is_number(b):
        return numbers.divide(a, b)
    return temporal.over(a, b)


def power(a: Any, b: Any, run: Run) -> Any:
    if not numbers.is_number(a) or not numbers.is_number(b):
        return None
    run.charge(10 if type(a) is int and type(b) is int else 200)
    return numbers.power(a, b)


def negate(a: Any) -> Any:
    if numbers.is_number(a):
        return numbers.subtract(0, a)
    if isinstance(a, timedelta):
        try:
            return -a
        except OverflowError:
            return None
    return Months(-a.total) if isinstance(a, Months) else None


# -- access --------------------------------------------------------------------------------------------


def path(value: Any, name: str, run: Run) -> Any:
    """`value.name`: an entry of a context, a part of a date, time, duration or range; of a list, each one's."""
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list):
        run.entries(len(value))
        run.charge(2 * len(value))
        return [path(one, name, run) if not isinstance(one, list) else None for one in value]
    if isinstance(value, Range):
        parts = {
            "start": value.low,
            "end": value.high,
            "start included": value.low_closed,
            "end included": value.high_closed,
        }
        return parts.get(name)
    return temporal.part(value, name) if isinstance(value, _TEMPORAL) else None


# -- text and results ----------------------------------------------------------------------------------


def text(value: Any, run: Run) -> str:
    """A value as FEEL's `string()` writes it; texts inside lists and contexts in quotes."""
    if isinstance(value, str):
        return value
    pieces: list[str] = []
    _write(value, pieces, run, 0)
    length = sum(map(len, pieces))
    run.text(length)
    return "".join(pieces)


def _write(value: Any, pieces: list[str], run: Run, depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise too_deep()
    run.charge(3)
    if isinstance(value, str):
        run.text(len(value))
        pieces.append('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"')
    elif value is None or isinstance(value, bool):
        pieces.append({None: "null", True: "true", False: "false"}[value])
    elif numbers.is_number(value):
        pieces.append(number_text(value))
    elif isinstance(value, list):
        pieces.append("[")
        for i, one in enumerate(value):
            pieces.append(", " if i else "")
            _write(one, pieces, run, depth + 1)
        pieces.append("]")
    elif isinstance(value, dict):
        pieces.append("{")
        for i, (key, one) in enumerate(value.items()):
            pieces.append((", " if i else "") + _key(key) + ": ")
            _write(one, pieces, run, depth + 1)
        pieces.append("}")
    elif isinstance(value, Range):
        pieces.append("[" if value.low_closed else "(")
        for end, dots in ((value.low, ".."), (value.high, "")):
            if end is not None:
                _write(end, pieces, run, depth + 1)
            pieces.append(dots)
        pieces.append("]" if value.high_closed else ")")
    elif isinstance(value, Function):
        pieces.append("function(" + ", ".join(value.parameters) + ")")
    else:
        pieces.append(temporal.temporal_text(value))


def _key(key: str) -> str:
    plain = bool(key) and all(part.isidentifier() for part in key.split(" "))
    return key if plain else '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


_PLAIN = frozenset([type(None), bool, int, Decimal, str, date, time, datetime, timedelta, Months])


def result(value: Any) -> Value:
    """What leaves an evaluation: checked to be a value that a case can keep, and not larger than allowed.

    Lists and contexts may share parts, so that a short expression can spell a huge tree: it is counted as a tree.
    """
    if type(value) in _PLAIN:
        return value
    _count(value, [VALUE_LIMIT], 0)
    return value


def _count(value: Any, left: list[int], depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise too_deep()
    left[0] -= 1
    if isinstance(value, Function):
        raise ExpressionFailed("表达式的结果是函数，不能作为变量保存。请改为返回数字、文字、日期、列表等值。")
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inside:
        if type(one) in _PLAIN:
            left[0] -= 1 + (len(one) >> 4 if isinstance(one, str) else 0)
        else:
            _count(one, left, depth + 1)
        if left[0] < 0:
            raise BudgetExceeded(f"表达式的结果超过 {VALUE_LIMIT} 个值，已停止。")


def as_list(value: Any) -> list[Any] | None:
    """A list as it is, null as null, any other value as a list of it (FEEL's implicit conversion)."""
    if value is None or isinstance(value, list):
        return value
    return [value]

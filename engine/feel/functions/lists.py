"""List functions. A value that is no list counts as a list of one; null gives null. Positions count from 1."""

from __future__ import annotations

from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from engine.errors import BudgetExceeded
from engine.feel import numbers, semantics
from engine.feel.budget import DEPTH_LIMIT, LIST_LIMIT, Run, too_deep
from engine.feel.functions.registry import function
from engine.feel.numbers import MATH, Number, fit, is_number, narrow, whole
from engine.feel.semantics import Function


def values(run: Run, items: Any, more: tuple[Any, ...]) -> list[Any] | None:
    """The list of a function that takes a list or its entries one by one."""
    found = [items, *more] if more else semantics.as_list(items)
    if found is not None:
        run.entries(len(found))
    return found


def listed(run: Run, items: Any) -> list[Any] | None:
    """A list argument, charged for one walk through it."""
    found = semantics.as_list(items)
    if found is not None:
        run.entries(len(found))
    return found


@function("list contains", "list, element")
def list_contains(run: Run, items: Any, element: Any) -> bool | None:
    found = listed(run, items)
    return None if found is None else any(semantics.equal(one, element, run) is True for one in found)


@function("count", "list")
def count(run: Run, items: Any) -> int | None:
    found = semantics.as_list(items)
    return None if found is None else len(found)


def _extreme(name: str, sign: int) -> None:
    @function(name, "list…")
    def extreme(run: Run, items: Any, *more: Any) -> Any:
        found = values(run, items, more)
        if not found:
            return None
        best = found[0]
        if semantics.order(best, best) is None:
            return None
        for one in found[1:]:
            way = semantics.order(one, best)
            if way is None:
                return None
            best = one if way == sign else best
        return best


_extreme("min", -1)
_extreme("max", 1)


@function("sum", "list…")
def sum_(run: Run, items: Any, *more: Any) -> Any:
    """Of numbers, or of durations of one kind; null for an empty list."""
    found = values(run, items, more)
    if not found:
        return None
    total = found[0] if is_number(found[0]) or "duration" in semantics.kind(found[0]) else None
    for one in found[1:]:
        if total is None or semantics.kind(one) != semantics.kind(total):
            return None
        total = semantics.add(total, one, run)
    return total


@function("mean", "list…")
def mean(run: Run, items: Any, *more: Any) -> Any:
    found = values(run, items, more)
    return semantics.divide(sum_(run, found), len(found), run) if found else None


def _numbers(run: Run, items: Any, more: tuple[Any, ...]) -> list[Number] | None:
    found = values(run, items, more)
    if found is None or not all(map(is_number, found)):
        return None
    run.charge(2 * len(found))
    return found


@function("product", "list…")
def product(run: Run, items: Any, *more: Any) -> Number | None:
    found = _numbers(run, items, more)
    if not found:
        return None
    total: Number | None = 1
    for one in found:
        total = numbers.multiply(total, one) if total is not None else None
    return total


@function("median", "list…")
def median(run: Run, items: Any, *more: Any) -> Number | None:
    found = _numbers(run, items, more)
    if not found:
        return None
    found = sorted(found)
    middle = len(found) // 2
    if len(found) % 2:
        return found[middle]
    total = numbers.add(found[middle - 1], found[middle])
    return numbers.divide(total, 2) if total is not None else None


@function("stddev", "list…")
def stddev(run: Run, items: Any, *more: Any) -> Number | None:
    """The sample's standard deviation; null for fewer than two numbers."""
    found = _numbers(run, items, more)
    if found is None or len(found) < 2:
        return None
    total = Decimal(0)
    for one in found:
        total = MATH.add(total, Decimal(one))
    middle = MATH.divide(total, Decimal(len(found)))
    squares = Decimal(0)
    for one in found:
        away = MATH.subtract(Decimal(one), middle)
        squares = MATH.add(squares, MATH.multiply(away, away))
    root = MATH.sqrt(MATH.divide(squares, Decimal(len(found) - 1)))
    return narrow(root) if all(type(one) is int for one in found) else fit(root)


@function("mode", "list…")
def mode(run: Run, items: Any, *more: Any) -> list[Number] | None:
    """The most frequent numbers, ascending."""
    found = _numbers(run, items, more)
    if found is None:
        return None
    counts: dict[Number, int] = {}
    for one in found:
        counts[one] = counts.get(one, 0) + 1
    most = max(counts.values(), default=0)
    return sorted(one for one, times in counts.items() if times == most)


def _quantifier(name: str, decisive: bool) -> None:
    @function(name, "list…")
    def quantified(run: Run, items: Any, *more: Any) -> bool | None:
        found = values(run, items, more)
        if found is None:
            return None
        if any(one is decisive for one in found):
            return decisive
        return None if any(one is not (not decisive) for one in found) else not decisive


_quantifier("all", False)
_quantifier("any", True)


@function("sublist", "list, start position, length?")
def sublist(run: Run, items: Any, start: Any, length: Any = None) -> list[Any] | None:
    found = listed(run, items)
    at = whole(start) if is_number(start) else None
    size = whole(length) if is_number(length) else None
    if found is None or not at or abs(at) > len(found) or (length is not None and (size is None or size < 0)):
        return None
    begin = at - 1 if at > 0 else len(found) + at
    if size is None:
        return found[begin:]
    return found[begin : begin + size] if begin + size <= len(found) else None


@function("append", "list, item…")
def append(run: Run, items: Any, *more: Any) -> list[Any] | None:
    found = listed(run, items)
    return None if found is None else _made(run, found + list(more))


@function("concatenate", "list…")
def concatenate(run: Run, items: Any, *more: Any) -> list[Any] | None:
    made: list[Any] = []
    for one in (items, *more):
        found = listed(run, one)
        if found is None:
            return None
        made += found
        run.entries(len(made))
    return made


@function("insert before", "list, position, newItem")
def insert_before(run: Run, items: Any, position: Any, item: Any) -> list[Any] | None:
    found = listed(run, items)
    at = _index(found, position)
    return None if found is None or at is None else _made(run, [*found[:at], item, *found[at:]])


@function("remove", "list, position")
def remove(run: Run, items: Any, position: Any) -> list[Any] | None:
    found = listed(run, items)
    at = _index(found, position)
    return None if found is None or at is None else [*found[:at], *found[at + 1 :]]


@function("list replace", "list, position, newItem | list, match, newItem")
def list_replace(run: Run, items: Any, where: Any, item: Any) -> list[Any] | None:
    """At a position, or wherever the function `match(item, newItem)` is true."""
    found = listed(run, items)
    if found is None:
        return None
    if isinstance(where, Function):
        if len(where.parameters) != 2 and not where.variadic:
            return None
        answers = [where.call(run, one, item) for one in found]
        if not all(isinstance(answer, bool) for answer in answers):
            return None
        return [item if answer else one for one, answer in zip(found, answers, strict=True)]
    at = _index(found, where)
    return None if at is None else [*found[:at], item, *found[at + 1 :]]


@function("reverse", "list")
def reverse(run: Run, items: Any) -> list[Any] | None:
    found = listed(run, items)
    return None if found is None else found[::-1]


@function("index of", "list, match")
def index_of(run: Run, items: Any, match: Any) -> list[int] | None:
    found = listed(run, items)
    if found is None:
        return None
    return [i for i, one in enumerate(found, 1) if semantics.equal(one, match, run) is True]


@function("distinct values", "list")
def distinct_values(run: Run, items: Any) -> list[Any] | None:
    found = listed(run, items)
    return None if found is None else _distinct(run, found)


@function("union", "list…")
def union(run: Run, items: Any, *more: Any) -> list[Any] | None:
    found = concatenate(run, items, *more)
    return None if found is None else _distinct(run, found)


@function("duplicate values", "list")
def duplicate_values(run: Run, items: Any) -> list[Any] | None:
    """Values that occur more than once, each once, in the order of their first occurrence."""
    found = listed(run, items)
    if found is None:
        return None
    seen: list[tuple[Any, list[int]]] = []
    for one in found:
        run.charge(len(seen))
        for other, times in seen:
            if semantics.equal(one, other, run) is True:
                times.append(1)
                break
        else:
            seen.append((one, []))
    return [one for one, times in seen if times]


def _distinct(run: Run, found: list[Any]) -> list[Any]:
    """First occurrences. Texts and numbers are looked up; other kinds compared one by one, and charged for it."""
    made: list[Any] = []
    seen: set[tuple[str, Any]] = set()
    others: list[Any] = []
    for one in found:
        if one is None or isinstance(one, str | bool | int | Decimal):
            key = (semantics.kind(one), one)
            if key not in seen:
                seen.add(key)
                made.append(one)
        else:
            run.charge(len(others))
            if not any(semantics.equal(one, other, run) is True for other in others):
                others.append(one)
                made.append(one)
    return made


@function("flatten", "list")
def flatten(run: Run, items: Any) -> list[Any] | None:
    """Lists inside lists laid out in one."""
    found = listed(run, items)
    if found is None:
        return None
    made: list[Any] = []
    _flatten(run, found, made, 0)
    return made


def _flatten(run: Run, items: list[Any], made: list[Any], depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise too_deep()
    run.charge(1 + len(items))
    for one in items:
        if isinstance(one, list):
            _flatten(run, one, made, depth + 1)
        else:
            made.append(one)
    if len(made) > LIST_LIMIT:
        raise BudgetExceeded(f"表达式生成的列表超过 {LIST_LIMIT} 项，已停止。")


@function("sort", "list, precedes?")
def sort(run: Run, items: Any, precedes: Any = None) -> list[Any] | None:
    """By `precedes(a, b)`, or ascending without it; null when entries cannot be ordered."""
    found = listed(run, items)
    if found is None:
        return None
    if precedes is None:
        if found and any(semantics.order(one, found[0]) is None for one in found):
            return None
        run.charge(2 * len(found) * len(found).bit_length())
        return sorted(found, key=cmp_to_key(lambda a, b: semantics.order(a, b) or 0))
    if not isinstance(precedes, Function) or (len(precedes.parameters) != 2 and not precedes.variadic):
        return None

    def before(a: Any, b: Any) -> int:
        run.charge(1)
        if precedes.call(run, a, b) is True:
            return -1
        return 1 if precedes.call(run, b, a) is True else 0

    return sorted(found, key=cmp_to_key(before))


def _made(run: Run, items: list[Any]) -> list[Any]:
    run.entries(len(items))
    return items


def _index(items: list[Any] | None, position: Any) -> int | None:
    at = whole(position) if is_number(position) else None
    if items is None or not at or abs(at) > len(items):
        return None
    return at - 1 if at > 0 else len(items) + at

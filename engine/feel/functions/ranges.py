"""Range functions 区间: how points and ranges lie to each other (DMN 1.3 table 78)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.feel.budget import Run
from engine.feel.functions.registry import function
from engine.feel.semantics import both, order, within
from engine.values import Range

Answer = bool | None


def _less(a: Any, b: Any, also_equal: bool = False) -> Answer:
    sign = order(a, b)
    return None if sign is None else sign < 0 or (also_equal and sign == 0)


def _same(a: Any, b: Any) -> Answer:
    sign = order(a, b)
    return None if sign is None else sign == 0


def _before(a: Any, b: Any) -> Answer:
    """`a` ends before `b` begins; touching counts only if an end that touches is left out."""
    if isinstance(a, Range):
        if isinstance(b, Range):
            return _less(a.high, b.low, not (a.high_closed and b.low_closed))
        return _less(a.high, b, not a.high_closed)
    if isinstance(b, Range):
        return _less(a, b.low, not b.low_closed)
    return _less(a, b)


def _meets(a: Range, b: Range) -> Answer:
    return both(a.high_closed and b.low_closed, _same(a.high, b.low))


def _overlaps_before(a: Range, b: Range) -> Answer:
    starts = _less(a.low, b.low)
    if _same(a.low, b.low) and a.low_closed and not b.low_closed:
        starts = True
    reaches = _less(b.low, a.high, a.high_closed and b.low_closed)
    ends = _less(a.high, b.high)
    if _same(a.high, b.high) and (not a.high_closed or b.high_closed):
        ends = True
    return both(both(starts, reaches), ends)


def _overlaps(a: Range, b: Range) -> Answer:
    return both(
        _less(b.low, a.high, a.high_closed and b.low_closed),
        _less(a.low, b.high, a.low_closed and b.high_closed),
    )


def _starts(a: Any, b: Range) -> Answer:
    if not isinstance(a, Range):
        return both(b.low_closed, _same(a, b.low))
    ends = _less(a.high, b.high, not a.high_closed or b.high_closed)
    return both(both(a.low_closed == b.low_closed, _same(a.low, b.low)), ends)


def _finishes(a: Any, b: Range) -> Answer:
    if not isinstance(a, Range):
        return both(b.high_closed, _same(a, b.high))
    begins = _less(b.low, a.low, not a.low_closed or b.low_closed)
    return both(both(a.high_closed == b.high_closed, _same(a.high, b.high)), begins)


def _during(a: Any, b: Range) -> Answer:
    if not isinstance(a, Range):
        return within(a, b)
    return both(
        _less(b.low, a.low, not a.low_closed or b.low_closed),
        _less(a.high, b.high, not a.high_closed or b.high_closed),
    )


def _coincides(a: Any, b: Any) -> Answer:
    if isinstance(a, Range) and isinstance(b, Range):
        closed = a.low_closed == b.low_closed and a.high_closed == b.high_closed
        return both(both(closed, _same(a.low, b.low)), _same(a.high, b.high))
    return None if isinstance(a, Range) or isinstance(b, Range) else _same(a, b)


def _declare(
    name: str, parameters: str, kinds: str, rule: Callable[[Any, Any], Answer], swap: bool = False
) -> None:
    """`kinds` says what the two arguments must be: r a range, * a point or a range."""

    @function(name, parameters)
    def decide(run: Run, one: Any, two: Any) -> Answer:
        for argument, kind in zip((one, two), kinds, strict=True):
            if argument is None or (kind == "r" and not isinstance(argument, Range)):
                return None
        return rule(two, one) if swap else rule(one, two)


_POINTS = "point1, point2 | point, range | range, point | range1, range2"
_declare("before", _POINTS, "**", _before)
_declare("after", _POINTS, "**", _before, swap=True)
_declare("meets", "range1, range2", "rr", _meets)
_declare("met by", "range1, range2", "rr", _meets, swap=True)
_declare("overlaps", "range1, range2", "rr", _overlaps)
_declare("overlaps before", "range1, range2", "rr", _overlaps_before)
_declare("overlaps after", "range1, range2", "rr", _overlaps_before, swap=True)
_declare("finishes", "point, range | range1, range2", "*r", _finishes)
_declare("finished by", "range, point | range1, range2", "r*", _finishes, swap=True)
_declare("includes", "range, point | range1, range2", "r*", _during, swap=True)
_declare("during", "point, range | range1, range2", "*r", _during)
_declare("starts", "point, range | range1, range2", "*r", _starts)
_declare("started by", "range, point | range1, range2", "r*", _starts, swap=True)
_declare("coincides", "point1, point2 | range1, range2", "**", _coincides)

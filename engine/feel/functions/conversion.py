"""Conversion functions: string, number, and the boolean ones."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Any

from engine.feel import semantics
from engine.feel.budget import Run
from engine.feel.functions.registry import function
from engine.feel.numbers import MATH, Number, fit, is_number, narrow
from engine.feel.temporal import settled

_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,5})?", re.A)


@function("string", "from")
def string(run: Run, value: Any) -> str | None:
    """A value's text; null stays null."""
    return None if value is None else semantics.text(value, run)


@function("number", "from | from, grouping separator, decimal separator", single=True)
def number(run: Run, text: Any, *separators: Any) -> Number | None:
    """A text's number; a number alone is itself. The grouping separator is " ", "," or "."; the decimal separator "." or
    ","; they must differ."""
    if is_number(text):
        found: Number | None = text if not separators else None
        return found
    grouping, point = separators or (None, None)
    if not isinstance(text, str) or grouping not in (None, " ", ",", ".") or point not in (None, ",", "."):
        return None
    if grouping is not None and grouping == point:
        return None
    run.text(len(text))
    if grouping is not None:
        text = text.replace(grouping, "")
    if point is not None:
        text = text.replace(point, ".")
    if len(text) > 400 or _NUMBER.fullmatch(text) is None:
        return None
    value = MATH.create_decimal(text)
    return narrow(value) if "." not in text and "e" not in text.lower() else fit(value)


@function("not", "negand")
def not_(run: Run, value: Any) -> bool | None:
    """True and false swapped; anything else is null."""
    return (not value) if isinstance(value, bool) else None


@function("is", "value1, value2")
def is_(run: Run, a: Any, b: Any) -> bool:
    """The same kind and the same value; unlike `=`, a date and time in another zone is not the same."""
    if semantics.kind(a) != semantics.kind(b):
        return False
    if isinstance(a, time) and isinstance(b, time):
        a, b = settled(a), settled(b)
    if isinstance(a, datetime | time):
        return bool(a.utcoffset() == b.utcoffset() and a.replace(tzinfo=None) == b.replace(tzinfo=None))
    return semantics.equal(a, b, run) is True

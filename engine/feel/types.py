"""FEEL's types: what `instance of` asks, what a parameter takes, and the conversions between the two
(DMN 1.5, 10.3.2.9)."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from engine.feel import nodes as n
from engine.feel import semantics as s
from engine.feel.budget import DEPTH_LIMIT, Run, too_deep
from engine.feel.nodes import ANY, Type
from engine.values import ZULU

_DURATIONS = ("days and time duration", "years and months duration")
TYPE_NAMES = frozenset(
    ["number", "string", "boolean", "date", "time", "date and time", *_DURATIONS]
    + ["list", "context", "function", "range", "Any", "Null"]
)


def is_instance(value: Any, of: Type, run: Run, depth: int = 0) -> bool:
    """Whether the value is of the type, with everything inside it. Null is of type Null only; inside a list or a
    context it may stand for a value of any type (DMN 1.5, 10.3.2.9.2)."""
    if of.name == "Any":
        return value is not None
    if of.name == "Null":
        return value is None
    if s.kind(value) != of.name:
        return False
    if not of.parts:
        return True
    if depth > DEPTH_LIMIT:
        raise too_deep()
    run.charge(1 + len(of.parts))
    if of.name == "list":
        run.entries(len(value))
        run.charge(2 * len(value))
        return all(fits(one, of.parts[0][1], run, depth + 1) for one in value)
    if of.name == "context":
        return all(name in value and fits(value[name], part, run, depth + 1) for name, part in of.parts)
    if of.name == "function":
        return narrows(signature(value), of, run)
    ends = [end for end in (value.low, value.high) if end is not None]
    return all(is_instance(end, of.parts[0][1], run, depth + 1) for end in ends)


def fits(value: Any, of: Type, run: Run, depth: int = 0) -> bool:
    """Whether a variable of the type may hold the value: an instance, or null."""
    return value is None or is_instance(value, of, run, depth)


def converted(value: Any, of: Type, run: Run, depth: int = 0) -> Any:
    """The value as the type wants it: a list of one as its entry, a value as a list of one, a date as the date and
    time of its midnight in UTC; null when it is of another type (DMN 1.5, 10.3.2.9.4)."""
    if depth > DEPTH_LIMIT:
        raise too_deep()
    if fits(value, of, run):
        return value
    if of.name == "list" and not isinstance(value, list):
        made = [converted(value, of.parts[0][1], run) if of.parts else value]
        return made if made[0] is not None else None
    if isinstance(value, list) and len(value) == 1 and of.name != "list":
        return converted(value[0], of, run, depth + 1)
    if of.name == "date and time" and s.kind(value) == "date":
        day: date = value
        return datetime.combine(day, time(tzinfo=ZULU))
    return None


def signature(function: s.Function) -> Type:
    """A function's type: its parameters' types and its result's, Any where nothing is said."""
    types = function.types or (None,) * len(function.parameters)
    return Type("function", (*(("", of or ANY) for of in types), ("->", function.returns or ANY)))


def narrows(one: Type, other: Type, run: Run, depth: int = 0) -> bool:
    """Whether every value of type `one` is of type `other` (conformance of types, DMN 1.5, 10.3.2.9.2)."""
    if depth > DEPTH_LIMIT:
        raise too_deep()
    run.charge(1 + len(other.parts))
    if other.name == "Any" or one.name == "Null":
        return True
    if one.name != other.name:
        return False
    if other.name == "function":
        return _narrows_function(one, other, run, depth)
    if other.name == "context":
        own = dict(one.parts)
        return all(name in own and narrows(own[name], of, run, depth + 1) for name, of in other.parts)
    if not other.parts:
        return True
    return narrows(one.parts[0][1] if one.parts else ANY, other.parts[0][1], run, depth + 1)


def _narrows_function(one: Type, other: Type, run: Run, depth: int) -> bool:
    """Takes at least what the other takes, gives at most what the other gives."""
    if not other.parts:
        return True
    mine = [of for key, of in one.parts if key != "->"]
    theirs = [of for key, of in other.parts if key != "->"]
    given, wanted = (dict(type_.parts).get("->", ANY) for type_ in (one, other))
    return (
        len(mine) == len(theirs)
        and all(narrows(b, a, run, depth + 1) for a, b in zip(mine, theirs, strict=True))
        and narrows(given, wanted, run, depth + 1)
    )


def told(node: n.Node) -> Type | None:
    """The type of what an expression gives, as far as it stands there to be read; None when it does not."""
    if isinstance(node, n.Literal):
        return Type(s.kind(node.value))
    if isinstance(node, n.ListNode):
        inside = {told(item) for item in node.items}
        of = inside.pop() if len(inside) == 1 else None
        return Type("list", (("", of),)) if of is not None else Type("list")
    if isinstance(node, n.ContextNode):
        return Type("context", tuple((key, told(value) or ANY) for key, value in node.entries))
    if isinstance(node, n.FunctionNode):
        parameters = tuple(("", of or ANY) for of in node.types)
        return Type("function", (*parameters, ("->", told(node.body) or ANY)))
    return None

"""Types 类型: FEEL's own and a model's item definitions, and the standard's conversions between them.

DMN 1.3 to 1.5, 7.3.3 (item definitions) and 10.3.2.9.4 (conversions): a value that does not conform to the type it
is given for becomes null, after three conversions are tried: a value to a list of it, a list of one to that one, a date
to its midnight in UTC. FEEL has the same for its own types (`engine.feel.types`); here stand allowed values besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from engine.feel import Expression
from engine.feel.budget import DEPTH_LIMIT, Run, too_deep
from engine.feel.nodes import ANY as FEEL_ANY
from engine.feel.nodes import Type as FeelType
from engine.feel.semantics import Function, kind
from engine.values import ZULU

KIND_NAMES = {
    "number": "数字",
    "string": "文字",
    "boolean": "是否",
    "date": "日期",
    "time": "时间",
    "date and time": "日期时间",
    "days and time duration": "时长",
    "years and months duration": "年月时长",
    "list": "列表",
    "context": "一组数据",
    "function": "函数",
    "range": "区间",
    "Null": "空值",
}


@dataclass(frozen=True, slots=True)
class Type:
    """A type. `kind` is FEEL's word for what its values are, "" for any.

    `parts` are a context's components, `item` the type of a list's entries, `takes` and `result` a function's
    parameters and what it returns.
    `allowed` are unary tests of a value (of each entry, for a list), `constraint` of the whole (DMN 1.5). `base` is
    the type that this one narrows.
    """

    name: str = "Any"
    kind: str = ""
    parts: tuple[tuple[str, Type], ...] = ()
    item: Type | None = None
    result: Type | None = None
    allowed: Expression | None = None
    constraint: Expression | None = None
    base: Type | None = None
    takes: tuple[Type, ...] = ()

    @property
    def title(self) -> str:
        """The type in a sentence."""
        return KIND_NAMES.get(self.name, f"“{self.name}”")


ANY = Type()

BASIC: dict[str, Type] = {
    name: Type(of, of)
    for of, names in {
        "number": ("number", "integer", "long", "double"),
        "string": ("string",),
        "boolean": ("boolean",),
        "date": ("date",),
        "time": ("time",),
        "date and time": ("date and time", "dateTime"),
        "days and time duration": ("days and time duration", "dayTimeDuration"),
        "years and months duration": ("years and months duration", "yearMonthDuration"),
        "list": ("list",),
        "context": ("context",),
        "range": ("range",),
        "function": ("function",),
    }.items()
    for name in names
}
"""`typeRef` → FEEL's own types, with the names other tools give them."""
BASIC["Any"] = ANY
BASIC["Null"] = BASIC["null"] = Type("Null", "Null")


def conforms(value: Any, of: Type, run: Run, depth: int = 0) -> bool:
    """Whether a value is of a type with everything inside it; null is of every type.

    A context must have every component of its type, and may have more (DMN 1.3, 10.3.2.9.3).
    """
    if value is None:
        return True
    if of.kind and kind(value) != of.kind:
        return False
    if depth > DEPTH_LIMIT:
        raise too_deep()
    if of.base is not None and not conforms(value, of.base, run, depth + 1):
        return False
    if of.item is not None:
        run.entries(len(value))
        run.charge(len(value))
        if not all(conforms(one, of.item, run, depth + 1) for one in value):
            return False
    for name, part in of.parts:
        run.charge(1)
        if name not in value or not conforms(value[name], part, run, depth + 1):
            return False
    if of.allowed is not None:
        for one in value if of.kind == "list" else (value,):
            if one is not None and not passes(one, of.allowed, run):
                return False
    return of.constraint is None or passes(value, of.constraint, run)


def passes(value: Any, tests: Expression, run: Run) -> bool:
    """Whether unary tests let a value through."""
    run.charge(1 + len(tests.text) // 4)
    return tests.compute({"?": value}, run) is True


def coerce(value: Any, of: Type, run: Run, depth: int = 0) -> Any:
    """The value as a value of the type; null when it is none."""
    if depth > DEPTH_LIMIT:
        raise too_deep()
    if value is None or of is ANY or conforms(value, of, run):
        return value
    if of.kind == "list":
        if not isinstance(value, list):
            return [value] if conforms([value], of, run) else None
        return None
    if isinstance(value, list) and len(value) == 1:
        return coerce(value[0], of, run, depth + 1)
    if of.kind == "date and time" and kind(value) == "date":
        midnight = datetime.combine(value, time(tzinfo=ZULU))
        return midnight if conforms(midnight, of, run) else None
    return None


def returning(function: Function, result: Type) -> Function:
    """The function with its result as a value of the type."""
    if result is ANY:
        return function
    return Function(
        function.parameters,
        lambda run, *arguments: coerce(function.call(run, *arguments), result, run),
        function.variadic,
        function.types,
        as_feel(result),
    )


def as_feel(of: Type, depth: int = 0) -> FeelType:
    """The type as FEEL's `instance of` asks for it: without its allowed values."""
    if not of.kind or depth > DEPTH_LIMIT:
        return FEEL_ANY
    if of.base is not None:
        return as_feel(of.base, depth + 1)
    inside: tuple[tuple[str, FeelType], ...] = ()
    if of.item is not None:
        inside = (("", as_feel(of.item, depth + 1)),)
    elif of.parts:
        inside = tuple((name, as_feel(part, depth + 1)) for name, part in of.parts)
    elif of.result is not None:
        inside = (
            *(("", as_feel(one, depth + 1)) for one in of.takes),
            ("->", as_feel(of.result, depth + 1)),
        )
    return FeelType(of.kind, inside)


def component_names(of: Type, depth: int = 0) -> Iterator[str]:
    """The names of all components inside a type."""
    if depth > DEPTH_LIMIT:
        return
    for name, part in of.parts:
        yield name
        yield from component_names(part, depth + 1)
    for inner in (of.item, of.base):
        if inner is not None:
            yield from component_names(inner, depth + 1)

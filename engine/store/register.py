"""The register 台账: the columns a case has in it, computed from the case's variables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Protocol

import orjson

from engine.calendar import Moment
from engine.clock import SHANGHAI
from engine.definitions.model import Package
from engine.errors import EngineError
from engine.feel import compile_expression
from engine.values import Value, plain


class Registered(Protocol):
    """What the register reads of `execution.state.State`."""

    number: str
    status: str
    started: datetime | None

    @property
    def root_variables(self) -> Mapping[str, Value]: ...


_WIDTHS = {"region": 100, "sector": 100, "party": 200, "origin": 40, "supervisor": 200}
"""Characters of a column in the table `cases`."""


def register_values(package: Package, case: str, state: Registered, moment: Moment) -> dict[str, Any]:
    """The register's columns 台账列 of a case, computed from its root variables by the package's expressions.

    An expression that cannot be computed gives an empty column: showing a case must never stop it.
    """
    variables = state.root_variables
    context: dict[str, Value] = {
        **variables,
        "p": package.values(),
        "case": {"id": case, "number": state.number, "started": state.started, "status": state.status},
    }
    register = package.register

    def value(key: str) -> Value:
        expression = register.get(key)
        if not expression:
            return None
        if isinstance(expression, str) and expression in context:
            return context[expression]
        try:
            compiled = compile_expression(expression) if isinstance(expression, str) else expression
            return compiled.evaluate(context, moment)
        except EngineError:
            return None

    result: dict[str, Any] = {k: _text(value(k))[:width] for k, width in _WIDTHS.items()}
    result["title"] = _text(value("title"))
    result["deadline"] = _day(value("deadline"))
    result["closed_on"] = _day(value("closed"))
    result["rung"] = _rung(value("rung"))
    columns = {c["key"]: plain(variables.get(c["key"])) for c in register.get("columns", ())}
    result["register"] = orjson.dumps(columns).decode()
    return result


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "、".join(_text(v) for v in value)
    if isinstance(value, str):
        return value
    return str(plain(value))


def _day(value: Value) -> date | None:
    """A date, the Shanghai day of a date and time, or ISO text of either; else None."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).date()
    return value if isinstance(value, date) else None


def _rung(value: Value) -> int:
    """A rung of the ladder is a small whole number; anything else is none."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < 100 else 0

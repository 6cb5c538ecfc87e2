"""The door of FEEL: text in, `Expression` out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.calendar import Moment
from engine.errors import ExpressionInvalid
from engine.values import Value


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. `names` are the roots it reads from its context."""

    text: str
    names: frozenset[str]

    def evaluate(self, context: Mapping[str, Value], moment: Moment) -> Value:
        """The value in this context at this moment."""
        raise ExpressionInvalid("表达式求值尚在编写")


def compile_expression(text: str) -> Expression:
    """Read a FEEL expression."""
    raise ExpressionInvalid("表达式求值尚在编写", text=text, position=0)


def compile_unary(text: str) -> Expression:
    """Read unary tests; `?` is the input value."""
    raise ExpressionInvalid("表达式求值尚在编写", text=text, position=0)

"""FEEL 表达式: the standard's expression language, compiled once, side-effect free, with budgets.

`compile_expression` reads an expression, `compile_unary` the unary tests of a decision table's cell. `Function` is a
function value, `Type` a type's name with its parts.
"""

from engine.feel.expression import Expression, compile_expression, compile_unary
from engine.feel.nodes import Type
from engine.feel.semantics import Function
from engine.feel.types import converted, fits, is_instance

__all__ = [
    "Expression",
    "Function",
    "Type",
    "compile_expression",
    "compile_unary",
    "converted",
    "fits",
    "is_instance",
]

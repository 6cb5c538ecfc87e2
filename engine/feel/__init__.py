"""FEEL 表达式: the standard's expression language, compiled once, side-effect free, with budgets.

`compile_expression` reads an expression, `compile_unary` the unary tests of a decision table's cell.
"""

from engine.feel.expression import Expression, compile_expression, compile_unary

__all__ = ["Expression", "compile_expression", "compile_unary"]

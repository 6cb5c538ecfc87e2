"""The door of FEEL: text in, `Expression` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from engine.calendar import Moment
from engine.errors import EngineError, ExpressionFailed, ExpressionInvalid
from engine.feel.budget import SOURCE_LIMIT, Run, too_deep
from engine.feel.compiler import Compiler
from engine.feel.nodes import Node, Type
from engine.feel.range_text import range_ as _range  # noqa: F401  declares the built-in
from engine.feel.scope import Env
from engine.feel.semantics import result
from engine.feel.syntax import Parser
from engine.values import Value


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression 表达式. Equal when their texts are.

    `names` are the roots it reads from its context. Inside a filter (`list[price > 3]`) a name may be an entry of
    the filtered list instead; such names are in `possible_names`.
    """

    text: str
    names: frozenset[str]
    possible_names: frozenset[str] = frozenset()
    _code: Callable[[Env], Any] = field(default=lambda env: None, repr=False, compare=False)

    def evaluate(self, context: Mapping[str, Value], moment: Moment) -> Value:
        """The value in this context at this moment.

        What FEEL cannot compute (unknown names, kinds that do not fit) is null by the standard. Raises
        `BudgetExceeded` for work or results beyond the limits, `CalendarUnknown` for an unconfirmed year,
        `ExpressionFailed` for a result that no variable can hold (a function).
        """
        return self.evaluate_in(context, Run(moment))

    def evaluate_in(self, context: Mapping[str, Value], run: Run) -> Value:
        """As `evaluate`, on a budget shared with other expressions."""
        return result(self.compute(context, run))

    def compute(self, context: Mapping[str, Any], run: Run) -> Any:
        """As `evaluate_in`, for what goes on computing with the value: it may be a function, and nobody has counted
        it yet (`engine.feel.semantics.result` does)."""
        try:
            return self._code(Env(context, None, run))
        except EngineError:
            raise
        except RecursionError:
            raise too_deep() from None
        except Exception as error:  # a fault of ours must halt this element, not the engine
            raise ExpressionFailed(
                f"表达式计算时出现内部错误，请将表达式原文报给系统管理员：{self.text[:120]}", internal=True
            ) from error


def compile_expression(
    text: str,
    known: frozenset[str] = frozenset(),
    types: tuple[tuple[str, Type], ...] = (),
    *,
    strict: bool = True,
) -> Expression:
    """Read a FEEL expression. Raises `ExpressionInvalid` with `fields["position"]` and a sentence that says where.

    `known` are names of the context that are declared beforehand, as in a decision model: they may be called as
    functions, and hold any characters. Names that are not among them are read word by word. `types` are the
    model's own types by name. Not `strict`: what the standard calls an error of one expression (an unknown function
    or type, arguments that fit no signature, an impossible `@"…"`, a doubled key) is null when it is evaluated, and
    no refusal when it is read.
    """
    if not known and not types and strict:
        return _compile(text, Parser.expression_text)
    return _compile(text, Parser.expression_text, known, types, strict)


def compile_unary(
    text: str,
    known: frozenset[str] = frozenset(),
    types: tuple[tuple[str, Type], ...] = (),
    *,
    strict: bool = True,
) -> Expression:
    """Read the unary tests of a decision cell: `> 5`, `"甲","乙"`, `[1..5]`, `not(…)`, `-`, or a condition on `?`.

    The input value is the context's `?`; the result is true, false or null. Raises `ExpressionInvalid`.
    """
    return _compile(text, Parser.tests_text, known, types, strict)


@lru_cache(maxsize=4096)
def _compile(
    text: str,
    read: Callable[[Parser], Node],
    known: frozenset[str] = frozenset(),
    types: tuple[tuple[str, Type], ...] = (),
    strict: bool = True,
) -> Expression:
    if len(text) > SOURCE_LIMIT:
        raise ExpressionInvalid(
            f"表达式超过 {SOURCE_LIMIT} 字，请拆分为几个较短的表达式。",
            text=text[:200],
            position=SOURCE_LIMIT,
        )
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ExpressionInvalid("表达式中含有无法识别的字符，请删除后重新输入。", text="", position=0)
    try:
        node = read(Parser(text, known, types, strict=strict))
        compiler = Compiler(text, known, strict=strict)
        code = compiler.code(node)
    except RecursionError:
        raise ExpressionInvalid(
            "表达式嵌套过深，请拆分为几个较短的表达式。", text=text[:200], position=0
        ) from None
    names = frozenset(compiler.names)
    return Expression(text, names, frozenset(compiler.possible) - names, code)

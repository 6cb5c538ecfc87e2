"""`range("[18..21)")`: a range from its text (DMN 1.5, 10.3.4.1). Its ends are literals, never names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.errors import ExpressionInvalid
from engine.feel import nodes as n
from engine.feel import semantics
from engine.feel.budget import SOURCE_LIMIT, Run
from engine.feel.functions import FUNCTIONS
from engine.feel.functions.registry import function
from engine.feel.syntax import Parser
from engine.values import Range

_MAKERS = frozenset(
    ["date", "time", "date and time", "duration"]
)  # with literal arguments they are literals too


@function("range", "from")
def range_(run: Run, text: Any) -> Range | None:
    """An end may be left out on an open side: `[2..)` is `>= 2`."""
    if not isinstance(text, str) or len(text) > SOURCE_LIMIT:
        return None
    run.charge(100 + 30 * len(text))  # what reading it costs
    text = text.strip()
    if len(text) < 5 or text[0] not in "[(]" or text[-1] not in ")][":
        return None
    low_closed, high_closed = text[0] == "[", text[-1] == "]"
    try:
        return _between(run, text[1:-1], low_closed, high_closed)
    except (ExpressionInvalid, RecursionError):
        return None


def _between(run: Run, inside: str, low_closed: bool, high_closed: bool) -> Range | None:
    parser = Parser(inside, strict=False)
    low = high = None
    if not parser.is_op(".."):
        low = _literal(run, parser.expression())
        if low is None:
            return None
    parser.expect("..")
    if parser.token.kind != "end":
        high = _literal(run, parser.expression())
        if high is None:
            return None
    parser.finish()
    if (low is None and low_closed) or (high is None and high_closed):
        return None
    return semantics.make_range(low, high, low_closed, high_closed)


def _literal(run: Run, node: n.Node) -> Any:
    """What a literal gives, or None when the node is none."""
    if isinstance(node, n.Literal):
        return node.value
    if (
        isinstance(node, n.Call)
        and isinstance(node.function, n.Name)
        and node.function.name in _MAKERS
        and node.names is None
        and all(isinstance(one, n.Literal) for one in node.arguments)
    ):
        maker = FUNCTIONS[node.function.name]
        values = [one.value for one in node.arguments if isinstance(one, n.Literal)]
        if all(isinstance(value, str | int | Decimal) for value in values) and maker.positional(len(values)):
            return maker.call(run, *values)
    return None

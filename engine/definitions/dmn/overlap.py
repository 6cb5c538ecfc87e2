"""What a decision table shows of itself 规则重叠: rules that hit together where only one may, and rules never reached.

Only cells that are values, comparisons and ranges of literals are looked at; of anything else nothing is said. Two rules
overlap where a value passes both cells of every column; that value is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.definitions.dmn.evaluation import shown
from engine.definitions.dmn.tables import Rule, Table
from engine.errors import ExpressionInvalid
from engine.feel.nodes import Literal, Node, RangeNode
from engine.feel.nodes import Test as UnaryTest
from engine.feel.numbers import whole
from engine.feel.semantics import kind, order
from engine.feel.syntax import Parser

RULES_LIMIT = 300
"""Tables with more rules are not looked at: their pairs are too many for a check while somebody waits."""
_TOLD = 5

_ANYTHING = object()


@dataclass(frozen=True, slots=True)
class _Span:
    """The values between two ends; an end that is None is open for ever."""

    low: Any = None
    high: Any = None
    low_closed: bool = False
    high_closed: bool = False


_Cell = list[_Span] | None
"""A cell as spans; None when it cannot be told. An empty cell is `[_Span()]`."""


def remarks(table: Table) -> Iterator[tuple[str, str]]:
    """(rule, sentence) of what the table shows."""
    if len(table.rules) > RULES_LIMIT:
        return
    if table.policy == "FIRST":
        yield from _unreached(table)
    if table.policy in ("UNIQUE", "ANY"):
        cells = [[_cell(test) for test in rule.tests] for rule in table.rules]
        told = 0
        for i, one in enumerate(table.rules):
            for j in range(i + 1, len(table.rules)):
                other = table.rules[j]
                if table.policy == "ANY" and _results(one) == _results(other):
                    continue
                sample = _common(cells[i], cells[j])
                if sample is None:
                    continue
                told += 1
                if told > _TOLD:
                    return
                yield "rules_overlap", _sentence(table, one, other, sample)


def _sentence(table: Table, one: Rule, other: Rule, sample: list[Any]) -> str:
    where = "、".join(
        f"{column.label} 为 {shown(value)}"
        for column, value in zip(table.inputs, sample, strict=True)
        if value is not _ANYTHING
    )
    at = f"（如 {where} 时）" if where else ""
    if table.policy == "UNIQUE":
        demand = "命中策略 U 只允许命中一条。请改窄其中一条，或改用命中策略 F、P"
    else:
        demand = "命中策略 A 要求结果一致，两条的输出却不同。请统一输出，或改窄其中一条"
    return f"第 {one.number} 条与第 {other.number} 条规则会同时命中{at}，{demand}。"


def _unreached(table: Table) -> Iterator[tuple[str, str]]:
    for rule in table.rules[:-1]:
        if all(test is None for test in rule.tests):
            yield (
                "rule_unreached",
                f"第 {rule.number} 条规则总会命中，它后面的规则永远用不到。请把它移到最后，或删去后面的规则。",
            )
            return


def _results(rule: Rule) -> list[str]:
    return ["" if one is None else one.text for one in rule.results]


def _cell(test: Any) -> _Cell:
    """A cell's spans."""
    if test is None:
        return [_Span()]
    try:
        tests = Parser(test.text).tests_text()
    except ExpressionInvalid:
        return None
    spans = [_span(one) for one in tests.tests]
    if tests.negated or not spans or any(span is None for span in spans):
        return None
    return [span for span in spans if span is not None]


def _span(test: UnaryTest) -> _Span | None:
    if test.asks:
        return None
    node = test.operand
    if isinstance(node, RangeNode) and not test.op:
        low, high = _end(node.low), _end(node.high)
        if low is _ANYTHING or high is _ANYTHING:
            return None
        return _Span(low, high, node.low_closed, node.high_closed)
    value = _end(node)
    if value is _ANYTHING or value is None:
        return None
    make: Callable[[], _Span] | None = {
        "": lambda: _Span(value, value, True, True),
        "=": lambda: _Span(value, value, True, True),
        "<": lambda: _Span(None, value),
        "<=": lambda: _Span(None, value, high_closed=True),
        ">": lambda: _Span(value),
        ">=": lambda: _Span(value, low_closed=True),
    }.get(test.op)
    return make() if make is not None else None


def _end(node: Node | None) -> Any:
    """A literal's value; `_ANYTHING` for what is none."""
    if node is None:
        return None
    return node.value if isinstance(node, Literal) else _ANYTHING


def _common(one: list[_Cell], other: list[_Cell]) -> list[Any] | None:
    """A value for each column that passes both rules' cells; None when there is none or it cannot be told."""
    found = []
    for a, b in zip(one, other, strict=True):
        if a is None or b is None:
            return None
        samples = (_sample(x, y) for x in a for y in b)
        sample = next((value for value in samples if value is not None), None)
        if sample is None:
            return None
        found.append(sample)
    return found


def _sample(one: _Span, other: _Span) -> Any:
    """A value in both spans, `_ANYTHING` when every value is; None when there is none, or only between whole numbers
    (where the input may be whole, nothing is said)."""
    ends = [end for span in (one, other) for end in (span.low, span.high) if end is not None]
    if not ends:
        return _ANYTHING
    if len({kind(end) for end in ends}) > 1:
        return None
    if isinstance(ends[0], bool):
        return ends[0] if all(end == ends[0] for end in ends) else None
    numbers = [end for end in ends if kind(end) == "number"]
    near = [n + step for n in map(whole, numbers) if n is not None for step in (0, 1, -1)]
    for value in (*ends, *near):
        if _holds(one, value) and _holds(other, value):
            return value
    return None


def _holds(span: _Span, value: Any) -> bool:
    above = None if span.low is None else order(value, span.low)
    below = None if span.high is None else order(value, span.high)
    if span.low is not None and (above is None or above < 0 or (above == 0 and not span.low_closed)):
        return False
    return span.high is None or not (below is None or below > 0 or (below == 0 and not span.high_closed))

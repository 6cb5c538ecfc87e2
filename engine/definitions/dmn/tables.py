"""Decision tables 决策表 (DMN 1.3, clause 8): which rules hit, and what the hit policy makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from engine.definitions.dmn.boxes import Box, Scope, compute
from engine.definitions.dmn.evaluation import Overlay, remark, shown
from engine.definitions.dmn.types import ANY, Type, coerce, passes
from engine.errors import ExpressionFailed
from engine.feel import Expression, compile_expression
from engine.feel.budget import Run
from engine.feel.semantics import equal, matches
from engine.values import Value


@dataclass(frozen=True, slots=True)
class Input:
    """A column of conditions. `allowed` None allows any value."""

    id: str
    label: str
    value: Expression
    type: Type = ANY
    allowed: Expression | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A column of results. `values` is the list of the allowed ones, highest priority first; `allowed` the same as
    unary tests."""

    id: str
    name: str
    type: Type = ANY
    values: Expression | None = None
    allowed: Expression | None = None
    default: Expression | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row. A test that is None matches everything; a result that is None is null."""

    id: str
    number: int  # from 1, as people count
    tests: tuple[Expression | None, ...]
    results: tuple[Expression | None, ...]
    annotation: str = ""


MANY = frozenset(["RULE ORDER", "OUTPUT ORDER", "COLLECT"])
"""The policies that give a list, when nothing is aggregated."""


@dataclass(frozen=True, slots=True)
class Table(Box):
    """A decision table. `policy` is DMN's word; `aggregation` is SUM, MIN, MAX, COUNT or "". `name` and `id` are those
    of the decision or knowledge model around it, for sentences.

    Its answer: of one output its value, of several a context by output name; a list of these for RULE ORDER, OUTPUT
    ORDER and COLLECT; null when no rule matches and there is no default (an empty list for those three).
    """

    name: str = field(compare=False)
    id: str = field(compare=False)
    policy: str
    aggregation: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]

    def answer(self, scope: Scope, run: Run) -> Any:
        return _Decider(self, scope, run).answer()

    def expressions(self) -> Iterator[Expression]:
        for column in self.inputs:
            yield from _present(column.value, column.allowed)
        for output in self.outputs:
            yield from _present(output.values, output.default)
        for rule in self.rules:
            yield from _present(*rule.tests, *rule.results)

    def names(self) -> frozenset[str]:
        return frozenset().union(*(one.names for one in self.expressions())) - {"?"}

    @property
    def gives_a_list(self) -> bool:
        """Whether its answer is the list of the results of all rules that hit."""
        return self.policy in MANY and not self.aggregation


@dataclass(frozen=True, slots=True)
class _Decider:
    """One evaluation of one table."""

    table: Table
    scope: Scope
    run: Run

    def answer(self) -> Value:
        rules = self.hits()
        if not rules:
            default = self.default()
            if self.table.policy not in MANY:
                return default
            return self.aggregate([] if default is None else [default])
        return _POLICIES[self.table.policy](self, rules)

    def hits(self) -> list[Rule]:
        """The rules that match, in their order; with FIRST only the first."""
        cells = [self.cell(column) for column in self.table.inputs]
        found: list[Rule] = []
        for rule in self.table.rules:
            self.run.charge(1)
            if all(
                test is None or compute(test, cell, self.run) is True
                for test, cell in zip(rule.tests, cells, strict=True)
            ):
                found.append(rule)
                if self.table.policy == "FIRST":
                    break
        return found

    def cell(self, column: Input) -> Scope:
        """What a column's tests see: the names in force and the input value as `?`."""
        value = compute(column.value, self.scope, self.run)
        value = self.of_type(value, column.type, f"输入“{column.label}”")
        if value is not None and column.allowed is not None and not self.allowed(value, column.allowed):
            raise ExpressionFailed(
                f"决策“{self.table.name}”的输入“{column.label}”是 {shown(value)}，"
                f"不在允许值 {column.allowed.text[:80]} 之中。请检查前面步骤填报的内容，或在决策表中补充允许值。",
                decision=self.table.id,
            )
        return Overlay({"?": value}, self.scope)

    def allowed(self, value: Value, tests: Expression) -> bool:
        """Whether a value, or each entry of a list, is one of the allowed."""
        return passes(value, tests, self.run) or (
            isinstance(value, list) and all(passes(one, tests, self.run) for one in value)
        )

    def of_type(self, value: Any, of: Type, what: str) -> Any:
        fit = coerce(value, of, self.run)
        if fit is None and value is not None:
            remark(
                self.run,
                f"决策“{self.table.name}”的{what}应为{of.title}，实际是 {shown(value)}，按空值处理。",
            )
        return fit

    def results(self, rule: Rule) -> list[Value]:
        found = []
        for cell, column in zip(rule.results, self.table.outputs, strict=True):
            value = None if cell is None else compute(cell, self.scope, self.run)
            what = f"第 {rule.number} 条规则的输出“{column.name}”"
            value = self.of_type(value, column.type, what)
            if value is not None and column.allowed is not None and not self.allowed(value, column.allowed):
                raise ExpressionFailed(
                    f"决策“{self.table.name}”{what}是 {shown(value)}，不在该列允许值 {column.allowed.text[:80]} 之中。"
                    "请修改这条规则，或在输出列补充允许值。",
                    decision=self.table.id,
                    rules=[rule.number],
                )
            found.append(value)
        return found

    def shaped(self, values: list[Value]) -> Value:
        """One output is its value; several are a context by name."""
        if len(self.table.outputs) == 1:
            return values[0]
        return {column.name: value for column, value in zip(self.table.outputs, values, strict=True)}

    def default(self) -> Value:
        columns = self.table.outputs
        if all(column.default is None for column in columns):
            return None
        return self.shaped(
            [
                None
                if c.default is None
                else self.of_type(compute(c.default, self.scope, self.run), c.type, f"输出“{c.name}”的缺省值")
                for c in columns
            ]
        )

    # -- hit policies (DMN 1.3, 8.2.8) -----------------------------------------------------------------

    def unique(self, rules: list[Rule]) -> Value:
        if len(rules) > 1:
            raise ExpressionFailed(
                f"决策“{self.table.name}”只允许命中一条规则，但{_named(rules)}同时命中。请修改这些规则，使它们互不重叠。",
                decision=self.table.id,
                rules=[rule.number for rule in rules],
            )
        return self.shaped(self.results(rules[0]))

    def first(self, rules: list[Rule]) -> Value:
        return self.shaped(self.results(rules[0]))

    def any(self, rules: list[Rule]) -> Value:
        answers = [self.results(rule) for rule in rules]
        run = self.run
        different = [
            rule for rule, one in zip(rules, answers, strict=True) if not _same(one, answers[0], run)
        ]
        if different:
            raise ExpressionFailed(
                f"决策“{self.table.name}”要求同时命中的规则结果一致，但{_named([rules[0], *different])}的结果不同。请统一这些规则的输出。",
                decision=self.table.id,
                rules=[rules[0].number, *(rule.number for rule in different)],
            )
        return self.shaped(answers[0])

    def priority(self, rules: list[Rule]) -> Value:
        return self.shaped(self.by_priority(rules)[0])

    def output_order(self, rules: list[Rule]) -> Value:
        return [self.shaped(values) for values in self.by_priority(rules)]

    def rule_order(self, rules: list[Rule]) -> Value:
        return [self.shaped(self.results(rule)) for rule in rules]

    def collect(self, rules: list[Rule]) -> Value:
        return self.aggregate([self.shaped(self.results(rule)) for rule in rules])

    def by_priority(self, rules: list[Rule]) -> list[list[Value]]:
        """Results sorted by the outputs' lists of values, the first output counting most."""
        run = self.run
        orders = [
            None if column.values is None else compute(column.values, self.scope, run)
            for column in self.table.outputs
        ]

        def rank(values: list[Value]) -> tuple[int, ...]:
            return tuple(
                next((i for i, one in enumerate(order) if matches(value, one, run) is True), len(order))
                for value, order in zip(values, orders, strict=True)
                if isinstance(order, list)
            )

        return sorted((self.results(rule) for rule in rules), key=rank)

    def aggregate(self, values: list[Value]) -> Value:
        if not self.table.aggregation:
            return values
        return _AGGREGATES[self.table.aggregation].compute({"values": values}, self.run)


_POLICIES: dict[str, Callable[[_Decider, list[Rule]], Value]] = {
    "UNIQUE": _Decider.unique,
    "FIRST": _Decider.first,
    "ANY": _Decider.any,
    "PRIORITY": _Decider.priority,
    "RULE ORDER": _Decider.rule_order,
    "OUTPUT ORDER": _Decider.output_order,
    "COLLECT": _Decider.collect,
}
POLICIES = frozenset(_POLICIES)

_AGGREGATES = {
    "SUM": compile_expression("sum(values)"),
    "MIN": compile_expression("min(values)"),
    "MAX": compile_expression("max(values)"),
    "COUNT": compile_expression("count(values)"),
}
AGGREGATIONS = frozenset(_AGGREGATES)


def _present(*expressions: Expression | None) -> Iterator[Expression]:
    return (one for one in expressions if one is not None)


def _same(a: list[Value], b: list[Value], run: Run) -> bool:
    return all(equal(x, y, run) is True for x, y in zip(a, b, strict=True))


def _named(rules: list[Rule]) -> str:
    """`第 1 条（重大）、第 3 条规则`."""
    listed = "、".join(
        f"第 {rule.number} 条" + (f"（{rule.annotation[:20]}）" if rule.annotation else "")
        for rule in rules[:6]
    )
    return listed + ("等" if len(rules) > 6 else "") + "规则"

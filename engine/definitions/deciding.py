"""Decisions 决策: what a decision table or a literal expression answers, with what it requires.

`decisions.read_decisions` makes them from DMN files. A decision is plain data and pure: the same context at the
same moment gives the same answer on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.calendar import Moment
from engine.errors import ExpressionFailed
from engine.feel import Expression, compile_expression
from engine.feel.budget import DECISION_LIMIT, Run
from engine.feel.semantics import equal, kind
from engine.values import Value

REQUIREMENT_DEPTH = 32

TYPES: dict[str, str] = {
    "number": "number",
    "integer": "number",
    "long": "number",
    "double": "number",
    "string": "string",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "dateTime": "date and time",
    "date and time": "date and time",
    "dayTimeDuration": "days and time duration",
    "days and time duration": "days and time duration",
    "yearMonthDuration": "years and months duration",
    "years and months duration": "years and months duration",
}
"""`typeRef` → FEEL kind. "Any" and no `typeRef` mean every kind."""

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
    "Null": "空值",
}


@dataclass(frozen=True, slots=True)
class Input:
    """A column of conditions. `kind` "" takes any kind; `allowed` None any value."""

    id: str
    label: str
    value: Expression
    kind: str = ""
    allowed: Expression | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A column of results. `values` are the allowed ones, highest priority first."""

    id: str
    name: str
    kind: str = ""
    values: tuple[Value, ...] = ()
    default: Expression | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row. A test that is None matches everything; a result that is None is null."""

    id: str
    number: int  # from 1, as people count
    tests: tuple[Expression | None, ...]
    results: tuple[Expression | None, ...]
    annotation: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A decision table 决策表. `policy` is DMN's word; `aggregation` is SUM, MIN, MAX, COUNT or ""."""

    policy: str
    aggregation: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision. `logic` is its table or its literal expression; `requires` are the decisions it builds on, which
    it reads under their `variable` names. `names` are the roots it and they read from the case."""

    id: str
    name: str
    variable: str
    logic: Table | Expression
    requires: tuple[Decision, ...] = ()
    kind: str = ""
    line: int = 0
    names: frozenset[str] = field(default_factory=frozenset)

    def evaluate(self, context: Mapping[str, Value], moment: Moment) -> Value:
        """The answer: of one output its value, of several a context by output name; a list of these for the
        policies RULE ORDER, OUTPUT ORDER and COLLECT; null when no rule matches and there is no default.

        Raises `ExpressionFailed` when the table contradicts itself (UNIQUE, ANY) or a value is of a wrong kind, and
        `BudgetExceeded` when all cells together take too much work.
        """
        return _answer(self, context, Run(moment, DECISION_LIMIT), {})


class Overlay(Mapping[str, Value]):
    """Some names over a context that is not copied."""

    __slots__ = ("_below", "_over")

    def __init__(self, over: Mapping[str, Value], below: Mapping[str, Value]) -> None:
        self._over = over
        self._below = below

    def __getitem__(self, name: str) -> Value:
        return self._over[name] if name in self._over else self._below[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self._over[name] if name in self._over else self._below.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._over or name in self._below

    def __iter__(self) -> Iterator[str]:
        yield from self._over
        yield from (name for name in self._below if name not in self._over)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _answer(decision: Decision, context: Mapping[str, Value], run: Run, done: dict[str, Value]) -> Value:
    """`done` holds the answers of this evaluation, so that what two decisions require is decided once."""
    if decision.id in done:
        return done[decision.id]
    required = {one.variable: _answer(one, context, run, done) for one in decision.requires}
    sees = Overlay(required, context) if required else context
    if isinstance(decision.logic, Expression):
        answer = decision.logic.evaluate_in(sees, run)
        _check_kind(answer, decision.kind, f"决策“{decision.name}”的结果")
    else:
        answer = _Decider(decision, decision.logic, sees, run).answer()
    done[decision.id] = answer
    return answer


@dataclass(frozen=True, slots=True)
class _Decider:
    """One evaluation of one table."""

    decision: Decision
    table: Table
    context: Mapping[str, Value]
    run: Run

    def answer(self) -> Value:
        rules = self.hits()
        policy = self.table.policy
        many = policy in ("RULE ORDER", "OUTPUT ORDER", "COLLECT")
        if not rules:
            default = self.default()
            if not many:
                return default
            return self.aggregate([] if default is None else [default])
        return _POLICIES[policy](self, rules)

    def hits(self) -> list[Rule]:
        """The rules that match, in their order; with FIRST only the first."""
        cells = [self.cell(column) for column in self.table.inputs]
        found: list[Rule] = []
        for rule in self.table.rules:
            if all(
                test is None or test.evaluate_in(cell, self.run) is True
                for test, cell in zip(rule.tests, cells, strict=True)
            ):
                found.append(rule)
                if self.table.policy == "FIRST":
                    break
        return found

    def cell(self, column: Input) -> Mapping[str, Value]:
        """What a column's tests see: the case's names and the input value as `?`."""
        value = column.value.evaluate_in(self.context, self.run)
        _check_kind(value, column.kind, f"决策“{self.decision.name}”的输入“{column.label}”")
        cell = Overlay({"?": value}, self.context)
        if (
            column.allowed is not None
            and value is not None
            and column.allowed.evaluate_in(cell, self.run) is not True
        ):
            raise ExpressionFailed(
                f"决策“{self.decision.name}”的输入“{column.label}”是 {_shown(value)}，"
                f"不在允许值 {column.allowed.text[:80]} 之中。请检查前面步骤填报的内容，或在决策表中补充允许值。",
                decision=self.decision.id,
            )
        return cell

    def results(self, rule: Rule) -> list[Value]:
        values = [None if one is None else one.evaluate_in(self.context, self.run) for one in rule.results]
        for value, column in zip(values, self.table.outputs, strict=True):
            _check_kind(
                value, column.kind, f"决策“{self.decision.name}”第 {rule.number} 条规则的输出“{column.name}”"
            )
        return values

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
            [None if c.default is None else c.default.evaluate_in(self.context, self.run) for c in columns]
        )

    # -- hit policies ----------------------------------------------------------------------------------

    def unique(self, rules: list[Rule]) -> Value:
        if len(rules) > 1:
            raise ExpressionFailed(
                f"决策“{self.decision.name}”只允许命中一条规则，但{_named(rules)}同时命中。请修改这些规则，使它们互不重叠。",
                decision=self.decision.id,
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
                f"决策“{self.decision.name}”要求同时命中的规则结果一致，但{_named([rules[0], *different])}的结果不同。请统一这些规则的输出。",
                decision=self.decision.id,
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

        def rank(values: list[Value]) -> tuple[int, ...]:
            return tuple(
                next(
                    (i for i, one in enumerate(column.values) if equal(value, one, run) is True),
                    len(column.values),
                )
                for value, column in zip(values, self.table.outputs, strict=True)
                if column.values
            )

        return sorted((self.results(rule) for rule in rules), key=rank)

    def aggregate(self, values: list[Value]) -> Value:
        if not self.table.aggregation:
            return values
        return _AGGREGATES[self.table.aggregation].evaluate_in({"values": values}, self.run)


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


def _same(a: list[Value], b: list[Value], run: Run) -> bool:
    return all(equal(x, y, run) is True for x, y in zip(a, b, strict=True))


def _check_kind(value: Value, wanted: str, what: str) -> None:
    if wanted and value is not None and kind(value) != wanted:
        raise ExpressionFailed(
            f"{what}应为{KIND_NAMES[wanted]}，实际是{KIND_NAMES.get(kind(value), kind(value))} {_shown(value)}。"
            "请检查填报的内容或决策表中的类型。"
        )


def _shown(value: Value) -> str:
    text = f"“{value}”" if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _named(rules: list[Rule]) -> str:
    """`第 1 条（重大）、第 3 条规则`."""
    shown = "、".join(
        f"第 {rule.number} 条" + (f"（{rule.annotation[:20]}）" if rule.annotation else "")
        for rule in rules[:6]
    )
    return shown + ("等" if len(rules) > 6 else "") + "规则"

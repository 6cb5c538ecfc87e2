"""Decision tables read from XML, and what is wrong with them (DMN 1.3, clause 8)."""

from __future__ import annotations

import re
from itertools import zip_longest

from engine.definitions.dmn import overlap
from engine.definitions.dmn.read_types import Types
from engine.definitions.dmn.reading import Known, Node, Reading, elements, text_in
from engine.definitions.dmn.tables import AGGREGATIONS, POLICIES, Input, Output, Rule, Table
from engine.definitions.dmn.types import Type
from engine.definitions.reading import local, text_of
from engine.errors import ExpressionInvalid
from engine.feel import Expression, compile_expression
from engine.feel.nodes import ListNode, Literal
from engine.feel.semantics import kind
from engine.feel.syntax import Parser

_ALIAS = "{http://camunda.org/schema/1.0/dmn}inputVariable"
_ORIENTATIONS = frozenset(["", "Rule-as-Row", "Rule-as-Column", "CrossTable"])


def read_table(reading: Reading, types: Types, node: Node, known: Known, name: str, id: str) -> Table | None:
    """A `decisionTable`; None when it is wrong (then with findings). How it is drawn (rules as rows, as columns, cross
    table) is the same table."""
    parts = reading.children(node, "input", "output", "annotation", "rule")
    policy = (node.get("hitPolicy") or "UNIQUE").upper()
    aggregation = (node.get("aggregation") or "").upper()
    before = reading.errors
    if policy not in POLICIES:
        reading.note("hit_policy", node, f"命中策略“{policy[:40]}”不存在，请选择 U、A、P、F、R、O、C 之一。")
        return None
    if aggregation and (aggregation not in AGGREGATIONS or policy != "COLLECT"):
        reading.note(
            "aggregation", node, "汇总方式只能是 SUM、MIN、MAX、COUNT，且只用于命中策略 C（收集）。请改正。"
        )
    if (node.get("preferredOrientation") or "") not in _ORIENTATIONS:
        reading.warn(
            "orientation",
            node,
            "决策表的朝向只能是 Rule-as-Row、Rule-as-Column 或 CrossTable，请改正或删去。",
        )
    columns = _Columns(reading, types, known, name)
    inputs = [one for column in parts["input"] if (one := columns.input(column)) is not None]
    outputs = [columns.output(column, len(parts["output"]) > 1) for column in parts["output"]]
    if not outputs:
        reading.note("no_output", node, f"决策表“{name[:40]}”没有输出列，请至少加一列。")
    if aggregation and aggregation != "COUNT" and len(outputs) > 1:
        reading.note("aggregation", node, "有多个输出列的决策表不能汇总，请改为一个输出列或去掉汇总。")
    repeated = {o.name for o in outputs if [p.name for p in outputs].count(o.name) > 1}
    if repeated:
        reading.note("output_name", node, f"输出列名“{sorted(repeated)[0][:40]}”重复，请改成不同的名称。")
    if policy in ("PRIORITY", "OUTPUT ORDER") and not any(output.values for output in outputs):
        reading.note(
            "output_values",
            node,
            "命中策略 P、O 按输出值的先后排序，请先在输出列填写允许值（优先的在前）。",
        )
    if len(inputs) != len(parts["input"]):
        return None
    if not parts["rule"]:
        reading.warn("no_rule", node, f"决策表“{name[:40]}”没有规则，结果总是缺省值或空。请至少加一条规则。")
    rules = [columns.rule(row, number, inputs, outputs) for number, row in enumerate(parts["rule"], 1)]
    if reading.errors > before:
        return None
    of = types.of(node)
    table = Table(of, name, id, policy, aggregation, tuple(inputs), tuple(outputs), tuple(rules))
    for rule, sentence in overlap.remarks(table):
        reading.warn(rule, node, f"决策表“{name[:40]}”{sentence}")
    return table


class _Columns:
    """The columns and rows of one table."""

    def __init__(self, reading: Reading, types: Types, known: Known, name: str) -> None:
        self.reading = reading
        self.types = types
        self.known = known
        self.name = name
        self.aliases: list[str] = []  # what another tool calls a column's value inside its cells

    def input(self, node: Node) -> Input | None:
        reading = self.reading
        before = reading.errors
        parts = reading.children(node, "inputExpression", "inputValues")
        label = node.get("label") or ""
        self.aliases.append((node.get(_ALIAS) or "").strip() or "cellInput")
        expression = reading.one(parts, "inputExpression")
        if expression is not None:
            reading.children(expression, "text")
            value = reading.expression(expression, self.known)
            if value is not None:
                allowed = None
                values = reading.one(parts, "inputValues")
                if values is not None:
                    reading.children(values, "text")
                    allowed = reading.tests(values, self.known)
                of = self.types.of(expression)
                return Input(node.get("id") or "", label or value.text, value, of, allowed)
        if reading.errors == before:
            reading.note("input_expression", node, f"输入列“{label[:40]}”没有表达式，请填写要判断的变量。")
        return None

    def output(self, node: Node, several: bool) -> Output:
        reading = self.reading
        parts = reading.children(node, "outputValues", "defaultOutputEntry")
        name = node.get("name") or ("" if several else node.get("label") or "结果")
        if not name:
            reading.note("output_name", node, "有多个输出列时，每一列都要有名称。请补上名称。")
        of = self.types.of(node)
        values = allowed = default = None
        listed = reading.one(parts, "outputValues")
        if listed is not None:
            reading.children(listed, "text")
            values, allowed = self.values(listed)
        elif of.allowed is not None:  # a type's own list of values is their order as well
            values = _listed(of.allowed.text, self.known)
        one = reading.one(parts, "defaultOutputEntry")
        if one is not None:
            reading.children(one, "text")
            default = reading.expression(one, self.known)
            if default is not None:
                self.fits(one, default, of, allowed, f"输出列“{name}”的缺省值")
        return Output(node.get("id") or "", name, of, values, allowed, default)

    def values(self, node: Node) -> tuple[Expression | None, Expression | None]:
        """`outputValues` as a list in their order, and as unary tests."""
        allowed = self.reading.tests(node, self.known)
        if allowed is None:
            return None, None
        return _listed(allowed.text, self.known), allowed

    def rule(self, node: Node, number: int, inputs: list[Input], outputs: list[Output]) -> Rule:
        reading = self.reading
        parts = reading.children(node, "inputEntry", "outputEntry", "annotationEntry")
        if len(parts["inputEntry"]) != len(inputs) or len(parts["outputEntry"]) != len(outputs):
            reading.note("rule_width", node, f"第 {number} 条规则的格数与列数不一致，请在设计器中重新保存。")
        tests: list[Expression | None] = []
        results: list[Expression | None] = []
        for cell, name in zip_longest(parts["inputEntry"], self.aliases[: len(parts["inputEntry"])]):
            reading.children(cell, "text")
            if name and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text_in(cell)):
                reading.note(
                    "input_variable",
                    cell,
                    f"第 {number} 条规则用“{name[:40]}”（camunda:inputVariable）指输入值，请改用 ? 。",
                )
            tests.append(None if text_in(cell) in ("", "-") else reading.tests(cell, self.known))
        for cell, column in zip(parts["outputEntry"], outputs, strict=False):
            reading.children(cell, "text")
            result = None if text_in(cell) == "-" else reading.expression(cell, self.known)
            results.append(result)
            if result is not None:
                what = f"第 {number} 条规则的输出“{column.name[:40]}”"
                self.fits(cell, result, column.type, column.allowed, what)
        for cell in parts["annotationEntry"]:
            reading.children(cell, "text")
        annotation = next((text_in(one) for one in parts["annotationEntry"] if text_in(one)), "")
        if not annotation:
            annotation = next((text_of(one) for one in elements(node) if local(one) == "description"), "")
        return Rule(node.get("id") or "", number, tuple(tests), tuple(results), annotation)

    def fits(self, cell: Node, result: Expression, of: Type, allowed: Expression | None, what: str) -> None:
        """A literal result must be of its column's kind and one of its allowed values."""
        try:
            node = Parser(result.text, self.known).expression_text()
        except ExpressionInvalid:  # already told
            return
        if not isinstance(node, Literal) or node.value is None:
            return
        if of.kind and of.kind != "list" and kind(node.value) != of.kind:
            self.reading.note("output_type", cell, f"{what}应为{of.title}，请改正。")
        elif allowed is not None and _literals(allowed.text) and node.value not in _literals(allowed.text):
            self.reading.note("output_values", cell, f"{what}不在该列允许值之中，请改正或补充允许值。")


def _listed(tests: str, known: Known) -> Expression | None:
    """Unary tests that are values between commas, as the list of these values in their order."""
    try:
        return compile_expression(f"[{tests}]", known)
    except ExpressionInvalid:
        return None


def _literals(tests: str) -> list[object]:
    """The values of such a list where all are literals."""
    try:
        listed = Parser(f"[{tests}]").expression_text()
    except ExpressionInvalid:
        return []
    if not isinstance(listed, ListNode) or not all(isinstance(one, Literal) for one in listed.items):
        return []
    return [one.value for one in listed.items if isinstance(one, Literal)]

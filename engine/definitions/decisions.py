"""Reading DMN 1.1 to 1.5: decision tables and literal expressions, with the decisions they require.

What is not read is a finding, with element id and line, never ignored: an error where it would change an answer,
a warning where it only describes. Input data need no declaration to be read: expressions see the case's names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from lxml import etree

from engine.definitions import xml
from engine.definitions.deciding import (
    AGGREGATIONS,
    KIND_NAMES,
    POLICIES,
    REQUIREMENT_DEPTH,
    TYPES,
    Decision,
    Input,
    Output,
    Rule,
    Table,
)
from engine.definitions.reading import line_of, local, owner, text_of
from engine.errors import DefinitionRefused, ExpressionInvalid, Finding
from engine.feel import Expression, compile_expression, compile_unary
from engine.feel.nodes import ListNode, Literal
from engine.feel.semantics import kind
from engine.feel.syntax import Parser
from engine.values import Value

__all__ = ["Decision", "read_decisions"]

NAMESPACES = frozenset(
    {
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",  # 1.1
        "http://www.omg.org/spec/DMN/20180521/MODEL/",  # 1.2
        "https://www.omg.org/spec/DMN/20191111/MODEL/",  # 1.3
        "https://www.omg.org/spec/DMN/20211108/MODEL/",  # 1.4
        "https://www.omg.org/spec/DMN/20230324/MODEL/",  # 1.5
    }
)
"""What is read of DMN has the same form in all of them; what a later version adds is refused like any unknown element."""

_FEEL = frozenset(
    {
        "",
        "feel",
        "http://www.omg.org/spec/FEEL/20140401",
        "http://www.omg.org/spec/DMN/20180521/FEEL/",
        "https://www.omg.org/spec/DMN/20191111/FEEL/",
        "https://www.omg.org/spec/DMN/20211108/FEEL/",
        "https://www.omg.org/spec/DMN/20230324/FEEL/",
    }
)
_DESCRIPTIVE = frozenset(
    {"description", "question", "allowedAnswers", "authorityRequirement", "extensionElements", "variable"}
)
_ROOT_DESCRIPTIVE = frozenset(
    {
        "description",
        "inputData",
        "knowledgeSource",
        "textAnnotation",
        "association",
        "extensionElements",
        "group",
    }
    | {"organizationUnit", "performanceIndicator", "elementCollection"}
)
_REFUSED = {
    "businessKnowledgeModel": "业务知识模型（可复用函数）暂不支持，请把算法直接写进决策表或表达式。",
    "decisionService": "决策服务暂不支持，请在流程中直接引用决策。",
    "import": "不支持引用其他模型文件，请把所需决策放在同一文件中。",
    "knowledgeRequirement": "业务知识模型（可复用函数）暂不支持，请删去这条连线。",
    "context": "盒式上下文暂不支持，请改用 FEEL 表达式 {名称: 值}。",
    "invocation": "盒式调用暂不支持，请改用 FEEL 表达式。",
    "relation": "关系表暂不支持，请改用决策表。",
    "list": "盒式列表暂不支持，请改用 FEEL 表达式 [甲, 乙]。",
    "functionDefinition": "函数定义暂不支持，请改用 FEEL 表达式。",
}
_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "definitions": frozenset(
        {"namespace", "expressionLanguage", "typeLanguage", "exporter", "exporterVersion"}
    ),
    "decisionTable": frozenset(
        {"hitPolicy", "aggregation", "preferredOrientation", "outputLabel", "typeRef"}
    ),
    "output": frozenset({"typeRef"}),
    "inputExpression": frozenset({"typeRef", "expressionLanguage"}),
    "literalExpression": frozenset({"typeRef", "expressionLanguage"}),
    "inputEntry": frozenset({"expressionLanguage"}),
    "outputEntry": frozenset({"expressionLanguage", "typeRef"}),
    "inputValues": frozenset({"expressionLanguage"}),
    "outputValues": frozenset({"expressionLanguage"}),
    "defaultOutputEntry": frozenset({"expressionLanguage", "typeRef"}),
    "variable": frozenset({"typeRef"}),
}
_PLAIN_ATTRIBUTES = frozenset({"id", "name", "label"})


def read_decisions(data: bytes, file: str) -> tuple[dict[str, Decision], list[Finding]]:
    """All decisions of a DMN file by id, and what was found wrong with it. Decisions with an error are left out."""
    try:
        root = xml.parse(data, file)
    except DefinitionRefused as refusal:
        return {}, list(refusal.fields["findings"])
    reader = _Reader(file)
    return reader.decisions(root), reader.findings


@dataclass
class _Unlinked:
    """A decision before its requirements are looked up."""

    node: etree._Element
    decision: Decision
    requires: list[tuple[str, etree._Element]]


@dataclass
class _Reader:
    file: str
    findings: list[Finding] = field(default_factory=list)

    # -- findings --------------------------------------------------------------------------------------

    def note(self, rule: str, node: etree._Element, message: str, severity: str = "error") -> None:
        self.findings.append(Finding(severity, rule, message, self.file, owner(node), line_of(node)))

    def attributes(self, node: etree._Element) -> None:
        """Attributes of DMN that are not read; those of other namespaces (drawing tools) decorate."""
        known = _PLAIN_ATTRIBUTES | _ATTRIBUTES.get(local(node), frozenset())
        for name in map(str, node.attrib):
            if name == "{http://camunda.org/schema/1.0/dmn}inputVariable":
                self.note(
                    "unknown_attribute", node, "camunda:inputVariable 不起作用，单元格中请用 ? 表示输入值。"
                )
            elif not name.startswith("{") and name not in known:
                self.note("unknown_attribute", node, f"属性“{name[:40]}”不起作用，请删去。", "warning")

    def children(self, node: etree._Element, *known: str) -> dict[str, list[etree._Element]]:
        """Children by tag; all that are neither known nor descriptive are findings."""
        self.attributes(node)
        found: dict[str, list[etree._Element]] = {tag: [] for tag in known}
        descriptive = _ROOT_DESCRIPTIVE if local(node) == "definitions" else _DESCRIPTIVE
        for child in _elements(node):
            tag = local(child)
            if etree.QName(child).namespace not in NAMESPACES:
                continue  # drawing (DMNDI) and tools' extensions
            if tag in known:
                found[tag].append(child)
            elif tag == "itemDefinition":
                self.note("item_definition", child, "类型定义不起作用，请在列上直接选择基本类型。", "warning")
            elif tag not in descriptive:
                self.note("unknown_element", child, _REFUSED.get(tag, f"元素“{tag[:40]}”暂不支持，请删去。"))
        return found

    # -- decisions -------------------------------------------------------------------------------------

    def decisions(self, root: etree._Element) -> dict[str, Decision]:
        if local(root) != "definitions" or etree.QName(root).namespace not in NAMESPACES:
            self.note(
                "dmn_version",
                root,
                "不是 DMN 1.1 至 1.5 的决策文件，请用本系统的设计器或 DMN 1.3 工具重新导出。",
            )
            return {}
        self.language(root)
        unlinked: dict[str, _Unlinked] = {}
        for node in self.children(root, "decision")["decision"]:
            id_ = node.get("id") or ""
            if not id_:
                self.note("decision_id", node, "决策没有 id，流程无法引用它。请补上 id。")
            elif id_ in unlinked:
                self.note("decision_id", node, f"决策 id“{id_[:40]}”重复，请改成不同的 id。")
            else:
                before = self.errors()
                found = self.decision(node, id_)
                if found is not None and self.errors() == before:
                    unlinked[id_] = found
        if not unlinked and not self.errors():
            self.note("no_decision", root, "文件中没有决策，请至少画一个决策。")
        linked: dict[str, Decision] = {}
        for id_ in unlinked:
            self.link(id_, unlinked, linked, [])
        return linked

    def errors(self) -> int:
        return sum(finding.severity == "error" for finding in self.findings)

    def decision(self, node: etree._Element, id_: str) -> _Unlinked | None:
        parts = self.children(
            node, "decisionTable", "literalExpression", "informationRequirement", "variable"
        )
        logics = parts["decisionTable"] + parts["literalExpression"]
        name = node.get("name") or id_
        variable = name
        for one in parts["variable"]:
            self.attributes(one)
            variable = one.get("name") or variable
        if len(logics) != 1:
            self.note("decision_logic", node, f"决策“{name[:40]}”应有且只有一张决策表或一个表达式。")
            return None
        wanted = self.kind(parts["variable"][0]) if parts["variable"] else ""
        logic: Table | Expression | None
        if local(logics[0]) == "literalExpression":
            self.children(logics[0], "text")
            wanted = self.kind(logics[0]) or wanted
            logic = self.expression(logics[0], compile_expression)
            if logic is None and not self.errors():
                self.note("decision_logic", logics[0], f"决策“{name[:40]}”的表达式为空，请填写。")
        else:
            logic = self.table(logics[0], name)
        if logic is None:
            return None
        names = logic.names if isinstance(logic, Expression) else _names(logic)
        requires = [
            (href, requirement)
            for requirement in parts["informationRequirement"]
            for href in self.required(requirement)
        ]
        decision = Decision(id_, name, variable, logic, (), wanted, line_of(node), names)
        return _Unlinked(node, decision, requires)

    def required(self, node: etree._Element) -> Iterator[str]:
        """Ids of required decisions; required input data only describe."""
        parts = self.children(node, "requiredDecision", "requiredInput")
        for one in parts["requiredDecision"]:
            href = one.get("href") or ""
            if not href.startswith("#"):
                self.note("requirement", node, "所需决策必须在同一文件中。请把它放进本文件后重新连线。")
            else:
                yield href[1:]

    def link(
        self, id_: str, unlinked: dict[str, _Unlinked], linked: dict[str, Decision], way: list[str]
    ) -> Decision | None:
        """A decision with its requirements; None when one of them is missing, wrong or in a circle."""
        if id_ in linked:
            return linked[id_]
        one = unlinked[id_]
        if id_ in way or len(way) >= REQUIREMENT_DEPTH:
            self.note(
                "requirement_circle",
                one.node,
                f"决策“{one.decision.name[:40]}”经其所需决策又依赖自身，或依赖过深。请删去一条连线。",
            )
            return None
        required: list[Decision] = []
        for href, node in one.requires:
            if href not in unlinked:
                self.note("requirement", node, f"所需决策“{href[:40]}”不存在或有错误。请修正后重新连线。")
                return None
            found = self.link(href, unlinked, linked, [*way, id_])
            if found is None:
                return None
            required.append(found)
        own = one.decision.names - {r.variable for r in required}
        names = own.union(*(r.names for r in required))
        linked[id_] = replace(one.decision, requires=tuple(required), names=names)
        return linked[id_]

    # -- tables ----------------------------------------------------------------------------------------

    def table(self, node: etree._Element, name: str) -> Table | None:
        parts = self.children(node, "input", "output", "annotation", "rule")
        policy = (node.get("hitPolicy") or "UNIQUE").upper()
        aggregation = (node.get("aggregation") or "").upper()
        if policy not in POLICIES:
            self.note("hit_policy", node, f"命中策略“{policy[:40]}”不存在，请选择 U、A、P、F、R、O、C 之一。")
            return None
        if aggregation and (aggregation not in AGGREGATIONS or policy != "COLLECT"):
            self.note(
                "aggregation", node, "汇总方式只能是 SUM、MIN、MAX、COUNT，且只用于命中策略 C（收集）。"
            )
        inputs = [one for column in parts["input"] if (one := self.input(column)) is not None]
        outputs = [self.output(column, len(parts["output"]) > 1) for column in parts["output"]]
        if not outputs:
            self.note("no_output", node, f"决策表“{name[:40]}”没有输出列，请至少加一列。")
        if aggregation and aggregation != "COUNT" and len(outputs) > 1:
            self.note("aggregation", node, "有多个输出列的决策表不能汇总，请改为一个输出列或去掉汇总。")
        repeated = {o.name for o in outputs if [p.name for p in outputs].count(o.name) > 1}
        if repeated:
            self.note("output_name", node, f"输出列名“{sorted(repeated)[0][:40]}”重复，请改成不同的名称。")
        if policy in ("PRIORITY", "OUTPUT ORDER") and not any(output.values for output in outputs):
            self.note(
                "output_values",
                node,
                "命中策略 P、O 按输出值的先后排序，请先在输出列填写允许值（优先的在前）。",
            )
        if len(inputs) != len(parts["input"]):
            return None
        rules = [self.rule(row, number, inputs, outputs) for number, row in enumerate(parts["rule"], 1)]
        return Table(policy, aggregation, tuple(inputs), tuple(outputs), tuple(rules))

    def input(self, node: etree._Element) -> Input | None:
        before = self.errors()
        parts = self.children(node, "inputExpression", "inputValues")
        label = node.get("label") or ""
        for expression in parts["inputExpression"]:
            self.children(expression, "text")
            value = self.expression(expression, compile_expression)
            if value is None:
                break
            allowed = None
            for values in parts["inputValues"]:
                self.children(values, "text")
                allowed = self.expression(values, compile_unary)
            return Input(node.get("id") or "", label or value.text, value, self.kind(expression), allowed)
        if self.errors() == before:
            self.note("input_expression", node, f"输入列“{label[:40]}”没有表达式，请填写要判断的变量。")
        return None

    def output(self, node: etree._Element, several: bool) -> Output:
        parts = self.children(node, "outputValues", "defaultOutputEntry")
        name = node.get("name") or ("" if several else node.get("label") or "结果")
        if not name:
            self.note("output_name", node, "有多个输出列时，每一列都要有名称。请补上名称。")
        values: tuple[Value, ...] = ()
        default = None
        for one in parts["outputValues"]:
            self.children(one, "text")
            values = self.values(one)
        for one in parts["defaultOutputEntry"]:
            self.children(one, "text")
            default = self.expression(one, compile_expression)
        return Output(node.get("id") or "", name, self.kind(node), values, default)

    def values(self, node: etree._Element) -> tuple[Value, ...]:
        """The plain values of `outputValues`, in their order."""
        text = _text(node)
        if not text:
            return ()
        try:
            listed = Parser(f"[{text}]").expression_text()
        except ExpressionInvalid as error:
            self.note(error.code, node, f"输出允许值写法有误：{error.message}")
            return ()
        if not isinstance(listed, ListNode) or not all(isinstance(one, Literal) for one in listed.items):
            self.note("output_values", node, "输出允许值应是逗号隔开的文字、数字或日期。")
            return ()
        return tuple(one.value for one in listed.items if isinstance(one, Literal))

    def rule(self, node: etree._Element, number: int, inputs: list[Input], outputs: list[Output]) -> Rule:
        parts = self.children(node, "inputEntry", "outputEntry", "annotationEntry")
        if len(parts["inputEntry"]) != len(inputs) or len(parts["outputEntry"]) != len(outputs):
            self.note("rule_width", node, f"第 {number} 条规则的格数与列数不一致，请在设计器中重新保存。")
        tests: list[Expression | None] = []
        results: list[Expression | None] = []
        for cell in parts["inputEntry"]:
            self.children(cell, "text")
            tests.append(None if _text(cell) in ("", "-") else self.expression(cell, compile_unary))
        for cell, column in zip(parts["outputEntry"], outputs, strict=False):
            self.children(cell, "text")
            result = self.expression(cell, compile_expression)
            results.append(result)
            self.entry(cell, result, column, number)
        annotation = next((_text(one) for one in parts["annotationEntry"] if _text(one)), "")
        if not annotation:
            annotation = next((text_of(one) for one in _elements(node) if local(one) == "description"), "")
        return Rule(node.get("id") or "", number, tuple(tests), tuple(results), annotation)

    def entry(self, cell: etree._Element, result: Expression | None, column: Output, number: int) -> None:
        """A literal result must be of its column's kind and one of its allowed values."""
        if result is None:
            return
        node = Parser(result.text).expression_text()
        if not isinstance(node, Literal) or node.value is None:
            return
        if column.kind and kind(node.value) != column.kind:
            self.note(
                "output_type",
                cell,
                f"第 {number} 条规则的输出“{column.name[:40]}”应为{KIND_NAMES[column.kind]}。",
            )
        elif column.values and node.value not in column.values:
            self.note(
                "output_values", cell, f"第 {number} 条规则的输出“{column.name[:40]}”不在该列允许值之中。"
            )

    # -- pieces ----------------------------------------------------------------------------------------

    def expression(self, node: etree._Element, compile_: Callable[[str], Expression]) -> Expression | None:
        """The FEEL in a node's `text`; None when it is empty or wrong (then with a finding)."""
        self.language(node)
        text = _text(node)
        if (
            compile_ is compile_expression
        ):  # a leading "=" is allowed, as everywhere; in a test it means equal
            text = text.removeprefix("=").strip()
        if not text:
            return None
        try:
            return compile_(text)
        except ExpressionInvalid as error:
            self.note(error.code, node, error.message)
            return None

    def language(self, node: etree._Element) -> None:
        language = (node.get("expressionLanguage") or "").strip()
        if language.lower() not in _FEEL and language not in _FEEL:
            self.note(
                "expression_language", node, f"表达式语言只能是 FEEL，不能是“{language[:40]}”。请删去该设置。"
            )

    def kind(self, node: etree._Element) -> str:
        """The FEEL kind of a node's `typeRef`, "" for any."""
        name = (node.get("typeRef") or "").rpartition(":")[2]
        if name and name != "Any" and name not in TYPES:
            self.note("type_ref", node, f"类型“{name[:40]}”不起作用，请选择基本类型。", "warning")
        return TYPES.get(name, "")


def _elements(node: etree._Element) -> Iterator[etree._Element]:
    return (child for child in node if isinstance(child.tag, str))


def _text(node: etree._Element) -> str:
    """What its `text` children say."""
    return "".join(text_of(child) for child in _elements(node) if local(child) == "text").strip()


def _names(table: Table) -> frozenset[str]:
    """The roots a table's expressions read from outside."""
    found: set[str] = set()
    for column in table.inputs:
        found |= column.value.names | (column.allowed.names if column.allowed else frozenset())
    for output in table.outputs:
        found |= output.default.names if output.default else frozenset()
    for rule in table.rules:
        for cell in (*rule.tests, *rule.results):
            found |= cell.names if cell is not None else frozenset()
    return frozenset(found - {"?"})

"""Decision tables 决策表: every hit policy, requirements, defaults, kinds, and what reading refuses."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.definitions.decisions import Decision, read_decisions
from engine.definitions.dmn.evaluation import Deciding
from engine.errors import BudgetExceeded, ExpressionFailed, Finding
from tests.engine.builders import MOMENT

DMN_1_3 = "https://www.omg.org/spec/DMN/20191111/MODEL/"
DMN_1_2 = "http://www.omg.org/spec/DMN/20180521/MODEL/"


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def table(
    rules: list[list[str]],
    *,
    policy: str = "",
    inputs: tuple[str, ...] = ("金额",),
    outputs: tuple[str, ...] = ('name="级别"',),
    output_inner: str = "",
    input_inner: str = "",
) -> str:
    """A decision table's XML; each rule is its cells, tests first."""
    columns = "".join(
        f'<input id="i{k}"><inputExpression id="e{k}"><text>{escape(one)}</text></inputExpression>{input_inner}</input>'
        for k, one in enumerate(inputs)
    )
    columns += "".join(f'<output id="o{k}" {one}>{output_inner}</output>' for k, one in enumerate(outputs))
    rows = ""
    for number, cells in enumerate(rules, 1):
        tests, results = cells[: len(inputs)], cells[len(inputs) :]
        rows += f'<rule id="r{number}">'
        rows += "".join(f"<inputEntry><text>{escape(c)}</text></inputEntry>" for c in tests)
        rows += "".join(f"<outputEntry><text>{escape(c)}</text></outputEntry>" for c in results)
        rows += "</rule>"
    return f'<decisionTable id="t" {policy}>{columns}{rows}</decisionTable>'


def model(*decisions: str, namespace: str = DMN_1_3) -> bytes:
    inside = "\n".join(decisions)
    return (
        f'<definitions xmlns="{namespace}" id="d" name="d" namespace="n">\n{inside}\n</definitions>'.encode()
    )


def decision(logic: str, *, id_: str = "level", name: str = "定级", requires: str = "") -> str:
    return f'<decision id="{id_}" name="{name}">{requires}{logic}</decision>'


def read(logic: str, **more: Any) -> Decision:
    found, findings = read_decisions(model(decision(logic, **more)), "t.dmn")
    assert errors(findings) == []
    return found[more.get("id_", "level")]


def evaluate(logic: str, **context: Any) -> Any:
    return read(logic).evaluate(context, MOMENT)


def errors(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.severity == "error"]


def refused(data: bytes) -> list[Finding]:
    _, findings = read_decisions(data, "t.dmn")
    assert findings, "nothing was found wrong"
    assert all(one.message and one.file == "t.dmn" for one in findings)
    return findings


OVERLAPPING = [["> 10", '"重大"'], ["> 100", '"特大"'], ["> 1000", '"重大"']]


@pytest.mark.parametrize(
    ("policy", "amount", "expected"),
    [
        ("", 5, None),
        ("", 50, "重大"),
        ('hitPolicy="UNIQUE"', 50, "重大"),
        ('hitPolicy="FIRST"', 5000, "重大"),
        ('hitPolicy="ANY"', 50, "重大"),
        ('hitPolicy="RULE ORDER"', 5000, ["重大", "特大", "重大"]),
        ('hitPolicy="RULE ORDER"', 5, []),
        ('hitPolicy="COLLECT"', 500, ["重大", "特大"]),
        ('hitPolicy="COLLECT"', 5, []),
    ],
)
def test_policies_over_the_order_of_rules(policy: str, amount: int, expected: Any) -> None:
    assert evaluate(table(OVERLAPPING, policy=policy), 金额=amount) == expected


@pytest.mark.parametrize(
    ("policy", "amount", "expected"),
    [("PRIORITY", 5000, "特大"), ("PRIORITY", 50, "重大"), ("OUTPUT ORDER", 5000, ["特大", "重大", "重大"])],
)
def test_policies_over_the_order_of_output_values(policy: str, amount: int, expected: Any) -> None:
    values = '<outputValues><text>"特大","重大"</text></outputValues>'
    logic = table(OVERLAPPING, policy=f'hitPolicy="{policy}"', output_inner=values)
    assert evaluate(logic, 金额=amount) == expected


@pytest.mark.parametrize(
    ("aggregation", "amount", "expected"),
    [("SUM", 500, 3), ("MIN", 500, 1), ("MAX", 500, 2), ("COUNT", 500, 2), ("COUNT", 0, 0), ("SUM", 0, None)],
)
def test_aggregators(aggregation: str, amount: int, expected: Any) -> None:
    logic = table([["> 10", "1"], ["> 100", "2"]], policy=f'hitPolicy="COLLECT" aggregation="{aggregation}"')
    assert evaluate(logic, 金额=amount) == expected


def test_unique_names_the_rules_that_overlap() -> None:
    with pytest.raises(ExpressionFailed) as failed:
        evaluate(table(OVERLAPPING), 金额=500)
    assert "第 1 条" in failed.value.message and "第 2 条" in failed.value.message
    assert failed.value.fields["rules"] == [1, 2]


def test_any_names_the_rules_that_differ() -> None:
    logic = table(OVERLAPPING, policy='hitPolicy="ANY"')
    with pytest.raises(ExpressionFailed) as failed:
        evaluate(logic, 金额=5000)
    assert failed.value.fields["rules"] == [1, 2]
    same = table([["> 1", '"甲"'], ["> 2", '"甲"']], policy='hitPolicy="ANY"')
    assert evaluate(same, 金额=3) == "甲"


def test_several_outputs_make_a_context() -> None:
    logic = table([["-", '"甲"', "金额 * 2"]], outputs=('name="级别"', 'name="罚款"'))
    assert evaluate(logic, 金额=Decimal("1.5")) == {"级别": "甲", "罚款": Decimal("3.0")}


def test_several_outputs_by_priority_of_both() -> None:
    values = "<outputValues><text>3,2,1</text></outputValues>"
    rows = [["-", "1", "3"], ["-", "3", "1"], ["-", "3", "2"]]
    logic = table(
        rows, outputs=('name="a"', 'name="b"'), policy='hitPolicy="OUTPUT ORDER"', output_inner=values
    )
    assert evaluate(logic) == [{"a": 3, "b": 2}, {"a": 3, "b": 1}, {"a": 1, "b": 3}]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("UNIQUE", "一般"), ("FIRST", "一般"), ("COLLECT", ["一般"]), ("RULE ORDER", ["一般"])],
)
def test_default_output_when_no_rule_matches(policy: str, expected: Any) -> None:
    default = '<defaultOutputEntry><text>"一般"</text></defaultOutputEntry>'
    logic = table(OVERLAPPING, policy=f'hitPolicy="{policy}"', output_inner=default)
    assert evaluate(logic, 金额=0) == expected


@pytest.mark.parametrize(
    ("cell", "value", "hit"),
    [
        ('"矿山","危化"', "危化", True),
        ('not("矿山","危化")', "危化", False),
        ('not("矿山")', "工贸", True),
        ("[1..5]", 5, True),
        ("[1..5)", 5, False),
        ("]1..5]", 1, False),
        ("", None, True),
        ("-", None, True),
        ("null", None, True),
        ('contains(?, "煤")', "煤矿", True),
        ("? > 下限 and ? < 9", 5, True),
        ("下限", 3, True),
        ("[3, 4]", 4, True),
        ('@"2026-10-01"', date(2026, 10, 1), True),
        ('< date("2026-10-01")', date(2026, 9, 30), True),
        ("is working day(?)", date(2026, 10, 10), True),
        ("true", True, True),
        ("true", None, False),
        ("> 5", None, False),
        ("= 3", 3, True),
        ("!= 3", 4, True),
        ("-3", -3, True),
    ],
)
def test_unary_tests_of_a_cell(cell: str, value: Any, hit: bool) -> None:
    assert evaluate(table([[cell, "true"]], inputs=("输入",)), 输入=value, 下限=3) is (True if hit else None)


def test_required_decisions_are_read_by_their_names_and_decided_once() -> None:
    base = decision(table([["> 10", '"大"'], ["<= 10", '"小"']]), id_="size", name="规模")
    over = decision(
        table([['"大"', '"挂牌"'], ['"小"', '"不挂牌"']], inputs=("规模",)),
        id_="list",
        name="挂牌",
        requires='<informationRequirement><requiredDecision href="#size"/></informationRequirement>'
        '<informationRequirement><requiredInput href="#x"/></informationRequirement>',
    )
    data = model('<inputData id="x" name="金额"/>', over, base, namespace=DMN_1_2)
    found, findings = read_decisions(data, "t.dmn")
    assert errors(findings) == []
    assert found["list"].evaluate({"金额": 11}, MOMENT) == "挂牌"
    assert found["list"].names == {"金额"}


def test_a_diamond_of_requirements_costs_one_evaluation_each() -> None:
    """Without remembering, 30 storeys of two requirements each would be a thousand million evaluations."""
    parts = [decision("<literalExpression><text>1</text></literalExpression>", id_="n0", name="n0")]
    for k in range(1, 30):
        needs = f'<informationRequirement><requiredDecision href="#n{k - 1}"/></informationRequirement>' * 2
        text = f"<literalExpression><text>n{k - 1} + 1</text></literalExpression>"
        parts.append(decision(text, id_=f"n{k}", name=f"n{k}", requires=needs))
    found, findings = read_decisions(model(*parts), "t.dmn")
    assert errors(findings) == []
    assert found["n29"].evaluate({}, MOMENT) == 30


def test_a_literal_expression_with_its_variable() -> None:
    logic = '<variable name="期限" typeRef="number"/><literalExpression><text>p.天数 * 2</text></literalExpression>'
    found = read(logic)
    assert (found.variable, found.evaluate({"p": {"天数": 15}}, MOMENT)) == ("期限", 30)
    run = Deciding(MOMENT)
    assert found.decide({"p": {"天数": timedelta(days=1)}}, run) is None
    assert "应为数字" in run.remarks[0]


def test_an_input_of_the_wrong_kind_is_null_and_says_so() -> None:
    """DMN 1.3, 10.3.2.9.4: what does not conform to its type is null."""
    logic = table([["> 1", "1"]]).replace("<inputExpression ", '<inputExpression typeRef="number" ')
    run = Deciding(MOMENT)
    assert read(logic).decide({"金额": "三"}, run) is None
    assert "“金额”应为数字" in run.remarks[0]
    assert read(logic).decide({"金额": [3]}, run) == 1  # a list of one is that one


def test_an_input_outside_its_allowed_values_says_so() -> None:
    logic = table(
        [["-", "1"]], inputs=("行业",), input_inner='<inputValues><text>"矿山","危化"</text></inputValues>'
    )
    assert evaluate(logic, 行业="矿山") == 1
    assert evaluate(logic, 行业=None) == 1
    with pytest.raises(ExpressionFailed, match="不在允许值"):
        evaluate(logic, 行业="餐饮")


@pytest.mark.parametrize(
    "namespace",
    [
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
        "https://www.omg.org/spec/DMN/20211108/MODEL/",
        "https://www.omg.org/spec/DMN/20230324/MODEL/",
    ],
)
def test_tables_of_other_versions_are_read_alike(namespace):
    found, findings = read_decisions(model(decision(table([['"大"', '"是"']])), namespace=namespace), "t.dmn")
    assert errors(findings) == []
    assert found


REFUSED = {
    "not xml": (b"<definitions", "xml_syntax"),
    "another version": (model(namespace="http://www.omg.org/spec/DMN/20130901"), "dmn_version"),
    "nothing in it": (model(), "no_decision"),
    "two logics": (model(decision(table([["-", "1"]]) + "<context/>")), "decision_logic"),
    "a thing of another standard": (model(decision("<script/>")), "unknown_element"),
    "bad FEEL": (model(decision(table([["> ", "1"]]))), "expression_invalid"),
    "bad output": (model(decision(table([["-", "1 +"]]))), "expression_invalid"),
    "an empty literal": (model(decision("<literalExpression/>")), "expression_missing"),
    "an unknown policy": (model(decision(table([], policy='hitPolicy="BEST"'))), "hit_policy"),
    "an aggregation without collect": (model(decision(table([], policy='aggregation="SUM"'))), "aggregation"),
    "an aggregation of two columns": (
        model(
            decision(
                table([], policy='hitPolicy="COLLECT" aggregation="SUM"', outputs=('name="a"', 'name="b"'))
            )
        ),
        "aggregation",
    ),
    "priority without values": (model(decision(table([], policy='hitPolicy="PRIORITY"'))), "output_values"),
    "unnamed outputs": (model(decision(table([], outputs=("", 'name="b"')))), "output_name"),
    "outputs of one name": (model(decision(table([], outputs=('name="b"', 'name="b"')))), "output_name"),
    "no output": (model(decision(table([], outputs=()))), "no_output"),
    "a short rule": (model(decision(table([["-"]]))), "rule_width"),
    "an input without expression": (model(decision(table([], inputs=("",)))), "input_expression"),
    "another language": (
        model(decision('<literalExpression expressionLanguage="juel"><text>1</text></literalExpression>')),
        "expression_language",
    ),
    "a missing requirement": (
        model(
            decision(
                table([]),
                requires='<informationRequirement><requiredDecision href="#x"/></informationRequirement>',
            )
        ),
        "requirement",
    ),
    "a circle": (
        model(
            decision(
                table([]),
                requires='<informationRequirement><requiredDecision href="#level"/></informationRequirement>',
            )
        ),
        "requirement_circle",
    ),
    "an entry outside the allowed values": (
        model(
            decision(table([["-", '"丙"']], output_inner='<outputValues><text>"甲"</text></outputValues>'))
        ),
        "output_values",
    ),
    "an entry of the wrong kind": (
        model(decision(table([["-", '"丙"']], outputs=('name="a" typeRef="number"',)))),
        "output_type",
    ),
    "two decisions of one id": (model(decision(table([])), decision(table([]))), "decision_id"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_an_error(what: str) -> None:
    data, rule = REFUSED[what]
    findings = refused(data)
    assert rule in {one.rule for one in findings if one.severity == "error"}


def test_a_finding_names_element_and_line() -> None:
    (found,) = refused(model(decision(table([["> ", "1"]]))))
    assert (found.element, found.line) == ("r1", 2)


def test_what_only_describes_is_a_warning_and_drawing_is_silent() -> None:
    data = model(
        '<knowledgeSource id="k" name="k"/><textAnnotation id="x"><text>说明</text></textAnnotation>',
        '<decision id="later" name="以后再画"><question>多久？</question></decision>',
        '<DMNDI xmlns="https://www.omg.org/spec/DMN/20191111/DMNDI/"/>',
        decision(table([["-", "1"]])),
    )
    found, findings = read_decisions(data, "t.dmn")
    assert [(one.severity, one.rule) for one in findings] == [("warning", "decision_logic")]
    assert found["level"].evaluate({}, MOMENT) == 1
    assert found["later"].evaluate({}, MOMENT) is None


def test_all_cells_of_a_decision_share_one_budget() -> None:
    """A single cell may be heavy; a thousand heavy cells may not."""
    heavy = "count(for i in 1..5000 return i) = ?"
    assert evaluate(table([[heavy, "1"]], inputs=("n",)), n=5000) == 1
    with pytest.raises(BudgetExceeded):
        evaluate(table([[heavy, "1"]] * 1_000, inputs=("n",), policy='hitPolicy="FIRST"'), n=1)

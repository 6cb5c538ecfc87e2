"""What a decision model may not be 有误的决策模型: each rule with a model that breaks it and its nearest right neighbour;
and noise, which is refused and never crashes."""

from __future__ import annotations

import ast
import random
import re
import time
from pathlib import Path

import pytest

from engine.definitions.compare import _logic
from engine.definitions.decisions import read_decisions
from engine.definitions.dmn import reading
from engine.definitions.dmn.evaluation import Deciding
from engine.definitions.dmn.rules import RULES as DECISION_RULES
from engine.errors import BudgetExceeded, EngineError, Finding
from tests.engine.builders import MOMENT

DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"
FILES = {path.name: path.read_bytes() for path in sorted((Path(__file__).parent / "dmn").glob("*.dmn"))}


def model(inside: str, namespace: str = DMN) -> bytes:
    return (
        f'<definitions xmlns="{namespace}" id="m" name="m" namespace="n">\n{inside}\n</definitions>'.encode()
    )


def literal(text: str, more: str = "") -> str:
    return f"<literalExpression{more}><text>{text}</text></literalExpression>"


def decision(inside: str, id: str = "d", name: str = "甲") -> str:
    return f'<decision id="{id}" name="{name}">{inside}</decision>'


def needs(href: str, tag: str = "requiredDecision") -> str:
    kind = "knowledgeRequirement" if tag == "requiredKnowledge" else "informationRequirement"
    return f'<{kind}><{tag} href="{href}"/></{kind}>'


def knowledge(inside: str, id: str = "k", name: str = "算") -> str:
    return f'<businessKnowledgeModel id="{id}" name="{name}">{inside}</businessKnowledgeModel>'


def function(body: str, parameters: tuple[str, ...] = ("x",), more: str = "") -> str:
    formal = "".join(f'<formalParameter name="{one}"/>' for one in parameters)
    return f"<encapsulatedLogic{more}>{formal}{body}</encapsulatedLogic>"


def boxed(tag: str, **children: str) -> str:
    inside = "".join(f"<{name.rstrip('_')}>{body}</{name.rstrip('_')}>" for name, body in children.items())
    return f'<{tag} iteratorVariable="i">{inside}</{tag}>'


ONE = decision(literal("1"))
TWO = decision(literal("1")) + decision(needs("#d") + literal("甲"), "e", "乙")
A_TYPE = '<itemDefinition name="钱"><typeRef>number</typeRef></itemDefinition>'
K = knowledge(function(literal("x + 1")))
ROW = "<row>" + literal("1") + literal("2") + "</row>"
COLUMNS = '<column name="a"/><column name="b"/>'
TABLE = (
    "<decisionTable{policy}><input><inputExpression><text>x</text></inputExpression></input>"
    '<output name="a" typeRef="number">{output}</output>'
    "<rule><inputEntry><text>{test}</text></inputEntry><outputEntry><text>{result}</text></outputEntry>{more}</rule></decisionTable>"
)


def table(policy: str = "", output: str = "", test: str = "-", result: str = "1", more: str = "") -> str:
    return decision(TABLE.format(policy=policy, output=output, test=test, result=result, more=more))


SERVICE = '<decisionService id="s" name="务">{}</decisionService>'
VALUES = "<outputValues><text>1, 2</text></outputValues>"
PRIORITY = ' hitPolicy="PRIORITY"'

RULES: dict[str, tuple[str, str, str]] = {
    "an id twice": ("decision_id", ONE + decision(literal("2"), name="乙"), TWO),
    "a decision without id": ("decision_id", f'<decision name="甲">{literal("1")}</decision>', ONE),
    "a decision without name": ("name_missing", f'<decision id="d">{literal("1")}</decision>', ONE),
    "two logics": ("decision_logic", decision(literal("1") + literal("2")), ONE),
    "a requirement of nothing": ("requirement", decision(needs("#x") + literal("1")), TWO),
    "a requirement without reference": ("requirement", decision("<informationRequirement/>" + literal("1")), TWO),
    "a decision required as input": ("requirement_kind", ONE + decision(needs("#d", "requiredInput") + literal("1"), "e", "乙"), TWO),
    "a decision required as knowledge": (
        "requirement_kind",
        ONE + decision(needs("#d", "requiredKnowledge") + literal("1"), "e", "乙"),
        K + decision(needs("#k", "requiredKnowledge") + literal("1"), "e", "乙"),
    ),
    "a circle of decisions": (
        "requirement_circle",
        decision(needs("#e") + literal("乙")) + decision(needs("#d") + literal("甲"), "e", "乙"),
        TWO,
    ),
    "a circle of knowledge": (
        "requirement_circle",
        K.replace("</businessKnowledgeModel>", needs("#k", "requiredKnowledge") + "</businessKnowledgeModel>") + ONE,
        K + ONE,
    ),
    "a circle through a service": (
        "requirement_circle",
        decision(needs("#s", "requiredKnowledge") + literal("务()")) + SERVICE.format('<outputDecision href="#d"/>'),
        ONE + SERVICE.format('<outputDecision href="#d"/>') + decision(needs("#s", "requiredKnowledge") + literal("务()"), "e", "乙"),
    ),
    "two requirements of one name": (
        "requirement_names",
        ONE + '<inputData id="i" name="甲"/>' + decision(needs("#d") + needs("#i", "requiredInput") + literal("甲"), "e", "乙"),
        ONE + '<inputData id="i" name="丙"/>' + decision(needs("#d") + needs("#i", "requiredInput") + literal("甲 + 丙"), "e", "乙"),
    ),
    "a function that is not connected": ("expression_invalid", K + decision(literal("算(1)")), K + decision(needs("#k", "requiredKnowledge") + literal("算(1)"))),
    "an unknown type": ("type_unknown", decision('<variable name="甲" typeRef="钱"/>' + literal("1")), A_TYPE + decision('<variable name="甲" typeRef="钱"/>' + literal("1"))),
    "a type twice": ("type_twice", A_TYPE + A_TYPE + ONE, A_TYPE + ONE),
    "a type of itself": ("type_circle", '<itemDefinition name="钱"><typeRef>钱</typeRef></itemDefinition>' + ONE, A_TYPE + ONE),
    "a component twice": (
        "type_twice",
        '<itemDefinition name="人"><itemComponent name="名"><typeRef>string</typeRef></itemComponent><itemComponent name="名"><typeRef>string</typeRef></itemComponent></itemDefinition>' + ONE,
        '<itemDefinition name="人"><itemComponent name="名"><typeRef>string</typeRef></itemComponent></itemDefinition>' + ONE,
    ),
    "a type of two kinds": (
        "type_kinds",
        '<itemDefinition name="人"><typeRef>number</typeRef><itemComponent name="名"><typeRef>string</typeRef></itemComponent></itemDefinition>' + ONE,
        A_TYPE + ONE,
    ),
    "wrong allowed values": ("expression_invalid", A_TYPE.replace("</item", "<allowedValues><text>1,</text></allowedValues></item") + ONE, A_TYPE.replace("</item", "<allowedValues><text>1</text></allowedValues></item") + ONE),
    "an import of nothing": ("import_missing", '<import name="别" namespace="elsewhere" importType="' + DMN + '"/>' + ONE, ONE),
    "an import of itself": ("import_self", '<import name="别" namespace="n" importType="' + DMN + '"/>' + ONE, ONE),
    "an import of another kind": ("import_type", '<import name="别" namespace="x" importType="http://www.w3.org/2001/XMLSchema"/>' + ONE, ONE),
    "a requirement of a model that is not imported": ("import_missing", decision(needs("elsewhere#d") + literal("1")), TWO),
    "a service without output": ("service_output", ONE + SERVICE.format(""), ONE + SERVICE.format('<outputDecision href="#d"/>')),
    "a service of nothing": ("requirement", ONE + SERVICE.format('<outputDecision href="#x"/>'), ONE + SERVICE.format('<outputDecision href="#d"/>')),
    "a Java function": ("function_kind", knowledge(function("<context/>", more=' kind="Java"')) + ONE, K + ONE),
    "a PMML function": ("function_kind", knowledge(function("<context/>", more=' kind="PMML"')) + ONE, K + ONE),
    "a parameter twice": ("parameter_twice", knowledge(function(literal("x"), ("x", "x"))) + ONE, K + ONE),
    "a parameter without name": ("name_missing", knowledge(function(literal("1"), ("",))) + ONE, K + ONE),
    "a function without body": ("expression_missing", knowledge(function("")) + ONE, K + ONE),
    "an empty expression": ("expression_missing", decision(literal("")), ONE),
    "a wrong expression": ("expression_invalid", decision(literal("1 +")), ONE),
    "another language": ("expression_language", decision(literal("1", ' expressionLanguage="groovy"')), decision(literal("1", ' expressionLanguage="feel"'))),
    "a context with a name twice": ("context_entry_twice", decision("<context>" + f'<contextEntry><variable name="a"/>{literal("1")}</contextEntry>' * 2 + "</context>"), decision(f'<context><contextEntry><variable name="a"/>{literal("1")}</contextEntry></context>')),
    "a result before the end": ("context_result", decision(f'<context><contextEntry>{literal("1")}</contextEntry><contextEntry><variable name="a"/>{literal("1")}</contextEntry></context>'), decision(f'<context><contextEntry><variable name="a"/>{literal("1")}</contextEntry><contextEntry>{literal("a")}</contextEntry></context>')),
    "a short row": ("relation_width", decision(f"<relation>{COLUMNS}<row>{literal('1')}</row></relation>"), decision(f"<relation>{COLUMNS}{ROW}</relation>")),
    "a column twice": ("column_twice", decision(f'<relation><column name="a"/><column name="a"/>{ROW}</relation>'), decision(f"<relation>{COLUMNS}{ROW}</relation>")),
    "a binding without parameter": ("binding_parameter", K + decision(needs("#k", "requiredKnowledge") + f"<invocation>{literal('算')}<binding>{literal('1')}</binding></invocation>"), K + decision(needs("#k", "requiredKnowledge") + f'<invocation>{literal("算")}<binding><parameter name="x"/>{literal("1")}</binding></invocation>')),
    "a binding twice": ("parameter_twice", K + decision(needs("#k", "requiredKnowledge") + f"<invocation>{literal('算')}" + f'<binding><parameter name="x"/>{literal("1")}</binding>' * 2 + "</invocation>"), K + decision(needs("#k", "requiredKnowledge") + f'<invocation>{literal("算")}<binding><parameter name="x"/>{literal("1")}</binding></invocation>')),
    "an invocation of nothing": ("expression_missing", decision("<invocation/>"), decision(f"<invocation>{literal('now')}</invocation>")),
    "a conditional without else": ("expression_missing", decision(boxed("conditional", if_=literal("true"), then=literal("1")).replace(' iteratorVariable="i"', "")), decision(boxed("conditional", if_=literal("true"), then=literal("1"), else_=literal("2")).replace(' iteratorVariable="i"', ""))),
    "an iterator without variable": ("iterator_variable", decision(boxed("for", in_=literal("[1]"), return_=literal("1")).replace(' iteratorVariable="i"', "")), decision(boxed("for", in_=literal("[1]"), return_=literal("i")))),
    "an iterator with the other's end": ("unknown_element", decision(boxed("some", in_=literal("[1]"), return_=literal("true"))), decision(boxed("some", in_=literal("[1]"), satisfies=literal("i = 1")))),
    "a thing of no standard": ("unknown_element", decision("<script>1</script>" + literal("1")), ONE),
    "an unknown hit policy": ("hit_policy", table(' hitPolicy="BEST"'), table(' hitPolicy="FIRST"')),
    "an aggregation of one hit": ("aggregation", table(' aggregation="SUM"'), table(' hitPolicy="COLLECT" aggregation="SUM"')),
    "an unknown aggregation": ("aggregation", table(' hitPolicy="COLLECT" aggregation="AVG"'), table(' hitPolicy="COLLECT" aggregation="MAX"')),
    "a priority of nothing": ("output_values", table(PRIORITY), table(PRIORITY, VALUES)),
    "a result that is not allowed": ("output_values", table("", VALUES, result="3"), table("", VALUES, result="2")),
    "a result of another kind": ("output_type", table(result='"三"'), table(result="3")),
    "a wrong test": ("expression_invalid", table(test="&gt; "), table(test="&gt; 3")),
    "another tool's name for the input": ("input_variable", table(test="cellInput &gt; 3"), table(test="? &gt; 3")),
    "an input's name of another tool": (
        "input_variable",
        table(test="wert &gt; 3").replace("<input>", '<input xmlns:c="http://camunda.org/schema/1.0/dmn" c:inputVariable="wert">'),
        table(test="&gt; 3").replace("<input>", '<input xmlns:c="http://camunda.org/schema/1.0/dmn" c:inputVariable="wert">'),
    ),
    "a name that is a tag of values": ("name_invalid", decision(literal("1"), name="$甲"), ONE),
    "two variables": ("element_twice", decision('<variable name="甲"/>' * 2 + literal("1")), decision('<variable name="甲"/>' + literal("1"))),
    "an import twice": (
        "import_twice",
        f'<import name="别" namespace="x" importType="{DMN}"/>' * 2 + ONE,
        ONE,
    ),
    "a cell too many": ("rule_width", table(more="<outputEntry><text>1</text></outputEntry>"), table()),
}  # fmt: skip


def errors(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.severity == "error"]


@pytest.mark.parametrize("what", RULES)
def test_a_wrong_model_is_refused_and_its_right_neighbour_is_not(what: str) -> None:
    rule, wrong, right = RULES[what]
    _, findings = read_decisions(model(wrong), "t.dmn")
    assert rule in {one.rule for one in errors(findings)}, findings
    for one in errors(findings):
        assert one.element and one.line, one
        assert re.search("[请改写选补删]", one.message), f"no remedy: {one.message}"
    found, findings = read_decisions(model(right), "t.dmn")
    assert errors(findings) == []
    for one in found.values():
        one.decide({}, Deciding(MOMENT))


def test_the_list_of_rules_is_what_the_reader_says() -> None:
    """Every rule that stands in the reader is listed, and nothing else; every error has its pair above or beside."""
    called = ("note", "warn")
    said: set[str] = set()
    for path in Path(reading.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in called and node.args:
                first = node.args[0]
                said |= {
                    one.value
                    for one in ast.walk(first)
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
            elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
                first = node.value.elts[0]
                said |= {first.value} if isinstance(first, ast.Constant) else set()
    assert said | {"expression_invalid"} == set(DECISION_RULES)
    elsewhere = {
        "dmn_version",
        "no_decision",
        "import_ambiguous",
        "no_output",
        "input_expression",
        "output_name",
    }
    tried = {rule for rule, _, _ in RULES.values()} | elsewhere
    assert {key for key, one in DECISION_RULES.items() if one.severity == "error"} <= tried


@pytest.mark.parametrize(
    ("rule", "inside"),
    [
        ("decision_logic", decision("")),
        ("name_twice", ONE + decision(literal("2"), "e")),
        ("requirement_missing", ONE + decision(literal("甲 + 1"), "e", "乙")),
        ("knowledge_logic", knowledge("") + ONE),
        ("unknown_attribute", ONE.replace("<decision ", '<decision owner="谁" ')),
        ("service_enclosure", TWO + SERVICE.format('<outputDecision href="#e"/>')),
        ("no_rule", decision("<decisionTable><output/></decisionTable>")),
        ("orientation", table(' preferredOrientation="Diagonal"')),
        ("id_twice", decision(literal("1", ' id="x"')) + decision(literal("1", ' id="x"'), "e", "乙")),
        ("allowed_values", A_TYPE.replace("</item", "<allowedValues/></item") + ONE),
    ],
)
def test_what_is_legal_but_unwise_is_a_warning(rule: str, inside: str) -> None:
    found, findings = read_decisions(model(inside), "t.dmn")
    assert [(one.severity, one.rule) for one in findings] == [("warning", rule)]
    assert found


def test_an_error_in_what_is_required_is_told_once_where_it_is() -> None:
    inside = decision(literal("1 +")) + decision(needs("#d") + literal("甲"), "e", "乙")
    found, findings = read_decisions(model(inside), "t.dmn")
    assert found == {}
    assert [(one.rule, one.element) for one in findings] == [("expression_invalid", "d")]


def test_an_error_in_an_imported_model_is_told_with_its_file() -> None:
    base = model(decision(literal("1 +"), "b", "底")).replace(b'namespace="n"', b'namespace="base"')
    top = model('<import name="底层" namespace="base"/>' + decision(needs("base#b") + literal("1")))
    found, findings = read_decisions(top, "top.dmn", {"base.dmn": base})
    assert found == {}
    assert [one.rule for one in findings] == ["requirement"]
    assert "base.dmn" in findings[0].message
    _, findings = read_decisions(top, "top.dmn", {"base.dmn": base, "copy.dmn": base})
    assert findings[0].rule == "import_ambiguous"


def test_models_that_import_each_other_are_read() -> None:
    one = model('<import name="彼" namespace="m2"/>' + decision(needs("m2#e") + literal("彼.乙 + 1")))
    two = model('<import name="此" namespace="n"/>' + decision(literal("1"), "e", "乙")).replace(
        b'namespace="n">', b'namespace="m2">'
    )
    found, findings = read_decisions(one, "one.dmn", {"two.dmn": two})
    assert errors(findings) == []
    assert found["d"].evaluate({}, MOMENT) == 2


def test_a_lone_file_takes_an_error_of_one_expression_as_null() -> None:
    """As the standard has it; in a package it is refused."""
    data = model(decision(literal("[1, no such function(2)]")))
    assert errors(read_decisions(data, "t.dmn")[1])
    found, findings = read_decisions(data, "t.dmn", lone=True)
    assert [one.severity for one in findings] == ["warning"]
    assert found["d"].evaluate({}, MOMENT) == [1, None]


def test_a_lone_file_takes_a_type_it_does_not_know_as_any_and_a_name_for_a_missing_id() -> None:
    """In a package both are refused: nothing else could refer to what has no id."""
    data = model(f'<decision name="甲"><variable name="甲" typeRef="没有这个"/>{literal("[1]")}</decision>')
    assert [one.rule for one in errors(read_decisions(data, "t.dmn")[1])] == ["decision_id"]
    with_id = data.replace(b"<decision ", b'<decision id="d" ')
    assert [one.rule for one in errors(read_decisions(with_id, "t.dmn")[1])] == ["type_unknown"]
    found, findings = read_decisions(data, "t.dmn", lone=True)
    assert errors(findings) == []
    assert {one.rule for one in findings} == {"type_unknown", "decision_id"}
    assert found["甲"].evaluate({}, MOMENT) == [1]


def test_many_storeys_of_knowledge_and_services_are_walked_once() -> None:
    """Each storey is required twice by the next: whatever walks the graph must not walk every way through it."""
    inside = knowledge(function(literal("1")), "k0", "k0") + decision(literal("1"), "d0", "d0")
    for n in range(1, 21):
        below = f"k{n - 1}"
        needed = needs(f"#{below}", "requiredKnowledge")
        inside += knowledge(function(literal(f"{below}(1) + {below}(2)")) + needed, f"k{n}", f"k{n}")
    for n in range(1, 14):
        needed = needs(f"#s{n - 1}", "requiredKnowledge") if n > 1 else ""
        inside += decision(needed + literal(f"s{n - 1}()" if n > 1 else "1"), f"d{n}", f"d{n}")
        outputs = f'<outputDecision href="#d{n}"/><outputDecision href="#d{n - 1}"/>'
        inside += f'<decisionService id="s{n}" name="s{n}">{outputs}</decisionService>'
    inside += decision(needs("#k20", "requiredKnowledge") + literal("k20(1)"), "top", "top")
    data = model(inside)
    started = time.process_time()
    found, findings = read_decisions(data, "t.dmn")
    again, _ = read_decisions(data, "t.dmn")
    assert errors(findings) == []
    assert all(len(list(one.expressions())) < 40 for one in found.values())
    assert {key: _logic(one) for key, one in found.items()} == {
        key: _logic(one) for key, one in again.items()
    }
    assert time.process_time() - started < 5
    with pytest.raises(BudgetExceeded):
        found["top"].evaluate({}, MOMENT)


@pytest.mark.parametrize("seed_", range(6))
def test_noise_in_a_model_is_refused_or_read_and_never_crashes(seed_: int) -> None:
    """Every model with pieces cut out, doubled, exchanged: findings with places, or answers, or refusals."""
    dice = random.Random(seed_)
    pieces = re.compile(rb'<[^<>]+>|"[^"<>]*"|[^<>"]+')
    for file, data in FILES.items():
        for _ in range(12):
            parts = pieces.findall(data)
            for _ in range(dice.randint(1, 4)):
                i, j = dice.randrange(len(parts)), dice.randrange(len(parts))
                match dice.randrange(5):
                    case 0:
                        del parts[i]
                    case 1:
                        parts[i] = parts[j]
                    case 2:
                        parts[i], parts[j] = parts[j], parts[i]
                    case 3:
                        parts[i] = parts[i] * 2
                    case _:
                        cut = dice.randrange(len(parts[i]) + 1)
                        parts[i] = parts[i][:cut] + parts[i][cut + 1 :]
            found, findings = read_decisions(b"".join(parts), file, FILES, lone=bool(dice.randrange(2)))
            assert all(one.message and one.rule for one in findings)
            for one in found.values():
                try:
                    one.decide({"值": dice.choice([1, "甲", None, [1]]), "n": 3, "列": [1]}, Deciding(MOMENT))
                except EngineError as refusal:
                    assert not refusal.fields.get("internal"), refusal.message


@pytest.mark.slow
def test_changed_elements_never_crash() -> None:
    """The same on the tree, so that the XML stays whole: tags, attributes and texts exchanged between elements."""
    from lxml import etree

    dice = random.Random(7)
    for file, data in FILES.items():
        for _ in range(40):
            root = etree.fromstring(data)
            nodes = [one for one in root.iter() if isinstance(one.tag, str)]
            for _ in range(dice.randint(1, 5)):
                a, b = dice.choice(nodes), dice.choice(nodes)
                match dice.randrange(4):
                    case 0:
                        a.tag = b.tag
                    case 1:
                        a.attrib.update(b.attrib)
                    case 2:
                        a.text = b.text
                    case _:
                        for key in list(a.attrib)[:1]:
                            del a.attrib[key]
            found, findings = read_decisions(etree.tostring(root), file, FILES, lone=bool(dice.randrange(2)))
            assert all(one.message and one.rule for one in findings)
            for one in found.values():
                try:
                    one.decide({"值": 1, "n": 3}, Deciding(MOMENT))
                except EngineError as refusal:
                    assert not refusal.fields.get("internal"), refusal.message

"""Decision models beside a diagram 流程中的决策: a rule task decides a graph, a service, an imported model; and `duban
decide` without any process."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.definitions.compile import compile_diagram
from tests.engine.builders import xml
from web.cli.main import main

MODELS = Path(__file__).parent / "dmn"


@pytest.fixture
def play(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Play `rule A` over the models named, with variables; gives the exit code, the result and the incidents."""

    def run(decision: str, models: tuple[str, ...], given: dict[str, Any], more: str = "") -> Any:
        for name in models:
            (tmp_path / name).write_bytes((MODELS / name).read_bytes())
        drawn = f"start S\nrule A decision={decision} result=得数 {more}\nend E\nS -> A -> E"
        (tmp_path / "图.bpmn").write_bytes(xml(drawn))
        variables = json.dumps(given, ensure_ascii=False)
        code = main(["play", str(tmp_path / "图.bpmn"), "--variables", variables])
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        results = [row["values"]["得数"] for row in rows if "得数" in row.get("values", {})]
        incidents = [row.get("message", "") for row in rows if row["kind"] == "IncidentRaised"]
        return code, results[-1] if results else None, incidents

    return run


HAZARD = {"隐患情况": {"类别": "危化", "涉险人数": 45, "曾被处罚": True}, "调整 系数": 1}


@pytest.mark.parametrize(
    ("decision", "models", "given", "more", "expected"),
    [
        ("fine", ("penalty.dmn",), HAZARD, "", 75),
        ("by_name", ("knowledge.dmn",), {"申请": {"本金": 1000, "月数": 24}}, "", 90),
        ("whole", ("services.dmn",), {"甲": "a", "乙": "b", "丙": "c"}, "", "acb"),
        ("two", ("services.dmn",), {"甲": "a", "乙": "b"}, "", {"丁": "a本来的丙", "戊": "a本来的丙b"}),
        (
            "all",
            ("imports.dmn", "imports_middle.dmn", "imports_base.dmn"),
            {"被检企业": {"名称": "一矿", "人数": 120}},
            "",
            "一矿（企业）大/大",
        ),
        ("one_rule_order", ("policies.dmn",), {"金额": 50}, "map=collectEntries", [1]),
        ("relation", ("boxed.dmn",), {}, "map=resultList", None),
        ("list", ("boxed.dmn",), {}, "", [1, [2], {"a": 3}]),
        ("over_a_list", ("knowledge.dmn",), {}, "map=collectEntries", [0.03, 0.045]),
        ("text", ("coercion.dmn",), {"值": 3}, "", None),
    ],
)
def test_a_rule_task_decides_every_kind_of_logic(
    play: Any, decision: str, models: tuple[str, ...], given: dict[str, Any], more: str, expected: Any
) -> None:
    code, result, incidents = play(decision, models, given, more)
    assert (code, incidents) == (0, [])
    if decision == "relation":
        assert [row["名称"] for row in result] == ["一矿", "二矿", "三矿"]
    else:
        assert result == expected


@pytest.mark.parametrize(
    ("decision", "given", "said"),
    [
        ("one_unique", {"金额": 500}, "只允许命中一条规则，但第 1 条、第 2 条"),
        ("one_any", {"金额": 500}, "结果不同"),
    ],
)
def test_a_table_that_contradicts_itself_is_an_incident(
    play: Any, decision: str, given: dict[str, Any], said: str
) -> None:
    code, _, incidents = play(decision, ("policies.dmn",), given)
    assert code == 4
    assert said in incidents[0]


def test_without_a_result_variable_the_decision_s_own_name_keeps_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.dmn").write_bytes((MODELS / "services.dmn").read_bytes())
    (tmp_path / "a.bpmn").write_bytes(
        xml("start S\nrule A decision=n\nrule B decision=two\nend E\nS -> A -> B -> E")
    )
    assert main(["play", str(tmp_path / "a.bpmn"), "--variables", '{"甲": "a", "乙": "b"}']) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kept = [row["values"] for row in rows if row["kind"] == "VariablesSet"]
    assert kept[-2:] == [{"数": 1000}, {"丁": "a本来的丙", "戊": "a本来的丙b"}]


def test_a_wrong_file_that_is_not_asked_stops_nothing() -> None:
    diagram = xml("start S\nrule A decision=fine result=得数\nend E\nS -> A -> E")
    good = (MODELS / "penalty.dmn").read_bytes()
    package, findings = compile_diagram(
        diagram, "a.bpmn", {"penalty.dmn": good, "wrong.dmn": b"<definitions"}
    )
    assert package is not None
    assert findings == [] or all(one.severity == "warning" for one in findings)
    package, findings = compile_diagram(diagram, "a.bpmn", {"wrong.dmn": b"<definitions"})
    assert package is None
    assert "xml_syntax" in {one.rule for one in findings}


def test_of_two_files_with_a_decision_the_diagram_s_own_counts() -> None:
    diagram = xml("start S\nrule A decision=n result=得数\nend E\nS -> A -> E")
    services = (MODELS / "services.dmn").read_bytes()
    other = re.sub(rb"<text>1000</text>", b"<text>7</text>", services)
    package, findings = compile_diagram(diagram, "图.bpmn", {"a.dmn": services, "图.dmn": other})
    assert package is not None
    assert [one.rule for one in findings if one.file == "a.dmn"] == ["decision_twice"]
    logic = package.decisions["n"].logic
    assert logic is not None
    assert [one.text for one in logic.expressions()] == ["7"]


# -- duban decide --------------------------------------------------------------------------------------


@pytest.fixture
def decide(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(file: str | Path, given: dict[str, Any] | str, *more: str) -> tuple[int, str, str]:
        path = MODELS / file if isinstance(file, str) else file
        text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        code = main(["decide", str(path), "--variables", text, *more])
        said = capsys.readouterr()
        return code, said.out.strip(), said.err

    return run


def test_decide_prints_one_exact_line(decide: Any) -> None:
    assert decide("penalty.dmn", HAZARD | {"调整 系数": 1.1})[:2] == (0, "82.5")
    given = '{"隐患情况": {"类别": "危化", "涉险人数": 45, "曾被处罚": false}, "调整 系数": 0.100000000000000000000000000001}'
    assert decide("penalty.dmn", given)[:2] == (0, "5.00000000000000000000000000005")
    assert decide("boxed.dmn", {}, "--decision", "清单")[:2] == (0, '[1, [2], {"a": 3}]')
    assert decide("services.dmn", {"甲": "a", "乙": "b"}, "--service", "two")[:2] == (
        0,
        '{"丁": "a本来的丙", "戊": "a本来的丙b"}',
    )
    assert decide("imports_middle.dmn", {"被检企业": {"名称": "一矿", "人数": 1}})[:2] == (
        0,
        '"一矿（企业）小"',
    )


def test_decide_says_why_a_value_is_null(decide: Any) -> None:
    code, line, said = decide("coercion.dmn", {"值": 2}, "--decision", "text")
    assert (code, line) == (0, "null")
    assert "应为文字" in said


def test_decide_ends_4_without_an_answer_and_2_when_refused(decide: Any, tmp_path: Path) -> None:
    code, line, said = decide("policies.dmn", {"金额": 500}, "--decision", "one_unique")
    assert (code, line) == (4, "")
    assert "第 1 条" in said
    code, line, said = decide("knowledge.dmn", {}, "--decision", "endless", "--json")
    assert (code, line, json.loads(said)["code"]) == (4, "", "budget_exceeded")
    assert decide("penalty.dmn", "{")[0] == 2
    assert decide("penalty.dmn", "[]")[0] == 2
    assert decide("policies.dmn", {})[0] == 2  # which one?
    assert decide("penalty.dmn", {}, "--decision", "没有")[0] == 2
    assert decide("penalty.dmn", {}, "--service", "fine")[0] == 2
    assert decide(tmp_path / "none.dmn", {})[0] == 2
    (tmp_path / "wrong.dmn").write_text("<definitions/>", encoding="utf-8")
    code, line, said = decide(tmp_path / "wrong.dmn", {})
    assert (code, line) == (2, "")
    assert "dmn_version" in said


def test_decide_reads_dates_where_the_input_is_one(decide: Any, tmp_path: Path) -> None:
    file = tmp_path / "期限.dmn"
    file.write_text(
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="m" name="m" namespace="n">'
        '<itemDefinition name="日期们" isCollection="true"><typeRef>date</typeRef></itemDefinition>'
        '<inputData id="a" name="起"><variable name="起" typeRef="date"/></inputData>'
        '<inputData id="b" name="多久"><variable name="多久" typeRef="dayTimeDuration"/></inputData>'
        '<inputData id="c" name="假日"><variable name="假日" typeRef="日期们"/></inputData>'
        '<decision id="d" name="止"><informationRequirement><requiredInput href="#a"/></informationRequirement>'
        '<informationRequirement><requiredInput href="#b"/></informationRequirement>'
        '<informationRequirement><requiredInput href="#c"/></informationRequirement>'
        "<literalExpression><text>if list contains(假日, 起) then null else 起 + 多久</text></literalExpression></decision></definitions>",
        encoding="utf-8",
    )
    given = {"起": "2026-09-28", "多久": "P3D", "假日": ["2026-10-01"]}
    assert decide(file, given)[:2] == (0, '"2026-10-01"')
    assert decide(file, given | {"起": "2026-10-01"})[:2] == (0, "null")
    assert decide(file, given | {"起": "后天"})[:2] == (0, "null")


def test_check_takes_a_decision_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(MODELS / "imports.dmn"), str(MODELS / "cells.dmn")]) == 0
    wrong = (MODELS / "cells.dmn").read_text(encoding="utf-8").replace("PRIORITY", "BEST")
    (tmp_path / "wrong.dmn").write_text(wrong, encoding="utf-8")
    capsys.readouterr()
    assert main(["check", "--json", str(tmp_path / "wrong.dmn")]) == 1
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["rule"], row["element"]) == ("hit_policy", "by_type")
    assert row["line"] > 1


def test_decide_reads_times_as_feel_writes_them(decide: Any, tmp_path: Path) -> None:
    """With the zone that is written, and nothing that FEEL would not read."""
    file = tmp_path / "时刻.dmn"
    file.write_text(
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="m" name="m" namespace="n">'
        '<inputData id="a" name="时刻"><variable name="时刻" typeRef="date and time"/></inputData>'
        '<decision id="d" name="几点"><informationRequirement><requiredInput href="#a"/></informationRequirement>'
        "<literalExpression><text>if 时刻 = null then null else [时刻.hour, 时刻.timezone]</text></literalExpression></decision>"
        '<decision id="day" name="日子"><variable name="日子" typeRef="date"/><literalExpression><text>today()</text></literalExpression></decision>'
        '<decision id="year" name="年份"><informationRequirement><requiredDecision href="#day"/></informationRequirement>'
        "<literalExpression><text>日子.year</text></literalExpression></decision>"
        '<decisionService id="s" name="服务"><outputDecision href="#year"/><inputDecision href="#day"/></decisionService></definitions>',
        encoding="utf-8",
    )
    for text, hour, zone in [
        ("2026-10-01T08:30:00Z", 8, "null"),
        ("2026-10-01T08:30:00-03:00", 8, "null"),
        ("2026-07-01T08:30:00@America/Lima", 8, '"America/Lima"'),
        ("2026-10-01T08:30:00", 8, "null"),
        ("2026-10-01", 0, "null"),
    ]:
        assert decide(file, {"时刻": text}, "--decision", "d")[:2] == (0, f"[{hour}, {zone}]")
    for text in ["20261001T083000", "2026-W40-4", "2026-10-01 08:30:00", "2026-10-01T25:00:00", "now"]:
        code, line, said = decide(file, {"时刻": text}, "--decision", "d")
        assert (code, line) == (0, "null")
        assert "应为日期时间" in said
    assert decide(file, {"日子": "2031-02-03"}, "--service", "s")[:2] == (0, "2031")


def test_decide_answers_beside_a_faulty_neighbour_when_asked_by_name(decide: Any, tmp_path: Path) -> None:
    file = tmp_path / "邻居.dmn"
    file.write_text(
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="m" name="m" namespace="n">'
        '<decision name="完好"><literalExpression><text>40 + 2</text></literalExpression></decision>'
        '<decision id="b" name="写错"><literalExpression><text>1 + </text></literalExpression></decision>'
        '<decision id="c" name="连着写错的"><informationRequirement><requiredDecision href="#b"/></informationRequirement>'
        "<literalExpression><text>写错</text></literalExpression></decision></definitions>",
        encoding="utf-8",
    )
    code, line, said = decide(file, {}, "--decision", "完好")
    assert (code, line) == (0, "42")
    assert "错误" in said and "expression_invalid" in said
    assert "decision_id" in said  # it has no id: in a lone file its name stands for it
    assert decide(file, {}, "--decision", "b")[:2] == (2, "")
    assert decide(file, {}, "--decision", "连着写错的")[:2] == (2, "")
    assert decide(file, {})[:2] == (2, "")

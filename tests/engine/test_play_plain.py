"""Diagrams as other tools write them: no roles, no forms, no prefix, vendor extensions, references left out. They play, and
`duban check` warns of what is missing instead of refusing it."""

import argparse
import json
from pathlib import Path

import pytest

from tests.engine.test_play_conformance import played, trace
from web.cli import check as cli
from web.cli import play

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:v="http://vendor.example/ns" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="urn:x" '
    'expressionLanguage="http://www.w3.org/1999/XPath">'
)


def straight(element: str, roots: str = "", before: str = "", process: str = "") -> bytes:
    """start S → the element A → end E."""
    return (
        f'{HEAD}{roots}<process id="p"{process}>{before}<startEvent id="S"/>{element}<endEvent id="E"/>'
        '<sequenceFlow id="f1" sourceRef="S" targetRef="A"/><sequenceFlow id="f2" sourceRef="A" targetRef="E"/>'
        "</process></definitions>"
    ).encode()


def event(inside: str, tag: str = "intermediateCatchEvent") -> str:
    return f'<{tag} id="A" name="来信">{inside}</{tag}>'


USER = '<userTask id="A"/>'
VENDOR = "<extensionElements><v:x><v:y/></v:x></extensionElements>"
CALLED = ["--message", "来信"]
PLAYS: dict[str, tuple[bytes, list[str], str, str]] = {
    **{
        tag: (straight(f'<{tag} id="A"/>'), [], "0 S A E", "")
        for tag in (
            "task",
            "userTask",
            "manualTask",
            "serviceTask",
            "sendTask",
            "scriptTask",
            "businessRuleTask",
        )
    },
    "not executable": (straight(USER, process=' isExecutable="false"'), [], "0 S A E", "not_executable"),
    "vendor's element": (
        straight(f'<userTask id="A">{VENDOR}</userTask>'),
        [],
        "0 S A E",
        "foreign_extension",
    ),
    "vendor's attribute": (straight('<userTask id="A" v:x="1"/>'), [], "0 S A E", "foreign_extension"),
    "receive without message": (
        straight('<receiveTask id="A" name="来信"/>'),
        CALLED,
        "0 S A E",
        "message_missing",
    ),
    "receive that waits": (straight('<receiveTask id="A" name="来信"/>'), [], "3 S >A", "message_missing"),
    "message event without message": (
        straight(event("<messageEventDefinition/>")),
        CALLED,
        "0 S A E",
        "message_missing",
    ),
    "signal event without signal": (
        straight(event("<signalEventDefinition/>")),
        ["--signal", "来信"],
        "0 S A E",
        "signal_missing",
    ),
    "message without name": (
        straight(event('<messageEventDefinition messageRef="m"/>'), '<message id="m"/>'),
        ["--message", "m"],
        "0 S A E",
        "message_name",
    ),
    "error without code is any error": (
        straight(
            '<userTask id="A"/><boundaryEvent id="B" attachedToRef="A"><errorEventDefinition errorRef="x"/>'
            '</boundaryEvent><sequenceFlow id="f3" sourceRef="B" targetRef="E"/>',
            '<error id="x" name="出错"/>',
        ),
        [],
        "0 S >A ~A B E",
        "error_code",
    ),
    "two plain starts": (
        straight(USER + '<startEvent id="S2"/><sequenceFlow id="f3" sourceRef="S2" targetRef="A"/>'),
        [],
        "0 S A E",
        "none_start_twice",
    ),
    "flows without ids": (
        straight(USER).replace(b' id="f1"', b"").replace(b' id="f2"', b""),
        [],
        "0 S A E",
        "flow_id",
    ),
    "two flows without ids between the same elements": (
        straight(USER + '<sequenceFlow sourceRef="S" targetRef="A"/>').replace(b' id="f1"', b""),
        [],
        "0 S >A A E A E",
        "flow_id",
    ),
    "what another engine executes": (
        straight(
            '<serviceTask id="A" camunda:class="a.B" camunda:asyncBefore="true"><extensionElements>'
            '<camunda:executionListener event="start" class="a.C"/></extensionElements></serviceTask>'
        ),
        [],
        "0 S A E",
        "not_executed",
    ),
    "another engine's expressions of who does it": (
        straight(
            '<userTask id="A" camunda:assignee="${who}" camunda:dueDate="${due}" camunda:formKey="a:b"/>'
        ),
        [],
        "0 S A E",
        "not_executed",
    ),
    "the process that is not said to be unexecutable": (
        straight(
            USER,
            '<process id="q" isExecutable="false"><startEvent id="s"/><endEvent id="e"/>'
            '<sequenceFlow id="f0" sourceRef="s" targetRef="e"/></process>',
        ),
        [],
        "0 S A E",
        "not_executable",
    ),
    "an empty pool beside": (straight(USER, '<process id="q"/>'), [], "0 S A E", ""),
    "auditing": (
        straight('<userTask id="A"><auditing/></userTask>', before="<monitoring/>"),
        [],
        "0 S A E",
        "",
    ),
    "a cycle with its first instant": (
        straight(
            event(
                "<timerEventDefinition><timeCycle>R2/2026-10-01T00:00:00Z/PT1H</timeCycle></timerEventDefinition>"
            )
        ),
        [],
        "0 S A E",
        "",
    ),
    "a duration in FEEL without its sign": (
        straight(
            event(
                '<timerEventDefinition><timeDuration>duration("PT1H")</timeDuration></timerEventDefinition>'
            )
        ),
        [],
        "0 S A E",
        "",
    ),
}


FAULTY = {
    "flow_listed": straight('<userTask id="A"><incoming>f2</incoming><outgoing>f9</outgoing></userTask>'),
    "schema": straight(USER).replace(b'targetRef="A"', b'targetRef="t:A"').replace(b'Ref="S"', b'Ref="t:S"'),
}


@pytest.mark.parametrize("rule", FAULTY)
def test_what_changes_nothing_of_the_way_is_played_though_a_check_refuses_it(
    rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows = played(FAULTY[rule], tmp_path, capsys, [])
    assert f"{code} {trace(rows)}" == "0 S A E"
    code, rules = checked(tmp_path / "图.bpmn", capsys)
    assert code == 1
    assert rule in rules


@pytest.mark.parametrize("name", PLAYS)
def test_it_plays_and_is_warned_of(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, options, expected, rule = PLAYS[name]
    answers = json.dumps({"A": [{"bpmnError": "X"}]}) if "error" in name else ""
    code, rows = played(data, tmp_path, capsys, options, answers)
    assert f"{code} {trace(rows)}" == expected
    code, rules = checked(tmp_path / "图.bpmn", capsys)
    assert code == 0
    assert not rule or rules[rule] == "warning"


def checked(file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str]]:
    """`duban check` on a file: its exit code and the severity of every rule that has something to say."""
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["check", "--json", str(file)])
    code = parsed.run(parsed)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, {row["rule"]: row["severity"] for row in rows}


def test_children_out_of_order_are_a_warning_and_what_else_the_schema_says_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.bpmn"
    file.write_bytes(
        straight('<userTask id="A"><incoming>f1</incoming><documentation>晚了</documentation></userTask>')
    )
    code, rules = checked(file, capsys)
    assert (code, rules["schema_order"]) == (0, "warning")
    file.write_bytes(
        straight('<userTask id="A"><incoming>f1</incoming><loopCardinality>3</loopCardinality></userTask>')
    )
    code, rules = checked(file, capsys)
    assert (code, rules["schema"]) == (1, "error")


def test_decision_tables_beside_are_checked_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.bpmn"
    file.write_bytes(
        straight('<businessRuleTask id="A" camunda:decisionRef="d" camunda:resultVariable="r"/>')
    )
    assert checked(file, capsys)[1]["unknown_decision"] == "warning"
    (tmp_path / "d.dmn").write_text(
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="x" name="x" namespace="urn:x">'
        '<decision id="d" name="d"><literalExpression id="l"><text>1</text></literalExpression></decision></definitions>',
        encoding="utf-8",
    )
    assert checked(file, capsys)[0] == 0


NUMBERS = {
    "1 / 3": "0.3333333333333333333333333333333333",
    "2 ** 100 / 10": "126765060022822940149670320537.6",
    "9999999999999999999999999999999999": "9999999999999999999999999999999999",
    "0.1 + 0.2": "0.3",
    "1e400 * 3": "3E+400",
    "1.50": "1.5",
    "given": "0.1234567890123456789012345678901234",
}


@pytest.mark.parametrize("expression", NUMBERS)
def test_numbers_are_printed_with_all_their_digits(expression: str, tmp_path: Path, capsys) -> None:
    """As JSON numbers, read here as text: a reader with floats would round them."""
    file = tmp_path / "图.bpmn"
    file.write_bytes(
        straight(
            '<scriptTask id="A" scriptFormat="feel" camunda:resultVariable="数">'
            f"<script>{expression}</script></scriptTask>"
        )
    )
    parser = argparse.ArgumentParser()
    play.add_parser(parser.add_subparsers())
    given = '{"given": 0.1234567890123456789012345678901234}'
    parsed = parser.parse_args(["play", str(file), "--now", "2026-09-28T09:00", "--variables", given])
    parsed.run(parsed)
    rows = [json.loads(line, parse_float=str, parse_int=str) for line in capsys.readouterr().out.splitlines()]
    written = [row["values"]["数"] for row in rows if "数" in (row.get("values") or {})]
    assert written and set(written) == {NUMBERS[expression]}, rows


def test_services_and_scripts_of_another_tool_are_left_out(tmp_path, capsys):
    """Its structure is understood: operations, interfaces and scripts in other languages are warned of and passed."""
    text = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="urn:x">
    <message id="m" name="问"/>
    <interface id="i" name="接口"><operation id="o" name="操作"><inMessageRef>m</inMessageRef></operation></interface>
    <process id="甲" isExecutable="true">
      <startEvent id="S"/>
      <scriptTask id="W" name="写"><script>SOME_MARK</script></scriptTask>
      <scriptTask id="G" name="算" scriptFormat="groovy"><script>println "a"; x = 1 &lt;&lt; 2</script></scriptTask>
      <sendTask id="T" name="发" messageRef="m" operationRef="o" implementation="http://any.where"/>
      <endEvent id="E"><messageEventDefinition messageRef="m"><operationRef>o</operationRef></messageEventDefinition></endEvent>
      <sequenceFlow id="f1" sourceRef="S" targetRef="W"/>
      <sequenceFlow id="f2" sourceRef="W" targetRef="G"/>
      <sequenceFlow id="f3" sourceRef="G" targetRef="T"/>
      <sequenceFlow id="f4" sourceRef="T" targetRef="E"/>
    </process>
    <process id="乙" isExecutable="true">
      <receiveTask id="R" name="收" messageRef="m" operationRef="o" instantiate="true"/>
      <scriptTask id="K" name="记"><script>MARK</script></scriptTask>
      <sequenceFlow id="g1" sourceRef="R" targetRef="K"/>
    </process>
    </definitions>"""
    code, rows = played(text.encode(), tmp_path, capsys, [])
    done = [(r["case"], r["element"]) for r in rows if r["kind"] == "ElementCompleted"]
    assert code == 0
    assert [element for case, element in done if case == "甲"] == ["S", "W", "G", "T", "E"]
    assert [element for case, element in done if case.startswith("乙")] == ["R", "K", "R", "K"]

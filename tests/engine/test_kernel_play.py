"""`duban play` and `explain`: what people see of a diagram before it is published, and of a case that waits."""

import argparse
import json
from dataclasses import replace

import pytest

from engine.calendar import Moment
from engine.definitions.decisions import read_decisions
from engine.definitions.model import Role
from engine.execution.explain import explain
from tests.engine.builders import CALENDAR, Play, diagram, xml
from web.cli import play as cli


@pytest.fixture
def run(tmp_path, capsys):
    """Run `duban play` on a diagram in text form; gives exit code and the facts printed."""

    def go(text, *args, answers=None):
        file = tmp_path / "图.bpmn"
        file.write_bytes(text if isinstance(text, bytes) else xml(text))
        arguments = ["play", str(file), "--now", "2026-09-28T09:00", *args]
        if answers is not None:
            path = tmp_path / "answers.json"
            path.write_text(json.dumps(answers), encoding="utf-8")
            arguments += ["--answers", str(path)]
        parser = argparse.ArgumentParser()
        cli.add_parser(parser.add_subparsers())
        parsed = parser.parse_args(arguments)
        code = parsed.run(parsed)
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return go


def steps(rows, kind="ElementCompleted"):
    return [row["element"] for row in rows if row["kind"] == kind]


SIMPLE = """
start S name=登记
user A name=整改
boundary T on=A name=到期 duration=P2D
xor X name=合格吗
service J name=编号 topic=n
end E name=归档
end F name=逾期
S -> A -> X
X -> J if 合格
X -> A default
J -> E
T -> F
"""


def test_people_and_machines_answer_at_once(run):
    code, rows = run(SIMPLE, answers={"A": [{"variables": {"合格": False}}, {"variables": {"合格": True}}]})
    assert code == 0
    assert steps(rows) == ["S", "A", "X", "A", "X", "J", "E"]
    assert all({"kind", "at"} <= set(row) for row in rows)
    assert rows[-1]["kind"] == "CaseCompleted"
    entered = next(row for row in rows if row["kind"] == "ElementEntered" and row["element"] == "A")
    assert entered["name"] == "整改"


def test_without_answers_results_are_empty(run):
    code, rows = run("start S\nuser A\nend E\nS -> A -> E")
    assert (code, steps(rows)) == (0, ["S", "A", "E"])


def test_variables_reach_the_conditions(run):
    code, rows = run(SIMPLE, "--variables", '{"合格": true}')
    assert (code, steps(rows)) == (0, ["S", "A", "X", "J", "E"])


def test_hold_stops_at_user_tasks_and_until_lets_time_pass(run):
    code, rows = run(SIMPLE, "--hold")
    assert (code, steps(rows)) == (3, ["S"])
    code, rows = run(SIMPLE, "--hold", "--until", "P1D")
    assert (code, steps(rows)) == (3, ["S"])
    code, rows = run(SIMPLE, "--hold", "--until", "P2D")
    assert (code, steps(rows)) == (0, ["S", "T", "F"])
    assert steps(rows, "ElementCancelled") == ["A"]
    assert rows[-1]["at"] == "2026-09-30T01:00:00+00:00"


def test_time_jumps_to_what_is_due(run):
    text = "start S\ncatch T duration=P30D\nend E\nS -> T -> E"
    assert run(text)[0] == 0
    assert run(text, "--until", "P29D")[0] == 3
    assert run(text.replace("P30D", "P400D"))[0] == 3


def test_errors_and_failures(run):
    text = SIMPLE + "boundary B on=J name=出错 error=E1\nB -> F"
    yes = {"A": {"variables": {"合格": True}}}
    code, rows = run(text, answers={**yes, "J": [{"bpmnError": "E1"}]})
    assert (code, steps(rows)[-2:]) == (0, ["B", "F"])
    code, rows = run(text, answers={**yes, "J": [{"bpmnError": "E2"}]})
    assert code == 4
    code, rows = run(text, answers={**yes, "J": [{"fail": "连不上"}]})
    assert code == 4
    assert rows[-1] == {**rows[-1], "kind": "IncidentRaised", "element": "J", "message": "连不上"}
    code, rows = run(text, answers={"A": [{"fail": "不会"}]})
    assert (code, rows[-1]["element"]) == (4, "A")


def test_messages_and_signals_are_delivered_when_waited_for(run):
    text = """
start S
catch M message=回复 correlationKey="=编号"
catch G signal=复工
user A
boundary B on=A message=撤回
end E
end F
S -> M -> G -> A -> E
B -> F
"""
    given = ["--variables", '{"编号": 3}']
    assert run(text, *given)[0] == 3
    code, rows = run(text, *given, "--signal", "复工", "--message", '回复={"结论": 1}')
    assert (code, steps(rows)) == (0, ["S", "M", "G", "A", "E"])
    assert any(row["kind"] == "VariablesSet" and row["values"] == {"结论": 1} for row in rows)
    code, rows = run(text, *given, "--signal", "复工", "--message", "回复", "--message", "撤回")
    assert steps(rows)[-2:] == ["B", "F"]


@pytest.mark.parametrize(
    ("start", "args", "code"),
    [
        ("start S message=举报", ["--message", "举报"], 0),
        ("start S signal=检查", ["--signal", "检查"], 0),
        ("start S message=举报", [], 2),
        ("start S cycle=R/P1D", [], 0),
    ],
)
def test_other_start_events(run, start, args, code):
    assert run(f"{start}\nuser A\nend E\nS -> A -> E", *args)[0] == code


def test_refusals_are_told_as_lines(run):
    code, rows = run(b"<not-bpmn/>")
    assert code == 2
    assert rows[0]["kind"] == "Finding"
    assert rows[0]["message"]
    good = "start S\nend E\nS -> E"
    deep = '{"a":' + "[" * 5000
    for wrong in (["--variables", deep], ["--now", "0001-01-01"], ["--now", "9999-12-31"]):
        code, rows = run(good, *wrong)
        assert (code, rows[-1]["kind"]) == (2, "Refused")
    for wrong in (["--variables", "[1]"], ["--variables", "{"], ["--until", "bald"], ["--process", "x"]):
        code, rows = run(good, *wrong)
        assert (code, rows[-1]["kind"]) == (2, "Refused")
    for answer in ({"unknown": 1}, {"bpmnError": None}, {"fail": ""}, {"bpmnError": "X", "fail": "Y"}):
        code, rows = run(good, answers={"A": [answer]})
        assert code == 2


@pytest.mark.slow
def test_an_endless_timer_ends_the_playing(run):
    code, _ = run(
        "start S\nreceive R message=m\nboundary T on=R cycle=R/PT1M interrupting=false\nend E\nend F\nS -> R -> E\nT -> F"
    )
    assert code == 3


def test_the_same_playing_gives_the_same_lines(run):
    assert run(SIMPLE, "--hold", "--until", "P2D") == run(SIMPLE, "--hold", "--until", "P2D")


# -- explain -------------------------------------------------------------------------------------------


def sentences(play):
    return [str(one) for one in explain(play.package, play.state, Moment(play.now, CALENDAR))]


def test_explain_says_who_what_and_when():
    package = diagram("""
start S
and F
user A name=整改 groups=QY due="workdays(now(), 2)"
boundary T on=A name=催办到时 duration=P1D interrupting=false
boundary X on=A name=撤销 message=撤回
user N name=催办
catch M name=等批复 message=批复 correlationKey="=string(7)"
service J name=编号 topic=letter.number
and K name=会齐
S -> F -> A -> K
F -> M -> K
F -> J -> K
T -> N
X -> N
""")
    play = Play(replace(package, roles={"QY": Role("QY", "责任单位")}))
    play.complete("J")
    assert sentences(play) == [
        "等待责任单位办理“整改”，期限 2026年9月30日 18:00（还剩 2 个工作日）。",
        "2026年9月29日 09:00（还剩 1 个工作日）触发“催办到时”，接着是“催办”。",
        "“撤销”在等消息“撤回”。",
        "“等批复”在等消息“批复”（关联键 7）。",
        "“会齐”汇合：已到 1 路，还在等“整改”、“等批复”。",
    ]
    play.wait(days=9)
    assert "已超期，不足 1 个工作日" in sentences(play)[0]
    play.wait(days=2)
    assert "已超期 2 个工作日" in sentences(play)[0]


def test_explain_never_says_an_element_id_to_a_person():
    """Clocks and messages on a task's edge bear no name in a drawing; people hear of the task instead."""
    package = diagram("""
start S
and F
user A name=整改
user B name=申请
boundary A_clock on=A duration=P1D interrupting=false
boundary B_limit on=B duration=P2D
boundary B_moved on=B message=期限变更
end A_late
S -> F -> A
F -> B
A_clock -> A_late
B_limit -> A_late
B_moved -> B
""")
    told = sentences(Play(package))
    assert not any(
        mechanics in line for line in told for mechanics in ("A_clock", "A_late", "B_limit", "B_moved")
    )
    assert any("触发“整改的时限提醒”。" in line for line in told)
    assert any("触发“申请的时限”，并停止“申请”。" in line for line in told)
    assert "“申请”在等消息“期限变更”。" in told


def test_explain_shows_incidents_and_suspension():
    from engine import commands as c

    play = Play(diagram("start S\nuser A\nboundary T on=A name=到期 date==没有\nS -> A\nT -> A"))
    assert sentences(play)[0].startswith("“到期”出现异常，停在这里：")
    play.do(c.Suspend("x"))
    assert "案件已挂起" in sentences(play)[1]
    play.do(c.Cancel("y"))
    assert sentences(play) == []


# -- decisions -----------------------------------------------------------------------------------------

DMN = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="urn:d">
  <decision id="level" name="级别"><variable id="v" name="级别"/>
    <decisionTable id="t" hitPolicy="{policy}">
      <input id="i"><inputExpression id="e" typeRef="number"><text>天</text></inputExpression></input>
      <output id="o" name="级" typeRef="number"/>
      <rule id="r1"><inputEntry id="a"><text>&gt; 3</text></inputEntry><outputEntry id="b"><text>1</text></outputEntry></rule>
      <rule id="r2"><inputEntry id="c"><text>&gt; 5</text></inputEntry><outputEntry id="f"><text>2</text></outputEntry></rule>
    </decisionTable>
  </decision>
</definitions>"""


@pytest.mark.parametrize(
    ("policy", "map", "days", "result"),
    [
        ("FIRST", "singleEntry", 9, 1),
        ("FIRST", "singleResult", 4, 1),
        ("FIRST", "singleResult", 1, None),
        ("COLLECT", "collectEntries", 9, [1, 2]),
        ("RULE ORDER", "resultList", 4, [1]),
    ],
)
def test_business_rule_task(policy, map, days, result):
    decisions, findings = read_decisions(DMN.format(policy=policy).encode(), "d.dmn")
    assert not [one for one in findings if one.severity == "error"], findings
    package = diagram(f"start S\nrule A decision=level result=级 map={map}\nuser B\nS -> A -> B")
    play = Play(replace(package, decisions=decisions), 天=days)
    assert play.open == ["B"]
    assert play.variables["级"] == result


def test_a_decision_that_contradicts_itself_is_an_incident():
    decisions, _ = read_decisions(DMN.format(policy="UNIQUE").encode(), "d.dmn")
    package = diagram("start S\nrule A decision=level result=级\nuser B\nS -> A -> B")
    assert Play(replace(package, decisions=decisions), 天=9).incidents == [("A", "expression_failed")]


def test_decision_tables_lie_beside_the_diagram(run, tmp_path):
    text = "start S\nrule A decision=level result=级\nend E\nS -> A -> E"
    assert run(text)[0] == 2
    (tmp_path / "d.dmn").write_text(DMN.format(policy="FIRST"), encoding="utf-8")
    code, rows = run(text, "--variables", '{"天": 4}')
    assert code == 0
    assert any(row["kind"] == "VariablesSet" and row["values"] == {"级": 1} for row in rows)


def test_a_timer_start_begins_when_it_is_due(run):
    text = "start S duration=P2D\nend E\nS -> E"
    code, rows = run(text)
    assert (code, rows[0]["at"]) == (0, "2026-09-30T01:00:00+00:00")
    assert run(text, "--until", "P1D") == (3, [])
    assert run("start S date==没有\nend E\nS -> E")[0] == 2

"""Pools of one file are played together on one clock (BPMN 2.0.2, 9): traces are in `play_conformance.txt`."""

import re

import pytest

from engine.definitions import bpmn
from engine.definitions.compile import compile_diagram
from engine.execution.play import Playing
from engine.execution.play_case import PlayedCase
from engine.execution.state import State, fold
from engine.values import dumps, loads
from tests.engine import test_play_conformance as conformance
from tests.engine.builders import CALENDAR, MONDAY, xml
from tests.engine.test_play_conformance import CASES

ASK_AND_ANSWER = """
start S
send A message=ask in:n=5
receive B message=reply
end E
S -> A -> B -> E
process q
  start s message=ask
  script W result=n do="n + 1"
  end e message=reply in:m=n
  s -> W -> e
A ~> s
e ~> B
"""


def played(text: str, **options: object) -> tuple[Playing, list[dict]]:
    package, findings = compile_diagram(xml(text), "图.bpmn")
    assert package is not None, findings
    playing = Playing(package, MONDAY, CALENDAR, **options)
    return playing, list(playing.run())


def test_every_fact_names_its_case() -> None:
    playing, rows = played(ASK_AND_ANSWER)
    assert [(r["case"], r["element"]) for r in rows if r["kind"] == "ElementCompleted"] == [
        ("main", "S"), ("main", "A"), ("q", "s"), ("q", "W"), ("q", "e"), ("main", "B"), ("main", "E"),
    ]  # fmt: skip
    assert [r["case"] for r in rows if r["kind"] == "CaseCompleted"] == ["q", "main"]
    assert playing.outcome == "completed"


def test_the_payload_goes_with_the_message() -> None:
    playing, _ = played(ASK_AND_ANSWER)
    main, other = playing.cases
    assert other.state.root_variables == {"n": 6}
    assert main.state.root_variables == {"m": 6}


def test_several_cases_of_one_pool_are_numbered() -> None:
    playing, rows = played("""
start S
send A message=m each="[1, 2]" as=n in:n=n
end E
S -> A -> E
process q
  start s message=m
  end e
  s -> e
A ~> s
""")
    assert [c.label for c in playing.cases] == ["main", "q", "q#2"]
    assert [c.state.root_variables for c in playing.cases[1:]] == [{"n": 1}, {"n": 2}]
    assert {r["case"] for r in rows} == {"main", "q", "q#2"}


def test_what_a_case_gives_another_is_not_shared_with_it() -> None:
    playing, _ = played(
        """
start S
script I result=list do="[[1], [2]]"
send A message=m in:list=list
user U
end E
S -> I -> A -> U -> E
process q
  start s message=m
  script W result=list do="append(list, [3])"
  end e
  s -> W -> e
A ~> s
""",
        hold=True,
    )
    main, other = playing.cases
    assert main.state.root_variables["list"] == [[1], [2]]
    assert other.state.root_variables["list"] == [[1], [2], [3]]


def test_one_halted_case_is_an_incident_of_the_whole() -> None:
    playing, _ = played("""
start S
throw T message=m
end E
S -> T -> E
process q
  start s message=m
  script W result=n do="workdays(null, 1).x + date(\"x\").y.z > 1"
  xor X
  end e
  s -> W -> X
  X -> e if n = 1
T ~> s
""")
    assert playing.outcome == "incident"


@pytest.mark.parametrize(
    ("target", "rule"),
    [
        ("user U", "message_flow_target"),
        ("catch U message=n", "message_flow_name"),
        ("catch U message=m", ""),
    ],
)
def test_a_flow_that_cannot_carry_is_warned_of(target: str, rule: str) -> None:
    _, findings = bpmn.read(
        xml(f"""
start S
throw T message=m
end E
S -> T -> E
process q
  start s
  {target}
  end e
  s -> U -> e
T ~> U
"""),
        "图.bpmn",
    )
    assert [(f.rule, f.severity) for f in findings] == ([(rule, "warning")] if rule else [])


POOLS = {name: text for name, text in CASES.items() if name.startswith("pools: ")}


@pytest.mark.parametrize("name", POOLS)
def test_pools_are_restored_and_replayed_like_any_case(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every case of a playing: folding its facts, and going on from its snapshot after every step, change nothing."""
    told: dict[str, list] = {}
    original = PlayedCase.do

    def checked(case: PlayedCase, command, moment) -> list:
        facts = original(case, command, moment)
        told.setdefault(case.label, []).extend(facts)
        assert fold(told[case.label]) == case.state
        case.state = State.from_data(loads(dumps(case.state.to_data())))
        return facts

    text = POOLS[name].strip().rpartition("\n=> ")[0]
    drawn = re.sub(r"^(options|answers): .*\n", "", text, flags=re.MULTILINE)
    _, plainly = played(drawn)
    monkeypatch.setattr(PlayedCase, "do", checked)
    _, restored = played(drawn)
    assert restored == plainly


AS_A_MODELER_WRITES_IT = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC"
  id="D1" targetNamespace="http://bpmn.io/schema/bpmn" exporter="a modeler" exporterVersion="5">
  <bpmn:collaboration id="C1">
    <bpmn:participant id="P_shop" name="商店" processRef="shop"/>
    <bpmn:participant id="P_buyer" name="顾客" processRef="buyer"/>
    <bpmn:participant id="P_bank" name="银行"/>
    <bpmn:messageFlow id="MF1" name="订单" sourceRef="Ask" targetRef="Asked"/>
    <bpmn:messageFlow id="MF2" sourceRef="Send" targetRef="Got"/>
    <bpmn:messageFlow id="MF3" sourceRef="P_bank" targetRef="Pack"/>
    <bpmn:messageFlow id="MF4" sourceRef="Pack" targetRef="P_bank"/>
  </bpmn:collaboration>
  <bpmn:process id="shop" isExecutable="false">
    <bpmn:dataObjectReference id="Ref" name="订单" dataObjectRef="Obj"/>
    <bpmn:dataObject id="Obj"/>
    <bpmn:startEvent id="Asked" name="来了订单"><bpmn:outgoing>s1</bpmn:outgoing>
      <bpmn:messageEventDefinition id="m1"/></bpmn:startEvent>
    <bpmn:task id="Pack" name="打包"><bpmn:incoming>s1</bpmn:incoming><bpmn:outgoing>s2</bpmn:outgoing>
      <bpmn:property id="Pr" name="__targetRef_placeholder"/>
      <bpmn:dataInputAssociation id="da"><bpmn:sourceRef>Ref</bpmn:sourceRef><bpmn:targetRef>Pr</bpmn:targetRef>
      </bpmn:dataInputAssociation></bpmn:task>
    <bpmn:endEvent id="Send" name="发货"><bpmn:incoming>s2</bpmn:incoming>
      <bpmn:messageEventDefinition id="m2"/></bpmn:endEvent>
    <bpmn:sequenceFlow id="s1" sourceRef="Asked" targetRef="Pack"/>
    <bpmn:sequenceFlow id="s2" sourceRef="Pack" targetRef="Send"/>
  </bpmn:process>
  <bpmn:process id="buyer" isExecutable="false">
    <bpmn:startEvent id="Hungry"><bpmn:outgoing>b1</bpmn:outgoing></bpmn:startEvent>
    <bpmn:task id="Ask" name="下单"><bpmn:incoming>b1</bpmn:incoming><bpmn:outgoing>b2</bpmn:outgoing></bpmn:task>
    <bpmn:intermediateCatchEvent id="Got" name="收到"><bpmn:incoming>b2</bpmn:incoming><bpmn:outgoing>b3</bpmn:outgoing>
      <bpmn:messageEventDefinition id="m3"/></bpmn:intermediateCatchEvent>
    <bpmn:endEvent id="Fed"><bpmn:incoming>b3</bpmn:incoming></bpmn:endEvent>
    <bpmn:sequenceFlow id="b1" sourceRef="Hungry" targetRef="Ask"/>
    <bpmn:sequenceFlow id="b2" sourceRef="Ask" targetRef="Got"/>
    <bpmn:sequenceFlow id="b3" sourceRef="Got" targetRef="Fed"/>
  </bpmn:process>
</bpmn:definitions>"""


def test_two_pools_as_a_modeler_writes_them(tmp_path, capsys) -> None:
    """No messages, the seller first in the file, neither marked executable, a black box beside, an arrow from data."""
    code, rows = conformance.played(AS_A_MODELER_WRITES_IT.encode(), tmp_path, capsys, [])
    assert code == 0
    assert conformance.trace(rows) == "Hungry Ask >Got Asked Pack Send Got Fed"
    assert {r["case"] for r in rows} == {"buyer", "shop"}


def test_a_message_from_outside_reaches_whichever_pool_waits(tmp_path, capsys) -> None:
    text = AS_A_MODELER_WRITES_IT.replace(
        'sourceRef="Send" targetRef="Got"', 'sourceRef="P_bank" targetRef="Got"'
    )
    code, rows = conformance.played(text.encode(), tmp_path, capsys, [])
    assert (code, conformance.trace(rows)) == (3, "Hungry Ask >Got Asked Pack Send")
    code, rows = conformance.played(text.encode(), tmp_path, capsys, ["--message", "收到"])
    assert (code, conformance.trace(rows)) == (0, "Hungry Ask >Got Asked Pack Send Got Fed")


def test_a_number_of_participants_is_for_reading() -> None:
    text = AS_A_MODELER_WRITES_IT.replace(
        'processRef="shop"/>',
        'processRef="shop"><bpmn:participantMultiplicity maximum="3"/></bpmn:participant>',
    )
    package, findings = compile_diagram(text.encode(), "图.bpmn")
    assert package is not None
    assert ("participant_multiplicity", "warning") in {(x.rule, x.severity) for x in findings}

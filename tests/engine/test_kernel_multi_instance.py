"""Multi-instance behaviours and data, and standard loops (BPMN 2.0.2, 10.3.8 and 13.3.6 to 13.3.7)."""

import pytest

from engine import commands as c
from engine.definitions import bpmn
from tests.engine.builders import Play, diagram, xml

ROUNDS = """
start S
user A {}
boundary B on=A {}
task Y
task Z
end E
end F
S -> A -> Z -> E
B -> Y -> F
"""


def rounds(loop: str, boundary: str = "signal=办结一份 interrupting=false", **variables) -> Play:
    return Play(diagram(ROUNDS.format(loop, boundary)), **variables)


def test_none_throws_with_every_round_and_goes_on_after_all():
    play = rounds('times=2 none="signal 办结一份"').complete("A")
    assert play.trace() == ["A", "send 办结一份", "fire B", "+B", "B", "+Y", "Y", "+F", "F"]
    play.complete("A")
    assert play.trace() == [
        *["A", "send 办结一份", "fire B", "+B", "B"],
        *["drop B", "A", "+Y", "Y", "+Z", "Z", "+F", "F", "+E", "E", "end E"],
    ]
    assert play.again() == play.facts


def test_one_throws_with_the_first_round_only():
    play = rounds('times=3 one="signal 办结一份"').complete("A", nth=2)
    assert "fire B" in play.trace()
    play.complete("A")
    assert play.trace() == ["A"]
    play.complete("A")
    assert play.trace() == ["A", "drop B", "A", "+Z", "Z", "+E", "E", "end E"]


def test_all_throws_nothing():
    play = rounds("times=2").complete("A").complete("A")
    assert not any(word.startswith("fire") for word in play.trace(play.facts))


def test_complex_cancels_the_others_throws_and_goes_on():
    play = rounds('times=3 when="意见 = \\"反对\\" throw signal 办结一份"').complete("A", 意见="同意")
    assert play.trace() == ["A"]
    play.complete("A", 意见="反对")
    assert play.trace()[:5] == ["A", "-A", "send 办结一份", "fire B", "+B"]
    assert play.state.ended == "completed"
    assert [w for w in play.trace() if w in ("Y", "Z")] == ["Y", "Z"]


def test_complex_may_throw_different_events():
    text = """
start S
user A each=户 as=户 when="意见 = 1 throw escalation 轻" when2="意见 > 1 throw escalation 重"
boundary L on=A escalation=轻 interrupting=false
boundary H on=A escalation=重
user Y
user X
user Z
S -> A -> Z
L -> Y
H -> X
"""
    assert Play(diagram(text), 户=["甲", "乙"]).complete("A", 意见=1).open == ["Y", "Z"]
    assert Play(diagram(text), 户=["甲", "乙"]).complete("A", 意见=2).open == ["X"]
    assert Play(diagram(text), 户=["甲", "乙"]).complete("A", 意见=0).open == ["A"]


def test_complex_without_an_event_ends_like_a_completion_condition():
    play = rounds('times=3 when="意见 = 1"').complete("A", 意见=1)
    assert play.trace() == ["A", "-A", "-A", "drop B", "A", "+Z", "Z", "+E", "E", "end E"]


def test_a_behaviour_and_a_completion_condition_go_together():
    play = rounds('times=3 none="signal 办结一份" until="nrOfCompletedInstances = 2"').complete("A")
    assert "fire B" in play.trace()
    play.complete("A")
    assert [w for w in play.trace() if w in ("fire B", "Y", "Z", "-A")] == ["-A", "fire B", "Y", "Z"]


def test_an_interrupting_boundary_event_stops_the_rest():
    play = rounds('times=3 one="signal 办结一份"', "signal=办结一份").complete("A")
    assert play.trace() == [
        *["A", "send 办结一份", "fire B", "-A", "-A", "drop B", "-A"],
        *["+B", "B", "+Y", "Y", "+F", "F", "end F"],
    ]


def test_the_last_round_s_event_may_still_interrupt():
    play = rounds('times=1 none="signal 办结一份"', "signal=办结一份").complete("A")
    assert [w for w in play.trace() if w in ("Y", "Z")] == ["Y"], "the activity has not ended by itself"


@pytest.mark.parametrize("sequential", ["", " sequential"])
def test_an_escalation_or_error_reaches_the_border_of_the_activity(sequential):
    play = rounds(f'times=2{sequential} none="escalation 一份"', "escalation=一份 interrupting=false")
    play.complete("A").complete("A")
    assert play.trace(play.facts).count("Y") == 2
    play = rounds(f'times=2{sequential} one="error 一份"', "error=一份").complete("A")
    assert [w for w in play.trace() if w in ("Y", "Z")] == ["Y"]


def test_an_event_reaches_what_lies_further_out():
    text = """
start S
sub P
  start PS
  user A times=2 none="escalation 一份"
  PS -> A
boundary B on=P escalation=一份 interrupting=false
user Y
S -> P
B -> Y
"""
    assert Play(diagram(text)).complete("A").open == ["A", "Y"]


def test_a_message_goes_to_the_case_itself_too():
    play = rounds('times=2 one="message 一份"', "message=一份 interrupting=false").complete("A")
    assert play.trace() == ["A", "send 一份", "fire B", "+B", "B", "+Y", "Y", "+F", "F"]


def test_an_error_nobody_catches_halts_the_activity_and_loses_no_round():
    play = rounds('times=2 none="error 一份"', "signal=x").complete("A")
    assert play.incidents == [("A", "uncaught_error")]
    play.complete("A")
    assert play.state.ended == "" and not play.open
    for _ in range(2):
        play.do(c.RetryIncident(next(iter(play.state.incidents))))
    assert play.trace()[-1] == "end E"


def test_automatic_rounds_throw_too():
    text = ROUNDS.replace("user A", "script A do=1 result=x")
    play = Play(diagram(text.format('times=3 none="signal s"', "signal=s interrupting=false")))
    assert play.trace().count("Y") == 3 and play.trace()[-1] == "end E"
    play = Play(diagram(text.format('times=3 sequential none="signal s"', "signal=s interrupting=false")))
    assert play.trace().count("Y") == 3


def test_without_an_event_a_signal_of_the_activity_s_name_is_thrown():
    """The standard throws a signal of its own; in a package the event has to be drawn."""
    data = xml(ROUNDS.format("times=2 none", "signal=A interrupting=false"))
    assert [x.rule for x in bpmn.read(data, "a.bpmn")[1]] == ["loop_event"]
    processes, findings = bpmn.read(data, "a.bpmn", lone=True)
    assert [x.severity for x in findings] == ["warning"]
    loop = processes["main"].elements["A"].loop
    assert loop is not None and [event.name for event in loop.throws[0].events] == ["A"]


@pytest.mark.parametrize(
    ("mark", "rule"),
    [
        ('behavior="One" noneBehaviorEventRef="d"', "loop_event"),
        ('behavior="Complex"', "loop_event"),
        ('behavior="One" oneBehaviorEventRef="zz"', "unknown_reference"),
        ('behavior="One" oneBehaviorEventRef="t"', "loop_event"),
        ('behavior="Some"', "attribute_value"),
    ],
)
def test_wrong_behaviours_are_refused(mark, rule):
    data = xml("start S\nuser A times=2\nS -> A").decode()
    data = data.replace(
        "<bpmn:multiInstanceLoopCharacteristics", f"<bpmn:multiInstanceLoopCharacteristics {mark}"
    )
    data = data.replace(
        "<bpmn:process",
        '<bpmn:signal id="s" name="s"/><bpmn:signalEventDefinition id="d" signalRef="s"/>'
        '<bpmn:timerEventDefinition id="t"><bpmn:timeDuration>PT1H</bpmn:timeDuration></bpmn:timerEventDefinition>'
        "<bpmn:process",
    )
    assert rule in {x.rule for x in bpmn.read(data.encode(), "a.bpmn")[1] if x.severity == "error"}


# -- data ----------------------------------------------------------------------------------------------


def test_rounds_come_from_a_data_object():
    text = """
data D name=名单
start S
user A from=D item=户 summary==户
user Z
S -> A -> Z
"""
    play = Play(diagram(text), 名单=["甲", "乙"])
    assert [i.name for i in play.state.items.values()] == ["甲", "乙"]
    assert Play(diagram(text), 名单=[]).open == ["Z"]
    assert Play(diagram(text), 名单="甲").incidents == [("A", "expression_failed")]


def test_rounds_come_from_a_data_input_and_results_go_to_a_data_output():
    text = """
data D name=名单
data R name=结论
start S
user A take:户们=D give:意见们=R from=A_in_户们 item=户 into=A_out_意见们 gives=意见 sequential
user Z
S -> A -> Z
"""
    play = Play(diagram(text), 名单=["甲", "乙"]).complete("A", 意见="同意")
    assert play.open == ["A"]
    play.complete("A", 意见="再议")
    assert play.open == ["Z"]
    assert play.variables["结论"] == ["同意", "再议"]


def test_results_are_gathered_in_a_data_object():
    text = """
data R name=结论
start S
script A times=3 into=R gives=数 do="loopCounter * 10" result=数
user Z
S -> A -> Z
"""
    assert Play(diagram(text)).variables["结论"] == [10, 20, 30]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("user A from=zz item=户", "unknown_reference"),
        ("user A times=2 into=D", "loop_output"),
        ("user A times=2 gives=x", "loop_output"),
        ("user A times=2 into=zz gives=x", "unknown_reference"),
        ("user A from=D times=2", "loop_items"),
        ("user A times=2 item=x", "loop_items"),
        ("user A from=D item=item", "variable_name"),
    ],
)
def test_wrong_loop_data_are_refused(line, rule):
    findings = bpmn.read(xml(f"data D\nstart S\n{line}\nS -> A"), "a.bpmn")[1]
    assert rule in {x.rule for x in findings if x.severity == "error"}


# -- loops ---------------------------------------------------------------------------------------------


def test_a_multi_instance_of_none_is_passed():
    for loop in ("times=0", "times=0 sequential", "each=[]", 'times=0 none="signal s"'):
        assert Play(diagram(f"start S\nuser A {loop}\nuser Z\nS -> A -> Z")).open == ["Z"], loop


def test_nested_multi_instances_count_for_themselves():
    text = """
start S
sub P each=组 as=一组
  start PS
  user A each=一组 as=户 summary="=户 + string(loopCounter)" until="nrOfCompletedInstances >= 2"
  PS -> A
user Z
S -> P -> Z
"""
    play = Play(diagram(text), 组=[["甲", "乙", "丙"], ["丁"]])
    assert [i.name for i in play.state.items.values()] == ["甲1", "乙2", "丙3", "丁1"]
    play.complete("A").complete("A")
    assert [i.name for i in play.state.items.values()] == ["丁1"]
    assert play.complete("A").open == ["Z"]


@pytest.mark.parametrize(
    ("loop", "count"),
    [
        ('while="n < 3"', 3),
        ('while="n < 3" before', 3),
        ('while="false"', 1),
        ('while="false" before', 0),
        ('while="true" most=4', 4),
        ('while="true" before most=4', 4),
        ("most=2", 2),
        ('while="n < 2" most=9', 2),
    ],
)
def test_standard_loops(loop, count):
    text = f'start S\nscript A {loop} result=n do="n + 1"\nend E\nS -> A -> E'
    play = Play(diagram(text), n=0)
    assert play.variables["n"] == count and play.state.ended == "completed"


def test_a_loop_may_be_a_subprocess():
    text = """
start S
sub P while="n < 3"
  start PS
  script A result=n do="n + 1"
  end PE
  PS -> A -> PE
end E
S -> P -> E
"""
    assert Play(diagram(text), n=1).trace().count("+A") == 2


def test_the_standard_s_own_names_of_the_counters_are_known():
    text = """
start S
user A times=4 until="numberOfCompletedInstances = 2 and numberOfActiveInstances = 2 and numberOfInstances = 4"
user Z
S -> A -> Z
"""
    play = Play(diagram(text)).complete("A")
    assert play.open == ["A", "A", "A"]
    assert play.complete("A").open == ["Z"]
    text = 'start S\nuser A times=2 sequential summary="=string(numberOfCompletedInstances)"\nS -> A'
    assert Play(diagram(text)).complete("A").item("A").name == "1"

"""Multiple and parallel multiple events (BPMN 2.0.2, 10.5.1, 13.5): any trigger, or all of them, in every position."""

import pytest

from engine import commands as c
from engine.definitions import bpmn
from tests.engine.builders import Play, diagram, xml

CATCH = """
start S
catch M {event}
user Z
S -> M -> Z
"""


@pytest.mark.parametrize("way", ["message", "signal", "timer", "condition"])
def test_any_trigger_fires_a_multiple_catch(way):
    play = Play(diagram(CATCH.format(event='message=甲 ref:signal=乙 duration=PT2H condition="好"')))
    assert play.trace() == ["+S", "S", "+M", "wait M", "wait M", "wait M", "wait M"]
    match way:
        case "message":
            play.message("甲", 内容=1)
            assert play.variables == {"内容": 1}
        case "signal":
            play.signal("乙")
        case "timer":
            play.wait(hours=2)
        case "condition":
            play = Play(diagram(CATCH.format(event='message=甲 condition="好"')), 好=True)
    assert play.open == ["Z"]
    assert not play.state.subscriptions and not play.state.deadlines


def test_a_parallel_multiple_catch_waits_for_all_and_keeps_what_came():
    play = Play(diagram(CATCH.format(event="message=甲 signal=乙 duration=PT2H parallel")))
    play.signal("乙", 由="乙").signal("乙", 由="再")
    assert play.open == [] and play.state.instances[3].came == {"M": {"1": {"由": "乙"}}}
    play.message("甲", 数=1).message("甲", 数=2)
    play.wait(hours=1)
    assert play.open == []
    play.wait(hours=1)
    assert play.open == ["Z"] and play.variables == {"由": "乙", "数": 1}
    assert play.state.subscriptions == {}


def test_a_parallel_multiple_catch_whose_way_out_fails_keeps_all_payloads_for_the_retry():
    text = """
start S
catch M message=甲 signal=乙 parallel out:和="a + b"
user Z
S -> M -> Z
"""
    play = Play(diagram(text.replace('out:和="a + b"', 'out:和="workdays(a, b)"')))
    play.message("甲", a="2031-09-28").signal("乙", b=1)
    assert play.incidents == [("M", "calendar_unknown")]
    play.do(c.RetryIncident(next(iter(play.state.incidents)), {"a": "2026-09-28"}))
    assert play.open == ["Z"] and "和" in play.variables


BOUNDARY = """
start S
user A
boundary T on=A {event}
user N
user Z
S -> A -> Z
T -> N
"""


def test_a_multiple_boundary_interrupts_at_the_first():
    play = Play(diagram(BOUNDARY.format(event="message=甲 signal=乙 duration=P1D")))
    play.signal("乙")
    assert play.open == ["N"] and not play.state.deadlines


def test_a_multiple_boundary_that_does_not_interrupt_goes_on_with_every_one():
    play = Play(diagram(BOUNDARY.format(event="message=甲 signal=乙 cycle=R2/P1D interrupting=false")))
    play.signal("乙").message("甲").wait(days=1)
    assert play.open == ["A", "N", "N", "N"]
    play.wait(days=5)
    assert play.open == ["A", "N", "N", "N", "N"]
    play.complete("A")
    assert not play.state.subscriptions and not play.state.deadlines


def test_a_multiple_boundary_may_catch_errors_beside_messages():
    play = Play(diagram(BOUNDARY.format(event="message=甲 error=E1 code=代码")))
    play.do(c.ThrowError(play.item("A").id, "E1"))
    assert play.open == ["N"] and play.variables == {"代码": "E1"}


def test_a_parallel_multiple_boundary_interrupts_when_all_have_come():
    play = Play(diagram(BOUNDARY.format(event="message=甲 signal=乙 parallel")))
    play.message("甲").message("甲")
    assert play.open == ["A"]
    play.signal("乙")
    assert play.open == ["N"]


def test_a_parallel_multiple_boundary_that_does_not_interrupt_collects_anew():
    play = Play(
        diagram(BOUNDARY.format(event="message=甲 signal=乙 duration=PT1H parallel interrupting=false"))
    )
    play.message("甲").signal("乙").wait(hours=1)
    assert play.open == ["A", "N"]
    play.signal("乙").signal("乙").wait(hours=1)
    assert play.open == ["A", "N"]
    play.message("甲")
    assert play.open == ["A", "N", "N"]


def test_a_date_comes_only_once():
    event = "message=甲 date=2026-09-28T10:00 parallel interrupting=false"
    play = Play(diagram(BOUNDARY.format(event=event)))
    play.message("甲").wait(hours=2)
    assert play.open == ["A", "N"] and not play.state.deadlines and not play.state.subscriptions


def test_a_condition_has_to_fail_before_it_counts_again():
    event = 'message=甲 condition="好" parallel interrupting=false'
    play = Play(diagram(BOUNDARY.format(event=event)), 好=True)
    play.message("甲")
    assert play.open == ["A", "N"]
    play.message("甲")
    assert play.open == ["A", "N"]
    play.complete("N", 好=False)
    assert play.open == ["A"]
    play.do(c.CompleteItem(play.item("A").id, {"好": True}))
    assert play.open == ["Z"]


SUBPROCESS = """
start S
user A
user Z
S -> A -> Z
eventsub H
  start h {event}
  user N
  h -> N
"""


@pytest.mark.parametrize("interrupting", [True, False])
def test_a_multiple_start_of_an_event_subprocess(interrupting):
    word = "" if interrupting else " interrupting=false"
    play = Play(diagram(SUBPROCESS.format(event=f"message=甲 signal=乙 duration=P1D{word}")))
    play.signal("乙")
    assert play.open == (["N"] if interrupting else ["A", "N"])
    play.message("甲").wait(days=1)
    assert play.open == (["N"] if interrupting else ["A", "N", "N", "N"])


@pytest.mark.parametrize("interrupting", [True, False])
def test_a_parallel_multiple_start_of_an_event_subprocess(interrupting):
    word = "" if interrupting else " interrupting=false"
    play = Play(diagram(SUBPROCESS.format(event=f"message=甲 signal=乙 parallel{word}")))
    play.signal("乙").signal("乙")
    assert play.open == ["A"]
    play.message("甲")
    assert play.open == (["N"] if interrupting else ["A", "N"])
    play.message("甲").signal("乙")
    assert play.open == (["N"] if interrupting else ["A", "N", "N"])


def test_an_escalation_is_one_of_what_is_collected():
    play = Play(
        diagram("""
start S
sub P
  start p
  user A
  throw X escalation=L1 in:级别=1
  user B
  p -> A -> X -> B
boundary T on=P escalation=L1 message=甲 parallel
user N
S -> P
T -> N
""")
    )
    play.complete("A")
    assert play.open == ["B"]
    play.message("甲")
    assert play.open == ["N"] and play.variables == {"级别": 1}


def test_an_escalation_that_comes_last_stops_its_thrower():
    play = Play(
        diagram("""
start S
sub P
  start p
  user A
  throw X escalation=L1
  user B
  p -> A -> X -> B
boundary T on=P escalation=L1 message=甲 parallel
user N
S -> P
T -> N
""")
    )
    play.message("甲").complete("A")
    assert play.open == ["N"] and "X" in play.trace()


def test_after_an_event_gateway_a_multiple_event_races_with_the_others():
    text = """
start S
event G
catch A message=甲 signal=乙{parallel}
catch B message=丙
user X
user Y
S -> G -> A -> X
G -> B -> Y
"""
    play = Play(diagram(text.format(parallel=""))).signal("乙")
    assert play.open == ["X"] and not play.state.subscriptions
    play = Play(diagram(text.format(parallel=" parallel"))).signal("乙")
    assert play.open == []
    assert Play(diagram(text.format(parallel=" parallel"))).signal("乙").message("丙").open == ["Y"]
    play.message("甲")
    assert play.open == ["X"] and not play.state.subscriptions


def test_everything_is_thrown_what_stops_the_thrower_last():
    play = Play(
        diagram("""
start S
and F
catch A message=甲
catch B signal=乙
user X
user Y
sub P
  start p
  end E error=E1 message=甲 escalation=L1 signal=乙
  p -> E
boundary C on=P error=E1
boundary D on=P escalation=L1 interrupting=false
user U
user V
S -> F -> A -> X
F -> B -> Y
F -> P
C -> U
D -> V
""")
    )
    assert sorted(play.open) == ["U", "V", "X", "Y"]


def test_a_multiple_throw_goes_on_after_all():
    play = Play(
        diagram("""
start S
throw T message=甲 ref:signal=乙 in:数=1
user Z
S -> T -> Z
""")
    )
    assert play.open == ["Z"]
    assert play.trace() == ["+S", "S", "+T", "send 甲", "send 乙", "T", "+Z"]


def test_a_single_definition_at_the_root():
    play = Play(diagram(BOUNDARY.format(event="ref:signal=乙 interrupting=false")))
    play.signal("乙").signal("乙")
    assert play.open == ["A", "N", "N"]


def test_multi_instance_with_a_parallel_multiple_boundary():
    text = BOUNDARY.format(event="message=甲 signal=乙 parallel").replace("user A", "user A times=3")
    play = Play(diagram(text)).message("甲")
    assert play.open == ["A", "A", "A"]
    assert play.signal("乙").open == ["N"]


def test_what_failed_to_arm_is_armed_alone_at_the_retry():
    event = 'message=甲 duration="=等待" parallel'
    play = Play(diagram(CATCH.format(event=event)))
    assert play.incidents == [("M", "expression_failed")]
    play.message("甲")
    play.do(c.RetryIncident(next(iter(play.state.incidents)), {"等待": "PT1H"}))
    assert play.open == [] and not play.state.subscriptions
    assert play.wait(hours=1).open == ["Z"]


REFUSED = {
    "event_link_alone": "start S\ncatch M link=a message=b\nS -> M",
    "parallel_multiple": "start S\nuser A\nboundary T on=A error=E message=b parallel\nS -> A\nT -> A",
    "event_position": "start S\ncatch M error=E message=b\nS -> M",
    "error_interrupts": "start S\nuser A\nboundary T on=A error=E message=b interrupting=false\nS -> A\nT -> A",
}


@pytest.mark.parametrize("rule", REFUSED)
def test_what_may_not_stand_together_is_refused(rule):
    found = {f.rule for f in bpmn.read(xml(REFUSED[rule]), "a.bpmn")[1] if f.severity == "error"}
    assert rule in found


def test_a_reference_to_no_definition_is_refused_and_an_unused_definition_is_said():
    data = xml("start S\ncatch M ref:message=a\nS -> M").replace(b">definition_0<", b">definition_9<")
    rules = {(f.rule, f.severity) for f in bpmn.read(data, "a.bpmn")[1]}
    assert {("unknown_reference", "error"), ("definition_unused", "warning")} <= rules

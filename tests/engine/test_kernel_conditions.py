"""Conditional events 条件事件: they fire when a condition comes to hold; traces stand in `play_conformance.txt`."""

import pytest

from engine import commands as c
from engine import facts as f
from engine.calendar import Moment
from engine.errors import StepBudgetExceeded
from engine.execution.explain import explain
from tests.engine.builders import CALENDAR, Play, diagram

BORDER = """
start S
user A name=整改
boundary B on=A name=恶化 condition="=级 > 2" interrupting=false
user M name=加派
user N
end E
S -> A -> E
B -> M
S -> N
"""


def waits(play: Play) -> list[str]:
    return [str(w) for w in explain(play.package, play.state, Moment(play.now, CALENDAR)) if "条件" in str(w)]


def test_it_says_what_it_waits_for():
    play = Play(diagram(BORDER), 级=1)
    assert waits(play) == ["“恶化”在等条件“级 > 2”成立。"]
    play.complete("N", 级=3)
    assert play.open == ["A", "M"]
    assert waits(play) == ["“恶化”在等条件“级 > 2”先不再成立，然后再成立。"]
    play.complete("M", 级=1)
    assert waits(play) == ["“恶化”在等条件“级 > 2”成立。"]
    play.complete("A")
    assert not play.state.subscriptions


def test_a_message_of_the_same_name_does_not_fire_it():
    play = Play(diagram(BORDER), 级=1)
    play.do(c.DeliverMessage("级 > 2", "", {}))
    play.do(c.DeliverSignal("级 > 2", {}))
    assert play.open == ["A", "N"]


def test_a_condition_that_fails_halts_and_waits_again_after_a_retry():
    play = Play(diagram(BORDER), 级=1)
    play.complete("N", 级="高")  # "高" > 2 is null, which does not hold
    assert not play.incidents
    play = Play(diagram(BORDER.replace("级 > 2", "级")), 级=1)
    assert play.incidents == [("B", "expression_failed")]
    assert play.open == ["A", "N"]
    play.do(c.RetryIncident(next(iter(play.state.incidents)), {"级": True}))
    assert not play.incidents
    assert play.open == ["A", "N", "M"]


def test_every_round_of_what_waits_has_its_own_look():
    play = Play(
        diagram("""
start S
sub P each="[1, 2]" as=i
  start s
  catch C condition="甲 >= i"
  end e
  s -> C -> e
user A
user Z
S -> P -> Z
S -> A
"""),
        甲=0,
    )
    play.complete("A", 甲=1)
    assert play.open == []
    assert len(play.state.subscriptions) == 1
    assert sum(isinstance(fact, f.Unsubscribed) for fact in play.new) == 1


def test_conditions_that_set_each_other_off_are_stopped():
    play = Play(
        diagram("""
start S
user A
end E
S -> A -> E
eventsub V
  start v condition="n = 1" interrupting=false
  script X result=n do="0"
  script Y result=n do="1"
  end EV
  v -> X -> Y -> EV
"""),
        n=0,
    )
    with pytest.raises(StepBudgetExceeded):
        play.do(c.CompleteItem(play.item("A").id, {"n": 1}))

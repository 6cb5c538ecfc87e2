"""`startQuantity` and `completionQuantity` of activities (BPMN 2.0.2, table 10.3 and 13.3.2)."""

import pytest

from engine.calendar import Moment
from engine.execution.explain import explain
from tests.engine.builders import CALENDAR, Play, diagram

GATHER = """
start S
and F
user A
user B
user C
user Z needs=2
end E
S -> F
F -> A -> Z
F -> B -> Z
F -> C -> Z
Z -> E
"""


def test_an_activity_begins_when_enough_tokens_have_come():
    play = Play(diagram(GATHER)).complete("B")
    assert play.trace() == ["B"]
    assert play.state.instances[1].arrivals == {"Z": [("B-Z", 0, 0)]}
    play.complete("C")
    assert play.trace() == ["C", "+Z"]
    assert play.state.instances[1].arrivals == {}


def test_too_few_tokens_wait_and_are_explained():
    play = Play(diagram(GATHER)).complete("A").complete("B").complete("Z").complete("C")
    assert play.state.ended == "" and not play.open
    (waiting,) = explain(play.package, play.state, Moment(play.now, CALENDAR))
    assert waiting.kind == "join"
    assert str(waiting) == "“Z”要到 2 路才开始，已到 1 路。"


def test_tokens_of_one_flow_count_as_well():
    text = """
start S
task A makes=5
user Z needs=2
user Y
S -> A -> Z -> Y
"""
    play = Play(diagram(text))
    assert play.open == ["Z", "Z"]
    assert play.state.instances[1].arrivals == {"Z": [("A-Z", 0, 0)]}
    play.complete("Z").complete("Z")
    assert play.open == ["Y", "Y"]


def test_each_flow_gets_so_many_tokens():
    text = """
start S
user A makes=2
user B
user C
user D
S -> A
A -> B
A -> C if ja
A -> D default
"""
    assert Play(diagram(text), ja=True).complete("A").open == ["B", "B", "C", "C"]
    assert Play(diagram(text), ja=False).complete("A").open == ["B", "B", "D", "D"]


def test_without_a_way_on_there_is_nothing_to_multiply():
    play = Play(diagram("start S\nuser A makes=3\nS -> A")).complete("A")
    assert play.state.ended == "completed"


def test_a_parallel_join_needs_a_token_of_every_flow_however_many_one_has():
    text = """
start S
and F
task A makes=2
user B
and J
user Z
S -> F
F -> A -> J
F -> B -> J
J -> Z
"""
    play = Play(diagram(text))
    assert play.open == ["B"]
    play.complete("B")
    assert play.open == ["Z"]
    assert play.state.instances[1].arrivals == {"J": [("A-J", 0, 0)]}


def test_an_inclusive_join_takes_one_token_of_each_flow_at_a_time():
    text = """
start S
task A makes=2
or J
user Z
user B
S -> A -> J
S -> B -> J
J -> Z
"""
    play = Play(diagram(text))
    assert play.open == ["B"]
    play.complete("B")
    assert play.open == ["Z", "Z"], "the second token of the first flow follows by itself"


def test_a_boundary_event_sends_one_token():
    text = """
start S
user A makes=3
boundary T on=A duration=P1D interrupting=false
boundary M on=A message=停
user Y
user X
user Z
S -> A -> Z
T -> Y
M -> X
"""
    play = Play(diagram(text)).wait(days=1)
    assert play.open == ["A", "Y"]
    assert Play(diagram(text)).message("停").open == ["X"]
    assert play.complete("A").open == ["Y", "Z", "Z", "Z"]


def test_the_boundary_events_of_an_activity_are_armed_once_it_begins():
    text = GATHER + "boundary T on=Z duration=P1D\nuser Y\nT -> Y\n"
    play = Play(diagram(text)).complete("A")
    assert not play.state.deadlines
    play.complete("B")
    assert [d.element for d in play.state.deadlines.values()] == ["T"]
    assert play.wait(days=1).open == ["C", "Y"]


@pytest.mark.parametrize("loop", ["times=2", "times=2 sequential", "most=2"])
def test_a_loop_sends_its_tokens_when_it_is_done_as_a_whole(loop):
    play = Play(diagram(f"start S\nuser A makes=2 {loop}\nuser Z\nS -> A -> Z"))
    play.complete("A")
    assert play.open == ["A"]
    assert play.complete("A").open == ["Z", "Z"]


def test_a_subprocess_and_a_call_may_need_and_make_several():
    text = """
start S
task A makes=2
sub P needs=2 makes=2
  start PS
  user B
  PS -> B
call C called=other needs=2 makes=2
user Z
S -> A -> P -> C -> Z
process other
  start OS
  user D
  OS -> D
"""
    play = Play(diagram(text))
    assert play.open == ["B"]
    assert play.complete("B").open == ["D"]
    assert play.complete("D").open == ["Z", "Z"]


def test_in_a_loop_of_flows_tokens_are_gathered_round_by_round():
    text = """
start S
xor L
task A makes=2
user B needs=2
xor X
end E
S -> L -> A -> B -> X
X -> L if 再来
X -> E default
"""
    play = Play(diagram(text), 再来=True)
    for _ in range(3):
        assert play.open == ["B"]
        play.complete("B")
    assert play.complete("B", 再来=False).state.ended == "completed"
    assert play.again() == play.facts


def test_what_began_the_strand_stays_known_to_the_one_that_gathers():
    """The cause of a timer's strand survives the gathering, as it survives a join."""
    text = """
start S
user A
boundary T on=A duration=P1D interrupting=false
user N needs=2 summary==cause.element
S -> A
T -> N
T -> N
"""
    play = Play(diagram(text)).wait(days=1)
    assert play.item("N").name == "A"

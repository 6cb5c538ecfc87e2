"""Going back in the kernel 退回: what came of the step is undone with it, all else stays, and the case can go on."""

from __future__ import annotations

import pytest

from engine import commands as c
from engine import facts as f
from engine.errors import NotAllowed, NotFound
from engine.execution.history import History
from engine.execution.moving import ways_back
from engine.execution.state import State, fold
from engine.values import dumps, loads
from tests.engine.builders import Play, diagram

RETURN = """
start S
user A
user B name=审核
and F
user C name=会签
user D name=核查
boundary T on=B duration=P1D interrupting=false
user L name=催办
and J
user M name=多方 times=2
end E
S -> A -> B -> F -> C -> J -> M -> E
F -> D -> J
T -> L
"""


def move(play: Play, element: str, to: str, nth: int = 0) -> Play:
    item = [i for i in play.state.items.values() if i.element == element][nth]
    return play.do(c.MoveItem(item.id, to, "p1", "能源局", "材料不全"))


def ways(play: Play, element: str) -> list[str]:
    history = History(play.package, play.facts)
    return [way.to for way in ways_back(history, play.state, play.item(element).id)]


def withdrawn(play: Play) -> list[tuple[str, bool]]:
    return [(x.element, x.done) for x in play.new if isinstance(x, f.WorkItemWithdrawn)]


def through(play: Play, *elements: str) -> Play:
    for element in elements:
        play.complete(element)
    return play


def ended(play: Play) -> bool:
    return play.state.ended == "completed" and not play.state.root_variables.get("x")


# -- one after the other ---------------------------------------------------------------------------------


def test_return_goes_back_and_closes_the_item():
    play = Play(diagram(RETURN)).complete("A")
    move(play, "B", "A")
    assert play.trace() == ["WorkItemReturned", "drop T", "-B", "+A"]
    assert play.open == ["A"]
    assert [x for x in play.facts if isinstance(x, f.WorkItemReturned)][0].reason == "材料不全"


def test_return_is_not_hindered_by_a_ladder_beside_it():
    play = Play(diagram(RETURN)).complete("A").wait(days=1)
    assert play.open == ["B", "L"]
    with pytest.raises(NotAllowed, match="“A”与“催办”各走各的路"):
        move(play, "L", "A")
    move(play, "B", "A")
    assert play.open == ["L", "A"]


@pytest.mark.parametrize(
    ("element", "to", "error", "says"),
    [
        ("B", "E", NotAllowed, "“E”不是办理环节"),
        ("B", "C", NotAllowed, "“会签”在本案中还没有人办过"),
        ("B", "X", NotFound, "没有环节“X”"),
    ],
)
def test_where_nobody_can_be_sent(element, to, error, says):
    play = Play(diagram(RETURN)).complete("A")
    with pytest.raises(error, match=says):
        move(play, element, to)
    assert play.open == ["B"]


def test_it_may_skip_steps_and_their_status_goes_with_them():
    text = "start S\nuser A status=整改中\nuser B status=待复查\nuser C\nend E\nS -> A -> B -> C -> E"
    play = through(Play(diagram(text)), "A", "B")
    assert ways(play, "C") == ["B", "A"]
    move(play, "C", "A")
    assert (play.open, play.state.status) == (["A"], "整改中")
    assert withdrawn(play) == [("B", True)]
    assert ended(through(play, "A", "B", "C"))


def test_the_status_before_comes_back_where_the_step_has_none():
    text = "start S\nuser A status=整改中\nuser B\nuser C status=待复查\nend E\nS -> A -> B -> C -> E"
    play = through(Play(diagram(text)), "A", "B")
    assert move(play, "C", "B").state.status == "整改中"


def test_a_way_that_was_not_chosen_may_be_drawn():
    text = "start S\nuser A\nxor X\nuser B\nuser C\nxor Y\nuser D\nend E\nS -> A -> X\nX -> B if x = 1\nX -> C default\nB -> Y\nC -> Y -> D -> E"
    play = through(Play(diagram(text)), "A", "C")
    assert ways(play, "D") == ["C", "A"]
    move(play, "D", "B")
    assert (play.open, withdrawn(play)) == (["B"], [("C", True)])
    assert ways(through(play, "B"), "D") == ["B", "A"]
    assert ended(play.complete("D"))


# -- parallel branches -----------------------------------------------------------------------------------


def test_from_a_branch_to_before_the_fork():
    """Both branches go, be the other one at work or waiting at the join."""
    play = through(Play(diagram(RETURN)), "A", "B")
    move(play, "C", "B")
    assert (play.open, withdrawn(play)) == (["B"], [("D", False)])
    through(play, "B", "D")
    move(play, "C", "A")
    assert (play.open, withdrawn(play)) == (["A"], [("B", True), ("D", True)])
    assert not play.state.instances[1].arrivals
    assert ended(through(play, "A", "B", "C", "D", "M", "M"))


def test_inside_a_branch_the_other_stays():
    text = "start S\nand F\nuser A\nuser B\nuser C\nand J\nuser Z\nend E\nS -> F -> A -> B -> J -> Z -> E\nF -> C -> J"
    play = through(Play(diagram(text)), "A", "C")
    assert ways(play, "B") == ["A"]
    move(play, "B", "A")
    assert (play.open, withdrawn(play)) == (["A"], [])
    assert ended(through(play, "A", "B", "Z"))


def test_from_behind_the_join_into_one_branch():
    """The other branch has delivered: its token waits at the join again, and nobody does it twice."""
    play = through(Play(diagram(RETURN)), "A", "B", "C", "D")
    move(play, "M", "C")
    assert (play.open, withdrawn(play)) == (["C"], [("M", False)])
    assert play.state.instances[1].arrivals == {"J": [("D-J", 0, 0)]}
    assert ended(through(play, "C", "M", "M"))


def test_beside_is_not_before():
    play = through(Play(diagram(RETURN)), "A", "B", "D")
    with pytest.raises(NotAllowed, match="“核查”与“会签”各走各的路"):
        move(play, "C", "D")


def test_a_loop_around_a_fork_does_not_confuse_the_rounds():
    text = """
start S
user A
and F
user B
user C
user B2
and J
xor X
user Z
end E
S -> A -> F -> B -> B2 -> J -> X
F -> C -> J
X -> A if 再来
X -> Z default
Z -> E
"""
    play = through(Play(diagram(text)), "A", "B", "C")
    play.complete("B2", 再来=True)
    through(play, "A", "B")
    assert play.open == ["C", "B2"]
    move(play, "B2", "B")
    assert play.open == ["C", "B"]  # C of this round came of A, not of B
    through(play, "B", "C")
    play.complete("B2", 再来=False)
    assert play.open == ["Z"]
    move(play, "Z", "C")
    assert (play.open, play.state.instances[1].arrivals) == (["C"], {"J": [("B2-J", 0, 0)]})
    assert ended(through(play, "C", "Z"))


def test_an_inclusive_join_waits_again_for_who_was_sent_back():
    text = """
start S
user A
or F
user B
user C
user D
or J
user Z
end E
S -> A -> F
F -> B if x >= 1
F -> C if x >= 2
F -> D default
B -> J
C -> J
D -> J -> Z -> E
"""
    play = Play(diagram(text)).complete("A", x=2)
    through(play, "B", "C")
    move(play, "Z", "B")
    assert play.open == ["B"]
    assert ended(through(play, "B").complete("Z", x=None))
    play = Play(diagram(text)).complete("A", x=2)
    move(play, "C", "A")
    assert play.open == ["A"]
    assert play.complete("A", x=1).open == ["B"]
    assert ended(play.complete("B").complete("Z", x=None))


def test_behind_a_complex_join_nobody_goes_back():
    text = 'start S\nuser A\nand F\nuser B\nuser C\ncomplex J when="activationCount >= 1"\nuser Z\nend E\nS -> A -> F -> B -> J -> Z -> E\nF -> C -> J'
    play = through(Play(diagram(text)), "A", "B")
    with pytest.raises(NotAllowed, match="复杂网关"):
        move(play, "Z", "A")
    assert play.open == ["C", "Z"]


# -- rounds ----------------------------------------------------------------------------------------------

ROUNDS = """
start S
user A
user M each="[1, 2, 3]" as=n outputCollection=意见 outputElement=n
boundary T on=M duration=P5D
user L
user Z
end E
S -> A -> M -> Z -> E
T -> L
"""


def test_one_of_many_sends_all_of_them_back():
    play = through(Play(diagram(ROUNDS)), "A", "M")
    move(play, "M", "A", 1)
    assert play.trace()[:2] == ["WorkItemReturned", "WorkItemWithdrawn"] or play.open == ["A"]
    assert (play.open, sorted(withdrawn(play))) == (["A"], [("M", False), ("M", True)])
    assert not play.state.deadlines
    assert ended(through(play, "A", "M", "M", "M", "Z"))
    assert play.state.root_variables["意见"] == [1, 2, 3]


def test_back_to_many_they_all_begin_anew():
    play = through(Play(diagram(ROUNDS)), "A", "M", "M", "M")
    move(play, "Z", "M")
    assert (play.open, withdrawn(play)) == (["M"] * 3, [("M", True)] * 3)
    assert len(play.state.deadlines) == 1
    assert ended(through(play, "M", "M", "M", "Z"))


def test_within_one_round_the_others_stay():
    text = """
start S
sub P each="[1, 2]" as=n
  start p
  user A
  user B
  p -> A -> B
user Z
end E
S -> P -> Z -> E
"""
    play = through(Play(diagram(text)), "A", "A")
    move(play, "B", "A", 1)
    assert play.open == ["B", "A"]
    assert play.state.variables(play.item("A").id)["n"] == 2
    assert ended(through(play, "A", "B", "B", "Z"))


# -- scopes ----------------------------------------------------------------------------------------------

SCOPES = """
process main
  start S
  user A
  sub P
    start p
    user B
    sub Q
      start q
      user C
      and F
      user D
      user D2
      q -> C -> F -> D
      F -> D2
    p -> B -> Q
  user G
  call K called=other
  user Z
  end E
  S -> A -> P -> K -> Z -> E
  eventsub H
    start h message=叫 interrupting=false
    user I
    user I2
    h -> I -> I2
process other
  start o
  user O
  user O2
  o -> O -> O2
"""


@pytest.mark.parametrize(("to", "opens"), [("C", ["C"]), ("B", ["B"]), ("A", ["A"])])
def test_out_of_subprocesses(to, opens):
    play = through(Play(diagram(SCOPES)), "A", "B", "C")
    assert ways(play, "D2") == ["C", "B", "A"]
    move(play, "D2", to)
    assert play.open == opens
    rest = ["A", "B", "C"]
    through(play, *rest[rest.index(to) :], "D", "D2", "O", "O2", "Z")
    assert ended(play)


def test_not_into_what_is_not_entered():
    play = through(Play(diagram(SCOPES)), "A", "B", "C", "D", "D2", "O", "O2")
    assert ways(play, "Z") == ["A"]
    with pytest.raises(NotAllowed, match="“C”不在“Z”所在的或外层的流程段里"):
        move(play, "Z", "C")
    assert ended(play.complete("Z"))


def test_out_of_a_called_process():
    play = through(Play(diagram(SCOPES)), "A", "B", "C", "D", "D2", "O")
    assert ways(play, "O2") == ["O", "A"]
    move(play, "O2", "A")
    assert play.open == ["A"]
    assert ended(through(play, "A", "B", "C", "D", "D2", "O", "O2", "Z"))


def test_what_an_event_began_beside_stays_and_is_returned_inside_itself_only():
    play = through(Play(diagram(SCOPES)), "A").message("叫").complete("I")
    assert ways(play, "I2") == ["I"]
    move(play, "B", "A")
    assert play.open == ["I2", "A"]
    move(play, "I2", "I")
    assert play.open == ["A", "I"]
    assert ended(through(play, "I", "I2", "A", "B", "C", "D", "D2", "O", "O2", "Z"))


def test_a_boundary_event_that_interrupts_is_part_of_the_way():
    play = Play(diagram(ROUNDS.replace("T -> L", "T -> L -> Z"))).complete("A").wait(days=9)
    assert (play.open, ways(play, "L")) == (["L"], ["A"])
    move(play, "L", "A")
    assert ended(through(play, "A", "M", "M", "M", "Z"))


def test_nobody_goes_back_while_something_is_being_undone():
    text = "start S\nuser A\ntransaction P\n  start p\n  user B\n  boundary BB on=B compensate\n  user BU undo=BB\n  user D\n  end X cancel\n  p -> B -> D -> X\nboundary PX on=P cancel\nS -> A -> P"
    play = through(Play(diagram(text)), "A", "B", "D")
    assert play.open == ["BU"]
    with pytest.raises(NotAllowed):
        move(play, "BU", "A")


# -- taking back -----------------------------------------------------------------------------------------


def take_back(play: Play, element: str, nth: int = 0) -> Play:
    done = [x for x in play.facts if isinstance(x, f.WorkItemCompleted) and x.element == element]
    return play.do(c.TakeBack(done[nth].id, "p1", "能源局", "写错了"))


def test_what_was_finished_is_open_again_with_its_clocks():
    text = 'start S\nuser A due="workdays(now(), 3)"\nboundary T on=A duration=P2D\nboundary U on=A duration=PT1H interrupting=false\nuser L\nuser B\nend E\nS -> A -> B -> E\nT -> L'
    text = text.replace("user L", "user L\nuser L2").replace("T -> L", "T -> L\nU -> L2")
    play = Play(diagram(text)).wait(hours=2)
    due, clock = play.item("A").due, play.state.deadlines
    stops = next(d.due for d in clock.values())
    play.complete("A").wait(hours=2)
    take_back(play, "A")
    assert play.open == ["L2", "A"]
    assert play.item("A").due == due
    assert [(d.element, d.due) for d in play.state.deadlines.values()] == [("T", stops)]
    assert play.state.performers == {}
    assert ended(through(play, "A", "B", "L2"))


def test_a_clock_that_repeats_has_only_the_firings_left_that_it_had():
    text = "start S\nuser A\nboundary T on=A cycle=R3/PT1H interrupting=false\nuser L\nuser B\nend E\nS -> A -> B -> E\nT -> L"
    play = Play(diagram(text)).wait(hours=2)
    (left,) = play.state.deadlines.values()
    take_back(play.complete("A"), "A")
    (again,) = play.state.deadlines.values()
    assert (again.due, again.repeats, again.interval) == (left.due, 0, left.interval)
    play.wait(hours=3)
    assert play.open == ["L", "L", "A", "L"] and not play.state.deadlines


def test_a_clock_that_has_fired_stays_so_however_often_the_step_is_taken_back():
    text = "start S\nuser A\nboundary T on=A duration=PT1H interrupting=false\nuser L\nuser B\nend E\nS -> A -> B -> E\nT -> L"
    play = Play(diagram(text)).wait(hours=2)
    for nth in range(3):
        take_back(play.complete("A").wait(hours=2), "A", nth)
        assert play.open == ["L", "A"] and not play.state.deadlines


def test_a_clock_of_months_goes_on_counting_from_its_day():
    text = "start S\nuser A\nboundary T on=A cycle=R/PT1H interrupting=false\nuser L\nuser B\nend E\nS -> A -> B -> E\nT -> L"
    play = Play(diagram(text.replace("PT1H", "2026-10-31T10:00:00+08:00/P1M"))).wait(days=45)
    (left,) = play.state.deadlines.values()
    assert left.day == 31 and left.due.day == 30
    take_back(play.complete("A"), "A")
    (again,) = play.state.deadlines.values()
    assert (again.due, again.day) == (left.due, 31)


def test_in_a_branch_the_other_stays_where_it_is():
    play = through(Play(diagram(RETURN)), "A", "B", "D")
    assert take_back(play, "D").open == ["C", "D"]
    assert not play.state.instances[1].arrivals
    through(play, "C", "D")
    assert play.open == ["M", "M"]
    assert take_back(play, "C").open == ["C"]
    assert play.state.instances[1].arrivals == {"J": [("D-J", 0, 0)]}
    assert ended(through(play, "C", "M", "M"))


def test_one_of_many_while_the_others_work():
    play = through(Play(diagram(ROUNDS)), "A", "M", "M")
    take_back(play, "M")
    assert play.open == ["M", "M"]
    assert play.state.variables(play.item("M").id)["n"] == 3
    assert ended(through(play, "M", "M", "Z"))
    assert play.state.root_variables["意见"] == [1, 2, 3]


def test_the_last_of_many_opens_the_rounds_again():
    play = Play(diagram(ROUNDS)).complete("A")
    until = [d.due for d in play.state.deadlines.values()]
    play.wait(days=1)
    through(play, "M", "M", "M").wait(days=1)
    take_back(play, "M", 1)
    assert play.open == ["M"]
    assert [d.due for d in play.state.deadlines.values()] == until
    assert ended(through(play, "M", "Z"))
    assert play.state.root_variables["意见"] == [1, 2, 3]


def test_where_one_was_enough_all_are_asked_again():
    text = ROUNDS.replace("as=n", 'as=n until="nrOfCompletedInstances >= 1"')
    play = through(Play(diagram(text)), "A", "M")
    assert play.open == ["Z"]
    take_back(play, "M")
    assert play.open == ["M"] * 3
    assert ended(through(play, "M", "Z"))


def test_one_after_the_other_the_next_goes():
    text = 'start S\nuser M each="[1, 2]" as=n sequential=true\nuser Z\nend E\nS -> M -> Z -> E'
    play = through(Play(diagram(text)), "M")
    take_back(play, "M")
    assert (play.open, play.state.variables(play.item("M").id)["n"]) == (["M"], 1)
    assert ended(through(play, "M", "M", "Z"))


def test_the_last_step_of_a_subprocess_opens_it_again():
    text = """
start S
sub P
  start p
  user A
  script N do="{局部: 1}"
  and F
  user B
  user C
  and J
  p -> A -> F -> B -> J
  F -> C -> J
boundary T on=P duration=P3D
user L
user Z
end E
S -> P -> Z -> E
T -> L
"""
    text = text.replace('  script N do="{局部: 1}"\n', "")
    play = through(Play(diagram(text)), "A", "B", "C")
    assert (play.open, len(play.state.deadlines)) == (["Z"], 0)
    take_back(play, "B")
    assert (play.open, len(play.state.deadlines)) == (["B"], 1)
    take_back(play.complete("B"), "C")
    assert play.open == ["C"]
    move(play, "C", "A")
    assert ended(through(play, "A", "B", "C", "Z"))


def test_what_came_back_may_be_taken_back_and_returned_again():
    play = through(Play(diagram(RETURN)), "A", "B", "C", "D")
    take_back(play, "D")
    take_back(play.complete("D"), "D", 1)
    move(play, "D", "B")
    assert play.open == ["B"]
    with pytest.raises(Exception, match="已经退回或撤回"):
        take_back(play, "D")
    assert ended(through(play, "B", "C", "D", "M", "M"))


def test_facts_of_going_back_survive_their_data():
    play = through(Play(diagram(ROUNDS)), "A", "M", "M", "M")
    take_back(play, "M")
    copies = [f.from_data(loads(dumps(f.to_data(fact)))) for fact in play.facts]
    assert copies == play.facts
    assert fold(copies) == play.state
    assert State.from_data(loads(dumps(play.state.to_data()))) == play.state


def test_older_returns_are_still_read():
    """Before the facts said what a return went back behind, only the item itself was given up."""
    play = through(Play(diagram(RETURN)), "A")
    move(play, "B", "A")
    for fact in play.facts:
        if isinstance(fact, f.WorkItemReturned):
            fact.of = 0
    play.do(c.CompleteItem(play.item("A").id))
    assert ways(play, "B") == ["A"]
    assert ended(through(play, "B", "C", "D", "M", "M"))

"""Undoing subprocesses, calls and rounds of loops (BPMN 2.0.2, 13.5.5): from outside, from inside, with their own data."""

import pytest

from engine import facts as f
from tests.engine.undoing import NESTED, WHITE_BOX, entered, indent, play, undoable

# -- scopes --------------------------------------------------------------------------------------------


def test_a_completed_subprocess_is_undone_by_undoing_what_completed_in_it():
    game = play(NESTED)
    assert entered(game)[-5:] == ["ZU", "CU", "DU", "BU", "AU"]
    assert [w for w in game.trace(game.facts) if w.startswith("undone")] == ["undone Q", "undone P"]
    assert game.state.compensable == {}


def test_what_is_inside_a_completed_subprocess_is_reached_only_through_it():
    game = play(NESTED.replace("end E compensate", "end E compensate=P"))
    assert entered(game)[-4:] == ["E", "CU", "DU", "BU"]


def test_a_subprocess_that_is_not_complete_is_not_undone():
    text = f"""
start S
and F
sub P
  start s
{indent(undoable("B"))}
  user N
  s -> B -> N
user K
throw T compensate
S -> F -> P
F -> K -> T
"""
    game = play(text).complete("K")
    assert "BU" not in entered(game) and game.open == ["N"]
    assert len(game.state.compensable) == 1


def test_a_throw_inside_a_subprocess_stays_inside():
    text = f"""
start S
{undoable("A")}
sub P
  start s
{indent(undoable("B"))}
  end t compensate
  s -> B -> t
S -> A -> P
"""
    assert entered(play(text))[-2:] == ["t", "BU"]


def test_a_handler_bound_to_a_subprocess_goes_before_what_is_inside():
    text = f"""
start S
sub P
  start s
{indent(undoable("B"))}
  s -> B
boundary PB on=P compensate
task PU undo=PB
end E compensate
S -> P -> E
"""
    game = play(text)
    assert entered(game)[-2:] == ["E", "PU"]
    assert game.state.ended and game.state.compensable == {}


def test_a_compensation_event_subprocess_undoes_its_subprocess_and_need_not_touch_the_rest():
    text = WHITE_BOX.format(inner=indent(undoable("B")), way="user G\n    f -> G", own="")
    game = play(text)
    assert game.open == ["G"]
    assert entered(game)[-3:] == ["F", "f", "G"]
    game.complete("G")
    assert game.trace() == ["G", "F", "undone P", "E", "end E"]
    assert "BU" not in entered(game)


def test_it_may_have_the_inside_undone_from_where_it_stands():
    text = WHITE_BOX.format(
        inner=indent(undoable("B", "C") + "\nB -> C"), way="end t compensate\n    f -> t", own=""
    )
    assert entered(play(text))[-4:] == ["f", "t", "CU", "BU"]


def test_it_may_have_one_step_inside_undone():
    text = WHITE_BOX.format(
        inner=indent(undoable("B", "C") + "\nB -> C"), way="end t compensate=B\n    f -> t", own=""
    )
    assert entered(play(text))[-3:] == ["f", "t", "BU"]


def test_it_sees_the_data_its_subprocess_had_when_it_completed():
    text = """
start S
sub P in:x="a"
  start s
  script B result=x do="x + 1"
  s -> B
  eventsub F
    start f compensate
    script G result=seen do="x"
    script H result=x do="x + 10"
    script I result=outer do="a"
    f -> G -> H -> I
script N result=a do="5"
throw T compensate
end E
S -> P -> N -> T -> E
"""
    game = play(text, a=1, x=100, seen=0, outer=0)
    assert game.variables == {"a": 5, "x": 100, "seen": 2, "outer": 5}


def test_a_subprocess_with_an_event_subprocess_is_undone_even_where_nothing_inside_could_be():
    text = WHITE_BOX.format(inner="  task B", way="user G\n    f -> G", own="")
    assert play(text).open == ["G"]


def test_nested_event_subprocesses_undo_from_the_inside_out_only_where_they_ask():
    text = f"""
start S
sub P
  start s
  sub Q
    start q
{indent(undoable("B"), "    ")}
    q -> B
    eventsub H
      start h compensate
      task I
      throw J compensate
      h -> I -> J
  s -> Q
  eventsub F
    start f compensate
    task G
    throw K compensate=Q
    f -> G -> K
end E compensate
S -> P -> E
"""
    assert entered(play(text))[-9:] == ["F", "f", "G", "K", "H", "h", "I", "J", "BU"]


def test_an_event_subprocess_throws_for_the_scope_it_is_part_of():
    text = f"""
start S
sub P
  start s
{indent(undoable("A"))}
  end x error=E1
  s -> A -> x
  eventsub F
    start f error=E1
{indent(undoable("B"), "    ")}
    end t compensate
    f -> B -> t
end E
S -> P -> E
"""
    game = play(text)
    assert entered(game)[-5:] == ["B", "t", "BU", "AU", "E"]
    assert game.state.ended == "completed"


def test_an_event_subprocess_may_name_the_activity_it_is_part_of():
    text = f"""
start S
sub P
  start s
{indent(undoable("A"))}
  user N
  s -> A -> N
  eventsub F
    start f message=m interrupting=false
{indent(undoable("B"), "    ")}
    end t compensate=P
    f -> B -> t
S -> P
"""
    game = play(text).message("m")
    assert entered(game)[-2:] == ["t", "AU"] and game.open == ["N"]


def test_what_completed_in_an_event_subprocess_is_undone_through_it():
    text = f"""
start S
sub P
  start s
{indent(undoable("A"))}
  user N
  throw T compensate
  s -> A -> N -> T
  eventsub F
    start f message=m interrupting=false
{indent(undoable("B"), "    ")}
    f -> B
S -> P
"""
    game = play(text).message("m").complete("N")
    assert entered(game)[-3:] == ["T", "BU", "AU"]


def test_a_subprocess_left_by_an_error_is_not_undone():
    """13.5.5: what failed is not complete; its error handler has to see to it."""
    text = f"""
start S
sub P
  start s
{indent(undoable("A"))}
  end x error=E1
  s -> A -> x
boundary PB on=P error=E1
throw T compensate
end E
end G
S -> P -> E
PB -> T -> G
"""
    game = play(text)
    assert "AU" not in entered(game) and game.state.ended == "completed"


CALLED = f"""
process main
  start S
{indent(undoable("A"))}
  call P called=inner in:x="7"
  end E compensate
  S -> A -> P -> E
process inner
  start s
{indent(undoable("B"))}
  s -> B
"""


def test_a_call_is_undone_by_the_called_process_s_own_handlers():
    game = play(CALLED)
    assert entered(game)[-3:] == ["E", "BU", "AU"]
    began = [x for x in game.facts if isinstance(x, f.ElementEntered) and x.element == "BU"]
    assert [x.process for x in began] == ["inner"]


def test_a_called_process_may_have_a_compensation_event_subprocess():
    text = CALLED + '  eventsub F\n    start f compensate\n    script G result=seen do="x"\n    f -> G\n'
    game = play(text, seen=0)
    assert entered(game)[-4:] == ["F", "f", "G", "AU"]
    assert game.variables["seen"] == 7


def test_a_call_without_anything_to_undo_is_not_remembered():
    game = play(
        "process main\n  start S\n  call P called=q\n  user N\n  S -> P -> N\nprocess q\n  start s\n  task t\n  s -> t"
    )
    assert game.state.compensable == {}
    assert not any(x.compensable for x in game.facts if isinstance(x, f.ElementCompleted))


# -- loops and multi-instance --------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "order"), [("", [3, 2, 1]), (" sequential", [3, 2, 1])])
def test_every_round_is_undone_by_itself_and_told_which_it_is(how, order):
    text = f"""
start S
task A each="[10,20,30]" as=n{how}
boundary AB on=A compensate
user AU undo=AB in:which=n in:number=loopCounter
end E compensate
S -> A -> E
"""
    game = play(text)
    seen = []
    while game.open:
        (item,) = game.state.items
        seen.append(game.state.instances[item].variables)
        game.complete("AU")
    assert [(v["number"], v["which"]) for v in seen] == [(n, n * 10) for n in order]
    assert game.state.ended == "completed"


def test_rounds_are_undone_in_the_reverse_of_their_completion():
    text = """
start S
user A each="[1,2,3]" as=n
boundary AB on=A compensate
user AU undo=AB summary==string(n)
end E compensate
S -> A -> E
"""
    game = play(text.replace("=n\n", "=n\n").replace("summary==string(n)", "summary==string(n)"))
    game.complete("A", nth=1).complete("A", nth=1).complete("A")  # 2, 3, 1
    order = []
    while game.open:
        order.append(game.item("AU").name)
        game.complete("AU")
    assert order == ["1", "3", "2"]


def test_a_loop_is_undone_only_when_it_is_complete():
    text = """
start S
and F
user A each="[1,2]"
boundary AB on=A compensate
task AU undo=AB
user K
throw T compensate
S -> F -> A
F -> K -> T
"""
    game = play(text).complete("A").complete("K")
    assert "AU" not in entered(game)
    game = play(text).complete("A").complete("A").complete("K")
    assert entered(game).count("AU") == 2


def test_only_completed_rounds_of_a_loop_that_ended_early_are_undone():
    text = """
start S
user A each="[1,2,3]" until="nrOfCompletedInstances = 2"
boundary AB on=A compensate
task AU undo=AB
end E compensate
S -> A -> E
"""
    game = play(text).complete("A").complete("A")
    assert entered(game).count("AU") == 2 and game.state.ended


def test_rounds_of_a_subprocess_are_undone_from_inside_each_with_its_own_data():
    text = """
start S
sub P each="[1,2]" as=n
  start s
  script A result=m do="n * 10"
  boundary AB on=A compensate
  script AU undo=AB result=seen do="concatenate(seen, [m + n])"
  s -> A
end E compensate
S -> P -> E
"""
    assert play(text, seen=[]).variables == {"seen": [22, 11]}


def test_rounds_with_a_compensation_event_subprocess():
    text = """
start S
sub P each="[1,2]" as=n sequential
  start s
  task A
  s -> A
  eventsub F
    start f compensate
    script G result=seen do="concatenate(seen, [n])"
    f -> G
end E compensate
S -> P -> E
"""
    assert play(text, seen=[]).variables == {"seen": [2, 1]}


def test_a_standard_loop_is_undone_round_by_round():
    text = """
start S
task A most=3
boundary AB on=A compensate
task AU undo=AB
end E compensate
S -> A -> E
"""
    assert entered(play(text)).count("AU") == 3

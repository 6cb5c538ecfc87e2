"""Compensation (BPMN 2.0.2, 10.5.5, 10.7, 13.5.5): what a throwing event has undone, by what, in which order."""

import pytest

from engine import commands as c
from engine import facts as f
from engine.definitions.compile import compile_diagram
from tests.engine.builders import Play, xml
from tests.engine.undoing import WHITE_BOX, entered, indent, play, undoable

# -- throwing ------------------------------------------------------------------------------------------


def test_all_that_completed_is_undone_the_latest_first_and_the_thrower_waits():
    game = play(
        f"start S\n{undoable('A', 'B', kind='user')}\nthrow T compensate\nend E\nS -> A -> B -> T -> E"
    )
    assert game.open == ["BU"]
    assert game.trace()[-4:] == ["+T", "undo B A", "undo B", "+BU"]
    game.complete("BU")
    assert game.trace() == ["BU", "undo A", "+AU"]
    game.complete("AU")
    assert game.trace() == ["AU", "T", "+E", "E", "end E"]
    assert game.again() == game.facts


def test_an_end_event_throws_and_waits_too():
    game = play(f"start S\n{undoable('A', kind='user')}\nend E compensate\nS -> A -> E")
    assert game.open == ["AU"] and not game.state.ended
    assert game.complete("AU").trace() == ["AU", "E", "end E"]


def test_one_activity_by_name():
    game = play(f"start S\n{undoable('A', 'B', 'C')}\nend E compensate=B\nS -> A -> B -> C -> E")
    assert entered(game)[4:] == ["E", "BU"]


@pytest.mark.parametrize("ref", ["compensate", "compensate=B"])
def test_what_never_completed_is_not_undone(ref):
    game = play(f"start S\n{undoable('B')}\nend E {ref}\nuser N\nN -> B\nS -> E")
    assert game.trace(game.facts)[2:] == ["+E", "undo -", "E", "end E"]


def test_what_is_still_going_on_is_not_undone():
    text = f"""
start S
and F
{undoable("A")}
user B
boundary BB on=B compensate
task BU undo=BB
throw T compensate
S -> F -> A -> T
F -> B
"""
    game = play(text)
    assert entered(game)[-2:] == ["T", "AU"] and game.open == ["B"]


def test_each_is_undone_once():
    game = play(
        f"start S\n{undoable('A')}\nthrow T compensate\nthrow V compensate\nend E compensate=A\nS -> A -> T -> V -> E"
    )
    assert entered(game).count("AU") == 1
    assert game.state.ended == "completed"


def test_two_throws_side_by_side_share_the_work():
    text = f"""
start S
{undoable("A", "B", kind="user")}
and F
throw T compensate
throw V compensate=A
end E
end G
S -> A -> B -> F -> T -> E
F -> V -> G
"""
    game = play(text)
    assert game.open == ["BU"]  # V found both taken by T and went on
    assert [x.activities for x in game.facts if isinstance(x, f.CompensationThrown)] == [(4, 3), ()]
    game.complete("BU").complete("AU")
    assert game.state.ended == "completed"


def test_without_waiting_the_token_goes_on_and_the_scope_stays_until_all_is_undone():
    game = play(
        f"start S\n{undoable('A', 'B', kind='user')}\nthrow T compensate wait=false\nend E\nS -> A -> B -> T -> E"
    )
    assert game.trace()[-6:] == ["undo B A", "T", "undo B", "+BU", "+E", "E"]
    assert game.complete("BU").open == ["AU"]
    assert game.complete("AU").trace() == ["AU", "undone T", "end E"]
    assert [x.by for x in game.facts if isinstance(x, f.CompensationBegan)] == [6, 6]
    assert game.again() == game.facts


def test_a_runner_that_nobody_waits_for_is_no_token_for_an_inclusive_join():
    text = f"""
start S
{undoable("A", kind="user")}
throw T compensate wait=false
or F
task B
or J
user N
S -> A -> F -> T -> J
F -> B -> J
J -> N
"""
    assert play(text).open == ["AU", "N"]


def test_loops_by_flow_are_undone_as_often_as_they_were_done():
    text = f"""
start S
script N result=n do="if n = null then 1 else n + 1"
{undoable("A")}
xor X
end E compensate
S -> N -> A -> X
X -> N if n < 3
X -> E default
"""
    assert entered(play(text))[-4:] == ["E", "AU", "AU", "AU"]


def test_compensation_after_an_error_was_caught():
    text = f"""
start S
{undoable("A")}
service B topic=t
boundary X on=B error=*
throw T compensate
end E
end F
S -> A -> B -> E
X -> T -> F
"""
    game = play(text)
    (job,) = game.state.jobs
    game.do(c.ThrowError(job, "E1", ""))
    assert game.trace() == [
        "error E1 X",
        "-B",
        "+X",
        "X",
        "+T",
        "undo A",
        "undo A",
        "+AU",
        "AU",
        "T",
        "+F",
        "F",
        "end F",
    ]


def test_parallel_branches_are_undone_in_the_reverse_of_their_completion():
    text = """
start S
and F
user A
boundary AB on=A compensate
task AU undo=AB
user B
boundary BB on=B compensate
task BU undo=BB
and J
end E compensate
S -> F -> A -> J
F -> B -> J
J -> E
"""
    for first, second in (("A", "B"), ("B", "A")):
        game = play(text).complete(first).complete(second)
        assert entered(game)[-2:] == [f"{second}U", f"{first}U"]


def test_what_a_boundary_event_began_is_undone_before_its_activity_also_where_it_completed_first():
    text = f"""
start S
user A
boundary AB on=A compensate
task AU undo=AB
boundary X on=A duration=PT1H interrupting=false
{undoable("B", "C")}
{undoable("D")}
end E compensate
S -> A -> D -> E
X -> B -> C
"""
    game = play(text).wait(hours=2).complete("A")
    assert entered(game)[-4:] == ["DU", "CU", "BU", "AU"]


def test_a_multiple_event_throws_the_rest_and_waits_for_what_is_undone():
    text = f"""
start S
{undoable("A", "B")}
throw T ref:compensate=A message=m
end E signal=x compensate
S -> A -> B -> T -> E
"""
    words = play(text).trace(play(text).facts)
    assert words[words.index("+T") :] == [
        "+T", "undo A", "send m", "undo A", "+AU", "AU", "T",
        "+E", "send x", "undo B", "undo B", "+BU", "BU", "E", "end E",
    ]  # fmt: skip


def test_both_definitions_of_one_event_are_undone_before_it_goes_on():
    text = f"start S\n{undoable('A', 'B', 'C')}\nend E compensate=A compensate2=C\nS -> A -> B -> C -> E"
    assert entered(play(text))[-3:] == ["E", "AU", "CU"]


# -- what can undo -------------------------------------------------------------------------------------


def test_a_handler_sees_the_data_as_they_are_now_and_its_result_is_written():
    text = """
start S
script A result=x do="1"
boundary AB on=A compensate
script AU undo=AB result=y do="x"
script B result=x do="2"
end E compensate
S -> A -> B -> E
"""
    assert play(text).variables == {"x": 2, "y": 2}


def test_a_subprocess_and_a_call_can_be_handlers():
    text = f"""
process main
  start S
{indent(undoable("A", "B"))}
  boundary CB on=C compensate
  task C
  sub CU undo=CB
    start s
    user V
    s -> V
  boundary DB on=D compensate
  task D
  call DU undo=DB called=undo
  end E compensate
  S -> A -> B -> C -> D -> E
process undo
  start s2
  user W
  end e2
  s2 -> W -> e2
"""
    game = play(text)
    assert game.open == ["W"]
    assert game.complete("W").open == ["V"]
    game.complete("V")
    assert game.state.ended == "completed"
    assert entered(game)[-2:] == ["BU", "AU"]


def test_a_handler_may_go_round():
    game = play(
        "start S\ntask A\nboundary AB on=A compensate\nuser AU undo=AB times=2 sequential\nend E compensate\nS -> A -> E"
    )
    game.complete("AU").complete("AU")
    assert game.state.ended == "completed"


def test_what_is_inside_a_handler_is_never_undone():
    text = f"""
start S
task A
boundary AB on=A compensate
sub AU undo=AB
  start s
{indent(undoable("C"))}
  s -> C
throw T compensate
end E compensate
S -> A -> T -> E
"""
    game = play(text)
    assert "CU" not in entered(game) and game.state.ended == "completed"


def test_a_handler_s_inner_throw_undoes_what_completed_inside_it():
    text = f"""
start S
{undoable("B")}
task A
boundary AB on=A compensate
sub AU undo=AB
  start s
{indent(undoable("C"))}
  end t compensate
  s -> C -> t
end E compensate=A
S -> B -> A -> E
"""
    assert entered(play(text))[-4:] == ["s", "C", "t", "CU"]


# -- what another tool draws ---------------------------------------------------------------------------


def lone(text, *pairs):
    data = xml(text).decode()
    for before, after in pairs:
        assert before in data
        data = data.replace(before, after)
    package, findings = compile_diagram(data.encode(), "test.bpmn")
    assert package is not None, findings
    return Play(package)


def test_one_compensation_activity_may_serve_two_where_a_lone_diagram_says_so():
    link = '<bpmn:association id="undo-U" sourceRef="AB" targetRef="U"/>'
    game = lone(
        "start S\ntask A\nboundary AB on=A compensate\ntask B\nboundary BB on=B compensate\ntask U undo=AB\nend E compensate\nS -> A -> B -> E",
        (link, link + '<bpmn:association id="two" sourceRef="BB" targetRef="U"/>'),
    )
    assert entered(game)[-2:] == ["U", "U"] and game.state.ended == "completed"


def test_a_compensation_activity_that_nothing_binds_never_runs():
    game = lone(
        "start S\ntask A\nboundary AB on=A compensate\ntask U undo=AB\ntask V\nend E compensate\nS -> A -> E",
        ('<bpmn:task id="V"', '<bpmn:task id="V" isForCompensation="true"'),
    )
    assert entered(game) == ["S", "A", "E", "U"] and game.state.ended == "completed"


def test_a_cancelled_transaction_without_a_cancel_event_ends_there():
    game = lone(
        "start S\ntransaction X\n  start s\n  task A\n  end c cancel\n  s -> A -> c\nend E\nS -> X -> E"
    )
    assert game.trace(game.facts)[-3:] == ["c", "-X", "end "]


def test_the_association_may_stand_in_the_collaboration_and_point_either_way():
    game = lone(
        "start S\ntask A\nboundary AB on=A compensate\ntask U undo=AB\nend E compensate\nS -> A -> E",
        ('<bpmn:association id="undo-U" sourceRef="AB" targetRef="U"/>', ""),
        (
            '<bpmn:process id="main"',
            '<bpmn:collaboration id="c"><bpmn:participant id="p" processRef="main"/>'
            '<bpmn:association id="x" associationDirection="Both" sourceRef="U" targetRef="AB"/></bpmn:collaboration>'
            '<bpmn:process id="main"',
        ),
    )
    assert entered(game)[-1] == "U"


def test_an_event_subprocess_may_bear_the_compensation_mark():
    text = WHITE_BOX.format(
        inner=indent(undoable("B")) + "\n  end e\n  B -> e", way="end t compensate\n    f -> t", own=""
    )
    game = lone(text, ('triggeredByEvent="true"', 'triggeredByEvent="true" isForCompensation="true"'))
    assert entered(game)[-4:] == ["F", "f", "t", "BU"]

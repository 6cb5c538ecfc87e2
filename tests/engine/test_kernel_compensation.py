"""Compensation, transactions and cancel (BPMN 2.0.2, 10.3.5, 10.5.5, 10.7, 13.5.5, 13.5.6): what is undone, by what, in
which order, with which data; and what is remembered for it."""

import pytest

from engine import commands as c
from engine import facts as f
from engine.audit.ledger import Entry
from engine.audit.sentences import timeline
from engine.calendar import Moment
from engine.definitions.compile import compile_diagram
from engine.errors import NotAllowed
from engine.execution.explain import explain
from tests.engine.builders import CALENDAR, Play, diagram, xml


def play(text, **variables):
    return Play(diagram(text), **variables)


def entered(game):
    return [fact.element for fact in game.facts if isinstance(fact, f.ElementEntered)]


def undoable(*names, kind="task"):
    """Activities with a compensation activity each: A, its boundary event AB, its handler AU."""
    lines = []
    for name in names:
        lines += [f"task {name}", f"boundary {name}B on={name} compensate", f"{kind} {name}U undo={name}B"]
    return "\n".join(lines)


def indent(text, pad="  "):
    return "\n".join(pad + line for line in text.splitlines())


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


# -- scopes --------------------------------------------------------------------------------------------

NESTED = f"""
start S
{undoable("A")}
sub P
  start s
{indent(undoable("B", "C"))}
  sub Q
    start q
{indent(undoable("D"), "    ")}
    q -> D
  s -> B -> Q -> C
{undoable("Z")}
end E compensate
S -> A -> P -> Z -> E
"""


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


WHITE_BOX = """
start S
sub P in:x="1"
  start s
{inner}
  s -> B
  eventsub F
    start f compensate
    {way}
{own}
end E compensate
S -> P -> E
"""


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


# -- work in handlers ----------------------------------------------------------------------------------


def test_a_handler_has_deadlines_and_boundary_events_like_any_work():
    text = f"""
start S
{undoable("A")}
task B
boundary BB on=B compensate
user BU undo=BB
boundary X on=BU duration=P1D
user N
boundary Y on=BU duration=PT1H interrupting=false
task R
end E compensate
S -> A -> B -> E
X -> N
Y -> R
"""
    game = play(text)
    assert game.open == ["BU"] and len(game.state.deadlines) == 2
    assert "R" in entered(game.wait(hours=2)) and game.open == ["BU"]
    game.wait(days=1)
    # the handler was stopped: its exception flow goes on, and so does the thrower
    assert game.open == ["N"]
    assert set(entered(game)[-3:]) == {"X", "N", "AU"}
    assert not game.state.ended
    assert game.complete("N").state.ended == "completed"


def test_an_exception_flow_inside_a_subprocess_that_is_being_undone_keeps_it_open():
    text = """
start S
sub P
  start s
  task B
  boundary BB on=B compensate
  service BU undo=BB topic=t
  boundary X on=BU error=*
  user N
  s -> B
  X -> N
end E compensate
S -> P -> E
"""
    game = play(text)
    (job,) = game.state.jobs
    game.do(c.ThrowError(job, "E1", ""))
    assert game.open == ["N"]
    assert game.complete("N").trace() == ["N", "undone P", "E", "end E"]


def test_an_incident_in_a_handler_halts_the_undoing_until_it_is_dealt_with():
    text = f"""
start S
{undoable("A")}
task B
boundary BB on=B compensate
script BU undo=BB do="v"
end E compensate
S -> A -> B -> E
"""
    game = play(text)
    assert game.incidents == [("BU", "expression_failed")]
    (id,) = game.state.incidents
    game.do(c.RetryIncident(id, {"v": {"q": 1}}))
    assert game.trace() == ["IncidentResolved", "BU", "undo A", "+AU", "AU", "E", "end E"]


def test_a_failed_job_in_a_handler_is_tried_again():
    game = play(
        "start S\ntask A\nboundary AB on=A compensate\nservice AU undo=AB topic=t\nend E compensate\nS -> A -> E"
    )
    (job,) = game.state.jobs
    game.do(c.FailJob(job, "断网"))
    (id,) = game.state.incidents
    game.do(c.RetryIncident(id))
    assert game.complete("AU").state.ended == "completed"


def test_an_error_in_a_handler_goes_to_the_scope_in_which_it_undoes():
    text = """
start S
sub P
  start s
  sub Q
    start q
    task A
    boundary AB on=A compensate
    service AU undo=AB topic=t
    q -> A
    eventsub H
      start h error=*
      user wrong1
      h -> wrong1
  boundary QB on=Q error=*
  user wrong2
  throw T compensate
  end e
  s -> Q -> T -> e
  QB -> wrong2
boundary PB on=P error=*
user N
S -> P
PB -> N
"""
    game = play(text)
    (job,) = game.state.jobs
    game.do(c.ThrowError(job, "E1", ""))
    # Q is complete: neither its event subprocess nor its boundary event is active any more
    assert game.open == ["N"]
    assert "undone Q" in game.trace()
    assert game.complete("N").state.ended == "completed"


def test_an_uncaught_error_in_a_handler_is_an_incident_there():
    game = play(
        "start S\ntask A\nboundary AB on=A compensate\nservice AU undo=AB topic=t\nend E compensate\nS -> A -> E"
    )
    (job,) = game.state.jobs
    game.do(c.ThrowError(job, "E1", ""))
    assert game.incidents == [("AU", "uncaught_error")]


def test_nobody_is_sent_back_into_or_out_of_undoing():
    game = play(
        "start S\nuser A name=甲\nboundary AB on=A compensate\nuser AU undo=AB name=撤甲\nend E compensate\nuser N\nS -> A -> E\nS -> N"
    )
    game.complete("A")
    for item, to in (("AU", "N"), ("N", "AU")):
        with pytest.raises(NotAllowed, match="撤甲"):
            game.do(c.MoveItem(game.item(item).id, to, "p", "u", "重办"))


def test_the_case_explains_that_it_is_undoing():
    game = play(
        "start S\nuser A name=甲\nboundary AB on=A compensate\nuser AU undo=AB name=撤甲\ntask B name=乙\nboundary BB on=B compensate\nuser BU undo=BB\nend E compensate name=全部撤销\nS -> A -> B -> E"
    )
    game.complete("A")
    told = [
        str(w)
        for w in explain(game.package, game.state, Moment(game.now, CALENDAR))
        if w.kind == "compensation"
    ]
    assert told == ["“全部撤销”正在等撤销办完，其后还要撤销“甲”。"]


# -- stopped while undoing -----------------------------------------------------------------------------


def test_what_interrupts_a_waiting_thrower_drops_the_rest():
    text = f"""
start S
sub P
  start s
{indent(undoable("A", "B", kind="user"))}
  throw T compensate
  s -> A -> B -> T
boundary X on=P message=m
user N
end E
S -> P -> E
X -> N
"""
    game = play(text)
    assert game.open == ["BU"]
    game.message("m")
    assert game.open == ["N"]
    assert {w for w in game.trace() if w[0] == "-"} == {"-P", "-T", "-BU"}
    assert game.state.compensable == {}


def test_stopping_only_the_thrower_stops_what_it_has_undone_and_leaves_the_rest_to_others():
    text = f"""
start S
sub P
  start s
{indent(undoable("A", "B", kind="user"))}
  user K
  throw V compensate
  s -> A -> B -> K -> V
  eventsub F
    start f message=m interrupting=false
    and G
    throw T compensate
    user H
    end t terminate
    f -> G -> T
    G -> H -> t
S -> P
"""
    game = play(text).message("m")
    assert set(game.open) == {"K", "H", "BU"}
    game.complete("H")
    assert {"-BU", "-T"} <= set(game.trace())
    assert game.open == ["K"]
    assert game.complete("K").open == ["AU"]  # B was begun and given up; A is still to be undone


def test_a_terminate_end_event_stops_the_undoing():
    text = f"""
start S
{undoable("A", kind="user")}
and F
throw T compensate
user K
end E terminate
S -> A -> F -> T
F -> K -> E
"""
    game = play(text).complete("K")
    assert game.state.ended == "completed"
    assert {"-AU", "-T"} <= set(game.trace())


def test_a_runner_is_stopped_with_its_scope():
    text = f"""
start S
sub P
  start s
{indent(undoable("A", "B", kind="user"))}
  throw T compensate wait=false
  user K
  s -> A -> B -> T -> K
boundary X on=P message=m
S -> P
X -> N
user N
"""
    game = play(text).message("m")
    assert game.open == ["N"] and "undone T" in game.trace()
    assert game.complete("N").state.ended == "completed"


def test_cancelling_the_case_while_it_is_undoing_leaves_nothing():
    game = play(NESTED.replace("task BU", "user BU"))
    assert game.open == ["BU"]
    game.do(c.Cancel("作废"))
    assert set(game.state.instances) == {1} and game.state.compensable == {}
    assert "undone P" in game.trace()


def test_a_case_may_be_suspended_while_it_is_undoing():
    game = play(
        "start S\ntask A\nboundary AB on=A compensate\nuser AU undo=AB due=workdays(now(),2)\nend E compensate\nS -> A -> E"
    )
    game.do(c.Suspend("等通知"))
    assert game.item("AU").due is None
    game.do(c.Resume("恢复"))
    assert game.complete("AU").state.ended == "completed"


def test_the_audit_trail_says_what_was_undone_in_sentences():
    game = play(
        "start S\nuser A name=开单\nboundary AB on=A compensate\nuser AU undo=AB name=销单\n"
        "transaction X name=备案\n  start s\n  user B name=登记\n  boundary BB on=B compensate\n  task BU undo=BB name=注销\n"
        "  end c cancel name=不予备案\n  s -> B -> c\nboundary XC on=X cancel\nend E compensate name=全部撤销\nS -> A -> X -> E\nXC -> E"
    )
    game.complete("A").complete("B").complete("AU")
    entries = [Entry("", n, game.now, fact, c.Actor(), "") for n, fact in enumerate(game.facts, 1)]
    told = [line.text for line in timeline(entries, game.package)]
    assert [t for t in told if "撤销" in t or "取消" in t] == [
        "事务“备案”取消，其中未办完的停止办理",
        "“不予备案”要求依次撤销“登记”",
        "开始撤销已办的“登记”，由“注销”办理",
        "进入“全部撤销”",
        "“全部撤销”要求依次撤销“开单”",
        "开始撤销已办的“开单”，由“销单”办理",
        "“全部撤销”完成",
        "案件办结，结果：全部撤销",
    ]


def test_the_snapshot_holds_the_data_objects_of_the_subprocess():
    text = """
start S
sub P
  data d name=合同
  start s
  script B result=合同 do="12"
  s -> B
  eventsub F
    start f compensate
    script G result=seen do="合同"
    f -> G
end E compensate
S -> P -> E
"""
    game = play(text, seen=0)
    assert game.variables["seen"] == 12


# -- what is remembered --------------------------------------------------------------------------------


def test_nothing_is_remembered_where_nothing_can_be_undone():
    game = play("start S\nsub P in:x=1\n  start s\n  task A times=3\n  s -> A\nuser N\nS -> P -> N")
    assert "compensable" not in game.state.to_data()


def test_what_was_remembered_goes_with_its_scope_and_with_the_case():
    text = f"""
start S
sub P
  start s
{indent(undoable("A"))}
  user N
  s -> A -> N
boundary X on=P message=m
user K
S -> P
X -> K
"""
    game = play(text)
    assert len(game.state.compensable) == 1
    assert game.message("m").state.compensable == {}
    game = play(f"start S\n{undoable('A')}\nuser N\nS -> A -> N")
    assert len(game.state.compensable) == 1
    assert game.complete("N").state.ended and game.state.compensable == {}


# -- transactions --------------------------------------------------------------------------------------

TRANSACTION = f"""
start S
transaction X
  start s
{indent(undoable("A", "B", kind="user"))}
  user C
  and F
  user D
  end e
  end c cancel
  s -> A -> B -> F -> C -> c
  F -> D -> e
boundary XC on=X cancel
boundary XE on=X error=*
user N
user H
end E
S -> X -> E
XC -> N
XE -> H
"""


def test_a_transaction_that_is_not_cancelled_is_a_subprocess():
    game = play(
        f"start S\ntransaction X\n  start s\n{indent(undoable('A'))}\n  s -> A\nend E compensate\nS -> X -> E"
    )
    assert entered(game)[-2:] == ["E", "AU"] and game.state.ended


def test_cancel_stops_the_rest_undoes_what_completed_and_leaves_through_the_cancel_event():
    game = play(TRANSACTION).complete("C")
    assert game.trace() == ["C", "+c", "-D", "TransactionCancelled", "undo B A", "undo B", "+BU"]
    game.complete("BU")
    assert game.trace() == ["BU", "undo A", "+AU"]
    game.complete("AU")
    assert game.trace() == ["AU", "c", "-X", "+XC", "XC", "+N"]
    assert game.state.compensable == {}
    assert game.again() == game.facts


def test_a_transaction_left_by_an_error_is_not_undone():
    """10.3.5: hazard."""
    game = play(TRANSACTION)
    (c_id, _) = sorted(game.state.items)
    game.do(c.ThrowError(c_id, "E1", ""))
    assert game.open == ["H"]
    assert not any(isinstance(x, f.CompensationThrown) for x in game.facts)


def test_an_error_while_it_is_cancelled_is_a_hazard_too():
    game = play(TRANSACTION.replace("user BU", "service BU topic=t")).complete("C")
    (job,) = game.state.jobs
    game.do(c.ThrowError(job, "E1", ""))
    assert game.open == ["H"] and set(game.trace()) >= {"-BU", "-c", "-X"}


def test_while_it_is_cancelled_nothing_else_may_interrupt_it():
    text = TRANSACTION + "boundary XT on=X duration=P1D\nuser L\nXT -> L\n"
    game = play(text).complete("C")
    assert game.state.deadlines == {}
    assert game.wait(days=2).open == ["BU"]


def test_cancel_without_anything_completed():
    game = play(
        "start S\ntransaction X\n  start s\n  end c cancel\n  s -> c\nboundary B on=X cancel\nend E\nend G\nS -> X -> E\nB -> G"
    )
    assert game.trace(game.facts) == [
        "+S", "S", "+X", "+s", "s", "+c", "TransactionCancelled", "undo -", "c", "-X", "+B", "B", "+G", "G", "end G",
    ]  # fmt: skip


def test_cancel_from_an_event_subprocess_of_the_transaction():
    text = f"""
start S
transaction X
  start s
{indent(undoable("A"))}
  user C
  s -> A -> C
  eventsub F
    start f message=m
{indent(undoable("B"), "    ")}
    and G
    user K
    end c cancel
    f -> B -> G -> c
    G -> K
boundary XC on=X cancel
user N
S -> X
XC -> N
"""
    game = play(text).message("m")
    assert entered(game)[-3:] == ["AU", "XC", "N"]
    assert game.open == ["N"]


def test_nested_transactions():
    text = f"""
start S
transaction X
  start s
{indent(undoable("A"))}
  transaction Y
    start y
{indent(undoable("B"), "    ")}
    xor G
    end e
    end c cancel
    y -> B -> G
    G -> c if inner
    G -> e default
  boundary YC on=Y cancel
  task Z
  xor H
  end g
  end d cancel
  s -> A -> Y -> H
  YC -> Z -> H
  H -> d if outer
  H -> g default
boundary XC on=X cancel
user N
user O
S -> X -> O
XC -> N
"""
    inner = play(text, inner=True, outer=False)
    assert inner.open == ["O"] and "BU" in entered(inner) and "AU" not in entered(inner)
    outer = play(text, inner=False, outer=True)
    assert entered(outer)[-5:] == ["d", "BU", "AU", "XC", "N"]
    both = play(text, inner=True, outer=True)
    assert entered(both).count("BU") == 1 and entered(both)[-3:] == ["AU", "XC", "N"]


@pytest.mark.parametrize("how", ["", " sequential"])
def test_of_a_multi_instance_transaction_all_are_cancelled_together(how):
    text = f"""
start S
transaction X each="[1,2,3]" as=n{how}
  start s
  task A
  boundary AB on=A compensate
  script AU undo=AB result=seen do="concatenate(seen, [n])"
  user B
  xor G
  end e
  end c cancel
  s -> A -> B -> G
  G -> c if no
  G -> e default
boundary XC on=X cancel
user N
user O
S -> X -> O
XC -> N
"""
    game = play(text, seen=[], no=False)
    game.complete("B")
    game.complete("B", no=True)
    assert game.open == ["N"]
    assert game.variables["seen"] == ([1, 3, 2] if not how else [2, 1])
    game = play(text, seen=[], no=False).complete("B").complete("B").complete("B")
    assert game.open == ["O"] and game.variables["seen"] == []


def test_the_case_may_be_stopped_while_a_transaction_is_cancelled():
    game = play(TRANSACTION).complete("C")
    game.do(c.Cancel("作废"))
    assert set(game.state.instances) == {1} and game.state.compensable == {}
    text = f"start S\nsub Q\n  start q\n{indent(TRANSACTION.replace('start S', '').replace('S -> X -> E', 'q -> X -> E'))}\nboundary Z on=Q message=m\nuser K\nS -> Q\nZ -> K"
    game = play(text).complete("C").message("m")
    assert game.open == ["K"]


def test_a_transaction_may_be_a_handler():
    text = """
start S
task A
boundary AB on=A compensate
transaction AU undo=AB
  start s
  user B
  end c cancel
  s -> B -> c
boundary XC on=AU cancel
user N
end E compensate
S -> A -> E
XC -> N
"""
    game = play(text).complete("B")
    assert game.open == ["N"] and game.trace() == [
        "B",
        "+c",
        "TransactionCancelled",
        "undo -",
        "c",
        "-AU",
        "+XC",
        "XC",
        "E",
        "+N",
    ]
    assert game.complete("N").state.ended == "completed"


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

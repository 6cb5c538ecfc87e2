"""Compensation activities are work like any other, and stopped like any other; what is remembered for them."""

import pytest

from engine import commands as c
from engine.audit.ledger import Entry
from engine.audit.sentences import timeline
from engine.calendar import Moment
from engine.errors import NotAllowed
from engine.execution.explain import explain
from tests.engine.builders import CALENDAR
from tests.engine.undoing import NESTED, entered, indent, play, undoable

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

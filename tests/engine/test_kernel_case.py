"""Suspension, cancellation, returning 退回, snapshots, and that the kernel is pure."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from engine import commands as c
from engine import facts as f
from engine.errors import NotOpen, Suspended
from engine.execution.state import State, fold
from engine.values import dumps, loads
from tests.engine.builders import MONDAY, Play, diagram

WORK = """
start S
user A due="workdays(now(), 3)"
boundary T on=A date="=workdays(now(), 3)" interrupting=false
boundary M on=A message=变更
user B
user N
S -> A -> B
T -> N
M -> N
"""


def shanghai(*parts):
    from engine.clock import SHANGHAI

    return datetime(*parts, tzinfo=SHANGHAI).astimezone(UTC)


def test_suspension_keeps_the_remaining_working_time():
    play = Play(diagram(WORK))
    assert play.item("A").due == shanghai(2026, 10, 8, 18, 0)
    play.wait(days=1)
    play.do(c.Suspend("等待上级批复"))
    assert play.trace() == ["CaseSuspended", "DeadlineMoved", "DueMoved"]
    assert play.item("A").due is None
    play.wait(days=20)
    assert play.trace() == []
    for command in (c.CompleteItem(play.item("A").id), c.DeliverMessage("变更"), c.Suspend("x")):
        with pytest.raises(Suspended):
            play.do(command)
    play.now = shanghai(2026, 10, 21, 9, 0)
    play.do(c.Resume("已批复"))
    assert play.trace() == ["CaseResumed", "DeadlineMoved", "DueMoved"]
    # 9:00 on the 29th to 18:00 on 8 October: 9 h + 30 September + 8 October
    assert play.item("A").due == shanghai(2026, 10, 23, 18, 0)
    assert [d.due for d in play.state.deadlines.values()] == [shanghai(2026, 10, 23, 18, 0)]


def test_a_limit_passed_before_the_suspension_stays_passed():
    play = Play(diagram(WORK)).wait(days=11)
    before = play.item("A").due
    assert before < play.now
    play.do(c.Suspend("x"))
    play.wait(days=5)
    play.do(c.Resume("y"))
    assert play.item("A").due < play.now


def test_until_resumes_the_case():
    play = Play(diagram(WORK))
    play.do(c.Suspend("等待", MONDAY + timedelta(days=2)))
    assert [d.owner for d in play.state.deadlines.values()] == [3, 0]
    play.wait(days=2)
    assert play.trace() == ["fire ", "CaseResumed", "DeadlineMoved", "DueMoved"]
    assert not play.state.suspended
    early = Play(diagram(WORK))
    early.do(c.Suspend("等待", MONDAY + timedelta(days=2)))
    early.do(c.Resume("提前恢复"))
    assert [d.owner for d in early.state.deadlines.values()] == [3]
    with pytest.raises(NotOpen):
        early.do(c.Resume("再一次"))


def test_cancelling_stops_everything_innermost_first():
    play = Play(
        diagram(
            "start S\nsub P\n  start p\n  user A\n  p -> A\nboundary T on=P duration=P1D\neventsub H\n  start h message=x\n  task N\n  h -> N\nS -> P\nT -> N2\ntask N2"
        )
    )
    play.do(c.Cancel("重复登记"))
    assert play.trace() == ["-A", "drop T", "-P", "drop h", "CaseCancelled"]
    assert play.state.ended == "cancelled"
    for command in (c.Cancel("x"), c.Suspend("x"), c.StartProcess("main")):
        with pytest.raises(NotOpen):
            play.do(command)
    assert play.do(c.DeliverMessage("x")).new == []


# -- the state -----------------------------------------------------------------------------------------


def test_a_snapshot_is_small():
    play = Play(diagram(WORK), **{f"字段{i}": f"一些内容{i}" for i in range(40)})
    play.wait(days=30)
    assert len(dumps(play.state.to_data())) < 3_000


def test_work_facts_change_the_item():
    play = Play(diagram(WORK))
    id = play.item("A").id
    facts = [
        f.WorkItemRouted(id, "能源局", "DB", "职责库"),
        f.WorkItemClaimed(id, "张伟"),
        f.WorkItemReleased(id, "出差"),
        f.WorkItemTransferred(id, "应急管理局", "DB", "刘洋", "职责调整"),
        f.NumberGiven("鄂前隐患", 2026, 3, "鄂前隐患〔2026〕3号"),
        f.FileAttached("x", "a.jpg", "image/jpeg", 1, "00", id),
        f.NoteAdded("备注"),
    ]
    state = fold(facts, play.state)
    item = state.items[id]
    assert (item.unit, item.role, item.person) == ("应急管理局", "DB", "刘洋")
    assert state.number == "鄂前隐患〔2026〕3号"
    assert State.from_data(loads(dumps(state.to_data()))) == state


def test_facts_survive_their_data():
    play = Play(diagram(WORK)).wait(days=30)
    play.complete("A", 结论="x").complete("B")
    copies = [f.from_data(loads(dumps(f.to_data(fact)))) for fact in play.facts]
    assert copies == play.facts
    assert fold(copies) == play.state


def test_depth_stays_flat_over_a_thousand_rounds():
    from engine.calendar import Moment
    from engine.execution.advance import advance
    from tests.engine.builders import CALENDAR

    package = diagram(
        "start S\nuser A\nboundary T on=A duration=P1D interrupting=false\ntask N\nuser B\nxor X\nend E\nS -> A -> B -> X\nX -> A if 再来\nX -> E default\nT -> N"
    )
    state, moment = State(), Moment(MONDAY, CALENDAR)
    advance(package, state, c.StartProcess("main"), moment)
    sizes, work, spent = [], [], []
    for _ in range(1_000):
        count = 0
        begin = time.process_time()
        for _ in range(2):
            (id,) = state.items
            count += len(advance(package, state, c.CompleteItem(id, {"再来": True}, "p"), moment))
        spent.append(time.process_time() - begin)
        work.append(count)
        sizes.append(len(dumps(state.to_data())))
    assert set(work) == {work[0]}
    assert min(spent[-100:]) <= 1.5 * min(spent[:100])  # the quickest: a busy machine slows single rounds
    assert sizes[-1] - sizes[0] < 20  # only the ids grow longer
    assert len(state.causes) <= 64


def test_the_case_ends_at_its_own_last_end_event():
    play = Play(
        diagram("""
start S
and F
user A
call C called=q
end E name=已归档
S -> F -> A -> E
F -> C
process q
  start s
  user B
  end e name=内部结束
  s -> B -> e
""")
    )
    play.complete("A").complete("B")
    assert play.trace()[-1] == "end 已归档"


def test_a_suspension_that_ends_in_an_unknown_year_waits_for_a_person():
    play = Play(diagram(WORK))
    play.do(c.Suspend("等待", shanghai(2027, 1, 5, 9, 0)))
    play.wait(days=120)
    assert play.state.suspended
    assert [(i.owner, i.code) for i in play.state.incidents.values()] == [(1, "calendar_unknown")]
    play.now = shanghai(2026, 12, 1, 9, 0)  # as if the year had been confirmed
    play.do(c.Resume("日历已确认"))
    assert not play.state.incidents
    assert play.item("A").due is not None


def test_an_event_subprocess_that_cannot_be_armed_is_armed_later():
    play = Play(diagram("start S\nuser A\neventsub H\n  start h date==期限\n  task N\n  h -> N\nS -> A"))
    assert play.incidents == [("h", "expression_failed")]
    (id,) = play.state.incidents
    play.do(c.RetryIncident(id, {"期限": "2026-09-29"}))
    assert play.trace() == ["IncidentResolved", "wait h"]
    play.wait(days=2)
    assert play.state.ended == "completed"

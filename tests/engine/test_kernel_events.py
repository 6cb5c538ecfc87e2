"""Timers, messages, signals, errors, escalations and terminate in every position."""

from datetime import datetime, timedelta

import pytest

from engine import commands as c
from engine import facts as f
from engine.clock import SHANGHAI
from tests.engine.builders import MONDAY, Play, diagram


def due(play, element):
    return next(d.due for d in play.state.deadlines.values() if d.element == element)


# -- catching where a token waits ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timer", "after"),
    [
        ("duration=PT2H", timedelta(hours=2)),
        ('duration="=duration(\\"P1D\\")"', timedelta(days=1)),
        ("duration=P1M", timedelta(days=30)),
        ("date=2026-09-29T10:00:00+08:00", timedelta(days=1, hours=1)),
        ("date=2026-09-29T10:00:00", timedelta(days=1, hours=1)),
        ("date==到期", timedelta(days=2, hours=9)),
        ('date="=workdays(now(), 3)"', timedelta(days=10, hours=9)),
        ("cycle=R3/PT1H", timedelta(hours=1)),
        ("date=2020-01-01T00:00:00Z", None),
    ],
)
def test_intermediate_timer(timer, after):
    from datetime import date

    play = Play(diagram(f"start S\ncatch T {timer}\nend E\nS -> T -> E"), 到期=date(2026, 9, 30))
    assert play.trace() == ["+S", "S", "+T", "wait T"]
    if after is None:
        assert due(play, "T") < MONDAY
        play.wait(seconds=0)
    else:
        assert due(play, "T") == MONDAY + after
        play.wait(seconds=after.total_seconds() - 1)
        assert play.trace() == []
        play.wait(seconds=1)
    assert play.trace() == ["fire T", "T", "+E", "E", "end E"]


def test_a_deadline_passes_once_and_never_early():
    play = Play(diagram("start S\ncatch T duration=PT1H\nuser A\nS -> T -> A"))
    (id,) = play.state.deadlines
    assert play.do(c.PassDeadline(id)).new == []
    play.wait(hours=1)
    assert play.open == ["A"]
    assert play.do(c.PassDeadline(id)).new == []
    assert play.do(c.PassDeadline(99)).new == []


def test_a_timer_without_an_instant_halts_and_can_be_retried():
    play = Play(diagram("start S\ncatch T date==到期\nuser A\nS -> T -> A"))
    assert play.incidents == [("T", "expression_failed")]
    (id,) = play.state.incidents
    play.do(c.RetryIncident(id, {"到期": MONDAY + timedelta(hours=1)}))
    assert play.trace() == ["IncidentResolved", "wait T"]
    assert play.wait(hours=1).open == ["A"]


def test_a_year_that_is_not_confirmed_halts_the_element():
    play = Play(diagram('start S\ncatch T date="=workdays(now(), 200)"\nS -> T'))
    assert play.incidents == [("T", "calendar_unknown")]


@pytest.mark.parametrize("element", ["catch M message=来函", "receive M message=来函"])
def test_message_with_payload_and_key(element):
    play = Play(diagram(f'start S\n{element} correlationKey="=编号"\nuser A\nS -> M -> A'), 编号=12)
    (subscription,) = play.state.subscriptions.values()
    assert (subscription.what, subscription.name, subscription.key) == ("message", "来函", "12")
    assert play.message("来函", "13").new == []
    assert play.message("去函", "12").new == []
    assert play.message("来函", "12", 内容="收悉").trace() == ["fire M", "drop M", "M", "+A"]
    assert play.variables["内容"] == "收悉"


def test_message_outputs_replace_the_payload():
    play = Play(diagram('start S\ncatch M message=来函 out:甲="乙 + 1"\nuser A\nS -> M -> A'))
    play.message("来函", 乙=1)
    assert play.variables == {"甲": 2}


def test_a_null_key_is_an_incident():
    play = Play(diagram('start S\ncatch M message=来函 correlationKey="=编号"\nS -> M'))
    assert play.incidents == [("M", "expression_failed")]


def test_signal_catch_and_throw_inside_one_case():
    play = Play(
        diagram("""
start S
and F
catch M signal=停产
user B
user A
throw X signal=停产 in:原因="string(1)"
user C
S -> F -> M -> B
F -> A -> X -> C
""")
    )
    play.complete("A")
    assert play.trace() == ["A", "+X", "send 停产", "X", "fire M", "drop M", "M", "+C", "+B"]
    assert play.variables == {"原因": "1"}


def test_message_throw_reaches_the_case_itself_by_key():
    play = Play(
        diagram("""
start S
and F
catch M message=函 correlationKey="=string(1)"
catch N message=函 correlationKey="=string(2)"
user A
send X message=函 correlationKey="=string(1)" in:甲=5
S -> F -> M
F -> N
F -> A -> X
""")
    )
    play.complete("A")
    assert play.trace() == ["A", "+X", "send 函", "X", "fire M", "drop M", "M"]
    sent = next(fact for fact in play.facts if isinstance(fact, f.MessageSent))
    assert sent == f.MessageSent("函", "1", {"甲": 5}, "X")


# -- starts and ends -----------------------------------------------------------------------------------


def test_a_case_begins_at_any_start_event():
    package = diagram("""
start S
start M message=举报
start T date=2026-10-10T00:00:00Z
start G signal=全旗大检查
user A
user B
S -> A
M -> B
T -> B
G -> B
""")
    assert Play(package).open == ["A"]
    assert Play(package, start="M", 内容="x").trace() == ["+M", "M", "+B"]
    assert Play(package, start="T").open == ["B"]
    assert Play(package, start="G").open == ["B"]


def test_message_and_signal_ends():
    play = Play(
        diagram("""
start S
and F
end M message=办结 in:结论="string(2)"
end G signal=解除
S -> F -> M
F -> G
""")
    )
    assert play.trace() == [
        *["+S", "S", "+F", "F", "+M", "send 办结", "M", "+G", "send 解除", "G", "end G"],
    ]


def test_terminate_ends_its_own_scope_only():
    play = Play(
        diagram("""
start S
sub P
  start p
  and f
  user A
  user B
  and j
  user C
  end T terminate
  p -> f -> A -> T
  f -> B
  f -> C -> j
  B -> j
user Z
S -> P -> Z
""")
    )
    play.complete("C")
    play.complete("A")
    assert play.trace() == ["A", "+T", "-B", "T", "P", "+Z"]
    root = Play(diagram("start S\nand f\nuser A\nuser B\nend T terminate\nS -> f -> A -> T\nf -> B"))
    root.complete("A")
    assert root.trace() == ["A", "+T", "-B", "T", "end T"]


# -- boundary events -----------------------------------------------------------------------------------

BOUNDARY = """
start S
user A
boundary T on=A {event}
user B
user N
end E
S -> A -> B -> E
T -> N
"""


def test_interrupting_timer_boundary():
    play = Play(diagram(BOUNDARY.format(event="duration=P1D")))
    play.wait(days=1)
    assert play.trace() == ["fire T", "-A", "+T", "T", "+N"]
    assert play.complete("N").state.ended == "completed"
    early = Play(diagram(BOUNDARY.format(event="duration=P1D")))
    early.complete("A")
    assert early.trace() == ["drop T", "A", "+B"]
    assert not early.state.deadlines


def test_non_interrupting_timer_boundary_fires_once():
    play = Play(diagram(BOUNDARY.format(event="duration=P1D interrupting=false")))
    play.wait(days=5)
    assert play.trace() == ["fire T", "+T", "T", "+N"]
    assert play.open == ["A", "N"]
    play.complete("N").complete("A").complete("B")
    assert play.state.ended == "completed"


def test_cycle_boundary_fires_as_often_as_drawn_without_drift():
    play = Play(diagram(BOUNDARY.format(event="cycle=R3/PT1H interrupting=false")))
    play.now += timedelta(hours=2, minutes=30)  # the worker was away
    play.wait(seconds=0)
    assert play.trace() == ["fire T", "+T", "T", "wait T", "+N"] * 2
    assert due(play, "T") == MONDAY + timedelta(hours=3)
    play.wait(days=1)
    assert play.open == ["A", "N", "N", "N"]
    assert not play.state.deadlines


def test_endless_cycle_goes_on_until_the_task_ends():
    play = Play(diagram(BOUNDARY.format(event="cycle=R/P1D interrupting=false")))
    play.wait(days=10)
    assert play.open.count("N") == 10
    play.complete("A")
    assert not play.state.deadlines


def test_recomputed_cycle_asks_anew_after_each_firing():
    cycle = '"=if 次数 < 3 then now() + duration(\\"P1D\\") else null"'
    play = Play(
        diagram(
            BOUNDARY.replace("user N", 'script N result=次数 do="次数 + 1"').format(
                event=f"cycle={cycle} interrupting=false"
            )
        ),
        次数=0,
    )
    play.wait(days=30)
    assert play.variables == {"次数": 3 + 1}  # asked at once after a firing, before its strand went on
    assert not play.state.deadlines


@pytest.mark.parametrize("interrupting", [True, False])
def test_message_boundary(interrupting):
    word = "" if interrupting else " interrupting=false"
    play = Play(diagram(BOUNDARY.format(event=f"message=催办{word}")))
    play.message("催办", 原因="慢")
    expected = ["fire T", "drop T", "-A", "+T", "T", "+N"] if interrupting else ["fire T", "+T", "T", "+N"]
    assert play.trace() == expected
    assert play.variables == {"原因": "慢"}
    play.message("催办")
    assert play.open == (["N"] if interrupting else ["A", "N", "N"])


@pytest.mark.parametrize("interrupting", [True, False])
def test_signal_boundary(interrupting):
    word = "" if interrupting else " interrupting=false"
    play = Play(diagram(BOUNDARY.format(event=f"signal=停产{word}")))
    play.signal("停产").signal("停产")
    assert play.open == (["N"] if interrupting else ["A", "N", "N"])


def test_one_signal_reaches_every_subscription_but_not_what_it_cancels():
    play = Play(
        diagram("""
start S
and F
user A
boundary X on=A signal=停
boundary Y on=A signal=停
user B
boundary Z on=B signal=停 interrupting=false
user C
user D
user G
S -> F -> A
F -> B
X -> C
Y -> D
Z -> G
""")
    )
    play.signal("停")
    assert play.open == ["B", "C", "G"]


def test_item_closed_is_told_to_the_case_with_the_item_s_id():
    text = """
start S
user A
boundary T on=A duration=P1D interrupting=false
event G
catch M message=工作项已结束 correlationKey="=string(cause.id)"
catch U duration=P9D
user N
user B
end E
S -> A -> B
T -> G -> M -> E
G -> U -> N
"""
    play = Play(diagram(text))
    play.wait(days=1)
    assert play.trace() == ["fire T", "+T", "T", "+G", "wait M", "wait U"]
    play.complete("A")
    assert play.trace() == ["A", "fire M", "drop M", "drop U", "G", "+M", "M", "+B", "+E", "E"]
    assert play.open == ["B"]
    cancelled = Play(diagram(text + "boundary X on=A message=撤\nX -> E"))
    cancelled.wait(days=1)
    cancelled.message("撤")
    assert cancelled.state.ended == "completed"


def test_cause_and_item_stay_readable():
    play = Play(
        diagram("""
start S
user A name=整改 groups=QY due="workdays(now(), 1)"
boundary T on=A date=="item.due" interrupting=false
call L called=ladder in:限期="cause.due"
end E
S -> A -> E
T -> L
process ladder
  start s
  user 提醒 groups="=[\\"DB@\\" + cause.unit]"
  script 记 result=谁 do="cause.name + cause.element + string(cause.id)"
  user 函告
  s -> 提醒 -> 记 -> 函告
""")
    )
    item = play.item("A")
    play.facts.append(f.WorkItemRouted(item.id, "鹰骏一号煤矿", "QY", ""))
    from engine.execution.state import evolve

    evolve(play.state, play.facts[-1])
    play.wait(days=2)
    assert play.open == ["A", "提醒"]
    assert play.item("提醒").groups == ("DB@鹰骏一号煤矿",)
    play.complete("A")
    play.complete("提醒")
    call = next(i for i in play.state.instances.values() if i.element == "L")
    assert call.variables == {"限期": item.due, "谁": f"整改A{item.id}"}


# -- errors --------------------------------------------------------------------------------------------


def test_error_end_is_caught_at_the_subprocess():
    play = Play(
        diagram("""
start S
sub P
  start p
  and f
  user A
  user B
  end X error=E1
  p -> f -> A -> X
  f -> B
boundary Any on=P error=* code=代码
boundary One on=P error=E1 code=代码
boundary Two on=P error=E2
user N
user M
S -> P
Any -> M
One -> N
Two -> M
""")
    )
    play.complete("A")
    assert play.trace() == ["A", "+X", "error E1 One", "X", "-B", "-P", "+One", "One", "+N"]
    assert play.variables == {"代码": "E1"}


def test_error_code_any_and_innermost_first():
    play = Play(
        diagram("""
start S
sub O
  start o
  sub P
    start p
    service A topic=x
    p -> A
  boundary Any on=P error=*
  user N
  o -> P
  Any -> N
boundary Exact on=O error=E1
user M
S -> O
Exact -> M
""")
    )
    (job,) = play.state.jobs
    play.do(c.ThrowError(job, "E1", "坏了", {"细节": 1}))
    assert play.trace() == ["error E1 Any", "-A", "-P", "+Any", "Any", "+N"]
    assert play.variables == {"细节": 1}


def test_error_from_a_task_to_its_own_boundary_with_the_message():
    play = Play(
        diagram("""
start S
user A
boundary X on=A error=E1 code=代码 text=说明
user N
S -> A
X -> N
""")
    )
    play.do(c.ThrowError(play.item("A").id, "E1", "资料不全"))
    assert play.trace() == ["error E1 X", "-A", "+X", "X", "+N"]
    assert play.variables == {"代码": "E1", "说明": "资料不全"}


def test_error_through_call_activities_and_multi_instance():
    play = Play(
        diagram("""
start S
call C called=q each="[1,2,3]" as=n
boundary X on=C error=E1
user N
S -> C
X -> N
process q
  start s
  user A
  end Z error=E1
  s -> A -> Z
""")
    )
    assert play.open == ["A", "A", "A"]
    play.complete("A", nth=1)
    assert play.trace()[:3] == ["A", "+Z", "error E1 X"]
    assert play.trace()[3:] == ["-A", "-C", "-Z", "-C", "-A", "-C", "-C", "+X", "X", "+N"] or play.open == [
        "N"
    ]
    assert play.open == ["N"]
    assert len(play.state.instances) == 2


def test_uncaught_error_is_an_incident_and_loses_nothing():
    play = Play(diagram("start S\nand F\nuser A\nuser B\nend X error=E1\nS -> F -> A -> X\nF -> B"))
    play.complete("A")
    assert play.trace() == ["A", "+X", "error E1", "incident X uncaught_error"]
    assert play.open == ["B"]
    play.complete("B")
    assert not play.state.ended
    item = Play(diagram("start S\nuser A\nS -> A"))
    item.do(c.ThrowError(item.item("A").id, "E1"))
    assert item.incidents == [("A", "uncaught_error")]
    assert item.open == ["A"]
    item.complete("A")
    assert item.trace() == ["IncidentResolved", "A", "end "]


def test_error_event_subprocess():
    play = Play(
        diagram("""
start S
user A
service J topic=x
and F
user B
eventsub H
  start h error=E1 code=代码
  user N
  h -> N
S -> F -> A
F -> J -> B
""")
    )
    (job,) = play.state.jobs
    play.do(c.ThrowError(job, "E1", "", {"原因": "x"}))
    assert play.trace() == ["error E1 h", "-A", "-J", "+H", "+h", "h", "+N"]
    assert play.variables == {"代码": "E1", "原因": "x"}
    play.complete("N")
    assert play.trace() == ["N", "H", "end "]


def test_error_thrown_by_a_handler_goes_further_out():
    play = Play(
        diagram("""
start S
sub P
  start p
  user A
  p -> A
  eventsub H
    start h error=E1
    user N
    end X error=E1
    h -> N -> X
boundary B on=P error=E1
user Z
S -> P
B -> Z
""")
    )
    play.do(c.ThrowError(play.item("A").id, "E1"))
    assert play.open == ["N"]
    play.complete("N")
    assert play.trace() == ["N", "+X", "error E1 B", "X", "-H", "-P", "+B", "B", "+Z"]


# -- escalations ---------------------------------------------------------------------------------------

ESCALATION = """
start S
sub P
  start p
  user A
  throw X escalation=L2 in:级别=2
  user B
  end Y escalation=L3
  p -> A -> X -> B -> Y
{boundary}
user N name=提议 groups="=string(级别)"
user M
S -> P
{after}
"""


def test_non_interrupting_escalation_gives_its_strand_locals():
    play = Play(
        diagram(
            ESCALATION.format(
                boundary="boundary T on=P escalation=* code=代码 interrupting=false", after="T -> N\nP -> M"
            )
        )
    )
    play.complete("A")
    assert play.trace() == ["A", "+X", "escalation L2 T", "+T", "T", "X", "+N", "+B"]
    assert play.item("N").groups == ("2",)
    assert play.variables == {}
    play.complete("B")
    assert play.trace()[:5] == ["B", "+Y", "escalation L3 T", "+T", "T"]
    assert play.open == ["N", "N", "M"]
    assert [i.groups for i in play.state.items.values()] == [("2",), (), ()]


def test_strand_locals_are_written_to_by_the_strand():
    text = ESCALATION.format(
        boundary="boundary T on=P escalation=* interrupting=false", after="T -> N -> M\nP -> M"
    )
    play = Play(diagram(text.replace("user M", 'user M groups="=string(级别)"')))
    play.complete("A")
    play.complete("N", 级别=9, 外=1)
    assert play.item("M").groups == ("9",)
    assert play.variables == {"外": 1}


def test_interrupting_escalation_stops_the_thrower():
    play = Play(diagram(ESCALATION.format(boundary="boundary T on=P escalation=L2", after="T -> N\nP -> M")))
    play.complete("A")
    assert play.trace() == ["A", "+X", "escalation L2 T", "X", "-P", "+T", "T", "+N"]


def test_uncaught_escalation_goes_on_silently():
    play = Play(diagram(ESCALATION.format(boundary="", after="P -> M")))
    play.complete("A")
    assert play.trace() == ["A", "+X", "escalation L2", "X", "+B"]


def test_escalation_event_subprocess_inside_the_case():
    play = Play(
        diagram("""
start S
user A
throw X escalation=L1 in:级别=1
user B
eventsub H
  start h escalation=L1 interrupting=false
  user N groups="=string(级别)"
  h -> N
S -> A -> X -> B
""")
    )
    play.complete("A")
    assert play.trace() == ["A", "+X", "escalation L1 h", "+H", "+h", "h", "X", "+N", "+B"]
    assert play.item("N").groups == ("1",)
    play.complete("B")
    assert not play.state.ended
    play.complete("N")
    assert play.trace() == ["N", "H", "end "]


# -- event subprocesses --------------------------------------------------------------------------------

HANDLER = """
start S
and F
user A
user B
and J
end E
eventsub H
  start h {event}
  user N
  h -> N
S -> F -> A -> J -> E
F -> B -> J
"""


def test_interrupting_event_subprocess_stops_everything_else():
    play = Play(diagram(HANDLER.format(event="message=作废")))
    assert play.trace()[0] == "wait h"
    play.complete("A")
    play.message("作废", 理由="重复")
    assert play.trace() == ["fire h", "-B", "drop h", "+H", "+h", "h", "+N"]
    assert play.state.instances[1].arrivals == {}
    play.complete("N")
    assert play.trace() == ["N", "H", "end "]
    assert play.variables == {"理由": "重复"} or play.state.ended


def test_non_interrupting_event_subprocess_runs_beside_and_again():
    play = Play(diagram(HANDLER.format(event="message=延期 interrupting=false")))
    play.message("延期").message("延期")
    assert play.trace() == ["fire h", "+H", "+h", "h", "+N"]
    assert play.open == ["A", "B", "N", "N"]
    play.complete("A").complete("B")
    assert play.open == ["N", "N"]
    assert not play.state.ended
    play.message("延期")
    play.complete("N").complete("N").complete("N")
    assert play.trace() == ["N", "H", "drop h", "end "] or play.state.ended == "completed"


@pytest.mark.parametrize("interrupting", [True, False])
def test_timer_event_subprocess(interrupting):
    word = "" if interrupting else " interrupting=false"
    play = Play(diagram(HANDLER.format(event=f"cycle=R2/P1D{word}")))
    play.wait(days=3)
    assert play.open == (["N"] if interrupting else ["A", "B", "N", "N"])


def test_signal_event_subprocess_in_a_called_process():
    play = Play(
        diagram("""
start S
call C called=q
user Z
S -> C -> Z
process q
  start s
  user A
  s -> A
  eventsub H
    start h signal=停
    user N
    h -> N
""")
    )
    play.signal("停")
    assert play.open == ["N"]
    play.complete("N")
    assert play.trace() == ["N", "H", "C", "+Z"]


def test_scope_that_completes_drops_its_event_subprocesses():
    play = Play(
        diagram("""
start S
sub P
  start p
  user A
  p -> A
  eventsub H
    start h duration=P1D
    task N
    h -> N
user Z
S -> P -> Z
""")
    )
    play.complete("A")
    assert play.trace() == ["A", "drop h", "P", "+Z"]


def test_now_is_the_command_s_instant():
    play = Play(diagram('start S\nscript A result=时 do="now()"\nend E\nS -> A -> E'))
    assert play.variables["时"] == MONDAY
    assert play.variables["时"].astimezone(SHANGHAI) == datetime(2026, 9, 28, 9, tzinfo=SHANGHAI)


def test_a_recomputed_cycle_that_does_not_get_on_is_an_incident():
    play = Play(diagram(BOUNDARY.format(event='cycle="=workdays(case.started, 1)" interrupting=false'))).wait(
        days=30
    )
    assert play.open == ["A", "N"]
    assert play.incidents == [("T", "expression_failed")]


TWO = """
start S
and F
catch A message=甲{key}
catch B message=甲
user X
user Y
S -> F -> A -> X
F -> B -> Y
"""


def test_a_message_from_outside_reaches_who_has_waited_longest():
    play = Play(diagram(TWO.format(key=""))).message("甲", 数=1)
    assert play.open == ["X"]
    assert play.message("甲").open == ["X", "Y"]


def test_a_message_reaches_who_waits_with_its_key_before_others():
    text = TWO.replace("catch A message=甲{key}", "catch A message=甲").replace(
        "catch B message=甲", "catch B message=甲 correlationKey=乙"
    )
    assert Play(diagram(text)).message("甲", "乙").open == ["Y"]
    assert Play(diagram(text)).message("甲", "丙").open == ["X"]
    assert Play(diagram(text)).message("甲", "乙").message("甲", "乙").open == ["Y", "X"]


def test_what_the_case_says_to_itself_reaches_all():
    text = TWO.format(key="") + "F -> C -> T\nuser C\nthrow T message=甲\n"
    play = Play(diagram(text)).complete("C")
    assert play.open == ["X", "Y"]

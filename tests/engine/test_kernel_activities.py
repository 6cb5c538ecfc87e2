"""Tasks, scripts, jobs, scopes, calls, loops, and where variables are written."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine import commands as c
from engine import facts as f
from engine.errors import NotFound, NotOpen
from tests.engine.builders import MONDAY, Play, diagram


def test_user_task_offers_an_item_with_who_and_until_when():
    play = Play(
        diagram(
            'start S\nuser A name=整改 groups="QY, DB" assignee==经办 due="workdays(now(), 1)" form=T16\nS -> A'
        ),
        经办="p1",
    )
    offered = next(x for x in play.facts if isinstance(x, f.WorkItemOffered))
    due = datetime(2026, 9, 29, 10, 0, tzinfo=UTC)
    assert offered == f.WorkItemOffered(3, "A", "整改", ("QY", "DB"), MONDAY, "p1", due, "T16")


def test_groups_by_expression_and_due_as_a_date():
    play = Play(
        diagram('start S\nmanual A groups="=[\\"DB\\", \\"HQ@\\" + 单位]" due="到期"\nS -> A'),
        单位="能源局",
        到期="2026-10-10",
    )
    item = play.item("A")
    assert item.groups == ("DB", "HQ@能源局")
    assert item.due == datetime(2026, 10, 10, 10, 0, tzinfo=UTC)


def test_an_item_says_what_it_is_about():
    words = 'start S\nuser A name=处置建议 summary="=档 + 对象"\nS -> A'
    play = Play(diagram(words), 档="函告", 对象="能源局")
    assert [i.name for i in play.state.items.values()] == ["处置建议：函告能源局"]
    silent = Play(diagram(words))  # null: the name alone
    assert [i.name for i in silent.state.items.values()] == ["处置建议"]
    wrong = Play(diagram("start S\nuser A name=甲 summary==1\nS -> A"))
    assert wrong.incidents == [("A", "expression_failed")]


def test_completion_merges_the_form_or_maps_it():
    plain = Play(diagram("start S\nuser A\nuser B\nS -> A -> B"))
    plain.complete("A", person="张伟", 结论="同意")
    assert plain.variables == {"结论": "同意"}
    assert plain.state.performers == {"A": ["张伟"]}
    mapped = Play(
        diagram('start S\nuser A out:复查结论="form.结论" out:谁="item.element"\nuser B\nS -> A -> B')
    )
    mapped.complete("A", 结论="合格", 其他=1)
    assert mapped.variables == {"复查结论": "合格", "谁": "A"}


def test_form_is_seen_by_outgoing_conditions():
    text = 'start S\nuser A out:x="1"\nuser B\nuser C\nS -> A\nA -> B if form.去 = "B"\nA -> C default'
    assert Play(diagram(text)).complete("A", 去="B").open == ["B"]
    assert Play(diagram(text)).complete("A", 去="C").open == ["C"]


def test_a_closed_item_is_not_open_any_more():
    play = Play(diagram("start S\nuser A\nuser B\nS -> A -> B"))
    id = play.item("A").id
    play.complete("A")
    with pytest.raises(NotOpen):
        play.do(c.CompleteItem(id))
    play.complete("B")
    with pytest.raises(NotOpen):
        play.do(c.CompleteItem(id))


def test_service_task_gives_its_inputs_and_merges_its_result():
    play = Play(
        diagram(
            'start S\nservice A topic=letter.number in:series="甲 + \\"号\\"" in:again=series\nuser B\nS -> A -> B'
        ),
        甲="督",
    )
    (job,) = play.state.jobs.values()
    assert (job.topic, job.inputs) == ("letter.number", {"series": "督号", "again": "督号"})
    play.complete("A", 文号="督1")
    assert play.trace() == ["A", "+B"]
    assert play.variables == {"甲": "督", "文号": "督1"}


def test_failed_job_is_an_incident_and_a_retry_offers_it_again():
    play = Play(
        diagram("start S\nservice A topic=x\nboundary T on=A duration=P1D\nuser B\nS -> A -> B\nT -> B")
    )
    (id,) = play.state.jobs
    play.do(c.FailJob(id, "网络不通"))
    assert play.trace() == ["JobFailed", "incident A job_failed"]
    assert not play.state.jobs
    with pytest.raises(NotOpen):
        play.do(c.CompleteJob(id))
    (incident,) = play.state.incidents
    play.do(c.RetryIncident(incident))
    assert play.trace() == ["IncidentResolved"]
    assert list(play.state.jobs) == [id]
    assert len(play.state.deadlines) == 1
    assert play.complete("A").open == ["B"]


def test_script_with_and_without_a_result_variable():
    assert (
        Play(diagram('start S\nscript A result=x do="n * 2"\nuser B\nS -> A -> B'), n=21).variables["x"] == 42
    )
    both = Play(diagram('start S\nscript A do="{甲: n, 乙: 甲 + 1}"\nuser B\nS -> A -> B'), n=1)
    assert both.variables == {"n": 1, "甲": 1, "乙": 2}
    wrong = Play(diagram('start S\nscript A do="n + 1"\nS -> A'), n=1)
    assert wrong.incidents == [("A", "expression_failed")]


def test_parameters_and_the_case_are_seen():
    package = diagram(
        'start S\nscript A do="{天: p.plan_days, 起: case.started, 号: case.id}"\nuser B\nS -> A -> B',
        {"plan_days": Decimal(7)},
    )
    assert Play(package).variables == {"天": 7, "起": MONDAY, "号": "case"}


def test_status_changes_on_entering():
    play = Play(
        diagram(
            "start S status=线索\nuser A status=待判定\nuser B status=待判定\nend E status=已归档\nS -> A -> B -> E"
        )
    )
    assert play.trace() == ["+S", "status 线索", "S", "+A", "status 待判定"]
    play.complete("A")
    assert play.trace() == ["A", "+B"]
    play.complete("B")
    assert play.state.status == "已归档"


# -- scopes --------------------------------------------------------------------------------------------


def test_subprocess_runs_inside_and_goes_on_once():
    play = Play(
        diagram(
            "start S\nsub P\n  start p\n  and f\n  user A\n  user B\n  p -> f -> A\n  f -> B\nuser Z\nS -> P -> Z"
        )
    )
    assert play.trace() == ["+S", "S", "+P", "+p", "p", "+f", "f", "+A", "+B"]
    play.complete("A")
    assert play.trace() == ["A"]
    play.complete("B")
    assert play.trace() == ["B", "P", "+Z"]


def test_names_are_written_where_they_are_known():
    play = Play(
        diagram("""
start S
sub P in:局部=1
  start p
  user A
  p -> A
user Z
S -> P -> Z
"""),
        已有=1,
    )
    play.complete("A", 局部=2, 已有=3, 新=4)
    assert play.variables == {"已有": 3, "新": 4}


CALL = """
start S
call C called=q {mapping}
user Z
S -> C -> Z
process q
  start s
  user A
  script B do="{{共有: 甲, 新: 1}}"
  s -> A -> B
"""


def test_call_activity_maps_in_and_out():
    play = Play(diagram(CALL.format(mapping='in:甲="乙 + 1" out:结果="甲 * 10"')), 乙=1, 共有=0)
    call = next(i for i in play.state.instances.values() if i.element == "C")
    assert call.variables == {"甲": 2}
    inner = next(i for i in play.state.instances.values() if i.element == "A")
    assert (inner.process, inner.scope) == ("q", call.id)
    play.complete("A", 甲=5)
    assert play.trace() == ["A", "+B", "B", "C", "+Z"]
    assert play.variables == {"乙": 1, "共有": 5, "结果": 50}


def test_call_activity_returns_all():
    play = Play(diagram(CALL.format(mapping='in:甲="1" out=all')), 乙=1)
    play.complete("A")
    assert play.variables == {"乙": 1, "甲": 1, "共有": 1, "新": 1}


def test_a_process_may_call_itself():
    play = Play(
        diagram("""
start S
xor X
call C called=main in:深="深 + 1"
user A
xor J
end E
S -> X
X -> C if 深 < 5
X -> A default
C -> J
A -> J
J -> E
"""),
        深=0,
    )
    assert play.open == ["A"]
    assert play.complete("A").state.ended == "completed"


def test_several_processes_in_one_file_and_the_one_asked_for():
    package = diagram("process a\n  start S\n  user A\n  S -> A\nprocess b\n  start T\n  user B\n  T -> B")
    assert Play(package).open == ["A"]
    from engine.calendar import Moment
    from engine.execution.advance import advance
    from engine.execution.state import State
    from tests.engine.builders import CALENDAR

    state = State()
    advance(package, state, c.StartProcess("b"), Moment(MONDAY, CALENDAR))
    assert [i.element for i in state.items.values()] == ["B"]
    with pytest.raises(NotFound):
        advance(package, State(), c.StartProcess("c"), Moment(MONDAY, CALENDAR))
    with pytest.raises(NotFound):
        advance(package, State(), c.StartProcess("a", "T"), Moment(MONDAY, CALENDAR))


# -- loops ---------------------------------------------------------------------------------------------

MANY = """
start S
user A {words}
user B
S -> A -> B
"""


def many(words, **variables):
    return Play(diagram(MANY.format(words=words)), **variables)


def test_parallel_multi_instance_gathers_results_in_order():
    play = many(
        'each=部门 as=部门名 groups="=部门名" outputCollection=意见们 outputElement="{谁: 部门名, 意见: form.意见, 第: loopCounter}"',
        部门=["能源", "住建", "消防"],
    )
    assert play.trace() == ["+S", "S", "+A", "LoopOpened", "+A", "+A", "+A"]
    assert [i.groups for i in play.state.items.values()] == [("能源",), ("住建",), ("消防",)]
    play.complete("A", nth=2, 意见="三").complete("A", nth=1, 意见="二").complete("A", 意见="一")
    assert play.trace() == ["LoopOutput", "A", "A", "+B"]
    assert [(r["谁"], r["意见"], r["第"]) for r in play.variables["意见们"]] == [
        ("能源", "一", 1),
        ("住建", "二", 2),
        ("消防", "三", 3),
    ]


def test_one_veto_ends_a_parallel_multi_instance():
    play = many(
        'each=部门 as=d until="form.意见 = \\"不同意\\"" outputCollection=意见们 outputElement="form.意见"',
        部门=["a", "b", "c"],
    )
    play.complete("A", 意见="同意")
    assert play.open == ["A", "A"]
    play.complete("A", 意见="不同意")
    assert play.trace() == ["LoopOutput", "A", "-A", "A", "+B"]
    assert play.variables["意见们"] == ["同意", "不同意"]


def test_completion_condition_counts_and_sees_the_results_so_far():
    words = 'times=4 until="nrOfCompletedInstances >= 2 and nrOfActiveInstances = 2 and nrOfInstances = 4"'
    play = many(words)
    play.complete("A")
    assert play.open == ["A"] * 3
    play.complete("A")
    assert play.open == ["B"]
    some = many(
        'times=3 until="count(results[item = true]) = 1" outputCollection=results outputElement="form.ok"'
    )
    some.complete("A", ok=False)
    some.complete("A", ok=True)
    assert some.open == ["B"]


def test_sequential_multi_instance_goes_one_by_one():
    play = many(
        'each="[10, 20, 30]" as=n sequential groups="=string(n)" outputCollection=r outputElement="n + loopCounter"'
    )
    seen = []
    while play.open == ["A"]:
        seen.append(play.item("A").groups[0])
        play.complete("A")
    assert seen == ["10", "20", "30"]
    assert play.variables["r"] == [11, 22, 33]


def test_empty_collection_passes_and_a_wrong_one_halts():
    assert many('each="[]" as=n').open == ["B"]
    assert many('each="[]" as=n outputCollection=r outputElement="n"').variables == {"r": []}
    wrong = many("each=没有 as=n")
    assert wrong.incidents == [("A", "expression_failed")]
    (id,) = wrong.state.incidents
    wrong.do(c.RetryIncident(id, {"没有": [1, 2]}))
    assert wrong.open == ["A", "A"]


def test_boundary_events_belong_to_the_whole_multi_instance():
    play = Play(
        diagram("""
start S
user A times=3
boundary T on=A duration=P1D
user B
user N
S -> A -> B
T -> N
""")
    )
    assert [d.owner for d in play.state.deadlines.values()] == [3]
    play.complete("A")
    play.wait(days=1)
    assert play.trace() == ["fire T", "-A", "-A", "-A", "+T", "T", "+N"]


def test_multi_instance_subprocess_keeps_its_own_variables():
    play = Play(
        diagram("""
start S
sub P each="[1,2]" as=n outputCollection=r outputElement="x"
  start p
  user A
  script B result=x do="n * 100 + y"
  p -> A -> B
user Z
S -> P -> Z
""")
    )
    play.complete("A", nth=1, y=2)
    play.complete("A", y=1)
    assert play.variables == {"r": [101, 202]}


def test_standard_loop():
    after = Play(diagram('start S\nuser A while="form.再来 = true"\nuser B\nS -> A -> B'))
    after.complete("A", 再来=True).complete("A", 再来=True)
    assert after.open == ["A"]
    assert after.complete("A", 再来=False).open == ["B"]
    before = 'start S\nscript A result=n do="n + 1" while="n < 3" before\nuser B\nS -> A -> B'
    assert Play(diagram(before), n=0).variables == {"n": 3}
    assert Play(diagram(before), n=5).variables == {"n": 5}
    most = Play(diagram('start S\nscript A result=n do="loopCounter" most=4\nuser B\nS -> A -> B'))
    assert most.variables == {"n": 4}


def test_a_long_sequential_loop_of_scripts_is_no_recursion():
    play = Play(
        diagram('start S\nscript A result=n do="loopCounter" times=400 sequential\nuser B\nS -> A -> B')
    )
    assert play.variables == {"n": 400}


# -- incidents on the way out --------------------------------------------------------------------------


def test_what_a_person_did_stands_when_the_way_out_fails():
    play = Play(
        diagram("start S\nuser A\nxor X\nuser B\nuser C\nS -> A -> X\nX -> B if 去 = 1\nX -> C if 去 = 2")
    )
    play.complete("A", 去=3)
    assert play.trace() == ["A", "+X", "incident X no_flow_matches"]
    assert play.variables == {"去": 3}
    here = Play(diagram('start S\nuser A out:n="n + 1"\nuser B\nS -> A\nA -> B if form.去 = 1'), n=0)
    here.complete("A", person="张伟", 去=3)
    assert here.trace() == ["incident A no_flow_matches"]
    assert here.state.performers == {"A": ["张伟"]}
    assert here.variables == {"n": 0}
    (id,) = here.state.incidents
    here.do(c.RetryIncident(id, {"去": 1}))
    assert here.trace() == ["IncidentResolved", "A", "+B"]
    assert here.variables["n"] == 1  # written once


def test_a_boundary_event_that_cannot_be_armed_does_not_stop_the_work():
    play = Play(diagram("start S\nuser A\nboundary T on=A date==到期\nuser B\nS -> A -> B\nT -> B"))
    assert play.open == ["A"]
    assert play.incidents == [("T", "expression_failed")]
    (id,) = play.state.incidents
    play.do(c.RetryIncident(id, {"到期": "2026-10-10"}))
    assert play.trace() == ["IncidentResolved", "wait T"]
    play.complete("A")
    assert play.trace() == ["drop T", "A", "+B"]


def test_an_input_that_fails_halts_before_the_work_and_is_asked_again():
    play = Play(
        diagram('start S\nservice A topic=x in:d="workdays(起, 1)"\nuser B\nS -> A -> B'), 起="2031-01-01"
    )
    assert play.incidents == [("A", "calendar_unknown")]
    assert not play.state.jobs
    (id,) = play.state.incidents
    play.do(c.RetryIncident(id, {"起": "2026-09-28"}))
    (job,) = play.state.jobs.values()
    assert job.inputs == {"d": datetime(2026, 9, 29, 10, 0, tzinfo=UTC)}


def test_ids_are_never_given_twice():
    play = Play(diagram(MANY.format(words="times=3")))
    play.complete("A").complete("A").complete("A").complete("B")
    ids = [x.id for x in play.facts if isinstance(x, f.ElementEntered | f.DeadlineSet | f.Subscribed)]
    assert len(ids) == len(set(ids))


def test_variables_all_are_copied_into_the_call_and_stay_there():
    play = Play(diagram(CALL.format(mapping="in=all")), 甲=1, 共有=0)
    play.complete("A", 甲=7)
    assert play.variables == {"甲": 1, "共有": 0}


def test_new_names_of_event_subprocesses():
    text = """
start S
user A
eventsub H
  start h message=m {word}
  user N
  script Q result=x do="1"
  h -> N -> Q
S -> A
"""
    beside = Play(diagram(text.format(word="interrupting=false"))).message("m").complete("N", 新=1)
    assert beside.variables == {}
    instead = Play(diagram(text.format(word=""))).message("m").complete("N", 新=1)
    assert instead.variables == {"新": 1, "x": 1}

"""Ad-hoc subprocesses: what begins, in which order, and when it is over (BPMN 2.0.2, 10.3.5 and 13.3.5)."""

from engine import commands as c
from tests.engine.builders import Play, diagram

PARALLEL = """
start S
adhoc H
  user A
  user B
  user C
  B -> C
user Z
S -> H -> Z
"""


def test_all_without_an_incoming_flow_begin_at_once_and_each_once():
    play = Play(diagram(PARALLEL))
    assert play.open == ["A", "B"]
    play.complete("B")
    assert play.open == ["A", "C"]
    play.complete("A").complete("C")
    assert play.trace() == ["C", "H", "+Z"]
    assert play.again() == play.facts


SEQUENTIAL = PARALLEL.replace("adhoc H", "adhoc H sequential").replace("  B -> C\n", "")


def test_in_sequence_one_begins_after_the_other_as_drawn():
    play = Play(diagram(SEQUENTIAL))
    for one in "ABC":
        assert play.open == [one]
        play.complete(one)
    assert play.open == ["Z"]
    assert play.again() == play.facts


def test_in_sequence_what_follows_by_a_flow_comes_before_the_next():
    play = Play(diagram(SEQUENTIAL.replace("  user C\n", "  user C\n  A -> C\n")))
    for one in "ACB":
        assert play.open == [one]
        play.complete(one)
    assert play.open == ["Z"]


def test_the_condition_ends_it_and_cancels_the_others():
    play = Play(diagram(PARALLEL.replace("adhoc H", 'adhoc H until="够了 = true"')))
    play.complete("A", 够了=True)
    assert play.trace() == ["A", "-B", "ActivitiesEnabled", "H", "+Z"]


def test_the_condition_sees_the_answer_and_is_asked_after_every_activity():
    play = Play(
        diagram(
            PARALLEL.replace(
                "adhoc H", 'adhoc H until="form.意见 = null or 意见 = &quot;同意&quot;"'
            ).replace("&quot;", '\\"')
        )
    )
    play.complete("B", 意见="再议")
    assert play.open == ["A", "C"]
    play.complete("C", 意见="同意")
    assert play.open == ["Z"]


def test_what_runs_is_finished_where_it_is_not_to_be_cancelled():
    play = Play(diagram(PARALLEL.replace("adhoc H", 'adhoc H keep until="够了 = true"')))
    play.complete("A", 够了=True)
    assert play.open == ["B"]
    play.complete("B")
    assert play.trace() == ["B", "H", "+Z"], "nothing begins any more, not even what follows by a flow"
    assert play.again() == play.facts


def test_in_sequence_the_condition_leaves_the_rest_out():
    play = Play(diagram(SEQUENTIAL.replace("sequential", 'sequential keep until="n >= 2"')), n=0)
    play.complete("A", n=1)
    assert play.open == ["B"]
    play.complete("B", n=2)
    assert play.trace() == ["B", "ActivitiesEnabled", "H", "+Z"]


def test_automatic_activities_end_it_before_the_others_begin():
    text = """
start S
adhoc H until="n >= 2"
  script A result=n do="n + 1"
  script B result=n do="n + 1"
  script C result=n do="n + 1"
end E
S -> H -> E
"""
    play = Play(diagram(text), n=0)
    assert play.trace() == [
        "+S",
        "S",
        "+H",
        "+A",
        "A",
        "+B",
        "B",
        "ActivitiesEnabled",
        "H",
        "+E",
        "E",
        "end E",
    ]


def test_a_failing_condition_halts_the_activity_and_is_asked_again():
    play = Play(diagram(PARALLEL.replace("adhoc H", 'adhoc H until="if 门槛 = null then 1 else 门槛 > 1"')))
    play.complete("A")
    assert play.incidents == [("A", "expression_failed")]
    play.do(c.RetryIncident(next(iter(play.state.incidents)), {"门槛": 2}))
    assert play.trace() == ["IncidentResolved", "A", "-B", "ActivitiesEnabled", "H", "+Z"]


def test_a_boundary_event_stops_all_of_it():
    play = Play(diagram(PARALLEL + "boundary T on=H duration=P1D\nuser Y\nT -> Y\n")).wait(days=1)
    assert play.open == ["Y"]


def test_it_may_go_round_and_lie_in_another():
    text = """
start S
adhoc H each=[1,2]
  user A
  adhoc K sequential until="loopCounter = 1 and n = 1"
    user B
    user C
user Z
S -> H -> Z
"""
    play = Play(diagram(text), n=0)
    assert play.open == ["A", "A", "B", "B"]
    play.complete("B", n=1)
    assert play.open == ["A", "A", "B"], "the first round's inner one is over"
    play.complete("B").complete("A").complete("A")
    assert play.open == ["C"]
    assert play.complete("C").open == ["Z"]


def test_events_and_gateways_inside_begin_too():
    text = """
start S
adhoc H
  user A
  catch W message=到了
  user B
  W -> B
user Z
S -> H -> Z
"""
    play = Play(diagram(text)).complete("A")
    assert play.open == []
    assert play.message("到了").open == ["B"]
    assert play.complete("B").open == ["Z"]


def test_a_return_inside_is_possible():
    text = PARALLEL.replace("  user C\n", "  user C returnTo=B\n")
    play = Play(diagram(text)).complete("B")
    play.do(c.MoveItem(play.item("C").id, "B", "缺材料", "p", "u"))
    assert play.open == ["A", "B"]


def test_an_error_inside_is_caught_at_its_border():
    text = """
start S
adhoc H
  user A
  service B topic=t
boundary X on=H error=坏
user Y
S -> H
X -> Y
"""
    play = Play(diagram(text))
    play.do(c.ThrowError(next(iter(play.state.jobs)), "坏", "", {}))
    assert play.open == ["Y"]


def test_what_should_not_be_drawn_inside_is_borne():
    """The standard forbids start and end events inside (`duban check` says so); they do no harm."""
    text = """
start S
adhoc H
  start B
  user A
  end X
  user C
  B -> A -> X
user Z
S -> H -> Z
"""
    play = Play(diagram(text))
    assert play.open == ["C", "A"]
    assert play.complete("A").complete("C").open == ["Z"]


def test_an_empty_one_is_passed():
    assert Play(diagram("start S\nadhoc H\nuser Z\nS -> H -> Z")).open == ["Z"]
    assert Play(diagram("start S\nadhoc H sequential\nuser Z\nS -> H -> Z")).open == ["Z"]


def test_an_event_subprocess_that_interrupts_leaves_nothing_to_begin():
    text = """
start S
adhoc H sequential
  user A
  user B
  eventsub X
    start XS message=停
    user Y
    XS -> Y
user Z
S -> H -> Z
"""
    play = Play(diagram(text)).message("停")
    assert play.open == ["Y"]
    assert play.complete("Y").open == ["Z"]
    beside = Play(diagram(text.replace("message=停", "message=停 interrupting=false"))).message("停")
    assert beside.open == ["A", "Y"]
    beside.complete("A")
    assert beside.open == ["Y", "B"], "what runs beside is no activity of the sequence"
    beside.complete("B")
    assert beside.open == ["Y"]
    assert beside.complete("Y").open == ["Z"]


def test_an_event_subprocess_beside_is_no_activity_that_could_end_it():
    text = """
start S
adhoc H until="true"
  user A
  user B
  eventsub X
    start XS message=插话 interrupting=false
    user Y
    XS -> Y
user Z
S -> H -> Z
"""
    play = Play(diagram(text)).message("插话").complete("Y")
    assert play.open == ["A", "B"]
    assert play.complete("A").open == ["Z"]

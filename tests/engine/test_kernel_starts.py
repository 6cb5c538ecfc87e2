"""How cases and subprocesses begin (BPMN 2.0.2, 10.5.2, 13.2, 13.5.1): with and without start events, by what is heard."""

import pytest

from engine import commands as c
from engine.definitions import bpmn
from engine.definitions.compile import compile_diagram
from engine.errors import NotAllowed, NotFound
from engine.execution.play import Playing
from tests.engine.builders import CALENDAR, MONDAY, Play, diagram, xml


def elements(rows):
    return [row["element"] for row in rows if row["kind"] == "ElementCompleted"]


def played(text: str, **options):
    package, findings = compile_diagram(xml(text), "图.bpmn")
    assert package is not None, findings
    playing = Playing(package, MONDAY, CALENDAR, **options)
    return elements(playing.run()), playing.outcome


# -- without start events ------------------------------------------------------------------------------


def test_without_a_start_event_everything_begins_that_no_flow_comes_to():
    play = Play(
        diagram("""
user A
user B
user C
boundary T on=A duration=P1D
user N
eventsub H
  start h message=停 interrupting=false
  user K
  h -> K
A -> C
T -> N
""")
    )
    assert play.open == ["A", "B"]
    play.complete("A").complete("B")
    assert play.open == ["C"]
    assert play.complete("C").state.ended


def test_a_subprocess_without_a_start_event():
    play = Play(
        diagram("""
start S
sub P
  user A
  sub Q
    user B
    user C
  end E
  A -> E
user Z
S -> P -> Z
""")
    )
    assert play.open == ["A", "B", "C"]
    play.complete("A").complete("B")
    assert play.open == ["C"]
    assert play.complete("C").open == ["Z"]


def test_what_undoes_an_activity_begins_nothing():
    data = xml("user A\nuser B").replace(b'id="B"', b'id="B" isForCompensation="true"')
    (process,) = bpmn.read(data, "a.bpmn")[0].values()
    assert process.implicit == ("A",)


def test_a_link_target_begins_nothing_by_itself():
    play = Play(diagram("user A\nthrow L link=x\ncatch M link=x\nuser B\nA -> L\nM -> B"))
    assert play.open == ["A"]
    assert play.complete("A").open == ["B"]


def test_an_empty_subprocess_is_passed():
    package = compile_diagram(xml("start S\nsub P\nend E\nS -> P -> E"), "图.bpmn")[0]
    assert package is not None
    play = Play(package)
    assert play.state.ended == "completed"


def test_a_called_process_without_a_start_event():
    play = Play(
        diagram("""
start S
call C called=q
user Z
S -> C -> Z
process q
  user A
  user B
""")
    )
    assert play.open == ["A", "B"]
    assert play.complete("A").complete("B").open == ["Z"]


def test_terminate_among_what_begins_at_once():
    play = Play(diagram("start S\nsub P\n  end X terminate\n  user A\nuser Z\nS -> P -> Z"))
    assert play.open == ["Z"]


# -- several starts ------------------------------------------------------------------------------------

SEVERAL = """
start S1
start S2
start M message=来函
start C condition="数 > 5"
start T duration=P2D
user A
user B
user X
user Y
user Z
S1 -> A
S2 -> B
M -> X
C -> Y
T -> Z
"""


def test_each_start_is_a_way_to_begin():
    package = diagram(SEVERAL)
    for start, open_now in (("S1", "A"), ("S2", "B"), ("M", "X"), ("T", "Z")):
        assert Play(package, start=start).open == [open_now]
    assert Play(package, start="C", 数=6).open == ["Y"]
    with pytest.raises(NotFound):
        Play(package)


def test_a_conditional_start_looks_at_what_the_case_begins_with():
    with pytest.raises(NotAllowed, match="数 > 5"):
        Play(diagram(SEVERAL), start="C", 数=5)
    with pytest.raises(NotAllowed):
        Play(diagram(SEVERAL), start="C")


def test_a_call_begins_at_the_first_plain_start():
    text = "start S\ncall C called=q\nS -> C\nprocess q\n  start m message=x\n  start a\n  start b\n  user A\n  user B\n  user M\n"
    play = Play(diagram(text + "  m -> M\n  a -> A\n  b -> B\n"))
    assert play.open == ["A"]


def test_play_begins_where_it_is_told_or_at_what_it_hears():
    assert played(SEVERAL) == (["S1", "A"], "completed")
    assert played(SEVERAL, start="S2") == (["S2", "B"], "completed")
    assert played(SEVERAL, start="T") == (["T", "Z"], "completed")
    assert played(SEVERAL, messages=[("来函", {})]) == (["M", "X"], "completed")
    assert played(SEVERAL, start="C", variables={"数": 9}) == (["C", "Y"], "completed")
    with pytest.raises(NotFound):
        played(SEVERAL, start="别处")


def test_play_begins_by_a_condition_that_holds_or_the_earliest_timer():
    text = """
start C condition="数 > 5"
start T duration=P2D
start U duration=P1D
task X
task Y
task Z
C -> X
T -> Y
U -> Z
"""
    assert played(text, variables={"数": 6}) == (["C", "X"], "completed")
    assert played(text, variables={"数": 1}) == (["U", "Z"], "completed")
    with pytest.raises(NotFound):
        played("start C condition=好\ntask A\nC -> A")


# -- multiple starts -----------------------------------------------------------------------------------

MULTIPLE = "start S message=甲 signal=乙 condition=好{parallel}\ntask A\nS -> A"


def test_any_trigger_of_a_multiple_start_begins_the_case():
    text = MULTIPLE.format(parallel="")
    assert played(text, messages=[("甲", {})]) == (["S", "A"], "completed")
    assert played(text, signals=[("乙", {})]) == (["S", "A"], "completed")
    assert played(text, variables={"好": True}) == (["S", "A"], "completed")
    with pytest.raises(NotFound):
        played(text)


def test_all_triggers_of_a_parallel_multiple_start_begin_the_case():
    text = MULTIPLE.format(parallel=" parallel")
    everything = {"messages": [("甲", {"x": 1})], "signals": [("乙", {})], "variables": {"好": True}}
    assert played(text, **everything) == (["S", "A"], "completed")
    for missing in everything:
        with pytest.raises(NotFound):
            played(text, **{**everything, missing: {} if missing == "variables" else []})


def test_a_parallel_multiple_start_that_one_trigger_has_begun_waits_for_the_rest():
    package = diagram("start S message=甲 signal=乙 duration=PT1H parallel\nuser A\nS -> A")
    assert Play(package, start="S").open == ["A"]  # whoever begins it has seen to all
    play = Play.begun(package, c.StartProcess("", "S", {"数": 1}, part=0))
    assert play.open == [] and play.state.instances[2].came == {"S": {"0": {"数": 1}}}
    play.message("甲", 数=2).signal("乙", 人="乙")
    assert play.open == []
    play.wait(hours=1)
    assert play.open == ["A"] and play.variables == {"数": 1, "人": "乙"}


# -- receive tasks and event gateways that begin a case ------------------------------------------------

RECEIVE = """
receive R message=甲 instantiate
receive Q message=乙 instantiate
user A
user B
R -> A
Q -> B
"""


def test_a_receive_task_begins_a_case():
    assert played(RECEIVE, messages=[("甲", {})]) == (["R", "A"], "completed")
    assert played(RECEIVE, messages=[("乙", {})]) == (["Q", "B"], "completed")
    with pytest.raises(NotFound):
        played(RECEIVE)
    play = Play(diagram(RECEIVE), start="R", 数=1)
    assert play.trace() == ["+R", "R", "+A"] and play.variables == {"数": 1}


def test_what_no_flow_comes_to_begins_beside_a_receive_task():
    play = Play(diagram(RECEIVE + "user N\n"), start="R")
    assert play.open == ["A", "N"]


GATEWAY = """
event G instantiate{together}
catch M message=甲
catch N message=乙
catch K signal=丙
user A
user B
user C
end E
G -> M -> A -> E
G -> N -> B -> E
G -> K -> C -> E
"""


@pytest.mark.parametrize(("start", "item"), [("M", "A"), ("N", "B"), ("K", "C")])
def test_the_first_event_after_a_gateway_begins_the_case(start, item):
    play = Play(diagram(GATEWAY.format(together="")), start=start)
    assert play.trace()[:4] == ["+G", "G", f"+{start}", start]
    assert play.open == [item] and not play.state.subscriptions


def test_after_a_parallel_gateway_the_others_still_have_to_come():
    play = Play(diagram(GATEWAY.format(together=" together")), start="N")
    assert play.open == ["B"]
    play.complete("B")
    assert not play.state.ended
    play.message("甲").signal("丙")
    assert play.open == ["A", "C"]
    assert play.complete("A").complete("C").state.ended


def test_play_begins_at_a_gateway_by_what_it_hears():
    text = GATEWAY.format(together="")
    assert played(text, messages=[("乙", {})]) == (["G", "N", "B", "E"], "completed")
    assert played(text, signals=[("丙", {})]) == (["G", "K", "C", "E"], "completed")
    with pytest.raises(NotFound):
        played(text)
    text = GATEWAY.format(together=" together")
    assert played(text, messages=[("乙", {})])[1] == "waiting"
    found, outcome = played(text, messages=[("乙", {}), ("甲", {})], signals=[("丙", {})])
    assert outcome == "completed" and found[:2] == ["G", "M"] or found[:2] == ["G", "N"]


def test_a_parallel_multiple_event_after_a_gateway_collects_before_it_wins():
    text = """
event G instantiate
catch M message=甲 signal=丙 parallel
catch N message=乙
user A
user B
G -> M -> A
G -> N -> B
"""
    package = diagram(text)
    play = Play(package, start="N")
    assert play.open == ["B"]
    play = Play.begun(package, c.StartProcess("", "M", {}, part=0))
    assert play.open == [] and play.signal("丙").open == ["A"]
    play = Play.begun(package, c.StartProcess("", "M", {}, part=0))
    assert play.message("乙").open == ["B"]


def test_a_case_that_hears_beside_its_scope_s_event_subprocess():
    play = Play(
        diagram("""
receive R message=甲 instantiate
user A
eventsub H
  start h message=甲 interrupting=false
  user N
  h -> N
R -> A
"""),
        start="R",
    )
    assert play.open == ["A"]
    assert play.message("甲").open == ["A", "N"]


def test_a_start_that_could_not_wait_for_the_rest_is_tried_again():
    package = diagram('start S message=甲 duration="=等待" parallel\nuser A\nS -> A')
    play = Play.begun(package, c.StartProcess("", "S", {}, part=0))
    assert play.incidents == [("S", "expression_failed")] and play.open == []
    play.do(c.RetryIncident(next(iter(play.state.incidents)), {"等待": "PT1H"}))
    assert play.open == [] and not play.incidents
    assert play.wait(hours=1).open == ["A"]

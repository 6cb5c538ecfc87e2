"""Gateways, implicit forks and joins, conditional and default flows."""

import pytest

from engine import commands as c
from engine.errors import StepBudgetExceeded
from tests.engine.builders import Play, diagram


def test_sequence_runs_to_its_end():
    play = Play(diagram("start S\ntask A\nend E\nS -> A -> E"))
    assert play.trace() == ["+S", "S", "+A", "A", "+E", "E", "end E"]
    assert play.state.ended == "completed"


EXCLUSIVE = """
start S
xor X
user A
user B
user C
S -> X
X -> A if n > 10
X -> B if n > 5
X -> C default
"""


@pytest.mark.parametrize(("n", "taken"), [(11, "A"), (6, "B"), (1, "C"), (None, "C")])
def test_exclusive_takes_the_first_true_flow_or_the_default(n, taken):
    assert Play(diagram(EXCLUSIVE), n=n).open == [taken]


def test_exclusive_without_a_way_out_halts_and_retries_with_corrected_variables():
    play = Play(diagram(EXCLUSIVE.replace("X -> C default", "X -> C if n < 0")), n=1)
    assert play.trace() == ["+S", "S", "+X", "incident X no_flow_matches"]
    (incident,) = play.state.incidents
    play.do(c.RetryIncident(incident, {"n": 7}))
    assert play.trace() == ["IncidentResolved", "X", "+B"]
    assert play.variables == {"n": 7}


def test_a_condition_that_is_no_boolean_is_an_incident():
    play = Play(diagram(EXCLUSIVE.replace("n > 10", "n + 1")), n=1)
    assert play.incidents == [("X", "expression_failed")]


PARALLEL = """
start S
and F
user A
user B
and J
end E
S -> F -> A -> J -> E
F -> B -> J
"""


@pytest.mark.parametrize("order", [("A", "B"), ("B", "A")])
def test_parallel_join_waits_for_every_branch(order):
    play = Play(diagram(PARALLEL))
    assert play.trace() == ["+S", "S", "+F", "F", "+A", "+B"]
    play.complete(order[0])
    assert play.trace() == [order[0]]
    assert play.state.instances[1].arrivals == {"J": [(f"{order[0]}-J", 0, 0)]}
    play.complete(order[1])
    assert play.trace() == [order[1], "+J", "J", "+E", "E", "end E"]


def test_parallel_join_takes_one_token_of_each_flow():
    play = Play(
        diagram("""
start S
task K
and F
user A
user B
and J
user C
S -> K
S -> K
K -> F -> A -> J -> C
F -> B -> J
""")
    )
    assert play.open == ["A", "B", "A", "B"]
    play.complete("A").complete("A")
    assert "C" not in play.open
    play.complete("B")
    assert play.open == ["B", "C"]
    play.complete("B")
    assert play.open == ["C", "C"]


def test_several_flows_without_a_gateway_fork_by_condition_and_never_join():
    text = """
start S
task K
user A
user B
user C
task M
user Z
S -> K
K -> A if a
K -> B if b
K -> C default
A -> M
B -> M
C -> M
M -> Z
"""
    play = Play(diagram(text), a=True, b=True)
    assert play.open == ["A", "B"]
    play.complete("A").complete("B")
    assert play.open == ["Z", "Z"]
    play.complete("Z").complete("Z")
    assert play.state.ended == "completed"
    assert Play(diagram(text), a=True, b=False).open == ["A"]
    assert Play(diagram(text), a=False, b=False).open == ["C"]
    halted = Play(diagram(text.replace("K -> C default", "K -> C if false")), a=False, b=False)
    assert halted.incidents == [("K", "no_flow_matches")]


INCLUSIVE = """
start S
or F
user A
user B
user C
or J
end E
S -> F
F -> A if a
F -> B if b
F -> C default
A -> J -> E
B -> J
C -> J
"""


@pytest.mark.parametrize(
    ("a", "b", "taken"),
    [(True, True, ["A", "B"]), (True, False, ["A"]), (False, True, ["B"]), (False, False, ["C"])],
)
def test_inclusive_joins_exactly_the_branches_taken(a, b, taken):
    play = Play(diagram(INCLUSIVE), a=a, b=b)
    assert play.open == taken
    for index, element in enumerate(taken):
        assert not play.state.ended, index
        play.complete(element)
    assert play.trace() == [taken[-1], "+J", "J", "+E", "E", "end E"]


def test_inclusive_join_waits_for_a_token_that_can_come_by_a_longer_way():
    play = Play(
        diagram("""
start S
or F
user A
user B
user B2
xor X
or J
user Z
end D
S -> F
F -> A if true
F -> B if true
A -> J -> Z
B -> X
X -> B2 if on
X -> D default
B2 -> J
"""),
        on=False,
    )
    play.complete("A")
    assert play.open == ["B"]
    play.complete("B")
    assert play.trace() == ["B", "+X", "X", "+D", "D", "+J", "J", "+Z"]


def test_inclusive_join_waits_for_a_boundary_event_s_way():
    play = Play(
        diagram("""
start S
or F
user A
user B
boundary T on=B duration=P1D
or J
user Z
end E
S -> F
F -> A if true
F -> B if true
A -> J
B -> E
T -> J -> Z
""")
    )
    play.complete("A")
    assert play.open == ["B"]
    play.wait(days=1)
    assert play.open == ["Z"]


def test_inclusive_join_inside_a_loop():
    play = Play(
        diagram("""
start S
xor L
or F
user A
user B
or J
user R
xor X
end E
S -> L -> F
F -> A if true
F -> B if true
A -> J -> R -> X
B -> J
X -> L if again
X -> E default
""")
    )
    for _ in range(3):
        play.complete("A")
        assert play.open == ["B"]
        play.complete("B")
        assert play.open == ["R"]
        play.complete("R", again=True)
        assert play.open == ["A", "B"]
    play.complete("B").complete("A").complete("R", again=False)
    assert play.state.ended == "completed"


def test_inclusive_joins_that_wait_only_for_each_other_are_freed():
    play = Play(
        diagram("""
start S
and F
or J
or K
xor X
xor Y
user A
user B
end E
end D
S -> F -> J
F -> K
J -> A -> X
K -> B -> Y
X -> K if x
X -> E default
Y -> J if y
Y -> D default
"""),
        x=False,
        y=False,
    )
    play.complete("A")
    assert play.open == ["B"]
    play.complete("B")
    assert play.state.ended == "completed"


EVENT_GATEWAY = """
start S
event G
catch T duration=P3D
catch M message=回复 correlationKey="=编号"
receive R message=撤回
user A
user B
user C
S -> G -> T -> A
G -> M -> B
G -> R -> C
"""


def test_event_gateway_goes_with_the_first_event_and_drops_the_others():
    play = Play(diagram(EVENT_GATEWAY), 编号="7")
    assert play.trace() == ["+S", "S", "+G", "wait T", "wait M", "wait R"]
    assert play.message("回复", "8").new == []
    play.message("回复", "7", 意见="同意")
    assert play.trace() == ["fire M", "drop T", "drop M", "drop R", "G", "+M", "M", "+B"]
    assert play.variables == {"编号": "7", "意见": "同意"}
    late = Play(diagram(EVENT_GATEWAY), 编号="7").wait(days=3)
    assert late.trace() == ["fire T", "drop M", "drop R", "G", "+T", "T", "+A"]
    assert Play(diagram(EVENT_GATEWAY), 编号="7").message("撤回").open == ["C"]


def test_a_loop_without_a_place_to_wait_is_refused():
    with pytest.raises(StepBudgetExceeded):
        Play(diagram("start S\nxor X\ntask A\nend E\nS -> X -> A\nA -> X if true\nA -> E default"))

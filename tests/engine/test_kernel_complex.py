"""Complex gateways: activation, the wait for reset, and what is sent in either phase (BPMN 2.0.2, 13.4.5)."""

import pytest

from engine import commands as c
from engine.audit.ledger import Entry
from engine.audit.sentences import timeline
from engine.calendar import Moment
from engine.execution.explain import explain
from tests.engine.builders import CALENDAR, Play, diagram

TWO_OF_THREE = """
start S
and F
user A
user B
user C
complex J when="activationCount >= 2"
user Z
end E
S -> F
F -> A -> J
F -> B -> J
F -> C -> J
J -> Z -> E
"""


def test_a_partial_join_begins_with_the_second_of_three():
    play = Play(diagram(TWO_OF_THREE)).complete("A")
    assert play.trace() == ["A"]
    play.complete("C")
    assert play.trace() == ["C", "+J", "GatewayActivated", "J", "+Z"]
    assert play.state.instances[1].activated == {"J": ["A-J", "C-J"]}


def test_the_late_token_resets_and_nothing_is_sent_again():
    play = Play(diagram(TWO_OF_THREE)).complete("A").complete("B").complete("C")
    assert play.trace() == ["C", "GatewayReset"]
    assert play.state.instances[1].activated is None
    assert play.open == ["Z"]
    play.complete("Z")
    assert play.state.ended == "completed"


def test_the_case_ends_only_when_the_late_token_has_come():
    play = Play(diagram(TWO_OF_THREE)).complete("A").complete("B").complete("Z")
    assert play.state.ended == ""
    play.complete("C")
    assert play.trace() == ["C", "GatewayReset", "end E"]


def test_what_it_waits_for_is_said():
    play = Play(diagram(TWO_OF_THREE.replace("user C", "user C name=复核"))).complete("A").complete("B")
    said = [str(one) for one in explain(play.package, play.state, Moment(play.now, CALENDAR))]
    assert "复杂网关已凭 2 路放行，等“复核”有了结果才复位。" in said


ROUNDS = """
start S
xor L
and F
user A
user B
complex J when="activationCount >= 1"
user Z
xor X
end E
S -> L -> F
F -> A -> J
F -> B -> J
J -> Z -> X
X -> L if 再来
X -> E default
"""


def test_a_blocking_discriminator_begins_anew_only_after_its_reset():
    """WCP-28: in a loop the second round's tokens wait until the first round's have all come."""
    play = Play(diagram(ROUNDS), 再来=True).complete("A").complete("Z", 再来=True)
    assert play.open == ["B", "A", "B"]
    play.complete("A")
    assert play.trace() == ["A"], "the gateway still waits for the first round's B"
    play.complete("B")
    assert play.trace() == ["B", "GatewayReset", "+J", "GatewayActivated", "J", "+Z"]
    play.complete("B")
    assert play.trace() == ["B", "GatewayReset"]
    play.complete("Z", 再来=False)
    assert play.trace()[-1] == "end E"


def test_a_reset_without_late_tokens_sends_nothing_whatever_the_conditions():
    play = Play(
        diagram("""
start S
and F
user A
user B
xor X
complex J when="activationCount >= 1"
user Y
task Q
end E
S -> F
F -> A -> J
F -> B -> X
X -> J if 来
X -> E default
J -> Y if waitingForStart
J -> Q default
""")
    )
    assert play.complete("A").open == ["B", "Y"]
    assert play.complete("B", 来=False).trace() == ["B", "+X", "X", "+E", "E", "GatewayReset"]
    assert play.complete("Y").state.ended == "completed"


def test_a_token_held_at_another_join_may_still_come():
    """K waits for C's token for ever; as long as one stands there, J does not begin anew."""
    play = Play(
        diagram("""
start S
and F
user A
user B
user C
xor X
and K
complex J when="activationCount >= 1"
task Y
end E
S -> F
F -> A -> J
F -> B -> K
F -> C -> X
X -> K if 来
X -> E default
K -> J
J -> Y
""")
    )
    play.complete("A").complete("B").complete("C", 来=False)
    assert play.state.instances[1].activated == {"J": ["A-J"]}
    assert play.state.ended == ""


PHASES = """
start S
and F
user A
user B
user C
complex J when="activationCount >= 1"
task Y
task Z
task Q
F -> A -> J
F -> B -> J
F -> C -> J
S -> F
J -> Y if waitingForStart
J -> Z if not(waitingForStart) and activationCount = 2
J -> Q default
"""


def test_conditions_see_the_phase_and_the_tokens_taken():
    play = Play(diagram(PHASES)).complete("A")
    assert play.trace() == ["A", "+J", "GatewayActivated", "J", "+Y", "Y"]
    play.complete("B")
    assert play.trace() == ["B"]
    play.complete("C")
    assert play.trace() == ["C", "+J", "GatewayReset", "J", "+Z", "Z", "end "]


def test_the_default_flow_is_taken_in_either_phase():
    text = PHASES.replace("activationCount = 2", "activationCount = 9")
    play = Play(diagram(text)).complete("A").complete("B").complete("C")
    assert play.trace() == ["C", "+J", "GatewayReset", "J", "+Q", "Q", "end "]


def test_no_way_out_halts_when_it_begins_but_not_when_it_resets():
    text = PHASES.replace("J -> Q default\n", "").replace("task Q\n", "")
    play = Play(diagram(text.replace("J -> Y if waitingForStart", "J -> Y if 通过"))).complete("A")
    assert play.incidents == [("J", "no_flow_matches")]
    play.do(c.RetryIncident(next(iter(play.state.incidents)), {"通过": True}))
    assert play.trace() == ["IncidentResolved", "J", "+Y", "Y"]
    play = (
        Play(diagram(text.replace("activationCount = 2", "false"))).complete("A").complete("B").complete("C")
    )
    assert play.trace() == ["C", "+J", "GatewayReset", "J", "end "]


def test_tokens_are_counted_by_flow():
    text = """
start S
and F
user A
user B
complex J when="`A-J` >= 2 or `B-J` >= 1"
user Z
S -> F
F -> A -> J
F -> A
F -> B -> J
J -> Z
"""
    play = Play(diagram(text)).complete("A")
    assert "Z" not in play.open
    play.complete("A")
    assert "Z" in play.open
    assert play.state.instances[1].arrivals == {"J": [("A-J", 0, 0)]}, "one token of each flow is taken"
    assert Play(diagram(text)).complete("B").open == ["A", "A", "Z"]


def test_a_flow_may_be_counted_by_its_name_where_no_variable_has_it():
    text = TWO_OF_THREE.replace("activationCount >= 2", "县里 + 市里 >= 2")
    text = text.replace("F -> A -> J", "F -> A\nA -> J as 县里").replace(
        "F -> B -> J", "F -> B\nB -> J as 市里"
    )
    assert Play(diagram(text)).complete("A").complete("B").open == ["C", "Z"]
    assert Play(diagram(text), 县里=5, 市里=0).complete("C").open == ["A", "B", "Z"]


def test_the_condition_may_come_to_hold_by_data():
    """It is looked at again whenever something has changed, not only when a token comes."""
    text = TWO_OF_THREE.replace("activationCount >= 2", "放行 = true") + "user 批准\nF -> 批准 -> E\n"
    play = Play(diagram(text), 放行=False).complete("A").complete("B")
    assert "Z" not in play.open
    play.complete("批准", 放行=True)
    assert play.trace() == ["批准", "+E", "E", "+J", "GatewayActivated", "J", "+Z"]


def test_a_condition_that_fails_halts_once_and_can_be_retried():
    text = TWO_OF_THREE.replace("activationCount >= 2", "if 门槛 = null then 1 else activationCount >= 门槛")
    play = Play(diagram(text)).complete("A").complete("B")
    assert play.incidents == [("J", "expression_failed")]
    play.do(c.RetryIncident(next(iter(play.state.incidents)), {"门槛": 2}))
    assert play.trace() == ["IncidentResolved", "+J", "GatewayActivated", "J", "+Z"]


@pytest.mark.parametrize("chosen", ["A", "B", "C", "AB", "ABC"])
def test_without_a_condition_it_joins_what_can_come(chosen):
    text = """
start S
complex F
user A
user B
user C
complex J
user Z
S -> F
F -> A if a
F -> B if b
F -> C default
A -> J
B -> J
C -> J
J -> Z
"""
    text = text.replace("F -> C default", "F -> C if c")
    play = Play(diagram(text), **{k: k.upper() in chosen for k in "abc"})
    assert play.open == list(chosen)
    for one in chosen:
        assert "Z" not in play.open
        play.complete(one)
    assert play.open == ["Z"]


def test_what_cannot_come_any_more_is_not_waited_for():
    """Not chosen by the split before it: the gateway resets at once, without sending anything."""
    text = """
start S
or F
user A
user B
complex J when="activationCount >= 1"
user Z
S -> F
F -> A if a
F -> B if b
A -> J
B -> J
J -> Z
"""
    play = Play(diagram(text), a=True, b=False).complete("A")
    assert play.trace() == ["A", "+J", "GatewayActivated", "J", "+Z", "GatewayReset"]
    play.complete("Z")
    assert play.state.ended == "completed"


def test_a_pure_split_sends_once_and_knows_it_is_the_start():
    text = """
start S
complex F
user A
user B
user C
S -> F
F -> A if waitingForStart and a
F -> B if activationCount = 1
F -> C default
"""
    play = Play(diagram(text), a=True)
    assert play.open == ["A", "B"]
    assert "GatewayActivated" not in play.trace()


def test_a_condition_that_never_holds_keeps_its_tokens():
    play = Play(diagram(TWO_OF_THREE.replace(">= 2", ">= 4")))
    play.complete("A").complete("B").complete("C")
    assert play.state.ended == "" and not play.open
    assert len(play.state.instances[1].arrivals["J"]) == 3


def test_a_gateway_that_waits_for_reset_does_not_outlive_its_subprocess():
    text = """
start S
sub P
  start PS
  and F
  user A
  user B
  complex J when="activationCount >= 1"
  end T terminate
  PS -> F
  F -> A -> J
  F -> B -> J
  J -> T
user Z
S -> P -> Z
"""
    play = Play(diagram(text)).complete("B")
    assert play.trace() == ["B", "+J", "GatewayActivated", "J", "+T", "-A", "T", "P", "+Z"]


def test_the_audit_trail_tells_of_going_on_and_of_the_late_ones():
    text = TWO_OF_THREE.replace("complex J", "complex J name=过半").replace("end E", "end E name=完")
    text = text.replace("user Z", "adhoc Z sequential name=收尾\n  task K name=归卷\n  task L name=登报")
    play = Play(diagram(text)).complete("A").complete("B").complete("C")
    entries = [Entry("", n, play.now, fact, c.Actor(), "") for n, fact in enumerate(play.facts, 1)]
    told = [line.text for line in timeline(entries, play.package)]
    assert [t for t in told if ("过半" in t or "收尾" in t) and "沿连线" not in t] == [
        "进入“过半”",
        "复杂网关“过半”已到 2 路，先行放行，其余各路到齐后复位",
        "“过半”完成",
        "进入“收尾”",
        "“收尾”还要依次办理“归卷”、“登报”",
        "“收尾”还要依次办理“登报”",
        "“收尾”里的环节都已开始",
        "“收尾”完成",
        "复杂网关“过半”复位，收下晚到的 1 路",
    ]

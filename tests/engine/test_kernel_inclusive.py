"""What keeps an inclusive join waiting (BPMN 2.0.2, 13.4.3), in loops, subprocesses, with events and links."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import commands as c
from engine.definitions.upstream import awaited, before
from tests.engine.builders import Play, diagram


def test_a_token_that_could_come_by_either_way_keeps_nobody_waiting():
    """13.4.3: a token from which a flow can be reached that already has one does not count."""
    text = """
start S
and F
user A
user C
xor M
xor X
user B
or J
user Z
S -> F
F -> A -> M
F -> C -> M
M -> X
X -> J if 直接
X -> B default
B -> J
J -> Z
"""
    play = Play(diagram(text), 直接=True).complete("C")
    assert play.open == ["A", "Z"], "A can still come by the flow that has a token"
    play.complete("A", 直接=False)
    assert play.open == ["Z", "B"]
    assert play.complete("B").open == ["Z", "Z"]


def test_a_token_on_the_longer_way_is_waited_for():
    text = """
start S
and F
user A
xor X
user B
or J
user Z
S -> F
F -> J
F -> A -> X
X -> J if 直接
X -> B default
B -> J
J -> Z
"""
    play = Play(diagram(text), 直接=False)
    assert play.open == ["A"]
    assert play.complete("A").open == ["B"]
    assert play.complete("B").open == ["Z"]


LOOP = """
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
F -> A if a
F -> B if b
A -> J
B -> J
J -> R -> X
X -> L if 再来
X -> E default
"""


def test_in_a_loop_only_this_round_is_waited_for():
    """A way that leads through the join itself does not count."""
    play = Play(diagram(LOOP), a=True, b=False).complete("A")
    assert play.open == ["R"]
    play.complete("R", 再来=True, a=True, b=True)
    assert play.open == ["A", "B"]
    play.complete("B")
    assert play.open == ["A"]
    play.complete("A").complete("R", 再来=False)
    assert play.state.ended == "completed"
    assert play.again() == play.facts


def test_two_tokens_in_a_loop_meet_at_its_join():
    text = LOOP.replace("S -> L", "S -> L\nS -> L")
    play = Play(diagram(text), a=True, b=True)
    assert sorted(play.open) == ["A", "A", "B", "B"]
    play.complete("A").complete("A")
    assert "R" not in play.open
    play.complete("B")
    assert sorted(play.open) == ["B", "R"], "a token of each flow has come; the others make the next pair"
    play.complete("B")
    assert play.open == ["R", "R"]


def test_a_join_after_a_join_waits_for_it():
    text = """
start S
or F
user A
user B
user C
or J
or K
user Z
S -> F
F -> A
F -> B
F -> C
A -> J
B -> J
J -> K
C -> K
K -> Z
"""
    play = Play(diagram(text)).complete("C").complete("A")
    assert play.open == ["B"]
    assert play.complete("B").open == ["Z"]


def test_a_join_held_by_another_that_is_held_by_work_is_no_circle():
    """K's token keeps J waiting though what K waits for could itself come by the flow that J has."""
    text = """
start S
and F
user A
user B
user P
xor X
or K
or J
user Z
S -> F
F -> A -> J
F -> P -> K
F -> B -> X
X -> K if k
X -> A default
K -> J
J -> Z
"""
    play = Play(diagram(text), k=True).complete("A").complete("P")
    assert play.open == ["B"], "K waits for B, and J for K"
    play.complete("B")
    assert play.open == ["Z"]


def test_what_happens_outside_its_subprocess_is_no_concern():
    text = """
start S
and F
user O
sub P
  start PS
  or G
  user A
  user B
  or J
  user Z
  PS -> G
  G -> A if true
  G -> B if false
  A -> J
  B -> J
  J -> Z
S -> F
F -> O -> P
F -> P
"""
    play = Play(diagram(text)).complete("A")
    assert play.open == ["O", "Z"]


def test_a_subprocess_at_work_keeps_it_waiting_as_a_whole():
    text = """
start S
or F
sub P
  start PS
  user A
  user B
  PS -> A -> B
or J
user C
user Z
S -> F
F -> P -> J
F -> C -> J
J -> Z
"""
    play = Play(diagram(text)).complete("C").complete("A")
    assert play.open == ["B"]
    assert play.complete("B").open == ["Z"]


BORDER = """
start S
and F
user A
user B
boundary T on=A duration=P1D interrupting=false
user X
or J
user Z
S -> F
F -> A -> J
F -> B -> J
T -> X -> J
J -> Z
"""


def test_a_boundary_event_that_has_not_come_ends_with_its_activity():
    play = Play(diagram(BORDER)).complete("B")
    assert play.open == ["A"]
    assert play.complete("A").open == ["Z"]


def test_the_strand_of_a_boundary_event_is_waited_for():
    play = Play(diagram(BORDER)).complete("B").wait(days=1).complete("A")
    assert play.open == ["X"]
    assert play.complete("X").open == ["Z"]


def test_an_interrupting_boundary_event_comes_instead():
    play = Play(diagram(BORDER.replace(" interrupting=false", ""))).complete("B").wait(days=1)
    assert play.open == ["X"]
    assert play.complete("X").open == ["Z"]


@pytest.mark.parametrize("interrupting", ["", " interrupting=false"])
def test_an_event_subprocess_beside_does_not_hold_it(interrupting):
    text = f"""
start S
or F
user A
user B
or J
user Z
S -> F
F -> A -> J
F -> B -> J
J -> Z
eventsub X
  start XS message=插队{interrupting}
  user Y
  XS -> Y
"""
    play = Play(diagram(text)).complete("A").message("插队")
    assert play.open == (["B", "Y"] if interrupting else ["Y"])
    if interrupting:
        assert play.complete("B").open == ["Y", "Z"]
    else:
        assert play.complete("Y").state.ended == "completed", "its waiting token went with the rest"


def test_links_are_ways_too():
    text = """
start S
or F
user A
user B
throw T link=续
catch C link=续
or J
user Z
S -> F
F -> A -> J
F -> B -> T
C -> J
J -> Z
"""
    play = Play(diagram(text)).complete("A")
    assert play.open == ["B"]
    assert play.complete("B").open == ["Z"]


def test_an_event_gateway_keeps_it_waiting_for_any_of_its_events():
    text = """
start S
and F
user A
event G
catch M message=来文
catch T duration=P3D
or J
user Z
end E
S -> F
F -> A -> J
F -> G
G -> M -> J
G -> T -> E
J -> Z
"""
    play = Play(diagram(text)).complete("A")
    assert play.open == []
    assert Play(diagram(text)).complete("A").message("来文").open == ["Z"]
    assert play.wait(days=3).open == ["Z"]


def test_a_halted_element_keeps_it_waiting_until_it_goes_on():
    text = """
start S
or F
user A
script B do="if v = null then 1 else {x: v}"
or J
user Z
S -> F
F -> A -> J
F -> B -> J
J -> Z
"""
    play = Play(diagram(text)).complete("A")
    assert play.open == [] and play.incidents == [("B", "expression_failed")]
    play.do(c.RetryIncident(next(iter(play.state.incidents)), {"v": 1}))
    assert play.open == ["Z"]


def test_tokens_stuck_at_a_parallel_join_hold_it():
    """By the letter: a token waits on a flow from which the join can be reached."""
    text = """
start S
or F
user A
user B
and P
user C
or J
user Z
S -> F
F -> A -> J
F -> B -> P
F -> C if false
C -> P
P -> J
J -> Z
"""
    play = Play(diagram(text)).complete("A").complete("B")
    assert play.open == [] and play.state.ended == ""


def test_an_exclusive_split_before_it_leaves_no_one_to_wait_for():
    text = LOOP.replace("or F", "xor F")
    assert Play(diagram(text), a=False, b=True).complete("B").open == ["R"]


def test_a_join_that_is_also_a_split():
    text = """
start S
and F
user A
user B
or M
user C
user D
S -> F
F -> A -> M
F -> B -> M
M -> C if c
M -> D if d
"""
    play = Play(diagram(text), c=True, d=True).complete("A")
    assert play.open == ["B"]
    assert play.complete("B").open == ["C", "D"]


def test_a_boundary_event_s_token_waits_for_the_work_it_stands_at():
    """That the work could once more send a token by its boundary event excuses nobody."""
    text = """
start S
user A
boundary T on=A duration=P1D interrupting=false
user B
or J
user Z
S -> A -> B -> J
T -> J
J -> Z
"""
    play = Play(diagram(text)).wait(days=2)
    assert play.open == ["A"]
    play.complete("A").complete("B")
    assert play.open == ["Z"]


def test_what_is_upstream_is_worked_out_once():
    package = diagram(LOOP)
    process = package.processes["main"]
    gateway = process.elements["J"]
    assert before(process, gateway, "A-J") is before(process, gateway, "A-J")
    assert before(process, gateway, "A-J") == {"S", "L", "F", "A", "X", "R"}


# -- against the letter of the standard ----------------------------------------------------------------


def _by_the_letter(flows: list[tuple[str, str]], gateway: str, marked: set[int], token: int) -> bool:
    """Whether a token on flow number `token` keeps the gateway waiting, by paths of flows as the standard puts it."""

    def reaches(wanted: set[int]) -> bool:
        seen, stack = {token}, [token]
        while stack:
            here = stack.pop()
            if here in wanted:
                return True
            if flows[here][1] == gateway:
                continue  # a path does not go through the gateway
            for number, (source, _) in enumerate(flows):
                if source == flows[here][1] and number not in seen:
                    seen.add(number)
                    stack.append(number)
        return False

    incoming = {number for number, (_, target) in enumerate(flows) if target == gateway}
    return reaches(incoming - marked) and not reaches(incoming & marked)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_random_drawings_against_the_letter(data):
    nodes = [f"N{i}" for i in range(data.draw(st.integers(2, 7)))]
    pairs = st.tuples(st.sampled_from([*nodes, "J"]), st.sampled_from([*nodes, "J"]))
    drawn = data.draw(st.lists(pairs, min_size=3, max_size=16, unique=True))
    incoming = [source for source, target in drawn if target == "J" and source != "J"]
    if len(incoming) < 2:
        return
    text = "start S\nor J\n" + "\n".join(f"task {n}" for n in nodes)
    text += "\n" + "\n".join(f"{a} -> {b}" for a, b in drawn)
    process = diagram(text + f"\nS -> {nodes[0]}").processes["main"]
    gateway = process.elements["J"]
    marked = set(data.draw(st.lists(st.sampled_from(gateway.incoming), min_size=1, unique=True)))
    keeps = awaited(process, gateway, marked)
    names = [f"{a}-{b}" for a, b in drawn]
    numbers = {names.index(flow) for flow in marked}
    for number, (_, target) in enumerate(drawn):
        if target != "J":
            assert (target in keeps) == _by_the_letter(drawn, "J", numbers, number), (text, marked, target)
    assert "J" not in keeps

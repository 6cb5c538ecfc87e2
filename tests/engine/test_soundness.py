"""Soundness 可靠性: the classic wrong diagrams, each beside its nearest right neighbour."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from engine.definitions import checking
from engine.definitions.compile import compile_diagram, compile_package, load_folder
from engine.definitions.soundness import Analysis, check
from engine.errors import Finding
from tests.engine.builders import diagram, xml
from tests.engine.test_play_conformance import CASES

ROOT = Path(__file__).parents[2]
KEY = "major_hazard_supervision"


def main_files() -> dict[str, bytes]:
    return load_folder(ROOT / "processes" / KEY, ROOT / "forms" / KEY)


BLOCK = """
start S
user A
{split} F
user B
user C
{join} J
user D
end E
S -> A -> F
F -> B{when}
F -> C{otherwise}
B -> J
C -> J
J -> D -> E
"""


def block(split: str, join: str) -> str:
    asks = split in ("xor", "or")
    return BLOCK.format(
        split=split, join=join, when=" if a" if asks else "", otherwise=" default" if asks else ""
    )


def faults(text: str, *, reduce: bool = True, most: int = 20_000) -> dict[tuple[str, str], bool]:
    """Kind and element of each fault → whether it is certain."""
    found = Analysis(diagram(text), most, reduce=reduce).faults
    return {(fault.kind, getattr(fault.at, "id", "")): fault.certain for fault in found}


def said(text: str, rule: str) -> Finding:
    (found,) = [f for f in check(diagram(text)) if f.rule == rule]
    return found


# -- splits and joins ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("split", "join", "wrong"),
    [
        ("xor", "xor", {}),
        ("and", "and", {}),
        ("or", "or", {}),
        ("xor", "or", {}),
        ("and", "or", {}),
        ("xor", "and", {("deadlock", "J"): True}),
        ("or", "and", {("deadlock", "J"): False}),
        ("and", "xor", {("unsynchronised", "J"): False}),
        ("or", "xor", {("unsynchronised", "J"): False}),
    ],
)
def test_splits_and_joins_that_do_not_match(
    split: str, join: str, wrong: dict[tuple[str, str], bool]
) -> None:
    if (split, join) == ("or", "and") or (split, join) == (
        "or",
        "xor",
    ):  # with a default only one of the two is ever taken
        text = block(split, join).replace("F -> C default", "F -> C if b")
    else:
        text = block(split, join)
    assert faults(text) == wrong
    assert faults(text, reduce=False) == wrong


def test_a_deadlock_shows_the_shortest_way_to_it() -> None:
    found = said(block("xor", "and"), "soundness_deadlock")
    assert (found.severity, found.element) == ("error", "J")
    assert found.line
    assert found.path == ("S", "S-A", "A", "A-F", "F", "F-B", "B", "B-J")
    assert "走“S → A → F（B） → B”之后，并行网关“J”一直等不到来自“C”的一路" in found.message
    assert "包容（排他）网关" in found.message  # what to draw instead


def test_what_depends_on_a_decision_is_a_warning() -> None:
    text = block("or", "and").replace("F -> C default", "F -> C if b")
    assert said(text, "soundness_deadlock").severity == "warning"
    assert "无论怎样选择" not in said(text, "soundness_deadlock").message


def test_an_implicit_split_and_an_implicit_merge() -> None:
    text = """
    start S
    user A
    user B
    user C
    user D
    end E
    S -> A
    A -> B
    A -> C
    B -> D
    C -> D
    D -> E
    """
    assert faults(text) == {("unsynchronised", "D"): False}
    assert faults(text.replace("user D", "and D")) == {}  # joined
    found = said(text, "soundness_unsynchronised")
    assert found.severity == "warning"
    assert "“D”会同时办两份" in found.message
    assert found.path[-1] in ("B-D", "C-D")


def test_two_branches_that_only_end_together_are_right() -> None:
    text = """
    start S
    and F
    user A
    user B
    xor M
    end E
    S -> F -> A -> M
    F -> B -> M -> E
    """
    assert faults(text) == {}


def test_two_that_meet_are_found_behind_a_circle_that_only_seems_to_meet_itself():
    """N4 goes back by its default flow only when it goes nowhere else: the circle is suspected and cleared."""
    text = """
start S
user N1
boundary B1 on=N1 duration=P1D
user N4
user N5
user N6
boundary B6 on=N6 duration=P1D
end E
S -> N1
N1 -> N4
N4 -> N5 if a
N4 -> N6 if b
N4 -> N1 default
B1 -> E
B6 -> N5
N5 -> E
N6 -> E
"""
    assert ("unsynchronised", "N5") in faults(text)


# -- loops ---------------------------------------------------------------------------------------------


def test_a_join_fed_by_a_loop() -> None:
    text = """
    start S
    and J
    user A
    xor X
    end E
    S -> J -> A -> X
    X -> J if again
    X -> E default
    """
    assert faults(text) == {("deadlock", "J"): True}
    assert said(text, "soundness_deadlock").path == ("S", "S-J")
    assert faults(text.replace("and J", "xor J")) == {}


def test_a_split_that_leads_back_adds_a_token_each_time() -> None:
    text = """
    start S
    xor M
    user A
    {} F
    user B
    end E
    S -> M -> A -> F
    F -> M {}
    F -> B {}
    B -> E
    """
    assert set(faults(text.format("and", "", ""))) == {("unbounded", "B")}
    assert "“B”会越积越多" in said(text.format("and", "", ""), "soundness_unbounded").message
    assert faults(text.format("xor", "if a", "default")) == {}


def test_a_loop_without_a_way_out_that_joins_hide() -> None:
    """From the loop the drawing leads to an end, but only through a join that nothing else comes to any more."""
    text = """
    start S
    xor M
    user A
    xor X
    and J
    user B
    end E
    S -> M -> A -> X
    X -> M default
    X -> J if a
    X -> B if b
    B -> J -> E
    """
    assert faults(text) == {("deadlock", "J"): True}


def test_two_joins_that_wait_for_each_other() -> None:
    text = """
    start S
    and F
    and J
    and K
    user A
    user B
    end E
    end G
    S -> F -> J -> A -> K -> E
    F -> K -> B -> J
    """
    assert faults(text) == {("deadlock", "J"): True}  # said once


def test_what_waits_for_a_stuck_join_is_not_said_again() -> None:
    text = """
    start S
    and F
    xor X
    user A
    user B
    and J
    user C
    and K
    end E
    S -> F -> X
    X -> A if a
    X -> B default
    A -> J
    B -> J
    J -> K
    F -> C -> K -> E
    """
    assert faults(text) == {("deadlock", "J"): True}


# -- events --------------------------------------------------------------------------------------------


def test_a_boundary_event_into_a_parallel_join() -> None:
    text = """
    start S
    user A
    boundary T on=A duration=P1D {}
    user N
    {} J
    end E
    S -> A -> J -> E
    T -> N -> J
    """
    assert faults(text.format("interrupting=false", "and")) == {("deadlock", "J"): False}
    assert faults(text.format("interrupting=false", "or")) == {}
    assert faults(text.format("", "and")) == {("deadlock", "J"): True}  # either the one or the other
    assert faults(text.format("", "xor")) == {}


def test_an_interrupting_event_takes_a_branch_away_from_its_join() -> None:
    text = """
    start S
    and F
    user A
    user B
    boundary T on=A message=m
    and J
    end E
    end X
    S -> F -> A -> J -> E
    F -> B -> J
    T -> X
    """
    assert faults(text) == {("deadlock", "J"): False}
    assert faults(text.replace("end X", "end X terminate")) == {}
    assert faults(text.replace("end X\n", "").replace("T -> X", "T -> M").replace("A -> J", "A -> M -> J") + "xor M\n") == {}  # fmt: skip


def test_a_side_strand_that_runs_beside_everything_is_right() -> None:
    """A reminder that comes again and again, in an end of its own."""
    text = """
    start S
    user A
    boundary T on=A cycle=R/P1D interrupting=false
    user N
    end E
    end F
    S -> A -> E
    T -> N -> F
    """
    assert faults(text) == {}
    into = (
        text.replace("end F\n", "").replace("N -> F", "N -> B").replace("A -> E", "A -> B -> E") + "user B\n"
    )
    assert faults(into) == {("unsynchronised", "B"): False}


def test_an_escalation_that_is_always_thrown_can_be_joined() -> None:
    text = """
    start S
    sub P
      start PS
      user PA
      end PE escalation={}
      PS -> PA -> PE
    boundary T on=P escalation=L1 interrupting=false
    user N
    and J
    end E
    S -> P -> J -> E
    T -> N -> J
    """
    assert faults(text.format("L1")) == {}
    assert faults(text.format("L2")) == {("deadlock", "J"): True, ("dead", "T"): False}
    found = said(text.format("L2"), "soundness_dead")
    assert found.severity == "warning"
    assert "等待升级“L1”，但里面没有环节会抛出" in found.message


def test_an_error_that_anybody_may_report_is_heard() -> None:
    text = """
    start S
    sub P
      start PS
      {} PA
      PS -> PA
    boundary T on=P error=E1
    user N
    end E
    end F
    S -> P -> E
    T -> N -> F
    """
    assert faults(text.format("user")) == {}
    assert faults(text.format("script") .replace("script PA", 'script PA do="1" result=x')) == {("dead", "T"): False}  # fmt: skip


def test_event_subprocesses_and_terminating_ends() -> None:
    text = """
    start S
    and F
    user A
    user B
    end E {}
    end G
    S -> F -> A -> E
    F -> B -> G
    eventsub H
      start HS message=m
      xor HX
      user HA
      user HB
      and HJ
      end HE
      HS -> HX
      HX -> HA if a
      HX -> HB default
      HA -> HJ
      HB -> HJ
      HJ -> HE
    """
    assert faults(text.format("")) == {("deadlock", "HJ"): True}
    right = text.replace("and HJ", "xor HJ")
    assert faults(right.format("")) == faults(right.format("terminate")) == {}
    throws = right.replace("start HS message=m", "start HS escalation=L1")
    assert faults(throws.format("")) == {("dead", "HS"): False}
    assert faults(throws.format("escalation=L1")) == {}


def test_what_is_stopped_before_it_gets_on_is_not_dead() -> None:
    """Where the kernel happens to be at the end first, that lies in the time a step takes, not in the drawing."""
    text = """
    start S
    and F
    user A
    user B
    end E
    end T {}
    S -> F -> A -> B -> E
    F -> T
    """
    assert faults(text.format("terminate")) == faults(text.format("error=X")) == {}


def test_what_follows_a_throw_that_always_interrupts_is_dead() -> None:
    text = """
    start S
    sub P
      start PS
      throw X escalation=L1
      user A
      PS -> X -> A
    boundary B on=P escalation=L1 {}
    user C
    end E
    S -> P -> E
    B -> C
    """
    assert faults(text.format("")) == {("dead", "A"): False, ("dead", "E"): False}
    assert faults(text.format("interrupting=false")) == {}


def test_a_cancelled_transaction_leaves_no_branch_waiting() -> None:
    text = """
    start S
    transaction P
      start PS
      and F
      user A
      xor X
      and J
      end PC cancel
      end PE
      PS -> F -> A -> J -> PE
      F -> X
      X -> PC if a
      X -> J default
    boundary B on=P cancel
    user C
    end E
    S -> P -> E
    B -> C
    """
    assert faults(text) == {}
    assert faults(text.replace("end PC cancel", "end PC")) == {("deadlock", "J"): False}


def test_everything_without_an_incoming_flow_begins() -> None:
    text = """
    user A
    user B
    {} J
    user C
    end E
    A -> J
    B -> J
    J -> C -> E
    """
    assert faults(text.format("and")) == {}
    assert faults(text.format("xor")) == {("unsynchronised", "J"): False}


def test_an_event_gateway_takes_one_way() -> None:
    text = """
    start S
    event G
    catch M message=m
    catch T duration=P1D
    {} J
    end E
    S -> G
    G -> M -> J
    G -> T -> J
    J -> E
    """
    assert faults(text.format("xor")) == {}
    assert faults(text.format("and")) == {("deadlock", "J"): True}


def test_links_are_flows() -> None:
    text = """
    start S
    xor X
    throw L1 link=next
    throw L2 link=next
    catch N link=next
    user A
    user B
    and J
    end E
    S -> X
    X -> L1 if a
    X -> L2 default
    N -> A -> J -> E
    A -> B -> J
    """
    assert faults(text) == {}
    assert faults(text.replace("A -> B -> J", "X -> B if b\n B -> J")) == {("deadlock", "J"): True}


# -- scopes --------------------------------------------------------------------------------------------


def test_subprocesses_are_looked_into_at_every_depth() -> None:
    text = """
    start S
    sub P
      start PS
      sub Q times=3
        start QS
        xor X
        user A
        user B
        {} J
        QS -> X
        X -> A if a
        X -> B default
        A -> J
        B -> J
      PS -> Q
    user C
    end E
    S -> P -> C -> E
    """
    assert faults(text.format("and")) == {("deadlock", "J"): True}
    assert faults(text.format("xor")) == {}
    assert said(text.format("and"), "soundness_deadlock").path[0] == "QS"  # the way inside the subprocess


def test_called_processes_are_looked_into_and_their_throws_go_outwards() -> None:
    text = """
    start S
    call P called=other
    boundary T on=P escalation=L1 {}
    user N
    end E
    end F
    S -> P -> E
    T -> N -> F
    process other
      start OS
      user OA
      end OE escalation={}
      OS -> OA -> OE
    """
    assert faults(text.format("interrupting=false", "L1")) == {}
    assert faults(text.format("", "L1")) == {("dead", "E"): False}  # it is always interrupted at its end
    assert faults(text.format("", "L2")) == {("dead", "T"): False}


def test_a_subprocess_that_never_ends_leaves_nothing_after_it() -> None:
    text = """
    start S
    sub P
      start PS
      xor M
      user A
      PS -> M -> A -> M
    boundary T on=P message=m
    user B
    end E
    end F
    S -> P -> B -> E
    T -> F
    """
    assert faults(text) == {("dead", "B"): False}


# -- quantities, complex gateways, ad hoc --------------------------------------------------------------


def test_an_activity_that_needs_more_tokens_than_can_come() -> None:
    text = """
    start S
    and F
    user A
    user B
    user C needs={}
    end E
    S -> F -> A -> C -> E
    F -> B -> C
    """
    assert faults(text.format(2)) == {}
    assert faults(text.format(3)) == {("deadlock", "C"): True}


# -- what is played ------------------------------------------------------------------------------------


def test_what_plays_to_its_end_is_never_said_to_be_stuck_for_certain() -> None:
    """Every diagram of the conformance of `duban play`: what completes is no error, and what was entered is not dead."""
    looked_at = wrong = 0
    for name, block_ in CASES.items():
        text, _, expected = block_.strip().rpartition("\n=> ")
        drawn = re.sub(r"^(options|answers): .*\n", "", text, flags=re.MULTILINE)
        package = compile_diagram(xml(drawn), "case.bpmn")[0]
        if package is None:
            continue
        found = check(package)
        looked_at += 1
        wrong += any(f.rule != "soundness_dead" for f in found)
        passed = {step.strip(">~!").partition(":")[0] for step in expected.split()[1:]}
        if expected.startswith("0"):
            assert not [f for f in found if f.severity == "error"], name
        assert not [f for f in found if f.rule == "soundness_dead" and f.element in passed], name
    assert looked_at > 200
    assert wrong < 15  # they are right diagrams, but for a few that show what goes wrong


# -- bounds --------------------------------------------------------------------------------------------


def test_a_budget_that_is_used_up_is_said() -> None:
    text = block("xor", "and")
    assert faults(text, most=3) == {("budget", ""): False}
    (found,) = check(diagram(text), most=3)
    assert (found.rule, found.severity, found.element) == ("soundness_budget", "warning", "main")
    assert "没有查完" in found.message or "未查完" in found.message


def many(branches: int, steps: int) -> str:
    """So many branches beside each other, each of so many steps with a choice in every one."""
    lines = ["start S", "and F", "and J", "end E", "S -> F", "J -> E"]
    for b in range(branches):
        before = "F"
        for s in range(steps):
            x, y, one, two = f"X{b}_{s}", f"Y{b}_{s}", f"P{b}_{s}", f"Q{b}_{s}"
            lines += [f"xor {x}", f"xor {y}", f"user {one}", f"user {two}"]
            lines += [f"{before} -> {x}", f"{x} -> {one} if a", f"{x} -> {two} default"]
            lines += [f"{one} -> {y}", f"{two} -> {y}"]
            before = y
        lines.append(f"{before} -> J")
    return "\n".join(lines)


def test_branches_beside_each_other_add_up_and_do_not_multiply() -> None:
    small = Analysis(diagram(many(2, 3)), reduce=False)
    assert Analysis(diagram(many(2, 3))).states < small.states / 2
    large = Analysis(diagram(many(10, 8)))
    assert not list(large.faults)
    assert large.states < 2_000  # all orders: 17 to the tenth


def test_the_same_diagram_gives_the_same_findings() -> None:
    text = block("or", "and").replace("F -> C default", "F -> C if b")
    assert check(diagram(text)) == check(diagram(text))


# -- at the door ---------------------------------------------------------------------------------------


def test_a_lone_diagram_is_warned_and_still_plays() -> None:
    found = checking.check_diagram(xml(block("xor", "and")), "wrong.bpmn")
    (one,) = [f for f in found if f.rule.startswith("soundness_")]
    assert (one.severity, one.rule, one.element) == ("warning", "soundness_deadlock", "J")


def test_the_main_process_has_no_fault_and_is_looked_at_whole() -> None:
    files = main_files()
    package = compile_package(files)[0]
    assert package is not None
    begun = time.process_time()
    analysis = Analysis(package)
    spent = time.process_time() - begun
    assert not list(analysis.faults)
    assert all(scope.exploration.complete for scope in analysis.scopes.values())
    assert spent < 3, f"{spent:.2f} s for {analysis.states} states"
    unreached = {
        id
        for scope in analysis.scopes.values()
        for id in scope.net.elements
        if id not in scope.exploration.reached
        and not scope.net.elements[id].attached_to
        and not scope.net.elements[id].incoming
    }
    assert unreached <= {start for p in package.processes.values() for start in p.starts}
    assert [f for f in checking.check_files(files) if f.rule.startswith("soundness_")] == []


def test_publishing_refuses_a_package_that_cannot_go_on() -> None:
    files = main_files()
    path = "major_hazard_supervision.bpmn"
    before, gateway, after = files[path].partition(b'<bpmn:inclusiveGateway id="J4"')
    assert gateway
    head, close, tail = after.partition(b"</bpmn:inclusiveGateway>")
    changed = before + b'<bpmn:parallelGateway id="J4"' + head + b"</bpmn:parallelGateway>" + tail
    found = [f for f in checking.check_files({**files, path: changed}) if f.rule == "soundness_deadlock"]
    assert [f.element for f in found] == ["J4"]
    assert found[0].severity == "warning"  # only where not both branches are needed
    assert close

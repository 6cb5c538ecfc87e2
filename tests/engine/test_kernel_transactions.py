"""Transactions and cancel events (BPMN 2.0.2, 10.3.5, 13.5.6)."""

import pytest

from engine import commands as c
from engine import facts as f
from tests.engine.undoing import entered, indent, play, undoable

# -- transactions --------------------------------------------------------------------------------------

TRANSACTION = f"""
start S
transaction X
  start s
{indent(undoable("A", "B", kind="user"))}
  user C
  and F
  user D
  end e
  end c cancel
  s -> A -> B -> F -> C -> c
  F -> D -> e
boundary XC on=X cancel
boundary XE on=X error=*
user N
user H
end E
S -> X -> E
XC -> N
XE -> H
"""


def test_a_transaction_that_is_not_cancelled_is_a_subprocess():
    game = play(
        f"start S\ntransaction X\n  start s\n{indent(undoable('A'))}\n  s -> A\nend E compensate\nS -> X -> E"
    )
    assert entered(game)[-2:] == ["E", "AU"] and game.state.ended


def test_cancel_stops_the_rest_undoes_what_completed_and_leaves_through_the_cancel_event():
    game = play(TRANSACTION).complete("C")
    assert game.trace() == ["C", "+c", "-D", "TransactionCancelled", "undo B A", "undo B", "+BU"]
    game.complete("BU")
    assert game.trace() == ["BU", "undo A", "+AU"]
    game.complete("AU")
    assert game.trace() == ["AU", "c", "-X", "+XC", "XC", "+N"]
    assert game.state.compensable == {}
    assert game.again() == game.facts


def test_a_transaction_left_by_an_error_is_not_undone():
    """10.3.5: hazard."""
    game = play(TRANSACTION)
    (c_id, _) = sorted(game.state.items)
    game.do(c.ThrowError(c_id, "E1", ""))
    assert game.open == ["H"]
    assert not any(isinstance(x, f.CompensationThrown) for x in game.facts)


def test_an_error_while_it_is_cancelled_is_a_hazard_too():
    game = play(TRANSACTION.replace("user BU", "service BU topic=t")).complete("C")
    (job,) = game.state.jobs
    game.do(c.ThrowError(job, "E1", ""))
    assert game.open == ["H"] and set(game.trace()) >= {"-BU", "-c", "-X"}


def test_while_it_is_cancelled_nothing_else_may_interrupt_it():
    text = TRANSACTION + "boundary XT on=X duration=P1D\nuser L\nXT -> L\n"
    game = play(text).complete("C")
    assert game.state.deadlines == {}
    assert game.wait(days=2).open == ["BU"]


def test_cancel_without_anything_completed():
    game = play(
        "start S\ntransaction X\n  start s\n  end c cancel\n  s -> c\nboundary B on=X cancel\nend E\nend G\nS -> X -> E\nB -> G"
    )
    assert game.trace(game.facts) == [
        "+S", "S", "+X", "+s", "s", "+c", "TransactionCancelled", "undo -", "c", "-X", "+B", "B", "+G", "G", "end G",
    ]  # fmt: skip


def test_cancel_from_an_event_subprocess_of_the_transaction():
    text = f"""
start S
transaction X
  start s
{indent(undoable("A"))}
  user C
  s -> A -> C
  eventsub F
    start f message=m
{indent(undoable("B"), "    ")}
    and G
    user K
    end c cancel
    f -> B -> G -> c
    G -> K
boundary XC on=X cancel
user N
S -> X
XC -> N
"""
    game = play(text).message("m")
    assert entered(game)[-4:] == ["BU", "AU", "XC", "N"]
    assert game.open == ["N"]


def test_nested_transactions():
    text = f"""
start S
transaction X
  start s
{indent(undoable("A"))}
  transaction Y
    start y
{indent(undoable("B"), "    ")}
    xor G
    end e
    end c cancel
    y -> B -> G
    G -> c if inner
    G -> e default
  boundary YC on=Y cancel
  task Z
  xor H
  end g
  end d cancel
  s -> A -> Y -> H
  YC -> Z -> H
  H -> d if outer
  H -> g default
boundary XC on=X cancel
user N
user O
S -> X -> O
XC -> N
"""
    inner = play(text, inner=True, outer=False)
    assert inner.open == ["O"] and "BU" in entered(inner) and "AU" not in entered(inner)
    outer = play(text, inner=False, outer=True)
    assert entered(outer)[-5:] == ["d", "BU", "AU", "XC", "N"]
    both = play(text, inner=True, outer=True)
    assert entered(both).count("BU") == 1 and entered(both)[-3:] == ["AU", "XC", "N"]


@pytest.mark.parametrize("how", ["", " sequential"])
def test_of_a_multi_instance_transaction_all_are_cancelled_together(how):
    text = f"""
start S
transaction X each="[1,2,3]" as=n{how}
  start s
  task A
  boundary AB on=A compensate
  script AU undo=AB result=seen do="concatenate(seen, [n])"
  user B
  xor G
  end e
  end c cancel
  s -> A -> B -> G
  G -> c if no
  G -> e default
boundary XC on=X cancel
user N
user O
S -> X -> O
XC -> N
"""
    game = play(text, seen=[], no=False)
    game.complete("B")
    game.complete("B", no=True)
    assert game.open == ["N"]
    assert game.variables["seen"] == ([1, 3, 2] if not how else [2, 1])
    game = play(text, seen=[], no=False).complete("B").complete("B").complete("B")
    assert game.open == ["O"] and game.variables["seen"] == []


def test_the_case_may_be_stopped_while_a_transaction_is_cancelled():
    game = play(TRANSACTION).complete("C")
    game.do(c.Cancel("作废"))
    assert set(game.state.instances) == {1} and game.state.compensable == {}
    text = f"start S\nsub Q\n  start q\n{indent(TRANSACTION.replace('start S', '').replace('S -> X -> E', 'q -> X -> E'))}\nboundary Z on=Q message=m\nuser K\nS -> Q\nZ -> K"
    game = play(text).complete("C").message("m")
    assert game.open == ["K"]


def test_a_transaction_may_be_a_handler():
    text = """
start S
task A
boundary AB on=A compensate
transaction AU undo=AB
  start s
  user B
  end c cancel
  s -> B -> c
boundary XC on=AU cancel
user N
end E compensate
S -> A -> E
XC -> N
"""
    game = play(text).complete("B")
    assert game.open == ["N"] and game.trace() == [
        "B",
        "+c",
        "TransactionCancelled",
        "undo -",
        "c",
        "-AU",
        "+XC",
        "XC",
        "E",
        "+N",
    ]
    assert game.complete("N").state.ended == "completed"


def test_an_exception_flow_of_what_undoes_is_awaited_before_the_transaction_is_left():
    text = """
start S
transaction X{many}
  start s
  user A
  boundary AB on=A compensate
  service AU undo=AB topic=t
  boundary Z on=AU error=*
  user K
  end c cancel
  s -> A -> c
  Z -> K
boundary XC on=X cancel
user N
S -> X
XC -> N
"""
    for many in ("", " times=2 sequential"):
        game = play(text.format(many=many)).complete("A")
        (job,) = game.state.jobs
        game.do(c.ThrowError(job, "E1", ""))
        assert game.open == ["K"]
        assert game.complete("K").open == ["N"]
        assert game.trace() == ["K", "c", *(["-X"] * (2 if many else 1)), "+XC", "XC", "+N"]


def test_it_is_awaited_in_an_event_subprocess_of_the_transaction_too():
    text = """
start S
transaction X
  start s
  user A
  s -> A
  eventsub F
    start f message=m
    user B
    boundary BB on=B compensate
    service BU undo=BB topic=t
    boundary Z on=BU error=*
    user K
    end c cancel
    f -> B -> c
    Z -> K
boundary XC on=X cancel
user N
S -> X
XC -> N
"""
    game = play(text).message("m").complete("B")
    (job,) = game.state.jobs
    game.do(c.ThrowError(job, "E1", ""))
    assert game.open == ["K"]
    assert game.complete("K").trace() == ["K", "c", "-F", "-X", "+XC", "XC", "+N"]

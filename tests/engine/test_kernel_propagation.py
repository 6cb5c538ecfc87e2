"""Errors, escalations, signals and terminate through every kind of scope (BPMN 2.0.2, 10.5.6, 13.5): innermost first, the
very code before any code within one scope, an event subprocess before the border around it."""

import pytest

from engine import commands as c
from tests.engine.builders import Play, diagram

# Who throws: inside a subprocess, a called process, one instance of several, a non-interrupting event subprocess.
HOSTS = {
    "subprocess": "sub P\n  start p\n  user A\n  {throw}\n  user B\n  p -> A -> X{on}\n{inner}",
    "call": "call P called=q",
    "several": "sub P times=2\n  start p\n  user A\n  {throw}\n  user B\n  p -> A -> X{on}\n{inner}",
    "nested": "sub P\n  start p0\n  sub Q\n    start p\n    user A\n    {throw}\n    user B\n    p -> A -> X{on}\n  p0 -> Q\n{inner}",
    "beside": "sub P\n  start p\n  user W\n  p -> W\n  eventsub G\n    start g signal=走 interrupting=false\n    user A\n    {throw}\n    user B\n"
    "    g -> A -> X{on}\n{inner}",
}
CALLED = "\nprocess q\n  start p\n  user A\n  {throw}\n  user B\n  p -> A -> X{on}\n{inner}"
HANDLER = "  eventsub H{n}\n    start h{n} {event}\n    user I{n}\n    h{n} -> I{n}\n"


def drawn(host: str, throw: str, borders: tuple[str, ...], inner: tuple[str, ...], outer: str = "") -> str:
    on = "" if throw.startswith("end") else " -> B"
    handlers = "".join(HANDLER.format(n=n, event=event) for n, event in enumerate(inner))
    fill = {"throw": throw, "on": on, "inner": handlers}
    text = "start S\n" + HOSTS[host].format(**fill) + "\nS -> P\n"
    for n, event in enumerate(borders):
        text += f"boundary T{n} on=P {event}\nuser N{n}\nT{n} -> N{n}\n"
    if outer:
        text += HANDLER.format(n="o", event=outer).replace("\n  ", "\n").removeprefix("  ")
    return text + (CALLED.format(**fill) if host == "call" else "")


def thrown(host: str, throw: str, borders=(), inner=(), outer: str = "") -> Play:
    play = Play(diagram(drawn(host, throw, borders, inner, outer)))
    if host == "beside":
        play.signal("走")
    return play.complete("A")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("borders", "inner", "outer", "caught"),
    [
        (("error=E1",), (), "", "N0"),
        (("error=*",), (), "", "N0"),
        (("error=*", "error=E1"), (), "", "N1"),
        (("error=E2", "error=*"), (), "", "N1"),
        (("error=E1",), ("error=*",), "", "I0"),
        (("error=*",), ("error=*", "error=E1"), "", "I1"),
        (("error=E1",), ("error=E2",), "", "N0"),
        (("error=E2",), (), "error=E1", "Io"),
        ((), (), "error=*", "Io"),
        (("error=*",), (), "error=E1", "N0"),
    ],
)
def test_an_error_is_caught_by_the_innermost(host, borders, inner, outer, caught):
    play = thrown(host, "end X error=E1", borders, inner, outer)
    others = ["A"] if host == "several" and caught.startswith("I") and caught != "Io" else []
    assert sorted(play.open) == sorted([caught, *others])
    assert not play.incidents


@pytest.mark.parametrize("host", HOSTS)
def test_an_error_nobody_catches_halts_its_end_event_and_nothing_else(host):
    play = thrown(host, "end X error=E1", ("error=E2", "escalation=E1"), ("error=E3",), "error=E4")
    assert play.incidents == [("X", "uncaught_error")]
    assert play.open == {"several": ["A"], "beside": ["W"]}.get(host, [])


@pytest.mark.parametrize("throw", ["throw X escalation=L1", "end X escalation=L1"])
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("borders", "inner", "outer", "caught"),
    [
        (("escalation=L1",), (), "", "N0"),
        (("escalation=*", "escalation=L1"), (), "", "N1"),
        (("escalation=L1",), ("escalation=*",), "", "I0"),
        (("escalation=L2", "escalation=*"), ("escalation=L2",), "", "N1"),
        (("escalation=L2",), (), "escalation=L1", "Io"),
        ((), (), "escalation=*", "Io"),
    ],
)
@pytest.mark.parametrize("interrupting", [True, False])
def test_an_escalation_is_caught_by_the_innermost(host, throw, borders, inner, outer, caught, interrupting):
    if not interrupting:
        borders = tuple(f"{one} interrupting=false" for one in borders)
        inner = tuple(f"{one} interrupting=false" for one in inner)
        outer = outer and f"{outer} interrupting=false"
    play = thrown(host, throw, borders, inner, outer)
    others = {"several": ["A"], "beside": ["W"]}.get(host, [])
    goes_on = ["B"] if throw.startswith("throw") else []
    if interrupting:
        goes_on = []
        if caught[0] == "N" or caught == "Io" or host != "several":
            others = []
    assert sorted(play.open) == sorted([caught, *others, *goes_on])
    assert not play.incidents


@pytest.mark.parametrize("host", HOSTS)
def test_an_escalation_nobody_catches_goes_on(host):
    play = thrown(host, "throw X escalation=L1", ("escalation=L2", "error=L1"), ("escalation=L3",))
    assert "B" in play.open and not play.incidents


@pytest.mark.parametrize("host", HOSTS)
def test_terminate_ends_its_own_scope_only(host):
    text = drawn(host, "end X terminate", (), ()).replace("S -> P\n", "S -> P -> Z\nuser Z\n")
    play = Play(diagram(text))
    if host == "beside":
        play.signal("走").complete("A")
        assert play.open == ["W"]
        play.complete("W")
    else:
        play.complete("A")
        if host == "several":
            assert play.open == ["A"]
            play.complete("A")
    assert play.open == ["Z"]


def test_terminate_in_an_interrupting_event_subprocess_ends_it_alone():
    play = Play(
        diagram("""
start S
sub P
  start p
  user A
  p -> A
  eventsub H
    start h signal=停
    and F
    user B
    user C
    end X terminate
    h -> F -> B -> X
    F -> C
user Z
S -> P -> Z
""")
    )
    play.signal("停").complete("B")
    assert play.open == ["Z"]


def test_a_signal_reaches_every_scope_of_the_case():
    play = Play(
        diagram("""
start S
and F
user T
throw X signal=到
catch A signal=到
sub P
  start p
  catch B signal=到
  user PB
  p -> B -> PB
call Q called=q
sub M times=2
  start m
  receive R message=别的
  boundary K on=R signal=到 interrupting=false
  user MK
  m -> R
  K -> MK
user UA
eventsub H
  start h signal=到 interrupting=false
  user HN
  h -> HN
S -> F -> T -> X
F -> A -> UA
F -> P
F -> Q
F -> M
process q
  start q0
  event G
  catch C signal=到
  catch D duration=P1D
  user QC
  q0 -> G -> C -> QC
  G -> D
""")
    )
    play.complete("T")
    assert sorted(play.open) == ["HN", "MK", "MK", "PB", "QC", "UA"]


# -- event subprocesses in event subprocesses ----------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    ["message=内", "signal=内", "duration=PT1H", 'condition="好"', "escalation=L1", "message=内 signal=别的"],
)
@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("inner", [True, False])
def test_event_subprocesses_lie_in_each_other(event, outer, inner):
    def word(interrupting):
        return "" if interrupting else " interrupting=false"

    play = Play(
        diagram(f"""
start S
call C called=q
S -> C
process q
  start s
  user A
  s -> A
  eventsub H
    start h signal=外{word(outer)}
    user B
    throw X escalation=L1
    user D
    h -> B -> X -> D
    eventsub I
      start i {event}{word(inner)}
      user N
      i -> N
""")
    )
    play.signal("外")
    kind = event.partition("=")[0]
    match kind:
        case "message":
            play.message("内")
        case "signal":
            play.signal("内")
        case "duration":
            play.wait(hours=1)
        case "condition":
            play.complete("B", 好=True)
        case "escalation":
            play.complete("B")
    after = {"condition": ["D"], "escalation": ["D"]}.get(kind, ["B"])
    expected = ["N"] + ([] if inner else after) + ([] if outer else ["A"])
    assert sorted(play.open) == sorted(expected)
    while play.open:
        play.complete(play.open[0])
    assert play.state.ended == "completed"


def test_an_error_in_a_handler_goes_on_outwards():
    play = Play(
        diagram("""
start S
sub P
  start p
  user A
  p -> A
  eventsub H
    start h error=E1
    end X error=E1
    h -> X
boundary T on=P error=E1
eventsub O
  start o error=*
  user N
  o -> N
end Y error=E2
S -> P
T -> Y
""")
    )
    play.do(c.ThrowError(play.item("A").id, "E1"))
    assert play.open == ["N"]
    assert [word for word in play.trace() if word.startswith("error")] == [
        "error E1 h",
        "error E1 T",
        "error E2 o",
    ]

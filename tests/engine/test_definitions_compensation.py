"""Compensation and transactions as drawn: every wrong drawing is refused by name, and its nearest right neighbour passes."""

import pytest

from engine.definitions import bpmn, standard
from engine.definitions.compare import changes
from engine.definitions.compile import compile_diagram, compile_package
from engine.definitions.second_engine.drawing import left_out
from engine.errors import Finding
from tests.engine.builders import diagram, xml
from tests.engine.drawings import files

RIGHT = """
start S
user A name=甲
boundary B on=A compensate
user U undo=B name=撤甲
throw T compensate
end E
S -> A -> T -> E
"""
CANCELLED = """
start S
transaction X
  start s
  user A
  end C cancel
  s -> A -> C
boundary B on=X cancel
user N
end E
S -> X -> E
B -> N -> E
"""


CANCELLED_TOO = """
transaction X
  start s
  user M
  end C cancel
  s -> M -> C
boundary D on=X cancel
user N
T -> X -> E
D -> N -> E
"""


def read(data: bytes, lone: bool = False) -> list[Finding]:
    return bpmn.read(data, "test.bpmn", lone=lone, rules=standard.ALL)[1]


def swapped(text: str, *pairs: tuple[str, str]) -> bytes:
    """The drawing with some of its XML changed."""
    data = xml(text).decode()
    for before, after in pairs:
        assert before in data, before
        data = data.replace(before, after)
    return data.encode()


LINK = '<bpmn:association id="undo-U" sourceRef="B" targetRef="U"/>'
WRONG: dict[str, tuple[str, bytes]] = {
    "handler in the flow": ("compensation_flow", xml(RIGHT + "U -> E")),
    "handler reached by a flow": ("compensation_flow", xml(RIGHT + "A -> U")),
    "handler unbound": ("compensation_bound", swapped(RIGHT, (LINK, ""))),
    "handler bound twice": (
        "compensation_bound",
        swapped(RIGHT + "user C\nboundary D on=C compensate", (LINK, LINK + LINK.replace('"B"', '"D"').replace("undo-U", "x"))),
    ),
    "boundary event unbound": ("compensation_handler", xml(RIGHT + "user C\nboundary D on=C compensate")),
    "boundary event bound to what is no handler": (
        "compensation_mark",
        swapped(RIGHT, (' isForCompensation="true"', "")),
    ),
    "boundary event bound to two": (
        "compensation_one",
        xml(RIGHT + "user V undo=B"),
    ),
    "handler in another scope": (
        "compensation_level",
        xml("start S\nuser A\nboundary B on=A compensate\nsub P\n  start s\n  user U undo=B\n  end e\n  s -> e\nS -> A -> P"),
    ),
    "boundary event led on": ("compensation_boundary_flow", xml(RIGHT + "B -> E")),
    "two boundary events": (
        "compensation_twice",
        xml(RIGHT + "boundary D on=A compensate\nuser V undo=D"),
    ),
    "handler that is undone itself": (
        "compensation_of_compensation",
        xml(RIGHT + "boundary D on=U compensate\nuser V undo=D"),
    ),
    "throw of what does not exist": ("unknown_reference", xml(RIGHT.replace("T compensate", "T compensate=Z"))),
    "throw of an event": ("reference_kind", xml(RIGHT.replace("T compensate", "T compensate=S"))),
    "throw out of reach, from inside": (
        "compensation_target",
        xml(RIGHT + "sub P\n  start s\n  end t compensate=A\n  s -> t\nE2 -> P\nuser E2"),
    ),
    "throw out of reach, from outside": (
        "compensation_target",
        xml("start S\nsub P\n  start s\n  user A\n  boundary B on=A compensate\n  user U undo=B\n  s -> A\nend E compensate=A\nS -> P -> E"),
    ),
    "start of a process": ("event_position", xml(RIGHT.replace("start S", "start S compensate"))),
    "start of a plain subprocess": ("event_position", xml("start S\nsub P\n  start s compensate\n  user A\n  s -> A\nS -> P")),
    "two event subprocesses": (
        "compensation_start_twice",
        xml(
            "start S\nsub P\n  start s\n  user A\n  s -> A\n  eventsub F\n    start f compensate\n    user G\n    f -> G\n"
            "  eventsub H\n    start h compensate\n    user I\n    h -> I\nS -> P"
        ),
    ),
    "event subprocess that does not interrupt": (
        "start_interrupts",
        xml("start S\nsub P\n  start s\n  user A\n  s -> A\n  eventsub F\n    start f compensate interrupting=false\n    user G\n    f -> G\nS -> P"),
    ),
    "caught in the flow": ("event_position", xml("start S\ncatch C compensate\nS -> C")),
    "marked event subprocess": (
        "compensation_marker",
        swapped(
            "start S\nuser A\nS -> A\neventsub F\n  start f message=m\n  user G\n  f -> G",
            ('triggeredByEvent="true"', 'triggeredByEvent="true" isForCompensation="true"'),
        ),
    ),
    "caught with an activity": (
        "compensation_catch",
        swapped(RIGHT, ("<bpmn:compensateEventDefinition></bpmn:compensateEventDefinition></bpmn:boundaryEvent>", '<bpmn:compensateEventDefinition activityRef="A"/></bpmn:boundaryEvent>')),
    ),
    "caught beside something else": (
        "compensation_alone",
        xml(RIGHT.replace("on=A compensate", "on=A compensate message=m")),
    ),
    "cancel caught beside something else": (
        "compensation_alone",
        xml(CANCELLED.replace("on=X cancel", "on=X cancel message=m")),
    ),
    "marker that is neither": ("attribute_value", swapped(RIGHT, ('isForCompensation="true"', 'isForCompensation="maybe"'))),
    "marked gateway": ("unknown_attribute", swapped(RIGHT + "xor G", ('id="G"', 'id="G" isForCompensation="true"'))),
    "cancel outside a transaction": ("cancel_end_place", xml("start S\nend C cancel\nS -> C")),
    "cancel in a subprocess": ("cancel_end_place", xml(CANCELLED.replace("transaction X", "sub X"))),
    "cancel in a subprocess of a transaction": (
        "cancel_end_place",
        xml(
            "start S\ntransaction X\n  start s\n  sub Y\n    start y\n    end C cancel\n    y -> C\n  s -> Y\n"
            "boundary B on=X cancel\nend E\nS -> X\nB -> E"
        ),
    ),
    "cancel caught on a task": ("cancel_boundary_place", xml(CANCELLED + "boundary D on=N cancel\nD -> E")),
    "cancel caught twice": ("cancel_boundary_twice", xml(CANCELLED + "boundary D on=X cancel\nD -> E")),
    "cancel that does not interrupt": ("boundary_interrupts", xml(CANCELLED.replace("on=X cancel", "on=X cancel interrupting=false"))),
    "cancel nobody catches": ("cancel_uncaught", xml(CANCELLED.replace("boundary B on=X cancel", "user B"))),
    "cancel in the flow": ("event_position", xml(CANCELLED.replace("user A", "throw A cancel"))),
    "cancel at the start": ("event_position", xml(CANCELLED.replace("start s", "start s cancel"))),
    "transaction begun by an event": (
        "transaction_event",
        swapped(CANCELLED, ('<bpmn:transaction id="X"', '<bpmn:transaction id="X" triggeredByEvent="true"')),
    ),
    "method of a transaction": (
        "attribute_value",
        swapped(CANCELLED, ('<bpmn:transaction id="X"', '<bpmn:transaction id="X" method="##Image"')),
    ),
    "method of a subprocess": (
        "unknown_attribute",
        swapped("start S\nsub X\n  start s\n  end e\n  s -> e\nS -> X", ('<bpmn:subProcess id="X"', '<bpmn:subProcess id="X" method="##Compensate"')),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_drawing_is_refused_by_name_with_a_remedy(name: str) -> None:
    rule, data = WRONG[name]
    found = [f for f in read(data) if f.rule == rule]
    assert found and all(f.severity == "error" and f.line for f in found), read(data)
    assert all(any(word in f.message for word in ("请", "可用：", "只能是")) for f in found)


RIGHT_ONES: dict[str, bytes] = {
    "throw": xml(RIGHT),
    "throw of one": xml(RIGHT.replace("T compensate", "T compensate=A")),
    "throw without waiting": xml(RIGHT.replace("T compensate", "T compensate wait=false")),
    "end": xml(RIGHT.replace("end E", "end E compensate")),
    "association drawn the other way round": swapped(
        RIGHT, ('sourceRef="B" targetRef="U"/>', 'sourceRef="U" targetRef="B"/>')
    ),
    "association of any direction": swapped(
        RIGHT, ('<bpmn:association id="undo-U"', '<bpmn:association id="undo-U" associationDirection="None"')
    ),
    "boundary event as other tools write it": swapped(
        RIGHT,
        ('attachedToRef="A"', 'attachedToRef="A" cancelActivity="true" parallelMultiple="false"'),
        (
            "<bpmn:compensateEventDefinition></bpmn:compensateEventDefinition></bpmn:boundaryEvent>",
            '<bpmn:compensateEventDefinition waitForCompletion="true"/></bpmn:boundaryEvent>',
        ),
    ),
    "notes stay notes": swapped(
        RIGHT, (LINK, f'{LINK}<bpmn:textAnnotation id="N"/><bpmn:association id="n" sourceRef="A" targetRef="N"/>')
    ),
    "event subprocess, marked": swapped(
        "start S\nsub P\n  start s\n  user A\n  end e\n  s -> A -> e\n  eventsub F\n    start f compensate\n    end t compensate=A\n    f -> t\nend E compensate=P\nS -> P -> E",
        ('triggeredByEvent="true"', 'triggeredByEvent="true" isForCompensation="true"'),
    ),
    "event subprocess names what it is part of": xml(
        "start S\nsub P\n  start s\n  user A\n  boundary B on=A compensate\n  user U undo=B\n  end e\n  s -> A -> e\n"
        "  eventsub F\n    start f error=X\n    end t compensate=P\n    f -> t\nend E\nS -> P -> E"
    ),
    "transaction": xml(CANCELLED),
    "transaction with its method": swapped(
        CANCELLED, ('<bpmn:transaction id="X"', '<bpmn:transaction id="X" method="##Compensate"')
    ),
    "cancel from an event subprocess": xml(
        "start S\ntransaction X\n  start s\n  user A\n  end e\n  s -> A -> e\n  eventsub F\n    start f message=m\n    end C cancel\n    f -> C\n"
        "boundary B on=X cancel\nend E\nS -> X -> E\nB -> E"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT_ONES)
def test_its_right_neighbour_passes(name: str) -> None:
    assert [f for f in read(RIGHT_ONES[name]) if f.severity == "error"] == []


@pytest.mark.parametrize("name", RIGHT_ONES)
def test_a_lone_diagram_of_it_passes_with_nothing_said_of_the_handlers(name: str) -> None:
    package, findings = compile_diagram(RIGHT_ONES[name], "test.bpmn")
    assert package is not None
    assert not [
        f for f in findings if f.element in ("U", "B") and f.rule not in ("unlabelled", "no_one_to_do_it")
    ]


def test_naming_what_nothing_undoes_is_warned_of() -> None:
    found = read(xml("start S\nuser A\nend E compensate=A\nS -> A -> E"))
    assert [(f.rule, f.severity) for f in found] == [("compensation_without_handler", "warning")]


def test_what_another_tool_may_leave_out_is_a_warning_in_a_lone_diagram() -> None:
    for name in ("caught with an activity", "cancel nobody catches", "method of a transaction"):
        rule, data = WRONG[name]
        assert {f.severity for f in read(data, lone=True) if f.rule == rule} == {"warning"}


def test_nobody_returns_to_or_from_a_compensation_activity() -> None:
    """退回 goes along the normal flow only."""
    for text in (RIGHT.replace("user A", "user A returnTo=U"), RIGHT.replace("user U", "user U returnTo=A")):
        found = [f.message for f in compile_package(files(xml(text)))[1] if f.rule == "return_target"]
        assert len(found) == 1 and "补偿活动只在撤销时办理" in found[0]


def test_the_second_engine_leaves_it_out() -> None:
    process = diagram(RIGHT + CANCELLED_TOO).processes["main"]
    assert left_out(process) == dict.fromkeys("BUTXsMCD", "补偿与事务")


def test_the_versions_are_compared() -> None:
    told = changes(diagram(RIGHT), diagram(RIGHT.replace("T compensate", "T compensate=A wait=false")))
    assert told == ["中间抛出事件“T”所撤销的活动由全部改为A", "中间抛出事件“T”不再等补偿办完再往下走"]
    plain = CANCELLED.replace("transaction X", "sub X").replace("end C cancel", "end C")
    told = changes(diagram(CANCELLED), diagram(plain.replace("on=X cancel", "on=X error=Z")))
    assert "子流程“X”不再是事务" in told
    assert "结束事件“C”由取消触发改为空触发" in told
    without = diagram(
        RIGHT.replace("boundary B on=A compensate\nuser U undo=B name=撤甲", "user U name=撤甲")
    )
    told = changes(without, diagram(RIGHT))
    assert "步骤“撤甲”改为补偿活动" in told
    assert "步骤“甲”的补偿活动由无改为U" in told

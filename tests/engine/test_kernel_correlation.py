"""Messages find the case they are meant for by BPMN's own correlation (BPMN 2.0.2, 8.4.2)."""

import pytest

from engine import commands as c
from engine import facts as f
from engine.calendar import Moment
from engine.definitions import bpmn
from engine.execution.explain import explain
from tests.engine.builders import CALENDAR, MONDAY, Play, diagram, xml
from tests.engine.test_kernel_collaboration import played

WAITS = """
key 单 号 ask=id reply=order.id
start S
throw A message=ask in:id=n
catch B message=reply
user U
S -> A -> B -> U
"""


def waits(text: str = WAITS, **variables: object) -> Play:
    return Play(diagram(text), **variables)


def keys(play: Play) -> list[tuple[str, list]]:
    return [(x.key, x.values) for x in play.facts if isinstance(x, f.CorrelationKeySet)]


def test_the_first_message_settles_the_key_and_later_ones_must_match() -> None:
    play = waits(n=7)
    assert keys(play) == [("单", [7])]
    assert play.message("reply", order={"id": 8}).new == []
    assert play.message("reply", order={"id": 7}).open == ["U"]
    assert keys(play) == [("单", [7])]


def test_what_a_case_waits_for_names_the_key() -> None:
    play = waits(n=7)
    said = [str(one) for one in explain(play.package, play.state, Moment(MONDAY, CALENDAR))]
    assert said == ["“reply”在等消息“reply”（关联键 7）。"]


def test_a_message_without_the_key_is_not_for_a_case_that_has_one() -> None:
    play = waits(n=7)
    assert play.message("reply").new == []
    assert play.message("reply", order={"other": 7}).new == []
    assert play.message("reply", order=7).new == []


def test_a_number_is_not_its_text_and_a_truth_is_no_number() -> None:
    assert waits(n=1).message("reply", order={"id": "1"}).new == []
    assert waits(n=1).message("reply", order={"id": True}).new == []


def test_the_first_message_received_settles_the_key() -> None:
    play = waits("""
key 单 号 m=id k=id
start S
and F
catch A message=m
catch B message=k
user U
user V
S -> F -> A -> U
F -> B -> V
""")
    play.message("m", id=3)
    assert (play.open, keys(play)) == (["U"], [("单", [3])])
    assert play.message("k", id=4).new == []
    assert play.message("k", id=3).open == ["U", "V"]


def test_a_message_start_settles_the_key() -> None:
    package = diagram("key 单 号 m=id k=id\nstart S message=m\ncatch A message=k\nuser U\nS -> A -> U")
    play = Play.__new__(Play)
    play.__init__(package, start="S")
    assert keys(play) == []
    play = Started(package, "S", id=5)
    assert keys(play) == [("单", [5])]
    assert play.message("k", id=6).new == []
    assert play.message("k", id=5).open == ["U"]


class Started(Play):
    """A case begun at a start event with a payload."""

    def __init__(self, package, start: str, **variables: object) -> None:
        self.at = start
        super().__init__(package, **variables)

    def do(self, command: c.KernelCommand) -> Play:
        if isinstance(command, c.StartProcess):
            command = c.StartProcess("", self.at, command.variables)
        return super().do(command)


def test_a_key_of_several_properties_matches_as_a_whole() -> None:
    play = waits("""
key 单 年 ask=year reply=y
key 单 号 ask=id reply=n
start S
throw A message=ask in:year="2026" in:id="3"
catch B message=reply
user U
S -> A -> B -> U
""")
    assert keys(play) == [("单", [2026, 3])]
    assert play.message("reply", y=2026, n=4).new == []
    assert play.message("reply", y=2025, n=3).new == []
    assert play.message("reply", n=3).new == []
    assert play.message("reply", y=2026, n=3).open == ["U"]


def test_of_several_keys_one_that_fits_is_enough_and_the_other_is_then_settled() -> None:
    play = waits("""
key 单 号 ask=id m=id
key 车 牌 m=car k=car
start S
throw A message=ask in:id="1"
catch B message=m
catch C message=k
user U
S -> A -> B -> C -> U
""")
    play.message("m", id=1, car="蒙K")
    assert keys(play) == [("单", [1]), ("车", ["蒙K"])]
    assert play.message("k", car="蒙A").new == []
    assert play.message("k", car="蒙K").open == ["U"]


def test_a_message_that_carries_no_key_of_its_kind_goes_by_name() -> None:
    play = waits(
        "key 单 号 ask=id\nstart S\nthrow A message=ask in:id=1\ncatch B message=other\nuser U\nS -> A -> B -> U"
    )
    assert play.message("other").open == ["U"]


def test_the_context_says_what_is_expected_as_it_is_when_the_message_comes() -> None:
    play = waits(
        """
key 单 号 m=id
expects 单 号=订单.号
start S
and F
user W
user X
catch B message=m
user U
S -> F -> W -> X
F -> B -> U
""",
        订单={"号": 1},
    )
    assert play.message("m", id=2).new == []
    play.complete("W", 订单={"号": 2})
    assert play.message("m", id=1).new == []
    assert play.message("m", id=2).open == ["X", "U"]
    assert keys(play) == []  # the variables say it, not the first message


def test_what_the_context_does_not_know_yet_fits_any() -> None:
    play = waits("key 单 号 m=id\nexpects 单 号=unknown\nstart S\ncatch B message=m\nuser U\nS -> B -> U")
    assert play.message("m", id=2).open == ["U"]


def test_a_case_does_not_send_under_another_key() -> None:
    play = waits("""
key 单 号 ask=id more=id
start S
throw A message=ask in:id="1"
user U
throw B message=more in:id=n
end E
S -> A -> U -> B -> E
""")
    play.complete("U", n=2)
    assert play.incidents == [("B", "correlation_differs")]
    assert not any(isinstance(x, f.MessageSent) and x.name == "more" for x in play.facts)
    play.do(c.RetryIncident(next(iter(play.state.incidents)), {"n": 1}))
    assert play.state.ended == "completed"


def test_each_instance_holds_a_conversation_of_its_own() -> None:
    playing, rows = played(
        """
key 单 号 order=id done=id
start S
sub P each="[1, 2]" as=n
  start s0
  send A message=order in:id=n
  receive B message=done
  end e0
  s0 -> A -> B -> e0
end E
S -> P -> E
process q
  start s message=order
  catch W duration="=duration(if id = 1 then `PT2H` else `PT1H`)"
  end e message=done in:id=id
  s -> W -> e
A ~> s
e ~> B
""".replace("`", '\\"')
    )
    assert playing.outcome == "completed"
    assert [r["values"] for r in rows if r["kind"] == "CorrelationKeySet"] == [[1], [2], [1], [2]]
    heard = [r["variables"] for r in rows if r["kind"] == "MessageReceived"]
    assert heard == [{"id": 2}, {"id": 1}]


def test_one_conversation_does_not_hold_two_keys() -> None:
    playing, rows = played("""
key 单 号 order=id
start S
send A message=order in:id="1"
send B message=order in:id="2"
end E
S -> A -> B -> E
process q
  start s message=order
  end e
  s -> e
A ~> s
""")
    assert playing.outcome == "incident"
    assert [r["code"] for r in rows if r["kind"] == "IncidentRaised"] == ["correlation_differs"]


def test_two_senders_two_receivers() -> None:
    """Each of two pools asks; the third answers both, in the other order."""
    text = """
key 单 号 ask=id reply=id
start S
send A message=ask in:id="1"
receive B message=reply
end E
S -> A -> B -> E
process q
  start s
  send a message=ask in:id="2"
  receive b message=reply
  end e
  s -> a -> b -> e
process r
  start z message=ask
  catch W duration=PT1H
  end y message=reply in:id=id
  z -> W -> y
A ~> z
a ~> z
"""
    playing, rows = played(text)
    assert playing.outcome == "completed"
    assert [case.state.root_variables for case in playing.cases] == [
        {"id": 1},
        {"id": 2},
        {"id": 1},
        {"id": 2},
    ]
    assert [r["case"] for r in rows if r["kind"] == "CaseCompleted"] == ["r", "main", "r#2", "q"]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (("<bpmn:correlationPropertyRef>单_号<", "<bpmn:correlationPropertyRef>无<"), "unknown_reference"),
        (("<bpmn:correlationPropertyRef>单_号</bpmn:correlationPropertyRef>", ""), "correlation_key"),
        (('correlationKeyRef="单"', 'correlationKeyRef="无"'), "unknown_reference"),
        (('correlationPropertyRef="单_号"', 'correlationPropertyRef="无"'), "correlation_binding"),
        (("<bpmn:messagePath>id</bpmn:messagePath>", ""), "correlation_path"),
        (("<bpmn:messagePath>id<", "<bpmn:messagePath>id +<"), "expression_invalid"),
        (('messageRef="message_0"><bpmn:messageP', 'messageRef="none"><bpmn:messageP'), "unknown_reference"),
    ],
)
def test_a_correlation_with_loose_ends_is_refused(change: tuple[str, str], rule: str) -> None:
    text = xml("key 单 号 m=id\nexpects 单 号=x\nstart S\ncatch B message=m\nend E\nS -> B -> E").decode()
    assert change[0] in text
    assert not [x for x in bpmn.read(text.encode(), "a")[1] if x.severity == "error"]
    findings = bpmn.read(text.replace(*change).encode(), "a")[1]
    assert rule in {x.rule for x in findings if x.severity == "error"}
    assert all(x.element and x.line for x in findings if x.rule == rule)


def test_each_called_process_holds_a_conversation_of_its_own() -> None:
    play = waits("""
key 单 号 ask=id reply=id
start S
call P called=q each="[1, 2]" as=n
user U
S -> P -> U
process q
  start s
  throw A message=ask in:id=n
  catch B message=reply
  end e
  s -> A -> B -> e
""")
    assert [values for _, values in keys(play)] == [[1], [2]]
    assert play.message("reply", id=3).new == []
    play.message("reply", id=2)
    assert len(play.state.subscriptions) == 1
    assert play.message("reply", id=2).new == []
    assert play.message("reply", id=1).open == ["U"]


def test_a_boundary_event_hears_only_its_conversation() -> None:
    play = waits(
        """
key 单 号 ask=id stop=id
start S
throw A message=ask in:id=n
user B
boundary X on=B message=stop
user U
S -> A -> B
X -> U
""",
        n=1,
    )
    assert play.message("stop", id=2).new == []
    assert play.message("stop", id=1).open == ["U"]


def test_an_event_gateway_hears_only_its_conversation() -> None:
    play = waits(
        """
key 单 号 ask=id yes=id no=id
start S
throw A message=ask in:id=n
event G
catch Y message=yes
catch N message=no
user U
user V
S -> A -> G
G -> Y -> U
G -> N -> V
""",
        n=1,
    )
    assert play.message("yes", id=2).new == []
    assert play.message("no", id=1).open == ["V"]


def test_a_message_one_waits_for_in_two_places_goes_where_its_key_fits() -> None:
    """Two instances wait for the same message; the first armed is not the one that is meant."""
    play = waits("""
key 单 号 ask=id reply=id
start S
sub P each="[1, 2]" as=n
  start s
  throw A message=ask in:id=n
  catch B message=reply
  user U
  s -> A -> B -> U
end E
S -> P -> E
""")
    play.message("reply", id=2)
    (item,) = play.state.items.values()
    assert play.state.instances[play.state.instances[item.id].scope].loop == 2

"""Data objects, properties, data inputs and outputs, and the associations between them (BPMN 2.0.2, 10.4)."""

import pytest

from engine import facts as f
from engine.calendar import Moment
from engine.commands import CompleteItem, StartProcess
from engine.definitions import bpmn
from engine.definitions.compare import changes
from engine.definitions.compile import compile_diagram
from engine.execution.advance import advance
from engine.execution.play import Playing
from engine.execution.state import State
from engine.facts import JobOffered, MessageSent
from engine.values import dumps
from tests.engine.builders import CALENDAR, MONDAY, Play, diagram, xml
from tests.engine.test_play_plain import straight


def variables_of(play: Play, element: str) -> dict:
    """The locals of the open element."""
    found = next(i for i in play.state.instances.values() if i.element == element)
    return found.variables or {}


def errors(text: str) -> list[str]:
    return [x.rule for x in bpmn.read(xml(text), "a.bpmn")[1] if x.severity == "error"]


def test_a_data_object_goes_in_and_comes_out() -> None:
    play = Play(
        diagram("""
data D name=订单
start S
user A take:单=D give:改=D
user B
end E
S -> A -> B -> E
"""),
        订单={"金额": 5},
    )
    assert variables_of(play, "A") == {"单": {"金额": 5}}
    play.complete("A", 改={"金额": 6}, 其他=1)
    assert play.variables == {"订单": {"金额": 6}}


def test_an_output_that_was_not_delivered_leaves_the_data_object_alone() -> None:
    play = Play(diagram("data D\nstart S\nuser A take:x=D give:x=D\nuser B\nS -> A -> B"), D=3)
    play.complete("A")
    assert play.variables == {"D": 3}


def test_inputs_are_computed_by_a_transformation() -> None:
    play = Play(diagram('data D\nstart S\nservice A topic=t take:n="=D.n * 2"\nS -> A'), D={"n": 4})
    offered = next(fact for fact in play.facts if isinstance(fact, JobOffered))
    assert offered.inputs == {"n": 8}


def test_outputs_are_computed_and_assigned_into_the_data_object() -> None:
    play = Play(
        diagram(
            """
data D name=订单
start S
user A give:n="D = {金额: n, 税: n * 0.1}"
user B give:n="订单.明细.件数 := n"
user C
S -> A -> B -> C
""".replace('"订单.明细', '"D.明细')
        )
    )
    play.complete("A", n=10)
    play.complete("B", n=3)
    assert play.variables["订单"]["金额"] == 10
    assert play.variables["订单"]["明细"] == {"件数": 3}


def test_a_data_object_of_a_subprocess_is_its_own() -> None:
    play = Play(
        diagram("""
start S
sub P
  data D
  start s
  user A give:x=D
  user B take:y=D
  end e
  s -> A -> B -> e
user C
S -> P -> C
"""),
        D="外",
    )
    play.complete("A", x="内")
    assert variables_of(play, "B") == {"y": "内"}
    play.complete("B")
    assert play.variables == {"D": "外"}


def test_each_instance_of_a_subprocess_has_its_own_data() -> None:
    play = Play(
        diagram("""
start S
sub P each="[1, 2]" as=n
  data D
  start s
  script A result=x do="n * 10" give:x=D
  user B take:y=D
  end e
  s -> A -> B -> e
end E
S -> P -> E
""")
    )
    inside = [i.variables for i in play.state.instances.values() if i.element == "B"]
    assert inside == [{"y": 10}, {"y": 20}]
    assert play.variables == {}


def test_a_subprocess_takes_and_gives() -> None:
    play = Play(
        diagram("""
data D
start S
sub P take:a=D give:b=D
  start s
  script A result=b do="a + 1"
  user B
  end e
  s -> A -> B -> e
user C
S -> P -> C
"""),
        D=1,
    )
    assert play.variables == {"D": 1}  # what the subprocess gives, it gives when it ends
    play.complete("B")
    assert play.variables == {"D": 2}


def test_a_property_of_a_subprocess_is_its_own() -> None:
    play = Play(
        diagram("""
start S
sub P
  property n
  start s
  script A result=n do="1"
  user B
  end e
  s -> A -> B -> e
user C
S -> P -> C
""")
    )
    assert play.variables == {}
    play.complete("B")
    assert play.variables == {}


def test_a_called_process_takes_and_gives_by_its_own_names() -> None:
    play = Play(
        diagram("""
data D
data R
start S
call P called=q take:a=D take:b="=2" give:r=R
user C
S -> P -> C
process q
  input x
  input y
  output z
  property q_D name=D
  start s
  script A result=z do="x + y"
  script B result=D do="99"
  user U
  end e
  s -> A -> B -> U -> e
"""),
        D=1,
    )
    assert variables_of(play, "P") == {"x": 1, "y": 2, "z": 3, "D": 99}
    play.complete("U")
    assert play.variables == {"D": 1, "R": 3}


def test_a_throwing_event_gives_its_data_inputs_and_a_catching_one_takes_the_payload() -> None:
    play = Play(
        diagram("""
data D
data R
start S
and F
throw X message=m take:n=D
catch C message=m give:n=R
catch G message=k give:all=R
user U
S -> F -> C -> U
F -> X
F -> G -> U
"""),
        D=7,
    )
    sent = next(fact for fact in play.facts if isinstance(fact, MessageSent))
    assert sent.variables == {"n": 7}
    assert play.variables == {"D": 7, "R": 7}
    play.message("k", a=1, b=2)
    assert play.variables == {"D": 7, "R": {"a": 1, "b": 2}}


def test_a_message_start_puts_its_payload_into_a_data_object() -> None:
    package = diagram("data D name=来文\nstart S message=m give:all=D\nuser A\nS -> A")
    play = Play.__new__(Play)
    play.__init__(package, MONDAY, "S", 文号="1")
    assert play.variables == {"来文": {"文号": "1"}, "文号": "1"}


def test_the_only_data_output_takes_a_scripts_result() -> None:
    text = xml('data D\nstart S\nscript A result=x do="1 + 1" give:sum=D\nuser B\nS -> A -> B').decode()
    processes, findings = bpmn.read(text.replace(' camunda:resultVariable="x"', "").encode(), "a.bpmn")
    assert not [x for x in findings if x.severity == "error"]
    package = diagram("start S")
    package = type(package)(**{**_fields(package), "processes": processes})
    playing = Playing(package, MONDAY, CALENDAR, hold=True)
    list(playing.run())
    assert playing.cases[0].state.root_variables == {"D": 2}


def _fields(package):
    return {name: getattr(package, name) for name in package.__dataclass_fields__ if name != "titles"}


def test_a_data_object_that_is_a_list_is_gone_through() -> None:
    play = Play(
        diagram("""
data D
start S
user A give:list=D
user B each=D as=one
S -> A -> B
""")
    )
    play.complete("A", list=["甲", "乙"])
    assert play.open == ["B", "B"]


def test_what_is_only_drawn_changes_nothing() -> None:
    """As modelers write an arrow between a data object and a task that has no data inputs and outputs."""
    data = straight(
        '<userTask id="A"><property id="P" name="__targetRef_placeholder"/><dataInputAssociation id="a">'
        '<sourceRef>R</sourceRef><targetRef>P</targetRef></dataInputAssociation><dataOutputAssociation id="b">'
        "<targetRef>R</targetRef></dataOutputAssociation></userTask>",
        before='<dataObject id="D"/><dataObjectReference id="R" name="报告" dataObjectRef="D"/>',
    )
    processes, findings = bpmn.read(data, "a.bpmn")
    assert not [x for x in findings if x.severity == "error"]
    element = processes["p"].elements["A"]
    assert (element.inputs, element.outputs, processes["p"].declares) == ((), (), ())


def test_a_name_that_no_expression_can_read_gives_way_to_the_id() -> None:
    play = Play(diagram('data D name="报告[已审]"\nstart S\nuser A give:x=D\nuser B\nS -> A -> B'))
    play.complete("A", x=1)
    assert play.variables == {"D": 1}


def test_what_cannot_be_done_is_refused() -> None:
    assert errors('data D\nstart S\nuser A give:x="D := 1"\nS -> A') == []
    assert errors("data D\nstart S\ncatch A message=m take:x=D\nend E\nS -> A -> E") == ["data_place"]
    assert errors("data D\nstart S\nthrow A message=m give:x=D\nend E\nS -> A -> E") == ["data_place"]
    wrong = xml('data D\nstart S\nuser A give:x="D.a := 1"\nS -> A').replace(b">D.a<", b">Other.a<")
    assert [x.rule for x in bpmn.read(wrong, "a.bpmn")[1] if x.severity == "error"] == ["data_assignment"]


def test_a_data_store_lives_in_the_case_only() -> None:
    data = straight(
        '<userTask id="A"><ioSpecification><dataOutput id="O" name="o"/><inputSet/><outputSet/></ioSpecification>'
        "<dataOutputAssociation><sourceRef>O</sourceRef><targetRef>R</targetRef></dataOutputAssociation></userTask>",
        '<dataStore id="T" name="台账"/>',
        '<dataStoreReference id="R" dataStoreRef="T"/>',
    )
    assert [(x.rule, x.severity) for x in bpmn.read(data, "a")[1] if x.rule == "data_store"] == [
        ("data_store", "error")
    ]
    lone = bpmn.read(data, "a", lone=True)
    assert [(x.rule, x.severity) for x in lone[1] if x.rule == "data_store"] == [("data_store", "warning")]
    assert [b.name for b in lone[0]["p"].elements["A"].outputs] == ["台账"]


# -- events ---------------------------------------------------------------------------------------------


def test_a_boundary_event_puts_its_payload_into_a_data_object() -> None:
    play = Play(
        diagram("""
data D
start S
user A
boundary M on=A message=m give:all=D
user B
S -> A
M -> B
""")
    )
    play.message("m", x=1)
    assert play.variables == {"D": {"x": 1}}


def test_the_data_of_an_event_subprocess_are_its_own_each_time() -> None:
    play = Play(
        diagram("""
data D
start S
user A give:x=D
eventsub V
  data L
  start v message=m interrupting=false give:all=L
  user B take:y=L
  end e
  v -> B -> e
S -> A
""")
    )
    play.message("m", n=1)
    play.message("m", n=2)
    found = [i.variables for i in play.state.instances.values() if i.element == "B"]
    assert found == [{"y": {"n": 1}}, {"y": {"n": 2}}]
    assert play.variables == {}


def test_an_interrupting_event_subprocess_writes_outside_what_is_outside() -> None:
    play = Play(
        diagram("""
data D
start S
user A give:x=D
eventsub V
  data L
  start v message=m give:n=L
  script B result=z do="L + 1" give:z=D
  user C
  v -> B -> C
S -> A
""")
    )
    play.message("m", n=1)
    assert play.variables == {"D": 2}


def test_called_processes_in_instances_keep_apart() -> None:
    play = Play(
        diagram("""
data R
start S
call P called=q each="[1, 2]" as=n take:a="=n" outputCollection=all outputElement=z
user U
S -> P -> U
process q
  input x
  output z
  data T
  start s
  script A result=t do="x * 10" give:t=T
  user B take:t=T give:z=z
  end e
  s -> A -> B -> e
""")
    )
    assert [i.variables for i in play.state.instances.values() if i.element == "B"] == [{"t": 10}, {"t": 20}]
    play.complete("B", z="甲").complete("B", z="乙")
    assert play.variables == {"all": ["甲", "乙"]}


def test_changes_of_data_and_correlation_are_told() -> None:
    text = "data D\nkey 单 号 m=id\nexpects 单 号=n\nstart S\nuser A take:x=D\ncatch C message=m\nend E\nS -> A -> C -> E"
    before = diagram(text)
    assert changes(before, before) == []
    said = changes(
        before,
        diagram(text.replace("m=id", "m=order.id").replace("号=n", "号=k").replace("take:x", "give:y")),
    )
    assert any("数据输入" in one for one in said) and any("数据输出" in one for one in said)
    assert any("位置由id改为order.id" in one for one in said) and any("由n改为k" in one for one in said)


# -- nothing is shared ---------------------------------------------------------------------------------


CHANGES = (
    "append(x.表[1], 99)", "concatenate(x.表[1], [99])", "insert before(x.表[1], 1, 99)", "remove(x.表[1], 1)",
    "reverse(x.表[1])", "sort(x.表[1], function(a, b) a > b)", "flatten(x.表)", "list replace(x.表[1], 1, 99)",
    'context put(x, "表", [99])', 'context put(x, ["深", "层"], 99)', "context merge([x, {表: [99]}])",
    "for 行 in x.表 return append(行, 99)", "distinct values(x.表[1])",
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_one_branch_changes_is_seen_neither_by_the_other_nor_in_history(change: str) -> None:
    """The live state of one run, without a snapshot in between that would make copies."""
    package = diagram(
        f"""
data D
start S
and F
user A take:x=D give:y="D2 = {change.replace('"', "'")}"
user B take:x=D
user C take:x=D
data D2
and J
user E
S -> F -> A -> J -> E
F -> B -> J
F -> C -> J
""".replace("'", '\\"')
    )
    state, facts = State(), []
    moment = Moment(MONDAY, CALENDAR)
    start = {"D": {"表": [[2, 1], [3]], "深": {"层": 1}}}
    facts += advance(package, state, StartProcess("", "", start), moment, "case")
    before = [dumps(f.to_data(fact)) for fact in facts]
    item = next(i.id for i in state.items.values() if i.element == "A")
    facts += advance(package, state, CompleteItem(item, {"y": 1}), moment, "case")
    assert state.root_variables["D2"] is not None
    assert [dumps(f.to_data(fact)) for fact in facts[: len(before)]] == before
    others = [i.variables for i in state.instances.values() if i.element in ("B", "C")]
    assert others == [{"x": {"表": [[2, 1], [3]], "深": {"层": 1}}}] * 2
    assert state.root_variables["D"] == {"表": [[2, 1], [3]], "深": {"层": 1}}


def test_writing_into_a_copy_leaves_what_others_hold() -> None:
    play = Play(
        diagram("""
data D
start S
user A take:x=D give:x="D.表 := append(x.表, 3)"
user B
S -> A -> B
"""),
        D={"表": [1, 2], "原": {"表": [1, 2]}},
    )
    before = play.variables["D"]
    play.complete("A", x={"表": [1, 2]})
    assert play.variables["D"] == {"表": [1, 2, 3], "原": {"表": [1, 2]}}
    assert before == {"表": [1, 2], "原": {"表": [1, 2]}}


def test_a_property_of_a_task_is_its_own() -> None:
    data = straight(
        '<userTask id="A"><property id="P" name="初值"/><dataInputAssociation><sourceRef>R</sourceRef><targetRef>P</targetRef>'
        "</dataInputAssociation><dataOutputAssociation><sourceRef>P</sourceRef><targetRef>R2</targetRef>"
        "</dataOutputAssociation></userTask>",
        before='<dataObject id="D" name="甲"/><dataObjectReference id="R" dataObjectRef="D"/>'
        '<dataObject id="D2" name="乙"/><dataObjectReference id="R2" dataObjectRef="D2"/>',
    )
    package, findings = compile_diagram(data, "图.bpmn")
    assert package is not None, findings
    playing = Playing(package, MONDAY, CALENDAR, variables={"甲": 5})
    list(playing.run())
    assert playing.cases[0].state.root_variables == {"甲": 5, "乙": 5}


ELSEWHERE = (
    '<transformation language="http://www.w3.org/1999/XPath">$x/a</transformation>',
    '<assignment><from language="urn:java">x.getA()</from><to>I</to></assignment>',
    "<assignment><from>#{x.y}</from><to>I</to></assignment>",
    '<assignment><from>1</from><to>getDataInput("I")/a</to></assignment>',
)


@pytest.mark.parametrize("inside", ELSEWHERE)
def test_what_is_no_feel_is_refused_in_a_package_and_left_out_of_a_lone_diagram(inside: str) -> None:
    data = straight(
        '<userTask id="A"><ioSpecification><dataInput id="I" name="i"/><inputSet/><outputSet/></ioSpecification>'
        f"<dataInputAssociation><targetRef>I</targetRef>{inside}</dataInputAssociation></userTask>"
    )
    _, findings = bpmn.read(data, "a", rules=())
    assert any(one.severity == "error" for one in findings)
    processes, findings = bpmn.read(data, "a", lone=True, rules=())
    assert not any(one.severity == "error" for one in findings)
    assert processes["p"].elements["A"].inputs == ()


def test_an_end_event_fills_what_its_process_gives() -> None:
    text = xml("""
data R
start S
call P called=q take:a="=4" give:b=R
user U
S -> P -> U
process q
  input x
  output y
  start s
  end e
  s -> e
""").decode()
    drawn = '<bpmn:endEvent id="e"><bpmn:dataInputAssociation><bpmn:sourceRef>x</bpmn:sourceRef><bpmn:targetRef>y</bpmn:targetRef>'
    text = text.replace('<bpmn:endEvent id="e">', f"{drawn}</bpmn:dataInputAssociation>")
    package, findings = compile_diagram(text.encode(), "图.bpmn")
    assert package is not None, findings
    playing = Playing(package, MONDAY, CALENDAR, hold=True)
    list(playing.run())
    assert playing.cases[0].state.root_variables == {"R": 4}

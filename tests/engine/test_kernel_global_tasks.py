"""Global tasks, performed where they are called (BPMN 2.0.2, 10.3.6)."""

from engine import commands as c
from engine.definitions import bpmn
from engine.definitions.compile import compile_diagram
from tests.engine.builders import Play, diagram, xml

CALLED = """
start S
call C called=G
user Z
S -> C -> Z
"""


def test_a_global_user_task_is_offered_where_it_is_called():
    play = Play(diagram(CALLED + "globaluser G name=核查 groups=DB,QY form=T1")).complete("G", 意见="好")
    assert play.trace() == ["G", "C", "+Z"]
    offered = next(fact for fact in play.facts if fact.kind == "WorkItemOffered")
    assert (offered.name, offered.groups, offered.form) == ("核查", ("DB", "QY"), "T1")
    assert play.variables == {}, "what it delivers stays in the call"
    assert play.again() == play.facts


def test_its_result_comes_back_by_the_call_s_mapping():
    text = CALLED.replace("called=G", "called=G in:对象=户 out:结论=意见")
    play = Play(diagram(text + 'globaluser G summary="=对象"'), 户="甲").complete("G", 意见="好", 其他=1)
    assert play.variables == {"户": "甲", "结论": "好"}
    assert next(f for f in play.facts if f.kind == "WorkItemOffered").name == "甲"
    play = Play(diagram(CALLED.replace("called=G", "called=G out") + "globaluser G")).complete("G", 意见="好")
    assert play.variables["意见"] == "好"


def test_a_global_script_task_computes():
    text = CALLED.replace("called=G", "called=G in out") + 'globalscript G do="n * 2" result=n'
    assert Play(diagram(text), n=4).variables["n"] == 8


def test_its_data_inputs_and_outputs_are_those_of_the_call():
    text = """
data A name=数
data B name=倍
start S
call C called=G take:进=A give:出=B
user Z
S -> C -> Z
globalscript G do="进 * 2"
"""
    own = (
        b'<bpmn:ioSpecification><bpmn:dataInput id="i" name="\xe8\xbf\x9b"/><bpmn:dataOutput id="o" name="\xe5\x87\xba"/>'
        b"<bpmn:inputSet/><bpmn:outputSet/></bpmn:ioSpecification><bpmn:script>"
    )
    package, _ = compile_diagram(xml(text).replace(b"<bpmn:script>", own), "a.bpmn")
    assert package is not None
    assert Play(package, 数=4).variables["倍"] == 8


def test_each_kind_of_global_task_runs():
    for line in ("globaltask G", "globalmanual G", "globalrule G"):
        processes, findings = bpmn.read(xml(CALLED + line), "a.bpmn", lone=True)
        assert not [x for x in findings if x.severity == "error"], line
        assert processes["G"].task and processes["G"].plain_entries == ("G",)
    assert Play(diagram(CALLED + "globaltask G")).trace() == [
        *["+S", "S", "+C", "+G", "G", "C", "+Z"],
    ]
    assert Play(diagram(CALLED + "globalmanual G")).open == ["G"]


def test_an_error_of_it_is_caught_at_the_call():
    text = CALLED + "globaluser G\nboundary B on=C error=坏\nuser Y\nB -> Y\n"
    play = Play(diagram(text))
    play.do(c.ThrowError(next(iter(play.state.items)), "坏", "", {}))
    assert play.open == ["Y"]


def test_it_goes_round_with_its_call_and_is_called_from_several_places():
    text = """
start S
call C called=G times=2
call D called=G
S -> C -> D
globaluser G
"""
    play = Play(diagram(text))
    assert play.open == ["G", "G"]
    assert play.complete("G").complete("G").open == ["G"]
    assert play.complete("G").state.ended == "completed"


def test_a_file_is_never_begun_at_a_global_task():
    package, findings = compile_diagram(xml("globaluser G name=g\nstart S\nend E\nS -> E"), "a.bpmn")
    assert package is not None and package.main == "main"
    assert "global_task_unused" in [x.rule for x in findings if x.element == "G"]


def test_a_file_of_global_tasks_alone_has_no_process():
    data = b"".join(
        (xml("start S").split(b"<bpmn:process")[0], b'<bpmn:globalTask id="G"/></bpmn:definitions>')
    )
    assert [x.rule for x in bpmn.read(data, "a.bpmn")[1]] == ["no_process"]


def test_what_a_global_task_does_not_know_is_refused():
    data = xml(CALLED + "globaluser G").replace(
        b"<bpmn:globalUserTask ", b'<bpmn:globalUserTask startQuantity="2" '
    )
    assert "unknown_attribute" in {x.rule for x in bpmn.read(data, "a.bpmn")[1]}
    data = xml(CALLED + "globalscript G do=1").replace(b'"feel"', b'"javascript"')
    assert "attribute_value" in {x.rule for x in bpmn.read(data, "a.bpmn")[1]}

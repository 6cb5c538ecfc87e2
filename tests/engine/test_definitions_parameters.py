"""Input and output parameters as Camunda's modelers write them: text, FEEL, lists, maps; what a call passes on."""

import pytest

from engine.definitions import bpmn
from engine.execution.play import Playing
from tests.engine.builders import CALENDAR, MONDAY, diagram
from tests.engine.test_play_plain import straight


def with_parameter(inside: str, kind: str = "inputParameter") -> bytes:
    return straight(
        '<serviceTask id="A" camunda:type="external" camunda:topic="t"><extensionElements><camunda:inputOutput>'
        f'<camunda:{kind} name="x">{inside}</camunda:{kind}></camunda:inputOutput></extensionElements></serviceTask>'
    )


def passing(attributes: str, tag: str = "in") -> bytes:
    return straight(
        f'<callActivity id="A" calledElement="q"><extensionElements><camunda:{tag} {attributes}/></extensionElements>'
        "</callActivity>"
    )


def errors(data: bytes) -> list[str]:
    return [x.rule for x in bpmn.read(data, "a")[1] if x.severity == "error"]


VALUES = {
    "text": ("甲", "甲"),
    "FEEL": ("= n + 1", 6),
    "a list": (
        "<camunda:list><camunda:value>甲</camunda:value><camunda:value>=n</camunda:value></camunda:list>",
        ["甲", 5],
    ),
    "an empty list": ("<camunda:list/>", []),
    "a map": (
        '<camunda:map><camunda:entry key="甲 1">=n * 2</camunda:entry><camunda:entry key="乙">x"y</camunda:entry></camunda:map>',
        {"甲 1": 10, "乙": 'x"y'},
    ),
    "an empty map": ("<camunda:map/>", {}),
    "one in the other": (
        '<camunda:map><camunda:entry key="a"><camunda:list><camunda:value>1</camunda:value><camunda:list>'
        "<camunda:value>=1</camunda:value></camunda:list></camunda:list></camunda:entry></camunda:map>",
        {"a": ["1", [1]]},
    ),
    "a script": (
        '<camunda:script scriptFormat="feel">if n &gt; 3 then "多" else "少"</camunda:script>',
        "多",
    ),
    "a comment beside": ("<!-- note --><camunda:list/>", []),
}


@pytest.mark.parametrize("case", VALUES)
def test_a_parameter_is_text_feel_list_or_map(case: str) -> None:
    inside, expected = VALUES[case]
    processes, findings = bpmn.read(with_parameter(inside), "a")
    assert not [x for x in findings if x.severity == "error"]
    package = diagram("start S\nend E\nS -> E")
    fields = {name: getattr(package, name) for name in package.__dataclass_fields__ if name != "titles"}
    package = type(package)(**{**fields, "processes": processes, "main": "p"})
    playing = Playing(package, MONDAY, CALENDAR, variables={"n": 5})
    offered = next(row for row in playing.run() if row["kind"] == "JobOffered")
    assert offered["inputs"] == {"x": expected}


@pytest.mark.parametrize(
    ("inside", "rule"),
    [
        ("<camunda:list/><camunda:list/>", "binding_value"),
        ("<camunda:map><camunda:entry>1</camunda:entry></camunda:map>", "binding_value"),
        ("<camunda:list><camunda:value>=1 +</camunda:value></camunda:list>", "expression_invalid"),
        ("<camunda:list><camunda:value>${x}</camunda:value></camunda:list>", "expression_language"),
        ('<camunda:script scriptFormat="groovy">1</camunda:script>', "unknown_element"),
        ("<camunda:object/>", "unknown_element"),
    ],
)
def test_a_parameter_that_is_none_of_these_is_refused(inside: str, rule: str) -> None:
    assert errors(with_parameter(inside)) == [rule]


@pytest.mark.parametrize("tag", ["in", "out"])
def test_what_a_call_does_not_pass_on_is_refused_by_name(tag: str) -> None:
    assert errors(passing('businessKey="=n"', tag)) == ["call_business_key"]
    assert errors(passing('variables="all" local="true"', tag)) == ["call_local"]
    assert errors(passing('source="n" target="m" local="false"', tag)) == []
    assert errors(passing('source="n" target="m" other="1"', tag)) == ["unknown_attribute"]

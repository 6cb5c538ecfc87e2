"""Token quantities, complex gateways, ad-hoc subprocesses and multi-instance behaviours as read, compared and told."""

from __future__ import annotations

import pytest

from engine.definitions import bpmn
from engine.definitions.compare import changes
from engine.definitions.compile import compile_diagram
from engine.definitions.model import Element
from tests.engine.builders import diagram, xml

COMPLEX = """
start S
and F
user A
user B
complex J when="activationCount >= 1"
user Z
S -> F
F -> A -> J
F -> B -> J
J -> Z
"""
HEAP = """
start S
adhoc H until="够了"
  user A
  user B
S -> H
"""
MANY = """
start S
user A times=3
boundary B on=A signal=s interrupting=false
user Y
S -> A
B -> Y
"""


def element(text: str, id: str) -> Element:
    return diagram(text).processes["main"].elements[id]


def test_a_complex_gateway_is_read() -> None:
    found = element(COMPLEX, "J")
    assert found.activation is not None and found.activation.text == "activationCount >= 1"
    assert found.gathers and found.branches
    assert not element(COMPLEX, "F").gathers


def test_an_ad_hoc_subprocess_is_read() -> None:
    how = element(HEAP, "H").ad_hoc
    assert how is not None and how.begins == ("A", "B") and not how.sequential and how.cancels
    how = element(HEAP.replace('until="够了"', "sequential keep"), "H").ad_hoc
    assert how is not None and how.sequential and not how.cancels and how.completion is None
    assert element(HEAP, "A").inside_ad_hoc and not element(HEAP, "H").inside_ad_hoc


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            COMPLEX,
            COMPLEX.replace(">= 1", ">= 2"),
            "复杂网关“J”的激活条件由“activationCount >= 1”改为“activationCount >= 2”",
        ),
        (COMPLEX, COMPLEX.replace("user Z", "user Z needs=2"), "步骤“Z”的启动令牌数由 1 改为 2"),
        (COMPLEX, COMPLEX.replace("user A", "user A makes=3"), "步骤“A”的完成令牌数由 1 改为 3"),
        (HEAP, HEAP.replace("adhoc H", "adhoc H sequential"), "子流程“H”里的环节由同时办理改为逐个办理"),
        (HEAP, HEAP.replace("adhoc H", "adhoc H keep"), "子流程“H”完成时，其余在办环节改为办完为止"),
        (HEAP, HEAP.replace("够了", "真够了"), "子流程“H”的完成条件由“够了”改为“真够了”"),
        (MANY, MANY.replace("times=3", 'times=3 one="signal s"'), "步骤“A”每份办结时抛出的事件改变"),
        (
            MANY.replace("times=3", 'times=3 when="x throw signal s"'),
            MANY.replace("times=3", 'times=3 when="y throw signal s"'),
            "步骤“A”每份办结时抛出的事件改变",
        ),
    ],
)
def test_changes_are_told(before: str, after: str, said: str) -> None:
    assert changes(diagram(before), diagram(after)) == [said]
    assert changes(diagram(after), diagram(after)) == []


def test_more_tokens_than_can_be_are_capped_in_a_lone_diagram() -> None:
    package, findings = compile_diagram(xml("start S\nuser A makes=1000\nend E\nS -> A -> E"), "a.bpmn")
    assert package is not None
    assert package.processes["main"].elements["A"].completion_quantity == 100
    assert ("token_quantity", "warning") in {(x.rule, x.severity) for x in findings}


def test_a_flow_listed_twice_is_one_flow() -> None:
    data = xml("start S\nuser A\nend E\nS -> A -> E").replace(
        b'<bpmn:userTask id="A">',
        b'<bpmn:userTask id="A"><bpmn:outgoing>A-E</bpmn:outgoing><bpmn:outgoing>A-E</bpmn:outgoing>',
    )
    elements = bpmn.read(data, "a.bpmn", lone=True)[0]["main"].elements
    assert [flow.id for flow in elements["A"].outgoing] == ["A-E"]
    assert elements["E"].incoming == ("A-E",)


def test_conditions_are_asked_in_the_order_of_the_list_or_else_of_the_file() -> None:
    text = "start S\nxor X\ntask A\ntask B\nS -> X\nX -> A if true\nX -> B if true"
    listed = (
        b'<bpmn:exclusiveGateway id="X"><bpmn:outgoing>X-B</bpmn:outgoing><bpmn:outgoing>X-A</bpmn:outgoing>'
    )
    for data, first in (
        (xml(text), "X-A"),
        (xml(text).replace(b'<bpmn:exclusiveGateway id="X">', listed), "X-B"),
    ):
        elements = bpmn.read(data, "a.bpmn", lone=True)[0]["main"].elements
        assert elements["X"].outgoing[0].id == first

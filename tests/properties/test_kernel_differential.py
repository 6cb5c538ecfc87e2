"""Two engines, one drawing 两机对照: SpiffWorkflow as oracle for the constructs on which it is right.

Random processes of tasks, exclusive and parallel gateways, subprocesses, calls and rework, finished in random order:
after every step both engines offer the same work, and both end together.
"""

from __future__ import annotations

import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from tests.engine.builders import Play, diagram, xml
from tests.properties.test_kernel_random import Block, Writer


def blocks() -> st.SearchStrategy[Block]:
    leaf = st.builds(Block, st.just("user"), st.just([]), st.just(0))
    kinds = st.sampled_from(("seq", "xor", "and", "sub", "call"))
    return st.recursive(
        leaf,
        lambda inner: st.builds(
            Block, kinds, st.lists(inner, min_size=1, max_size=3), st.sampled_from((0, 2, 3))
        ),
        max_leaves=10,
    )


class Oracle:
    """A case in SpiffWorkflow, its conditions written in its own language."""

    def __init__(self, text: str) -> None:
        data = xml(text).replace(b">=true<", b">True<").replace(b">=false<", b">False<")
        data = data.replace(b"bpmn:userTask", b"bpmn:manualTask")
        root = etree.parse(io.BytesIO(data)).getroot()
        for parameter in root.findall(".//{*}extensionElements"):
            parameter.getparent().remove(parameter)
        parser = BpmnParser()
        parser.add_bpmn_xml(root, filename="random.bpmn")
        self.workflow = BpmnWorkflow(parser.get_spec("main"), parser.get_subprocess_specs("main"))
        self.workflow.do_engine_steps()

    def _ready(self) -> list[object]:
        return list(self.workflow.get_tasks(state=TaskState.READY, manual=True))

    @property
    def open(self) -> list[str]:
        return sorted(task.task_spec.bpmn_id for task in self._ready())

    def complete(self, element: str) -> None:
        task = next(t for t in self._ready() if t.task_spec.bpmn_id == element)
        task.run()
        self.workflow.do_engine_steps()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(block=blocks(), draw=st.data())
def test_both_engines_offer_the_same_work(block: Block, draw: st.DataObject) -> None:
    text = Writer().process(block)
    ours, theirs = Play(diagram(text)), Oracle(text)
    for _ in range(100):
        assert sorted(ours.open) == theirs.open, text
        assert bool(ours.state.ended) == theirs.workflow.is_completed(), text
        if ours.state.ended:
            return
        element = draw.draw(st.sampled_from(ours.open))
        ours.complete(element)
        theirs.complete(element)
    raise AssertionError("the process does not end")

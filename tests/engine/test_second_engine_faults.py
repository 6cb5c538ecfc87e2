"""What SpiffWorkflow is wrong about, fault by fault: every test plays stock SpiffWorkflow and sees it go wrong.

A test that fails here says that an upgrade has mended its fault: take it out of `faults.FAULTS`, and let the second
engine be given what it could not do before.
"""

from __future__ import annotations

import importlib.metadata
import io
import time
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.specs.event_definitions.item_aware_event import SignalEventDefinition
from SpiffWorkflow.bpmn.util.diff import SpecDiff, WorkflowDiff, migrate_workflow
from SpiffWorkflow.bpmn.util.event import BpmnEvent
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from engine.definitions.second_engine.faults import FAULTS, VERSION
from tests.engine.builders import xml


class Stock:
    """A case on SpiffWorkflow as it comes."""

    def __init__(self, text: str, replace: tuple[bytes, bytes] = (b"", b"")) -> None:
        source = xml(text).replace(b"bpmn:userTask", b"bpmn:manualTask").replace(b">=", b">")
        source = source.replace(*replace) if replace[0] else source
        self.parser = BpmnParser()
        self.parser.add_bpmn_xml(etree.parse(io.BytesIO(source)).getroot(), filename="fault.bpmn")
        self.workflow = BpmnWorkflow(self.parser.get_spec("main"), self.parser.get_subprocess_specs("main"))
        self.workflow.do_engine_steps()

    @property
    def ready(self) -> list[str]:
        return sorted(
            t.task_spec.bpmn_id for t in self.workflow.get_tasks(state=TaskState.READY, manual=True)
        )

    @property
    def completed(self) -> bool:
        return bool(self.workflow.is_completed())

    def finish(self, element: str, **data: Any) -> None:
        tasks = self.workflow.get_tasks(state=TaskState.READY, manual=True)
        task = next(t for t in tasks if t.task_spec.bpmn_id == element)
        task.data.update(data)
        task.run()
        self.workflow.do_engine_steps()

    def signal(self, name: str) -> None:
        self.workflow.catch(BpmnEvent(SignalEventDefinition(name)))
        self.workflow.do_engine_steps()

    def refresh(self) -> None:
        self.workflow.refresh_waiting_tasks()
        self.workflow.do_engine_steps()


SHOWN: dict[str, Callable[[], None]] = {}


def shows(do: Callable[[], None]) -> Callable[[], None]:
    SHOWN[do.__name__] = do
    return do


@shows
def link_drops_token() -> None:
    case = Stock(
        """
        start S
        throw T link=甲
        catch C link=甲
        user A
        end E
        S -> T
        C -> A -> E
        """
    )
    assert case.completed and case.ready == []  # A should be open


@shows
def interrupting_event_subprocess() -> None:
    case = Stock(
        """
        start S
        user A
        end E
        S -> A -> E
        eventsub H
          start HS signal=停
          user B
          end HE
          HS -> B -> HE
        """
    )
    case.signal("停")
    assert case.ready == ["A", "B"]  # A should be gone


@shows
def compensation_ignored() -> None:
    case = Stock(
        """
        start S
        user A
        throw T
        user B
        end E
        S -> A -> T -> B -> E
        """,
        replace=(
            b'<bpmn:intermediateThrowEvent id="T">',
            b'<bpmn:intermediateThrowEvent id="T"><bpmn:compensateEventDefinition activityRef="A"/>',
        ),
    )
    case.finish("A")
    assert case.ready == ["B"]  # nothing of A was undone, and nothing was said


@shows
def non_interrupting_fires_once() -> None:
    case = Stock(
        """
        start S
        user A
        boundary N on=A interrupting=false signal=催
        user B
        end E
        end F
        S -> A -> E
        N -> B -> F
        """
    )
    case.signal("催")
    case.signal("催")
    assert case.ready == ["A", "B"]  # B should be there twice


@shows
def data_shared_with_history() -> None:
    case = Stock(
        """
        start S
        user A
        and F
        user B
        user C
        end E
        end G
        S -> A -> F
        F -> B -> E
        F -> C -> G
        """
    )
    case.finish("A", 意见={"审核": {"结论": "同意"}})
    done = next(t for t in case.workflow.get_tasks(state=TaskState.COMPLETED) if t.task_spec.bpmn_id == "A")
    one, other = case.workflow.get_tasks(state=TaskState.READY, manual=True)
    one.data["意见"]["审核"]["结论"] = "不同意"
    assert other.data["意见"]["审核"]["结论"] == "不同意"  # the other branch should not see it
    assert done.data["意见"]["审核"]["结论"] == "不同意"  # what has been done should stay as it was


@shows
def overdue_timer_lost() -> None:
    case = Stock(
        """
        start S
        user A
        boundary T on=A interrupting=false duration="'PT0.05S'"
        user B
        end E
        end F
        S -> A -> E
        T -> B -> F
        """
    )
    time.sleep(0.1)
    case.finish("A")
    case.refresh()
    assert case.completed and case.ready == []  # B, the letter that was due, should be open


@shows
def expressions_are_python() -> None:
    case = Stock(
        """
        start S
        xor X
        user A
        user B
        end E
        S -> X
        X -> A if len([x.__class__ for x in (1,2)])==2
        X -> B default
        A -> E
        B -> E
        """
    )
    assert case.ready == ["A"]  # a condition from outside has just run Python


@shows
def migration_restarts_timers() -> None:
    text = """
        start S
        user A
        boundary T on=A interrupting=false duration="'PT1H'"
        user B
        end E
        end F
        S -> A -> E
        T -> B -> F
        """
    case, changed = Stock(text), Stock(text.replace("PT1H", "PT2H"))
    timer = next(t for t in case.workflow.get_tasks() if t.task_spec.bpmn_id == "T")
    before = timer.internal_data["event_value"]
    registry = BpmnWorkflowSerializer().registry
    spec = changed.parser.get_spec("main")
    diff = WorkflowDiff(case.workflow, SpecDiff(registry, case.workflow.spec, spec))
    time.sleep(0.01)
    migrate_workflow(diff, case.workflow, spec)
    case.refresh()
    timer = next(t for t in case.workflow.get_tasks() if t.task_spec.bpmn_id == "T")
    assert timer.internal_data["event_value"] != before


@shows
def inclusive_join_looks_one_way_back() -> None:
    case = Stock(
        """
        start S
        or F
        user A
        xor X
        user B
        user C
        or J
        user Z
        end E
        S -> F
        F -> A if True
        F -> C if True
        A -> X
        X -> B if False
        X -> J default
        B -> J
        C -> J
        J -> Z -> E
        """
    )
    case.finish("C")
    assert case.ready == ["A"], case.ready


@shows
def join_counts_the_round_before() -> None:
    case = Stock(
        """
        start S
        user A
        and F
        user B
        xor Y
        user C
        user D
        xor Z
        and J
        xor X
        end E
        S -> A -> F
        F -> B -> Y
        Y -> J default
        Y -> B if False
        F -> C -> D -> Z
        Z -> J default
        Z -> C if False
        J -> X
        X -> E if False
        X -> A default
        """
    )
    for element in ("A", "B", "C", "D", "A", "C", "D"):
        case.finish(element)
    assert case.ready == ["A", "B"]  # B has not been done: A should not be open


@shows
def endless_loop_is_foreseen_endlessly() -> None:
    with pytest.raises(RecursionError):
        Stock(
            """
            start S
            user A
            user B
            end E
            boundary T on=A signal=停
            S -> A -> B -> A
            T -> E
            """
        )


@shows
def loop_ends_by_itself() -> None:
    case = Stock(
        """
        start S
        user A
        xor X
        end E
        S -> A -> X
        X -> A if True
        X -> E default
        """
    )
    for _ in range(2_000):
        case.finish("A")
        if case.completed:
            break
    assert case.completed  # a loop without a way out


def _marked(fault: Any) -> Any:
    slow = fault.key == "loop_ends_by_itself"  # it takes hundreds of rounds
    return pytest.param(fault, id=fault.key, marks=pytest.mark.slow if slow else ())


@pytest.mark.parametrize("fault", [_marked(fault) for fault in FAULTS])
def test_the_fault_is_there(fault: Any) -> None:
    SHOWN[fault.key]()


def test_every_fault_is_shown_on_the_version_named() -> None:
    assert {fault.key for fault in FAULTS} == set(SHOWN)
    assert importlib.metadata.version("SpiffWorkflow") == VERSION

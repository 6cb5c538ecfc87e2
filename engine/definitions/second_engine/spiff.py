"""A case on SpiffWorkflow 第二引擎: begun, told what came from outside, asked what it offers.

It never sees an expression of ours: `drawing` writes questions instead, and `ask` answers them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.script_engine.python_engine import PythonScriptEngine
from SpiffWorkflow.bpmn.specs.event_definitions.message import MessageEventDefinition
from SpiffWorkflow.bpmn.util.event import BpmnEvent
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from engine.definitions.model import Package
from engine.definitions.second_engine.drawing import draw, wait_name

Step = Callable[[str, bool], None]
"""Called with an element's id and whether it is the body around a multi-instance."""


class SpiffCase:
    """One case. `ask` answers a question of the drawing; `entering` and `past` are called before and after SpiffWorkflow
    executes an element."""

    def __init__(
        self,
        package: Package,
        process: str,
        start: str,
        ask: Callable[[str], Any],
        entering: Step,
        past: Step,
    ) -> None:
        spec, subprocesses = _specs(_Version(package), process, start)
        self._workflow = BpmnWorkflow(spec, subprocesses, script_engine=_Answers(ask))
        self._entering = entering
        self._past = past

    @property
    def finished(self) -> bool:
        return bool(self._workflow.is_completed())

    def go(self) -> None:
        """Move tokens until the case waits."""
        self._workflow.do_engine_steps(
            will_complete_task=lambda task: self._entering(_element(task), _is_body(task)),
            did_complete_task=lambda task: self._past(_element(task), _is_body(task)),
        )

    def offered(self) -> list[str]:
        """The elements that wait for somebody's work."""
        return [_element(task) for task in self._ready()]

    def waiting(self, element: str) -> int:
        """How many wait at an event."""
        return len(self._waiting(element))

    def finish(self, element: str, place: int) -> None:
        """The work of an element is done, of several the one at `place`."""
        task = [task for task in self._ready() if _element(task) == element][place]
        self._entering(element, False)
        task.run()
        self._past(element, False)
        self.go()

    def tell(self, element: str, waits_at: str, place: int) -> None:
        """What the event `element` waits for has come. The wait is at `waits_at` (the event itself, or the event gateway
        before it); of several it is the one at `place`, the longest waiting first."""
        task = self._waiting(waits_at)[place]
        task.task_spec.catch(task, _message(element))
        task.task_spec._update(task)
        self.go()

    def throw(self, element: str) -> None:
        """What `element` waits for is thrown from inside, while the thrower's scope still lives."""
        self._workflow.catch(_message(element))

    def _ready(self) -> list[Any]:
        return _oldest_first(self._workflow.get_tasks(state=TaskState.READY, manual=True))

    def _waiting(self, element: str) -> list[Any]:
        tasks = self._workflow.get_tasks(state=TaskState.WAITING)
        return _oldest_first(task for task in tasks if _element(task) == element)


class _Answers(PythonScriptEngine):
    """SpiffWorkflow's questions. No text ever reaches Python."""

    def __init__(self, ask: Callable[[str], Any]) -> None:
        super().__init__()
        self._ask = ask

    def validate(self, expression: str) -> None:
        """Nothing to validate: what is asked are names of the drawing."""

    def evaluate(self, task: Any, expression: str, external_context: Any = None) -> Any:
        return self._ask(expression)

    def execute(self, task: Any, script: str, external_context: Any = None) -> bool:
        return True


class _Version:
    """A package as a key of the cache: its hash says all."""

    def __init__(self, package: Package) -> None:
        self.package = package

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Version) and other.package.hash == self.package.hash

    def __hash__(self) -> int:
        return hash(self.package.hash)


@lru_cache(maxsize=16)
def _specs(version: _Version, process: str, start: str) -> tuple[Any, Any]:
    parser = BpmnParser()
    parser.add_bpmn_xml(draw(version.package, process, start), filename=f"{process}.bpmn")
    return parser.get_spec(process), parser.get_subprocess_specs(process)


def _oldest_first(tasks: Iterable[Any]) -> list[Any]:
    return sorted(tasks, key=lambda task: task.last_state_change)


def _message(element: str) -> BpmnEvent:
    return BpmnEvent(MessageEventDefinition(wait_name(element)), payload={})


def _element(task: Any) -> str:
    return str(task.task_spec.bpmn_id or "")


def _is_body(task: Any) -> bool:
    return getattr(task.task_spec, "cardinality", None) is not None

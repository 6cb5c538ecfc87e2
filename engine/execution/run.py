"""One command being carried out 一次推进: the facts so far, what is still to be done, and how expressions are asked.

Everything the kernel decides goes through `emit`, which evolves the state at once. What follows from a decision is
queued with `later` and done first in, first out, so nesting and loops never become recursion.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from engine.calendar import Moment
from engine.definitions.model import Element, Flow, Kind, Package, Process
from engine.errors import EngineError, StepBudgetExceeded
from engine.execution.context import Context
from engine.execution.state import APPLY, Instance, State
from engine.facts import Fact, IncidentRaised
from engine.feel import Expression
from engine.values import Value

if TYPE_CHECKING:
    from engine.definitions.decisions import Decision
    from engine.execution.history import History

STEP_BUDGET = 1_000
"""Elements that may be entered in one command: a loop without a place to wait is stopped here."""


CONDITION = "condition"
"""What a conditional event waits for; posted, it means that conditions are to be looked at."""


class Halt(Exception):
    """The element cannot go on: becomes an incident, unlike an `EngineError`, which refuses the command."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


class Run:
    """The carrying out of one command on one case."""

    __slots__ = (
        "_parameters",
        "case",
        "deliver",
        "enter",
        "facts",
        "flying",
        "history",
        "moment",
        "package",
        "state",
        "steps",
        "throw",
        "todo",
    )

    def __init__(
        self,
        package: Package,
        state: State,
        moment: Moment,
        case: str,
        enter: Callable[..., object],
        deliver: Callable[..., None],
        throw: Callable[..., None] | None = None,
    ) -> None:
        self.package = package
        self.state = state
        self.moment = moment
        self.case = case
        self.enter = enter  # executes an element that a token reaches
        self.deliver = deliver  # hands a message or signal to the case's own subscriptions
        self.throw = throw or deliver  # throws an event that no element stands for
        self.history: History | None = None  # of the case so far, for what goes back
        self.facts: list[Fact] = []
        self.todo: deque[tuple[Callable[..., None], int, tuple[Any, ...]]] = deque()
        self.flying: dict[int, int] = {}  # scope → what is queued for it: it cannot be finished before
        self.steps = 0
        self._parameters: dict[str, Value] | None = None

    # -- deciding --------------------------------------------------------------------------------------

    def emit(self, fact: Fact) -> None:
        """Record a fact and apply it."""
        apply = APPLY.get(type(fact))
        if apply is not None:
            apply(self.state, fact)
        self.facts.append(fact)

    def next_id(self) -> int:
        """The id for what the next fact begins."""
        return self.state.last + 1

    def step(self) -> None:
        """Count one more element. Raises `StepBudgetExceeded`."""
        self.steps += 1
        if self.steps > STEP_BUDGET:
            raise StepBudgetExceeded(
                f"流程在一次办理中自动经过了 {STEP_BUDGET} 个以上环节，可能画成了没有等待点的循环。"
                "本次操作未生效，请流程管理员检查流程图。",
                steps=self.steps,
            )

    def incident(self, owner: Instance, element: str, problem: Halt, leaving: bool = False) -> None:
        """Halt `owner` until a person deals with it."""
        self.emit(IncidentRaised(self.next_id(), owner.id, element, problem.code, problem.message, leaving))

    # -- what is still to be done ----------------------------------------------------------------------

    def later(self, do: Callable[..., None], scope: int, *args: Any) -> None:
        """Queue `do(run, scope, *args)`. It lapses when the scope is gone by then (0: never)."""
        self.todo.append((do, scope, args))
        self.flying[scope] = self.flying.get(scope, 0) + 1

    def post(self, what: str, name: str, key: str, variables: dict[str, Value]) -> None:
        """Queue a message or signal for the case's own subscriptions."""
        self.later(self.deliver, 0, what, name, key, variables)

    def changed(self) -> None:
        """Variables have changed: have the conditions looked at that events wait for."""
        if any(one.what == CONDITION for one in self.state.subscriptions.values()):
            self.post(CONDITION, "", "", {})

    def drain(self) -> None:
        """Do all that is queued."""
        todo, flying, state = self.todo, self.flying, self.state
        while todo:
            do, scope, args = todo.popleft()
            flying[scope] -= 1
            if scope == 0 or scope in state.instances:
                do(self, scope, *args)
            if state.ended:
                todo.clear()

    def forget(self, scope: int) -> None:
        """Drop what is queued for a scope: its tokens are gone."""
        kept = [entry for entry in self.todo if entry[1] != scope]
        self.todo.clear()
        self.todo.extend(kept)
        self.flying[scope] = 0

    # -- the definition --------------------------------------------------------------------------------

    def process(self, instance: Instance) -> Process:
        """The process an instance's element is drawn in."""
        return self.package.processes[instance.process]

    def element(self, instance: Instance) -> Element:
        """What an instance executes. Not for the root scope."""
        return self.package.processes[instance.process].elements[instance.element]

    def inside(self, scope: Instance) -> tuple[Process, tuple[str, ...]]:
        """The process that runs inside a scope, and the event subprocesses drawn directly in it."""
        process = self.package.processes[scope.process]
        if not scope.element:
            return process, process.event_subprocesses
        element = process.elements[scope.element]
        if element.kind is Kind.CALL:
            called = self.package.processes.get(element.called)
            if called is None:
                raise Halt("expression_failed", f"流程包中没有要调用的流程“{element.called}”。")
            return called, called.event_subprocesses
        return process, element.event_subprocesses

    def is_scope(self, instance: Instance) -> bool:
        """Whether tokens move directly inside: the root, a subprocess, a call (not the body around a loop)."""
        if instance.body:
            return False
        return not instance.element or self.element(instance).kind in (Kind.SUBPROCESS, Kind.CALL)

    # -- expressions -----------------------------------------------------------------------------------

    def ask(self, expression: Expression, context: Mapping[str, Value]) -> Value:
        """The expression's value. What cannot be computed halts the element."""
        try:
            return expression.evaluate(context, self.moment)
        except EngineError as problem:
            raise Halt(problem.code, f"{problem.message}（表达式：{expression.text}）") from problem

    def decide(self, decision: Decision, context: Mapping[str, Value]) -> Value:
        """A decision's result. What cannot be decided halts the element."""
        try:
            return decision.evaluate(context, self.moment)
        except EngineError as problem:
            raise Halt(problem.code, problem.message) from problem

    def value(
        self,
        expression: Expression,
        at: Instance,
        near: Mapping[str, Value] | None = None,
        form: Mapping[str, Value] | None = None,
    ) -> Value:
        """The expression's value as seen from an instance."""
        return self.ask(expression, Context(self, at.id, near, form))

    def holds(
        self,
        expression: Expression,
        at: Instance,
        near: Mapping[str, Value] | None = None,
        form: Mapping[str, Value] | None = None,
    ) -> bool:
        """A condition: true or not; null is not. Anything but a boolean halts the element."""
        found = self.value(expression, at, near, form)
        if found is None or isinstance(found, bool):
            return bool(found)
        raise Halt("expression_failed", f"条件“{expression.text}”的结果不是“是”或“否”，请检查流程图。")

    def condition(self, flow: Flow, at: Instance, near: Any, form: Any) -> bool:
        """Whether a sequence flow may be taken."""
        return flow.condition is None or self.holds(flow.condition, at, near, form)

    def parameters(self) -> dict[str, Value]:
        """`p`: the package's parameters."""
        if self._parameters is None:
            self._parameters = self.package.values()
        return self._parameters

    def collects(self, body: Instance) -> str:
        """The name under which a multi-instance body gathers its results."""
        loop = self.element(body).loop
        return loop.output_collection if loop is not None else ""

    def collected(self, body: Instance, more: tuple[int, Value] | None = None) -> list[Value]:
        """The results delivered so far, in the collection's order. Who did not deliver (yet, or because the body ended
        early) leaves no gap: a null in a list of opinions would read as an opinion."""
        outputs = dict(body.outputs or {})
        if more is not None:
            outputs[more[0]] = more[1]
        return [outputs[index] for index in sorted(outputs)]

"""Decision requirement graphs 决策需求图 (DMN 1.3, clauses 6 and 10.4): decisions with what they require.

A decision sees the case's names and, over them, what it requires: decisions and input data by their variables,
knowledge models and decision services as functions; of an imported model behind the import's name. Within one
evaluation a decision is decided once, however many require it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.calendar import Moment
from engine.definitions.dmn.boxes import Box, FunctionBox, Scope, guarded
from engine.definitions.dmn.evaluation import Deciding, Overlay, remark, shown
from engine.definitions.dmn.types import ANY, Type, coerce, returning
from engine.feel import Expression
from engine.feel.budget import Run
from engine.feel.semantics import result
from engine.values import Value

REQUIREMENT_DEPTH = 32


@dataclass(frozen=True, slots=True)
class InputData:
    """Input data 输入数据: a variable of the case, as a value of its type."""

    id: str
    name: str
    variable: str
    type: Type = ANY
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A business knowledge model 业务知识模型, or a decision service as a function: a value that may be called.

    `result` is the type its variable gives to what it returns.
    """

    id: str
    name: str
    variable: str
    logic: FunctionBox | None
    requires: tuple[Requirement, ...] = field(default=(), compare=False)
    result: Type = ANY
    line: int = field(default=0, compare=False)
    key: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement: what is required, and the names behind which it is seen (an import's, then its own)."""

    path: tuple[str, ...]
    element: Decision | InputData | Knowledge


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision, or a decision service to be decided as a whole. `logic` None always gives null.

    `key` tells it from all others of an evaluation; `names` are the roots it and what it requires read from the case.
    """

    id: str
    name: str
    variable: str
    logic: Box | None
    requires: tuple[Requirement, ...] = ()
    type: Type = ANY
    line: int = field(default=0, compare=False)
    names: frozenset[str] = field(default_factory=frozenset)
    key: str = ""

    def evaluate(self, context: Mapping[str, Value], moment: Moment) -> Value:
        """The answer.

        Raises `ExpressionFailed` when a table contradicts itself (UNIQUE, ANY) or a value is not among those its
        column allows, and `BudgetExceeded` when all logic together takes too much work.
        """
        return self.decide(context, Deciding(moment))

    def decide(self, context: Mapping[str, Value], run: Deciding) -> Value:
        """As `evaluate`; afterwards `run.remarks` say what became null on the way, and why."""
        return guarded(lambda: result(Evaluation(context, run).answer(self)))

    def expressions(self) -> Iterator[Expression]:
        """All FEEL expressions of its own logic and of the knowledge it requires."""
        if self.logic is not None:
            yield from self.logic.expressions()
        for one in self.knowledge():
            if one.logic is not None:
                yield from one.logic.expressions()

    def knowledge(self) -> Iterator[Knowledge]:
        """The knowledge models and services it requires, itself and through them, each once."""
        seen: set[str] = set()
        todo = [*self.requires]
        while todo:
            one = todo.pop().element
            if isinstance(one, Knowledge) and one.key not in seen:
                seen.add(one.key)
                todo.extend(one.requires)
                yield one


class Evaluation:
    """One evaluation of a graph: the case's names, the budget, and what is decided already."""

    __slots__ = ("context", "done", "run")

    def __init__(self, context: Scope, run: Run, done: dict[str, Any] | None = None) -> None:
        self.context = context
        self.run = run
        self.done = {} if done is None else done

    def answer(self, decision: Decision) -> Any:
        """A decision's value, as a value of its type."""
        if decision.key in self.done:
            return self.done[decision.key]
        value = None
        if decision.logic is not None:
            found = decision.logic.value(self.scope(decision.requires), self.run)
            value = coerce(found, decision.type, self.run)
            if value is None and found is not None:
                remark(
                    self.run,
                    f"决策“{decision.name}”的结果应为{decision.type.title}，实际是 {shown(found)}，按空值处理。",
                )
        self.done[decision.key] = value
        return value

    def scope(self, requires: tuple[Requirement, ...]) -> Scope:
        """The case's names with what is required over them."""
        over: dict[str, Any] = {}
        for one in requires:
            element = one.element
            if isinstance(element, InputData):
                if len(one.path) == 1 and element.type is ANY:
                    continue  # read from the case as it is
                value = self.given(element)
            elif isinstance(element, Decision):
                value = self.answer(element)
            else:
                value = self.function(element)
            at = over
            for name in one.path[:-1]:
                at = at.setdefault(name, {})
            at[one.path[-1]] = value
        return Overlay(over, self.context) if over else self.context

    def given(self, data: InputData) -> Any:
        """Input data from the case; of another type it is null (DMN 1.3, 10.3.2.9.4)."""
        given = self.context.get(data.variable)
        value = coerce(given, data.type, self.run)
        if value is None and given is not None:
            remark(
                self.run,
                f"输入数据“{data.name}”应为{data.type.title}，实际是 {shown(given)}，按空值处理。",
            )
        return value

    def function(self, knowledge: Knowledge) -> Any:
        """A knowledge model as a function value; it may call itself."""
        key = "函数 " + knowledge.key
        if key not in self.done:
            if knowledge.logic is None:
                self.done[key] = None
            else:
                own: dict[str, Any] = {}
                scope = Overlay(own, self.scope(knowledge.requires))
                function = returning(knowledge.logic.answer(scope, self.run), knowledge.result)
                own[knowledge.variable] = self.done[key] = function
        return self.done[key]


@dataclass(frozen=True, slots=True)
class Service(Box):
    """A decision service 决策服务 (DMN 1.3, 6.2.5 and 10.4): its output decisions, decided anew from its inputs, which
    it reads from its scope by name. Of one output decision its value, of several a context by name."""

    outputs: tuple[Decision, ...] = field(compare=False)
    inputs: tuple[Requirement, ...] = field(compare=False)

    def answer(self, scope: Scope, run: Run) -> Any:
        given: dict[str, Any] = {}
        renamed: dict[str, Any] = {}
        for one in self.inputs:
            element = one.element
            name = ".".join(one.path)
            value = scope.get(name) if name in scope else scope.get(one.path[-1])
            if isinstance(element, Decision):
                given[element.key] = coerce(value, element.type, run)
            elif len(one.path) > 1:  # an imported model reads its input data by their own names
                renamed[one.path[-1]] = value
        inside = Evaluation(Overlay(renamed, scope) if renamed else scope, run, given)
        values = {one.variable: inside.answer(one) for one in self.outputs}
        return next(iter(values.values())) if len(self.outputs) == 1 else values

    @property
    def parameters(self) -> tuple[tuple[str, Type], ...]:
        """As a function: input data first, then input decisions, each in the service's order; those of an imported
        model with the import's name."""
        return tuple(
            (".".join(one.path), one.element.type)
            for wanted in (InputData, Decision)
            for one in self.inputs
            if isinstance(one.element, wanted)
        )

    def expressions(self) -> Iterator[Expression]:
        return iter(())  # its decisions tell theirs themselves

    def names(self) -> frozenset[str]:
        return frozenset().union(*(one.names for one in self.outputs))

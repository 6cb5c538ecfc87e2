"""Boxed expressions 盒式表达式 (DMN 1.3 to 1.5, 10.2): each answers a value in a scope, on a shared budget.

They nest arbitrarily; decision tables (`tables`) are one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.definitions.dmn.evaluation import Overlay, remark
from engine.definitions.dmn.types import Type, as_feel, coerce
from engine.errors import ExpressionFailed
from engine.feel import Expression
from engine.feel.budget import Run
from engine.feel.loops import count_up
from engine.feel.numbers import whole
from engine.feel.operators import entry_at
from engine.feel.semantics import Function, as_list, kind
from engine.values import Range

Scope = Mapping[str, Any]
"""The names an expression sees."""


def compute(expression: Expression, scope: Scope, run: Run) -> Any:
    """An expression's value, functions and ranges among them, charged for its length."""
    run.charge(1 + len(expression.text) // 8)
    return expression.compute(scope, run)


@dataclass(frozen=True, slots=True)
class Box:
    """A boxed expression of a type."""

    type: Type

    def value(self, scope: Scope, run: Run) -> Any:
        """Its value as a value of its type."""
        return coerce(self.answer(scope, run), self.type, run)

    def answer(self, scope: Scope, run: Run) -> Any:
        raise NotImplementedError

    def expressions(self) -> Iterator[Expression]:
        """All FEEL expressions inside."""
        raise NotImplementedError

    def names(self) -> frozenset[str]:
        """The roots it reads from its scope."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Literal(Box):
    """A literal expression: FEEL text."""

    text: Expression

    def answer(self, scope: Scope, run: Run) -> Any:
        return compute(self.text, scope, run)

    def expressions(self) -> Iterator[Expression]:
        yield self.text

    def names(self) -> frozenset[str]:
        return self.text.names


@dataclass(frozen=True, slots=True)
class Typed(Box):
    """A boxed expression given a type besides its own: what a function returns."""

    inner: Box

    def answer(self, scope: Scope, run: Run) -> Any:
        return self.inner.value(scope, run)

    def expressions(self) -> Iterator[Expression]:
        yield from self.inner.expressions()

    def names(self) -> frozenset[str]:
        return self.inner.names()


@dataclass(frozen=True, slots=True)
class Context(Box):
    """A boxed context: entries in order, each seeing those before it; with `result` its value, else the context."""

    entries: tuple[tuple[str, Type, Box | None], ...]
    result: Box | None = None

    def answer(self, scope: Scope, run: Run) -> Any:
        made: dict[str, Any] = {}
        inside = Overlay(made, scope)
        for name, of, box in self.entries:
            made[name] = None if box is None else coerce(box.value(inside, run), of, run)
        return made if self.result is None else self.result.value(inside, run)

    def expressions(self) -> Iterator[Expression]:
        yield from _all(*(box for _, _, box in self.entries), self.result)

    def names(self) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        declared: set[str] = set()
        for name, _, box in self.entries:
            if box is not None:
                found |= box.names() - declared - ({name} if isinstance(box, FunctionBox) else set())
            declared.add(name)
        return found | ((self.result.names() - declared) if self.result is not None else frozenset())


@dataclass(frozen=True, slots=True)
class ListBox(Box):
    """A boxed list."""

    items: tuple[Box | None, ...]

    def answer(self, scope: Scope, run: Run) -> Any:
        return [None if one is None else one.value(scope, run) for one in self.items]

    def expressions(self) -> Iterator[Expression]:
        yield from _all(*self.items)

    def names(self) -> frozenset[str]:
        return _names(*self.items)


@dataclass(frozen=True, slots=True)
class Relation(Box):
    """A relation: a list of contexts of the same columns."""

    columns: tuple[tuple[str, Type], ...]
    rows: tuple[tuple[Box | None, ...], ...]

    def answer(self, scope: Scope, run: Run) -> Any:
        return [
            {
                name: None if cell is None else coerce(cell.value(scope, run), of, run)
                for (name, of), cell in zip(self.columns, row, strict=True)
            }
            for row in self.rows
        ]

    def expressions(self) -> Iterator[Expression]:
        for row in self.rows:
            yield from _all(*row)

    def names(self) -> frozenset[str]:
        return _names(*(cell for row in self.rows for cell in row))


@dataclass(frozen=True, slots=True)
class FunctionBox(Box):
    """A function definition: a value that may be called. Its body sees its parameters and the scope it stands in."""

    parameters: tuple[tuple[str, Type], ...]
    body: Box

    def answer(self, scope: Scope, run: Run) -> Function:
        names = tuple(name for name, _ in self.parameters)

        def call(run: Run, *arguments: Any) -> Any:
            if len(arguments) != len(names):
                remark(run, f"函数应有 {len(names)} 个参数，实际给了 {len(arguments)} 个，结果为空。")
                return None
            given = {
                name: coerce(value, of, run)
                for (name, of), value in zip(self.parameters, arguments, strict=True)
            }
            run.charge(2)
            run.enter()
            found = self.body.value(Overlay(given, scope), run)
            run.leave()
            return found

        types = tuple(as_feel(of) for _, of in self.parameters)
        return Function(names, call, types=types, returns=as_feel(self.body.type))

    def value(self, scope: Scope, run: Run) -> Any:
        return self.answer(scope, run)

    def expressions(self) -> Iterator[Expression]:
        yield from self.body.expressions()

    def names(self) -> frozenset[str]:
        return self.body.names() - {name for name, _ in self.parameters}


@dataclass(frozen=True, slots=True)
class Invocation(Box):
    """A boxed invocation: a function by its name and what its parameters are bound to; one not bound is null."""

    called: Box
    bindings: tuple[tuple[str, Box | None], ...]

    def answer(self, scope: Scope, run: Run) -> Any:
        function = self.called.value(scope, run)
        title = self.called.text.text[:40] if isinstance(self.called, Literal) else ""
        if not isinstance(function, Function):
            remark(run, f"盒式调用的“{title}”不是函数，结果为空。")
            return None
        given = {name: None if box is None else box.value(scope, run) for name, box in self.bindings}
        if not set(given) <= set(function.parameters):
            remark(run, f"盒式调用“{title}”绑定了它没有的参数，结果为空。")
            return None
        return function.call(run, *(given.get(name) for name in function.parameters))

    def expressions(self) -> Iterator[Expression]:
        yield from _all(self.called, *(box for _, box in self.bindings))

    def names(self) -> frozenset[str]:
        return _names(self.called, *(box for _, box in self.bindings))


@dataclass(frozen=True, slots=True)
class Conditional(Box):
    """A boxed conditional (DMN 1.4, 10.2.2.6)."""

    condition: Box
    then: Box
    otherwise: Box

    def answer(self, scope: Scope, run: Run) -> Any:
        branch = self.then if self.condition.value(scope, run) is True else self.otherwise
        return branch.value(scope, run)

    def expressions(self) -> Iterator[Expression]:
        yield from _all(self.condition, self.then, self.otherwise)

    def names(self) -> frozenset[str]:
        return _names(self.condition, self.then, self.otherwise)


@dataclass(frozen=True, slots=True)
class FilterBox(Box):
    """A boxed filter (DMN 1.4, 10.2.2.7): entries for which `match` is true; it sees `item` and, of a context, its
    entries. A number picks one entry, as in FEEL."""

    source: Box
    match: Box

    def answer(self, scope: Scope, run: Run) -> Any:
        items = as_list(self.source.value(scope, run))
        if items is None:
            return None
        kept = []
        for item in items:
            run.charge(3)
            inside: Scope = Overlay({"item": item}, scope)
            if isinstance(item, dict):
                inside = Overlay(item, inside)
            answer = self.match.value(inside, run)
            if answer is True:
                kept.append(item)
            elif answer is not False and answer is not None:  # a number picks one; a text is no test
                index = whole(answer) if kind(answer) == "number" else None
                return entry_at(items, index) if index is not None else None
        return kept

    def expressions(self) -> Iterator[Expression]:
        yield from _all(self.source, self.match)

    def names(self) -> frozenset[str]:
        return self.source.names()  # what the test reads may be an entry of the list


@dataclass(frozen=True, slots=True)
class Iteration(Box):
    """A boxed iterator (DMN 1.4, 10.2.2.8): `for`, `every`, `some` over a list or a closed range."""

    word: str
    variable: str
    variable_type: Type
    source: Box
    body: Box

    def answer(self, scope: Scope, run: Run) -> Any:
        items = self.items(scope, run)
        if items is None:
            remark(run, f"盒式 {self.word} 要遍历的不是列表，结果为空。")
            return None
        made: list[Any] = []
        unknown = False
        wanted = self.word == "some"
        for item in items:
            run.charge(3)
            over: dict[str, Any] = {self.variable: coerce(item, self.variable_type, run)}
            if self.word == "for":
                run.charge(len(made) >> 3)
                over["partial"] = made.copy()
            found = self.body.value(Overlay(over, scope), run)
            if self.word == "for":
                made.append(found)
            elif found is wanted:
                return wanted
            else:
                unknown = unknown or not isinstance(found, bool)
        if self.word == "for":
            return made
        return None if unknown else not wanted

    def items(self, scope: Scope, run: Run) -> list[Any] | None:
        value = self.source.value(scope, run)
        if isinstance(value, Range):
            closed = value.low_closed and value.high_closed
            return count_up(value.low, value.high, run) if closed else None
        return as_list(value)

    def expressions(self) -> Iterator[Expression]:
        yield from _all(self.source, self.body)

    def names(self) -> frozenset[str]:
        return self.source.names() | (self.body.names() - {self.variable, "partial"})


def guarded(make: Callable[[], Any]) -> Any:
    """Run an evaluation; values or calls nested too deeply are a refusal, not a crash."""
    try:
        return make()
    except RecursionError:
        raise ExpressionFailed("决策中的调用或数据嵌套过深，已停止。请检查是否存在无限递归。") from None


def _all(*boxes: Box | None) -> Iterator[Expression]:
    for box in boxes:
        if box is not None:
            yield from box.expressions()


def _names(*boxes: Box | None) -> frozenset[str]:
    return frozenset().union(*(box.names() for box in boxes if box is not None))

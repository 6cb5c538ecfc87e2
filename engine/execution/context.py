"""What an expression sees 表达式可见的名称: variables innermost first, then `p`, `case`, `item`, `cause`, `form` and
the loop's counters. Nothing is looked up before the expression asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from engine.execution.records import Cause, Instance
from engine.values import Value

if TYPE_CHECKING:
    from engine.execution.run import Run


class Context(Mapping[str, Value]):
    """The names seen from instance `at`.

    `near` is a layer inside all others (results just delivered). For an element that is about to be entered, `at`
    is its scope and `cause`, `strand`, `loop` are those it will have.
    """

    __slots__ = ("at", "cause", "form", "loop", "near", "run", "strand")

    def __init__(
        self,
        run: Run,
        at: int,
        near: Mapping[str, Value] | None = None,
        form: Mapping[str, Value] | None = None,
        cause: int = 0,
        strand: int = 0,
        loop: int = 0,
    ) -> None:
        self.run = run
        self.at = at
        self.near = near
        self.form = form
        self.cause = cause
        self.strand = strand
        self.loop = loop

    def __getitem__(self, name: str) -> Value:
        near = self.near
        if near is not None and name in near:
            return near[name]
        state = self.run.state
        strand = self.strand
        if strand:
            layer = state.strands.get(strand)
            if layer is not None and name in layer:
                return layer[name]
        id = self.at
        while id:
            instance = state.instances[id]
            variables = instance.variables
            if variables is not None and name in variables:
                return variables[name]
            if instance.outputs is not None and self.run.collects(instance) == name:
                return self.run.collected(instance)
            if instance.strand:
                layer = state.strands.get(instance.strand)
                if layer is not None and name in layer:
                    return layer[name]
            id = instance.scope
        special = _SPECIAL.get(name)
        if special is None:
            raise KeyError(name)
        return special(self)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        try:
            self[name]
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        seen = dict.fromkeys(self.near or ())
        seen.update(dict.fromkeys(self.run.state.strands.get(self.strand, ())))
        seen.update(dict.fromkeys(self.run.state.variables(self.at)))
        seen.update(dict.fromkeys(_SPECIAL))
        return iter(seen)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def instances(self) -> Iterator[Instance]:
        """The instances around, innermost first."""
        id = self.at
        while id:
            instance = self.run.state.instances[id]
            yield instance
            id = instance.scope


def _case(context: Context) -> Value:
    state = context.run.state
    return {
        "id": context.run.case,
        "number": state.number or None,
        "started": state.started,
        "status": state.status or None,
    }


def _item(context: Context) -> Value:
    state, id = context.run.state, context.at
    instance = state.instances.get(id)
    if instance is None or (id not in state.items and instance.result is None):
        return None
    known = state.known(id)
    if known is None or known.offered is None:
        return None
    return {
        "id": id,
        "element": known.element,
        "name": known.name,
        "due": known.due,
        "offered": known.offered,
    }


def _cause(context: Context) -> Value:
    state = context.run.state
    id = context.cause
    if not id:
        id = next((i.cause for i in context.instances() if i.cause), 0)
    known = state.known(id) if id else None
    if known is None:
        return None
    return {
        "id": id,
        "element": known.element,
        "name": known.name or _name(context, known),
        "due": known.due,
        "unit": known.unit or None,
        "role": known.role or None,
    }


def _name(context: Context, known: Cause) -> str:
    process = context.run.package.processes.get(known.process)
    element = process.elements.get(known.element) if process is not None else None
    return element.name if element is not None else ""


def _loop_counter(context: Context) -> Value:
    return context.loop or next((i.loop for i in context.instances() if i.loop), None)


def _body(read: Callable[[Instance], Value]) -> Callable[[Context], Value]:
    def found(context: Context) -> Value:
        body = next((i for i in context.instances() if i.body), None)
        return None if body is None else read(body)

    return found


_SPECIAL: dict[str, Callable[[Context], Any]] = {
    "p": lambda context: context.run.parameters(),
    "case": _case,
    "item": _item,
    "cause": _cause,
    "form": lambda context: context.form,
    "loopCounter": _loop_counter,
    "nrOfInstances": _body(lambda body: body.rounds or None),
    "nrOfCompletedInstances": _body(lambda body: body.done),
    "nrOfActiveInstances": _body(lambda body: len(body.children)),
    # as the standard calls them (BPMN 2.0.2, table 10.31)
    "numberOfInstances": _body(lambda body: body.rounds or None),
    "numberOfCompletedInstances": _body(lambda body: body.done),
    "numberOfActiveInstances": _body(lambda body: len(body.children)),
    "numberOfTerminatedInstances": _body(lambda body: 0),  # rounds are cancelled with the last only
}

"""Data while a process runs 数据的传递: what a scope has as its own, and what data outputs deliver (BPMN 2.0.2, 10.4)."""

from __future__ import annotations

from collections.abc import Mapping

from engine.definitions.model import Element, Kind
from engine.execution.run import Run
from engine.execution.state import Instance
from engine.values import Value

_HEARING = (Kind.START, Kind.CATCH, Kind.BOUNDARY, Kind.RECEIVE)


def with_own(run: Run, element: Element, variables: dict[str, Value] | None) -> dict[str, Value] | None:
    """The locals of a subprocess or call with the variables that are its own, so that what is written stays inside."""
    names = element.declares
    if element.kind is Kind.CALL:
        called = run.package.processes.get(element.called)
        names = called.declares if called is not None else ()
    return {**dict.fromkeys(names), **(variables or {})} if names else variables


def as_called(run: Run, element: Element, values: dict[str, Value]) -> dict[str, Value]:
    """A call activity's inputs under the names that the called process has for them."""
    called = run.package.processes.get(element.called)
    if called is None or not element.data_inputs:
        return values
    theirs = _paired(element.data_inputs, called.inputs)
    return {theirs.get(name, name): value for name, value in values.items()}


def delivered(
    run: Run, instance: Instance, element: Element, result: Mapping[str, Value]
) -> dict[str, Value]:
    """The result with the element's data outputs in it: of a subprocess or call what its scope has under these names;
    of an event the payload's entry of that name, or else the whole payload."""
    values = dict(result)
    here = instance.variables or {}
    if element.kind is Kind.CALL:
        called = run.package.processes.get(element.called)
        theirs = _paired(element.data_outputs, called.outputs if called is not None else ())
        values.update({name: here.get(theirs.get(name, name)) for name in element.data_outputs})
    elif element.kind is Kind.SUBPROCESS:
        values.update({name: here.get(name) for name in element.data_outputs})
    elif element.kind in _HEARING and result:
        for name in element.data_outputs:
            values.setdefault(name, dict(result))
    return values


def result_name(element: Element, value: Value) -> str:
    """Where a script's or decision's result goes: the result variable drawn, or else the element's only data output."""
    if element.result_variable or len(element.data_outputs) != 1:
        return element.result_variable
    name = element.data_outputs[0]
    return "" if isinstance(value, dict) and name in value else name


def _paired(own: tuple[str, ...], theirs: tuple[str, ...]) -> dict[str, str]:
    """Which of the called process's names an own name stands for: the same, or else the one at its place among the
    others (BPMN 2.0.2, 10.3.6: inputs and outputs correspond in their order)."""
    rest = [name for name in theirs if name not in own]
    found = {name: name for name in own if name in theirs}
    found.update(zip((name for name in own if name not in theirs), rest, strict=False))
    return found

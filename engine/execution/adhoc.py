"""Ad-hoc subprocesses 自由子流程: inner activities without a prescribed order (BPMN 2.0.2, 10.3.5 and 13.3.5).

All elements drawn inside without incoming flows may begin when the subprocess is entered: in parallel at once, in
sequence one after the other as drawn, the next when nothing of the one before goes on. After every inner activity the
completion condition is looked at; once it holds nothing further begins. What is still at work is then cancelled, or
(`cancelRemainingInstances` false) finished. Without a condition the subprocess ends when all has been done.

Every activity is begun once: the standard lets its performer choose which are performed, and how often; that choice
is a command still to come.
"""

from __future__ import annotations

from engine.definitions.model import Element, Process
from engine.definitions.vocabulary import ACTIVITIES
from engine.execution.run import Run
from engine.execution.scopes import cancel
from engine.execution.state import Instance
from engine.facts import ActivitiesEnabled
from engine.values import Value


def begin(run: Run, scope: Instance, process: Process, element: Element) -> None:
    """Start what may begin inside an ad-hoc subprocess that has been entered."""
    assert element.ad_hoc is not None
    begins = element.ad_hoc.begins
    if element.ad_hoc.sequential:
        run.emit(ActivitiesEnabled(scope.id, begins))
        begin_next(run, scope)
        return
    for id in begins:
        run.later(_enter, scope.id, process, id)


def begin_next(run: Run, scope: Instance) -> None:
    """In sequence: nothing is at work any more, the next activity begins."""
    assert scope.items
    first, *rest = (str(id) for id in scope.items)
    run.emit(ActivitiesEnabled(scope.id, tuple(rest)))
    run.later(_enter, scope.id, run.process(scope), first)


def _enter(run: Run, scope: int, process: Process, id: str) -> None:
    run.enter(run, process, process.elements[id], scope, run.state.instances[scope].cause)


def over(
    run: Run,
    instance: Instance,
    element: Element,
    near: dict[str, Value] | None,
    form: dict[str, Value] | None,
) -> bool:
    """Whether the completion condition comes to hold with this inner activity. Raises `Halt`."""
    scope = run.state.instances[instance.scope]
    how = run.element(scope).ad_hoc
    if (
        how is None
        or how.completion is None
        or element.kind not in ACTIVITIES
        or element.event_subprocess
        or closing(scope)
        or run.state.phase(scope.id)
    ):
        return False
    return run.holds(how.completion, instance, near, form)


def idle(run: Run, scope: Instance) -> bool:
    """Whether nothing goes on inside but event subprocesses."""
    children = (run.element(run.state.instances[child]) for child in scope.children)
    at_work = any(not child.event_subprocess for child in children)
    return not (at_work or scope.arrivals or run.flying.get(scope.id))


def closing(scope: Instance) -> bool:
    """The completion condition has held: nothing further begins."""
    return scope.items is not None and not scope.items


def close(run: Run, scope: Instance) -> None:
    """The completion condition holds: cancel what is at work, or let it come to its end."""
    how = run.element(scope).ad_hoc
    if how is not None and how.cancels:
        for child in list(scope.children):
            if child in run.state.instances:
                cancel(run, run.state.instances[child])
    run.emit(ActivitiesEnabled(scope.id, (), True))
    run.forget(scope.id)

"""Ending things 结束与撤销: what belongs to an element goes with it, innermost first, each with its own fact; and
where a variable is written.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.definitions.model import Element, Kind
from engine.execution.run import Run
from engine.execution.state import COMPENSATING, ROOT, Instance
from engine.facts import (
    ActivitiesEnabled,
    CaseCompleted,
    CompensationEnded,
    DeadlineDropped,
    ElementCancelled,
    IncidentResolved,
    Unsubscribed,
    VariablesSet,
)
from engine.values import Value

ITEM_ENDED = "工作项已结束"
"""The message a case hears from itself when one of its work items closes, with the item's id as key."""


def release(run: Run, instance: Instance, only: set[str] | None = None) -> None:
    """Drop what an instance holds: timers, subscriptions, incidents. `only`: those of these elements."""
    state = run.state
    for id in list(instance.holds):
        if id in state.deadlines:
            if only is None or state.deadlines[id].element in only:
                run.emit(DeadlineDropped(id))
        elif id in state.subscriptions:
            if only is None or state.subscriptions[id].element in only:
                run.emit(Unsubscribed(id))
        elif id in state.incidents and (only is None or state.incidents[id].element in only):
            run.emit(IncidentResolved(id))


def cancel(run: Run, instance: Instance) -> None:
    """Stop an instance and everything in it, innermost first; and what it has undone, where it waits for that."""
    state = run.state
    undoing = state.undoing
    if instance.children or undoing:
        order: list[Instance] = []
        stack = [instance]
        while stack:
            one = stack.pop()
            order.append(one)
            stack.extend(state.instances[child] for child in one.children)
            if undoing:
                stack.extend(state.instances[u.id] for u in undoing.values() if u.awaited_by == one.id)
        order.reverse()
    else:
        order = [instance]
    for one in order:
        if one.id not in state.instances:
            continue
        if one.holds:
            release(run, one)
        item = one.id in state.items
        awaited_by = undoing[one.id].awaited_by if one.id in undoing else 0
        if state.phase(one.id) == COMPENSATING:
            run.emit(CompensationEnded(one.id))
        else:
            run.emit(ElementCancelled(one.id))
        if item:
            item_ended(run, one.id)
        if awaited_by:
            wake(run, awaited_by)


def wake(run: Run, id: int) -> None:
    """What waited for something to be undone goes on with the next."""
    from engine.execution.compensation import go_on  # which enters elements, whose end is here

    run.later(go_on, id)


def compensable(run: Run, instance: Instance, element: Element) -> bool:
    """Whether something may undo what completes here (BPMN 2.0.2, 13.5.5): a compensation activity, a compensation event
    subprocess, or what has completed inside. What undoes something is not itself undone."""
    state = run.state
    if instance.id in state.undoing and state.undoing[instance.id].awaited_by:
        return False
    if instance.id in state.kept:
        return True
    return not instance.body and bool(element.handler or own_handler(run, instance))


def own_handler(run: Run, scope: Instance) -> str:
    """The compensation event subprocess directly inside a scope, "" for none."""
    if scope.body or not scope.element:
        return ""
    element = run.element(scope)
    return run.inside(scope)[0].compensation if element.kind is Kind.CALL else element.compensation


def item_ended(run: Run, id: int) -> None:
    """Tell the case's own subscriptions that a work item has closed."""
    if run.state.subscriptions or run.todo:
        run.post("message", ITEM_ENDED, str(id), {})


def interrupt(run: Run, scope: Instance) -> tuple[str, ...]:
    """Stop all that goes on directly inside a scope, and its event subprocesses' timers and subscriptions.

    Gives the flows whose tokens still wait at joins: the event subprocess that interrupts consumes them.
    """
    for child in list(scope.children):
        if child in run.state.instances:
            cancel(run, run.state.instances[child])
    process, event_subprocesses = run.inside(scope)
    release(run, scope, {process.elements[one].start for one in event_subprocesses})
    run.forget(scope.id)
    if scope.items and not scope.body:  # activities of an ad-hoc subprocess that were still to begin
        run.emit(ActivitiesEnabled(scope.id, (), True))
    return tuple(flow for tokens in scope.arrivals.values() for flow, _, _ in tokens)


def write(run: Run, instance: Instance, values: Mapping[str, Value]) -> None:
    """Write what an element delivered: each name into the nearest scope outwards that already has it.

    A name no scope has goes into the innermost scope around that may exist more than once at a time (an inner
    instance of a loop, a non-interrupting event subprocess, a called process), or else into the root.
    """
    state = run.state
    scope = state.instances[instance.scope]
    if scope.id == ROOT and not instance.strand:
        if values:
            run.emit(VariablesSet(ROOT, dict(values)))
            if run.state.subscriptions:
                run.changed()
        return
    targets: dict[int, dict[str, Value]] = {}
    home = 0
    for name, value in values.items():
        target = _owner(run, instance, name)
        if not target:
            home = home or home_of(run, scope)
            target = home
        targets.setdefault(target, {})[name] = value
    for target, some in targets.items():
        run.emit(VariablesSet(target, some))
    if targets and state.subscriptions:
        run.changed()


def _owner(run: Run, instance: Instance, name: str) -> int:
    state = run.state
    while instance.scope:
        if instance.strand and name in state.strands.get(instance.strand, ()):
            return instance.strand
        instance = state.instances[instance.scope]
        if instance.variables is not None and name in instance.variables:
            return instance.id
    return 0


def home_of(run: Run, scope: Instance) -> int:
    """The innermost scope from here outwards that may exist more than once at a time, or else the root."""
    while scope.scope:
        if not scope.body:
            element = run.element(scope)
            if scope.loop or element.kind is Kind.CALL:
                return scope.id
            if element.event_subprocess and not run.process(scope).elements[element.start].interrupting:
                return scope.id
        scope = run.state.instances[scope.scope]
    return scope.id


def end_case(run: Run) -> None:
    """Nothing is left to do."""
    release(run, run.state.instances[ROOT])
    run.emit(CaseCompleted(run.state.end))

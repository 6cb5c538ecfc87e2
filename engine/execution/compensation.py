"""Undoing what has completed 补偿 and cancelling transactions 事务取消 (BPMN 2.0.2, 10.7, 13.5.5, 13.5.6).

An activity that completes is remembered where something may undo it: a compensation activity bound to it, a compensation
event subprocess inside it, or something inside it that can be undone. A throwing event takes what is in its reach and
has it undone one after the other, the latest completed first, and waits. Each is undone once, in one of three ways:

- from outside, by its compensation activity, which sees the data as they are now;
- from inside by its compensation event subprocess, for which it is there again with the data it had on completion;
- from inside, where there is neither, by undoing what completed in it.

The boundary event is the link between the two and is not entered itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.definitions.model import Element, Event, Trigger
from engine.execution.arming import arm_event_subprocesses
from engine.execution.elements import enter, finish_scope, introduce, leave
from engine.execution.events import fire_boundary
from engine.execution.run import Run
from engine.execution.scopes import cancel, own_handler, release
from engine.execution.state import CANCELLING, COMPENSATING, Instance, State
from engine.facts import (
    CompensationBegan,
    CompensationEnded,
    CompensationThrown,
    ElementCompleted,
    TransactionCancelled,
)
from engine.values import Value

# -- throwing ------------------------------------------------------------------------------------------


def throw(run: Run, thrower: Instance, event: Event) -> bool:
    """A compensation event throws. Whether it has to wait (13.5.5: it does, unless drawn otherwise)."""
    activities = _found(run, thrower, event.activity)
    runner = run.next_id() if activities and not event.waits else 0
    run.emit(CompensationThrown(thrower.id, event.activity, activities, runner))
    if activities:
        run.later(go_on, runner or thrower.id)
    return bool(activities) and event.waits


def _found(run: Run, thrower: Instance, activity: str) -> tuple[int, ...]:
    """What a throwing event has undone, in order: the level it stands on first, then the level around its event
    subprocess; on each the latest completed first. What another event already has undone is left to that."""
    state = run.state
    if not state.compensable:
        return ()
    taken = {id for one in state.undoing.values() for id in one.queue or ()}
    found: list[int] = []
    scope = state.instances[thrower.scope]
    while True:
        here = [id for id in _backwards(state, state.kept.get(scope.id, ())) if id not in taken]
        if activity and scope.element != activity:
            here = [id for id in here if state.compensable[id].element == activity]
        elif activity:  # an event subprocess names the activity it is part of: all that completed in it
            return tuple(here)
        found += here
        if not scope.element:
            return tuple(found)
        element = run.element(scope)
        if not (element.event_subprocess or (activity and element.for_compensation)):
            return tuple(found)
        scope = state.instances[scope.scope]
        if scope.body:
            scope = state.instances[scope.scope]


def _backwards(state: State, completed: Iterable[int]) -> list[int]:
    """In the reverse of their completion; but what a boundary event of an activity began is undone before that activity,
    also where it completed earlier (13.5.5)."""
    order = list(completed)[::-1]
    begun: dict[int, list[int]] = {}
    for id in order:
        if cause := state.compensable[id].cause:
            begun.setdefault(cause, []).append(id)
    if not begun:
        return order
    found: dict[int, None] = {}
    stack = order[::-1]
    while stack:
        id = stack.pop()
        first = [one for one in begun.pop(id, ()) if one not in found]
        if first:
            stack += [id, *reversed(first)]
        else:
            found[id] = None
    return list(found)


# -- one after the other -------------------------------------------------------------------------------


def go_on(run: Run, id: int) -> None:
    """Have the next one undone, or be done with it. `id`: the throwing event, or the scope that is undone from inside."""
    state = run.state
    by, undoing = state.instances[id], state.undoing.get(id)
    if undoing is None or any(one.awaited_by == id for one in state.undoing.values()):
        return  # one is still being undone
    if undoing.queue:
        _undo(run, by, state.compensable[undoing.queue[0]])
    elif not by.element:
        run.emit(CompensationEnded(id))
        run.later(finish_scope, by.scope)
    elif undoing.phase == COMPENSATING:
        _undone(run, by, undoing.awaited_by)
    elif undoing.phase == CANCELLING:
        _rested(run)
    else:
        _thrown(run, by)


def _thrown(run: Run, thrower: Instance) -> None:
    if _cancels(run, thrower):
        _leave_transaction(run, thrower)
    else:
        leave(run, thrower)


def _undone(run: Run, scope: Instance, awaited_by: int) -> None:
    """A scope that was undone from inside is done with, once the exception flows of its handlers have ended too."""
    if scope.children or scope.arrivals or run.flying.get(scope.id):
        return
    release(run, scope)
    run.emit(CompensationEnded(scope.id))
    run.later(go_on, awaited_by)


def _undo(run: Run, by: Instance, record: Instance) -> None:
    process, element = run.process(record), run.element(record)
    if not record.body and element.handler:
        scope, variables = record.scope, _round(element, record)
        if record.loop:
            scope = run.state.instances[scope].scope
        handler = process.elements[element.handler]
        run.emit(CompensationBegan(record.id, by.id, (), handler.id, run.next_id()))
        enter(run, process, handler, scope, record.cause, record.strand, variables=variables)
    elif own := own_handler(run, record):
        run.emit(CompensationBegan(record.id, by.id, (), own, run.next_id(), True))
        _enter_event_subprocess(run, record, own)
    else:
        inside = _backwards(run.state, run.state.kept.get(record.id, ()))
        run.emit(CompensationBegan(record.id, by.id, tuple(inside), again=True))
        run.later(go_on, record.id)


def _round(element: Element, record: Instance) -> dict[str, Value] | None:
    """Of a loop every round is undone by itself, and its handler is told which one it was."""
    if not record.loop:
        return None
    variable = element.loop.element_variable if element.loop is not None else ""
    known: dict[str, Value] = {"loopCounter": record.loop}
    if variable and record.variables is not None:
        known[variable] = record.variables.get(variable)
    return known


def _enter_event_subprocess(run: Run, scope: Instance, id: str) -> None:
    process, _ = run.inside(scope)
    element = process.elements[id]
    instance, problem = introduce(run, process, element, scope.id, scope.cause)
    if problem is not None:
        run.incident(instance, element.id, problem)
        return
    arm_event_subprocesses(run, instance)
    enter(run, process, process.elements[element.start], instance.id, instance.cause)


# -- transactions --------------------------------------------------------------------------------------


def cancel_transaction(run: Run, thrower: Instance) -> None:
    """A cancel end event: all else in the transaction is stopped, what completed in it is undone, the latest first, and
    then the cancel boundary event goes on. Of a multi-instance transaction all instances are cancelled together."""
    state = run.state
    inner, around = thrower, state.instances[thrower.scope]
    scopes: set[int] = set()
    while True:
        scopes.add(around.id)
        _stop_beside(run, around, inner)
        if run.element(around).transaction:
            break
        inner, around = around, state.instances[around.scope]
    host = around
    if around.loop:
        host = state.instances[around.scope]
        run.forget(host.id)
        for id in list(host.children):
            if id != around.id:
                _stop_beside(run, state.instances[id], None)
        release(run, host)
    run.emit(TransactionCancelled(host.id))
    scopes.update((host.id, *(host.children if host.body else ())))
    activities = _backwards(state, [one.id for one in state.compensable.values() if one.scope in scopes])
    run.emit(CompensationThrown(thrower.id, "", tuple(activities)))
    run.later(go_on, thrower.id)


def _stop_beside(run: Run, scope: Instance, kept: Instance | None) -> None:
    """Stop everything in a scope but `kept`, and what the scope itself waits for."""
    for id in list(scope.children):
        if (kept is None or id != kept.id) and id in run.state.instances:
            cancel(run, run.state.instances[id])
    run.forget(scope.id)
    release(run, scope)


def transaction_of(run: Run, thrower: Instance) -> Instance:
    """The transaction (or its multi-instance body) that an event inside it cancels."""
    scope = run.state.instances[thrower.scope]
    while not run.element(scope).transaction:
        scope = run.state.instances[scope.scope]
    return run.state.instances[scope.scope] if scope.loop else scope


def _rested(run: Run) -> None:
    """A token has ended in a transaction that is cancelled: its cancel event may have waited for that."""
    for one in run.state.undoing.values():
        if one.queue is not None and not one.phase and _cancels(run, run.state.instances[one.id]):
            run.later(go_on, one.id)


def _cancels(run: Run, thrower: Instance) -> bool:
    return any(event.trigger is Trigger.CANCEL for event in run.element(thrower).events)


def _leave_transaction(run: Run, thrower: Instance) -> None:
    """All is undone; where the exception flow of a handler still goes on, that is awaited too."""
    host = transaction_of(run, thrower)
    around, chain = thrower, {thrower.id}
    while around.id != host.id:
        around = run.state.instances[around.scope]
        chain.add(around.id)
    for id in sorted({*chain, *(host.children if host.body else ())} - {thrower.id}):
        here = run.state.instances[id]
        beside = not here.body and not chain.issuperset(here.children)
        if beside or here.arrivals or run.flying.get(id):
            return
    process, element = run.process(host), run.element(host)
    run.emit(ElementCompleted(thrower.id))
    for id in element.boundary:
        event = process.elements[id].event
        if event is not None and event.trigger is Trigger.CANCEL:
            fire_boundary(run, host, process, process.elements[id], {})
            return
    scope = host.scope
    cancel(run, host)
    run.later(finish_scope, scope)

"""Going back 退回与撤回: the case stands at an earlier step again, and what came of that step since is undone with it.

What came of what the `History` tells; so a return out of parallel branches, rounds, subprocesses and called processes is
one and the same thing. What no history can undo is refused in words: compensation that goes on, complex gateways, and what
an event has begun beside the course of the case (it may be returned inside itself only).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from engine.commands import MoveItem, TakeBack
from engine.definitions.model import Element, Kind, Process
from engine.definitions.vocabulary import ACTIVITIES, PEOPLE
from engine.errors import MovedOn, NotAllowed, NotFound, NotOpen
from engine.execution.arming import arm_boundaries, arm_event_subprocesses
from engine.execution.elements import enter, enter_round
from engine.execution.history import Execution, History, Place, Recall, Token, stopped_beside
from engine.execution.run import Run
from engine.execution.scopes import cancel, item_ended
from engine.execution.state import State
from engine.facts import (
    CauseRecalled,
    DeadlineDropped,
    DeadlineMoved,
    DeadlineSet,
    DueMoved,
    Fact,
    RoundReopened,
    ScopeReopened,
    StatusChanged,
    StrandRecalled,
    TokenPutBack,
    TokensWithdrawn,
    WorkItemReturned,
    WorkItemTakenBack,
    WorkItemWithdrawn,
)


@dataclass(frozen=True, slots=True)
class Way:
    """A step an item may be returned to, and what that undoes."""

    to: str
    recall: Recall


def move_item(run: Run, command: MoveItem, history: History) -> None:
    """退回. Raises `NotOpen`, `NotFound`, `NotAllowed`."""
    state = run.state
    if command.item not in state.items:
        raise NotOpen()
    way = way_back(history, state, command.item, command.to)
    recall, first = way.recall, way.recall.first
    run.emit(WorkItemReturned(command.item, way.to, command.person, command.unit, command.reason, first.id))
    _undo(run, history, recall, command.item)
    item_ended(run, command.item)
    process = history.inside(history.executions[first.scope])
    enter(run, process, process.elements[way.to], first.scope, first.cause, first.strand)


def take_back(run: Run, command: TakeBack, history: History) -> None:
    """撤回. Raises `NotOpen`, `NotFound`, `NotAllowed`."""
    recall = taking_back(history, run.state, command.item)
    first = recall.first
    gone = {first.id, *(one.id for one in recall.undone)}
    last, others = _no_longer(history, first, gone, command.person)
    run.emit(
        WorkItemTakenBack(first.id, first.element, command.person, command.unit, command.reason, last, others)
    )
    beside = stopped_beside(history, recall)
    _undo(run, history, recall, first.id)
    for one in (*recall.reopened, *recall.undone, first):
        if one.loop and one.scope in run.state.instances and (one.ended >= 0 or one in recall.reopened):
            run.emit(RoundReopened(one.scope, one.loop - 1))
    _open_again(run, first)
    for one in beside:
        _open_again(run, one)


def _open_again(run: Run, one: Execution) -> None:
    """The step is entered once more, with the clocks it had: who takes back gains no time."""
    state = run.state
    id = run.next_id()
    if one.loop:
        enter_round(run, one.scope, one.loop)
    else:
        process = run.inside(state.instances[one.scope])[0]
        enter(run, process, process.elements[one.element], one.scope, one.cause, one.strand)
    item = state.items.get(id)
    if item is not None and item.due != one.due:
        run.emit(DueMoved(id, one.due))
    _keep_clocks(run, id, one)


def _keep_clocks(run: Run, owner: int, one: Execution) -> None:
    """Armed anew, clocks run until they would have; those that had fired do not again, nor more often than they had left."""
    state = run.state
    for id in [hold for hold in state.instances[owner].holds if hold in state.deadlines]:
        clock = state.deadlines[id]
        was = one.clocks.get((clock.element, clock.part))
        if was is None or was.due is None:
            run.emit(DeadlineDropped(id))
        elif (was.repeats, was.interval, was.day) != (clock.repeats, clock.interval, clock.day):
            run.emit(DeadlineDropped(id))
            cycle = (was.repeats, was.interval, was.part, was.day)
            run.emit(DeadlineSet(run.next_id(), owner, was.element, was.due, *cycle))
        elif was.due != clock.due:
            run.emit(DeadlineMoved(id, was.due))


def _undo(run: Run, history: History, recall: Recall, by: int) -> None:
    state = run.state
    for fact in withdrawn(history, recall, by):
        run.emit(fact)
    word = history.status(recall)
    for one in recall.tops:
        if one.id in state.instances:
            cancel(run, state.instances[one.id])
    _recall(run, history, recall)
    for one in recall.reopened:
        _reopen(run, history, one)
    for (scope, gateway), flows in _by_gateway(recall.tokens).items():
        run.emit(TokensWithdrawn(scope, gateway, tuple(flows)))
    for token in recall.kept:
        run.emit(TokenPutBack(token.scope, token.at, token.flow, token.cause, token.strand))
    if word and word != state.status:
        run.emit(StatusChanged(word))


def _recall(run: Run, history: History, recall: Recall) -> None:
    """Say again what the state had forgotten, with the last token that referred to it."""
    state = run.state
    again: list[Execution | Token] = [recall.first, *recall.reopened, *recall.kept]
    again += stopped_beside(history, recall)
    causes = sorted({one.cause for one in again if one.cause and state.known(one.cause) is None})
    strands = sorted({one.strand for one in again if one.strand and one.strand not in state.strands})
    if not causes and not strands:
        return
    whole = history.whole
    for id in causes:
        known = whole.known(id)
        if known is not None:
            run.emit(
                CauseRecalled(
                    id,
                    known.process,
                    known.element,
                    known.name,
                    known.due,
                    known.offered,
                    known.unit,
                    known.role,
                )
            )
    for id in strands:
        if id in whole.strands:
            run.emit(StrandRecalled(id, whole.strands[id]))


def _reopen(run: Run, history: History, one: Execution) -> None:
    """A scope that had completed is as it was just before."""
    was = one.was
    assert was is not None, "what is gone back into had something inside"
    run.emit(
        ScopeReopened(
            was.id,
            was.process,
            was.element,
            was.scope,
            was.cause,
            was.strand,
            was.loop,
            was.body,
            was.variables,
            was.items,
            was.sequential,
            was.done,
            None if was.outputs is None else [[index, value] for index, value in was.outputs.items()],
            None if was.taken is None else [*was.taken],
        )
    )
    scope = run.state.instances[one.id]
    element = run.element(scope)
    if not scope.loop:
        arm_boundaries(run, scope, element)
    if run.is_scope(scope):
        arm_event_subprocesses(run, scope)
    _keep_clocks(run, one.id, one)


def withdrawn(history: History, recall: Recall, by: int) -> list[Fact]:
    """The work of people that is undone: what is open, and what they had finished. Not item `by` itself."""
    found: list[Fact] = []
    gone = {one.id for one in recall.undone}
    for one in recall.undone:
        if one.id == by or one.body or history.element(one).kind not in PEOPLE:
            continue
        if one.live:
            found.append(WorkItemWithdrawn(one.id, one.element, one.person, one.unit, by))
        elif one.form is not None:
            last, others = _no_longer(history, one, gone, one.finished_by)
            found.append(
                WorkItemWithdrawn(
                    one.id, one.element, one.finished_by, one.finished_for, by, True, last, others
                )
            )
    return found


def _no_longer(
    history: History, one: Execution, gone: Container[int], person: str
) -> tuple[bool, tuple[str, ...]]:
    """Of those by whom and for whom 代 the item was finished: whether the person has done no other of the element that still counts
    when those `gone` do not, and who else has not."""
    still = history.who_did(one.element, gone)
    none = [p for p in dict.fromkeys((one.finished_by, one.finished_behalf)) if p and p not in still]
    return person in none, tuple(p for p in none if p != person)


def _by_gateway(tokens: Iterable[Token]) -> dict[tuple[int, str], list[str]]:
    found: dict[tuple[int, str], list[str]] = {}
    for token in tokens:
        found.setdefault((token.scope, token.at), []).append(token.flow)
    return found


# -- where to ------------------------------------------------------------------------------------------


def ways_back(history: History, state: State, item: int, drawn: Iterable[str] = ()) -> list[Way]:
    """Where the item may be returned to: what is `drawn`, or else every step that people have finished before it in its
    scope and those around it, the latest first."""
    wanted = list(drawn) or _steps_before(history, item)
    found = []
    for to in wanted:
        try:
            found.append(way_back(history, state, item, to))
        except (NotAllowed, NotFound):
            continue
    return found


def _steps_before(history: History, item: int) -> list[str]:
    here = history.executions[item]
    scopes = {one.id for one in history.around(here)}
    done = [
        one
        for (scope, element), one in history.past(here).items()
        if scope in scopes and element != here.element and history.element(one).kind in PEOPLE
    ]
    return list(dict.fromkeys(one.element for one in sorted(done, key=lambda one: -one.ended)))


def way_back(history: History, state: State, item: int, to: str) -> Way:
    """How the item is returned to element `to`. Raises `NotFound`, `NotAllowed`."""
    must_fit(history, state)
    here = history.executions[item]
    element = history.element(here)
    scope, process, target = _placed(history, here, element, to)
    name, there = element.name or element.id, target.name or target.id
    if target.kind not in ACTIVITIES or target.event_subprocess:
        raise NotAllowed(f"“{there}”不是办理环节，不能退回到那里。")
    if element.for_compensation or target.for_compensation:
        one = name if element.for_compensation else there
        raise NotAllowed(f"“{one}”是补偿环节，只在撤销时办理，不能退回，也不能退回到那里。")
    past = history.past(here)
    first = past.get((scope.id, to))
    if first is None and history.was_done(scope, to):
        raise NotAllowed(f"“{there}”与“{name}”各走各的路，不是“{name}”之前的环节，不能退回到那里。")
    if first is None:
        first = _chosen_before(process, target, scope, past)
    if first is None:
        raise NotAllowed(f"“{there}”在本案中还没有人办过，不能退回到那里，请另选一步。")
    recall = history.recall(first)
    _must_be_sound(history, state, recall)
    return Way(to, recall)


def _placed(
    history: History, here: Execution, element: Element, to: str
) -> tuple[Execution, Process, Element]:
    """The scope around the item in which `to` is drawn."""
    for scope in history.around(here):
        if scope.body:
            continue
        process = history.inside(scope)
        target = process.elements.get(to)
        called = not scope.element or history.element(scope).kind is Kind.CALL
        if target is not None and target.scope == (process.key if called else scope.element):
            return scope, process, target
    name = history.package.titles.get(to)
    if name is None:
        raise NotFound(f"流程中没有环节“{to[:60]}”，请刷新后重新选择退回到哪一步。")
    raise NotAllowed(f"“{name}”不在“{element.name or element.id}”所在的或外层的流程段里，不能退回到那里。")


def _chosen_before(
    process: Process, target: Element, scope: Execution, past: Mapping[Place, Execution]
) -> Execution | None:
    """The choice before the item from which a token could have come to `target` just as well, passing nothing at which it
    waits for others or is divided: going back behind it, the case may stand at `target` though nobody was there yet."""
    found: list[Execution] = []
    seen, stack = {target.id}, [target]
    while stack:
        at = stack.pop()
        if at.gathers:
            continue
        for flow in at.incoming:
            source = process.elements[process.flows[flow].source]
            alone = source.kind is Kind.EXCLUSIVE or len(source.outgoing) == 1
            if source.id in seen or not alone or source.completion_quantity > 1:
                continue
            seen.add(source.id)
            passed = past.get((scope.id, source.id))
            if passed is not None:
                found.append(passed)
            else:
                stack.append(source)
    return max(found, key=lambda one: one.ended, default=None)


def taking_back(history: History, state: State, item: int) -> Recall:
    """What taking back the finished item undoes. Raises `NotFound`, `NotOpen`, `NotAllowed`."""
    must_fit(history, state)
    first = history.executions.get(item)
    if first is None or first.form is None:
        raise NotFound("没有这件已经办结的事项，请刷新页面。")
    name = first.name or history.element(first).name
    if first.undone:
        raise NotOpen(f"“{name}”已经退回或撤回，不再需要撤回。")
    if first.ended < 0 or any(not one.live and one.ended < 0 for one in history.around(first)):
        raise NotAllowed(f"“{name}”所在的环节已被中止，不能撤回。")
    recall = history.recall(first)
    _must_be_sound(history, state, recall)
    looped = [one for one in (*recall.reopened, first) if history.element(one).loop is not None]
    if any((loop := history.element(one).loop) is not None and loop.throws for one in looped):
        raise NotAllowed(f"“{name}”办结时已向别处发出事件，不能撤回。")
    if any(history.element(one).kind not in PEOPLE for one in stopped_beside(history, recall)):
        raise NotAllowed(f"“{name}”办结后，同时办理的其他各方已经全部结束，不能撤回。")
    return recall


def must_fit(history: History, state: State) -> None:
    """Raises `MovedOn` where the history is another state's."""
    if not history.fits(state):
        raise MovedOn()


def _must_be_sound(history: History, state: State, recall: Recall) -> None:
    """Raises `NotAllowed` where undoing would leave what nobody could make sense of."""
    first = recall.first
    name = first.name or history.element(first).name or first.element
    if any(one.id in state.undoing for one in (*recall.undone, *recall.reopened)):
        raise NotAllowed(f"“{name}”之后有环节正在撤销（补偿），要等撤销办完。")
    around = [history.executions[first.scope], *recall.reopened]
    if any(one.id in state.instances and state.instances[one.id].activated for one in around) or any(
        history.element(one).kind is Kind.COMPLEX and history.element(one).gathers for one in recall.undone
    ):
        raise NotAllowed(f"“{name}”之后经过复杂网关的汇合，它放行时没有等齐各路，不能再退到它之前。")
    if any(not token.at for token in recall.kept):
        raise NotAllowed(f"“{name}”之后的各路已被一并结束，不能再退到它之前。")

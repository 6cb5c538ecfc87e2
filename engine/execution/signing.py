"""加签与减签: signers whom a person adds to a step, or takes back.

Beside 并加签 is one more round of a running 会签. Before 前加签 and after 后加签 are work inside the step itself: the added
signer's element lies in that of the item it was added to, so whatever ends the step (退回, a boundary event, 作废) ends it
too, and the step's clocks go on until all have signed. Who was added after and does not agree sends the step back to who
finished it; done anew, it comes to that signer again.
"""

from __future__ import annotations

from datetime import datetime

from engine.commands import EnterSigner, RemoveSigner
from engine.definitions.vocabulary import AGAINST, OPINION, OPINION_FORM, REASON
from engine.errors import Conflict, NotAllowed, NotOpen
from engine.execution.countersign import around, tally, tell
from engine.execution.elements import end_rounds, enter_round, leave, leave_loop
from engine.execution.run import Halt, Run
from engine.execution.scopes import cancel, item_ended
from engine.execution.state import AFTER, BEFORE, BESIDE, Instance, Signer, State
from engine.facts import (
    ElementCompleted,
    ElementEntered,
    SignerAdded,
    SignerTakenBack,
    SigningReturned,
    WorkItemOffered,
)
from engine.values import Value


def add(run: Run, command: EnterSigner) -> None:
    """Add a signer to an open item's step. Raises `NotOpen`, `NotAllowed`."""
    item = run.state.items.get(command.item)
    if item is None:
        raise NotOpen()
    if command.way == BESIDE:
        _add_round(run, command)
        return
    id = run.next_id()
    to = run.state.step_of(item.id) if command.way == AFTER else item.id
    run.emit(_added(id, to, command))
    if command.way == BEFORE:
        host = run.state.instances[item.id]
        due = command.due or item.due
        _offer(run, host, run.state.signers[id], f"征求意见：{item.name}", due)


def _added(id: int, to: int, command: EnterSigner) -> SignerAdded:
    return SignerAdded(
        id,
        to,
        command.way,
        command.unit,
        command.role,
        command.person,
        command.by,
        command.reason,
        command.value,
        command.due,
    )


def _add_round(run: Run, command: EnterSigner) -> None:
    found = around(run.package, run.state, command.item)
    if found is None or found[1].sequential:
        raise NotAllowed("这一步不是同时签署的会签，不能并加签。")
    body = found[1]
    run.emit(_added(run.next_id(), body.id, command))
    enter_round(run, body.id, len(body.items or ()))


def _offer(run: Run, host: Instance, signer: Signer, name: str, due: datetime | None) -> None:
    run.emit(ElementEntered(signer.id, host.process, host.element, host.id))
    post, now = (f"{signer.role}@{signer.unit}",), run.moment.now
    run.emit(WorkItemOffered(signer.id, host.element, name, post, now, due=due, form=OPINION_FORM))


# -- signing -------------------------------------------------------------------------------------------


def awaited(state: State, item: int) -> list[Signer]:
    """The added signers whose answer the holder of an item waits for."""
    return [one for one in state.signers.values() if one.to == item and one.way == BEFORE]


def is_asked(state: State, item: int) -> bool:
    """Whether an open item is that of a signer added before or after: work inside another's step."""
    signer = state.signers.get(item)
    return signer is not None and signer.way != BESIDE


def signed(run: Run, instance: Instance, by: str) -> bool:
    """An item has been finished, by a person. Whether the step goes on without being left: others have to sign, or the one who signed was
    added, or the step was done anew."""
    state = run.state
    signer = state.signers.get(instance.id)
    if signer is not None and signer.way != BESIDE:
        host = state.instances[signer.to]
        if signer.way == AFTER and (instance.result or {}).get(OPINION) == AGAINST:
            _send_back(run, signer, host, instance, by)
            return True
        run.emit(ElementCompleted(instance.id))
        if signer.way == AFTER:
            _leave_when_all_have_signed(run, host)
        return True
    host = state.instances[state.step_of(instance.id)]
    anew = host is not instance
    if anew:
        run.emit(ElementCompleted(instance.id))
    waiting = [one for one in state.signers.values() if one.to == host.id and one.way == AFTER]
    known = state.known(host.id)
    for one in waiting:
        assert known is not None
        _offer(run, host, one, f"后加签：{known.name}", known.due)
    if anew and not waiting:
        _leave_when_all_have_signed(run, host)
    return anew or bool(waiting)


def _send_back(run: Run, signer: Signer, host: Instance, instance: Instance, by: str) -> None:
    """The signer does not agree: the step is done anew inside itself, within its limit and clocks, and then signed anew by
    all who had not agreed yet."""
    state = run.state
    known, own = state.known(host.id), state.known(instance.id)
    assert known is not None and own is not None
    others = [one.id for one in state.signers.values() if one.to == host.id and one.id != signer.id]
    element, now, said = run.element(host), run.moment.now, instance.result or {}
    again = run.next_id()
    run.emit(ElementEntered(again, host.process, host.element, host.id))
    post = (f"{known.role}@{known.unit}",) if known.unit else tuple(element.roles)
    run.emit(WorkItemOffered(again, element.id, known.name, post, now, due=own.due, form=element.form))
    run.emit(
        SigningReturned(
            instance.id,
            host.id,
            again,
            known.unit,
            known.role,
            signer.holder,
            by,
            _text(said.get(REASON)),
            again + 1,
            (signer.id, *others),
        )
    )
    run.emit(ElementCompleted(instance.id))
    for id in others:
        tell(
            run,
            id,
            f"“{state.items[id].name}”暂不用签",
            "另一位后加签人不同意，这一步已退回重新办理，办结后再请您签。",
        )
        cancel(run, state.instances[id])


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _leave_when_all_have_signed(run: Run, host: Instance) -> None:
    """The step is complete when its holder and all who were added after have signed."""
    state = run.state
    if host.id in state.items or host.children or any(one.to == host.id for one in state.signers.values()):
        return
    item_ended(run, host.id)  # for what the step's clocks have begun since the holder finished
    leave(run, host, host.result, host.result)


# -- taking back ---------------------------------------------------------------------------------------


def take_back(run: Run, command: RemoveSigner) -> None:
    """Take back a signer who has not signed. Raises `NotOpen`, `NotAllowed`, `Conflict`."""
    state = run.state
    signer = state.signers.get(command.item)
    if signer is None or signer.way == BESIDE:
        _take_round(run, command)
        return
    run.emit(_taken(signer.id, command, signer))
    instance = state.instances.get(signer.id)
    if instance is not None:
        _tell(run, signer.id, command.reason)
        cancel(run, instance)
    host = state.instances[signer.to]
    if signer.way == AFTER:
        _leave_when_all_have_signed(run, host)


def _taken(id: int, command: RemoveSigner, who: Signer) -> SignerTakenBack:
    return SignerTakenBack(id, who.unit, who.role, who.person, command.by, command.reason)


def _tell(run: Run, item: int, reason: str) -> None:
    name = run.state.items[item].name
    tell(run, item, f"“{name}”不用再签：已减签", f"减签的理由：{reason}。这件待办已撤下。")


def _take_round(run: Run, command: RemoveSigner) -> None:
    state = run.state
    item = state.items.get(command.item)
    if item is None:
        raise NotOpen()
    found = around(run.package, state, item.id)
    if found is None:
        raise NotAllowed("只能减去加签的人，或会签中还没有签署的一方。")
    instance, body = found
    if body.rounds <= 1:
        raise Conflict("会签只剩这一方，不能再减。不需要会签的，请退回或由安委办处理。")
    who = Signer(instance.id, body.id, BESIDE, item.unit, item.role, item.person, "", "")
    run.emit(_taken(instance.id, command, who))
    _tell(run, item.id, command.reason)
    counter = instance.loop
    cancel(run, instance)
    if _at_end(run, body):
        element = run.element(body)
        end_rounds(run, body)
        leave_loop(run, body, element)
    elif body.sequential:
        run.later(enter_round, body.id, counter + 1)


def _at_end(run: Run, body: Instance) -> bool:
    """Whether a 会签 is at its end without the one who was taken back. Raises `Conflict` where that cannot be told."""
    loop = run.element(body).loop
    assert loop is not None
    if body.done >= body.rounds:
        return True
    try:
        found = tally(run, body, loop, run.collected(body))
        if found is not None and found.decided:
            return True
        counts = {"nrOfCompletedInstances": body.done, "nrOfActiveInstances": len(body.children)}
        return loop.completion is not None and run.holds(loop.completion, body, dict(counts))
    except Halt as problem:
        raise Conflict(f"减签之后无法判断会签是否完成：{problem.message}") from problem

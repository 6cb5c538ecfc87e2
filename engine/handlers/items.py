"""Commands about a work item 待办: claim, release, transfer, finish. How it goes back: `going_back`."""

from __future__ import annotations

from dataclasses import replace

from engine.assignment import behalf_of, candidates, has, may_do, may_take
from engine.commands import (
    Actor,
    ClaimItem,
    CompleteItem,
    FinishItem,
    ReleaseItem,
    TransferItem,
)
from engine.directory import OFFICE
from engine.errors import AlreadyClaimed, InputInvalid, NotAllowed, NotFound
from engine.execution.state import Item
from engine.facts import (
    IncidentResolved,
    NoticeSent,
    WorkItemClaimed,
    WorkItemReleased,
    WorkItemTransferred,
)
from engine.handlers.cases import attach
from engine.handlers.choices import known_unit
from engine.handlers.copying import send_drawn, signed
from engine.handlers.settle import NO_ONE, incident_of
from engine.handlers.work import Work, reason_given


def claim_item(command: ClaimItem, work: Work) -> None:
    """签收: the item is the actor's from now on."""
    item = work.open_item(command.item)
    work.must_do(item)
    if has(work.actor, item, work.directory):
        who = "您" if item.person == work.actor.person else work.directory.name_of(item.person)
        raise AlreadyClaimed(f"“{item.name}”已由{who}签收。", person=item.person)
    claim(work, item)
    someone_does_it(work, item)


def release_item(command: ReleaseItem, work: Work) -> None:
    """退签: back to the unit, by who claimed it or by the office (which may also while the case is suspended)."""
    item = work.open_item(command.item, for_the_office=True)
    if not item.person:
        raise NotAllowed(f"“{item.name}”还没有人签收。")
    if not has(work.actor, item, work.directory) and not work.in_office():
        raise NotAllowed(
            f"“{item.name}”由{work.directory.name_of(item.person)}签收，只有本人或安委办可以退签。"
        )
    reason, theirs = reason_given(command.reason, "退签"), has(work.actor, item, work.directory)
    work.say(WorkItemReleased(id=item.id, reason=reason))
    if theirs:
        _tell_released(item, reason, work)


def _tell_released(item: Item, reason: str, work: Work) -> None:
    """Who is to see to it after a 退签: who had asked for the signature 加签, else the others of the post, or where none of them
    may do it, the office."""
    directory, actor = work.directory, work.actor
    signer, unit, role, person = work.state.signers.get(item.id), item.unit, item.role, ""
    element = work.element(item.id)
    able = candidates(item, work.state.performers, element, work.package.titles, directory)
    body = f"{signed(work, reason)}。这一步退回岗位，请签收办理。"
    if signer is not None:
        unit, role, person = "", "", signer.by
        body = f"{signed(work, reason)}。可以减签后另加他人。"
    elif not set(able) - {actor.person, actor.behalf}:
        unit, role = next((one.id for one in directory.units_of_kind(OFFICE)), ""), ""
        body = f"{signed(work, reason)}。{item.unit}没有其他人可以办理这一步，请转办或在通讯录中设岗。"
    if person == actor.person or not (unit or person):
        return
    nth = sum(isinstance(fact, WorkItemReleased) for fact in work.facts)
    once = work.setting.command or work.moment.now.isoformat()
    key = f"{work.setting.case}/released/{item.id}/{once}/{nth}"
    work.say(NoticeSent(unit, role, person, title=f"退签：{item.name}", body=body, key=key, quiet=True))


def transfer_item(command: TransferItem, work: Work) -> None:
    """转办: to another unit or person with the same role, by who holds the item or by the office (which may also while the case
    is suspended: people come and go meanwhile)."""
    item = work.open_item(command.item, for_the_office=True)
    if not may_take(work.actor, item, work.directory) and not work.in_office():
        raise NotAllowed(f"“{item.name}”不在您或您的单位手中，不能转办。")
    if item.person and not has(work.actor, item, work.directory) and not work.in_office():
        raise AlreadyClaimed(
            f"“{item.name}”已由{work.directory.name_of(item.person)}签收，请本人或安委办转办。",
            person=item.person,
        )
    reason = reason_given(command.reason, "转办")
    unit, role, person = command.unit, item.role or _first_role(item), ""
    if not unit and not command.person:
        raise InputInvalid("请选择转办的单位或人员。", field="unit")
    title = work.package.role_title(role)
    if unit and (
        not known_unit(unit, work.actor.person, work.directory) or not work.directory.units[unit].active
    ):
        raise NotFound(f"没有“{unit[:60]}”这个单位，请从单位列表中选择。", field="unit")
    if command.person:
        found = work.directory.find_person(command.person)
        if found is None or not found.active:
            raise NotFound("没有这个人员，请从人员列表中选择。", field="person")
        units = [u for r, u in work.directory.own_posts(found.id) if r == role]
        unit = unit or (item.unit if item.unit in units else units[0] if units else "")
        if unit and not known_unit(unit, work.actor.person, work.directory):
            raise NotFound("没有这个人员，请从人员列表中选择。", field="person")
        if unit not in units:
            where = f"在{unit}" if unit else ""
            raise NotAllowed(f"{found.name}{where}没有{title}岗位，不能接办“{item.name}”。", field="person")
        person = found.id
        must_be_there(person, role, unit, work)
    elif not work.directory.members(unit, role):
        raise NotAllowed(
            f"{unit}没有在岗的{title}，不能接办“{item.name}”。请先在通讯录中设岗。", field="unit"
        )
    if (unit, person) == (item.unit, item.person):
        raise InputInvalid(f"“{item.name}”已经在{unit}手中。", field="unit")
    must_be_able(unit, role, person, work, item, "办理", "person" if command.person else "unit")
    work.say(WorkItemTransferred(id=item.id, unit=unit, role=role, person=person, reason=reason))
    someone_does_it(work, item)


def finish_item(command: FinishItem, work: Work) -> None:
    """提交: the form is checked, the item claimed where it was not, files attached, and the process moves on."""
    item = work.open_item(command.item)
    work.must_do(item)
    element = work.element(item.id)
    again = item.id in work.state.signers or work.state.step_of(item.id) != item.id
    work.must_not_wait(item)
    form = work.checked(item.form, command.form, item.id)
    behalf = behalf_of(work.actor.person, item, work.directory)
    if not item.person:
        claim(work, item)
    someone_does_it(work, item)
    for file in dict.fromkeys((*command.files, *work.files_of(item.form, form))):
        attach(file, item.id, work)
    work.advance(
        CompleteItem(item.id, form, work.actor.person, acting_unit(item, work), behalf=behalf),
    )
    if not again:  # 抄送 is the step's, and goes once
        send_drawn(element, work)


def claim(work: Work, item: Item) -> None:
    """The item is the actor's, or that of whom the actor stands in for."""
    behalf = behalf_of(work.actor.person, item, work.directory)
    work.say(WorkItemClaimed(id=item.id, person=work.actor.person, behalf=behalf))


def must_be_there(person: str, role: str, unit: str, work: Work) -> None:
    """Nothing is put directly into the hands of who is away 离岗."""
    away = work.directory.absence_of(person, role, unit)
    if away is None:
        return
    name = work.directory.name_of
    instead = f"可转办给替岗人{name(away.substitute)}，或" if away.substitute else "请"
    raise NotAllowed(
        f"{name(person)}{away.first.isoformat()}至{away.last.isoformat()}离岗，不能直接接办。"
        f"{instead}只选单位，由同岗位人员签收。",
        field="person",
    )


def must_be_able(unit: str, role: str, person: str, work: Work, item: Item, does: str, field: str) -> None:
    """Refuse whom the separation of duties 不相容岗位分离 keeps from the step: the person, or all that are in the post."""
    other = replace(item, unit=unit, role=role, person=person, assignee="", behalf="")
    element, done, titles = work.element(item.id), work.state.performers, work.package.titles
    if candidates(other, done, element, titles, work.directory):
        return
    if person:
        may_do(Actor(person=person), other, done, element, titles, work.directory)
    raise NotAllowed(f"{unit}没有可以{does}“{item.name}”的人员，请另选。", field=field)


def acting_unit(item: Item, work: Work) -> str:
    """The unit in whose name the actor acts: the item's, or the actor's own where the item has none."""
    return item.unit or work.actor.unit


def _first_role(item: Item) -> str:
    return item.groups[0].partition("@")[0] if item.groups else ""


def someone_does_it(work: Work, item: Item) -> None:
    """The incident that nobody could take the item is over."""
    incident = incident_of(work, item.id, NO_ONE)
    if incident:
        work.say(IncidentResolved(id=incident))

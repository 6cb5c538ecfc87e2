"""Commands about who signs with whom 加签、减签: who may add a signer, who can be added, who may take one back.

Rules a person meets stand here; what it does to the step stands in `execution.signing`.
"""

from __future__ import annotations

from engine.assignment import has, may_take
from engine.commands import AddSigner, EnterSigner, RemoveSigner, TakeBackSigner
from engine.errors import AlreadyClaimed, Conflict, EngineError, InputInvalid, NotAllowed, NotFound
from engine.execution.countersign import Tally, around, tally
from engine.execution.run import Halt
from engine.execution.state import AFTER, BEFORE, BESIDE, Instance, Item
from engine.handlers.choices import known_unit
from engine.handlers.items import claim, must_be_able, must_be_there
from engine.handlers.work import Work, reason_given
from engine.values import Value

WAYS = {BESIDE: "并加签", BEFORE: "前加签", AFTER: "后加签"}
"""Chinese words of the ways in which a signer is added."""


# -- adding ----------------------------------------------------------------------------------------------


def add_signer(command: AddSigner, work: Work) -> None:
    """加签: by who holds the item, or by the office."""
    item = work.open_item(command.item)
    if command.way not in WAYS:
        raise InputInvalid("请选择加签方式：并加签、前加签或后加签。", field="way")
    _must_hold(work, item)
    if command.way not in ways(work, item):
        raise Conflict(_why_not(command.way, work, item), field="way")
    reason = reason_given(command.reason, "加签")
    unit, role, person = _named(command, work, item)
    _must_be_new(command.way, unit, role, person, work, item)
    must_be_able(unit, role, person, work, item, "签", "signer")
    _check_due(command, work, item)
    value: Value = None
    found = around(work.package, work.state, item.id)
    if command.way == BESIDE and found is not None:
        value = _member(found[1], unit, role, person, work)
    elif not item.person and may_take(work.actor, item, work.directory):
        work.must_do(item)  # who asks for an opinion has taken the step in hand
        claim(work, item)
    by = work.actor.person
    work.advance(EnterSigner(item.id, command.way, unit, role, person, by, reason, value, command.due))


def ways(work: Work, item: Item) -> list[str]:
    """The ways in which a signer can be added at an open item, whoever asks."""
    signer = work.state.signers.get(item.id)
    if signer is not None and signer.way != BESIDE:
        return []
    found = around(work.package, work.state, item.id)
    return [*([BESIDE] if found is not None and not found[1].sequential else []), BEFORE, AFTER]


def may_add(work: Work, item: Item) -> bool:
    """Whether the actor may add a signer at an open item."""
    try:
        _must_hold(work, item)
    except EngineError:
        return False
    return not work.state.suspended and bool(ways(work, item))


def _must_hold(work: Work, item: Item) -> None:
    if work.in_office():
        return
    if not may_take(work.actor, item, work.directory):
        raise NotAllowed(f"“{item.name}”不在您或您的单位手中，不能加签。")
    if item.person and not has(work.actor, item, work.directory):
        name = work.directory.name_of(item.person)
        raise AlreadyClaimed(f"“{item.name}”已由{name}签收，请本人或安委办加签。", person=item.person)


def _why_not(way: str, work: Work, item: Item) -> str:
    if not ways(work, item):
        return f"“{item.name}”是加签来的，请直接签署意见；应由别人签的请转办，还要听别人意见的请加签人另加。"
    return f"“{item.name}”不是同时签署的会签，不能{WAYS[way]}；可以前加签（先征求意见）或后加签。"


def _named(command: AddSigner, work: Work, item: Item) -> tuple[str, str, str]:
    """The unit, role and person to be added. Raises the refusal for those the directory, or the actor, does not know."""
    directory, person = work.directory, ""
    unit, role = command.unit, command.role
    if not unit and not command.person:
        raise InputInvalid("请选择加签给哪个岗位或人员。", field="signer")
    known = directory.units.get(unit)
    if unit and (known is None or not known.active or not _knows(unit, work)):
        raise NotFound(f"没有“{unit[:60]}”这个单位，请从列表中选择。", field="signer")
    if command.person:
        found = directory.find_person(command.person)
        posts = [p for p in directory.own_posts(found.id) if unit in ("", p[1])] if found else []
        posts = [p for p in posts if role in ("", p[0]) and _knows(p[1], work)]
        if found is None or not found.active or not posts:
            raise NotFound("没有这个人员，请从人员列表中选择。", field="signer")
        role, unit = next((p for p in posts if p[0] == item.role), posts[0])
        must_be_there(found.id, role, unit, work)
        return unit, role, found.id
    role = role or item.role
    if not directory.members(unit, role):
        title = work.package.role_title(role)
        raise NotAllowed(f"{unit}没有在岗的{title}，不能加签。请另选，或先在通讯录中设岗。", field="signer")
    return unit, role, person


def _knows(unit: str, work: Work) -> bool:
    return known_unit(unit, work.actor.person, work.directory)


def _must_be_new(way: str, unit: str, role: str, person: str, work: Work, item: Item) -> None:
    """Refuse who signs this already."""
    state, name = (
        work.state,
        work.directory.name_of(person) if person else f"{unit}{work.package.role_title(role)}",
    )
    if person and person in (item.person, work.actor.person if way != BESIDE else item.person):
        raise Conflict(f"“{item.name}”就在{name}手中，不用加签。", field="signer")
    if way != BESIDE and not person and (unit, role) == (item.unit, item.role):
        raise Conflict(f"“{item.name}”就在{name}手中，要听同事的意见请选择具体人员。", field="signer")
    if way == BESIDE:
        found = around(work.package, state, item.id)
        beside = (i for i in state.items.values() if found and _round_in(i, found[1], work))
        taken = [(i.unit, i.role, i.person) for i in beside]
    else:
        at = (item.id, state.step_of(item.id))
        taken = [(s.unit, s.role, s.person) for s in state.signers.values() if s.to in at]
    for other in taken:
        if (person and person == other[2]) or (not person and (unit, role) == other[:2]):
            raise Conflict(f"{name}已经在签“{item.name}”，不用再加。", field="signer")


def _round_in(item: Item, body: Instance, work: Work) -> bool:
    signer = work.state.signers.get(item.id)
    if signer is not None and signer.way != BESIDE:
        return False
    found = around(work.package, work.state, item.id)
    return found is not None and found[1].id == body.id


def _check_due(command: AddSigner, work: Work, item: Item) -> None:
    due, now = command.due, work.moment.now
    if due is None:
        return
    if command.way == AFTER:
        raise InputInvalid("后加签沿用这一步的期限，不另定期限。", field="due")
    if due.tzinfo is None:
        raise InputInvalid("加签的期限须带时区。", field="due")
    if due <= now:
        raise InputInvalid("加签的期限须晚于现在。", field="due")
    if command.way == BEFORE and item.due is not None and now < item.due < due:
        raise InputInvalid(f"征求意见的期限不能晚于“{item.name}”的期限，请改早。", field="due")


def _member(body: Instance, unit: str, role: str, person: str, work: Work) -> Value:
    """What the added round of a 会签 has as its element of the list: of the kind that the list's others are."""
    members = [v for n, v in enumerate(body.items or (), 1) if n not in (body.taken or ())]
    numbers = [v for v in members if isinstance(v, int) and not isinstance(v, bool)]
    if len(numbers) == len(members):
        return max([len(body.items or ()), *numbers]) + 1
    directory, value = work.directory, ""
    texts = [v for v in members if isinstance(v, str)]
    if len(texts) == len(members):
        inside = work.package.processes[body.process].elements[body.element].kind.value == "subProcess"
        if all(text in directory.units for text in texts):
            if person and inside:
                raise InputInvalid("这个会签按单位分发，请选择单位的岗位。", field="signer")
            value = unit
        elif all("@" in text for text in texts):
            if person and inside:
                raise InputInvalid("这个会签按岗位分发，请选择单位的岗位。", field="signer")
            value = f"{role}@{unit}"
        elif all(directory.find_person(text) for text in texts):
            if not person:
                raise InputInvalid("这个会签按人员分发，请选择具体人员。", field="signer")
            value = person
            texts = [found.id for text in texts if (found := directory.find_person(text))]
    if not value:
        raise Conflict(
            "这个会签的名单不是单位、岗位或人员，不能在办理中并加签；可以前加签（先征求意见）。", field="way"
        )
    if value in texts:
        name = directory.name_of(value)
        raise Conflict(f"{name}已经在会签名单中，不用再加。", field="signer")
    return value


def tally_of(work: Work, body: Instance) -> Tally | None:
    """What a running 会签 stands at; None where the diagram counts nothing, or cannot count now."""
    run = work.run()
    loop = run.element(body).loop
    try:
        return tally(run, body, loop, run.collected(body)) if loop is not None and body.body else None
    except Halt:
        return None


# -- taking back -----------------------------------------------------------------------------------------


def take_back_signer(command: TakeBackSigner, work: Work) -> None:
    """减签: by who added the signer, or by the office."""
    work.must_see()
    work.must_run()
    reason = reason_given(command.reason, "减签")
    _must_take_back(command.item, work)
    work.advance(RemoveSigner(command.item, work.actor.person, reason))


def may_take_back(id: int, work: Work) -> bool:
    """Whether the actor may take back the signer of an item, or one who is still to sign."""
    try:
        _must_take_back(id, work)
    except EngineError:
        return False
    if work.state.suspended:
        return False
    item = work.state.items.get(id)
    found = around(work.package, work.state, id) if item is not None and not _added(id, work) else None
    return _added(id, work) or (found is not None and found[1].rounds > 1)


def _added(id: int, work: Work) -> bool:
    signer = work.state.signers.get(id)
    return signer is not None and signer.way != BESIDE


def _must_take_back(id: int, work: Work) -> None:
    state = work.state
    signer = state.signers.get(id)
    if signer is None and id in state.items:
        found = around(work.package, state, id)
        signer = state.signers.get(found[0].id) if found is not None else None
    if work.in_office() or (signer is not None and signer.by == work.actor.person):
        return
    if signer is not None:
        name = work.directory.name_of(signer.by)
        raise NotAllowed(f"这一位由{name}加签，只有{name}或安委办可以减签。")
    raise NotAllowed("只有加签人可以减去自己加的；会签名单里的由安委办减签。")

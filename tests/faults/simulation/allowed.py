"""What the product must accept and what it must refuse 该准与该拒, by the model and the manual."""

from __future__ import annotations

from engine import commands as c
from tests.faults.simulation.case import Case
from tests.faults.simulation.drawing import Drawing
from tests.faults.simulation.live import NAMES, OFFICE, POSTS, Live
from tests.faults.simulation.model import Model


def may(model: Model, case: Case, command: c.Command, person: str) -> bool | None:
    """Whether the product must accept this now. None: the manual leaves it open."""
    role, unit = POSTS[person]
    office, course = unit == OFFICE, case.course
    if not case.sees(person):
        return False
    match command:
        case c.SuspendCase():
            return office and case.state == "open"
        case c.ResumeCase():
            return office and case.state == "suspended"
        case c.CancelCase():
            return office and case.state in ("open", "suspended")
        case c.AddNote():
            return _may_note(case, command, person)
        case c.CopyCase():
            return _may_copy(case, command, person)
        case c.ReadCopies():
            return bool(case.mine(person))
        case c.MergeCase():
            other = model.cases.get(command.into)
            goes_on = other is not None and other is not case and other.state in ("open", "suspended")
            return office and case.state in ("open", "suspended") and goes_on
        case c.WithdrawItem():
            return course.may_withdraw(command.item, person)
    item = course.item(getattr(command, "item", 0))
    if case.state == "suspended":
        return office and item is not None and item.person != person and _sees_to(item, command)
    if case.state != "open":
        return False
    if isinstance(command, c.DeliverMessage):
        return True
    if isinstance(command, c.TakeBackSigner):
        return _may_take_back(case, command, person)
    if item is None:
        return False
    free = item.person == person or (not item.person and (item.role, item.unit) == (role, unit))
    takes = item.person == person or (item.role, item.unit) == (role, unit)
    match command:
        case c.ClaimItem():
            return free and not item.person
        case c.ReleaseItem():
            return bool(item.person) and (office or item.person == person)
        case c.TransferItem():
            return (office or (takes and item.person in ("", person))) and _other_holder(item, command)
        case c.ReturnItem():
            return free and item.node.kind != "signer" and bool(back(model.drawing, item))
        case c.FinishItem():
            waits = any(one.signer and one.signer.way == "before" for one in item.inside)
            return free and not waits
        case c.UrgeItem():
            if takes and (item.person == person or not item.person) or case.urged_today(item, person):
                return False
            return case.works_on(person)
        case c.AddSigner():
            holds = office or (takes and item.person in ("", person))
            return holds and _can_sign(case, item, command, person)
    raise ValueError(command)


def back(drawing: Drawing, item: Live) -> str:
    """The step that an item may be returned to."""
    return drawing.nodes[item.node.id].back


def _sees_to(item: Live, command: c.Command) -> bool:
    """What the office does about others' items while their case is suspended: 转办, 退签."""
    match command:
        case c.TransferItem():
            return _other_holder(item, command)
        case c.ReleaseItem():
            return bool(item.person)
    return False


def _other_holder(item: Live, command: c.TransferItem) -> bool:
    """Whether the item would come into other hands, which can do it."""
    if command.person:
        role, unit = POSTS[command.person]
        return role == item.role and (unit, command.person) != (item.unit, item.person)
    there = [post for post in POSTS.values() if post == (item.role, command.unit)]
    return bool(there) and (command.unit, "") != (item.unit, item.person)


def _may_note(case: Case, command: c.AddNote, person: str) -> bool | None:
    """评论: whoever sees the case; @ reaches whoever sees it too, and others where the office, or whoever works on it, gives a
    copy by it."""
    if command.reply > case.notes:
        return False
    strangers = [one for one in named(command.text, person) if not case.sees(one)]
    if not strangers or POSTS[person][1] == OFFICE:
        return not (strangers and case.into)
    return case.works_on(person) if command.copy and not case.into else False


def named(text: str, by: str) -> list[str]:
    """Whom a comment tells."""
    return [person for person, name in NAMES.items() if f"@{name}" in text and person != by]


def _may_copy(case: Case, command: c.CopyCase, person: str) -> bool | None:
    wanted = [*command.people, *command.posts]
    if case.into or person in wanted or all(case.unread(to) for to in wanted):
        return False
    return case.works_on(person)


def _may_take_back(case: Case, command: c.TakeBackSigner, person: str) -> bool:
    """减签: by who added, or by the office; never the last of those who sign together."""
    office = POSTS[person][1] == OFFICE
    for _, signer in case.course.signers():
        if signer.id == command.item:
            return office or signer.by == person
    item = case.course.item(command.item)
    if item is None or item.node.kind != "round" or item.scope is None:
        return False
    added = item.signer is not None and item.signer.by == person
    return (office or added) and item.scope.rounds > 1


def _can_sign(case: Case, item: Live, command: c.AddSigner, person: str) -> bool | None:
    """加签: somebody in office who does not sign this already. Who is asked asks nobody in turn."""
    if item.node.kind == "signer":
        return False
    beside = command.way == "beside"
    if beside and item.node.kind != "round":
        return False
    role, unit = POSTS[command.person] if command.person else (command.role or item.role, command.unit)
    if (role, unit) not in POSTS.values():
        return False
    if command.person and command.person in (item.person, item.person if beside else person):
        return False
    if not beside and not command.person and (role, unit) == (item.role, item.unit):
        return False
    if beside:
        assert item.scope is not None
        others = [(one.role, one.unit, one.person) for one in case.course.items() if one.scope is item.scope]
    else:
        signers = [signer for host, signer in case.course.signers() if host is item]
        others = [(one.role, one.unit, one.person) for one in signers]
    if any((command.person and other[2] == command.person) for other in others):
        return False
    if not command.person and any(other[:2] == (role, unit) for other in others):
        return False if any(other == (role, unit, "") for other in others) else None
    return True

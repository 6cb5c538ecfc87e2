"""抄送: a copy of the case for people and posts, who may see it from then on; and that they have read it.

Who works on the case sends copies, or the office, or the diagram at the end of a step (its property `copyTo`).
"""

from __future__ import annotations

from engine.assignment import holds, route
from engine.commands import CopyCase, ReadCopies
from engine.definitions.model import Element
from engine.directory import ENTERPRISE
from engine.errors import Conflict, EngineError, InputInvalid, NotAllowed, NotFound, NotOpen
from engine.execution.records import Copy
from engine.facts import CaseCopied, CopyRead, NoticeSent, receivers
from engine.handlers.recipients import known, known_unit
from engine.handlers.secrecy import must_keep
from engine.handlers.work import LONGEST_TEXT, Work


def copy_case(command: CopyCase, work: Work) -> None:
    """抄送: to whoever does not have an unread copy already."""
    work.must_write()
    if not works_on(work):
        raise NotAllowed("抄送由安委办、立案人和本案的经办人员发起，您没有经办本案。")
    if work.state.merged:
        raise NotOpen("本案已并入另一案件，请在那个案件里抄送。")
    note = command.note.strip()
    if len(note) > LONGEST_TEXT:
        raise InputInvalid(f"抄送说明超过 {LONGEST_TEXT} 字，请写短一些。", field="note")
    wanted = list(dict.fromkeys(receivers(command.people, command.posts)))
    if not wanted:
        raise InputInvalid("请选择抄送给谁。", errors={"to": ["请选择抄送的人员或单位。"]})
    unread = {
        (c.person, c.role, c.unit)
        for c in work.state.copies.values()
        if not (c.read or c.readers or c.merged)
    }
    new = []
    for person, role, unit in wanted:
        if person:
            person = _person(person, work)
        else:
            _must_be_post(role, unit, work)
        must_suit(person, role, unit, note, work)
        if (person, role, unit) not in unread:
            new.append((person, role, unit))
    if not new:
        raise Conflict("他们已经收到抄送，还没有阅知，不用再抄送。")
    for person, role, unit in new:
        send(work, person, role, unit, note)


def read_copies(command: ReadCopies, work: Work) -> None:
    """阅知: all copies that came to the actor or to a post of the actor's. Others of the post read for themselves; with the last of
    them it is read for all, also for who comes into the post later."""
    work.must_see()
    person = work.actor.person
    mine = [
        c for c in work.state.copies.values() if not c.merged and not c.read_by(person) and _is_to(c, work)
    ]
    if not mine:
        raise Conflict("没有抄送给您而未阅知的。")
    for copy in mine:
        work.say(CopyRead(id=copy.id, person=person, alone=bool(_others(copy, work))))


def works_on(work: Work) -> bool:
    """Whether the actor is of the office, began the case, did one of its steps, or holds one."""
    person = work.actor.person
    return (
        work.in_office()
        or any(person in done for done in work.state.performers.values())
        or any(
            i.person == person or holds(work.actor, i.role, i.unit, work.directory)
            for i in work.state.items.values()
        )
    )


def send(
    work: Work, person: str, role: str, unit: str, note: str, *, element: str = "", tell: bool = True
) -> None:
    """Say that the copy went out, and tell who gets it."""
    id = max(work.state.copies, default=0) + 1
    work.say(CaseCopied(id=id, person=person, unit=unit, role=role, note=note, element=element))
    if tell:
        title = f"抄送：{work.register('title') or work.package.title}"
        key = f"{work.setting.case}/copy/{id}"
        body = signed(work, note or "请阅知。") if not element else "请阅知。"
        work.say(NoticeSent(unit=unit, role=role, person=person, title=title, body=body, key=key, quiet=True))


def send_drawn(element: Element, work: Work) -> None:
    """The copies that the diagram sends when a step has been finished. A post that cannot be found is passed over: a copy must
    not stop the work."""
    for group in element.names("copyTo"):
        try:
            found = route(
                (group,), work.package.roles, work.context(), work.place, work.directory, work.moment
            )
        except EngineError:
            continue
        if found.holders:
            send(work, "", found.role, found.unit, "", element=element.id)


def signed(work: Work, text: str) -> str:
    """王建军（能源局）：text."""
    actor = work.actor
    return f"{actor.name}（{actor.unit}）：{text}" if actor.unit else f"{actor.name}：{text}"


def _others(copy: Copy, work: Work) -> set[str]:
    """Who else of the post the copy went to has still to read it."""
    if copy.person:
        return set()
    directory, unit = work.directory, copy.unit
    roles = [role for role in directory.roles_in(unit) if copy.role in ("", role)]
    there = {person for role in roles for person in directory.members(unit, role)}
    return {person for person in there - {work.actor.person} if not copy.read_by(person)}


def _is_to(copy: Copy, work: Work) -> bool:
    if copy.person:
        return copy.person == work.actor.person
    return any(
        unit == copy.unit and copy.role in ("", role)
        for role, unit in work.directory.posts_of(work.actor.person)
    )


def _person(text: str, work: Work) -> str:
    """The id of a person in office of whom the actor may know, and who is not the actor."""
    found = work.directory.people.get(text)
    if found is None or not found.active or not known(found.id, work):
        raise NotFound("没有这个人员，请从人员列表中选择。", field="people")
    if found.id == work.actor.person:
        raise InputInvalid("不用抄送给自己。", errors={"to": ["不用抄送给自己。"]})
    return found.id


def _must_be_post(role: str, unit: str, work: Work) -> None:
    directory = work.directory
    if not known_unit(unit, work) or not directory.units[unit].active:
        raise NotFound(f"没有“{unit[:60]}”这个单位，请从单位列表中选择。", field="posts")
    held = {r for r in directory.roles_in(unit) if role in ("", r)}
    if not held:
        title = work.package.role_title(role) if role else "人员"
        raise NotAllowed(
            f"{unit}没有在岗的{title}，抄送了也没有人能看到。请先在通讯录中设岗。", field="posts"
        )


def must_suit(person: str, role: str, unit: str, note: str, work: Work) -> None:
    """Refuse what secrecy forbids: another enterprise may get the case from the office only, and nobody a word of a report who
    may not know of it."""
    directory = work.directory
    posts = directory.posts_of(person) if person else [(role, unit)]
    units = {u for _, u in posts}
    name = directory.name_of(person) if person else unit
    foreign = bool(units) and all(directory.units[u].kind == ENTERPRISE for u in units)
    if foreign and work.register("party") not in units and not work.in_office():
        raise NotAllowed(
            f"{name}不是本案的企业，只有安委办可以把案件抄送给它。请联系安委办。", field="people"
        )
    must_keep(work, note, posts, name, "note")

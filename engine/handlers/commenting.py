"""评论: what people write down on a case for each other, with @ for who should read it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.commands import Actor, AddNote
from engine.directory import Person
from engine.errors import InputInvalid, NotAllowed, NotFound
from engine.facts import NoteAdded, NoticeSent
from engine.handlers.copying import must_suit, send, signed, works_on
from engine.handlers.recipients import known
from engine.handlers.secrecy import must_keep
from engine.handlers.visibility import may_see
from engine.handlers.work import LONGEST_TEXT, Work


def add_note(command: AddNote, work: Work) -> None:
    """评论: whoever sees the case may write something down, also after its end. Who is named with @ is told, and must be able to
    see the case: the office's word gives a copy, others are asked whether they want to send one."""
    work.must_write()
    text = command.text.strip()
    if not text:
        raise InputInvalid("请填写评论内容。", field="text")
    if len(text) > LONGEST_TEXT:
        raise InputInvalid(f"评论超过 {LONGEST_TEXT} 字，请写短一些，详情作为附件上传。", field="text")
    if not 0 <= command.reply <= work.state.notes:
        raise NotFound("没有找到要回复的评论，请刷新页面。", field="reply")
    named = [p for p in mentioned(text, command.mentions, work) if p != work.actor.person]
    for person in named:
        must_keep(work, text, work.directory.posts_of(person), work.directory.name_of(person), "text")
    for person in _strangers(named, work):
        _give_copy(person, command, work)
    number = work.state.notes + 1
    work.say(NoteAdded(text, command.item, number, command.reply, tuple(named)))
    for person in named:
        title = f"{work.actor.name}在评论中@您：{work.register('title') or work.package.title}"
        key = f"{work.setting.case}/note/{number}/{person}"
        work.say(NoticeSent("", "", person, title=title, body=signed(work, text), key=key, quiet=True))


def mentioned(text: str, meant: Sequence[str], work: Work) -> list[str]:
    """Ids of the people named in the text as @姓名 or @姓名（单位）, each once. `meant` are those the writer chose from a list; it
    counts where several bear the name. Raises `InputInvalid` where it stays open who is meant."""
    found: dict[str, None] = {}
    by_name: dict[str, list[Person]] = {}
    places = [n + 1 for n, sign in enumerate(text) if sign in "@＠"]
    if places:
        for person in work.directory.people.values():
            if person.active and known(person.id, work):
                by_name.setdefault(person.name, []).append(person)
    for place in places:
        names = [name for name in by_name if text.startswith(name, place)]
        if not names:
            continue  # an address, or nobody of ours: it stays what it is
        name = max(names, key=len)
        found[_one_of(by_name[name], text[place + len(name) :], meant, work)] = None
    return list(found)


def _one_of(people: list[Person], after: str, meant: Sequence[str], work: Work) -> str:
    if len(people) == 1:
        return people[0].id
    units = {p.id: [unit for _, unit in work.directory.posts_of(p.id)] for p in people}
    ways = (
        [p.id for p in people if any(after.startswith((f"（{u}）", f"({u})")) for u in units[p.id])],
        [p.id for p in people if p.id in meant],
        [p.id for p in people if may_see(Actor(p.id), work.view, work.directory)],
    )
    for fitting in ways:
        if len(fitting) == 1:
            return fitting[0]
    where = "、".join(dict.fromkeys(u for held in units.values() for u in held))
    name = people[0].name
    raise InputInvalid(
        f"叫“{name}”的有 {len(people)} 人（{where}），请写成“@{name}（单位）”。",
        errors={"text": [f"请写明是哪个单位的{name}。"]},
    )


def _strangers(people: Sequence[str], work: Work) -> list[str]:
    """Those who may not see the case."""
    if not people:
        return []
    view = work.view
    return [p for p in people if not may_see(Actor(p), view, work.directory)]


def _give_copy(person: str, command: AddNote, work: Work) -> None:
    """Raises `NotAllowed` where the case is not shown to a person by the way."""
    name = work.directory.name_of(person)
    if work.state.merged:
        raise NotAllowed(f"{name}看不到本案，本案又已并入另一案件。请在那个案件里评论。", field="text")
    if not work.in_office():
        if not works_on(work):
            raise NotAllowed(
                f"{name}看不到本案，不能@。请安委办或经办人员先把本案抄送给{name}。", field="text"
            )
        if not command.copy:
            raise NotAllowed(
                f"{name}看不到本案，不能@。要让{name}看到，请勾选“同时抄送给看不到本案的人”，或先抄送。",
                field="copy",
            )
    must_suit(person, "", "", "", work)
    send(work, person, "", "", "", tell=False)

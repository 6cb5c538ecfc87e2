"""并案: two cases about the same hazard become one. The case that ends tells the one that goes on by the outbox, like all that
passes between cases: each side has its fact, and the second is recorded once however often it is brought.

The contents of the case that ends (variables, forms, who reported) stay where they are. What follows is the right to see, and
with it the attachments. It cannot be undone: what was stopped would have to be begun anew.
"""

from __future__ import annotations

from engine.commands import JoinCase, Merge, MergeCase
from engine.directory import ENTERPRISE
from engine.errors import InputInvalid, NotAllowed, NotFound, NotOpen
from engine.facts import CaseJoined, CaseMerged, NoticeSent, receivers
from engine.handlers.setting import OtherCase
from engine.handlers.work import Work, reason_given


def merge_case(command: MergeCase, work: Work) -> None:
    """The office ends this case for another, which must be open, of the same process and about the same enterprise."""
    work.must_see()
    if not work.in_office():
        raise NotAllowed("并案由安委办办理，请联系安委办。")
    if work.state.ended:
        raise NotOpen("案件已经结束，不能再并入其他案件。")
    other = _other(command.into, work)
    reason = reason_given(command.reason, "并案")
    number = work.state.number or "（未编号）"
    for item in work.state.items.values():
        if item.unit:
            body = f"案件{number}已并入{other.number or '另一案件'}，这一步不再办理。理由：{reason}"
            key = f"{work.setting.case}/merge/{item.id}"
            title = f"不再办理：{item.name}"
            work.say(
                NoticeSent(item.unit, item.role, item.person, title=title, body=body, key=key, quiet=True)
            )
    people, posts = _who_sees(work)
    work.advance(
        Merge(other.id, reason, dict(work.state.joined), other.number, work.state.number, people, posts)
    )


def join_case(command: JoinCase, work: Work) -> None:
    """What the merged case said has come. Once is enough; a case that has itself been merged meanwhile passes it on."""
    if work.actor.person:
        raise NotAllowed("这项操作只能由系统执行。")
    state, here = work.state, work.setting.case
    if command.other in state.joined:
        return
    have = {(c.person, c.role, c.unit) for c in state.copies.values()}
    people = tuple(p for p in command.people if (p, "", "") not in have)
    posts = tuple(p for p in command.posts if receivers((), (p,))[0] not in have)
    first = max(state.copies, default=0) + 1
    work.say(CaseJoined(command.other, command.number, command.reason, first, people, posts))
    for other, number in command.joined.items():
        if other not in state.joined and other != here:
            work.say(CaseJoined(other, number, command.reason))
    if state.merged:
        on = (command.reason, dict(command.joined), "", command.number, command.people, command.posts)
        work.say(CaseMerged(state.merged, *on, passes=command.other))


def _other(into: str, work: Work) -> OtherCase:
    """The case that is to go on. Raises where it cannot."""
    if into == work.setting.case:
        raise InputInvalid("不能把案件并入它自己，请填写另一案件的编号。", field="into")
    found = work.setting.other(into)
    if found is None:
        raise NotFound("没有找到要并入的案件，请核对编号。", field="into")
    name = found.number or found.title or "要并入的案件"
    if found.state not in ("open", "suspended"):
        raise NotOpen(f"{name}已经结束，不能再并入案件。", field="into")
    if found.package_key != work.package.key:
        raise NotAllowed(
            f"{name}走的是另一个流程，本案流程答应办到的（反馈、公示等）它不会办，不能并案。", field="into"
        )
    party = work.register("party")
    if party and found.party and party != found.party:
        raise NotAllowed(
            f"{name}的企业是{found.party}，本案是{party}，不是同一处隐患，不能并案。", field="into"
        )
    return found


def _who_sees(work: Work) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who could see this case by it (not by a post that sees every case), as people and posts (`ROLE@UNIT`). Enterprises are left
    out: the one concerned sees the other case as its own, no other may."""
    directory, view, place = work.directory, work.view, work.place
    posts = {("", unit) for unit in {*view.units, view.region}} | set(view.posts)
    for role in {r.role for r in directory.responsibilities}:
        line = directory.responsible(role, place.sector, place.region)
        if line is not None:
            posts.add((role, line[0]))
    kept = sorted((r, u) for r, u in posts if u in directory.units and directory.units[u].kind != ENTERPRISE)

    def outside(person: str) -> bool:
        units = [unit for _, unit in directory.posts_of(person)]
        return bool(units) and all(directory.units[u].kind == ENTERPRISE for u in units)

    people = sorted(p for p in view.people if p in directory.people and not outside(p))
    return tuple(people), tuple(f"{role}@{unit}" for role, unit in kept)

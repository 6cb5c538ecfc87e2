"""Duties follow the post 岗随人动: what becomes of a case's open items when the directory has changed, or when somebody has done
what keeps him from another step 不相容岗位分离."""

from __future__ import annotations

from engine.assignment import may_do
from engine.commands import Actor, CheckPosts
from engine.errors import EngineError, NotAllowed, SeparationOfDuties
from engine.execution.state import Item
from engine.facts import IncidentResolved, WorkItemReleased
from engine.handlers.settle import NO_ONE, at_hand, incident_of, nobody, route_item, where_to, why_nobody
from engine.handlers.work import Work


def check_posts(command: CheckPosts, work: Work) -> None:
    """岗位核对: claims of who left the post go back to it; what nobody can take is an incident as long as that is so."""
    if work.actor.person:
        raise NotAllowed("岗位核对由系统在通讯录变动后自动进行。")
    for item in list(work.state.items.values()):
        if item.id in work.state.items:
            _check(item, work)


def is_due(work: Work) -> bool:
    """Whether `check_posts` would do anything to the case."""
    return any(
        _left(item, work) or _kept(item, work) or _turned(item, work) for item in work.state.items.values()
    )


def keep_apart(work: Work) -> None:
    """After every command: what was done by it may keep the last one from a step that is open beside it, or give that one back;
    then it is an incident at once, or one no more."""
    for item in list(work.state.items.values()):
        if (
            not item.unit
            or item.id not in work.state.items
            or not work.element(item.id).names("separateFrom")
        ):
            continue
        if _kept(item, work) or not item.person or item.person != work.actor.person:
            _check(item, work)


def _check(item: Item, work: Work) -> None:
    if _left(item, work):
        name = work.directory.name_of(item.person)
        ended = f"{name}的代办期已结束" if item.behalf else f"{name}已不在{item.unit}的这个岗位上"
        work.say(WorkItemReleased(id=item.id, reason=f"{ended}，退回岗位重新签收"))
    kept = _kept(item, work)
    if kept:
        work.say(WorkItemReleased(id=item.id, reason=f"{kept}退回岗位，由其他人员签收"))
    if not _turned(item, work):
        return
    halted = _halted(item, work)
    if not halted:
        nobody(work, item, why_nobody(work, item))
        return
    work.say(IncidentResolved(id=halted))
    if not item.unit:
        route_item(work, item)


def _turned(item: Item, work: Work) -> bool:
    """Whether somebody can take what nobody could before, or the other way round."""
    if not item.unit:  # no unit was found for it: is there one now?
        return bool(_halted(item, work)) and where_to(work, item).holders
    return bool(_halted(item, work)) == bool(at_hand(work, item))


def _halted(item: Item, work: Work) -> int:
    return incident_of(work, item.id, NO_ONE)


def _left(item: Item, work: Work) -> bool:
    """Whether the item is in the hands of somebody who is no longer in its post."""
    if not item.person or not item.role or item.assignee:
        return False
    return (item.role, item.unit) not in work.directory.posts_of(item.person)


def _kept(item: Item, work: Work) -> str:
    """Why who has the item may not do it any more, having done what is separate from it; "" otherwise."""
    element = work.element(item.id)
    if not item.person or item.assignee or not element.names("separateFrom"):
        return ""
    try:
        may_do(
            Actor(person=item.person),
            item,
            work.state.performers,
            element,
            work.package.titles,
            work.directory,
        )
    except SeparationOfDuties as refusal:
        step, person = refusal.fields["step"], refusal.fields["person"]
        done = work.package.titles.get(step, step)
        return f"{work.directory.name_of(person)}已在本案办理“{done}”，不能再办理“{item.name}”，"
    except EngineError:
        pass
    return ""

"""Duties follow the post 岗随人动: what becomes of a case's open items when the directory has changed."""

from __future__ import annotations

from engine.commands import CheckPosts
from engine.errors import NotAllowed
from engine.execution.state import Item
from engine.facts import IncidentResolved, WorkItemReleased
from engine.handlers.settle import NO_ONE, able, incident_of, nobody, route_item, where_to, why_kept_from
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
    return any(_left(item, work) or _turned(item, work) for item in work.state.items.values())


def _check(item: Item, work: Work) -> None:
    if _left(item, work):
        name = work.directory.name_of(item.person)
        ended = f"{name}的代办期已结束" if item.behalf else f"{name}已不在{item.unit}的这个岗位上"
        work.say(WorkItemReleased(id=item.id, reason=f"{ended}，退回岗位重新签收"))
    if not _turned(item, work):
        return
    halted = _halted(item, work)
    if not halted:
        nobody(work, item, _why(item, work))
        return
    work.say(IncidentResolved(id=halted))
    if not item.unit:
        route_item(work, item)


def _turned(item: Item, work: Work) -> bool:
    """Whether somebody can take what nobody could before, or the other way round."""
    if not item.unit:  # no unit was found for it: is there one now?
        return bool(_halted(item, work)) and where_to(work, item).holders
    return bool(_halted(item, work)) == bool(able(work, item))


def _halted(item: Item, work: Work) -> int:
    return incident_of(work, item.id, NO_ONE)


def _left(item: Item, work: Work) -> bool:
    """Whether the item is in the hands of somebody who is no longer in its post."""
    if not item.person or not item.role or item.assignee:
        return False
    return (item.role, item.unit) not in work.directory.posts_of(item.person)


def _why(item: Item, work: Work) -> str:
    title = work.package.role_title(item.role)
    if item.assignee:
        return (
            f"流程指定由{work.directory.name_of(item.assignee)}办理，其人已不在岗。请转办，或在通讯录中恢复"
        )
    if not work.directory.holders(item.unit, item.role):
        return f"{item.unit}没有在岗的{title}。请在通讯录中设岗，或转办"
    return why_kept_from(work, item)

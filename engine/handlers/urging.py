"""催办: asking whoever holds a step to get on with it, so often as the office allows."""

from __future__ import annotations

from datetime import date, timedelta

from engine.assignment import has, holds
from engine.calendar import Moment, local_time
from engine.commands import UrgeItem
from engine.errors import CalendarUnknown, Conflict, InputInvalid, NotAllowed
from engine.execution.state import Item
from engine.facts import NoticeSent, WorkItemUrged
from engine.handlers.copying import signed, works_on
from engine.handlers.secrecy import must_keep
from engine.handlers.work import LONGEST_TEXT, SHORTEST_REASON, Work


def urge_item(command: UrgeItem, work: Work) -> None:
    """催办 by the office, by who began the case, or by who did or does another of its steps and waits for this one."""
    work.must_write()
    item = work.open_item(command.item)
    must_be_theirs_to_urge(item, work)
    text = command.text.strip()
    if not SHORTEST_REASON <= len(text) <= LONGEST_TEXT:
        said = f"请写一句催办的话（{SHORTEST_REASON} 到 {LONGEST_TEXT} 字）。"
        raise InputInvalid(said, errors={"text": [said]})
    posts = work.directory.posts_of(item.person) if item.person else [(item.role, item.unit)]
    name = work.directory.name_of(item.person) if item.person else item.unit
    must_keep(work, text, posts, name, "text")
    person, unit, role = work.actor.person, item.unit, item.role
    work.say(WorkItemUrged(item.id, work.moment.now, person, text, unit, role, item.person))
    key = f"{work.setting.case}/urge/{item.id}/{len(item.urges or ())}"
    body = signed(work, text)
    work.say(NoticeSent(unit, role, item.person, title=f"催办：{item.name}", body=body, key=key, quiet=True))


def must_be_theirs_to_urge(item: Item, work: Work) -> None:
    """Refuse who may not urge the item, or not again today."""
    actor = work.actor
    directory = work.directory
    if has(actor, item, directory) or (not item.person and holds(actor, item.role, item.unit, directory)):
        raise NotAllowed(f"“{item.name}”就在您手中，不用催办。")
    if not works_on(work):
        raise NotAllowed("催办由安委办、立案人和本案其他步骤的经办人员发起，您没有经办本案。")
    if not item.unit:
        raise NotAllowed(f"“{item.name}”还没有派到单位，没有人可催。请安委办先处理异常。")
    since = working_day(work.moment)
    own = [at for by, at in item.urges or () if by == actor.person and local_time(at).date() >= since]
    most = work.setting.urges_a_day
    if len(own) >= most:
        raise Conflict(
            f"您今天已经催办过“{item.name}”（{local_time(own[-1]):%H:%M}）。"
            f"同一人对同一事项每个工作日最多催办 {most} 次，请下一个工作日再催，或直接联系{item.unit}。"
        )


def working_day(moment: Moment) -> date:
    """The working day that counts now: today, or the last one before a holiday; today where the calendar does not know."""
    day = moment.today
    try:
        while not moment.calendar.is_working(day):
            day -= timedelta(days=1)
    except CalendarUnknown:
        return moment.today
    return day

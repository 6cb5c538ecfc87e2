"""Reminders 提醒: what reaches people outside the program, by the channel and in the way that each of them has chosen.

A notice 消息 is always in the program. Where its receiver wants to be told at once, a delivery is written beside it, in the same
transaction and under a key of its own, so that none is lost and none doubled; `dispatch` sends it. Everything else comes in one
digest a day (`digest`). Outside the house goes a title and a number, never what a notice says at length.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.calendar import WorkCalendar
from engine.commands import Actor
from engine.directory import Directory
from engine.errors import CalendarUnknown, InputInvalid, NotFound
from engine.runtime.channels import Channel
from engine.runtime.engine import Engine
from engine.store import settings
from engine.store.batch import insert_once
from engine.store.tables import cases, contacts, deliveries

ALWAYS, HOURS, DIGEST = "always", "hours", "digest"
WAYS = {
    ALWAYS: "随时提醒",
    HOURS: "工作日的送达时段内提醒",
    DIGEST: "只要每日汇总",
}
"""How a person wants to be told. Everybody with an address gets the daily digest besides."""

READ_ON = "请登录督办系统查看。"

Row = dict[str, Any]
insert = insert_once(deliveries)


@dataclass(frozen=True, slots=True)
class Contact:
    """Where and how a person is reached."""

    person: str
    channel: str
    address: str
    way: str


def contacts_of(connection: sa.Connection, person: str) -> dict[str, Contact]:
    """A person's own choices, by channel."""
    rows = connection.execute(sa.select(contacts).where(contacts.c.person == person))
    return {row.channel: Contact(row.person, row.channel, row.address, row.way) for row in rows}


def choose(engine: Engine, actor: Actor, channel: Channel | None, address: str, way: str) -> None:
    """The person wants to be reached there, in this way. Raises `NotFound` for a channel that is not there, `InputInvalid`."""
    if channel is None:
        raise NotFound("没有这个提醒渠道，请刷新页面后重新选择。")
    if way not in WAYS:
        raise InputInvalid(f"提醒方式只能是{'、'.join(WAYS.values())}之一。", field="way")
    values = {"address": channel.checked(address), "way": way}
    key = (contacts.c.person == actor.person, contacts.c.channel == channel.key)
    with engine.database.write() as connection:
        if connection.execute(sa.update(contacts).where(*key).values(**values)).rowcount == 0:
            connection.execute(
                insert_once(contacts), {"person": actor.person, "channel": channel.key, **values}
            )


def forget(engine: Engine, actor: Actor, channel: str) -> None:
    """The person does not want to be reached there any more; what waits for it is dropped. Raises `NotFound`."""
    with engine.database.write() as connection:
        gone = connection.execute(
            sa.delete(contacts).where(contacts.c.person == actor.person, contacts.c.channel == channel)
        )
        if gone.rowcount == 0:
            raise NotFound("您没有登记这个提醒渠道。")
        connection.execute(
            sa.delete(deliveries).where(
                deliveries.c.person == actor.person,
                deliveries.c.channel == channel,
                deliveries.c.send_at.is_not(None),
            )
        )


def try_out(engine: Engine, actor: Actor, channel: str) -> None:
    """Send a word to oneself there, whatever the hour. Raises `NotFound` for a channel one has not entered."""
    now = engine.now()
    with engine.database.write() as connection:
        if channel not in contacts_of(connection, actor.person):
            raise NotFound("您没有登记这个提醒渠道，请先保存。")
        row = delivery(
            f"test/{secrets.token_hex(4)}", channel, now, now, person=actor.person,
            title="督办提醒测试", body="收到这条消息，说明提醒渠道可用。",
        )  # fmt: skip
        connection.execute(insert, row)


def everybody(connection: sa.Connection) -> list[Contact]:
    """The choices of all."""
    rows = connection.execute(sa.select(contacts).order_by(contacts.c.person, contacts.c.channel))
    return [Contact(row.person, row.channel, row.address, row.way) for row in rows]


def of_notices(
    connection: sa.Connection,
    letters: Sequence[Mapping[str, Any]],
    channels: Mapping[str, Channel],
    directory: Directory,
    calendar: WorkCalendar,
    now: datetime,
) -> list[Row]:
    """The deliveries that these new notices make, for `insert`."""
    groups = [one for one in channels.values() if one.unit]
    wanted = [one for one in everybody(connection) if one.channel in channels and one.way != DIGEST]
    if not letters or not (groups or wanted):
        return []
    numbers = _numbers(connection, {letter["case"] for letter in letters})
    rows: list[Row] = []
    for letter in letters:
        people = set(receivers(letter, directory))
        at = letter["at"]
        number = numbers.get(letter["case"], "")
        body = f"案件编号：{number}。{READ_ON}" if number else READ_ON
        common = {"case": letter["case"], "title": letter["title"], "body": body}
        for contact in wanted:
            if contact.person in people:
                send_at = now if contact.way == ALWAYS else in_hours(calendar, now)
                rows.append(
                    delivery(letter["key"], contact.channel, at, send_at, person=contact.person, **common)
                )
        for group in groups:
            if letter["unit"] == group.unit and not letter["person"]:
                send_at = in_hours(calendar, now)
                rows.append(delivery(letter["key"], group.key, at, send_at, unit=group.unit, **common))
    return rows


def delivery(key: str, channel: str, at: datetime, send_at: datetime, **more: str) -> Row:
    """A row of `deliveries`: one receiver, one channel, once."""
    row = {"person": "", "unit": "", "case": "", "title": "", "body": ""} | more
    return row | {
        "key": f"{key}/{row['person'] or row['unit']}/{channel}",
        "channel": channel,
        "written_at": at,
        "send_at": send_at,
        "sent_at": None,
        "attempts": 0,
        "last_error": "",
    }


def receivers(letter: Mapping[str, Any], directory: Directory) -> Iterator[str]:
    """The people a notice is for: the person and who stands in for one today; else those who may act at the post, or at that of
    the unit above where nobody is (as its items go)."""
    person, unit, role = letter["person"], letter["unit"], letter["role"]
    if person:
        yield person
        for held, at in directory.own_posts(person):
            yield from directory.substitutes_of(person, held, at)
    elif role:
        above = directory.units[unit].parent if unit in directory.units else ""
        yield from directory.holders(unit, role) or (directory.holders(above, role) if above else ())
    else:
        for held in directory.roles_in(unit):
            yield from directory.holders(unit, held)


def in_hours(calendar: WorkCalendar, now: datetime) -> datetime:
    """The next instant at which the office sends (working days, sending hours of the calendar); now, where the calendar of the
    year is not confirmed yet: a reminder at an odd hour is better than none."""
    try:
        return calendar.sending(now)
    except CalendarUnknown:
        return now


def _numbers(connection: sa.Connection, ids: Iterable[str]) -> dict[str, str]:
    query = sa.select(cases.c.id, cases.c.number).where(cases.c.id.in_(sorted(set(ids) - {""})))
    return {row.id: row.number for row in connection.execute(query)}


# -- what the office may change ----------------------------------------------------------------------------

DIGEST_AT, MOST_ATTEMPTS = "reminders_digest_at", "reminders_attempts"

_DEFAULTS = {DIGEST_AT: "08:30", MOST_ATTEMPTS: "8"}
"""Where the office has not said otherwise [P]: when the digest comes, and how often one reminder is tried."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`digest_at` is a time of day (Asia/Shanghai), on working days."""

    digest_at: str
    attempts: int


def plan(connection: sa.Connection) -> Plan:
    found = _DEFAULTS | settings.get(connection, list(_DEFAULTS))
    return Plan(found[DIGEST_AT], int(found[MOST_ATTEMPTS]))


def set_plan(engine: Engine, actor: Actor, *, digest_at: str, attempts: int) -> None:
    """Say when the digest comes and how often a reminder is tried. Raises `InputInvalid`."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", digest_at):
        said = f"每日汇总的时间须写成 08:30 的样子，现在是“{digest_at[:10]}”。"
        raise InputInvalid(said, field="digest_at")
    if not 1 <= attempts <= 50:
        raise InputInvalid(f"发送最多试 1 到 50 次，现在是 {attempts}。", field="attempts")
    with engine.desk(actor) as desk:
        settings.put(desk.connection, DIGEST_AT, digest_at)
        settings.put(desk.connection, MOST_ATTEMPTS, str(attempts))
        title = f"每日汇总 {digest_at}，发送最多试 {attempts} 次"
        desk.note("RemindersSet", "reminders", {"title": title})

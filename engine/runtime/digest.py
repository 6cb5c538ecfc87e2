"""The daily digest 每日汇总: one reminder a working day instead of forty, to everybody who has entered an address.

It says what waits, what is due and what is overdue, and names the most urgent. Who has nothing to do hears nothing. It is planned
once a day by whichever worker comes first; its key names the day, so that no second one is ever sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import sqlalchemy as sa

from engine.calendar import local_time
from engine.clock import SHANGHAI
from engine.directory import Directory
from engine.errors import CalendarUnknown
from engine.runtime import reminders
from engine.runtime.channels import Channel
from engine.runtime.engine import Engine
from engine.store import settings
from engine.store.tables import cases, notices, open_item, with_somebody, work_items

DONE = "reminders_digest_done"
"""Key in the settings table: the last day whose digests were planned."""

_i = work_items.c


@dataclass(slots=True)
class Waiting:
    """What one receiver has to do."""

    unclaimed: int = 0
    mine: int = 0
    overdue: int = 0
    today: int = 0
    notices: int = 0
    first: str = ""  # the most urgent, in words
    first_due: datetime | None = None

    def text(self) -> str:
        parts = [f"待签收 {self.unclaimed} 件"] if self.unclaimed else []
        parts += [f"待办 {self.mine} 件"] if self.mine else []
        parts += [f"其中今日到期 {self.today} 件"] if self.today else []
        parts += [f"已超期 {self.overdue} 件"] if self.overdue else []
        parts += [f"新消息 {self.notices} 条"] if self.notices else []
        said = "，".join(parts) + "。" if parts else ""
        return said + (f"最急的是{self.first}。" if self.first else "")


def plan_if_due(engine: Engine, channels: Mapping[str, Channel]) -> int:
    """Write the day's digests if it is a working day and time for them. Returns how many were written now."""
    now = engine.now()
    local = local_time(now)
    today = local.date()
    calendar = engine.calendar()
    with engine.read() as connection:
        at = time.fromisoformat(reminders.plan(connection).digest_at)
        last = settings.get(connection, [DONE]).get(DONE, "")
    if last >= today.isoformat() or local.time() < at:
        return 0
    try:
        if not calendar.is_working(today):
            return 0
    except CalendarUnknown:
        if today.weekday() >= 5:  # nobody has said which days count: the week does
            return 0
    with engine.read() as connection:
        since = _since(last, at, now)
        rows = _rows(connection, engine.directory(), channels, now, since)
    with engine.database.write() as connection:
        if settings.get(connection, [DONE]).get(DONE, "") >= today.isoformat():
            return 0
        settings.put(connection, DONE, today.isoformat())
        if rows:
            connection.execute(reminders.insert, rows)
    return len(rows)


def _rows(
    connection: sa.Connection,
    directory: Directory,
    channels: Mapping[str, Channel],
    now: datetime,
    since: datetime,
) -> list[reminders.Row]:
    rows: list[reminders.Row] = []
    day = local_time(now).date()
    key, title = f"digest/{day.isoformat()}", f"督办待办汇总（{day.month}月{day.day}日）"
    known: dict[str, str] = {}
    for contact in reminders.everybody(connection):
        if contact.channel in channels:
            if contact.person not in known:
                posts = directory.posts_of(contact.person)
                held = directory.standing_in(contact.person)
                found = waiting(connection, now, since, contact.person, posts, held) if posts else Waiting()
                known[contact.person] = found.text()
            if known[contact.person]:
                body = known[contact.person]
                rows.append(
                    reminders.delivery(
                        key, contact.channel, now, now, person=contact.person, title=title, body=body
                    )
                )
    for group in channels.values():
        if group.unit:
            posts = [(r, u) for r, u in {(p.role, p.unit) for p in directory.posts} if u == group.unit]
            body = of_unit(connection, now, sorted(posts)).text()
            if body:
                rows.append(
                    reminders.delivery(key, group.key, now, now, unit=group.unit, title=title, body=body)
                )
    return rows


def waiting(
    connection: sa.Connection,
    now: datetime,
    since: datetime,
    person: str,
    posts: Sequence[tuple[str, str]],
    standing: Sequence[tuple[str, str, str]] = (),
) -> Waiting:
    """What a person with these posts, as (role, unit), has to do now, and how many notices there were since then. `standing`: for
    whom, in which role and unit, the person stands in 替岗, and does what that one has in hand."""
    found = Waiting()
    for away, role, unit in standing:
        theirs = sa.and_(_i.person == away, with_somebody, _i.role == role, _i.unit == unit, open_item)
        _count(connection, found, now, theirs, mine=True)
    ways = [_at(role, unit, _i.person == sa.literal_column("''")) for role, unit in posts]
    _count(connection, found, now, sa.and_(_i.person == person, with_somebody, open_item), mine=True)
    for way in ways:
        _count(connection, found, now, way, mine=False)
    told: list[sa.ColumnElement[bool]] = [
        notices.c.person.in_(sorted({person, *(away for away, _, _ in standing)}))
    ]
    told += [
        sa.and_(notices.c.unit == unit, notices.c.role.in_(("", role)), notices.c.person == "")
        for role, unit in posts
    ]
    query = sa.select(sa.func.count()).select_from(notices).where(notices.c.at > since, sa.or_(*told))
    found.notices = connection.execute(query).scalar_one()
    return found


def of_unit(connection: sa.Connection, now: datetime, posts: Sequence[tuple[str, str]]) -> Waiting:
    """What a unit has to do, whoever holds it."""
    found = Waiting()
    for unit in dict.fromkeys(unit for _, unit in posts):
        nobody, somebody = _i.person == sa.literal_column("''"), _i.person != sa.literal_column("''")
        _count(connection, found, now, sa.and_(_i.unit == unit, open_item, nobody), mine=False)
        _count(connection, found, now, sa.and_(_i.unit == unit, open_item, somebody), mine=True)
    return found


def _at(role: str, unit: str, more: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.and_(_i.unit == unit, _i.role == role, open_item, more)


def _count(
    connection: sa.Connection, found: Waiting, now: datetime, where: sa.ColumnElement[bool], *, mine: bool
) -> None:
    midnight = _midnight(now)
    late = sa.func.sum(sa.case((_i.due < now, 1), else_=0))
    today = sa.func.sum(sa.case((sa.and_(_i.due >= now, _i.due < midnight), 1), else_=0))
    row = connection.execute(
        sa.select(sa.func.count().label("all"), late.label("late"), today.label("today")).where(where)
    ).one()
    if mine:
        found.mine += row.all
    else:
        found.unclaimed += row.all
    found.overdue += row.late or 0
    found.today += row.today or 0
    first = connection.execute(
        sa.select(_i.name, _i.due, cases.c.number)
        .join(cases, cases.c.id == _i.case)
        .where(where, _i.due.is_not(None))
        .order_by(_i.due, _i.case, _i.item)
        .limit(1)
    ).first()
    if first is not None and (found.first_due is None or first.due < found.first_due):
        due = local_time(first.due)
        number = f"（{first.number}）" if first.number else ""
        found.first_due = first.due
        found.first = f"“{first.name}”{number}，{due.month}月{due.day}日 {due:%H:%M} 到期"


def _midnight(now: datetime) -> datetime:
    """The end of the day (Asia/Shanghai)."""
    local = local_time(now)
    return local.replace(hour=23, minute=59, second=59, microsecond=999999)


def _since(last: str, at: time, now: datetime) -> datetime:
    """When the last digest came; a day ago where there was none."""
    if not last:
        return now - timedelta(days=1)
    return datetime.combine(date.fromisoformat(last), at, SHANGHAI)

"""The office's own tables 通讯录、职责库、工作日历: every change in one transaction, with an office fact beside it.

Who may change them is decided where the request comes in (web); here it is decided what is a sensible change.
Nothing is deleted that a case may name: units and people retire (`active` false) and stay readable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date

import sqlalchemy as sa

from engine.calendar import WorkCalendar, seed_days
from engine.commands import Actor
from engine.directory import KINDS, OFFICE, Directory, Person, Responsibility, Unit
from engine.errors import Conflict, InputInvalid, NotFound
from engine.runtime.engine import Engine
from engine.runtime.present import CALENDAR_VERSION, DIRECTORY_VERSION, Desk
from engine.runtime.reading import HOURS, read_calendar
from engine.store import settings
from engine.store.tables import calendar_days, calendar_years, people, posts, responsibilities, units

# -- directory ---------------------------------------------------------------------------------------------


def save_unit(engine: Engine, unit: Unit, actor: Actor) -> None:
    """Enter a unit, or change what is known of it. Raises `InputInvalid`."""
    with engine.desk(actor) as desk, _the_office_stays(desk):
        _save_unit(desk, unit)
        settings.bump(desk.connection, DIRECTORY_VERSION)


def save_person(engine: Engine, person: Person, actor: Actor) -> None:
    """Enter a person, or change what is known of one. Retiring a person ends all their sessions.

    Raises `Conflict` when the account belongs to somebody else, `InputInvalid`.
    """
    with engine.desk(actor) as desk, _the_office_stays(desk):
        _save_person(desk, person)
        settings.bump(desk.connection, DIRECTORY_VERSION)


def set_posts(engine: Engine, person: str, given: Sequence[tuple[str, str]], actor: Actor) -> None:
    """Give a person exactly these posts, as (role, unit), in this order. Raises `NotFound`."""
    with engine.desk(actor) as desk, _the_office_stays(desk):
        _set_posts(desk, person, given)
        settings.bump(desk.connection, DIRECTORY_VERSION)


def set_responsibility(engine: Engine, line: Responsibility, actor: Actor) -> None:
    """Say which unit acts in a role for an industry and a place; an older line for the same is replaced."""
    with engine.desk(actor) as desk:
        _set_responsibility(desk, line)
        settings.bump(desk.connection, DIRECTORY_VERSION)


def remove_responsibility(engine: Engine, sector: str, region: str, role: str, actor: Actor) -> None:
    """Remove a line of the responsibility table. Raises `NotFound`."""
    table = responsibilities.c
    with engine.desk(actor) as desk:
        gone = desk.connection.execute(
            sa.delete(responsibilities).where(
                table.sector == sector, table.region == region, table.role == role
            )
        )
        if gone.rowcount == 0:
            raise NotFound("职责库中没有这一行。")
        subject = f"{role}/{sector}/{region}"
        desk.note("ResponsibilityRemoved", subject, {"sector": sector, "region": region, "role": role})
        settings.bump(desk.connection, DIRECTORY_VERSION)


def load_directory(engine: Engine, directory: Directory, actor: Actor) -> None:
    """Enter a whole directory (`directory.from_data`) in one transaction; what is there already is brought up to date."""
    with engine.desk(actor) as desk:
        for unit in directory.units.values():
            _save_unit(desk, unit)
        by_person: dict[str, list[tuple[str, str]]] = {}
        for post in directory.posts:
            by_person.setdefault(post.person, []).append((post.role, post.unit))
        for person in directory.people.values():
            _save_person(desk, person)
            _set_posts(desk, person.id, by_person.get(person.id, []))
        for line in directory.responsibilities:
            _set_responsibility(desk, line)
        settings.bump(desk.connection, DIRECTORY_VERSION)


@contextmanager
def _the_office_stays(desk: Desk) -> Iterator[None]:
    """Refuse a change after which nobody could administer any more. Raises `Conflict`."""
    in_office = (
        sa.select(people.c.id)
        .join(posts, posts.c.person == people.c.id)
        .join(units, units.c.id == posts.c.unit)
        .where(people.c.active, units.c.kind == OFFICE)
        .limit(1)
    )
    before = desk.connection.execute(in_office).first()
    yield
    if before is not None and desk.connection.execute(in_office).first() is None:
        raise Conflict(
            f"这样修改后{OFFICE}就没有在岗人员，再也没有人能管理系统。请先给其他人员设{OFFICE}岗位。"
        )


def _save_unit(desk: Desk, unit: Unit) -> None:
    if not unit.id or not unit.name.strip():
        raise InputInvalid("请填写单位名称。", field="name")
    if unit.kind not in KINDS:
        raise InputInvalid(f"单位类别“{unit.kind}”不在 {'、'.join(KINDS)} 之中。", field="kind")
    connection = desk.connection
    if unit.parent:
        if unit.parent == unit.id:
            raise InputInvalid("单位的上级不能是它自己。", field="parent")
        if connection.execute(sa.select(units.c.id).where(units.c.id == unit.parent)).first() is None:
            raise InputInvalid(f"没有“{unit.parent}”这个上级单位。", field="parent")
    row = asdict(unit)
    if not _changed(connection, units, {"id": unit.id}, row):
        return
    desk.note("UnitSaved", unit.id, {"title": unit.name, **row})


def _save_person(desk: Desk, person: Person) -> None:
    if not person.name.strip() or not ACCOUNT.fullmatch(person.account):
        raise InputInvalid("请填写姓名和账号；账号不能含空格和标点（可用 . _ - @）。", field="account")
    connection = desk.connection
    other = sa.select(people.c.id).where(people.c.account == person.account, people.c.id != person.id)
    if connection.execute(other).first() is not None:
        raise Conflict(f"账号“{person.account}”已有人使用，请换一个。")
    row = asdict(person)
    if not _changed(connection, people, {"id": person.id}, row):
        return
    if not person.active:
        connection.execute(sa.update(people).where(people.c.id == person.id).values(epoch=people.c.epoch + 1))
    desk.note("PersonSaved", person.id, {"title": person.name, **row})


ACCOUNT = re.compile(r"[\w.@-]{1,100}")


def _set_posts(desk: Desk, person: str, given: Sequence[tuple[str, str]]) -> None:
    connection = desk.connection
    name = connection.execute(sa.select(people.c.name).where(people.c.id == person)).scalar()
    if name is None:
        raise NotFound("没有这个人员。")
    wanted = list(dict.fromkeys(given))
    known = set(connection.execute(sa.select(units.c.id)).scalars())
    for role, unit in wanted:
        if unit not in known or not role:
            raise NotFound(f"岗位“{role}@{unit}”：没有这个单位，请先在通讯录中添加。")
    present = connection.execute(
        sa.select(posts.c.role, posts.c.unit).where(posts.c.person == person).order_by(posts.c.position)
    )
    if [(row.role, row.unit) for row in present] == wanted:
        return
    connection.execute(sa.delete(posts).where(posts.c.person == person))
    if wanted:
        connection.execute(
            sa.insert(posts),
            [{"person": person, "unit": u, "role": r, "position": n} for n, (r, u) in enumerate(wanted)],
        )
    desk.note("PostsSet", person, {"title": name, "posts": [f"{r}@{u}" for r, u in wanted]})


def _set_responsibility(desk: Desk, line: Responsibility) -> None:
    connection = desk.connection
    if not line.role or not line.sector or not line.region:
        raise InputInvalid("职责库的行业、属地、岗位都要填写；不限的填 *。")
    if connection.execute(sa.select(units.c.id).where(units.c.id == line.unit)).first() is None:
        raise InputInvalid(f"没有“{line.unit}”这个单位。", field="unit")
    row = asdict(line)
    key = {k: row[k] for k in ("sector", "region", "role")}
    if _changed(connection, responsibilities, key, row):
        desk.note("ResponsibilitySet", f"{line.role}/{line.sector}/{line.region}", row)


def _changed(connection: sa.Connection, table: sa.Table, key: dict[str, str], row: dict[str, object]) -> bool:
    """Insert the row, or update it where it differs. Returns whether anything changed."""
    where = [table.c[k] == v for k, v in key.items()]
    present = connection.execute(sa.select(*(table.c[k] for k in row)).where(*where)).first()
    if present is None:
        connection.execute(sa.insert(table), [row | _entered(connection, table)])
        return True
    if dict(present._mapping) == row:
        return False
    connection.execute(sa.update(table).where(*where).values({table.c[k]: v for k, v in row.items()}))
    return True


def _entered(connection: sa.Connection, table: sa.Table) -> dict[str, int]:
    """The place of a new row where a table keeps the order of entry."""
    if "position" not in table.c:
        return {}
    return {"position": (connection.execute(sa.select(sa.func.max(table.c.position))).scalar() or 0) + 1}


# -- calendar ----------------------------------------------------------------------------------------------


def set_calendar_day(engine: Engine, day: date, working: bool, note: str, actor: Actor) -> None:
    """Make a day a working day (调休补班) or a day off, whatever its weekday."""
    with engine.desk(actor) as desk:
        row = {"day": day, "working": working, "note": note}
        _changed_day(desk.connection, day, working, note)
        what = "调休补班" if working else "休息"
        desk.note("CalendarDaySet", day.isoformat(), {"title": f"{day.isoformat()} {what}", **row})
        settings.bump(desk.connection, CALENDAR_VERSION)


def clear_calendar_day(engine: Engine, day: date, actor: Actor) -> None:
    """Let a day follow its weekday again. Raises `NotFound` when it does so already."""
    with engine.desk(actor) as desk:
        gone = desk.connection.execute(sa.delete(calendar_days).where(calendar_days.c.day == day))
        if gone.rowcount == 0:
            raise NotFound("这一天没有特别安排。")
        desk.note("CalendarDayCleared", day.isoformat(), {"day": day})
        settings.bump(desk.connection, CALENDAR_VERSION)


def confirm_year(engine: Engine, year: int, source: str, actor: Actor, *, confirmed: bool = True) -> None:
    """Say that a year's holidays are as announced (`source` names the announcement), or take that back."""
    with engine.desk(actor) as desk:
        _set_year(desk.connection, year, confirmed, source)
        kind = "CalendarYearConfirmed" if confirmed else "CalendarYearOpened"
        desk.note(kind, str(year), {"title": f"{year} 年", "year": year, "source": source})
        settings.bump(desk.connection, CALENDAR_VERSION)


def set_hours(engine: Engine, hours: dict[str, str], actor: Actor) -> None:
    """Set office hours and sending hours: `opens`, `closes`, `send_from`, `send_until` as HH:MM in Shanghai."""
    unknown = set(hours) - set(HOURS)
    if unknown:
        raise InputInvalid(f"不认识的时间项：{'、'.join(sorted(unknown))}。")
    with engine.desk(actor) as desk:
        for name, text in hours.items():
            settings.put(desk.connection, f"hours_{name}", text)
        read_calendar(desk.connection, version="")  # refuses what is not sensible
        desk.note("OfficeHoursSet", "hours", {"title": "办公与发送时间", **hours})
        settings.bump(desk.connection, CALENDAR_VERSION)


def seed_calendar(engine: Engine, years: Iterable[int], actor: Actor) -> WorkCalendar:
    """Enter the announced holidays of these years from the `holidays` library; years that have days stay as they are."""
    wanted = list(years)
    days, sources = seed_days(wanted)
    with engine.desk(actor) as desk:
        connection = desk.connection
        there = set(connection.execute(sa.select(calendar_years.c.year)).scalars())
        for year in wanted:
            if year in there:
                continue
            for one in days:
                if one.day.year == year:
                    _changed_day(connection, one.day, one.working, one.note)
            source = sources.get(year, "")
            _set_year(connection, year, bool(source), source)
            if source:
                data = {"title": f"{year} 年", "year": year, "source": source}
                desk.note("CalendarYearConfirmed", str(year), data)
        settings.bump(connection, CALENDAR_VERSION)
    return engine.calendar()


def _changed_day(connection: sa.Connection, day: date, working: bool, note: str) -> None:
    changed = connection.execute(
        sa.update(calendar_days).where(calendar_days.c.day == day).values(working=working, note=note)
    )
    if changed.rowcount == 0:
        connection.execute(sa.insert(calendar_days), [{"day": day, "working": working, "note": note}])


def _set_year(connection: sa.Connection, year: int, confirmed: bool, source: str) -> None:
    changed = connection.execute(
        sa.update(calendar_years)
        .where(calendar_years.c.year == year)
        .values(confirmed=confirmed, source=source)
    )
    if changed.rowcount == 0:
        connection.execute(
            sa.insert(calendar_years), [{"year": year, "confirmed": confirmed, "source": source}]
        )


__all__ = [
    "clear_calendar_day",
    "confirm_year",
    "load_directory",
    "remove_responsibility",
    "save_person",
    "save_unit",
    "seed_calendar",
    "set_calendar_day",
    "set_hours",
    "set_posts",
    "set_responsibility",
]

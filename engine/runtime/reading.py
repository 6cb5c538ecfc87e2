"""Tables → directory and calendar: the immutable pictures the engine decides with."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import Any, TypeVar

import sqlalchemy as sa

from engine.calendar import WorkCalendar
from engine.directory import Absence, Directory, Person, Post, Responsibility, Unit
from engine.store import settings
from engine.store.tables import (
    absences,
    calendar_days,
    calendar_years,
    people,
    posts,
    responsibilities,
    units,
)

T = TypeVar("T", Unit, Person, Post, Responsibility, Absence)

HOURS = ("opens", "closes", "send_from", "send_until")
"""Office hours and sending hours, kept in the settings table as `hours_<name>`."""


def read_directory(connection: sa.Connection, day: date) -> Directory:
    """The directory in the order things were entered, as it counts on `day`. Absences that are over by then are left out."""
    by_entry = (sa.select(table).order_by(table.c.position, table.c.id) for table in (units, people))
    found_units, found_people = (connection.execute(query).all() for query in by_entry)
    of_people = {row.id: row.position for row in found_people}
    found_posts = connection.execute(sa.select(posts)).all()
    return Directory(
        units={row.id: _made(Unit, row) for row in found_units},
        people={row.id: _made(Person, row) for row in found_people},
        posts=tuple(
            _made(Post, row)
            for row in sorted(found_posts, key=lambda r: (r.position, of_people.get(r.person, 0), r.person))
        ),
        responsibilities=tuple(
            _made(Responsibility, row)
            for row in connection.execute(sa.select(responsibilities).order_by(responsibilities.c.id))
        ),
        absences=tuple(
            _made(Absence, row)
            for row in connection.execute(
                sa.select(absences)
                .where(absences.c.last >= day)
                .order_by(absences.c.first, absences.c.last, absences.c.id)
            )
        ),
        day=day,
    )


def _made(kind: type[T], row: sa.Row[Any]) -> T:
    """A dataclass from the columns that bear its fields' names."""
    return kind(**{field.name: row._mapping[field.name] for field in fields(kind)})


def read_calendar(connection: sa.Connection, *, version: str) -> WorkCalendar:
    """The working calendar 工作日历 as the office keeps it."""
    days = connection.execute(
        sa.select(calendar_days.c.day, calendar_days.c.working, calendar_days.c.note)
    ).all()
    years = connection.execute(sa.select(calendar_years.c.year).where(calendar_years.c.confirmed))
    hours = settings.get(connection, [f"hours_{name}" for name in HOURS])
    return WorkCalendar(
        holidays=frozenset(row.day for row in days if not row.working),
        makeup=frozenset(row.day for row in days if row.working),
        confirmed_years=frozenset(years.scalars()),
        version=version,
        notes={row.day: row.note for row in days},
        **{name: hours[f"hours_{name}"] for name in HOURS if f"hours_{name}" in hours},
    )

"""Tables → directory and calendar: the immutable pictures the engine decides with."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engine.calendar import WorkCalendar
from engine.directory import Directory, Person, Post, Responsibility, Unit
from engine.store import settings
from engine.store.tables import calendar_days, calendar_years, people, posts, responsibilities, units

HOURS = ("opens", "closes", "send_from", "send_until")
"""Office hours and sending hours, kept in the settings table as `hours_<name>`."""


def read_directory(connection: sa.Connection) -> Directory:
    """The directory in the order things were entered."""
    order: Any = sa.text("rowid") if connection.dialect.name == "sqlite" else None
    return Directory(
        units={
            row.id: Unit(
                id=row.id,
                name=row.name,
                kind=row.kind,
                parent=row.parent,
                code=row.code,
                region=row.region,
                sector=row.sector,
                phone=row.phone,
                active=row.active,
            )
            for row in connection.execute(sa.select(units).order_by(order))
        },
        people={
            row.id: Person(
                id=row.id,
                account=row.account,
                name=row.name,
                phone=row.phone,
                active=row.active,
                title=row.title,
            )
            for row in connection.execute(sa.select(people).order_by(order))
        },
        posts=tuple(
            Post(row.person, row.unit, row.role)
            for row in connection.execute(sa.select(posts).order_by(posts.c.position, order))
        ),
        responsibilities=tuple(
            Responsibility(row.sector, row.region, row.role, row.unit, row.source)
            for row in connection.execute(sa.select(responsibilities).order_by(responsibilities.c.id))
        ),
    )


def read_calendar(connection: sa.Connection, *, version: str) -> WorkCalendar:
    """The working calendar 工作日历 as the office keeps it."""
    days = connection.execute(sa.select(calendar_days.c.day, calendar_days.c.working)).all()
    years = connection.execute(sa.select(calendar_years.c.year).where(calendar_years.c.confirmed))
    hours = settings.get(connection, [f"hours_{name}" for name in HOURS])
    return WorkCalendar(
        holidays=frozenset(row.day for row in days if not row.working),
        makeup=frozenset(row.day for row in days if row.working),
        confirmed_years=frozenset(years.scalars()),
        version=version,
        **{name: hours[f"hours_{name}"] for name in HOURS if f"hours_{name}" in hours},
    )

"""After the directory has changed 岗位核对: what lies at a post that was lost or won is looked at, case by case.

A person leaves, a unit is retired, an absence begins or ends with the day: claims of who is no longer in the post go back to
it, and what nobody can take any more is an incident until somebody can (`handlers.posts`). The worker does it, some cases a
step, so that deadlines are passed between. It may die anywhere, and any number may do it at once.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from engine.assignment import candidates
from engine.commands import ENGINE, CheckPosts
from engine.definitions.model import Package
from engine.directory import Directory
from engine.handlers.posts import is_due
from engine.handlers.setting import Setting
from engine.handlers.settle import NO_ONE
from engine.handlers.work import Work
from engine.runtime import again
from engine.runtime.engine import Engine
from engine.store import settings
from engine.store.tables import cases, incidents, open_incident, open_item, work_items

log = logging.getLogger(__name__)

CHECKED = "posts_checked"
"""Key in the settings table: `posts_as_of` of the directory that every open case was held against."""

AGAIN = timedelta(seconds=3)
"""A command may have been decided by the directory before and be written after the first look: so long later one looks again."""

AT_ONCE = 100
"""Cases looked at in one step."""

TOGETHER = 200
"""Posts asked for in one query."""


class PostsCheck:
    """One worker's part of it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._checked = ""  # `posts_as_of` of the directory that needs no further look
        self._looking = ""  # that of the directory that is looked at
        self._first: datetime | None = None  # when the first look at it began, by the engine's clock
        self._last = False  # the present look began late enough to be the last one
        self._waiting: list[str] | None = None  # cases of the present look; None between two looks

    def step(self) -> int:
        """Look at some cases, if the directory has changed. Returns how many were changed by it."""
        wanted = self.engine.posts_as_of()
        if wanted == self._checked:
            return 0
        if wanted != self._looking:
            self._looking, self._first, self._waiting = wanted, None, None
            with self.engine.read() as connection:
                if settings.get(connection, [CHECKED]).get(CHECKED) == wanted:
                    self._checked = wanted
                    return 0
        if self._waiting is None:
            now = self.engine.clock.now()
            self._last = self._first is not None and now - self._first >= AGAIN
            if self._first is not None and not self._last:
                return 0
            self._first = self._first or now
            self._waiting = touched(self.engine)
        some, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
        done = sum(check(self.engine, case) for case in some)
        if not self._waiting:
            self._waiting = None
            if self._last:
                with self.engine.database.write() as connection:
                    settings.put(connection, CHECKED, wanted)
                self._checked = wanted
        return done


def check(engine: Engine, case: str) -> bool:
    """Hold one case against the directory. Whether that changed anything."""
    try:
        setting = Setting(
            engine.package_of(case), engine.directory(), engine.moment(), ENGINE, case, _no_number
        )
        if not is_due(Work(engine.load(case), setting)):
            return False
        return bool(engine.execute(CheckPosts(case), ENGINE).facts)
    except Exception as error:
        if again.passes_by(error) or again.no_room(error):
            raise
        log.exception("case %s: its items cannot be held against the directory", case)
        return False


def touched(engine: Engine) -> list[str]:
    """Cases with an open item at a post nobody is in, or in the hands of somebody who is not, or that nobody could take."""
    i, n = work_items.c, incidents.c
    directory = engine.directory()
    with engine.read() as connection:
        held = connection.execute(
            sa.select(i.unit, i.role, i.person).where(open_item, i.unit != "").distinct()
        )
        empty, left = lost(held.all(), directory)
        found = set(
            connection.execute(sa.select(n.case).where(open_incident, n.code == NO_ONE).distinct()).scalars()
        )
        for columns, posts in (((i.unit, i.role), empty), ((i.unit, i.role, i.person), left)):
            for at in range(0, len(posts), TOGETHER):
                there = sa.tuple_(*columns).in_(posts[at : at + TOGETHER])
                asked = sa.select(i.case).where(open_item, there).distinct()
                found.update(connection.execute(asked).scalars())
        going_on = sa.select(cases.c.package).where(cases.c.ended_at.is_(None)).distinct()
        for hash_ in connection.execute(going_on).scalars().all():
            found |= kept_apart(connection, engine.package(hash_), directory)
    return sorted(found)


def kept_apart(connection: sa.Connection, package: Package, directory: Directory) -> set[str]:
    """Cases of a package with an open item that all who are left have done what is separate from it 不相容岗位分离. Somebody may
    be in the post, so this is asked of each such item; one query for all, the rows of a case beside each other."""
    drawn = {
        element.id: element
        for process in package.processes.values()
        for element in process.elements.values()
        if element.names("separateFrom")
    }
    if not drawn:
        return set()
    i, done = work_items.c, work_items.alias("done").c
    asked = (
        sa.select(i.case, i.item, i.element, i.name, i.unit, i.role, i.person, i.behalf)
        .add_columns(
            sa.literal("").label("assignee"),
            done.element.label("step"),
            done.closed_by,
            done.behalf.label("closed_for"),
        )
        .join_from(work_items, cases, cases.c.id == i.case)
        .join(done.case.table, sa.and_(done.case == i.case, done.state == "finished", done.closed_by != ""))
        .where(open_item, i.unit != "", cases.c.package == package.hash, i.element.in_(sorted(drawn)))
        .where(
            done.element.in_(sorted({step for one in drawn.values() for step in one.names("separateFrom")}))
        )
        .order_by(i.case, i.item)
    )
    found: set[str] = set()
    for (case, _), rows in groupby(connection.execute(asked), lambda r: (r.case, r.item)):
        performers: dict[str, list[str]] = {}
        for row in rows:
            performers.setdefault(row.step, []).extend(p for p in (row.closed_by, row.closed_for) if p)
        able = candidates(row, performers, drawn[row.element], package.titles, directory)
        if not any(directory.absence_of(p, row.role, row.unit) is None for p in able):
            found.add(case)
    return found


def lost(held: Any, directory: Directory) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """Of rows (unit, role, person) of open items: posts in which nobody is, or only who is away, and claims of people who are
    not in the post."""
    empty = {
        (r.unit, r.role)
        for r in held
        if all(directory.absence_of(p, r.role, r.unit) for p in directory.holders(r.unit, r.role))
    }
    left = {
        (r.unit, r.role, r.person)
        for r in held
        if r.person and r.role and r.person not in directory.holders(r.unit, r.role)
    }
    return sorted(empty), sorted(left)


def _no_number(series: str, year: int) -> int:
    raise RuntimeError("nothing is numbered by looking")

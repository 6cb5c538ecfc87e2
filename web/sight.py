"""Which cases a person may see 可见范围, as SQL for lists and as a check for one case.

The rule is `engine.handlers.visibility`; what this says of rows is never wider than that. A case a person may not
see is answered as not found, so that its existence does not leak.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from engine.directory import ANY, Directory
from engine.errors import NotFound
from engine.handlers.visibility import may_see, sees_all
from engine.store import tables as t
from web import copies, discretion
from web.context import the_directory
from web.identity import Who
from web.look import look


def visible(who: Who) -> sa.ColumnElement[bool]:
    """The condition on `cases` rows under which `who` sees them: for one case, or for rows found in another order. A list
    of cases is merged from `strands`."""
    if sees_all(who.actor, the_directory()):
        return sa.true()
    own = t.work_items.c.case == t.cases.c.id
    held = sa.exists().where(own, sa.or_(*_by_items(who))).correlate(t.cases)
    copied = sa.exists().where(t.copies.c.case == t.cases.c.id, sa.or_(*copies.ways(who))).correlate(t.cases)
    return sa.or_(held, copied, *_by_cases(who))


def among(who: Who) -> sa.ColumnElement[bool]:
    """As `visible`, for lists in which few rows are one's own: the ids of all cases one sees are gathered once. They are told apart
    there: of a union that may repeat itself PostgreSQL believes that it holds 200 different ids, and looks for each of a hundred thousand."""
    if sees_all(who.actor, the_directory()):
        return sa.true()
    cases, items = t.cases, t.work_items
    seen = [sa.select(cases.c.id).where(way) for way in _by_cases(who)]
    seen += [sa.select(items.c.case).where(way) for way in _by_items(who)]
    seen += [sa.select(t.copies.c.case).where(way) for way in copies.ways(who)]
    return cases.c.id.in_(sa.union(*seen))


def strands(
    who: Who,
    narrowed: Sequence[sa.ColumnElement[bool]],
    beyond: Callable[..., Sequence[sa.ColumnElement[bool]]],
) -> list[sa.Select[Any]]:
    """Selections of (began, id) whose union is what `who` sees of the `narrowed` cases, each read from an index in the order
    of its two columns. `beyond(began, id)` gives further conditions on them, as a page's beginning does."""
    cases, items = t.cases, t.work_items
    of_cases = sa.select(cases.c.started_at.label("began"), cases.c.id.label("id"))
    of_cases = of_cases.where(*narrowed, *beyond(cases.c.started_at, cases.c.id))
    if sees_all(who.actor, the_directory()):
        return [of_cases]
    of_items = sa.select(items.c.began.label("began"), items.c.case.label("id"))
    of_items = of_items.where(*beyond(items.c.began, items.c.case))
    if narrowed:
        of_items = of_items.join(cases, cases.c.id == items.c.case).where(*narrowed)
    of_copies = sa.select(t.copies.c.began.label("began"), t.copies.c.case.label("id"))
    of_copies = of_copies.where(*beyond(t.copies.c.began, t.copies.c.case))
    if narrowed:
        of_copies = of_copies.join(cases, cases.c.id == t.copies.c.case).where(*narrowed)
    found = [of_cases.where(way) for way in _by_cases(who)]
    found += [of_items.where(way).distinct() for way in _by_items(who)]
    return found + [of_copies.where(way).distinct() for way in copies.ways(who)]


def _by_items(who: Who) -> list[sa.ColumnElement[bool]]:
    """Conditions on work items: one's units hold or held it, or oneself does or did it for another."""
    items = t.work_items
    elsewhere = items.c.unit.not_in(who.units)
    ways = [items.c.unit == unit for unit in who.units]
    ways.append(sa.and_(items.c.person == who.person, t.with_somebody, elsewhere))
    ways.append(sa.and_(items.c.closed_by == who.person, t.closed_by_somebody, elsewhere))
    return ways


def _by_cases(who: Who) -> list[sa.ColumnElement[bool]]:
    """Conditions on cases: who began it and the unit it was begun for, the enterprise, the place, the industry."""
    cases = t.cases
    ways: list[sa.ColumnElement[bool]] = [
        column == unit
        for unit in who.units
        for column in (cases.c.started_unit, cases.c.party, cases.c.region)
    ]
    ways.append(cases.c.started_by == who.person)
    return ways + _responsible(who, the_directory())


def _responsible(who: Who, directory: Directory) -> list[sa.ColumnElement[bool]]:
    """Industry × place pairs for which one of the person's units is the responsible one 职责库."""
    sectors = sorted({r.sector for r in directory.responsibilities if r.sector != ANY})
    regions = sorted({r.region for r in directory.responsibilities if r.region != ANY})
    other = "\x01"  # stands for every industry or place the table does not name
    found: list[sa.ColumnElement[bool]] = []
    for role, unit in who.posts:
        if not any(r.role == role and r.unit == unit for r in directory.responsibilities):
            continue
        for sector in (*sectors, other):
            theirs = [
                r for r in (*regions, other) if (directory.responsible(role, sector, r) or ("",))[0] == unit
            ]
            if not theirs:
                continue
            of_sector = t.cases.c.sector.not_in(sectors) if sector == other else t.cases.c.sector == sector
            if len(theirs) == len(regions) + 1:
                found.append(of_sector)
                continue
            named = [r for r in theirs if r != other]
            place: sa.ColumnElement[bool] = t.cases.c.region.in_(named)
            if other in theirs:
                place = sa.or_(place, t.cases.c.region.not_in(regions))
            found.append(sa.and_(of_sector, place))
    return found


def case_row(c: sa.Connection, who: Who, case: str) -> sa.Row[tuple[object, ...]]:
    """The case's row; `NotFound` when there is none or `who` may not see it."""
    row = c.execute(_case, {"b_case": case}).first()
    if row is None:
        raise NotFound
    if not _sees(c, who, row):
        work = look(case, who.actor)
        if not may_see(who.actor, work.view, work.directory):
            raise NotFound
    if row.archive is not None:
        raise NotFound("这个案件办结多年，已经封存到存档文件。需要查阅的，请联系系统管理员调取。")
    return row


def _sees(c: sa.Connection, who: Who, row: Any) -> bool:
    """`visible`, for one row that is read: the ways that are asked most first, and none of them built anew but the last."""
    if sees_all(who.actor, the_directory()) or row.started_by == who.person:
        return True
    if not {row.started_unit, row.party, row.region}.isdisjoint(who.units):
        return True
    held = {"b_case": row.id, "b_person": who.person, "b_units": list(who.units)}
    if c.execute(_held, held).first() is not None:
        return True
    copied = sa.select(t.copies.c.copy).where(t.copies.c.case == row.id, sa.or_(*copies.ways(who)))
    if c.execute(copied.limit(1)).first() is not None:
        return True
    ways = _responsible(who, the_directory())
    asked = sa.select(t.cases.c.id).where(t.cases.c.id == row.id, sa.or_(sa.false(), *ways))
    return bool(ways) and c.execute(asked).first() is not None


_person = sa.bindparam("b_person", type_=sa.String())
_held = (
    sa.select(t.work_items.c.item)
    .where(
        t.work_items.c.case == sa.bindparam("b_case"),
        sa.or_(
            t.work_items.c.unit.in_(sa.bindparam("b_units", expanding=True)),
            t.work_items.c.person == _person,
            t.work_items.c.closed_by == _person,
        ),
    )
    .limit(1)
)
_case = (
    sa.select(t.cases, t.archived.c.archive)
    .join_from(t.cases, t.archived, t.archived.c.case == t.cases.c.id, isouter=True)
    .where(t.cases.c.id == sa.bindparam("b_case"))
)


def item_row(c: sa.Connection, who: Who, case: str, item: int) -> sa.Row[tuple[object, ...]]:
    """A work item of a case that `who` may see."""
    found = c.execute(_item, {"b_case": case, "b_item": item}).first() if 0 <= item < 2**31 else None
    if found is None or found.unit not in who.units:  # whose unit holds an item sees its case
        case_row(c, who, case)
    if found is None or discretion.of(who).hides_item(found):
        raise NotFound
    return found


_item = sa.select(t.work_items).where(
    t.work_items.c.case == sa.bindparam("b_case"), t.work_items.c.item == sa.bindparam("b_item")
)


def _with_files(c: sa.Connection, who: Who, case: str) -> None:
    """`NotFound` where `who` sees neither the case nor one that goes on for it."""
    try:
        case_row(c, who, case)
    except NotFound:
        into = t.joined_cases.c.case == t.cases.c.id
        further = sa.select(t.cases).join(t.joined_cases, into).where(t.joined_cases.c.other == case)
        if not any(_sees(c, who, row) for row in c.execute(further)):
            raise
        origin = c.execute(sa.select(t.cases.c.origin).where(t.cases.c.id == case)).scalar_one()
        if discretion.of(who).hides_joined(origin):
            raise


def file_row(c: sa.Connection, who: Who, file: str) -> sa.Row[tuple[object, ...]]:
    """An uploaded file: of a case that `who` may see, or not attached yet and one's own."""
    row = c.execute(sa.select(t.files).where(t.files.c.id == file)).first()
    if row is None:
        raise NotFound
    if row.case:
        _with_files(c, who, row.case)
        step = c.execute(
            sa.select(t.work_items.c.unit, t.work_items.c.role, t.work_items.c.name).where(
                t.work_items.c.case == row.case, t.work_items.c.item == row.item
            )
        ).first()
        unit, role, name = (step.unit, step.role, step.name) if step is not None else ("", "", "")
        if not discretion.of(who).file(row.uploaded_by, unit, role, name):
            raise NotFound
    elif row.uploaded_by != who.person:
        raise NotFound
    return row

"""Lists of a unit as they were issued 出具的清单: number, day, and every line as it stood; what was struck off since is marked, and a
reprint has the same numbers.

That a list was issued is a fact of the office's own chain, with the cases in their order. It is opened by who sees every case, by the
unit that issued it and by the unit it is about; each reads the lines of cases that he or she may see.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from engine.calendar import Moment
from engine.clock import SHANGHAI
from engine.definitions.model import Package
from engine.errors import InputInvalid, NotAllowed, NotFound
from engine.handlers.visibility import sees_all
from engine.runtime.engine import Engine
from engine.store import tables as t
from web import discretion, present
from web.context import the_directory, the_moment, the_packages
from web.identity import Who
from web.register import light, lists, queries
from web.register.lists import MOST_LISTED, UnitList
from web.sight import visible

MOST_SHOWN = 50
"""Issued lists that are told together, the newest."""

_l, _n = t.issued_lists, t.issued_lines


def issue(engine: Engine, who: Who, unit: str, days: tuple[date, date], id: str | None = None) -> str:
    """Keep the unit's list of today as `lists.of` gives it, under the unit's next number of the year. Returns its id; asked again under
    the same `id` it does nothing more. Raises `NotAllowed` for enterprises, `InputInvalid` for a list with nothing on it or too much."""
    if not may_issue(who):
        raise NotAllowed("清单由安委办、督办部门或属地出具；企业可以查看、打印出具给本单位的清单。")
    id = id or secrets.token_urlsafe(16)
    with engine.desk(who.actor) as desk:
        c = desk.connection
        if c.execute(sa.select(_l.c.id).where(_l.c.id == id)).first() is not None:
            return id
        made = lists.of(c, who, unit, days, the_moment(c), the_packages(c))
        if not made.rows:
            raise InputInvalid("清单上没有隐患，不必出具。请改一改日期或单位。")
        if made.more:
            raise InputInvalid(f"清单超过 {MOST_LISTED} 件，请按企业或属地分别出具。")
        year = desk.now.astimezone(SHANGHAI).year
        last = sa.select(sa.func.max(_l.c.number)).where(_l.c.unit == made.unit, _l.c.year == year)
        number = (c.execute(last).scalar() or 0) + 1
        row = {
            "id": id, "unit": made.unit, "name": made.name, "kind": made.kind, "year": year, "number": number,
            "since": made.since, "until": made.until, "at": desk.now, "person": who.person, "person_name": who.name,
            "person_unit": who.unit,
        }  # fmt: skip
        c.execute(sa.insert(_l), [row])
        c.execute(sa.insert(_n), [_line(id, line) for line in made.rows])
        said = {"title": f"{made.name}{_number(year, number)}，{len(made.rows)} 件", "unit": made.unit}
        said |= {"since": made.since.isoformat(), "until": made.until.isoformat()}
        desk.note("ListIssued", id, {**said, "cases": [line["id"] for line in made.rows]})
    return id


def may_issue(who: Who) -> bool:
    """Whether the person is of the office, a department or a town, not of enterprises alone."""
    return discretion.of(who).inner


def _line(id: str, line: dict[str, Any]) -> dict[str, Any]:
    return {
        "list": id, "position": line["list_number"], "case": line["id"], "number": line["number"], "title": line["title"],
        "party": present.unit_name(line["party"]), "region": line["region"], "deadline": line["deadline"],
        "light": line["light"], "status": line["status"] or present.CASE_STATES[line["state"]], "rung": line["rung_name"],
        "supervisor": present.unit_name(line["supervisor"]), "struck": line["struck"],
    }  # fmt: skip


def _number(year: int, number: int) -> str:
    return f"〔{year}〕第{number}号"


def shown(c: sa.Connection, who: Who, unit: str = "") -> list[dict[str, Any]]:
    """The newest lists that `who` may open, of one unit or of all: `id`, `name`, `number`, `until`, `at`, `by`, `lines`."""
    lines = sa.select(sa.func.count()).where(_n.c.list == _l.c.id).scalar_subquery().label("lines")
    asked = sa.select(_l, lines).where(_may_open(who)).order_by(_l.c.at.desc(), _l.c.id).limit(MOST_SHOWN)
    if unit:
        asked = asked.where(_l.c.unit == unit)
    return [
        {
            "id": row.id, "unit": row.unit, "name": row.name, "number": _number(row.year, row.number),
            "until": row.until, "at": row.at, "by": _by(row), "lines": row.lines,
        }
        for row in c.execute(asked)
    ]  # fmt: skip


def _by(row: Any) -> str:
    return f"{present.unit_name(row.person_unit)} {row.person_name}".strip()


def _may_open(who: Who) -> sa.ColumnElement[bool]:
    if sees_all(who.actor, the_directory()):
        return sa.true()
    return sa.or_(_l.c.unit.in_(who.units), _l.c.person_unit.in_(who.units), _l.c.person == who.person)


def of(c: sa.Connection, who: Who, id: str, moment: Moment, packages: Sequence[Package]) -> UnitList:
    """A list as it was issued, with what has left it since. Raises `NotFound`."""
    row = c.execute(sa.select(_l).where(_l.c.id == id, _may_open(who))).first()
    if row is None:
        raise NotFound("没有这份清单，或者它不是出具给您的单位的。")
    lines = c.execute(sa.select(_n).where(_n.c.list == id).order_by(_n.c.position)).all()
    asked = sa.select(t.cases).where(t.cases.c.id.in_([line.case for line in lines]), visible(who))
    cases = {case.id: queries.as_row(case) for case in c.execute(asked)}
    closed = [case for case in cases.values() if case["closed_on"] is not None]
    closers = lists.closers_of(c, closed, packages)
    rows = [
        {
            **line._mapping,
            "id": line.case, "list_number": line.position, "light_name": light.LIGHTS[line.light][:1] if line.light else "",
            "rung_name": line.rung, "left": None,
            "later": "" if line.struck else lists.struck(cases[line.case], closers.get(line.case, "")),
        }
        for line in lines
        if line.case in cases
    ]  # fmt: skip
    return UnitList(
        row.unit, row.name, row.kind, row.since, row.until, rows, number=_number(row.year, row.number), id=row.id,
        at=row.at, by=_by(row), hidden=len(lines) - len(rows),
    )  # fmt: skip

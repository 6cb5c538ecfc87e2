"""A unit's numbered list 照单销号: the hazards it has open, and those struck off in the period shown, with the day and by whom.

The numbers follow the order in which the cases began (of an imported ledger, the cases' own numbers). They are those of the day the
list is looked at; a list that was issued keeps its own (`issued`). Whose a case is, is said by the
register: an enterprise's own, a town's by the place, a department's where it supervises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any

import orjson
import sqlalchemy as sa

from engine.calendar import Moment
from engine.definitions.model import Package
from engine.directory import ENTERPRISE, Unit
from engine.errors import InputInvalid, NotFound
from engine.handlers.visibility import sees_all
from engine.store import tables as t
from engine.store.projection import by_number
from web import discretion, present
from web.cells import Head, Line
from web.context import the_directory
from web.identity import Who
from web.register import lines, queries

MOST_LISTED = 1000
"""Cases of one list; it is meant for paper."""

ROOT_SCOPE = 1

_k = t.cases


@dataclass(frozen=True, slots=True)
class UnitList:
    """The list of a unit for a day. `rows` are lines of the register with `list_number`, `struck` (how it left the list, ""
    while it is open) and, of an issued one, `later` (how it left since); `more` when there are more than `MOST_LISTED`."""

    unit: str
    name: str
    kind: str
    since: date
    until: date
    rows: list[dict[str, Any]]
    more: bool = False
    number: str = ""
    """Of a list that was issued; then also its id, when, and by whom. `hidden`: lines its reader may not see."""
    id: str = ""
    at: datetime | None = None
    by: str = ""
    hidden: int = 0

    @property
    def open(self) -> int:
        return sum(1 for row in self.rows if not row["struck"] and not row["later"])


def choices(who: Who) -> list[Unit]:
    """Units whose lists somebody may want: enterprises, towns and departments; one's own first. Who does not see every case is
    offered the towns, the departments and one's own."""
    units = [u for u in the_directory().units.values() if u.active and u.kind in _OWNERS]
    if not sees_all(who.actor, the_directory()):
        units = [u for u in units if u.kind != ENTERPRISE or u.id in who.units]
    return sorted(units, key=lambda u: (u.id not in who.units, _OWNERS[u.kind], u.name))


_OWNERS = {"督办部门": 0, queries.TOWN: 1, ENTERPRISE: 2}


def days_of(since: date | None, until: date | None, moment: Moment) -> tuple[date, date]:
    """First day and day of a list; without them the current month until today. Raises `InputInvalid`."""
    until = until or moment.today
    since = since or until.replace(day=1)
    if since > until:
        raise InputInvalid("起始日期不能晚于清单日期。", field="since")
    return since, until


def of(
    c: sa.Connection,
    who: Who,
    unit: str,
    days: tuple[date, date],
    moment: Moment,
    packages: Sequence[Package],
) -> UnitList:
    """The list of a unit, of the cases that `who` may see. Raises `NotFound` for a unit there is not, `InputInvalid` for one
    that owns no hazards."""
    directory = the_directory()
    found = directory.units.get(unit) or next((u for u in directory.units.values() if u.name == unit), None)
    if found is None:
        raise NotFound("通讯录中没有这个单位，请从列表中选择。")
    if found.kind not in _OWNERS:
        raise InputInvalid("清单按企业、属地或督办部门出具，请选择这样的单位。", field="unit")
    since, until = days
    rows = _rows(c, who, found, since, until)
    reader = discretion.of(who)
    closers = closers_of(c, [r for r in rows if r["closed_on"] is not None], packages)
    shown = lines.lines(map(reader.case, rows[:MOST_LISTED]), packages, moment)
    for number, row in enumerate(shown, 1):
        row |= {"list_number": number, "struck": struck(row, closers.get(row["id"], "")), "later": ""}
    return UnitList(found.id, found.name, found.kind, since, until, shown, len(rows) > MOST_LISTED)


def _rows(c: sa.Connection, who: Who, unit: Unit, since: date, until: date) -> list[dict[str, Any]]:
    column = {ENTERPRISE: _k.c.party, queries.TOWN: _k.c.region}.get(unit.kind, _k.c.supervisor)
    first, end = present.start_of_day(since), present.end_of_day(until)
    where = [
        column == unit.id,
        _k.c.started_at < end,
        sa.or_(_k.c.closed_on.is_(None), _k.c.closed_on >= since),
        sa.or_(_k.c.closed_on.is_not(None), _k.c.ended_at.is_(None), _k.c.ended_at >= first),
    ]
    keys = queries.merged(who, where)
    statement = sa.select(_k).join(keys, keys.c.id == _k.c.id).order_by(_k.c.started_at, _k.c.id)
    rows = [queries.as_row(r) for r in c.execute(statement, {"b_count": MOST_LISTED + 1})]
    return sorted(rows, key=lambda r: (r["started_at"], by_number(r["number"]), r["id"]))


def struck(row: Mapping[str, Any], closer: str) -> str:
    """How a case left the list; "" while it is on it."""
    if row["closed_on"] is not None:
        by = "补录" if row["imported"] and not closer else closer
        return f"{row['closed_on'].isoformat()} 销号" + (f"，{by}" if by else "")
    if row["state"] in ("cancelled", "merged"):
        return f"{present.day(row['ended_at'])} {'作废' if row['state'] == 'cancelled' else '并案'}"
    if row["state"] == "completed":
        return f"{present.day(row['ended_at'])} {row['end'] or '办结'}"
    return ""


def closers_of(
    c: sa.Connection, rows: Sequence[Mapping[str, Any]], packages: Sequence[Package]
) -> dict[str, str]:
    """Who struck the cases off: the person whose step last gave the day of closing, by the ledger."""
    variables = {p.key: str(p.register.get("closed", "")) for p in packages}
    wanted = {row["id"]: variables.get(row["package_key"], "") for row in rows}
    facts, found = t.facts, dict[str, str]()
    if not wanted:
        return found
    statement = (
        sa.select(facts.c.case, facts.c.person, facts.c.person_name, facts.c.unit, facts.c.data)
        .where(facts.c.case.in_(list(wanted)), facts.c.kind == "VariablesSet", facts.c.person != "")
        .order_by(facts.c.case, facts.c.seq)
    )
    for fact in c.execute(statement):
        said = orjson.loads(fact.data)
        if said.get("scope") == ROOT_SCOPE and said["values"].get(wanted[fact.case]) is not None:
            found[fact.case] = f"{present.unit_name(fact.unit)} {fact.person_name}".strip()
    return found


def write(out: IO[bytes], made: UnitList, who: Who) -> None:
    """The list as a workbook, A4 landscape, with lines to sign on."""
    from web.sheet import write as write_sheet  # needs a large library, which only workbooks need

    heads = [
        Head("序号", width=6, kind="number"), Head("案件编号", width=22), Head("企业", width=22), Head("属地", width=12),
        Head("隐患", width=36), Head("整改期限", width=12, kind="date"), Head("灯", width=6), Head("当前状态", width=12),
        Head("督办部门", width=14), Head("销号情况", width=24), Head("备注", width=12),
    ]  # fmt: skip
    by = made.by or f"{present.unit_name(who.unit)} {who.name}"
    note = (
        (f"编号：{made.number}　　" if made.number else "")
        + f"清单日期：{made.until.isoformat()}　　销号统计自：{made.since.isoformat()}　　未销号 {made.open} 件，"
        f"已销号或移出 {len(made.rows) - made.open} 件　　出具人：{by}"
    )
    body = [
        Line(
            [
                r["list_number"], r["number"], present.unit_name(r["party"]), r["region"], r["title"], r["deadline"],
                r["light_name"] if r["light"] else "", r["status"], present.unit_name(r["supervisor"]),
                r["struck"] or r["later"], "出具后" if r["later"] else "",
            ],
            struck=bool(r["struck"] or r["later"]),
        )
        for r in made.rows
    ]  # fmt: skip
    signed = [
        "单位负责人（签字）：",
        None,
        None,
        None,
        "填表人：",
        None,
        None,
        None,
        "安委办审核：",
        None,
        "日期：",
    ]
    write_sheet(
        out, f"{made.name}隐患整改销号清单", note, heads, [*body, Line(signed, plain=True)], paper="A4"
    )

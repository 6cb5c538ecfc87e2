"""What is stuck 监控: late, not moved, halted, or in nobody's hands; with who holds it, since when, why, and what is next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.errors import CalendarUnknown
from engine.store import settings as stored
from engine.store import tables as t
from web import discretion, present
from web.context import the_engine
from web.discretion import Discretion
from web.identity import Who
from web.sight import visible

REASONS = {"incident": "异常", "nobody": "无人可办", "overdue": "超期", "stalled": "久未推进"}
SETTING = "stalled_days"
DEFAULT_DAYS = 5
"""Working days without movement after which a case counts as stuck (领域说明 7, no. 2); edited in the settings."""


def stalled_days(c: sa.Connection) -> int:
    """How many working days without movement make a case stuck, as the office has set it."""
    raw = stored.get(c, [SETTING]).get(SETTING, "")
    return int(raw) if raw.isdigit() and 0 < int(raw) < 1000 else DEFAULT_DAYS


def stuck(
    c: sa.Connection, who: Who, *, reason: str = "", days: int | None = None, limit: int = 500
) -> list[dict[str, Any]]:
    """Stuck cases that `who` may see, the most serious reason first, longest first within it.

    A case may be stuck for several reasons; `reasons` says all, each with since when and why.
    """
    engine = the_engine()
    now, calendar = engine.moment().now, engine.calendar()
    found: dict[str, list[dict[str, Any]]] = {}
    seen, reader = visible(who), discretion.of(who)

    def add(case: str, kind: str, since: datetime | None, why: str, **more: Any) -> None:
        found.setdefault(case, []).append(
            {"kind": kind, "title": REASONS[kind], "since": since, "why": why, **more}
        )

    n, i, k = t.incidents, t.work_items, t.cases
    halted = (
        sa.select(n, k.c.package)
        .join(k, k.c.id == n.c.case)
        .where(n.c.resolved_at.is_(None), k.c.state.in_(("open", "suspended")), seen)
    )
    for r in c.execute(halted.order_by(n.c.raised_at).limit(limit)):
        told = reader.incidents([dict(r._mapping)], engine.package(r.package))
        if not told:
            continue
        kind = "nobody" if r.code == "no_one_to_do_it" else "incident"
        add(
            r.case, kind, r.raised_at, told[0]["message"], incident=r.incident, element=r.element, code=r.code
        )
    directory = engine.directory()
    posts = sa.select(i.c.unit, i.c.role).where(i.c.state == "open", i.c.person == "").distinct()
    empty = [
        (r.unit, r.role) for r in c.execute(posts) if not r.unit or not directory.members(r.unit, r.role)
    ]
    if empty:
        places = sa.or_(*(sa.and_(i.c.unit == u, i.c.role == r) for u, r in empty))
        statement = (
            sa.select(i)
            .join(k, k.c.id == i.c.case)
            .where(
                i.c.state == "open", i.c.person == "", k.c.state == "open", places, seen, reader.shown_items()
            )
        )
        for r in c.execute(statement.order_by(i.c.offered_at).limit(limit)):
            if not any(x["kind"] == "nobody" for x in found.get(r.case, ())):
                where = f"{r.unit}没有在岗人员" if r.unit else "没有找到办理单位"
                add(
                    r.case,
                    "nobody",
                    r.offered_at,
                    f"“{r.name}”{where}。请在“管理”中设岗，或转办。",
                    item=r.item,
                )
    claims = sa.select(i.c.unit, i.c.role, i.c.person).where(i.c.state == "open", i.c.person != "").distinct()
    left = [
        (r.unit, r.role, r.person)
        for r in c.execute(claims)
        if r.role and r.person not in directory.members(r.unit, r.role)
    ]
    if left:
        held = sa.or_(*(sa.and_(i.c.unit == u, i.c.role == r, i.c.person == p) for u, r, p in left))
        statement = (
            sa.select(i)
            .join(k, k.c.id == i.c.case)
            .where(i.c.state == "open", k.c.state == "open", held, seen, reader.shown_items())
        )
        for r in c.execute(statement.order_by(i.c.offered_at).limit(limit)):
            why = f"“{r.name}”由{directory.name_of(r.person)}签收，但已不在{r.unit}的这个岗位上。请安委办退签或转办。"
            add(r.case, "nobody", r.claimed_at or r.offered_at, why, item=r.item)
    late = (
        sa.select(i)
        .join(k, k.c.id == i.c.case)
        .where(i.c.state == "open", i.c.due < now, k.c.state == "open", seen, reader.shown_items())
    )
    for r in c.execute(late.order_by(i.c.due).limit(limit)):
        holder = directory.name_of(r.person) if r.person else "尚未签收"
        add(
            r.case,
            "overdue",
            r.due,
            f"“{r.name}”{present.left(r.due, now, calendar).text}，{r.unit or '无单位'}（{holder}）。",
            item=r.item,
        )
    days = stalled_days(c) if days is None else days
    try:
        mark = calendar.workdays(now, -days)
    except CalendarUnknown:
        mark = None
    if mark is not None:
        still = sa.select(k.c.id, k.c.moved_at).where(k.c.state == "open", k.c.moved_at < mark, seen)
        for r in c.execute(still.order_by(k.c.moved_at).limit(limit)):
            add(r.id, "stalled", r.moved_at, f"已有{present.held_for(r.moved_at, now, calendar)}没有人推进。")
    rows = _with_cases(c, found, reader)
    if reason:
        rows = [r for r in rows if any(x["kind"] == reason for x in r["reasons"])]
    order = {kind: n for n, kind in enumerate(REASONS)}
    rows.sort(key=lambda r: (order[r["reasons"][0]["kind"]], r["reasons"][0]["since"] or now, r["id"]))
    return rows[:limit]


def _with_cases(
    c: sa.Connection, found: dict[str, list[dict[str, Any]]], reader: Discretion
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for ids in _chunks(list(found), 500):
        holders = _holders(c, ids, reader)
        nexts = _next_deadlines(c, ids, reader)
        for r in c.execute(sa.select(t.cases).where(t.cases.c.id.in_(ids))):
            rows.append(
                {
                    "id": r.id,
                    "number": r.number,
                    "title": r.title,
                    "status": r.status,
                    "region": r.region,
                    "sector": r.sector,
                    "party": r.party,
                    "package": r.package,
                    "moved_at": r.moved_at,
                    "reasons": found[r.id],
                    "holders": holders.get(r.id, []),
                    "next": _named(nexts.get(r.id), r.package),
                }  # fmt: skip
            )
    return rows


def _holders(c: sa.Connection, ids: list[str], reader: Discretion) -> dict[str, list[dict[str, Any]]]:
    i = t.work_items
    statement = sa.select(
        i.c.case, i.c.item, i.c.name, i.c.unit, i.c.person, i.c.offered_at, i.c.due, i.c.basis
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for r in c.execute(
        statement.where(i.c.state == "open", i.c.case.in_(ids), reader.shown_items()).order_by(
            i.c.due.is_(None), i.c.due
        )
    ):
        found.setdefault(r.case, []).append(dict(r._mapping))
    return found


def _next_deadlines(c: sa.Connection, ids: list[str], reader: Discretion) -> dict[str, dict[str, Any]]:
    d, k = t.deadlines, t.cases
    found: dict[str, dict[str, Any]] = {}
    statement = sa.select(d, k.c.package).join(k, k.c.id == d.c.case)
    for r in c.execute(statement.where(d.c.case.in_(ids), d.c.due.is_not(None)).order_by(d.c.due)):
        if r.case not in found and reader.deadlines([dict(r._mapping)], the_engine().package(r.package)):
            found[r.case] = {"name": r.name or r.element, "due": r.due, "element": r.element}
    return found


def _named(deadline: dict[str, Any] | None, package: str) -> dict[str, Any] | None:
    """The deadline under the name people know it by."""
    if deadline is None:
        return None
    return deadline | {"name": present.event_name(the_engine().package(package), deadline["element"])}


def _chunks(values: list[str], size: int) -> Iterable[list[str]]:
    return (values[at : at + size] for at in range(0, len(values), size))


def counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many cases each reason holds."""
    return {kind: sum(any(x["kind"] == kind for x in r["reasons"]) for r in rows) for kind in REASONS}

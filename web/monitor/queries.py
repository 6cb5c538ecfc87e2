"""What is stuck 监控: late, not moved, halted, or in nobody's hands; with who holds it, since when, why, and what is next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from flask import current_app

from engine.directory import Directory
from engine.errors import CalendarUnknown
from engine.handlers.visibility import sees_all
from engine.store import settings as stored
from engine.store import tables as t
from web import discretion, present
from web.context import the_directory, the_engine, the_moment
from web.discretion import Discretion
from web.identity import Who
from web.paging import beyond, decode, encode
from web.sight import among, visible

REASONS = {"incident": "异常", "nobody": "无人可办", "overdue": "超期", "stalled": "久未推进"}
PAGE = 50
"""Cases of one page."""

MOST_COUNTED = 500
"""Counting ends there, for each reason."""

MOST_LOST = 200
"""So many lost posts are looked at together; the next ones come when somebody holds these again."""

PROBED = 200
"""Cases, those that have not moved for longest, of which is asked how many one sees."""

SOME = 50
"""One in so many is a good part."""

SETTING = "stalled_days"
DEFAULT_DAYS = 5
"""Working days without movement after which a case counts as stuck (领域说明 7, no. 2); edited in the settings."""


def stalled_days(c: sa.Connection) -> int:
    """How many working days without movement make a case stuck, as the office has set it."""
    raw = stored.get(c, [SETTING]).get(SETTING, "")
    return int(raw) if raw.isdecimal() and 0 < int(raw) < 1000 else DEFAULT_DAYS


@dataclass(frozen=True, slots=True)
class Stuck:
    """Stuck cases; how many cases each reason holds (among the first `MOST_COUNTED` findings of each; `beyond` names the
    reasons that have more); the key of the next page, "" when there is none or the reasons are mixed."""

    rows: list[dict[str, Any]]
    counts: dict[str, int]
    beyond: frozenset[str]
    next: str


class Source(NamedTuple):
    """One way of being stuck. `found` selects the rows that are, with `since`, `case` and `number` (which tells several of a
    case apart) in an index's order; `told` makes the reason of a row, None where the reader may not know of it."""

    kind: str
    found: sa.Select[Any]
    since: sa.ColumnElement[Any]
    case: sa.ColumnElement[Any]
    number: sa.ColumnElement[Any]
    told: Callable[[Any], dict[str, Any] | None]

    @property
    def key(self) -> tuple[sa.ColumnElement[Any], ...]:
        return (self.since, self.case, self.number)

    def rows(self, c: sa.Connection, limit: int, *where: sa.ColumnElement[bool]) -> Sequence[sa.Row[Any]]:
        columns = (label.label(f"key_{n}") for n, label in enumerate(self.key))
        return c.execute(
            self.found.add_columns(*columns).where(*where).order_by(*self.key).limit(limit)
        ).all()


def stuck(
    c: sa.Connection,
    who: Who,
    *,
    reason: str = "",
    days: int | None = None,
    after: str = "",
    limit: int = PAGE,
) -> Stuck:
    """Stuck cases that `who` may see. Of one `reason`: longest first, page by page. Of all: the most serious reason first,
    longest first within it, as many as make one page.

    A case may be stuck for several reasons; `reasons` says all, each with since when and why.
    """
    reader = discretion.of(who)
    sources = _sources(c, who, reader, stalled_days(c) if days is None else days)
    chosen: list[str] = []
    following = ""
    if reason:
        chosen, following = _page(c, [s for s in sources if s.kind == reason], after, limit)
    for kind in REASONS if not reason else ():
        if len(chosen) < limit:
            page, _ = _page(c, [s for s in sources if s.kind == kind], "", limit)
            chosen = list(dict.fromkeys([*chosen, *page]))[:limit]
    found = _reasons(c, sources, chosen)
    rows = {r["id"]: r for r in _with_cases(c, found, reader)}
    counts, beyond_ = _counts(c, sources)
    return Stuck([rows[case] for case in chosen if case in rows], counts, beyond_, following)


def _page(c: sa.Connection, sources: list[Source], after: str, limit: int) -> tuple[list[str], str]:
    """The cases of one page, each once, and the next page's key."""
    key = decode(after, (datetime, str, int)) if after else None
    found: list[tuple[Any, bool]] = []
    for source in sources:
        where = [beyond(source.key, key)] if key is not None else []
        rows = source.rows(c, limit + 1, *where)
        found += [((r.key_0, r.key_1, r.key_2), source.told(r) is not None) for r in rows]
    found.sort()
    page, more = found[:limit], len(found) > limit
    cases = dict.fromkeys(case for (_, case, _), told in page if told)
    return list(cases), encode(page[-1][0]) if more else ""


def _reasons(c: sa.Connection, sources: list[Source], cases: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Every reason for which the cases are stuck, the most serious first."""
    found: dict[str, list[dict[str, Any]]] = {case: [] for case in cases}
    for source in sources if cases else ():
        for row in source.rows(c, MOST_COUNTED, source.case.in_(cases)):
            reason = source.told(row)
            held = found[row.key_1]
            if reason is None or (source.kind == "nobody" and any(x["kind"] == "nobody" for x in held)):
                continue
            held.append({"kind": source.kind, "title": REASONS[source.kind], "since": row.key_0, **reason})
    return found


def _counts(c: sa.Connection, sources: list[Source]) -> tuple[dict[str, int], frozenset[str]]:
    cases: dict[str, set[str]] = {kind: set() for kind in REASONS}
    beyond_: set[str] = set()
    for source in sources:
        if source.kind in ("incident", "nobody"):  # few, and not all of them are everybody's to know
            rows = source.rows(c, MOST_COUNTED)
            found = [r.key_1 for r in rows if source.told(r) is not None]
        else:
            only = source.found.with_only_columns(source.case.label("case"))
            rows = c.execute(only.order_by(*source.key).limit(MOST_COUNTED)).all()
            found = [r.case for r in rows]
        cases[source.kind].update(found)
        if len(rows) == MOST_COUNTED:
            beyond_.add(source.kind)
    return {kind: len(held) for kind, held in cases.items()}, frozenset(beyond_)


def _sources(c: sa.Connection, who: Who, reader: Discretion, days: int) -> list[Source]:
    """Where stuck cases are found, in the order of `REASONS`."""
    engine, directory, moment = the_engine(), the_directory(), the_moment()
    now, calendar = moment.now, moment.calendar
    n, i, k = t.incidents, t.work_items, t.cases
    seen = _sight(c, who)

    def incident(r: Any) -> dict[str, Any] | None:
        told = reader.incidents([dict(r._mapping)], engine.package(r.package))
        more = {"incident": r.incident, "element": r.element, "code": r.code}
        return {"why": told[0]["message"], **more} if told else None

    def vacant(r: Any) -> dict[str, Any]:
        where = f"{r.unit}没有在岗人员" if r.unit else "没有找到办理单位"
        return {"why": f"“{r.name}”{where}。请在“管理”中设岗，或转办。", "item": r.item}

    def left_behind(r: Any) -> dict[str, Any]:
        name = directory.name_of(r.person)
        return {
            "why": f"“{r.name}”由{name}签收，但已不在{r.unit}的这个岗位上。请安委办退签或转办。",
            "item": r.item,
        }

    def late(r: Any) -> dict[str, Any]:
        holder = directory.name_of(r.person) if r.person else "尚未签收"
        left = present.left(r.due, now, calendar).text
        return {"why": f"“{r.name}”{left}，{r.unit or '无单位'}（{holder}）。", "item": r.item}

    def still(r: Any) -> dict[str, Any]:
        return {"why": f"已有{present.held_for(r.moved_at, now, calendar)}没有人推进。"}

    halted = (
        sa.select(n, k.c.package)
        .join(k, k.c.id == n.c.case)
        .where(t.open_incident, k.c.state.in_(("open", "suspended")), seen)
    )
    without = n.c.code == "no_one_to_do_it"
    open_items = (
        sa.select(i)
        .join(k, k.c.id == i.c.case)
        .where(t.open_item, t.running_case, seen, reader.shown_items())
    )
    found = [
        Source("incident", halted.where(~without), n.c.raised_at, n.c.case, n.c.incident, incident),
        Source("nobody", halted.where(without), n.c.raised_at, n.c.case, n.c.incident, incident),
    ]
    empty, gone = _lost_posts(c, directory)
    if empty:
        there = sa.tuple_(i.c.unit, i.c.role).in_(empty[:MOST_LOST])
        unclaimed = open_items.where(i.c.person == "", there)
        found.append(Source("nobody", unclaimed, i.c.offered_at, i.c.case, i.c.item, vacant))
    if gone:
        held = sa.tuple_(i.c.unit, i.c.role, i.c.person).in_(gone[:MOST_LOST])
        since = sa.func.coalesce(i.c.claimed_at, i.c.offered_at, type_=t.Instant())
        found.append(Source("nobody", open_items.where(held), since, i.c.case, i.c.item, left_behind))
    found.append(Source("overdue", open_items.where(i.c.due < now), i.c.due, i.c.case, i.c.item, late))
    try:
        mark = calendar.workdays(now, -days)
    except CalendarUnknown:
        return found
    unmoved = sa.select(k).where(t.running_case, k.c.moved_at < mark, seen)
    return [
        *found,
        Source("stalled", unmoved, k.c.moved_at, k.c.id, k.c.seq, still),
    ]


def _sight(c: sa.Connection, who: Who) -> sa.ColumnElement[bool]:
    """What `who` sees, asked in the way that suits how much that is: row by row in the order of the list where it is a good part of
    all, else gathered first. A planner does not know, and is wrong by a hundred times for who sees half of all cases."""
    if sees_all(who.actor, the_directory()):
        return sa.true()
    k = t.cases
    oldest = sa.select(k.c.id).where(t.running_case).order_by(k.c.moved_at, k.c.id).limit(PROBED).subquery()
    theirs = sa.select(sa.func.count()).select_from(k).join(oldest, oldest.c.id == k.c.id).where(visible(who))
    return visible(who) if c.execute(theirs).scalar_one() * SOME >= PROBED else among(who)


Lost = tuple[list[tuple[str, str]], list[tuple[str, str, str]]]


def _lost_posts(c: sa.Connection, directory: Directory) -> Lost:
    """Posts (unit, role) with open items and nobody in them, and claims (unit, role, person) of people who left the post.

    Asked once for each state of the directory: an item comes only to a post somebody is in, or with an incident, which is
    found by itself; so posts are lost by changes of the directory alone.
    """
    known: tuple[Directory, Lost] | None = current_app.extensions.get("duban.lost_posts")
    if known is not None and known[0] is directory:
        return known[1]
    i = t.work_items
    held = c.execute(sa.select(i.c.unit, i.c.role, i.c.person).where(t.open_item).distinct()).all()
    empty = {(r.unit, r.role) for r in held if not r.unit or not directory.holders(r.unit, r.role)}
    gone = [
        (r.unit, r.role, r.person)
        for r in held
        if r.person and r.role and r.person not in directory.holders(r.unit, r.role)
    ]
    found = (sorted(empty), gone)
    current_app.extensions["duban.lost_posts"] = (directory, found)
    return found


def _with_cases(
    c: sa.Connection, found: dict[str, list[dict[str, Any]]], reader: Discretion
) -> list[dict[str, Any]]:
    ids = list(found)
    if not ids:
        return []
    holders, nexts = _holders(c, ids, reader), _next_deadlines(c, ids, reader)
    return [
        {name: r._mapping[name] for name in _SHOWN}
        | {
            "reasons": found[r.id],
            "holders": holders.get(r.id, []),
            "next": _named(nexts.get(r.id), r.package),
        }
        for r in c.execute(sa.select(t.cases).where(t.cases.c.id.in_(ids)))
    ]


_SHOWN = ("id", "number", "title", "status", "region", "sector", "party", "package", "moved_at")


def _holders(c: sa.Connection, ids: list[str], reader: Discretion) -> dict[str, list[dict[str, Any]]]:
    i = t.work_items
    statement = sa.select(
        i.c.case, i.c.item, i.c.name, i.c.unit, i.c.person, i.c.offered_at, i.c.due, i.c.basis
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for r in c.execute(
        statement.where(t.open_item, i.c.case.in_(ids), reader.shown_items()).order_by(
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

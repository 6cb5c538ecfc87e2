"""The register 隐患台账: every case one may see, filtered and page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from flask import g

from engine.clock import SHANGHAI
from engine.definitions.model import Package
from engine.directory import ENTERPRISE
from engine.handlers.visibility import sees_all
from engine.store import tables as t
from engine.store.json_text import json_text
from web import discretion
from web.context import the_directory, the_moment, the_packages
from web.identity import Who
from web.paging import LARGEST, Page, beyond, decode, encode
from web.register import light, words
from web.sight import strands, visible

MOST_COUNTED = 1000
"""Counting ends there."""

PORTION = 2000
"""Cases read together where all of them are wanted."""

OFFERED = ("region", "sector", "status")
"""Columns whose values the filters offer; each begins an index."""

WITHHELD = frozenset({"head", "started_by", "started_unit"})
"""Columns of `cases` that no list shows: who registered a case gives a report 举报 away."""

FOUND = "发现日期"
"""The register column that says when a hazard was found; 存量 and 增量 are told apart by it."""

TOWN = "属地"
"""The kind of unit whose cases are those in its place."""

_k = t.cases


@dataclass(frozen=True, slots=True)
class Filter:
    """What the register is narrowed to. Empty: everything."""

    q: str = ""  # words of title, number or party
    number: str = ""  # of the case, exactly
    package: str = ""
    region: str = ""
    sector: str = ""
    status: str = ""
    state: str = ""  # open | suspended | completed | cancelled | merged
    stock: str = ""  # 存量 | 增量
    overdue: bool = False
    light: str = ""  # red | yellow | green
    rung: str = ""  # of the ladder 升级处置, "1" …
    unit: str = ""  # an enterprise, a town, or a department that supervises or holds it
    month: str = ""  # of registration, 2026-09


def stock_until(package: Package) -> date | None:
    """The last day of finding that counts as 存量: the package's parameter `stock_until`."""
    parameter = package.parameters.get("stock_until")
    value = parameter.value if parameter is not None else None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def _found() -> sa.ColumnElement[Any]:
    inside = json_text(_k.c.register, FOUND)
    return sa.func.coalesce(
        inside, sa.func.substr(sa.cast(_k.c.started_at, sa.String()), 1, 10), type_=sa.String()
    )


def is_overdue(who: Who, now: datetime) -> sa.ColumnElement[bool]:
    """Open cases past their own limit, or with an open item past its due instant (one that `who` may know of)."""
    late_item = (
        sa.exists()
        .where(t.work_items.c.case == _k.c.id, t.work_items.c.state == "open", t.work_items.c.due < now)
        .where(discretion.of(who).shown_items())
        .correlate(_k)
    )
    return sa.and_(_k.c.state == "open", sa.or_(_k.c.deadline < now.astimezone(SHANGHAI).date(), late_item))


def _where(c: sa.Connection, who: Who, f: Filter, now: datetime) -> list[sa.ColumnElement[bool]]:
    """What the filter says of cases, beside that one may see them."""
    conditions: list[sa.ColumnElement[bool]] = []
    for column, value in (
        (_k.c.package_key, f.package), (_k.c.region, f.region), (_k.c.sector, f.sector),
        (_k.c.status, f.status), (_k.c.state, f.state),
    ):  # fmt: skip
        if value:
            conditions.append(column == value)
    if f.number:
        conditions.append(_k.c.number == f.number)
    if f.overdue:
        conditions.append(is_overdue(who, now))
    if f.light:
        conditions.append(light.condition(f.light, light.rules_of(the_packages(c), the_moment(c))))
    if f.rung:
        rung = int(f.rung) if f.rung.isascii() and f.rung.isdecimal() and len(f.rung) < 3 else 0
        conditions += [_k.c.rung == rung, t.on_the_ladder] if rung else [sa.false()]
    if f.unit:
        conditions.append(of_unit(f.unit))
    if f.month:
        conditions.append(_in_month(f.month))
    if f.stock in ("存量", "增量"):
        conditions.append(_stock(who, f))
    return conditions


def of_unit(unit: str) -> sa.ColumnElement[bool]:
    """What a unit has to do with, by what it is: an enterprise's own cases, a town's, those a department supervises or holds.
    Units are found by id or by name."""
    directory = the_directory()
    found = directory.units.get(unit) or next((u for u in directory.units.values() if u.name == unit), None)
    if found is None:
        return sa.or_(_k.c.party == unit, _k.c.region == unit)
    if found.kind == ENTERPRISE:
        return _k.c.party == found.id
    if found.kind == TOWN:
        return _k.c.region == found.id
    held = sa.select(t.work_items.c.case).where(t.work_items.c.unit == found.id, t.open_item)
    return sa.or_(_k.c.supervisor == found.id, _k.c.id.in_(held))


def _in_month(month: str) -> sa.ColumnElement[bool]:
    """Cases begun in a month of Shanghai's."""
    try:
        first = datetime.strptime(month, "%Y-%m").replace(tzinfo=SHANGHAI)
        after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
        return sa.and_(_k.c.started_at >= first.astimezone(UTC), _k.c.started_at < after.astimezone(UTC))
    except (ValueError, OverflowError):
        return sa.false()


def _stock(who: Who, f: Filter) -> sa.ColumnElement[bool]:
    """Each package has its own day."""
    ways: list[sa.ColumnElement[bool]] = []
    for package in the_packages():
        key, until = package.key, stock_until(package)
        if until is None:
            continue
        found = _found() <= until.isoformat() if f.stock == "存量" else _found() > until.isoformat()
        ways.append(sa.and_(_k.c.package_key == key, found))
    return sa.or_(sa.false(), *ways)


def cases(c: sa.Connection, who: Who, f: Filter, now: datetime, *, after: str = "", limit: int = 50) -> Page:
    """One page, newest first."""
    return _cases(c, who, f, now, after, max(1, min(limit, LARGEST)))


def every(c: sa.Connection, who: Who, f: Filter, now: datetime, *, held: bool) -> Iterator[dict[str, Any]]:
    """All cases of the filter, newest first, read a portion at a time: for what is written as it is read. `held`: with who holds
    them and whether they are overdue."""
    after = ""
    while True:
        page = _cases(c, who, f, now, after, PORTION, held=held)
        yield from page.rows
        if not page.next:
            return
        after = page.next


def _cases(
    c: sa.Connection, who: Who, f: Filter, now: datetime, after: str, limit: int, *, held: bool = True
) -> Page:
    keys = _next(c, who, f, now, after, limit)
    overdue = is_overdue(who, now) if held else sa.false()
    statement = sa.select(_k, overdue.label("overdue")).join(keys, keys.c.id == _k.c.id)
    newest_first = statement.order_by(_k.c.started_at.desc(), _k.c.id.desc())
    rows = c.execute(newest_first, {"b_count": limit + 1}).all()
    more, rows = len(rows) > limit, rows[:limit]
    page = Page([as_row(r) for r in rows], encode((rows[-1].started_at, rows[-1].id)) if more else "")
    if held:
        _holders(c, who, page.rows)
    return page


def _next(c: sa.Connection, who: Who, f: Filter, now: datetime, after: str, limit: int) -> sa.Subquery:
    """(began, id) of the next `b_count` cases, or the ids of so many: `_keys`, and what has the words that are looked for."""
    f = _told(c, f)
    if not f.q:
        return _keys(c, who, f, now, after)
    if limit < words.LOOKED_THROUGH:
        looked = _looked_through(c, who, f, now, after)
        hits = [id_ for id_, hit in looked if hit][: limit + 1]
        if len(hits) > limit or len(looked) < words.LOOKED_THROUGH:
            return sa.select(_k.c.id).where(_k.c.id.in_(hits)).subquery()
    return _holding(c, who, f, now, after)


def _looked_through(
    c: sa.Connection, who: Who, f: Filter, now: datetime, after: str = ""
) -> list[tuple[str, bool]]:
    """The next cases of the filter, newest first, each with whether the words stand in it: read once for a page and its number."""
    known: dict[Any, list[tuple[str, bool]]] = g.setdefault("register_looked", {})
    wanted = (who.person, f, now, after)
    if wanted not in known:
        newest = _keys(c, who, replace(f, q=""), now, after)
        asked = sa.select(_k.c.id, words.stand_in(f.q).label("hit")).join(newest, newest.c.id == _k.c.id)
        newest_first = asked.order_by(_k.c.started_at.desc(), _k.c.id.desc())
        rows = c.execute(newest_first, {"b_count": words.LOOKED_THROUGH})
        known[wanted] = [(row.id, bool(row.hit)) for row in rows]
    return known[wanted]


def _told(c: sa.Connection, f: Filter) -> Filter:
    """The filter, with what is looked for as a case's number where it is one."""
    if f.q and c.execute(sa.select(_k.c.id).where(_k.c.number == f.q).limit(1)).first() is not None:
        return replace(f, q="", number=f.q)
    return f


def _holding(c: sa.Connection, who: Who, f: Filter, now: datetime, after: str = "") -> sa.Subquery:
    """The ids of the next `b_count` cases of the filter's words, by the index of words."""
    where = [_k.c.id.in_(words.holding(c, f.q)), visible(who), *_where(c, who, f, now)]
    if after:
        where.append(beyond((_k.c.started_at, _k.c.id), decode(after, (datetime, str)), descending=True))
    newest = (_k.c.started_at.desc(), _k.c.id.desc())
    return sa.select(_k.c.id).where(*where).order_by(*newest).limit(_count).subquery()


_count = sa.bindparam("b_count", type_=sa.Integer())


def _keys(c: sa.Connection, who: Who, f: Filter, now: datetime, after: str = "") -> sa.Subquery:
    """(began, id) of the next `b_count` cases that `who` sees, merged from strands of at most so many each. A person's strands
    are many: what asks for the page, for its number and for what the filters offer shares them within a request."""
    made: dict[Any, sa.Subquery] = g.setdefault("register_keys", {})
    wanted = (who.person, f, now, after)
    if wanted not in made:
        made[wanted] = merged(who, _where(c, who, f, now), decode(after, (datetime, str)) if after else None)
    return made[wanted]


def merged(who: Who, where: list[sa.ColumnElement[bool]], after: list[Any] | None = None) -> sa.Subquery:
    """(began, id) of the next `b_count` cases that `who` sees of these, newest first."""

    def further(began: sa.ColumnElement[Any], id_: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
        return [beyond((began, id_), after, descending=True)] if after is not None else []

    parts = []
    for strand in strands(who, where, further):
        began, id_ = strand.selected_columns
        parts.append(sa.select(strand.order_by(began.desc(), id_.desc()).limit(_count).subquery()))
    every = sa.union(*parts).subquery() if len(parts) > 1 else parts[0].subquery()
    newest = (every.c.began.desc(), every.c.id.desc())
    return sa.select(every).order_by(*newest).limit(_count).subquery("page")


def _holders(c: sa.Connection, who: Who, rows: list[dict[str, Any]]) -> None:
    """Who holds each case 球在谁手里: the units of its open items."""
    ids = [r["id"] for r in rows if r["state"] in ("open", "suspended")]
    held: dict[str, dict[str, None]] = {}
    if ids:
        i = t.work_items
        statement = (
            sa.select(i.c.case, i.c.unit).where(i.c.state == "open", i.c.case.in_(ids)).order_by(i.c.due)
        )
        for item in c.execute(statement.where(discretion.of(who).shown_items())):
            held.setdefault(item.case, {})[item.unit or "（无人办理）"] = None
    for row in rows:
        row["holders"] = list(held.get(row["id"], ()))


def as_row(r: Any) -> dict[str, Any]:
    """A case as data, its register columns read."""
    row = {k: v for k, v in r._mapping.items() if k not in WITHHELD}
    row["overdue"] = bool(row.get("overdue"))
    found = orjson.loads(row["register"] or "{}")
    row["register"] = found if isinstance(found, dict) else {}
    return row


def total(c: sa.Connection, who: Who, f: Filter, now: datetime) -> int:
    """How many cases the filter holds, at most `MOST_COUNTED`."""
    f = _told(c, f)
    if f.q and _often(c, who, f, now):
        keys = merged(who, [*_where(c, who, f, now), words.stand_in(f.q)])
    else:
        keys = _holding(c, who, f, now) if f.q else _keys(c, who, f, now)
    counted = sa.select(sa.func.count()).select_from(keys)
    return int(c.execute(counted, {"b_count": MOST_COUNTED}).scalar_one())


def _often(c: sa.Connection, who: Who, f: Filter, now: datetime) -> bool:
    """Whether the words stand so often among the newest cases that so many as are counted are soon found one after the other."""
    hits = sum(hit for _, hit in _looked_through(c, who, f, now))
    return 20 * hits > words.LOOKED_THROUGH


def overview(
    c: sa.Connection, who: Who, f: Filter, now: datetime, page: Page, *, whole: bool
) -> tuple[int, Options]:
    """How many cases the filter holds, and what the filters offer. A page that is the first (`whole`) and has no next
    one has counted them; who asks for everything one sees is told both by one statement."""
    if f == Filter() and not sees_all(who.actor, the_directory()):
        return _newest(c, who, now)
    counted = len(page.rows) if whole and not page.next else total(c, who, f, now)
    return counted, options(c, who, now)


Options = dict[str, list[str]]


def options(c: sa.Connection, who: Who, now: datetime) -> Options:
    """The values the filters offer: what occurs among the cases one may see, for people who do not see all of them among
    the newest `MOST_COUNTED`."""
    if not sees_all(who.actor, the_directory()):
        return _newest(c, who, now)[1]
    found: Options = {"package_key": sorted(p.key for p in the_packages())}
    for name in OFFERED:
        found[name] = [r[0] for r in c.execute(_distinct(_k.c[name])) if r[0]]
    return found


def _newest(c: sa.Connection, who: Who, now: datetime) -> tuple[int, Options]:
    """How many cases `who` sees, at most `MOST_COUNTED`, and what occurs among them."""
    keys = _keys(c, who, Filter(), now)
    columns = [_k.c[name] for name in OFFERED]
    offered = sa.select(*columns, sa.func.count()).join(keys, keys.c.id == _k.c.id).group_by(*columns)
    rows = c.execute(offered, {"b_count": MOST_COUNTED}).all()
    found: Options = {"package_key": sorted(p.key for p in the_packages())}
    for at, name in enumerate(OFFERED):
        found[name] = sorted({r[at] for r in rows} - {""})
    return sum(r[-1] for r in rows), found


def _distinct(column: sa.Column[str]) -> sa.Select[Any]:
    """The values of a column that an index begins with, from one to the next instead of over all rows."""
    first = sa.select(sa.func.min(column).label("value")).cte("found", recursive=True)
    following = sa.select(sa.func.min(column)).where(column > first.c.value).scalar_subquery()
    found = first.union_all(sa.select(following).where(first.c.value.is_not(None)))
    return sa.select(found.c.value).where(found.c.value.is_not(None))


def columns_of(register: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(key, title) of the register's extra columns of a package."""
    found: list[tuple[str, str]] = []
    for column in register.get("columns", ()):
        key = column.get("key") if isinstance(column, Mapping) else getattr(column, "key", None)
        title = column.get("title") if isinstance(column, Mapping) else getattr(column, "title", None)
        if key:
            found.append((str(key), str(title or key)))
    return found

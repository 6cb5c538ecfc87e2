"""What a person has to do 待办, as rows: soonest due first, those without a limit last; or by when it came, or by case number.

A list is merged from strands, one for each post (or unit, or person): in each the items lie in an index in the list's
order, so that a page costs the same however much lies behind it. Only the keys are merged; the rows of the page are
fetched by them. A list that is narrowed by what no index holds (words, a step, a place) looks through so many of the next
items and says where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, reduce
from operator import add
from typing import Any, NamedTuple

import sqlalchemy as sa

from engine.store import tables as t
from web.copies import unread
from web.identity import Who
from web.paging import FAR, LARGEST, Page, decode, encode
from web.worklist.wanted import NOBODY, OPEN, ORDERED_BY_DUE, Wanted

MOST_COUNTED = 100
"""Counting ends there: whoever has so much to do does not need the number."""

LOOKED_THROUGH = 300
"""Items that one narrowed page looks through [P]: more than most people have at hand, and a millisecond or two."""

_i = t.work_items
_columns = (
    _i.c.case, _i.c.item, _i.c.element, _i.c.name, _i.c.form, _i.c.state, _i.c.unit, _i.c.role, _i.c.person,
    _i.c.behalf, _i.c.basis, _i.c.urged, _i.c.urged_at, _i.c.due, _i.c.offered_at, _i.c.claimed_at, _i.c.closed_at, _i.c.closed_by, _i.c.by_number,
    t.cases.c.number, t.cases.c.title, t.cases.c.status, t.cases.c.party, t.cases.c.region,
    t.cases.c.state.label("case_state"), t.cases.c.package_key, t.cases.c.package,
)  # fmt: skip

Strand = sa.ColumnElement[bool]
"""A condition on items that fixes the first columns of one index for each order, whose next ones are that order's."""

# A statement is built once for each shape: a tab, how many posts and units the person has, where a page begins. What is
# asked for is bound under these names.
_me, _now, _until, _count, _look = (
    sa.bindparam("b_me", type_=sa.String()),
    sa.bindparam("b_now", type_=t.Instant()),
    sa.bindparam("b_until", type_=t.Instant()),
    sa.bindparam("b_count", type_=sa.Integer()),
    sa.bindparam("b_look", type_=sa.Integer()),
)


@dataclass(frozen=True, slots=True)
class Span:
    """The instants a list is read at: what is due before `now` is late, what is due from then until `until` is due soon."""

    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """The columns of an index that a list is read in, case and item last; downwards (newest first) or upwards. `nulls`: the
    first of them may be NULL, which comes last."""

    first: sa.Column[Any]
    kind: type
    down: bool = True
    nulls: bool = False

    @property
    def columns(self) -> tuple[sa.Column[Any], ...]:
        return (self.first, _i.c.case, _i.c.item)

    def key(self, row: Any) -> list[Any]:
        """A row's place in it."""
        first = getattr(row, self.first.name)
        return [FAR if first is None else first, row.case, row.item]

    def after(self) -> tuple[sa.BindParameter[Any], ...]:
        """The place a later page begins behind."""
        kinds = (self.first.type, sa.String(), sa.Integer())
        return tuple(sa.bindparam(f"b_after_{n}", type_=kind) for n, kind in enumerate(kinds))

    def beyond(self, columns: Sequence[Any], place: Sequence[Any]) -> Strand:
        here, there = sa.tuple_(*columns), sa.tuple_(*place)
        return here < there if self.down else here > there

    def sorted(self, columns: Any, *, backwards: bool = False) -> list[sa.ColumnElement[Any]]:
        """The order of rows that have its columns, or the other way round."""
        names = [columns[c.name] for c in self.columns]
        nulls = [names[0].is_(None)] if self.nulls else []
        down = self.down != backwards
        return [c.desc() if backwards else c.asc() for c in nulls] + [
            c.desc() if down else c.asc() for c in names
        ]


ORDERS = {
    "due": Order(_i.c.due, datetime, down=False, nulls=True),
    "received": Order(_i.c.offered_at, datetime),
    "number": Order(_i.c.by_number, str),
    "closed": Order(_i.c.closed_at, datetime),
}


def bound(who: Who, span: Span) -> dict[str, Any]:
    """The person, the posts, the units and the instants, by the names under which the strands speak of them."""
    units = {f"b_unit_{n}": unit for n, unit in enumerate(who.units)}
    return {"b_now": span.now, "b_until": span.until, **bound_posts(who), **units}


def bound_posts(who: Who) -> dict[str, Any]:
    """The person, the posts, and whom the person stands in for at which of them."""
    found: dict[str, Any] = {"b_me": who.person}
    for n, (person, role, unit) in enumerate(who.standing):
        found |= {f"b_for_{n}": person, f"b_for_role_{n}": role, f"b_for_place_{n}": unit}
    for n, (role, unit) in enumerate(who.posts):
        found |= {f"b_role_{n}": role, f"b_place_{n}": unit}
    return found


def _mine(standing: int) -> list[Strand]:
    """What the person has in hand, and what those have whom the person stands in for 代, at those posts."""
    others = [
        sa.and_(
            _i.c.person == sa.bindparam(f"b_for_{n}"),
            _i.c.role == sa.bindparam(f"b_for_role_{n}"),
            _i.c.unit == sa.bindparam(f"b_for_place_{n}"),
            t.with_somebody,
            t.open_item,
        )
        for n in range(standing)
    ]
    return [sa.and_(_i.c.person == _me, t.with_somebody, t.open_item), *others]


def _at_posts(posts: int) -> list[Strand]:
    """Items nobody has taken, at one of the person's posts."""
    nobody = _i.c.person == sa.literal_column("''")
    return [
        sa.and_(
            _i.c.unit == sa.bindparam(f"b_place_{n}"),
            _i.c.role == sa.bindparam(f"b_role_{n}"),
            nobody,
            t.open_item,
        )
        for n in range(posts)
    ]


class Many(NamedTuple):
    """How many posts and units a person has, and how often the person stands in: the shape of the strands."""

    posts: int
    units: int
    standing: int

    @classmethod
    def of(cls, who: Who) -> Many:
        return cls(len(who.posts), len(who.units), len(who.standing))


def _strands(tab: str, who: Many) -> list[Strand]:
    """The strands of a tab, of such a person."""
    match tab:
        case "unclaimed":
            return _at_posts(who.posts)
        case "mine":
            return _mine(who.standing)
        case "soon":
            return [
                sa.and_(s, _i.c.due >= _now, _i.c.due < _until)
                for s in (*_mine(who.standing), *_at_posts(who.posts))
            ]
        case "overdue":
            return [sa.and_(s, _i.c.due < _now) for s in (*_mine(who.standing), *_at_posts(who.posts))]
        case "unit":
            return [sa.and_(_i.c.unit == sa.bindparam(f"b_unit_{n}"), t.open_item) for n in range(who.units)]
        case "all":
            return [*_mine(who.standing), *_at_posts(who.posts)]
        case "done":
            return [sa.and_(_i.c.closed_by == _me, t.closed_by_somebody, _i.c.closed_at.is_not(None))]
    raise KeyError(tab)


@dataclass(frozen=True, slots=True)
class Found(Page):
    """A page; `stopped` where it was narrowed and ended before all was looked through: `next` goes on from there."""

    stopped: bool = False


def items(
    c: sa.Connection, who: Who, wanted: Wanted, span: Span, *, after: str = "", limit: int = 50
) -> Found:
    """One page of the worklist."""
    order, name = _order_of(wanted)
    limit = max(1, min(limit, LARGEST))
    only = wanted.unit in who.units
    if only:  # the strands of other units need not be looked through
        who = replace(who, posts=tuple(post for post in who.posts if post[1] == wanted.unit))
    place = decode(after, (order.kind, str, int)) if after else None
    begins = "" if place is None else "dated" if not order.nulls or place[0] < FAR else "undated"
    if place is not None and order.nulls and place[0] > FAR:
        return Found([], "")
    cases = _by_number(c, wanted.q) if wanted.q else []
    narrowed = tuple(
        "cases" if cases and name == "q" else name
        for name in wanted.narrowed
        if not (only and name == "unit" and wanted.tab in ("unclaimed", "unit"))
    )
    shape = (wanted.tab, name, Many.of(who), begins, narrowed)
    statement = _page(*shape)
    if statement is None:
        return Found([], "")
    values = bound(who, span) | _bound_narrowing(wanted, cases)
    values |= {"b_count": limit + 1, "b_look": LOOKED_THROUGH if narrowed else limit + 1}
    if place is not None:
        values |= {f"b_after_{n}": part for n, part in enumerate(place)}
    rows = c.execute(statement, values).all()
    more, rows = len(rows) > limit, rows[:limit]
    if more:
        return Found([as_row(r) for r in rows], encode(order.key(rows[-1])))
    last = c.execute(_last(*shape), values).first() if narrowed and not cases else None
    if last is not None and last.looked == LOOKED_THROUGH:
        return Found([as_row(r) for r in rows], encode(order.key(last)), stopped=True)
    return Found([as_row(r) for r in rows], "")


def _order_of(wanted: Wanted) -> tuple[Order, str]:
    name = "closed" if wanted.tab == "done" else "due" if wanted.tab in ORDERED_BY_DUE else wanted.sort
    return ORDERS[name], name


def _by_number(c: sa.Connection, words: str) -> list[str]:
    """The cases that have exactly this number: they are found at once, other words are looked for."""
    return list(c.execute(_numbered, {"b_number": words}).scalars())


_numbered = sa.select(t.cases.c.id).where(t.cases.c.number == sa.bindparam("b_number")).limit(20)

# -- narrowing ---------------------------------------------------------------------------------------------

_words = sa.bindparam("b_words", type_=sa.String())
_NARROWED: dict[str, Strand] = {
    "q": sa.or_(
        *(
            column.like(_words, escape="\\")
            for column in (t.cases.c.number, t.cases.c.title, t.cases.c.party, _i.c.name)
        )
    ),
    "cases": t.cases.c.id.in_(sa.bindparam("b_cases", expanding=True)),
    "step": _i.c.name == sa.bindparam("b_step"),
    "package": t.cases.c.package_key == sa.bindparam("b_package"),
    "region": t.cases.c.region == sa.bindparam("b_region"),
    "unit": _i.c.unit == sa.bindparam("b_only_unit"),
    "held": _i.c.person == sa.bindparam("b_held"),
}


def _bound_narrowing(wanted: Wanted, cases: list[str]) -> dict[str, Any]:
    found = {
        "b_step": wanted.step,
        "b_package": wanted.package,
        "b_region": wanted.region,
        "b_only_unit": wanted.unit,
    }
    found["b_held"] = "" if wanted.held == NOBODY else wanted.held
    return found | {"b_words": like(wanted.q), "b_cases": cases}


def like(words: str) -> str:
    """A pattern of LIKE that finds the words as they are."""
    return "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


# -- statements --------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _page(tab: str, order: str, who: Many, begins: str, narrowed: tuple[str, ...]) -> sa.Select[Any] | None:
    """The rows of a page; None where there can be none."""
    keys = _keys(tab, order, who, begins, narrowed)
    if keys is None:
        return None
    statement = (
        sa.select(*_columns)
        .select_from(keys)
        .join(_i, sa.and_(_i.c.case == keys.c.case, _i.c.item == keys.c.item))
        .join(t.cases, t.cases.c.id == keys.c.case)
        .where(*(_NARROWED[name] for name in narrowed))
        .order_by(*ORDERS[order].sorted(keys.c))
    )
    return statement.limit(_count) if narrowed else statement


@lru_cache(maxsize=512)
def _last(tab: str, order: str, who: Many, begins: str, narrowed: tuple[str, ...]) -> sa.Select[Any]:
    """The last item that a narrowed page looked at, and how many it `looked` at."""
    keys = _keys(tab, order, who, begins, narrowed)
    assert keys is not None
    looked = sa.func.count().over().label("looked")
    backwards = ORDERS[order].sorted(keys.c, backwards=True)
    return sa.select(keys, looked).order_by(*backwards).limit(1)


def _keys(tab: str, order: str, who: Many, begins: str, narrowed: tuple[str, ...]) -> sa.Subquery | None:
    """The places of the next `b_look` items of all strands; None where there can be none."""
    strands = _strands(tab, who)
    if not strands or (tab in ORDERED_BY_DUE and begins == "undated"):
        return None
    if "cases" in narrowed:
        strands = [sa.and_(s, _i.c.case.in_(sa.bindparam("b_cases", expanding=True))) for s in strands]
    return _merged(strands, ORDERS[order], begins, undated=tab not in ORDERED_BY_DUE)


def _merged(strands: Iterable[Strand], order: Order, begins: str, *, undated: bool) -> sa.Subquery:
    """The places of the next items of all strands, from the first one on or, as `begins` says, after an item with a limit or
    without. What has no limit has strands of its own, because the databases do not agree where NULL comes in an order; a list
    in which there is none (`undated`) does without them."""
    parts: list[sa.Select[Any]] = []
    columns, place = order.columns, order.after()
    for strand in strands:
        found = sa.select(*columns).where(strand)
        if begins != "undated":
            dated = found.where(order.first.is_not(None)) if order.nulls else found
            dated = dated.order_by(*(c.desc() if order.down else c.asc() for c in columns))
            parts.append(dated if not begins else dated.where(order.beyond(columns, place)))
        if not (undated and order.nulls):
            continue
        # PostgreSQL knows the index's order only by all its columns, also where the first of them is always NULL.
        without = found.where(order.first.is_(None)).order_by(*columns)
        if begins == "undated":
            without = without.where(order.beyond(columns[1:], place[1:]))
        parts.append(without)
    every = sa.union_all(*(sa.select(p.limit(_look).subquery()) for p in parts)).subquery()
    return sa.select(every).order_by(*order.sorted(every.c)).limit(_look).subquery("page")


def as_row(r: Any) -> dict[str, Any]:
    """A row as data, without what it is only ordered by."""
    return {name: value for name, value in r._mapping.items() if name != _i.c.by_number.name}


# -- counting ----------------------------------------------------------------------------------------------


def counts(c: sa.Connection, who: Who, span: Span) -> dict[str, int]:
    """How many items (of 我发起: cases, of 抄送我: unread copies) each tab holds, at most `MOST_COUNTED`."""
    found = c.execute(_counts(Many.of(who)), bound(who, span)).one()._mapping
    return {tab: min(MOST_COUNTED, count) for tab, count in found.items()}


@lru_cache(maxsize=64)
def _counts(who: Many) -> sa.Select[Any]:
    """For each tab the sum of its strands, each counted to `MOST_COUNTED`."""

    def many(rows: sa.Select[Any]) -> Any:
        return sa.select(sa.func.count()).select_from(rows.subquery()).scalar_subquery()

    def one(strand: Strand, table: sa.Table = _i) -> Any:
        return many(sa.select(sa.literal_column("1")).select_from(table).where(strand).limit(MOST_COUNTED))

    def every(tab: str) -> Any:
        return reduce(add, (one(s) for s in _strands(tab, who)), sa.literal_column("0"))

    begun = one(t.cases.c.started_by == _me, t.cases)
    copied = reduce(add, (many(unread(way, _me)) for way in _copied(who)))
    tabs = (every(tab).label(tab) for tab in (*OPEN, "done"))
    return sa.select(*tabs, begun.label("begun"), copied.label("copied"))


def _copied(who: Many) -> list[Strand]:
    """Copies to the person, to everybody of one's units, to one's posts."""
    k = t.copies.c
    units = [
        sa.and_(k.unit == sa.bindparam(f"b_unit_{n}"), k.role == "", t.to_a_post) for n in range(who.units)
    ]
    posts = [
        sa.and_(k.unit == sa.bindparam(f"b_place_{n}"), k.role == sa.bindparam(f"b_role_{n}"), t.to_a_post)
        for n in range(who.posts)
    ]
    mine = sa.and_(k.person == _me, t.to_a_person)
    return [mine, *units, *posts]

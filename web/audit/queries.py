"""The trail 审计轨迹: every fact, by case, person, time and kind; and what happened to the office itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from engine.audit.office import entry_of
from engine.audit.office import sentence as office_sentence
from engine.audit.sentences import TECHNICAL
from engine.audit.verify import verify
from engine.audit.verify_tree import verify_tree
from engine.facts import KINDS
from engine.store import tables as t
from engine.values import plain
from web.context import the_engine
from web.history import some
from web.identity import Who
from web.paging import Page, paged
from web.present import end_of_day, start_of_day
from web.sight import visible


@dataclass(frozen=True, slots=True)
class Filter:
    """What the trail is narrowed to. `case` is a number or id, `person` an id, account or name."""

    case: str = ""
    person: str = ""
    kind: str = ""
    since: date | None = None
    until: date | None = None
    technical: bool = True  # also how the diagram was walked


def facts(c: sa.Connection, who: Who, f: Filter, *, after: str = "", limit: int = 50) -> Page:
    """One page of facts, newest first, as sentences."""
    engine = the_engine()
    x, k = t.facts, t.cases
    statement = (
        sa.select(x.c.case, x.c.seq, x.c.at, k.c.number, k.c.title, k.c.package)
        .join(k, k.c.id == x.c.case)
        .where(visible(who))
    )
    if f.case:
        statement = statement.where(sa.or_(k.c.id == f.case, k.c.number == f.case))
    if f.person:
        found = engine.directory().find_person(f.person)
        statement = statement.where(x.c.person == (found.id if found else f.person))
    if not f.technical and not f.kind:
        statement = statement.where(x.c.kind.not_in(sorted(k.kind for k in TECHNICAL)))
    if f.kind:
        statement = statement.where(x.c.kind == f.kind)
    if f.since:
        statement = statement.where(x.c.at >= start_of_day(f.since))
    if f.until:
        statement = statement.where(x.c.at < end_of_day(f.until))

    page = paged(
        c, statement, (x.c.at, x.c.case, x.c.seq), lambda r: (r.at, r.case, r.seq), lambda r: dict(r._mapping),
        kinds=(datetime, str, int), after=after, limit=limit, descending=True,
    )  # fmt: skip
    told = some(c, ((r["case"], r["seq"]) for r in page.rows), {r["case"]: r["package"] for r in page.rows})
    rows = [told[r["case"], r["seq"]] | {"number": r["number"], "title": r["title"]} for r in page.rows]
    return Page(rows, page.next)


def office_facts(c: sa.Connection, *, after: str = "", limit: int = 50) -> Page:
    """What happened to the office itself, newest first."""
    o = t.office_facts

    def row_of(r: Any) -> dict[str, Any]:
        entry = entry_of(r)
        return {
            "seq": entry.seq, "at": entry.at, "kind": entry.kind, "person": entry.person, "person_name": entry.person_name,
            "subject": entry.subject, "sentence": office_sentence(entry), "data": plain(entry.data), "hash": entry.hash.hex(),
        }  # fmt: skip

    return paged(
        c,
        sa.select(o),
        (o.c.seq,),
        lambda r: (r.seq,),
        row_of,
        kinds=(int,),
        after=after,
        limit=limit,
        descending=True,
    )


def kinds() -> list[tuple[str, str]]:
    """Kinds of fact with the first words of what they mean, for the filter."""
    found = []
    for name, cls in KINDS.items():
        meaning = (cls.__doc__ or "").strip().split("：")[0].split("。")[0]
        found.append((name, meaning if meaning and not meaning.isascii() and len(meaning) < 10 else name))
    return sorted(found, key=lambda pair: pair[1].isascii())


def verification() -> dict[str, Any]:
    """Check every chain and the tree over them; each break with its case's number and title."""
    engine = the_engine()
    with engine.read() as c:
        report = verify(c)
        verify_tree(c, report)
        data = report.to_data()
        ids = [b.case for b in report.breaks]
        titles = {
            r.id: (r.number, r.title) for r in c.execute(sa.select(t.cases).where(t.cases.c.id.in_(ids)))
        }
    for broken in data["breaks"]:
        broken["number"], broken["title"] = titles.get(broken["case"], ("", ""))
    return data | {"at": engine.now()}

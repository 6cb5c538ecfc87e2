"""What is probably the same hazard 查重: cases that resemble what somebody is about to register, or has registered.

Compared are the newest cases of the same enterprise and of the same place (`MOST_COMPARED` of each, within the package's
`duplicate_days`) that the person may see. Two descriptions are as alike as the shorter one's pairs of neighbouring signs are found
in the other; another enterprise counts as far as its name resembles the one that was entered. There is no index of words: an
index would be written with every change of a case, and read some times a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from operator import add
from typing import Any

import sqlalchemy as sa

from engine.definitions.model import Package
from engine.store import tables as t
from web import discretion
from web.identity import Who
from web.register import queries

MOST_COMPARED = 3000
MOST_SHOWN = 5
FEWEST = 8
"""Pairs of signs below which a text is too short to say that it is found in another one: it counts as if it had so many."""

DAYS, LIKENESS = 365, 45
"""For packages that do not say: how far back, and from how many percent on. [P]"""

_k = t.cases


def alike(
    c: sa.Connection,
    who: Who,
    package: Package,
    party: str,
    region: str,
    words: str,
    now: datetime,
    case: str = "",
) -> list[dict[str, Any]]:
    """The cases most like it, without `case` itself, the most alike first; none while too little is written."""
    wanted = shingles(words)
    if len(wanted) < FEWEST // 2:
        return []
    least = _whole(package, "duplicate_likeness", LIKENESS)
    found = []
    parties: dict[str, float] = {}
    for row in _candidates(c, who, package, party, region, now):
        if row["id"] == case:
            continue
        theirs = row["party"]
        if theirs not in parties:
            parties[theirs] = _same_party(party, theirs)
        if 100 * parties[theirs] < least:
            continue
        score = round(100 * likeness(wanted, shingles(_said(row, package))) * parties[theirs])
        if score >= least:
            found.append((score, row["started_at"], row))
    found.sort(key=lambda one: one[:2], reverse=True)
    return [
        {
            "case": row["id"],
            "number": row["number"],
            "title": row["title"],
            "status": row["status"],
            "state": row["state"],
            "party": row["party"],
            "region": row["region"],
            "started_at": row["started_at"],
            "likeness": score,
            "reasons": _reasons(row, party, region, score),
        }
        for score, _, row in found[:MOST_SHOWN]
    ]


def shingles(text: str) -> frozenset[str]:
    """The pairs of neighbouring letters, digits and signs, without punctuation and whatever their case."""
    signs = "".join(filter(str.isalnum, text.casefold()))
    return frozenset(map(add, signs, signs[1:]))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """From 0 to 1: how much of the shorter text stands in the other."""
    return len(one & other) / max(min(len(one), len(other)), FEWEST)


def _same_party(given: str, theirs: str) -> float:
    if not given or not theirs or given == theirs:
        return 1.0
    names = shingles(given), shingles(theirs)
    return len(names[0] & names[1]) / max(min(map(len, names)), 1)


def _candidates(
    c: sa.Connection, who: Who, package: Package, party: str, region: str, now: datetime
) -> list[dict[str, Any]]:
    since = now - timedelta(days=_whole(package, "duplicate_days", DAYS))
    near = [column == value for column, value in ((_k.c.party, party), (_k.c.region, region)) if value]
    columns = (
        _k.c.id,
        _k.c.number,
        _k.c.title,
        _k.c.status,
        _k.c.state,
        _k.c.party,
        _k.c.region,
        _k.c.started_at,
    )
    reader = discretion.of(who)
    found: dict[str, dict[str, Any]] = {}
    for way in near or [sa.true()]:
        where = [
            _k.c.package_key == package.key,
            _k.c.state.not_in(("cancelled", "merged")),
            _k.c.started_at >= since,
            way,
        ]
        keys = queries.merged(who, where)
        rows = sa.select(*columns, _k.c.origin, _k.c.register).join(keys, keys.c.id == _k.c.id)
        for row in c.execute(rows, {"b_count": MOST_COMPARED}):
            if row.id not in found:
                found[row.id] = reader.case(queries.as_row(row))
    return list(found.values())


def _said(row: Mapping[str, Any], package: Package) -> str:
    """What a case says of its hazard; its title where the package names no columns."""
    said = [str(row["register"].get(key) or "") for key in package.register.get("alike", ())]
    return "\n".join(said) if any(said) else row["title"]


def _reasons(row: Mapping[str, Any], party: str, region: str, score: int) -> list[str]:
    said = ["同一企业"] if party and row["party"] == party else []
    if region and row["region"] == region:
        said.append("同一属地")
    return [*said, f"内容相近 {score}%"]


def _whole(package: Package, key: str, otherwise: int) -> int:
    parameter = package.parameters.get(key)
    value = parameter.value if parameter is not None else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else otherwise

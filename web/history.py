"""A case's history as people read it 轨迹: each fact as a sentence, and whether it only says how the diagram was walked.

Sentences of later facts need the earlier ones ("item 17" becomes “隐患判定”), so a case is always told from its first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from engine.audit import ledger, sentences
from engine.audit.sentences import Line
from engine.definitions.model import Package
from engine.facts import to_data
from engine.values import plain
from web.context import the_engine
from web.discretion import Discretion
from web.paging import Page, decode, encode


def told(c: sa.Connection, case: str, package: Package) -> list[Line]:
    """The whole case, in order."""
    names = {p.id: p.name for p in the_engine().directory().people.values()}
    return sentences.timeline(ledger.entries_of(c, case), package, names)


def as_row(line: Line) -> dict[str, Any]:
    """A line as data."""
    e = line.entry
    data = to_data(e.fact)
    return {
        "case": e.case,
        "seq": e.seq,
        "at": e.at,
        "kind": data.pop("kind"),
        "person": e.actor.person,
        "person_name": e.actor.name,
        "unit": e.actor.unit,
        "role": e.actor.role,
        "command": e.command,
        "sentence": line.text,
        "technical": line.technical,
        "data": plain(data),
        "hash": e.hash.hex(),
    }


def timeline(
    c: sa.Connection,
    case: str,
    package: Package,
    *,
    after: str = "",
    limit: int = 100,
    newest_first: bool = True,
    discretion: Discretion,
) -> Page:
    """One page of a case's history, as far as it is the reader's to read."""
    lines = discretion.facts(as_row(x) for x in told(c, case, package))
    if after:
        (seq,) = decode(after, (int,))
        lines = [x for x in lines if (x["seq"] < seq if newest_first else x["seq"] > seq)]
    if newest_first:
        lines.reverse()
    shown = lines[:limit]
    return Page(shown, encode((shown[-1]["seq"],)) if len(lines) > limit else "")


def some(
    c: sa.Connection, wanted: Iterable[tuple[str, int]], packages: dict[str, str]
) -> dict[tuple[str, int], dict[str, Any]]:
    """Single facts of several cases, by (case, seq). `packages` are the cases' package hashes."""
    by_case: dict[str, set[int]] = {}
    for case, seq in wanted:
        by_case.setdefault(case, set()).add(seq)
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for case, seqs in by_case.items():
        for line in told(c, case, the_engine().package(packages[case])):
            if line.entry.seq in seqs:
                found[case, line.entry.seq] = as_row(line)
    return found

"""Proving the record 核验: stream every chain, recompute every hash, and name the first break of each.

What is compared: each fact's number and hash against its own words and its predecessor; the chain's end against `cases`
and `snapshots`; and, where asked, the folded facts against the snapshot's state. A cut tail, or a whole case rewritten
consistently, is seen only against a checkpoint kept elsewhere; that is not claimed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from engine import facts as f
from engine.audit import chain
from engine.execution.state import State, evolve
from engine.store import settings
from engine.store.tables import cases, facts, office_facts, snapshots
from engine.values import canonical, loads

OFFICE = "office"
"""How the office's own chain is named in a report."""


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a chain does not hold: the case's id (or `OFFICE`), the fact's number, and why, in Chinese."""

    case: str
    seq: int
    reason: str


@dataclass(slots=True)
class Report:
    """What a verification found. `ok` when nothing is broken."""

    cases: int = 0
    facts: int = 0
    office_facts: int = 0
    folded: bool = False
    breaks: list[Break] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.breaks

    def to_data(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ok": self.ok,
            "cases": self.cases,
            "facts": self.facts,
            "office_facts": self.office_facts,
            "folded": self.folded,
            "breaks": [{"case": b.case, "seq": b.seq, "reason": b.reason} for b in self.breaks],
        }


@dataclass(slots=True)
class _Walk:
    """One case's chain while it is being read."""

    case: str
    seq: int = 0
    head: bytes = chain.START
    state: State | None = None
    broken: bool = False


def verify(connection: sa.Connection, *, case: str = "", fold: bool = False) -> Report:
    """Check all chains, or one case's. `fold` also folds the facts and compares with the snapshots (slower).

    Reads in one consistent view and streams the facts; only the ends of the chains (and with `fold` the snapshots) are held.
    """
    digest = chain.hash_function(settings.get(connection, [chain.SETTING]).get(chain.SETTING, "sha256"))
    report = Report(folded=fold)
    ends = _ends(connection, case, fold=fold)
    walk: _Walk | None = None
    query = sa.select(facts).order_by(facts.c.case, facts.c.seq)
    if case:
        query = query.where(facts.c.case == case)
    for row in connection.execute(query, execution_options={"yield_per": 1000}):
        if walk is None or walk.case != row.case:
            if walk is not None:
                _finish(walk, ends, report)
            walk = _Walk(row.case, state=State() if fold else None)
        report.facts += 1
        if not walk.broken:
            _step(walk, row, digest, report)
    if walk is not None:
        _finish(walk, ends, report)
    for left in sorted(ends):
        report.cases += 1
        report.breaks.append(Break(left, 1, "案件的全部记录缺失"))
    if not case:
        _verify_office(connection, digest, report)
    return report


def _ends(connection: sa.Connection, case: str, *, fold: bool) -> dict[str, Any]:
    """Case id → where `cases` and `snapshots` say its chain ends."""
    query = sa.select(
        cases.c.id,
        cases.c.seq,
        cases.c.head,
        snapshots.c.seq.label("snapshot_seq"),
        snapshots.c.head.label("snapshot_head"),
        *([snapshots.c.state] if fold else []),
    ).join_from(cases, snapshots, snapshots.c.case == cases.c.id, isouter=True)
    if case:
        query = query.where(cases.c.id == case)
    return {row.id: row for row in connection.execute(query)}


def _step(walk: _Walk, row: Any, digest: chain.Hash, report: Report) -> None:
    expected = walk.seq + 1
    if row.seq != expected:
        _break(walk, report, expected, f"缺少第 {expected} 条记录（下一条是第 {row.seq} 条）")
        return
    found = chain.link(
        digest,
        walk.head,
        row.case,
        row.seq,
        chain.instant_text(row.at),
        row.kind,
        row.person,
        row.person_name,
        row.unit,
        row.role,
        row.command,
        row.data,
    )
    if found != row.hash:
        _break(walk, report, row.seq, "内容与校验值不符，这条记录或它之前的链接被改动")
        return
    walk.seq, walk.head = row.seq, row.hash
    if walk.state is not None:
        try:
            evolve(walk.state, f.from_data(loads(row.data)))
        except Exception as error:
            _break(walk, report, row.seq, f"记录无法重放（{type(error).__name__}）")


def _finish(walk: _Walk, ends: dict[str, Any], report: Report) -> None:
    """The chain is read to its end: does everything that points at the end agree?"""
    report.cases += 1
    end = ends.pop(walk.case, None)
    if walk.broken:
        return
    if end is None:
        _break(walk, report, walk.seq, "有记录而没有案件")
    elif (end.seq, end.head) != (walk.seq, walk.head):
        _break(walk, report, walk.seq + 1, f"案件登记有 {end.seq} 条记录，实际有 {walk.seq} 条，末尾被改动")
    elif (end.snapshot_seq, end.snapshot_head) != (walk.seq, walk.head):
        _break(walk, report, walk.seq, "快照不是最后一条记录之后的状态")
    elif walk.state is not None and canonical(walk.state.to_data()) != _rewritten(end.state):
        _break(walk, report, walk.seq, "快照与全部记录重放的结果不同")


def _break(walk: _Walk, report: Report, seq: int, reason: str) -> None:
    walk.broken = True
    report.breaks.append(Break(walk.case, seq, reason))


def _rewritten(state: bytes) -> bytes:
    """The snapshot as this program would write it today."""
    try:
        return canonical(State.from_data(loads(state)).to_data())
    except Exception:
        return b"unreadable"


def _verify_office(connection: sa.Connection, digest: chain.Hash, report: Report) -> None:
    head = chain.START
    rows = connection.execute(sa.select(office_facts).order_by(office_facts.c.seq))
    for seq, row in enumerate(rows, 1):
        report.office_facts += 1
        if row.seq != seq:
            report.breaks.append(Break(OFFICE, seq, f"缺少第 {seq} 条内务记录"))
            return
        at = chain.instant_text(row.at)
        head = chain.link(
            digest, head, "", seq, at, row.kind, row.person, row.person_name, row.subject, "", "", row.data
        )
        if head != row.hash:
            report.breaks.append(Break(OFFICE, seq, "内务记录的内容与校验值不符"))
            return

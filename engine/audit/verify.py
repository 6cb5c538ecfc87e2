"""Proving the record 核验: stream every chain, recompute every hash, and name the first break of each.

What is compared: each fact's number and hash against its own words and its predecessor; the chain's end against `cases` and
`snapshots`; every leaf of the sequence against the fact it names; the tree over the leaves against the checkpoints; and,
where asked, the folded facts against the snapshot's state. Inside the database all of this could be rewritten together:
that is found with a checkpoint that was kept elsewhere (`verify_tree`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from engine import facts as f
from engine.audit import chain
from engine.execution.state import State, evolve
from engine.store import settings
from engine.store.tables import archived, cases, facts, office_facts, snapshots
from engine.values import canonical, loads

OFFICE = "office"
"""How the office's own chain is named in a report."""

TOGETHER = 500
"""Chains whose ends are looked up in one query."""

Progress = Callable[[int, int], None]
"""Told now and then how many facts are done, of how many."""


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a chain does not hold: the case's id (or `OFFICE`, or `verify_tree.TREE`), the fact's number, and
    why, in Chinese."""

    case: str
    seq: int
    reason: str


@dataclass(slots=True)
class Report:
    """What a verification found. `ok` when nothing is broken."""

    cases: int = 0
    facts: int = 0
    office_facts: int = 0
    leaves: int = 0
    checkpoints: int = 0
    archived: int = 0
    """Archived cases whose archive file was read."""
    away: int = 0
    """Archived cases whose facts were not looked at."""
    folded: bool = False
    breaks: list[Break] = field(default_factory=list)
    _named: set[str] = field(default_factory=set)

    @property
    def ok(self) -> bool:
        return not self.breaks

    def broken(self, case: str, seq: int, reason: str) -> None:
        """Note a break, unless the chain is known to be broken already."""
        if case not in self._named:
            self._named.add(case)
            self.breaks.append(Break(case, seq, reason))

    def to_data(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ok": self.ok,
            "cases": self.cases,
            "facts": self.facts,
            "office_facts": self.office_facts,
            "leaves": self.leaves,
            "checkpoints": self.checkpoints,
            "archived": self.archived,
            "away": self.away,
            "folded": self.folded,
            "breaks": [{"case": b.case, "seq": b.seq, "reason": b.reason} for b in self.breaks],
        }


@dataclass(slots=True)
class Walk:
    """One case's chain while it is being read. `reason` says where it broke: at fact `seq + 1`."""

    case: str
    seq: int = 0
    head: bytes = chain.START
    state: State | None = None
    reason: str = ""


Row = tuple[str, int, str, str, str, str, str, str, str, bytes, bytes]
"""case, seq, at (as in a header), kind, person, person_name, unit, role, command, data, hash."""


def verify(
    connection: sa.Connection, *, case: str = "", fold: bool = False, progress: Progress | None = None
) -> Report:
    """Check all chains, or one case's. `fold` also folds the facts and compares with the snapshots (slower).

    Reads in the one consistent view of `connection` and streams: memory does not grow with the number of facts or cases.
    """
    digest = chain.hash_function(settings.get(connection, [chain.SETTING]).get(chain.SETTING, "sha256"))
    report = Report(folded=fold)
    total = 0
    if progress is not None:
        count = sa.select(sa.func.coalesce(sa.func.sum(cases.c.seq), 0))
        total = int(connection.execute(count).scalar() or 0)
    done: list[Walk] = []
    for walk in walks(_told(fact_rows(connection, case), report, progress, total), digest, fold=fold):
        done.append(walk)
        if len(done) == TOGETHER:
            _ends(connection, done, report)
            done = []
    _ends(connection, done, report)
    _without_facts(connection, case, report)
    if not case:
        _verify_office(connection, digest, report)
    if progress is not None:
        progress(report.facts, max(total, report.facts))
    return report


def fact_rows(connection: sa.Connection, case: str = "") -> Iterator[Row]:
    """All facts by case and number, or one case's, the instants as headers have them: as they lie in SQLite, written so by
    PostgreSQL (no column type of ours is asked a million times)."""
    at: sa.ColumnElement[str] = sa.type_coerce(facts.c.at, sa.String)
    if connection.dialect.name == "postgresql":
        utc = sa.func.timezone("UTC", facts.c.at)
        at = sa.type_coerce(sa.func.to_char(utc, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), sa.String)
    c = facts.c
    query = sa.select(
        c.case, c.seq, at, c.kind, c.person, c.person_name, c.unit, c.role, c.command,
        sa.type_coerce(c.data, sa.types.NullType()), sa.type_coerce(c.hash, sa.types.NullType()),
    ).order_by(c.case, c.seq)  # fmt: skip
    if case:
        query = query.where(c.case == case)
    with connection.execute(query, execution_options={"yield_per": 2000}) as result:
        for partition in result.partitions():
            yield from partition


def walks(rows: Iterable[Row], digest: chain.Hash, *, fold: bool = False) -> Iterator[Walk]:
    """Each case's chain, walked as far as it holds; `rows` come by case and number, from a database or from a copy of one."""
    walk: Walk | None = None
    link = chain.link
    for row in rows:
        case, seq, at, kind, person, name, unit, role, command, data, hash_ = row
        if walk is None or walk.case != case:
            if walk is not None:
                yield walk
            walk = Walk(case, state=State() if fold else None)
        if walk.reason:
            continue
        if (
            seq == walk.seq + 1
            and link(digest, walk.head, case, seq, at, kind, person, name, unit, role, command, data) == hash_
        ):
            if walk.state is not None:
                walk.reason = _evolved(walk.state, data)
                if walk.reason:
                    continue
            walk.seq, walk.head = seq, hash_
        else:
            walk.reason = _unlike(walk, seq)
    if walk is not None:
        yield walk


def _unlike(walk: Walk, seq: int) -> str:
    expected = walk.seq + 1
    if seq != expected:
        return f"缺少第 {expected} 条记录（下一条是第 {seq} 条）"
    return "内容与校验值不符，这条记录或它之前的链接被改动"


def _evolved(state: State, data: bytes) -> str:
    try:
        evolve(state, f.from_data(loads(data)))
    except Exception as error:
        return f"记录无法重放（{type(error).__name__}）"
    return ""


def _told(rows: Iterable[Row], report: Report, progress: Progress | None, total: int) -> Iterator[Row]:
    """The rows, counted into the report."""
    for count, row in enumerate(rows, 1):
        report.facts = count
        if progress is not None and count % 20_000 == 0:
            progress(count, max(total, count))
        yield row


def _ends(connection: sa.Connection, done: list[Walk], report: Report) -> None:
    """The chains are read to their ends: does everything that points at the ends agree?"""
    if not done:
        return
    folded = done[0].state is not None
    query = sa.select(
        cases.c.id,
        cases.c.seq,
        cases.c.head,
        snapshots.c.seq.label("snapshot_seq"),
        snapshots.c.head.label("snapshot_head"),
        *([snapshots.c.state] if folded else []),
    ).join_from(cases, snapshots, snapshots.c.case == cases.c.id, isouter=True)
    query = query.where(cases.c.id.in_([walk.case for walk in done]))
    ends: dict[str, Any] = {row.id: row for row in connection.execute(query)}
    for walk in done:
        report.cases += 1
        end = ends.get(walk.case)
        if walk.reason:
            report.broken(walk.case, walk.seq + 1, walk.reason)
        elif end is None:
            report.broken(walk.case, walk.seq, "有记录而没有案件")
        elif (end.seq, end.head) != (walk.seq, walk.head):
            said = f"案件登记有 {end.seq} 条记录，实际有 {walk.seq} 条，末尾被改动"
            report.broken(walk.case, walk.seq + 1, said)
        elif (end.snapshot_seq, end.snapshot_head) != (walk.seq, walk.head):
            report.broken(walk.case, walk.seq, "快照不是最后一条记录之后的状态")
        elif walk.state is not None and canonical(walk.state.to_data()) != _rewritten(end.state):
            report.broken(walk.case, walk.seq, "快照与全部记录重放的结果不同")


def _without_facts(connection: sa.Connection, case: str, report: Report) -> None:
    """Cases whose facts are gone, but for those that are in an archive."""
    query = sa.select(cases.c.id).where(
        ~sa.exists().where(facts.c.case == cases.c.id), ~sa.exists().where(archived.c.case == cases.c.id)
    )
    query = query.order_by(cases.c.id)
    if case:
        query = query.where(cases.c.id == case)
    for left in connection.execute(query).scalars():
        report.cases += 1
        report.broken(left, 1, "案件的全部记录缺失")


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
            report.broken(OFFICE, seq, f"缺少第 {seq} 条内务记录")
            return
        at = chain.instant_text(row.at)
        head = chain.link(
            digest, head, "", seq, at, row.kind, row.person, row.person_name, row.subject, "", "", row.data
        )
        if head != row.hash:
            report.broken(OFFICE, seq, "内务记录的内容与校验值不符")
            return

"""The ledger 台账总账: `record` is the only writer of what happens to cases.

It numbers the facts of one command, binds them into the case's chain, and gathers facts, projected rows, snapshot,
outbox and the command's receipt into one batch, which the caller's transaction writes. So no row changes without a fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine import facts as f
from engine.audit import chain
from engine.calendar import Moment
from engine.commands import Actor
from engine.definitions.model import Package
from engine.execution.state import State
from engine.store import snapshots, tables
from engine.store.batch import Batch
from engine.store.projection import Projection, Standing
from engine.values import dumps, loads


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact as it stands in the ledger. `actor` is the person's name and post as they were then."""

    case: str
    seq: int
    at: datetime
    fact: f.Fact
    actor: Actor
    command: str
    hash: bytes = field(repr=False, default=b"")


@dataclass(slots=True)
class Position:
    """Where a case's chain stands, and what stood open in the case, before a batch of facts."""

    case: str
    seq: int = 0
    head: bytes = chain.START
    standing: Standing = field(default_factory=Standing)


OUTGOING = (f.MessageSent, f.SignalSent, f.NoticeSent, f.CaseMerged)
"""Facts that leave a row in the outbox."""


def record(
    batch: Batch,
    position: Position,
    state: State,
    package: Package,
    facts: Sequence[f.Fact],
    actor: Actor,
    command_id: str,
    moment: Moment,
    *,
    digest: chain.Hash,
    asked: str = "",
) -> list[Entry]:
    """Gather what the facts of one command write to the case at `position`, after which it is in `state`.

    `position` moves on. `asked` is the SHA-256 of the command, by which a second asking under the same id is
    recognised. Also a command without facts leaves its receipt, unless it would begin a case.
    """
    case, now = position.case, moment.now
    new = position.seq == 0
    entries, rows = chained(position, facts, actor, command_id, now, digest)
    position.seq += len(entries)
    position.head = entries[-1].hash if entries else position.head
    if entries:
        projection = Projection(batch, case, package, position.standing, state, actor, moment)
        projection.take(facts)
        projection.case_row(position.seq, position.head)
        for entry, row in zip(entries, rows, strict=True):
            batch.insert(tables.facts, (case, entry.seq), row)
            if isinstance(entry.fact, OUTGOING):
                batch.insert_once(tables.outbox, _outgoing(entry))
        snapshots.save(batch, case, position.seq, position.head, dumps(state.to_data()), new=new)
    receipt = {"case": case, "seq": position.seq, "person": actor.person, "at": now, "digest": asked}
    batch.insert(tables.commands, (command_id,), receipt)
    position.standing = Standing.of(state)
    return entries


def chained(
    position: Position,
    facts: Iterable[f.Fact],
    actor: Actor,
    command_id: str,
    at: datetime,
    digest: chain.Hash,
) -> tuple[list[Entry], list[dict[str, Any]]]:
    """The facts numbered and bound to `position` (which stays): entries, and the rest of their rows in the facts table."""
    case, seq, head = position.case, position.seq, position.head
    entries: list[Entry] = []
    rows: list[dict[str, Any]] = []
    when = chain.instant_text(at)
    person, name, unit, role = actor.person, actor.name, actor.unit, actor.role
    behalf = {f.BEHALF: actor.behalf} if actor.behalf else {}
    for fact in facts:
        seq += 1
        data = dumps(f.to_data(fact) | behalf)
        head = chain.link(
            digest, head, case, seq, when, fact.kind, person, name, unit, role, command_id, data
        )
        entries.append(Entry(case, seq, at, fact, actor, command_id, head))
        rows.append(
            {
                "at": at,
                "kind": fact.kind,
                "person": person,
                "person_name": name,
                "unit": unit,
                "role": role,
                "command": command_id,
                "data": data,
                "hash": head,
            }
        )
    return entries, rows


def _outgoing(entry: Entry) -> dict[str, Any]:
    """The outbox row of a fact that others hear of. Its key is the same however often it is sent."""
    fact = entry.fact
    what = "message" if isinstance(fact, f.MessageSent) else "signal"
    key = f"{entry.case}/{entry.seq}"
    if isinstance(fact, f.NoticeSent):
        what, key = "notice", fact.key or key
    elif isinstance(fact, f.CaseMerged):
        what = "merge"
    return {
        "key": key,
        "case": entry.case,
        "what": what,
        "data": dumps(f.to_data(fact)),
        "written_at": entry.at,
        "send_at": entry.at,
        "attempts": 0,
        "last_error": "",
    }


# -- reading -----------------------------------------------------------------------------------------------

_of_case = (
    sa.select(tables.facts).where(tables.facts.c.case == sa.bindparam("b_case")).order_by(tables.facts.c.seq)
)
_of_command = _of_case.where(tables.facts.c.command == sa.bindparam("b_command"))


_since = (
    sa.select(tables.facts.c.seq, tables.facts.c.hash, tables.facts.c.data)
    .where(tables.facts.c.case == sa.bindparam("b_case"), tables.facts.c.seq >= sa.bindparam("b_seq"))
    .order_by(tables.facts.c.seq)
)


def since(
    connection: sa.Connection, case: str, seq: int, head: bytes
) -> list[tuple[int, bytes, f.Fact]] | None:
    """What has happened after fact `seq`, whose hash is `head`, each with number and hash; 0: all. None where the case has no
    such fact."""
    rows = connection.execute(_since, {"b_case": case, "b_seq": seq}).all()
    if seq and (not rows or bytes(rows[0].hash) != head):
        return None
    return [(row.seq, row.hash, f.from_data(loads(row.data))) for row in rows if row.seq > seq]


def entry_of(row: Any) -> Entry:
    """A row of the facts table as an entry."""
    data = loads(row.data)
    return Entry(
        row.case,
        row.seq,
        row.at,
        f.from_data(data),
        Actor(row.person, row.person_name, row.unit, row.role, behalf=data.get(f.BEHALF, "")),
        row.command,
        row.hash,
    )


def entries_of(connection: sa.Connection, case: str, *, command: str = "") -> list[Entry]:
    """All entries of a case in order; with `command`, those that it caused."""
    if command:
        rows = connection.execute(_of_command, {"b_case": case, "b_command": command})
    else:
        rows = connection.execute(_of_case, {"b_case": case})
    return [entry_of(row) for row in rows]

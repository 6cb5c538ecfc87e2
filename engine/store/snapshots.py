"""Snapshots 快照: a cache of `fold(facts)`, one a case, pinned to the fact it was taken after by that fact's hash."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from engine.store.tables import cases, snapshots


@dataclass(frozen=True, slots=True)
class Stored:
    """A case as it lies in the database. `state` is `State.to_data()` in canonical JSON."""

    package: str
    seq: int
    head: bytes
    state: bytes


_columns = (cases.c.package, cases.c.seq, cases.c.head, snapshots.c.state, snapshots.c.head.label("pin"))
_load = (
    sa.select(*_columns)
    .join_from(cases, snapshots, snapshots.c.case == cases.c.id)
    .where(cases.c.id == sa.bindparam("b_case"))
)
_lock = _load.with_for_update(of=[cases, snapshots])
# both: what waited for another's commit then reads what that one wrote, in both
_insert = sa.insert(snapshots)
_update = (
    sa.update(snapshots)
    .where(snapshots.c.case == sa.bindparam("b_case"))
    .values(seq=sa.bindparam("v_seq"), head=sa.bindparam("v_head"), state=sa.bindparam("v_state"))
)


def load(connection: sa.Connection, case: str, *, lock: bool = False) -> Stored | None:
    """The case's snapshot, or None when there is no such case. `lock` keeps it ours until the transaction ends."""
    row = connection.execute(_lock if lock else _load, {"b_case": case}).first()
    if row is None:
        return None
    if row.pin != row.head:
        raise RuntimeError(f"case {case}: its snapshot belongs to another fact; run `duban audit verify`")
    return Stored(row.package, row.seq, row.head, row.state)


def save(connection: sa.Connection, case: str, seq: int, head: bytes, state: bytes, *, new: bool) -> None:
    """Keep the case's state after fact `seq`, whose hash is `head`. `new`: the case has no snapshot yet."""
    if new:
        connection.execute(_insert, [{"case": case, "seq": seq, "head": head, "state": state}])
    else:
        connection.execute(_update, {"b_case": case, "v_seq": seq, "v_head": head, "v_state": state})

"""Snapshots 快照: a cache of `fold(facts)`, one a case, pinned to the fact it was taken after by that fact's hash.

Taking a case for a command is one statement: it locks the case, and reads its snapshot, whether the command was asked
before, and the settings the engine watches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from engine.store import raw
from engine.store.batch import Batch
from engine.store.tables import cases, snapshots


@dataclass(frozen=True, slots=True)
class Stored:
    """A case as it lies in the database. `state` is `State.to_data()` in canonical JSON."""

    package: str
    seq: int
    head: bytes
    state: bytes
    watched: dict[str, str]
    """The settings that were asked for, as far as they are set."""
    asked: bool
    """Whether a command of the id asked for was done already. A command that commits while this one waits for the case is not
    seen; its receipt's key stops a second one when it is written."""


_TAKE = """
SELECT c.package, c.seq, c.head, s.state, s.head AS pin,
    (SELECT {join}(key || '=' || value, {newline}) FROM settings WHERE key IN ({keys})) AS watched,
    EXISTS (SELECT 1 FROM commands WHERE id = {receipt}) AS asked
FROM cases c JOIN snapshots s ON s."case" = c.id WHERE c.id = {case}{lock}"""
# Both rows are locked: what waited for another's commit then reads what that one wrote, in both.
_WORDS = {
    "postgresql": {"join": "string_agg", "newline": "chr(10)"},
    "sqlite": {"join": "group_concat", "newline": "char(10)"},
}


_all = (
    sa.select(
        cases.c.id,
        cases.c.package,
        cases.c.seq,
        cases.c.head,
        snapshots.c.state,
        snapshots.c.head.label("pin"),
    )
    .join_from(cases, snapshots, snapshots.c.case == cases.c.id)
    .where(cases.c.id.in_(sa.bindparam("claimed", expanding=True)))
)


@lru_cache(maxsize=8)
def _take(dialect: str, watched: int, lock: bool) -> str:
    places = [f"${n}" if dialect == "postgresql" else "?" for n in range(1, watched + 3)]
    return _TAKE.format(
        keys=", ".join(places[:-2]),
        receipt=places[-2],
        case=places[-1],
        lock=" FOR UPDATE OF c, s" if lock and dialect == "postgresql" else "",
        **_WORDS[dialect],
    )


def take_all(connection: sa.Connection, claimed: Sequence[str]) -> dict[str, Stored]:
    """The snapshots of cases that are locked by this transaction already, by id, in one statement."""
    found: dict[str, Stored] = {}
    for case, package, seq, head, state, pin in connection.execute(_all, {"claimed": list(claimed)}):
        _pinned(case, head, pin)
        found[case] = Stored(package, seq, head, state, {}, False)
    return found


def take(
    connection: sa.Connection | raw.Line,
    case: str,
    *,
    lock: bool = True,
    watch: Sequence[str] = (),
    receipt: str = "",
) -> Stored | None:
    """The case's snapshot, or None when there is no such case. `lock` keeps it ours until the transaction ends; `watch` are
    keys of settings to be read with it, `receipt` the id of a command that may have been done before."""
    text = _take(connection.dialect.name, len(watch), lock)
    parameters = (*watch, receipt, case)
    row: Any = None
    if isinstance(connection, raw.Line) or connection.dialect.name == "postgresql":
        row = raw.execute(connection, text, parameters)
    else:
        row = connection.exec_driver_sql(text, parameters).first()
    if row is None:
        return None
    package, seq, head, state, pin, watched, asked = row
    _pinned(case, head, pin)
    found = dict(line.split("=", 1) for line in watched.split("\n")) if watched else {}
    return Stored(package, seq, head, state, found, bool(asked))


def _pinned(case: str, head: bytes, pin: bytes) -> None:
    if pin != head:
        raise RuntimeError(f"case {case}: its snapshot belongs to another fact; run `duban audit verify`")


def save(batch: Batch, case: str, seq: int, head: bytes, state: bytes, *, new: bool) -> None:
    """Keep the case's state after fact `seq`, whose hash is `head`. `new`: the case has no snapshot yet."""
    row = {"seq": seq, "head": head, "state": state}
    if new:
        batch.insert(snapshots, (case,), row)
    else:
        batch.change(snapshots, (case,), **row)

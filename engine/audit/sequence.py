"""The sequence 存证序列: numbers what was committed, so that one tree can stand over all chains.

A leaf says: this case (or the office, "") has `seq` facts, the last with this hash. Its chain binds all before it, so one
leaf a case and round stands for all of its new facts, and nothing is added to the transaction that writes them.

Who commits late is never passed over: a round does not ask what came since, but which chains are longer than the last
leaf of theirs says. It looks at cases with facts of late (the margin of an hour covers slow transactions and clocks that
differ), and once a day at all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from engine.audit import merkle
from engine.audit.chain import Hash
from engine.store.database import Database
from engine.store.tables import cases, facts, leaves, office_facts, tiles

TOGETHER = 2000
"""Leaves written in one transaction."""

LOCK = 0x6475_6261_6E01
"""PostgreSQL's advisory lock of whoever appends; on SQLite there is one writer anyhow."""

_last_leaf = (
    sa.select(sa.func.coalesce(sa.func.max(leaves.c.seq), 0))
    .where(leaves.c.case == cases.c.id)
    .scalar_subquery()
)
_longer = sa.select(cases.c.id, cases.c.seq, cases.c.head).where(cases.c.seq > _last_leaf)
_longer_of = _longer.where(cases.c.id.in_(sa.bindparam("ids", expanding=True))).order_by(cases.c.id)
_insert = sa.insert(leaves)
_insert_tiles = sa.insert(tiles)


def leaf_data(case: str, seq: int, head: bytes) -> bytes:
    """What a leaf says, as it is hashed: canonical JSON `[case, seq, hash in hex]`."""
    return orjson.dumps([case, seq, head.hex()])


NEVER = threading.Event()
"""Told to whoever can be stopped between two steps, where nobody is going to."""


def append(database: Database, digest: Hash, since: datetime | None, stop: threading.Event = NEVER) -> int:
    """Give a leaf to every chain that has grown: among cases with facts since then, or, with None, among all. Returns how many.

    Another process that appends just now is left to do it. Once `stop` is set, the rest is left for the next round.
    """
    with database.read() as connection:
        query = sa.select(cases.c.id).where(cases.c.seq > _last_leaf)
        if since is not None:
            recent = sa.select(facts.c.case).where(facts.c.at >= since)
            query = query.where(cases.c.id.in_(recent))
        ids = connection.execute(query.order_by(cases.c.id)).scalars().all()
    done = 0
    for start in range(0, max(1, len(ids)), TOGETHER):
        if stop.is_set():
            return done
        with database.write() as connection:
            if not alone(connection):
                return done
            rows: list[Any] = list(
                connection.execute(_longer_of, {"ids": list(ids[start : start + TOGETHER])})
            )
            if start == 0:
                rows += _office(connection)
            _append(connection, digest, rows)
            done += len(rows)
    return done


def alone(connection: sa.Connection) -> bool:
    """Whether nobody else appends, nor can until this transaction ends."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(LOCK))).scalar())


def _office(connection: sa.Connection) -> list[tuple[str, int, bytes]]:
    last = connection.execute(
        sa.select(office_facts.c.seq, office_facts.c.hash).order_by(office_facts.c.seq.desc()).limit(1)
    ).first()
    told = connection.execute(sa.select(sa.func.max(leaves.c.seq)).where(leaves.c.case == "")).scalar() or 0
    return [("", last.seq, last.hash)] if last is not None and last.seq > told else []


def _append(connection: sa.Connection, digest: Hash, rows: Sequence[Any]) -> None:
    if not rows:
        return
    at = size(connection)
    tree = tree_at(connection, digest, at)
    new: list[dict[str, Any]] = []
    full: list[dict[str, Any]] = []
    for position, (case, seq, head) in enumerate(rows, at):
        new.append({"position": position, "case": case, "seq": seq, "head": head})
        for tile in tree.push(merkle.leaf_hash(digest, leaf_data(case, seq, head))):
            full.append({"level": tile.level, "position": tile.position, "hash": tile.hash})
    connection.execute(_insert, new)
    if full:
        connection.execute(_insert_tiles, full)


def size(connection: sa.Connection) -> int:
    """How many leaves there are."""
    last = connection.execute(sa.select(leaves.c.position).order_by(leaves.c.position.desc()).limit(1))
    found = last.scalar()
    return 0 if found is None else int(found) + 1


def tree_at(connection: sa.Connection, digest: Hash, size_: int) -> merkle.Tree:
    """The tree's right edge when it had this many leaves, by the kept tiles."""
    return merkle.tree_of(digest, nodes(connection, digest), size_)


def nodes(connection: sa.Connection, digest: Hash) -> merkle.Nodes:
    """What the tree reads: tiles, and the hashes of leaves."""

    def read(level: int, first: int, beyond: int) -> list[bytes]:
        if level:
            query = sa.select(tiles.c.hash).where(tiles.c.level == level)
            query = query.where(tiles.c.position >= first, tiles.c.position < beyond)
            return list(connection.execute(query.order_by(tiles.c.position)).scalars())
        found = sa.select(leaves.c.case, leaves.c.seq, leaves.c.head).where(
            leaves.c.position >= first, leaves.c.position < beyond
        )
        rows = connection.execute(found.order_by(leaves.c.position))
        return [merkle.leaf_hash(digest, leaf_data(*row)) for row in rows]

    return read

"""Proofs for others 证明: that a case stood in the tree, and that a newer tree only added to an older one.

Whoever holds the public key checks them with nothing but the proof itself: no database, no network, no trust in who hands it
over. A fact further back in the case is proved by the case's chain up to the leaf's hash (`audit.chain`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engine.audit import chain, checkpoint, merkle, sequence, signing
from engine.audit.checkpoint import Checkpoint
from engine.errors import InputInvalid, NotFound
from engine.store.tables import leaves


def of_case(connection: sa.Connection, case: str, against: Checkpoint) -> dict[str, Any]:
    """That the case had so many facts, the last with this hash, when the checkpoint was made: the newest leaf of the case in it.
    Raises `NotFound` when the checkpoint is older than the case's first leaf."""
    digest = chain.hash_function(against.hash)
    query = sa.select(leaves).where(leaves.c.case == case, leaves.c.position < against.size)
    leaf = connection.execute(query.order_by(leaves.c.position.desc()).limit(1)).first()
    if leaf is None:
        raise NotFound(
            "这个检查点里还没有这个案件。请换一个更新的检查点，或先执行 duban audit checkpoint --now。"
        )
    path = merkle.inclusion_path(digest, sequence.nodes(connection, digest), leaf.position, against.size)
    return {
        "case": case,
        "seq": leaf.seq,
        "head": leaf.head.hex(),
        "position": leaf.position,
        "path": [one.hex() for one in path],
        "checkpoint": against.note,
    }


def of_growth(connection: sa.Connection, old: Checkpoint, new: Checkpoint) -> dict[str, Any]:
    """That the tree of `new` holds everything that stood in the tree of `old`, at the same place. Raises `InputInvalid`."""
    digest = chain.hash_function(new.hash)
    if not 0 < old.size <= new.size:
        raise InputInvalid(f"前一个检查点有 {old.size} 项，后一个只有 {new.size} 项，先后颠倒了。")
    path = merkle.consistency_path(digest, sequence.nodes(connection, digest), old.size, new.size)
    return {"old": old.note, "path": [one.hex() for one in path], "checkpoint": new.note}


def holds(data: dict[str, Any], publics: list[str]) -> bool:
    """Whether a proof of either kind holds: its checkpoints are signed by one of these keys, and the path leads to their roots.
    Raises `InputInvalid` for what is no proof."""
    try:
        notes = [data["checkpoint"], *([data["old"]] if "old" in data else [])]
        if not all(signing.check(note, publics) for note in notes):
            return False
        new = checkpoint.read(data["checkpoint"])
        digest, path = chain.hash_function(new.hash), [bytes.fromhex(one) for one in data["path"]]
        if "old" in data:
            old = checkpoint.read(data["old"])
            return old.origin == new.origin and merkle.grew(
                digest, old.size, old.root, new.size, new.root, path
            )
        said = sequence.leaf_data(data["case"], data["seq"], bytes.fromhex(data["head"]))
        leaf, position = merkle.leaf_hash(digest, said), data["position"]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputInvalid("这不是 duban audit proof 给出的证明，或者内容不完整。") from None
    try:
        return merkle.root_by_path(digest, leaf, position, new.size, path) == new.root
    except (ValueError, TypeError):
        return False

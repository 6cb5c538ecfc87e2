"""Checkpoints 检查点: what the tree of hashes was at an instant, in C2SP's form, signed, to be kept outside the database.

    origin
    size, decimal
    root, base64
    at <instant, UTC>
    hash <name of H>                (the last two are extension lines)

Who holds one can show years later whether anything that stood before it was changed, taken away or put in a new order.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from engine.audit import chain, sequence, signing
from engine.errors import InputInvalid
from engine.store.tables import checkpoints


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A size and a root, and whose they are. `note` is the signed text as it stands in its file."""

    origin: str
    size: int
    root: bytes
    at: str  # UTC, microseconds; "" where the note does not say
    hash: str
    note: str = ""

    def text(self) -> str:
        """What is signed."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\nat {self.at}\nhash {self.hash}\n"


def read(note: str) -> Checkpoint:
    """A note as a checkpoint; its signature is not looked at (`signing.check`). Raises `InputInvalid`."""
    lines = signing.text_of(note).splitlines()
    try:
        origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError, binascii.Error):
        raise InputInvalid("检查点文件的前三行应为名称、大小和树根，请给出导出时得到的原文件。") from None
    more = dict(line.partition(" ")[::2] for line in lines[3:])
    return Checkpoint(origin, size, root, more.get("at", ""), more.get("hash", "sha256"), note)


def make(
    connection: sa.Connection, signer: signing.Signer, origin: str, at: datetime, hash_name: str
) -> Checkpoint:
    """Sign what the tree is now and keep it, in the caller's writing transaction."""
    tree = sequence.tree_at(connection, chain.hash_function(hash_name), sequence.size(connection))
    made = Checkpoint(origin, tree.size, tree.root(), chain.instant_text(at), hash_name)
    note = signing.signed(made.text(), signer)
    last = connection.execute(sa.select(sa.func.max(checkpoints.c.number))).scalar() or 0
    row = {"number": last + 1, "at": at, "size": made.size, "root": made.root, "note": note}
    connection.execute(sa.insert(checkpoints), [row])
    return Checkpoint(made.origin, made.size, made.root, made.at, made.hash, note)


def latest(connection: sa.Connection) -> Checkpoint | None:
    """The newest checkpoint made here."""
    row = connection.execute(sa.select(checkpoints.c.note).order_by(checkpoints.c.number.desc()).limit(1))
    note = row.scalar()
    return read(note) if note else None


def consistent(connection: sa.Connection, old: Checkpoint) -> bool:
    """Whether the tree, as it was when it had the old checkpoint's size, has its root: quick, by the kept tiles. Whether leaves
    and tiles agree with the facts is `verify`'s question."""
    if old.size > sequence.size(connection):
        return False
    return sequence.tree_at(connection, chain.hash_function(old.hash), old.size).root() == old.root

"""The chain of hashes 存证链: how one fact is bound to all facts before it.

    hash(n) = H( hash(n−1) ‖ header(n) ‖ "\\n" ‖ data(n) )        hash(0) = 32 zero bytes

`header` is the canonical JSON list `[chain, seq, at, kind, person, person_name, unit, role, command]` (for the office's
own chain `chain` is ""), `data` the canonical JSON of the fact. Neither can hold a raw line feed, so the parts cannot be shifted against each
other. H is SHA-256, or SM3 where the office asked for it when its database was made. Anybody can recompute it offline.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

from engine.errors import InputInvalid

START = bytes(32)
"""The hash before the first fact of a chain."""

HASHES = ("sha256", "sm3")

SETTING = "ledger_hash"
"""Key in the settings table of the hash's name. It is chosen once, before the first fact."""

Hash = Callable[[bytes], bytes]


def hash_function(name: str) -> Hash:
    """H by its name. Raises `InputInvalid` for an unknown one, or for SM3 where OpenSSL was built without it."""
    if name == "sha256":
        return _sha256
    if name not in HASHES or name not in hashlib.algorithms_available:
        raise InputInvalid(f"这台机器不支持摘要算法“{name}”，可选：{'、'.join(HASHES)}。")
    return lambda data: hashlib.new(name, data).digest()


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def instant_text(at: datetime) -> str:
    """The instant as it stands in a header: UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def link(
    digest: Hash,
    previous: bytes,
    chain: str,
    seq: int,
    at: str,
    kind: str,
    person: str,
    person_name: str,
    unit: str,
    role: str,
    command: str,
    data: bytes,
) -> bytes:
    """The hash of fact `seq` of `chain`."""
    header = orjson.dumps([chain, seq, at, kind, person, person_name, unit, role, command])
    return digest(previous + header + b"\n" + data)

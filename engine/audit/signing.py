"""Signing notes 签名: C2SP's signed note. A text, an empty line, and lines `— name base64(key id ‖ signature)`.

One door for every algorithm: a `Signer` signs, `check` finds the verifier by the algorithm's byte in the public key. Ed25519
is here; SM2 needs a class beside `Ed25519`, its byte in `_VERIFIERS`, and nothing elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.errors import InputInvalid

if TYPE_CHECKING:  # loaded where something is signed or checked, which most processes never do
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519 = b"\x01"
"""The algorithm's byte in keys and key ids (C2SP signed-note)."""

KEY_FILE = "checkpoint.key"
"""In the data folder: the secret half, readable by its owner only."""

PUBLIC_FILE = "checkpoint.vkey"
"""In the data folder and beside every exported checkpoint: the half that checks, one line, as C2SP writes it."""


class Signer(Protocol):
    """What signs: `name` stands in the signature line, `public` is the verifier key `name+id+base64`."""

    @property
    def name(self) -> str: ...

    @property
    def public(self) -> str: ...

    def sign(self, text: bytes) -> bytes:
        """The signature alone, without the key's id."""
        ...


@dataclass(frozen=True, slots=True)
class Ed25519:
    """A signer by Ed25519."""

    name: str
    key: Ed25519PrivateKey

    @property
    def public(self) -> str:
        raw = ED25519 + self.key.public_key().public_bytes_raw()
        return f"{self.name}+{_key_id(self.name, raw).hex()}+{base64.b64encode(raw).decode()}"

    def sign(self, text: bytes) -> bytes:
        return self.key.sign(text)


def _check_ed25519(key: bytes, signature: bytes, text: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


_VERIFIERS: dict[bytes, Callable[[bytes, bytes, bytes], bool]] = {ED25519: _check_ed25519}


def _key_id(name: str, raw: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]


def signed(text: str, signer: Signer) -> str:
    """The note: `text` (its lines end with a line feed) with the signer's signature."""
    id_ = bytes.fromhex(signer.public.split("+")[1])
    line = base64.b64encode(id_ + signer.sign(text.encode())).decode()
    return f"{text}\n— {signer.name} {line}\n"


def text_of(note: str) -> str:
    """The signed text of a note. Raises `InputInvalid`."""
    text, found, _ = note.rpartition("\n\n")
    if not found:
        raise InputInvalid("这不是签过名的检查点：没有签名行。请给出导出时得到的原文件。")
    return text + "\n"


def check(note: str, publics: list[str]) -> bool:
    """Whether one of these public keys has signed the note. Raises `InputInvalid` for what is no note or no public key."""
    text = text_of(note).encode()
    keys = dict(_read_public(one) for one in publics)
    for line in note.rpartition("\n\n")[2].splitlines():
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.rpartition(" ")
        try:
            blob = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            continue
        raw = keys.get((name, blob[:4]))
        if dash == "—" and raw is not None and _VERIFIERS[raw[:1]](raw[1:], blob[4:], text):
            return True
    return False


def _read_public(line: str) -> tuple[tuple[str, bytes], bytes]:
    """((name, key id), algorithm ‖ key)."""
    try:
        name, id_, encoded = line.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        good = bytes.fromhex(id_) == _key_id(name, raw)
    except ValueError:
        good, raw, name, id_ = False, b"", "", ""
    if not good or raw[:1] not in _VERIFIERS:
        raise InputInvalid(f"“{line.strip()[:60]}”不是可用的检查点公钥（应为一行“名称+编号+公钥”）。")
    return (name, bytes.fromhex(id_)), raw


def kept_key(folder: Path) -> Ed25519PrivateKey:
    """The office's key, made by the first who asks. Written aside and linked into place, so that two processes starting
    together agree. Raises `InputInvalid` where others than its owner may read it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = folder / KEY_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{KEY_FILE}.{secrets.token_hex(4)}"
        made = base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()) + b"\n"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:  # another process was quicker
            pass
        finally:
            draft.unlink()
    if path.stat().st_mode & 0o077:
        raise InputInvalid(f"检查点的签名密钥 {path} 可被他人读取，请先执行：chmod 600 {path}")
    try:
        return Ed25519PrivateKey.from_private_bytes(
            base64.b64decode(path.read_bytes().strip(), validate=True)
        )
    except ValueError:
        raise InputInvalid(f"检查点的签名密钥 {path} 已损坏，请从妥善保管的副本恢复。") from None

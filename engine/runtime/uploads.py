"""Uploaded files 佐证材料: bytes in the data folder under a random name, what they are in the `files` table.

A file is taken only when its bytes and its extension both name the same kind on the office's list. Bytes are on the disk
before the row is, so a row never points at nothing; the row's digest is SHA-256 of the bytes. Of a picture the row also
keeps when, where and with what it was taken; the bytes themselves are never touched.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO

import sqlalchemy as sa

from engine.commands import Actor
from engine.errors import InputInvalid, NotFound
from engine.handlers import FileInfo
from engine.runtime import evidence_rules, file_kinds, pictures
from engine.runtime.evidence_rules import MEGABYTE, EvidenceRules
from engine.runtime.file_kinds import FileKind
from engine.store.batch import insert_once
from engine.store.raw import Line
from engine.store.tables import files

if TYPE_CHECKING:
    from engine.runtime.engine import Engine

FOLDER = "files"
_BLOCK = 1 << 20


def rules(engine: Engine) -> EvidenceRules:
    """What the office takes now."""
    with engine.read() as connection:
        return evidence_rules.read(connection)


def save(
    engine: Engine, name: str, content: BinaryIO, actor: Actor, said: Mapping[str, str] | None = None
) -> FileInfo:
    """Keep an uploaded file; attach it to a case by `AttachFile` or with `FinishItem`. `said`: when and where the browser says a
    picture was taken (`Shot.completed`).

    Raises `InputInvalid` for an empty or too large file, and for a kind that is not on the list.
    """
    name, wanted = clean_name(name), rules(engine)
    kind = kind_of(name, wanted)
    folder = engine.data_folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    id_ = secrets.token_hex(16)
    draft = folder / f".{id_}"
    size = 0
    try:
        with draft.open("xb") as out:
            while block := content.read(_BLOCK):
                size += len(block)
                must_fit(name, kind, size, wanted)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        return take(engine, id_, name, draft, actor.person, wanted, said or {})
    finally:
        draft.unlink(missing_ok=True)


def take(
    engine: Engine,
    id_: str,
    name: str,
    draft: Path,
    person: str,
    wanted: EvidenceRules,
    said: Mapping[str, str],
) -> FileInfo:
    """Look into a whole file that lies in `draft`, on the disk already, and make it the file `id_`; `draft` stays, for the caller to
    remove. Asked again, it does nothing new. Raises `InputInvalid` where it is not what its name says."""
    kind, size = kind_of(name, wanted), draft.stat().st_size
    must_fit(name, kind, size, wanted)
    if size == 0:
        raise InputInvalid(f"“{name}”是空文件，请重新选择。")
    file_kinds.check(kind, draft, name)
    shot: dict[str, Any] = dict.fromkeys(_SHOT) | {"stated": False}
    if kind.family == file_kinds.PICTURE:
        shot = asdict(pictures.read_shot(draft, kind.media_type, wanted.megapixels).completed(said))
    with draft.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    kept = engine.data_folder / FOLDER / id_
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        os.link(draft, kept)
        sync(kept.parent)
    found = FileInfo(id_, name, kind.media_type, size, digest, "", person)
    row = {"id": id_, "name": name, "media_type": kind.media_type, "size": size, "digest": digest, **shot}
    with engine.database.write() as connection:
        now = engine.moment_in(connection).now
        connection.execute(insert_once(files), [row | {"uploaded_by": person, "uploaded_at": now}])
    return found


def kind_of(name: str, wanted: EvidenceRules) -> FileKind:
    """The kind that a name says. Raises `InputInvalid` for one that the office does not take."""
    kind = file_kinds.known(name, wanted.kinds)
    if kind is None:
        allowed = file_kinds.extensions(wanted.kinds)
        raise InputInvalid(f"不接受“{PurePath(name).suffix or name}”这类文件，可以上传：{allowed}。")
    return kind


def must_fit(name: str, kind: FileKind, size: int, wanted: EvidenceRules) -> None:
    """Raises `InputInvalid` for a file that is larger than the office allows."""
    if size > (most := wanted.largest(kind.family)):
        raise InputInvalid(f"“{name}”超过 {most // MEGABYTE} MB，请压缩或拆分后再上传。")


def info(connection: sa.Connection | Line, id_: str) -> FileInfo | None:
    """What is known of a file; None when there is no such file."""
    if isinstance(connection, Line):
        found = connection.execute(_ONE, (id_,))
    else:
        found = connection.execute(_one, {"b_id": id_}).first()
    return None if found is None else FileInfo(*found)


def path(engine: Engine, id_: str) -> Path:
    """Where the bytes of a file lie. Raises `NotFound` when there is no such file. Who may see it is the caller's question."""
    with engine.read() as connection:
        if info(connection, id_) is None:
            raise NotFound("没有找到这个附件。")
    found = engine.data_folder / FOLDER / id_
    if not found.is_file():
        raise NotFound("附件的内容不在数据目录中，请联系系统管理员从备份恢复。", file=id_)
    return found


def clean_name(name: str) -> str:
    """The last part of a file name, without control characters, at most 200 characters (the extension stays)."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in name if c.isprintable()).strip().lstrip(".") or "附件"
    suffix = PurePath(name).suffix
    return name if len(name) <= 200 else name[: 200 - len(suffix)] + suffix


def sync(folder: Path) -> None:
    """What was named in a folder stays named after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_SHOT = tuple(field.name for field in fields(pictures.Shot))
_told = [files.c[field.name] for field in fields(FileInfo)]
_one = sa.select(*_told).where(files.c.id == sa.bindparam("b_id"))
_ONE = "SELECT {} FROM files WHERE id = $1".format(", ".join(f'"{c.name}"' for c in _told))

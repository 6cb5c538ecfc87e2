"""Uploaded files 佐证材料: bytes in the data folder under a random name, what they are in the `files` table.

A file is taken only when its first bytes and its extension both name the same kind on the list. Bytes are on the disk
before the row is, so a row never points at nothing; the row's digest is SHA-256 of the bytes.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO

import sqlalchemy as sa

from engine.commands import Actor
from engine.errors import InputInvalid, NotFound
from engine.handlers import FileInfo
from engine.store.raw import Line
from engine.store.tables import files

if TYPE_CHECKING:
    from engine.runtime.engine import Engine

LARGEST = 50 * 1024 * 1024
"""Bytes one file may have."""

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file that is taken: its media type, extensions, how it begins, and a member a zip must hold."""

    media_type: str
    extensions: tuple[str, ...]
    begins: tuple[tuple[int, bytes], ...]  # (offset, bytes), all must be there
    member: str = ""


KINDS = (
    FileKind("image/jpeg", (".jpg", ".jpeg"), ((0, b"\xff\xd8\xff"),)),
    FileKind("image/png", (".png",), ((0, b"\x89PNG\r\n\x1a\n"),)),
    FileKind("image/webp", (".webp",), ((0, b"RIFF"), (8, b"WEBP"))),
    FileKind("application/pdf", (".pdf",), ((0, b"%PDF-"),)),
    FileKind("video/mp4", (".mp4",), ((4, b"ftyp"),)),
    FileKind(
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        (".docx",),
        ((0, b"PK\x03\x04"),),
        "word/document.xml",
    ),
    FileKind(
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        (".xlsx",),
        ((0, b"PK\x03\x04"),),
        "xl/workbook.xml",
    ),
    FileKind("application/zip", (".zip",), ((0, b"PK\x03\x04"),)),
)


def save(engine: Engine, name: str, content: BinaryIO, actor: Actor) -> FileInfo:
    """Keep an uploaded file; attach it to a case by `AttachFile` or with `FinishItem`.

    Raises `InputInvalid` for an empty or too large file, and for a kind that is not on the list.
    """
    name = clean_name(name)
    kind = next((k for k in KINDS if PurePath(name).suffix.lower() in k.extensions), None)
    if kind is None:
        raise InputInvalid(f"不接受“{PurePath(name).suffix or name}”这类文件，可以上传：{accepted()}。")
    folder = engine.data_folder / "files"
    folder.mkdir(parents=True, exist_ok=True)
    id_ = secrets.token_hex(16)
    draft = folder / f".{id_}"
    digest, size = hashlib.sha256(), 0
    try:
        with draft.open("xb") as out:
            while block := content.read(_BLOCK):
                size += len(block)
                if size > LARGEST:
                    raise InputInvalid(f"“{name}”超过 {LARGEST // 2**20} MB，请压缩或拆分后再上传。")
                digest.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        if size == 0:
            raise InputInvalid(f"“{name}”是空文件，请重新选择。")
        if not _is(kind, draft):
            raise InputInvalid(f"“{name}”的内容与扩展名不符，请上传原始文件。可以上传：{accepted()}。")
        draft.rename(folder / id_)
    finally:
        draft.unlink(missing_ok=True)
    _sync(folder)
    found = FileInfo(id_, name, kind.media_type, size, digest.hexdigest(), "", actor.person)
    with engine.database.write() as connection:
        connection.execute(
            sa.insert(files),
            [
                {
                    "id": id_,
                    "name": name,
                    "media_type": kind.media_type,
                    "size": size,
                    "digest": found.digest,
                    "uploaded_by": actor.person,
                    "uploaded_at": engine.moment_in(connection).now,
                }
            ],
        )
    return found


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
    found = engine.data_folder / "files" / id_
    if not found.is_file():
        raise NotFound("附件的内容不在数据目录中，请联系系统管理员从备份恢复。", file=id_)
    return found


def accepted() -> str:
    """The extensions on the list, for people."""
    return "、".join(e.lstrip(".") for k in KINDS for e in k.extensions)


def clean_name(name: str) -> str:
    """The last part of a file name, without control characters, at most 200 characters (the extension stays)."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in name if c.isprintable()).strip().lstrip(".") or "附件"
    suffix = PurePath(name).suffix
    return name if len(name) <= 200 else name[: 200 - len(suffix)] + suffix


def _is(kind: FileKind, file: Path) -> bool:
    with file.open("rb") as opened:
        head = opened.read(16)
    if not all(head[at : at + len(magic)] == magic for at, magic in kind.begins):
        return False
    if not kind.member:
        return True
    try:
        with zipfile.ZipFile(file) as archive:
            return kind.member in archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError):
        return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_told = [files.c[field.name] for field in fields(FileInfo)]
_one = sa.select(*_told).where(files.c.id == sa.bindparam("b_id"))
_ONE = "SELECT {} FROM files WHERE id = $1".format(", ".join(f'"{c.name}"' for c in _told))

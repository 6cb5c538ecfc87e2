"""Uploads that go on where they stopped 断点续传: what has come so far lies in the data folder, and nowhere else.

    uploads/<id>.json   name, size and whose it is
    uploads/<id>.part   the bytes so far; their number is where the upload goes on

Any process that has the data folder can go on with it, after a crash of the one before, too. An upload becomes the file of the
same id, so whoever lost the last answer finds the file. What is not finished in the office's time is swept away.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import orjson

from engine.commands import Actor
from engine.errors import Conflict, InputInvalid, NotFound
from engine.handlers import FileInfo
from engine.runtime import uploads

if TYPE_CHECKING:
    from engine.runtime.engine import Engine

FOLDER = "uploads"
MOST_HALF = 50
"""Uploads one person may have begun and not finished [P]."""

CHECKSUMS = ("sha1", "sha256")
_ID = re.compile(r"[0-9a-f]{32}")
_BLOCK = 1 << 18


class ChecksumMismatch(InputInvalid):
    """这一段在传输中损坏，请重传这一段。"""

    code = "checksum_mismatch"


@dataclass(frozen=True, slots=True)
class Half:
    """An upload that has begun. `size` is the whole file's in bytes, `offset` how many of them are here."""

    id: str
    name: str
    size: int
    person: str
    offset: int = 0
    said: dict[str, str] = field(default_factory=dict)
    """When and where the browser says it was taken."""


def begin(engine: Engine, name: str, size: int, actor: Actor, said: Mapping[str, str] | None = None) -> Half:
    """Begin an upload. Raises `InputInvalid` for a kind or a size that the office does not take, and for an empty file."""
    name, rules = uploads.clean_name(name), uploads.rules(engine)
    uploads.must_fit(name, uploads.kind_of(name, rules), size, rules)
    if size <= 0:
        raise InputInvalid(f"“{name}”是空文件，请重新选择。")
    folder = engine.data_folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    sweep(engine)
    if sum(half.person == actor.person for half in _all(folder)) >= MOST_HALF:
        raise Conflict(f"您有 {MOST_HALF} 个文件没有传完，请先传完或移除，再传新的。")
    half = Half(
        secrets.token_hex(16), name, size, actor.person, said={k: v[:40] for k, v in (said or {}).items()}
    )
    (folder / f"{half.id}.part").touch(mode=0o600)
    draft = folder / f".{half.id}"
    draft.write_bytes(orjson.dumps({k: v for k, v in asdict(half).items() if k != "offset"}))
    draft.rename(folder / f"{half.id}.json")
    return half


def look(engine: Engine, id_: str, actor: Actor) -> Half:
    """How far an upload has come; one that is finished has come to its end. Raises `NotFound`, also for another person's."""
    half = _read(engine.data_folder / FOLDER, id_)
    if half is None:
        with engine.read() as connection:
            done = uploads.info(connection, id_) if _ID.fullmatch(id_) else None
        if done is not None and done.uploaded_by == actor.person:
            return Half(id_, done.name, done.size, actor.person, done.size)
    if half is None or half.person != actor.person:
        raise NotFound("没有这个上传，或者它停得太久已被清理，请重新选择文件。")
    return half


def go_on(
    engine: Engine,
    id_: str,
    offset: int,
    content: BinaryIO,
    actor: Actor,
    checksum: tuple[str, bytes] | None = None,
) -> tuple[Half, FileInfo | None]:
    """Add `content` at `offset`, and when the file is whole, look into it and keep it: then it is the file that is given.

    What came of a piece that broke off stays, unless it bears a `checksum` (algorithm, digest): such a piece counts whole or not
    at all. Raises `Conflict` where the upload is not at `offset` or somebody else is adding to it, `ChecksumMismatch`, `NotFound`,
    `InputInvalid` where the whole is no file the office takes: then nothing of it is left.
    """
    half = look(engine, id_, actor)
    folder = engine.data_folder / FOLDER
    part = folder / f"{id_}.part"
    if not part.exists():  # it is finished: the last answer was lost
        with engine.read() as connection:
            return _at(half, offset), uploads.info(connection, id_)
    with _alone(part) as descriptor:
        half = _at(look(engine, id_, actor), offset)
        reached = _append(descriptor, half, content, checksum)
        half = replace(half, offset=reached)
        return half, _finish(engine, half, part) if reached == half.size else None


def drop(engine: Engine, id_: str, actor: Actor) -> None:
    """Give an upload up. Raises `NotFound`, also for one that is finished."""
    half = look(engine, id_, actor)
    folder = engine.data_folder / FOLDER
    if half.offset == half.size and not (folder / f"{id_}.json").exists():
        raise NotFound("文件已经传完，不能再取消。")
    _remove(folder, id_)


def sweep(engine: Engine) -> int:
    """Remove uploads that nobody has gone on with for the office's time. Returns how many."""
    folder, gone = engine.data_folder / FOLDER, 0
    if not folder.is_dir():
        return 0
    # By the machine's clock, as the files' own times are: the product's may be moved on for a demonstration, or stand still where it is
    # not believed, and what is on its way at this moment must not be swept because of that.
    before = time.time() - uploads.rules(engine).half_hours * 3600
    for file in folder.iterdir():
        try:
            if file.stat().st_mtime >= before or file.suffix == ".json":
                continue
            id_ = file.stem.lstrip(".")
            with engine.read() as connection:
                kept = uploads.info(connection, id_) is not None
            if not kept:
                (engine.data_folder / uploads.FOLDER / id_).unlink(missing_ok=True)
            _remove(folder, id_)
            file.unlink(missing_ok=True)
            gone += 1
        except FileNotFoundError:
            continue  # another process was quicker
    return gone


def _finish(engine: Engine, half: Half, part: Path) -> FileInfo:
    try:
        found = uploads.take(engine, half.id, half.name, part, half.person, uploads.rules(engine), half.said)
    except InputInvalid:
        _remove(part.parent, half.id)
        raise
    _remove(part.parent, half.id)
    return found


def _append(descriptor: int, half: Half, content: BinaryIO, checksum: tuple[str, bytes] | None) -> int:
    """Write to the end; gives how far the upload has come, on the disk."""
    reached = half.offset
    digest = hashlib.new(checksum[0], usedforsecurity=False) if checksum is not None else None
    try:
        os.lseek(descriptor, half.offset, os.SEEK_SET)
        while reached < half.size and (block := content.read(min(_BLOCK, half.size - reached))):
            if digest is not None:
                digest.update(block)
            view = memoryview(block)
            while view:
                written = os.write(descriptor, view)
                view, reached = view[written:], reached + written
        if content.read(1):
            raise InputInvalid("传来的内容比登记的大小多，请重新上传这个文件。")
    finally:
        wrong = digest is not None and checksum is not None and digest.digest() != checksum[1]
        if wrong:
            reached = half.offset
        os.ftruncate(descriptor, reached)
        os.fsync(descriptor)
    if wrong:
        raise ChecksumMismatch
    return reached


def _at(half: Half, offset: int) -> Half:
    if half.offset != offset:
        raise Conflict(f"文件已传到第 {half.offset} 字节，不是 {offset}，请从那里继续。", offset=half.offset)
    return half


@contextmanager
def _alone(part: Path) -> Iterator[int]:
    try:
        descriptor = os.open(part, os.O_RDWR)
    except FileNotFoundError:
        raise NotFound("没有这个上传，请重新选择文件。") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("这个文件正在由另一个连接上传，请稍等。") from None
        yield descriptor
    finally:
        os.close(descriptor)


def _all(folder: Path) -> Iterator[Half]:
    for file in folder.glob("*.json"):
        half = _read(folder, file.stem)
        if half is not None:
            yield half


def _read(folder: Path, id_: str) -> Half | None:
    if not _ID.fullmatch(id_):
        return None
    try:
        return Half(
            **orjson.loads((folder / f"{id_}.json").read_bytes()),
            offset=(folder / f"{id_}.part").stat().st_size,
        )
    except FileNotFoundError:
        return None


def _remove(folder: Path, id_: str) -> None:
    for suffix in (".part", ".json"):
        (folder / f"{id_}{suffix}").unlink(missing_ok=True)

"""Backups 备份: a whole copy of the office, made while it works, proved before it counts as one.

    TARGET/files/<sha256>          attachments, each kept once for all copies in this place
    TARGET/<instant>/manifest.json   what the copy holds, with a hash of each table
    TARGET/<instant>/<table>.jsonl     the rows (`store.dump`)
    TARGET/<instant>/checkpoint.vkey   the public keys of all checkpoints so far

All tables are read in one consistent view, SQLite's and PostgreSQL's alike; no program of the database is needed. A copy is made
under another name and gets its own after it was read again and its chains recomputed. The signing key is not in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from engine.audit import chain, signing
from engine.audit.archives import FACT_COLUMNS
from engine.audit.verify import Row, walks
from engine.errors import BackupBroken, Conflict, InputInvalid
from engine.store import dump, migrate, settings
from engine.store.database import Database
from engine.store.dump import Shape

FORMAT = 1
MANIFEST = "manifest.json"
FILES = "files"
PARTIAL = ".partial"
LOCK = ".lock"
BLOCK = 1 << 20

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it, of how much."""


@dataclass(frozen=True, slots=True)
class TableCopy:
    """A table in the copy."""

    name: str
    columns: tuple[str, ...]
    bytes: tuple[str, ...]
    truths: tuple[str, ...]
    key: tuple[str, ...]
    rows: int
    size: int
    sha256: str

    def shape(self) -> Shape:
        return Shape(self.name, self.columns, self.bytes, self.truths, self.key)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a copy holds. `files` is (digest, size) of each attachment; `at` when the view was taken (UTC)."""

    at: str
    store: str
    revision: str
    hash: str
    tables: tuple[TableCopy, ...]
    files: tuple[tuple[str, int], ...]
    format: int = FORMAT

    def rows(self, table: str) -> int:
        return sum(one.rows for one in self.tables if one.name == table)


@dataclass(slots=True)
class Made:
    """A copy that was made and proved. `missing` are attachments whose bytes were not in the data folder, or not the right ones:
    id and name."""

    folder: Path
    manifest: Manifest
    missing: list[str] = field(default_factory=list)


def backup(
    database: Database, data_folder: Path, target: Path, at: datetime, progress: Progress | None = None
) -> Made:
    """Make a copy in the place `target` and prove it. Raises `InputInvalid` when there is one of this instant, `Conflict` when
    another is being made there, `BackupBroken` when what was written does not hold, `OSError`."""
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    with only_one(target):
        return _backup(database, data_folder, target, at, progress or (lambda what, done, total: None))


def _backup(database: Database, data_folder: Path, target: Path, at: datetime, told: Progress) -> Made:
    folder = target / at.strftime("%Y%m%dT%H%M%SZ")
    if folder.exists():
        raise InputInvalid(f"{folder} 已经存在，请换一个目录，或稍后再备份。")
    draft = folder.with_name(folder.name + PARTIAL)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    (target / FILES).mkdir(exist_ok=True, mode=0o700)
    try:
        with database.read() as connection:
            revision = migrate.revision_of(connection)
            if not revision:
                raise InputInvalid("数据库里没有督办的表，没有什么可备份。请检查 DUBAN_DATABASE。")
            shapes = dump.shapes(connection)
            hash_name = settings.get(connection, [chain.SETTING]).get(chain.SETTING, "sha256")
            tables = []
            for n, (shape, query) in enumerate(shapes):
                told(f"导出 {shape.name}", n, len(shapes))
                tables.append(_write(shape, dump.lines(connection, shape, query), draft))
            attachments = connection.execute(sa.text("SELECT id, name, digest, size FROM files")).all()
        files, missing = _copy_files(attachments, data_folder / FILES, target / FILES, told)
        manifest = Manifest(
            at.isoformat(), database.engine.dialect.name, revision, hash_name, tuple(tables), tuple(files)
        )
        with _kept(draft / MANIFEST) as out:
            out.write(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2) + b"\n")
        if (data_folder / signing.PUBLIC_FILE).exists():
            copied(data_folder / signing.PUBLIC_FILE, draft / signing.PUBLIC_FILE)
        prove(draft, target, told)
        _sync(draft)
        draft.rename(folder)
        _sync(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Made(folder, manifest, missing)


@contextlib.contextmanager
def only_one(place: Path) -> Iterator[None]:
    """Nobody else makes or removes copies in this place meanwhile. Raises `Conflict` when somebody does."""
    lock = os.open(place / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"另一个备份正在写 {place}，请等它做完再试，或换一个目录。") from None
        yield
    finally:
        os.close(lock)


def _write(shape: Shape, lines: Iterator[bytes], folder: Path) -> TableCopy:
    digest, rows, size = hashlib.sha256(), 0, 0
    with _kept(folder / f"{shape.name}.jsonl") as out:
        for line in lines:
            out.write(line)
            digest.update(line)
            rows, size = rows + 1, size + len(line)
    return TableCopy(**asdict(shape), rows=rows, size=size, sha256=digest.hexdigest())


def _copy_files(
    attachments: Any, source: Path, place: Path, told: Progress
) -> tuple[list[tuple[str, int]], list[str]]:
    """Bring each attachment into the place by its digest, unless it is there already."""
    kept: dict[str, int] = {}
    missing: list[str] = []
    for n, row in enumerate(attachments):
        told("复制附件", n, len(attachments))
        copy = place / row.digest
        if not (copy.exists() and copy.stat().st_size == row.size):
            draft = place / f".{row.digest}"
            try:
                good = copied(source / row.id, draft) == row.digest
            except FileNotFoundError:
                good = False
            if good:
                draft.rename(copy)
            else:
                draft.unlink(missing_ok=True)
                missing.append(f"{row.id} {row.name}")
                continue
        kept[row.digest] = row.size
    _sync(place)
    return sorted(kept.items()), missing


def copied(source: Path, target: Path) -> str:
    """Copy a file to the disk itself; the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    with source.open("rb") as read, _kept(target) as out:
        while block := read.read(BLOCK):
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


# -- reading a copy ----------------------------------------------------------------------------------------


def newest(source: Path) -> Path:
    """The copy that is meant: the folder itself, or the newest in a place of several. Raises `InputInvalid`."""
    if (source / MANIFEST).is_file():
        return source
    found = sorted(p.parent for p in source.glob(f"*/{MANIFEST}") if not p.parent.name.endswith(PARTIAL))
    if not found:
        raise InputInvalid(
            f"{source} 里没有备份（找不到 {MANIFEST}）。请给出备份目录，或其中某一次备份的目录。"
        )
    return found[-1]


def read_manifest(folder: Path) -> Manifest:
    """Raises `BackupBroken`."""
    try:
        data = orjson.loads((folder / MANIFEST).read_bytes())
        if data["format"] != FORMAT:
            raise BackupBroken(f"{folder} 的备份格式是 {data['format']}，本程序只认识 {FORMAT}。")
        tables = tuple(_table(one) for one in data.pop("tables"))
        files = tuple((digest, size) for digest, size in data.pop("files"))
        return Manifest(**data, tables=tables, files=files)
    except (OSError, ValueError, KeyError, TypeError):
        raise BackupBroken(f"{folder / MANIFEST} 读不出来，这份备份不能用。") from None


def _table(data: dict[str, Any]) -> TableCopy:
    lists: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
    return TableCopy(**lists)


def prove(folder: Path, place: Path, progress: Progress | None = None) -> Manifest:
    """Read a copy from the disk: every table has its hash and rows, every attachment is there, every chain holds and ends where
    `cases` says. `place` is where the attachments lie. Raises `BackupBroken`."""
    told = progress or (lambda what, done, total: None)
    manifest = read_manifest(folder)
    for n, table in enumerate(manifest.tables):
        told(f"核对 {table.name}", n, len(manifest.tables))
        digest, rows = hashlib.sha256(), 0
        try:
            with (folder / f"{table.name}.jsonl").open("rb") as lines:
                for line in lines:
                    digest.update(line)
                    rows += 1
        except OSError:
            raise BackupBroken(f"备份缺少表 {table.name}。") from None
        if rows != table.rows or digest.hexdigest() != table.sha256:
            raise BackupBroken(
                f"备份中的表 {table.name} 与清单不符（应有 {table.rows} 行，现有 {rows} 行）。"
            )
    for digest_, size in manifest.files:
        file = place / FILES / digest_
        if not file.is_file() or file.stat().st_size != size:
            raise BackupBroken(f"备份缺少附件 {digest_}，或者它的大小不对。")
    told("核验事实链", 0, 1)
    _prove_chains(folder, manifest)
    return manifest


def _prove_chains(folder: Path, manifest: Manifest) -> None:
    ends = {
        cells["id"]: (cells["seq"], cells["head"]) for cells in _named(folder, manifest, "cases")
    }  # a copy is proved in memory of its cases' ends only
    for walk in walks(_facts(folder, manifest), chain.hash_function(manifest.hash)):
        end = ends.pop(walk.case, None)
        if walk.reason:
            raise BackupBroken(f"备份中案件 {walk.case} 第 {walk.seq + 1} 条：{walk.reason}")
        if end != (walk.seq, walk.head):
            raise BackupBroken(f"备份中案件 {walk.case} 的记录与案件登记的末尾不符。")
    for cells in _named(folder, manifest, "archived") if ends else ():
        ends.pop(cells["case"], None)
    if ends:
        raise BackupBroken(f"备份中案件 {next(iter(ends))} 没有记录。")


def rows_of(folder: Path, table: TableCopy) -> Iterator[list[Any]]:
    """A table's rows out of a copy."""
    shape = table.shape()
    with (folder / f"{table.name}.jsonl").open("rb") as lines:
        for line in lines:
            yield dump.cells_of(line, shape)


def _named(folder: Path, manifest: Manifest, name: str) -> Iterator[dict[str, Any]]:
    for table in manifest.tables:
        for cells in rows_of(folder, table) if table.name == name else ():
            yield dict(zip(table.columns, cells, strict=True))


def _facts(folder: Path, manifest: Manifest) -> Iterator[Row]:
    for cells in _named(folder, manifest, "facts"):
        yield tuple(cells[name] for name in FACT_COLUMNS)


@contextlib.contextmanager
def _kept(file: Path) -> Iterator[Any]:
    """A new file for its owner only, on the disk when the block ends."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Proving archives 核验存档: an archive file's chains, and that it holds just the cases that the database says went into it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from engine.audit import chain
from engine.audit.verify import Report, Row, walks
from engine.errors import BackupBroken
from engine.store import dump
from engine.store.tables import archived, cases, leaves

MANIFEST = "manifest.json"

FACT_COLUMNS = (
    "case", "seq", "at", "kind", "person", "person_name", "unit", "role", "command", "data", "hash",
)  # fmt: skip

BLOCK = 1 << 20


@dataclass(slots=True)
class Proved:
    """An archive that holds: its SHA-256, facts, and per case the number of facts and the last hash."""

    digest: str
    facts: int = 0
    ends: dict[str, tuple[int, bytes]] = field(default_factory=dict)


def prove_archive(file: Path, marks: dict[str, dict[int, bytes]] | None = None) -> Proved:
    """Read an archive: every chain holds and ends where its own row in `cases` says, every attachment has its hash. `marks`
    (case → number → hash) are held against the facts. Raises `BackupBroken`."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as whole:
            while block := whole.read(BLOCK):
                digest.update(block)
        with zipfile.ZipFile(file) as archive:
            return _proved(archive, Proved(digest.hexdigest()), marks or {})
    except (OSError, zipfile.BadZipFile, ValueError, KeyError) as error:
        raise BackupBroken(f"存档 {file.name} 读不出来或不完整（{type(error).__name__}）。") from None


def _proved(archive: zipfile.ZipFile, proved: Proved, marks: dict[str, dict[int, bytes]]) -> Proved:
    manifest = orjson.loads(archive.read(MANIFEST))
    h = chain.hash_function(manifest["hash"])
    for name in sorted(n for n in archive.namelist() if n.startswith("cases/")):
        shape = _shape(manifest, "cases")
        for cells in _cells(archive, name, shape):
            row = dict(zip(shape.columns, cells, strict=True))
            proved.ends[row["id"]] = (row["seq"], row["head"])
    left = dict(proved.ends)
    for walk in walks(_told(_facts(archive, manifest), proved, marks), h):
        if walk.reason:
            raise BackupBroken(f"存档中案件 {walk.case} 第 {walk.seq + 1} 条：{walk.reason}")
        if left.pop(walk.case, None) != (walk.seq, walk.head):
            raise BackupBroken(f"存档中案件 {walk.case} 的记录与案件登记的末尾不符。")
    if left or len(proved.ends) != manifest["cases"]:
        raise BackupBroken("存档中有的案件没有记录，或案件数与清单不符。")
    for name in manifest["files"]:
        if hashlib.sha256(archive.read(f"files/{name}")).hexdigest() != name:
            raise BackupBroken(f"存档中的附件 {name} 与校验值不符。")
    return proved


def _told(rows: Iterator[Row], proved: Proved, marks: dict[str, dict[int, bytes]]) -> Iterator[Row]:
    for row in rows:
        proved.facts += 1
        expected = marks.get(row[0], {}).get(row[1])
        if expected is not None and expected != row[10]:
            raise BackupBroken(f"存档中案件 {row[0]} 第 {row[1]} 条与存证序列不符：被整个改写。")
        yield row


def _facts(archive: zipfile.ZipFile, manifest: dict[str, Any]) -> Iterator[Row]:
    shape = _shape(manifest, "facts")
    order = [shape.columns.index(name) for name in FACT_COLUMNS]
    for name in sorted(n for n in archive.namelist() if n.startswith("facts/")):
        for cells in _cells(archive, name, shape):
            yield tuple(cells[n] for n in order)


def _cells(archive: zipfile.ZipFile, name: str, shape: dump.Shape) -> Iterator[list[Any]]:
    with archive.open(name) as lines:
        for line in lines:
            yield dump.cells_of(line, shape)


def _shape(manifest: dict[str, Any], table: str) -> dump.Shape:
    said: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in manifest["tables"][table].items()
    }
    return dump.Shape(**said)


def verify_archives(connection: sa.Connection, files: list[Path], report: Report) -> None:
    """Hold archive files against the database: the cases in each, their ends, and every leaf of theirs."""
    for file in files:
        try:
            proved = prove_archive(file)
        except BackupBroken as broken:
            report.broken(file.name, 0, broken.message)
            continue
        query = (
            sa.select(cases.c.id, cases.c.seq, cases.c.head)
            .join(archived, archived.c.case == cases.c.id)
            .where(archived.c.archive == proved.digest)
        )
        there = {row.id: (row.seq, row.head) for row in connection.execute(query)}
        if not there:
            report.broken(file.name, 0, "数据库里没有案件封存在这个文件里：文件被改动，或不是本系统的")
            continue
        for case, end in sorted(there.items()):
            if proved.ends.get(case) != end:
                report.broken(case, end[0], f"存档 {file.name} 中这个案件与案件登记的末尾不符")
        vouched = sa.select(leaves.c.case, leaves.c.seq, leaves.c.head).join(
            archived, archived.c.case == leaves.c.case
        )
        marks: dict[str, dict[int, bytes]] = {}
        for row in connection.execute(vouched.where(archived.c.archive == proved.digest)):
            marks.setdefault(row.case, {})[row.seq] = row.head
        try:
            prove_archive(file, marks)
        except BackupBroken as broken:
            report.broken(file.name, 0, broken.message)
        report.archived += len(there)
        report.away -= len(there)

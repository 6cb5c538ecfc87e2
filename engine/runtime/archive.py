"""Archiving 封存: closed cases older than the office's limit leave the database for a file, and keep their proof.

The file is a zip that any program opens: the rows as lines (`store.dump`), in pieces of some hundred cases, the attachments by
their SHA-256, and a manifest. It is read again and its chains are recomputed before anything goes. What stays is the row in
`cases` (number, title, dates, number of facts, hash of the last), the leaves of the sequence, and a row in `archived` with the
file's SHA-256, which an office fact bears witness to.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from engine.audit import chain
from engine.audit.archives import MANIFEST, prove_archive
from engine.commands import Actor
from engine.errors import InputInvalid
from engine.runtime import checkpoints, pictures
from engine.runtime.backup import Progress
from engine.runtime.engine import Engine
from engine.runtime.present import Desk
from engine.store import append_only, dump, settings
from engine.store import tables as t

DAYS = "archive_after_days"
"""Key in the settings table: how long a case stays after it was closed."""

AFTER_DAYS = 5 * 365
"""Where the office has not said otherwise [P]."""

TOGETHER = 200
"""Cases in one piece of the file, and in one transaction that takes them out."""

STAYS = ("leaves", "archived", "cases", "case_words", "issued_lines")
"""Tables with something of a case in them that nothing is taken out of."""


@dataclass(frozen=True, slots=True)
class Archived:
    """What was archived: the file (None when nothing was old enough), its SHA-256, and how much is in it."""

    file: Path | None
    digest: str
    cases: int
    facts: int


def keep_days(connection: sa.Connection) -> int:
    """How many days a closed case stays in the database."""
    return int(settings.get(connection, [DAYS]).get(DAYS, AFTER_DAYS))


def set_keep_days(engine: Engine, days: int, actor: Actor) -> None:
    """Raises `InputInvalid`."""
    if days < 1:
        raise InputInvalid(f"封存年限至少 1 天，现在是 {days}。")
    with engine.desk(actor) as desk:
        settings.put(desk.connection, DAYS, str(days))
        desk.note("ArchivingSet", DAYS, {"title": f"办结 {days} 天后可以封存"})


def archive(
    engine: Engine, before: datetime, target: Path, actor: Actor, progress: Progress | None = None
) -> Archived:
    """Move cases that were closed before that instant into one new file in the folder `target`.

    A checkpoint is made first, so that each of them is in the tree. Raises `InputInvalid` when the instant is later than the
    office's limit allows, or when the database's rights do not allow it; `BackupBroken` when the file does not hold; `OSError`.
    """
    told = progress or (lambda what, done, total: None)
    with engine.read() as connection:
        days, now = keep_days(connection), engine.now()
    if before > now - timedelta(days=days):
        raise InputInvalid(
            f"办结不满 {days} 天的案件不能封存，请给更早的日期，或调整封存年限（--keep-days）。"
        )
    _may_take_out(engine)
    checkpoints.make(engine)
    ids = _closed(engine, before)
    if not ids:
        return Archived(None, "", 0, 0)
    target.mkdir(parents=True, exist_ok=True)
    file = target / f"archive-{now:%Y%m%dT%H%M%SZ}.zip"
    if file.exists():
        raise InputInvalid(f"{file} 已经存在，请换一个目录，或稍后再试。")
    draft = file.with_suffix(".partial")
    try:
        ends = _write(engine, ids, draft, told)
        told("核验存档", 0, 1)
        found = prove_archive(draft)
        draft.rename(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    gone = _take_out(engine, found.digest, file, ends, actor, told)
    return Archived(file, found.digest, gone, found.facts)


def _closed(engine: Engine, before: datetime) -> list[str]:
    """Closed long enough, waiting for nothing, and wholly in the sequence."""
    c = t.cases.c
    with engine.read() as connection:
        query = sa.select(c.id).where(
            c.state.in_(["completed", "cancelled", "merged"]),
            c.ended_at < before,
            ~sa.exists().where(t.archived.c.case == c.id),
            sa.exists().where(t.leaves.c.case == c.id, t.leaves.c.seq == c.seq),
            *(~sa.exists().where(x.c.case == c.id) for x in (t.deadlines, t.jobs, t.subscriptions)),
            ~sa.exists().where(t.outbox.c.case == c.id, t.outbox.c.sent_at.is_(None)),
        )
        return list(connection.execute(query.order_by(c.id)).scalars())


def _write(engine: Engine, ids: Sequence[str], draft: Path, told: Progress) -> dict[str, int]:
    """Write the file; gives each case's number of facts as it was written."""
    ends: dict[str, int] = {}
    versions: set[str] = set()
    files: set[str] = set()
    shapes: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
        for piece, start in enumerate(range(0, len(ids), TOGETHER)):
            told("写存档", start, len(ids))
            part = ids[start : start + TOGETHER]
            with engine.read() as connection:
                for shape, lines in dump.of_cases(connection, part, set(STAYS) - {"cases"}):
                    shapes[shape.name] = asdict(shape)
                    with out.open(f"{shape.name}/{piece:06d}.jsonl", "w", force_zip64=True) as member:
                        member.writelines(lines)
                query = sa.select(t.cases.c.id, t.cases.c.seq, t.cases.c.package)
                for row in connection.execute(query.where(t.cases.c.id.in_(part))):
                    ends[row.id] = row.seq
                    versions.add(row.package)
                attached = sa.select(t.files.c.id, t.files.c.digest).where(t.files.c.case.in_(part))
                for id_, digest in connection.execute(attached).all():
                    source = engine.data_folder / "files" / id_
                    if digest not in files and source.is_file():
                        files.add(digest)
                        out.write(source, f"files/{digest}", zipfile.ZIP_STORED)
        for version in sorted(versions):
            with engine.read() as connection:
                blob = sa.select(t.packages.c.files).where(t.packages.c.hash == version)
                out.writestr(f"packages/{version}.zip", connection.execute(blob).scalar_one())
        with engine.read() as connection:
            name = settings.get(connection, [chain.SETTING]).get(chain.SETTING, "sha256")
        manifest = {"format": 1, "hash": name, "cases": len(ids), "tables": shapes, "files": sorted(files)}
        out.writestr(MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    return ends


def _may_take_out(engine: Engine) -> None:
    try:
        with engine.database.write() as connection, append_only.lifted(connection, ["facts"]):
            pass
    except sa.exc.ProgrammingError:
        raise InputInvalid(
            "封存要从只增不改的表中取出记录，须以数据库表的所有者执行：把 DUBAN_DATABASE 换成所有者的账号再试。"
        ) from None


def _take_out(
    engine: Engine, digest: str, file: Path, ends: dict[str, int], actor: Actor, told: Progress
) -> int:
    """Take the cases out, some hundred a transaction. One that has moved since it was written stays."""
    ids = sorted(ends)
    gone = 0
    for start in range(0, len(ids), TOGETHER):
        told("移出数据库", start, len(ids))
        part = ids[start : start + TOGETHER]
        with engine.desk(actor) as desk:
            if start == 0:
                title = f"{len(ids)} 个案件，存档文件 {file.name}"
                said = {"title": title, "archive": digest, "file": file.name, "cases": len(ids)}
                desk.note("CasesArchived", digest, said)
            blobs, taken = _take(desk, digest, part, ends)
        gone += taken
        for blob in blobs:  # after the commit; the archive holds them
            (engine.data_folder / "files" / blob).unlink(missing_ok=True)
            pictures.forget(engine.data_folder, blob)
    return gone


def _take(desk: Desk, digest: str, part: Sequence[str], ends: dict[str, int]) -> tuple[list[str], int]:
    connection = desk.connection
    locked = sa.select(t.cases.c.id, t.cases.c.seq).where(t.cases.c.id.in_(part)).with_for_update()
    same = [row.id for row in connection.execute(locked).all() if row.seq == ends[row.id]]
    if not same:
        return [], 0
    connection.execute(
        sa.insert(t.archived), [{"case": case, "archive": digest, "at": desk.now} for case in same]
    )
    blobs = list(connection.execute(sa.select(t.files.c.id).where(t.files.c.case.in_(same))).scalars())
    with append_only.lifted(connection, ["facts"]):
        for table in reversed(t.metadata.sorted_tables):
            if "case" in table.columns and table.name not in STAYS:
                connection.execute(sa.delete(table).where(table.c.case.in_(same)))
    return blobs, len(same)

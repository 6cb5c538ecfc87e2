"""Restoring 恢复: a proved copy becomes the office again, in one transaction, and nothing leaves the house until a person says so.

Proved before (`backup.prove`), and again in the database before the transaction is committed. What another store wrote is
loaded just the same, so that an office moves from SQLite to PostgreSQL by a backup and a restore.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from engine.audit import chain, office, signing
from engine.audit.verify import verify
from engine.audit.verify_tree import verify_tree
from engine.clock import Clock
from engine.commands import Actor
from engine.errors import BackupBroken, Conflict, InputInvalid
from engine.runtime import checkpoints, demo_clock, hold, presence
from engine.runtime.backup import FILES, Manifest, Progress, copied, prove, rows_of
from engine.store import dump, migrate, settings
from engine.store.database import Database


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and how many things are held."""

    manifest: Manifest
    cases: int
    facts: int
    held: int


def restore(
    folder: Path,
    database: Database,
    data_folder: Path,
    actor: Actor,
    clock: Clock,
    *,
    replace: bool = False,
    while_others_work: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """Put the copy in `folder` into `database` and its attachments into `data_folder`.

    Nobody else may use the database meanwhile. Raises `Conflict` when other processes of the product work on it and
    `while_others_work` is not said, or when it holds anything already and `replace` is not said (then everything in it goes),
    `BackupBroken` for a copy that does not hold, `InputInvalid` for one of a newer program; in all these cases the database
    stays as it was.
    """
    told = progress or (lambda what, done, total: None)
    if not while_others_work:
        alone(database)
    manifest = prove(folder, folder.parent, told)
    if not migrate.knows(manifest.revision):
        raise InputInvalid(
            f"这份备份的数据库版本 {manifest.revision} 比本程序新，请用做备份时的程序或更新的程序恢复。"
        )
    if not while_others_work:
        alone(database)  # again: proving takes its time
    with database.write() as connection:
        if not dump.empty(connection) and not replace:
            raise Conflict("目标数据库不是空的。换一个空的数据库，或确认要整个替换后加上 --replace。")
        dump.drop_all(connection)
        migrate.upgrade_in(connection, manifest.revision)
        for n, table in enumerate(manifest.tables):
            told(f"装入 {table.name}", n, len(manifest.tables))
            if dump.load(connection, table.shape(), rows_of(folder, table)) != table.rows:
                raise BackupBroken(f"表 {table.name} 没有装完。")
        migrate.upgrade_in(connection)
        _bring_files(connection, folder.parent / FILES, data_folder / FILES, told)
        if (folder / signing.PUBLIC_FILE).exists():
            checkpoints.remember(data_folder, (folder / signing.PUBLIC_FILE).read_text().split())
        told("核验事实链", 0, 1)
        report = verify(connection)
        verify_tree(connection, report)
        if not report.ok:
            broken = report.breaks[0]
            raise BackupBroken(f"装入后核验不符：案件 {broken.case} 第 {broken.seq} 条：{broken.reason}")
        if isinstance(clock, demo_clock.DemoClock):
            clock.set_offset(settings.get(connection, [demo_clock.KEY]).get(demo_clock.KEY, "0"))
        now = clock.now()
        hold.begin(connection, now)
        checkpoints.forget_the_tree(connection)
        held = len(hold.waiting(connection))
        title = f"{manifest.at} 的备份，{report.cases} 个案件"
        said = {"title": title, "at": manifest.at, "facts": report.facts, "held": held}
        digest = chain.hash_function(manifest.hash)
        office.note(connection, "BackupRestored", folder.name, said, actor, now, digest)
    return Restored(manifest, report.cases, report.facts, held)


def alone(database: Database) -> None:
    """Raises `Conflict` that names the other processes of the product on this database, and what to do."""
    found = presence.others(database)
    if found:
        raise Conflict(
            f"还有程序在用这个数据库：{'、'.join(found)}（名称、进程号@主机）。"
            "请先停掉它们（systemctl stop duban-web 'duban-worker@*'，或结束 duban serve、duban worker），再恢复；数据库没有改动。"
            "确知它们已不能工作（例如主机已断电）时，才加上 --while-others-work。"
        )


def _bring_files(connection: sa.Connection, place: Path, folder: Path, told: Progress) -> None:
    """Every attachment under its id. One that is there already with the right bytes stays."""
    rows = connection.execute(sa.text("SELECT id, digest, size FROM files")).all()
    folder.mkdir(parents=True, exist_ok=True)
    for n, row in enumerate(rows):
        told("放回附件", n, len(rows))
        kept = place / row.digest
        if not kept.is_file():
            continue  # it was missing already when the copy was made; the backup said so
        draft = folder / f".{row.id}"
        if copied(kept, draft) != row.digest:
            draft.unlink()
            raise BackupBroken(f"备份中的附件 {row.digest} 内容与校验值不符。")
        draft.rename(folder / row.id)

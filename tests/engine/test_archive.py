"""Archiving: old closed cases leave the database for a file, and everything that was proved of them can be proved still."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit import merkle, sequence
from engine.audit.archives import verify_archives
from engine.audit.checkpoint import Checkpoint
from engine.audit.verify import Report, verify
from engine.audit.verify_tree import verify_tree
from engine.commands import AddNote, AttachFile, CancelCase
from engine.errors import InputInvalid, NotFound
from engine.runtime import checkpoints, uploads
from engine.runtime.archive import Archived, archive, set_keep_days
from engine.runtime.backup import backup
from engine.runtime.engine import Engine
from engine.store import append_only, tables
from tests import stores
from tests.engine.office_builder import ANNA, CHIEF, later, start
from tests.engine.test_backup import restored, rows_of

pytestmark = stores.both

t = tables


def closed(engine: Engine) -> str:
    case = start(engine).case
    engine.execute(CancelCase(case, "不再办理"), CHIEF)
    return case


def checked(
    engine: Engine, file: Path | None = None, outside: Checkpoint | None = None, place: Path | None = None
) -> Report:
    with engine.read() as connection:
        report = verify(connection)
        kept = partial(checkpoints.exported_leaves, place) if place else None
        verify_tree(connection, report, outside=outside, kept=kept)
        verify_archives(connection, [file] if file else [], report)
    return report


class Old:
    """An office with two cases closed long ago, one with a file, one open, and a checkpoint kept outside since then."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.open = start(engine).case
        self.cases = sorted(closed(engine) for _ in range(2))
        with (folder / "upload").open("wb+") as file:
            file.write(b"%PDF-1 evidence")
            file.seek(0)
            self.file = uploads.save(engine, "证据.pdf", file, ANNA)
        engine.execute(AttachFile(self.cases[0], self.file.id, 0), ANNA)
        made = checkpoints.make(engine)
        assert made is not None
        self.outside = made
        engine.execute(AddNote(self.cases[1], "回头看"), ANNA)
        self.place = checkpoints.export(engine, folder / "outside").parent
        later(engine, days=40)
        set_keep_days(engine, 30, CHIEF)

    def archive(self) -> Archived:
        done = archive(self.engine, self.engine.now() - timedelta(days=30), self.folder / "old", CHIEF)
        assert done.file is not None
        return done


@pytest.fixture
def old(engine: Engine, tmp_path: Path) -> Old:
    return Old(engine, tmp_path)


def test_what_was_archived_can_be_proved(old: Old) -> None:
    engine = old.engine
    facts = {case: engine.facts(case) for case in old.cases}
    recent = closed(engine)
    done = old.archive()
    assert (done.cases, done.facts) == (2, sum(map(len, facts.values())))
    with engine.read() as connection:
        away = set(connection.execute(sa.select(t.archived.c.case)).scalars())
        row = connection.execute(sa.select(t.cases).where(t.cases.c.id == old.cases[1])).one()
    assert away == set(old.cases) and row.head == facts[old.cases[1]][-1].hash
    assert engine.facts(old.cases[0]) == [] and engine.facts(recent) and engine.facts(old.open)
    assert not (engine.data_folder / "files" / old.file.id).exists()
    with pytest.raises(NotFound):
        engine.execute(AddNote(old.cases[0], "还能写吗"), ANNA)
    alone = checked(engine)
    assert alone.ok and alone.away == 2, alone.breaks
    beside = checked(engine, done.file, old.outside, old.place)
    assert beside.ok and (beside.archived, beside.away) == (2, 0), beside.breaks
    with engine.read() as connection:
        nodes = sequence.nodes(connection, engine.digest)
        query = sa.select(t.leaves).where(t.leaves.c.case == old.cases[0])
        leaf = connection.execute(query).one()
        path = merkle.inclusion_path(engine.digest, nodes, leaf.position, old.outside.size)
    said = merkle.leaf_hash(engine.digest, sequence.leaf_data(leaf.case, leaf.seq, leaf.head))
    assert merkle.root_by_path(engine.digest, said, leaf.position, old.outside.size, path) == old.outside.root
    again = archive(engine, engine.now() - timedelta(days=30), old.folder / "old", CHIEF)
    assert again.file is None, "nothing is left to archive"


def test_the_file_tells_the_whole_case(old: Old) -> None:
    facts = {case: [e.hash.hex() for e in old.engine.facts(case)] for case in old.cases}
    done = old.archive()
    assert done.file is not None
    with zipfile.ZipFile(done.file) as opened:
        names = opened.namelist()
        assert opened.read(f"files/{old.file.digest}") == b"%PDF-1 evidence"
        assert opened.read("facts/000000.jsonl").count(b"\n") == sum(map(len, facts.values()))
        assert any(name.startswith("packages/") for name in names)
        assert {name.split("/")[0] for name in names} >= {"cases", "facts", "snapshots", "work_items"}


def test_an_archive_that_was_changed_is_found(old: Old) -> None:
    done = old.archive()
    assert done.file is not None
    forged = old.folder / "forged.zip"
    with zipfile.ZipFile(done.file) as read, zipfile.ZipFile(forged, "w") as write:
        for name in read.namelist():
            content = read.read(name)
            write.writestr(name, content.replace("陈志远".encode(), "李四".encode()))
    whole = checked(old.engine, done.file)
    assert whole.ok
    (said,) = checked(old.engine, forged).breaks
    assert "校验值不符" in said.reason
    cut = old.folder / "cut.zip"
    cut.write_bytes(done.file.read_bytes()[:-100])
    assert not checked(old.engine, cut).ok
    assert not checked(old.engine, old.folder / "none.zip").ok


def test_archiving_is_no_way_to_delete_a_case(old: Old) -> None:
    """Who deletes a case and enters it as archived is found: without an office fact at once, with another archive's by its file."""
    done = old.archive()
    engine = old.engine
    victim = old.open
    for digest in ("0" * 64, done.digest):
        with engine.database.engine.connect() as connection:
            append_only.unguard(connection)
            for table in (t.facts, t.snapshots, t.work_items, t.deadlines, t.subscriptions, t.jobs):
                connection.execute(sa.delete(table).where(table.c.case == victim))
            row = {"case": victim, "archive": digest, "at": engine.now()}
            connection.execute(sa.insert(t.archived), [row])
            report = verify(connection)
            verify_tree(connection, report, outside=old.outside)
            assert done.file is not None
            verify_archives(connection, [done.file], report)
            assert {b.case for b in report.breaks} == {victim}
            connection.rollback()
    with engine.database.engine.connect() as connection:
        append_only.unguard(connection)
        head = sa.update(t.cases).where(t.cases.c.id == old.cases[0]).values(head=b"x" * 32)
        connection.execute(head)
        report = verify(connection)
        verify_tree(connection, report)
        assert {b.case for b in report.breaks} == {old.cases[0]}
        connection.rollback()


def test_what_is_too_young_is_refused(old: Old) -> None:
    engine = old.engine
    with pytest.raises(InputInvalid, match="30 天"):
        archive(engine, engine.now() - timedelta(days=29), old.folder / "old", CHIEF)
    with pytest.raises(InputInvalid, match="至少 1 天"):
        set_keep_days(engine, 0, CHIEF)
    assert not (old.folder / "old").exists()


def test_a_backup_of_an_office_with_archived_cases(old: Old, tmp_path: Path) -> None:
    engine = old.engine
    done = old.archive()
    before = rows_of(engine.database)
    made = backup(engine.database, engine.data_folder, tmp_path / "copies", datetime.now(UTC))
    restored(made.folder, engine.database, engine.data_folder, replace=True)
    after = rows_of(engine.database)
    assert after["archived"] == before["archived"] and after["leaves"] == before["leaves"]
    assert checked(engine, done.file).ok


def test_who_does_not_own_the_tables_cannot_archive(old: Old) -> None:
    engine = old.engine
    if engine.database.is_sqlite:
        pytest.skip("SQLite 没有角色：谁能写文件谁就能封存")
    with stores.as_application(engine.database) as url:
        app = Engine.open(url, engine.data_folder, engine.clock)
        try:
            with pytest.raises(InputInvalid, match="所有者"):
                archive(app, app.now() - timedelta(days=30), old.folder / "old", CHIEF)
        finally:
            app.close()
    assert engine.facts(old.cases[0]) and not (old.folder / "old").exists()


def test_a_disk_that_is_full_leaves_everything_as_it_was(old: Old) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("没有 /dev/full")
    (old.folder / "old").mkdir()
    now = old.engine.now()
    (old.folder / "old" / f"archive-{now:%Y%m%dT%H%M%SZ}.partial").symlink_to("/dev/full")
    before = rows_of(old.engine.database)
    with pytest.raises(OSError, match="No space left"):
        archive(old.engine, now - timedelta(days=30), old.folder / "old", CHIEF)
    after = rows_of(old.engine.database)
    assert after["facts"] == before["facts"] and after["cases"] == before["cases"]
    assert list((old.folder / "old").iterdir()) == []

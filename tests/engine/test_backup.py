"""Backups and restores: a copy made while people work is whole, a broken one is refused, and letters wait for a person."""

from __future__ import annotations

import hashlib
import io
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit import signing
from engine.audit.rebuild import rebuild
from engine.audit.verify import verify
from engine.audit.verify_tree import TREE, verify_tree
from engine.clock import FixedClock
from engine.commands import ENGINE, AddNote, AttachFile
from engine.errors import BackupBroken, Conflict, InputInvalid
from engine.facts import NoticeSent
from engine.runtime import checkpoints, external, hold, presence, uploads
from engine.runtime.backup import Made, backup, only_one, prove
from engine.runtime.engine import Engine
from engine.runtime.pruning import prune
from engine.runtime.restore import Restored, restore
from engine.runtime.worker import Worker
from engine.store import dump, tables
from engine.store.database import Database, open_database
from tests import stores
from tests.engine.office_builder import ANNA, CHIEF, finish, later, start
from tests.engine.random_office import RandomOffice

pytestmark = stores.both

ROOT = Path(__file__).resolve().parents[2]


_copies = itertools.count()


def copy_of(engine: Engine, place: Path) -> Made:
    """A copy's name is its second: each has one of its own."""
    at = datetime.now(UTC) + timedelta(seconds=next(_copies))
    return backup(engine.database, engine.data_folder, place, at)


@pytest.fixture
def empty(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database in the other folder of the test, in the chosen store."""
    folder = tmp_path / "new"
    folder.mkdir()
    database = open_database(stores.url_in(folder))
    yield database
    database.close()


def rows_of(database: Database) -> dict[str, list[bytes]]:
    """Everything in a database, as lines."""
    with database.read() as connection:
        return {s.name: list(dump.lines(connection, s, q)) for s, q in dump.shapes(connection)}


def letter(engine: Engine, case: str, key: str) -> None:
    engine.say(
        case,
        [NoticeSent("能源局", "DB", "", "函告", "请于三日内回复", key)],
        ENGINE,
        lambda connection, state, moment: None,
    )


def notices(engine: Engine) -> set[str]:
    with engine.read() as connection:
        return set(connection.execute(sa.select(tables.notices.c.key)).scalars())


def restored(folder: Path, database: Database, data: Path, *, replace: bool = False) -> Restored:
    return restore(folder, database, data, CHIEF, FixedClock(datetime.now(UTC)), replace=replace)


def sound(engine: Engine) -> None:
    """Chains, tree, and the rows as a rebuild would write them."""
    with engine.read() as connection:
        report = verify(connection, fold=True)
        verify_tree(connection, report)
    assert report.ok, report.breaks
    before = rows_of(engine.database)
    with engine.database.write() as connection:
        rebuild(connection, engine.package, engine.calendar())
    after = rows_of(engine.database)
    assert {n for n in before if sorted(before[n]) != sorted(after[n])} <= {"jobs", "files"}


def test_a_copy_becomes_the_same_office(engine: Engine, tmp_path: Path, empty: Database) -> None:
    office = RandomOffice(engine, 4)
    office.run(40)
    checkpoints.make(engine)
    made = copy_of(engine, tmp_path / "copies")
    before = rows_of(engine.database)
    done = restored(made.folder, empty, tmp_path / "new")
    after = rows_of(empty)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"settings", "office_facts"}
    assert (
        after["office_facts"][:-1] == before["office_facts"]
        and b"BackupRestored" in after["office_facts"][-1]
    )
    again = Engine(empty, tmp_path / "new", FixedClock(engine.now()))
    assert done.facts == made.manifest.rows("facts") > 50
    assert [again.load(case) for case in office.cases] == [engine.load(case) for case in office.cases]
    sound(again)
    start(again)  # numbers and ids go on
    RandomOffice(again, 9).run(20)
    sound(again)


def test_a_copy_made_while_people_work_is_whole(engine: Engine, tmp_path: Path, empty: Database) -> None:
    cases = [start(engine).case for _ in range(5)]
    stop, errors = threading.Event(), []

    def work() -> None:
        n = 0
        try:
            while not stop.is_set():
                n += 1
                engine.execute(AddNote(cases[n % 5], f"第{n}次"), ANNA)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        made = copy_of(engine, tmp_path / "copies")
    finally:
        stop.set()
        thread.join()
    assert errors == []
    restored(made.folder, empty, tmp_path / "new")
    sound(Engine(empty, tmp_path / "new", FixedClock(engine.now())))


def test_attachments_are_kept_once_and_put_back(engine: Engine, tmp_path: Path, empty: Database) -> None:
    case = start(engine).case
    names = []
    for name, text in (("一.pdf", b"%PDF-1"), ("two.pdf", b"%PDF-1"), ("三.pdf", b"%PDF-three")):
        with (tmp_path / "upload").open("wb+") as file:
            file.write(text)
            file.seek(0)
            kept = uploads.save(engine, name, file, ANNA)
        engine.execute(AttachFile(case, kept.id, 0), ANNA)
        names.append(kept.id)
    place = tmp_path / "copies"
    first = copy_of(engine, place)
    assert first.missing == [] and len(first.manifest.files) == 2
    assert sorted(p.stat().st_size for p in (place / "files").iterdir()) == [6, 10]
    restored(first.folder, empty, tmp_path / "new")
    assert [(tmp_path / "new" / "files" / id_).read_bytes() for id_ in names] == [
        b"%PDF-1",
        b"%PDF-1",
        b"%PDF-three",
    ]
    (engine.data_folder / "files" / names[2]).write_bytes(b"%PDF-THREE")
    (place / "files" / first.manifest.files[0][0]).unlink()
    (place / "files" / first.manifest.files[1][0]).unlink()
    with pytest.raises(BackupBroken, match="缺少附件"):
        prove(first.folder, place)
    second = copy_of(engine, place)
    assert second.missing == [f"{names[2]} 三.pdf"], "what was changed in the data folder is not taken for it"


def test_a_target_with_anything_in_it_is_refused(engine: Engine, tmp_path: Path) -> None:
    start(engine)
    made = copy_of(engine, tmp_path / "copies")
    case = start(engine).case
    with pytest.raises(Conflict, match="--replace"):
        restored(made.folder, engine.database, engine.data_folder)
    assert engine.load(case)
    restored(made.folder, engine.database, engine.data_folder, replace=True)
    assert engine.facts(case) == []
    sound(engine)


def test_a_copy_that_was_changed_is_refused_and_leaves_nothing(
    engine: Engine, tmp_path: Path, empty: Database
) -> None:
    start(engine)
    checkpoints.make(engine)
    made = copy_of(engine, tmp_path / "copies")
    facts, manifest = made.folder / "facts.jsonl", made.folder / "manifest.json"
    whole, said = facts.read_bytes(), manifest.read_bytes()
    for changed in (whole.replace(b"anna", b"bert", 1), whole[: whole.rindex(b"[")], b""):
        facts.write_bytes(changed)
        with pytest.raises(BackupBroken, match="与清单不符"):
            restored(made.folder, empty, tmp_path / "new")
    forged = whole.replace(b"anna", b"bert", 1)
    facts.write_bytes(forged)  # and the manifest made to agree: the chain tells
    old, new = (hashlib.sha256(x).hexdigest().encode() for x in (whole, forged))
    manifest.write_bytes(said.replace(old, new))
    with pytest.raises(BackupBroken, match="校验值不符"):
        restored(made.folder, empty, tmp_path / "new")
    facts.write_bytes(whole)
    manifest.write_bytes(said.replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(BackupBroken, match="格式"):
        restored(made.folder, empty, tmp_path / "new")
    manifest.write_bytes(said.replace(b'"%s"' % made.manifest.revision.encode(), b'"9999"'))
    with pytest.raises(InputInvalid, match="比本程序新"):
        restored(made.folder, empty, tmp_path / "new")
    manifest.write_bytes(b"{")
    with pytest.raises(BackupBroken, match="读不出来"):
        restored(made.folder, empty, tmp_path / "new")
    with empty.read() as connection:
        assert dump.empty(connection)


def test_letters_are_held_until_a_person_released_them(engine: Engine, tmp_path: Path) -> None:
    begun = start(engine)
    finish(engine, begun, "A")
    made = copy_of(engine, tmp_path / "copies")
    restored(made.folder, engine.database, engine.data_folder, replace=True)
    letter(engine, begun.case, "甲")
    letter(engine, begun.case, "乙")
    Worker(engine).step()
    assert notices(engine) == set()
    with engine.read() as connection:
        held = [one.key for one in hold.waiting(connection)]
    assert held == ["甲", "乙"]
    with pytest.raises(InputInvalid, match="丙"):
        hold.release(engine, CHIEF, ["丙"])
    assert hold.release(engine, CHIEF, ["乙"]) == (1, 1)
    Worker(engine).step()
    assert notices(engine) == {"甲"}
    with engine.read() as connection:
        last = connection.execute(
            sa.select(tables.office_facts).order_by(tables.office_facts.c.seq.desc())
        ).first()
    assert last is not None and last.kind == "OutboxReleased" and "乙".encode() in last.data
    with pytest.raises(Conflict):
        hold.release(engine, CHIEF)


def test_work_goes_on_while_letters_are_held(engine: Engine, tmp_path: Path) -> None:
    """What passes from case to case is not held: cases tell each other; programs outside get nothing to do."""
    office = RandomOffice(engine, 2)
    office.run(10)
    made = copy_of(engine, tmp_path / "copies")
    restored(made.folder, engine.database, engine.data_folder, replace=True)
    RandomOffice(engine, 3).run(60)
    later(engine, hours=30)
    worker = Worker(engine)
    while worker.step():
        pass
    with engine.read() as connection:
        o = tables.outbox
        sent = connection.execute(sa.select(sa.func.count()).where(o.c.sent_at.isnot(None))).scalar()
        left = connection.execute(sa.select(o.c.what).where(o.c.sent_at.is_(None), o.c.what.in_(hold.INSIDE)))
        assert sent and left.all() == []
    assert external.fetch_and_lock(engine, "outside", "w", 60) == []


def test_checkpoints_from_before_a_restore(engine: Engine, tmp_path: Path) -> None:
    """One that is older than the copy still holds, under its old key; a newer one tells which cases lost facts by restoring."""
    kept, lost = start(engine).case, start(engine).case
    older = checkpoints.make(engine)
    made = copy_of(engine, tmp_path / "copies")
    engine.execute(AddNote(lost, "备份之后"), ANNA)
    later(engine, minutes=10)
    newer = checkpoints.make(engine)
    assert older is not None and newer is not None
    place = checkpoints.export(engine, tmp_path / "outside").parent
    for gone in (signing.KEY_FILE, signing.PUBLIC_FILE):  # the machine is lost, and the secret with it
        (engine.data_folder / gone).unlink()
    restored(made.folder, engine.database, engine.data_folder, replace=True)
    engine.execute(AddNote(kept, "恢复之后"), ANNA)
    later(engine, minutes=10)
    again = checkpoints.make(engine)
    assert again is not None and again.origin != newer.origin
    keys = (engine.data_folder / signing.PUBLIC_FILE).read_text().splitlines()
    assert all(signing.check(one.note, keys) for one in (older, newer, again))
    found = {}
    for one in (older, newer, again):
        with engine.read() as connection:
            report = verify(connection)
            leaves = partial(checkpoints.exported_leaves, place) if one is not again else None
            verify_tree(connection, report, outside=one, kept=leaves)
        found[one.at] = {b.case for b in report.breaks}
    assert found[older.at] == set() and found[again.at] == set()
    assert found[newer.at] == {lost, TREE}


# -- old copies --------------------------------------------------------------------------------------------


def names(place: Path) -> list[str]:
    return sorted(p.name for p in place.iterdir() if p.name[0].isdigit())


def copies(engine: Engine, place: Path, number: int) -> list[Path]:
    """Copies of one minute after the other, the oldest first."""
    began = datetime(2026, 9, 28, tzinfo=UTC)
    return [
        backup(engine.database, engine.data_folder, place, began + timedelta(minutes=n)).folder
        for n in range(number)
    ]


def test_the_newest_copies_stay_with_what_they_need(engine: Engine, tmp_path: Path, empty: Database) -> None:
    place, case = tmp_path / "copies", start(engine).case
    info = uploads.save(engine, "a.pdf", io.BytesIO(b"%PDF-1.4 kept"), ANNA)
    engine.execute(AttachFile(case, info.id), ANNA)
    made = copies(engine, place, 5)
    (place / "files" / ("0" * 64)).write_bytes(b"only an older copy had this")
    (place / "20260101T000000Z.partial").mkdir()  # a backup that was killed
    done = prune(place, 2, made[-1])
    assert names(place) == done.kept == [p.name for p in made[-2:]] and len(done.removed) == 3
    assert [p.name for p in (place / "files").iterdir()] == [info.digest] and done.files == 1
    for folder in made[-2:]:
        prove(folder, place)
    assert restored(made[-2], empty, tmp_path / "new").cases == 1
    assert prune(place, 2, made[-1]).removed == []


def test_the_copy_just_made_stays_whatever_its_name(engine: Engine, tmp_path: Path) -> None:
    """A clock that was set back gives the newest copy the oldest name."""
    made = copies(engine, tmp_path / "copies", 3)
    prune(tmp_path / "copies", 1, made[0])
    assert names(tmp_path / "copies") == [made[0].name, made[2].name]
    with pytest.raises(InputInvalid, match="至少要保留一份"):
        prune(tmp_path / "copies", 0, made[0])
    assert len(names(tmp_path / "copies")) == 2


@pytest.mark.parametrize("what", ["a table is short", "no manifest to read"])
def test_a_copy_that_is_not_whole_counts_for_nothing_and_stays(
    engine: Engine, tmp_path: Path, what: str
) -> None:
    place = tmp_path / "copies"
    start(engine)
    made = copies(engine, place, 4)
    (place / "files" / ("0" * 64)).write_bytes(b"the broken one's, perhaps")
    if what == "a table is short":
        table = made[3] / "facts.jsonl"
        table.write_bytes(table.read_bytes()[:-1])
    else:
        (made[3] / "manifest.json").write_text("{")
    done = prune(place, 2, made[2])
    assert done.not_whole == [made[3].name] and done.removed == [made[0].name]
    assert names(place) == [p.name for p in made[1:]], "two good ones stay beside it"
    assert (place / "files" / ("0" * 64)).exists(), "nobody knows what the broken one needs"


def test_two_backups_into_one_place_do_not_meet(engine: Engine, tmp_path: Path) -> None:
    made = copies(engine, tmp_path / "copies", 2)
    with only_one(tmp_path / "copies"):
        with pytest.raises(Conflict, match="另一个备份正在写"):
            copy_of(engine, tmp_path / "copies")
        with pytest.raises(Conflict, match="另一个备份正在写"):
            prune(tmp_path / "copies", 1, made[1])
    copy_of(engine, tmp_path / "copies")


# -- who works on it meanwhile -----------------------------------------------------------------------------

WORKING = """
import sys
from engine.runtime import presence
from engine.store.database import open_database
database = open_database(presence.begin(sys.argv[1], "worker"))
with database.read() as connection:
    connection.exec_driver_sql("SELECT 1")
print("here", flush=True)
sys.stdin.read()
"""


def test_a_restore_refuses_while_somebody_works(engine: Engine, tmp_path: Path, empty: Database) -> None:
    """Another process says that it works on the database; killed, it is gone at once, and leaves nothing in the way."""
    made = copy_of(engine, tmp_path / "copies")
    before = rows_of(engine.database)
    url = empty.engine.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-c", WORKING, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"here\n"
        with pytest.raises(Conflict, match=rf"worker {other.pid}@.+duban-worker.+--while-others-work"):
            restored(made.folder, empty, tmp_path / "new")
        assert presence.others(engine.database) == [], "it is not this one that the other works on"
        assert rows_of(engine.database) == before
        with empty.read() as connection:
            assert dump.empty(connection)
        other.kill()
        other.wait()
        until = time.monotonic() + 10
        while (
            presence.others(empty) and time.monotonic() < until
        ):  # PostgreSQL notices a closed socket within moments
            time.sleep(0.05)
    assert restored(made.folder, empty, tmp_path / "new").facts == made.manifest.rows("facts")


def test_who_insists_may_restore_while_somebody_works(
    engine: Engine, tmp_path: Path, empty: Database
) -> None:
    made = copy_of(engine, tmp_path / "copies")
    url = empty.engine.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-c", WORKING, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"here\n"
        clock = FixedClock(datetime.now(UTC))
        done = restore(made.folder, empty, tmp_path / "new", CHIEF, clock, while_others_work=True)
        assert done.facts == made.manifest.rows("facts")
        other.kill()

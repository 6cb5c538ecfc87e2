"""Checkpoints: what was committed is numbered, nothing is passed over, and what was signed can be shown and held against."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit import checkpoint, proof, signing
from engine.audit.verify import verify
from engine.audit.verify_tree import TREE, verify_tree
from engine.commands import AddNote
from engine.errors import InputInvalid, NotFound
from engine.runtime import checkpoints
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from engine.store import append_only, settings, tables
from tests import stores
from tests.engine.office_builder import ANNA, CHIEF, later, start
from tests.engine.random_office import RandomOffice
from tests.engine.working import eventually, working

pytestmark = stores.both


def leaves(engine: Engine) -> list[tuple[str, int]]:
    with engine.read() as connection:
        query = sa.select(tables.leaves.c.case, tables.leaves.c.seq).order_by(tables.leaves.c.position)
        return [(row.case, row.seq) for row in connection.execute(query)]


def holds(engine: Engine) -> bool:
    with engine.read() as connection:
        report = verify(connection)
        verify_tree(connection, report)
    assert report.ok, report.breaks
    return report.ok


def test_every_chain_that_grew_gets_one_leaf(engine: Engine) -> None:
    one, two = start(engine).case, start(engine).case
    first = checkpoints.make(engine)
    assert first is not None and first.size == 3
    ends = dict(leaves(engine))
    assert set(ends) == {one, two, ""} and ends[one] == len(engine.facts(one))
    assert checkpoints.make(engine) is None, "nothing is new"
    engine.execute(AddNote(two, "看过"), ANNA)
    second = checkpoints.make(engine)
    assert second is not None and second.size == 4
    assert leaves(engine)[3] == (two, ends[two] + 1)
    with engine.read() as connection:
        assert checkpoint.consistent(connection, first) and checkpoint.consistent(connection, second)
    assert holds(engine)


def test_a_busy_office_with_checkpoints_in_between(engine: Engine) -> None:
    office = RandomOffice(engine, 11)
    for _ in range(4):
        office.run(15)
        checkpoints.make(engine)
    with engine.read() as connection:
        ends = {r.id: r.seq for r in connection.execute(sa.select(tables.cases))}
    assert {case: seq for case, seq in leaves(engine) if case} == ends  # the last leaf of each is its end
    assert holds(engine)


def test_who_commits_late_is_not_passed_over(engine: Engine) -> None:
    """On PostgreSQL two cases are written at once; the one that began first commits last, after a checkpoint was made. On
    SQLite, where there is one writer, the checkpoint waits for it."""
    early, late = start(engine).case, start(engine).case
    checkpoints.make(engine)
    waiting, go = threading.Event(), threading.Event()

    def slow() -> None:
        with engine.database.write() as connection:
            moment = engine.moment_in(connection)
            loaded = engine._load(connection, late)
            command = AddNote(late, "慢")
            engine._do(connection, loaded, command, ANNA, "slow", "", moment)
            waiting.set()
            go.wait(20)

    thread = threading.Thread(target=slow)
    thread.start()
    assert waiting.wait(20)
    later(engine, minutes=1)
    if engine.database.is_sqlite:
        go.set()
        thread.join()
    engine.execute(AddNote(early, "快"), ANNA)
    assert checkpoints.make(engine) is not None
    go.set()
    thread.join()
    later(engine, minutes=1)
    checkpoints.make(engine)
    ends = dict(leaves(engine))
    assert ends[late] == len(engine.facts(late)) and ends[early] == len(engine.facts(early))
    assert holds(engine)


def test_what_committed_hours_late_is_found_by_the_daily_round(engine: Engine) -> None:
    case = start(engine).case
    checkpoints.make(engine)
    later(engine, hours=2)
    start(engine)
    checkpoints.make(engine)
    later(engine, hours=-3)  # a host whose clock is far behind
    engine.execute(AddNote(case, "晚到"), ANNA)
    later(engine, hours=4)
    start(engine)
    assert checkpoints.make(engine) is not None
    assert dict(leaves(engine))[case] < len(engine.facts(case))
    later(engine, hours=24)
    made = checkpoints.make(engine)
    assert made is not None and dict(leaves(engine))[case] == len(engine.facts(case))


def test_two_who_append_at_once_make_one_sequence(engine: Engine) -> None:
    cases = [start(engine).case for _ in range(6)]
    checkpoints.signer_of(engine)
    errors: list[BaseException] = []

    def append() -> None:
        try:
            for _ in range(5):
                checkpoints.make(engine)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=append) for _ in range(3)]
    for thread in threads:
        thread.start()
    for case in cases:
        engine.execute(AddNote(case, "一"), ANNA)
    for thread in threads:
        thread.join()
    assert errors == []
    checkpoints.make(engine)
    assert len(set(leaves(engine))) == len(leaves(engine)) and {c for c, _ in leaves(engine)} >= set(cases)
    assert holds(engine)


def test_the_worker_makes_them_as_often_as_the_office_said(engine: Engine) -> None:
    start(engine)
    assert checkpoints.make_if_due(engine) is not None
    later(engine, minutes=9)
    start(engine)
    assert checkpoints.make_if_due(engine) is None, "every ten minutes, where nobody said otherwise"
    later(engine, minutes=2)
    assert checkpoints.make_if_due(engine) is not None
    checkpoints.set_plan(engine, CHIEF, minutes=30)
    later(engine, minutes=29)
    assert checkpoints.make_if_due(engine) is None
    later(engine, minutes=2)
    assert checkpoints.make_if_due(engine) is not None
    later(engine, hours=25)
    again = checkpoints.make_if_due(engine)
    assert again is not None and again.size > 0, "daily, also when nothing happened"
    for minutes in (0, 24 * 60 + 1):
        with pytest.raises(InputInvalid, match="1 到 1440"):
            checkpoints.set_plan(engine, CHIEF, minutes=minutes)


def test_a_running_worker_makes_one(engine: Engine) -> None:
    start(engine)

    def newest() -> int:
        with engine.read() as connection:
            made = checkpoint.latest(connection)
        return made.size if made is not None else 0

    with working(engine, poll=0.01):
        eventually(lambda: newest() == 2)


def test_one_that_is_told_to_stop_leaves_the_rest_to_the_next(engine: Engine) -> None:
    start(engine)
    told = threading.Event()
    told.set()
    assert checkpoints.make(engine, told) is None and leaves(engine) == []
    assert checkpoints.make(engine) is not None and len(leaves(engine)) == 2


def test_the_second_place(engine: Engine, tmp_path: Path) -> None:
    """A folder that is told the office: each checkpoint, the key, the leaves; a place that is gone is said, and caught up with."""
    outside = tmp_path / "outside"
    checkpoints.set_plan(engine, CHIEF, folder=str(outside))
    case = start(engine).case
    first = checkpoints.make(engine)
    assert first is not None
    place = outside / first.origin.replace("/", "-")
    moved = tmp_path / "gone"
    outside.rename(moved)
    outside.write_text("a file where the folder was")
    engine.execute(AddNote(case, "一"), ANNA)
    assert checkpoints.make(engine) is not None
    with engine.read() as connection:
        assert str(outside) in checkpoints.plan(connection).export_error
    outside.unlink()
    moved.rename(outside)
    engine.execute(AddNote(case, "二"), ANNA)
    third = checkpoints.make(engine)
    assert third is not None
    with engine.read() as connection:
        assert checkpoints.plan(connection).export_error == ""
    kept = list(checkpoints.exported_leaves(place))
    assert [(c, s) for _, c, s, _ in kept] == leaves(engine) and len(kept) == third.size
    notes = sorted(p.read_text() for p in place.glob("checkpoint-*.txt"))
    assert notes == sorted([first.note, third.note])
    public = (place / signing.PUBLIC_FILE).read_text().splitlines()
    assert all(signing.check(note, public) for note in notes)


def test_proofs_that_anybody_can_check(engine: Engine) -> None:
    """With the public key and the proof alone; one changed character and it does not hold."""
    cases = [start(engine).case for _ in range(5)]
    old = checkpoints.make(engine)
    later(engine, minutes=10)
    engine.execute(AddNote(cases[2], "一"), ANNA)
    new = checkpoints.make(engine)
    assert old is not None and new is not None
    public = [checkpoints.signer_of(engine).public]
    with engine.read() as connection:
        given = [proof.of_case(connection, case, made) for case in cases for made in (old, new)]
        given.append(proof.of_growth(connection, old, new))
        with pytest.raises(InputInvalid, match="颠倒"):
            proof.of_growth(connection, new, old)
        with pytest.raises(NotFound, match="还没有这个案件"):
            proof.of_case(connection, "nobody", new)
    for data in given:
        assert proof.holds(data, public)
        for name, value in data.items():
            wrong = [value[1:], [*value, "00" * 32]] if isinstance(value, list) else [_other(value)]
            for one in wrong:
                assert not proof.holds(data | {name: one}, public), name
    seqs = {(data["case"], data["seq"]) for data in given[:-1]}
    assert len(seqs) == 6 and (cases[2], len(engine.facts(cases[2]))) in seqs
    for nonsense in ({}, {"checkpoint": 3}, {"checkpoint": new.note, "path": 1}):
        with pytest.raises(InputInvalid):
            proof.holds(nonsense, public)


def _other(value: object) -> object:
    if isinstance(value, int):
        return value + 1
    text = str(value)
    return text.replace(text[0], "0" if text[0] != "0" else "1", 1)


def test_leaves_tiles_and_checkpoints_that_were_changed_are_seen(engine: Engine) -> None:
    for _ in range(3):
        start(engine)
    checkpoints.make(engine)
    t = tables
    for change in (
        sa.update(t.leaves).where(t.leaves.c.position == 1).values(head=b"x" * 32),
        sa.delete(t.leaves).where(t.leaves.c.position == 1),
        sa.delete(t.leaves).where(t.leaves.c.position == 3),
        sa.insert(t.tiles).values(level=1, position=0, hash=b"x" * 32),
        sa.update(t.checkpoints).values(root=b"x" * 32),
    ):
        with engine.database.engine.connect() as connection:
            append_only.unguard(connection)
            connection.execute(change)
            report = verify(connection)
            verify_tree(connection, report)
            assert TREE in {b.case for b in report.breaks}, change
            connection.rollback()
    assert holds(engine)


# -- keys and notes ----------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_is_its_owners_alone(engine: Engine) -> None:
    signer = checkpoints.signer_of(engine)
    assert checkpoints.signer_of(engine).public == signer.public
    file = engine.data_folder / signing.KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with engine.read() as connection:
        kinds = connection.execute(sa.select(tables.office_facts.c.kind)).scalars().all()
        assert kinds.count("CheckpointKeyMade") == 1
    file.chmod(0o644)
    with pytest.raises(InputInvalid, match="chmod 600"):
        checkpoints.signer_of(engine)


def test_a_changed_note_or_another_key_is_refused(engine: Engine, tmp_path: Path) -> None:
    start(engine)
    made = checkpoints.make(engine)
    assert made is not None
    public = checkpoints.signer_of(engine).public
    assert signing.check(made.note, [public])
    assert not signing.check(made.note.replace(f"\n{made.size}\n", f"\n{made.size + 1}\n"), [public])
    other = signing.Ed25519(made.origin, signing.kept_key(tmp_path / "other"))
    assert not signing.check(made.note, [other.public])
    assert checkpoint.read(made.note) == made
    for nonsense in ("", "x", "a\nb\nc\n\n— a b\n"):
        with pytest.raises(InputInvalid):
            checkpoint.read(nonsense)
    with pytest.raises(InputInvalid, match="公钥"):
        signing.check(made.note, ["nonsense"])


def test_notes_are_those_of_c2sp() -> None:
    """The example of golang.org/x/mod/sumdb/note, which the format comes from."""
    key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert signing.check(note, [key])
    assert not signing.check(note.replace("answer", "Answer"), [key])


# -- only growing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", append_only.TABLES)
def test_what_only_grows_refuses_the_rest(engine: Engine, table: str) -> None:
    case = start(engine).case
    checkpoints.make(engine)
    with engine.database.write() as connection:
        connection.execute(sa.insert(tables.tiles).values(level=1, position=0, hash=b"x"))
        connection.execute(sa.insert(tables.archived).values(case=case, archive="x", at=engine.now()))
    said = [f"UPDATE {table} SET {_column(table)} = {_column(table)}", f"DELETE FROM {table}"]
    if not engine.database.is_sqlite:
        said.append(f"TRUNCATE {table}")
    for statement in said:
        with pytest.raises(sa.exc.IntegrityError, match="只能追加"), engine.database.write() as connection:
            connection.exec_driver_sql(statement)


def _column(table: str) -> str:
    return str(tables.metadata.tables[table].columns.keys()[-1])


def test_the_applications_role_can_work_and_cannot_change_the_record(engine: Engine) -> None:
    if engine.database.is_sqlite:
        pytest.skip("SQLite 没有角色：权限只由触发器和文件权限保证")
    with stores.as_application(engine.database) as url:
        app = Engine.open(url, engine.data_folder, engine.clock)
        try:
            case = start(app).case
            app.execute(AddNote(case, "以应用的身份"), ANNA)
            later(app, hours=3)
            Worker(app).step()
            assert checkpoints.make(app) is not None
            assert holds(app)
            for statement in (
                "UPDATE facts SET person_name = ''",
                "DELETE FROM facts",
                "TRUNCATE facts",
                "DELETE FROM office_facts",
                "UPDATE leaves SET seq = 1",
                "DELETE FROM checkpoints",
                "ALTER TABLE facts DISABLE TRIGGER ALL",
                "DROP TRIGGER facts_append_only ON facts",
                "ALTER TABLE facts DROP COLUMN hash",
                "SET session_replication_role = replica",
                "CREATE OR REPLACE FUNCTION duban_append_only() RETURNS trigger LANGUAGE sql AS 'select 1'",
                "DROP TABLE leaves",
            ):
                with (
                    pytest.raises(sa.exc.ProgrammingError, match="(?i)permission denied|must be owner"),
                    app.database.write() as connection,
                ):
                    connection.exec_driver_sql(statement)
        finally:
            app.close()


def test_a_tree_that_is_forgotten_gets_another_name(engine: Engine) -> None:
    before = checkpoints.signer_of(engine)
    with engine.database.write() as connection:
        checkpoints.forget_the_tree(connection)
        assert settings.get(connection, [checkpoints.ORIGIN]) == {}
    after = checkpoints.signer_of(engine)
    assert after.name != before.name and after.public != before.public

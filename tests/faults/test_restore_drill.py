"""Backups and restores: a copy made while people work is whole, a broken one is refused, and after a disaster nothing is sent
twice and no more is lost than what came after the last copy.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit.verify import verify
from engine.audit.verify_tree import verify_tree
from engine.clock import FixedClock
from engine.commands import AddNote
from engine.runtime import checkpoints, hold
from engine.runtime.backup import newest
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from engine.store.database import open_database
from tests import stores
from tests.engine.office_builder import ANNA, CHIEF, new_office, start
from tests.engine.random_office import RandomOffice
from tests.engine.test_backup import copy_of, letter, notices, restored, sound
from tests.engine.working import eventually
from tests.faults.many_facts import fill
from tests.services.postgres import Postgres


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"), [(stores.SQLITE, stores.POSTGRESQL), (stores.POSTGRESQL, stores.SQLITE)]
)
def test_an_office_moves_to_the_other_store(tmp_path: Path, before: str, after: str) -> None:
    with stores.use(before):
        engine = new_office(tmp_path / "old")
        office = RandomOffice(engine, 6)
        office.run(40)
        checkpoints.make(engine)
        copy_of(engine, tmp_path / "copies")
        states = [engine.load(case) for case in office.cases]
        with stores.use(after):
            folder = tmp_path / "new"
            folder.mkdir()
            database = stores.closing(open_database(stores.url_in(folder)))
            restored(newest(tmp_path / "copies"), database, folder)
            moved = Engine(database, folder, FixedClock(engine.now()))
            assert moved.database.engine.dialect.name == after
            assert [moved.load(case) for case in office.cases] == states
            start(moved)
            RandomOffice(moved, 7).run(15)
            sound(moved)


@pytest.mark.slow
def test_the_drill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The server is killed while everybody works; its disk is lost. The last copy becomes the office on another server: what
    came after the copy is gone and nothing else, and no letter reaches anybody twice."""
    disk = Path(tempfile.mkdtemp(prefix="duban-drill-"))
    disk.chmod(0o755)  # the server runs as another user
    server = Postgres(disk / "server", durable=True).start()
    try:
        with stores.use(stores.SQLITE):
            template = new_office(tmp_path / "template")
            copy_of(template, tmp_path / "first")
        (tmp_path / "old").mkdir()
        database = open_database(server.url(server.create()))
        restored(newest(tmp_path / "first"), database, tmp_path / "old")
        engine = Engine(database, tmp_path / "old", FixedClock(template.now()))
        hold.release(engine, CHIEF)
        fill(engine, 20_000)
        cases = [start(engine).case for _ in range(8)]
        acknowledged: list[tuple[str, int]] = []
        for n in range(8):
            letter(engine, cases[n], f"先-{n}")
        Worker(engine).step()
        made = copy_of(engine, tmp_path / "copies")
        copied = {case: len(engine.facts(case)) for case in cases}
        for n in range(8):  # after the copy: the same letters fall due in every life of the office
            letter(engine, cases[n], f"后-{n}")
        Worker(engine).step()
        received = notices(engine)
        stop = threading.Event()

        def work(case: str) -> None:
            while not stop.is_set():
                try:
                    engine.execute(AddNote(case, "在办"), ANNA)
                except sa.exc.OperationalError:
                    return
                acknowledged.append((case, 1))

        threads = [threading.Thread(target=work, args=(case,)) for case in cases[:3]]
        for thread in threads:
            thread.start()
        eventually(lambda: len(acknowledged) >= 50, "nobody gets on")
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        database.close()
    finally:
        server.stop()
        shutil.rmtree(disk)
    with stores.use(stores.POSTGRESQL):
        began = time.monotonic()
        folder = tmp_path / "new"
        folder.mkdir()
        fresh = stores.closing(open_database(stores.url_in(folder)))
        done = restored(newest(tmp_path / "copies"), fresh, folder)
        took = time.monotonic() - began
        again = Engine(fresh, folder, FixedClock(template.now()))
        assert {case: len(again.facts(case)) for case in cases} == copied, (
            "what the copy had, all of it, and no more"
        )
        assert done.facts == made.manifest.rows("facts") > 20_000
        for n in range(8):
            letter(again, cases[n], f"后-{n}")  # they fall due again
        letter(again, cases[0], "新-0")
        Worker(again).step()
        before = notices(again)
        with again.read() as connection:
            held = {one.key for one in hold.waiting(connection)}
        assert held == {f"后-{n}" for n in range(8)} | {"新-0"} and before == {f"先-{n}" for n in range(8)}
        hold.release(again, CHIEF, held & received)
        Worker(again).step()
        assert notices(again) - before == {"新-0"}
        sound_chains(again)
    with capsys.disabled():
        sys.stdout.write(f"\nrestored {done.facts} facts in {took:.1f} s, back at work\n")
    assert took < 15 * 60


def sound_chains(engine: Engine) -> None:
    with engine.read() as connection:
        report = verify(connection)
        verify_tree(connection, report)
    assert report.ok, report.breaks

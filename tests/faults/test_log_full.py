"""The disk of PostgreSQL's own log is full: the server gives up at once, as it must; made larger and started again, everything
acknowledged is there and the office goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.clock import FixedClock
from engine.commands import AddNote
from engine.facts import NoteAdded
from engine.runtime.engine import Engine
from tests.engine.office_builder import ANNA, MONDAY, furnish, start, trial_files
from tests.faults.small_disk import MEGABYTE, Disk, mounted
from tests.faults.ticking import check_rows
from tests.services import child
from tests.services.postgres import Postgres

pytestmark = pytest.mark.slow


def test_a_full_log_loses_nothing() -> None:
    folder = Path(tempfile.mkdtemp(prefix="duban-log-"))
    folder.chmod(0o755)
    try:
        with mounted(folder / "small") as disk:
            fill_the_log(folder, disk)
    finally:
        shutil.rmtree(folder)


def fill_the_log(folder: Path, disk: Disk) -> None:
    server = Postgres(
        folder / "postgres", durable=True, max_wal_size="64MB", recovery_init_sync_method="syncfs"
    )
    log = disk.place / "log"
    child.hand_over(disk.place)
    shutil.move(server.data / "pg_wal", log)
    (server.data / "pg_wal").symlink_to(log)
    subprocess.run(["chown", "-R", "--reference", str(server.data), str(log)], check=True)
    server.start()
    try:
        url = server.url(server.create())
        engine = Engine.open(url, folder / "data", FixedClock(MONDAY))
        furnish(engine, trial_files())
        case = start(engine).case
        disk.filled(but=MEGABYTE)  # less than one piece of the log
        asked: list[str] = []
        with pytest.raises(sa.exc.DBAPIError):
            for n in range(100_000):
                asked.append(f"note-{n}")
                engine.execute(AddNote(case, os.urandom(1_900).hex()), ANNA, asked[-1])
        server.stop(at_once=True)
        disk.roomy()
        server.start()
        notes = [e.command for e in engine.facts(case) if isinstance(e.fact, NoteAdded)]
        assert sorted(notes) in (sorted(asked[:-1]), sorted(asked)), (
            "every acknowledged one, and nothing else"
        )
        engine.execute(AddNote(case, "有空间了"), ANNA, asked[-1] + "-again")
        check_rows(engine)
        engine.close()
        print(f"{len(asked) - 1} acknowledged before the log was full, all there")  # noqa: T201
    finally:
        server.stop()

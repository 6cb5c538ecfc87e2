"""What was found out about pictures is carried by backups and leaves with archived cases; what can be made again is."""

from __future__ import annotations

import io
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.commands import AttachFile, CancelCase
from engine.runtime import checkpoints, looking, pictures, uploads
from engine.runtime.archive import archive, set_keep_days
from engine.runtime.engine import Engine
from engine.store import tables as t
from engine.store.database import Database
from tests import stores
from tests.engine.office_builder import ANNA, CHIEF, later, start
from tests.engine.test_backup import copy_of, empty, restored, rows_of
from tests.pictures import saved, scene

pytestmark = stores.both
__all__ = ["empty"]

OF_PICTURES = ("pictures", "picture_keys", "hints", "files")


def handed_in(engine: Engine, case: str, seed: int = 1) -> str:
    info = uploads.save(engine, "现场.jpg", io.BytesIO(saved(scene(seed, (640, 480)))), ANNA)
    engine.execute(AttachFile(case, info.id), ANNA)
    return info.id


@pytest.fixture
def twice(engine: Engine) -> tuple[str, str]:
    """Two cases with the same photo, looked at."""
    one, two = start(engine).case, start(engine).case
    handed_in(engine, one)
    later(engine, minutes=1)
    handed_in(engine, two)
    assert looking.look_at_new(engine) == 2
    return one, two


def test_a_copy_carries_what_was_found_and_small_pictures_are_made_again(
    engine: Engine, twice: tuple[str, str], tmp_path: Path, empty: Database
) -> None:
    before = rows_of(engine.database)
    assert len(before["hints"]) == 1 and len(before["pictures"]) == 2 and before["picture_keys"]
    restored(copy_of(engine, tmp_path / "copies").folder, empty, tmp_path / "new")
    after = rows_of(empty)
    assert {name: after[name] for name in OF_PICTURES} == {name: before[name] for name in OF_PICTURES}
    again = Engine(empty, tmp_path / "new", engine.clock)
    later(again, minutes=1)
    assert not (tmp_path / "new" / pictures.FOLDER).exists()
    third = start(again).case
    handed_in(again, third)
    assert looking.look_at_new(again) == 1
    with again.read() as c:
        found = c.execute(sa.select(t.hints.c.other_case).where(t.hints.c.case == third)).scalars().all()
    assert sorted(found) == sorted(twice), "the restored ones' small pictures were made anew to be compared"


def test_what_is_archived_leaves_nothing_to_be_compared(
    engine: Engine, twice: tuple[str, str], tmp_path: Path
) -> None:
    one, two = twice
    engine.execute(CancelCase(two, "不再办理"), CHIEF)
    checkpoints.make(engine)
    later(engine, days=40)
    set_keep_days(engine, 30, CHIEF)
    archive(engine, engine.now() - timedelta(days=30), tmp_path / "old", CHIEF)
    with engine.read() as c:
        kept = c.execute(sa.select(t.pictures.c.number, t.pictures.c.file, t.pictures.c.case)).all()
        numbers = set(c.execute(sa.select(t.picture_keys.c.picture)).scalars())
        hints = c.execute(sa.select(t.hints)).all()
    assert [row.case for row in kept] == [one] and numbers == {kept[0].number} and hints == []
    there = {file.name.split("-")[0] for file in (tmp_path / pictures.FOLDER).iterdir()}
    assert there == {kept[0].file}
    shutil.rmtree(tmp_path / pictures.FOLDER)
    third = start(engine).case
    handed_in(engine, third)
    assert looking.look_at_new(engine) == 1

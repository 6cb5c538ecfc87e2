"""A full disk: what was acknowledged stays, what is refused is refused in words and is not half there, and when there is room again
everything goes on, late deadlines first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from psycopg import sql
from werkzeug.test import TestResponse

from engine.commands import AddNote
from engine.facts import DeadlinePassed, NoteAdded
from engine.runtime import again
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from tests import stores
from tests.engine.office_builder import ANNA, MONDAY, later, new_office, start
from tests.faults.small_disk import MEGABYTE, Disk, mounted
from tests.faults.ticking import check_rows
from tests.services import child, postgres
from tests.web.builder import KEY as TINY
from tests.web.builder import User, make_office, open_site

pytestmark = [*stores.both, pytest.mark.slow]


@pytest.fixture
def disk(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    on_postgres = store == stores.POSTGRESQL
    place = postgres.shared().folder.parent if on_postgres else tmp_path_factory.mktemp("disk")
    with mounted(place / "small") as made:
        if on_postgres:
            made.tablespace = "small"
            space = made.place / "tablespace"
            space.mkdir()
            child.hand_over(space)
            create = sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(space)))
            postgres.shared().command(create)
        yield made
        if on_postgres:
            postgres.shared().command(sql.SQL("DROP TABLESPACE small"))


def on(disk: Disk, folder: Path) -> None:
    """Move the office's database to the small disk."""
    if disk.tablespace:
        name = stores.url_in(folder).rsplit("/", 1)[1]
        move = sql.SQL("ALTER DATABASE {} SET TABLESPACE small").format(sql.Identifier(name))
        postgres.shared().command(move)


@pytest.fixture
def office(disk: Disk) -> Iterator[Engine]:
    """An office on the small disk."""
    folder = disk.place / "office"
    with stores.use(stores.chosen()):
        engine = new_office(folder)
        engine.close()
        on(disk, folder)
        yield engine


def write_until_full(engine: Engine, case: str) -> list[str]:
    """Long notes until the store refuses one. Gives the ids of those it has taken, and last the refused one's."""
    asked: list[str] = []
    for n in range(5_000):
        asked.append(f"note-{n}")
        try:
            engine.execute(AddNote(case, f"{n} " + os.urandom(1_000).hex()), ANNA, asked[-1])
        except sa.exc.OperationalError as error:
            assert again.no_room(error), error
            return asked
    raise AssertionError("the disk is never full")


def test_nothing_acknowledged_is_lost_and_nothing_refused_is_half_there(office: Engine, disk: Disk) -> None:
    case, ticking = start(office).case, start(office).case
    disk.filled(but=MEGABYTE)
    asked = write_until_full(office, case)
    assert len(asked) > 10
    facts = office.facts(case)
    assert sorted(e.command for e in facts if isinstance(e.fact, NoteAdded)) == sorted(asked[:-1])
    assert not office.was_asked(asked[-1])

    disk.filled()
    later(office, hours=3)
    worker = Worker(office)
    for _ in range(3):  # it cannot, and puts no case off for it
        with pytest.raises(sa.exc.OperationalError):
            while worker.pass_deadlines():
                pass
    disk.roomy()
    while worker.step():
        pass
    for one in (case, ticking):
        passed = [e for e in office.facts(one) if isinstance(e.fact, DeadlinePassed)]
        assert len(passed) == len({e.fact.id for e in passed}) == 1, "the reminder, once"  # type: ignore[attr-defined]
        assert all(e.at >= MONDAY for e in passed)
    office.execute(AddNote(case, "有空间了"), ANNA, asked[-1])
    check_rows(office)


def test_the_web_says_so_and_keeps_nothing_half(disk: Disk) -> None:
    folder = disk.place / "site"
    folder.mkdir()
    with stores.use(stores.chosen()):
        make_office(folder)
        on(disk, folder)
        site = open_site(folder)
        case, wang = site.begin(), site.user("wang")
        (folder / "files").mkdir(exist_ok=True)
        disk.filled(but=MEGABYTE)
        taken = 0
        while True:
            answer = wang.post(f"/api/v1/cases/{case}/notes", {"text": os.urandom(900).hex()})
            if answer.status_code != 201:
                break
            taken += 1
        assert answer.status_code == 507 and answer.json["code"] == "no_room", answer.text
        assert "磁盘空间" in answer.json["detail"] and "管理员" in answer.json["detail"]
        assert sum(isinstance(e.fact, NoteAdded) for e in site.engine.facts(case)) == taken

        disk.filled()
        for size in (100_000, 3_000_000):  # the larger one is spooled by the web server first
            answer = upload(wang, size)
            assert answer.status_code == 507 and "磁盘空间" in answer.json["detail"], answer.text
        assert list((folder / "files").iterdir()) == []
        assert wang.get(f"/cases/{case}").status_code == 200, "looking still works"
        assert wang.get("/livez").status_code == 200

        disk.roomy()
        up = upload(wang, 3_000_000)
        assert up.status_code == 201, up.text
        assert wang.post(f"/api/v1/cases/{case}/files", {"file": up.json["id"]}).status_code == 201
        assert wang.post("/api/v1/cases", begin_body()).status_code == 201
        check_rows(site.engine)


def upload(user: User, size: int) -> TestResponse:
    content = b"%PDF-1.4 " + os.urandom(size)
    head = 'Content-Disposition: form-data; name="file"; filename="函.pdf"\r\n\r\n'
    body = b"--end\r\n" + head.encode() + content + b"\r\n--end--\r\n"
    kind = "multipart/form-data; boundary=end"
    return user.client.post(
        "/api/v1/files", data=body, content_type=kind, headers={"X-CSRF-Token": user.csrf}
    )


def begin_body() -> dict[str, object]:
    form = {"名称": "甲", "企业": "一号煤矿", "行业": "煤矿", "属地": "上海庙镇"}
    return {"package": TINY, "start": "S", "form": form}

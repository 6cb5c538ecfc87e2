"""A batch writes on PostgreSQL, in one statement, what it writes on SQLite in several."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from engine.runtime.engine import Engine
from engine.store import tables as t
from engine.store.batch import SPELLED_OUT, Batch
from tests import stores
from tests.engine.office_builder import new_office

pytestmark = stores.both

AT = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)
RECEIPT = {"case": "c", "seq": 1, "person": "", "at": AT, "digest": ""}


@pytest.fixture
def office(tmp_path: Path) -> Engine:
    return new_office(tmp_path)


def write(office: Engine, batch: Batch) -> int:
    """Returns in how many statements."""
    seen: list[str] = []

    def listen(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    sa.event.listen(office.database.engine, "before_cursor_execute", listen)
    with office.database.write() as connection:
        batch.write(connection)
    sa.event.remove(office.database.engine, "before_cursor_execute", listen)
    return len([s for s in seen if not s.startswith("BEGIN")])


def numbers(office: Engine) -> dict[tuple[str, int], int]:
    with office.read() as connection:
        return {(r.series, r.year): r.last for r in connection.execute(sa.select(t.numbers))}


@pytest.mark.parametrize("many", [1, 3, SPELLED_OUT, SPELLED_OUT + 1, 500])
@pytest.mark.parametrize("arrays", [False, True])
def test_rows_come_change_and_go(office: Engine, many: int, arrays: bool) -> None:
    batch = Batch(many=arrays)
    for n in range(many):
        batch.insert(t.numbers, ("甲", n), {"last": n})
        batch.insert(t.commands, (f"id{n}",), RECEIPT)
    assert write(office, batch) == (1 if not office.database.is_sqlite else 2)
    assert numbers(office) == {("甲", n): n for n in range(many)}
    for n in range(many):
        batch.change(t.numbers, ("甲", n), last=n + 1000)
    batch.delete(t.numbers, ("甲", many - 1))
    batch.insert(t.numbers, ("乙", 0), {"last": 7})
    write(office, batch)
    assert numbers(office) == {("甲", n): n + 1000 for n in range(many - 1)} | {("乙", 0): 7}
    for n in range(many - 1):
        batch.delete(t.numbers, ("甲", n))
    write(office, batch)
    assert numbers(office) == {("乙", 0): 7}


def test_changes_of_one_row_meet(office: Engine) -> None:
    batch = Batch()
    batch.insert(t.numbers, ("甲", 1), {"last": 1})
    batch.change(t.numbers, ("甲", 1), last=2)
    batch.insert(t.numbers, ("甲", 2), {"last": 1})
    batch.delete(t.numbers, ("甲", 2))
    assert batch.pending(t.numbers, ("甲", 1)) == {"last": 2} and not batch.pending(t.numbers, ("甲", 2))
    assert write(office, batch) == 1
    assert numbers(office) == {("甲", 1): 2}
    batch.change(t.numbers, ("甲", 1), last=3)
    batch.change(t.numbers, ("甲", 1), last=4)
    write(office, batch)
    assert numbers(office) == {("甲", 1): 4}
    assert write(office, batch) == 0, "a batch that was written is empty"


def test_once_by_its_key(office: Engine) -> None:
    row = {
        "key": "k", "case": "c", "what": "notice", "data": b"{}", "written_at": AT, "send_at": AT, "attempts": 0,
        "last_error": "",
    }  # fmt: skip
    for _ in range(2):
        batch = Batch()
        batch.insert_once(t.outbox, row)
        batch.insert_once(t.outbox, row)
        write(office, batch)
    with office.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(t.outbox)).scalar() == 1


@pytest.mark.parametrize("many", [1, SPELLED_OUT + 1])
def test_bytes_and_odd_texts_arrive_as_they_are(office: Engine, many: int) -> None:
    text = "苏日娜 $1 %s '' \\x41 \\ \" \n"
    batch = Batch()
    for n in range(many):
        row = {
            "key": f"{text}{n}", "case": text, "what": "notice", "data": b"\x00\xff{}" + bytes([n]), "written_at": AT,
            "send_at": AT, "attempts": 0, "last_error": text, "sent_at": None,
        }  # fmt: skip
        batch.insert_once(t.outbox, row)
    write(office, batch)
    with office.read() as connection:
        rows = connection.execute(sa.select(t.outbox).order_by(t.outbox.c.id)).all()
    assert [(r.key, r.data) for r in rows] == [
        (f"{text}{n}", b"\x00\xff{}" + bytes([n])) for n in range(many)
    ]
    assert {(r.case, r.last_error, r.written_at, r.sent_at) for r in rows} == {(text, text, AT, None)}


@pytest.mark.parametrize("value", [None, AT])
@pytest.mark.parametrize("arrays", [False, True])
def test_nothing_and_instants_arrive_as_they_are(
    office: Engine, value: datetime | None, arrays: bool
) -> None:
    batch = Batch(many=arrays)
    batch.insert(t.numbers, ("甲", 1), {"last": 1})
    batch.insert(
        t.people, ("p",), {
            "account": "p", "name": "苏日娜 $1 %s ''", "title": "", "password": "", "phone": "", "active": True,
            "failures": 0, "locked_until": value, "epoch": 0, "position": 9,
        },
    )  # fmt: skip
    write(office, batch)
    with office.read() as connection:
        row = connection.execute(sa.select(t.people).where(t.people.c.id == "p")).one()
    assert (row.locked_until, row.name, row.active) == (value, "苏日娜 $1 %s ''", True)


TRICKY = [
    "",
    "NULL",
    "null",
    "{}",
    "a,b",
    'a"b',
    "a\\b",
    "a'b",
    "{1,2}",
    "换\n行\t",
    " x ",
    '\\"',
    "$1 %s",
    "\\x41",
    "𠮷",
]


@pytest.mark.parametrize("arrays", [False, True])
def test_texts_bytes_and_truths_arrive_as_they_are(office: Engine, arrays: bool) -> None:
    batch = Batch(many=arrays)
    for n, text in enumerate(TRICKY):
        data = bytes(range(256)) + text.encode()
        batch.insert(
            t.packages, (str(n),), {
                "key": "k", "version": n, "title": text, "files": data, "published_at": AT, "published_by": "", "note": "",
            },
        )  # fmt: skip
        batch.insert(t.calendar_days, (date(2025, 1, n + 1),), {"working": bool(n % 2), "note": text})
    write(office, batch)
    with office.read() as connection:
        packages = sa.select(t.packages).where(t.packages.c.key == "k").order_by(t.packages.c.version)
        for n, row in enumerate(connection.execute(packages)):
            assert (row.title, row.files, row.published_at) == (
                TRICKY[n],
                bytes(range(256)) + TRICKY[n].encode(),
                AT,
            )
        days = sa.select(t.calendar_days).where(t.calendar_days.c.day <= date(2025, 1, len(TRICKY)))
        found = {row.day: (row.working, row.note) for row in connection.execute(days)}
    assert [found[date(2025, 1, n + 1)] for n in range(len(TRICKY))] == [
        (bool(n % 2), x) for n, x in enumerate(TRICKY)
    ]


def test_what_is_too_long_is_never_cut(office: Engine) -> None:
    """PostgreSQL refuses it, SQLite keeps texts of any length."""
    batch = Batch()
    batch.insert(t.numbers, ("甲" * 61, 1), {"last": 1})
    if office.database.is_sqlite:
        write(office, batch)
    else:
        with pytest.raises(sa.exc.DBAPIError):
            write(office, batch)
    assert {len(series) for series, _ in numbers(office)} <= {61}


def test_what_has_moved_is_not_written_over(office: Engine) -> None:
    batch = Batch()
    batch.insert(t.numbers, ("甲", 1), {"last": 5})
    write(office, batch)
    for expected, fails in ((5, False), (5, True), (6, False)):
        batch.change(t.numbers, ("甲", 1), last=expected + 1)
        batch.insert(t.numbers, ("乙", expected + (10 if fails else 0)), {"last": 1})
        batch.expect(t.numbers, ("甲", 1), "last", expected)
        if fails:
            with pytest.raises(sa.exc.IntegrityError):
                write(office, batch)
            batch = Batch()
        else:
            write(office, batch)
    assert numbers(office) == {("甲", 1): 7, ("乙", 5): 1, ("乙", 6): 1}

"""The office's tables, accounts, files, settings and the demo's clock."""

from __future__ import annotations

import io
import stat
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from engine.audit.verify import verify
from engine.clock import FixedClock
from engine.commands import AttachFile, ClaimItem
from engine.directory import Person, Responsibility, Unit
from engine.errors import CalendarUnknown, Conflict, InputInvalid, NotAllowed, NotFound
from engine.runtime import accounts, demo_clock, evidence_rules, office, uploads
from engine.runtime.demo_clock import DemoClock
from engine.runtime.engine import Engine
from engine.runtime.settings import Settings
from engine.runtime.worker import Worker
from engine.store import settings, tables
from tests import pictures, stores
from tests.engine.office_builder import ANNA, BEN, CHIEF, directory, later, new_office, open_engine, start

pytestmark = stores.both

PASSWORD = "Xiaoxin-dangan-2026"


def office_kinds(engine: Engine) -> list[str]:
    with engine.read() as connection:
        query = sa.select(tables.office_facts.c.kind).order_by(tables.office_facts.c.seq)
        return list(connection.execute(query).scalars())


# -- directory and calendar ----------------------------------------------------------------------------------


def test_what_was_entered_is_what_the_engine_sees(engine: Engine) -> None:
    assert engine.directory() == directory()
    before = len(office_kinds(engine))
    office.load_directory(engine, directory(), CHIEF)  # the same again leaves no fact
    assert len(office_kinds(engine)) == before


def test_changes_are_seen_at_once_by_every_process(engine: Engine, tmp_path: Path) -> None:
    other = open_engine(tmp_path, engine.clock)
    assert other.directory().units["能源局"].phone == ""
    office.save_unit(engine, Unit("能源局", "能源局", "督办部门", phone="0477-123"), CHIEF)
    assert other.directory().units["能源局"].phone == "0477-123"
    begun = start(engine)
    item = next(iter(begun.state.items))
    office.set_posts(engine, "ben", [], CHIEF)
    with pytest.raises(NotFound):
        other.execute(ClaimItem(begun.case, item), BEN)
    assert office_kinds(engine)[-2:] == ["UnitSaved", "PostsSet"]
    with engine.read() as connection:
        assert verify(connection).ok


def test_posts_keep_their_order(engine: Engine) -> None:
    for order in ([("AWB", "安委办"), ("DB", "能源局")], [("DB", "能源局"), ("AWB", "安委办")]):
        office.set_posts(engine, "anna", order, CHIEF)
        assert engine.directory().posts_of("anna") == order


def test_senseless_entries_are_refused(engine: Engine) -> None:
    with pytest.raises(InputInvalid):
        office.save_unit(engine, Unit("", ""), CHIEF)
    with pytest.raises(InputInvalid):
        office.save_unit(engine, Unit("甲", "甲", "衙门"), CHIEF)
    with pytest.raises(InputInvalid):
        office.save_unit(engine, Unit("甲", "甲", parent="乌有"), CHIEF)
    with pytest.raises(Conflict):
        office.save_person(engine, Person("p9", "anna", "另一人"), CHIEF)
    with pytest.raises(InputInvalid):
        office.save_person(engine, Person("p9", "有 空格", "另一人"), CHIEF)
    with pytest.raises(NotFound):
        office.set_posts(engine, "anna", [("DB", "乌有局")], CHIEF)
    with pytest.raises(InputInvalid):
        office.set_responsibility(engine, Responsibility("*", "*", "DB", "乌有局"), CHIEF)
    with pytest.raises(NotFound):
        office.remove_responsibility(engine, "煤矿", "*", "DB", CHIEF)


def test_a_responsibility_is_replaced_and_removed(engine: Engine) -> None:
    office.set_responsibility(engine, Responsibility("*", "*", "DB", "安委办", "新规定"), CHIEF)
    assert engine.directory().responsible("DB", "煤矿", "某镇") == (
        "安委办",
        "按职责库：所有行业和属地由安委办负责（新规定）",
    )
    office.remove_responsibility(engine, "*", "*", "DB", CHIEF)
    assert engine.directory().responsible("DB", "煤矿", "某镇") is None


def test_the_calendar_is_the_offices(engine: Engine) -> None:
    day = date(2026, 9, 29)
    assert engine.calendar().is_working(day)
    office.set_calendar_day(engine, day, False, "停电检修", CHIEF)
    assert not engine.calendar().is_working(day)
    office.clear_calendar_day(engine, day, CHIEF)
    assert engine.calendar().is_working(day)
    with pytest.raises(CalendarUnknown):
        engine.calendar().is_working(date(2027, 3, 1))
    office.confirm_year(engine, 2027, "国办通知", CHIEF)
    assert engine.calendar().is_working(date(2027, 3, 1))
    office.confirm_year(engine, 2027, "", CHIEF, confirmed=False)
    with pytest.raises(CalendarUnknown):
        engine.calendar().is_working(date(2027, 3, 1))
    office.set_hours(engine, {"closes": "17:30"}, CHIEF)
    assert engine.calendar().closes == "17:30"
    with pytest.raises(InputInvalid):
        office.set_hours(engine, {"opens": "19:00"}, CHIEF)
    assert engine.calendar().opens == "08:30"  # nothing of the refused change stayed


# -- accounts ------------------------------------------------------------------------------------------------


def test_unknown_accounts_cost_as_much_as_known_ones() -> None:
    assert not PasswordHasher().check_needs_rehash(accounts._NOBODY), (
        "the library's recommended cost has changed"
    )


def test_signing_in(engine: Engine) -> None:
    accounts.set_password(engine, "anna", PASSWORD, CHIEF)
    account = accounts.sign_in(engine, "anna", PASSWORD)
    assert account is not None and account.person.name == "王建军"
    assert accounts.account_of(engine, "anna", account.epoch) == account
    assert accounts.sign_in(engine, "anna", PASSWORD + "x") is None
    assert accounts.sign_in(engine, "nobody", PASSWORD) is None
    assert accounts.sign_in(engine, "ben", "") is None  # has no password
    accounts.set_password(engine, "anna", PASSWORD, CHIEF)  # ends every session
    assert accounts.account_of(engine, "anna", account.epoch) is None
    with engine.read() as connection:
        stored = connection.execute(
            sa.select(tables.people.c.password).where(tables.people.c.id == "anna")
        ).scalar_one()
    assert stored.startswith("$argon2id$") and PASSWORD not in stored


@pytest.mark.slow
def test_five_failures_lock_for_a_quarter_of_an_hour(engine: Engine) -> None:
    accounts.set_password(engine, "anna", PASSWORD, CHIEF)
    for _ in range(4):
        assert accounts.sign_in(engine, "anna", "wrong") is None
    assert accounts.sign_in(engine, "anna", PASSWORD) is not None  # starts counting anew
    for _ in range(5):
        assert accounts.sign_in(engine, "anna", "wrong") is None
    assert accounts.sign_in(engine, "anna", PASSWORD) is None
    assert office_kinds(engine)[-1] == "SignInLocked"
    later(engine, minutes=14, seconds=59)
    assert accounts.sign_in(engine, "anna", PASSWORD) is None
    later(engine, seconds=2)
    assert accounts.sign_in(engine, "anna", PASSWORD) is not None


def test_the_numbers_of_the_lock_are_settings(engine: Engine) -> None:
    with engine.database.write() as connection:
        settings.put(connection, "signin_failures", "1")
    accounts.set_password(engine, "anna", PASSWORD, CHIEF)
    accounts.sign_in(engine, "anna", "wrong")
    assert accounts.sign_in(engine, "anna", PASSWORD) is None


def test_an_unknown_account_costs_the_same_work(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.set_password(engine, "anna", PASSWORD, CHIEF)
    verified: list[str] = []
    original = accounts._verify

    def count(digest: str, password: str) -> bool:
        verified.append(digest[:10])
        return original(digest, password)

    monkeypatch.setattr(accounts, "_verify", count)
    for account in ("anna", "nobody", "ben"):
        accounts.sign_in(engine, account, "wrong")
    assert len(verified) == 3 and len(set(verified)) == 1


@pytest.mark.parametrize("weak", ["short-A1", "alllowercaseletters", "ALLUPPER1234567", "a" * 300 + "A1"])
def test_weak_passwords_are_refused(engine: Engine, weak: str) -> None:
    with pytest.raises(InputInvalid):
        accounts.set_password(engine, "anna", weak, CHIEF)


def test_a_retired_person_is_out(engine: Engine) -> None:
    accounts.set_password(engine, "anna", PASSWORD, CHIEF)
    token, secret = accounts.make_token(engine, "anna", "报表", CHIEF)
    account = accounts.sign_in(engine, "anna", PASSWORD)
    assert account is not None and accounts.token_account(engine, secret) == account
    office.save_person(engine, Person("anna", "anna", "王建军", active=False), CHIEF)
    assert accounts.sign_in(engine, "anna", PASSWORD) is None
    assert accounts.account_of(engine, "anna", account.epoch) is None
    assert accounts.token_account(engine, secret) is None
    assert engine.directory().people["anna"].name == "王建军"


def test_tokens(engine: Engine) -> None:
    token, secret = accounts.make_token(engine, "anna", "报表", CHIEF)
    found = accounts.token_account(engine, secret)
    assert found is not None and found.person.id == "anna"
    assert accounts.token_account(engine, secret + "x") is None
    assert accounts.token_account(engine, "") is None
    with engine.read() as connection:
        dump = str(connection.execute(sa.select(tables.tokens)).all())
        dump += str(connection.execute(sa.select(tables.office_facts)).all())
    assert secret not in dump
    accounts.revoke_token(engine, token.id, CHIEF)
    assert accounts.token_account(engine, secret) is None
    with pytest.raises(NotFound):
        accounts.revoke_token(engine, token.id, CHIEF)


# -- files ---------------------------------------------------------------------------------------------------


def zipped(*members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members:
            archive.writestr(member, "x")
    return buffer.getvalue()


GOOD = {
    "现场.jpg": pictures.JPEG,
    "现场.PNG": pictures.PNG,
    "现场.webp": pictures.WEBP,
    "批复.pdf": b"%PDF-1.7 text",
    "录像.mp4": b"\x00\x00\x00\x18ftypmp42",
    "方案.docx": zipped("[Content_Types].xml", "word/document.xml"),
    "台账.xlsx": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "资料.zip": zipped("a.txt"),
}
BAD = {
    "坏.html": b"<html></html>",
    "坏.svg": b"<svg/>",
    "坏.jpg": b"<html></html>",
    "坏.png": b"MZ\x90\x00",
    "坏.docx": zipped("xl/workbook.xml"),
    "坏.xlsx": b"PK\x03\x04 torn",
    "空.pdf": b"",
    "无扩展名": b"%PDF-1.7",
    "坏.pdf.exe": b"%PDF-1.7",
}


@pytest.mark.parametrize("name", GOOD)
def test_files_on_the_list_are_kept(engine: Engine, name: str) -> None:
    saved = uploads.save(engine, name, io.BytesIO(GOOD[name]), ANNA)
    assert uploads.path(engine, saved.id).read_bytes() == GOOD[name]
    case = start(engine).case
    engine.execute(AttachFile(case, saved.id), ANNA)
    with engine.read() as connection:
        info = uploads.info(connection, saved.id)
        assert verify(connection, fold=True).ok
    assert info is not None and (info.case, info.size, info.name) == (case, len(GOOD[name]), name)


@pytest.mark.parametrize("name", BAD)
def test_other_files_are_refused_and_leave_nothing(engine: Engine, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputInvalid):
        uploads.save(engine, name, io.BytesIO(BAD[name]), ANNA)
    folder = tmp_path / "files"
    assert not folder.exists() or list(folder.iterdir()) == []
    with engine.read() as connection:
        assert connection.execute(sa.select(tables.files)).all() == []


def test_a_file_that_is_too_large(engine: Engine, tmp_path: Path) -> None:
    evidence_rules.change(engine, {"document_mb": 1}, CHIEF)
    with pytest.raises(InputInvalid, match="超过 1 MB"):
        uploads.save(engine, "大.pdf", io.BytesIO(b"%PDF-" + b"x" * (1 << 20)), ANNA)
    assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\照片\\现场.jpg", "现场.jpg"),
        ("a\x00\n\u202eb.pdf", "ab.pdf"),
        ("....", "附件"),
        ("长" * 300 + ".pdf", "长" * 196 + ".pdf"),
    ],
)
def test_names_of_files_are_harmless(given: str, kept: str) -> None:
    assert uploads.clean_name(given) == kept


def test_bytes_that_are_lost_are_said_to_be(engine: Engine, tmp_path: Path) -> None:
    saved = uploads.save(engine, "批复.pdf", io.BytesIO(GOOD["批复.pdf"]), ANNA)
    (tmp_path / "files" / saved.id).unlink()
    with pytest.raises(NotFound, match="备份"):
        uploads.path(engine, saved.id)
    with pytest.raises(NotFound):
        uploads.path(engine, "../duban.db")


# -- settings and the demo's clock ---------------------------------------------------------------------------


def test_settings_from_the_environment(tmp_path: Path) -> None:
    made = Settings.from_environment({"DUBAN_DATA": str(tmp_path / "data")})
    assert (made.mode, made.port, made.database) == (
        "demo",
        8000,
        f"sqlite:///{tmp_path / 'data' / 'duban.db'}",
    )
    assert made.demo and len(made.secret) >= 48 and made.secret not in repr(made)
    kept = tmp_path / "data" / "secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert Settings.from_environment({"DUBAN_DATA": str(tmp_path / "data")}).secret == made.secret
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["secret"]
    engine = made.engine()
    assert isinstance(engine.clock, DemoClock)
    engine.close()


@pytest.mark.parametrize(
    "environment",
    [
        {"DUBAN_MODE": "production"},
        {"DUBAN_MODE": "production", "DUBAN_SECRET": "short"},
        {"DUBAN_MODE": "test"},
        {"PORT": "eighty"},
        {"PORT": "70000"},
    ],
)
def test_senseless_settings_are_refused(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(InputInvalid):
        Settings.from_environment({"DUBAN_DATA": str(tmp_path), **environment})


def test_the_demo_clock_goes_forward_for_every_process(tmp_path: Path) -> None:
    engine, other = new_office(tmp_path, DemoClock()), open_engine(tmp_path, DemoClock())
    now = engine.now()
    assert demo_clock.next_deadline(engine) is None
    goal = now + timedelta(hours=5)
    assert abs(demo_clock.move_to(engine, goal, CHIEF) - goal) < timedelta(seconds=5)
    assert abs(other.now() - goal) < timedelta(seconds=5)
    with pytest.raises(InputInvalid):
        demo_clock.move_to(other, now, CHIEF)
    with pytest.raises(InputInvalid):
        demo_clock.move_to(other, now + timedelta(days=4000), CHIEF)
    assert office_kinds(engine)[-1] == "DemoClockMoved"


def test_the_demo_clock_stops_at_the_next_deadline_and_working_day(engine: Engine) -> None:
    begun = start(engine)
    first = min(d.due for d in begun.state.deadlines.values() if d.due)
    assert demo_clock.next_deadline(engine) == first
    later(engine, days=2)
    assert demo_clock.next_deadline(engine) == engine.now()  # it is overdue: nothing to wait for
    Worker(engine).step()
    engine.clock = FixedClock(datetime(2026, 9, 30, 12, 0, tzinfo=UTC))
    assert demo_clock.next_working_day(engine) == datetime(
        2026, 10, 8, 0, 30, tzinfo=UTC
    )  # after the holiday


def test_production_has_no_demo_clock(engine: Engine) -> None:
    with pytest.raises(NotAllowed, match="演示"):
        demo_clock.move_to(engine, engine.now() + timedelta(hours=1), CHIEF)

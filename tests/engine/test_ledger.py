"""The ledger: what is recorded is bound into a chain, and every tampering a chain can show is found and named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa

from engine.audit import chain
from engine.audit import office as office_record
from engine.audit.sentences import _SENTENCES, timeline
from engine.audit.verify import OFFICE, verify
from engine.clock import FixedClock
from engine.commands import AddNote
from engine.errors import InputInvalid
from engine.facts import KINDS
from engine.runtime.engine import Engine
from engine.store import append_only, tables
from tests import stores
from tests.engine.office_builder import (
    ANNA,
    BEN,
    MONDAY,
    finish,
    furnish,
    later,
    open_engine,
    start,
    trial_files,
)
from tests.engine.random_office import RandomOffice

pytestmark = stores.both


def test_the_chain_can_be_recomputed_by_anybody(engine: Engine) -> None:
    """Nothing but the rows and the formula of `audit.chain`."""
    case = start(engine).case
    engine.execute(AddNote(case, "现场看过"), ANNA)
    head = bytes(32)
    with engine.read() as connection:
        for seq, row in enumerate(
            connection.execute(sa.select(tables.facts).order_by(tables.facts.c.seq)), 1
        ):
            at = row.at.isoformat(timespec="microseconds")
            header = [
                row.case,
                seq,
                at,
                row.kind,
                row.person,
                row.person_name,
                row.unit,
                row.role,
                row.command,
            ]
            head = hashlib.sha256(head + orjson.dumps(header) + b"\n" + row.data).digest()
            assert row.hash == head
        assert connection.execute(sa.select(tables.cases.c.head)).scalar() == head
    assert row.person == "anna" and row.unit == "能源局" and row.role == "DB"


def test_an_untouched_office_verifies(engine: Engine) -> None:
    RandomOffice(engine, 5).run(60)
    with engine.read() as connection:
        report = verify(connection, fold=True)
    assert report.ok, report.breaks
    assert report.cases == len(engine_cases(engine)) and report.office_facts > 5


def engine_cases(engine: Engine) -> list[str]:
    with engine.read() as connection:
        return list(connection.execute(sa.select(tables.cases.c.id).order_by(tables.cases.c.id)).scalars())


# Whoever attacks is an administrator of the database: the triggers are taken away first, and put back.


def _edit(column: str, value: object) -> Callable[[sa.Connection, str], None]:
    def attack(connection: sa.Connection, case: str) -> None:
        t = tables.facts
        connection.execute(sa.update(t).where(t.c.case == case, t.c.seq == 4).values({column: value}))

    return attack


def _sql(*statements: str) -> Callable[[sa.Connection, str], None]:
    def attack(connection: sa.Connection, case: str) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        for statement in statements:
            connection.execute(sa.text(statement), {"case": case})

    return attack


ATTACKS: dict[str, tuple[Callable[[sa.Connection, str], None], int]] = {
    "another's name": (_edit("person_name", "李四"), 4),
    "another's post": (_edit("unit", "住建局"), 4),
    "another content": (_edit("data", b"{}"), 4),
    "another command": (_edit("command", "x"), 4),
    "a fact removed": (_sql('delete from facts where "case" = :case and seq = 3'), 3),
    "the tail cut": (_sql('delete from facts where "case" = :case and seq > 6'), 7),
    "two facts exchanged": (
        _sql(
            'update facts set seq = -3 where "case" = :case and seq = 3',
            'update facts set seq = 3 where "case" = :case and seq = 4',
            'update facts set seq = 4 where "case" = :case and seq = -3',
        ),
        3,
    ),
    "all facts removed": (_sql('delete from facts where "case" = :case'), 1),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_tampering_is_found_and_named(engine: Engine, name: str) -> None:
    attack, seq = ATTACKS[name]
    others = [start(engine).case for _ in range(3)]
    case = sorted(others)[1]
    with engine.database.write() as connection, append_only.lifted(connection):
        attack(connection, case)
    with engine.read() as connection:
        report = verify(connection)
        assert verify(connection, case=case).breaks == report.breaks
    assert [(b.case, b.seq) for b in report.breaks] == [(case, seq)]
    assert report.to_data()["ok"] is False


def test_a_changed_instant_is_found(engine: Engine) -> None:
    case = start(engine).case
    with engine.database.write() as connection, append_only.lifted(connection):
        t = tables.facts
        connection.execute(sa.update(t).where(t.c.seq == 2).values(at=MONDAY - timedelta(days=365)))
    with engine.read() as connection:
        assert [(b.case, b.seq) for b in verify(connection).breaks] == [(case, 2)]


def test_a_forged_snapshot_is_found_by_folding(engine: Engine) -> None:
    case = start(engine).case
    with engine.database.write() as connection:
        blob = connection.execute(sa.select(tables.snapshots.c.state)).scalar_one()
        connection.execute(
            sa.update(tables.snapshots).values(state=blob.replace("备用".encode(), "主用".encode()))
        )
    with engine.read() as connection:
        assert verify(connection).ok  # the chain alone does not see it
        assert [b.case for b in verify(connection, fold=True).breaks] == [case]


def test_the_office_has_a_chain_too(engine: Engine) -> None:
    with engine.read() as connection:
        entries = [
            office_record.entry_of(r) for r in connection.execute(sa.select(tables.office_facts)).all()
        ]
    assert {e.kind for e in entries} >= {"PackagePublished", "UnitSaved", "PersonSaved", "PostsSet"}
    published = next(e for e in entries if e.kind == "PackagePublished")
    assert office_record.sentence(published) == "陈志远发布了流程：试办 第 1 版"
    with engine.database.write() as connection, append_only.lifted(connection):
        connection.execute(sa.text("update office_facts set subject = 'x' where seq = 3"))
    with engine.read() as connection:
        assert [(b.case, b.seq) for b in verify(connection).breaks] == [(OFFICE, 3)]


def test_sm3_where_the_office_asks_for_it(tmp_path: Path) -> None:
    try:
        chain.hash_function("sm3")
    except InputInvalid as refusal:
        pytest.skip(refusal.message)
    first = Engine.open(f"sqlite:///{tmp_path / 'duban.db'}", tmp_path, ledger_hash="sm3")
    furnish(first, trial_files())
    first.close()
    engine = open_engine(tmp_path, FixedClock(MONDAY))  # opened again, without saying it
    case = start(engine).case
    with engine.read() as connection:
        assert verify(connection).ok
        row = connection.execute(sa.select(tables.facts).order_by(tables.facts.c.seq)).first()
        assert row is not None
    header = [
        case,
        1,
        row.at.isoformat(timespec="microseconds"),
        row.kind,
        "anna",
        "王建军",
        "能源局",
        "DB",
        row.command,
    ]
    data = bytes(32) + orjson.dumps(header) + b"\n" + row.data
    assert hashlib.new("sm3", data).digest() == row.hash
    assert chain.hash_function("sha256")(data) != row.hash


def test_an_unknown_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="md5"):
        Engine.open(f"sqlite:///{tmp_path / 'duban.db'}", tmp_path, ledger_hash="md5")


def test_every_kind_of_fact_can_be_said() -> None:
    assert {k.kind for k in _SENTENCES} == set(KINDS)


def test_a_timeline_reads_naturally(engine: Engine) -> None:
    begun = start(engine)
    later(engine, hours=1)
    case = finish(engine, begun, "A").case
    engine.execute(AddNote(case, "  已电话\n告知 "), BEN)
    lines = timeline(engine.facts(case), engine.package_of(case))
    shown = [line.text for line in lines if not line.technical]
    assert shown == [
        "王建军（能源局）立案，按流程“试办”办理",
        "案件状态变为“初核中”",
        "产生待办“初核”，限2026年10月8日 18:00前办结",
        "“初核”派给能源局（督办部门承办人），依据：按职责库：所有行业和属地由能源局负责（〔2026〕1号）",
        "王建军（能源局）签收了“初核”",
        "王建军（能源局）办结了“初核”",
        "产生待办“复核”",
        "“复核”派给能源局（督办部门承办人），依据：按职责库：所有行业和属地由能源局负责（〔2026〕1号）",
        "其木格（能源局）评论：已电话 告知",
    ]
    assert len(lines) == len(engine.facts(case))


def test_random_timelines_have_no_holes(engine: Engine) -> None:
    """Every fact of a busy day becomes a sentence with words in it: no ids, no empty quotes."""
    office = RandomOffice(engine, 3)
    office.run(150)
    for case in office.cases:
        for line in timeline(engine.facts(case), engine.package_of(case), {"ben": "其木格"}):
            assert line.text and "“”" not in line.text and "None" not in line.text, line


def test_entries_survive_a_new_process(engine: Engine, tmp_path: Path) -> None:
    case = start(engine).case
    again = open_engine(tmp_path)
    assert again.facts(case) == engine.facts(case)
    assert again.load(case) == engine.load(case)

"""Importing the sample into the real process on a real database: all or nothing, once, and again after a crash."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from engine.assignment import acting_as
from engine.clock import FixedClock
from engine.commands import ENGINE, Actor
from engine.definitions.compile import load_folder
from engine.directory import from_data
from engine.errors import Conflict, InputInvalid, NotAllowed
from engine.runtime import ledger_import, office
from engine.runtime.engine import Engine
from engine.store import tables
from tests.engine.ledgers import ROOT, SAMPLE, workbook

pytestmark = pytest.mark.slow

KEY = "major_hazard_supervision"
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)

ROW = {"企业名称": "新来的矿", "督办部门": "能源局", "整改期限": "2024.5.1"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with calendar, directory and the real process; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("prepared")
    made = Engine.open(f"sqlite:///{folder / 'duban.db'}", folder, FixedClock(NOW))
    office.seed_calendar(made, range(2023, 2027), ENGINE)
    data = tomllib.loads((ROOT / "processes" / "demo_directory.toml").read_text(encoding="utf-8"))
    office.load_directory(made, from_data(data), ENGINE)
    made.publish(load_folder(ROOT / "processes" / KEY, ROOT / "forms" / KEY), ENGINE)
    made.close()
    return folder


@pytest.fixture
def engine(prepared: Path, tmp_path: Path) -> Iterator[Engine]:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    made = Engine.open(f"sqlite:///{tmp_path / 'duban.db'}", tmp_path, FixedClock(NOW))
    yield made
    made.close()


def of(engine: Engine, person: str) -> Actor:
    return acting_as(person, engine.directory())


def count(engine: Engine, table: Any = tables.cases) -> int:
    with engine.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def look(engine: Engine, data: bytes | None = None) -> ledger_import.Preview:
    return ledger_import.preview_file(engine, data or SAMPLE.read_bytes(), "dir/ledger-2024.xlsx", KEY)


def test_every_row_becomes_a_case_in_its_state(engine: Engine) -> None:
    made = look(engine)
    assert made.file == "ledger-2024.xlsx" and made.problems == []
    assert count(engine) == 0  # a preview writes nothing
    units = count(engine, tables.units)
    report = ledger_import.import_rows(engine, made, of(engine, "zhaolixin"))
    assert (len(report.cases), len(report.new_units), report.left_out) == (60, 42, [])
    assert count(engine, tables.units) == units + 42
    cases = tables.cases
    with engine.read() as connection:
        states = connection.execute(sa.select(cases.c.state, sa.func.count()).group_by(cases.c.state)).all()
        assert dict(map(tuple, states)) == {"completed": 25, "open": 35}
        assert connection.execute(sa.select(sa.func.count()).where(cases.c.imported)).scalar_one() == 60
        late = sa.select(sa.func.count()).where(cases.c.state == "open", cases.c.deadline < date(2026, 3, 2))
        assert connection.execute(late).scalar_one() == 35
        row = connection.execute(sa.select(cases).where(cases.c.id == report.cases[13])).one()
    assert (row.party, row.region, row.sector) == ("鄂托克前旗恒二源精细化工有限公司", "城川镇", "危险化学品")
    assert row.deadline == date(2025, 5, 10)
    facts = [entry.fact for entry in engine.facts(report.cases[13])]
    history = next(fact for fact in facts if fact.kind == "HistoryImported")
    assert history.source == "ledger-2024.xlsx 重大隐患台账 第13行"
    assert history.happened == date(2024, 11, 11)
    assert history.row["整改资金（万元）"] == "约30"
    assert (
        history.note
        == "“约30”是约数，按 30 万元记；已延期，但台账没有新的期限，暂按原期限补录，请补充延期批复"
    )
    assert engine.load(report.cases[13]).root_variables["延期次数"] == 1


def test_open_rows_have_someone_to_do_them(engine: Engine) -> None:
    ledger_import.import_rows(engine, look(engine), of(engine, "zhaolixin"))
    items = tables.work_items
    with engine.read() as connection:
        holders = connection.execute(
            sa.select(items.c.unit, items.c.role).where(items.c.state == "open")
        ).all()
    assert len(holders) >= 35
    directory = engine.directory()
    assert all(directory.members(unit, role) for unit, role in holders)
    assert count(engine, tables.incidents) == 0


def test_the_same_file_twice_is_refused_and_names_the_rows(engine: Engine) -> None:
    ledger_import.import_rows(engine, look(engine), of(engine, "zhaolixin"))
    again = look(engine)
    assert len(ledger_import.already_imported(engine, again)) == 60
    with pytest.raises(Conflict, match="有 60 行以前已经导入（第 5、6、7") as refusal:
        ledger_import.import_rows(engine, again, of(engine, "zhaolixin"))
    assert len(refusal.value.fields["rows"]) == 60
    report = ledger_import.import_rows(engine, again, of(engine, "zhaolixin"), skip_imported=True)
    assert (report.cases, len(report.there_before)) == ({}, 60)
    assert count(engine) == 60


def test_a_bad_row_refuses_the_whole_ledger(engine: Engine) -> None:
    made = look(engine, workbook(ROW, {**ROW, "发现日期": "近期"}))
    units = count(engine, tables.units)
    with pytest.raises(
        InputInvalid, match="有 1 行不能导入，未导入任何内容：第 4 行“发现日期”：“近期”不是日期"
    ) as refusal:
        ledger_import.import_rows(engine, made, of(engine, "zhaolixin"))
    assert refusal.value.fields["problems"][0]["row"] == 4
    assert (count(engine), count(engine, tables.units)) == (0, units)


def test_bad_rows_are_left_out_when_asked(engine: Engine) -> None:
    made = look(engine, workbook(ROW, {**ROW, "发现日期": "近期"}))
    report = ledger_import.import_rows(engine, made, of(engine, "zhaolixin"), skip_bad_rows=True)
    assert (list(report.cases), report.left_out, report.new_units) == ([3], [4], ["新来的矿"])


def test_only_the_office_and_nothing_is_written_for_others(engine: Engine) -> None:
    units = count(engine, tables.units)
    with pytest.raises(NotAllowed, match="由安委办导入"):
        ledger_import.import_rows(engine, look(engine, workbook(ROW)), of(engine, "zhangwei"))
    assert (count(engine), count(engine, tables.units)) == (0, units)


def test_an_interrupted_import_leaves_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    done = 0
    begin = Engine._begin

    def cut_off(self: Engine, *args: Any, **named: Any) -> Any:
        nonlocal done
        done += 1
        if done > 10:
            raise KeyboardInterrupt
        return begin(self, *args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "_begin", cut_off)
        with pytest.raises(KeyboardInterrupt):
            ledger_import.import_rows(engine, look(engine), of(engine, "zhaolixin"))
    assert (done, count(engine), count(engine, tables.facts)) == (11, 0, 0)
    report = ledger_import.import_rows(engine, look(engine), of(engine, "zhaolixin"))
    assert (len(report.cases), report.new_units, count(engine)) == (60, [], 60)


def test_a_longer_ledger_later_brings_only_what_is_new(engine: Engine) -> None:
    ledger_import.import_rows(engine, look(engine, workbook(ROW)), of(engine, "zhaolixin"))
    longer = look(engine, workbook({**ROW, "隐患描述": "新的一处"}, ROW))
    report = ledger_import.import_rows(engine, longer, of(engine, "zhaolixin"), skip_imported=True)
    assert (list(report.cases), report.there_before) == ([3], [4])


def test_the_rehearsal_finds_what_the_process_would_refuse(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.errors import StepBudgetExceeded

    def refuse(*_: object) -> None:
        raise StepBudgetExceeded

    monkeypatch.setattr(ledger_import, "decide", refuse)
    assert [p.column for p in look(engine, workbook(ROW)).problems] == ["整行"]

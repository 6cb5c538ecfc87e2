"""Every kind of transaction the product has 各类事务: an office in which it can be done, and the doing of it.

`KINDS` by name: each makes a fresh office in a folder and gives it with what is to be done, which may be several transactions
one after the other (the relay, an import that adds units first).
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from unittest import mock

from engine import commands as c
from engine.assignment import acting_as
from engine.clock import FixedClock
from engine.commands import ENGINE
from engine.definitions.compile import load_folder
from engine.directory import Person, Responsibility, Unit, from_data
from engine.runtime import accounts, external, ledger_import, office, published, uploads
from engine.runtime.engine import Engine
from engine.runtime.relay import relay
from engine.runtime.worker import Worker
from tests import pictures
from tests.engine import office_builder
from tests.engine.builders import xml
from tests.engine.ledgers import ROOT, workbook
from tests.engine.office_builder import (
    ANNA,
    BEN,
    CHIEF,
    KEY,
    WITHOUT_ACTIONS,
    finish,
    later,
    new_office,
    start,
    trial_files,
)

Prepared = tuple[Engine, Callable[[], object]]
KINDS: dict[str, Callable[[Path], Prepared]] = {}

COMMAND = "the-command"
MAIN = "major_hazard_supervision"


def kind(function: Callable[[Path], Prepared]) -> Callable[[Path], Prepared]:
    KINDS[function.__name__] = function
    return function


# -- people ------------------------------------------------------------------------------------------------


@kind
def starting(folder: Path) -> Prepared:
    engine = new_office(folder)
    return engine, lambda: engine.execute(c.StartCase(KEY, {}), ANNA, COMMAND)


def _on_item(
    folder: Path, make: Callable[[str, int], c.Command], steps: str = "", actor: c.Actor = ANNA
) -> Prepared:
    """A command about the first open item after the steps were finished."""
    engine = new_office(folder)
    begun = start(engine)
    for element in steps:
        begun = finish(engine, begun, element)
    command = make(begun.case, next(iter(begun.state.items)))
    return engine, lambda: engine.execute(command, actor, COMMAND)


@kind
def finishing(folder: Path) -> Prepared:
    return _on_item(folder, lambda case, item: c.FinishItem(case, item, {}), "AG")


@kind
def returning(folder: Path) -> Prepared:
    return _on_item(folder, lambda case, item: c.ReturnItem(case, item, "材料不齐"), "A")


@kind
def claiming(folder: Path) -> Prepared:
    return _on_item(folder, lambda case, item: c.ClaimItem(case, item))


@kind
def releasing(folder: Path) -> Prepared:
    engine = new_office(folder)
    begun = start(engine)
    item = next(iter(begun.state.items))
    engine.execute(c.ClaimItem(begun.case, item), ANNA)
    return engine, lambda: engine.execute(c.ReleaseItem(begun.case, item, "另有任务"), ANNA, COMMAND)


@kind
def transferring(folder: Path) -> Prepared:
    return _on_item(folder, lambda case, item: c.TransferItem(case, item, "由他办理", person=BEN.person))


@kind
def acting(folder: Path) -> Prepared:
    return _on_item(folder, lambda case, item: c.CallAction(case, "extension", {}))


@kind
def noting(folder: Path) -> Prepared:
    return _on_item(folder, lambda case, item: c.AddNote(case, "看过了"))


@kind
def cancelling(folder: Path) -> Prepared:
    return _on_item(folder, lambda case, item: c.CancelCase(case, "重复登记"), "A", CHIEF)


@kind
def suspending(folder: Path) -> Prepared:
    return _on_item(folder, lambda case, item: c.SuspendCase(case, "不可抗力"), "A", CHIEF)


@kind
def resuming(folder: Path) -> Prepared:
    engine = new_office(folder)
    case = start(engine).case
    engine.execute(c.SuspendCase(case, "不可抗力"), CHIEF)
    return engine, lambda: engine.execute(c.ResumeCase(case, "情况消除"), CHIEF, COMMAND)


@kind
def attaching(folder: Path) -> Prepared:
    engine = new_office(folder)
    case = start(engine).case
    file = uploads.save(engine, "现场.png", io.BytesIO(pictures.PNG), ANNA).id
    return engine, lambda: engine.execute(c.AttachFile(case, file), ANNA, COMMAND)


@kind
def uploading(folder: Path) -> Prepared:
    engine = new_office(folder)
    return engine, lambda: uploads.save(engine, "现场.png", io.BytesIO(pictures.PNG), ANNA)


# -- time --------------------------------------------------------------------------------------------------


@kind
def passing_deadlines(folder: Path) -> Prepared:
    engine = new_office(folder)
    case = start(engine).case
    later(engine, hours=2)
    return engine, lambda: engine.pass_deadlines(case)


@kind
def passing_deadlines_of_many(folder: Path) -> Prepared:
    engine = new_office(folder)
    for _ in range(3):
        start(engine)
    later(engine, days=1, hours=3)
    return engine, lambda: Worker(engine).pass_deadlines()


# -- the relay ---------------------------------------------------------------------------------------------

_TALKS = """
process trial name=试办
    start S
    script P name=登记要素 do="{案名: p.name, 企业: p.party, 期限: date(p.limit), 轮: 0}"
    user A name=初核 groups=DB
    HOW
    end E
    S -> P -> A -> M -> E
    eventsub N
        start N1 message=互通 interrupting=false
        user N2 name=阅知 groups=DB
        end N3
        N1 -> N2 -> N3
    eventsub W
        start W1 signal=催办 interrupting=false
        user W2 name=催办 groups=DB
        end W3
        W1 -> W2 -> W3
    start SM message=新案
    user Q name=受理 groups=DB
    SM -> Q -> E
    CLOCK
"""


def _relaying(folder: Path, how: str = "throw M message=互通", clock: str = "") -> Prepared:
    """Three cases, of which one has just said something to the others."""
    drawn = _TALKS.replace("HOW", how).replace("CLOCK", clock)
    engine = new_office(folder, files={"process.toml": WITHOUT_ACTIONS.encode(), "trial.bpmn": xml(drawn)})
    for _ in range(2):
        start(engine)
    if clock:
        later(engine, hours=1, minutes=30)
    else:
        finish(engine, start(engine), "A")

    def act() -> None:
        while relay(engine, 100):
            pass

    return engine, act


@kind
def relaying_a_message(folder: Path) -> Prepared:
    return _relaying(folder)


@kind
def relaying_a_signal(folder: Path) -> Prepared:
    return _relaying(folder, "throw M signal=催办")


@kind
def relaying_a_notice(folder: Path) -> Prepared:
    return _relaying(
        folder, 'service M topic=notice.send "in:title=\\"办结\\"" "in:unit=\\"能源局\\"" "in:role=\\"DB\\""'
    )


@kind
def beginning_by_a_message(folder: Path) -> Prepared:
    return _relaying(folder, "throw M message=新案")


@kind
def beginning_by_the_clock(folder: Path) -> Prepared:
    return _relaying(folder, clock="start ST cycle=R3/PT1H\n    ST -> Q")


# -- outside workers ---------------------------------------------------------------------------------------


def _with_job(folder: Path, *, fetched: bool = True) -> tuple[Engine, str, int]:
    engine = new_office(folder)
    begun = start(engine)
    for element in "AG":
        begun = finish(engine, begun, element)
    if fetched:
        external.fetch_and_lock(engine, "outside", "w", 600)
    return engine, begun.case, next(iter(begun.state.jobs))


@kind
def fetching_a_job(folder: Path) -> Prepared:
    engine, _, _ = _with_job(folder, fetched=False)
    return engine, lambda: external.fetch_and_lock(engine, "outside", "w", 600)


@kind
def completing_a_job(folder: Path) -> Prepared:
    engine, case, job = _with_job(folder)
    return engine, lambda: external.complete(engine, case, job, "w", {"外部结果": "通过"}, COMMAND)


@kind
def failing_a_job(folder: Path) -> Prepared:
    """The last attempt: an incident. (One before it has no id of its own: asked again after a lost answer it is refused.)"""
    engine, case, job = _with_job(folder)
    return engine, lambda: engine.execute(c.FailJob(job, "对方没有回应"), ENGINE, COMMAND, case=case)


@kind
def retrying_an_incident(folder: Path) -> Prepared:
    engine, case, job = _with_job(folder)
    external.fail(engine, case, job, "w", "对方没有回应", retries=0)
    incident = next(iter(engine.load(case).incidents))
    return engine, lambda: engine.execute(c.RetryIncident(incident), ENGINE, COMMAND, case=case)


# -- the office --------------------------------------------------------------------------------------------


@kind
def publishing(folder: Path) -> Prepared:
    engine = new_office(folder)
    changed = trial_files(office_builder.DIAGRAM.replace("name=阅知", "name=知悉"))
    engine.check = lambda files: []  # type: ignore[method-assign]
    return engine, lambda: engine.publish(changed, CHIEF, "改名")


def _office(change: Callable[[Engine], object]) -> Callable[[Path], Prepared]:
    def prepare(folder: Path) -> Prepared:
        engine = new_office(folder)
        return engine, lambda: change(engine)

    return prepare


CHANGES: dict[str, Callable[[Engine], object]] = {
    "saving_a_unit": lambda e: office.save_unit(e, Unit("水利局", "水利局", "督办部门"), CHIEF),
    "saving_a_person": lambda e: office.save_person(e, Person("dora", "dora", "朵拉"), CHIEF),
    "setting_posts": lambda e: office.set_posts(e, "ben", [("DB", "能源局"), ("AWB", "安委办")], CHIEF),
    "setting_a_responsibility": lambda e: office.set_responsibility(
        e, Responsibility("煤矿", "*", "DB", "能源局", "〔2026〕2号"), CHIEF
    ),
    "removing_a_responsibility": lambda e: office.remove_responsibility(e, "*", "*", "DB", CHIEF),
    "setting_a_day": lambda e: office.set_calendar_day(e, date(2026, 12, 31), False, "临时放假", CHIEF),
    "confirming_a_year": lambda e: office.confirm_year(e, 2027, "通知", CHIEF),
    "setting_hours": lambda e: office.set_hours(e, {"opens": "09:00"}, CHIEF),
    "setting_a_password": lambda e: accounts.set_password(e, "anna", "Gongzuo-2026-ok", CHIEF),
    "making_a_token": lambda e: accounts.make_token(e, "anna", "接口", CHIEF),
}
KINDS |= {name: _office(change) for name, change in CHANGES.items()}


@kind
def signing_in_wrongly(folder: Path) -> Prepared:
    engine = new_office(folder)
    accounts.set_password(engine, "anna", "Gongzuo-2026-ok", CHIEF)
    return engine, lambda: accounts.sign_in(engine, "anna", "wrong")


@kind
def revoking_a_token(folder: Path) -> Prepared:
    engine = new_office(folder)
    token, _ = accounts.make_token(engine, "anna", "接口", CHIEF)
    return engine, lambda: accounts.revoke_token(engine, token.id, CHIEF)


@kind
def importing(folder: Path) -> Prepared:
    """Two rows of an older ledger into the real process, one of an enterprise that is not known yet."""
    at = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    with mock.patch.object(office_builder, "furnish", _furnish_with_main_process):
        engine = new_office(
            folder, FixedClock(at), load_folder(ROOT / "processes" / MAIN, ROOT / "forms" / MAIN)
        )
    row = {"企业名称": "新来的矿", "督办部门": "能源局", "整改期限": "2024.5.1"}
    made = ledger_import.preview_file(
        engine, workbook(row, {**row, "隐患描述": "瓦斯超限"}), "ledger-2024.xlsx", MAIN
    )
    assert made.good_rows and made.new_units, made.problems
    actor = acting_as("zhaolixin", engine.directory())
    return engine, lambda: ledger_import.import_rows(engine, made, actor)


def _furnish_with_main_process(engine: Engine, files: dict[str, bytes]) -> None:
    office.seed_calendar(engine, range(2023, 2027), ENGINE)
    data = tomllib.loads((ROOT / "processes" / "demo_directory.toml").read_text(encoding="utf-8"))
    office.load_directory(engine, from_data(data), ENGINE)
    with mock.patch.object(published, "check_files", lambda _: []):  # checked by its own tests
        engine.publish(files, ENGINE)

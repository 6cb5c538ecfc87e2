"""A small office for tests: a real engine on a real database (SQLite, or what `stores` says), two units, three people, and one package that has a bit
of everything: a loop of user tasks, repeating and single timers, a message between cases, a signal, an external
job, a parallel multi-instance, an action of a person.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from engine.clock import SHANGHAI, Clock, FixedClock
from engine.commands import ENGINE, Actor, FinishItem, StartCase
from engine.definitions.compile import package_hash
from engine.definitions.model import Package
from engine.directory import Directory, Person, Post, Responsibility, Unit
from engine.runtime import office
from engine.runtime.engine import Engine, Outcome
from engine.store import tables
from tests import stores
from tests.engine.builders import xml
from tests.services import postgres

MONDAY = datetime(2026, 9, 28, 9, 0, tzinfo=SHANGHAI).astimezone(UTC)
KEY = "trial"

ANNA = Actor("anna", "王建军")
BEN = Actor("ben", "其木格")
CHIEF = Actor("chief", "陈志远")

DIAGRAM = """
process trial name=试办
    start S
    script P name=登记要素 do="{案名: p.name, 企业: p.party, 期限: date(p.limit), 轮: 0}"
    user A name=初核 groups=DB due=workdays(now(),3) status=初核中
    boundary A1 name=催一次 on=A interrupting=false duration=PT2H
    throw A2 signal=催办
    end A3
    A1 -> A2 -> A3
    boundary A4 name=日催 on=A interrupting=false cycle=R3/P1D
    end A5
    A4 -> A5
    user G name=复核 groups=DB returnTo=A
    and F
    user B name=会签 groups=DB each=[1,2] as=n
    service C name=外部核验 topic=outside
    and J
    script L name=计轮 do=轮+1 result=轮
    xor X name=够了吗
    throw M message=互通 correlationKey="=案名"
    user D name=归档 groups=AWB status=待归档
    end E name=已归档
    S -> P -> A -> G -> F
    F -> B -> J
    F -> C -> J
    J -> L -> X
    X -> A if 轮<2
    X -> M default
    M -> D -> E
    eventsub N
        start N1 message=互通 interrupting=false
        user N2 name=阅知 groups=DB
        end N3
        N1 -> N2 -> N3
    eventsub K
        start K1 message=延期申请 interrupting=false
        end K2
        K1 -> K2
    eventsub Z
        start Z1 name=一月未结 duration=P30D interrupting=false
        end Z2
        Z1 -> Z2
    eventsub W
        start W1 signal=催办 interrupting=false
        end W2
        W1 -> W2
"""

TOML = """
[package]
key = "trial"
title = "试办"
owner = "安委办"
main = "trial"

[roles.DB]
title = "督办部门承办人"

[roles.AWB]
title = "安委办经办人"

[actions.extension]
title = "申请延期"
message = "延期申请"
roles = ["DB"]

[start.S]
title = "登记"
roles = ["DB", "AWB"]

[parameters.name]
title = "案名"
value = "备用风机停用"
unit = "文字"
source = "试验"

[parameters.party]
title = "企业"
value = "一号煤矿"
unit = "文字"
source = "试验"

[parameters.limit]
title = "期限"
value = "2026-10-10"
unit = "文字"
source = "试验"

[register]
title = "案名"
party = "企业"
deadline = "期限"
columns = [ {key="轮", title="轮次"} ]

[number]
series = "试"
format = "{series}〔{year}〕{number}号"
"""


NUMBERED = """
process trial name=编号
    start S
    user A name=初核 groups=DB
    service N name=取文号 topic=letter.number in:series="\\"督\\"" in:format="\\"{series}{number}号\\""
    user B name=归档 groups=DB
    end E
    S -> A -> N -> B -> E
"""
"""A letter gets its number by itself between two steps."""

WITHOUT_ACTIONS = TOML[: TOML.index("[actions")] + TOML[TOML.index("[start.S]") :]
"""process.toml for diagrams that wait for no message."""


def trial_files(text: str = DIAGRAM, toml: str = TOML) -> dict[str, bytes]:
    """The package's files."""
    return {"process.toml": toml.encode(), "trial.bpmn": xml(text)}


def directory() -> Directory:
    units = [
        Unit("安委办", "安委办", "安委办"),
        Unit("能源局", "能源局", "督办部门"),
        Unit("一号煤矿", "一号煤矿", "企业"),
    ]
    people = [
        Person("anna", "anna", "王建军"),
        Person("ben", "ben", "其木格"),
        Person("chief", "chief", "陈志远"),
    ]
    return Directory(
        {u.id: u for u in units},
        {p.id: p for p in people},
        (Post("anna", "能源局", "DB"), Post("ben", "能源局", "DB"), Post("chief", "安委办", "AWB")),
        (Responsibility("*", "*", "DB", "能源局", "〔2026〕1号"),),
    )


def open_engine(folder: Path, clock: Clock | None = None) -> Engine:
    """The engine on the database of a folder, as it lies there."""
    engine = stores.closing(Engine.open(stores.url_in(folder), folder, clock))
    stores.off_the_disk(engine.database)
    return engine


def furnish(engine: Engine, files: Mapping[str, bytes]) -> None:
    """Calendar, directory and package for an empty engine."""
    office.seed_calendar(engine, [2026], ENGINE)
    office.load_directory(engine, directory(), ENGINE)
    engine.publish(files, CHIEF, "试验")


_made: dict[tuple[str, str], tuple[bytes | str, dict[str, Package]]] = {}


def new_office(folder: Path, clock: Clock | None = None, files: Mapping[str, bytes] | None = None) -> Engine:
    """A fresh engine with the office and the package in it. Its clock stands at Monday 28 September 2026, 09:00.

    The first office of a kind is made step by step, the following ones begin with a copy of its database.
    """
    files = files or trial_files()
    kind = (stores.chosen(), package_hash(files))
    if kind not in _made:
        _made[kind] = _first_office(files)
    database, packages = _made[kind]
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(database, bytes):
        (folder / "duban.db").write_bytes(database)
    else:
        stores.copy_in(folder, database)
    engine = open_engine(folder, clock or FixedClock(MONDAY))
    engine._packages.update(packages)
    return engine


def _first_office(files: Mapping[str, bytes]) -> tuple[bytes | str, dict[str, Package]]:
    """An office to copy: a SQLite file's bytes, or the name of a database in PostgreSQL."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        on_postgres = stores.chosen() == stores.POSTGRESQL
        template = postgres.shared().create() if on_postgres else ""
        url = postgres.shared().url(template) if on_postgres else f"sqlite:///{folder / 'duban.db'}"
        engine = Engine.open(url, folder, FixedClock(MONDAY))
        furnish(engine, files)
        if not on_postgres:
            with engine.read() as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("VACUUM INTO ?", (f"{name}/copy.db",))
        engine.close()
        return template or Path(name, "copy.db").read_bytes(), engine._packages


def start(engine: Engine, actor: Actor = ANNA, command_id: str | None = None) -> Outcome:
    return engine.execute(StartCase(KEY, {}), actor, command_id)


def finish(engine: Engine, outcome: Outcome, element: str, actor: Actor | None = None) -> Outcome:
    """Finish the first open item of an element."""
    item = next(i.id for i in outcome.state.items.values() if i.element == element)
    who = actor or (CHIEF if element == "D" else ANNA)
    return engine.execute(FinishItem(outcome.case, item, {}), who)


def later(engine: Engine, **delta: float) -> None:
    """Move the fixed clock on."""
    assert isinstance(engine.clock, FixedClock)
    engine.clock.at += timedelta(**delta)


def oldest_overdue(engine: Engine) -> timedelta:
    """How long the oldest due deadline has been waiting to be passed; zero when none is."""
    due_at = tables.deadlines.c.due
    with engine.read() as connection:
        due = connection.execute(sa.select(sa.func.min(due_at, type_=due_at.type))).scalar()
    return max(engine.now() - due, timedelta(0)) if due is not None else timedelta(0)


PROJECTED = (
    tables.cases,
    tables.snapshots,
    tables.work_items,
    tables.deadlines,
    tables.subscriptions,
    tables.incidents,
    tables.jobs,
    tables.files,
)


def rows(connection: sa.Connection, *, without: tuple[str, ...] = ()) -> dict[str, list[dict[str, Any]]]:
    """All rows of the projected tables, in a fixed order."""
    found = {}
    for table in PROJECTED:
        query = sa.select(table).order_by(*table.primary_key.columns)
        found[table.name] = [
            {k: v for k, v in row._mapping.items() if k not in without} for row in connection.execute(query)
        ]
    return found

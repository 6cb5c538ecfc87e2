"""The demonstration 演示数据: what `make run` finds on its first start.

The directory of `processes/demo_directory.toml`, the holidays, every package of `processes/`, and the office's ledger of
2024 imported as 补录. The demo's clock begins on the first working morning after that ledger was closed, so that its
limits are neither all past nor all far away.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from engine.definitions.compile import compile_package
from engine.directory import from_data
from engine.errors import DefinitionRefused, InputInvalid
from engine.runtime import accounts, demo_clock, office
from engine.runtime.engine import Engine
from engine.runtime.ledger_import import import_rows, preview_file
from engine.runtime.ledger_preview import preview
from engine.store import settings
from web.cli.check import PROCESSES, package_files, package_folders
from web.cli.terminal import CHECKOUT, TERMINAL

PASSWORD = "Duban-2026-demo"
"""Of all demo accounts. Demo mode only: a production start never runs this module."""

DIRECTORY = CHECKOUT / PROCESSES / "demo_directory.toml"
LEDGER = CHECKOUT / PROCESSES / "demo_ledger_2024.xlsx"
MAIN = "major_hazard_supervision"
DEMO = "demo_seeded"


def is_seeded(engine: Engine) -> bool:
    """Whether the demo data are there, wholly."""
    with engine.read() as connection:
        return settings.get(connection, [DEMO]).get(DEMO) == "1"


def seed(engine: Engine, say: Callable[[str], None]) -> None:
    """Enter the demo data. Interrupted, it goes on where it stopped when called again."""
    directory = from_data(tomllib.loads(DIRECTORY.read_text()))
    say("通讯录、职责库")
    office.load_directory(engine, directory, TERMINAL)
    for person in directory.people.values():
        if person.title:
            accounts.set_password(engine, person.id, PASSWORD, TERMINAL)
    this_year = datetime.now(UTC).year
    say("工作日历")
    office.seed_calendar(engine, range(2023, this_year + 2), TERMINAL)
    packages = {folder.name: package_files(folder) for folder in package_folders(CHECKOUT / PROCESSES)}
    _begin_clock(engine, packages[MAIN])
    say("流程")
    for files in packages.values():
        engine.publish(files, TERMINAL, "演示数据")
    say("隐患台账（补录）")
    made = preview_file(engine, LEDGER.read_bytes(), LEDGER.name, MAIN)
    import_rows(engine, made, TERMINAL, skip_imported=True)
    with engine.desk(TERMINAL) as desk:
        settings.put(desk.connection, DEMO, "1")


def _begin_clock(engine: Engine, files: Mapping[str, bytes]) -> None:
    """Put the demo's clock to the opening of the first working day after the ledger's closing day."""
    package, findings = compile_package(files)
    if package is None:
        raise DefinitionRefused(findings=findings)
    made = preview(LEDGER.read_bytes(), LEDGER.name, package, engine.directory(), engine.moment())
    if made.cutoff is None:
        raise InputInvalid(f"{LEDGER.name} 没有写明截止日期，演示时钟无从开始。")
    begin = engine.calendar().sending_workday(made.cutoff, 1)
    offset = begin - datetime.now(UTC)
    with engine.desk(TERMINAL) as desk:
        settings.put(desk.connection, demo_clock.KEY, repr(offset.total_seconds()))


def people() -> list[tuple[str, str, str]]:
    """Account, name and what it can do, of every demo account."""
    directory = from_data(tomllib.loads(DIRECTORY.read_text()))
    return [(p.account, p.name, p.title) for p in directory.people.values() if p.title]

"""The product as a competitor: `Engine` on PostgreSQL, all its duties on.

A completion asks whether the person may, checks the form against its schema, routes the next item by the table of
responsibilities, drops and arms a deadline, chains ten facts, and leaves the receipt of its command.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from psycopg import conninfo

from engine.clock import Clock
from engine.commands import ENGINE, FinishItem, StartCase
from engine.runtime import office
from engine.runtime.engine import Engine
from tests.benchmarks.competitor import diagram
from tests.benchmarks.form import FILLED, FORM
from tests.benchmarks.server import server
from tests.engine.builders import xml
from tests.engine.office_builder import ANNA, CHIEF, KEY, WITHOUT_ACTIONS, directory

YEARS = [2026, 2027]
FILES = {
    "process.toml": WITHOUT_ACTIONS.encode(),
    "trial.bpmn": xml(
        "process trial name=试办\n" + "\n".join(f"    {line}" for line in diagram().splitlines())
    ),
    "forms/opinion.json": json.dumps(FORM).encode(),
}


def prepare(folder: Path, clock: Clock | None = None) -> Engine:
    """An office with the process in a new database of the run's server."""
    engine = Engine.open(server().url(server().create()), folder, clock)
    office.seed_calendar(engine, YEARS, ENGINE)
    office.load_directory(engine, directory(), ENGINE)
    engine.publish(FILES, CHIEF, "试验")
    return engine


class Competitor:
    """In a database that `prepare` made."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.engine = Engine.open(_url(dsn), folder)

    def session(self) -> Session:
        return Session(self.engine)


class Session:
    """A case is its id and its open item."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def start(self) -> dict[str, Any]:
        outcome = self.engine.execute(StartCase(KEY, {}), ANNA)
        return {"case": outcome.case, "item": next(iter(outcome.state.items))}

    def complete(self, case: dict[str, Any]) -> None:
        outcome = self.engine.execute(FinishItem(case["case"], case["item"], FILLED), ANNA)
        case["item"] = next(iter(outcome.state.items))


def _url(dsn: str) -> str:
    words = conninfo.conninfo_to_dict(dsn)
    return f"postgresql+psycopg://{words['user']}@{words['host']}:{words['port']}/{words['dbname']}"

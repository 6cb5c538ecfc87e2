"""What the benchmark says is so: every module fits its shape, and the floor writes the rows that the product writes."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engine.audit import verify
from tests import benchmarks
from tests.benchmarks import cloning, floor, ours
from tests.benchmarks.table import HEADER, TABLES, Row, at_least, at_most, line
from tests.services.postgres import shared

COUNTED = ("cases", "facts", "snapshots", "work_items", "deadlines", "commands", "outbox", "subscriptions")


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """DSN of a database with the office and the process in it, on the tests' own server."""
    monkeypatch.setattr(ours, "server", shared)
    engine = ours.prepare(tmp_path)
    database = engine.database.engine.url.database
    engine.close()
    return shared().dsn(str(database))


def counts(dsn: str) -> dict[str, int]:
    with psycopg.connect(dsn) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # type: ignore[index,arg-type]
            for table in COUNTED
        }


def change(dsn: str, act: Callable[[], Any]) -> dict[str, int]:
    """How many rows `act` adds to each table."""
    before = counts(dsn)
    act()
    return {table: count - before[table] for table, count in counts(dsn).items()}


def test_modules_fit_the_shape() -> None:
    names = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name.startswith("bench_")]
    assert names
    for name in names:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        assert module.TABLE in TABLES and callable(module.rows), name


def test_targets_in_words() -> None:
    assert (
        at_least(0.4, 0.4) == "at least 0.4: reached" and at_least(0.39, 0.4) == "at least 0.4: NOT reached"
    )
    assert at_most(1.2, 1.2) == "at most 1.2: reached" and at_most(1500, 1000) == "at most 1,000: NOT reached"
    assert line(Row("a|b", "1", "ms")).count("|") - 1 == HEADER.splitlines()[0].count("|")


@pytest.mark.slow
def test_the_floor_writes_what_the_product_writes(office: str, tmp_path: Path) -> None:
    product, bare = ours.Competitor(office, tmp_path), floor.Competitor(office, tmp_path)
    mine, its = product.session(), bare.session()
    case: dict[str, Any] = {}
    other: dict[str, Any] = {}
    assert change(office, lambda: case.update(mine.start())) == change(
        office, lambda: other.update(its.start())
    )
    for _ in range(3):
        assert change(office, lambda: mine.complete(case)) == change(office, lambda: its.complete(other))
    with psycopg.connect(office) as connection:
        bytes_, states = (
            connection.execute(query, [case["case"], other["case"]]).fetchall()
            for query in (
                'SELECT "case", round(sum(length(data)), -2), count(DISTINCT seq) FROM facts WHERE "case" IN (%s, %s) GROUP BY 1',
                'SELECT "case", count(*) FILTER (WHERE state = \'open\'), count(*) FROM work_items WHERE "case" IN (%s, %s) GROUP BY 1',
            )
        )
    assert len({row[1:] for row in states}) == 1, states
    assert len({row[2] for row in bytes_}) == 1 and abs(bytes_[0][1] - bytes_[1][1]) <= 200, bytes_
    its.connection.close()
    product.engine.close()


@pytest.mark.slow
def test_copies_can_be_worked_on_and_chains_verify(office: str, tmp_path: Path) -> None:
    product = ours.Competitor(office, tmp_path)
    session = product.session()
    case = session.start()
    session.complete(case)
    facts = cloning.chains(office, case["case"], 3, "chained")
    with product.engine.read() as connection:
        report = verify.verify(connection)
    assert report.ok and report.cases == 4 and report.facts == facts + facts // 3, report.breaks
    cloning.clone(office, case["case"], 2, "k", due="now() + n * interval '1 hour'")
    copy = {"case": "k2", "item": case["item"]}
    session.complete(copy)
    assert copy["item"] != case["item"]
    product.engine.close()

"""Facts by month, on a database that is in use: what is proved before is proved after, and the office works on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit.rebuild import rebuild
from engine.audit.verify import verify
from engine.errors import InputInvalid
from engine.runtime.engine import Engine
from engine.store import append_only, partition, tables
from tests import stores
from tests.engine.office_builder import later, new_office, rows, start
from tests.engine.random_office import RandomOffice

LOCKS = ("locked_by", "locked_until")


@pytest.fixture
def postgresql() -> Iterator[None]:
    with stores.use(stores.POSTGRESQL):
        yield


def _facts(engine: Engine) -> list[tuple[object, ...]]:
    order = (tables.facts.c.case, tables.facts.c.seq)
    with engine.read() as connection:
        return [tuple(r) for r in connection.execute(sa.select(tables.facts).order_by(*order))]


def _parts(engine: Engine) -> dict[str, int]:
    with engine.read() as connection:
        query = sa.text("SELECT tableoid::regclass::text AS part, count(*) FROM facts GROUP BY 1")
        return {r.part: r.count for r in connection.execute(query)}


@pytest.mark.slow
def test_a_filled_database_is_partitioned_and_works_on(postgresql: None, tmp_path: Path) -> None:
    engine = new_office(tmp_path)
    office = RandomOffice(engine, 5)
    office.run(60)
    before = _facts(engine)
    with engine.database.write() as connection:
        made = partition.partition(connection, 6)
    assert len(made) == 7 and made[0].startswith("facts_before_")
    assert _facts(engine) == before and _parts(engine) == {made[0]: len(before)}
    # Three months later, and then beyond every month that was made.
    with engine.read() as connection:
        now = connection.execute(sa.select(sa.func.now())).scalar_one()
    later(engine, seconds=max((now - engine.now()).total_seconds(), 0) + 95 * 86400)
    office.run(40)
    later(engine, days=300)
    start(engine)
    held = _parts(engine)
    assert held.pop("facts_default") > 0 and len(held) >= 2
    with engine.database.write() as connection:
        assert len(partition.partition(connection, 3)) == 3  # the months after what went to the default
    with engine.database.write() as connection:
        report = verify(connection, fold=True)
        assert report.ok and report.facts == len(_facts(engine)) > len(before), report.breaks
        kept = rows(connection, without=LOCKS)
        rebuild(connection, engine.package, engine.calendar())
        assert rows(connection, without=LOCKS) == kept


@pytest.mark.slow
def test_months_are_made_once(postgresql: None, tmp_path: Path) -> None:
    engine = new_office(tmp_path)
    start(engine)
    with engine.database.write() as connection:
        first = partition.partition(connection, 2)
        assert partition.partition(connection, 2) == []
        assert len(partition.partition(connection, 4)) == 2
    assert len(first) == 3


@pytest.mark.slow
def test_every_partition_only_grows(postgresql: None, tmp_path: Path) -> None:
    engine = new_office(tmp_path)
    case = start(engine).case
    with engine.database.write() as connection:
        old, *_ = made = partition.partition(connection, 2)
    for table in ("facts", *made, "facts_default"):
        attacks = [f"TRUNCATE {table} CASCADE"]
        attacks += (
            [f"DELETE FROM {table}", f"UPDATE {table} SET person = 'x'"] if table in ("facts", old) else []
        )
        for attack in attacks:
            with pytest.raises(sa.exc.DBAPIError, match="只能追加"), engine.database.write() as connection:
                connection.exec_driver_sql(attack)
    with pytest.raises(sa.exc.IntegrityError), engine.database.write() as connection:
        again = sa.select(tables.facts).where(tables.facts.c.case == case, tables.facts.c.seq == 1)
        connection.execute(tables.facts.insert().from_select([c.name for c in tables.facts.c], again))
    with engine.database.write() as connection:
        granted = [
            s for s in append_only.grants(connection, "app") if s.startswith("GRANT") and "facts_b" in s
        ]
    assert granted == []


def test_sqlite_is_told_that_it_needs_none(tmp_path: Path) -> None:
    engine = new_office(tmp_path)
    with pytest.raises(InputInvalid, match="PostgreSQL"), engine.database.write() as connection:
        partition.partition(connection, 2)

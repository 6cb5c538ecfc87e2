"""Rows are a projection of facts: dropping them and rebuilding them from the facts gives the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit.rebuild import rebuild
from engine.audit.verify import verify
from engine.commands import CancelCase, ClaimItem, FinishItem
from engine.runtime.worker import Worker
from engine.store import tables
from tests import stores
from tests.engine.office_builder import ANNA, CHIEF, finish, later, new_office, rows, start
from tests.engine.random_office import RandomOffice

pytestmark = stores.both

LOCKS = ("locked_by", "locked_until")
"""Columns of `jobs` that external workers set; they are no projection of facts."""


SEEDS = [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 12))]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_rows_equal_a_rebuild_after_a_random_run(tmp_path: Path, seed: int) -> None:
    engine = new_office(tmp_path)
    office = RandomOffice(engine, seed)
    office.run(120)
    with engine.read() as connection:
        before = rows(connection, without=LOCKS)
        report = verify(connection, fold=True)
    assert report.ok, report.breaks
    assert report.facts > 100
    with engine.database.write() as connection:
        rebuild(connection, engine.package, engine.calendar())
        after = rows(connection, without=LOCKS)
    for table in before:
        assert after[table] == before[table], table


@pytest.mark.slow
def test_a_random_run_meets_what_matters(tmp_path: Path) -> None:
    """The runs above would prove little if nothing happened in them."""
    kinds: set[str] = set()
    for seed in range(4):
        engine = new_office(tmp_path / str(seed))
        RandomOffice(engine, seed).run(200)
        with engine.read() as connection:
            kinds |= set(connection.execute(sa.select(tables.facts.c.kind).distinct()).scalars())
    assert kinds >= {
        "WorkItemCompleted", "WorkItemClaimed", "WorkItemReturned", "WorkItemTransferred", "DeadlinePassed",
        "DeadlineMoved", "DeadlineDropped", "CaseSuspended", "CaseResumed", "CaseCancelled", "CaseCompleted",
        "JobFailed", "JobCompleted", "IncidentRaised", "MessageSent", "MessageReceived", "SignalSent", "FileAttached", "SignerAdded",
    }  # fmt: skip


def test_a_case_in_the_tables(tmp_path: Path) -> None:
    engine = new_office(tmp_path)
    begun = start(engine)
    item = next(iter(begun.state.items.values()))
    engine.execute(ClaimItem(begun.case, item.id), ANNA)
    later(engine, hours=3)
    Worker(engine).step()
    with engine.read() as connection:
        case = connection.execute(sa.select(tables.cases)).one()
        (row,) = connection.execute(sa.select(tables.work_items)).all()
        timers = set(connection.execute(sa.select(tables.deadlines.c.name)).scalars())
    assert (case.title, case.party, str(case.deadline)) == ("备用风机停用", "一号煤矿", "2026-10-10")
    assert (case.state, case.status, case.package_key, case.register) == (
        "open",
        "初核中",
        "trial",
        '{"轮":0}',
    )
    assert case.moved_at < engine.now()  # a timer is no movement
    assert (row.state, row.unit, row.role, row.person) == ("open", "能源局", "DB", "anna")
    assert row.claimed_at is not None and row.due is not None
    assert timers == {"日催", "一月未结"}

    done = finish(engine, engine.execute(FinishItem(begun.case, item.id, {}), ANNA), "G")
    with engine.read() as connection:
        row = connection.execute(
            sa.select(tables.work_items).where(tables.work_items.c.item == item.id)
        ).one()
        open_ = connection.execute(
            sa.select(sa.func.count()).where(tables.work_items.c.state == "open")
        ).scalar()
        waiting = connection.execute(sa.select(tables.jobs)).one()
        assert list(connection.execute(sa.select(tables.deadlines.c.name)).scalars()) == ["一月未结"]
    assert (row.state, row.closed_by, row.closed_at) == ("finished", "anna", engine.now())
    assert open_ == len(done.state.items) == 2
    assert (waiting.topic, waiting.retries) == ("outside", 3)


def test_what_goes_with_its_scope_is_closed(tmp_path: Path) -> None:
    """A cancelled case leaves no open row behind."""
    engine = new_office(tmp_path)
    case = finish(engine, finish(engine, start(engine), "A"), "G").case
    engine.execute(CancelCase(case, "重复登记"), CHIEF)
    with engine.read() as connection:
        states = connection.execute(sa.select(tables.work_items.c.state, tables.work_items.c.closed_by)).all()
        for table in (tables.deadlines, tables.subscriptions, tables.jobs):
            assert connection.execute(sa.select(table)).all() == []
        row = connection.execute(sa.select(tables.cases)).one()
    assert sorted(set(states)) == [("cancelled", ""), ("finished", "anna")]
    assert (row.state, row.ended_at) == ("cancelled", engine.now())

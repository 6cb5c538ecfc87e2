"""Whatever signers people add and take back, on a random day: rows are the facts' projection, and every case can be finished."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from engine import commands as c
from engine.audit.rebuild import rebuild
from engine.commands import ENGINE
from engine.definitions.vocabulary import OPINION_FORM
from engine.execution.signing import awaited
from engine.execution.state import Item, State
from engine.runtime import external
from engine.runtime.engine import Engine
from engine.store import tables
from engine.values import loads
from tests.engine.office_builder import ANNA, BEN, CHIEF, later, new_office, rows
from tests.engine.random_office import OPINION, RandomOffice

PEOPLE = {one.person: one for one in (ANNA, BEN, CHIEF)}


@pytest.mark.parametrize("seed", range(4))
def test_signers_come_and_go_and_every_case_can_be_finished(tmp_path: Path, seed: int) -> None:
    engine = new_office(tmp_path)
    office = RandomOffice(engine, seed, signing=4)
    office.run(90)
    for case in office.cases:
        _finish(engine, case)
    with engine.database.write() as connection:
        before = rows(connection)
        rebuild(connection, engine.package, engine.calendar())
        assert rows(connection) == before


def test_the_random_days_add_signers_in_every_way(tmp_path: Path) -> None:
    """The days above would prove little if nobody were added in them."""
    ways: set[str] = set()
    taken = sent_back = 0
    for seed in range(4):
        engine = new_office(tmp_path / str(seed))
        RandomOffice(engine, seed, signing=4).run(200)
        with engine.read() as connection:
            kind, data = tables.facts.c.kind, tables.facts.c.data
            found = connection.execute(sa.select(data).where(kind == "SignerAdded"))
            ways |= {loads(row.data)["way"] for row in found}
            count = sa.select(sa.func.count()).where(kind == "SignerTakenBack")
            taken += connection.execute(count).scalar_one()
            count = sa.select(sa.func.count()).where(kind == "SigningReturned")
            sent_back += connection.execute(count).scalar_one()
    assert ways == {"beside", "before", "after"} and taken > 0 and sent_back > 0


def _finish(engine: Engine, case: str) -> None:
    """Everybody does what is open until nothing is; the office resolves what is halted."""
    for _ in range(200):
        state = engine.load(case)
        if not state.open:
            return
        if state.suspended:
            engine.execute(c.ResumeCase(case, "情况消除"), CHIEF)
            continue
        ready = [item for item in state.items.values() if not awaited(state, item.id)]
        if ready:
            item = ready[0]
            form = OPINION if item.form == OPINION_FORM else {}
            engine.execute(c.FinishItem(case, item.id, form), _who(engine, state, item))
            continue
        for incident in list(state.incidents):
            engine.execute(c.RetryIncident(incident), ENGINE, case=case)
        jobs = external.fetch_and_lock(engine, "outside", "w9", 60, 20)
        for job in jobs:
            external.complete(engine, job.case, job.job, "w9", {"外部结果": "通过"})
        if not jobs and not state.incidents:  # one that has failed is tried again after a while
            assert state.jobs, "waits for nothing"
            later(engine, minutes=61)
    raise AssertionError("does not come to its end")


def _who(engine: Engine, state: State, item: Item) -> c.Actor:
    if item.person:
        return PEOPLE[item.person]
    return PEOPLE[engine.directory().members(item.unit, item.role)[0]]

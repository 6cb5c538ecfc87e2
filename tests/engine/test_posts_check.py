"""Duties follow the post: nobody's claim outlives the post, and an item that nobody can take is an incident until somebody can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit.verify import verify
from engine.commands import CheckPosts, ClaimItem, FinishItem
from engine.directory import Absence
from engine.errors import NotAllowed
from engine.facts import IncidentRaised, IncidentResolved, WorkItemReleased
from engine.handlers.settle import NO_ONE
from engine.runtime import absences, office, posts_check
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from engine.store import settings, tables
from tests import stores
from tests.engine.office_builder import ANNA, BEN, CHIEF, later, new_office, start

pytestmark = stores.both

DAY = date(2026, 9, 28)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = new_office(tmp_path)
    Worker(made).step()
    yield made
    made.close()


def retire(engine: Engine, *people: str, active: bool = False) -> None:
    for person in people:
        found = engine.directory().people[person]
        office.save_person(engine, replace(found, active=active), CHIEF)


def kinds(engine: Engine, case: str, *wanted: type) -> list[str]:
    return [e.fact.kind for e in engine.facts(case) if isinstance(e.fact, wanted)]


def nobody(engine: Engine) -> list[str]:
    """Cases with an item that nobody can take."""
    n = tables.incidents.c
    with engine.read() as connection:
        return list(
            connection.execute(sa.select(n.case).where(n.code == NO_ONE, n.resolved_at.is_(None))).scalars()
        )


def test_an_item_whose_group_is_empty_is_an_incident_until_somebody_comes(engine: Engine, store: str) -> None:
    worker, case = Worker(engine), start(engine).case
    retire(engine, "anna")
    worker.step()
    assert nobody(engine) == [], "the other one is still there"
    retire(engine, "ben")
    assert worker.step() > 0
    assert nobody(engine) == [case]
    later(engine, seconds=5)
    worker.step()
    assert nobody(engine) == [case], "once, not again with every look"
    office.set_posts(engine, "chief", [("AWB", "安委办"), ("DB", "能源局")], CHIEF)
    worker.step()
    assert nobody(engine) == []
    assert kinds(engine, case, IncidentRaised, IncidentResolved) == ["IncidentRaised", "IncidentResolved"]
    engine.execute(FinishItem(case, next(iter(engine.load(case).items)), {}), CHIEF)
    with engine.read() as connection:
        assert verify(connection).ok


def test_what_the_leaver_had_claimed_goes_back_to_the_post(engine: Engine, store: str) -> None:
    worker, begun = Worker(engine), start(engine)
    item = next(iter(begun.state.items))
    engine.execute(ClaimItem(begun.case, item), ANNA)
    retire(engine, "anna")
    worker.step()
    assert engine.load(begun.case).items[item].person == "" and nobody(engine) == []
    released = next(e for e in engine.facts(begun.case) if isinstance(e.fact, WorkItemReleased))
    assert released.actor.person == "" and "王建军已不在能源局的这个岗位上" in released.fact.reason  # type: ignore[attr-defined]
    engine.execute(FinishItem(begun.case, item, {}), BEN)


def test_claimed_by_the_last_one_it_goes_back_and_is_an_incident(engine: Engine, store: str) -> None:
    begun = start(engine)
    engine.execute(ClaimItem(begun.case, next(iter(begun.state.items))), ANNA)
    retire(engine, "anna", "ben")
    Worker(engine).step()
    assert nobody(engine) == [begun.case]
    assert kinds(engine, begun.case, WorkItemReleased) == ["WorkItemReleased"]


def test_a_unit_that_is_retired_leaves_incidents(engine: Engine, store: str) -> None:
    case = start(engine).case
    unit = engine.directory().units["能源局"]
    office.save_unit(engine, replace(unit, active=False), CHIEF)
    worker = Worker(engine)
    worker.step()
    assert nobody(engine) == [case]
    office.save_unit(engine, unit, CHIEF)
    worker.step()
    assert nobody(engine) == []


def test_what_a_substitute_claimed_goes_back_when_the_days_are_over(engine: Engine, store: str) -> None:
    begun = start(engine)
    item = next(iter(begun.state.items))
    absences.enter(engine, Absence("", "anna", DAY, DAY, "请假", "ben"), ANNA, by_office=False)
    office.set_posts(engine, "ben", [("HQ", "能源局")], CHIEF)
    claimed = engine.execute(ClaimItem(begun.case, item), BEN)
    assert claimed.state.items[item].behalf == "anna"
    worker = Worker(engine)
    worker.step()
    assert engine.load(begun.case).items[item].person == "ben", "while they last it stays"
    later(engine, days=1)
    worker.step()
    assert engine.load(begun.case).items[item].person == ""
    last = [e.fact for e in engine.facts(begun.case) if isinstance(e.fact, WorkItemReleased)]
    assert "其木格的代办期已结束" in last[0].reason


def test_what_no_unit_was_found_for_finds_one_when_there_is_one(engine: Engine, store: str) -> None:
    office.set_posts(engine, "anna", [("AWB", "安委办")], CHIEF)
    retire(engine, "ben")
    office.remove_responsibility(engine, "*", "*", "DB", CHIEF)
    case = start(engine, CHIEF).case
    before = len(engine.facts(case))
    worker = Worker(engine)
    worker.step()
    assert nobody(engine) == [case] and len(engine.facts(case)) == before
    retire(engine, "ben", active=True)
    worker.step()
    found = next(iter(engine.load(case).items.values()))
    assert nobody(engine) == [] and (found.unit, found.role) == ("能源局", "DB")


def test_every_worker_looks_until_one_has_seen_to_it_and_none_afterwards(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    looks: list[str] = []
    touched = posts_check.touched
    monkeypatch.setattr(posts_check, "touched", lambda e: (looks.append("look"), touched(e))[1])
    begun = start(engine)
    retire(engine, "anna", "ben")
    one, two = Worker(engine), Worker(engine)
    one.step()
    two.step()
    one.step()
    assert len(looks) == 2 and kinds(engine, begun.case, IncidentRaised) == ["IncidentRaised"]
    later(engine, seconds=4)  # by then nothing decided by the directory before can still be written
    one.step()
    assert len(looks) == 3
    with engine.read() as connection:
        assert settings.get(connection, [posts_check.CHECKED])[posts_check.CHECKED] == engine.posts_as_of()
    for worker in (one, two, Worker(engine)):
        later(engine, hours=1)
        worker.step()
    assert len(looks) <= 4, "the second had looked once and makes sure once"


def test_only_the_engine_holds_cases_against_the_directory(engine: Engine, store: str) -> None:
    with pytest.raises(NotAllowed):
        engine.execute(CheckPosts(start(engine).case), CHIEF)

"""Handing over: every item by the normal command, each in its own case, once, whatever dies in between; and a list to sign."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit.verify import verify
from engine.commands import (
    CancelCase,
    ClaimItem,
    FinishItem,
    ReleaseItem,
    ResumeCase,
    SuspendCase,
    TransferItem,
)
from engine.directory import Absence, Person, Unit
from engine.errors import Conflict, InputInvalid, NotFound, Suspended
from engine.facts import WorkItemReleased, WorkItemTransferred
from engine.runtime import absences, handover, office
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from engine.store import tables
from tests import stores
from tests.engine.office_builder import ANNA, BEN, CHIEF, MONDAY, new_office, start

pytestmark = stores.both


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = new_office(tmp_path)
    yield made
    made.close()


def claimed(engine: Engine, count: int = 3) -> list[tuple[str, int]]:
    found = []
    for _ in range(count):
        begun = start(engine)
        item = next(iter(begun.state.items))
        engine.execute(ClaimItem(begun.case, item), ANNA)
        found.append((begun.case, item))
    return found


def lines(engine: Engine, id: str) -> list[tuple[str, int, str, str]]:
    i = tables.handover_items.c
    with engine.read() as c:
        rows = c.execute(
            sa.select(i.case, i.item, i.result, i.said).where(i.handover == id).order_by(i.position)
        )
        return [tuple(r) for r in rows]


def test_each_item_goes_to_the_successor_with_a_fact_of_its_own(engine: Engine, store: str) -> None:
    mine = claimed(engine)
    id = handover.begin(engine, "anna", "ben", "调离能源局", CHIEF)
    Worker(engine).step()
    assert sorted((c, i) for c, i, result, _ in lines(engine, id) if result == "moved") == sorted(mine)
    for case, item in mine:
        assert engine.load(case).items[item].person == "ben"
        moved = [e for e in engine.facts(case) if isinstance(e.fact, WorkItemTransferred)]
        assert [(e.actor.person, e.fact.reason) for e in moved] == [("chief", "移交：调离能源局")]  # type: ignore[attr-defined]
        engine.execute(FinishItem(case, item, {}), BEN)
    with engine.read() as c:
        assert verify(c).ok
        assert c.execute(sa.select(tables.handovers.c.done_at)).scalar() == MONDAY


def test_a_worker_that_dies_in_between_moves_nothing_twice(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    mine = claimed(engine)
    id = handover.begin(engine, "anna", "ben", "调离能源局", CHIEF)
    real, done = engine.execute, []

    def dies(*args: object, **more: object) -> object:
        outcome = real(*args, **more)  # type: ignore[arg-type]
        done.append(outcome.case)
        if len(done) == 2:
            raise KeyboardInterrupt  # the command is committed, the line is not marked
        return outcome

    monkeypatch.setattr(engine, "execute", dies)
    with pytest.raises(KeyboardInterrupt):
        handover.step(engine)
    assert [result for *_, result, _ in lines(engine, id)] == ["moved", "", ""]
    monkeypatch.undo()
    handover.step(engine)
    assert [result for *_, result, _ in lines(engine, id)] == ["moved"] * 3
    for case, _ in mine:
        assert len([e for e in engine.facts(case) if isinstance(e.fact, WorkItemTransferred)]) == 1
    assert handover.step(engine) == 0


def test_back_to_the_post(engine: Engine, store: str) -> None:
    ((case, item),) = claimed(engine, 1)
    start(engine)  # nobody has it: nothing is to be done about it
    id = handover.begin(engine, "anna", "", "调离能源局", CHIEF)
    handover.step(engine)
    assert [result for *_, result, _ in lines(engine, id)] == ["returned"]
    assert engine.load(case).items[item].person == ""
    assert [e.actor.person for e in engine.facts(case) if isinstance(e.fact, WorkItemReleased)] == ["chief"]


def test_what_waits_at_a_post_nobody_else_is_in_goes_along(engine: Engine, store: str) -> None:
    office.set_posts(engine, "ben", [("HQ", "能源局")], CHIEF)
    begun = start(engine)
    with pytest.raises(Conflict, match="DB@能源局"):
        handover.begin(engine, "anna", "ben", "调离能源局", CHIEF)
    office.set_posts(engine, "chief", [("AWB", "安委办"), ("DB", "安委办")], CHIEF)
    handover.begin(engine, "anna", "chief", "调离能源局", CHIEF)
    handover.step(engine)
    found = next(iter(engine.load(begun.case).items.values()))
    assert (found.person, found.unit, found.role) == ("chief", "安委办", "DB")


def test_lines_tell_what_became_of_them_since(engine: Engine, store: str) -> None:
    (done, one), (taken, two), (void, _) = claimed(engine)
    id = handover.begin(engine, "anna", "ben", "调离能源局", CHIEF)
    engine.execute(FinishItem(done, one, {}), ANNA)
    engine.execute(ReleaseItem(taken, two, "本人退签"), ANNA)
    engine.execute(ClaimItem(taken, two), BEN)
    engine.execute(CancelCase(void, "重复立案"), CHIEF)
    handover.step(engine)
    told = {case: (result, said) for case, _, result, said in lines(engine, id)}
    assert told[done] == told[void] == ("gone", "移交前已经办结")
    assert told[taken] == ("gone", "移交前已由其木格接办")
    assert handover.step(engine) == 0


def listed(engine: Engine, id: str) -> dict[str, tuple[str, str, bool]]:
    """By case: who had the item, for whom 代, and whether the case was suspended, as the list says."""
    i = tables.handover_items.c
    with engine.read() as c:
        rows = c.execute(sa.select(i.case, i.holder, i.behalf, i.suspended).where(i.handover == id))
        return {case: tuple(rest) for case, *rest in rows}  # type: ignore[misc]


@pytest.mark.parametrize("successor", ["ben", ""])
def test_what_is_suspended_goes_along_and_the_list_says_so(
    engine: Engine, successor: str, store: str
) -> None:
    (halted, item), (running, _) = claimed(engine, 2)
    engine.execute(SuspendCase(halted, "等待鉴定"), CHIEF)
    with pytest.raises(Suspended):
        engine.execute(ReleaseItem(halted, item, "本人出差"), ANNA)
    id = handover.begin(engine, "anna", successor, "调离能源局", CHIEF)
    handover.step(engine)
    assert {result for *_, result, _ in lines(engine, id)} == {"moved" if successor else "returned"}
    assert listed(engine, id) == {halted: ("anna", "", True), running: ("anna", "", False)}
    assert engine.load(halted).suspended and engine.load(halted).items[item].person == successor
    engine.execute(ResumeCase(halted, "鉴定完成"), CHIEF)
    engine.execute(FinishItem(halted, item, {}), BEN)
    with engine.read() as c:
        assert verify(c).ok


@pytest.mark.parametrize("successor", ["carl", ""])
def test_what_substitutes_have_goes_to_whom_it_belongs(engine: Engine, successor: str, store: str) -> None:
    """anna leaves, who stands in for dora of 住建局: hers goes to the successor, dora's back to dora's post."""
    office.save_unit(engine, Unit("住建局", "住建局", "督办部门"), CHIEF)
    for person, unit in (("carl", "能源局"), ("dora", "住建局")):
        office.save_person(engine, Person(person, person, person.title()), CHIEF)
        office.set_posts(engine, person, [("DB", unit)], CHIEF)
    day = MONDAY.date()
    (own, one), (hers, two) = claimed(engine, 2)
    engine.execute(TransferItem(hers, two, "属住建局职责", "住建局"), ANNA)
    absences.enter(engine, Absence("", "dora", day, day, "请假", "anna"), CHIEF, by_office=True)
    engine.execute(ClaimItem(hers, two), ANNA)
    id = handover.begin(engine, "anna", successor, "调离能源局", CHIEF)
    handover.step(engine)
    assert listed(engine, id) == {own: ("anna", "", False), hers: ("anna", "dora", False)}
    assert engine.load(own).items[one].person == successor
    there = engine.load(hers).items[two]
    assert (there.person, there.unit) == ("", "住建局"), "whoever succeeds her"
    told = {case: (result, said) for case, _, result, said in lines(engine, id)}
    assert told[hers] == ("returned", "系代Dora办理")


def test_what_a_substitute_does_for_the_leaver_is_handed_over_too(engine: Engine, store: str) -> None:
    office.save_person(engine, Person("carl", "carl", "Carl"), CHIEF)
    office.set_posts(engine, "carl", [("DB", "能源局")], CHIEF)
    day = MONDAY.date()
    cases = claimed(engine, 2)
    for case, item in cases:
        engine.execute(ReleaseItem(case, item, "改由替岗人签收"), ANNA)
    office.set_posts(engine, "ben", [("HQ", "能源局")], CHIEF)
    absences.enter(engine, Absence("", "anna", day, day, "请假", "ben"), ANNA, by_office=False)
    for case, item in cases:
        engine.execute(ClaimItem(case, item), BEN)
    with engine.read() as c:
        found = handover.in_hand(c, "anna", engine.directory())
    assert {(line.holder, line.behalf) for line in found} == {("ben", "anna")} and len(found) == 2
    id = handover.begin(engine, "anna", "carl", "调离能源局", CHIEF)
    handover.step(engine)
    assert {result for *_, result, _ in lines(engine, id)} == {"moved"}
    assert {engine.load(case).items[item].person for case, item in cases} == {"carl"}


def test_what_is_refused_and_what_is_asked_twice(engine: Engine, store: str) -> None:
    with pytest.raises(InputInvalid, match="没有需要移交"):
        handover.begin(engine, "anna", "", "调离", CHIEF)
    claimed(engine, 1)
    for who, successor, reason, refused in (
        ("nobody", "ben", "调离", NotFound), ("anna", "anna", "调离", NotFound), ("anna", "ben", " ", InputInvalid),
        ("anna", "chief", "调离", Conflict),
    ):  # fmt: skip
        with pytest.raises(refused):
            handover.begin(engine, who, successor, reason, CHIEF)
    day = MONDAY.date()
    found = absences.enter(engine, Absence("", "ben", day, day, "请假"), BEN, by_office=False)
    with pytest.raises(Conflict, match="离岗"):
        handover.begin(engine, "anna", "ben", "调离", CHIEF)
    absences.withdraw(engine, found.id, BEN)
    assert handover.begin(engine, "anna", "ben", "调离", CHIEF, "same") == "same"
    assert handover.begin(engine, "anna", "ben", "调离", CHIEF, "same") == "same"
    assert len(lines(engine, "same")) == 1


def test_how_many_would_be_left_without_anybody(engine: Engine, store: str) -> None:
    claimed(engine, 1)
    start(engine)
    now = engine.directory()
    with engine.read() as c:
        assert handover.left_alone(c, now, handover.without(now, person="anna")) == (0, [])
        both = handover.without(handover.without(now, person="anna"), person="ben")
        count, told = handover.left_alone(c, now, both)
        assert count == 2 and {line.claimed for line in told} == {True, False}
        assert handover.left_alone(c, now, handover.without(now, unit="能源局"))[0] == 2

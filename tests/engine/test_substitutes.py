"""Substitutes 替岗: for some days another may do what one may, in one's name, and everything says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine import commands as c
from engine import facts as f
from engine.audit.rebuild import rebuild
from engine.audit.sentences import timeline
from engine.audit.verify import verify
from engine.directory import Absence, Directory
from engine.errors import (
    AlreadyClaimed,
    Conflict,
    EngineError,
    InputInvalid,
    NotAllowed,
    NotFound,
    SeparationOfDuties,
)
from engine.execution.state import State
from engine.runtime import absences, office
from engine.runtime.engine import Engine, Outcome
from engine.store import tables
from engine.values import dumps, loads
from tests import stores
from tests.engine.handling import Desk
from tests.engine.office_builder import (
    ANNA,
    BEN,
    CHIEF,
    MONDAY,
    finish,
    later,
    new_office,
    open_engine,
    start,
)

DAY = date(2026, 9, 28)


def away(person: str, substitute: str = "", **more: object) -> Absence:
    """Away on the day of the tests and the next."""
    return replace(Absence("one", person, DAY, DAY + timedelta(days=1), "请假", substitute), **more)  # type: ignore[arg-type]


def at(desk: Desk, *found: Absence) -> Desk:
    desk.directory = replace(desk.directory, absences=found, day=DAY)
    return desk


# -- what the handlers decide --------------------------------------------------------------------------------


@pytest.fixture
def desk() -> Desk:
    return Desk().until("B")


def test_a_substitute_does_what_the_person_had_claimed_in_that_persons_name(desk: Desk) -> None:
    desk.do(c.ClaimItem("case", desk.item("B").id), "neng")
    with pytest.raises(AlreadyClaimed):
        desk.finish("B", "niu", 结论="重大")
    at(desk, away("neng", "niu")).finish("B", "niu", 结论="重大")
    done = next(x for x in desk.new if isinstance(x, f.WorkItemCompleted))
    assert (done.person, done.behalf) == ("niu", "neng")
    assert desk.state.performers["B"] == ["neng", "niu"], "both have done it"


def test_who_holds_the_post_acts_in_ones_own_name_where_nobody_has_the_item(desk: Desk) -> None:
    at(desk, away("neng", "niu")).finish("B", "niu", 结论="重大")
    assert desk.state.performers["B"] == ["niu"]


def test_a_substitute_from_elsewhere_takes_the_post_on_those_days_only(desk: Desk) -> None:
    item = desk.item("B").id
    with pytest.raises(EngineError):
        desk.do(c.ClaimItem("case", item), "jian")
    desk.directory = replace(desk.directory, absences=(away("neng", "jian"),), day=DAY + timedelta(days=2))
    with pytest.raises(EngineError):
        desk.do(c.ClaimItem("case", item), "jian")
    at(desk, away("neng", "jian")).do(c.ClaimItem("case", item), "jian")
    assert (desk.item("B").person, desk.item("B").behalf) == ("jian", "neng")
    restored = State.from_data(loads(dumps(desk.state.to_data())))
    assert restored.items[item].behalf == "neng", "snapshots keep it"
    desk.finish("B", "neng", 结论="重大")  # who is away may still act
    assert desk.state.performers["B"] == ["neng"]


def test_one_post_only(desk: Desk) -> None:
    at(desk, away("neng", "jian", role="HQ", unit="能源局"))
    with pytest.raises(EngineError):
        desk.do(c.ClaimItem("case", desk.item("B").id), "jian")


def test_a_substitutes_substitute_is_not_followed(desk: Desk) -> None:
    at(desk, away("neng", "jian"), away("jian", "cheng", id="two"))
    assert desk.directory.posts_of("cheng") == [
        *desk.directory.own_posts("cheng"),
        ("DB", "住建局"),
        ("HQ", "住建局"),
    ]
    with pytest.raises(EngineError):
        desk.do(c.ClaimItem("case", desk.item("B").id), "cheng")


@pytest.mark.parametrize(("judged_by", "checked_by"), [("neng", "jian"), ("jian", "neng"), ("jian", "jian")])
def test_who_may_not_check_may_not_through_a_substitute_either(judged_by: str, checked_by: str) -> None:
    """复查 is not by who judged: neither the person, nor the substitute for the person, nor the person for whom it was judged."""
    desk = at(Desk(), away("neng", "jian")).until("B")
    desk.finish("B", judged_by, 结论="重大").finish("C", "kuang")
    with pytest.raises(SeparationOfDuties):
        desk.finish("D", checked_by)
    desk.finish("D", "niu")


def test_a_substitute_hands_back_and_passes_on_what_the_person_had(desk: Desk) -> None:
    desk.do(c.ClaimItem("case", desk.item("B").id), "neng")
    at(desk, away("neng", "jian"))
    with pytest.raises(NotAllowed):  # nothing is put into the hands of who is away
        desk.do(c.TransferItem("case", desk.item("B").id, "人手不足", person="neng"), "jian")
    desk.do(c.ReleaseItem("case", desk.item("B").id, "本人出差"), "jian")
    assert desk.item("B").person == ""
    with pytest.raises(NotAllowed, match="替岗人简宁"):
        desk.do(c.TransferItem("case", desk.item("B").id, "熟悉情况", person="neng"), "ban")


def test_a_case_begun_in_anothers_post_says_for_whom() -> None:
    desk = at(Desk(), away("kuang", "cheng"))
    actor = c.Actor("cheng", "程川")
    from engine.runtime.engine import acting

    made = acting(actor, c.StartCase("test", {}, "S"), State(), desk.directory, desk.package)
    assert (made.name, made.behalf, made.unit) == ("程川", "", "城川镇"), "one's own post will do"
    made = acting(actor, c.AddNote("case", "已到现场"), State(), desk.directory, desk.package)
    assert made.behalf == ""
    in_post = replace(actor, role="QY", unit="一号矿")
    made = acting(in_post, c.AddNote("case", "已到现场"), State(), desk.directory, desk.package)
    assert (made.name, made.behalf) == ("程川代阿拉腾其木格·呼和", "kuang")


def test_a_signer_is_asked_in_the_name_of_who_has_the_step(desk: Desk) -> None:
    from engine.runtime.engine import acting

    desk.do(c.ClaimItem("case", desk.item("B").id), "neng")
    at(desk, away("neng", "jian"))
    asked = c.AddSigner("case", desk.item("B").id, "before", "请提意见", person="niu")
    made = acting(c.Actor("jian", "简宁", "住建局", "DB"), asked, desk.state, desk.directory, desk.package)
    assert (made.name, made.behalf, made.unit) == ("简宁代能文", "neng", "能源局")


# -- what every process sees ---------------------------------------------------------------------------------


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = new_office(tmp_path)
    yield made
    made.close()


def held(engine: Engine, begun: Outcome, person: c.Actor) -> int:
    item = next(iter(begun.state.items))
    engine.execute(c.ClaimItem(begun.case, item), person)
    return item


def row_of(engine: Engine, case: str, item: int) -> sa.Row[tuple[object, ...]]:
    w = tables.work_items
    with engine.read() as connection:
        return connection.execute(sa.select(w).where(w.c.case == case, w.c.item == item)).one()


@stores.on_both
def test_a_substitute_acts_at_once_in_every_process_and_the_ledger_says_for_whom(
    engine: Engine, tmp_path: Path, store: str
) -> None:
    other = open_engine(tmp_path, engine.clock)
    begun = start(engine)
    item = held(engine, begun, ANNA)
    assert other.directory().standing_in("ben") == []
    absences.enter(engine, Absence("", "anna", DAY, DAY, "请假", "ben"), ANNA, by_office=False)
    done = other.execute(c.FinishItem(begun.case, item, {}), BEN)
    entry = next(e for e in done.facts if isinstance(e.fact, f.WorkItemCompleted))
    assert (entry.actor.person, entry.actor.behalf, entry.actor.name) == ("ben", "anna", "其木格代王建军")
    kept = engine.facts(begun.case)
    assert [e.actor.behalf for e in kept[-len(done.facts) :]] == ["anna"] * len(done.facts)
    assert all(e.actor.behalf == "" for e in kept[: -len(done.facts)])
    said = [line.text for line in timeline(kept, engine.package_of(begun.case))]
    assert any(text.startswith("其木格代王建军（能源局）办结了“初核”") for text in said)
    with engine.read() as connection:
        assert verify(connection).ok
        before = row_of(engine, begun.case, item)
    assert (before.closed_by, before.behalf) == ("ben", "anna")
    with engine.database.write() as connection:
        rebuild(connection, engine.package, engine.calendar())
    assert row_of(engine, begun.case, item) == before


@stores.on_both
def test_the_days_are_the_offices_and_end_by_the_engines_clock(
    engine: Engine, tmp_path: Path, store: str
) -> None:
    begun = start(engine)
    item = held(engine, begun, ANNA)
    tomorrow = DAY + timedelta(days=1)
    absences.enter(engine, Absence("", "anna", tomorrow, tomorrow, "出差", "ben"), CHIEF, by_office=True)
    other = open_engine(tmp_path, engine.clock)
    release = c.ReleaseItem(begun.case, item, "本人出差在外")
    with pytest.raises(NotAllowed):
        other.execute(release, BEN)
    later(engine, hours=14, minutes=59)  # 23:59 in Shanghai
    with pytest.raises(NotAllowed):
        other.execute(release, BEN)
    later(engine, minutes=1)
    assert engine.directory().standing_in("ben") == [("anna", "DB", "能源局")]
    assert other.execute(release, BEN).facts[-1].actor.behalf == "anna"
    later(engine, days=1)
    assert engine.directory().standing_in("ben") == other.directory().standing_in("ben") == []


@stores.on_both
def test_an_absence_that_is_withdrawn_counts_no_more(engine: Engine, tmp_path: Path, store: str) -> None:
    found = absences.enter(engine, Absence("", "anna", DAY, DAY, "请假", "ben"), ANNA, by_office=False)
    with pytest.raises(NotFound):
        absences.withdraw(engine, found.id, BEN, of_person="ben")
    absences.withdraw(engine, found.id, ANNA, of_person="anna")
    assert engine.directory().absences == ()
    with engine.read() as connection:
        said = connection.execute(
            sa.select(tables.office_facts.c.kind).order_by(tables.office_facts.c.seq.desc())
        )
        assert list(said.scalars())[:2] == ["AbsenceWithdrawn", "AbsenceEntered"]
        assert verify(connection).ok


def test_what_makes_no_sense_is_refused(engine: Engine) -> None:
    def enter(
        substitute: str, first: int = 0, last: int = 1, reason: str = "请假", person: str = "anna"
    ) -> None:
        days = (DAY + timedelta(days=n) for n in (first, last))
        absences.enter(engine, Absence("", person, *days, reason, substitute), ANNA, by_office=False)

    for refused, asked in (
        (InputInvalid, ("anna",)), (NotFound, ("nobody",)), (NotAllowed, ("chief",)),
        (InputInvalid, ("ben", 1, 0)), (InputInvalid, ("ben", -3, -1)), (InputInvalid, ("ben", 0, 1, " ")),
        (NotFound, ("ben", 0, 1, "请假", "nobody")),
    ):  # fmt: skip
        with pytest.raises(refused):
            enter(*asked)  # type: ignore[arg-type]
    enter("ben")
    with pytest.raises(Conflict, match="重叠"):
        enter("ben", 1, 5)
    with pytest.raises(Conflict, match="不能再转托"):
        enter("anna", person="ben")  # in turn for each other
    enter("anna", 2, 3, person="ben")


def test_who_may_stand_in_for_a_unit() -> None:
    directory: Directory = Desk().directory
    asked = {
        ("能源局", "niu", False): "", ("能源局", "jian", False): "本人只能委托", ("能源局", "jian", True): "",
        ("能源局", "cheng", True): "不是同类单位", ("一号矿", "cheng", True): "", ("二号矿", "kuang", True): "企业之间",
        ("能源局", "old", True): "没有在岗的岗位", ("安委办", "jian", True): "不是同类单位",
    }  # fmt: skip
    for (unit, substitute, by_office), expected in asked.items():
        said = absences.why_not(directory, unit, substitute, by_office=by_office)
        assert (expected in said) if expected else said == "", (unit, substitute, said)


def test_a_substitute_is_one_no_more_when_the_person_is_retired(engine: Engine) -> None:
    absences.enter(engine, Absence("", "anna", DAY, DAY, "请假", "ben"), ANNA, by_office=False)
    found = engine.directory().people["anna"]
    office.save_person(engine, replace(found, active=False), CHIEF)
    assert engine.directory().standing_in("ben") == []


def test_finishing_through_the_builder_still_names_nobody_else(engine: Engine) -> None:
    done = finish(engine, start(engine), "A")
    assert MONDAY.date() == DAY and all(e.actor.behalf == "" for e in done.facts)
    assert b"behalf" not in b"".join(dumps(f.to_data(e.fact)) for e in done.facts)


@stores.on_both
def test_taken_back_for_who_is_away_the_ledger_says_for_whom(
    engine: Engine, tmp_path: Path, store: str
) -> None:
    """Also on PostgreSQL, where the command is first tried without a transaction."""
    begun = start(engine)
    item = held(engine, begun, ANNA)
    engine.execute(c.FinishItem(begun.case, item, {}), ANNA)
    with pytest.raises(NotAllowed, match="只有本人可以撤回"):
        engine.execute(c.WithdrawItem(begun.case, item, "数字写错"), BEN)
    absences.enter(engine, Absence("", "anna", DAY, DAY, "请假", "ben"), ANNA, by_office=False)
    done = engine.execute(c.WithdrawItem(begun.case, item, "数字写错"), BEN)
    (again,) = done.state.items.values()
    assert (again.element, again.person, again.behalf) == ("A", "ben", "anna")
    kept = engine.facts(begun.case)
    assert {(e.actor.person, e.actor.behalf) for e in kept[-len(done.facts) :]} == {("ben", "anna")}
    said = [line.text for line in timeline(kept, engine.package_of(begun.case))]
    assert any(t.startswith("其木格代王建军（能源局）撤回了已办结的“初核”") for t in said), said
    with engine.read() as connection:
        assert verify(connection).ok
        before = row_of(engine, begun.case, again.id)
    assert (before.person, before.behalf) == ("ben", "anna")
    with engine.database.write() as connection:
        rebuild(connection, engine.package, engine.calendar())
    assert row_of(engine, begun.case, again.id) == before

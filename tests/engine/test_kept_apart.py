"""Separation of duties 不相容: what leaves nobody who may do a step is an incident at once, whatever it came by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine import commands as c
from engine import facts as f
from engine.directory import Absence, Person, Unit
from engine.errors import NotAllowed, SeparationOfDuties
from engine.handlers.settle import NO_ONE
from engine.runtime import absences, office
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from engine.store import tables
from tests import stores
from tests.engine.handling import Desk, package
from tests.engine.office_builder import (
    ANNA,
    BEN,
    CHIEF,
    WITHOUT_ACTIONS,
    finish,
    later,
    new_office,
    start,
    trial_files,
)

DRAWN = """
    start S
    user A name=登记审核 groups=AWB
    and F
    user B name=判定 groups=DB
    user D name=复核 groups=DB separateFrom=B
    and J
    user M name=专家意见 groups=DB separateFrom=M each="[1, 2, 3]" as=n
    end Done
    S -> A -> F
    F -> B -> J
    F -> D -> J
    J -> M -> Done
"""


@pytest.fixture
def desk() -> Desk:
    return Desk(package(DRAWN)).start().finish("A", "ban")


def alone(desk: Desk, *people: str) -> Desk:
    """Nobody else has a post in 能源局."""
    posts = tuple(p for p in desk.directory.posts if p.unit != "能源局" or p.person in people)
    desk.directory = replace(desk.directory, posts=posts)
    return desk


def checked(desk: Desk) -> Desk:
    """What the worker does after the directory has changed."""
    return desk.do(c.CheckPosts("case"))


def test_what_the_last_one_finishes_beside_it_makes_it_an_incident_and_taking_back_none(desk: Desk) -> None:
    alone(desk, "neng").finish("B", "neng")
    assert desk.incidents == [("D", NO_ONE)]
    said = next(x.message for x in desk.new if isinstance(x, f.IncidentRaised))
    assert said.startswith("“复核”没有人可以办理：能源局在岗的人员都已办理过“判定”")
    done = next(x.id for x in desk.new if isinstance(x, f.WorkItemCompleted))
    desk.do(c.WithdrawItem("case", done, "写错了"), "neng")
    assert desk.incidents == []


def test_who_has_it_in_hand_and_does_what_is_separate_gives_it_back(desk: Desk) -> None:
    desk.do(c.ClaimItem("case", desk.item("D").id), "neng").finish("B", "neng")
    assert desk.item("D").person == "" and desk.incidents == []
    reason = next(x.reason for x in desk.new if isinstance(x, f.WorkItemReleased))
    assert reason == "能文已在本案办理“判定”，不能再办理“复核”，退回岗位，由其他人员签收"
    desk.finish("D", "niu")


def test_rounds_by_different_people_need_so_many_people(desk: Desk) -> None:
    """会签 of three by a post of two: the third is an incident when the second has signed, until somebody comes."""
    desk.finish("B", "neng").finish("D", "niu").finish("M", "neng")
    assert desk.incidents == []
    desk.finish("M", "niu")
    assert desk.incidents == [("M", NO_ONE)]
    desk.directory = replace(
        desk.directory,
        people=desk.directory.people | {"nan": Person("nan", "nan", "南山")},
        posts=(
            *desk.directory.posts,
            replace(desk.directory.posts[0], person="nan", unit="能源局", role="DB"),
        ),
    )
    assert checked(desk).incidents == []
    assert desk.finish("M", "nan").state.ended


def test_nothing_is_handed_to_who_may_not_do_it(desk: Desk) -> None:
    desk.finish("B", "neng")
    item = desk.item("D").id
    with pytest.raises(SeparationOfDuties, match="能文已在本案办理“判定”"):
        desk.do(c.TransferItem("case", item, "人手不足", person="neng"), "niu")
    desk.do(c.TransferItem("case", item, "人手不足", "住建局"), "niu")
    alone(desk, "neng")
    with pytest.raises(NotAllowed, match="能源局没有可以办理“复核”的人员"):
        desk.do(c.TransferItem("case", item, "还是自己办", "能源局"), "jian")


def test_where_all_are_away_and_nobody_stands_in(desk: Desk) -> None:
    """At a post, and in the hands of who is away: an incident while it lasts."""
    day = desk.now.date()
    alone(desk, "niu").do(c.ClaimItem("case", desk.item("B").id), "niu")
    gone = Absence("one", "niu", day, day, "请假")
    desk.directory = replace(desk.directory, absences=(gone,), day=day)
    checked(desk)
    assert sorted(desk.incidents) == [("B", NO_ONE), ("D", NO_ONE)]
    said = [x.message for x in desk.new if isinstance(x, f.IncidentRaised)]
    assert all("能源局可以办理的督办部门承办人都已离岗，没有替岗人" in text for text in said), said
    desk.directory = replace(desk.directory, absences=(replace(gone, substitute="jian"),))
    assert checked(desk).incidents == [], "somebody stands in"
    desk.directory = replace(desk.directory, absences=(replace(gone, first=day - timedelta(days=9)),))
    assert len(checked(desk).incidents) == 2
    desk.finish("B", "niu")  # who is away may still act
    assert desk.incidents == [("D", NO_ONE)]
    desk.directory = replace(desk.directory, absences=())
    assert [e for e, _ in checked(desk).incidents] == ["D"], "back, but having done 判定"


# -- found by the worker ---------------------------------------------------------------------------------------

CHECKED = """
process trial name=试办
    start S
    user A name=初核 groups=DB
    user B name=复核 groups=DB separateFrom=A
    end E
    S -> A -> B -> E
"""

DAY = date(2026, 9, 28)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = new_office(tmp_path, files=trial_files(CHECKED, WITHOUT_ACTIONS))
    Worker(made).step()
    yield made
    made.close()


def halted(engine: Engine) -> list[str]:
    """Cases with an item nobody can take, after the worker has looked."""
    Worker(engine).step()
    n = tables.incidents.c
    with engine.read() as connection:
        open_ = sa.select(n.case).where(n.code == NO_ONE, n.resolved_at.is_(None))
        return list(connection.execute(open_).scalars())


@stores.on_both
def test_who_may_do_it_leaves_and_others_stay_in_the_post(engine: Engine, store: str) -> None:
    case = finish(engine, start(engine), "A", ANNA).case
    finish(engine, start(engine), "A", BEN)  # here who stays may
    assert halted(engine) == []
    ben = engine.directory().people["ben"]
    office.save_person(engine, replace(ben, active=False), CHIEF)
    assert halted(engine) == [case], "王建军 is in the post, and may not"
    office.save_person(engine, ben, CHIEF)
    assert halted(engine) == []
    office.set_posts(engine, "ben", [("HQ", "能源局")], CHIEF)
    assert halted(engine) == [case]


@stores.on_both
def test_leave_begins_and_a_substitutes_days_end(engine: Engine, store: str) -> None:
    """复核 is 其木格's alone. The first day a colleague of another unit stands in, the second nobody, the third he is back."""
    office.save_unit(engine, Unit("住建局", "住建局", "督办部门"), CHIEF)
    office.save_person(engine, Person("dora", "dora", "多拉"), CHIEF)
    office.set_posts(engine, "dora", [("HQ", "住建局")], CHIEF)
    case = finish(engine, start(engine), "A", ANNA).case
    tomorrow = DAY + timedelta(days=1)
    absences.enter(engine, Absence("", "ben", DAY, DAY, "出差", "dora"), CHIEF, by_office=True)
    absences.enter(engine, Absence("", "ben", tomorrow, tomorrow, "请假"), BEN, by_office=False)
    assert halted(engine) == []
    later(engine, days=1)
    assert halted(engine) == [case]
    later(engine, days=1)
    assert halted(engine) == []
    found = absences.enter(
        engine, Absence("", "ben", tomorrow + timedelta(days=1), tomorrow + timedelta(days=3), "病假", "anna"),
        BEN, by_office=False,
    )  # fmt: skip
    assert halted(engine) == [case], "who stands in has done 初核"
    absences.withdraw(engine, found.id, BEN)
    assert halted(engine) == []

"""Reminders reach people by the channel and in the way they chose: once, later where it is night, again where it was refused."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.calendar import local_time
from engine.commands import Actor, AddNote, AddSigner, ClaimItem, CopyCase, UrgeItem
from engine.directory import Absence, Person
from engine.errors import NotFound
from engine.runtime import absences, digest, dispatch, hold, office, reminders
from engine.runtime.channels import Channel
from engine.runtime.engine import Engine
from engine.runtime.relay import relay
from engine.runtime.worker import Worker
from engine.store import tables
from engine.store.batch import insert_once
from engine.values import dumps
from tests import stores
from tests.engine.office_builder import ANNA, BEN, CHIEF, finish, later, new_office, start
from tests.engine.receiver import Receiver, receiving
from tests.engine.working import eventually

pytestmark = stores.both

NIGHT = {"hours": 14.0}
"""From nine in the morning to eleven at night."""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return new_office(tmp_path / "office")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def ways(receiver: Receiver) -> dict[str, Channel]:
    group = receiver.url.replace("{address}", "group")
    found = (
        Channel("hook", "内网通知", receiver.url, address="工号", pattern="[a-z0-9]+"),
        Channel("crowd", "能源局工作群", group, unit="能源局"),
    )
    return {one.key: one for one in found}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that reaches the log, at its chattiest."""
    text, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(text), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


def wants(engine: Engine, ways: dict[str, Channel], actor: Actor, way: str) -> None:
    reminders.choose(engine, actor, ways["hook"], f"{actor.person}1", way)


def notice(engine: Engine, key: str, **to: str) -> None:
    """A case says something to somebody."""
    case = start(engine).case
    row = {
        "key": key, "case": case, "what": "notice", "written_at": engine.now(), "send_at": engine.now(),
        "data": dumps({"unit": "能源局", "role": "", "person": "", "title": key, "body": "详情"} | to),
        "attempts": 0, "last_error": "",
    }  # fmt: skip
    with engine.database.write() as connection:
        connection.execute(insert_once(tables.outbox), row)


def send(engine: Engine, ways: dict[str, Channel]) -> None:
    """What a worker does about reminders, to the end."""
    while relay(engine, 100, ways):
        pass
    while dispatch.send_due(engine, ways):
        pass


def rows(engine: Engine) -> list[sa.Row[tuple[object, ...]]]:
    with engine.read() as connection:
        return list(connection.execute(sa.select(tables.deliveries).order_by(tables.deliveries.c.key)))


def test_each_is_told_by_the_way_chosen(engine: Engine, ways: dict[str, Channel], receiver: Receiver) -> None:
    wants(engine, ways, ANNA, reminders.ALWAYS)
    wants(engine, ways, BEN, reminders.HOURS)
    wants(engine, ways, CHIEF, reminders.DIGEST)
    notice(engine, "白天", role="DB")
    send(engine, ways)
    assert sorted(receiver.taken) == [("anna1", "白天"), ("ben1", "白天"), ("group", "白天")]
    assert "详情" not in repr(receiver.got), "what a notice says at length stays in the house"
    later(engine, **NIGHT)
    receiver.got.clear()
    notice(engine, "夜里", role="DB")
    notice(engine, "单告", unit="", person="ben")
    send(engine, ways)
    assert receiver.taken == [("anna1", "夜里")]
    later(engine, hours=10.5)
    send(engine, ways)
    assert sorted(receiver.taken) == [
        ("anna1", "夜里"),
        ("ben1", "单告"),
        ("ben1", "夜里"),
        ("group", "夜里"),
    ]
    send(engine, ways)
    assert len(receiver.got) == 4, "once"


def test_one_that_is_refused_is_tried_again_and_given_up_at_last(
    engine: Engine, ways: dict[str, Channel], receiver: Receiver, logged: io.StringIO
) -> None:
    reminders.set_plan(engine, CHIEF, digest_at="08:30", attempts=3)
    wants(engine, ways, ANNA, reminders.ALWAYS)
    receiver.status = 503
    notice(engine, "催办", unit="", person="anna")
    send(engine, ways)
    (row,) = rows(engine)
    assert row.attempts == 1 and row.send_at > engine.now() and "503" in row.last_error
    receiver.status = 200
    send(engine, ways)
    assert receiver.got == [], "not before its time"
    later(engine, minutes=1)
    send(engine, ways)
    assert receiver.taken == [("anna1", "催办")]
    receiver.status = 500
    notice(engine, "再催", unit="", person="anna")
    for _ in range(5):
        send(engine, ways)
        later(engine, hours=1)
    given_up = next(r for r in rows(engine) if r.title == "再催")
    assert given_up.send_at is None and given_up.sent_at is None and given_up.attempts == 3
    said = logged.getvalue()
    assert "再催" in said and "anna1" not in said and str(receiver.port) not in said, (
        "addresses are not logged"
    )


def test_a_worker_that_dies_in_the_middle_leaves_it_to_the_next(
    engine: Engine, ways: dict[str, Channel], receiver: Receiver
) -> None:
    wants(engine, ways, ANNA, reminders.ALWAYS)
    notice(engine, "催办", unit="", person="anna")
    relay(engine, 100, ways)
    assert len(dispatch._taken(engine)) == 1, "taken, and then it died"
    send(engine, ways)
    assert receiver.got == []
    later(engine, minutes=1)
    send(engine, ways)
    assert receiver.taken == [("anna1", "催办")]


def test_who_stops_hears_no_more(engine: Engine, ways: dict[str, Channel], receiver: Receiver) -> None:
    wants(engine, ways, ANNA, reminders.ALWAYS)
    notice(engine, "催办", unit="", person="anna")
    relay(engine, 100, ways)
    reminders.forget(engine, ANNA, "hook")
    send(engine, ways)
    assert receiver.got == [] and rows(engine) == []
    with pytest.raises(NotFound):
        reminders.forget(engine, ANNA, "hook")
    with pytest.raises(NotFound, match="先保存"):
        reminders.try_out(engine, ANNA, "hook")


def test_nothing_leaves_the_house_after_a_restore_until_somebody_lets_it(
    engine: Engine, ways: dict[str, Channel], receiver: Receiver
) -> None:
    wants(engine, ways, ANNA, reminders.ALWAYS)
    for key in ("一", "二"):
        notice(engine, key, unit="", person="anna")
    relay(engine, 100, ways)
    with engine.database.write() as connection:
        hold.begin(connection, engine.now())
    send(engine, ways)
    assert receiver.got == []
    with engine.read() as connection:
        keys = [one.key for one in hold.waiting(connection) if one.what == "reminder"]
    assert len(keys) == 2
    assert hold.release(engine, CHIEF, keys[:1]) == (1, 1)
    send(engine, ways)
    assert receiver.taken == [("anna1", "二")]


def test_one_digest_a_working_day(engine: Engine, ways: dict[str, Channel], receiver: Receiver) -> None:
    for actor in (ANNA, BEN, CHIEF):
        wants(engine, ways, actor, reminders.DIGEST)
    begun = start(engine)
    start(engine)
    finish(engine, begun, "A")
    assert digest.plan_if_due(engine, ways) == 3, (
        "two people and the group; who has nothing to do hears nothing"
    )
    assert digest.plan_if_due(engine, ways) == 0, "once a day"
    send(engine, ways)
    assert sorted(to for to, _ in receiver.taken) == ["anna1", "ben1", "group"]
    assert {title for _, title in receiver.taken} == {"督办待办汇总（9月28日）"}
    said = next(text for path, _, text in receiver.got if "ben" in path)
    assert "待签收 2 件。" in said and "最急的是“初核”，10月8日 18:00 到期。" in said, said
    later(engine, hours=23)
    assert digest.plan_if_due(engine, ways) == 0, "half past eight has not come"
    later(engine, minutes=31)
    assert digest.plan_if_due(engine, ways) == 3
    later(engine, days=2)
    assert digest.plan_if_due(engine, ways) == 0, "a holiday"
    later(engine, days=8)
    assert digest.plan_if_due(engine, ways) == 3
    with engine.read() as connection:
        told = digest.waiting(connection, engine.now(), engine.now(), "anna", [("DB", "能源局")])
    assert told.overdue == 1 and told.mine == 0


def test_a_running_worker_sends(engine: Engine, ways: dict[str, Channel], receiver: Receiver) -> None:
    wants(engine, ways, ANNA, reminders.ALWAYS)
    reminders.try_out(engine, ANNA, "hook")
    stop = threading.Event()
    thread = threading.Thread(target=Worker(engine, ways).run, args=(stop, 0.05))
    thread.start()
    try:
        eventually(lambda: ("anna1", "督办提醒测试") in receiver.taken)
    finally:
        stop.set()
        engine.bell.set()
        thread.join()


def test_a_post_without_people_is_told_through_the_unit_above(engine: Engine) -> None:
    office.save_unit(engine, replace(engine.directory().units["一号煤矿"], parent="能源局"), CHIEF)
    found = engine.directory()
    letter = {"person": "", "unit": "一号煤矿", "role": "DB"}
    assert list(reminders.receivers(letter, found)) == ["anna", "ben"]
    office.save_person(engine, Person("dora", "dora", "多拉"), CHIEF)
    office.set_posts(engine, "dora", [("DB", "一号煤矿")], CHIEF)
    assert list(reminders.receivers(letter, engine.directory())) == ["dora"]


def test_who_stands_in_is_told_beside_the_one_who_is_away(engine: Engine) -> None:
    day = local_time(engine.now()).date()
    absences.enter(engine, Absence("", "anna", day, day, "请假", "ben"), ANNA, by_office=False)
    told = set(reminders.receivers({"person": "anna", "unit": "", "role": ""}, engine.directory()))
    assert told == {"anna", "ben"}
    later(engine, days=1)
    told = set(reminders.receivers({"person": "anna", "unit": "", "role": ""}, engine.directory()))
    assert told == {"anna"}


def test_who_is_asked_copied_named_or_urged_is_told_once_and_not_at_night(
    engine: Engine, ways: dict[str, Channel], receiver: Receiver
) -> None:
    """加签, 抄送, @, 催办 as people do them, to one who wants to be told at any hour and one who does not."""
    wants(engine, ways, ANNA, reminders.ALWAYS)
    wants(engine, ways, BEN, reminders.HOURS)
    case, item = (begun := start(engine, CHIEF)).case, next(iter(begun.state.items))
    engine.execute(ClaimItem(case, item), ANNA)
    engine.execute(UrgeItem(case, item, "请今日办结"), CHIEF)
    engine.execute(AddNote(case, "@王建军 请核对数量"), CHIEF)
    engine.execute(CopyCase(case, ("ben",), (), "请知悉"), CHIEF)
    engine.execute(AddSigner(case, item, "before", "请提意见", person="ben"), ANNA)
    send(engine, ways)
    told = [
        ("anna1", "催办：初核"), ("anna1", "陈志远在评论中@您：备用风机停用"),
        ("ben1", "加签：征求意见：初核"), ("ben1", "抄送：备用风机停用"),
    ]  # fmt: skip
    assert sorted(receiver.taken) == sorted(told)
    later(engine, **NIGHT)
    receiver.got.clear()
    for who in ("王建军", "其木格"):
        engine.execute(AddNote(case, f"@{who} 夜里发现的"), CHIEF)
    engine.execute(CopyCase(case, (), ("DB@能源局",), "都看看"), CHIEF)
    send(engine, ways)
    assert sorted(receiver.taken) == [("anna1", "抄送：备用风机停用"), ("anna1", told[1][1])]
    receiver.got.clear()
    later(engine, hours=10.5)
    send(engine, ways)
    assert sorted(to for to, _ in receiver.taken) == ["ben1", "ben1", "group"], "in the morning, each once"
    send(engine, ways)
    assert len(receiver.got) == 3


def test_who_stands_in_is_reminded_and_sees_in_the_digest_what_the_other_has(
    engine: Engine, ways: dict[str, Channel], receiver: Receiver
) -> None:
    day = local_time(engine.now()).date()
    case, item = (begun := start(engine, CHIEF)).case, next(iter(begun.state.items))
    engine.execute(ClaimItem(case, item), ANNA)
    wants(engine, ways, BEN, reminders.ALWAYS)
    engine.execute(UrgeItem(case, item, "请今日办结"), CHIEF)
    send(engine, ways)
    assert receiver.got == [], "it is not his yet"
    absences.enter(engine, Absence("", "anna", day, day, "请假", "ben"), ANNA, by_office=False)
    engine.execute(AddNote(case, "@王建军 请核对数量"), CHIEF)
    send(engine, ways)
    assert receiver.taken == [("ben1", "陈志远在评论中@您：备用风机停用")]
    assert digest.plan_if_due(engine, ways) == 2, "ben and the group"
    receiver.got.clear()
    send(engine, ways)
    said = next(text for path, _, text in receiver.got if "ben" in path)
    assert "待办 1 件，新消息" in said and "最急的是“初核”" in said, said

"""并案 between two real cases, on both stores: the letter goes by the outbox, exactly once, also after a crash; both cases' rows are
what a rebuild makes of their facts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit.rebuild import rebuild
from engine.commands import AddNote, CancelCase, CopyCase, MergeCase, ReadCopies, UrgeItem
from engine.errors import Conflict, EngineError, NotOpen
from engine.runtime import relay as relaying
from engine.runtime.engine import Engine
from engine.runtime.relay import relay
from engine.store import settings
from engine.store import tables as t
from tests import stores
from tests.engine.office_builder import (
    ANNA,
    BEN,
    CHIEF,
    TOML,
    WITHOUT_ACTIONS,
    finish,
    later,
    new_office,
    rows,
    start,
    trial_files,
)

pytestmark = stores.both


@pytest.fixture
def engine(store: str, tmp_path: Path) -> Iterator[Engine]:
    with stores.use(store):
        yield new_office(tmp_path)


def kinds(engine: Engine, case: str) -> list[str]:
    return [e.fact.kind for e in engine.facts(case)]


def item(engine: Engine, case: str, element: str) -> int:
    return next(i.id for i in engine.load(case).items.values() if i.element == element)


def state(engine: Engine, case: str) -> str:
    with engine.read() as c:
        return str(c.execute(sa.select(t.cases.c.state).where(t.cases.c.id == case)).scalar_one())


def test_the_case_that_goes_on_hears_of_it_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    into, gone = start(engine).case, start(engine).case
    engine.execute(CopyCase(gone, ("ben",), ("AWB@安委办",), "请知悉"), CHIEF)
    engine.execute(MergeCase(gone, into, "同一处风机"), CHIEF)
    assert state(engine, gone) == "merged" and engine.load(gone).deadlines == {}
    assert "CaseJoined" not in kinds(engine, into), "it is told after the commit, by the outbox"

    done = relaying._Done.write

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(relaying._Done, "write", power_cut)  # delivered, and gone before it was written down
    with pytest.raises(KeyboardInterrupt):
        relay(engine, 100)
    monkeypatch.setattr(relaying._Done, "write", done)
    later(engine, hours=2)
    relay(engine, 100)
    relay(engine, 100)
    assert kinds(engine, into).count("CaseJoined") == 1
    joined = engine.load(into)
    assert set(joined.joined) == {gone}
    assert {(c.person, c.role, c.unit) for c in joined.copies.values()} >= {
        ("ben", "", ""),
        ("", "AWB", "安委办"),
        ("", "", "能源局"),
    }
    with engine.read() as c:
        letters = c.execute(sa.select(t.outbox.c.sent_at).where(t.outbox.c.what == "merge")).all()
        assert len(letters) == 1 and letters[0].sent_at is not None


def test_a_case_of_an_earlier_version_goes_into_one_of_the_newer_and_the_other_way_round(
    engine: Engine,
) -> None:
    old, older = start(engine).case, start(engine).case
    engine.publish(trial_files(toml=TOML.replace("备用风机停用", "支护失效")), CHIEF, "改名称")
    new, newer = start(engine).case, start(engine).case
    engine.execute(MergeCase(old, new, "同一处风机"), CHIEF)
    engine.execute(MergeCase(newer, older, "同一处风机"), CHIEF)
    relay(engine, 100)
    assert set(engine.load(new).joined) == {old} and set(engine.load(older).joined) == {newer}


def test_what_came_late_is_passed_on(engine: Engine) -> None:
    first, second, third = (start(engine).case for _ in range(3))
    engine.execute(CopyCase(first, ("ben",)), CHIEF)
    engine.execute(MergeCase(first, second, "同一处风机"), CHIEF)
    engine.execute(MergeCase(second, third, "同一处风机"), CHIEF)  # before the letter of the first has come
    for _ in range(3):
        relay(engine, 100)
    assert set(engine.load(third).joined) == {first, second}
    assert any(c.person == "ben" for c in engine.load(third).copies.values())
    with engine.read() as c:
        ended = c.execute(sa.select(t.cases.c.merged_into).where(t.cases.c.id == second)).scalar_one()
    assert ended == third


def test_two_cases_are_never_merged_into_each_other(engine: Engine) -> None:
    for _ in range(3):
        pair = start(engine).case, start(engine).case
        met: list[str] = []
        gate = threading.Barrier(2)

        def merge(a: str, b: str, met: list[str] = met, gate: threading.Barrier = gate) -> None:
            gate.wait(30)
            try:
                engine.execute(MergeCase(a, b, "同一处风机"), CHIEF)
                met.append("merged")
            except NotOpen:
                met.append("refused")

        people = [threading.Thread(target=merge, args=ab) for ab in (pair, pair[::-1])]
        for person in people:
            person.start()
        for person in people:
            person.join(60)
        assert sorted(met) == ["merged", "refused"]
        assert sorted(state(engine, case) for case in pair) == ["merged", "open"]


def test_a_closed_case_takes_nothing_in(engine: Engine) -> None:
    into, gone = start(engine).case, start(engine).case
    engine.execute(CancelCase(into, "重复登记"), CHIEF)
    with pytest.raises(NotOpen, match="已经结束，不能再并入"):
        engine.execute(MergeCase(gone, into, "同一处风机"), CHIEF)
    assert state(engine, gone) == "open"


LAPSING = """
process trial name=限期
    start S
    user A name=初核 groups=DB due=workdays(now(),3)
    end E
    S -> A -> E
    boundary L name=过期失效 on=A duration=PT4H
    end LE
    L -> LE
"""


@pytest.mark.parametrize("together", [False, True], ids=["alone", "in_a_batch"])
def test_a_case_whose_last_deadline_has_come_takes_nothing_in(engine: Engine, together: bool) -> None:
    engine.publish(trial_files(LAPSING, WITHOUT_ACTIONS), CHIEF, "试验")
    into = start(engine).case
    later(engine, hours=3)
    gone = start(engine).case
    later(engine, hours=2)  # the first one's deadline is due, and no worker has looked yet
    merge = MergeCase(gone, into, "同一处风机")
    with pytest.raises(NotOpen, match="已经结束，不能再并入"):
        if together:
            engine.do_all([(merge, "m1")], CHIEF, package="trial")
        else:
            engine.execute(merge, CHIEF)
    assert (state(engine, into), state(engine, gone)) == ("completed", "open")


def test_rows_are_what_a_rebuild_makes_of_the_facts(engine: Engine) -> None:
    into, gone = start(engine), start(engine)
    engine.execute(UrgeItem(gone.case, item(engine, gone.case, "A"), "请今日办结"), CHIEF)
    engine.execute(CopyCase(gone.case, ("ben",), ("@能源局",), "请知悉"), CHIEF)
    engine.execute(ReadCopies(gone.case), BEN)
    engine.execute(AddNote(gone.case, "@其木格 请看"), ANNA)
    finish(engine, into, "A")
    engine.execute(MergeCase(gone.case, into.case, "同一处风机"), CHIEF)
    relay(engine, 100)
    with engine.database.write() as c:
        before = rows(c) | {
            x.name: c.execute(sa.select(x).order_by(*x.primary_key.columns)).all() for x in NEW
        }
        rebuild(c, engine.package, engine.calendar())
        after = rows(c) | {
            x.name: c.execute(sa.select(x).order_by(*x.primary_key.columns)).all() for x in NEW
        }
    assert after == before
    assert len(before["copies"]) > 3 and len(before["joined_cases"]) == 1
    assert [r["urged"] for r in before["work_items"] if r["case"] == gone.case] == [1]


NEW = (t.copies, t.joined_cases)


def test_the_office_says_how_often_one_may_urge(engine: Engine) -> None:
    case = start(engine).case
    urge = UrgeItem(case, item(engine, case, "A"), "请今日办结")
    engine.execute(urge, CHIEF)
    with pytest.raises(Conflict, match="最多催办 1 次"):
        engine.execute(urge, CHIEF)
    with engine.database.write() as c:
        settings.put(c, "urges_a_day", "2")
    assert engine.urges_a_day() == 2
    engine.execute(urge, CHIEF)
    with pytest.raises(Conflict, match="最多催办 2 次"):
        engine.execute(urge, CHIEF)


def test_asked_twice_it_is_done_once(engine: Engine) -> None:
    case = start(engine).case
    for command in (CopyCase(case, ("ben",)), AddNote(case, "@其木格 请看")):
        once = engine.execute(command, CHIEF, f"id-{type(command).__name__}")
        again = engine.execute(command, CHIEF, f"id-{type(command).__name__}")
        assert [e.seq for e in again.facts] == [e.seq for e in once.facts]
    relay(engine, 100)
    relay(engine, 100)
    with engine.read() as c:
        told = c.execute(sa.select(t.notices.c.title).where(t.notices.c.person == "ben")).scalars().all()
    assert len(told) == 2


def test_a_copy_of_nobody_is_refused(engine: Engine) -> None:
    case = start(engine).case
    for people, posts in (
        ((), ()),
        (("nobody",), ()),
        ((), ("DB@没有这个局",)),
        ((), ("QY@一号煤矿",)),
        (("chief",), ()),
    ):
        with pytest.raises(EngineError):
            engine.execute(CopyCase(case, people, posts), CHIEF)
    assert engine.load(case).copies == {}

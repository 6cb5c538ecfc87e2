"""The door: commands are done once, wholly or not at all; deadlines that are due come first and stand."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.commands import ENGINE, Actor, AddNote, CancelCase, ClaimItem, FinishItem, PassDeadline, StartCase
from engine.errors import Conflict, DefinitionRefused, EngineError, InputInvalid, NotFound
from engine.facts import DeadlinePassed, WorkItemCompleted
from engine.runtime.engine import MOST_FIRINGS, Engine, next_number
from engine.runtime.worker import Worker
from engine.store import tables
from tests import stores
from tests.engine.office_builder import (
    ANNA,
    BEN,
    CHIEF,
    KEY,
    TOML,
    WITHOUT_ACTIONS,
    finish,
    later,
    new_office,
    open_engine,
    start,
    trial_files,
)

pytestmark = stores.both


def counts(engine: Engine) -> dict[str, int]:
    with engine.read() as connection:
        return {
            t.name: connection.execute(sa.select(sa.func.count()).select_from(t)).scalar_one()
            for t in (tables.facts, tables.commands, tables.cases)
        }


# -- once ----------------------------------------------------------------------------------------------------


def test_the_same_command_id_answers_the_same(engine: Engine) -> None:
    first = start(engine, ANNA, "key-1")
    before = counts(engine)
    again = start(engine, ANNA, "key-1")
    assert (again.case, again.facts, again.state) == (first.case, first.facts, first.state)
    item = next(iter(first.state.items))
    one = engine.execute(FinishItem(first.case, item, {}), ANNA, "key-2")
    two = engine.execute(FinishItem(first.case, item, {}), ANNA, "key-2")
    assert one.facts == two.facts
    assert counts(engine)["cases"] == before["cases"]
    assert sum(isinstance(e.fact, WorkItemCompleted) for e in engine.facts(first.case)) == 1


def test_a_command_id_belongs_to_one_person_and_one_command(engine: Engine) -> None:
    case = start(engine, ANNA, "key-1").case
    with pytest.raises(Conflict):
        start(engine, BEN, "key-1")
    with pytest.raises(Conflict):
        engine.execute(AddNote(case, "甲"), ANNA, "key-1")
    engine.execute(AddNote(case, "甲"), ANNA, "key-2")
    with pytest.raises(Conflict):
        engine.execute(AddNote(case, "乙"), ANNA, "key-2")


def test_a_refused_command_leaves_nothing_and_may_be_asked_again(engine: Engine) -> None:
    begun = start(engine)
    item = next(iter(begun.state.items))
    before = counts(engine)
    with pytest.raises(EngineError):
        engine.execute(FinishItem(begun.case, item, {"多余": 1}), ANNA, "key-9")
    assert counts(engine) == before
    assert engine.load(begun.case) == begun.state
    engine.execute(FinishItem(begun.case, item, {}), ANNA, "key-9")


def test_an_exception_inside_leaves_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = start(engine)
    before = counts(engine)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr("engine.store.snapshots.save", broken)
    with pytest.raises(RuntimeError):
        engine.execute(AddNote(begun.case, "甲"), ANNA)
    monkeypatch.undo()
    assert counts(engine) == before
    engine.execute(AddNote(begun.case, "甲"), ANNA)


def test_people_at_the_same_item_at_the_same_time(engine: Engine) -> None:
    """Of many who finish the same item in the same second, one does; the others are told."""
    begun = start(engine)
    item = next(iter(begun.state.items))
    results: list[str] = []

    def go(actor: Actor) -> None:
        try:
            engine.execute(FinishItem(begun.case, item, {}), actor)
            results.append("done")
        except EngineError as refusal:
            results.append(refusal.code)

    threads = [threading.Thread(target=go, args=(a,)) for a in (ANNA, BEN) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["done"] + ["not_open"] * 7


def test_unknown_cases_and_packages(engine: Engine) -> None:
    with pytest.raises(NotFound):
        engine.execute(AddNote("nowhere", "甲"), ANNA)
    with pytest.raises(NotFound):
        engine.load("nowhere")
    with pytest.raises(NotFound):
        engine.execute(StartCase("nothing", {}), ANNA)
    with pytest.raises(InputInvalid):
        engine.execute(PassDeadline(3), ENGINE)
    assert engine.facts("nowhere") == []


# -- deadlines -----------------------------------------------------------------------------------------------


def test_due_deadlines_pass_before_the_command_in_order(engine: Engine) -> None:
    begun = start(engine)
    later(engine, hours=25)  # both timers of the item are due: after 2 hours, and after a day
    item = next(iter(begun.state.items))
    outcome = engine.execute(FinishItem(begun.case, item, {}), ANNA)
    kinds = [
        type(e.fact)
        for e in engine.facts(begun.case)
        if isinstance(e.fact, DeadlinePassed | WorkItemCompleted)
    ]
    assert kinds == [DeadlinePassed, DeadlinePassed, WorkItemCompleted]
    passed = [e for e in engine.facts(begun.case) if isinstance(e.fact, DeadlinePassed)]
    dues = [begun.state.deadlines[e.fact.id].due for e in passed if isinstance(e.fact, DeadlinePassed)]
    assert dues == sorted(d for d in dues if d)
    assert all(e.actor.person == "" for e in passed)
    assert outcome.facts[0].command != passed[0].command


def test_passed_deadlines_stand_when_the_command_is_refused(engine: Engine) -> None:
    begun = start(engine)
    later(engine, hours=3)
    with pytest.raises(NotFound):
        engine.execute(AddNote(begun.case, "甲"), Actor("stranger", "路人"))
    assert sum(isinstance(e.fact, DeadlinePassed) for e in engine.facts(begun.case)) == 1
    assert engine.pass_deadlines(begun.case) == 0


def test_a_deadline_is_not_passed_early(engine: Engine) -> None:
    begun = start(engine)
    due = min(d.due for d in begun.state.deadlines.values() if d.due)
    later(engine, seconds=(due - engine.now() - timedelta(microseconds=1)).total_seconds())
    assert engine.pass_deadlines(begun.case) == 0
    later(engine, seconds=1e-6)
    assert engine.pass_deadlines(begun.case) == 1


HOURLY = """
process trial name=试办
    start S
    script P name=登记要素 do="{案名: p.name, 企业: p.party, 期限: date(p.limit)}"
    user A name=等待 groups=DB
    boundary T name=钟 on=A interrupting=false cycle=R/PT1H
    end X
    end E
    S -> P -> A -> E
    T -> X
"""

RESTLESS = """
process trial name=试办
    start S
    script P name=登记要素 do="{案名: p.name, 企业: p.party, 期限: date(p.limit)}"
    catch T name=钟 date="=now()"
    xor X name=够了吗
    end E
    S -> P -> T -> X
    X -> E if 案名 = null
    X -> T default
"""


def test_a_case_catches_up_with_a_long_absence(tmp_path: Path) -> None:
    """Twelve days of an hourly timer, passed before the person's command, hour by hour."""
    engine = new_office(tmp_path, files=trial_files(HOURLY, WITHOUT_ACTIONS))
    begun = start(engine)
    later(engine, days=12)
    engine.execute(FinishItem(begun.case, next(iter(begun.state.items)), {}), ANNA)
    assert sum(isinstance(e.fact, DeadlinePassed) for e in engine.facts(begun.case)) == 12 * 24 > MOST_FIRINGS


def test_a_timer_that_never_waits_is_stopped(tmp_path: Path) -> None:
    """A loop through a timer that is due at once: an incident with the timer's name, and the person's note stands."""
    engine = new_office(tmp_path, files=trial_files(RESTLESS, WITHOUT_ACTIONS))
    begun = start(engine)
    engine.execute(AddNote(begun.case, "甲"), ANNA)
    (incident,) = engine.load(begun.case).incidents.values()
    assert incident.element == "T" and "时限“T”" in incident.message
    before = counts(engine)
    assert Worker(engine).step() == 0
    assert counts(engine) == before


# -- numbers, versions ---------------------------------------------------------------------------------------


def test_numbers_have_no_gaps(engine: Engine) -> None:
    with engine.database.write() as connection:
        assert [next_number(connection, "函", 2026) for _ in range(3)] == [1, 2, 3]
        assert next_number(connection, "函", 2027) == 1
    with pytest.raises(RuntimeError), engine.database.write() as connection:
        assert next_number(connection, "函", 2026) == 4
        raise RuntimeError
    with engine.database.write() as connection:
        assert next_number(connection, "函", 2026) == 4


def test_a_new_version_is_for_new_cases(engine: Engine) -> None:
    old = start(engine)
    first = engine.newest(KEY)
    changed = trial_files(toml=TOML.replace("备用风机停用", "支护失效"))
    second, _ = engine.publish(changed, CHIEF, "改名称")
    assert second.hash != first.hash and engine.newest(KEY) is second
    new = start(engine)
    with engine.read() as connection:
        titles = {r.id: r.title for r in connection.execute(sa.select(tables.cases))}
        versions = connection.execute(
            sa.select(tables.packages.c.version, tables.packages.c.note).order_by(tables.packages.c.version)
        ).all()
    assert titles == {old.case: "备用风机停用", new.case: "支护失效"}
    assert [tuple(v) for v in versions] == [(1, "试验"), (2, "改名称")]
    finish(engine, old, "A")
    assert engine.package_of(old.case).hash == first.hash


def test_publishing_the_same_again_changes_nothing(engine: Engine) -> None:
    with engine.read() as connection:
        before = connection.execute(sa.select(sa.func.count()).select_from(tables.office_facts)).scalar()
    package, _ = engine.publish(trial_files(), CHIEF, "又一次")
    with engine.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.packages)).scalar() == 1
        after = connection.execute(sa.select(sa.func.count()).select_from(tables.office_facts)).scalar()
    assert after == before and package.hash == engine.newest(KEY).hash


def test_a_broken_package_is_refused_with_findings(engine: Engine) -> None:
    files = trial_files()
    files["trial.bpmn"] = files["trial.bpmn"].replace(b'targetRef="A"', b'targetRef="Nirgends"', 1)
    with pytest.raises(DefinitionRefused) as refusal:
        engine.publish(files, CHIEF, "")
    assert refusal.value.fields["findings"]
    assert engine.check(files) == refusal.value.fields["findings"]
    assert engine.newest(KEY).hash == engine.publish(trial_files(), CHIEF)[0].hash


def test_a_new_process_goes_on_where_the_old_one_was(engine: Engine, tmp_path: Path) -> None:
    begun = start(engine)
    engine.close()
    again = open_engine(tmp_path, engine.clock)
    item = next(iter(begun.state.items))
    outcome = again.execute(ClaimItem(begun.case, item), BEN)
    assert outcome.facts[0].seq == begun.facts[-1].seq + 1


def test_the_actor_acts_in_the_items_post(engine: Engine) -> None:
    begun = start(engine)
    done = finish(engine, begun, "A", Actor("ben", "其木格"))
    assert {(e.actor.unit, e.actor.role) for e in done.facts} == {("能源局", "DB")}
    cancelled = engine.execute(CancelCase(begun.case, "重复登记"), CHIEF)
    assert cancelled.facts[-1].actor.unit == "安委办"

"""A published package whose expressions fail when they are run halts its own cases, as incidents that say where; the
deadlines of all other cases fire on time, however many of the poisoned ones there are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit.rebuild import rebuild
from engine.audit.verify import verify
from engine.commands import AddNote, CancelCase, StartCase
from engine.errors import EngineError
from engine.facts import DeadlinePassed, IncidentRaised
from engine.runtime.engine import Engine
from engine.runtime.worker import BATCH, Worker
from engine.store import tables
from tests.engine.office_builder import (
    ANNA,
    CHIEF,
    WITHOUT_ACTIONS,
    finish,
    later,
    new_office,
    oldest_overdue,
    rows,
    start,
    trial_files,
)

TOML = WITHOUT_ACTIONS.replace('key = "trial"', 'key = "poison"').replace('main = "trial"', 'main = "poison"')

HEAD = "process poison name=坏流程\n    start S\n    user A name=初核 groups=DB form=f\n    boundary B name=催 on=A interrupting=false duration=PT1H\n"
TAIL = "    end E\n    S -> A -> X -> E\n"

POISON = {
    "a timer's expression": 'user X groups=DB name=复核\n    boundary Y on=X interrupting=false duration="duration(p.name)"\n    end Y2\n    Y -> Y2\n',
    "a due date": 'user X groups=DB name=复核 due="date(p.name)"\n',
    "a bomb of numbers": 'user X groups=DB name=复核 due="9**9**9**9**9**9"\n',
    "a bomb of loops": 'user X groups=DB name=复核 due="count(for a in 1..100000, b in 1..100000 return a)"\n',
    "a unit": 'user X groups=DB name=复核 unit="p.name.x.y+1"\n',
    "a gateway": "xor X\n",
    "a script": 'script X do="1/0+date(p.name)" result=r\n',
    "a notice without title": "service X topic=notice.send\n",
    "a notice to nobody": 'service X topic=notice.send in:unit="null" in:title="p.name"\n',
    "a collection": 'user X groups=DB name=会签 each=p.name as=n\n',
    "a long collection": 'user X groups=DB name=会签 each="for i in 1..5000 return i" as=n\n',
    "a year without calendar": 'user X groups=DB name=复核 due="workdays(date(\\"2090-01-01\\"),3)"\n',
}  # fmt: skip


def _package(poison: str) -> dict[str, bytes]:
    """A package that is fine until its step X."""
    middle = POISON[poison]
    tail = (
        TAIL
        if poison != "a gateway"
        else "    end E\n    end F\n    S -> A -> X\n    X -> E if p.name.x>1\n    X -> F if p.name+1=2\n"
    )
    form = {
        "schemaVersion": 19, "type": "default", "id": "f", "title": "表",
        "components": [{"type": "textfield", "key": "说明", "id": "f1", "label": "说明"}],
    }  # fmt: skip
    text = HEAD + "    end B2\n    B -> B2\n    " + middle + tail
    files = trial_files(text, TOML)
    return {
        "process.toml": files["process.toml"],
        "poison.bpmn": files["trial.bpmn"],
        "forms/f.json": json.dumps(form, ensure_ascii=False).encode(),
    }


@pytest.mark.parametrize("poison", POISON)
def test_what_fails_at_run_time_halts_its_own_case_only(tmp_path: Path, poison: str) -> None:
    engine = new_office(tmp_path)
    try:
        engine.publish(_package(poison), CHIEF, "坏的")
    except EngineError as refused:
        pytest.skip(f"refused when it was published, as it should be: {refused}: {refused.fields}")
    good = [start(engine).case for _ in range(3)]
    bad = []
    for _ in range(3):
        begun = engine.begin(StartCase("poison", {}), ANNA, package="poison")
        done = finish(engine, begun, "A")
        assert any(e.fact.kind == "WorkItemCompleted" for e in done.facts), "the person's work stands"
        bad.append(begun.case)
    for case in bad:
        halted = [e.fact for e in engine.facts(case) if isinstance(e.fact, IncidentRaised)]
        state = engine.load(case)
        assert halted or state.items or state.ended, f"{case} waits for nothing and says nothing"
        if halted:
            assert halted[0].message and not halted[0].message.isascii(), halted[0]
    _due_on_time(engine, good)
    with engine.read() as c:
        assert verify(c).ok
    before = _rows(engine)
    with engine.database.write() as c:
        rebuild(c, engine.package, engine.calendar())
    assert _rows(engine) == before
    engine.close()


def _rows(engine: Engine) -> dict[str, list[dict[str, object]]]:
    with engine.read() as c:
        return rows(c)


def _due_on_time(engine: Engine, good: list[str]) -> None:
    later(engine, hours=2)
    worker = Worker(engine)
    for _ in range(5):
        worker.step()
    for case in good:
        assert [e for e in engine.facts(case) if isinstance(e.fact, DeadlinePassed)], "催一次 has fired"


@pytest.mark.slow
def test_many_cases_that_cannot_go_on_do_not_starve_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """More poisoned cases than the worker takes in one go, all due before the good one."""
    engine = new_office(tmp_path)
    bad = {start(engine).case for _ in range(BATCH + 5)}
    later(engine, minutes=10)
    good = start(engine).case
    original = Engine._pass_deadlines

    def poisoned(self: Engine, connection: sa.Connection, loaded, moment):  # type: ignore[no-untyped-def]
        if loaded.position.case in bad:
            raise RuntimeError("broken case")
        return original(self, connection, loaded, moment)

    monkeypatch.setattr(Engine, "_pass_deadlines", poisoned)
    later(engine, hours=2)
    worker = Worker(engine)
    for _ in range(3):
        worker.pass_deadlines()
        later(engine, seconds=1)
    with engine.read() as c:
        waiting = (
            c.execute(sa.select(tables.deadlines.c.due).where(tables.deadlines.c.case == good))
            .scalars()
            .all()
        )
    assert all(due > engine.now() for due in waiting if due is not None), "the good case's deadline has fired"
    assert any(isinstance(e.fact, DeadlinePassed) for e in engine.facts(good))
    engine.close()


NEVER_WAITS = """
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

SPINS = """
process trial name=试办
    start S
    script P name=登记要素 do="{案名: p.name, 企业: p.party, 期限: date(p.limit)}"
    catch T name=钟 duration=PT1H
    script Y name=空转 do=n each="for i in 1..5000 return i" as=n sequential=true result=y
    end E
    S -> P -> T -> Y -> E
"""


@pytest.mark.parametrize(
    "drawn", [NEVER_WAITS, SPINS], ids=["a timer that never waits", "too much behind a timer"]
)
def test_a_deadline_that_can_never_be_passed_becomes_an_incident(tmp_path: Path, drawn: str) -> None:
    """Otherwise it would be due for ever: the product would never be ready again, and the case could not even be cancelled."""
    engine = new_office(tmp_path, files=trial_files(drawn, WITHOUT_ACTIONS))
    case = start(engine).case
    later(engine, hours=2)
    worker = Worker(engine)
    for _ in range(3):
        worker.step()
    assert oldest_overdue(engine).total_seconds() == 0
    (incident,) = engine.load(case).incidents.values()
    assert incident.element == "T" and incident.code == "step_budget_exceeded"
    with engine.read() as c:
        assert verify(c).ok
    before = _rows(engine)
    with engine.database.write() as c:
        rebuild(c, engine.package, engine.calendar())
    assert _rows(engine) == before
    engine.execute(AddNote(case, "流程图画错了，请改正"), ANNA)
    assert engine.execute(CancelCase(case, "流程图画错，作废重立"), CHIEF).state.ended
    engine.close()

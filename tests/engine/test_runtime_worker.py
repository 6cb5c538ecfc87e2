"""The worker and the relay: on time, in order, once, however many of them run and whatever fails in between."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.commands import ENGINE, Actor, DeliverMessage, StartCase, SuspendCase
from engine.errors import Conflict, InputInvalid, NotAllowed, NotFound
from engine.facts import (
    CorrelationKeySet,
    DeadlinePassed,
    JobFailed,
    MessageReceived,
    NoticeSent,
    SignalReceived,
)
from engine.runtime import external, relay
from engine.runtime.engine import Engine
from engine.runtime.host_clock import SystemClock
from engine.runtime.worker import Worker
from engine.store import tables
from tests import stores
from tests.engine.office_builder import (
    ANNA,
    CHIEF,
    WITHOUT_ACTIONS,
    finish,
    later,
    new_office,
    oldest_overdue,
    open_engine,
    start,
    trial_files,
)
from tests.engine.working import eventually, working

pytestmark = stores.both


def fired(engine: Engine) -> Counter[tuple[str, int]]:
    """How often each deadline of each case was passed."""
    with engine.read() as connection:
        cases = connection.execute(sa.select(tables.cases.c.id)).scalars().all()
    return Counter(
        (case, e.fact.id) for case in cases for e in engine.facts(case) if isinstance(e.fact, DeadlinePassed)
    )


def run_until_quiet(engine: Engine, workers: int = 1) -> None:
    """Several workers at once, until none of them finds anything."""

    def go() -> None:
        worker = Worker(engine)
        while worker.step():
            pass

    threads = [threading.Thread(target=go) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_nothing_is_done_before_its_time(engine: Engine) -> None:
    start(engine)
    assert Worker(engine).step() == 0
    assert oldest_overdue(engine).total_seconds() == 0
    later(engine, hours=2, minutes=5)
    assert oldest_overdue(engine).total_seconds() == 300
    assert Worker(engine).pass_deadlines() == 1
    assert oldest_overdue(engine).total_seconds() == 0


@pytest.mark.slow
def test_many_workers_double_nothing(engine: Engine, tmp_path: Path) -> None:
    cases = [start(engine).case for _ in range(40)]
    later(engine, hours=2)
    other = open_engine(
        tmp_path, engine.clock
    )  # a second process would be like this: nothing shared but the file
    threads = [threading.Thread(target=run_until_quiet, args=(e, 2)) for e in (engine, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(case for case, _ in fired(engine)) == sorted(cases)
    assert set(fired(engine).values()) == {1}
    # Each of them sent a signal; every other case heard each of them once.
    for case in cases:
        heard = [e for e in engine.facts(case) if isinstance(e.fact, SignalReceived)]
        assert len(heard) == len(cases)


def test_one_case_that_cannot_go_on_does_not_stop_the_others(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cases = [start(engine).case for _ in range(5)]
    bad = cases[2]
    later(engine, hours=2)
    original = Engine._pass_deadlines

    def sometimes(self: Engine, connection: sa.Connection, loaded, moment):  # type: ignore[no-untyped-def]
        if loaded.position.case == bad:
            raise RuntimeError("broken case")
        return original(self, connection, loaded, moment)

    monkeypatch.setattr(Engine, "_pass_deadlines", sometimes)
    worker = Worker(engine)
    assert worker.pass_deadlines() == 4
    assert "cannot be passed (attempt 1)" in caplog.text
    assert worker.pass_deadlines() == 0  # it waits before it tries again
    assert oldest_overdue(engine).total_seconds() == 0.0  # due just now
    monkeypatch.undo()
    later(engine, seconds=11)
    assert oldest_overdue(engine).total_seconds() == 11
    assert worker.pass_deadlines() == 1
    assert {case for case, _ in fired(engine)} == set(cases)


def test_a_message_reaches_other_cases_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    listener, speaker = start(engine), start(engine)
    outcome = speaker
    outcome = finish(engine, finish(engine, outcome, "A"), "G")
    for _ in range(2):
        while any(i.element in ("A", "G", "B") for i in outcome.state.items.values()):
            element = next(i.element for i in outcome.state.items.values() if i.element in ("A", "G", "B"))
            outcome = finish(engine, outcome, element)
        for job in external.fetch_and_lock(engine, "outside", "w", 60):
            outcome = external.complete(engine, job.case, job.job, "w", {})
    assert {i.element for i in outcome.state.items.values()} == {"D", "N2"}  # it hears itself at once

    # The relay dies after the delivery and before it notes it down: the second run delivers nothing twice.
    original = relay._sent
    monkeypatch.setattr(relay, "_sent", sa.text("nonsense"))
    with pytest.raises(sa.exc.DBAPIError):
        relay.relay(engine, 10)
    monkeypatch.setattr(relay, "_sent", original)
    assert relay.relay(engine, 10) == 1
    assert relay.relay(engine, 10) == 0
    heard = [e for e in engine.facts(listener.case) if isinstance(e.fact, MessageReceived)]
    assert [e.fact.name for e in heard if isinstance(e.fact, MessageReceived)] == ["互通"]
    assert "阅知" in {i.name for i in engine.load(listener.case).items.values()}


def test_a_delivery_to_a_suspended_case_waits(engine: Engine) -> None:
    suspended, speaker = start(engine), start(engine)
    engine.execute(SuspendCase(suspended.case, "不可抗力"), CHIEF)
    later(engine, hours=2)
    Worker(engine).step()
    with engine.read() as connection:
        row = connection.execute(sa.select(tables.outbox)).one()
    assert (row.sent_at, row.attempts, row.case) == (None, 1, speaker.case)
    assert row.send_at > engine.now() and "挂起" in row.last_error


MESSAGE_START = """
process second name=接办
    start S message=转来
    user A name=接收 groups=DB
    end E
    S -> A -> E
"""

SENDER = """
process trial name=试办
    start S
    throw M message=转来 in:事由="p.name"
    service N topic=notice.send name=告知 in:unit="p.party" in:title="p.name"
    end E
    S -> M -> N -> E
"""


def test_a_message_begins_a_case_and_a_notice_is_written_once(tmp_path: Path) -> None:
    engine = new_office(tmp_path, files=trial_files(SENDER, WITHOUT_ACTIONS))
    toml = WITHOUT_ACTIONS.replace('key = "trial"', 'key = "second"').replace(
        'main = "trial"', 'main = "second"'
    )
    toml = toml[: toml.index("[start.S]")] + toml[toml.index("[parameters.name]") :]
    engine.publish({"process.toml": toml.encode(), "s.bpmn": trial_files(MESSAGE_START)["trial.bpmn"]}, CHIEF)
    sender = start(engine)
    assert any(isinstance(e.fact, NoticeSent) for e in sender.facts)
    run_until_quiet(engine, 2)
    with engine.read() as connection:
        begun = connection.execute(
            sa.select(tables.cases).where(tables.cases.c.package_key == "second")
        ).all()
        notices = connection.execute(sa.select(tables.notices)).all()
        assert (
            connection.execute(sa.select(tables.outbox).where(tables.outbox.c.sent_at.is_(None))).all() == []
        )
    assert len(begun) == 1 and [(n.unit, n.title) for n in notices] == [("一号煤矿", "备用风机停用")]
    assert engine.load(begun[0].id).root_variables["事由"] == "备用风机停用"


@pytest.mark.parametrize(
    "opening",
    [
        "start S message=转来 message2=附件 parallel\n    S -> A",
        "event G instantiate together\n    catch S message=转来\n    catch K message=附件\n    and J\n"
        "    G -> S -> J\n    G -> K -> J\n    J -> A",
    ],
)
def test_what_still_has_to_come_reaches_the_case_that_has_begun(tmp_path: Path, opening: str) -> None:
    text = f"process second name=接办\n    {opening}\n    user A name=接收 groups=DB\n    end E\n    A -> E\n"
    sender = SENDER.replace("    S -> M -> N", "    throw K message=附件\n    S -> M -> K -> N")
    engine = new_office(tmp_path, files=trial_files(sender, WITHOUT_ACTIONS))
    toml = WITHOUT_ACTIONS.replace('key = "trial"', 'key = "second"').replace(
        'main = "trial"', 'main = "second"'
    )
    toml = toml[: toml.index("[start.S]")] + toml[toml.index("[parameters.name]") :]
    engine.publish({"process.toml": toml.encode(), "s.bpmn": trial_files(text)["trial.bpmn"]}, CHIEF)
    start(engine)
    run_until_quiet(engine)
    start(engine)
    run_until_quiet(engine)
    with engine.read() as connection:
        begun = (
            connection.execute(sa.select(tables.cases.c.id).where(tables.cases.c.package_key == "second"))
            .scalars()
            .all()
        )
    assert len(begun) == 2
    assert [[i.element for i in engine.load(case).items.values()] for case in begun] == [["A"], ["A"]]


KEYED = """
key 号 单 单=号
process trial name=试办
    start S
    user A name=填写 groups=DB
    throw M message=单 in:号=n
    catch C message=单
    user B name=收到 groups=DB
    end E
    S -> A -> M -> C -> B -> E
"""


def test_a_message_reaches_the_case_with_its_correlation_key(tmp_path: Path) -> None:
    """Three cases wait for the same message; two of them have settled the same key."""
    files = trial_files(KEYED.replace("=n\n", '="p.name"\n'), WITHOUT_ACTIONS)
    engine = new_office(tmp_path, files=files)
    first = finish(engine, start(engine), "A")
    assert [k.values for e in first.facts if isinstance(k := e.fact, CorrelationKeySet)] == [["备用风机停用"]]
    run_until_quiet(engine)
    with engine.read() as connection:
        row = connection.execute(sa.select(tables.outbox)).one()
    assert row.sent_at is not None and row.last_error == relay.NOBODY
    second = finish(engine, start(engine), "A")
    run_until_quiet(engine)
    assert [i.element for i in engine.load(first.case).items.values()] == ["B"]
    assert [i.element for i in engine.load(second.case).items.values()] == []
    with engine.read() as connection:
        rows = connection.execute(sa.select(tables.outbox).order_by(tables.outbox.c.id)).all()
    assert [row.last_error for row in rows] == [relay.NOBODY, ""]
    stranger = engine.execute(DeliverMessage("单", "", {"号": "别的"}), ENGINE, case=second.case)
    assert stranger.facts == []


CLOCK_START = """
process trial name=试办
    start S
    start T name=每日一次 cycle=R3/P1D
    start D name=那天 date=2026-10-01T09:00
    start P name=早已过去 date=2026-01-01T09:00
    start Q name=两样都要 duration=PT1H message=转来 parallel
    user A name=接收 groups=DB
    end E
    S -> A
    T -> A
    D -> A
    P -> A
    Q -> A
    A -> E
"""


def begun_at(engine: Engine) -> list[str]:
    """Where the cases began, oldest first."""
    with engine.read() as connection:
        found = connection.execute(sa.select(tables.cases.c.id).order_by(tables.cases.c.started_at)).scalars()
    return [engine.load(case).start for case in found]


def test_cases_begin_by_the_clock(tmp_path: Path) -> None:
    engine = new_office(tmp_path, files=trial_files(CLOCK_START, WITHOUT_ACTIONS))
    run_until_quiet(engine)
    assert begun_at(engine) == []
    later(engine, days=1)
    run_until_quiet(engine, 2)
    assert begun_at(engine) == ["T"]
    later(engine, hours=3)
    run_until_quiet(engine)
    assert begun_at(engine) == ["T"]
    later(engine, days=1)
    run_until_quiet(engine)
    later(engine, days=30)
    run_until_quiet(engine, 2)
    assert sorted(begun_at(engine)) == ["D", "T", "T", "T"]


def test_a_version_that_is_no_longer_in_force_begins_nothing_by_the_clock(tmp_path: Path) -> None:
    engine = new_office(tmp_path, files=trial_files(CLOCK_START, WITHOUT_ACTIONS))
    engine.publish(trial_files(CLOCK_START.replace("R3/P1D", "R1/P3D"), WITHOUT_ACTIONS), CHIEF)
    later(engine, days=2)
    run_until_quiet(engine)
    assert begun_at(engine) == []
    later(engine, days=30)
    run_until_quiet(engine)
    assert sorted(begun_at(engine)) == ["D", "T"]


def test_the_clock_begins_a_case_once_though_the_relay_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = new_office(tmp_path, files=trial_files(CLOCK_START, WITHOUT_ACTIONS))
    later(engine, days=1)
    original = relay._sent
    monkeypatch.setattr(relay, "_sent", sa.text("nonsense"))
    with pytest.raises(sa.exc.DBAPIError):
        relay.relay(engine, 10)
    monkeypatch.setattr(relay, "_sent", original)
    assert relay.relay(engine, 10) == 1
    assert relay.relay(engine, 10) == 0
    assert begun_at(engine) == ["T"]


BARE = """
process trial name=试办
    user A name=接收 groups=DB
    user B name=复核 groups=AWB
    A -> B
"""


def test_a_person_registers_a_case_of_a_process_without_a_start_event(tmp_path: Path) -> None:
    toml = WITHOUT_ACTIONS.replace("[start.S]", "[start.trial]")
    engine = new_office(tmp_path, files=trial_files(BARE, toml))
    begun = start(engine)
    assert begun.state.start == "trial" and [i.element for i in begun.state.items.values()] == ["A"]
    with pytest.raises(NotAllowed):
        start(engine, Actor("nobody", "无关的人"))


def test_a_conditional_start_is_open_while_its_condition_holds(tmp_path: Path) -> None:
    text = BARE.replace(
        "    user A", '    start S condition="p.name = \\"备用风机停用\\""\n    end E\n    user A', 1
    )
    text = text.replace("A -> B", "S -> A -> B -> E")
    for name, allowed in (("备用风机停用", True), ("别的", False)):
        toml = WITHOUT_ACTIONS.replace('value = "备用风机停用"', f'value = "{name}"')
        (tmp_path / name).mkdir()
        engine = new_office(tmp_path / name, files=trial_files(text, toml))
        begin = StartCase("trial", {}, "S")
        if allowed:
            assert engine.execute(begin, ANNA).state.started is not None
        else:
            with pytest.raises(NotAllowed, match="条件"):
                engine.execute(begin, ANNA)


# -- outside workers -----------------------------------------------------------------------------------------


def waiting_job(engine: Engine) -> str:
    return finish(engine, finish(engine, start(engine), "A"), "G").case


def test_a_job_is_one_workers_at_a_time(engine: Engine) -> None:
    case = waiting_job(engine)
    (job,) = external.fetch_and_lock(engine, "outside", "w1", 60, 5)
    assert job.case == case and external.fetch_and_lock(engine, "outside", "w2", 60) == []
    with pytest.raises(Conflict):
        external.complete(engine, case, job.job, "w2", {})
    later(engine, seconds=61)
    assert len(external.fetch_and_lock(engine, "outside", "w2", 60)) == 1
    with pytest.raises(Conflict):
        external.complete(engine, case, job.job, "w1", {})
    done = external.complete(engine, case, job.job, "w2", {"结果": "好"}, "job-1")
    assert done.state.root_variables["结果"] == "好"
    assert external.complete(engine, case, job.job, "w2", {"结果": "好"}, "job-1").facts == done.facts
    with pytest.raises(NotFound):
        external.complete(engine, case, job.job, "w2", {})


def test_a_job_that_keeps_failing_becomes_an_incident(engine: Engine) -> None:
    case = waiting_job(engine)
    waits = []
    for _ in range(3):
        for _ in range(200):
            found = external.fetch_and_lock(engine, "outside", "w", 60)
            if found:
                break
            later(engine, seconds=10)
        (job,) = found
        waits.append(engine.now())
        outcome = external.fail(engine, case, job.job, "w", "对方没有回应")
    assert [(b - a).total_seconds() for a, b in zip(waits, waits[1:], strict=False)] == [10, 40]
    left = [e.fact.retries_left for e in engine.facts(case) if isinstance(e.fact, JobFailed)]
    assert left == [2, 1, 0]
    (incident,) = outcome.state.incidents.values()
    assert (incident.element, incident.code) == ("C", "job_failed")
    with engine.read() as connection:
        row = connection.execute(sa.select(tables.incidents)).one()
    assert (row.code, row.resolved_at) == ("job_failed", None) and "对方没有回应" in row.message


def test_a_worker_says_how_often_and_when_it_is_tried_again(engine: Engine) -> None:
    case = waiting_job(engine)
    (job,) = external.fetch_and_lock(engine, "outside", "w", 60)
    external.fail(engine, case, job.job, "w", "对方在维护", retries=5, wait=3600)
    later(engine, minutes=59)
    assert external.fetch_and_lock(engine, "outside", "w", 60) == []
    later(engine, minutes=1)
    (again,) = external.fetch_and_lock(engine, "outside", "w", 60)
    assert again.retries == 5
    external.fail(engine, case, job.job, "w", "还在维护", wait=0)
    (again,) = external.fetch_and_lock(engine, "outside", "w", 60)
    assert again.retries == 4
    outcome = external.fail(engine, case, job.job, "w", "不再试", retries=0)
    assert [i.code for i in outcome.state.incidents.values()] == ["job_failed"]
    for numbers in ({"retries": -1}, {"retries": 101}, {"wait": -1}, {"wait": 10**8}):
        with pytest.raises(InputInvalid):
            external.fail(engine, case, job.job, "w", "x", **numbers)


def test_a_lock_is_extended_and_given_back(engine: Engine) -> None:
    case = waiting_job(engine)
    (job,) = external.fetch_and_lock(engine, "outside", "w1", 60)
    later(engine, seconds=50)
    assert external.extend(engine, case, job.job, "w1", 60) == engine.now() + timedelta(seconds=60)
    later(engine, seconds=50)
    assert external.fetch_and_lock(engine, "outside", "w2", 60) == []
    with pytest.raises(Conflict):
        external.unlock(engine, case, job.job, "w2")
    external.unlock(engine, case, job.job, "w1")
    with pytest.raises(Conflict):
        external.extend(engine, case, job.job, "w1", 60)
    (job,) = external.fetch_and_lock(engine, "outside", "w2", 60)
    later(engine, seconds=61)
    with pytest.raises(Conflict):
        external.extend(engine, case, job.job, "w2", 60)
    with pytest.raises(InputInvalid):
        external.extend(engine, case, job.job, "w2", 0)
    assert external.complete(engine, case, fetched(engine), "w3", {}).state.jobs == {}


def fetched(engine: Engine) -> int:
    (job,) = external.fetch_and_lock(engine, "outside", "w3", 60)
    return job.job


def test_senseless_fetches_are_refused(engine: Engine) -> None:
    for arguments in (
        ("letter.send", "w", 60),
        ("outside", "", 60),
        ("outside", "w", 0),
        ("outside", "w", 60, 0),
    ):
        with pytest.raises(InputInvalid):
            external.fetch_and_lock(engine, *arguments)  # type: ignore[arg-type]


# -- the loop ------------------------------------------------------------------------------------------------


def test_the_loop_hears_the_bell_and_stops(tmp_path: Path) -> None:
    """With a poll of ten minutes only the bell can have woken it."""
    engine = new_office(tmp_path, SystemClock(), trial_files(SENDER, WITHOUT_ACTIONS))
    with working(engine, poll=600.0):
        start(engine, ANNA)
        eventually(lambda: noticed(engine), "the worker did not hear the bell")


def noticed(engine: Engine) -> bool:
    with engine.read() as connection:
        return connection.execute(sa.select(tables.notices)).first() is not None

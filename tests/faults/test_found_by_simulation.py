"""Faults that the simulation has found, each as small as it can be told."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.commands import CancelCase, ClaimItem, ReleaseItem, ResumeCase, SuspendCase
from engine.errors import NotFound, Suspended
from engine.facts import JobFailed, MessageReceived
from engine.runtime import external
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from engine.store import tables
from tests import stores
from tests.engine.builders import xml
from tests.engine.office_builder import ANNA, CHIEF, WITHOUT_ACTIONS, finish, later, new_office, start

pytestmark = stores.both

SAYS = """
process trial name=试办
    start S
    script P name=登记要素 do="{案名: p.name, 企业: p.party, 期限: date(p.limit), 轮: 0}"
    user A name=初核 groups=DB
    throw M message=互通
    end E
    S -> P -> A -> M -> E
    eventsub N
        start N1 message=互通 interrupting=false
        user N2 name=阅知 groups=DB
        end N3
        N1 -> N2 -> N3
"""

WATCHED_JOB = """
process trial name=试办
    start S
    script P name=登记要素 do="{案名: p.name, 企业: p.party, 期限: date(p.limit), 轮: 0}"
    service C name=外部核验 topic=outside
    boundary T name=不等了 on=C duration=PT1H
    user D name=归档 groups=AWB
    end E
    S -> P -> C -> D
    T -> D
    D -> E
"""


def office(folder: Path, drawn: str) -> Engine:
    return new_office(folder, files={"process.toml": WITHOUT_ACTIONS.encode(), "trial.bpmn": xml(drawn)})


def heard(engine: Engine, case: str) -> bool:
    return any(isinstance(entry.fact, MessageReceived) for entry in engine.facts(case))


def test_a_suspended_case_does_not_hold_up_a_message_to_the_others(tmp_path: Path) -> None:
    """They used to be told one after the other, and the first refusal ended it."""
    engine = office(tmp_path, SAYS)
    listening = [start(engine).case for _ in range(2)]
    sender = start(engine)
    engine.execute(SuspendCase(listening[0], "不可抗力"), CHIEF)
    finish(engine, sender, "A")
    Worker(engine).step()
    assert heard(engine, listening[1]) and not heard(engine, listening[0])


def missed(engine: Engine) -> str:
    """A case that was suspended when a message was sent, which therefore waits in the outbox."""
    waited, sender = start(engine).case, start(engine)
    engine.execute(SuspendCase(waited, "不可抗力"), CHIEF)
    finish(engine, sender, "A")
    Worker(engine).step()
    return waited


def test_a_message_on_its_way_reaches_who_has_begun_since_and_was_suspended_too(tmp_path: Path) -> None:
    """The model believed it delivered as soon as those who waited when it was sent had it: the product was right."""
    engine = office(tmp_path, SAYS)
    waited = missed(engine)
    begun_since = start(engine).case
    engine.execute(SuspendCase(begun_since, "不可抗力"), CHIEF)
    engine.execute(ResumeCase(waited, "情况消除"), CHIEF)
    later(engine, hours=1)
    Worker(engine).step()
    assert heard(engine, waited) and not heard(engine, begun_since)
    engine.execute(ResumeCase(begun_since, "情况消除"), CHIEF)
    later(engine, hours=1)
    for _ in range(2):
        Worker(engine).step()
    assert sum(isinstance(entry.fact, MessageReceived) for entry in engine.facts(begun_since)) == 1
    assert sum(isinstance(entry.fact, MessageReceived) for entry in engine.facts(waited)) == 1


def test_a_message_tried_again_for_a_case_that_is_gone_reaches_who_has_begun_since(tmp_path: Path) -> None:
    """The model believed it over with the case that had missed it; the next try finds who listens then."""
    engine = office(tmp_path, SAYS)
    waited = missed(engine)
    engine.execute(CancelCase(waited, "重复登记"), CHIEF)
    begun_since = start(engine).case
    later(engine, hours=1)
    Worker(engine).step()
    assert heard(engine, begun_since)
    too_late = start(engine).case
    later(engine, hours=1)
    Worker(engine).step()
    assert not heard(engine, too_late)


def test_what_is_given_back_twice_at_one_instant_is_told_twice(tmp_path: Path) -> None:
    """The second notice had the first one's key, and was taken for it."""
    engine = office(tmp_path, SAYS)
    case = start(engine).case
    (item,) = engine.load(case).items
    for _ in range(2):
        engine.execute(ClaimItem(case, item), ANNA)
        engine.execute(ReleaseItem(case, item, "另有任务"), ANNA)
    Worker(engine).step()
    with engine.read() as connection:
        titles = connection.execute(sa.select(tables.notices.c.title)).scalars().all()
    assert list(titles) == ["退签：初核"] * 2


def test_a_failed_attempt_at_a_job_that_time_has_taken_is_refused(tmp_path: Path) -> None:
    """It used to be recorded, before the deadline that was due and about a job that was none any more."""
    engine = office(tmp_path, WATCHED_JOB)
    case = start(engine).case
    (job,) = external.fetch_and_lock(engine, "outside", "w", 7200)
    later(engine, hours=1)
    with pytest.raises(NotFound):
        external.fail(engine, case, job.job, "w", "对方没有回应")
    assert not [e for e in engine.facts(case) if isinstance(e.fact, JobFailed)]
    assert [item.element for item in engine.load(case).items.values()] == ["D"]


def test_a_failed_attempt_in_a_suspended_case_is_refused(tmp_path: Path) -> None:
    engine = office(tmp_path, WATCHED_JOB)
    case = start(engine).case
    (job,) = external.fetch_and_lock(engine, "outside", "w", 7200)
    engine.execute(SuspendCase(case, "不可抗力"), CHIEF)
    with pytest.raises(Suspended):
        external.fail(engine, case, job.job, "w", "对方没有回应")

"""External workers 外部任务: programs outside fetch jobs of a topic, do them, and report.

A fetched job is locked for its worker for some seconds, which it may extend or give back; a worker that dies loses only
the lock. Reports are accepted from the lock's holder. A job that fails its last attempt becomes an incident on its element;
how many attempts are left, and when the next one is due, the worker may say itself (as in Camunda's external tasks).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.commands import ENGINE, Actor, CompleteJob, FailJob, ThrowError
from engine.errors import Conflict, InputInvalid, NotFound, Suspended
from engine.execution.state import State
from engine.facts import JobFailed
from engine.handlers.topics import TOPICS
from engine.runtime import hold
from engine.runtime.engine import Engine, Outcome
from engine.store.tables import cases, jobs
from engine.values import Value, loads

LONGEST_LOCK = 24 * 3600
"""Seconds a job may be locked for."""

LONGEST_WAIT = 30 * 24 * 3600
"""Seconds a failed job may wait for its next attempt."""

MOST = 100
"""Jobs fetched in one call, and attempts a worker may allow."""


@dataclass(frozen=True, slots=True)
class FetchedJob:
    """A job that is this worker's until `locked_until` (UTC)."""

    case: str
    job: int
    element: str
    topic: str
    inputs: dict[str, Value]
    retries: int
    locked_until: datetime


def fetch_and_lock(engine: Engine, topic: str, worker: str, seconds: int, most: int = 1) -> list[FetchedJob]:
    """Take up to `most` waiting jobs of a topic, oldest first, and lock them for `worker`. None while letters are held.

    Raises `InputInvalid` for a topic that runs inside the engine, a nameless worker or a senseless number.
    """
    if topic in TOPICS:
        raise InputInvalid(f"“{topic}”由系统自动执行，不接受外部领取。")
    if not worker or len(worker) > 60:
        raise InputInvalid("请填写领取程序的名称（worker，不超过 60 字）。")
    if not 0 < seconds <= LONGEST_LOCK or not 0 < most <= MOST:
        raise InputInvalid(f"锁定时间须为 1 到 {LONGEST_LOCK} 秒，一次领取 1 到 {MOST} 个。")
    with engine.database.write() as connection:
        if hold.since(connection):  # after a restore: the job may have been done already
            return []
        now = engine.moment_in(connection).now
        until = now + timedelta(seconds=seconds)
        free = (
            sa.select(jobs)
            .join(cases, cases.c.id == jobs.c.case)
            .where(
                jobs.c.topic == topic,
                jobs.c.run_at <= now,
                jobs.c.retries > 0,
                cases.c.state == "open",
                sa.or_(jobs.c.locked_until.is_(None), jobs.c.locked_until <= now),
            )
            .order_by(jobs.c.run_at, jobs.c.case, jobs.c.job)
            .limit(most)
        )
        rows = connection.execute(free).all()
        for row in rows:
            connection.execute(
                sa.update(jobs)
                .where(jobs.c.case == row.case, jobs.c.job == row.job)
                .values(locked_by=worker, locked_until=until)
            )
    return [
        FetchedJob(row.case, row.job, row.element, row.topic, loads(row.inputs), row.retries, until)
        for row in rows
    ]


def complete(
    engine: Engine, case: str, job: int, worker: str, result: dict[str, Value], command_id: str | None = None
) -> Outcome:
    """The job is done with this result. Raises `Conflict` when the lock is another worker's by now."""
    if not _done_before(engine, command_id):
        _held(engine, case, job, worker)
    return engine.execute(CompleteJob(job, result), _as(worker), command_id, case=case)


def throw_error(
    engine: Engine,
    case: str,
    job: int,
    worker: str,
    code: str,
    message: str = "",
    variables: dict[str, Value] | None = None,
) -> Outcome:
    """The job ends with a BPMN error, which the diagram may catch."""
    _held(engine, case, job, worker)
    return engine.execute(ThrowError(job, code, message, variables or {}), _as(worker), case=case)


def fail(
    engine: Engine,
    case: str,
    job: int,
    worker: str,
    reason: str,
    retries: int | None = None,
    wait: int | None = None,
) -> Outcome:
    """An attempt failed. It is offered again later; after the last attempt an incident is raised.

    `retries`: how many attempts are left, `wait`: seconds until the next; without them one less than before, after the
    usual time. Raises `InputInvalid` for a senseless number.
    """
    if not 0 <= (retries or 0) <= MOST or not 0 <= (wait or 0) <= LONGEST_WAIT:
        raise InputInvalid(f"剩余次数须为 0 到 {MOST}，等待时间须为 0 到 {LONGEST_WAIT} 秒。")
    row = _held(engine, case, job, worker)
    left = row.retries - 1 if retries is None else retries
    if left > 0:
        pause = None if wait is None else timedelta(seconds=wait)
        failed = JobFailed(job, reason[:4000], left, pause)
        return engine.say(case, [failed], _as(worker), lambda state: _must_wait(state, job))
    return engine.execute(FailJob(job, reason[:4000]), _as(worker), case=case)


def _must_wait(state: State, job: int) -> None:
    """Between looking at the lock and reporting, time or a person may have taken the job away."""
    if job not in state.jobs:
        raise NotFound("这个任务已经完成或已撤销。")
    if state.suspended:
        raise Suspended()


def extend(engine: Engine, case: str, job: int, worker: str, seconds: int) -> datetime:
    """Hold the job for `seconds` from now on. Gives until when. Raises `Conflict` when the lock is lost already."""
    if not 0 < seconds <= LONGEST_LOCK:
        raise InputInvalid(f"锁定时间须为 1 到 {LONGEST_LOCK} 秒。")
    _held(engine, case, job, worker)
    with engine.database.write() as connection:
        until = engine.moment_in(connection).now + timedelta(seconds=seconds)
        _change_lock(connection, case, job, worker, worker, until)
    return until


def unlock(engine: Engine, case: str, job: int, worker: str) -> None:
    """Give the job back: another worker may fetch it at once."""
    _held(engine, case, job, worker)
    with engine.database.write() as connection:
        _change_lock(connection, case, job, worker, "", None)


def _change_lock(
    connection: sa.Connection, case: str, job: int, worker: str, holder: str, until: datetime | None
) -> None:
    """Raises `Conflict` where another worker has fetched the job in between."""
    changed = connection.execute(
        sa.update(jobs)
        .where(jobs.c.case == case, jobs.c.job == job, jobs.c.locked_by == worker)
        .values(locked_by=holder, locked_until=until)
    )
    if changed.rowcount != 1:
        raise Conflict("任务的锁定已过期或属于另一程序，请重新领取。")


def _held(engine: Engine, case: str, job: int, worker: str) -> Any:
    with engine.read() as connection:
        row = connection.execute(sa.select(jobs).where(jobs.c.case == case, jobs.c.job == job)).first()
        now = engine.moment_in(connection).now
    if row is None:
        raise NotFound("这个任务已经完成或已撤销。")
    if row.locked_by != worker or row.locked_until is None or row.locked_until <= now:
        raise Conflict("任务的锁定已过期或属于另一程序，请重新领取。")
    return row


def _done_before(engine: Engine, command_id: str | None) -> bool:
    return command_id is not None and engine.was_asked(command_id)


def _as(worker: str) -> Actor:
    """An outside program acts as the engine, under its own name."""
    return Actor(person=ENGINE.person, name=worker)

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

from engine.calendar import Moment
from engine.commands import ENGINE, Actor, CompleteJob, FailJob, ThrowError
from engine.errors import Conflict, InputInvalid, NotFound, Suspended
from engine.execution.state import State
from engine.facts import JobFailed
from engine.handlers.topics import TOPICS
from engine.runtime import hold
from engine.runtime.engine import Engine, May, Outcome
from engine.store.tables import cases, jobs
from engine.values import Value, loads

LONGEST_LOCK = 24 * 3600
"""Seconds a job may be locked for."""

LONGEST_WAIT = 30 * 24 * 3600
"""Seconds a failed job may wait for its next attempt."""

MOST = 100
"""Jobs fetched in one call, and attempts a worker may allow."""


_job = sa.select(jobs).where(jobs.c.case == sa.bindparam("b_case"), jobs.c.job == sa.bindparam("b_job"))
_job_kept = _job.with_for_update()
_lock = (
    sa.update(jobs)
    .where(jobs.c.case == sa.bindparam("b_case"), jobs.c.job == sa.bindparam("b_job"))
    .values(locked_by=sa.bindparam("v_locked_by"), locked_until=sa.bindparam("v_locked_until"))
)


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
            .with_for_update(of=jobs, skip_locked=True)  # others fetch others
        )
        rows = connection.execute(free).all()
        if rows:
            connection.execute(
                _lock,
                [
                    {"b_case": r.case, "b_job": r.job, "v_locked_by": worker, "v_locked_until": until}
                    for r in rows
                ],
            )
    return [
        FetchedJob(row.case, row.job, row.element, row.topic, loads(row.inputs), row.retries, until)
        for row in rows
    ]


def complete(
    engine: Engine, case: str, job: int, worker: str, result: dict[str, Value], command_id: str | None = None
) -> Outcome:
    """The job is done with this result. Raises `Conflict` when the lock is another worker's by now."""
    return engine.execute(
        CompleteJob(job, result), _as(worker), command_id, case=case, may=_holding(case, job, worker)
    )


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
    thrown = ThrowError(job, code, message, variables or {})
    return engine.execute(thrown, _as(worker), case=case, may=_holding(case, job, worker))


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
    with (
        engine.read() as connection
    ):  # what it says stays so while the lock is held, and that is asked again below
        row = _held(connection, engine.moment_in(connection).now, case, job, worker, keep=False)
    left = row.retries - 1 if retries is None else retries
    if left > 0:
        pause = None if wait is None else timedelta(seconds=wait)
        failed = JobFailed(job, reason[:4000], left, pause)
        return engine.say(case, [failed], _as(worker), _holding(case, job, worker))
    return engine.execute(
        FailJob(job, reason[:4000]), _as(worker), case=case, may=_holding(case, job, worker)
    )


def _holding(case: str, job: int, worker: str) -> May:
    """Asked inside the transaction that reports: time, a person or another worker may have taken the job away."""

    def may(connection: sa.Connection, state: State, moment: Moment) -> None:
        _held(connection, moment.now, case, job, worker)
        if state.suspended:
            raise Suspended()

    return may


def extend(engine: Engine, case: str, job: int, worker: str, seconds: int) -> datetime:
    """Hold the job for `seconds` from now on. Gives until when. Raises `Conflict` when the lock is lost already."""
    if not 0 < seconds <= LONGEST_LOCK:
        raise InputInvalid(f"锁定时间须为 1 到 {LONGEST_LOCK} 秒。")
    with engine.database.write() as connection:
        now = engine.moment_in(connection).now
        _held(connection, now, case, job, worker)
        until = now + timedelta(seconds=seconds)
        _change_lock(connection, case, job, worker, until)
    return until


def unlock(engine: Engine, case: str, job: int, worker: str) -> None:
    """Give the job back: another worker may fetch it at once."""
    with engine.database.write() as connection:
        _held(connection, engine.moment_in(connection).now, case, job, worker)
        _change_lock(connection, case, job, "", None)


def _change_lock(connection: sa.Connection, case: str, job: int, holder: str, until: datetime | None) -> None:
    connection.execute(_lock, {"b_case": case, "b_job": job, "v_locked_by": holder, "v_locked_until": until})


def _held(
    connection: sa.Connection, now: datetime, case: str, job: int, worker: str, *, keep: bool = True
) -> Any:
    """The job's row. `keep`: the transaction writes, and nobody else fetches the job until it ends. Raises `NotFound`, or
    `Conflict` where the lock has run out or is another worker's."""
    query = _job_kept if keep else _job
    row = connection.execute(query, {"b_case": case, "b_job": job}).first()
    if row is None:
        raise NotFound("这个任务已经完成或已撤销。")
    if row.locked_by != worker or row.locked_until is None or row.locked_until <= now:
        raise Conflict("任务的锁定已过期或属于另一程序，请重新领取。")
    return row


def _as(worker: str) -> Actor:
    """An outside program acts as the engine, under its own name."""
    return Actor(person=ENGINE.person, name=worker)

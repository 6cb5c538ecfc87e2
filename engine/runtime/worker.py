"""The worker 后台: passes deadlines when they are due, retries jobs, and carries messages and notices out of the outbox.

The tables are the truth; the bell only makes it quicker. A worker may die anywhere and any number may run at once:
whatever a worker does goes through `Engine`, whose transaction looks again whether it is still to be done, and receipts
(`commands.id`), the outbox's `sent_at` and the notices' key stop a second time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from engine.runtime import again, checkpoints, claims, dispatch, guarded_clock, handover, looking
from engine.runtime.channels import Channel
from engine.runtime.engine import Engine
from engine.runtime.posts_check import PostsCheck
from engine.runtime.relay import NONE, relay
from engine.store.projection import backoff

log = logging.getLogger(__name__)

BATCH = 400
"""Cases, jobs or outbox rows looked at in one go."""

TOGETHER = 100
"""Cases whose deadlines are passed in one transaction when many are waiting: one disk write for all of them. While it
runs, nobody else writes on SQLite, and on PostgreSQL nobody works on these cases, so it is kept to some tens of
milliseconds."""

POLL_SECONDS = 1.0
"""How long the worker sleeps when nobody rings."""

SHORTEST_SECONDS = 0.02
"""The first pause where something is due that this worker could not take."""

FORGET = timedelta(hours=1)
"""After this a case that failed once and was due no more counts as mended."""


class Worker:
    """One worker. `step()` does what can be done now; `run()` goes on until it is stopped."""

    def __init__(self, engine: Engine, channels: Mapping[str, Channel] = NONE) -> None:
        """`channels`: the ways by which reminders leave the house."""
        self.engine, self.channels = engine, channels
        self._crowd: list[str] = []  # the last claim, if it was full
        self._looked_beside = (
            0.0  # when it was last asked whom a crowd keeps waiting; the host's steady clock
        )
        self._failing: dict[str, tuple[int, datetime]] = {}  # case → (failures, not before)
        self._posts = PostsCheck(engine)

    def run(self, stop: threading.Event, poll: float = POLL_SECONDS) -> None:
        """Work until `stop` is set and the bell is rung; the step that is running is finished first."""
        pause = poll
        with (
            checkpoints.making(self.engine),
            dispatch.sending(self.engine, self.channels),
            looking.beside(self.engine),
            self.engine.bell.listening(),
        ):
            while not stop.is_set():
                self.engine.bell.clear()
                try:
                    done = self.step()
                    pause = poll if done else self._until_next(poll, pause)
                except Exception:
                    log.exception("the worker's step failed; it goes on")
                    done, pause = 0, poll
                if done == 0 and not stop.is_set():
                    self.engine.bell.wait(pause)

    def _until_next(self, poll: float, before: float) -> float:
        """Seconds until the next deadline is due, at most `poll`. One that is due already has become so this moment, or is in
        other hands: a short pause, then, and twice as long as `before` each time that nothing could be done."""
        now = self.engine.now()
        with self.engine.read() as connection:
            due = claims.next_due(connection, self._failing)
        if due is None:
            return poll
        if due <= now:
            return min(SHORTEST_SECONDS if before >= poll else before * 2, poll)
        return min((due - now).total_seconds(), poll)

    def step(self) -> int:
        """Pass due deadlines, relay the outbox, and see to what the directory has changed. Returns how many things were done."""
        return (
            self.pass_deadlines()
            + relay(self.engine, BATCH, self.channels)
            + handover.step(self.engine)
            + self._posts.step()
        )

    def pass_deadlines(self) -> int:
        """Pass the deadlines of up to `BATCH` cases, those due longest first. Returns how many were passed: none while the
        clock is not to be trusted."""
        if not guarded_clock.may_pass(self.engine):
            return 0
        now = self.engine.now()
        self._failing = {c: tried for c, tried in self._failing.items() if now - tried[1] < FORGET}
        with self.engine.read() as connection:
            due = claims.next_due(connection, self._to_wait(now))
        passed = 0
        if due is not None and due <= now:
            for _ in range(BATCH // TOGETHER):
                done, claimed = self._pass_some(self._to_wait(now))
                passed += done
                if claimed < TOGETHER:
                    break
        return passed

    def _to_wait(self, now: datetime) -> set[str]:
        """Cases that could not go on. They stay the longest due: they are looked at beside the others, never instead of
        them."""
        return {case for case, (_, not_before) in self._failing.items() if not_before > now}

    def _pass_some(self, without: Collection[str]) -> tuple[int, int]:
        """One transaction's worth. Gives how many deadlines were passed and how many cases were claimed."""
        claimed: list[str] = []

        def claim(connection: sa.Connection, now: datetime) -> list[str]:
            first: list[str] = []
            if self._crowd and time.monotonic() - self._looked_beside > POLL_SECONDS:
                self._looked_beside = time.monotonic()
                first = claims.kept_waiting(connection, now, TOGETHER // 2, without, self._crowd)
            rest = claims.due_cases(connection, now, TOGETHER - len(first), {*without, *first})
            claimed[:] = first + rest
            return claimed

        try:
            passed = self.engine.pass_many(claim)
        except Exception as error:  # find the one that fails; the others must not wait for it
            if not claimed or _is_the_stores(error):
                raise
            return sum(self._pass_one(case, self.engine.now()) for case in claimed), len(claimed)
        for case in claimed:
            self._failing.pop(case, None)
        self._crowd = claimed if len(claimed) == TOGETHER else []
        return passed, len(claimed)

    def _pass_one(self, case: str, now: datetime) -> int:
        try:
            passed = self.engine.pass_deadlines(case)
        except Exception as error:
            if _is_the_stores(error):
                raise
            failures = self._failing.get(case, (0, now))[0] + 1
            self._failing[case] = (failures, now + backoff(failures))
            log.exception("case %s: a due deadline cannot be passed (attempt %d)", case, failures)
            return 0
        self._failing.pop(case, None)
        return passed


def _is_the_stores(error: Exception) -> bool:
    """Whether the store failed and not the case: then no case is put off, and all are tried again when the store is back."""
    return again.passes_by(error) or again.no_room(error)

"""The worker 后台: passes deadlines when they are due, retries jobs, and carries messages and notices out of the outbox.

The tables are the truth; the bell only makes it quicker. A worker may die anywhere and any number may run at once:
whatever a worker does goes through `Engine`, whose transaction looks again whether it is still to be done, and receipts
(`commands.id`), the outbox's `sent_at` and the notices' key stop a second time.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime

import sqlalchemy as sa

from engine.runtime.engine import Engine
from engine.runtime.relay import relay
from engine.store.projection import backoff
from engine.store.tables import deadlines

log = logging.getLogger(__name__)

BATCH = 200
"""Cases, jobs or outbox rows looked at in one go."""

TOGETHER = 25
"""Cases whose deadlines are passed in one transaction when many are waiting: one disk write for all of them. While it
runs, nobody else writes, so it is kept to some tens of milliseconds."""

POLL_SECONDS = 1.0
"""How long the worker sleeps when nobody rings."""

_due_cases = (
    sa.select(deadlines.c.case, sa.func.min(deadlines.c.due).label("first"))
    .where(deadlines.c.due <= sa.bindparam("now", type_=deadlines.c.due.type))
    .group_by(deadlines.c.case)
    .order_by("first")
    .limit(sa.bindparam("most"))
)


class Worker:
    """One worker. `step()` does what can be done now; `run()` goes on until it is stopped."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._failing: dict[str, tuple[int, datetime]] = {}  # case → (failures, not before)

    def run(self, stop: threading.Event, poll: float = POLL_SECONDS) -> None:
        """Work until `stop` is set; the step that is running is finished first."""
        while not stop.is_set():
            self.engine.bell.clear()
            try:
                done = self.step()
            except Exception:
                log.exception("the worker's step failed; it goes on")
                done = 0
            if done == 0 and not stop.is_set():
                self.engine.bell.wait(poll)

    def step(self) -> int:
        """Pass due deadlines, then relay the outbox. Returns how many things were done."""
        return self.pass_deadlines() + relay(self.engine, BATCH)

    def pass_deadlines(self) -> int:
        """Pass the deadlines of up to `BATCH` cases, those due longest first. Returns how many were passed."""
        now = self.engine.now()
        # Cases that cannot go on stay the longest due: they are looked at beside the batch, never instead of it.
        most = BATCH + len(self._failing)
        with self.engine.read() as connection:
            found = [row.case for row in connection.execute(_due_cases, {"now": now, "most": most})]
        if len(found) < most:  # these are all; who is not among them has been mended or closed meanwhile
            self._failing = {case: self._failing[case] for case in found if case in self._failing}
        waiting = [case for case in found if self._may_try(case, now)]
        passed = 0
        for start in range(0, len(waiting), TOGETHER):
            together = waiting[start : start + TOGETHER]
            try:
                passed += self.engine.pass_many(together)
            except Exception:  # find the one that fails; the others must not wait for it
                for case in together:
                    passed += self._pass_one(case, now)
            else:
                for case in together:
                    self._failing.pop(case, None)
        return passed

    def _pass_one(self, case: str, now: datetime) -> int:
        try:
            passed = self.engine.pass_deadlines(case)
        except Exception:
            failures = self._failing.get(case, (0, now))[0] + 1
            self._failing[case] = (failures, now + backoff(failures))
            log.exception("case %s: a due deadline cannot be passed (attempt %d)", case, failures)
            return 0
        self._failing.pop(case, None)
        return passed

    def _may_try(self, case: str, now: datetime) -> bool:
        return case not in self._failing or self._failing[case][1] <= now

"""Two worker processes, as on two hosts: one is killed in the middle, and what it was doing the other does within seconds,
each deadline once and each notice once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit.verify import verify
from engine.commands import StartCase
from engine.facts import DeadlinePassed
from engine.runtime.engine import Engine
from engine.runtime.host_clock import SystemClock
from engine.store import tables
from tests import stores
from tests.engine.office_builder import ANNA, KEY, WITHOUT_ACTIONS, new_office, trial_files

pytestmark = [pytest.mark.slow, *stores.on_postgresql]

ROOT = Path(__file__).resolve().parents[2]
CASES, KILLS = 60, 3
RESCUED = timedelta(seconds=20)
"""Within this everything is passed, on a machine that does other things too."""

TICK = """
process trial name=试办
    start S
    user A name=等待 groups=DB
    boundary T name=每两秒 on=A interrupting=false cycle=R4/PT2S
    service N topic=notice.send name=告知 in:unit="p.party" in:title="p.name"
    end X
    end E
    S -> A -> E
    T -> N -> X
"""


@contextmanager
def worker(engine: Engine, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`duban worker` in a process of its own."""
    url = engine.database.engine.url.render_as_string(hide_password=False)
    environment = os.environ | {"DUBAN_DATABASE": url, "DUBAN_DATA": str(folder), "DUBAN_MODE": "production"}
    environment["DUBAN_SECRET"] = "x" * 40
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "web.cli.main", "worker"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, (folder / "worker.log").read_text()


def armed(engine: Engine) -> int:
    with engine.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(tables.deadlines)).scalar() or 0


def test_one_of_two_is_killed_again_and_again(tmp_path: Path, store: str) -> None:
    engine = new_office(tmp_path, SystemClock(), trial_files(TICK, WITHOUT_ACTIONS))
    with worker(engine, tmp_path) as steady:
        begun = engine.do_all([(StartCase(KEY, {}), f"s{n}") for n in range(CASES)], ANNA, package=KEY)
        cases = [outcome.case for outcome in begun]
        for _ in range(KILLS):
            with worker(engine, tmp_path) as other:
                time.sleep(2.2)
                other.kill()
                other.wait(10)
        until = time.monotonic() + 60
        while armed(engine) or unsent(engine):
            assert time.monotonic() < until, "what the killed ones held was not rescued"
            assert steady.poll() is None
            time.sleep(0.1)
    late = timedelta(0)
    for case in cases:
        history = engine.facts(case)
        due = {e.fact.id: e.fact.due for e in history if e.fact.kind == "DeadlineSet"}  # type: ignore[attr-defined]
        passed = [e for e in history if isinstance(e.fact, DeadlinePassed)]
        assert sorted(e.fact.id for e in passed) == sorted(due) and len(due) == 4  # type: ignore[attr-defined]
        for entry in passed:
            assert entry.at >= due[entry.fact.id], "passed early"  # type: ignore[attr-defined]
            late = max(late, entry.at - due[entry.fact.id])  # type: ignore[attr-defined]
    assert late < RESCUED
    with engine.read() as connection:
        assert verify(connection).ok
        count = sa.select(sa.func.count()).select_from(tables.notices)
        assert connection.execute(count).scalar() == 4 * CASES
    print(f"{KILLS} kills, {4 * CASES} deadlines, the latest by {late.total_seconds():.1f} s")  # noqa: T201


def unsent(engine: Engine) -> int:
    waiting = sa.select(sa.func.count()).select_from(tables.outbox).where(tables.outbox.c.sent_at.is_(None))
    with engine.read() as connection:
        return connection.execute(waiting).scalar() or 0

"""A real process, really killed (SIGKILL) at random moments, twenty times while completing and twenty while firing.

After each kill: every acknowledged command is there exactly once, every chain holds, rows equal a rebuild, asking again
under the same id doubles nothing; no deadline was passed twice, early or not at all, and what it said arrived once.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from engine.audit.verify import verify
from engine.clock import FixedClock
from engine.commands import FinishItem, StartCase
from engine.errors import EngineError
from engine.facts import DeadlinePassed, MessageReceived, MessageSent, NoticeSent
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from engine.store import tables
from tests.engine.office_builder import (
    ANNA,
    CHIEF,
    KEY,
    MONDAY,
    WITHOUT_ACTIONS,
    new_office,
    open_engine,
    start,
    trial_files,
)
from tests.faults.ticking import HOUR, TICKING, check_rows, check_ticks, publish_listener

KILLS = 20
ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@dataclass
class Nursery:
    process: subprocess.Popen[str]

    def run_and_kill(self, work: str, folder: Path, seed: int, lines: int, after: float) -> None:
        """Start a worker, wait until its log has grown by `lines`, then `after` seconds, and kill it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        log = folder / "log"
        wanted = lines + (log.read_bytes().count(b"\n") if log.exists() else 0)
        self.process.stdin.write(f"{work} {folder} {seed}\n")
        self.process.stdin.flush()
        child = int(self.process.stdout.readline())
        until = time.monotonic() + 20
        while not (log.exists() and log.read_bytes().count(b"\n") >= wanted):
            assert time.monotonic() < until, "the worker does not get on"
            time.sleep(0.001)
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        assert self.process.stdout.readline() == "gone\n"


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.busy_office"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield Nursery(process)
    finally:
        process.communicate(timeout=40)  # closing its input ends it


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The lines of the log; the last one may be torn."""
    lines = (folder / "log").read_bytes().split(b"\n")
    return [orjson.loads(line) for line in lines[:-1]]


def test_killed_while_completing(nursery: Nursery, tmp_path: Path) -> None:
    new_office(tmp_path).close()
    choice = random.Random(20260928)
    unsettled: set[str] = set()
    for kill in range(KILLS):
        nursery.run_and_kill("complete", tmp_path, kill, choice.randint(1, 80), choice.uniform(0.0, 0.01))
        engine = open_engine(tmp_path)
        log = read_log(tmp_path)
        done = {line["done"]: line for line in log if "done" in line}
        refused = {line["refused"] for line in log if "refused" in line}
        asked = {line["asked"]: line for line in log if "asked" in line}
        with engine.read() as connection:
            receipts = Counter(
                connection.execute(
                    sa.select(tables.commands.c.id).where(tables.commands.c.id.in_(list(asked)))
                ).scalars()
            )
            facts = Counter(connection.execute(sa.select(tables.facts.c.command)).scalars())
        for id_, line in done.items():
            assert receipts[id_] == 1, f"acknowledged command {id_} is lost"
            assert facts[id_] == line["facts"]
        open_ = [i for i in asked if i not in done and i not in refused]
        for id_ in open_:  # never acknowledged: wholly there, or not at all
            assert receipts[id_] in (0, 1) and (facts[id_] > 0) == bool(receipts[id_])
        # The user asks again: what was unsettled, and some of what was done.
        unsettled |= {i for i in open_ if receipts[i]}
        for id_ in [open_[-1:], choice.sample(sorted(done), min(3, len(done)))][kill % 2]:
            before = facts[id_]
            again = ask_again(engine, asked[id_], id_)
            if before and again is not None:
                assert again == before
        with engine.read() as connection:
            count = Counter(connection.execute(sa.select(tables.facts.c.command)).scalars())
        assert all(count[i] == facts[i] for i in facts), "asking again doubled something"
        if kill % 5 == 4:
            check_rows(engine)
        engine.close()
    assert len(done) > KILLS, "the workers hardly worked; this run proves little"
    print(f"{KILLS} kills, {len(done)} acknowledged, {len(unsettled)} committed but never acknowledged")  # noqa: T201


def ask_again(engine: Engine, line: dict[str, Any], id_: str) -> int | None:
    """The same command under the same id; the number of its facts, or None when it is refused."""
    try:
        if "case" not in line:
            return len(engine.execute(StartCase(KEY, {}), ANNA, id_).facts)
        command = FinishItem(line["case"], line["item"], {})
        return len(engine.execute(command, CHIEF if line["chief"] else ANNA, id_).facts)
    except EngineError:
        return None


# -- firing --------------------------------------------------------------------------------------------------

CASES = 6


def test_killed_while_firing(nursery: Nursery, tmp_path: Path) -> None:
    office = new_office(tmp_path, files=trial_files(TICKING, WITHOUT_ACTIONS))
    publish_listener(office)
    cases = [start(office).case for _ in range(CASES)]
    listener = office.execute(StartCase("ear", {}), ANNA).case
    office.close()
    choice = random.Random(19)
    now = MONDAY
    for kill in range(KILLS):
        (tmp_path / "now").write_text(now.isoformat())
        nursery.run_and_kill("fire", tmp_path, kill, choice.randint(2, 8), choice.uniform(0.0, 0.06))
        engine = open_engine(tmp_path, FixedClock(now))
        with engine.read() as connection:
            latest = connection.execute(sa.select(sa.func.max(tables.facts.c.at))).scalar()
            report = verify(connection)
        now = max(now, datetime.fromisoformat(str(latest)).astimezone(UTC))
        assert report.ok, report.breaks
        for case in cases:
            check_ticks(engine, case)
        engine.close()

    engine = open_engine(tmp_path, FixedClock(now))  # the last one is not killed: it catches up
    worker = Worker(engine)
    while worker.step():
        pass
    expected = (now - MONDAY) // HOUR
    assert expected >= KILLS, "the workers hardly worked; this run proves little"
    sent = 0
    for case in cases:
        check_ticks(engine, case)
        facts = [e.fact for e in engine.facts(case)]
        assert sum(isinstance(x, DeadlinePassed) for x in facts) == expected
        assert sum(isinstance(x, NoticeSent) for x in facts) == expected
        sent += sum(isinstance(x, MessageSent) for x in facts)
    heard = sum(isinstance(e.fact, MessageReceived) for e in engine.facts(listener))
    with engine.read() as connection:
        notices = connection.execute(sa.select(sa.func.count()).select_from(tables.notices)).scalar()
    assert heard == sent == notices == expected * CASES
    check_rows(engine)
    print(f"{KILLS} kills, {sent} deadlines passed, {heard} messages and {notices} notices arrived")  # noqa: T201
    item = next(iter(engine.load(cases[0]).items))
    engine.execute(FinishItem(cases[0], item, {}), ANNA)  # the office goes on

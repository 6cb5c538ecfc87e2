"""The processes that are killed: they open the office on a folder's SQLite file and work until the signal comes.

`python -m tests.faults.busy_office` is a nursery: it imports everything once and has nothing open. For each line
`complete|fire FOLDER SEED` on its input it forks a worker and prints its process id. Each worker writes a log with
fsync before each command is asked and after it was acknowledged; the log stands outside the database, as a user's memory does.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from engine.commands import FinishItem, StartCase
from engine.errors import EngineError
from engine.runtime.worker import Worker
from tests.engine.office_builder import ANNA, CHIEF, KEY, open_engine

FASTER = 14_400
"""How much faster than real time the firing worker's clock runs: four hours a second. Much faster, and a slow machine
would never catch up with its own clock."""

LIFETIME = 30
"""Seconds after which a worker ends itself, should nobody be left to kill it."""


class FastClock:
    """A clock that starts at an instant and runs `FASTER` times as fast as the host's."""

    def __init__(self, begin: datetime) -> None:
        self.begin, self.real = begin, datetime.now(UTC)

    def now(self) -> datetime:
        return self.begin + (datetime.now(UTC) - self.real) * FASTER


class Log:
    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, **line: object) -> None:
        os.write(self.descriptor, orjson.dumps(line) + b"\n")
        os.fsync(self.descriptor)


def complete(folder: Path, seed: int) -> None:
    """Begin cases and finish their items, one after the other, for ever."""
    engine, choice, log = open_engine(folder), random.Random(seed), Log(folder / "log")
    cases: list[str] = []
    count = 0
    engine.newest(KEY)  # compiled before the parent's stopwatch starts
    while True:
        count += 1
        id_ = f"{seed}-{count}"
        if len(cases) < 3 or choice.random() < 0.05:
            log.write(asked=id_)
            outcome = engine.execute(StartCase(KEY, {}), ANNA, id_)
            cases.append(outcome.case)
        else:
            case = choice.choice(cases)
            items = list(engine.load(case).items.values())
            if not items:
                cases.remove(case)
                continue
            item = choice.choice(items)
            person = CHIEF if item.element == "D" else ANNA
            log.write(asked=id_, case=case, item=item.id, chief=person is CHIEF)
            try:
                outcome = engine.execute(FinishItem(case, item.id, {}), person, id_)
            except EngineError as refusal:
                log.write(refused=id_, code=refusal.code)
                continue
        log.write(done=id_, case=outcome.case, facts=len(outcome.facts), last=outcome.facts[-1].seq)


def fire(folder: Path, seed: int) -> None:
    """Pass deadlines and relay what they say, for ever, on a fast clock that starts where the last one was killed."""
    begin = datetime.fromisoformat((folder / "now").read_text())
    engine, log = open_engine(folder, FastClock(begin + timedelta(minutes=1))), Log(folder / "log")
    worker = Worker(engine)
    engine.newest_all()
    log.write(firing=seed)
    while True:
        done = worker.step()
        if done:
            log.write(step=done)


def nursery() -> None:
    for line in sys.stdin:
        work, folder, seed = line.split()
        child = os.fork()
        if child == 0:
            signal.alarm(LIFETIME)
            try:
                {"complete": complete, "fire": fire}[work](Path(folder), int(seed))
            finally:
                os._exit(1)
        print(child, flush=True)  # noqa: T201
        os.waitpid(child, 0)
        print("gone", flush=True)  # noqa: T201


if __name__ == "__main__":
    nursery()

"""Who takes part in the comparison on the write path, each in a process of its own, driven by lines of JSON.

A competitor gives sessions; a session is one client with a connection of its own, and can `start` a case and `complete`
the one open task of a case. The process is the same for all (`DIAGRAM`): four user tasks in a row, a timer of twelve hours
armed on each, and from the last task back to the first for as long as the form says so.

Child: `python -m tests.benchmarks.competitor MODULE DSN FOLDER`, where MODULE has a class `Competitor(dsn, folder)` with
`session()` (or another class, named as MODULE:CLASS). It understands
    {"do": "cases", "times": N}                 N cases from the start through four completions: milliseconds of each,
                                                and of the process's CPU in all
    {"do": "rounds", "earlier": N, "times": M}  completions in one case that has N of them behind it: milliseconds of each
    {"do": "load", "threads": N, "seconds": S}  as many completions as N clients manage
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

STEPS = "ABCD"
ROOT = Path(__file__).parents[2]
CASES_A_CLIENT = 20
"""Open cases that a client under load goes through in turn, so that no case becomes old."""


def diagram(condition: str = '结论 = "退回"') -> str:
    """Lines for `tests.engine.builders.xml`; `condition` ends the case after the fourth task."""
    tasks = "".join(
        f"user {s} name={s} groups=DB form=opinion\nboundary {s}1 on={s} interrupting=false duration=PT12H\n"
        f"end {s}2\n{s}1 -> {s}2\n"
        for s in STEPS
    )
    return (
        f"start S\nend E\nxor X\n{tasks}S -> {' -> '.join(STEPS)} -> X\nX -> E if {condition}\nX -> A default"
    )


class Session(Protocol):
    """One client. A case is whatever the session needs to find its open task again."""

    def start(self) -> Any: ...
    def complete(self, case: Any) -> None: ...


class Answers:
    """What a child does with its lines."""

    def __init__(self, competitor: Any) -> None:
        self.competitor = competitor
        self.session: Session = competitor.session()
        self.old: Any = None
        self.clients: list[tuple[Session, list[Any]]] = []

    def cases(self, times: int) -> dict[str, list[float]]:
        start, complete = [], []
        cpu = time.process_time()
        for _ in range(times):
            begun = time.perf_counter()
            case = self.session.start()
            start.append((time.perf_counter() - begun) * 1000)
            complete += self._completed(case, len(STEPS))
        return {"start": start, "complete": complete, "cpu": [(time.process_time() - cpu) * 1000]}

    def rounds(self, earlier: int, times: int) -> dict[str, list[float]]:
        if self.old is None:
            self.old = self.session.start()
            self._completed(self.old, earlier)
        return {"complete": self._completed(self.old, times)}

    def _completed(self, case: Any, times: int) -> list[float]:
        took = []
        for _ in range(times):
            begun = time.perf_counter()
            self.session.complete(case)
            took.append((time.perf_counter() - begun) * 1000)
        return took

    def load(self, threads: int, seconds: float) -> dict[str, float]:
        while len(self.clients) < threads:
            session = self.competitor.session()
            self.clients.append((session, [session.start() for _ in range(CASES_A_CLIENT)]))
        done = [0] * threads
        begun = time.perf_counter()
        until = begun + seconds

        def client(number: int) -> None:
            session, cases = self.clients[number]
            while time.perf_counter() < until:
                session.complete(cases[done[number] % CASES_A_CLIENT])
                done[number] += 1

        workers = [threading.Thread(target=client, args=(n,)) for n in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return {"completions": sum(done), "seconds": time.perf_counter() - begun}


class Child:
    """A competitor's process, seen from the benchmark. Ends when its standard input does."""

    def __init__(self, command: Sequence[str], *, folder: Path = ROOT) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @classmethod
    def of(cls, module: str, dsn: str, folder: Path) -> Child:
        """A competitor that is a Python module of this folder."""
        return cls([sys.executable, "-m", "tests.benchmarks.competitor", module, dsn, str(folder)])

    def ask(self, do: str, **words: float) -> Any:
        """Tell and wait. Raises `RuntimeError` when the child has ended instead."""
        self.tell(do, **words)
        return self.answer()

    def tell(self, do: str, **words: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **words}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"it ended with exit code {self.process.wait()}; what it said stands above")
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def main(module: str, dsn: str, folder: str) -> None:
    name, _, kind = module.partition(":")
    competitor = getattr(importlib.import_module(f"tests.benchmarks.{name}"), kind or "Competitor")
    answers = Answers(competitor(dsn, Path(folder)))
    for line in sys.stdin:
        words = json.loads(line)
        print(json.dumps(getattr(answers, words.pop("do"))(**words)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Many people at the same cases at once, with the worker running and a clock that jumps: nothing acknowledged is lost,
nothing is done twice, no deadline fires twice, the ledger verifies and the rows are those of a replay."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.audit.rebuild import rebuild
from engine.audit.verify import verify
from engine.clock import FixedClock
from engine.commands import (
    Actor,
    AddNote,
    CallAction,
    ClaimItem,
    Command,
    FinishItem,
    ReleaseItem,
    ResumeCase,
    ReturnItem,
    StartCase,
    SuspendCase,
    TransferItem,
)
from engine.errors import EngineError, InputInvalid
from engine.facts import DeadlinePassed
from engine.runtime import external
from engine.runtime.engine import Engine, next_number
from engine.runtime.worker import Worker
from tests import stores
from tests.engine.office_builder import ANNA, BEN, CHIEF, KEY, new_office, rows, start

pytestmark = stores.both

CASES, THREADS, ROUNDS = 20, 4, 120
LOCKS = ("locked_by", "locked_until")
"""What a rebuild gives back: a job fetched in a case that was then suspended stays locked, and is free after a rebuild."""


class Crowd:
    """What was acknowledged and what was refused, by all threads together."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.cases = [start(engine).case for _ in range(CASES)]
        self.acknowledged: dict[str, tuple[str, list[int]]] = {}  # command id → case, numbers of its facts
        self.refused: Counter[str] = Counter()
        self.broken: list[str] = []
        self.lock = threading.Lock()

    def go(self, seed: int) -> None:
        chance = random.Random(seed)
        for n in range(ROUNDS):
            try:
                self._one(chance, f"{seed}-{n}")
            except EngineError as error:
                with self.lock:
                    self.refused[error.code] += 1
            except Exception as error:  # whatever it is, it must not happen
                self.broken.append(repr(error))

    def _one(self, chance: random.Random, key: str) -> None:
        what = chance.random()
        if what < 0.05:
            with self.lock:
                assert isinstance(self.engine.clock, FixedClock)
                self.engine.clock.at += timedelta(hours=chance.choice([1, 5, 24]))
        elif what < 0.15:
            for job in external.fetch_and_lock(self.engine, "outside", key, 60):
                done = external.complete(self.engine, job.case, job.job, key, {}, key)
                self._keep(key, job.case, [e.seq for e in done.facts])
        else:
            case, actor = chance.choice(self.cases), chance.choice([ANNA, ANNA, BEN, CHIEF])
            items = list(self.engine.load(case).items)
            command = _command(chance, case, chance.choice(items) if items else 0)
            facts = [e.seq for e in self.engine.execute(command, actor, key).facts]
            self._keep(key, case, facts)
            if chance.random() < 0.3:  # the answer was lost on its way: asked again, it is the same
                assert [e.seq for e in self.engine.execute(command, actor, key).facts] == facts

    def _keep(self, key: str, case: str, facts: list[int]) -> None:
        with self.lock:
            self.acknowledged[key] = (case, facts)


def _command(chance: random.Random, case: str, item: int) -> Command:
    kinds: list[Callable[[], Command]] = [
        lambda: FinishItem(case, item, {}), lambda: FinishItem(case, item, {}), lambda: FinishItem(case, item, {}),
        lambda: FinishItem(case, item, {}), lambda: ClaimItem(case, item), lambda: ReleaseItem(case, item, "另有任务"),
        lambda: ReturnItem(case, item, "材料不全"), lambda: TransferItem(case, item, "转给同事", "", "ben"),
        lambda: AddNote(case, "现场已看"), lambda: CallAction(case, "extension", {}), lambda: ResumeCase(case, "恢复办理"),
        lambda: ResumeCase(case, "恢复办理"), lambda: SuspendCase(case, "不可抗力"),
    ]  # fmt: skip
    return chance.choice(kinds)()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_crowd_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    engine = new_office(tmp_path)
    crowd = Crowd(engine)
    stop = threading.Event()
    worker = threading.Thread(target=Worker(engine).run, args=(stop, 0.05))
    people = [threading.Thread(target=crowd.go, args=(100 * seed + n,)) for n in range(THREADS)]
    for thread in (worker, *people):
        thread.start()
    for thread in people:
        thread.join()
    stop.set()
    engine.bell.set()
    worker.join()
    assert isinstance(engine.clock, FixedClock)
    engine.clock.at += timedelta(days=40)
    last = Worker(engine)
    while last.step():
        pass

    assert crowd.broken == []
    assert len(crowd.acknowledged) > 100, crowd.refused
    histories = {case: engine.facts(case) for case in crowd.cases}
    for key, (case, facts) in crowd.acknowledged.items():
        assert [e.seq for e in histories[case] if e.command == key] == facts, key
    for case, history in histories.items():
        passed = Counter(e.fact.id for e in history if isinstance(e.fact, DeadlinePassed))
        assert set(passed.values()) <= {1}, case
    with engine.read() as c:
        assert verify(c).ok
        before = rows(c, without=LOCKS)
    with engine.database.write() as c:
        rebuild(c, engine.package, engine.calendar())
    with engine.read() as c:
        assert rows(c, without=LOCKS) == before


@pytest.mark.parametrize("same", [False, True])
def test_the_same_item_is_done_by_one(tmp_path: Path, same: bool) -> None:
    """Eight at once finish the same item, each under an id of their own, or all under one id."""
    engine = new_office(tmp_path)
    begun = start(engine)
    item = next(iter(begun.state.items))
    answers: list[object] = []
    gate = threading.Barrier(8)

    def finish(n: int) -> None:
        gate.wait()
        actor: Actor = ANNA if same else (ANNA, BEN)[n % 2]
        try:
            done = engine.execute(FinishItem(begun.case, item, {}), actor, f"key-{0 if same else n}")
            answers.append([e.seq for e in done.facts])
        except EngineError as error:
            answers.append(error.code)

    threads = [threading.Thread(target=finish, args=(n,)) for n in range(8)]
    _all_at_once(threads)
    done = [a for a in answers if isinstance(a, list)]
    assert len(done) == (8 if same else 1) and all(d == done[0] for d in done)
    assert sum(e.fact.kind == "WorkItemCompleted" for e in engine.facts(begun.case)) == 1


def test_a_case_is_begun_once_and_an_id_names_one_command(tmp_path: Path) -> None:
    """Eight at once begin a case under one id; then eight write a note, each to a case of their own, under one id."""
    engine = new_office(tmp_path)
    answers: list[tuple[str, object]] = []
    gate = threading.Barrier(8)

    def begin() -> None:
        gate.wait()
        done = engine.execute(StartCase(KEY, {}), ANNA, "begin-0")
        answers.append((done.case, [e.seq for e in done.facts]))

    def note(case: str) -> None:
        gate.wait()
        try:
            answers.append(
                (case, [e.seq for e in engine.execute(AddNote(case, "现场已看"), ANNA, "note-0").facts])
            )
        except EngineError as error:
            answers.append((case, error.code))

    _all_at_once([threading.Thread(target=begin) for _ in range(8)])
    assert len(answers) == 8 and len({str(a) for a in answers}) == 1
    cases = [start(engine).case for _ in range(8)]
    answers.clear()
    _all_at_once([threading.Thread(target=note, args=(case,)) for case in cases])
    assert sorted(str(a[1]) for a in answers if not isinstance(a[1], list)) == ["conflict"] * 7
    assert sum(e.fact.kind == "NoteAdded" for case in cases for e in engine.facts(case)) == 1


def test_numbers_have_no_gap_and_no_double(tmp_path: Path) -> None:
    engine = new_office(tmp_path)
    given: list[int] = []
    gate = threading.Barrier(8)

    def take() -> None:
        gate.wait()
        for n in range(10):
            try:
                with engine.database.write() as connection:
                    number = next_number(connection, "试", 2026)
                    if n % 3 == 2:
                        raise InputInvalid("撤回")
                given.append(number)
            except InputInvalid:
                continue

    _all_at_once([threading.Thread(target=take) for _ in range(8)])
    assert sorted(given) == list(range(1, len(given) + 1)) and len(given) == 56


def _all_at_once(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

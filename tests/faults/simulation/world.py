"""One run 一次模拟: the stage, the clock, the people and workers, and the model beside them.

After each commit `observer` reads the new facts and tells the model what came from outside. When all have acted at an instant,
the workers run without faults until nothing is left to do; then `comparing` holds the tables against the model.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from engine.clock import FixedClock
from engine.errors import EngineError
from engine.runtime import external
from engine.runtime.engine import Engine, Outcome
from engine.runtime.worker import Worker
from engine.store import tables
from tests.engine.office_builder import MONDAY
from tests.faults.simulation.allowed import may
from tests.faults.simulation.comparing import compare, prove
from tests.faults.simulation.drawing import Drawing
from tests.faults.simulation.live import Fault
from tests.faults.simulation.model import Model
from tests.faults.simulation.observer import Observer
from tests.faults.simulation.offices import Office
from tests.faults.simulation.schedule import WORKERS, Act, Instant, Schedule
from tests.faults.simulation.stage import PowerFailure, Stage
from tests.faults.simulation.wanting import Wanted, wanted

OUTSIDE = ("job done", "job failed")
LOCK_SECONDS = 600
"""How long an outside worker holds a job."""

ROUNDS = 24
"""Rounds in which the workers must have done everything that is to be done at an instant."""


@dataclass
class Asked:
    """A command somebody asked for, which counts as done or not done, whatever became of the answer."""

    id: str
    wanted: Wanted
    answered: list[int] | None = None

    def ask(self, engine: Engine) -> Outcome:
        return engine.execute(self.wanted.command, self.wanted.actor, self.id, case=self.wanted.case or None)

    def __str__(self) -> str:
        said = str(self.wanted.command).replace("\n", " ")
        return f"{self.wanted.actor.person} {said} ({self.id})"


class World:
    """A run in the making. `clock` is the true time; engines may be given others only by a mutant."""

    def __init__(self, drawing: Drawing, office: Office, seed: int) -> None:
        self.drawing, self.office = drawing, office
        self.random = random.Random(f"world {seed}")
        self.stage = Stage()
        self.clock = FixedClock(MONDAY)
        self.model = Model(drawing, MONDAY)
        self.database = office.database
        self.database.stage = self.stage
        self.observer = Observer(office.observer, self.model)
        self.folder = office.folder
        self.engines: dict[str, Engine] = {}
        self.workers: dict[str, Worker] = {}
        self.lost_answers: list[Asked] = []
        self.trace: list[str] = []
        self.crashes = 0
        self.acts = 0
        self._ids = 0
        self.stage.committed = self.observer.observe

    # -- processes ---------------------------------------------------------------------------------------

    def engine(self, who: str) -> Engine:
        """The engine in the process of a client or a worker; a new one after power failed."""
        if who not in self.engines:
            made = Engine(self.database, self.folder, self.clock)
            made._packages.update(self.office.packages)
            made._office = self.office.seen
            self.engines[who] = made
        return self.engines[who]

    def worker(self, who: str) -> Worker:
        if who not in self.workers:
            self.workers[who] = Worker(self.engine(who))
        return self.workers[who]

    def gone(self, who: str) -> None:
        self.engines.pop(who, None)
        self.workers.pop(who, None)
        self.crashes += 1

    def token(self, size: int) -> str:
        return f"{self.random.getrandbits(size * 8):0{size * 2}x}"

    # -- playing -----------------------------------------------------------------------------------------

    def play(self, schedule: Schedule) -> None:
        """Play the day to its end. Raises `Fault`."""
        for instant in schedule:
            self.move(instant)
            acts: list[tuple[Callable[[], None], Any]] = []
            for lost in self.lost_answers:
                acts.append((lambda asked=lost: self.ask("web1", asked, again=True), None))  # type: ignore[misc]
            self.lost_answers = []
            for act in instant.acts:
                asked = None if act.by in WORKERS or act.what in OUTSIDE else self.wanted(act)
                acts.append((lambda act=act, asked=asked: self.act(act, asked), act.crash))  # type: ignore[misc]
                if act.twice and asked is not None:
                    acts.append((lambda asked=asked: self.twin(asked), None))  # type: ignore[misc]
            self.acts += len(acts)
            self.stage.play(acts, instant.mix)
            self.settle()
            compare(self.model, self.observer)
        prove(self.office)

    def move(self, instant: Instant) -> None:
        now = self.model.now
        due = self.model.next_due()
        if instant.move == "minutes":
            now += timedelta(minutes=1 + int(instant.pick * 240))
        elif instant.move == "days":
            now += timedelta(days=1 + int(instant.pick * 3))
        elif instant.move != "stand" and due:
            at = int(instant.pick * min(len(due), 4)) if instant.move == "past several" else 0
            now = due[at]
            if instant.move == "just before":
                now = max(now - timedelta(seconds=1), self.model.now)
            elif instant.move == "past several":
                now += timedelta(minutes=int(instant.pick * 100))
        self.clock.at = now
        self.trace.append(f"-- {now.isoformat()} ({instant.move})")
        self.model.move(now)

    def act(self, act: Act, asked: Asked | None) -> None:
        try:
            if act.by in WORKERS:
                self.trace.append(str(act))
                self.worker(act.by).step()
            elif act.what in OUTSIDE:
                self.outside(act)
            elif asked is not None:
                self.ask(act.by, asked)
        except PowerFailure as failure:
            self.trace.append(f"   {act.by} loses power: {failure}")
            self.gone(act.by)
            if asked is not None:
                self.lost_answers.append(asked)

    def twin(self, asked: Asked) -> None:
        """The same command once more from another process, as a person who presses twice."""
        self.ask("web3", asked)

    def settle(self) -> None:
        """Without any fault: whoever lost power is back, and the workers go on in turns until one finds nothing left."""
        for turn in range(ROUNDS):
            before = len(self.observer.commands)
            done = self.worker(WORKERS[turn % len(WORKERS)]).step()
            if not done and len(self.observer.commands) == before:
                return
        raise Fault("stuck", f"the workers still find work after {ROUNDS} rounds at one instant")

    # -- people ------------------------------------------------------------------------------------------

    def wanted(self, act: Act) -> Asked | None:
        """The command that an act means now; None where there is nothing to do it to."""
        self._ids += 1
        found = wanted(act, self.model, self.drawing, self._incident)
        if found is None:
            return None
        asked = Asked(f"ask-{self._ids}", found)
        self.observer.asked[asked.id] = (found.command, found.actor.person)
        return asked

    def _incident(self, case: str) -> int:
        with self.observer.looking.read() as connection:
            number = connection.execute(
                sa.select(tables.incidents.c.incident).where(
                    tables.incidents.c.case == case, tables.incidents.c.resolved_at.is_(None)
                )
            ).scalar()
        return number or 0

    def ask(self, who: str, asked: Asked, *, again: bool = False) -> None:
        """Ask for it, and hold the answer against what had to be answered."""
        what, case = asked.wanted.what, asked.wanted.case
        self.trace.append(f"{who}: {asked}" + " again" * again)
        try:
            outcome = asked.ask(self.engine(who))
        except EngineError as refusal:
            self.trace.append(f"   refused: {refusal.code}")
            if asked.id in self.observer.commands:
                raise Fault("receipt", f"{what} was done, and refused when it was asked again") from refusal
            overtaken = what == "suspend" and refusal.code == "input_invalid"  # its end has passed meanwhile
            if what == "retry" or overtaken:
                return
            if what == "start" or may(
                self.model, self.model.cases[case], asked.wanted.command, asked.wanted.actor.person
            ):
                raise Fault("refused", f"{asked} had to be accepted: {refusal}") from refusal
            return
        except (PowerFailure, Fault):
            raise
        except Exception as error:
            raise Fault("unexpected", f"{what}: {type(error).__name__}: {error}") from error
        answer = [entry.seq for entry in outcome.facts]
        if asked.answered is not None and asked.answered != answer:
            raise Fault("receipt", f"{what} asked again answered {answer} instead of {asked.answered}")
        asked.answered = answer
        if answer and self.observer.commands[asked.id] != 1:
            raise Fault(
                "receipt", f"{what} was acknowledged and done {self.observer.commands[asked.id]} times"
            )

    def outside(self, act: Act) -> None:
        """A program outside takes a job, and does it or fails."""
        engine, worker = self.engine(act.by), f"outside-{act.by}"
        now = self.clock.at
        for job in external.fetch_and_lock(engine, "outside", worker, LOCK_SECONDS, 1):
            holder, until = self.observer.locked.get((job.case, job.job), ("", now))
            if holder not in ("", worker) and until > now:
                raise Fault("job", f"job {job.job} was given to {worker} while {holder} holds it")
            self.observer.locked[job.case, job.job] = (worker, now + timedelta(seconds=LOCK_SECONDS))
            self.trace.append(f"{act.by}: {act.what} {job.case[:6]} {job.job}")
            try:
                if act.what == "job done":
                    external.complete(engine, job.case, job.job, worker, {"果": "通过"})
                else:
                    external.fail(engine, job.case, job.job, worker, "对方没有回应", wait=60)
            except EngineError as refusal:
                self.trace.append(f"   refused: {refusal.code}")
                if self.model.cases[job.case].state == "open" and self.model.cases[job.case].course.job(
                    job.job
                ):
                    raise Fault(
                        "refused", f"the report on job {job.job} had to be accepted: {refusal}"
                    ) from refusal


def token_hex(world: World) -> Any:
    """`secrets` for the engine: case ids come from the seed, so that a run can be played again."""

    class Seeded:
        token_hex = staticmethod(world.token)

    return Seeded

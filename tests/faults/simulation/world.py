"""One run 一次模拟: the stage, the clock, the people and workers, and the model beside them.

After each commit `observer` reads the new facts and tells the model what came from outside. When all have acted at an instant,
the workers run without faults until nothing is left to do; then `comparing` holds the tables against the model.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from engine import commands as c
from engine.clock import FixedClock
from engine.errors import EngineError
from engine.runtime import external
from engine.runtime.engine import Engine, Outcome
from engine.runtime.worker import Worker
from engine.store import tables
from tests.engine.office_builder import ANNA, BEN, CHIEF, MONDAY
from tests.faults.simulation.comparing import compare, prove
from tests.faults.simulation.drawing import KEY, Drawing
from tests.faults.simulation.model import Fault, Model
from tests.faults.simulation.observer import Observer
from tests.faults.simulation.offices import Office
from tests.faults.simulation.schedule import WORKERS, Act, Instant, Schedule
from tests.faults.simulation.stage import PowerFailure, Stage

PERSON = {"web1": ANNA, "web2": BEN, "web3": ANNA}
OUTSIDE = ("job done", "job failed")
MOST_CASES = 5
LOCK_SECONDS = 600
"""How long an outside worker holds a job."""

ROUNDS = 12
"""Rounds in which the workers must have done everything that is to be done at an instant."""


@dataclass
class Asked:
    """A command somebody asked for, which counts as done or not done, whatever became of the answer."""

    id: str
    what: str
    case: str
    target: int
    actor: c.Actor
    ask: Callable[[Engine], Outcome]
    answered: list[int] | None = None
    legal: bool = True
    done: bool = field(default=False)


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
        """Without any fault: whoever lost power is back, and the workers go on until nothing is left."""
        for _ in range(ROUNDS):
            done = 0
            for who in WORKERS:
                done += self.worker(who).step()
            if not done:
                return
        raise Fault("stuck", f"the workers still find work after {ROUNDS} rounds at one instant")

    # -- people ------------------------------------------------------------------------------------------

    def wanted(self, act: Act) -> Asked | None:
        """The command that an act means now; None where there is nothing to do it to."""
        self._ids += 1
        id_ = f"ask-{self._ids}"
        person = CHIEF if act.what in ("cancel", "suspend", "resume", "message", "retry") else PERSON[act.by]
        if act.what == "start":
            if len(self.model.cases) >= MOST_CASES:
                return None
            start = c.StartCase(KEY, {}, "S")
            return Asked(id_, "start", "", 0, person, lambda e: e.execute(start, person, id_))
        wanted_state = {"resume": "suspended", "note": ""}.get(act.what, "open")
        fitting = [i for i, case in self.model.cases.items() if wanted_state in ("", case.state)]
        if not fitting:
            return None
        case = fitting[int(act.pick * len(fitting))]
        found = self.command(act, case, person)
        if found is None:
            return None
        command, target = found
        self.observer.targets[id_] = target
        return Asked(
            id_, act.what, case, target, person, lambda e: e.execute(command, person, id_, case=case)
        )

    def command(self, act: Act, case: str, person: c.Actor) -> tuple[c.Command, int] | None:
        state = self.model.cases[case]
        if act.what == "suspend":
            until = (
                self.model.now + timedelta(minutes=60 + int(act.other * 2000)) if act.other > 0.4 else None
            )
            return c.SuspendCase(case, "不可抗力", until), 0
        if act.what == "resume":
            return c.ResumeCase(case, "情况消除"), 0
        if act.what == "cancel":
            return c.CancelCase(case, "重复登记"), 0
        if act.what == "note":
            return c.AddNote(case, "看过了"), 0
        if act.what == "message":
            waiting = [
                t for one in state.lives if one.node.kind == "race" for t, _ in one.node.flows if t[0] == "C"
            ]
            if not waiting:
                return None
            return c.DeliverMessage(waiting[int(act.other * len(waiting))]), 0
        if act.what == "retry":
            halted = [one.id for one in state.lives if one.halted]
            with self.observer.looking.read() as connection:
                incident = connection.execute(
                    sa.select(tables.incidents.c.incident).where(
                        tables.incidents.c.case == case, tables.incidents.c.resolved_at.is_(None)
                    )
                ).scalar()
            return (c.RetryIncident(incident), 0) if halted and incident else None
        items = [
            one
            for one in state.lives
            if one.is_item and one.id and (act.what != "return" or self.drawing.nodes[one.node.id].back)
        ]
        if not items:
            return None
        id = items[int(act.other * len(items))].id
        answer = int(act.pick * 1000) % 3
        made: dict[str, c.Command] = {
            "finish": c.FinishItem(case, id, {"x": answer}),
            "claim": c.ClaimItem(case, id),
            "release": c.ReleaseItem(case, id, "另有任务"),
            "return": c.ReturnItem(case, id, "材料不齐"),
        }
        return made[act.what], id

    def ask(self, who: str, asked: Asked, *, again: bool = False) -> None:
        """Ask for it, and hold the answer against what had to be answered."""
        self.trace.append(
            f"{who}: {asked.what} {asked.case[:6]} {asked.target or ''} ({asked.id})" + " again" * again
        )
        try:
            outcome = asked.ask(self.engine(who))
        except EngineError as refusal:
            self.trace.append(f"   refused: {refusal.code}")
            if asked.id in self.observer.commands:
                raise Fault(
                    "receipt", f"{asked.what} was done, and refused when it was asked again"
                ) from refusal
            overtaken = (
                asked.what == "suspend" and refusal.code == "input_invalid"
            )  # its end has passed meanwhile
            if asked.what == "retry" or overtaken:
                return
            if asked.what == "start" or self.model.may(
                asked.what, asked.case, asked.target, asked.actor.person
            ):
                raise Fault(
                    "refused", f"{asked.what} on {asked.target} had to be accepted: {refusal}"
                ) from refusal
            return
        except (PowerFailure, Fault):
            raise
        except Exception as error:
            raise Fault("unexpected", f"{asked.what}: {type(error).__name__}: {error}") from error
        answer = [entry.seq for entry in outcome.facts]
        if asked.answered is not None and asked.answered != answer:
            raise Fault("receipt", f"{asked.what} asked again answered {answer} instead of {asked.answered}")
        asked.answered = answer
        if answer and self.observer.commands[asked.id] != 1:
            raise Fault(
                "receipt", f"{asked.what} was acknowledged and done {self.observer.commands[asked.id]} times"
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
                if self.model.cases[job.case].state == "open" and self.model.cases[job.case].job(job.job):
                    raise Fault(
                        "refused", f"the report on job {job.job} had to be accepted: {refusal}"
                    ) from refusal


def token_hex(world: World) -> Any:
    """`secrets` for the engine: case ids come from the seed, so that a run can be played again."""

    class Seeded:
        token_hex = staticmethod(world.token)

    return Seeded

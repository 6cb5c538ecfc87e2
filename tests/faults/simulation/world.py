"""One run 一次模拟: the stage, the clock, the people and workers, and the model beside them.

After each commit the new facts are read from the ledger by a connection of their own: what came from outside is told to the
model, everything is counted. When all have acted at an instant, the workers run without faults until nothing is left to do;
then the tables must show what the model shows, no more and no less. That is what lost, duplicated, early and late mean here.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from engine import commands as c
from engine.audit.rebuild import rebuild
from engine.audit.verify import verify
from engine.clock import FixedClock
from engine.errors import EngineError
from engine.runtime import external
from engine.runtime.engine import Engine, Outcome
from engine.runtime.worker import Worker
from engine.store import tables
from engine.values import loads
from tests.engine.office_builder import ANNA, BEN, CHIEF, MONDAY, rows
from tests.faults.simulation.drawing import KEY, Drawing
from tests.faults.simulation.model import Fault, Model
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

COUNTED = {
    "WorkItemOffered", "JobOffered", "DeadlinePassed", "NoticeSent", "MessageSent", "SignalSent", "CaseCompleted",
}  # fmt: skip


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
        self.looking = office.observer
        self.folder = office.folder
        self.engines: dict[str, Engine] = {}
        self.workers: dict[str, Worker] = {}
        self.lost_answers: list[Asked] = []
        self.seen: dict[str, int] = {}  # facts of each case read so far
        self.counted: Counter[tuple[str, str, str]] = Counter()
        self.commands: Counter[str] = Counter()  # batches of facts by their command
        self.elements: dict[tuple[str, int], str] = {}
        self.locked: dict[tuple[str, int], tuple[str, datetime]] = {}
        self.committed: set[str] = set()
        self.targets: dict[str, int] = {}  # command → the item it was about
        self.trace: list[str] = []
        self.crashes = 0
        self.acts = 0
        self._ids = 0
        self.stage.committed = self.observe

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
            self.compare()
        self.prove()

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
        self.targets[id_] = target
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
            with self.looking.read() as connection:
                incident = connection.execute(
                    sa.select(tables.incidents.c.incident).where(
                        tables.incidents.c.case == case, tables.incidents.c.resolved_at.is_(None)
                    )
                ).scalar()
            return (c.RetryIncident(incident), 0) if halted and incident else None
        items = [
            one for one in state.lives if one.is_item and one.id and (one.node.back or act.what != "return")
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
            if asked.id in self.committed:
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
        if answer and self.commands[asked.id] != 1:
            raise Fault("receipt", f"{asked.what} was acknowledged and done {self.commands[asked.id]} times")

    def outside(self, act: Act) -> None:
        """A program outside takes a job, and does it or fails."""
        engine, worker = self.engine(act.by), f"outside-{act.by}"
        now = self.clock.at
        for job in external.fetch_and_lock(engine, "outside", worker, LOCK_SECONDS, 1):
            holder, until = self.locked.get((job.case, job.job), ("", now))
            if holder not in ("", worker) and until > now:
                raise Fault("job", f"job {job.job} was given to {worker} while {holder} holds it")
            self.locked[job.case, job.job] = (worker, now + timedelta(seconds=LOCK_SECONDS))
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

    # -- looking -----------------------------------------------------------------------------------------

    def observe(self) -> None:
        """Something was committed: read it, tell the model what came from outside, count everything."""
        for batch in self.new_batches():
            case, kinds = batch[0].case, [row.kind for row in batch]
            facts = [loads(row.data) for row in batch]
            self.commands[batch[0].command] += 1
            self.committed.add(batch[0].command)
            for fact, row in zip(facts, batch, strict=True):
                self.learn(case, row.kind, fact)
            self.tell(case, kinds, facts, self.targets.get(batch[0].command, 0))
            for fact, row in zip(facts, batch, strict=True):
                self.count(case, row.kind, fact)

    def new_batches(self) -> Iterable[list[Any]]:
        with self.looking.read() as connection:
            ends = connection.execute(
                sa.select(tables.cases.c.id, tables.cases.c.seq).order_by(tables.cases.c.started_at)
            )
            grown = [(id, seq) for id, seq in ends if seq != self.seen.get(id, 0)]
            for id, seq in grown:
                new = connection.execute(
                    sa.select(tables.facts)
                    .where(tables.facts.c.case == id, tables.facts.c.seq > self.seen.get(id, 0))
                    .order_by(tables.facts.c.seq)
                ).all()
                self.seen[id] = seq
                for _, batch in groupby(new, key=lambda row: row.command):
                    yield list(batch)

    def learn(self, case: str, kind: str, fact: dict[str, Any]) -> None:
        """Which element the numbers of the product belong to."""
        if kind in ("WorkItemOffered", "JobOffered", "DeadlineSet"):
            self.elements[case, fact["id"]] = fact["element"]

    def tell(self, case: str, kinds: list[str], facts: list[dict[str, Any]], target: int) -> None:
        """Tell the model what came from outside. `target`: the item that the command was about, 0 for none."""
        model, first = self.model, facts[0]
        if kinds[0] == "CaseStarted":
            model.started(case, first["start"])
        one = model.cases.get(case)
        if one is None:
            raise Fault("start", f"{case} has facts and never began")
        if kinds[0] in ("MessageReceived", "SignalReceived"):
            model.delivered(first["name"], case)
        elif kinds[0] == "CaseSuspended":
            one.suspend(first["until"])
        elif kinds[0] == "CaseResumed":
            one.resume()
            one.pass_due()
        elif kinds[0] == "IncidentResolved" and "JobOffered" in kinds:
            self.retried(case, facts)
        for kind, fact in zip(kinds, facts, strict=True):
            if kind == "CaseCancelled":
                one._over("cancelled")
            elif kind in ("WorkItemClaimed", "WorkItemReleased", "WorkItemCompleted", "WorkItemReturned"):
                if target and fact["id"] != target:
                    raise Fault("not open", f"{kind} of item {fact['id']}, and item {target} was meant")
                self.item(case, kind, fact)
            elif kind in ("JobCompleted", "JobFailed"):
                self.job(case, kind, fact)
            elif kind == "WorkItemOffered":
                one.named(fact["element"], fact["id"], job=False)
            elif kind == "JobOffered" and self.drawing.nodes[fact["element"]].kind == "job":
                one.named(fact["element"], fact["id"], job=True)

    def retried(self, case: str, facts: list[dict[str, Any]]) -> None:
        for fact in facts:
            if fact["kind"] == "JobOffered":
                live = self.model.cases[case].job(fact["id"])
                if live is None or not live.halted:
                    raise Fault("job", f"job {fact['id']} was offered again though nothing was wrong with it")
                live.halted, live.retries = False, 3
                self.model.cases[case].seen["JobOffered", live.node.id] += 1

    def item(self, case: str, kind: str, fact: dict[str, Any]) -> None:
        one = self.model.cases[case]
        live = one.item(fact["id"])
        if live is None or one.state != "open":
            raise Fault("not open", f"{kind} of item {fact['id']} of {case}, which is not open")
        if kind == "WorkItemClaimed":
            live.person = fact["person"]
        elif kind == "WorkItemReleased":
            live.person = ""
        elif kind == "WorkItemCompleted":
            if live.person not in ("", fact["person"]):
                raise Fault("not open", f"{fact['person']} finished what {live.person} had claimed")
            one.x = int(fact["form"]["x"])
            one.finish(live)
        else:
            scope = live.scope
            assert scope is not None
            one._end(live)
            one._todo.append((live.node.back, scope))
            one._settle()

    def job(self, case: str, kind: str, fact: dict[str, Any]) -> None:
        if self.drawing.nodes[self.elements[case, fact["id"]]].kind != "job":
            return
        one = self.model.cases[case]
        live = one.job(fact["id"])
        if live is None or one.state != "open" or live.halted:
            raise Fault("job", f"{kind} of job {fact['id']} of {case}, which does not wait")
        self.locked.pop((case, live.id), None)
        if kind == "JobCompleted":
            one.finish(live)
        else:
            live.retries = fact["retries_left"]
            live.halted = not live.retries

    def count(self, case: str, kind: str, fact: dict[str, Any]) -> None:
        """More than there can be by now is duplicated or early, at once."""
        if kind not in COUNTED:
            return
        element = fact.get("element") if kind in ("WorkItemOffered", "JobOffered") else ""
        if kind == "DeadlinePassed":
            element = self.elements.get((case, fact["id"]), "?")
        elif kind == "NoticeSent":
            element = fact["title"]
        elif kind in ("MessageSent", "SignalSent"):
            element = fact["name"]
        if kind == "JobOffered" and self.drawing.nodes[str(element)].kind == "notice":
            return
        self.counted[case, kind, str(element)] += 1
        had_to = self.model.cases[case].seen[kind, str(element)]
        if self.counted[case, kind, str(element)] > had_to:
            waits = any(a.element == element for a in self.model.cases[case].armed)
            word = "early" if kind == "DeadlinePassed" and waits else "duplicated"
            raise Fault(word, f"{kind} {element} of {case}: {had_to} by now, and one more was recorded")

    # -- comparing ---------------------------------------------------------------------------------------

    def compare(self) -> None:
        """At the end of an instant the tables show what the model shows."""
        for case, one in self.model.cases.items():
            for (kind, element), had_to in one.seen.items():
                if self.counted[case, kind, element] != had_to:
                    word = "late" if kind == "DeadlinePassed" else "lost"
                    raise Fault(
                        word,
                        f"{kind} {element} of {case}: {had_to} by now, {self.counted[case, kind, element]} recorded",
                    )
        for what in self.model.outstanding():
            raise Fault("lost", what)
        with self.looking.read() as connection:
            for check, had_to_be, is_ in self.tables(connection):
                if had_to_be != is_:
                    raise Fault(check, f"missing {dict(had_to_be - is_)}, too many {dict(is_ - had_to_be)}")

    def tables(self, connection: sa.Connection) -> Iterable[tuple[str, Counter[Any], Counter[Any]]]:
        t = tables
        cases = self.model.cases
        found = connection.execute(sa.select(t.cases.c.id, t.cases.c.state))
        yield "cases", Counter((i, one.state) for i, one in cases.items()), Counter((i, s) for i, s in found)
        items = sa.select(t.work_items.c.case, t.work_items.c.element, t.work_items.c.person).where(
            t.work_items.c.state == "open"
        )
        had = Counter(
            (i, live.node.id, live.person) for i, one in cases.items() for live in one.lives if live.is_item
        )
        yield "items", had, Counter(tuple(row) for row in connection.execute(items))
        clocks: Counter[Any] = Counter()
        for one in cases.values():
            clocks += one.deadlines()
        armed = sa.select(t.deadlines.c.case, t.deadlines.c.element, t.deadlines.c.due)
        yield "deadlines", clocks, Counter(tuple(row) for row in connection.execute(armed))
        jobs = sa.select(t.jobs.c.case, t.jobs.c.element, t.jobs.c.retries)
        had_jobs = Counter(
            (i, live.node.id, live.retries)
            for i, one in cases.items() for live in one.lives if live.node.kind == "job" and not live.halted
        )  # fmt: skip
        yield "jobs", had_jobs, Counter(tuple(row) for row in connection.execute(jobs))
        notices = connection.execute(sa.select(t.notices.c.case, t.notices.c.title))
        had_notices = Counter(
            {(i, e): n for i, one in cases.items() for (k, e), n in one.seen.items() if k == "NoticeSent"}
        )
        yield "notices", had_notices, Counter(tuple(row) for row in notices)

    def prove(self) -> None:
        """The chains hold, the facts fold to the snapshots, the rows are those that a rebuild gives."""
        with self.looking.read() as connection:
            report = verify(connection, fold=True)
            if not report.ok:
                raise Fault("chain", str(report.breaks[0]))
            before = rows(connection, without=("locked_by", "locked_until"))
        with self.looking.write() as connection:
            rebuild(connection, lambda hash_: self.office.packages[hash_], self.office.seen.calendar)
            rebuilt = rows(connection, without=("locked_by", "locked_until"))
        if before != rebuilt:
            raise Fault(
                "rebuild",
                f"the rows of {[t for t in before if before[t] != rebuilt[t]]} are not those of the facts",
            )


def token_hex(world: World) -> Any:
    """`secrets` for the engine: case ids come from the seed, so that a run can be played again."""

    class Seeded:
        token_hex = staticmethod(world.token)

    return Seeded

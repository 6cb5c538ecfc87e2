"""A virtual year of the office 模拟一年: the main process with its real ladders and holidays, random people, random failures.

The clock goes from one instant at which something is due, or people come to work, to the next. People do about half of what
lies before them each half day, sometimes wrongly; power fails in the middle of commands and of the workers' steps. What is
counted comes from the ledger, after each commit: a clock armed by a fact fires once, at the first instant that reaches it.
"""

from __future__ import annotations

import io
import random
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from engine import commands as c
from engine.assignment import acting_as, candidates
from engine.audit.verify import verify
from engine.clock import SHANGHAI, FixedClock
from engine.commands import ENGINE
from engine.definitions.compile import load_folder
from engine.definitions.model import Package
from engine.directory import from_data
from engine.errors import EngineError
from engine.runtime import office, published, uploads
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from engine.store import tables
from engine.store.database import Database
from engine.values import loads
from tests import pictures
from tests.browser.answers import PACKAGE, answers
from tests.engine.ledgers import ROOT
from tests.faults.simulation.offices import quick
from tests.faults.simulation.schedule import Crash
from tests.faults.simulation.stage import PowerFailure, Stage, StagedDatabase

BEGIN = date(2025, 1, 2)
"""The year's holidays and those of the year after, into which its deadlines reach, are announced."""

PICTURE = pictures.PNG
WORKING_TIMES = (time(9, 0), time(14, 30))
CRASHES = 0.08
"""Share of what is done during which power fails."""

DONE_A_HALF_DAY = 0.35
"""Share of the open items that people finish each half day: slow enough that ladders climb."""


@dataclass
class Found:
    """What a year came to. `faults` must stay empty."""

    faults: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    incidents: Counter[str] = field(default_factory=Counter)
    kilobytes: list[int] = field(default_factory=list)  # of this process, at the end of each virtual day


class Year:
    """An office that `live`s so many days with so many cases begun."""

    def __init__(self, folder: Path, *, days: int, cases: int, seed: int) -> None:
        self.random = random.Random(f"year {seed}")
        self.days, self.cases_wanted = days, cases
        self.clock = FixedClock(_at(BEGIN, time(8, 0)))
        self.stage = Stage()
        self.folder = folder
        url = f"sqlite:///{folder / 'duban.db'}"
        engine = Engine.open(url, folder, self.clock)
        self.calendar = office.seed_calendar(engine, [BEGIN.year, BEGIN.year + 1, BEGIN.year - 1], ENGINE)
        directory = tomllib.loads((ROOT / "processes" / "demo_directory.toml").read_text(encoding="utf-8"))
        office.load_directory(engine, from_data(directory), ENGINE)
        files = load_folder(ROOT / "processes" / PACKAGE, ROOT / "forms" / PACKAGE)
        with mock.patch.object(published, "check_files", lambda _: []):  # checked by tests of its own
            self.package: Package = engine.publish(files, ENGINE)[0]
        engine.close()
        self.database = StagedDatabase(quick(url).engine)
        self.database.stage = self.stage
        self.stage.committed = self.observe
        self.looking: Database = quick(url)
        for database in (self.database, self.looking):
            sa.event.listen(database.engine, "connect", _small_cache)
        self.web, self.worker = self._web(), Worker(self._web())
        self.found = Found()
        self.seen: dict[str, int] = {}  # facts read, of cases that are open
        self.armed: dict[tuple[str, int], datetime | None] = {}
        self.asked = 0
        self.began = 0
        self.lost: list[Callable[[], object]] = []

    def _web(self) -> Engine:
        engine = Engine(self.database, self.folder, self.clock)
        engine._packages[self.package.hash] = self.package
        return engine

    def close(self) -> None:
        self.database.close()
        self.looking.close()

    # -- living ------------------------------------------------------------------------------------------

    def live(self) -> Found:
        day = BEGIN
        for number in range(self.days):
            self._one_day(day, number)
            self.found.kilobytes.append(_kilobytes())
            day += timedelta(days=1)
        self._prove()
        return self.found

    def _one_day(self, day: date, number: int) -> None:
        working = self.calendar.is_working(day)
        stops = [_at(day, at) for at in WORKING_TIMES] if working else []
        for stop in [*stops, _at(day + timedelta(days=1), time(0, 0))]:
            self._pass_time_until(stop)
            if stop in stops:
                while self.began < int(self.cases_wanted * (number + 1) / self.days):
                    self._guarded(self._start)
                self._people()
                self._settle()

    def _pass_time_until(self, stop: datetime) -> None:
        """From one due instant to the next. Sometimes the workers were away, and find several at once."""
        while True:
            due = min((at for at in self.armed.values() if at is not None), default=None)
            if due is None or due > stop or self.random.random() < 0.02:
                break
            self.clock.at = max(due, self.clock.at)
            self._guarded(self.worker.step)
            self._settle()
        self.clock.at = stop
        self._settle()

    def _settle(self) -> None:
        """The workers, without failure, until nothing is left; and what was not answered is asked again."""
        lost, self.lost = self.lost, []
        for again in lost:
            self._quietly(again)
        while self.worker.step():
            pass
        late = [key for key, due in self.armed.items() if due is not None and due <= self.clock.at]
        if late:
            self.found.faults.append(f"late at {self.clock.at}: {late[:3]}")
            for key in late:
                self.armed[key] = None

    # -- people ------------------------------------------------------------------------------------------

    def _people(self) -> None:
        with self.looking.read() as connection:
            t = tables.work_items
            items = connection.execute(sa.select(t.c.case, t.c.item).where(t.c.state == "open")).all()
        self.random.shuffle(items)
        for case, item in items[: int(len(items) * DONE_A_HALF_DAY) + 1]:
            self._guarded(lambda case=case, item=item: self._work(case, item))  # type: ignore[misc]
        if items and self.random.random() < 0.05:
            case = self.random.choice(items).case
            self._guarded(lambda: self._around(case))

    def _start(self) -> None:
        today = self.clock.at.astimezone(SHANGHAI).date()
        actor = acting_as("gaojianjun", self.web.directory())
        form = self._form("T01", today, actor, 隐患名称=f"隐患{self.began}", 部位=f"{self.began}号部位")
        self.began += 1
        self._ask(c.StartCase(PACKAGE, form), actor)

    def _work(self, case: str, item_id: int) -> None:
        state = self.web.load(case)
        item = state.items.get(item_id)
        if item is None:
            return
        element = self.package.processes[state.instances[item_id].process].elements[item.element]
        directory = self.web.directory()
        people = candidates(item, state.performers, element, self.package.titles, directory)
        if not people:
            return
        actor = acting_as(self.random.choice(people), directory, item.role, item.unit)
        chance = self.random.random()
        command: c.Command
        if chance < 0.03 and element.names("returnTo"):
            command = c.ReturnItem(case, item_id, "材料不齐，请补正")
        elif chance < 0.06 and not item.person:
            command = c.ClaimItem(case, item_id)
        else:
            changed = _OTHERWISE.get(item.form, {}) if self.random.random() < 0.15 else {}
            today = self.clock.at.astimezone(SHANGHAI).date()
            command = c.FinishItem(case, item_id, self._form(item.form, today, actor, **changed))
        self._ask(command, actor)

    def _around(self, case: str) -> None:
        actor = acting_as("zhaolixin", self.web.directory())
        state = self.web.load(case)
        if state.suspended:
            self._ask(c.ResumeCase(case, "情况消除"), actor)
        else:
            until = self.clock.at + timedelta(days=self.random.randint(2, 20))
            self._ask(c.SuspendCase(case, "不可抗力", until), actor)

    def _form(self, form: str, today: date, actor: c.Actor, **changed: Any) -> dict[str, Any]:
        photo = Path("photo.png")
        filled = answers(form, today, photo, **changed) if form else {}
        return {key: self._filled(value, actor) for key, value in filled.items()}

    def _filled(self, value: Any, actor: c.Actor) -> Any:
        if isinstance(value, Path):
            return uploads.save(self.web, "照片.png", io.BytesIO(PICTURE), actor).id
        if isinstance(value, list):
            return [self._filled(v, actor) for v in value]
        if isinstance(value, dict):
            return {k: self._filled(v, actor) for k, v in value.items()}
        return Decimal(str(value)) if isinstance(value, float) else value

    def _ask(self, command: c.Command, actor: c.Actor) -> None:
        self.asked += 1
        id_ = f"ask-{self.asked}"

        def ask() -> None:
            self.web.execute(command, actor, id_)

        try:
            self._quietly(ask)
        except PowerFailure:
            self.lost.append(ask)
            raise

    def _quietly(self, ask: Callable[[], object]) -> None:
        """A refusal is an answer; anything else unexpected is a fault."""
        try:
            ask()
            self.found.happened["asked"] += 1
        except EngineError as refusal:
            self.found.refused[refusal.code] += 1
        except Exception as error:
            self.found.faults.append(f"{type(error).__name__}: {error}"[:300])

    def _guarded(self, do: Callable[[], object]) -> None:
        """Do it; sometimes power fails on the way, and the process is a new one."""
        if self.random.random() < CRASHES:
            where = self.random.choice(("before", "after", "commit", "committed"))
            nth = self.random.randint(1, 25) if where in ("before", "after") else self.random.randint(1, 3)
            self.stage.plan(Crash(where, nth))
        try:
            do()
        except PowerFailure:
            self.found.happened["crashes"] += 1
            self.web, self.worker = self._web(), Worker(self._web())
        finally:
            self.stage.crash.clear()

    # -- looking -----------------------------------------------------------------------------------------

    def observe(self) -> None:
        with self.looking.read() as connection:
            t = tables.facts
            ends = connection.execute(
                sa.select(tables.cases.c.id, tables.cases.c.seq, tables.cases.c.state).where(
                    sa.or_(
                        tables.cases.c.state.in_(("open", "suspended")),
                        tables.cases.c.id.in_(list(self.seen)),
                    )
                )
            ).all()
            for case, seq, state in ends:
                known = self.seen.get(case, 0)
                if seq > known:
                    new = connection.execute(
                        sa.select(t.c.seq, t.c.kind, t.c.data, t.c.command)
                        .where(t.c.case == case, t.c.seq > known, t.c.kind.in_(_LOOKED_AT))
                        .order_by(t.c.seq)
                    ).all()
                    self._count(case, new)
                    self.found.happened["facts"] += seq - known
                    self.seen[case] = seq
                if state not in ("open", "suspended"):
                    self._over(case)

    def _over(self, case: str) -> None:
        left = [key for key in self.armed if key[0] == case]
        if left:
            self.found.faults.append(f"{case} is over and its clocks {left[:3]} run on")
        for key in left:
            del self.armed[key]
        del self.seen[case]
        self.found.happened["cases over"] += 1

    def _count(self, case: str, new: list[Any]) -> None:
        for _, batch in groupby(new, key=lambda row: row.command):
            for row in batch:
                fact = loads(row.data)
                self.found.happened[row.kind] += 1
                key = (case, fact.get("id", 0))
                if row.kind == "IncidentRaised":
                    self.found.incidents[f"{fact['code']} {fact['element']}"] += 1
                elif row.kind == "DeadlineSet":
                    self.armed[key] = fact["due"]
                elif row.kind == "DeadlineMoved":
                    self.armed[key] = fact.get("due")
                elif row.kind == "DeadlineDropped":
                    self.armed.pop(key, None)
                elif row.kind == "DeadlinePassed":
                    if key not in self.armed:
                        self.found.faults.append(f"deadline {key} fired twice, or was none")
                    due = self.armed.pop(key, None)
                    if due is None or due > self.clock.at:
                        self.found.faults.append(f"deadline {key} fired at {self.clock.at}, due {due}")

    def _prove(self) -> None:
        """Chains, notices and receipts at the end."""
        with self.looking.read() as connection:
            report = verify(connection, fold=True)
            self.found.faults += [str(broken) for broken in report.breaks]
            sent = connection.execute(
                sa.select(sa.func.count())
                .select_from(tables.facts)
                .where(tables.facts.c.kind == "NoticeSent")
            ).scalar_one()
            there = connection.execute(sa.select(sa.func.count()).select_from(tables.notices)).scalar_one()
            waiting = connection.execute(
                sa.select(sa.func.count()).select_from(tables.outbox).where(tables.outbox.c.sent_at.is_(None))
            ).scalar_one()
            rows = connection.execute(
                sa.select(tables.deadlines.c.case, tables.deadlines.c.deadline, tables.deadlines.c.due)
            )
            clocks = {(case, id): due for case, id, due in rows}
        self.found.happened["notices"] = there
        if sent != there:
            self.found.faults.append(f"{sent} notices were sent, {there} arrived")
        if clocks != self.armed:
            self.found.faults.append("the rows of the clocks are not those of the facts")
        self.found.happened["outbox waiting"] = waiting


_LOOKED_AT = (
    "DeadlineSet", "DeadlineMoved", "DeadlineDropped", "DeadlinePassed", "NoticeSent", "IncidentRaised",
    "WorkItemOffered", "WorkItemCompleted",
)  # fmt: skip
_OTHERWISE: dict[str, dict[str, Any]] = {
    "T21": {
        "结论": "不合格",
        "结论理由": "现场启动备用主通风机未能达到额定风量，试运转记录缺失，与申请书所述不符，须继续整改",
    },
    "T20": {},
}


@contextmanager
def lived(folder: Path, *, days: int, cases: int, seed: int = 1) -> Iterator[Found]:
    """A year of so many days, closed afterwards."""
    year = Year(folder, days=days, cases=cases, seed=seed)
    try:
        yield year.live()
    finally:
        year.close()


def _at(day: date, at: time) -> datetime:
    return datetime.combine(day, at, SHANGHAI).astimezone(UTC)


def _small_cache(connection: Any, record: object) -> None:
    """SQLite's cache of pages grows with the database up to 32 MB a connection; it would hide what the program itself keeps."""
    connection.execute("PRAGMA cache_size=-2000").close()


def _kilobytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4

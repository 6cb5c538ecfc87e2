"""An office that lives: a PostgreSQL that writes through to the disk, a Redis, cases in which a timer ticks every hour, a crowd of
cases for people to work at, a clock that runs fast; and what must hold of it all afterwards, whatever happened to its servers
and processes."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import sqlalchemy as sa

from engine.audit.verify import verify
from engine.clock import FixedClock
from engine.commands import ENGINE, StartCase
from engine.facts import DeadlinePassed, DeadlineSet, MessageReceived, MessageSent, NoticeSent
from engine.runtime import accounts
from engine.runtime.demo_clock import KEY as OFFSET
from engine.runtime.engine import Engine
from engine.store import settings, tables
from tests.engine.office_builder import ANNA, CHIEF, MONDAY, WITHOUT_ACTIONS, furnish, trial_files
from tests.faults.http_people import People
from tests.faults.product import Product
from tests.faults.ticking import HOUR, TICKING, check_rows, check_ticks, publish_listener
from tests.services.postgres import Postgres
from tests.services.redis import Redis

TICKERS = 4
"""Cases in which a timer ticks."""

STEP, PAUSE = timedelta(minutes=10), 0.2
"""The office's clock is moved on by `STEP` every `PAUSE` seconds: about fifty minutes a second."""

CROWD = """
process crowd name=众人
    start S
    script P name=登记要素 do="{案名: p.name, 企业: p.party, 期限: date(p.limit), 轮: 0}"
    user A name=初核 groups=DB status=初核中
    boundary A1 name=催一次 on=A interrupting=false duration=PT2H
    service A2 topic=notice.send name=催 in:unit="p.party" in:title="p.name"
    end A3
    A1 -> A2 -> A3
    boundary A4 name=日催 on=A interrupting=false cycle=R3/P1D
    end A5
    A4 -> A5
    and F
    user B name=会签 groups=DB each=[1,2] as=n
    service C name=外部核验 topic=outside
    and J
    script L name=计轮 do=轮+1 result=轮
    xor X name=够了吗
    user D name=归档 groups=AWB status=待归档
    end E name=已归档
    S -> P -> A -> F
    F -> B -> J
    F -> C -> J
    J -> L -> X
    X -> A if 轮<2
    X -> D default
    D -> E
"""


@dataclass
class Office:
    folder: Path
    postgres: Postgres
    redis: Redis
    database: str
    tokens: dict[str, str]
    ticking: list[str]
    listener: str

    def open(self, clock: FixedClock | None = None) -> Engine:
        return Engine.open(self.postgres.url(self.database), self.folder, clock)


@contextmanager
def living_office() -> Iterator[Office]:
    """A PostgreSQL that writes through to the disk, a Redis, and an office in which four cases tick."""
    folder = Path(tempfile.mkdtemp(prefix="duban-kills-"))
    folder.chmod(0o755)  # PostgreSQL is not run by root
    # It is recovered by one sync of the file system instead of one of each of its thousand files: seconds, each time.
    postgres = Postgres(folder / "postgres", durable=True, recovery_init_sync_method="syncfs").start()
    redis = Redis(folder / "redis").start()
    try:
        yield furnished(folder / "data", postgres, redis)
    finally:
        postgres.stop()
        redis.stop()
        shutil.rmtree(folder)


def furnished(folder: Path, postgres: Postgres, redis: Redis) -> Office:
    name = postgres.create("office")
    engine = Engine.open(postgres.url(name), folder, FixedClock(MONDAY))
    furnish(engine, trial_files(TICKING, WITHOUT_ACTIONS))
    publish_listener(engine)
    toml = WITHOUT_ACTIONS.replace('key = "trial"', 'key = "crowd"').replace(
        'main = "trial"', 'main = "crowd"'
    )
    crowd = {"process.toml": toml.encode(), "crowd.bpmn": trial_files(CROWD)["trial.bpmn"]}
    engine.publish(crowd, CHIEF)
    ticking = [engine.execute(StartCase("trial", {}), ANNA).case for _ in range(TICKERS)]
    listener = engine.execute(StartCase("ear", {}), ANNA).case
    tokens = {p: accounts.make_token(engine, p, "测试", ENGINE)[1] for p in ("anna", "ben", "chief")}
    with engine.database.write() as connection:
        settings.put(connection, OFFSET, repr((MONDAY - datetime.now(UTC)).total_seconds()))
    engine.close()
    return Office(folder, postgres, redis, name, tokens, ticking, listener)


def move_the_clock(office: Office, stop: threading.Event) -> None:
    """The demo's clock runs on while the database is there."""
    while not stop.wait(PAUSE):
        try:
            with psycopg.connect(office.postgres.dsn(office.database), connect_timeout=5) as connection:
                connection.execute(
                    "UPDATE settings SET value = (value::float8 + %s)::text WHERE key = %s",
                    [STEP.total_seconds(), OFFSET],
                )
        except psycopg.OperationalError:
            continue


@contextmanager
def at_work(office: Office, running: Product, number: int) -> Iterator[People]:
    """So many people at work over HTTP while the clock moves. At the end they have stopped and what was killed runs again."""
    running.look_after()
    people = People(running.ports, office.tokens, "crowd")
    clock_stops = threading.Event()
    clock = threading.Thread(target=move_the_clock, args=(office, clock_stops))
    threads = [clock, *people.start(number, 7)]
    clock.start()
    try:
        yield people
    finally:
        people.stop.set()
        clock_stops.set()
        for thread in threads:
            thread.join()
    running.look_after()


def work_goes_on(running: Product, people: People, choice: random.Random) -> None:
    """Until somebody has got something done again; then a moment that nobody foresees."""
    wanted = people.acknowledged + choice.randint(1, 6)
    until = time.monotonic() + 120
    while people.acknowledged < wanted and not people.wrong:
        assert time.monotonic() < until, "nobody gets on"
        running.look_after()
        time.sleep(0.005)
    time.sleep(choice.uniform(0, 0.05))


def settled(office: Office, *products: Product) -> None:
    """Wait until the workers have caught up: no deadline due, nothing waiting in the outbox."""
    query = """
        SELECT (SELECT count(*) FROM outbox WHERE sent_at IS NULL)
             + (SELECT count(*) FROM deadlines
                WHERE due <= now() + make_interval(secs => (SELECT value::float8 FROM settings WHERE key = %s)))
    """
    until = time.monotonic() + 120
    while True:
        for running in products:
            running.look_after()
        with psycopg.connect(office.postgres.dsn(office.database)) as connection:
            row = connection.execute(query, [OFFSET]).fetchone()
        if row is not None and row[0] == 0:
            return
        assert time.monotonic() < until, f"the workers do not catch up: {row} left"
        time.sleep(0.2)


def check(office: Office, people: People) -> str:
    """Everything that must hold; gives what was counted."""
    engine = office.open(FixedClock(MONDAY + timedelta(days=60)))
    try:
        with engine.read() as connection:
            receipts = {r.id: r for r in connection.execute(sa.select(tables.commands))}
            facts = Counter(connection.execute(sa.select(tables.facts.c.command)).scalars())
            outbox = connection.execute(
                sa.select(sa.func.count()).select_from(tables.outbox).where(tables.outbox.c.sent_at.is_(None))
            ).scalar()
            notices = connection.execute(sa.select(sa.func.count()).select_from(tables.notices)).scalar()
            all_cases = connection.execute(sa.select(tables.cases.c.id)).scalars().all()
            assert verify(connection).ok
        assert outbox == 0
        for asked in people.asked:
            if asked.done:
                assert asked.receipt in receipts, f"acknowledged and lost: {asked}"
                assert facts[asked.receipt] == len(asked.facts), f"acknowledged otherwise or twice: {asked}"
                assert receipts[asked.receipt].case == asked.case
            else:
                assert asked.receipt not in receipts and not facts[asked.receipt], (
                    f"refused and yet there: {asked}"
                )
        done = [a for a in people.asked if a.done]
        begun = [a.case for a in done if a.path == "/api/v1/cases"]
        assert sorted(begun) == sorted(set(all_cases) - {*office.ticking, office.listener}), (
            "cases nobody began"
        )
        said = notices_said = 0
        for case in all_cases:
            entries = engine.facts(case)
            due = {e.fact.id: e.fact.due for e in entries if isinstance(e.fact, DeadlineSet)}
            passed = Counter(e.fact.id for e in entries if isinstance(e.fact, DeadlinePassed))
            assert set(passed.values()) <= {1}, "passed twice"
            for e in entries:
                assert not isinstance(e.fact, DeadlinePassed) or e.at >= due[e.fact.id], "passed early"
            said += sum(isinstance(e.fact, MessageSent) for e in entries)
            notices_said += sum(isinstance(e.fact, NoticeSent) for e in entries)
        now = office_now(engine)
        for case in office.ticking:
            check_ticks(engine, case)
            ticks = sum(isinstance(e.fact, DeadlinePassed) for e in engine.facts(case))
            assert ticks == (now - MONDAY) // HOUR, "never passed"
        heard = sum(isinstance(e.fact, MessageReceived) for e in engine.facts(office.listener))
        assert heard == said and notices == notices_said
        check_rows(engine)
        again = ask_again(engine, people, facts)
    finally:
        engine.close()
    lost = [a for a in people.asked if a.lost]
    return (
        f"{len(done)} acknowledged commands, all there once; {len(lost)} had been in flight when something was killed "
        f"({sum(a.lost for a in people.asked)} answers lost) and were asked again; {again}; "
        f"{sum(people.refused.values())} refused; {said} messages heard and {notices} notices, each once"
    )


def office_now(engine: Engine) -> datetime:
    """The office's clock: the host's and the offset in the database."""
    with engine.read() as connection:
        return datetime.now(UTC) + timedelta(seconds=float(settings.get(connection, [OFFSET])[OFFSET]))


def ask_again(engine: Engine, people: People, facts: Counter[str]) -> str:
    """Beginnings asked once more under their ids: the ledger stays as it is."""
    with engine.read() as connection:
        before = connection.execute(sa.select(sa.func.count()).select_from(tables.facts)).scalar()
    begun = [a for a in people.asked if a.done and a.path == "/api/v1/cases"]
    for asked in begun:
        outcome = engine.execute(StartCase("crowd", {}, "S"), ANNA, asked.receipt)
        assert outcome.case == asked.case and len(outcome.facts) == facts[asked.receipt]
    with engine.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.facts)).scalar() == before
    return f"{len(begun)} asked once more doubled nothing"

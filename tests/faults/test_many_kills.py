"""The whole product on PostgreSQL and Redis, its processes and its servers killed at random moments while people work and
deadlines fall due: after it nothing that was acknowledged is lost or doubled, nothing is half there, and every deadline,
message and notice is there exactly once.

What it cannot show: a power cut. A killed server loses nothing that the operating system holds.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest

from tests.faults.living_office import Office, at_work, check, living_office, settled, work_goes_on
from tests.faults.product import Product, product

pytestmark = pytest.mark.slow

TIMES = float(os.environ.get("KILLS", "1"))
"""How many times the kills below; `make soak` takes more."""

KILLS = {
    "web": 58, "worker": 50, "backend": 12, "PostgreSQL killed": 10, "PostgreSQL at once": 8, "PostgreSQL stopped": 6,
    "Redis killed": 8, "Redis flushed": 8,
}  # fmt: skip
WEBS, WORKERS, PEOPLE = 3, 3, 4


def test_whatever_is_killed_nothing_is_lost_doubled_or_early() -> None:
    with living_office() as office:
        kill_everything(office)


def kill_everything(office: Office) -> None:
    choice = random.Random(20260928)
    planned = [kind for kind, times in KILLS.items() for _ in range(round(times * TIMES))]
    choice.shuffle(planned)
    killed: Counter[str] = Counter()
    with product(
        office.folder, office.postgres, office.redis, office.database, webs=WEBS, workers=WORKERS
    ) as running:
        with at_work(office, running, PEOPLE) as people:
            for kind in planned:
                work_goes_on(running, people, choice)
                killed[kind] += kill(running, kind, choice)
                assert not people.wrong, people.wrong[:5]
        settled(office, running)
        ended = Counter(name.rstrip("0123456789") for name in running.ended)
        assert running.stop() == [], "told to stop, it stops"
    told = check(office, people)
    print(  # noqa: T201
        f"{sum(killed.values())} kills ({', '.join(f'{kind} {times}' for kind, times in sorted(killed.items()))}); "
        f"ended by themselves meanwhile and started again: {dict(ended)}; {told}"
    )
    assert sum(killed.values()) >= 150 * TIMES


def kill(running: Product, kind: str, choice: random.Random) -> int:
    """Kill one of this kind and start again what does not start itself. Gives 1, or 0 where there was none to kill."""
    match kind:
        case "web" | "worker":
            found = [name for name in running.running if name.startswith(kind)]
            if not found:
                return 0
            running.kill(choice.choice(found))
        case "backend":
            return int(running.kill_a_backend(choice))
        case "PostgreSQL killed":
            running.postgres.kill()
        case "PostgreSQL at once":
            running.postgres.stop(at_once=True)
        case "PostgreSQL stopped":
            running.postgres.stop()
        case "Redis killed":
            running.redis.kill()
        case "Redis flushed":
            running.flush_redis()
    time.sleep(choice.uniform(0, 0.3))
    if running.postgres.process is None:
        running.postgres.start()
    if running.redis.process is None:
        running.redis.start()
    return 1

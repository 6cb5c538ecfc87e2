"""`duban web` as it is really run: one process that looks after several which answer at one port. Those that answer are killed,
the one that looks after them is killed, and it is told to stop while requests are in flight; people go on working over HTTP.
Nothing that was acknowledged is lost, nothing is doubled, nobody is left behind at the port, and who is told to stop stops.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter

import pytest

from engine.errors import Conflict
from engine.runtime import presence, restore
from engine.store.database import open_database
from tests.faults.living_office import Office, at_work, check, living_office, settled, work_goes_on
from tests.faults.product import Product, alive, children, product

pytestmark = pytest.mark.slow

KILLS = {"one that answers": 32, "one that looks after them": 10, "told to stop": 10}
SERVERS, PROCESSES, WORKERS, PEOPLE = 2, 3, 1, 6

STOPPED = 20.0
"""Seconds in which who is told to stop is gone. Less than the server gives its processes before it kills them: it had to kill none."""

ORPHANED = 30.0
"""Seconds in which those are gone that have lost the process that looked after them."""


def test_whatever_is_killed_of_a_server_nothing_is_lost() -> None:
    with living_office() as office:
        kill_servers(office)


def kill_servers(office: Office) -> None:
    choice = random.Random(20260928)
    planned = [kind for kind, times in KILLS.items() for _ in range(times)]
    choice.shuffle(planned)
    killed: Counter[str] = Counter()
    longest = 0.0
    with product(
        office.folder, office.postgres, office.redis, office.database,
        webs=SERVERS, workers=WORKERS, serve=f"web --processes {PROCESSES}",
    ) as running:  # fmt: skip
        with at_work(office, running, PEOPLE) as people:
            for kind in planned:
                work_goes_on(running, people, choice)
                name = choice.choice([f"web{n}" for n in range(SERVERS)])
                if kind == "told to stop":
                    longest = max(longest, told_to_stop(running, name))
                else:
                    kill(running, name, kind, choice)
                killed[kind] += 1
                assert not people.wrong, people.wrong[:5]
            refused_while_they_work(office)
        settled(office, running)
        ended = Counter(name.rstrip("0123456789") for name in running.ended)
        assert running.stop() == [], "told to stop, it stops"
    told = check(office, people)
    print(  # noqa: T201
        f"{dict(killed)}, the longest stop {longest:.1f} s; ended by themselves meanwhile and started again: {dict(ended)}; {told}"
    )
    assert killed == KILLS


def kill(running: Product, name: str, kind: str, choice: random.Random) -> None:
    """SIGKILL to one process of a server."""
    answering = there(running, name)
    if kind == "one that answers":
        os.kill(choice.choice(answering), signal.SIGKILL)
        return
    os.kill(running.running.pop(name), signal.SIGKILL)
    gone(answering, ORPHANED, "left behind at the port by the one that looked after them")


def there(running: Product, name: str) -> list[int]:
    """The processes of a server that answer, as soon as there are any."""
    until = time.monotonic() + 60
    while not (found := children(running.running.get(name, 0))):
        assert time.monotonic() < until, f"{name} does not begin"
        running.look_after()
        time.sleep(0.02)
    return found


def told_to_stop(running: Product, name: str) -> float:
    """SIGTERM to a server while people work at it; how long it took, with all its processes."""
    answering = there(running, name)
    pid = running.running.pop(name)
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    gone([pid, *answering], STOPPED, "told to stop and still there")
    return time.monotonic() - began


def gone(pids: list[int], seconds: float, otherwise: str) -> None:
    until = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < until, f"{otherwise}: {[pid for pid in pids if alive(pid)]}"
        time.sleep(0.01)


def refused_while_they_work(office: Office) -> None:
    """A restore meets the servers and the worker by name."""
    database = open_database(office.postgres.url(office.database))
    try:
        until = time.monotonic() + 30  # whoever has just been started again has a connection by then
        while {name.split()[0] for name in presence.others(database)} != {"web", "worker"}:
            assert time.monotonic() < until, presence.others(database)
            time.sleep(0.1)
        with pytest.raises(Conflict, match="web .*worker "):
            restore.alone(database)
    finally:
        database.close()

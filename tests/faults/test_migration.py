"""The tables are migrated while people work: the code of two releases runs on one database at once, nothing that was acknowledged
is lost, nobody queues behind a migration, and a program that is too old says so."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from engine.store import migrate
from tests.faults.http_people import People, ask
from tests.faults.living_office import Office, check, living_office, move_the_clock, settled
from tests.faults.product import Product, environment, product
from tests.faults.releases import NEW, OLD, Releases, made

BUSY = 40
"""Commands acknowledged in each phase."""


@pytest.mark.slow
def test_two_releases_work_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    releases = made(tmp_path)
    with living_office() as office:
        migrate_while_busy(office, releases)


def migrate_while_busy(office: Office, releases: Releases) -> None:
    servers = (office.folder, office.postgres, office.redis, office.database)
    stop = threading.Event()
    clock = threading.Thread(target=move_the_clock, args=(office, stop))
    with (
        product(*servers, webs=2, workers=1) as old,
        product(*servers, webs=2, workers=1, code=releases.next) as new,
    ):
        old.look_after()
        people = People(list(old.ports), office.tokens, "crowd")
        clock.start()
        threads = people.start(4, 3)
        try:
            go_on(people, old)
            expand(office, releases)
            go_on(people, old)  # the old release on the new tables
            old.kill("web0")  # and started again on them
            new.look_after()
            people.ports += new.ports
            go_on(people, old, new)
            people.ports = list(new.ports)
            assert old.stop() == []
            go_on(people, new)  # the new release alone
        finally:
            people.stop.set()
            stop.set()
            for thread in (clock, *threads):
                thread.join()
        settled(office, new)
        assert not people.wrong, people.wrong[:5]
        assert both_names_say_the_same(office) > 10
        told = check(office, people)  # by this release, on the new tables
        contract(office, releases, new)
    print(f"two releases at once: {told}")  # noqa: T201


def go_on(people: People, *products: Product) -> None:
    """Until `BUSY` more commands are acknowledged."""
    wanted, until = people.acknowledged + BUSY, time.monotonic() + 120
    while people.acknowledged < wanted:
        assert not people.wrong, people.wrong[:5]
        assert time.monotonic() < until, "nobody gets on"
        for running in products:
            running.look_after()
        time.sleep(0.02)


def expand(office: Office, releases: Releases) -> None:
    """`duban db upgrade` of the next release, twice at once, while people work."""
    both = [duban(office, releases.next, "db", "upgrade") for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert all(releases.expanded in text for text in said)


def contract(office: Office, releases: Releases, new: Product) -> None:
    """The old column goes: the next release works on, this one refuses to start."""
    upgrade = duban(office, releases.after, "db", "upgrade")
    assert releases.contracted in upgrade.communicate(timeout=120)[0]
    late = duban(office, releases.this, "worker", "--once")
    said = late.communicate(timeout=60)[0]
    assert late.returncode == 2 and "过旧" in said and "Traceback" not in said, said
    body = {"package": "crowd", "start": "S", "form": {}}
    for number in range(6):
        port = new.ports[number % 2]
        status, answer = ask(port, "POST", "/api/v1/cases", body, office.tokens["anna"], f"last-{number}")
        assert status == 201, answer


@pytest.mark.slow
def test_nobody_queues_behind_a_migration_for_long(tmp_path: Path) -> None:
    """Somebody holds the table that is to be changed for eight seconds; who only reads meanwhile waits two, and a bit."""
    releases = made(tmp_path)
    with living_office() as office:
        dsn = office.postgres.dsn(office.database)
        waited = [0.0]
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                begun = time.monotonic()
                with psycopg.connect(dsn) as connection:
                    connection.execute("SELECT count(*) FROM cases").fetchone()
                waited[0] = max(waited[0], time.monotonic() - begun)
                time.sleep(0.05)

        reader = threading.Thread(target=read)
        with psycopg.connect(dsn) as holding:
            holding.execute("SELECT 1 FROM cases LIMIT 1")
            upgrade = duban(office, releases.next, "db", "upgrade")
            time.sleep(1)
            reader.start()
            time.sleep(7)
        said = upgrade.communicate(timeout=120)[0]
        stop.set()
        reader.join()
        assert upgrade.returncode == 0 and releases.expanded in said and "tried again" in said, said
        assert waited[0] < migrate.LOCK_SECONDS + 3, waited


def both_names_say_the_same(office: Office) -> int:
    with psycopg.connect(office.postgres.dsn(office.database)) as connection:
        query = f"SELECT count(*), count(*) FILTER (WHERE {OLD} IS DISTINCT FROM {NEW}) FROM cases"
        row = connection.execute(query).fetchone()
    assert row is not None and row[1] == 0
    return int(row[0])


def duban(office: Office, code: Path, *words: str) -> subprocess.Popen[str]:
    """A `duban` command of this code, as a process of its own."""
    program = "import sys; from web.cli.main import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        env={**environment(office.folder, office.postgres.url(office.database), ""), "PYTHONPATH": str(code)},
        cwd=office.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

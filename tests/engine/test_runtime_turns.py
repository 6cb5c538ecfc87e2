"""Turns: whoever has much to say does not keep the others waiting, and what a case says stays in its order."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.commands import StartCase
from engine.facts import MessageReceived
from engine.runtime import relay, turns
from engine.runtime.engine import Engine
from engine.store import tables
from engine.values import dumps
from tests import stores
from tests.engine.office_builder import ANNA, CHIEF, WITHOUT_ACTIONS, later, new_office, start, trial_files

pytestmark = stores.both

EAR = """
process trial name=试办
    start S
    user A name=值班 groups=DB
    end E
    S -> A -> E
    eventsub K
        start K1 message=滴答 interrupting=false
        end K2
        K1 -> K2
"""


def post(engine: Engine, case: str, count: int, what: str = "notice", name: str = "") -> None:
    """Rows as a case's facts would have left them."""
    now = engine.now()
    data = {"notice": {"title": "告知"}, "message": {"name": name, "key": "", "variables": {}}}[what]
    with engine.database.write() as connection:
        before = connection.execute(sa.select(sa.func.count()).select_from(tables.outbox)).scalar() or 0
        rows = [
            {"key": f"{case}/{before + n}", "case": case, "what": what, "data": dumps(data), "written_at": now, "send_at": now}
            for n in range(count)
        ]  # fmt: skip
        connection.execute(sa.insert(tables.outbox), rows)


def chosen(engine: Engine, most: int) -> list[str]:
    """Whose turn it is, in order."""
    with engine.database.write() as connection:
        return [row.case for row in turns.waiting(connection, engine.now(), most, inside_only=False)]


def test_a_case_with_ten_thousand_rows_takes_its_turn(engine: Engine) -> None:
    greedy, *others = (start(engine).case for _ in range(4))
    post(engine, greedy, 10_000)
    for case in others:
        post(engine, case, 2)
    found = chosen(engine, 100)
    assert found[:8] == [greedy, *others, greedy, *others]
    assert Counter(found) == {greedy: 94, **dict.fromkeys(others, 2)}, (
        "nobody else waits: the rest is its own"
    )
    assert relay.relay(engine, 100) == 100
    assert set(chosen(engine, 100)) == {greedy}


def test_a_package_with_ten_thousand_rows_leaves_half_to_others(tmp_path: Path) -> None:
    engine = new_office(tmp_path)
    small = WITHOUT_ACTIONS.replace('key = "trial"', 'key = "small"')
    engine.publish(trial_files(EAR, small), CHIEF)
    crowd = [start(engine).case for _ in range(60)]
    for case in crowd:
        post(engine, case, 20)
    other = engine.execute(StartCase("small", {}), ANNA).case
    post(engine, other, 3)
    found = chosen(engine, 40)
    assert found.count(other) == 2 and len(found) == 40, "as much as any case has"


def test_a_poisoned_row_waits_alone(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    case = start(engine).case
    post(engine, case, 1)
    with engine.database.write() as connection:
        connection.execute(sa.update(tables.outbox).values(what="message", data=dumps({"senseless": 1})))
    post(engine, case, 5)
    assert relay.relay(engine, 10) == 5
    assert relay.relay(engine, 10) == 0
    with engine.read() as connection:
        waiting = connection.execute(sa.select(tables.outbox).where(tables.outbox.c.sent_at.is_(None))).one()
    assert (waiting.attempts, waiting.last_error) == (1, "KeyError")
    assert waiting.send_at == engine.now() + timedelta(seconds=10)
    later(engine, seconds=10)
    assert relay.relay(engine, 10) == 0
    with engine.read() as connection:
        assert connection.execute(sa.select(sa.func.max(tables.outbox.c.attempts))).scalar() == 2


def test_two_relays_carry_each_row_once_and_each_case_in_order(engine: Engine, store: str) -> None:
    if store == stores.SQLITE:  # there a relay holds nothing: several repeat, and receipts stop them (below)
        pytest.skip("SQLite has no locks on rows")
    one, two = (start(engine).case for _ in range(2))
    post(engine, one, 30)
    post(engine, two, 5)
    with engine.database.write() as first:
        ours = turns.waiting(first, engine.now(), 10, inside_only=False)
        assert {row.case for row in ours} == {one, two}
        with engine.database.write() as second:
            theirs = turns.waiting(second, engine.now(), 50, inside_only=False)
    assert [row for row in theirs if row.id in {o.id for o in ours}] == []
    assert theirs == [], "what is left of these cases comes after what the first relay carries"


@pytest.mark.slow
def test_four_relays_at_once(tmp_path: Path) -> None:
    engine = new_office(tmp_path, files=trial_files(EAR, WITHOUT_ACTIONS))
    speakers = [start(engine).case for _ in range(6)]
    for case in speakers:
        post(engine, case, 5, "message", "滴答")
        post(engine, case, 40)
    broken: list[str] = []

    def go() -> None:
        try:
            while relay.relay(engine, 16):
                pass
        except Exception as error:
            broken.append(repr(error))

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while relay.relay(engine, 100):
        pass
    assert broken == []
    with engine.read() as connection:
        count = sa.select(sa.func.count()).select_from(tables.notices)
        assert connection.execute(count).scalar() == 240
        waiting = sa.select(tables.outbox.c.last_error).where(tables.outbox.c.sent_at.is_(None))
        assert connection.execute(waiting).all() == []
    for case in speakers:  # each hears what the five others said, once
        heard = [e for e in engine.facts(case) if isinstance(e.fact, MessageReceived)]
        assert len(heard) == 25

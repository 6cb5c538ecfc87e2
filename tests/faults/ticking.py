"""Cases that a timer ticks in every hour, each tick a message and a notice; a case that hears the messages; and what must
hold of all of it whatever was killed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from engine.audit.rebuild import rebuild
from engine.audit.verify import verify
from engine.facts import DeadlinePassed, DeadlineSet
from engine.runtime.engine import Engine
from tests.engine.office_builder import CHIEF, MONDAY, WITHOUT_ACTIONS, rows, trial_files

HOUR = timedelta(hours=1)

LOCKS = ("locked_by", "locked_until")
"""Who has fetched a job is no fact: its lock runs out, and a rebuild knows nothing of it."""

TICKING = """
process trial name=试办
    start S
    user A name=等待 groups=DB
    boundary T name=每时 on=A interrupting=false cycle=R/PT1H
    throw M message=滴答
    service N topic=notice.send name=告知 in:unit="p.party" in:title="p.name"
    end X
    end E
    S -> A -> E
    T -> M -> N -> X
"""

LISTENING = """
process ear name=听
    start S
    user A name=值班 groups=DB
    end E
    S -> A -> E
    eventsub K
        start K1 message=滴答 interrupting=false
        end K2
        K1 -> K2
"""


def publish_listener(engine: Engine) -> None:
    """The package `ear`, whose case hears every tick."""
    toml = WITHOUT_ACTIONS.replace('key = "trial"', 'key = "ear"').replace('main = "trial"', 'main = "ear"')
    engine.publish({"process.toml": toml.encode(), "ear.bpmn": trial_files(LISTENING)["trial.bpmn"]}, CHIEF)


def check_rows(engine: Engine) -> None:
    """Chains hold, snapshots are the fold of the facts, and rows equal a rebuild."""
    with engine.read() as connection:
        report = verify(connection, fold=True)
        before = rows(connection, without=LOCKS)
    assert report.ok, report.breaks
    with engine.database.write() as connection:
        rebuild(connection, engine.package, engine.calendar())
        after = rows(connection, without=LOCKS)
    for name, found in before.items():
        different = [(a, b) for a, b in zip(found, after[name], strict=False) if a != b]
        assert found == after[name], (name, len(found), len(after[name]), different[:2])


def check_ticks(engine: Engine, case: str) -> None:
    """Hour after hour, each armed once, each passed at most once and never before it was due."""
    due: dict[int, datetime] = {}
    passed: Counter[int] = Counter()
    for entry in engine.facts(case):
        if isinstance(entry.fact, DeadlineSet):
            due[entry.fact.id] = entry.fact.due
        elif isinstance(entry.fact, DeadlinePassed):
            passed[entry.fact.id] += 1
            assert entry.at >= due[entry.fact.id], "passed early"
    assert sorted(due.values()) == [MONDAY + HOUR * n for n in range(1, len(due) + 1)]
    assert set(passed.values()) <= {1}, "passed twice"
    armed = engine.load(case).deadlines
    assert sorted(armed) == sorted(set(due) - set(passed))

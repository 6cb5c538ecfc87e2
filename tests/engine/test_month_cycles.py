"""Timers that repeat every month: from the 31st they fire at the end of every month, not on the 28th for ever (民法典 202)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from engine.clock import SHANGHAI, FixedClock
from engine.commands import ENGINE, ResumeCase, SuspendCase
from engine.facts import DeadlineSet
from engine.runtime import office
from engine.runtime.worker import Worker
from tests.engine.office_builder import CHIEF, WITHOUT_ACTIONS, new_office, start, trial_files

MONTHLY = """
process trial name=试办
    start S
    user A name=等待 groups=DB
    boundary T name=每月 on=A interrupting=false cycle={cycle}
    end X
    end E
    S -> A -> E
    T -> X
"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("cycle", "begun", "firings"),
    [
        ("R/P1M", "2026-01-31T09:00", ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]),
        ("R/P1M", "2026-01-29T09:00", ["2026-02-28", "2026-03-29", "2026-04-29"]),
        ("R/P3M", "2026-08-31T09:00", ["2026-11-30"]),
        ("R2/P1M", "2026-01-30T09:00", ["2026-02-28", "2026-03-30"]),
        ("R/2026-03-31T09:00:00/P1M", "2026-01-05T09:00", ["2026-03-31", "2026-04-30", "2026-05-31"]),
        ("R/P1M", "2026-02-28T09:00", ["2026-03-28", "2026-04-28"]),
    ],
)
def test_a_month_is_counted_from_the_day_it_began_with(
    tmp_path: Path, cycle: str, begun: str, firings: list[str]
) -> None:
    clock = FixedClock(at(begun))
    engine = new_office(tmp_path, clock, trial_files(MONTHLY.format(cycle=cycle), WITHOUT_ACTIONS))
    case = start(engine).case
    worker = Worker(engine)
    for _ in firings[1:]:
        (deadline,) = engine.load(case).deadlines.values()
        assert deadline.due is not None
        clock.at = deadline.due
        worker.step()
    due = [e.fact.due.astimezone(SHANGHAI) for e in engine.facts(case) if isinstance(e.fact, DeadlineSet)]
    assert due == [at(f"{day}T09:00") for day in firings]
    engine.close()


def test_after_a_suspension_it_is_counted_from_the_day_it_was_moved_to(tmp_path: Path) -> None:
    clock = FixedClock(at("2026-01-30T09:00"))
    engine = new_office(tmp_path, clock, trial_files(MONTHLY.format(cycle="R/P1M"), WITHOUT_ACTIONS))
    office.seed_calendar(engine, [2026], ENGINE)
    case = start(engine).case
    clock.at = at("2026-02-10T09:00")
    engine.execute(SuspendCase(case, "不可抗力"), CHIEF)
    clock.at = at("2026-02-12T09:00")
    engine.execute(ResumeCase(case, "恢复办理"), CHIEF)
    (moved,) = engine.load(case).deadlines.values()
    assert moved.due is not None and moved.due > at("2026-02-28T09:00")
    clock.at = moved.due
    Worker(engine).step()
    (following,) = engine.load(case).deadlines.values()
    assert following.due is not None
    first, second = moved.due.astimezone(SHANGHAI), following.due.astimezone(SHANGHAI)
    assert (second.month, second.day) == (first.month + 1, first.day)
    engine.close()

"""The capacity model 容量: from what was measured in the same run and what an office is assumed to do, what a county, a city, a
province and all counties need. `burst` is 8:30 on the first working day after a holiday, click by click.

Everything assumed stands with its source in capacity.toml; nothing is assumed here.
"""

from __future__ import annotations

import heapq
import math
import random
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ASSUMED: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())


@dataclass(frozen=True)
class Measured:
    """Seconds of one client, alone, with everything durable; bytes in tables and indexes."""

    completion: float
    page: float
    deadline: float
    facts_an_item: float
    bytes_a_fact: float
    bytes_a_case: float  # without its facts: rows, snapshot, indexes


@dataclass(frozen=True)
class Need:
    """What one level needs."""

    open_cases: float
    items_a_day: float
    deadlines_a_day: float
    facts_a_year: float
    gigabytes_a_year: float
    cores: int  # in the busiest hour
    databases: int
    by_month: bool  # `duban db partition`
    yuan_a_year: float  # cores, and the disk after three years


def assumed(group: str, name: str) -> float:
    return float(ASSUMED[group][name]["value"])


def need(counties: int, m: Measured) -> Need:
    """What so many counties need together."""
    work = ASSUMED["work"].values()
    items = counties * sum(w["a_year"] * w["items"] for w in work)
    cases = counties * sum(w["a_year"] for w in work)
    days = assumed("office", "working_days")
    deadlines = items * assumed("office", "deadlines_an_item")
    facts = items * m.facts_an_item
    gigabytes = (facts * m.bytes_a_fact + cases * m.bytes_a_case) / 1e9
    seconds = (
        items * (m.completion + assumed("office", "pages_an_item") * m.page) + deadlines * m.deadline
    ) / days
    cores = max(math.ceil(seconds * assumed("office", "peak_hour") / 3600 / assumed("office", "busy")), 1)
    databases = max(math.ceil(facts / assumed("cost", "database_split_from")), 1)
    yuan = cores * assumed("cost", "core_year") + 3 * gigabytes / 1000 * assumed("cost", "terabyte_year")
    return Need(
        open_cases=counties * sum(w["a_year"] * w["months_open"] / 12 for w in work),
        items_a_day=items / days,
        deadlines_a_day=deadlines / days,
        facts_a_year=facts,
        gigabytes_a_year=gigabytes,
        cores=cores,
        databases=databases,
        by_month=facts / databases >= assumed("cost", "month_partitions_from"),
        yuan_a_year=yuan,
    )


@dataclass(frozen=True)
class Burst:
    """How a morning goes."""

    deadlines: int
    last_fired: float  # seconds after 8:30
    click_p99: float  # seconds
    clicks: int


def burst(counties: int, m: Measured, webs: int, workers: int, seed: int = 1) -> Burst:
    """8:30 after a holiday: what fell due meanwhile fires at once while everybody signs in.

    Each web process and worker has a core to itself and serves one thing after the other, in the order of arrival, for as long
    as it was measured to take with one client; the database is not the limit. With more processes than cores take the
    figures of as many as there are cores.
    """
    dice = random.Random(seed)
    each_day = need(counties, m).deadlines_a_day
    deadlines = math.ceil(each_day * assumed("burst", "holiday_days"))
    last = math.ceil(deadlines / workers) * m.deadline
    people = int(counties * assumed("office", "people"))
    arrivals: list[float] = []
    for _ in range(people):
        begun = dice.uniform(0, assumed("burst", "minutes_to_sign_in") * 60)
        arrivals += [begun + dice.uniform(0, 1800) for _ in range(int(assumed("burst", "clicks")) - 1)] + [
            begun
        ]
    free = [0.0] * webs
    waited: list[float] = []
    for at in sorted(arrivals):
        took = m.completion if dice.random() < assumed("burst", "completions") else m.page
        done = max(at, heapq.heappop(free)) + took
        heapq.heappush(free, done)
        waited.append(done - at)
    waited.sort()
    return Burst(deadlines, last, waited[int(len(waited) * 0.99)], len(waited))


def sizes(m: Measured, counties: int) -> int:
    """The fewest web processes (of 1, 2, 4 …) with which the 99th of a hundred clicks is answered within a second, or within
    twice what it takes alone where that is more."""
    within = max(1.0, 2 * max(m.page, m.completion))
    webs = 1
    while burst(counties, m, webs, 1).click_p99 > within:
        webs *= 2
    return webs

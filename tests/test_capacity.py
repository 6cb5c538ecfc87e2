"""The capacity model counts right: what is known without it comes out of it."""

from __future__ import annotations

import pytest

from tests.benchmarks.capacity import ASSUMED, Measured, assumed, burst, need, sizes

M = Measured(
    completion=0.01, page=0.02, deadline=0.002, facts_an_item=10, bytes_a_fact=400, bytes_a_case=9000
)


def test_every_assumption_says_where_it_comes_from() -> None:
    said = [value for group in ASSUMED.values() for value in group.values()]
    assert len(said) > 15
    assert all(one["source"].startswith(("[", "a_year [")) or one.get("counties") == 1 for one in said)


def test_a_county_by_hand() -> None:
    found = need(1, M)
    items = 67 * 45 + 3000 * 6 + 2000 * 8
    assert found.items_a_day == pytest.approx(items / 250)
    assert found.facts_a_year == items * 10
    assert found.gigabytes_a_year == pytest.approx((items * 10 * 400 + 5067 * 9000) / 1e9)
    assert (found.cores, found.databases, found.by_month) == (1, 1, False)


def test_needs_grow_with_the_counties_and_are_split() -> None:
    one, many = need(1, M), need(2844, M)
    assert many.facts_a_year == pytest.approx(2844 * one.facts_a_year)
    assert many.databases == 11 and many.by_month and many.cores == 12


def test_what_fell_due_is_fired_one_after_the_other_by_each_worker() -> None:
    one, four = burst(1, M, 1, 1), burst(1, M, 1, 4)
    assert one.deadlines == four.deadlines == pytest.approx(need(1, M).deadlines_a_day * 7, abs=1)
    assert one.last_fired == pytest.approx(one.deadlines * 0.002)
    assert four.last_fired == pytest.approx(one.last_fired / 4, rel=0.01)


def test_a_queue_that_cannot_keep_up_waits_for_its_backlog() -> None:
    """Clicks come over 45 minutes; with one process that needs longer for all of them, the last waits for the rest."""
    slow = Measured(2.0, 2.0, 0.002, 10, 400, 9000)
    found = burst(1, slow, 1, 1)
    assert found.clicks == assumed("office", "people") * assumed("burst", "clicks")
    backlog = found.clicks * 2.0 - 45 * 60
    assert backlog * 0.95 < found.click_p99 < backlog * 1.05
    assert burst(1, M, 64, 1).click_p99 <= 0.02 + 1e-9  # enough of them: nobody waits
    enough = sizes(slow, 1)
    assert burst(1, slow, enough, 1).click_p99 <= 4.0 < burst(1, slow, enough // 2, 1).click_p99

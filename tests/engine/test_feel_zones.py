"""Zones 时区: what an author writes keeps its zone, what the engine keeps is shown in Shanghai, and a value that was
kept and read back is the same in every respect (DMN 1.5, 10.3.2.3.4 to 10.3.2.3.8)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.clock import SHANGHAI
from engine.feel import compile_expression
from engine.values import Range, canonical, dumps, loads
from tests.engine.builders import MOMENT

KEPT = [
    '@"2016-12-24T23:59:00Z"',
    '@"2016-12-24T23:59:00+00:00"',
    '@"2016-12-24T23:59:00-08:00"',
    '@"2018-12-10T10:30:00.0001+05:00:01"',
    '@"2026-03-28T12:00:00@Europe/Paris"',
    '@"2026-03-29T02:30:00@Europe/Paris"',  # which no clock in Paris shows
    '@"2026-10-25T02:30:00@Europe/Paris"',  # which they show twice
    '@"2026-10-25T00:30:00Z" + @"PT1H"',
    '@"2026-10-01T08:30:00@Asia/Shanghai"',
    '@"2026-10-01T08:30:00@Etc/UTC"',
    '@"2026-10-01T08:30:00"',
    '@"10:30:00@Europe/Paris"',
    '@"10:30:00@Asia/Shanghai"',
    '@"10:30:00Z"',
    '@"10:30:00+05:30"',
    '@"10:30:00"',
    "now()",
    "workdays(today(), 3)",
    'date and time(@"2026-10-01", @"08:30:00Z")',
    "time(now())",
]
ASKED = [
    "string(v)",
    "v.hour",
    "v.minute",
    "v.time offset",
    "v.timezone",
    'string(v + @"P1D")',
    'string(v + @"PT20H")',
    "v = original",
    "is(v, original)",
    "v - original",
]


def value(text: str, /, **context: Any) -> Any:
    return compile_expression(text).evaluate(context, MOMENT)


@pytest.mark.parametrize("text", KEPT)
def test_what_is_kept_comes_back_the_same(text: str) -> None:
    original = value(text)
    back = loads(dumps(original))
    assert dumps(back) == dumps(original)
    for question in ASKED:
        assert value(question, v=back, original=original) == value(question, v=original, original=original), (
            question
        )


@pytest.mark.parametrize(
    ("value_", "expected"),
    [
        (datetime(2026, 9, 28, 1, tzinfo=UTC), b'{"$datetime":"2026-09-28T01:00:00+00:00"}'),
        (datetime(2026, 9, 28, 1, tzinfo=SHANGHAI), b'{"$datetime":"2026-09-28T01:00:00+08:00"}'),
        (date(2026, 9, 28), b'{"$date":"2026-09-28"}'),
        (timedelta(hours=30), b'{"$duration":"P1DT6H"}'),
        (
            datetime(2026, 9, 28, 1, tzinfo=ZoneInfo("Europe/Paris")),
            b'{"$datetime":"2026-09-28T01:00:00+02:00@Europe/Paris"}',
        ),
        (Range(1, date(2026, 9, 28), True, False), b'{"$range":[true,1,{"$date":"2026-09-28"},false]}'),
    ],
)
def test_the_bytes_that_digests_are_made_of(value_: Any, expected: bytes) -> None:
    assert canonical(value_) == expected


def test_a_zone_that_is_unknown_here_keeps_its_instant() -> None:
    found = loads(b'{"$datetime":"2026-09-28T01:00:00+02:00@Mars/Base"}')
    assert found == datetime(2026, 9, 27, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('string(date and time("2016-12-24T23:59:00Z"))', "2016-12-24T23:59:00Z"),
        ('date and time("2016-12-24T23:59:00Z").hour', 23),
        ('string(date and time("2016-12-24T23:59:00@Etc/UTC"))', "2016-12-24T23:59:00@Etc/UTC"),
        ("now().hour", 9),
        ("string(now())", "2026-09-28T09:00:00+08:00"),
        ('time("24:00:00") = time("00:00:00")', True),
        ('string(date and time("2016-01-30T24:00:00"))', "2016-01-31T00:00:00"),
        ('date and time("2016-01-30T24:00:01")', None),
        ('time("24:01:00")', None),
        ('date and time("2016-12-24T23:59:00+14:01")', None),
        ('string(time("23:59:00+14:00"))', "23:59:00+14:00"),
        ('time("10:30:00@Europe/Paris") = time("10:30:00@Europe/Paris")', True),
        ('time("10:30:00@Europe/Paris") = time("10:30:00")', False),
        ('time("10:30:00@Europe/Paris") = time("10:30:00@Asia/Dhaka")', False),
        ('time("10:30:00+02:00") = time("10:30:00@Europe/Paris")', False),
        ('time("10:30:00Z") = time("10:30:00+00:00")', True),
        ('time("10:30:00@Etc/UTC").timezone', "Etc/UTC"),
        ('string(time("10:30:00@Etc/UTC"))', "10:30:00@Etc/UTC"),
        ('is(@"23:00:50z", @"23:00:50+00:00")', True),
        ('is(@"23:00:50z", @"23:00:50")', False),
        ('is(@"10:30:00@Europe/Paris", @"10:30:00")', False),
        ('@"2018-12-08T00:00:00+01:00" = @"2018-12-08T00:00:00Z"', False),
        ('@"2002-04-02T23:00:00-04:00" = @"2002-04-03T02:00:00-01:00"', True),
        ('string(@"10:30:00.123456789012")', "10:30:00.123456"),
    ],
)
def test_zones(text: str, expected: Any) -> None:
    assert value(text) == expected

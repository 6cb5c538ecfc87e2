"""The values' codec 变量值编码: whatever a case remembers comes back as exactly what it was."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputInvalid
from engine.values import (
    Months,
    canonical,
    dumps,
    duration_text,
    from_outside,
    loads,
    parse_duration,
    plain,
    plain_json,
)

zones = st.sampled_from([None, UTC, timezone(timedelta(hours=8)), timezone(-timedelta(hours=9, minutes=30))])
keys = st.text(max_size=6).filter(lambda key: not key.startswith("$"))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**34) + 1, 10**34 - 1),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.dates(),
    st.datetimes(timezones=zones),
    st.times(timezones=zones),
    st.timedeltas(),
    st.builds(Months, st.integers(-(10**9), 10**9)),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Equal in value and in kind, down to Decimal's digits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, Decimal):
        return str(a) == str(b)
    if isinstance(a, datetime | time):
        return a == b and a.utcoffset() == b.utcoffset()
    return bool(a == b)


@given(values)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert same(loads(dumps(value)), value)


@given(values)
def test_the_same_value_has_the_same_bytes(value: Any) -> None:
    assert dumps(loads(dumps(value))) == dumps(value)


@given(st.dictionaries(keys, scalars, max_size=6))
def test_the_order_of_entries_is_kept_and_does_not_matter_for_digests(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))
    assert list(loads(dumps(turned))) == list(turned)
    assert canonical(turned) == canonical(value)


@given(values)
def test_what_is_shown_is_plain_json(value: Any) -> None:
    json.dumps(plain(value), allow_nan=False)
    assert plain_json(value) == dumps(plain(value))


def test_what_is_shown_in_one_pass_is_what_is_shown_in_two() -> None:
    odd = {1: "key", "tuple": (date(2026, 1, 1), 2**70), "mapping": MappingProxyType({"a": Decimal("1.50")})}
    assert plain_json(odd) == dumps(plain(odd))
    with pytest.raises(TypeError):
        plain_json({"a": object()})


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**34 - 1, -(10**34) + 1])
def test_large_integers_stay_integers(number: int) -> None:
    assert same(loads(dumps({"a": [number], "b": date(2026, 1, 1)})), {"a": [number], "b": date(2026, 1, 1)})


@given(st.timedeltas())
def test_durations_are_read_back(value: timedelta) -> None:
    assert parse_duration(duration_text(value)) == value


@given(st.integers(-(10**9), 10**9).map(Months))
def test_months_are_read_back(value: Months) -> None:
    assert parse_duration(str(value)) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P1D", timedelta(days=1)),
        ("-P1DT2H", -timedelta(days=1, hours=2)),
        ("P2W", timedelta(weeks=2)),
        ("PT0.5S", timedelta(milliseconds=500)),
        ("P1Y2M", Months(14)),
        ("-P1M", Months(-1)),
        ("P0M", Months(0)),
        ("PT0S", timedelta(0)),
    ],
)
def test_iso_durations(text: str, expected: object) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "P1Y1D", "1D", "P1H", "PT1D", "P-1D", "P999999999W", "P１D", "P1D\n"]
)
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    "raw",
    [
        10**34,
        float("nan"),
        float("inf"),
        "a\x00b",
        "\ud800",
        {"$date": "2026-01-01"},
        {"a": {"$x": 1}},
        {"a\x00": 1},
        object(),
        [[[[object()]]]],
    ],
)
def test_what_a_case_cannot_remember_is_refused(raw: object) -> None:
    with pytest.raises(InputInvalid):
        from_outside(raw)


def test_nesting_is_bounded() -> None:
    raw: Any = 1
    for _ in range(33):
        raw = [raw]
    with pytest.raises(InputInvalid, match="32"):
        from_outside(raw)


def test_json_from_outside() -> None:
    assert same(
        from_outside({"a": 1.5, "b": [True, None, "x"], "c": {"d": 2}}),
        {"a": Decimal("1.5"), "b": [True, None, "x"], "c": {"d": 2}},
    )


def test_what_is_no_value_is_not_written() -> None:
    for odd in (object(), {1, 2}, b"x", {"a": [3 + 4j]}):
        with pytest.raises(TypeError):
            dumps(odd)


@pytest.mark.parametrize(
    "data",
    [b"{", b'{"$date": "soon"}', b'{"$number": "x"}', b'{"$number": "NaN"}', b'{"$duration": "P"}', b"\xff"]
    + [b'{"$time": "25:00"}', b'[{"$datetime": "2026-02-30T00:00"}]', b'{"$integer": "1.5"}', b"[" * 5000],
)
def test_damaged_data_is_refused_and_not_a_crash(data: bytes) -> None:
    with pytest.raises(InputInvalid):
        loads(data)

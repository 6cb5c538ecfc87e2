"""Holidays and make-up days as the State Council announced them, written down by hand: what the product's calendar is held
against. And a program run on hosts of other time zones, which must change no answer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta

_OFF = (
    "2024-01-01 2024-01-01  2024-02-10 2024-02-17  2024-04-04 2024-04-06  2024-05-01 2024-05-05  2024-06-10 2024-06-10 "
    "2024-09-15 2024-09-17  2024-10-01 2024-10-07 "
    "2025-01-01 2025-01-01  2025-01-28 2025-02-04  2025-04-04 2025-04-06  2025-05-01 2025-05-05  2025-05-31 2025-06-02 "
    "2025-10-01 2025-10-08 "
    "2026-01-01 2026-01-03  2026-02-15 2026-02-23  2026-04-04 2026-04-06  2026-05-01 2026-05-05  2026-06-19 2026-06-21 "
    "2026-09-25 2026-09-27  2026-10-01 2026-10-07 "
)
_MAKE_UP = (
    "2024-02-04 2024-02-18 2024-04-07 2024-04-28 2024-05-11 2024-09-14 2024-09-29 2024-10-12 "
    "2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 "
    "2026-01-04 2026-02-14 2026-02-28 2026-05-09 2026-09-20 2026-10-10 "
)
"""国务院办公厅关于2024年、2025年、2026年部分节假日安排的通知: 放假 from–to, 上班 (调休)."""

YEARS = range(2024, 2027)


def days(first: date, last: date) -> Iterator[date]:
    """From the first to the last, both counted."""
    while first <= last:
        yield first
        first += timedelta(days=1)


_ends = [date.fromisoformat(one) for one in _OFF.split()]
OFF = frozenset(day for first, last in zip(_ends[::2], _ends[1::2], strict=True) for day in days(first, last))
MAKE_UP = frozenset(map(date.fromisoformat, _MAKE_UP.split()))


def said_on_hosts(program: str, *zones: str) -> dict[str, str]:
    """What `program` prints on a host of each zone."""
    return {
        zone: subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone in zones
    }

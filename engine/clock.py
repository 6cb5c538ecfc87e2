"""What time it is 时钟, as the rest of the engine is told. The host's clock itself is read in `runtime.host_clock` only.

Instants are aware datetimes in UTC everywhere; days are computed in Asia/Shanghai by the calendar, whatever
the host's zone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Anything that can say the present instant (aware, UTC)."""

    def now(self) -> datetime: ...


class FixedClock:
    """A clock that moves only when told to: scenarios, simulation, `duban play`."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

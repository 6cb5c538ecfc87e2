"""The host's clock 系统时钟: the only place where the engine reads one."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """A `Clock`: the present instant, aware, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)

"""What the subcommands share 公用: the engine by the environment's settings, a person by account, instants in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from engine.clock import SHANGHAI
from engine.commands import Actor
from engine.errors import InputInvalid, NotFound
from engine.runtime.engine import Engine
from engine.runtime.settings import Settings
from engine.store.tables import people

CHECKOUT = Path(__file__).resolve().parents[2]
"""Where `processes/` and `forms/` lie."""

TERMINAL = Actor(name="系统管理员（命令行）")
"""Who changes things from the command line: whoever has the machine. Written so into the trail."""


@contextmanager
def opened() -> Iterator[Engine]:
    """The engine that the environment's settings name."""
    engine = Settings.from_environment().engine()
    try:
        yield engine
    finally:
        engine.close()


def person_of(engine: Engine, account: str) -> Any:
    """The person's row by account. Raises `NotFound`."""
    with engine.read() as connection:
        row = connection.execute(sa.select(people).where(people.c.account == account)).first()
    if row is None:
        raise NotFound(f"没有账号“{account}”。用 duban user list 查看全部账号。")
    return row


def shown(at: datetime | None) -> str:
    """An instant as the office writes it, in Shanghai."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") if at else "—"


def instant_of(text: str) -> datetime:
    """`2026-10-08T08:30` in Shanghai, or with a zone. Raises `InputInvalid`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InputInvalid(f"“{text}”不是时间，应写成 2026-10-08T08:30。") from None
    return at if at.tzinfo else at.replace(tzinfo=SHANGHAI)


def day_of(text: str) -> date:
    """`2026-10-08`. Raises `InputInvalid`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputInvalid(f"“{text}”不是日期，应写成 2026-10-08。") from None


def line(data: Any) -> None:
    """One JSON line for machines."""
    print(json.dumps(data, ensure_ascii=False, default=str))

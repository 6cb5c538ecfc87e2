"""Whether we live and are ready 运行状况: `/livez` asks the process only, `/readyz` what it stands on.

What fails makes the answer 503: no database, tables of another version, deadlines overdue for a minute, a clock that jumped, a
full disk. What only warns does not: Redis away (losing it loses nothing), a long outbox, letters held after a restore.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response

from engine.clock import SHANGHAI
from engine.runtime import claims, guarded_clock, hold
from engine.runtime.engine import Engine
from engine.runtime.settings import Settings
from engine.store import migrate
from engine.store import tables as t
from engine.values import dumps
from web.context import the_engine, the_settings
from web.identity import may

LATE = timedelta(seconds=60)

PATIENCE = 5.0
"""Seconds a check has: what takes longer counts as not reachable [P]."""

LONG_OUTBOX = 1000
"""Things waiting to be sent that are worth a warning [P]."""

blueprint = Blueprint("health", __name__)

Check = Callable[[Engine, Settings], tuple[bool, str]]


@blueprint.get("/livez")
@may("anyone")
def alive() -> Response:
    """The process answers."""
    return _json({"status": "ok"}, 200)


@blueprint.get("/readyz")
@may("anyone")
def ready() -> Response:
    """Whether this process may be given work; each check with its finding."""
    engine, settings = the_engine(), the_settings()
    begun = [(name, warns, _begin(check, engine, settings)) for name, (check, warns) in CHECKS.items()]
    checks: dict[str, Any] = {}
    for name, warns, found in begun:
        try:
            good, detail = found.result(PATIENCE)
        except TimeoutError:
            good, detail = False, f"{PATIENCE:g} 秒内没有答复"
        except Exception as error:  # whatever it is, we are not ready
            good, detail = False, type(error).__name__
        checks[name] = {"ok": good, "detail": detail} | ({"warning": True} if warns and not good else {})
    good = all(c["ok"] or c.get("warning") for c in checks.values())
    return _json({"status": "ok" if good else "not_ready", "checks": checks}, 200 if good else 503)


def _begin(check: Check, engine: Engine, settings: Settings) -> Future[tuple[bool, str]]:
    """Look in a thread of its own, so that a database that hangs does not make us hang."""
    found: Future[tuple[bool, str]] = Future()

    def look() -> None:
        try:
            found.set_result(check(engine, settings))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=look, name="readyz", daemon=True).start()
    return found


def _database(engine: Engine, settings: Settings) -> tuple[bool, str]:
    with engine.database.glance() as c:
        c.execute(sa.select(sa.literal(1)))
    return True, "可以读取"


def _migration(engine: Engine, settings: Settings) -> tuple[bool, str]:
    current, newest = migrate.revision_in_force(engine.database), migrate.revision_wanted()
    return migrate.serves(engine.database), f"{current or '无'} / {newest}"


def _deadlines(engine: Engine, settings: Settings) -> tuple[bool, str]:
    """Suspended cases have no armed deadline; a deadline is late by the clock it is passed by (the database's)."""
    with engine.read() as c:
        oldest = claims.next_due(c, ())
        now = engine.moment_in(c).now
    if oldest is None:
        return True, "没有等待的时限"
    late = now - oldest
    word = "已过" if late > timedelta(0) else "还有"
    return late < LATE, f"最早一条{word} {abs(int(late.total_seconds()))} 秒"


def _clock(engine: Engine, settings: Settings) -> tuple[bool, str]:
    with engine.read() as c:
        wrong = guarded_clock.alarm(c)
    return not wrong, wrong or "没有告警"


def _disk(engine: Engine, settings: Settings) -> tuple[bool, str]:
    usage = shutil.disk_usage(settings.data if settings.data.exists() else ".")
    free = 100 * usage.free / usage.total
    return free > settings.disk_free, f"剩余 {free:.0f}%，至少须 {settings.disk_free}%"


def _redis(engine: Engine, settings: Settings) -> tuple[bool, str]:
    if not settings.redis:
        return True, "没有使用"
    import redis  # only where one is used

    with redis.Redis.from_url(settings.redis, socket_timeout=1, socket_connect_timeout=1) as client:
        client.ping()
    return True, "可以连接"


def _outbox(engine: Engine, settings: Settings) -> tuple[bool, str]:
    """Counted no further than what is worth a warning."""
    waiting = sa.select(t.outbox.c.id).where(t.outbox.c.sent_at.is_(None), t.outbox.c.send_at <= engine.now())
    with engine.database.glance() as c:
        n = c.execute(
            sa.select(sa.func.count()).select_from(waiting.limit(LONG_OUTBOX + 1).subquery())
        ).scalar_one()
    return n <= LONG_OUTBOX, f"{n if n <= LONG_OUTBOX else f'超过 {LONG_OUTBOX}'} 件待发"


def _letters(engine: Engine, settings: Settings) -> tuple[bool, str]:
    with engine.database.glance() as c:
        since = hold.since(c)
    if since is None:
        return True, "没有暂停外发"
    return False, f"{since.astimezone(SHANGHAI):%Y-%m-%d %H:%M} 恢复后暂停外发，用 duban outbox held 核对"


CHECKS: dict[str, tuple[Check, bool]] = {
    "database": (_database, False),
    "migration": (_migration, False),
    "deadlines": (_deadlines, False),
    "clock": (_clock, False),
    "disk": (_disk, False),
    "redis": (_redis, True),
    "outbox": (_outbox, True),
    "letters": (_letters, True),
}
"""Each check, and whether it only warns."""


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(dumps(body), status=status, content_type="application/json")

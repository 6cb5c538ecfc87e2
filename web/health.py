"""Whether we live and are ready 运行状况: `/livez` asks the process only, `/readyz` what it stands on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response

from engine.runtime import guarded_clock
from engine.store import tables as t
from engine.values import dumps
from web.context import the_engine, the_settings
from web.identity import may

LATE = timedelta(seconds=60)
DISK_FREE = 0.10

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
@may("anyone")
def alive() -> Response:
    """The process answers."""
    return _json({"status": "ok"}, 200)


@blueprint.get("/readyz")
@may("anyone")
def ready() -> Response:
    """Database reachable, migration in force, no deadline overdue for a minute, room on the disk."""
    checks: dict[str, Any] = {}
    for name, check in CHECKS.items():
        try:
            good, detail = check()
        except Exception as error:  # whatever it is, we are not ready
            good, detail = False, type(error).__name__
        checks[name] = {"ok": good, "detail": detail}
    good = all(c["ok"] for c in checks.values())
    return _json({"status": "ok" if good else "not_ready", "checks": checks}, 200 if good else 503)


def _database() -> tuple[bool, str]:
    with the_engine().read() as c:
        c.execute(sa.select(sa.literal(1)))
    return True, "可以读取"


def _migration() -> tuple[bool, str]:
    from engine.store import migrate

    current, newest = migrate.revision_in_force(the_engine().database), migrate.revision_wanted()
    return migrate.serves(the_engine().database), f"{current or '无'} / {newest}"


def _deadlines() -> tuple[bool, str]:
    engine = the_engine()
    with engine.read() as c:
        statement = (
            sa.select(sa.func.min(t.deadlines.c.due))
            .select_from(t.deadlines.join(t.cases, t.cases.c.id == t.deadlines.c.case))
            .where(t.cases.c.state == "open")
        )
        oldest = c.execute(statement).scalar()
    if oldest is None:
        return True, "没有等待的时限"
    late = engine.moment().now - oldest
    return (
        late < LATE,
        f"最早一条 {'已过' if late > timedelta(0) else '还有'} {abs(int(late.total_seconds()))} 秒",
    )


def _clock() -> tuple[bool, str]:
    with the_engine().read() as c:
        wrong = guarded_clock.alarm(c)
    return not wrong, wrong or "没有告警"


def _disk() -> tuple[bool, str]:
    folder = Path(getattr(the_settings(), "data", "."))
    usage = shutil.disk_usage(folder if folder.exists() else ".")
    free = usage.free / usage.total
    return free > DISK_FREE, f"剩余 {free:.0%}"


CHECKS: dict[str, Callable[[], tuple[bool, str]]] = {
    "database": _database,
    "migration": _migration,
    "deadlines": _deadlines,
    "clock": _clock,
    "disk": _disk,
}


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(dumps(body), status=status, content_type="application/json")

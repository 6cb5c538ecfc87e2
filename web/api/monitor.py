"""What is stuck 监控."""

from __future__ import annotations

from typing import Any

from engine.errors import InputInvalid
from engine.store import settings as stored
from web.api import Room, schemas
from web.context import the_engine, who
from web.identity import may
from web.monitor import queries

room = Room("api_monitor", __name__, url_prefix="", description="监控")


@room.route("/monitor", methods=["GET"])
@room.arguments(schemas.MonitorQuery, location="query")
@room.response(200)
@may("signed_in")
def stuck(query: dict[str, Any]) -> dict[str, Any]:
    """卡住的案件：超期、久未推进、异常、无人可办；谁持有、从何时起、为什么、接下来什么到时。

    给出 reason 时逐页查询；不给时只列最要紧的一页。counts 每项最多数到 500。
    """
    if query["reason"] and query["reason"] not in queries.REASONS:
        raise InputInvalid("reason 应为 incident、nobody、overdue 或 stalled。")
    with the_engine().read() as c:
        days = query["days"] or queries.stalled_days(c)
        found = queries.stuck(c, who(), **(query | {"days": days}))
    return {"items": found.rows, "next": found.next, "counts": found.counts, "stalled_days": days}


@room.route("/monitor/settings", methods=["PUT"])
@room.arguments(schemas.StalledBody)
@room.response(200)
@may("office")
def set_days(body: dict[str, Any]) -> dict[str, Any]:
    """设置“久未推进”的工作日数。"""
    with the_engine().desk(who().actor) as desk:
        stored.put(desk.connection, queries.SETTING, str(body["days"]))
        desk.note("MonitorSet", queries.SETTING, {"title": f"{body['days']} 个工作日算久未推进", **body})
    return {"stalled_days": body["days"]}

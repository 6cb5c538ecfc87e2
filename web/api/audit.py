"""The trail 审计轨迹, and its proof."""

from __future__ import annotations

from typing import Any

from web.api import Room, schemas
from web.audit import queries
from web.context import the_engine, who
from web.identity import may

room = Room("api_audit", __name__, url_prefix="/audit", description="审计")


@room.route("/facts", methods=["GET"])
@room.arguments(schemas.AuditQuery, location="query")
@room.response(200)
@may("auditor")
def facts(query: dict[str, Any]) -> dict[str, Any]:
    """全部事实，按案件、人员、时间、类别查询，新的在前。"""
    after, limit = query.pop("after"), query.pop("limit")
    with the_engine().read() as c:
        return queries.facts(c, who(), queries.Filter(**query), after=after, limit=limit).data()


@room.route("/office", methods=["GET"])
@room.arguments(schemas.PageQuery, location="query")
@room.response(200)
@may("auditor")
def office(query: dict[str, Any]) -> dict[str, Any]:
    """内务记录：发布流程、通讯录、职责库、日历、账号的变动。"""
    with the_engine().read() as c:
        return queries.office_facts(c, after=query["after"], limit=query["limit"]).data()


@room.route("/verify", methods=["POST"])
@room.arguments(schemas.Nothing, required=False)
@room.response(200)
@may("auditor")
def verify(body: dict[str, Any]) -> dict[str, Any]:
    """逐案核验哈希链，说明是否完整、哪里不符。"""
    return queries.verification()

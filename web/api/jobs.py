"""External tasks 外部任务: programs fetch jobs by topic, lock them, and report."""

from __future__ import annotations

from typing import Any

from engine.runtime import external
from web.api import Room, schemas
from web.api.base import answer, command_id
from web.context import the_engine
from web.identity import may

room = Room("api_jobs", __name__, url_prefix="/jobs", description="外部任务")


@room.route("/fetch-and-lock", methods=["POST"])
@room.arguments(schemas.FetchBody)
@room.response(200)
@may("office")
def fetch(body: dict[str, Any]) -> dict[str, Any]:
    """领取并锁定任务。"""
    found = external.fetch_and_lock(
        the_engine(), body["topic"], body["worker"], body["seconds"], body["most"]
    )
    return {
        "items": [
            {
                "case": j.case, "job": j.job, "element": j.element, "topic": j.topic, "inputs": j.inputs,
                "retries": j.retries, "locked_until": j.locked_until,
            }
            for j in found
        ]
    }  # fmt: skip


@room.route("/<string:case>/<int(max=2147483647):job>/complete", methods=["POST"])
@room.arguments(schemas.JobDoneBody)
@room.response(200)
@may("office")
def complete(body: dict[str, Any], case: str, job: int) -> dict[str, Any]:
    """任务完成，交回结果。"""
    return answer(external.complete(the_engine(), case, job, body["worker"], body["variables"], command_id()))


@room.route("/<string:case>/<int(max=2147483647):job>/fail", methods=["POST"])
@room.arguments(schemas.JobFailedBody)
@room.response(200)
@may("office")
def fail(body: dict[str, Any], case: str, job: int) -> dict[str, Any]:
    """任务失败；还有次数时稍后重试，否则成为异常。"""
    outcome = external.fail(
        the_engine(), case, job, body["worker"], body["reason"], body["retries"], body["wait"]
    )
    return answer(outcome)


@room.route("/<string:case>/<int(max=2147483647):job>/extend", methods=["POST"])
@room.arguments(schemas.JobExtendBody)
@room.response(200)
@may("office")
def extend(body: dict[str, Any], case: str, job: int) -> dict[str, Any]:
    """延长锁定，从现在起算。"""
    until = external.extend(the_engine(), case, job, body["worker"], body["seconds"])
    return {"locked_until": until}


@room.route("/<string:case>/<int(max=2147483647):job>/unlock", methods=["POST"])
@room.arguments(schemas.JobUnlockBody)
@room.response(204)
@may("office")
def unlock(body: dict[str, Any], case: str, job: int) -> None:
    """交还任务，别的程序可以立即领取。"""
    external.unlock(the_engine(), case, job, body["worker"])


@room.route("/<string:case>/<int(max=2147483647):job>/error", methods=["POST"])
@room.arguments(schemas.JobErrorBody)
@room.response(200)
@may("office")
def error(body: dict[str, Any], case: str, job: int) -> dict[str, Any]:
    """任务以流程图上画出的错误结束。"""
    outcome = external.throw_error(
        the_engine(), case, job, body["worker"], body["error"], body["message"], body["variables"]
    )
    return answer(outcome)

"""Reminders 提醒: where and how a person is reached outside the program, what was sent, and the office's view of it."""

from __future__ import annotations

from typing import Any

from engine.runtime import reminders
from web.admin import queries
from web.api import Room, schemas
from web.context import the_channels, the_engine, who
from web.identity import may

room = Room("api_reminders", __name__, url_prefix="", description="提醒")


@room.route("/me/contacts", methods=["GET"])
@room.response(200)
@may("signed_in")
def contacts() -> dict[str, Any]:
    """可用的提醒渠道，以及本人登记的地址和方式（always 随时、hours 送达时段内、digest 只要每日汇总）。"""
    with the_engine().read() as c:
        return {"items": queries.contacts(c, who().person), "ways": reminders.WAYS}


@room.route("/me/contacts/<string:channel>", methods=["PUT"])
@room.arguments(schemas.ContactBody)
@room.response(204)
@may("signed_in")
def choose(body: dict[str, Any], channel: str) -> None:
    """登记或修改本人的提醒地址和方式。"""
    found = the_channels().get(channel)
    reminders.choose(the_engine(), who().actor, found, body["address"], body["way"])


@room.route("/me/contacts/<string:channel>", methods=["DELETE"])
@room.response(204)
@may("signed_in")
def forget(channel: str) -> None:
    """不再用这个渠道提醒。"""
    reminders.forget(the_engine(), who().actor, channel)


@room.route("/me/contacts/<string:channel>/test", methods=["POST"])
@room.arguments(schemas.Nothing, required=False)
@room.response(202)
@may("signed_in")
def try_out(body: dict[str, Any], channel: str) -> dict[str, Any]:
    """给自己发一条测试提醒；结果见“最近的提醒”。"""
    reminders.try_out(the_engine(), who().actor, channel)
    return {}


@room.route("/me/deliveries", methods=["GET"])
@room.arguments(schemas.PageQuery, location="query")
@room.response(200)
@may("signed_in")
def mine(query: dict[str, Any]) -> dict[str, Any]:
    """发给本人的提醒和送达情况，新的在前。"""
    with the_engine().read() as c:
        return queries.deliveries(c, who().person, after=query["after"], limit=query["limit"]).data()


@room.route("/reminders", methods=["GET"])
@room.arguments(schemas.PageQuery, location="query")
@room.response(200)
@may("office")
def show(query: dict[str, Any]) -> dict[str, Any]:
    """每日汇总的时间、发送次数，以及没有送达的提醒。"""
    with the_engine().read() as c:
        plan = reminders.plan(c)
        page = queries.undelivered(c, after=query["after"], limit=query["limit"])
    return page.data() | {"digest_at": plan.digest_at, "attempts": plan.attempts}


@room.route("/reminders", methods=["PUT"])
@room.arguments(schemas.RemindersBody)
@room.response(204)
@may("office")
def change(body: dict[str, Any]) -> None:
    """设置每日汇总的时间、一条提醒最多试发几次。"""
    reminders.set_plan(the_engine(), who().actor, digest_at=body["digest_at"], attempts=body["attempts"])

"""The working calendar 工作日历: holidays, make-up working days, confirmed years, office hours."""

from __future__ import annotations

from datetime import date
from typing import Any

from engine.errors import InputInvalid
from engine.runtime import office
from web.admin import queries
from web.api import Room, schemas
from web.context import the_engine, who
from web.identity import may

room = Room("api_calendar", __name__, url_prefix="/calendar", description="工作日历")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputInvalid("日期应写成 2026-10-08。") from None


@room.route("", methods=["GET"])
@room.response(200)
@may("signed_in")
def show() -> dict[str, Any]:
    """特别的日子（节假日、调休补班）、已确认的年度、办公时间。"""
    with the_engine().read() as c:
        return queries.calendar(c)


@room.route("/days/<string:day>", methods=["PUT"])
@room.arguments(schemas.DayBody)
@room.response(200)
@may("office")
def set_day(body: dict[str, Any], day: str) -> dict[str, Any]:
    """把一天定为工作日（调休补班）或休息日。"""
    office.set_calendar_day(the_engine(), _day(day), body["working"], body["note"], who().actor)
    return body | {"day": day}


@room.route("/days", methods=["POST"])
@room.arguments(schemas.NewDayBody)
@room.response(201)
@may("office")
def add_day(body: dict[str, Any]) -> dict[str, Any]:
    """同上，日期写在正文里。"""
    office.set_calendar_day(the_engine(), body["day"], body["working"], body["note"], who().actor)
    return body


@room.route("/days/<string:day>", methods=["DELETE"])
@room.response(204)
@may("office")
def clear_day(day: str) -> None:
    """恢复按星期判断。"""
    office.clear_calendar_day(the_engine(), _day(day), who().actor)


@room.route("/years/<int(max=9999):year>", methods=["PUT"])
@room.arguments(schemas.YearBody)
@room.response(200)
@may("office")
def set_year(body: dict[str, Any], year: int) -> dict[str, Any]:
    """确认或撤销确认一个年度的节假日安排。"""
    if not 2000 <= year <= 2100:
        raise InputInvalid("年度应在 2000 到 2100 之间。")
    office.confirm_year(the_engine(), year, body["source"], who().actor, confirmed=body["confirmed"])
    return body | {"year": year}


@room.route("/hours", methods=["PUT"])
@room.arguments(schemas.HoursBody)
@room.response(200)
@may("office")
def set_hours(body: dict[str, Any]) -> dict[str, Any]:
    """设置办公时间和发送时间（HH:MM）。"""
    if not body:
        raise InputInvalid("请填写要修改的时间：opens、closes、send_from、send_until。")
    office.set_hours(the_engine(), body, who().actor)
    return body

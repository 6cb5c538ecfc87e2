"""The demo's clock 演示时钟. In production there is no such address."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.errors import InputInvalid, NotFound
from engine.runtime import demo_clock
from web.api import Room, schemas
from web.context import demo_mode, the_engine, who
from web.identity import may

room = Room("api_clock", __name__, url_prefix="/demo", description="演示时钟")


def _only_in_demo() -> None:
    if not demo_mode():
        raise NotFound


@room.route("/clock", methods=["GET"])
@room.response(200)
@may("signed_in")
def show() -> dict[str, Any]:
    """演示时间，以及下一个时限和下一个工作日。"""
    _only_in_demo()
    engine = the_engine()
    return {
        "now": engine.now(),
        "next_deadline": demo_clock.next_deadline(engine),
        "next_working_day": demo_clock.next_working_day(engine),
    }


@room.route("/clock", methods=["POST"])
@room.arguments(schemas.ClockBody)
@room.response(200)
@may("signed_in")
def move(body: dict[str, Any]) -> dict[str, Any]:
    """拨动演示时钟，并等到期的时限都办完。"""
    _only_in_demo()
    engine = the_engine()
    if body["to"] == "next_deadline":
        instant = demo_clock.next_deadline(engine)
        if instant is None:
            raise InputInvalid("现在没有等待的时限，可以拨到下一个工作日。")
    elif body["to"] == "next_working_day":
        instant = demo_clock.next_working_day(engine)
    else:
        try:
            instant = datetime.fromisoformat(body["to"])
        except ValueError:
            raise InputInvalid("to 应为 next_deadline、next_working_day 或带时区的时间。") from None
    demo_clock.move_to(engine, instant, who().actor)
    settle()
    return {"now": engine.now()}


def settle() -> None:
    """Do what has become due before answering, so that the reloaded page shows it. The worker may do it too."""
    from engine.runtime.worker import Worker

    worker = Worker(the_engine())
    for _ in range(50):
        if worker.step() == 0:
            return

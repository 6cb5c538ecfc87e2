"""Between people 往来: copies 抄送, urging 催办, whom one may address, and merging cases 并案."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engine.commands import CopyCase, MergeCase, ReadCopies, UrgeItem
from engine.errors import NotFound
from engine.handlers.recipients import resolved
from engine.runtime.present import URGES_A_DAY
from engine.store import settings as stored
from engine.store import tables as t
from web import addressing, copies, discretion
from web.api import Room, schemas
from web.api.base import act
from web.context import the_engine, who
from web.identity import may
from web.look import look
from web.sight import case_row, item_row
from web.worklist import copied
from web.worklist.wanted import read

room = Room("api_talk", __name__, url_prefix="", description="抄送、催办与并案")


def _seen(case: str) -> Any:
    with the_engine().read() as c:
        return case_row(c, who(), case)


@room.route("/copies", methods=["GET"])
@room.arguments(schemas.CopiesQuery, location="query")
@room.response(200)
@may("signed_in")
def copied_to_me(query: dict[str, Any]) -> dict[str, Any]:
    """抄送我：抄送给本人和本人岗位的案件，新的在前；unread 为 true 时只列本人未阅的。"""
    wanted = read(query, "copied")
    page = {name: query[name] for name in ("unread", "after", "limit")}
    with the_engine().read() as c:
        found = copied.copies(c, who(), wanted, **page)
        return found.data() | {"unread": copies.count_unread(c, who())}


@room.route("/cases/<string:case>/copies", methods=["GET"])
@room.response(200)
@may("signed_in")
def list_copies(case: str) -> dict[str, Any]:
    """本案抄送给了谁，谁已阅知。"""
    with the_engine().read() as c:
        case_row(c, who(), case)
        return {"items": discretion.of(who()).copies(copies.of_case(c, case))}


@room.route("/cases/<string:case>/copies", methods=["POST"])
@room.arguments(schemas.CopyBody)
@room.response(201)
@may("signed_in")
def send_copies(body: dict[str, Any], case: str) -> dict[str, Any]:
    """抄送：此后他们看得到本案。"""
    _seen(case)
    people, posts = resolved(body["to"], look(case, who().actor))
    return act(CopyCase(case, people, posts, body["note"]))


@room.route("/cases/<string:case>/copies/read", methods=["POST"])
@room.arguments(schemas.Nothing, required=False)
@room.response(200)
@may("signed_in")
def read_copies(body: dict[str, Any], case: str) -> dict[str, Any]:
    """阅知抄送给本人和本人岗位的。"""
    _seen(case)
    return act(ReadCopies(case))


@room.route("/cases/<string:case>/people", methods=["GET"])
@room.arguments(schemas.PeopleQuery, location="query")
@room.response(200)
@may("signed_in")
def people(query: dict[str, Any], case: str) -> dict[str, Any]:
    """可以@或抄送的人员和单位，看得到本案的在前；q 为姓名或单位的一部分。"""
    _seen(case)
    return addressing.found(look(case, who().actor), query["q"], knows=discretion.of(who()).reports)


@room.route("/cases/<string:case>/items/<int(max=2147483647):item>/urge", methods=["POST"])
@room.arguments(schemas.UrgeBody)
@room.response(200)
@may("signed_in")
def urge(body: dict[str, Any], case: str, item: int) -> dict[str, Any]:
    """催办：持有人收到通知。同一人对同一事项每个工作日有次数上限。"""
    with the_engine().read() as c:
        item_row(c, who(), case, item)
    return act(UrgeItem(case, item, body["text"]))


@room.route("/cases/<string:case>/merge", methods=["POST"])
@room.arguments(schemas.MergeBody)
@room.response(200)
@may("signed_in")
def merge(body: dict[str, Any], case: str) -> dict[str, Any]:
    """并案：本案并入另一案件后结束，不能撤销。材料和可见范围随之并入。"""
    _seen(case)
    return act(MergeCase(case, _case_called(body["into"].strip()), body["reason"]))


def _case_called(text: str) -> str:
    """The id of the case with this number or id, of which the asker may know."""
    with the_engine().read() as c:
        named = sa.or_(t.cases.c.id == text, t.cases.c.number == text)
        for row in c.execute(sa.select(t.cases.c.id).where(named).limit(2)):
            return str(case_row(c, who(), row.id).id)
    raise NotFound(f"没有找到编号为“{text[:60]}”的案件，请核对。", field="into")


@room.route("/settings/urging", methods=["PUT"])
@room.arguments(schemas.UrgingBody)
@room.response(200)
@may("office")
def set_urging(body: dict[str, Any]) -> dict[str, Any]:
    """设置催办上限：同一人对同一事项每个工作日最多几次。"""
    with the_engine().desk(who().actor) as desk:
        stored.put(desk.connection, URGES_A_DAY, str(body["a_day"]))
        said = {"title": f"同一人对同一事项每个工作日最多催办 {body['a_day']} 次", **body}
        desk.note("UrgingSet", URGES_A_DAY, said)
    return {"a_day": body["a_day"]}

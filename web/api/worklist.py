"""我的待办: the lists, the filters a person keeps, what the office sets for them, and what is done with many items together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import fields, validate

from engine.commands import AddNote, ClaimItem, Command, FinishItem, TransferItem
from engine.errors import EngineError, InputInvalid
from engine.handlers.work import reason_given
from engine.store import settings as stored
from web.api import Room, schemas
from web.api.base import command_id
from web.context import the_engine, the_moment, who
from web.errors import status_of
from web.identity import may
from web.sight import item_row
from web.worklist import begun, limits, queries, saved
from web.worklist import notices as messages
from web.worklist.wanted import EVERYTHING, NARROWING, OF_CASES, OPEN, SORTS, TABS, read

room = Room("api_worklist", __name__, url_prefix="", description="我的待办")

_WORDS = {
    "q": "案号、案名、当事单位或步骤里的字",
    "step": "步骤名称",
    "package": "流程",
    "region": "属地",
    "unit": "持有单位",
    "held": "由谁持有：人员，或 nobody（未签收）",
}


def _narrowing() -> dict[str, Any]:
    return {
        name: schemas.Text(100, load_default="", metadata={"description": _WORDS[name]}) for name in NARROWING
    }


class WorklistQuery(schemas.PageQuery.from_dict(_narrowing())):  # type: ignore[misc]
    tab = schemas.Text(20, load_default=EVERYTHING, metadata={"enum": [EVERYTHING, *OPEN, "done"]})
    sort = schemas.Text(20, load_default="due", metadata={"enum": list(SORTS)})


class BegunQuery(schemas.PageQuery):
    q = schemas.Text(100, load_default="")
    package = schemas.Text(100, load_default="")
    region = schemas.Text(100, load_default="")


class FilterBody(schemas.Body.from_dict(_narrowing())):  # type: ignore[misc]
    name = schemas.Text(60, shortest=1, required=True, metadata={"pattern": r"\S"})
    tab = schemas.Text(20, load_default="mine", metadata={"enum": [*TABS]})
    sort = schemas.Text(20, load_default="due", metadata={"enum": list(SORTS)})
    first = schemas.YesNo(load_default=False, metadata={"description": "打开我的待办时先用它"})


class FirstBody(schemas.Body):
    first = schemas.YesNo(required=True)


class SettingsBody(schemas.Body):
    soon_days = schemas.Whole(
        0, limits.MOST_SOON_DAYS, load_default=None, metadata={"description": "几个工作日内到期算将到期"}
    )
    bulk_items = schemas.Whole(
        1, limits.MOST_BULK_ITEMS, load_default=None, metadata={"description": "一次最多批量办理几件"}
    )


class Which(schemas.Body):
    case = schemas.Text(100, required=True)
    item = schemas.Whole(required=True)


class ManyBody(schemas.Body):
    items = schemas.Many(
        fields.Nested(Which),
        required=True,
        validate=validate.Length(
            min=1,
            max=limits.MOST_BULK_ITEMS,
            error=f"请选择 1 到 {limits.MOST_BULK_ITEMS} 件。",
        ),
    )


class TransferMany(ManyBody, schemas.TransferBody):
    pass


class NoteMany(ManyBody):
    text = schemas.Text(4000, required=True, metadata={"pattern": r"\S"})


# -- the lists ---------------------------------------------------------------------------------------------


@room.route("/items", methods=["GET"])
@room.arguments(WorklistQuery, location="query")
@room.response(200)
@may("signed_in")
def page(query: dict[str, Any]) -> dict[str, Any]:
    """我的待办：按到期先后（无时限的在后），或按收到时间、案号。

    用文字、步骤、流程、属地、单位、持有人筛选时，一页最多翻看 300 件：stopped 为 true 表示还没有看完，用 next 接着找。
    """
    wanted = read(query, query["tab"])
    if wanted.tab in OF_CASES:
        raise InputInvalid("这个页签列的是案件：我发起的在 /items/begun，抄送我的在 /copies。")
    with the_engine().read() as c:
        moment = the_moment(c)
        span = queries.Span(moment.now, limits.soon_until(moment, limits.read(c).soon_days))
        found = queries.items(c, who(), wanted, span, after=query["after"], limit=query["limit"])
    return found.data() | {"stopped": found.stopped}


@room.route("/items/begun", methods=["GET"])
@room.arguments(BegunQuery, location="query")
@room.response(200)
@may("signed_in")
def begun_page(query: dict[str, Any]) -> dict[str, Any]:
    """我发起的案件，最近的在前，以及现在走到哪一步、在谁手里。"""
    with the_engine().read() as c:
        wanted = read(query, "begun")
        found = begun.cases(c, who(), wanted, after=query["after"], limit=query["limit"])
    return found.data() | {"stopped": found.stopped}


@room.route("/items/counts", methods=["GET"])
@room.response(200)
@may("signed_in")
def counts() -> dict[str, Any]:
    """各页签的件数（每项最多数到 100；抄送我的只数未读的）。"""
    with the_engine().read() as c:
        moment = the_moment(c)
        span = queries.Span(moment.now, limits.soon_until(moment, limits.read(c).soon_days))
        return queries.counts(c, who(), span)


@room.route("/notices", methods=["GET"])
@room.arguments(schemas.PageQuery, location="query")
@room.response(200)
@may("signed_in")
def notices(query: dict[str, Any]) -> dict[str, Any]:
    """发给本人、本岗位、本单位的消息。"""
    with the_engine().read() as c:
        return messages.notices(c, who(), after=query["after"], limit=query["limit"]).data()


@room.route("/items/settings", methods=["PUT"])
@room.arguments(SettingsBody)
@room.response(200)
@may("office")
def set_limits(body: dict[str, Any]) -> dict[str, Any]:
    """设置几个工作日内到期算将到期、一次最多批量办理几件。"""
    given = {name: value for name, value in body.items() if value is not None}
    if not given:
        raise InputInvalid("请填写要修改的设置：soon_days、bulk_items。")
    with the_engine().desk(who().actor) as desk:
        for name, value in given.items():
            stored.put(
                desk.connection, {"soon_days": limits.SOON, "bulk_items": limits.BULK}[name], str(value)
            )
        found = limits.read(desk.connection)
        title = f"{found.soon_days} 个工作日内到期算将到期，一次最多批量办理 {found.bulk_items} 件"
        desk.note("WorklistSet", "worklist", {"title": title, **given})
    return {"soon_days": found.soon_days, "bulk_items": found.bulk_items}


# -- filters a person keeps --------------------------------------------------------------------------------


@room.route("/items/filters", methods=["GET"])
@room.response(200)
@may("signed_in")
def list_filters() -> dict[str, Any]:
    """本人的常用筛选。"""
    with the_engine().read() as c:
        return {"items": saved.of(c, who().person)}


@room.route("/items/filters", methods=["POST"])
@room.arguments(FilterBody)
@room.response(201)
@may("signed_in")
def save_filter(body: dict[str, Any]) -> dict[str, Any]:
    """保存常用筛选；同名的被替换。"""
    wanted = read(body, body["tab"])
    engine = the_engine()
    with engine.database.write() as c:
        now = engine.moment_in(c).now
        id_ = saved.save(c, who().person, body["name"], wanted, now, first=body["first"])
    return {"id": id_, "name": body["name"].strip(), "query": wanted.query, "first": body["first"]}


@room.route("/items/filters/<string:filter>", methods=["PUT"])
@room.arguments(FirstBody)
@room.response(200)
@may("signed_in")
def put_filter_first(body: dict[str, Any], filter: str) -> dict[str, Any]:
    """打开我的待办时是否先用这个筛选。"""
    with the_engine().database.write() as c:
        saved.put_first(c, who().person, filter, first=body["first"])
    return {"id": filter, "first": body["first"]}


@room.route("/items/filters/<string:filter>", methods=["DELETE"])
@room.response(204)
@may("signed_in")
def drop_filter(filter: str) -> None:
    """删去一个常用筛选。"""
    with the_engine().database.write() as c:
        saved.drop(c, who().person, filter)


# -- many items together -----------------------------------------------------------------------------------


@room.route("/items/claim", methods=["POST"])
@room.arguments(ManyBody)
@room.response(200)
@may("signed_in")
def claim_many(body: dict[str, Any]) -> dict[str, Any]:
    """批量签收。每件各办各的，逐件给出结果；同一 Idempotency-Key 重发，办过的不会再办。"""
    return _each(body, lambda row: ClaimItem(row.case, row.item))


@room.route("/items/transfer", methods=["POST"])
@room.arguments(TransferMany)
@room.response(200)
@may("signed_in")
def transfer_many(body: dict[str, Any]) -> dict[str, Any]:
    """批量转办给同一个人或同一个单位，结果同上。"""
    reason = reason_given(body["reason"], "转办")  # for none of them, then
    return _each(body, lambda row: TransferItem(row.case, row.item, reason, body["unit"], body["person"]))


@room.route("/items/note", methods=["POST"])
@room.arguments(NoteMany)
@room.response(200)
@may("signed_in")
def note_many(body: dict[str, Any]) -> dict[str, Any]:
    """批量评论：每件待办的案件各记一条同样的评论，结果同上。"""
    if not body["text"].strip():
        raise InputInvalid("请填写评论的内容。", field="text")
    return _each(body, lambda row: AddNote(row.case, body["text"], row.item))


@room.route("/items/finish", methods=["POST"])
@room.arguments(ManyBody)
@room.response(200)
@may("signed_in")
def finish_many(body: dict[str, Any]) -> dict[str, Any]:
    """批量办结没有表单的步骤；有表单的须逐件填写，不会办结。结果同上。"""

    def finish(row: Any) -> FinishItem:
        if row.form:
            raise InputInvalid(f"“{row.name}”有表单，请打开后填写提交，不能批量办结。")
        return FinishItem(row.case, row.item, {}, ())

    return _each(body, finish)


def _each(body: dict[str, Any], command: Callable[[Any], Command]) -> dict[str, Any]:
    """Each item by its own command and under its own id, one after the other: what one is refused does not touch the others.
    Should the database fail in between, the whole call fails, and the same key again goes on behind what was done."""
    engine, me = the_engine(), who()
    asked = list(dict.fromkeys((one["case"], one["item"]) for one in body["items"]))
    with engine.read() as c:
        most = limits.read(c).bulk_items
    if len(asked) > most:
        raise InputInvalid(f"一次最多办 {most} 件，您选了 {len(asked)} 件。请分几次办理。", field="items")
    results = []
    for case, item in asked:
        told: dict[str, Any] = {"case": case, "item": item, "done": True}
        try:
            with engine.read() as c:
                row: Any = item_row(c, me, case, item)  # a foreign one does not exist
            engine.execute(command(row), me.actor, command_id(case, str(item)))
        except EngineError as error:
            told |= {"done": False, "status": status_of(error), "code": error.code, "detail": error.message}
        results.append(told)
    done = sum(one["done"] for one in results)
    return {"results": results, "done": done, "failed": len(results) - done}

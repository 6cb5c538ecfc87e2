"""The register 隐患台账: the columns a person sees, what is probably the same hazard, and lists that were issued."""

from __future__ import annotations

from typing import Any

from web.api import Room, schemas
from web.api.base import command_id
from web.context import the_engine, the_moment, the_packages, who
from web.identity import may
from web.register import columns, issued, lists, similar

room = Room("api_register", __name__, url_prefix="/register", description="隐患台账")


@room.route("/columns", methods=["GET"])
@room.response(200)
@may("signed_in")
def show_columns() -> dict[str, Any]:
    """台账可选的列，和本人选的列。"""
    with the_engine().read() as c:
        every = columns.offered(the_packages(c))
        mine = columns.chosen(c, who().person, every)
    offered = [{"key": x.key, "title": x.title, "official": x.official} for x in every]
    return {"items": offered, "chosen": [x.key for x in mine]}


@room.route("/columns", methods=["PUT"])
@room.arguments(schemas.ColumnsBody)
@room.response(200)
@may("signed_in")
def choose_columns(body: dict[str, Any]) -> dict[str, Any]:
    """选择台账显示哪些列，只影响本人；空列表恢复常用的列。"""
    every = columns.offered(the_packages())
    return {"chosen": columns.choose(the_engine(), who().person, body["columns"], every)}


@room.route("/similar", methods=["GET"])
@room.arguments(schemas.SimilarQuery, location="query")
@room.response(200)
@may("signed_in")
def show_similar(query: dict[str, Any]) -> dict[str, Any]:
    """查重：本人看得到的案件中，可能是同一隐患的，最相近的在前。只作提示。"""
    engine = the_engine()
    package = engine.newest(query["package"])
    with engine.read() as c:
        asked = (query["party"], query["region"], query["words"])
        return {"items": similar.alike(c, who(), package, *asked, engine.now(), query["case"])}


@room.route("/lists", methods=["GET"])
@room.arguments(schemas.ListsQuery, location="query")
@room.response(200)
@may("signed_in")
def show_lists(query: dict[str, Any]) -> dict[str, Any]:
    """出具过的销号清单，最新的在前；unit 只看一个单位的。"""
    with the_engine().read() as c:
        return {"items": issued.shown(c, who(), query["unit"])}


@room.route("/lists", methods=["POST"])
@room.arguments(schemas.ListBody)
@room.response(201)
@may("signed_in")
def issue_list(body: dict[str, Any]) -> dict[str, Any]:
    """出具一个单位的销号清单：编号、日期和每一行照当时存下，以后重印序号不变。"""
    days = lists.days_of(body["since"], body["date"], the_moment())
    return {"list": issued.issue(the_engine(), who(), body["unit"], days, command_id())}


@room.route("/lists/<string:listed>", methods=["GET"])
@room.response(200)
@may("signed_in")
def show_list(listed: str) -> dict[str, Any]:
    """一份出具的清单：struck 是出具时已经销号的，later 是出具以后销号的。"""
    names = ("list_number", "case", "number", "title", "party", "region", "deadline", "light", "status", "supervisor", "struck", "later")  # fmt: skip
    with the_engine().read() as c:
        made = issued.of(c, who(), listed, the_moment(c), the_packages(c))
    rows = [{name: row[name] for name in names} for row in made.rows]
    said = {
        "list": made.id,
        "unit": made.unit,
        "name": made.name,
        "number": made.number,
        "hidden": made.hidden,
    }
    return {**said, "since": made.since, "date": made.until, "at": made.at, "by": made.by, "items": rows}

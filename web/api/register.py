"""The register 隐患台账: the columns a person sees, and what is probably the same hazard."""

from __future__ import annotations

from typing import Any

from web.api import Room, schemas
from web.context import the_engine, the_packages, who
from web.identity import may
from web.register import columns, similar

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
        return {"items": similar.alike(c, who(), package, *asked, engine.now())}

"""Drafts of forms 草稿: what the asker has typed for an item and not submitted, on this device or another. Nobody else's is ever given."""

from __future__ import annotations

from typing import Any

from engine.errors import NotAllowed, NotOpen
from engine.runtime import form_drafts
from engine.values import from_outside
from web.api import Room, schemas
from web.context import the_engine, who
from web.identity import host_clock, may
from web.look import look, refusal
from web.sight import item_row

room = Room("api_drafts", __name__, url_prefix="", description="草稿")

_DRAFT = "/cases/<string:case>/items/<int(max=2147483647):item>/draft"


def _known(case: str, item: int) -> Any:
    with the_engine().read() as c:
        return item_row(c, who(), case, item)


@room.route(_DRAFT, methods=["GET"])
@room.response(200)
@may("signed_in")
def show(case: str, item: int) -> dict[str, Any]:
    """本人这一步的草稿；没有时 revision 为 0、data 为空。age 是存下后过了多少秒。"""
    _known(case, item)
    found = form_drafts.read(the_engine(), who().person, case, item)
    if found is None:
        return {"revision": 0, "data": None, "age": 0}
    age = (host_clock.now() - found.saved_at).total_seconds()
    return {"revision": found.revision, "data": found.data, "age": max(0, int(age))}


@room.route(_DRAFT, methods=["PUT"])
@room.arguments(schemas.FormDraftBody)
@room.response(200)
@may("signed_in")
def save(body: dict[str, Any], case: str, item: int) -> dict[str, Any]:
    """存草稿。base 是所依据的 revision；另一台设备已存过较新的，409。"""
    row = _known(case, item)
    work = look(case, who().acting(row.role, row.unit))
    open_item = work.state.items.get(item)
    if open_item is None:
        raise NotOpen("这一步已经办结，不再存草稿。")
    if why := refusal(work, open_item):
        raise NotAllowed(why)
    data: Any = from_outside(body["data"])
    revision = form_drafts.save(the_engine(), who().person, case, item, data, body["base"], host_clock.now())
    return {"revision": revision}


@room.route(_DRAFT, methods=["DELETE"])
@room.response(204)
@may("signed_in")
def discard(case: str, item: int) -> None:
    """不要这份草稿了。"""
    _known(case, item)
    form_drafts.discard(the_engine(), who().person, case, item)

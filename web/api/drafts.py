"""Drafts of forms 草稿: what the asker has typed for an item, a new case or an action and not submitted, on this device or another.
Nobody else's is ever given."""

from __future__ import annotations

from typing import Any

from engine.errors import NotAllowed, NotFound, NotOpen
from engine.runtime import form_drafts
from engine.runtime.form_drafts import Place
from engine.values import from_outside
from web import starts
from web.api import Room, schemas
from web.context import the_engine, who
from web.identity import host_clock, may
from web.look import actions, look, refusal
from web.sight import case_row, item_row

room = Room("api_drafts", __name__, url_prefix="", description="草稿")

_DRAFT = "/cases/<string:case>/items/<int(max=2147483647):item>/draft"
_START = "/starts/<string:package>/<string:start>/draft"
_ACTION = "/cases/<string:case>/actions/<string:action>/draft"


def _shown(place: Place) -> dict[str, Any]:
    found = form_drafts.read(the_engine(), place, host_clock.now())
    if found is None:
        return {"revision": 0, "data": None, "age": 0}
    age = (host_clock.now() - found.saved_at).total_seconds()
    return {"revision": found.revision, "data": found.data, "age": max(0, int(age))}


def _kept(place: Place, body: dict[str, Any]) -> dict[str, Any]:
    data: Any = from_outside(body["data"])
    return {"revision": form_drafts.save(the_engine(), place, data, body["base"], host_clock.now())}


# -- of an item ----------------------------------------------------------------------------------------------


def _known(case: str, item: int) -> Any:
    with the_engine().read() as c:
        return item_row(c, who(), case, item)


@room.route(_DRAFT, methods=["GET"])
@room.response(200)
@may("signed_in")
def show(case: str, item: int) -> dict[str, Any]:
    """本人这一步的草稿；没有时 revision 为 0、data 为空。age 是存下后过了多少秒。"""
    _known(case, item)
    return _shown(form_drafts.of_item(who().person, case, item))


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
    return _kept(form_drafts.of_item(who().person, case, item), body)


@room.route(_DRAFT, methods=["DELETE"])
@room.response(204)
@may("signed_in")
def discard(case: str, item: int) -> None:
    """不要这份草稿了。"""
    _known(case, item)
    form_drafts.discard(the_engine(), form_drafts.of_item(who().person, case, item))


# -- of a new case -------------------------------------------------------------------------------------------


def _start(package: str, start: str) -> Place:
    found, _ = starts.open_start(who(), package, start)
    return form_drafts.of_start(who().person, found.key, start)


@room.route(_START, methods=["GET"])
@room.response(200)
@may("signed_in")
def show_start(package: str, start: str) -> dict[str, Any]:
    """本人还没有提交的登记；没有时 revision 为 0、data 为空。一周没有再动的不保留。"""
    return _shown(_start(package, start))


@room.route(_START, methods=["PUT"])
@room.arguments(schemas.FormDraftBody)
@room.response(200)
@may("signed_in")
def save_start(body: dict[str, Any], package: str, start: str) -> dict[str, Any]:
    """存登记的草稿。base 是所依据的 revision；另一台设备已存过较新的，409。"""
    return _kept(_start(package, start), body)


@room.route(_START, methods=["DELETE"])
@room.response(204)
@may("signed_in")
def discard_start(package: str, start: str) -> None:
    """不要这份登记的草稿了。"""
    form_drafts.discard(the_engine(), _start(package, start))


# -- of an action --------------------------------------------------------------------------------------------


def _action(case: str, action: str, *, to_write: bool = False) -> Place:
    with the_engine().read() as c:
        case_row(c, who(), case)
    work = look(case, who().actor)
    found = work.package.actions.get(action)
    if found is None:
        raise NotFound(f"“{work.package.title}”没有这项申请。")
    if to_write and action not in {a["key"] for a in actions(work)}:
        raise NotAllowed(f"您现在不能提出“{found.title}”，不存草稿。")
    return form_drafts.of_action(who().person, case, action)


@room.route(_ACTION, methods=["GET"])
@room.response(200)
@may("signed_in")
def show_action(case: str, action: str) -> dict[str, Any]:
    """本人还没有提交的申请；没有时 revision 为 0、data 为空。一周没有再动的不保留。"""
    return _shown(_action(case, action))


@room.route(_ACTION, methods=["PUT"])
@room.arguments(schemas.FormDraftBody)
@room.response(200)
@may("signed_in")
def save_action(body: dict[str, Any], case: str, action: str) -> dict[str, Any]:
    """存申请的草稿。base 是所依据的 revision；另一台设备已存过较新的，409。"""
    return _kept(_action(case, action, to_write=True), body)


@room.route(_ACTION, methods=["DELETE"])
@room.response(204)
@may("signed_in")
def discard_action(case: str, action: str) -> None:
    """不要这份申请的草稿了。"""
    form_drafts.discard(the_engine(), _action(case, action))

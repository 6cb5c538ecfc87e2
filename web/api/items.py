"""One work item 待办 with its form, and everything a person does with it."""

from __future__ import annotations

from typing import Any

from engine.commands import (
    AddSigner,
    ClaimItem,
    FinishItem,
    ReleaseItem,
    ReturnItem,
    TakeBackSigner,
    TransferItem,
    WithdrawItem,
)
from engine.errors import EngineError
from web import discretion
from web.api import Room, schemas
from web.api.base import act, until
from web.case import queries as case_queries
from web.context import the_engine, who
from web.identity import may
from web.look import (
    abilities,
    candidates_of,
    choices,
    hindrance,
    is_to_come,
    look,
    looked_at_again,
    may_be_added,
    submitted,
    targets,
    withdrawal,
)
from web.sight import case_row, item_row

room = Room("api_items", __name__, url_prefix="", description="待办")

_ITEM = "/cases/<string:case>/items/<int(max=2147483647):item>"


ItemCommand = (
    ClaimItem
    | ReleaseItem
    | FinishItem
    | ReturnItem
    | TransferItem
    | AddSigner
    | TakeBackSigner
    | WithdrawItem
)


def _act(command: ItemCommand) -> dict[str, Any]:
    """Execute a command on an item that the asker may know of, in the item's post.

    The engine refuses whoever may not see the case, but says more in doing so than people may hear. So whatever is refused is
    a 404 where lists would not show the item, and who never learns of reports is asked that before.
    """
    if not discretion.of(who()).reports:
        _known(command)
    try:
        return act(command)
    except EngineError:
        _known(command)
        raise


def _known(command: ItemCommand) -> None:
    """`NotFound` for an item of which the asker may not know."""
    with the_engine().read() as c:
        if isinstance(command, TakeBackSigner):
            row: Any = case_row(c, who(), command.case)
            if is_to_come(look(row.id, who().actor), command.item):
                return
        item_row(c, who(), command.case, command.item)


@room.route(_ITEM, methods=["GET"])
@room.response(200)
@may("signed_in")
@looked_at_again
def show(case: str, item: int) -> dict[str, Any]:
    """一件待办：表单、预填内容、可选项，以及本人能做什么。"""
    engine = the_engine()
    with engine.read() as c:
        row: Any = item_row(c, who(), case, item)
        work = look(case, who().actor)
        found = dict(row._mapping)
        schema = case_queries.form_of(work.package, row.form)
        open_item = work.state.items.get(item)
        before = case_queries.filled_before(c, case, row.element, row.unit)
    found["form_key"] = row.form
    found["schema"] = schema
    if open_item is None:
        back = withdrawal(work, item, found)
        return found | {
            "data": {},
            "may": {"withdraw": True} if back["able"] else {},
            "refusal": back["why"],
            "targets": [],
        }
    values = dict(work.state.variables(item))
    reader = discretion.of(who())
    data = case_queries.prefill(schema, values, before, choices(work), case_queries.given(work, item))
    data |= submitted(work, item)
    return found | {
        "data": reader.text(data) if row.unit in who().units or reader.inner else {},
        "may": abilities(work, open_item),
        "refusal": hindrance(work, open_item),
        "targets": reader.targets(targets(work, open_item)),
    }


@room.route(f"{_ITEM}/claim", methods=["POST"])
@room.arguments(schemas.Nothing, required=False)
@room.response(200)
@may("signed_in")
def claim(body: dict[str, Any], case: str, item: int) -> dict[str, Any]:
    """签收。"""
    return _act(ClaimItem(case, item))


@room.route(f"{_ITEM}/release", methods=["POST"])
@room.arguments(schemas.ReasonBody)
@room.response(200)
@may("signed_in")
def release(body: dict[str, Any], case: str, item: int) -> dict[str, Any]:
    """退签：回到本单位待签收。"""
    return _act(ReleaseItem(case, item, body["reason"]))


@room.route(f"{_ITEM}/finish", methods=["POST"])
@room.arguments(schemas.FinishBody)
@room.response(200)
@may("signed_in")
def finish(body: dict[str, Any], case: str, item: int) -> dict[str, Any]:
    """提交表单，办结这一步。表单有误时 422，errors 按字段给出。"""
    return _act(FinishItem(case, item, body["form"], tuple(body["files"])))


@room.route(f"{_ITEM}/return", methods=["POST"])
@room.arguments(schemas.ReturnBody)
@room.response(200)
@may("signed_in")
def send_back(body: dict[str, Any], case: str, item: int) -> dict[str, Any]:
    """退回到之前的步骤；此后开始的办理随之撤销（见 targets 的 withdraws）。"""
    return _act(ReturnItem(case, item, body["reason"], body["to"]))


@room.route(f"{_ITEM}/withdraw", methods=["POST"])
@room.arguments(schemas.ReasonBody)
@room.response(200)
@may("signed_in")
def withdraw(body: dict[str, Any], case: str, item: int) -> dict[str, Any]:
    """撤回本人（或所代的人）刚办结的一步：其后还没有人签收、没有对外发出时可以，这一步连同填写内容回到撤回人手中。"""
    return _act(WithdrawItem(case, item, body["reason"]))


@room.route(f"{_ITEM}/transfer", methods=["POST"])
@room.arguments(schemas.TransferBody)
@room.response(200)
@may("signed_in")
def transfer(body: dict[str, Any], case: str, item: int) -> dict[str, Any]:
    """转办给其他单位或本单位其他人。"""
    return _act(TransferItem(case, item, body["reason"], body["unit"], body["person"]))


@room.route(f"{_ITEM}/candidates", methods=["GET"])
@room.response(200)
@may("signed_in")
def candidates(case: str, item: int) -> dict[str, Any]:
    """谁可以办这一步：持有单位里能办的人，以及可以转办的单位。"""
    with the_engine().read() as c:
        item_row(c, who(), case, item)
    return candidates_of(look(case, who().actor), item)


@room.route(f"{_ITEM}/signers", methods=["GET"])
@room.response(200)
@may("signed_in")
def signers(case: str, item: int) -> dict[str, Any]:
    """这一步可以怎样加签、加签给谁：岗位和人员。"""
    with the_engine().read() as c:
        item_row(c, who(), case, item)
    work = look(case, who().actor)
    found = work.state.items.get(item)
    return may_be_added(work, found) if found is not None else {"ways": [], "signers": []}


@room.route(f"{_ITEM}/signers", methods=["POST"])
@room.arguments(schemas.SignerBody)
@room.response(200)
@may("signed_in")
def add_signer(body: dict[str, Any], case: str, item: int) -> dict[str, Any]:
    """加签：再请一个岗位或人员签署。并加签加入会签；前加签先征求意见；后加签在本人办结之后签。"""
    role, at, unit = body["signer"].rpartition("@")
    person = "" if at else unit
    due = until(body["until"])
    return _act(AddSigner(case, item, body["way"], body["reason"], unit if at else "", role, person, due))


@room.route(f"{_ITEM}/take-back", methods=["POST"])
@room.arguments(schemas.ReasonBody)
@room.response(200)
@may("signed_in")
def take_back(body: dict[str, Any], case: str, item: int) -> dict[str, Any]:
    """减签：还没有签署的加签人或会签一方不再签。"""
    return _act(TakeBackSigner(case, item, body["reason"]))

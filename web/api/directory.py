"""Units, people and responsibilities 通讯录与职责库: everyone may read names, the office edits."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Any

from engine.directory import ENTERPRISE, Person, Responsibility, Unit
from engine.errors import Conflict, InputInvalid, NotFound
from engine.handlers.choices import own_enterprises
from engine.runtime import accounts, office
from web.api import Room, schemas
from web.context import the_engine, who
from web.identity import may

room = Room("api_directory", __name__, url_prefix="/directory", description="通讯录与职责库")


@room.route("/units", methods=["GET"])
@room.response(200)
@may("signed_in")
def units() -> dict[str, Any]:
    """全部单位；企业人员看不到其他企业。"""
    return {"items": [asdict(u) for u in the_engine().directory().units.values() if _shown(u)]}


def _shown(unit: Unit) -> bool:
    own = own_enterprises(who().person, the_engine().directory())
    return own is None or unit.kind != ENTERPRISE or unit.id in own


@room.route("/units", methods=["POST"])
@room.arguments(schemas.UnitBody)
@room.response(201)
@may("office")
def add_unit(body: dict[str, Any]) -> dict[str, Any]:
    """新增单位；单位代码就是录入时的名称。"""
    unit = Unit(**(body | {"id": body["id"] or body["name"].strip()}))
    if unit.id in the_engine().directory().units:
        raise Conflict(f"“{unit.id}”已经有了，请直接修改。")
    office.save_unit(the_engine(), unit, who().actor)
    return asdict(unit)


@room.route("/units/<string:unit>", methods=["PUT"])
@room.arguments(schemas.UnitBody)
@room.response(200)
@may("office")
def change_unit(body: dict[str, Any], unit: str) -> dict[str, Any]:
    """修改单位；停用的单位不再派单，历史不变。"""
    if unit not in the_engine().directory().units:
        raise NotFound("没有这个单位。")
    changed = Unit(**(body | {"id": unit}))
    office.save_unit(the_engine(), changed, who().actor)
    return asdict(changed)


def _person(person: Person) -> dict[str, Any]:
    posts = the_engine().directory().posts_of(person.id)
    return asdict(person) | {"posts": [f"{r}@{u}" for r, u in posts]}


@room.route("/people", methods=["GET"])
@room.response(200)
@may("office")
def people() -> dict[str, Any]:
    """全部人员和岗位。"""
    return {"items": [_person(p) for p in the_engine().directory().people.values()]}


@room.route("/people", methods=["POST"])
@room.arguments(schemas.PersonBody)
@room.response(201)
@may("office")
def add_person(body: dict[str, Any]) -> dict[str, Any]:
    """新增人员；填写初始密码后才能登录。"""
    return _save(secrets.token_hex(8), body)


@room.route("/people/<string:person>", methods=["PUT"])
@room.arguments(schemas.PersonBody)
@room.response(200)
@may("office")
def change_person(body: dict[str, Any], person: str) -> dict[str, Any]:
    """修改人员、岗位，重设密码。停用或重设密码后，其会话随即失效。"""
    if person not in the_engine().directory().people:
        raise NotFound("没有这个人员。")
    return _save(person, body)


def _save(id: str, body: dict[str, Any]) -> dict[str, Any]:
    engine, actor = the_engine(), who().actor
    if body["password"]:
        accounts.check_password(body["password"])
    posts = None
    if body["posts"] is not None:
        posts = [_post(text) for text in body["posts"] if text.strip()]
    office.save_person(
        engine, Person(id, body["account"], body["name"], body["phone"], body["active"], body["title"]), actor
    )
    if posts is not None:
        office.set_posts(engine, id, posts, actor)
    if body["password"]:
        accounts.set_password(engine, id, body["password"], actor)
    return _person(engine.directory().people[id])


def _post(text: str) -> tuple[str, str]:
    role, _, unit = text.strip().partition("@")
    if not role or unit not in the_engine().directory().units:
        raise InputInvalid(
            f"岗位“{text[:60]}”应写成 岗位@单位，单位须在通讯录中。",
            errors={"posts": [f"“{text[:60]}”不是岗位。"]},
        )
    return role, unit


@room.route("/responsibilities", methods=["GET"])
@room.response(200)
@may("signed_in")
def responsibilities() -> dict[str, Any]:
    """职责库：哪个行业、哪个属地、哪个岗位由谁负责。"""
    return {"items": [asdict(r) for r in the_engine().directory().responsibilities]}


@room.route("/responsibilities", methods=["PUT"])
@room.arguments(schemas.LineBody)
@room.response(200)
@may("office")
def set_line(body: dict[str, Any]) -> dict[str, Any]:
    """新增或修改职责库的一行（行业、属地、岗位相同的视为同一行；* 表示不限）。"""
    office.set_responsibility(the_engine(), Responsibility(**body), who().actor)
    return body


@room.route("/responsibilities/remove", methods=["POST"])
@room.arguments(schemas.LineKey)
@room.response(204)
@may("office")
def remove_line(body: dict[str, Any]) -> None:
    """删除职责库的一行。"""
    office.remove_responsibility(the_engine(), body["sector"], body["region"], body["role"], who().actor)

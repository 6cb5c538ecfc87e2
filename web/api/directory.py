"""Units, people and responsibilities 通讯录与职责库: everyone may read names, the office edits."""

from __future__ import annotations

import secrets
from dataclasses import asdict, replace
from typing import Any

from engine.directory import ENTERPRISE, Absence, Directory, Person, Post, Responsibility, Unit
from engine.errors import Conflict, InputInvalid, NotFound
from engine.handlers.choices import own_enterprises
from engine.runtime import absences, accounts, handover, office
from web.api import Room, schemas
from web.api.base import command_id
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
    del body["accept_left"]
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
    accepted = body.pop("accept_left")
    changed = Unit(**(body | {"id": unit}))
    now = the_engine().directory()
    _nobody_is_left_alone(replace(now, units={**now.units, unit: changed}), accepted)
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
    person = Person(id, body["account"], body["name"], body["phone"], body["active"], body["title"])
    now = engine.directory()
    held = now.posts
    if posts is not None:
        held = (*(p for p in held if p.person != id), *(Post(id, unit, role) for role, unit in posts))
    _nobody_is_left_alone(replace(now, people={**now.people, id: person}, posts=held), body["accept_left"])
    office.save_person(engine, person, actor)
    if posts is not None:
        office.set_posts(engine, id, posts, actor)
    if body["password"]:
        accounts.set_password(engine, id, body["password"], actor)
    return _person(engine.directory().people[id])


def _nobody_is_left_alone(then: Directory, accepted: bool) -> None:
    """Tell the office, before it confirms, which items nobody could do any more. Raises `Conflict`."""
    if accepted:
        return
    with the_engine().read() as c:
        count, lines = handover.left_alone(c, the_engine().directory(), then)
    if count:
        said = "；".join(f"{x.number or x.title or x.case}“{x.name}”" for x in lines[:3])
        raise Conflict(
            f"这样修改后有 {count} 件待办没有人可以办理：{said}{'等' if count > 3 else ''}。"
            "请先移交或给其他人设岗；确认仍要这样修改的，请勾选“仍要这样修改”后再保存。",
            rows=[asdict(x) | {"claimed": x.claimed} for x in lines],
        )


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


# -- who is away, and handing over ------------------------------------------------------------------------


def _absence(person: str, body: dict[str, Any]) -> Absence:
    role, _, unit = body["post"].partition("@")
    return Absence(
        "",
        person,
        body["first"],
        body["last"],
        body["reason"],
        body["substitute"],
        unit if role else "",
        role,
    )


@room.route("/absences", methods=["GET"])
@room.response(200)
@may("office")
def list_absences() -> dict[str, Any]:
    """现在和以后的离岗与替岗。"""
    return {"items": [asdict(a) for a in the_engine().directory().absences]}


@room.route("/people/<string:person>/absences", methods=["POST"])
@room.arguments(schemas.AbsenceBody)
@room.response(201)
@may("office")
def enter_absence(body: dict[str, Any], person: str) -> dict[str, Any]:
    """登记离岗，可同时指定替岗人；替岗期间所办事项记为“替岗人代本人”。"""
    return asdict(absences.enter(the_engine(), _absence(person, body), who().actor, by_office=True))


@room.route("/absences/<string:absence>", methods=["DELETE"])
@room.response(204)
@may("office")
def withdraw_absence(absence: str) -> None:
    """撤销离岗（销假）。"""
    absences.withdraw(the_engine(), absence, who().actor)


@room.route("/my-absences", methods=["GET"])
@room.response(200)
@may("signed_in")
def my_absences() -> dict[str, Any]:
    """本人的离岗记录，以及本人现在替谁。"""
    directory = the_engine().directory()
    return {
        "items": [asdict(a) for a in directory.absences if a.person == who().person],
        "standing_in": [
            {"person": p, "role": r, "unit": u} for p, r, u in directory.standing_in(who().person)
        ],
    }


@room.route("/my-absences", methods=["POST"])
@room.arguments(schemas.AbsenceBody)
@room.response(201)
@may("signed_in")
def enter_my_absence(body: dict[str, Any]) -> dict[str, Any]:
    """登记本人离岗；替岗人须是本单位同事。"""
    return asdict(absences.enter(the_engine(), _absence(who().person, body), who().actor, by_office=False))


@room.route("/my-absences/<string:absence>", methods=["DELETE"])
@room.response(204)
@may("signed_in")
def withdraw_my_absence(absence: str) -> None:
    """撤销本人的离岗记录。"""
    absences.withdraw(the_engine(), absence, who().actor, of_person=who().person)


@room.route("/people/<string:person>/in-hand", methods=["GET"])
@room.response(200)
@may("office")
def in_hand(person: str) -> dict[str, Any]:
    """这个人离开会留下什么：`items` 是其名下和只有其一人在岗的岗位上的待办，`alone` 是离开后将无人可办的件数。"""
    directory = the_engine().directory()
    if person not in directory.people:
        raise NotFound("没有这个人员。")
    with the_engine().read() as c:
        lines = handover.in_hand(c, person, directory)
        alone, _ = handover.left_alone(c, directory, handover.without(directory, person=person))
    return {"items": [asdict(x) | {"claimed": x.claimed} for x in lines], "alone": alone}


@room.route("/people/<string:person>/handovers", methods=["POST"])
@room.arguments(schemas.HandoverBody)
@room.response(201)
@may("office")
def hand_over(body: dict[str, Any], person: str) -> dict[str, Any]:
    """移交其名下全部待办：给接手人，或退回岗位。系统随后逐件办理，进度见移交清单。"""
    key = command_id()
    id = handover.begin(
        the_engine(), person, body["successor"], body["reason"], who().actor, key[:32] if key else None
    )
    return {"handover": id}

"""Who is away and who stands in 离岗与替岗: entered by the person or by the office, in force on days in the office's zone.

Who may enter one for whom is decided where the request comes in (web, command line); here it is decided what is sensible.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, replace
from datetime import date

import sqlalchemy as sa

from engine.commands import Actor
from engine.directory import ENTERPRISE, Absence, Directory
from engine.errors import Conflict, InputInvalid, NotAllowed, NotFound
from engine.runtime.engine import Engine
from engine.runtime.present import DIRECTORY_VERSION
from engine.store import settings
from engine.store.tables import absences


def enter(engine: Engine, absence: Absence, actor: Actor, *, by_office: bool) -> Absence:
    """Enter an absence (its id is given here); in force for every process from the next thing it does. `by_office`: the
    office enters it and may name a substitute from another unit (`why_not`).

    Raises `InputInvalid`, `NotFound`, `Conflict` for days that are taken or a substitute who is away, `NotAllowed` for one
    who may not stand in.
    """
    with engine.desk(actor) as desk:
        directory = engine.directory_in(desk.connection)
        today = engine.day_in(desk.connection)
        absence = replace(absence, id=secrets.token_hex(8), reason=absence.reason.strip())
        _check(absence, directory, today)
        if absence.substitute:
            _check_substitute(absence, directory, by_office=by_office)
        desk.connection.execute(sa.insert(absences), [asdict(absence)])
        desk.note("AbsenceEntered", absence.id, {"title": told(absence, directory), **asdict(absence)})
        settings.bump(desk.connection, DIRECTORY_VERSION)
    return absence


def withdraw(engine: Engine, id: str, actor: Actor, *, of_person: str = "") -> None:
    """End an absence now, or call off one that is to come 销假. `of_person`: only if it is that person's. Raises `NotFound`."""
    with engine.desk(actor) as desk:
        row = desk.connection.execute(sa.select(absences).where(absences.c.id == id)).first()
        if row is None or of_person not in ("", row.person):
            raise NotFound("没有这条离岗记录，可能已经撤销，请刷新页面。")
        directory = engine.directory_in(desk.connection)
        desk.connection.execute(sa.delete(absences).where(absences.c.id == id))
        found = Absence(**row._mapping)
        desk.note("AbsenceWithdrawn", id, {"title": told(found, directory), **asdict(found)})
        settings.bump(desk.connection, DIRECTORY_VERSION)


def told(absence: Absence, directory: Directory) -> str:
    """张三 2026-10-08 至 2026-10-12 离岗（请假），由李四替岗."""
    post = f"（{absence.unit} {absence.role}）" if absence.role else ""
    by = f"，由{directory.name_of(absence.substitute)}替岗" if absence.substitute else ""
    days = f"{absence.first.isoformat()} 至 {absence.last.isoformat()}"
    return f"{directory.name_of(absence.person)}{post} {days} 离岗（{absence.reason}）{by}"


def why_not(directory: Directory, unit: str, substitute: str, *, by_office: bool) -> str:
    """Why a person may not stand in at a post of a unit; "" where that is right [P].

    Whoever works in the same unit may. From elsewhere only the office can name somebody: of a unit of the same kind, or, for
    an enterprise, of its superior unit; never of another enterprise. So nobody comes to read what that kind of unit does not.
    """
    name = directory.name_of(substitute)
    units = dict.fromkeys(u for _, u in directory.own_posts(substitute))
    if not units:
        return f"{name}没有在岗的岗位，不能替岗。"
    if unit in units:
        return ""
    if not by_office:
        return f"{name}不是{unit}的人员。本人只能委托本单位同事；需要外单位人员替岗的，请安委办办理。"
    here = directory.units[unit]
    if here.kind == ENTERPRISE:
        return "" if here.parent in units else f"{name}不是{unit}或其上级单位的人员，企业之间不能互相替岗。"
    if any(directory.units[u].kind == here.kind for u in units):
        return ""
    return f"{name}所在单位与{unit}不是同类单位（{here.kind}），不能替岗。"


def _check(absence: Absence, directory: Directory, today: date) -> None:
    person = directory.people.get(absence.person)
    if person is None or not person.active:
        raise NotFound("没有这个在岗人员。")
    if absence.last < absence.first:
        raise InputInvalid("结束日期不能早于开始日期。", field="last")
    if absence.last < today:
        raise InputInvalid("这几天已经过去，不需要登记。", field="last")
    if len(absence.reason) < 2:
        raise InputInvalid("请填写离岗事由，如 请假、出差、培训。", field="reason")
    own = directory.own_posts(absence.person)
    if absence.role and (absence.role, absence.unit) not in own:
        raise NotFound(f"{person.name}没有“{absence.role}@{absence.unit}”这个岗位。", field="post")
    for other in directory.absences:
        same = not absence.role or other.of_post(absence.role, absence.unit)
        if other.person == absence.person and same and _meet(other, absence):
            raise Conflict(f"已登记过重叠的日期：{told(other, directory)}。请先撤销原记录。")


def _check_substitute(absence: Absence, directory: Directory, *, by_office: bool) -> None:
    name = directory.name_of(absence.substitute)
    found = directory.people.get(absence.substitute)
    if found is None or not found.active:
        raise NotFound("没有这个替岗人员，请从列表中选择。", field="substitute")
    if absence.substitute == absence.person:
        raise InputInvalid("替岗人不能是离岗者本人。", field="substitute")
    for other in directory.absences:
        if other.person == absence.substitute and _meet(other, absence):
            raise Conflict(
                f"{name}这几天自己也离岗（{told(other, directory)}）。替岗不能再转托他人，请另选替岗人。"
            )
    own = [(absence.role, absence.unit)] if absence.role else directory.own_posts(absence.person)
    for _, unit in own:
        refused = why_not(directory, unit, absence.substitute, by_office=by_office)
        if refused:
            raise NotAllowed(refused, field="substitute")


def _meet(one: Absence, other: Absence) -> bool:
    return one.first <= other.last and other.first <= one.last

"""Whom a person means 收件人: texts as people write them, as people and posts.

李娜, 李娜（能源局）, an account or id; 能源局 (everybody of the unit), 能源局（督办部门承办人） or DB@能源局 (a post of it).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.directory import Person
from engine.errors import InputInvalid
from engine.handlers import choices
from engine.handlers.work import Work

_WITH_UNIT = re.compile(r"(?P<name>[^（(]+)[（(](?P<unit>[^）)]+)[）)]")


def known(person: str, work: Work) -> bool:
    """Whether the actor may know of a person: by one of their units (`choices.known_unit`)."""
    posts = work.directory.posts_of(person)
    return not posts or any(known_unit(unit, work) for _, unit in posts)


def known_unit(unit: str, work: Work) -> bool:
    """Whether the actor may know of a unit."""
    return choices.known_unit(unit, work.actor.person, work.directory)


def resolved(texts: Iterable[str], work: Work) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """People's ids and posts (`ROLE@UNIT`). Raises `InputInvalid` with what nobody is called, or more than one."""
    people: dict[str, None] = {}
    posts: dict[str, None] = {}
    for text in filter(None, map(str.strip, texts)):
        person, post = _one(text, work)
        (people if person else posts)[person or post] = None
    return tuple(people), tuple(posts)


def called(name: str, work: Work) -> list[Person]:
    """The people in office of this name of whom the actor may know."""
    return [p for p in work.directory.people.values() if p.active and p.name == name and known(p.id, work)]


def _one(text: str, work: Work) -> tuple[str, str]:
    """(person, "") or ("", post)."""
    directory = work.directory
    role, at, unit = text.partition("@")
    if at and known_unit(unit, work):
        return "", text
    if known_unit(text, work):
        return "", f"@{text}"
    by_id = directory.people.get(text) or next(
        (p for p in directory.people.values() if p.account == text), None
    )
    if by_id is not None and by_id.active and known(by_id.id, work):
        return by_id.id, ""
    match = _WITH_UNIT.fullmatch(text)
    name, where = (match["name"].strip(), match["unit"].strip()) if match else (text, "")
    if where and known_unit(name, work):
        roles = [r for r in directory.roles_in(name) if where in (r, work.package.role_title(r))]
        if roles:
            return "", f"{roles[0]}@{name}"
    found = called(name, work)
    if where:
        found = [p for p in found if any(u == where for _, u in directory.posts_of(p.id))]
    if len(found) == 1:
        return found[0].id, ""
    said = f"通讯录中没有“{text[:60]}”，请写人员姓名或单位名称。"
    if found:
        said = f"叫“{name}”的有 {len(found)} 人，请写成“{name}（单位）”。"
    raise InputInvalid(said, errors={"to": [said]})

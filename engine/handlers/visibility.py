"""Who may see a case 可见范围 (领域说明 3.1): the office, leaders and auditors every case; other people the cases their
unit has to do with. What a person may not see is answered as not found, so that its existence does not leak.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.commands import Actor
from engine.directory import OFFICE, SEES_ALL, Directory
from engine.values import Value


@dataclass(frozen=True, slots=True)
class CaseView:
    """What decides who sees a case. Made from a state (`work.view`) or from rows.

    `party` the enterprise, `region` the place (a unit id where the place has one), `sector` the industry; `units`
    hold or held one of its items or are named in it (countersigners); `people` did or do one themselves, or have a copy;
    `posts` (role, unit) have one ("" = everybody of the unit).
    """

    party: str = ""
    region: str = ""
    sector: str = ""
    units: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    posts: frozenset[tuple[str, str]] = frozenset()


def sees_all(actor: Actor, directory: Directory) -> bool:
    """Whether one of the actor's posts is in a unit that sees every case."""
    return any(directory.units[unit].kind in SEES_ALL for _, unit in directory.posts_of(actor.person))


def may_see(actor: Actor, view: CaseView, directory: Directory) -> bool:
    """Whether the actor may see the case."""
    if not actor.person:
        return True  # the engine itself
    if actor.person in view.people or sees_all(actor, directory):
        return True
    for role, unit in directory.posts_of(actor.person):
        if (
            unit in view.units
            or unit in (view.party, view.region)
            or not view.posts.isdisjoint(((role, unit), ("", unit)))
        ):
            return True
        line = directory.responsible(role, view.sector, view.region)
        if line is not None and line[0] == unit:
            return True
    return False


def units_named(values: Iterable[Value], directory: Directory) -> frozenset[str]:
    """Ids of the units that the case's own variables name: the supervising unit, the countersigners 会签部门 …"""
    found: set[str] = set()
    for value in values:
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, str) and part in directory.units:
                found.add(part)
    return frozenset(found)


# -- reports -----------------------------------------------------------------------------------------------

REPORT = "举报"
"""The word that gives a report away, in names of steps and in sentences."""

KEEPERS = frozenset({"JB"})
"""Roles 举报专管员 whose steps exist only because somebody reported."""

INFORMED = frozenset({OFFICE, "督办部门"}) | SEES_ALL
"""Kinds of unit that may know of a report."""


def knows(posts: Iterable[tuple[str, str]], directory: Directory) -> bool:
    """Whether somebody with these posts (role, unit) may know of reports."""
    return any(
        role in KEEPERS or (unit in directory.units and directory.units[unit].kind in INFORMED)
        for role, unit in posts
    )


def keeps(posts: Iterable[tuple[str, str]]) -> bool:
    """Whether one of these posts (role, unit) is a keeper's of reports: what such a person does is known to have to do with one."""
    return any(role in KEEPERS for role, _ in posts)


def tells(role: str, name: str) -> bool:
    """Whether a step of this name, done by this role, is there only because somebody reported."""
    return role in KEEPERS or REPORT in name


def keeps_reports(unit: str, directory: Directory) -> bool:
    """Whether a unit is there for reports only: its very name tells whoever meets it on a case that somebody reported."""
    return bool(roles := directory.roles_in(unit)) and KEEPERS.issuperset(roles)

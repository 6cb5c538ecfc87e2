"""What the worklist's filters and its handing over 转办 offer: from the published packages and the directory, which are at hand;
no row is read for it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from engine.definitions.model import Kind, Package
from engine.directory import ANY, ENTERPRISE, Directory
from engine.handlers.choices import own_enterprises
from web import discretion
from web.context import the_directory, the_packages
from web.identity import Who
from web.worklist.wanted import NOBODY, OF_CASES, OPEN, Wanted

STEPS = frozenset({Kind.USER, Kind.MANUAL})


def filters(who: Who, wanted: Wanted) -> dict[str, list[tuple[str, str]]]:
    """For each filter of the tab the values and what they are called."""
    directory, packages = the_directory(), the_packages()
    found = {"package": [(p.key, p.title) for p in packages], "region": _regions(directory)}
    if wanted.tab in OF_CASES:
        return found
    wide = wanted.tab in ("unit", "done")
    roles = _roles_in(who, directory) if wide else set(who.roles)
    hidden = (
        frozenset() if discretion.of(who).reports else frozenset().union(*map(discretion.telling, packages))
    )
    found["step"] = [(name, name) for name in _steps(packages, roles, hidden)]
    if len(who.units) > 1:
        found["unit"] = [(unit, _unit(directory, unit)) for unit in who.units]
    if wanted.tab == "unit":
        found["held"] = [(NOBODY, "（未签收）"), *_colleagues(who, directory)]
    return found


def _roles_in(who: Who, directory: Directory) -> set[str]:
    """What is done in the person's units by anybody."""
    return {post.role for post in directory.posts if post.unit in who.units}


def _steps(packages: list[Package], roles: Collection[str], hidden: Collection[str]) -> list[str]:
    """Names of the steps that can come to these roles; where that is only known in a case, it may be anybody's."""
    drawn = (
        element
        for package in packages
        for process in package.processes.values()
        for element in process.elements.values()
        if element.kind in STEPS and element.id not in hidden and element.name
    )
    return sorted({e.name for e in drawn if not e.roles or not set(roles).isdisjoint(e.roles)})


def _regions(directory: Directory) -> list[tuple[str, str]]:
    named = {r.region for r in directory.responsibilities} | {u.region for u in directory.units.values()}
    named |= {u.id for u in directory.units_of_kind("属地")}
    return [(name, name) for name in sorted(named - {"", ANY})]


def _colleagues(who: Who, directory: Directory) -> list[tuple[str, str]]:
    """People with a post in one of the person's units, oneself first."""
    ids = {
        post.person
        for post in directory.posts
        if post.unit in who.units and post.person in directory.people and directory.people[post.person].active
    }
    others = sorted((directory.name_of(p), p) for p in ids - {who.person})
    return [(who.person, f"{who.name}（本人）"), *((p, name) for name, p in others)]


def _unit(directory: Directory, unit: str) -> str:
    return directory.units[unit].name if unit in directory.units else unit


def together(who: Who, tab: str) -> dict[str, Any] | None:
    """What can be done with several items of a tab, and whom they can be handed to; None where nothing can. Whether each may
    be done with each item is decided when it is done."""
    if tab not in OPEN:
        return None
    directory = the_directory()
    own = own_enterprises(who.person, directory)
    units = dict.fromkeys(u for role in who.roles for u in directory.units_with(role))
    known = (u for u in units if own is None or u in own or directory.units[u].kind != ENTERPRISE)
    does = {
        "unclaimed": ("claim", "transfer", "note"),
        "mine": ("transfer", "note", "finish"),
        "unit": ("transfer", "note"),
    }
    return {
        "does": does.get(tab, ("claim", "transfer", "note", "finish")),
        "people": [{"id": p, "name": name} for p, name in _colleagues(who, directory)[1:]],
        "units": [{"id": u, "name": _unit(directory, u)} for u in known],
    }

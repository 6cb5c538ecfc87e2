"""What a form may choose from 可选项: units, people and places of the directory, under the names that forms use.

A form's select names its source by key (`valuesKey` of form-js): `units_<ROLE>`, `people_<ROLE>`, `units_all`,
`regions`, `sectors`, `cases`. Every list holds `{label, value}`; a unit's value is its id, a person's the id too.
The web shows the same lists, so what can be seen can be submitted and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from engine.directory import ANY, ENTERPRISE, Directory
from engine.handlers.visibility import keeps_reports, knows
from engine.values import Value


class Choices(Mapping[str, Value]):
    """The lists by key, computed when asked for."""

    def __init__(
        self,
        directory: Directory,
        roles: Mapping[str, object],
        cases: Callable[[], list[Value]] | None = None,
        asker: str = "",
    ) -> None:
        """`asker`: the person who chooses; people of enterprises only are offered no enterprise but their own."""
        self._directory = directory
        self._roles = roles
        self._cases = cases
        self._own = own_enterprises(asker, directory)
        self._made: dict[str, Value] = {}

    def __getitem__(self, key: str) -> Value:
        if key not in self._made:
            self._made[key] = self._make(key)
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    @cached_property
    def _keys(self) -> dict[str, None]:
        keys = ["units_all", "regions", "sectors", "cases"]
        keys += [f"{what}_{role}" for role in self._roles for what in ("units", "people")]
        return dict.fromkeys(keys)

    def _make(self, key: str) -> list[Value]:
        directory = self._directory
        if key not in self._keys:
            raise KeyError(key)
        if key == "units_all":
            return [_unit(directory, u.id) for u in directory.units.values() if u.active and self._may(u.id)]
        if key == "regions":
            return [_unit(directory, u.id) for u in directory.units_of_kind("属地")]
        if key == "sectors":
            named = (r.sector for r in directory.responsibilities if r.sector != ANY)
            return [{"label": s, "value": s} for s in dict.fromkeys(named)]
        if key == "cases":
            return self._cases() if self._cases is not None else []
        what, _, role = key.partition("_")
        if what == "units":
            return [_unit(directory, u) for u in units_for(role, directory) if self._may(u)]
        return [
            {"label": f"{directory.name_of(person)}（{unit}）", "value": person}
            for unit in directory.units_with(role)
            if self._may(unit)
            for person in directory.members(unit, role)
        ]

    def _may(self, unit: str) -> bool:
        return self._own is None or unit in self._own or self._directory.units[unit].kind != ENTERPRISE


def own_enterprises(person: str, directory: Directory) -> frozenset[str] | None:
    """The units of a person who works for enterprises only; None for everybody else."""
    units = frozenset(unit for _, unit in directory.posts_of(person)) if person else frozenset()
    return units if units and all(directory.units[u].kind == ENTERPRISE for u in units) else None


def known_unit(unit: str, person: str, directory: Directory) -> bool:
    """Whether the person may meet the unit on a case: enterprises do not learn of each other, and who may not know of reports
    does not learn of the unit that keeps them."""
    found = directory.units.get(unit)
    own = own_enterprises(person, directory)
    if found is None or (own is not None and found.kind == ENTERPRISE and unit not in own):
        return False
    return not keeps_reports(unit, directory) or knows(directory.posts_of(person), directory)


def units_for(role: str, directory: Directory) -> list[str]:
    """Units that may be chosen to act in a role: those with people in it.

    A role that enterprises hold may be chosen at every enterprise: most have no account of their own, and a case
    must be registrable all the same.
    """
    units = directory.units_with(role)
    if any(directory.units[u].kind == ENTERPRISE for u in units):
        return [u.id for u in directory.units_of_kind(ENTERPRISE)]
    return units


def _unit(directory: Directory, unit: str) -> Value:
    return {"label": directory.units[unit].name, "value": unit}

"""The office's directory 通讯录与职责库: units, people, posts and who is responsible for what.

An immutable picture of the tables as they count on one day, made anew when a table changes or the day does. A unit's id
is the name it was entered under, which people read. A post 岗位 is (person, unit, role); one person may hold several. The
responsibility table 职责库 says which unit acts in a role for an industry and a place; "*" stands for any. Who is away
离岗 may have a substitute 替岗人, who holds the same posts beside one's own on those days; a substitute's substitute is not
followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from engine.errors import InputInvalid

ANY = "*"

OFFICE = "安委办"
LEADER = "领导"
AUDITOR = "审计"
ENTERPRISE = "企业"
KINDS = (OFFICE, "督办部门", "属地", ENTERPRISE, LEADER, "专家", AUDITOR, "其他")
"""What a unit may be 单位类别."""

SEES_ALL = frozenset({OFFICE, LEADER, AUDITOR})
"""Members of these kinds of unit see every case (领域说明 3.1)."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit 单位. `region` is the place it lies in, `sector` its industry, `code` its 统一社会信用代码."""

    id: str
    name: str
    kind: str = "其他"
    parent: str = ""
    code: str = ""
    region: str = ""
    sector: str = ""
    phone: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """A person 人员, as cases see one. Passwords are no business of the directory."""

    id: str
    account: str
    name: str
    phone: str = ""
    active: bool = True
    title: str = ""  # what the person does, for the list of demo accounts


@dataclass(frozen=True, slots=True, order=True)
class Post:
    """岗位：`person` acts for `unit` in `role`."""

    person: str
    unit: str
    role: str


@dataclass(frozen=True, slots=True)
class Responsibility:
    """职责：in `role`, `unit` takes the cases of `sector` in `region`; `source` says where that is laid down."""

    sector: str
    region: str
    role: str
    unit: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Absence:
    """离岗：`person` is away from day `first` to day `last` (both included, days in the office's zone), from the post `role` of
    `unit` or, where they are "", from all. `substitute` 替岗人 does meanwhile what is to be done there; "" for nobody."""

    id: str
    person: str
    first: date
    last: date
    reason: str = ""
    substitute: str = ""
    unit: str = ""
    role: str = ""

    def on(self, day: date) -> bool:
        return self.first <= day <= self.last

    def of_post(self, role: str, unit: str) -> bool:
        return not self.role or (self.role, self.unit) == (role, unit)


@dataclass(frozen=True)
class Directory:
    """Units and people by id, posts, responsibilities, who is away, and the look-ups the engine needs.

    Retired units and people stay readable by id, but never count as members or as responsible. Of `absences` those count
    that `day` lies in; without a day none does.
    """

    units: Mapping[str, Unit] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)
    posts: tuple[Post, ...] = ()
    responsibilities: tuple[Responsibility, ...] = ()
    absences: tuple[Absence, ...] = ()
    day: date | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        members: dict[tuple[str, str], list[str]] = {}
        by_person: dict[str, list[tuple[str, str]]] = {}
        units_of_role: dict[str, list[str]] = {}
        for post in self.posts:
            person, unit = self.people.get(post.person), self.units.get(post.unit)
            if person is None or unit is None or not person.active or not unit.active:
                continue
            holders = members.setdefault((post.unit, post.role), [])
            if not holders:
                units_of_role.setdefault(post.role, []).append(post.unit)
            holders.append(post.person)
            by_person.setdefault(post.person, []).append((post.role, post.unit))
        table = {(r.role, r.sector, r.region): r for r in self.responsibilities if self._acts(r.unit)}
        names = {p.name: p for p in self.people.values() if p.active}
        accounts = {p.account: p for p in self.people.values()}
        below: dict[str, list[str]] = {}
        for one in self.units.values():
            if one.parent:
                below.setdefault(one.parent, []).append(one.id)
        today = [a for a in self.absences if self.day is not None and a.on(self.day)]
        standing: dict[str, list[tuple[str, str, str]]] = {}
        for absence in today:
            there = self.people.get(absence.substitute)
            if there is not None and there.active:
                standing.setdefault(absence.substitute, []).extend(
                    (absence.person, role, unit)
                    for role, unit in by_person.get(absence.person, ())
                    if absence.of_post(role, unit)
                )
        for name, value in (
            ("_today", tuple(today)),
            ("_standing", standing),
            ("_below", below),
            ("_members", {k: sorted(v) for k, v in members.items()}),
            ("_by_person", by_person),
            ("_units_of_role", units_of_role),
            ("_table", table),
            ("_names", names),
            ("_accounts", accounts),
        ):
            object.__setattr__(self, name, value)

    _below: Mapping[str, list[str]] = field(init=False, repr=False, compare=False)
    _members: Mapping[tuple[str, str], list[str]] = field(init=False, repr=False, compare=False)
    _by_person: Mapping[str, list[tuple[str, str]]] = field(init=False, repr=False, compare=False)
    _units_of_role: Mapping[str, list[str]] = field(init=False, repr=False, compare=False)
    _table: Mapping[tuple[str, str, str], Responsibility] = field(init=False, repr=False, compare=False)
    _names: Mapping[str, Person] = field(init=False, repr=False, compare=False)
    _accounts: Mapping[str, Person] = field(init=False, repr=False, compare=False)
    _today: tuple[Absence, ...] = field(init=False, repr=False, compare=False)
    _standing: Mapping[str, list[tuple[str, str, str]]] = field(init=False, repr=False, compare=False)

    def at(self, day: date) -> Directory:
        """The same directory as it counts on a day."""
        if self.day == day or not self.absences:
            return self
        if self.day is not None and self._today == tuple(a for a in self.absences if a.on(day)):
            return self
        return replace(self, day=day)

    def _acts(self, unit: str) -> bool:
        found = self.units.get(unit)
        return found is not None and found.active

    def members(self, unit: str, role: str) -> list[str]:
        """Ids of the active people whose own post `role` in `unit` is."""
        return list(self._members.get((unit, role), ()))

    def holders(self, unit: str, role: str) -> list[str]:
        """Ids of those who may act in the post today: its own people and their substitutes."""
        found = self.members(unit, role)
        others = (s for s, posts in self._standing.items() if any(p[1:] == (role, unit) for p in posts))
        return [*found, *(s for s in others if s not in found)]

    def standing_in(self, person: str) -> list[tuple[str, str, str]]:
        """What the person does today for others 替岗: (for whom, role, unit)."""
        return list(self._standing.get(person, ()))

    def substitutes_of(self, person: str, role: str, unit: str) -> list[str]:
        """Ids of those who stand in for the person at a post today."""
        return [s for s, posts in self._standing.items() if (person, role, unit) in posts]

    def absence_of(self, person: str, role: str = "", unit: str = "") -> Absence | None:
        """The person's absence of today, from the post where one is named."""
        found = (a for a in self._today if a.person == person)
        return next((a for a in found if not role or a.of_post(role, unit)), None)

    def roles_in(self, unit: str) -> list[str]:
        """The roles that somebody holds in the unit."""
        return [role for place, role in self._members if place == unit]

    def below(self, unit: str) -> list[str]:
        """Ids of the units, in office or retired, of which it is the superior one."""
        return list(self._below.get(unit, ()))

    def own_posts(self, person: str) -> list[tuple[str, str]]:
        """The person's own posts as (role, unit), in the order they were entered."""
        return list(self._by_person.get(person, ()))

    def posts_of(self, person: str) -> list[tuple[str, str]]:
        """All posts in which the person may act today, as (role, unit): one's own first, then those of whom one stands in for."""
        found = self.own_posts(person)
        for _, role, unit in self._standing.get(person, ()):
            if (role, unit) not in found:
                found.append((role, unit))
        return found

    def units_with(self, role: str) -> list[str]:
        """Ids of the units in which somebody holds `role`, in the order they were entered."""
        return list(self._units_of_role.get(role, ()))

    def units_of_kind(self, kind: str) -> list[Unit]:
        """Active units of a kind, in the order they were entered."""
        return [u for u in self.units.values() if u.kind == kind and u.active]

    def responsible(self, role: str, sector: str, region: str) -> tuple[str, str] | None:
        """(unit id, Chinese sentence saying by which line) from the responsibility table, or None.

        The most specific line wins: industry and place, then industry, then place, then the line for all.
        """
        for a, b in ((sector, region), (sector, ANY), (ANY, region), (ANY, ANY)):
            line = self._table.get((role, a, b))
            if line is not None:
                what = "、".join(part for part in (a, b) if part != ANY) or "所有行业和属地"
                source = f"（{line.source}）" if line.source else ""
                return line.unit, f"按职责库：{what}由{line.unit}负责{source}"
        return None

    def find_person(self, text: str) -> Person | None:
        """The person with this id, account or (among those in office) name."""
        return self.people.get(text) or self._accounts.get(text) or self._names.get(text)

    def name_of(self, person: str) -> str:
        """The person's name; the id itself where it is unknown."""
        found = self.people.get(person)
        return found.name if found else person

    def with_units(self, units: Iterable[Unit]) -> Directory:
        """The same directory with more units: used to foresee what an import would do."""
        return replace(self, units={**self.units, **{u.id: u for u in units}})


def from_data(data: Mapping[str, Any]) -> Directory:
    """A directory from TOML data: `[[units]]`, `[[people]]` (with `posts = ["ROLE@UNIT"]`), `[[responsibilities]]`.

    A unit's id is its `name`, a person's id the `account` unless `id` is given. A responsibility may name several
    `roles`. Raises `InputInvalid` with the place for unknown keys, doubles, and posts or lines of unknown units.
    """
    _only(data, {"units", "people", "responsibilities"}, "通讯录")
    units: dict[str, Unit] = {}
    for n, row in enumerate(data.get("units", ()), 1):
        where = f"第 {n} 个单位"
        _only(row, {"name", "kind", "parent", "code", "region", "sector", "phone", "active"}, where)
        unit = Unit(id=row["name"], **row)
        if unit.id in units:
            raise InputInvalid(f"{where}“{unit.id}”重复")
        if unit.kind not in KINDS:
            raise InputInvalid(f"{where}“{unit.id}”的类别“{unit.kind}”不在 {'、'.join(KINDS)} 之中")
        if unit.parent and unit.parent not in units:
            raise InputInvalid(f"{where}“{unit.id}”的上级“{unit.parent}”须写在它的前面")
        units[unit.id] = unit
    people: dict[str, Person] = {}
    posts: list[Post] = []
    for n, row in enumerate(data.get("people", ()), 1):
        where = f"第 {n} 个人员"
        _only(row, {"id", "account", "name", "phone", "active", "title", "posts"}, where)
        rest = {k: v for k, v in row.items() if k not in ("posts", "id")}
        person = Person(id=row.get("id", row["account"]), **rest)
        if person.id in people or any(person.account == p.account for p in people.values()):
            raise InputInvalid(f"{where}“{person.name}”的账号重复")
        people[person.id] = person
        for text in row.get("posts", ()):
            role, _, unit_id = text.partition("@")
            if unit_id not in units:
                raise InputInvalid(f"{where}“{person.name}”的岗位“{text}”：没有这个单位")
            posts.append(Post(person.id, unit_id, role))
    lines: list[Responsibility] = []
    for n, row in enumerate(data.get("responsibilities", ()), 1):
        where = f"职责库第 {n} 行"
        _only(row, {"sector", "region", "roles", "unit", "source"}, where)
        if row["unit"] not in units:
            raise InputInvalid(f"{where}：没有“{row['unit']}”这个单位")
        for role in row["roles"]:
            line = Responsibility(
                row.get("sector", ANY), row.get("region", ANY), role, row["unit"], row.get("source", "")
            )
            if any((line.sector, line.region, role) == (o.sector, o.region, o.role) for o in lines):
                raise InputInvalid(f"{where}：{line.sector}、{line.region}、{role} 重复")
            lines.append(line)
    return Directory(units, people, tuple(posts), tuple(lines))


def _only(row: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(row) - known)
    if unknown:
        raise InputInvalid(f"{where}：不认识的项 {'、'.join(unknown)}")

"""Who does it 派单与办理权限: which unit holds a work item, who may do it, and why.

Routing 派单 goes from the particular to the general: the task's own `unit` property, `ROLE@UNIT`, the role's rule
in process.toml, the responsibility table 职责库, and last the unit that alone has people of that role. The basis is
kept as a Chinese sentence beside the item, so that nobody has to ask why it came to them.

Everything here is pure. It sees packages and states through the small protocols below, because the rooms that
make them stand above this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from engine.calendar import Moment
from engine.commands import Actor
from engine.directory import Directory
from engine.errors import AlreadyClaimed, EngineError, NotAllowed, SeparationOfDuties
from engine.feel import Expression
from engine.values import Value


class RoleRule(Protocol):
    """A role of the package 岗位 (`definitions.model.Role`)."""

    @property
    def title(self) -> str: ...
    @property
    def unit(self) -> Expression | None: ...


class Task(Protocol):
    """The drawn user task of an item (`definitions.model.Element`)."""

    @property
    def properties(self) -> Mapping[str, str]: ...


class HeldItem(Protocol):
    """An open work item of a state (`execution.state.Item`)."""

    @property
    def name(self) -> str: ...
    @property
    def assignee(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def behalf(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Route:
    """Where an item goes. `holders` is false when nobody there can take it; `unit` may be empty then."""

    unit: str
    role: str
    basis: str
    holders: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What the responsibility table is asked with: the case's industry 行业 and place 属地."""

    sector: str
    region: str


def route(
    groups: Sequence[str],
    roles: Mapping[str, RoleRule],
    context: Mapping[str, Value],
    place: Place,
    directory: Directory,
    moment: Moment,
    *,
    own_unit: Expression | None = None,
    assignee: str = "",
) -> Route:
    """The unit and role that hold an item.

    `groups` are candidate roles, `ROLE` or `ROLE@UNIT`, in order of preference: the first one somebody holds takes
    the item. `own_unit` is the task's `unit` property (FEEL), `assignee` the person drawn on the task. When no group
    leads to a person, the first unit found is kept for display and `holders` is false.
    """
    if assignee:
        return _to_person(assignee, groups, directory)
    if not groups:
        return Route("", "", "该任务没有填写候选岗位，请在流程图中补上", False)
    found: Route | None = None
    for group in groups:
        role, _, explicit = group.partition("@")
        if explicit:
            attempt = _settled(explicit, role, f"流程指定由{explicit}办理", directory, roles)
        else:
            attempt = _by_rules(role, roles, context, place, directory, moment, own_unit)
        if attempt.holders:
            return attempt
        if found is None or (attempt.unit and not found.unit):
            found = attempt
    assert found is not None
    return found


def _to_person(person: str, groups: Sequence[str], directory: Directory) -> Route:
    found = directory.find_person(person)
    if found is None or not found.active:
        return Route("", "", f"流程指定由“{person}”办理，但通讯录中没有这个在岗人员", False)
    posts = directory.own_posts(found.id)
    wanted = {g.partition("@")[0] for g in groups}
    for role, unit in posts:
        if role in wanted or not wanted:
            return Route(unit, role, f"流程指定由{found.name}办理", True)
    if posts:
        role, unit = posts[0]
        return Route(unit, role, f"流程指定由{found.name}办理", True)
    return Route("", "", f"流程指定由{found.name}办理，但{found.name}没有任何岗位", False)


def _by_rules(
    role: str,
    roles: Mapping[str, RoleRule],
    context: Mapping[str, Value],
    place: Place,
    directory: Directory,
    moment: Moment,
    own_unit: Expression | None,
) -> Route:
    if own_unit is not None:
        named = _unit_named(own_unit.evaluate(context, moment))
        if named:
            return _settled(named, role, f"该步骤指定由{named}办理", directory, roles)
    rule = roles.get(role)
    if rule is not None and rule.unit is not None:
        named = _unit_named(rule.unit.evaluate(context, moment))
        if named:
            # A parameter's name says nothing to a person; a variable's is the form's own word.
            by = "按流程设定" if rule.unit.text.startswith("p.") else f"按案件信息“{rule.unit.text}”"
            return _settled(named, role, f"{by}由{named}办理", directory, roles)
    line = directory.responsible(role, place.sector, place.region)
    if line is not None:
        return _settled(line[0], role, line[1], directory, roles)
    units = directory.units_with(role)
    title = rule.title if rule is not None else role
    if len(units) == 1:
        return Route(units[0], role, f"{title}只设在{units[0]}", True)
    if not units:
        return Route("", role, f"没有任何单位设有{title}，请在通讯录中给人员加上这个岗位", False)
    where = "、".join(t for t in (place.sector, place.region) if t) or "本案"
    return Route(
        "",
        role,
        f"职责库中没有{where}对应的{title}（有该岗位的单位共 {len(units)} 个），请补充职责库或转办给具体单位",
        False,
    )


def _settled(unit: str, role: str, basis: str, directory: Directory, roles: Mapping[str, RoleRule]) -> Route:
    """The unit is known; is anybody there? If not, its parent unit acts for it where that holds the same role
    (a town files for an enterprise that has no account)."""
    if directory.members(unit, role):
        return Route(unit, role, basis, True)
    title = roles[role].title if role in roles else role
    known = directory.units.get(unit)
    if known is None:
        return Route(unit, role, f"{basis}，但通讯录中没有“{unit}”这个单位", False)
    if known.parent and directory.members(known.parent, role):
        return Route(known.parent, role, f"{basis}；{unit}没有在岗的{title}，由{known.parent}代办", True)
    return Route(unit, role, f"{basis}，但{unit}没有在岗的{title}", False)


def _unit_named(value: Value) -> str:
    """A unit id out of an expression's value; a list counts when it has exactly one member."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value.strip() if isinstance(value, str) else ""


def group_list(value: Value) -> tuple[str, ...]:
    """Candidate groups out of a text ("DB, SD") or a list of texts."""
    parts: Iterable[Value] = value.replace("，", ",").split(",") if isinstance(value, str) else value or ()
    return tuple(p.strip() for p in parts if isinstance(p, str) and p.strip())


# -- may this person do it? ----------------------------------------------------------------------------


def may_do(
    actor: Actor,
    item: HeldItem,
    performers: Mapping[str, Sequence[str]],
    element: Task,
    names: Mapping[str, str],
    directory: Directory,
) -> None:
    """Return when the actor may do the item; raise the refusal, in words, when not.

    `performers` are the people who completed each element of this case; `names` the elements' titles, for the
    sentence. Who stands in for another 代 may do what that one may, but for what either of them is kept from. Raises
    `NotAllowed`, `AlreadyClaimed`, `SeparationOfDuties`.
    """
    behalf = behalf_of(actor.person, item, directory)
    if item.assignee and item.person in ("", item.assignee):
        found = directory.find_person(item.assignee)
        if (found is None or found.id != actor.person) and not behalf:
            name = found.name if found else item.assignee
            raise NotAllowed(f"“{item.name}”指定由{name}办理，其他人不能代办。")
    elif item.person and not _with(actor.person, item, behalf):
        name = directory.name_of(item.person)
        raise AlreadyClaimed(
            f"“{item.name}”已由{name}签收。需要由您办理的，请{name}退签或转办。", person=item.person
        )
    elif item.person and item.role and not holds(actor, item.role, item.unit, directory):
        raise NotAllowed(
            f"“{item.name}”由您签收，但您已经不在{item.unit}的这个岗位上，不能再办理。请退签，或请安委办转办。"
        )
    elif not item.person and not holds(actor, item.role, item.unit, directory):
        where = item.unit or "（尚未派到单位）"
        raise NotAllowed(
            f"“{item.name}”由{where}办理，您的岗位不能办理这一步。如需由您办理，请办理单位转办。"
        )
    for other in group_list(element.properties.get("separateFrom", "")):  # 不相容岗位分离
        for person in (actor.person, behalf):
            if not person or person not in performers.get(other, ()):
                continue
            step = names.get(other) or other
            acts = "，不能再办理" if person == actor.person else "，替岗人也不能再办理"
            raise SeparationOfDuties(
                f"{directory.name_of(person)}已在本案办理“{step}”{acts}“{item.name}”。"
                f"请转交{item.unit or '本单位'}其他人员办理。",
                person=person,
                step=other,
            )


def may_take(actor: Actor, item: HeldItem, directory: Directory) -> bool:
    """Whether the item lies with the actor or with one of the actor's posts, whoever claimed it."""
    return item.person == actor.person or holds(actor, item.role, item.unit, directory)


def has(actor: Actor, item: HeldItem, directory: Directory) -> bool:
    """Whether the actor has claimed the item, or stands in for who has, or has a substitute who did so for the actor."""
    return bool(item.person) and _with(actor.person, item, behalf_of(actor.person, item, directory))


def _with(person: str, item: HeldItem, behalf: str) -> bool:
    return item.person in (person, behalf) or item.behalf == person


def behalf_of(person: str, item: HeldItem, directory: Directory) -> str:
    """Id of whom the person stands in for 代 in doing the item; "" for who does it in a post of one's own, or not at all.

    What another has claimed is done for that one. What nobody has is done in one's own name where one holds the post oneself.
    """
    standing = directory.standing_in(person)
    if not standing:
        return ""
    held = item.person
    if not held and item.assignee:
        named = directory.find_person(item.assignee)
        held = named.id if named is not None else item.assignee
    if held == person:
        held = item.behalf
    elif not held:
        if (item.role, item.unit) in directory.own_posts(person):
            return ""
        held = next((p for p, *post in standing if post == [item.role, item.unit]), "")
    return held if (held, item.role, item.unit) in standing else ""


def in_the_name_of(behalf: str, actor: Actor, directory: Directory) -> Actor:
    """The actor, standing in for a person 代: 李四代张三. Unchanged for ""."""
    if not behalf:
        return actor
    return replace(actor, behalf=behalf, name=f"{actor.name}代{directory.name_of(behalf)}"[:LONGEST_NAME])


def in_post_of_another(actor: Actor, roles: Sequence[str], directory: Directory) -> Actor:
    """The actor as it asks what concerns no item: for another 代 in that one's post, or because only that one holds one of the
    `roles` it takes; else in its own name."""
    own, standing = directory.own_posts(actor.person), directory.standing_in(actor.person)
    post = (actor.role, actor.unit)
    kept = actor.role in roles if roles else post != ("", "")
    if not kept and not any(role in roles for role, _ in own):
        post = next(((r, u) for _, r, u in standing if r in roles), post)
    if post in own:
        return actor
    behalf = next((p for p, r, u in standing if (r, u) == post), "")
    return in_the_name_of(behalf, replace(actor, role=post[0], unit=post[1]), directory) if behalf else actor


LONGEST_NAME = 100
"""Characters that the ledger keeps of who did something."""


def holds(actor: Actor, role: str, unit: str, directory: Directory) -> bool:
    """Whether the actor holds the post, also as somebody's substitute, by the directory as it is now."""
    return bool(actor.person) and (role, unit) in directory.posts_of(actor.person)


def candidates(
    item: HeldItem,
    performers: Mapping[str, Sequence[str]],
    element: Task,
    names: Mapping[str, str],
    directory: Directory,
) -> list[str]:
    """Ids of the people who may do the item now, sorted."""
    named = directory.find_person(item.assignee) if item.assignee else None
    if item.person or item.assignee:
        first = item.person or (named.id if named is not None and named.active else "")
        others = directory.substitutes_of(first, item.role, item.unit)
        pool = [
            p
            for p in dict.fromkeys((first, item.behalf, *others))
            if p in directory.people and directory.people[p].active
        ]
    else:
        pool = directory.holders(item.unit, item.role)
    able: list[str] = []
    for person in pool:
        try:
            may_do(Actor(person=person), item, performers, element, names, directory)
        except EngineError:
            continue
        able.append(person)
    return sorted(able)


def acting_as(person: str, directory: Directory, role: str = "", unit: str = "") -> Actor:
    """The person as an actor, in the post that fits `role` and `unit` best, otherwise in the first one.

    Raises `KeyError` for a person the directory does not know.
    """
    posts = directory.posts_of(person)
    best = max(
        posts, key=lambda post: (post == (role, unit), post[1] == unit, post[0] == role), default=("", "")
    )
    return Actor(
        person=person,
        name=directory.people[person].name,
        unit=best[1],
        role=best[0],
        posts=tuple(f"{r}@{u}" for r, u in posts),
    )

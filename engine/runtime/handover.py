"""Handing over 移交: what one person has in hand goes to another, or back to the post, when the person leaves.

The office confirms a list; the worker moves it line by line with the command a person would use, so that each case has its
own fact. A line's command always has the same id: after a crash nothing is moved twice. The list stays as it was confirmed,
with what became of each line, to be printed and signed.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.commands import Actor, TransferItem
from engine.directory import Directory
from engine.errors import Conflict, EngineError, InputInvalid, NotFound
from engine.handlers.handing_over import turn
from engine.handlers.work import reason_given
from engine.runtime.engine import Engine
from engine.store.tables import cases, handover_items, handovers, open_item, with_somebody, work_items

log = logging.getLogger(__name__)

RESULTS = {
    "": "等待移交",
    "moved": "已移交",
    "returned": "已退回岗位",
    "gone": "已不在其手中",
    "refused": "未能移交",
}
"""What became of a line."""

AT_ONCE = 50
"""Lines moved in one step of a worker."""

MOST_TOLD = 200
"""Items that would be left alone, told one by one."""


@dataclass(frozen=True, slots=True)
class Line:
    """An open item with its case, as a list of them says it. `holder` has it in hand ("" = nobody), for `behalf` 代 where that is
    said; `suspended`: its case is 挂起."""

    case: str
    item: int
    name: str
    number: str
    title: str
    unit: str
    role: str
    due: datetime | None
    holder: str
    behalf: str
    suspended: bool

    @property
    def claimed(self) -> bool:
        """Whether it is in somebody's hands."""
        return bool(self.holder)


_w = work_items.c
_lines = (
    sa.select(_w.case, _w.item, _w.name, cases.c.number, cases.c.title, _w.unit, _w.role, _w.due)
    .add_columns(_w.person, _w.behalf, cases.c.state)
    .join_from(work_items, cases, cases.c.id == _w.case)
    .where(open_item)
    .order_by(_w.due.is_(None), _w.due, _w.case, _w.item)
)


def _line(row: Any) -> Line:
    return Line(
        row.case, row.item, row.name, row.number, row.title, row.unit, row.role, row.due,
        row.person, row.behalf, row.state == "suspended",
    )  # fmt: skip


def in_hand(connection: sa.Connection, person: str, directory: Directory) -> list[Line]:
    """What the person would leave behind: what is claimed by the person, also in another's name 代, and by substitutes in the
    person's; then what waits at posts that nobody else is in."""
    found = connection.execute(_lines.where(_w.person == person, with_somebody)).all()
    posts = [(u, r) for r, u in directory.own_posts(person)]
    for_them = {a.substitute for a in directory.absences if a.person == person}
    for_them.update(p for post in posts for p in directory.members(*post))
    stood_in = _lines.where(
        _w.person.in_(sorted(for_them - {"", person})), with_somebody, _w.behalf == person
    )
    found = [*found, *connection.execute(stood_in).all()]
    alone = [post for post in posts if directory.members(*post) == [person]]
    if alone:
        waiting = _lines.where(_w.person == "", sa.tuple_(_w.unit, _w.role).in_(alone))
        found = [*found, *connection.execute(waiting).all()]
    return [_line(row) for row in found]


def left_alone(connection: sa.Connection, now: Directory, then: Directory) -> tuple[int, list[Line]]:
    """How many open items somebody can take `now` and nobody could `then`, and the first of them."""
    held = connection.execute(sa.select(_w.unit, _w.role).where(open_item, _w.unit != "").distinct()).all()
    lost = [(u, r) for u, r in held if now.members(u, r) and not then.members(u, r)]
    if not lost:
        return 0, []
    there = sa.tuple_(_w.unit, _w.role).in_(lost)
    count = connection.execute(sa.select(sa.func.count()).where(open_item, there)).scalar_one()
    return count, [_line(row) for row in connection.execute(_lines.where(there).limit(MOST_TOLD))]


def without(directory: Directory, *, person: str = "", unit: str = "") -> Directory:
    """The directory as it would be without a person or a unit in office."""
    people, units = dict(directory.people), dict(directory.units)
    if person in people:
        people[person] = replace(people[person], active=False)
    if unit in units:
        units[unit] = replace(units[unit], active=False)
    return replace(directory, people=people, units=units)


def begin(
    engine: Engine, person: str, successor: str, reason: str, actor: Actor, id: str | None = None
) -> str:
    """Confirm the list of what the person has in hand and have it moved: to `successor`, or back to the post ("").

    Returns the handover's id; asked again under the same `id` it does nothing more. Raises `NotFound`, `InputInvalid`,
    `Conflict` where the successor is not in one of the posts.
    """
    with engine.desk(actor) as desk:
        id = id or secrets.token_hex(8)
        c = desk.connection
        if c.execute(sa.select(handovers.c.id).where(handovers.c.id == id)).first() is not None:
            return id
        directory = engine.directory_in(c)
        if person not in directory.people:
            raise NotFound("没有这个人员。")
        reason = reason_given(reason, "移交")
        lines = [line for line in in_hand(c, person, directory) if successor or line.claimed]
        if not lines:
            raise InputInvalid(f"{directory.name_of(person)}名下没有需要移交的事项。")
        if successor:
            _check_successor(person, successor, [x for x in lines if not of_another(x, person)], directory)
        row = {
            "id": id, "person": person, "successor": successor, "reason": reason, "at": desk.now,
            "asked_by": actor.person, "asked_name": actor.name, "done_at": None,
        }  # fmt: skip
        c.execute(sa.insert(handovers), [row])
        listed = [
            asdict(line) | {"handover": id, "position": n, "result": "", "said": ""}
            for n, line in enumerate(lines, 1)
        ]
        c.execute(sa.insert(handover_items), listed)
        to = directory.name_of(successor) if successor else "原岗位"
        desk.note(
            "HandoverBegun",
            id,
            {
                "title": f"{directory.name_of(person)}移交{to} {len(lines)} 件",
                "person": person,
                "successor": successor,
                "reason": reason,
                "items": [f"{line.case}/{line.item}" for line in lines],
            },
        )
    engine.bell.ring()
    return id


def of_another(line: Any, person: str) -> bool:
    """Whether the person has the item for another 代, to whose post it goes back whoever succeeds the person."""
    return bool(line.holder == person and line.behalf)


def _check_successor(person: str, successor: str, lines: Sequence[Line], directory: Directory) -> None:
    found = directory.people.get(successor)
    if found is None or not found.active or successor == person:
        raise NotFound("请从列表中选择在岗的接手人。", field="successor")
    away = directory.absence_of(successor)
    if away is not None:
        raise Conflict(f"{found.name}{away.first.isoformat()}至{away.last.isoformat()}离岗，请另选接手人。")
    roles = {role for role, _ in directory.own_posts(successor)}
    lacking = sorted({f"{line.role}@{line.unit}" for line in lines if line.role not in roles})
    if lacking:
        raise Conflict(
            f"{found.name}没有这些岗位：{'、'.join(lacking)}，不能接办。请先在人员页给其设岗，或选择退回岗位。"
        )


# -- moving it -------------------------------------------------------------------------------------------------


def step(engine: Engine) -> int:
    """Move some lines of what was confirmed and is not done. Returns how many. Any number of workers may do it at once."""
    with engine.read() as c:
        asked = c.execute(_unfinished).first()
        lines = c.execute(_waiting, {"b_handover": asked.id}).all() if asked is not None else []
    if asked is None:
        return 0
    for line in lines:
        result, said = _move(engine, asked, line)
        with engine.database.write() as c:
            key = (handover_items.c.handover == asked.id, handover_items.c.position == line.position)
            c.execute(sa.update(handover_items).where(*key).values(result=result, said=said))
    if len(lines) < AT_ONCE:
        with engine.database.write() as c:
            done = sa.update(handovers).where(handovers.c.id == asked.id, handovers.c.done_at.is_(None))
            c.execute(done.values(done_at=engine.moment_in(c).now))
    return len(lines) or 1


_unfinished = sa.select(handovers).where(handovers.c.done_at.is_(None)).order_by(handovers.c.at).limit(1)
_waiting = (
    sa.select(handover_items)
    .where(handover_items.c.handover == sa.bindparam("b_handover"), handover_items.c.result == "")
    .order_by(handover_items.c.position)
    .limit(AT_ONCE)
)


def _move(engine: Engine, asked: Any, line: Any) -> tuple[str, str]:
    """Move one line, unless that was done before. What became of it, and why where that is not what was asked."""
    passing, returning = (f"handover/{asked.id}/{line.position}/{how}" for how in ("to", "back"))
    directory = engine.directory()
    try:
        if engine.was_asked(passing):
            return "moved", ""
        if engine.was_asked(returning):
            return "returned", ""
        state = engine.load(line.case)
        item = state.items.get(line.item)
        if item is None:
            return "gone", "移交前已经办结"
        behalf = line.behalf if of_another(line, asked.person) else ""
        package = engine.package_of(line.case)
        command, result, said = turn(
            line.case, item, state, package, directory, asked.person, asked.successor, asked.reason, behalf
        )
        if command is not None:
            key = passing if isinstance(command, TransferItem) else returning
            engine.execute(command, Actor(asked.asked_by, asked.asked_name), key)
        return result, said
    except EngineError as refusal:
        return "refused", refusal.message

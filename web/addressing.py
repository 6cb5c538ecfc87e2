"""Whom one may address on a case 可以找谁: people and units for @ and 抄送, those who see the case first."""

from __future__ import annotations

from typing import Any

from engine.commands import Actor
from engine.handlers.recipients import called, known, known_unit
from engine.handlers.visibility import keeps, may_see
from engine.handlers.work import Work

MOST = 12
"""Offered at once; more is typed for."""


def found(work: Work, q: str, *, knows: bool) -> dict[str, Any]:
    """`people` ({name, title, text, sees}) and `units` ({name, text}) whose name, account or unit has `q` in it. `text` is what is
    written to mean them. `knows`: whether the asker may know of reports; others are not offered who keeps them."""
    directory, view, q = work.directory, work.view, q.strip()
    people: list[tuple[tuple[bool, ...], dict[str, Any]]] = []
    for person in directory.people.values():
        posts = directory.posts_of(person.id)
        if not person.active or not posts or person.id == work.actor.person or not known(person.id, work):
            continue
        if not knows and keeps(posts):
            continue
        units = list(dict.fromkeys(unit for _, unit in posts))
        if q and not any(q in text for text in (person.name, person.account, *units)):
            continue
        sees = may_see(Actor(person.id), view, directory)
        near = person.id in view.people or any(unit in work.state.holders for unit in units)
        people.append(
            (
                (not near, not sees, not person.name.startswith(q)),
                {"name": person.name, "title": "、".join(units), "units": units, "sees": sees},
            )
        )
    people.sort(key=lambda one: one[0])
    shown = [row for _, row in people[:MOST]]
    for row in shown:
        units = row.pop("units")
        row["text"] = row["name"] if len(called(row["name"], work)) == 1 else f"{row['name']}（{units[0]}）"
    offered = [
        {"name": u.name, "title": "全单位", "text": u.id}
        for u in directory.units.values()
        if u.active and known_unit(u.id, work) and directory.roles_in(u.id) and (not q or q in u.name)
    ]
    return {"people": shown, "units": offered[:MOST]}

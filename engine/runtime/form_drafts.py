"""Drafts of forms 草稿: what a person has typed for a work item and not submitted, so that it goes on at another device.

One for each person and item; nobody else ever reads it, it is no fact and in no log. With the item it is over: from then on it
is not given out, and a worker sweeps it away. So the completion of a step writes nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from engine.errors import Conflict
from engine.runtime.engine import Engine
from engine.store.tables import form_drafts as t
from engine.store.tables import work_items
from engine.values import Value, dumps, loads


@dataclass(frozen=True, slots=True)
class FormDraft:
    """What was typed, when it was saved (host's clock), and its revision: 0 is none; a later one is always larger."""

    revision: int
    data: dict[str, Value]
    saved_at: datetime


def read(engine: Engine, person: str, case: str, item: int) -> FormDraft | None:
    """The person's draft of an item; None where there is none."""
    with engine.database.glance() as connection:
        row = connection.execute(_one, {"b_person": person, "b_case": case, "b_item": item}).first()
    if row is None:
        return None
    return FormDraft(row.revision, dict(loads(row.data)), row.saved_at)


def save(
    engine: Engine, person: str, case: str, item: int, data: dict[str, Value], base: int, now: datetime
) -> int:
    """Keep a draft that goes on from revision `base` (0: from none); gives the new revision. Raises `Conflict` where another device
    has saved meanwhile. `now` is the host's clock."""
    held = {"b_person": person, "b_case": case, "b_item": item}
    with engine.database.write() as connection:
        known = connection.execute(_revision, held).scalar() or 0
        if known != base:
            raise Conflict("这一步的草稿刚在另一台设备上保存过。")
        revision = max(known + 1, int(now.timestamp() * 1000))
        row = {"revision": revision, "data": dumps(data), "saved_at": now}
        try:
            if known:
                changed = connection.execute(
                    sa.update(t).where(_mine, t.c.revision == sa.bindparam("b_base")),
                    held | {"b_base": base} | row,
                )
                if changed.rowcount == 0:
                    raise Conflict("这一步的草稿刚在另一台设备上保存过。")
            else:
                connection.execute(sa.insert(t), [{"person": person, "case": case, "item": item} | row])
        except sa.exc.IntegrityError:
            raise Conflict("这一步的草稿刚在另一台设备上保存过。") from None
    return revision


def discard(engine: Engine, person: str, case: str, item: int) -> None:
    """The person's draft goes; nothing happens where there is none."""
    with engine.database.write() as connection:
        connection.execute(sa.delete(t).where(_mine), {"b_person": person, "b_case": case, "b_item": item})


def sweep(engine: Engine) -> int:
    """Remove the drafts of items that are over; they were not given out since. Returns how many."""
    with engine.database.write() as connection:
        return connection.execute(sa.delete(t).where(~_open)).rowcount


_mine = sa.and_(
    t.c.person == sa.bindparam("b_person"),
    t.c.case == sa.bindparam("b_case"),
    t.c.item == sa.bindparam("b_item"),
)
_open = (
    sa.select(work_items.c.item)
    .where(work_items.c.case == t.c.case, work_items.c.item == t.c.item, work_items.c.state == "open")
    .exists()
)
_one = sa.select(t.c.revision, t.c.data, t.c.saved_at).where(_mine, _open)
_revision = sa.select(t.c.revision).where(_mine)

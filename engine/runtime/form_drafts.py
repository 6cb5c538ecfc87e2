"""Drafts of forms 草稿: what a person has typed and not submitted, so that it goes on at another device: for a work item, and for what
is no step, the form of a new case or of an action 申请.

One for each person and form; nobody else ever reads it, it is no fact and in no log. With its item the one is over, the other when the
form was submitted or nothing was typed for a week: from then on it is not given out, and a worker sweeps it away. So the completion of
a step writes nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.errors import Conflict
from engine.runtime.engine import Engine
from engine.store.tables import begun_forms, form_drafts, work_items
from engine.values import Value, dumps, loads

KEPT = timedelta(days=7)
"""How long a draft of what is no step is kept after it was saved last [P]; as long as browsers keep theirs."""

OTHER_DEVICE = "这份草稿刚在另一台设备上保存过。"


@dataclass(frozen=True, slots=True)
class FormDraft:
    """What was typed, when it was saved (host's clock), and its revision: 0 is none; a later one is always larger."""

    revision: int
    data: dict[str, Value]
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where a draft lies: its table, and the key of its row."""

    table: sa.Table
    key: dict[str, Any]

    @property
    def here(self) -> sa.ColumnElement[bool]:
        """The row of this place."""
        return sa.and_(*(self.table.c[name] == value for name, value in self.key.items()))


def of_item(person: str, case: str, item: int) -> Place:
    """The person's draft of a work item."""
    return Place(form_drafts, {"person": person, "case": case, "item": item})


def of_start(person: str, package: str, start: str) -> Place:
    """The person's draft of a new case 登记."""
    return Place(begun_forms, {"person": person, "form": f"start/{package}/{start}"})


def of_action(person: str, case: str, action: str) -> Place:
    """The person's draft of an action 申请 on a case."""
    return Place(begun_forms, {"person": person, "form": f"action/{case}/{action}"})


def read(engine: Engine, place: Place, now: datetime) -> FormDraft | None:
    """The draft; None where there is none. `now` is the host's clock."""
    t = place.table
    counts = _open if t is form_drafts else t.c.saved_at > now - KEPT
    asked = sa.select(t.c.revision, t.c.data, t.c.saved_at).where(place.here, counts)
    with engine.database.glance() as connection:
        row = connection.execute(asked).first()
    if row is None:
        return None
    return FormDraft(row.revision, dict(loads(row.data)), row.saved_at)


def save(engine: Engine, place: Place, data: dict[str, Value], base: int, now: datetime) -> int:
    """Keep a draft that goes on from revision `base` (0: from none); gives the new revision. Raises `Conflict` where another device
    has saved meanwhile. `now` is the host's clock."""
    t = place.table
    with engine.database.write() as connection:
        if t is begun_forms:
            connection.execute(sa.delete(t).where(place.here, t.c.saved_at <= now - KEPT))
        known = connection.execute(sa.select(t.c.revision).where(place.here)).scalar() or 0
        if known != base:
            raise Conflict(OTHER_DEVICE)
        revision = max(known + 1, int(now.timestamp() * 1000))
        row = {"revision": revision, "data": dumps(data), "saved_at": now}
        try:
            if known:
                changed = connection.execute(sa.update(t).where(place.here, t.c.revision == base).values(row))
                if changed.rowcount == 0:
                    raise Conflict(OTHER_DEVICE)
            else:
                connection.execute(sa.insert(t), [place.key | row])
        except sa.exc.IntegrityError:
            raise Conflict(OTHER_DEVICE) from None
    return revision


def discard(engine: Engine, place: Place, upto: int = 0) -> None:
    """The draft goes; nothing happens where there is none. `upto`: only where it is no later than this revision."""
    t = place.table
    older = t.c.revision <= upto if upto else sa.true()
    with engine.database.write() as connection:
        connection.execute(sa.delete(t).where(place.here, older))


def sweep(engine: Engine, now: datetime) -> int:
    """Remove the drafts that are over; they were not given out since. Returns how many. `now` is the host's clock."""
    with engine.database.write() as connection:
        gone = connection.execute(sa.delete(form_drafts).where(~_open)).rowcount
        return (
            gone
            + connection.execute(sa.delete(begun_forms).where(begun_forms.c.saved_at <= now - KEPT)).rowcount
        )


_open = (
    sa.select(work_items.c.item)
    .where(
        work_items.c.case == form_drafts.c.case,
        work_items.c.item == form_drafts.c.item,
        work_items.c.state == "open",
    )
    .exists()
)

"""Holding what leaves the house after a restore 恢复后暂停外发, until a person has compared with the receivers.

A restored database does not know what was sent after the copy was made; sending goes by keys, and the receivers hold them.
`HELD` in the settings table says since when; `waiting` lists what is held, `release` ends it. Meanwhile everybody works on:
what passes from case to case is never held.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine.commands import Actor
from engine.errors import Conflict, InputInvalid
from engine.handlers.topics import TOPICS
from engine.store import settings
from engine.store.tables import deliveries, jobs, outbox
from engine.store.tables import settings as settings_table

if TYPE_CHECKING:
    from engine.runtime.engine import Engine

HELD = "outbox_held"
"""Key in the settings table: the instant of the restore (UTC); not there when nothing is held."""

INSIDE = ("message", "signal", "begin", "merge")
"""Kinds of outbox rows that stay in this database, where receipts stop a second time. All others leave the house."""

DELIVERED = "恢复前已送达，不再发送"
"""What the row says of a letter that its receiver had already."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something held: its key as receivers know it ("case/job/n" for a job of an outside program), what it is, since when."""

    key: str
    what: str
    case: str
    written_at: datetime


def begin(connection: sa.Connection, at: datetime) -> None:
    """Hold from now on."""
    settings.put(connection, HELD, at.isoformat())


def since(connection: sa.Connection) -> datetime | None:
    """Since when things are held; None when they are not."""
    found = settings.get(connection, [HELD]).get(HELD)
    return datetime.fromisoformat(found) if found else None


def waiting(connection: sa.Connection) -> list[Waiting]:
    """What would leave the house if it were released now, the oldest first."""
    letters = sa.select(outbox).where(outbox.c.sent_at.is_(None), outbox.c.what.not_in(INSIDE))
    reminders = sa.select(deliveries).where(deliveries.c.send_at.is_not(None))
    outside = sa.select(jobs).where(jobs.c.topic.not_in(sorted(TOPICS)))
    found = [
        Waiting(row.key, row.what, row.case, row.written_at)
        for row in connection.execute(letters.order_by(outbox.c.id))
    ]
    found += [
        Waiting(row.key, "reminder", row.case, row.written_at)
        for row in connection.execute(reminders.order_by(deliveries.c.written_at, deliveries.c.key))
    ]
    return found + [
        Waiting(f"{row.case}/job/{row.job}", f"job {row.topic}", row.case, row.run_at)
        for row in connection.execute(outside.order_by(jobs.c.run_at, jobs.c.case, jobs.c.job))
    ]


def release(engine: Engine, actor: Actor, delivered: Collection[str] = ()) -> tuple[int, int]:
    """End the hold. Letters whose keys are in `delivered` the receivers have already: they are not sent again. Returns how many
    are sent now and how many are not. An office fact tells who released what.

    Raises `Conflict` when nothing is held, `InputInvalid` when a key is not among the held letters.
    """
    with engine.desk(actor) as desk:
        connection = desk.connection
        began = since(connection)
        if began is None:
            raise Conflict("现在没有暂停外发，不需要解除。")
        letters = {one.key for one in waiting(connection) if not one.what.startswith("job ")}
        unknown = sorted(set(delivered) - letters)
        if unknown:
            raise InputInvalid(
                f"这些编号不在暂停外发的清单里：{'、'.join(unknown[:5])}。用 duban outbox held 查看清单。"
            )
        had = sorted(set(delivered))
        for key in had:
            said = {"sent_at": desk.now, "last_error": DELIVERED}
            connection.execute(sa.update(outbox).where(outbox.c.key == key).values(**said))
            sent_already = sa.update(deliveries).where(
                deliveries.c.key == key, deliveries.c.send_at.is_not(None)
            )
            connection.execute(sent_already.values(**said, send_at=None))
        connection.execute(sa.delete(settings_table).where(settings_table.c.key == HELD))
        sent = sorted(letters - set(had))
        title = f"发送 {len(sent)} 件，{len(had)} 件已送达不再发送"
        desk.note(
            "OutboxReleased",
            HELD,
            {"title": title, "held_since": began.isoformat(), "sent": sent, "delivered": had},
        )
    engine.bell.ring()
    return len(sent), len(had)

"""Dispatch 外发: reminders leave the house, by a thread of their own, so that a slow service holds up no deadline.

A row is taken for some time (its next attempt is put off first, and that is committed), sent, and marked. A worker that dies in
between leaves it to the next one when that time is over: a reminder may then come twice, and is never lost. Which of the two it is
cannot be known without asking the service; twice is the lesser evil. After a restore everything waits until a person lets it go
(`hold`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from engine.runtime import digest, hold, reminders
from engine.runtime.channels import Channel, Undelivered
from engine.runtime.engine import Engine
from engine.store.projection import backoff
from engine.store.tables import contacts, deliveries

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often it is looked whether something is to be sent [P]."""

TOGETHER = 20
"""Reminders taken in one go."""

_row = deliveries.c


@contextlib.contextmanager
def sending(engine: Engine, channels: Mapping[str, Channel]) -> Iterator[None]:
    """While the block runs, a thread sends; none where there are no channels."""
    if not channels:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_keep_sending, args=(engine, channels, stop), name="dispatch")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _keep_sending(engine: Engine, channels: Mapping[str, Channel], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            digest.plan_if_due(engine, channels)
            while send_due(engine, channels, stop):
                pass
        except Exception:
            log.exception("reminders could not be sent; it is tried again")
        stop.wait(LOOK_SECONDS)


def send_due(engine: Engine, channels: Mapping[str, Channel], stop: threading.Event | None = None) -> int:
    """Send what is due, at most `TOGETHER`. Returns how many were taken."""
    rows = _taken(engine)
    for row in rows:
        if stop is not None and stop.is_set():
            break  # taken, not sent: due again after a while
        _send(engine, channels, row)
    return len(rows)


def _taken(engine: Engine) -> list[Any]:
    now = engine.now()
    with engine.database.write() as connection:
        if hold.since(connection) is not None:
            return []
        due = sa.select(deliveries).where(_row.send_at <= now).order_by(_row.send_at).limit(TOGETHER)
        if not engine.database.is_sqlite:
            due = due.with_for_update(skip_locked=True)
        rows = list(connection.execute(due))
        for row in rows:
            connection.execute(
                sa.update(deliveries)
                .where(_row.key == row.key)
                .values(attempts=row.attempts + 1, send_at=now + backoff(row.attempts + 1))
            )
    return rows


def _send(engine: Engine, channels: Mapping[str, Channel], row: Any) -> None:
    """One reminder, and what became of it."""
    channel = channels.get(row.channel)
    with engine.read() as connection:
        address = connection.execute(
            sa.select(contacts.c.address).where(
                contacts.c.person == row.person, contacts.c.channel == row.channel
            )
        ).scalar()
        most = reminders.plan(connection).attempts
    values: dict[str, Any]
    try:
        if channel is None or (row.person and address is None):
            raise Undelivered("接收人已不用这个渠道")
        channel.send(address or "", row.title, row.body)
        values = {"sent_at": engine.now(), "send_at": None, "last_error": ""}
    except Undelivered as error:
        values = {"last_error": str(error)}
        if channel is None or row.attempts + 1 >= most:
            values["send_at"] = None  # given up; the office sees it
        log.warning("reminder %s was not taken (attempt %d)", row.key, row.attempts + 1)
    with engine.database.write() as connection:
        connection.execute(sa.update(deliveries).where(_row.key == row.key).values(**values))

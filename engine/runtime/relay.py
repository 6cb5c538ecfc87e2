"""The relay 投递: what cases said goes out of the outbox to whom it concerns, after the commit, once.

A message reaches the subscriptions of other cases with its name and key, and begins cases at message start events; a
signal reaches every other case that waits for it, and signal start events; a notice becomes a row of `notices`. Each
delivery is a command whose id is made from the outbox row's key, so repeating it does nothing.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.commands import ENGINE, DeliverMessage, DeliverSignal, KernelCommand, StartProcess
from engine.definitions.model import Trigger
from engine.errors import EngineError, NotFound, NotOpen
from engine.runtime.engine import Engine
from engine.store.projection import backoff
from engine.store.tables import notices, outbox, subscriptions
from engine.values import loads

log = logging.getLogger(__name__)

_waiting = (
    sa.select(outbox)
    .where(outbox.c.sent_at.is_(None), outbox.c.send_at <= sa.bindparam("now", type_=outbox.c.send_at.type))
    .order_by(outbox.c.id)
    .limit(sa.bindparam("most"))
)
_sent = (
    sa.update(outbox)
    .where(outbox.c.id == sa.bindparam("b_id"), outbox.c.sent_at.is_(None))
    .values(sent_at=sa.bindparam("v_sent_at"), attempts=outbox.c.attempts + 1, last_error="")
)
_failed = (
    sa.update(outbox)
    .where(outbox.c.id == sa.bindparam("b_id"), outbox.c.sent_at.is_(None))
    .values(
        send_at=sa.bindparam("v_send_at"),
        attempts=outbox.c.attempts + 1,
        last_error=sa.bindparam("v_last_error"),
    )
)
_listeners = sa.select(subscriptions.c.case).distinct().where(
    subscriptions.c.what == sa.bindparam("what"),
    subscriptions.c.name == sa.bindparam("name"),
    subscriptions.c.case != sa.bindparam("sender"),
)  # fmt: skip
_insert_notice = sa.insert(notices).prefix_with("OR IGNORE", dialect="sqlite")  # the key: once


def relay(engine: Engine, most: int) -> int:
    """Deliver up to `most` waiting outbox rows, oldest first. A row that fails waits longer each time; the others go on.

    Returns how many were delivered.
    """
    now = engine.now()
    with engine.read() as connection:
        rows = connection.execute(_waiting, {"now": now, "most": most}).all()
    if not rows:
        return 0
    delivered: list[int] = []
    letters: list[dict[str, Any]] = []
    for row in rows:
        data = loads(row.data)
        if row.what == "notice":
            letters.append(_notice(row.key, row.case, data, row.written_at))
            delivered.append(row.id)
            continue
        try:
            if row.what == "message":
                _message(engine, row.key, row.case, data)
            else:
                _signal(engine, row.key, row.case, data)
        except Exception as error:
            reason = error.message if isinstance(error, EngineError) else type(error).__name__
            unexpected = not isinstance(error, EngineError)
            log.warning("outbox row %s was not delivered: %s", row.key, reason, exc_info=unexpected)
            with engine.database.write() as connection:
                later = now + backoff(row.attempts + 1)
                connection.execute(
                    _failed, {"b_id": row.id, "v_send_at": later, "v_last_error": reason[:500]}
                )
            continue
        delivered.append(row.id)
    if delivered:
        with engine.database.write() as connection:
            if letters:
                connection.execute(_insert_notice, letters)
            connection.execute(_sent, [{"b_id": i, "v_sent_at": now} for i in delivered])
    return len(delivered)


def _notice(key: str, case: str, data: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "key": key,
        "case": case,
        "at": at,
        **{name: data.get(name, "") for name in ("unit", "role", "person", "title", "body")},
    }


def _message(engine: Engine, key: str, sender: str, data: Mapping[str, Any]) -> None:
    name, correlation = data["name"], data.get("key", "")
    with engine.read() as connection:
        found = connection.execute(
            _listeners.where(subscriptions.c.key.in_([correlation, ""])),
            {"what": "message", "name": name, "sender": sender},
        )
        listeners = list(found.scalars())
    for case in listeners:
        _deliver(engine, DeliverMessage(name, correlation, data["variables"]), key, case)
    _begin(engine, Trigger.MESSAGE, key, name, data["variables"])


def _signal(engine: Engine, key: str, sender: str, data: Mapping[str, Any]) -> None:
    name = data["name"]
    with engine.read() as connection:
        found = connection.execute(_listeners, {"what": "signal", "name": name, "sender": sender})
        listeners = list(found.scalars())
    for case in listeners:
        _deliver(engine, DeliverSignal(name, data["variables"]), key, case)
    _begin(engine, Trigger.SIGNAL, key, name, data["variables"])


def _deliver(engine: Engine, command: KernelCommand, key: str, case: str) -> None:
    try:
        engine.execute(command, ENGINE, _receipt(key, case), case=case)
    except (NotFound, NotOpen):
        log.info("case %s no longer listens to %s", case, key)


def _begin(engine: Engine, trigger: Trigger, key: str, name: str, variables: Mapping[str, Any]) -> None:
    """Begin a case at every start event of the newest packages' main processes that waits for this name."""
    for package in engine.newest_all():
        process = package.processes[package.main]
        for start in process.starts:
            event = process.elements[start].event
            if event is not None and event.trigger is trigger and event.name == name:
                command = StartProcess(process.key, start, dict(variables))
                engine.begin(command, ENGINE, _receipt(key, f"{package.key}/{start}"), package=package.key)


def _receipt(key: str, receiver: str) -> str:
    """The command id of one delivery: the same whenever it is tried."""
    return "relay-" + hashlib.sha256(f"{key}\n{receiver}".encode()).hexdigest()[:48]

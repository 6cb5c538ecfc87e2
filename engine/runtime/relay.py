"""The relay 投递: what cases said goes out of the outbox to whom it concerns, after the commit, once.

A message reaches the subscriptions of other cases with its name and key (and, where the diagram draws correlation keys,
with their values), and begins cases at message start events. One that nobody takes is not kept: its row says so. A
signal reaches every other case that waits for it, and signal start events; a notice becomes a row of `notices`; a merged case
tells the one that goes on for it. Each
delivery is a command whose id is made from the outbox row's key, so repeating it does nothing.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from engine.commands import ENGINE, DeliverMessage, DeliverSignal, JoinCase, KernelCommand, StartProcess
from engine.definitions.model import Trigger
from engine.errors import EngineError, NotFound, NotOpen
from engine.execution.starting import begun_by, joins
from engine.facts import MessageReceived
from engine.runtime import hold, reminders, timed_starts, turns
from engine.runtime.channels import Channel
from engine.runtime.engine import Engine
from engine.store.batch import insert_once
from engine.store.projection import backoff
from engine.store.tables import cases, notices, outbox, subscriptions
from engine.values import loads

log = logging.getLogger(__name__)

LONGEST_ROUND = 2.0
"""Seconds one round carries rows before it writes down what it did."""

NOBODY = "没有案件在等这条消息，也没有流程由它启动"
"""What the row of a message says that nobody took."""

NONE: Mapping[str, Channel] = {}
"""Nobody is reached outside the program."""

_sent = (
    sa.update(outbox)
    .where(outbox.c.id == sa.bindparam("b_id"), outbox.c.sent_at.is_(None))
    .values(
        sent_at=sa.bindparam("v_sent_at"),
        attempts=outbox.c.attempts + 1,
        last_error=sa.bindparam("v_last_error"),
    )
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
_listeners = (
    sa.select(subscriptions.c.case, subscriptions.c.element, cases.c.package_key)
    .join(cases, cases.c.id == subscriptions.c.case)
    .where(
        subscriptions.c.what == sa.bindparam("what"),
        subscriptions.c.name == sa.bindparam("name"),
        subscriptions.c.case != sa.bindparam("sender"),
    )
    .order_by(cases.c.started_at, subscriptions.c.case, subscriptions.c.subscription)
)
_insert_notice = insert_once(notices)


@dataclass(slots=True)
class _Done:
    """What one round of the relay has to write down."""

    at: datetime
    letters: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)

    def write(self, connection: sa.Connection, engine: Engine, channels: Mapping[str, Channel]) -> None:
        if self.letters:
            connection.execute(_insert_notice, sorted(self.letters, key=itemgetter("key")))
        if self.letters and channels:
            directory, calendar = engine.directory(), engine.calendar()
            rows = reminders.of_notices(connection, self.letters, channels, directory, calendar, self.at)
            if rows:
                connection.execute(reminders.insert, sorted(rows, key=itemgetter("key")))
        if self.sent:
            connection.execute(_sent, self.sent)
        if self.failed:
            connection.execute(_failed, self.failed)


def relay(engine: Engine, most: int, channels: Mapping[str, Channel] = NONE) -> int:
    """Deliver up to `most` waiting outbox rows (`turns` says which). A row that fails waits longer each time; the others go on.

    Any number of relays may run at once. On PostgreSQL a row is locked by the transaction of the relay that carries it, which
    writes down at its end what was delivered; the deliveries are transactions of their own, whose receipts stop a second
    time should the relay die before. Notices become reminders where people want to be reached outside, by `channels`.
    Returns how many were delivered.
    """
    now = engine.now()
    if engine.database.is_sqlite:  # one writes at a time: to hold rows would be to wait for oneself
        with engine.read() as connection:
            rows = turns.waiting(connection, now, most, inside_only=hold.since(connection) is not None)
        done = _carry(engine, rows, now)
        if done.sent or done.failed:
            with engine.database.write() as connection:
                done.write(connection, engine, channels)
    else:
        with engine.database.write() as connection:
            rows = turns.waiting(connection, now, most, inside_only=hold.since(connection) is not None)
            done = _carry(engine, rows, now)
            done.write(connection, engine, channels)
    return len(done.sent)


def _carry(engine: Engine, rows: Sequence[Any], now: datetime) -> _Done:
    """Deliver them one by one, for no longer than `LONGEST_ROUND`: what is left over waits for the next round."""
    done, began = _Done(now), time.monotonic()
    for row in rows:
        if time.monotonic() - began > LONGEST_ROUND:
            break
        data, note = loads(row.data), ""
        try:
            if row.what == "notice":
                done.letters.append(_notice(row.key, row.case, data, row.written_at))
            elif row.what == "begin":
                following = timed_starts.begin(engine, row.key, data)
                if following:
                    with engine.database.write() as connection:
                        connection.execute(timed_starts.insert, following)
            elif row.what == "merge":
                _merge(engine, row.key, row.case, data)
            elif row.what == "message":
                note = "" if _message(engine, row.key, row.case, data) else NOBODY
            else:
                _signal(engine, row.key, row.case, data)
        except Exception as error:
            reason = error.message if isinstance(error, EngineError) else type(error).__name__
            unexpected = not isinstance(error, EngineError)
            log.warning("outbox row %s was not delivered: %s", row.key, reason, exc_info=unexpected)
            later = now + backoff(row.attempts + 1)
            done.failed.append({"b_id": row.id, "v_send_at": later, "v_last_error": reason[:500]})
            continue
        done.sent.append({"b_id": row.id, "v_sent_at": now, "v_last_error": note})
    return done


def _notice(key: str, case: str, data: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "key": key,
        "case": case,
        "at": at,
        **{name: data.get(name, "") for name in ("unit", "role", "person", "title", "body")},
    }


def _message(engine: Engine, key: str, sender: str, data: Mapping[str, Any]) -> int:
    """Gives how many cases took the message or were begun by it."""
    correlation = data.get("key", "")
    heard = DeliverMessage(data["name"], correlation, data["variables"])
    fitting = _listeners.where(subscriptions.c.key.in_([correlation, ""]))
    return _deliver_all(engine, Trigger.MESSAGE, fitting, heard, key, sender)


def _merge(engine: Engine, key: str, sender: str, data: Mapping[str, Any]) -> None:
    """To the case that goes on for the sender."""
    people, posts = tuple(data.get("people", ())), tuple(data.get("posts", ()))
    other, own = data.get("passes") or sender, data.get("own", "")
    command = JoinCase(data["into"], other, own, data["reason"], people, posts, data["joined"])
    engine.execute(command, ENGINE, _receipt(key, data["into"]))


def _signal(engine: Engine, key: str, sender: str, data: Mapping[str, Any]) -> None:
    heard = DeliverSignal(data["name"], data["variables"])
    _deliver_all(engine, Trigger.SIGNAL, _listeners, heard, key, sender)


def _deliver_all(
    engine: Engine,
    trigger: Trigger,
    query: sa.Select[Any],
    heard: DeliverMessage | DeliverSignal,
    key: str,
    sender: str,
) -> int:
    """To every other case that listens, and where it begins one. A case that has begun by something and still waits for
    more of what begins it (`starting.joins`) takes it instead of a new one, under the same receipt.
    Gives how many took it or were begun."""
    with engine.read() as connection:
        rows = connection.execute(query, {"what": trigger.value, "name": heard.name, "sender": sender}).all()
    begun: list[tuple[str, StartProcess, str]] = []  # package, command, case that waits for it already
    waiting: set[tuple[str, str]] = set()
    for package in engine.newest_all():
        process = package.processes[package.main]
        for start in process.starts:
            if any(e.trigger is trigger and e.name == heard.name for e in process.elements[start].events):
                command = begun_by(process, start, trigger, heard.name, heard.variables)
                there = [r.case for r in rows if (r.package_key, r.element) == (package.key, start)]
                there = there if joins(process, start) else []
                waiting |= {(case, start) for case in there}
                begun.append((package.key, command, there[0] if there else ""))
    took, failed = 0, []
    deliveries: list[tuple[str, str, tuple[str, StartProcess] | None]] = [
        (case, _receipt(key, case), None)
        for case in dict.fromkeys(r.case for r in rows if (r.case, r.element) not in waiting)
    ]
    for package_key, command, case in begun:
        beginning = None if case else (package_key, command)
        deliveries.append((case, _receipt(key, f"{package_key}/{command.start}"), beginning))
    for case, receipt, beginning in deliveries:
        try:
            if beginning is None:
                took += _deliver(engine, heard, receipt, case)
            else:
                engine.begin(beginning[1], ENGINE, receipt, package=beginning[0])
                took += 1
        except (
            Exception
        ) as error:  # who is suspended does not hold up the others; the row is tried again for it
            failed.append(error)
    if failed:
        raise failed[0]
    return took


def _deliver(engine: Engine, command: KernelCommand, receipt: str, case: str) -> bool:
    """Whether the case took it: it may no longer wait, or wait for another correlation key."""
    try:
        outcome = engine.execute(command, ENGINE, receipt, case=case)
    except (NotFound, NotOpen):
        log.info("case %s no longer listens to %s", case, receipt)
        return False
    return any(isinstance(entry.fact, MessageReceived) for entry in outcome.facts)


def _receipt(key: str, receiver: str) -> str:
    """The command id of one delivery: the same whenever it is tried."""
    return "relay-" + hashlib.sha256(f"{key}\n{receiver}".encode()).hexdigest()[:48]

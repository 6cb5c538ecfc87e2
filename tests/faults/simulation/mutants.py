"""Mutants of our own engine 带病的引擎: each patches one place, and is the fault that some real engine has had.

The simulation is worth what it finds: every one of these must be caught within `MOST_RUNS` seeds (`test_mutants`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import greenlet
import sqlalchemy as sa

from engine.clock import Clock
from engine.commands import PassDeadline
from engine.errors import EngineError, NotOpen
from engine.execution import advance
from engine.execution.state import APPLY
from engine.facts import DeadlineDropped, DeadlineMoved, MessageSent, NoticeSent, SignalSent
from engine.handlers.work import Work
from engine.runtime import claims, relay, timed_starts, turns, worker
from engine.runtime import engine as engine_module
from engine.runtime.engine import Engine, next_due
from engine.runtime.worker import Worker
from engine.store import snapshots
from engine.store.batch import Batch
from engine.store.database import Database
from engine.store.tables import commands, deadlines, outbox
from engine.values import loads
from tests.faults.simulation.stage import StagedDatabase

MOST_RUNS = 200


@dataclass(frozen=True)
class Mutant:
    """`fault` says what is wrong with it."""

    name: str
    fault: str
    sick: Callable[[], Any]


MUTANTS: list[Mutant] = []


def mutant(
    fault: str, among: list[Mutant] = MUTANTS
) -> Callable[[Callable[[], Iterator[None]]], Callable[[], Any]]:
    """Register a mutant under its function's name."""

    def register(function: Callable[[], Iterator[None]]) -> Callable[[], Any]:
        sick = contextmanager(function)
        among.append(Mutant(function.__name__, fault, sick))
        return sick

    return register


# -- letters -----------------------------------------------------------------------------------------------


@contextmanager
def _letters_by_hand(*, commit_first: bool) -> Iterator[None]:
    """Notices bypass the outbox: they go out by themselves when a transaction ends, whichever way, or after its commit."""
    written: dict[object, list[dict[str, Any]]] = {}
    record, write = Engine._record, StagedDatabase.write

    def recorded(self: Engine, *args: Any) -> Any:
        entries = record(self, *args)
        for entry in entries:
            if isinstance(entry.fact, NoticeSent):
                letter = {
                    name: getattr(entry.fact, name)
                    for name in ("unit", "role", "person", "title", "body", "key")
                }
                written.setdefault(greenlet.getcurrent(), []).append(
                    letter | {"case": entry.case, "at": entry.at}
                )
        return entries

    @contextmanager
    def sending(self: StagedDatabase, *args: Any, **named: Any) -> Iterator[sa.Connection]:
        try:
            with write(self, *args, **named) as connection:
                yield connection
        except BaseException:
            if not commit_first:
                self.alone_send(written)  # type: ignore[attr-defined]
            written.pop(greenlet.getcurrent(), None)
            raise
        self.alone_send(written)  # type: ignore[attr-defined]

    def alone_send(self: StagedDatabase, written: dict[object, list[dict[str, Any]]]) -> None:
        letters = written.pop(greenlet.getcurrent(), [])
        if letters:
            with Database.write(self) as connection:
                connection.execute(relay._insert_notice, letters)

    with (
        mock.patch.object(Engine, "_record", recorded),
        mock.patch.object(StagedDatabase, "write", sending),
        mock.patch.object(StagedDatabase, "alone_send", alone_send, create=True),
        mock.patch("engine.audit.ledger.OUTGOING", (MessageSent, SignalSent)),
    ):
        yield


@mutant("a letter goes out before the transaction is committed")
def send_before_commit() -> Iterator[None]:
    with _letters_by_hand(commit_first=False):
        yield


@mutant("a letter is sent after the commit, without an outbox")
def commit_then_send() -> Iterator[None]:
    with _letters_by_hand(commit_first=True):
        yield


@mutant("the relay marks what it is about to deliver as delivered")
def mark_before_delivering() -> Iterator[None]:
    def marking(engine: Engine, most: int, channels: object = None) -> int:
        now = engine.now()
        with engine.database.write() as connection:
            rows = turns.waiting(connection, now, most, inside_only=False)
            marked = sa.update(outbox).where(outbox.c.id.in_([row.id for row in rows]))
            connection.execute(marked.values(sent_at=now))
        for row in rows:
            _deliver(engine, row)
        return len(rows)

    with mock.patch.object(worker, "relay", marking):
        yield


def _deliver(engine: Engine, row: Any) -> None:
    """What the relay does with a row, as plainly as can be."""
    data = loads(row.data)
    try:
        if row.what == "message":
            relay._message(engine, row.key, row.case, data)
        elif row.what == "signal":
            relay._signal(engine, row.key, row.case, data)
        elif row.what == "merge":
            relay._merge(engine, row.key, row.case, data)
        else:
            is_notice = row.what == "notice"
            following = [] if is_notice else timed_starts.begin(engine, row.key, data)
            with engine.database.write() as connection:
                if is_notice:
                    connection.execute(
                        relay._insert_notice, [relay._notice(row.key, row.case, data, row.written_at)]
                    )
                elif following:
                    connection.execute(timed_starts.insert, following)
    except EngineError:
        return


@mutant("the relay delivers without a receipt")
def deliver_without_receipt() -> Iterator[None]:
    receipt = relay._receipt

    def another_each_time(key: str, receiver: str) -> str:
        return f"{receipt(key, receiver)}/{engine_module.new_id()}"

    with mock.patch.object(relay, "_receipt", another_each_time):
        yield


@mutant("a notice that is delivered again is a new notice")
def notices_without_key() -> Iterator[None]:
    original = relay._notice

    def anew(key: str, *args: Any) -> dict[str, Any]:
        return original(f"{key}/{engine_module.new_id()}", *args)

    with mock.patch.object(relay, "_notice", anew):
        yield


# -- clocks ------------------------------------------------------------------------------------------------


class _Off:
    """A clock that is wrong by so much."""

    def __init__(self, clock: Clock, by: timedelta) -> None:
        self.clock, self.by = clock, by

    def now(self) -> datetime:
        return self.clock.now() + self.by


@contextmanager
def _workers_clock(by: timedelta) -> Iterator[None]:
    original = Worker.__init__

    def with_its_own_clock(self: Worker, engine: Engine, *args: Any, **named: Any) -> None:
        engine.clock = _Off(engine.clock, by)
        original(self, engine, *args, **named)

    with mock.patch.object(Worker, "__init__", with_its_own_clock):
        yield


@mutant("the worker goes by its own clock, which is half an hour fast")
def clock_ahead() -> Iterator[None]:
    with _workers_clock(timedelta(minutes=30)):
        yield


@mutant("the worker goes by its own clock, which is half an hour slow")
def clock_behind() -> Iterator[None]:
    with _workers_clock(timedelta(minutes=-30)):
        yield


@mutant("clocks of a suspended case go on and fire")
def suspended_clock_fires() -> Iterator[None]:
    moved = APPLY[DeadlineMoved]

    def only_forward(state: Any, fact: Any) -> None:
        if fact.due is not None:
            moved(state, fact)

    def pass_it(run: Any, command: PassDeadline) -> None:
        armed = run.state.deadlines.get(command.deadline)
        if armed is not None and armed.owner:
            advance.events.pass_deadline(run, command.deadline)
        else:
            advance._suspension_over(run, command.deadline)

    with (
        mock.patch.dict(APPLY, {DeadlineMoved: only_forward}),
        mock.patch.dict(advance._COMMANDS, {PassDeadline: pass_it}),
    ):
        yield


@mutant("the deadline of a task that was cancelled is not dropped")
def cancelled_deadline_stays() -> Iterator[None]:
    with mock.patch.dict(APPLY, {DeadlineDropped: lambda state, fact: None}):
        yield


@mutant("a worker remembers how far it has looked and never looks behind that again")
def low_water_mark() -> Iterator[None]:
    marks: dict[int, datetime] = {}
    before = datetime.min.replace(tzinfo=UTC)
    due_cases, next_of_all = claims.due_cases, claims.next_due

    def beyond(connection: sa.Connection) -> list[str]:
        mark = marks.get(0, before)
        query = (
            sa.select(deadlines.c.case)
            .group_by(deadlines.c.case)
            .having(sa.func.max(deadlines.c.due) <= mark)
        )
        return list(connection.execute(query).scalars().all()) if mark is not before else []

    def looked(connection: sa.Connection, now: datetime, most: int, without: Any) -> list[str]:
        found = due_cases(connection, now, most, [*without, *beyond(connection)])
        marks[0] = now
        return found

    def upcoming(connection: sa.Connection, without: Any) -> datetime | None:
        return next_of_all(connection, [*without, *beyond(connection)])

    with mock.patch.object(claims, "due_cases", looked), mock.patch.object(claims, "next_due", upcoming):
        yield


# -- who sees what -----------------------------------------------------------------------------------------


@contextmanager
def _states_read_before(method: str, cases_of: Callable[..., list[str]]) -> Iterator[None]:
    """What decides is the case as it was read before the transaction began; nobody notices if it has moved on."""
    early: dict[object, dict[str, snapshots.Stored]] = {}
    take, take_all, original = snapshots.take, snapshots.take_all, getattr(Engine, method)

    def reading(self: Engine, *args: Any, **named: Any) -> Any:
        with self.database.read() as connection:
            found = {
                case: take(connection, case, lock=False)
                for case in cases_of(self, connection, *args, **named)
            }
        early[greenlet.getcurrent()] = {case: stored for case, stored in found.items() if stored is not None}
        if method == "pass_many":
            args = (lambda connection, now: list(found),)
        try:
            return original(self, *args, **named)
        finally:
            early.pop(greenlet.getcurrent(), None)

    def taking(connection: sa.Connection, case: str, *, lock: bool = True, **named: Any) -> Any:
        fresh = take(connection, case, lock=lock, **named)
        stale = early.get(greenlet.getcurrent(), {}).pop(case, None) if lock else None
        return fresh if stale is None or fresh is None else replace(fresh, state=stale.state)

    def taking_all(connection: sa.Connection, claimed: Sequence[str]) -> dict[str, snapshots.Stored]:
        known = early.get(greenlet.getcurrent(), {})
        fresh = take_all(connection, claimed)
        return {case: replace(stored, state=known.get(case, stored).state) for case, stored in fresh.items()}

    with (
        mock.patch.object(Engine, method, reading),
        mock.patch.object(snapshots, "take", taking),
        mock.patch.object(snapshots, "take_all", taking_all),
    ):
        yield


@mutant("no lock on the case and no optimistic check: a command decides on what it read before")
def no_row_lock() -> Iterator[None]:
    execute = inspect.signature(Engine._execute)

    def its_case(self: Engine, connection: sa.Connection, *args: Any, **named: Any) -> list[str]:
        return [execute.bind(self, *args, **named).arguments["case"]]

    with _states_read_before("_execute", its_case):
        yield


@mutant("two workers that saw the same due rows both pass them")
def passed_twice() -> Iterator[None]:
    do = Engine._do

    def without_its_key(
        self: Engine, connection: Any, loaded: Any, command: Any, actor: Any, id_: str, *rest: Any
    ) -> Any:
        id_ = engine_module.new_id() if isinstance(command, PassDeadline) else id_
        return do(self, connection, loaded, command, actor, id_, *rest)

    def all_due(self: Engine, connection: sa.Connection, *args: Any, **named: Any) -> list[str]:
        query = sa.select(deadlines.c.case).where(deadlines.c.due <= self.clock.now()).distinct()
        return list(connection.execute(query).scalars().all())

    with _states_read_before("pass_many", all_due), mock.patch.object(Engine, "_do", without_its_key):
        yield


@mutant("a deadline is claimed in a transaction of its own, and lost with the worker")
def claimed_and_lost() -> Iterator[None]:
    def claiming(self: Worker) -> int:
        with self.engine.database.write() as connection:
            now = self.engine.moment_in(connection).now
            found = claims.due_cases(connection, now, 25, [])
            claimed = sa.update(deadlines).where(deadlines.c.case.in_(found), deadlines.c.due <= now)
            connection.execute(claimed.values(due=None))
        return sum(self.engine.pass_deadlines(case) for case in found)

    with mock.patch.object(Worker, "pass_deadlines", claiming):
        yield


@mutant("commands leave no receipt and look for none")
def no_receipt() -> Iterator[None]:
    insert, take = Batch.insert, snapshots.take

    def without_receipts(self: Batch, table: sa.Table, key: Any, row: Any) -> None:
        if table is not commands:
            insert(self, table, key, row)

    def never_asked(*args: Any, **named: Any) -> Any:
        stored = take(*args, **named)
        return None if stored is None else replace(stored, asked=False)

    with (
        mock.patch.object(Batch, "insert", without_receipts),
        mock.patch.object(snapshots, "take", never_asked),
        mock.patch.object(Engine, "_asked", lambda self, connection, id_: False),
    ):
        yield


@mutant("nobody looks whether the item is still open: another one is finished instead")
def no_open_check() -> Iterator[None]:
    def any_item(self: Work, id: int, *, for_the_office: bool = False) -> Any:
        found = self.state.items.get(id) or next(iter(self.state.items.values()), None)
        if found is None:
            raise NotOpen()
        return found

    with mock.patch.object(Work, "open_item", any_item):
        yield


@mutant("nobody looks whether somebody else has claimed the item")
def no_claim_check() -> Iterator[None]:
    with mock.patch.object(Work, "must_do", lambda self, item: None):
        yield


@mutant("people go before time: what is due at an instant is passed after what is asked at it")
def people_before_time() -> Iterator[None]:
    """The worker passes what is due as ever."""
    asking: set[object] = set()
    execute = Engine._execute

    def at_once(self: Engine, *args: Any, **named: Any) -> Any:
        asking.add(greenlet.getcurrent())
        try:
            return execute(self, *args, **named)
        finally:
            asking.discard(greenlet.getcurrent())

    def nothing_is_due(state: Any, now: datetime) -> int | None:
        return None if greenlet.getcurrent() in asking else next_due(state, now)

    with (
        mock.patch.object(Engine, "_execute", at_once),
        mock.patch.object(engine_module, "next_due", nothing_is_due),
    ):
        yield


@mutant("the snapshot is written after the commit")
def snapshot_outside() -> Iterator[None]:
    kept: dict[object, list[dict[str, Any]]] = {}
    save, write = snapshots.save, StagedDatabase.write

    def later(batch: Any, case: str, seq: int, head: bytes, state: bytes, *, new: bool) -> None:
        if new:
            save(batch, case, seq, head, state, new=new)
        else:
            row = {"b_case": case, "v_seq": seq, "v_head": head, "v_state": state}
            kept.setdefault(greenlet.getcurrent(), []).append(row)

    update = (
        sa.update(snapshots.snapshots)
        .where(snapshots.snapshots.c.case == sa.bindparam("b_case"))
        .values(seq=sa.bindparam("v_seq"), head=sa.bindparam("v_head"), state=sa.bindparam("v_state"))
    )

    @contextmanager
    def writing(self: StagedDatabase, *args: Any, **named: Any) -> Iterator[sa.Connection]:
        kept.pop(greenlet.getcurrent(), None)
        with write(self, *args, **named) as connection:
            yield connection
        rows = kept.pop(greenlet.getcurrent(), [])
        if rows:
            with Database.write(self) as connection:
                connection.execute(update, rows)

    with mock.patch.object(snapshots, "save", later), mock.patch.object(StagedDatabase, "write", writing):
        yield

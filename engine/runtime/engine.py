"""The door 总入口: `Engine.execute` is where transactions begin and end, and the only way a case changes.

One command: open the transaction, lock the case and load its snapshot, see whether it was asked before, pass the
deadlines that are due, decide, record, commit, ring the worker.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from engine.assignment import behalf_of, in_post_of_another, in_the_name_of
from engine.audit import chain, ledger
from engine.audit.ledger import Entry, Position
from engine.calendar import Moment
from engine.clock import Clock
from engine.commands import (
    ENGINE,
    Actor,
    AddSigner,
    CallAction,
    CancelCase,
    ClaimItem,
    Command,
    FinishItem,
    ImportCase,
    KernelCommand,
    PassDeadline,
    ReleaseItem,
    ResumeCase,
    ReturnItem,
    StartCase,
    SuspendCase,
    TransferItem,
    WithdrawItem,
)
from engine.definitions.model import Package
from engine.directory import Directory
from engine.errors import (
    Conflict,
    EngineError,
    InputInvalid,
    NotFound,
    StepBudgetExceeded,
)
from engine.execution.history import History
from engine.execution.state import State, evolve
from engine.facts import DeadlineDropped, Fact, IncidentRaised
from engine.handlers import OtherCase, Setting, decide
from engine.handlers.going_back import taking_it_back
from engine.runtime import again, hints, uploads
from engine.runtime.doorbell import Doorbell, PostgresBell
from engine.runtime.pasts import Past, Pasts
from engine.runtime.present import WATCHED, Office
from engine.runtime.published import Published
from engine.store import migrate, settings, snapshots
from engine.store.batch import Batch
from engine.store.database import BUSY_SECONDS, Database, open_database
from engine.store.projection import Standing
from engine.store.raw import Line
from engine.store.tables import cases, commands, deadlines, numbers
from engine.values import Value, canonical, loads

MOST_FIRINGS = 200
"""Deadlines of one case passed in one transaction; a case that catches up with more takes several."""

MOST_ROUNDS = 50
"""Such transactions before a person's command is refused instead of waiting longer."""

MOST_STANDING = 20
"""Times in a row the same timer may be due again at no later instant than before: more is a timer that never waits."""

MOST_RELATED = 50
"""Earlier cases a form offers for choice."""

CASE_ID_BYTES = 10

RING_BEFORE = timedelta(seconds=1.5)
"""A deadline armed for later than this is seen in time by every worker's next look, a second from now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command led to: the case's id, its new ledger entries, and the state after them."""

    case: str
    facts: list[Entry]
    state: State


@dataclass(slots=True)
class Loaded:
    """A case taken from its snapshot inside a transaction, with the office as that transaction sees it."""

    position: Position
    state: State
    package: Package
    office: Office
    batch: Batch = field(default_factory=Batch)
    """What was recorded and is not written yet: by whoever began the transaction."""
    asked: bool = False
    """Whether the command it was taken for was done already."""


Done = TypeVar("Done")

May = Callable[[sa.Connection, State, Moment], None]
"""Asked with a case in hand, before something is done to it; raises to refuse."""


class Engine(Published):
    """The product's engine over one database and one data folder. Thread-safe."""

    def __init__(self, database: Database, data_folder: Path, clock: Clock | None = None) -> None:
        super().__init__(database, clock)
        self.data_folder = data_folder
        self.pasts = Pasts()
        self.bell = Doorbell([] if database.is_sqlite else [PostgresBell(database)])

    @classmethod
    def open(
        cls,
        url: str,
        data_folder: Path,
        clock: Clock | None = None,
        *,
        ledger_hash: str = "sha256",
        pool: int = 20,
        pool_seconds: float = BUSY_SECONDS,
    ) -> Engine:
        """Open the database, bring its tables up to date, and make the engine. `ledger_hash` counts only for a
        database that has none yet; `pool` and `pool_seconds` as in `open_database`."""
        data_folder.mkdir(parents=True, exist_ok=True)
        chain.hash_function(ledger_hash)
        database = open_database(url, pool=pool, pool_seconds=pool_seconds)
        migrate.upgrade(database)
        with database.write() as connection:
            if not settings.get(connection, [chain.SETTING]):
                settings.put(connection, chain.SETTING, ledger_hash)
        return cls(database, data_folder, clock)

    def close(self) -> None:
        self.bell.close()
        self.database.close()

    # -- commands ------------------------------------------------------------------------------------------

    def execute(
        self,
        command: Command,
        actor: Actor,
        command_id: str | None = None,
        *,
        case: str = "",
        may: May | None = None,
    ) -> Outcome:
        """Do what is asked, wholly or not at all, and answer with the facts.

        `command_id` (an Idempotency-Key): asked again, the same command answers the same facts and does nothing;
        another person or another command under it raises `Conflict`. `case` is needed for kernel commands, which do not
        name it. Deadlines of the case that are due are passed first, in a transaction of their own: they stand even
        when the command is then refused. `may` looks at what it meets then, inside the transaction, and raises to refuse.
        Raises `EngineError`s of the handlers.
        """
        if isinstance(command, StartCase | ImportCase):
            return self.begin(command, actor, command_id, package=command.package)
        case = case or getattr(command, "case", "")
        if not case:
            raise InputInvalid("没有指明案件。")
        id_, known = command_id or new_id(), command_id is not None
        asked = asked_digest(command, case) if known else ""

        def attempt(repeated: bool) -> Outcome:
            if may is None and not repeated:
                outcome = self._outright(command, actor, id_, asked, case, known=known)
                if outcome is not None:
                    return outcome
            return self._execute(command, actor, id_, asked, case, may, perhaps_done=known or repeated)

        return self._in_time(lambda: again.until_done(attempt, receipt=True))

    def _in_time(self, done: Callable[[], Done]) -> Done:
        """`done`, once the due deadlines of another case that it has to know of are passed: they may have ended that case."""
        for _ in range(MOST_ROUNDS):
            try:
                return done()
            except _Behind as other:
                self.pass_deadlines(other.case)
        raise StepBudgetExceeded()

    def _outright(
        self, command: Command, actor: Actor, id_: str, asked: str, case: str, *, known: bool
    ) -> Outcome | None:
        """Do a command in two statements without a transaction around them: one reads the case, the other writes everything,
        and fails wholly where the case has moved between them. None where that is not enough: SQLite, deadlines that are
        due, an office that has changed, a number to be counted up, a command that was done before or is refused; then
        nothing was done."""
        if self.database.is_sqlite:
            return None
        try:
            with self.database.outright() as line:
                stored = snapshots.take(line, case, lock=False, watch=WATCHED, receipt=id_ if known else "")
                if stored is None or stored.asked:
                    return None
                office_, package = self._office_known(stored.watched), self._packages.get(stored.package)
                if office_ is None or package is None:
                    return None
                loaded = _loaded(case, stored, package, office_, Batch())
                moment = Moment(self.clock.now(), office_.calendar)
                if next_due(loaded.state, moment.now) is not None:
                    return None
                outcome = self._do(line, loaded, command, actor, id_, asked, moment)
                loaded.batch.expect(cases, (case,), "seq", stored.seq)
                loaded.batch.write(line)
        except (_NotOutright, EngineError):
            return None  # a refusal is said by who holds the case: another may be changing it
        self._ring(outcome)
        return outcome

    def _execute(
        self,
        command: Command,
        actor: Actor,
        id_: str,
        asked: str,
        case: str,
        may: May | None,
        *,
        perhaps_done: bool,
    ) -> Outcome:
        for _ in range(MOST_ROUNDS):
            with self.database.write() as connection:
                loaded = self._load(connection, case, receipt=id_ if perhaps_done else "")
                if loaded.asked:
                    return self._as_before(connection, id_, asked, actor)
                moment = Moment(self.clock.now(), loaded.office.calendar)
                due = next_due(loaded.state, moment.now)
                if due is None:
                    try:
                        if may is not None:
                            may(connection, loaded.state, moment)
                        outcome = self._do(connection, loaded, command, actor, id_, asked, moment)
                        loaded.batch.write(connection)
                    except EngineError:
                        # The same command may have been done while this one waited for the case.
                        if perhaps_done and self._asked(connection, id_):
                            return self._as_before(connection, id_, asked, actor)
                        raise
                    break
                self._pass_deadlines(connection, loaded, moment)
                loaded.batch.write(connection)
        else:
            raise StepBudgetExceeded()
        self._ring(outcome)
        return outcome

    def begin(
        self, command: Command, actor: Actor, command_id: str | None = None, *, package: str
    ) -> Outcome:
        """Begin a case of the newest version of `package` by `StartCase`, `ImportCase`, or `StartProcess` (the engine's own:
        message starts)."""
        id_, known = command_id or new_id(), command_id is not None
        asked = asked_digest(command, package) if known else ""

        def attempt(repeated: bool) -> Outcome:
            with self.database.write() as connection:
                return self._begin(
                    connection, command, actor, id_, asked, package, perhaps_done=known or repeated
                )

        outcome = again.until_done(attempt, receipt=True)
        self._ring(outcome)
        return outcome

    def do_all(self, asked: Sequence[tuple[Command, str]], actor: Actor, *, package: str) -> list[Outcome]:
        """Do several commands, each `(command, command_id)`, in one transaction: all of them or none. Those that begin a case
        begin one of `package`; those about a case that runs meet it after its deadlines that are due."""

        def attempt(repeated: bool) -> list[Outcome]:
            with self.database.write() as connection:
                return [self._one_of(connection, command, actor, id_, package) for command, id_ in asked]

        outcomes = self._in_time(lambda: again.until_done(attempt, receipt=True))
        for outcome in outcomes:
            self._ring(outcome)
        return outcomes

    def _one_of(
        self, connection: sa.Connection, command: Command, actor: Actor, id_: str, package: str
    ) -> Outcome:
        if isinstance(command, StartCase | ImportCase):
            digest = asked_digest(command, package)
            return self._begin(connection, command, actor, id_, digest, package, perhaps_done=True)
        case = str(getattr(command, "case", ""))
        digest = asked_digest(command, case)
        for _ in range(MOST_ROUNDS):
            loaded = self._load(connection, case, receipt=id_)
            if loaded.asked:
                return self._as_before(connection, id_, digest, actor)
            moment = Moment(self.clock.now(), loaded.office.calendar)
            if next_due(loaded.state, moment.now) is None:
                outcome = self._do(connection, loaded, command, actor, id_, digest, moment)
                loaded.batch.write(connection)
                return outcome
            self._pass_deadlines(connection, loaded, moment)
            loaded.batch.write(connection)
        raise StepBudgetExceeded()

    def _begin(
        self,
        connection: sa.Connection,
        command: Command,
        actor: Actor,
        id_: str,
        asked: str,
        package: str,
        *,
        perhaps_done: bool,
    ) -> Outcome:
        if perhaps_done and self._asked(connection, id_):
            return self._as_before(connection, id_, asked, actor)
        newest = self._newest(connection, package)
        office_ = self._seen(connection)
        loaded = Loaded(Position(secrets.token_hex(CASE_ID_BYTES)), State(), newest, office_)
        moment = Moment(self.clock.now(), office_.calendar)
        outcome = self._do(connection, loaded, command, actor, id_, asked, moment)
        loaded.batch.write(connection)
        return outcome

    def say(self, case: str, facts: list[Fact], actor: Actor, may: May) -> Outcome:
        """Record facts that need no decision (a job's failed attempt). They are applied in order. `may` looks at the state
        they meet, after the deadlines that are due, and raises to refuse."""
        id_ = new_id()

        def attempt(repeated: bool) -> Outcome:
            for _ in range(MOST_ROUNDS):
                with self.database.write() as connection:
                    loaded = self._load(connection, case, receipt=id_ if repeated else "")
                    if loaded.asked:
                        return self._as_before(connection, id_, "", actor)
                    moment = self.moment_in(connection)
                    if next_due(loaded.state, moment.now) is not None:
                        self._pass_deadlines(connection, loaded, moment)
                        loaded.batch.write(connection)
                        continue
                    may(connection, loaded.state, moment)
                    for fact in facts:
                        evolve(loaded.state, fact)
                    entries = self._record(loaded, facts, actor, id_, "", moment)
                    loaded.batch.write(connection)
                    return Outcome(case, entries, loaded.state)
            raise StepBudgetExceeded()

        return again.until_done(attempt, receipt=True)

    def pass_deadlines(self, case: str) -> int:
        """Pass the deadlines of the case that are due now, in order of due. Returns how many."""
        return self.pass_many(lambda connection, now: [case])

    def pass_many(self, which: Callable[[sa.Connection, datetime], Sequence[str]]) -> int:
        """`pass_deadlines` of several cases in one transaction: all of them or none. For long queues.

        `which` claims them in that transaction, given its instant (`claims.due_cases`). Nothing asks for receipts here: what
        is done already is no longer armed."""

        def attempt(repeated: bool) -> int:
            passed = 0
            with self.database.write() as connection:
                moment = self.moment_in(connection)
                batch = Batch(many=True)
                for loaded in self._load_all(connection, which(connection, moment.now), batch):
                    passed += self._pass_deadlines(connection, loaded, moment)
                batch.write(connection)
            return passed

        passed = again.until_done(attempt)
        if passed:
            self.bell.set()
        return passed

    def _pass_deadlines(self, connection: sa.Connection, loaded: Loaded, moment: Moment) -> int:
        case, armed = loaded.position.case, loaded.state.deadlines
        latest: dict[str, datetime | None] = {}
        standing = 0
        for count in range(MOST_FIRINGS):
            due = next_due(loaded.state, moment.now)
            if due is None:
                return count
            deadline = armed[due]
            seen = latest.get(deadline.element)
            standing = (
                standing + 1 if seen is not None and deadline.due is not None and deadline.due <= seen else 0
            )
            if standing > MOST_STANDING:
                self._halt(
                    connection,
                    loaded,
                    due,
                    StepBudgetExceeded(
                        f"时限“{deadline.element}”每次到时又立即到时，已停止。请在流程图中改正它的时间表达式。"
                    ),
                    moment,
                )
                continue
            latest[deadline.element] = deadline.due
            # The id under which a deadline is passed is always the same: the receipts' primary key alone would
            # stop a second firing.
            try:
                self._do(connection, loaded, PassDeadline(due), ENGINE, f"{case}/deadline/{due}", "", moment)
            except StepBudgetExceeded as error:
                loaded.batch.write(connection)  # what was passed before it stands
                before = self._load(connection, case)
                loaded.position, loaded.state = before.position, before.state
                self._halt(connection, loaded, due, error, moment)
            armed = loaded.state.deadlines
            if due in armed:
                raise RuntimeError(f"case {case}: deadline {due} was passed and is still armed")
        return MOST_FIRINGS

    def _halt(
        self,
        connection: sa.Connection,
        loaded: Loaded,
        due: int,
        error: StepBudgetExceeded,
        moment: Moment,
    ) -> None:
        """A deadline that can never be passed becomes an incident: the case stops there and says so, people can still
        cancel it, and it does not stay due for ever."""
        state, deadline = loaded.state, loaded.state.deadlines[due]
        if deadline.owner not in state.instances:
            raise error
        incident = IncidentRaised(state.last + 1, deadline.owner, deadline.element, error.code, error.message)
        facts: list[Fact] = [DeadlineDropped(due), incident]
        for fact in facts:
            evolve(state, fact)
        command = f"{loaded.position.case}/deadline/{due}"
        self._record(loaded, facts, ENGINE, command, "", moment)

    def _do(
        self,
        connection: sa.Connection | Line,
        loaded: Loaded,
        command: Command,
        actor: Actor,
        command_id: str,
        asked: str,
        moment: Moment,
    ) -> Outcome:
        directory = loaded.office.directory
        case = loaded.position.case
        lent: list[Past] = []

        def history(package: Package) -> History:
            if not lent:
                lent.append(self.pasts.read(_transaction(connection), case, package))
            return lent[0].history

        try:
            if isinstance(command, WithdrawItem) and directory.standing_in(actor.person):
                actor = taking_it_back(actor, command.item, history(loaded.package), directory)
            else:
                actor = acting(actor, command, loaded.state, directory, loaded.package)
            setting = Setting(
                package=loaded.package,
                directory=directory,
                moment=moment,
                actor=actor,
                case=case,
                numbers=lambda series, year: next_number(_transaction(connection), series, year),
                file=lambda file: uploads.info(connection, file),
                hint=lambda hint: hints.info(connection, hint),
                command=command_id,
                related=lambda state: related_cases(_transaction(connection), case),
                other=lambda other: other_case(_transaction(connection), other, moment.now),
                urges_a_day=int(loaded.office.urges_a_day),
                fatal=(sa.exc.SQLAlchemyError, _NotOutright, _Behind),
                history=history,
            )
            facts = decide(command, loaded.state, setting)
        finally:
            for past in lent:
                self.pasts.keep(past)
        entries = self._record(loaded, facts, actor, command_id, asked, moment)
        return Outcome(case, entries, loaded.state)

    def _record(
        self,
        loaded: Loaded,
        facts: list[Fact],
        actor: Actor,
        command_id: str,
        asked: str,
        moment: Moment,
    ) -> list[Entry]:
        return ledger.record(
            loaded.batch,
            loaded.position,
            loaded.state,
            loaded.package,
            facts,
            actor,
            command_id,
            moment,
            digest=self.digest,
            asked=asked,
        )

    def _load(self, connection: sa.Connection, case: str, *, lock: bool = True, receipt: str = "") -> Loaded:
        stored = snapshots.take(connection, case, lock=lock, watch=WATCHED, receipt=receipt)
        if stored is None:
            raise NotFound("没有找到这个案件，或者您无权查看。", case=case)
        office_ = self._office_by(connection, stored.watched)
        return _loaded(case, stored, self._package(connection, stored.package), office_, Batch())

    def _load_all(self, connection: sa.Connection, claimed: Sequence[str], batch: Batch) -> Iterator[Loaded]:
        """Cases that are this transaction's already, in the order they were claimed, all of them recording into `batch`."""
        if len(claimed) == 1:  # it may be asked for without having been claimed
            loaded = self._load(connection, claimed[0])
            loaded.batch = batch
            yield loaded
            return
        found = snapshots.take_all(connection, claimed)
        office_ = self._seen(connection)
        for case in claimed:
            package = self._package(connection, found[case].package)
            yield _loaded(case, found[case], package, office_, batch)

    def _asked(self, connection: sa.Connection, id_: str) -> bool:
        return connection.execute(_command, {"b_id": id_}).first() is not None

    def _as_before(self, connection: sa.Connection, id_: str, asked: str, actor: Actor) -> Outcome:
        """What the command of this id led to when it was done."""
        row = connection.execute(_command, {"b_id": id_}).one()
        if row.person != actor.person or row.digest != asked:
            raise Conflict("这个请求编号已用于另一项操作，请换一个编号（Idempotency-Key）。")
        loaded = self._load(connection, row.case, lock=False)
        return Outcome(row.case, ledger.entries_of(connection, row.case, command=id_), loaded.state)

    def _ring(self, outcome: Outcome) -> None:
        """Where it left something for a worker that should not wait for its next look."""
        soon = self.clock.now() + RING_BEFORE
        for entry in outcome.facts:
            if isinstance(entry.fact, ledger.OUTGOING):
                self.bell.ring()
                return
        if any(d.due is not None and d.due <= soon for d in outcome.state.deadlines.values()):
            self.bell.ring()

    # -- reading -------------------------------------------------------------------------------------------

    def load(self, case: str) -> State:
        """The case's present state. Raises `NotFound`."""
        with self.database.read() as connection:
            return self._load(connection, case, lock=False).state

    def facts(self, case: str) -> list[Entry]:
        """All ledger entries of a case, in order; none for an unknown case."""
        with self.database.read() as connection:
            return ledger.entries_of(connection, case)

    def was_asked(self, command_id: str) -> bool:
        """Whether a command of this id was done already."""
        with self.database.read() as connection:
            return self._asked(connection, command_id)


_command = sa.select(commands).where(commands.c.id == sa.bindparam("b_id"))
_count_up = (
    postgresql.insert(numbers)  # in words that SQLite shares
    .values(series=sa.bindparam("b_series"), year=sa.bindparam("b_year"), last=1)
    .on_conflict_do_update(
        index_elements=[numbers.c.series, numbers.c.year], set_={"last": numbers.c.last + 1}
    )
    .returning(numbers.c.last)
)


def _loaded(case: str, stored: snapshots.Stored, package: Package, office_: Office, batch: Batch) -> Loaded:
    state = State.from_data(loads(stored.state))
    position = Position(case, stored.seq, stored.head, Standing.of(state))
    return Loaded(position, state, package, office_, batch, stored.asked)


def new_id() -> str:
    """A fresh command id."""
    return secrets.token_hex(12)


def asked_digest(command: Command, case: str) -> str:
    """SHA-256 of what is asked: tells a repetition from another command under the same id, where the id is the caller's."""
    asked = {"kind": type(command).__name__, "case": case, **asdict(command)}
    return hashlib.sha256(canonical(asked)).hexdigest()


def next_due(state: State, now: datetime) -> int | None:
    """Id of the deadline that is due first at `now`; None when none is."""
    due = [(d.due, d.id) for d in state.deadlines.values() if d.due is not None and d.due <= now]
    return min(due)[1] if due else None


def acting(
    actor: Actor, command: Command, state: State, directory: Directory, package: Package | None = None
) -> Actor:
    """The actor with the post it acts in: the item's, if the person holds it, else the one it came in, or the person's first;
    and for whom 代, if it is not the person's own. Who came in a post keeps it in what only mentions an item (a note)."""
    if not actor.person or isinstance(command, KernelCommand):
        return actor
    on_item = isinstance(command, _ON_ITEMS)
    posts = directory.posts_of(actor.person)
    item = state.items.get(getattr(command, "item", 0)) if on_item or not actor.unit else None
    if item is not None and (item.role, item.unit) in posts:
        actor = replace(actor, role=item.role, unit=item.unit)
    elif not actor.unit and posts:
        actor = replace(actor, role=posts[0][0], unit=posts[0][1])
    if not directory.standing_in(actor.person):
        return actor
    if on_item and item is not None:
        return in_the_name_of(behalf_of(actor.person, item, directory), actor, directory)
    return in_post_of_another(actor, _roles_asked(command, package), directory)


def _roles_asked(command: Command, package: Package | None) -> Sequence[str]:
    """The roles of which somebody must hold one to ask this; none where anybody may."""
    if package is None:
        return ()
    match command:
        case StartCase():
            main = package.processes[package.main]
            start = command.start or (main.plain_entries[0] if main.plain_entries else "")
            return package.starts[start].roles if start in package.starts else ()
        case CallAction():
            return package.actions[command.action].roles if command.action in package.actions else ()
        case SuspendCase() | ResumeCase() | CancelCase():
            which = "cancel_roles" if isinstance(command, CancelCase) else "suspend_roles"
            found = package.parameters.get(which)
            return (
                [r for r in found.value if isinstance(r, str)]
                if found and isinstance(found.value, list)
                else ()
            )
    return ()


_ON_ITEMS = (ClaimItem, ReleaseItem, TransferItem, FinishItem, ReturnItem, WithdrawItem, AddSigner)


class _NotOutright(Exception):
    """Something needs a transaction."""


class _Behind(Exception):
    """Another case has to be known that has due deadlines: what it stands at is not what its register says."""

    def __init__(self, case: str) -> None:
        super().__init__(case)
        self.case = case


def _transaction(connection: sa.Connection | Line) -> sa.Connection:
    """Raises `_NotOutright` where there is none."""
    if isinstance(connection, Line):
        raise _NotOutright
    return connection


def next_number(connection: sa.Connection, series: str, year: int) -> int:
    """The next number of a series 文号 in a year, from 1. Gapless: it is given up if the transaction is."""
    return int(connection.execute(_count_up, {"b_series": series, "b_year": year}).scalar_one())


def other_case(connection: sa.Connection, case: str, now: datetime) -> OtherCase | None:
    """What another case stands at. On PostgreSQL it stays so until the transaction ends, so that two cases are never merged into
    each other; those who try are refused in turn (a deadlock is tried again). Raises `_Behind` where deadlines of it are due."""
    row = connection.execute(_other, {"b_case": case}).first()
    if row is None:
        return None
    if connection.execute(_due_there, {"b_case": case, "b_now": now}).first() is not None:
        raise _Behind(case)
    return OtherCase(**row._mapping)


_other = (
    sa.select(cases.c.id, cases.c.number, cases.c.title, cases.c.state, cases.c.package_key, cases.c.party)
    .where(cases.c.id == sa.bindparam("b_case"))
    .with_for_update(read=True)
)
_due_there = sa.select(deadlines.c.deadline).where(
    deadlines.c.case == sa.bindparam("b_case"),
    deadlines.c.due <= sa.bindparam("b_now", type_=deadlines.c.due.type),
)


def related_cases(connection: sa.Connection, case: str) -> list[Value]:
    """Earlier cases of the same enterprise, newest first, as choices `{label, value}` for a form."""
    party = connection.execute(sa.select(cases.c.party).where(cases.c.id == case)).scalar()
    if not party:
        return []
    rows = connection.execute(
        sa.select(cases.c.id, cases.c.number, cases.c.title, cases.c.status)
        .where(cases.c.party == party, cases.c.id != case)
        .order_by(cases.c.started_at.desc())
        .limit(MOST_RELATED)
    )
    return [_choice(row) for row in rows]


def _choice(row: Any) -> Value:
    return {"value": row.number or row.id, "label": f"{row.number} {row.title}（{row.status}）".strip()}

"""The reference model 参照模型: what must have happened by now, in plain Python, without the engine.

It is told what came from outside, once it is committed (a person finished an item, a job was done, a message was
delivered), and when the clock moves; everything else it works out itself from the drawing: which items and jobs are open,
which clocks run until when, what fired, which notices and letters went out. Time goes first: what is due at an instant has
happened before anybody acts at that instant.

`Fault` is raised where what the product did is not what had to be.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from tests.faults.simulation.drawing import HEARD, NEW, URGED, Drawing, Handler, Node
from tests.faults.simulation.office_hours import after, left

RETRIES = 3
"""Attempts a job has before it becomes an incident."""

LONGEST_BACKOFF = timedelta(hours=1)
"""A letter that could not be delivered is tried again after this at the latest."""


class Fault(BaseException):
    """The product did something else than what had to be. `check`: which of the checks saw it. Raised inside the product's own
    calls, it must not be caught there."""

    def __init__(self, check: str, what: str) -> None:
        super().__init__(f"{check}: {what}")
        self.check = check


@dataclass(eq=False)
class Live:
    """A token that waits, or a scope with tokens in it."""

    node: Node
    scope: Live | None
    inside: list[Live] = field(default_factory=list)
    person: str = ""  # who has claimed the item
    id: int = 0  # the product's number of the item or job, once seen
    retries: int = RETRIES
    halted: bool = False  # the job has failed its last attempt
    gone: bool = False
    joined: dict[str, int] = field(default_factory=dict)  # tokens waiting at joins of this scope
    finished: list[tuple[str, str]] = field(
        default_factory=list
    )  # in this scope: what was drawn, and by whom it was done

    @property
    def is_item(self) -> bool:
        return self.node.kind == "user" or (self.node.kind == "round")


@dataclass(eq=False)
class Armed:
    """A clock that runs. `due` None: it stands still with `remaining` of office hours."""

    order: int
    element: str
    owner: Live
    due: datetime | None
    minutes: int
    left: int  # firings after this one
    remaining: timedelta = timedelta(0)


@dataclass(eq=False)
class Letter:
    """A message or signal that a case sent. `owed`: cases that waited for it then, and since when they must have it.
    `missed`: cases that were suspended while it was on its way; it is tried again for them, however long that takes."""

    name: str
    sender: str
    owed: dict[str, datetime]
    at: datetime
    missed: set[str] = field(default_factory=set)
    heard: set[str] = field(default_factory=set)
    last: datetime | None = None  # the last instant at which it was on its way
    tried_by: datetime | None = (
        None  # who has missed it is gone: it is tried once more, by then at the latest
    )
    begun: bool = False


class Case:
    """One case of the drawing."""

    def __init__(self, model: Model, id: str, start: str) -> None:
        self.model, self.id = model, id
        self.state = "open"
        self.x = 0
        self.root = Live(Node("", "root"), None)
        self.lives: list[Live] = []
        self.armed: list[Armed] = []
        self.until: Armed | None = None  # a suspension that ends by itself
        self.seen: Counter[tuple[str, str]] = (
            Counter()
        )  # what must have been recorded: (kind, element) → how often
        self._todo: deque[tuple[str, Live]] = deque()
        for handler in model.drawing.handlers:
            if handler.trigger == "timer":
                self._arm(handler.inner, self.root, handler.minutes, handler.times)
        self._leave(model.drawing.nodes[start], self.root)
        self._settle()

    # -- tokens ------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        while self._todo:
            target, scope = self._todo.popleft()
            if not scope.gone and self.state == "open":
                self._enter(self.model.drawing.nodes[target], scope)
                self._close_what_is_empty()

    def _enter(self, node: Node, scope: Live) -> None:
        kind = node.kind
        if kind in ("start", "xor", "script", "fork"):
            self._leave(node, scope)
        elif kind == "end":
            pass
        elif kind == "join":
            scope.joined[node.id] = scope.joined.get(node.id, 0) + 1
            if scope.joined[node.id] == self.model.incoming[node.id]:
                del scope.joined[node.id]
                self._leave(node, scope)
        elif kind == "notice":
            self.seen["NoticeSent", node.word] += 1
            self._leave(node, scope)
        elif kind == "throw":
            self._leave(node, scope)
            self._throw(node.word)
        else:
            self._wait(node, scope)

    def _wait(self, node: Node, scope: Live) -> None:
        live = self._open(node, scope)
        scope.finished = [(id, by) for id, by in scope.finished if id not in node.region]  # of another round
        for timer in node.timers:
            self._arm(timer.id, live, timer.minutes, timer.times)
        if node.kind == "user":
            self.seen["WorkItemOffered", node.id] += 1
        elif node.kind == "job":
            self.seen["JobOffered", node.id] += 1
        elif node.kind == "timer":
            self._arm(node.id, live, node.minutes, 1)
        elif node.kind == "race":
            for target, _ in node.flows:
                clock = self.model.drawing.nodes[target]
                if clock.kind == "timer":
                    self._arm(clock.id, live, clock.minutes, 1)
        elif node.kind == "sub":
            self._todo.append((node.inner, live))
        elif node.kind == "each":
            for _ in range(2):
                self._open(Node(node.id, "round"), live)
                self.seen["WorkItemOffered", node.id] += 1

    def _open(self, node: Node, scope: Live) -> Live:
        live = Live(node, scope)
        scope.inside.append(live)
        self.lives.append(live)
        return live

    def _leave(self, node: Node, scope: Live) -> None:
        if node.kind == "xor":
            chosen = [t for t, answer in node.flows if answer is not None and answer == self.x]
            targets = chosen[:1] or [t for t, answer in node.flows if answer is None]
        else:
            targets = [t for t, _ in node.flows]
        self._todo.extend((target, scope) for target in targets)

    def _end(self, live: Live) -> None:
        """A token is taken from where it waits, with all that is inside and all its clocks."""
        for one in list(live.inside):
            self._end(one)
        live.gone = True
        if live.scope is not None and live in live.scope.inside:
            live.scope.inside.remove(live)
        if live in self.lives:
            self.lives.remove(live)
        self.armed = [a for a in self.armed if a.owner is not live]

    def _close_what_is_empty(self) -> None:
        """Scopes in which nothing waits any more are left; the last of them is the case."""
        for live in [one for one in self.lives if one.node.kind in ("sub", "each", "handler")]:
            if not live.gone and self._is_empty(live):
                scope = live.scope
                assert scope is not None
                self._lift(live)
                self._end(live)
                self._leave(live.node, scope)
        if self._is_empty(self.root) and not self._todo:
            self._over("completed")
            self.seen["CaseCompleted", ""] += 1

    def _is_empty(self, scope: Live) -> bool:
        return not scope.inside and not scope.joined and all(s is not scope for _, s in self._todo)

    def _over(self, state: str) -> None:
        self.state = state
        self.model.ended(self.id)
        for live in list(self.root.inside):
            self._end(live)
        self.armed, self.until = [], None
        self._todo.clear()

    def finish(self, live: Live) -> None:
        """What waited goes on."""
        node, scope = live.node, live.scope
        assert scope is not None
        self._end(live)
        self._leave(node, scope)
        self._close_what_is_empty()
        self._settle()

    def done(self, live: Live, person: str) -> None:
        """A person has finished an item."""
        assert live.scope is not None
        live.scope.finished.append((live.node.id, person))
        self.finish(live)

    def _lift(self, live: Live) -> None:
        """What was finished inside counts for what is around it, once it has ended."""
        assert live.scope is not None
        live.scope.finished += [(live.node.id, by) for by in self._by(live)]

    def _by(self, live: Live) -> list[str]:
        return [by for _, by in live.finished] + [by for one in live.inside for by in self._by(one)]

    def send_back(self, live: Live, person: str) -> None:
        """退回: everything drawn behind the step it goes back to is taken away where that step is drawn; what a clock began beside
        the course stays. Who loses work by it is told, but not who did it."""
        nodes = self.model.drawing.nodes
        back = nodes[nodes[live.node.id].back]
        scope = live.scope
        assert scope is not None
        while scope is not self.root and scope.node.id != back.scope:
            assert scope.scope is not None
            scope = scope.scope
        gone = [one for one in scope.inside if one.node.id in back.region]
        told = {by for id, by in scope.finished if id in back.region}
        for one in gone:
            told |= set(self._by(one)) | self._holders(one, live)
        told.discard(person)
        self.seen["NoticeSent", f"“{live.node.id}”被退回"] += len(told)
        scope.finished = [(id, by) for id, by in scope.finished if id not in back.region]
        for one in gone:
            self._end(one)
        for join in [join for join in scope.joined if join in back.region]:
            del scope.joined[join]
        self._todo.append((back.id, scope))
        self._settle()

    def _holders(self, live: Live, but: Live) -> set[str]:
        """Who holds the open items in here; "" stands for the post that holds what nobody has claimed."""
        if live is but:
            return set()
        found = {live.person} if live.is_item else set()
        return found.union(*(self._holders(one, but) for one in live.inside))

    # -- messages and signals ----------------------------------------------------------------------------

    def _throw(self, name: str) -> None:
        self.seen["SignalSent" if name == URGED else "MessageSent", name] += 1
        self.model.send(name, self.id)
        self._heard(name)

    def _heard(self, name: str) -> None:
        for handler in self.model.drawing.handlers:
            if handler.word == name:
                self._handle(handler)

    def _handle(self, handler: Handler) -> None:
        scope = self._open(Node(handler.id, "handler"), self.root)
        self._todo.append((handler.inner, scope))

    def hear(self, name: str) -> None:
        """A message or signal from outside has come in."""
        for live in self.lives:
            if live.node.kind == "race":
                for target, _ in live.node.flows:
                    if target == name:
                        self._ways(live, target)
                        return
        if not self.hears(name):
            raise Fault("message", f"{self.id} took “{name}”, which it does not wait for")
        self._heard(name)
        self._settle()

    def _ways(self, race: Live, way: str) -> None:
        scope = race.scope
        assert scope is not None
        self._end(race)
        self._leave(self.model.drawing.nodes[way], scope)
        self._close_what_is_empty()
        self._settle()

    def hears(self, name: str) -> bool:
        """Whether the case waits for it now."""
        return self.state in ("open", "suspended") and name in (HEARD, URGED)

    # -- clocks ------------------------------------------------------------------------------------------

    def _arm(self, element: str, owner: Live, minutes: int, times: int) -> None:
        due = self.model.now + timedelta(minutes=minutes)
        self.armed.append(Armed(next(self.model.order), element, owner, due, minutes, times - 1))

    def pass_due(self) -> None:
        """Everything that is due by now fires, what was due first first."""
        while True:
            due = [
                a
                for a in [*self.armed, *([self.until] if self.until else [])]
                if a.due and a.due <= self.model.now
            ]
            if not due:
                return
            first = min(due, key=lambda a: (a.due, a.order))
            self.seen["DeadlinePassed", first.element] += 1
            if first is self.until:
                self.resume()
            else:
                self._fire(first)

    def _fire(self, armed: Armed) -> None:
        self.armed.remove(armed)
        owner, drawing = armed.owner, self.model.drawing
        if armed.left:
            due = armed.due
            assert due is not None
            again = Armed(
                next(self.model.order), armed.element, owner, due + timedelta(minutes=armed.minutes), armed.minutes,
                armed.left - 1,
            )  # fmt: skip
            self.armed.append(again)
        handler = next((h for h in drawing.handlers if h.inner == armed.element), None)
        timer = next((t for t in owner.node.timers if t.id == armed.element), None)
        if handler is not None:
            self._handle(handler)
        elif timer is not None:
            scope = owner.scope
            assert scope is not None
            if timer.interrupting:
                self._lift(owner)
                self._end(owner)
            self._todo.append((timer.target, scope))
        elif owner.node.kind == "race":
            self._ways(owner, armed.element)
            return
        else:
            self.finish(owner)
            return
        self._close_what_is_empty()
        self._settle()

    def suspend(self, until: datetime | None) -> None:
        self.state = "suspended"
        self.model.asleep(self.id)
        for armed in self.armed:
            assert armed.due is not None
            armed.remaining, armed.due = left(self.model.now, armed.due), None
        if until is not None:
            self.until = Armed(next(self.model.order), "", self.root, until, 0, 0)

    def resume(self) -> None:
        self.state, self.until = "open", None
        for armed in self.armed:
            armed.due = after(self.model.now, armed.remaining)
        self.model.awake(self.id)

    # -- looking -----------------------------------------------------------------------------------------

    def item(self, id: int) -> Live | None:
        """The open item of this number."""
        return next((one for one in self.lives if one.is_item and one.id == id), None)

    def job(self, id: int) -> Live | None:
        return next((one for one in self.lives if one.node.kind == "job" and one.id == id), None)

    def named(self, element: str, id: int, *, job: bool) -> None:
        """The product has given this number to the item or job of the element that has waited longest for one."""
        for live in self.lives:
            if live.node.id == element and not live.id and (live.node.kind == "job" if job else live.is_item):
                live.id = id
                return

    def deadlines(self) -> Counter[tuple[str, str, datetime | None]]:
        clocks = [*self.armed, *([self.until] if self.until else [])]
        return Counter((self.id, a.element, a.due) for a in clocks)


class Model:
    """All cases of one run."""

    def __init__(self, drawing: Drawing, begin: datetime) -> None:
        self.drawing, self.begin, self.now = drawing, begin, begin
        self.order = count(1)
        self.cases: dict[str, Case] = {}
        self.letters: list[Letter] = []
        self.incoming: Counter[str] = Counter(
            target for node in drawing.nodes.values() for target, _ in node.flows
        )
        self.clock_begun = 0
        self.sent: Counter[str] = Counter()

    def move(self, now: datetime) -> None:
        """The clock stands at `now`: what is due has happened."""
        before, self.now = self.now, now
        for letter in self.letters:
            once_more = letter.tried_by is not None and before < letter.tried_by
            if once_more or self._tried_again(
                letter
            ):  # at this instant, whatever becomes of who has missed it
                letter.last = now
        for case in list(self.cases.values()):
            case.pass_due()

    def next_due(self) -> list[datetime]:
        """All instants at which something is due from now on, in order."""
        dues = {a.due for case in self.cases.values() for a in case.armed if a.due}
        dues |= {case.until.due for case in self.cases.values() if case.until and case.until.due}
        dues |= {self.begin + timedelta(minutes=m) for m in self.drawing.clock_starts}
        return sorted(due for due in dues if due > self.now)

    # -- letters -----------------------------------------------------------------------------------------

    def send(self, name: str, sender: str) -> None:
        waiting = [] if name == NEW else [
            id for id, case in self.cases.items() if id != sender and case.hears(name)
        ]  # fmt: skip
        asleep = {id for id in waiting if self.cases[id].state == "suspended"}
        self.letters.append(Letter(name, sender, dict.fromkeys(waiting, self.now), self.now, asleep))

    def sent_by(self, name: str, sender: str, nth: int) -> Letter | None:
        """The letter of this name that the case sent as its `nth`, from 0."""
        theirs = [one for one in self.letters if (one.name, one.sender) == (name, sender)]
        return theirs[nth] if nth < len(theirs) else None

    def asleep(self, case: str) -> None:
        """A case has been suspended: what is on its way now misses it, also if it began after that was sent."""
        for letter in self.letters:
            if letter.name != NEW and case not in (letter.sender, *letter.heard) and self._on_its_way(letter):
                letter.missed.add(case)

    def awake(self, case: str) -> None:
        """A case that was suspended hears again; what it missed comes when it is tried again."""
        for letter in self.letters:
            if case in letter.owed and case not in letter.heard:
                letter.owed[case] = self.now + LONGEST_BACKOFF

    def ended(self, case: str) -> None:
        """A case is over. What is tried again for it does not know that yet: who listens at the next try hears it."""
        for letter in self.letters:
            if case in letter.missed and case not in letter.heard:
                letter.tried_by = self.now + LONGEST_BACKOFF

    def delivered(self, name: str, case: str, letter: Letter | None) -> None:
        """The product says that a message or signal reached this case: a letter, or what a person outside told it."""
        if self.cases[case].state != "open":
            raise Fault("message", f"{case} is {self.cases[case].state} and took “{name}”")
        if name in (HEARD, URGED):
            if letter is None or letter.name != name or letter.sender == case:
                raise Fault("message", f"{case} took “{name}”, which nobody sent it")
            if case in letter.heard:
                raise Fault("message", f"{case} took “{name}” of {letter.sender} twice")
            # who has begun since it was sent may hear it too, as long as it is on its way
            if case not in letter.owed and not self._on_its_way(letter):
                raise Fault(
                    "message", f"{case} took “{name}” of {letter.sender} when that was delivered already"
                )
            letter.heard.add(case)
        self.cases[case].hear(name)

    def _on_its_way(self, letter: Letter) -> bool:
        return self.now in (letter.at, letter.last) or self._tried_again(letter)

    def _tried_again(self, letter: Letter) -> bool:
        """Somebody whose case was suspended could not take it, or has not been asked again since."""
        return any(
            id not in letter.heard and self.cases[id].state in ("open", "suspended") for id in letter.missed
        )

    def started(self, id: str, start: str, letter: Letter | None) -> None:
        """A case has begun, perhaps by a letter."""
        if start == "SM":
            if letter is None or letter.name != NEW or letter.begun:
                raise Fault(
                    "start", f"{id} was begun by a message that nobody sent, or once more than it was sent"
                )
            letter.begun = True
        elif start == "ST":
            self.clock_begun += 1
            if self.clock_begun > self.clock_starts_due():
                raise Fault("start", f"{id} was begun by the clock before its time, or twice")
        self.cases[id] = Case(self, id, start)

    def clock_starts_due(self) -> int:
        return sum(self.begin + timedelta(minutes=m) <= self.now for m in self.drawing.clock_starts)

    def outstanding(self) -> list[str]:
        """Letters and starts that should have arrived by now, and have not."""
        found = []
        for letter in self.letters:
            if letter.name == NEW:
                if not letter.begun:
                    found.append(f"no case was begun by “{NEW}” of {letter.sender}")
                continue
            for id, since in letter.owed.items():
                case = self.cases[id]
                if id not in letter.heard and case.state == "open" and since <= self.now:
                    found.append(f"“{letter.name}” of {letter.sender} has not reached {id}")
        if self.clock_begun < self.clock_starts_due():
            found.append(
                f"{self.clock_starts_due() - self.clock_begun} case(s) should have begun by the clock"
            )
        return found

    # -- what may be asked -------------------------------------------------------------------------------

    def may(self, kind: str, case: str, id: int, person: str, extra: Any = None) -> bool:
        """Whether the product must accept this now."""
        one = self.cases[case]
        if kind == "suspend":
            return one.state == "open"
        if kind == "resume":
            return one.state == "suspended"
        if kind == "cancel":
            return one.state in ("open", "suspended")
        if kind == "note":
            return True
        if one.state != "open":
            return False
        if kind == "message":
            return True
        item = one.item(id)
        if item is None:
            return False
        free = item.person in ("", person)
        if kind == "claim":
            return item.person == ""
        if kind == "release":
            return item.person == person
        if kind == "return":
            return free and bool(self.drawing.nodes[item.node.id].back)
        return free

"""The course of a case in the reference model 案件的走法: tokens, scopes and clocks. Who signs with whom: `signing`; what goes back:
`going_back`.

What comes from outside comes by `tell`, which keeps it: so a course can be played again without one of the things that were
told, which is what taking it back means.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Protocol

from tests.faults.simulation.drawing import HEARD, URGED, Drawing, Handler, Node
from tests.faults.simulation.live import RETRIES, Armed, Done, Fault, Live, Signer
from tests.faults.simulation.office_hours import after, left


class Around(Protocol):
    """What a course tells the other cases."""

    def sent(self, name: str) -> None: ...
    def ended(self) -> None: ...


class Course:
    """One case's way through the drawing. `now`: the model's clock. `seen`: what must have been recorded, (kind, element) → how
    often; `acted`: of that, what has reached others or came by the clock."""

    def __init__(
        self,
        drawing: Drawing,
        around: Around | None,
        now: Callable[[], datetime],
        seen: Counter[tuple[str, str]],
    ) -> None:
        self.drawing, self.around, self.now, self.seen = drawing, around, now, seen
        self.incoming = Counter(target for node in drawing.nodes.values() for target, _ in node.flows)
        self.state = "open"
        self.x = 0
        self.outcomes: dict[str, str] = {}  # 会签 → what it came to
        self.root = Live(Node("", "root"), None)
        self.lives: list[Live] = []
        self.armed: list[Armed] = []
        self.until: Armed | None = None  # a suspension that ends by itself
        self.acted: Counter[tuple[str, str]] = Counter()
        self.told: list[tuple[datetime, str, tuple[Any, ...]]] = []
        self.kept: set[int] = set()  # items that are taken back: nothing is decided over them before that
        self.final: set[int] = (
            set()
        )  # items whose end is not taken back: opinions, what they were given on, what is done anew
        self.order = count(1)
        self._todo: deque[tuple[str, Live]] = deque()

    def tell(self, what: str, *said: Any) -> None:
        """Something came from outside, and is kept."""
        self.told.append((self.now(), what, said))
        getattr(self, what)(*said)

    def begin(self, start: str) -> None:
        for handler in self.drawing.handlers:
            if handler.trigger == "timer":
                self._arm(handler.inner, self.root, handler.minutes, handler.times)
        self._leave(self.drawing.nodes[start], self.root)
        self.settle()

    # -- tokens ------------------------------------------------------------------------------------------

    def settle(self) -> None:
        while self._todo:
            target, scope = self._todo.popleft()
            if not scope.gone and self.state == "open":
                self._enter(self.drawing.nodes[target], scope)
                self.close_what_is_empty()

    def go(self, target: str, scope: Live) -> None:
        """A token is on its way to the element."""
        self._todo.append((target, scope))

    def record(self, kind: str, element: str) -> None:
        """It has happened, and cannot be taken back."""
        self.seen[kind, element] += 1
        self.acted[kind, element] += 1

    def _enter(self, node: Node, scope: Live) -> None:
        kind = node.kind
        if kind in ("start", "xor", "script", "fork"):
            self._leave(node, scope)
        elif kind == "end":
            pass
        elif kind == "join":
            scope.joined[node.id] = scope.joined.get(node.id, 0) + 1
            if scope.joined[node.id] == self.incoming[node.id]:
                del scope.joined[node.id]
                self._leave(node, scope)
        elif kind == "notice":
            self.record("NoticeSent", f"{node.word} → DB@能源局")
            self._leave(node, scope)
        elif kind == "throw":
            self._leave(node, scope)
            self._throw(node.word)
        else:
            self._wait(node, scope)

    def _wait(self, node: Node, scope: Live) -> None:
        live = self.open(node, scope)
        scope.began[node.id] = next(self.order)
        for timer in node.timers:
            self._arm(timer.id, live, timer.minutes, timer.times)
        if node.kind == "user":
            self.seen["WorkItemOffered", node.id] += 1
        elif node.kind == "job":
            self.record("JobOffered", node.id)
        elif node.kind == "timer":
            self._arm(node.id, live, node.minutes, 1)
        elif node.kind == "race":
            for target, _ in node.flows:
                clock = self.drawing.nodes[target]
                if clock.kind == "timer":
                    self._arm(clock.id, live, clock.minutes, 1)
        elif node.kind == "sub":
            self.go(node.inner, live)
        elif node.kind == "each":
            live.rounds = node.rounds
            for _ in range(node.rounds):
                self.open_round(live)

    def open_round(self, body: Live) -> Live:
        self.seen["WorkItemOffered", body.node.id] += 1
        return self.open(Node(body.node.id, "round", scope=body.node.scope), body)

    def open(self, node: Node, scope: Live) -> Live:
        live = Live(node, scope)
        scope.inside.append(live)
        self.lives.append(live)
        return live

    def _leave(self, node: Node, scope: Live) -> None:
        if node.kind == "xor":
            is_: int | str = self.outcomes.get(node.word, "") if node.word else self.x
            chosen = [t for t, answer in node.flows if answer is not None and answer == is_]
            targets = chosen[:1] or [t for t, answer in node.flows if answer is None]
        else:
            targets = [t for t, _ in node.flows]
        self._todo.extend((target, scope) for target in targets)

    def end(self, live: Live) -> None:
        """A token is taken from where it waits, with all that is inside and all its clocks."""
        for one in list(live.inside):
            self.end(one)
        live.gone = True
        if live.scope is not None and live in live.scope.inside:
            live.scope.inside.remove(live)
        if live in self.lives:
            self.lives.remove(live)
        self.armed = [a for a in self.armed if a.owner is not live]

    def close_what_is_empty(self) -> None:
        """Scopes in which nothing waits any more are left; the last of them is the case."""
        for live in [one for one in self.lives if one.node.kind in ("sub", "each", "handler")]:
            if not live.gone and self._is_empty(live):
                if live.node.share is not None:
                    self.outcomes[live.node.id] = outcome(live)
                self.leave(live)
        if self.state == "open" and self._is_empty(self.root) and not self._todo:
            self.over("completed")
            self.seen["CaseCompleted", ""] += 1

    def leave(self, live: Live) -> None:
        """A token, or a scope that has ended, goes on."""
        scope = live.scope
        assert scope is not None
        self.counts(live, scope)
        self.end(live)
        self._leave(live.node, scope)

    def counts(self, live: Live, scope: Live) -> None:
        """What was finished in a token, or a scope that ends, counts for what is around it from now on."""
        done = finished(live)
        scope.finished += [replace(one, at=next(self.order), name=live.node.id) for one in done]

    def _is_empty(self, scope: Live) -> bool:
        return not scope.inside and not scope.joined and all(s is not scope for _, s in self._todo)

    def over(self, state: str) -> None:
        self.state = state
        if self.around is not None:
            self.around.ended()
        for live in list(self.root.inside):
            self.end(live)
        self.armed, self.until = [], None
        self._todo.clear()

    def go_on(self, live: Live) -> None:
        """What waited goes on."""
        self.leave(live)
        self.close_what_is_empty()
        self.settle()

    # -- jobs --------------------------------------------------------------------------------------------

    def job_done(self, id: int) -> None:
        self.go_on(self.must(self.job(id)))

    def job_failed(self, id: int, retries: int) -> None:
        job = self.must(self.job(id))
        job.retries, job.halted = retries, not retries

    def job_retried(self, id: int) -> None:
        job = self.must(self.job(id))
        job.halted, job.retries = False, RETRIES
        self.record("JobOffered", job.node.id)

    # -- messages and signals ----------------------------------------------------------------------------

    def _throw(self, name: str) -> None:
        self.record("SignalSent" if name == URGED else "MessageSent", name)
        if self.around is not None:
            self.around.sent(name)
        self._heard(name)

    def _heard(self, name: str) -> None:
        for handler in self.drawing.handlers:
            if handler.word == name:
                self._handle(handler)

    def _handle(self, handler: Handler) -> None:
        scope = self.open(Node(handler.id, "handler"), self.root)
        self.go(handler.inner, scope)

    def hear(self, name: str) -> None:
        """A message or signal from outside has come in."""
        for live in self.lives:
            if live.node.kind == "race" and any(target == name for target, _ in live.node.flows):
                self.acted["heard", name] += 1
                self._ways(live, name)
                return
        if not self.hears(name):
            raise Fault("message", f"the case took “{name}”, which it does not wait for")
        self._heard(name)
        self.settle()

    def _ways(self, race: Live, way: str) -> None:
        scope = race.scope
        assert scope is not None
        self.end(race)
        self._leave(self.drawing.nodes[way], scope)
        self.close_what_is_empty()
        self.settle()

    def hears(self, name: str) -> bool:
        """Whether the case waits for it now."""
        return self.state in ("open", "suspended") and name in (HEARD, URGED)

    # -- clocks ------------------------------------------------------------------------------------------

    def _arm(self, element: str, owner: Live, minutes: int, times: int) -> None:
        due = self.now() + timedelta(minutes=minutes)
        self.armed.append(Armed(next(self.order), element, owner, due, minutes, times - 1))

    def pass_due(self) -> None:
        """Everything that is due by now fires, what was due first first."""
        while True:
            due = [a for a in self.clocks() if a.due and a.due <= self.now()]
            if not due:
                return
            first = min(due, key=lambda a: (a.due, a.order))
            if first is self.until:
                self.seen["DeadlinePassed", first.element] += (
                    1  # no work of the case's: 撤回 does not ask for it
                )
                self.tell("resume")
            else:
                self.tell("fire", first.element, first.due)

    def clocks(self) -> Iterable[Armed]:
        return [*self.armed, *([self.until] if self.until else [])]

    def fire(self, element: str, due: datetime) -> None:
        fitting = [a for a in self.armed if (a.element, a.due) == (element, due)]
        if not fitting:
            raise Fault("early", f"{element} is not due")
        armed = min(fitting, key=lambda a: a.order)
        self.record("DeadlinePassed", element)
        self.armed.remove(armed)
        owner = armed.owner
        if armed.left:
            again = Armed(
                next(self.order), element, owner, due + timedelta(minutes=armed.minutes), armed.minutes,
                armed.left - 1,
            )  # fmt: skip
            self.armed.append(again)
        handler = next((h for h in self.drawing.handlers if h.inner == element), None)
        timer = next((t for t in owner.node.timers if t.id == element), None)
        if handler is not None:
            self._handle(handler)
        elif timer is not None:
            scope = owner.scope
            assert scope is not None
            if timer.interrupting:
                self.counts(owner, scope)
                self.end(owner)
            self.go(timer.target, scope)
        elif owner.node.kind == "race":
            self._ways(owner, element)
            return
        else:
            self.go_on(owner)
            return
        self.close_what_is_empty()
        self.settle()

    def suspend(self, until: datetime | None, running: tuple[tuple[str, datetime | None], ...]) -> None:
        """`running`: the clocks that stand still; another has been stopped before, where the case is played again."""
        self.state = "suspended"
        for armed in self.armed:
            if (armed.element, armed.due) in running:
                assert armed.due is not None
                armed.remaining, armed.due = left(self.now(), armed.due), None
        if until is not None:
            self.until = Armed(next(self.order), "", self.root, until, 0, 0)

    def resume(self) -> None:
        self.state, self.until = "open", None
        for armed in self.armed:
            if armed.due is None:
                armed.due = after(self.now(), armed.remaining)

    # -- looking -----------------------------------------------------------------------------------------

    def item(self, id: int) -> Live | None:
        """The open item of this number."""
        return next((one for one in self.lives if one.is_item and one.id == id), None)

    def items(self) -> list[Live]:
        return [one for one in self.lives if one.is_item]

    def job(self, id: int) -> Live | None:
        return next((one for one in self.lives if one.node.kind == "job" and one.id == id), None)

    def must(self, live: Live | None) -> Live:
        if live is None or self.state != "open":
            raise Fault("not open", "something was done to what is not open")
        return live

    def name(self, element: str, id: int, job: bool) -> None:
        """The product has given this number to the item or job of the element that has waited longest for one."""
        for live in self.lives:
            if live.node.id == element and not live.id and (live.node.kind == "job" if job else live.is_item):
                live.id = id
                if live.anew:
                    self.final.add(id)
                return

    def signers(self) -> list[tuple[Live, Signer]]:
        """Who has still to sign before or after, with the step it is about."""
        asked = [(one.scope, one.signer) for one in self.lives if one.node.kind == "signer" and one.is_item]
        return [(host, signer) for host, signer in asked if host and signer] + [
            (one, signer) for one in self.lives for signer in one.after
        ]


def finished(live: Live) -> list[Done]:
    """What was finished in it."""
    return [*live.finished, *(done for one in live.inside for done in finished(one))]


def tally(body: Live) -> tuple[int, int, int, int]:
    """Of a 会签: how many agree, how many object, how many have signed, how many have to agree."""
    agreed, against = body.opinions.count(0), body.opinions.count(2)
    assert body.node.share is not None
    over, under = body.node.share
    return agreed, against, len(body.opinions), -(-body.rounds * over // under)


def outcome(body: Live) -> str:
    """What a 会签 comes to if nobody else signs."""
    agreed, against, _, needed = tally(body)
    return "不通过" if agreed < needed or (body.node.veto and against) else "通过"


def is_decided(body: Live) -> bool:
    """会签 goes on as soon as the share is reached, cannot be reached any more, or is vetoed; or when all have signed."""
    agreed, against, signed, needed = tally(body)
    if signed >= body.rounds:
        return True
    if body.node.waits:
        return False
    return agreed >= needed or agreed + body.rounds - signed < needed or (body.node.veto and against > 0)

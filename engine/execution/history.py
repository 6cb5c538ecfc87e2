"""What came of what 办理经过: a case's executions and the tokens between them, read from its facts.

An execution of an element takes tokens and sends tokens; so for any two it is known whether one came of the other or both
went on beside each other, whatever loops and joins are drawn. Going back 退回、撤回 needs just that: what came of a step is
undone with it, all else stays, and a join that took tokens of both gives back those that stay. The marking this leaves is
one the case could have stood in had the step not been finished, so whatever is sound of the drawing holds on from there.

The state does not carry this: it would grow with every round of every loop, for something few commands ask. Who asks often keeps
a `History` and lets it follow what has happened since; nothing that is asked of it looks at all executions, only at those that
came of a step, those nearest before it, and those that live.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from engine import facts as f
from engine.definitions.model import Element, Kind, Package, Process
from engine.execution.marking import State
from engine.execution.records import BESIDE, ROOT, Deadline, Instance
from engine.execution.state import deadline, evolve, moved
from engine.values import Value

STRIDE = 32
"""Steps along a way after which what lies before is written down [P]: nobody walks back further than to the next such place."""


Place = tuple[int, str]
"""A scope, and an element that is executed in it."""


@dataclass(slots=True, eq=False)
class Token:
    """A token that went along a flow. `at`: the gateway it waits or waited at, "" where it did not have to."""

    flow: str
    scope: int
    at: str
    cause: int
    strand: int
    by: int
    taken: bool = False


@dataclass(slots=True, eq=False)
class Execution:
    """One execution of an element. `after`: executions it came of without a token between them (the host of an interrupting
    boundary event, the round before in a sequence). `ended`: place of the fact with which it completed, -1 for none.
    `undone`: it no longer counts, since the case went back behind it. `led` and `content`: what of all that counts came of it,
    and what is inside. `was`: a scope that has completed, as it stood just before."""

    id: int
    process: str
    element: str
    scope: int
    cause: int = 0
    strand: int = 0
    loop: int = 0
    body: bool = False
    took: list[Token] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    live: bool = True
    ended: int = -1
    undone: bool = False
    led: dict[int, None] = field(default_factory=dict)
    content: dict[int, None] = field(default_factory=dict)
    was: Instance | None = None
    depth: int = 0  # the length of the longest way to it
    past: dict[Place, Execution] | None = None  # `History.past`, where it is written down
    sequential: bool = False
    again: int = 0  # the execution that was taken back, of which this is the work once more
    clocks: dict[tuple[str, int], Deadline] = field(
        default_factory=dict
    )  # that ran to its end, as they stood
    # of a work item
    anew: bool = False  # the step itself once more, after an added signer did not agree
    asked: tuple[f.SignerAdded, ...] = ()  # who was added before or after 加签, and not taken back
    name: str = ""
    unit: str = ""
    role: str = ""
    person: str = ""
    claimed: bool = False
    due: datetime | None = None
    behalf: str = ""
    finished_by: str = ""
    finished_for: str = ""  # the unit
    finished_behalf: str = ""  # for whom 代
    form: dict[str, Value] | None = None
    # of what acts outside
    topic: str = ""
    told: bool = False


@dataclass(slots=True)
class Recall:
    """Going back behind `first`, an execution that has completed. `reopened`: the scopes around it that had completed, the
    outermost first. `undone` in order of entry; `tokens` are taken away where they wait, `kept` wait again."""

    first: Execution
    reopened: list[Execution]
    undone: list[Execution]
    tokens: list[Token]
    kept: list[Token]

    @property
    def tops(self) -> list[Execution]:
        """Of what is undone and still goes on: what is not inside another."""
        inside = {one.id for one in self.undone}
        return [one for one in self.undone if one.live and one.scope not in inside]


class History:
    """The executions of one case, by id, in order of entry. Who asks changes nothing; only `follow` does."""

    def __init__(self, package: Package, facts: Iterable[f.Fact] = ()) -> None:
        self.package = package
        self.executions: dict[int, Execution] = {}
        self.whole = State()
        """The case's state with nothing forgotten: it also knows what no token refers to any more."""
        self._at = -1
        self._live: dict[int, Execution] = {}
        self._places: dict[Place, dict[int, None]] = {}  # executions that count, in order of entry
        # finished items that count, by element and then by who finished them or for whom 代 they were finished
        self._done: dict[str, dict[str, dict[int, None]]] = {}
        # the office's words for where the case stands, and by which execution
        self._words: list[tuple[int, str]] = []
        self._waiting: dict[tuple[int, str], list[Token]] = {}  # none is empty
        self._flying: dict[tuple[int, str], list[Token]] = {}
        self._left: Execution | None = None
        self._latest: Execution | None = None
        self._clocks: dict[int, tuple[int, str, int]] = {}
        self._rearmed: set[int] | None = None  # clocks armed by a 撤回, while it goes on
        self._again: dict[tuple[int, str, int], list[tuple[list[Token], list[int], int]]] = {}
        self.follow(facts)

    def follow(self, facts: Iterable[f.Fact]) -> None:
        """What has happened since, in order."""
        for fact in facts:
            self._at += 1
            read = _READ.get(type(fact))
            if read is not None:
                read(self, fact)
            evolve(self.whole, fact)

    def fits(self, state: State) -> bool:
        """Whether these are the facts of this state."""
        waiting = {place: len(tokens) for place, tokens in self._waiting.items()}
        return (
            ROOT in self.executions
            and self._live.keys() == state.instances.keys()
            and waiting
            == {
                (one.id, gateway): len(tokens)
                for one in state.instances.values()
                for gateway, tokens in one.arrivals.items()
            }
        )

    # -- looking -----------------------------------------------------------------------------------------

    def element(self, one: Execution) -> Element:
        """What was executed. Not for the root scope."""
        return self.package.processes[one.process].elements[one.element]

    def inside(self, scope: Execution) -> Process:
        """The process whose elements are executed in a scope."""
        process = self.package.processes[scope.process]
        if scope.element and not scope.body:
            element = process.elements[scope.element]
            if element.kind is Kind.CALL:
                return self.package.processes.get(element.called, process)
        return process

    def around(self, one: Execution) -> list[Execution]:
        """The scopes around an execution, the innermost first."""
        found = []
        while one.scope:
            one = self.executions[one.scope]
            found.append(one)
        return found

    def past(self, here: Execution) -> Mapping[Place, Execution]:
        """Of all that an execution came of, what has completed as a whole: the latest of each element in each scope.

        What an execution came of stays as it is for as long as the execution counts, so what was found is written down here and
        there along the way.
        """
        if here.past is not None:
            return here.past
        walked: dict[int, Execution] = {}
        stack = [here]
        while stack:
            at = stack.pop()
            if at.id not in walked:
                walked[at.id] = at
                if at.past is None:
                    stack.extend(self._before(at))
        found: dict[int, dict[Place, Execution]] = {}
        moving: set[int] = set()  # what a thrower that still goes on has begun: not to be written down
        for id in sorted(walked):
            at = walked[id]
            if at.past is not None:
                found[id] = at.past
                continue
            latest = found[id] = {}
            settled, strides = True, at.depth // STRIDE
            for before in self._before(at):
                settled = settled and before.id not in moving and (before.id == at.scope or not before.live)
                strides = min(strides, before.depth // STRIDE)
                for place, one in found[before.id].items():
                    _later(latest, place, one)
                if counts(before):
                    _later(latest, (before.scope, before.element), before)
            if not settled:
                moving.add(id)
            elif at is here or strides < at.depth // STRIDE:
                at.past = latest
        return found[here.id]

    def _sources(self, one: Execution) -> Iterator[Execution]:
        """What an execution came of directly, besides the scope around it."""
        for token in one.took:
            yield self.executions[token.by]
        for id in one.after:
            yield self.executions[id]

    def _before(self, one: Execution) -> Iterator[Execution]:
        yield from self._sources(one)
        if one.scope:
            yield self.executions[one.scope]

    def was_done(self, scope: Execution, element: str) -> bool:
        """Whether an element in a scope has completed and still counts, before whatever else."""
        return any(counts(self.executions[id]) for id in self._places.get((scope.id, element), ()))

    def finished(self, element: str) -> bool:
        """Whether an item of the element has ever been finished, whatever became of it."""
        return element in self._done

    def who_did(self, element: str, but: Container[int]) -> set[str]:
        """By whom and for whom 代 items of the element were finished that count, `but` for these."""
        by = self._done.get(element, {})
        return {person for person, items in by.items() if any(id not in but for id in items)}

    def recall(self, first: Execution) -> Recall:
        """What going back behind `first` undoes."""
        reopened = [one for one in self.around(first) if not one.live][::-1]
        sources = {first.id, *(one.id for one in reopened)}
        came = [*first.content, *(id for source in (first, *reopened) for id in source.led)]
        found: set[int] = set()
        while came:
            id = came.pop()
            if id not in found and id not in sources:
                found.add(id)
                came.extend(self.executions[id].led)
                came.extend(self.executions[id].content)
        undone = {id: self.executions[id] for id in sorted(found)}

        def theirs(token: Token) -> bool:
            return token.by in undone or token.by in sources

        stays = [tokens for (scope, _), tokens in self._waiting.items() if scope not in undone]
        return Recall(
            first,
            reopened,
            list(undone.values()),
            [token for tokens in stays for token in tokens if theirs(token)],
            [
                token
                for one in undone.values()
                if one.scope not in undone and one.scope != first.id
                for token in one.took
                if not theirs(token)
            ],
        )

    def status(self, recall: Recall) -> str:
        """The office's word for where the case stands once this is undone."""
        gone = {one.id for one in recall.undone}
        words = (
            word for by, word in reversed(self._words) if by not in gone and not self.executions[by].undone
        )
        return next(words, "")

    # -- reading the facts -------------------------------------------------------------------------------

    def _enter(self, one: Execution) -> None:
        self.executions[one.id] = self._live[one.id] = one
        self._places.setdefault((one.scope, one.element), {})[one.id] = None
        for source in self._sources(one):
            source.led[one.id] = None
        if one.scope:
            self.executions[one.scope].content[one.id] = None
        one.depth = 1 + max((before.depth for before in self._before(one)), default=0)

    def _no_more(self, one: Execution) -> None:
        """It no longer counts, and nobody comes upon it from others that do."""
        one.undone, one.past = True, None
        self._places[one.scope, one.element].pop(one.id, None)
        for person in (one.finished_by, one.finished_behalf):
            self._done.get(one.element, {}).get(person, {}).pop(one.id, None)
        for source in self._sources(one):
            source.led.pop(one.id, None)
        self.executions[one.scope].content.pop(one.id, None)
        while self._words and self.executions[self._words[-1][0]].undone:
            self._words.pop()

    def _lives(self, one: Execution) -> None:
        one.live = True
        self._live[one.id] = one

    def _dies(self, one: Execution) -> None:
        one.live = False
        self._live.pop(one.id, None)

    def _waits(self, token: Token, *, first: bool = False) -> None:
        tokens = self._waiting.setdefault((token.scope, token.at), [])
        tokens.insert(0 if first else len(tokens), token)

    def _waits_no_more(self, token: Token) -> None:
        tokens = self._waiting[token.scope, token.at]
        tokens.remove(token)
        if not tokens:
            del self._waiting[token.scope, token.at]

    def _nothing_waits(self, scope: int) -> None:
        for place in [place for place in self._waiting if place[0] == scope]:
            del self._waiting[place]

    def _last_at(self, scope: int, element: str) -> Iterator[Execution]:
        """The executions of an element in a scope that count, the latest first."""
        return (self.executions[id] for id in reversed(self._places.get((scope, element), {})))

    def _started(self, fact: f.CaseStarted) -> None:
        self._enter(Execution(ROOT, fact.process, "", 0))

    def _over(self, fact: f.CaseCompleted | f.CaseCancelled) -> None:
        for one in [one for one in self._live.values() if one.id != ROOT]:
            self._dies(one)
        self._waiting.clear()

    def _flow(self, fact: f.FlowTaken) -> None:
        process = self.inside(self.executions[fact.scope])
        flow = process.flows[fact.flow]
        by = self._left
        if by is None or by.element != flow.source or by.scope != fact.scope:
            by = next(self._last_at(fact.scope, flow.source), None)
        token = Token(
            fact.flow, fact.scope, fact.waits_at, fact.cause, fact.strand, by.id if by else fact.scope
        )
        if fact.waits_at:
            self._waits(token)
        else:
            self._flying.setdefault((fact.scope, flow.target), []).append(token)

    def _entered(self, fact: f.ElementEntered) -> None:
        one = Execution(
            fact.id, fact.process, fact.element, fact.scope, fact.cause, fact.strand, fact.loop, fact.body
        )
        element = self.element(one)
        again = self._again.get((fact.scope, fact.element, fact.loop))
        flying = self._flying.get((fact.scope, fact.element))
        if again:
            one.took, one.after, one.again = again.pop(0)
        elif fact.consumes:
            one.took = [token for flow in fact.consumes if (token := self._wait_over(one, flow)) is not None]
        elif flying and not fact.loop:
            one.took = [flying.pop(0)]
        elif element.attached_to and element.interrupting:
            one.after = self._host(one, element)
        elif fact.loop > 1 and self.executions[fact.scope].sequential:
            rounds = self.executions[fact.scope].content
            one.after = [id for id in rounds if self.executions[id].loop == fact.loop - 1]
        for token in one.took:
            token.taken = True
        self._latest = one
        self._enter(one)

    def _wait_over(self, one: Execution, flow: str) -> Token | None:
        """The token by this flow that the execution takes: at its own join, or for who ends everything at any."""
        for at in (one.element, *(gateway for scope, gateway in self._waiting if scope == one.scope)):
            for token in self._waiting.get((one.scope, at), ()):
                if token.flow == flow:
                    self._waits_no_more(token)
                    return token
        return None

    def _host(self, one: Execution, element: Element) -> list[int]:
        """The execution that an interrupting boundary event has stopped."""
        named = self.executions.get(one.cause)
        if named is not None and named.element == element.attached_to and named.scope == one.scope:
            return [named.id]
        return [other.id for other in self._last_at(one.scope, element.attached_to) if other.ended < 0][:1]

    def _completed(self, fact: f.ElementCompleted) -> None:
        one = self._left = self.executions[fact.id]
        self._dies(one)
        one.ended = self._at
        if one.content:
            one.was = copy(self.whole.instances[one.id])
            one.was.variables = None if one.was.variables is None else dict(one.was.variables)

    def _stopped(self, fact: f.ElementCancelled | f.CompensationEnded) -> None:
        self._dies(self.executions[fact.id])
        self._nothing_waits(fact.id)

    def _loop(self, fact: f.LoopOpened) -> None:
        self.executions[fact.id].sequential = fact.sequential

    def _closing(self, fact: f.ActivitiesEnabled) -> None:
        if fact.closing:
            self._nothing_waits(fact.id)

    def _gateway_reset(self, fact: f.GatewayReset) -> None:
        for flow in fact.flows:
            tokens = self._waiting[fact.scope, fact.element]
            self._waits_no_more(next(token for token in tokens if token.flow == flow))

    def _runs(self, fact: f.CompensationThrown) -> None:
        if fact.runner:
            by = self.executions[fact.id]
            self._enter(Execution(fact.runner, by.process, "", by.scope, after=[by.id]))

    def _undoes(self, fact: f.CompensationBegan) -> None:
        if fact.again:
            self._lives(self.executions[fact.id])

    def _transaction(self, fact: f.TransactionCancelled) -> None:
        scopes = [fact.id]
        while scopes:
            scope = scopes.pop()
            self._nothing_waits(scope)
            scopes.extend(self.executions[scope].content)

    def _status(self, fact: f.StatusChanged) -> None:
        self._words.append((self._latest.id if self._latest is not None else ROOT, fact.status))

    # -- work --------------------------------------------------------------------------------------------

    def _offered(self, fact: f.WorkItemOffered) -> None:
        one = self.executions[fact.id]
        one.name, one.person, one.due = fact.name, fact.assignee, fact.due

    def _routed(self, fact: f.WorkItemRouted) -> None:
        self._rearmed = None
        one = self.executions[fact.id]
        one.unit, one.role, one.person = fact.unit, fact.role, fact.person or one.person

    def _added(self, fact: f.SignerAdded) -> None:
        if fact.way != BESIDE:
            self.executions[fact.to].asked += (fact,)

    def _taken_from(self, fact: f.SignerTakenBack) -> None:
        for host in self._live.values():
            if host.asked:
                host.asked = tuple(one for one in host.asked if one.id != fact.id)
        one = self.executions.get(fact.id)  # not there yet: a signer whose turn was still to come
        if one is not None:
            self._no_more(one)

    def _done_anew(self, fact: f.SigningReturned) -> None:
        self.executions[fact.again].anew = True
        host, now = self.executions[fact.to], {old: id for id, old in enumerate(fact.signers, fact.first)}
        host.asked = tuple(replace(one, id=now.get(one.id, one.id)) for one in host.asked)

    def _claimed(self, fact: f.WorkItemClaimed) -> None:
        one = self.executions[fact.id]
        one.person, one.behalf, one.claimed = fact.person, fact.behalf, True

    def _released(self, fact: f.WorkItemReleased) -> None:
        one = self.executions[fact.id]
        one.person, one.behalf, one.claimed = "", "", False

    def _transferred(self, fact: f.WorkItemTransferred) -> None:
        one = self.executions[fact.id]
        one.unit, one.role, one.person, one.claimed = fact.unit, fact.role, fact.person, False
        one.behalf = ""

    def _due(self, fact: f.DueMoved) -> None:
        self.executions[fact.id].due = fact.due

    def _finished(self, fact: f.WorkItemCompleted) -> None:
        self._rearmed = None
        one = self.executions[fact.id]
        one.finished_by, one.finished_for, one.form = fact.person, fact.unit, fact.form
        one.finished_behalf = fact.behalf
        by = self._done.setdefault(one.element, {})
        for person in (one.finished_by, one.finished_behalf):
            if person:
                by.setdefault(person, {})[one.id] = None

    def _job(self, fact: f.JobOffered) -> None:
        self.executions[fact.id].topic = fact.topic

    def _tells(self, fact: f.MessageSent | f.SignalSent) -> None:
        if self._latest is not None:
            self._latest.told = True

    def _armed(self, fact: f.DeadlineSet) -> None:
        if fact.owner in self.executions:
            self._clocks[fact.id] = (fact.owner, fact.element, fact.part)
            self.executions[fact.owner].clocks[fact.element, fact.part] = deadline(fact)
            if self._rearmed is not None:
                self._rearmed.add(fact.id)

    def _dropped(self, fact: f.DeadlineDropped) -> None:
        """What is dropped with its element had run until then; what 撤回 arms and drops had fired before."""
        if self._rearmed and fact.id in self._rearmed:
            owner, element, part = self._clocks.pop(fact.id)
            self.executions[owner].clocks.pop((element, part), None)

    def _moved(self, fact: f.DeadlineMoved) -> None:
        if fact.id in self._clocks:
            owner, element, part = self._clocks[fact.id]
            clock = self.executions[owner].clocks[element, part]
            self.executions[owner].clocks[element, part] = moved(clock, fact)

    def _passed(self, fact: f.DeadlinePassed) -> None:
        self._rearmed = None
        if fact.id in self._clocks:
            owner, element, part = self._clocks.pop(fact.id)
            self.executions[owner].clocks.pop((element, part), None)

    # -- going back --------------------------------------------------------------------------------------

    def _returned(self, fact: f.WorkItemReturned) -> None:
        item = self.executions[fact.id]
        if not fact.of:  # an older fact: only the item itself was given up, for a step of its scope
            self._no_more(item)
            earlier = (one for one in self._last_at(item.scope, fact.to) if one.ended >= 0)
            self._expect(item.scope, fact.to, 0, next(earlier, item))
            return
        first = self.executions[fact.of]
        recall = self.recall(first)
        self._undo(recall)
        if first.element == fact.to:
            self._no_more(first)
            self._expect(first.scope, fact.to, 0, first)
        else:
            token = Token("", first.scope, "", first.cause, first.strand, first.id, True)
            self._again.setdefault((first.scope, fact.to, 0), []).append(([token], [], 0))

    def _taken_back(self, fact: f.WorkItemTakenBack) -> None:
        self._rearmed = set()
        first = self.executions[fact.id]
        recall = self.recall(first)
        self._undo(recall)
        beside = stopped_beside(self, recall)
        self._no_more(first)
        self._expect(first.scope, first.element, first.loop, first, first.id)
        for one in beside:
            self._no_more(one)
            self._expect(one.scope, one.element, one.loop, one, one.id)

    def _expect(self, scope: int, element: str, loop: int, like: Execution, again: int = 0) -> None:
        waiting = self._again.setdefault((scope, element, loop), [])
        waiting.append((list(like.took), list(like.after), again))

    def _undo(self, recall: Recall) -> None:
        for token in recall.tokens:
            self._waits_no_more(token)
        for one in recall.undone:
            self._no_more(one)
        for token in recall.kept:
            token.taken = False
            self._waits(token, first=True)
        for one in recall.reopened:
            self._lives(one)
            one.ended = -1


def counts(one: Execution) -> bool:
    """Whether it has completed as a whole and not been undone."""
    return one.ended >= 0 and not one.undone and not one.loop and bool(one.element)


def _later(latest: dict[Place, Execution], place: Place, one: Execution) -> None:
    known = latest.get(place)
    if known is None or one.ended > known.ended:
        latest[place] = one


def stopped_beside(history: History, recall: Recall) -> list[Execution]:
    """Rounds that had not come to their end when their multi-instance did, which is open again now."""
    rounds = sorted(id for one in recall.reopened if one.body for id in one.content)
    stopped = (history.executions[id] for id in rounds)
    return [one for one in stopped if one.ended < 0 and not one.live]


def still_asked(history: History, one: Execution) -> list[f.SignerAdded]:
    """Who was added at a step before or after 加签 and had not signed when it ended."""

    def has_signed(id: int) -> bool:
        work = history.executions.get(id)  # not there: a signer whose turn was still to come
        return work is not None and work.form is not None

    return [signer for signer in one.asked if not has_signed(signer.id)]


_READ: dict[type[f.Fact], Callable[[History, Any], None]] = {
    f.CaseStarted: History._started,
    f.CaseCompleted: History._over,
    f.CaseCancelled: History._over,
    f.FlowTaken: History._flow,
    f.ElementEntered: History._entered,
    f.ElementCompleted: History._completed,
    f.ElementCancelled: History._stopped,
    f.LoopOpened: History._loop,
    f.ActivitiesEnabled: History._closing,
    f.GatewayReset: History._gateway_reset,
    f.CompensationThrown: History._runs,
    f.CompensationBegan: History._undoes,
    f.CompensationEnded: History._stopped,
    f.TransactionCancelled: History._transaction,
    f.StatusChanged: History._status,
    f.WorkItemOffered: History._offered,
    f.WorkItemRouted: History._routed,
    f.WorkItemClaimed: History._claimed,
    f.SignerAdded: History._added,
    f.SignerTakenBack: History._taken_from,
    f.SigningReturned: History._done_anew,
    f.WorkItemReleased: History._released,
    f.WorkItemTransferred: History._transferred,
    f.WorkItemCompleted: History._finished,
    f.WorkItemReturned: History._returned,
    f.WorkItemTakenBack: History._taken_back,
    f.DueMoved: History._due,
    f.JobOffered: History._job,
    f.MessageSent: History._tells,
    f.SignalSent: History._tells,
    f.DeadlineSet: History._armed,
    f.DeadlineDropped: History._dropped,
    f.DeadlineMoved: History._moved,
    f.DeadlinePassed: History._passed,
}

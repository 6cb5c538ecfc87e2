"""What came of what 办理经过: a case's executions and the tokens between them, read from its facts.

An execution of an element takes tokens and sends tokens; so for any two it is known whether one came of the other or both
went on beside each other, whatever loops and joins are drawn. Going back 退回、撤回 needs just that: what came of a step is
undone with it, all else stays, and a join that took tokens of both gives back those that stay. The marking this leaves is
one the case could have stood in had the step not been finished, so whatever is sound of the drawing holds on from there.

The state does not carry this: it would grow with every round of every loop, for something few commands ask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine import facts as f
from engine.definitions.model import Element, Kind, Package, Process
from engine.execution.marking import State
from engine.execution.records import ROOT
from engine.values import Value


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
    `undone`: it no longer counts, since the case went back behind it."""

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
    sequential: bool = False
    again: int = 0  # the execution that was taken back, of which this is the work once more
    clocks: dict[tuple[str, int], datetime | None] = field(default_factory=dict)  # that ran to its end
    # of a work item
    name: str = ""
    unit: str = ""
    role: str = ""
    person: str = ""
    claimed: bool = False
    due: datetime | None = None
    behalf: str = ""
    finished_by: str = ""
    finished_for: str = ""
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
    """The executions of one case, by id, in order of entry."""

    def __init__(self, package: Package, facts: Sequence[f.Fact]) -> None:
        self.package = package
        self.facts = facts
        self.executions: dict[int, Execution] = {}
        self._words: list[
            tuple[int, str]
        ] = []  # the office's words for where the case stands, and by which execution
        self._at = 0
        self._waiting: dict[tuple[int, str], list[Token]] = {}
        self._flying: dict[tuple[int, str], list[Token]] = {}
        self._left: Execution | None = None
        self._latest: Execution | None = None
        self._clocks: dict[int, tuple[int, str, int]] = {}
        self._again: dict[tuple[int, str, int], list[tuple[list[Token], list[int], int]]] = {}
        for self._at, fact in enumerate(facts):
            read = _READ.get(type(fact))
            if read is not None:
                read(self, fact)

    def fits(self, state: State) -> bool:
        """Whether these are the facts of this state."""
        if not self.facts:
            return False
        live = {one.id for one in self.executions.values() if one.live}
        waiting = {
            (scope, gateway): len(tokens) for (scope, gateway), tokens in self._waiting.items() if tokens
        }
        return live == state.instances.keys() and waiting == {
            (one.id, gateway): len(tokens)
            for one in state.instances.values()
            for gateway, tokens in one.arrivals.items()
        }

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

    def before(self, one: Execution) -> set[int]:
        """Ids of all that an execution came of."""
        found: set[int] = set()
        stack = [one]
        while stack:
            at = stack.pop()
            for id in (*(token.by for token in at.took), *at.after, *((at.scope,) if at.scope else ())):
                if id not in found:
                    found.add(id)
                    stack.append(self.executions[id])
        return found

    def recall(self, first: Execution) -> Recall:
        """What going back behind `first` undoes."""
        reopened = [one for one in self.around(first) if not one.live][::-1]
        sources = {first.id, *(one.id for one in reopened)}
        undone: dict[int, Execution] = {}
        for one in self.executions.values():
            if one.undone or one.id in sources:
                continue
            inside = one.scope in undone or one.scope == first.id
            if (
                inside
                or any(t.by in undone or t.by in sources for t in one.took)
                or any(id in undone or id in sources for id in one.after)
            ):
                undone[one.id] = one

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

    def _started(self, fact: f.CaseStarted) -> None:
        self.executions[ROOT] = Execution(ROOT, fact.process, "", 0)

    def _over(self, fact: f.CaseCompleted | f.CaseCancelled) -> None:
        for one in self.executions.values():
            if one.live and one.id != ROOT:
                one.live = False
        self._waiting.clear()

    def _flow(self, fact: f.FlowTaken) -> None:
        process = self.inside(self.executions[fact.scope])
        flow = process.flows[fact.flow]
        by = self._left
        if by is None or by.element != flow.source or by.scope != fact.scope:
            by = next(
                (
                    one
                    for one in reversed(self.executions.values())
                    if one.scope == fact.scope and one.element == flow.source and not one.undone
                ),
                None,
            )
        token = Token(
            fact.flow, fact.scope, fact.waits_at, fact.cause, fact.strand, by.id if by else fact.scope
        )
        if fact.waits_at:
            self._waiting.setdefault((fact.scope, fact.waits_at), []).append(token)
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
            one.after = [
                other.id
                for other in self.executions.values()
                if other.scope == fact.scope and other.loop == fact.loop - 1 and not other.undone
            ]
        for token in one.took:
            token.taken = True
        self.executions[one.id] = self._latest = one

    def _wait_over(self, one: Execution, flow: str) -> Token | None:
        """The token by this flow that the execution takes: at its own join, or for who ends everything at any."""
        for at in (one.element, *(gateway for scope, gateway in self._waiting if scope == one.scope)):
            tokens = self._waiting.get((one.scope, at), [])
            for place, token in enumerate(tokens):
                if token.flow == flow:
                    return tokens.pop(place)
        return None

    def _host(self, one: Execution, element: Element) -> list[int]:
        """The execution that an interrupting boundary event has stopped."""
        named = self.executions.get(one.cause)
        if named is not None and named.element == element.attached_to and named.scope == one.scope:
            return [named.id]
        return [
            other.id
            for other in reversed(self.executions.values())
            if other.element == element.attached_to
            and other.scope == one.scope
            and other.ended < 0
            and not other.undone
        ][:1]

    def _completed(self, fact: f.ElementCompleted) -> None:
        one = self.executions[fact.id]
        one.live, one.ended = False, self._at
        self._left = one

    def _stopped(self, fact: f.ElementCancelled | f.CompensationEnded) -> None:
        self.executions[fact.id].live = False
        for place in [key for key in self._waiting if key[0] == fact.id]:
            del self._waiting[place]

    def _loop(self, fact: f.LoopOpened) -> None:
        self.executions[fact.id].sequential = fact.sequential

    def _closing(self, fact: f.ActivitiesEnabled) -> None:
        if fact.closing:
            for place in [key for key in self._waiting if key[0] == fact.id]:
                del self._waiting[place]

    def _gateway_reset(self, fact: f.GatewayReset) -> None:
        for flow in fact.flows:
            tokens = self._waiting[fact.scope, fact.element]
            tokens.remove(next(token for token in tokens if token.flow == flow))

    def _runs(self, fact: f.CompensationThrown) -> None:
        if fact.runner:
            by = self.executions[fact.id]
            self.executions[fact.runner] = Execution(fact.runner, by.process, "", by.scope, after=[by.id])

    def _undoes(self, fact: f.CompensationBegan) -> None:
        if fact.again:
            self.executions[fact.id].live = True

    def _transaction(self, fact: f.TransactionCancelled) -> None:
        inside = {fact.id}
        for one in self.executions.values():
            if one.scope in inside:
                inside.add(one.id)
        for place in [key for key in self._waiting if key[0] in inside]:
            del self._waiting[place]

    def _status(self, fact: f.StatusChanged) -> None:
        self._words.append((self._latest.id if self._latest is not None else ROOT, fact.status))

    # -- work --------------------------------------------------------------------------------------------

    def _offered(self, fact: f.WorkItemOffered) -> None:
        one = self.executions[fact.id]
        one.name, one.person, one.due = fact.name, fact.assignee, fact.due

    def _routed(self, fact: f.WorkItemRouted) -> None:
        one = self.executions[fact.id]
        one.unit, one.role, one.person = fact.unit, fact.role, fact.person or one.person

    def _taken_from(self, fact: f.SignerTakenBack) -> None:
        one = self.executions.get(fact.id)  # not there yet: a signer whose turn was still to come
        if one is not None:
            one.undone = True

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
        one = self.executions[fact.id]
        one.finished_by, one.finished_for, one.form = fact.person, fact.unit, fact.form

    def _job(self, fact: f.JobOffered) -> None:
        self.executions[fact.id].topic = fact.topic

    def _tells(self, fact: f.MessageSent | f.SignalSent) -> None:
        if self._latest is not None:
            self._latest.told = True

    def _armed(self, fact: f.DeadlineSet) -> None:
        if fact.owner in self.executions:
            self._clocks[fact.id] = (fact.owner, fact.element, fact.part)
            self.executions[fact.owner].clocks[fact.element, fact.part] = fact.due

    def _moved(self, fact: f.DeadlineMoved) -> None:
        if fact.id in self._clocks:
            owner, element, part = self._clocks[fact.id]
            self.executions[owner].clocks[element, part] = fact.due

    def _passed(self, fact: f.DeadlinePassed) -> None:
        if fact.id in self._clocks:
            owner, element, part = self._clocks.pop(fact.id)
            self.executions[owner].clocks.pop((element, part), None)

    # -- going back --------------------------------------------------------------------------------------

    def _returned(self, fact: f.WorkItemReturned) -> None:
        item = self.executions[fact.id]
        if not fact.of:  # an older fact: only the item itself was given up, for a step of its scope
            item.undone = True
            earlier = [
                one
                for one in self.executions.values()
                if (one.scope, one.element) == (item.scope, fact.to) and one.ended >= 0 and not one.undone
            ]
            source = earlier[-1] if earlier else item
            self._expect(item.scope, fact.to, 0, source)
            return
        first = self.executions[fact.of]
        recall = self.recall(first)
        self._undo(recall)
        if first.element == fact.to:
            first.undone = True
            self._expect(first.scope, fact.to, 0, first)
        else:
            token = Token("", first.scope, "", first.cause, first.strand, first.id, True)
            self._again.setdefault((first.scope, fact.to, 0), []).append(([token], [], 0))

    def _taken_back(self, fact: f.WorkItemTakenBack) -> None:
        first = self.executions[fact.id]
        recall = self.recall(first)
        self._undo(recall)
        first.undone = True
        self._expect(first.scope, first.element, first.loop, first, first.id)
        for one in stopped_beside(self, recall):
            one.undone = True
            self._expect(one.scope, one.element, one.loop, one, one.id)

    def _expect(self, scope: int, element: str, loop: int, like: Execution, again: int = 0) -> None:
        waiting = self._again.setdefault((scope, element, loop), [])
        waiting.append((list(like.took), list(like.after), again))

    def _undo(self, recall: Recall) -> None:
        for token in recall.tokens:
            self._waiting[token.scope, token.at].remove(token)
        for one in recall.undone:
            one.undone = True
        for token in recall.kept:
            token.taken = False
            self._waiting.setdefault((token.scope, token.at), []).insert(0, token)
        for one in recall.reopened:
            one.live, one.ended = True, -1


def stopped_beside(history: History, recall: Recall) -> list[Execution]:
    """Rounds that had not come to their end when their multi-instance did, which is open again now."""
    bodies = {one.id for one in recall.reopened if one.body}
    return [
        one
        for one in history.executions.values()
        if one.scope in bodies and one.ended < 0 and not one.live and not one.undone
    ]


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
    f.SignerTakenBack: History._taken_from,
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
    f.DeadlineMoved: History._moved,
    f.DeadlinePassed: History._passed,
}

"""All scopes of a package explored 逐层检查: inner ones first, each once, and the faults found in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.definitions.model import Element, Kind, Package, Process, Trigger
from engine.definitions.soundness import concurrency
from engine.definitions.soundness.catching import Catching
from engine.definitions.soundness.exploration import Exploration, covers
from engine.definitions.soundness.net import WAITING, Inside, Net, triggers
from engine.definitions.upstream import before
from engine.definitions.vocabulary import ACTIVITIES

Starts = tuple[tuple[str, ...], ...]
"""For every way in which a scope can begin, the elements at which tokens stand then."""

MOST_STATES = 20_000
"""Markings of one scope after which its exploration is given up, with a finding that says so."""

MOST_SUSPECTS = 12
"""Elements of one scope of which it is looked at whether two tokens meet there."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a scope. `at`: the element; `missing`: the elements from which a join gets no token, or what is
    done twice; `path`: elements and flows passed, in order, on a shortest way there; `certain`: whatever is decided."""

    kind: str  # "deadlock" | "livelock" | "dead" | "unsynchronised" | "unbounded" | "budget"
    process: Process
    at: Element | Process
    path: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    certain: bool = False
    states: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope explored."""

    net: Net
    starts: Starts
    exploration: Exploration
    faults: tuple[Fault, ...]


class Analysis:
    """The exploration of every scope of a package. `reduce`: with partial-order reduction."""

    def __init__(self, package: Package, most: int = MOST_STATES, *, reduce: bool = True) -> None:
        self.package = package
        self.most = most
        self.reduce = reduce
        self.catching = Catching(package)
        self.scopes: dict[tuple[str, str], Scope] = {}
        self._open: set[tuple[str, str]] = set()
        for process in package.processes.values():
            self._look(process, process.key)
            for element in process.elements.values():
                if element.kind is Kind.SUBPROCESS:
                    self._look(process, element.id)

    @property
    def faults(self) -> Iterator[Fault]:
        for scope in self.scopes.values():
            yield from scope.faults

    @property
    def states(self) -> int:
        """Markings seen in all scopes."""
        return sum(len(scope.exploration.states) for scope in self.scopes.values())

    # -- scopes ------------------------------------------------------------------------------------------

    def _look(self, process: Process, scope: str) -> Scope | None:
        key = (process.key, scope)
        if key in self.scopes:
            return self.scopes[key]
        host = process.elements.get(scope)
        starts = beginnings(process, host)
        if not starts or key in self._open:
            return None
        self._open.add(key)
        counted = self._counted(process, host) if host is not None else ()
        net = Net(process, scope, self.catching, lambda element: self._inside(process, element), counted)
        net.number(id for some in starts for id in some)
        exploration = Exploration(net, starts, self.most, reduce=self.reduce)
        self._open.discard(key)
        found = self.scopes[key] = Scope(
            net, starts, exploration, tuple(self._judge(net, starts, exploration))
        )
        return found

    def _inside(self, process: Process, element: Element) -> Inside:
        """What is to be known of the scope behind an element. Of what cannot be known the best is assumed."""
        if element.kind is Kind.CALL:
            called = self.package.processes.get(element.called)
            scope = self._look(called, called.key) if called is not None else None
        else:
            scope = self._look(process, element.id)
        if scope is None:
            return Inside()
        seen = scope.exploration
        if not seen.complete or scope.faults and any(f.kind == "deadlock" for f in scope.faults):
            return Inside()  # it has its own finding; what follows from it is not repeated
        completes = (
            bool(seen.completed)
            or element.loop is not None
            or self._taken_over(scope.net.process, scope.net.scope)
        )
        waits = any(seen.net.kinds[t] == WAITING for state in seen.states for t in state[0])
        counted = scope.net.counted
        throwers = {t for b in counted for _, t in self.catching.throwers[process.key, b]}
        if not completes or not throwers <= seen.reached:
            counted = ()
        return Inside(completes, waits, counted, seen.thrown if counted else ())

    def _counted(self, process: Process, host: Element) -> tuple[str, ...]:
        """The host's boundary events that an escalation thrown directly inside triggers, without stopping it: they fire
        just as often as it is thrown, if nothing else makes that uncertain."""
        if host.loop is not None or host.event_subprocesses:
            return ()
        found: list[str] = []
        for id in host.boundary:
            event = process.elements[id]
            if event.interrupting or triggers(event) != {Trigger.ESCALATION}:
                continue
            throwers = self.catching.throwers.get((process.key, id), [])
            if (
                throwers
                and not self.catching.vague(process, event)
                and all(
                    key == process.key and process.elements[thrower].scope == host.id
                    for key, thrower in throwers
                )
            ):
                found.append(id)
        return tuple(found)

    def _taken_over(self, process: Process, scope: str) -> bool:
        """Whether an event subprocess of the scope may take its place, and so end it."""
        host = process.elements.get(scope)
        for id in host.event_subprocesses if host is not None else process.event_subprocesses:
            start = process.elements.get(process.elements[id].start)
            if start is not None and start.interrupting and self.catching.hears(process, start):
                return True
        return False

    def _stopped(self, process: Process, scope: str) -> bool:
        """Whether the scope may be stopped by something outside its flow: then it need not come to an end by itself."""
        while True:
            if self._taken_over(process, scope):
                return True
            host = process.elements.get(scope)
            if host is None:
                break
            events = [process.elements[b] for b in host.boundary]
            if any(e.interrupting and self.catching.hears(process, e) for e in events):
                return True
            scope = host.scope
        calls = [
            e for p in self.package.processes.values() for e in p.elements.values() if e.kind is Kind.CALL
        ]
        return any(call.boundary for call in calls if call.called == process.key)

    # -- judging -----------------------------------------------------------------------------------------

    def _judge(self, net: Net, starts: Starts, seen: Exploration) -> Iterator[Fault]:
        process = net.process
        place = process.elements.get(net.scope) or process
        whole = seen.complete and not seen.growing
        if not seen.complete:
            yield Fault("budget", process, place, states=len(seen.states))
        waiting = dict(self._deadlocks(net, seen))
        for join, (state, missing) in waiting.items():
            certain = whole and (join not in seen.reached or not seen.ended)
            yield Fault("deadlock", process, net.elements[join], seen.path(state), missing, certain)
        if not waiting and whole:
            yield from self._livelocks(net, seen)
        for state, earlier in seen.growing[:1]:
            more = list(seen.states[state][0])
            for token in seen.states[earlier][0]:
                more.remove(token)
            one = net.places[more[0]].element
            yield Fault("unbounded", process, net.elements[one], seen.path(state), (one,))
        if whole:
            yield from self._dead(net, starts, seen)
        if not seen.growing:
            yield from self._twice(net, starts)

    def _deadlocks(self, net: Net, seen: Exploration) -> Iterator[tuple[str, tuple[int, tuple[str, ...]]]]:
        """Joins at which a token waits for ever, each with the first such state and the sources it lacks."""
        said: set[str] = set()
        states = [(state, seen.waiting_at_joins(state), seen.executed(state)) for state in seen.stuck]
        states += [(part[0], _lasting(seen, part), set()) for part in seen.endless]
        for state, waiting, going in sorted(states, key=lambda one: one[0]):
            for join, flows in waiting.items():
                lacking = [flow for flow in net.elements[join].incoming if flow not in flows]
                sources = {one for flow in lacking for one in before(net.process, net.elements[join], flow)}
                if sources & (going | (waiting.keys() - {join})) and not self._mutual(net, join, waiting):
                    continue  # it waits for what is stuck elsewhere
                if join not in said:
                    said.add(join)
                    yield join, (state, tuple(net.process.flows[flow].source for flow in lacking))

    def _mutual(self, net: Net, join: str, waiting: dict[str, set[str]]) -> bool:
        """Whether the join waits in a circle and is the first of it."""
        waits_for: dict[str, set[str]] = {}
        for one, flows in waiting.items():
            lacking = [flow for flow in net.elements[one].incoming if flow not in flows]
            sources = {id for flow in lacking for id in before(net.process, net.elements[one], flow)}
            waits_for[one] = sources & (waiting.keys() - {one})
        found: set[str] = set()
        stack = [join]
        while stack:
            for one in waits_for[stack.pop()]:
                if one not in found:
                    found.add(one)
                    stack.append(one)
        circle = {one for one in found if join in _reach(waits_for, one)}
        roots = found - circle
        return bool(circle) and not roots and join == min(circle)

    def _livelocks(self, net: Net, seen: Exploration) -> Iterator[Fault]:
        if not seen.endless or self._stopped(net.process, net.scope):
            return
        part = min(seen.endless)
        round_ = {id for state in part for id in seen.executed(state)}
        first = min(part)
        names = [id for id in net.elements if id in round_]
        known = set(_no_way_out(net))
        if round_ & known:
            return  # `no_end_reachable` says so
        at = net.elements[names[0]]
        yield Fault("livelock", net.process, at, seen.path(first), tuple(names), not seen.ended)

    def _dead(self, net: Net, starts: Starts, seen: Exploration) -> Iterator[Fault]:
        reached = _possible(net, seen.reached)
        for id, element in net.elements.items():
            if id in reached or id in net.waits_together or any(id in some for some in starts):
                continue
            if element.attached_to in reached and element.outgoing:
                if not self.catching.hears(net.process, element):
                    yield Fault("dead", net.process, element)
            elif any(net.process.flows[flow].source in reached for flow in element.incoming):
                yield Fault("dead", net.process, element)
        host = net.process.elements.get(net.scope)
        for esub in host.event_subprocesses if host is not None else net.process.event_subprocesses:
            start = net.process.elements.get(net.process.elements[esub].start)
            if start is not None and not self.catching.hears(net.process, start):
                yield Fault("dead", net.process, start)

    def _twice(self, net: Net, starts: Starts) -> Iterator[Fault]:
        """Elements at which two tokens meet that go on without being joined, where something is then done twice."""
        main = net.after((id for some in starts for id in some), beside=False)
        suspects = [id for id in concurrency.with_itself(net, starts) if id in main and _works(net, id)]
        for _ in range(MOST_SUSPECTS):
            if not suspects:
                return
            among = set(suspects)
            id = next((one for one in suspects if not _before(net, one) & among), suspects[0])
            aimed = net.aimed(id)
            aimed.number(id for some in starts for id in some)
            looked = Exploration(aimed, starts, self.most, reduce=self.reduce, target=id)
            told = {id}
            if looked.met >= 0:
                done = tuple(_works(net, id))
                kind = "unbounded" if _adds(looked) else "unsynchronised"
                yield Fault(kind, net.process, net.elements[id], looked.path(looked.met), done)
                while more := {one for one in suspects if one not in told and _before(net, one) & told}:
                    told |= more  # what only follows from it is not repeated
            suspects = [one for one in suspects if one not in told]


def beginnings(process: Process, host: Element | None) -> Starts:
    """Where tokens stand at first, for every way in which a process or subprocess can begin (BPMN 2.0.2, 13.2). None for
    an ad-hoc subprocess: its activities have no order that could be wrong."""
    if host is not None:
        if host.ad_hoc is not None:
            return ()
        return tuple(some for some in ((host.start,) if host.start else host.implicit,) if some)
    found: list[tuple[str, ...]] = []
    for id in process.starts:
        element = process.elements[id]
        if element.kind is Kind.START:
            found.append((id,))
            continue
        sources = [process.elements[process.flows[flow].source] for flow in element.incoming]
        beside = [
            flow.target
            for one in sources
            if one.kind is Kind.EVENT_GATEWAY and one.all_events
            for flow in one.outgoing
            if flow.target != id
        ]
        found.append((id, *beside, *process.implicit))
    return tuple(found) if found or not process.implicit else (process.implicit,)


def _possible(net: Net, reached: Iterable[str]) -> set[str]:
    """What can be come to from these elements, were every step to take its time: where a branch is always stopped before
    it gets on, that lies in the time it takes. Joins let nothing through but where they were seen to."""
    through = set(reached)
    found: set[str] = set()
    seen: set[int] = set()
    stack = [net.at(id) for id in through]
    while stack:
        number = stack.pop()
        place = net.places[number]
        if number in seen or (place.flow and place.element not in through):
            continue
        seen.add(number)
        if place.flow:
            continue
        found.add(place.element)
        quiet = set(net.beside(net.elements[place.element])) - {*net.watched.get(place.element, ())}
        stack += [net.at(boundary) for boundary in sorted(quiet)]
        stack += [to for move in net.moves(number) for to in move.to]
    return found


def _lasting(seen: Exploration, part: list[int]) -> dict[str, set[str]]:
    """Joins whose tokens stand still while the states of `part` go round for ever, with their flows."""
    left = seen.waiting_at_joins(part[0])
    for state in part:
        here, let = seen.waiting_at_joins(state), seen.executed(state)
        left = {j: flows & here[j] for j, flows in left.items() if j in here and j not in let}
    return {join: flows for join, flows in left.items() if flows}


def _reach(after: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    stack = [start]
    while stack:
        for one in after.get(stack.pop(), ()):
            if one not in found:
                found.add(one)
                stack.append(one)
    return found


def _before(net: Net, id: str) -> set[str]:
    element = net.elements[id]
    found = {net.process.flows[flow].source for flow in element.incoming}
    if element.attached_to:
        found.add(element.attached_to)
    return found


def _works(net: Net, id: str) -> list[str]:
    """The activities that a token at this element comes to first."""
    found: list[str] = []
    seen: set[str] = set()
    stack = [id]
    while stack:
        one = stack.pop(0)
        if one in seen or one in net.waits_together:
            continue
        seen.add(one)
        if net.elements[one].kind in ACTIVITIES:
            found.append(one)
        else:
            stack += [flow.target for flow in net.elements[one].outgoing]
    return found


def _no_way_out(net: Net) -> set[str]:
    """Elements from which no flow leads to where the scope ends."""
    out = {id for id, e in net.elements.items() if not e.outgoing}
    stack = list(out)
    while stack:
        element = net.elements[stack.pop()]
        for source in _before(net, element.id):
            if source not in out:
                out.add(source)
                stack.append(source)
    return set(net.elements) - out


def _adds(seen: Exploration) -> bool:
    """Whether the tokens at the end of the path are those of a state before, and more: round by round."""
    if not seen.net.monotone:
        return False
    tokens = seen.states[seen.met][0]
    before = seen.came[seen.met][0]
    while before >= 0:
        less = seen.states[before][0]
        if 0 < len(less) < len(tokens) and covers(tokens, less) and seen.rests(less):
            return True
        before = seen.came[before][0]
    return False

"""The markings of a net, explored to the end 标识图: shortest ways first, the same net always in the same order.

As the kernel moves tokens: what is automatic first, then parallel joins, then inclusive joins, and only when all rests
what waits for a person, a message or the clock, in any order. Of what waits only one token is moved at a marking where
that changes nothing (partial-order reduction, persistent sets): a token chooses its own way and nobody else can take it
away, so the steps of two tokens give the same in either order, unless an inclusive join looks at where one of them stands
while the other comes. Every marking in which nothing can move any more is reached all the same, by as many steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from engine.definitions.components import components
from engine.definitions.soundness.net import AT_JOIN, AUTOMATIC, TWICE, Move, Net
from engine.definitions.upstream import awaited, before

State = tuple[tuple[int, ...], tuple[int, ...]]
"""The places of the tokens, in order; and how often each counted event of the scope's host was triggered."""

Step = tuple[Move, State]

MANY = 6
"""Tokens at one place that are taken for growth without end where that cannot be told from two states."""


class Exploration:
    """The markings reached from the starts of a net. `most`: give up after so many. `target`: an element that a token
    leaves only when nothing else can move, so that two tokens meet there if they ever can."""

    def __init__(
        self, net: Net, starts: Iterable[tuple[str, ...]], most: int, *, reduce: bool = True, target: str = ""
    ) -> None:
        self.net = net
        self.target = target
        self.reduce = reduce
        self.most = most
        self.states: list[State] = []
        self.after: list[list[int]] = []
        self.came: list[tuple[int, Move | None]] = []  # the state before and the move, on a shortest way
        self.ended: set[int] = set()  # states in which the scope has ended
        self.completed: set[int] = set()  # of these, those in which it was not stopped
        self.stuck: list[int] = []  # states in which nothing can move and tokens are left
        self.growing: list[tuple[int, int]] = []  # a state, and one before it that it only adds tokens to
        self.reached: set[str] = set()  # elements a token has come to, joins once they let one through
        self.met = -1  # the first state with two tokens at the target
        self.complete = True
        self._known: dict[State, int] = {}
        self._reduced: dict[int, int] = {}  # states of which only one token was moved → its place
        nothing = (0,) * len(net.counted)
        for some in starts:
            self._add((tuple(sorted(net.at(start) for start in some)), nothing), -1, None)
        self._run(0)
        while self.complete and self.met < 0 and (more := self._ignored()) is not None:
            self._run(len(self.states), more)

    # -- asking ----------------------------------------------------------------------------------------

    def path(self, state: int) -> tuple[str, ...]:
        """The ids of the elements and flows passed on a shortest way to a state, in order."""
        parts: list[tuple[str, ...]] = []
        while state >= 0:
            state, move = self.came[state]
            if move is not None:
                parts.append(move.path)
        return tuple(id for part in reversed(parts) for id in part)

    def waiting_at_joins(self, state: int) -> dict[str, set[str]]:
        """Joins at which tokens stand in a state, with the flows by which they came."""
        found: dict[str, set[str]] = {}
        for token in self.states[state][0]:
            place = self.net.places[token]
            if place.flow:
                found.setdefault(place.element, set()).add(place.flow)
        return found

    def executed(self, state: int) -> set[str]:
        """Elements at which a token is being executed in a state."""
        places = (self.net.places[token] for token in self.states[state][0])
        return {place.element for place in places if not place.flow}

    @cached_property
    def thrown(self) -> tuple[tuple[int, ...], ...]:
        """How often the counted events were triggered, in every way in which the scope can complete."""
        return tuple(sorted({self.states[state][1] for state in self.completed}))

    @cached_property
    def endless(self) -> list[list[int]]:
        """Sets of states that are never left once they are reached, in which something goes on for ever."""
        return [
            part
            for part in components(self.after)
            if (len(part) > 1 or part[0] in self.after[part[0]]) and not self._left(part)
        ]

    # -- exploring -------------------------------------------------------------------------------------

    def _add(self, state: State, before: int, move: Move | None) -> int:
        number = self._known.get(state)
        if number is None:
            number = self._known[state] = len(self.states)
            self.states.append(state)
            self.after.append([])
            self.came.append((before, move))
            for token in state[0]:
                place = self.net.places[token]
                if not place.flow:
                    self.reached.add(place.element)
        return number

    def _run(self, next_: int, wholly: int = -1) -> None:
        """Expand all states from `next_` on; and `wholly` once more, with all its steps."""
        if wholly >= 0:
            del self._reduced[wholly]
            self._expand(wholly, wholly=True)
        while next_ < len(self.states):
            if len(self.states) > self.most:
                self.complete = False
                return
            if self.target and self._meets(next_):
                self.met = next_
                return
            self._expand(next_)
            next_ += 1

    def _meets(self, number: int) -> bool:
        tokens = self.states[number][0]
        if len(tokens) < 2:
            return False
        return sum(self._is_target(token) for token in tokens) > 1

    def _is_target(self, token: int) -> bool:
        place = self.net.places[token]
        return place.element == self.target and not place.flow

    def _expand(self, number: int, wholly: bool = False) -> None:
        state = self.states[number]
        if not state[0]:
            return
        if self._grows(number):
            return
        steps = list(self._steps(number, state, wholly))
        after = self.after[number]
        after.clear()
        for move, to in steps:
            reached = self._add(to, number, move)
            if not to[0]:
                self.ended.add(reached)
                if not move.stops:
                    self.completed.add(reached)
            after.append(reached)
        if not steps:
            self.stuck.append(number)

    def _steps(self, number: int, state: State, wholly: bool) -> Iterator[Step]:
        net, tokens = self.net, state[0]
        ready = self._ready(tokens)
        free = [] if ready else self._free(tokens)
        movers = sorted({t for t in tokens if net.kinds[t] != AT_JOIN}, key=lambda t: (-net.ranks[t], t))
        others = [t for t in movers if not self._is_target(t)]
        if free or (ready and (wholly or not self.reduce or all(self._ends(one) for one in ready))):
            yield from self._let(state, free or ready)
            return
        if ready and isinstance(ready[0], str):
            yield from self._let(state, ready[:1])
            return
        one = self._one(number, others) if self.reduce and not wholly and len(movers) > 1 else None
        if one is not None:
            self._reduced[number] = one
        yield from self._let(state, [one] if one is not None else ready or movers)

    def _one(self, number: int, movers: Sequence[int]) -> int | None:
        """The one token to be moved where that is enough, the farthest on that will do: what goes by itself without a
        choice before all, then what chooses by itself or moves alone."""
        net, tokens = self.net, self.states[number][0]
        automatic = [t for t in movers if net.kinds[t] == AUTOMATIC and not self._ends(t)]
        for token in automatic:
            if len(net.moves(token)) < 2:
                return token
        if automatic and (net.enders or self._dominated(number, resting=False) is not None):
            return automatic[0]  # before the scope is ended; nor must it be left behind for ever
        for token in movers:
            if self._ends(token):
                continue
            if net.kinds[token] == AUTOMATIC or (net.moves(token) and self._alone(tokens, token)):
                return token
        return None

    def _ends(self, token: int | str) -> bool:
        """Whether the scope ends when this token goes on."""
        return isinstance(token, int) and self.net.places[token].element in self.net.enders

    def _let(self, state: State, what: Sequence[int | str]) -> Iterator[Step]:
        """Move each of these: a token on, or a join's tokens through it."""
        tokens, thrown = state
        for one in what:
            if isinstance(one, str):
                place = self.net.at(one)
                yield Move((), (place,)), (self._through(tokens, one, place), thrown)
                continue
            rest = list(tokens)
            rest.remove(one)
            for move in self.net.moves(one):
                if move.ends:
                    yield move, ((), self._counted(thrown, move))
                else:
                    yield move, (tuple(sorted([*rest, *move.to])), self._counted(thrown, move))

    def _counted(self, thrown: tuple[int, ...], move: Move) -> tuple[int, ...]:
        if not move.throws:
            return thrown
        index = self.net.counted.index(move.throws)
        return (*thrown[:index], min(TWICE, thrown[index] + 1), *thrown[index + 1 :])

    # -- what goes by itself -----------------------------------------------------------------------------

    def _ready(self, tokens: tuple[int, ...]) -> list[int | str]:
        """Automatic tokens and parallel joins that have all they need, the farthest on first."""
        net = self.net
        found: list[tuple[int, int | str]] = []
        came: dict[str, set[str]] = {}
        for token in tokens:
            kind = net.kinds[token]
            if kind == AUTOMATIC and not (self.target and self._is_target(token)):
                if (-net.ranks[token], token) not in found:
                    found.append((-net.ranks[token], token))
            elif kind == AT_JOIN:
                place = net.places[token]
                if place.element in net.joins:
                    came.setdefault(place.element, set()).add(place.flow)
            if kind == AT_JOIN and net.places[token].element in net.gathering:
                id = net.places[token].element
                if tokens.count(token) >= net.elements[id].start_quantity and (-1_000_000, id) not in found:
                    found.append((-1_000_000, id))
        for join, flows in came.items():
            if flows.issuperset(net.elements[join].incoming):
                found.append((-1_000_000, join))
        found.sort(key=lambda one: (one[0], str(one[1])))
        return [what for _, what in found]

    def _free(self, tokens: tuple[int, ...]) -> list[str]:
        """Inclusive joins that may go on (BPMN 2.0.2, 13.4.3): all that nothing keeps waiting, or else those that only
        wait for each other."""
        net = self.net
        if not net.inclusive:
            return []
        came: dict[str, set[str]] = {}
        active: set[str] = set()
        for token in tokens:
            place = net.places[token]
            if place.flow:
                came.setdefault(place.element, set()).add(place.flow)
            else:
                active.add(place.element)
        inclusive = [join for join in came if join in net.inclusive]
        free: list[str] = []
        circle: list[str] = []
        for join in inclusive:
            upstream = awaited(net.process, net.elements[join], came[join])
            others = came.keys() - {join}
            if not upstream & (active | others):
                free.append(join)
            elif not upstream & (active | (others - net.inclusive)):
                circle.append(join)
        return sorted(free or circle)

    def _through(self, tokens: tuple[int, ...], join: str, place: int) -> tuple[int, ...]:
        """The tokens after a join has taken one from every flow that has one, or an activity those it needs."""
        most = self.net.elements[join].start_quantity if join in self.net.gathering else 1
        rest: list[int] = []
        taken: list[int] = []
        for token in tokens:
            at = self.net.places[token]
            if at.element == join and at.flow and taken.count(token) < most:
                taken.append(token)
            else:
                rest.append(token)
        return tuple(sorted([*rest, place]))

    # -- the reduction -----------------------------------------------------------------------------------

    def _alone(self, tokens: tuple[int, ...], mover: int) -> bool:
        """Whether it changes nothing that this token moves before all others: its next step does not end the scope, and no
        inclusive join that looks at where it stands can go on before it has moved. What the others may come to is taken
        as more than it is."""
        net = self.net
        here = net.places[mover].element
        if here in net.hasty:
            return False
        if not net.inclusive:
            return True
        looks = {
            j
            for j in net.inclusive
            if any(here in before(net.process, net.elements[j], f) for f in net.elements[j].incoming)
        }
        if not looks:
            return True
        rest = list(tokens)
        rest.remove(mover)
        came: dict[str, set[str]] = {}
        seen: set[str] = set()
        stack: list[str] = []

        def arrive(join: str, flow: str) -> None:
            flows = came.setdefault(join, set())
            flows.add(flow)
            if join in net.joins:
                if flows.issuperset(net.elements[join].incoming):
                    stack.append(join)
            elif join not in looks or any(
                here in before(net.process, net.elements[join], one) for one in flows
            ):
                stack.append(join)

        for token in rest:
            place = net.places[token]
            if place.flow and place.element not in net.gathering:
                arrive(place.element, place.flow)
            else:
                stack.append(place.element)
        while stack:
            id = stack.pop()
            if id in seen:
                continue
            if id in looks:
                return False
            seen.add(id)
            element = net.elements[id]
            for flow in element.outgoing:
                if flow.target in net.joins or flow.target in net.inclusive:
                    arrive(flow.target, flow.id)  # at an activity that needs several tokens one may be enough
                else:
                    stack.append(flow.target)
            stack += net.instead(element)
            stack += net.watched.get(id, ())
        return True

    def _ignored(self) -> int | None:
        """A state that is to be expanded wholly, because for ever after some token could move and never does."""
        if not self._reduced:
            return None
        for part in components(self.after):
            if self._left(part):
                continue
            moved: set[int] = set()
            idle: dict[int, int] = {}
            for one in part:
                left = {t for t in self.states[one][0] if self.net.kinds[t] != AT_JOIN}
                if one in self._reduced:
                    moved.add(self._reduced[one])
                    for token in left:
                        idle.setdefault(token, one)
                else:
                    moved |= left
            ignored = [state for token, state in sorted(idle.items()) if token not in moved]
            if ignored:
                return min(ignored)
        return None

    def _left(self, part: Sequence[int]) -> bool:
        members = set(part)
        return any(to not in members for one in part for to in self.after[one])

    # -- growth ------------------------------------------------------------------------------------------

    def _grows(self, number: int) -> bool:
        """Whether a resting state has all the tokens of one on the way to it and more: then it goes on so for ever.

        Where joins wait for what may still come, more tokens can also end it: there only many alike are taken for it.
        """
        tokens = self.states[number][0]
        if len(tokens) < 2 or not self.rests(tokens):
            return False
        if not self.net.monotone and max(tokens.count(token) for token in set(tokens)) < MANY:
            return False
        before = self._dominated(number)
        if before is not None:
            self.growing.append((number, before))
        return before is not None

    def _dominated(self, number: int, resting: bool = True) -> int | None:
        """A state on the way to this one that has fewer tokens, all of them here too."""
        tokens = self.states[number][0]
        before = self.came[number][0]
        while before >= 0:
            less = self.states[before][0]
            if len(less) < len(tokens) and covers(tokens, less) and (not resting or self.rests(less)):
                return before
            before = self.came[before][0]
        return None

    def rests(self, tokens: tuple[int, ...]) -> bool:
        """Whether nothing goes by itself."""
        return not self._ready(tokens) and not self._free(tokens)


def covers(more: Sequence[int], less: Sequence[int]) -> bool:
    """Whether all of `less` is in `more`, as often; both are in order."""
    rest = iter(more)
    return all(any(one == other for other in rest) for one in less)

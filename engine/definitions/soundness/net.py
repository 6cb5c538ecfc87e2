"""One scope of a process as a net 网: where a token can stand, and the ways by which it can go on.

The data are left out: every condition may hold or not. What runs inside a subprocess or a called process is a net of its
own and here one step, because scopes have nothing to do with each other but that the inner one ends, throws outwards, or
is stopped. So what is explored grows with the sum of the scopes, not with their product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

from engine.definitions.model import Element, Flow, Kind, Process, Trigger
from engine.definitions.soundness.catching import Catching

MOST_BRANCHES = 8
"""Conditional flows of one element of which every combination is tried; of more: each, all, and all but one."""

TWICE = 2
"""How often an event that may come again and again is tried: once more than once shows all there is to see."""

_SPLITS_ALL = frozenset({Kind.PARALLEL, Kind.START, Kind.BOUNDARY, Kind.CATCH, Kind.THROW})
_SPLITS_SOME = frozenset({Kind.INCLUSIVE, Kind.COMPLEX})
_WORK = frozenset({Kind.USER, Kind.MANUAL, Kind.RECEIVE, Kind.EVENT_GATEWAY})
_JOBS = frozenset({Kind.SERVICE, Kind.SEND})
_SCOPES = frozenset({Kind.SUBPROCESS, Kind.CALL})
_SILENT = frozenset({Trigger.NONE, Trigger.LINK})
_ONCE = frozenset({"date", "duration"})

_ENDS = frozenset({Trigger.TERMINATE, Trigger.ERROR, Trigger.CANCEL})
"""Thrown, these stop the scope they are thrown in."""

AUTOMATIC, WAITING, AT_JOIN = 0, 1, 2


GATHERED = "+"
"""The `flow` of tokens that gather at an activity of which several are needed to begin (`startQuantity`)."""


class Place(NamedTuple):
    """Where a token stands: at an element, or (`flow`) having come by a flow to a join. `left`: how often each of the
    element's counted boundary events may still fire; None where that is still to be decided."""

    element: str
    flow: str = ""
    left: tuple[int, ...] | None = ()


@dataclass(frozen=True, slots=True)
class Move:
    """One way on: `path` are the ids passed, `to` the places of the tokens then. `ends`: the scope ends with it,
    `stops`: without being completed; `throws`: the boundary event of the scope's host that it triggers."""

    path: tuple[str, ...]
    to: tuple[int, ...] = ()
    ends: bool = False
    stops: bool = False
    throws: str = ""


@dataclass(frozen=True, slots=True)
class Inside:
    """What is to be known about a scope from outside: whether it can come to its end, whether it may wait, and for each
    way in which it can end how often it has then triggered each of the `counted` boundary events of its host."""

    completes: bool = True
    waits: bool = True
    counted: tuple[str, ...] = ()
    thrown: tuple[tuple[int, ...], ...] = ()


class Net:
    """The net of one scope of a process: `scope` is the process's key or the subprocess's id."""

    def __init__(
        self,
        process: Process,
        scope: str,
        catching: Catching,
        inside: Callable[[Element], Inside],
        counted: Sequence[str] = (),
        targets: Iterable[str] = (),
    ) -> None:
        self.process = process
        self.scope = scope
        self.counted = tuple(counted)  # boundary events of the scope's host that its throws are counted for
        self.elements = {
            id: e for id, e in process.elements.items() if e.scope == scope and not e.event_subprocess
        }
        self.joins = frozenset(
            id for id, e in self.elements.items() if e.kind is Kind.PARALLEL and len(e.incoming) > 1
        )
        self.inclusive = frozenset(
            id for id, e in self.elements.items() if e.kind in _SPLITS_SOME and len(e.incoming) > 1
        )  # a complex gateway lets through at last what an inclusive join would: how early is left to its condition
        self.gathering = frozenset(id for id, e in self.elements.items() if e.start_quantity > 1)
        self.waits_together = self.joins | self.inclusive | self.gathering
        self.monotone = not (self.inclusive or self.gathering)  # more tokens can do at least what fewer can
        self.places: list[Place] = []
        self.kinds: list[int] = []
        self.ranks: list[int] = []
        self._catching = catching
        self._ask = inside
        self._inside = {id: inside(e) for id, e in self.elements.items() if e.kind in _SCOPES}
        self._known: dict[Place, int] = {}
        self._moves: dict[int, list[Move]] = {}
        self._order: dict[str, int] = {}
        self.watched = self._watched(set(targets))

    def aimed(self, target: str) -> Net:
        """The same net, counting also the events whose strands come to `target`."""
        return Net(self.process, self.scope, self._catching, self._ask, self.counted, (target,))

    # -- the drawing -----------------------------------------------------------------------------------

    def _watched(self, targets: set[str]) -> dict[str, tuple[str, ...]]:
        """By host, the non-interrupting boundary events whose strands can meet others: at a join, at an end that
        terminates, or at one of `targets`. What the others start runs beside everything and touches nothing."""
        found = {}
        for id, element in self.elements.items():
            counted = tuple(b for b in self.beside(element) if self._meets(b, targets))
            if counted:
                found[id] = counted
        return found

    def beside(self, host: Element) -> list[str]:
        """The boundary events of an element that can fire and let it go on."""
        events = (self.elements[b] for b in host.boundary)
        return [
            b.id
            for b in events
            if not b.interrupting and b.outgoing and self._catching.hears(self.process, b)
        ]

    def instead(self, host: Element) -> list[str]:
        """The boundary events of an element that can fire and stop it."""
        events = (self.elements[b] for b in host.boundary)
        return [
            b.id for b in events if b.interrupting and b.outgoing and self._catching.hears(self.process, b)
        ]

    def after(self, starts: Iterable[str], beside: bool = True) -> set[str]:
        """The elements of the scope that a token can come to from these; `beside`: also by non-interrupting events."""
        found: set[str] = set()
        stack = list(starts)
        while stack:
            id = stack.pop()
            if id in found or id not in self.elements:
                continue
            found.add(id)
            element = self.elements[id]
            stack += [flow.target for flow in element.outgoing]
            stack += self.instead(element)
            if beside:
                stack += self.beside(element)
        return found

    def _meets(self, boundary: str, wanted: set[str]) -> bool:
        for id in self.after([boundary]):
            if id in self.waits_together or id in wanted or Trigger.TERMINATE in triggers(self.elements[id]):
                return True
        return False

    @cached_property
    def enders(self) -> frozenset[str]:
        """The elements that may end the scope when a token comes to them."""
        return frozenset(
            id for id, e in self.elements.items() if any(move.ends for move in self.moves(self.at(id)))
        )

    @cached_property
    def hasty(self) -> frozenset[str]:
        """The elements after which the scope may be ended before anything waits again."""
        found = set(self.enders)
        stack = list(found)
        while stack:
            element = self.elements[stack.pop()]
            before = [self.process.flows[flow].source for flow in element.incoming]
            for id in [*before, *([element.attached_to] if element.attached_to else [])]:
                if id not in found and id in self.elements:
                    found.add(id)
                    if self._kind(Place(id)) == AUTOMATIC:
                        stack.append(id)
        return frozenset(found)

    def number(self, starts: Iterable[str]) -> None:
        """Give the elements their order from the starts on; tokens far on are moved first."""
        self._order.clear()
        stack = list(reversed(list(starts)))
        while stack:
            id = stack.pop()
            if id in self._order or id not in self.elements:
                continue
            self._order[id] = len(self._order)
            element = self.elements[id]
            stack += reversed([*(flow.target for flow in element.outgoing), *element.boundary])

    # -- places and moves ------------------------------------------------------------------------------

    def place(self, place: Place) -> int:
        """The number of a place."""
        number = self._known.get(place)
        if number is None:
            number = self._known[place] = len(self.places)
            self.places.append(place)
            self.kinds.append(self._kind(place))
            self.ranks.append(self._order.get(place.element, len(self._order)))
        return number

    def at(self, element: str) -> int:
        """The place of a token that has just come to an element and is executed there."""
        counted = self.watched.get(element, ())
        left = None if self._owed(element) else tuple(self._most(b) for b in counted)
        return self.place(Place(element, "", left))

    def arrive(self, flow: Flow) -> int:
        """The place of a token that has taken a flow."""
        if flow.target in self.joins or flow.target in self.inclusive:
            return self.place(Place(flow.target, flow.id))
        if flow.target in self.gathering:
            return self.place(Place(flow.target, GATHERED))
        return self.at(flow.target)

    def moves(self, place: int) -> list[Move]:
        """The ways on from a place that is not at a join."""
        found = self._moves.get(place)
        if found is None:
            found = self._moves[place] = self._ways_on(self.places[place])
        return found

    def _owed(self, element: str) -> list[tuple[int, ...]]:
        """How often the watched boundary events of an element fire by the time it ends, where that is known."""
        inside, watched = self._inside.get(element), self.watched.get(element, ())
        if inside is None or not watched or not set(watched) <= set(inside.counted):
            return []
        places = [inside.counted.index(b) for b in watched]
        return sorted({tuple(thrown[index] for index in places) for thrown in inside.thrown})

    def _most(self, boundary: str) -> int:
        event = self.elements[boundary].event
        once = event is not None and event.trigger is Trigger.TIMER and event.timer in _ONCE
        return 1 if once else TWICE

    def _kind(self, place: Place) -> int:
        if place.flow:
            return AT_JOIN
        element = self.elements[place.element]
        event = element.event
        if place.left is None:
            return AUTOMATIC
        if element.kind in _SCOPES:
            return WAITING if self._inside[element.id].waits else AUTOMATIC
        if element.kind in (Kind.CATCH, Kind.RECEIVE):
            if element.kind is Kind.CATCH and (event is None or event.trigger in _SILENT):
                return AUTOMATIC
            sources = [self.process.elements[self.process.flows[f].source].kind for f in element.incoming]
            raced = bool(sources) and all(kind is Kind.EVENT_GATEWAY for kind in sources)
            return AUTOMATIC if raced else WAITING  # it was the gateway that waited
        if element.kind in _JOBS:
            return AUTOMATIC if not element.topic and event is not None else WAITING
        if element.kind is Kind.RULE:
            return AUTOMATIC if element.decision and not element.topic else WAITING
        return WAITING if element.kind in _WORK else AUTOMATIC

    def _ways_on(self, place: Place) -> list[Move]:
        element = self.elements[place.element]
        owed = self._owed(element.id)
        if place.left is None:
            return [Move((), (self.place(Place(element.id, "", thrown)),)) for thrown in owed]
        found: list[Move] = []
        inside = self._inside.get(element.id, Inside())
        if inside.completes and not (owed and any(place.left)):
            found += self._leave(element)
        time = self._kind(place) == WAITING  # what takes no time hears nothing from outside
        for index, boundary in enumerate(self.watched.get(element.id, ())):
            if place.left[index] and (time or self._coded(boundary)):
                left = (*place.left[:index], place.left[index] - 1, *place.left[index + 1 :])
                both = (self.place(Place(element.id, "", left)), self.at(boundary))
                found.append(Move((), both))
        for boundary in self.instead(element):
            if time or self._coded(boundary):
                found.append(Move((), (self.at(boundary),)))
        return found

    def _coded(self, boundary: str) -> bool:
        return not triggers(self.elements[boundary]).isdisjoint(
            (Trigger.ERROR, Trigger.ESCALATION, Trigger.CANCEL)
        )

    def _leave(self, element: Element) -> list[Move]:
        if element.kind in (Kind.THROW, Kind.END):
            thrown = triggers(element)
            if not thrown.isdisjoint(_ENDS):
                return [Move((element.id,), ends=True, stops=Trigger.TERMINATE not in thrown)]
            if Trigger.ESCALATION in thrown:
                return self._escalate(element)
        return self._flow_moves(element)

    def _escalate(self, element: Element) -> list[Move]:
        """Whoever catches it stops this scope, or lets it go on."""
        catchers = self._catching.of(self.process, element) or [None]
        found: list[Move] = []
        for catcher in catchers:
            if catcher is not None and catcher.interrupting:
                found.append(Move((element.id,), ends=True, stops=True))
            else:
                throws = catcher.id if catcher is not None and catcher.id in self.counted else ""
                found += [Move(m.path, m.to, throws=throws) for m in self._flow_moves(element)]
        return found

    def _flow_moves(self, element: Element) -> list[Move]:
        many = element.completion_quantity
        return [
            Move(
                (element.id, *(flow.id for flow in flows)), tuple(self.arrive(flow) for flow in flows * many)
            )
            for flows in ways(element)
        ]


def triggers(element: Element) -> set[Trigger]:
    """What an event waits for or throws."""
    return {event.trigger for event in element.events}


def ways(element: Element) -> list[tuple[Flow, ...]]:
    """The sets of outgoing flows by which an element may be left, whatever its conditions say.

    That all conditions fail where there is no default is a fault of the data, not of the drawing, and left out.
    """
    flows = element.outgoing
    if not flows or element.kind in _SPLITS_ALL or (len(flows) == 1 and not element.default):
        return [tuple(flows)]
    if element.kind in (Kind.EXCLUSIVE, Kind.EVENT_GATEWAY):
        return [(flow,) for flow in flows]
    default = tuple(flow for flow in flows if flow.id == element.default)
    asked = [flow for flow in flows if flow.id != element.default]
    if element.kind not in _SPLITS_SOME:  # an activity: what has no condition is always taken
        always = {flow.id for flow in asked if flow.condition is None}
        asked = [flow for flow in asked if flow.id not in always]
        none = [default] if default or always else []
        chosen = [*_some(asked), *none]
        together = [{*always, *(flow.id for flow in some)} for some in chosen]
        return [tuple(flow for flow in flows if flow.id in ids) for ids in together]
    return [*_some(asked), *([default] if default else [])]


def _some(flows: Sequence[Flow]) -> list[tuple[Flow, ...]]:
    """The non-empty sets of these flows."""
    sizes: Iterable[int] = range(1, len(flows) + 1)
    if len(flows) > MOST_BRANCHES:
        sizes = (1, len(flows) - 1, len(flows))
    return [some for size in sizes for some in combinations(flows, size)]

"""Which elements can be busy at the same time 并行关系: from the drawing alone, more rather than less.

The least relation in which the outgoing flows of a split are concurrent, and what is concurrent with all that a step
takes is concurrent with all it gives (Kovalyov; exact for sound free-choice nets). An element concurrent with itself is
one that two tokens may be at. What it suspects is looked at by exploration before anything is said.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.definitions.model import Element, Kind
from engine.definitions.soundness.net import Net
from engine.definitions.upstream import before

_ONE_WAY = frozenset({Kind.EXCLUSIVE, Kind.EVENT_GATEWAY})
_Step = tuple[tuple[str, ...], tuple[str, ...]]


def with_itself(net: Net, starts: Iterable[tuple[str, ...]]) -> list[str]:
    """The elements of the net that two tokens may be at, as drawn."""
    beside = _concurrent(net, starts)
    return [id for id in net.elements if id in beside.get(id, ())]


def _concurrent(net: Net, starts: Iterable[tuple[str, ...]]) -> dict[str, set[str]]:
    steps = [step for element in net.elements.values() for step in _steps(net, element)]
    beside: dict[str, set[str]] = {}
    for some in starts:
        for one in some:
            beside.setdefault(one, set()).update(other for other in some if other != one)
    changed = True
    while changed:
        changed = False
        for taken, given in steps:
            if not all(one in beside for one in taken) or not _together(beside, taken):
                continue
            others = set.intersection(*(beside[one] for one in taken))
            if given[0] in net.inclusive and taken[0] != given[0]:
                others = _later(net, given[0], beside)
            for one in given:
                if one not in beside:
                    beside[one] = set()
                    changed = True
            for index, one in enumerate(given):
                new = (others | set(given[:index]) | set(given[index + 1 :])) - beside[one]
                if new:
                    changed = True
                    beside[one] |= new
                    for other in new:
                        beside[other].add(one)
    return beside


def _together(beside: dict[str, set[str]], taken: tuple[str, ...]) -> bool:
    return all(two in beside[one] for index, one in enumerate(taken) for two in taken[:index])


def _later(net: Net, join: str, beside: dict[str, set[str]]) -> set[str]:
    """What may be going on beside an inclusive join when it goes on: nothing that is on its way to it."""
    flows = net.elements[join].incoming
    coming = {one for flow in flows for one in before(net.process, net.elements[join], flow)}
    coming |= {flow for one in coming for flow in net.process.elements[one].incoming} | set(flows)
    found: set[str] = set()
    for flow in flows:
        found |= beside.get(flow, set())
    return found - coming


def _steps(net: Net, element: Element) -> list[_Step]:
    """The steps of an element: a join's from the flows that come to it, else from the element."""
    id = element.id
    found: list[_Step] = []
    if id in net.joins:
        found.append((tuple(element.incoming), (id,)))
    elif id in net.inclusive:
        found += [((flow,), (id,)) for flow in element.incoming]
    given = [
        flow.id if flow.target in net.joins or flow.target in net.inclusive else flow.target
        for flow in element.outgoing
    ]
    if element.kind in _ONE_WAY:
        found += [((id,), (one,)) for one in given]
    elif given:
        found.append(((id,), tuple(given)))
    found += [((id,), (boundary,)) for boundary in net.instead(element)]
    found += [((id,), (id, boundary)) for boundary in net.beside(element)]
    return found

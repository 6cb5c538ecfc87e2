"""Who catches what is thrown 谁接收: errors and escalations, by the drawing alone.

As the kernel does it (BPMN 2.0.2, 10.5.7): outwards from the thrower, event subprocesses of a scope before the boundary
events of what is around it, the same code before any code, and from a called process on to whatever calls it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.definitions.model import Element, Kind, Package, Process, Trigger

Place = tuple[str, str]
"""A process's key and an element's id."""

_CODED = frozenset({Trigger.ERROR, Trigger.ESCALATION})
_WORK = frozenset({Kind.USER, Kind.MANUAL, Kind.SERVICE, Kind.SEND, Kind.RULE})
_THROWING = frozenset({Kind.THROW, Kind.END})


class Catching:
    """For every event that throws an error or an escalation, who catches it; and which catching events ever hear."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._callers: dict[str, list[tuple[Process, Element]]] = {}
        for process in package.processes.values():
            for element in process.elements.values():
                if element.kind is Kind.CALL:
                    self._callers.setdefault(element.called, []).append((process, element))
        self.throwers: dict[Place, list[Place]] = {}  # catching event → the events whose throw it may catch
        self._caught: dict[Place, list[Element | None]] = {}
        self._heard: set[Place] = set()
        for process in package.processes.values():
            for element in process.elements.values():
                self._enter(process, element)

    def of(self, process: Process, thrower: Element) -> list[Element | None]:
        """The events that may catch what `thrower` throws, None for nobody; empty where it throws nothing of the kind."""
        return self._caught.get((process.key, thrower.id), [])

    def vague(self, process: Process, event: Element) -> bool:
        """Whether something outside the drawing may trigger the event, as often as it likes."""
        return (process.key, event.id) in self._heard

    def hears(self, process: Process, event: Element) -> bool:
        """Whether anything can ever trigger a catching event. What comes from outside always can."""
        if any(one.trigger not in _CODED for one in event.events) or not event.events:
            return True
        key = (process.key, event.id)
        return key in self._heard or key in self.throwers

    def _enter(self, process: Process, element: Element) -> None:
        if element.kind in _WORK:
            self._heard.update(self._around(process, element, frozenset({Trigger.ERROR})))
        if element.kind is Kind.CALL and element.called not in self._package.processes:
            self._heard.update(self._around(process, element, _CODED))
        if element.kind not in _THROWING:
            return
        for event in element.events:
            if event.trigger not in _CODED:
                continue
            found = self._caught.setdefault((process.key, element.id), [])
            for place in self._outwards(process, element.scope, "", event.trigger, event.code, set()):
                found.append(None if place is None else place[1])
                if place is not None:
                    catcher = (place[0].key, place[1].id)
                    self.throwers.setdefault(catcher, []).append((process.key, element.id))

    def _outwards(
        self,
        process: Process,
        scope: str,
        came: str,
        trigger: Trigger,
        code: str,
        seen: set[Place],
    ) -> Iterator[tuple[Process, Element] | None]:
        """`came`: the element of `scope` that the throw comes from, "" for the thrower itself."""
        while True:
            host = process.elements.get(scope)
            found = _matching(process, _listening(process, host, came), trigger, code)
            if found is None and host is not None:
                found = _matching(process, host.boundary, trigger, code)
            if found is not None:
                yield process, found
                return
            if host is None:
                break
            scope, came = host.scope, host.id
        if (process.key, trigger) in seen or not self._callers.get(process.key):
            yield None
            return
        seen.add((process.key, trigger))
        for caller, call in self._callers[process.key]:
            found = _matching(caller, call.boundary, trigger, code)
            if found is not None:
                yield caller, found
            else:
                yield from self._outwards(caller, call.scope, call.id, trigger, code, seen)

    def _around(self, process: Process, work: Element, triggers: frozenset[Trigger]) -> Iterator[Place]:
        """The catching events around a piece of work, of which whoever does it may report an error of any code; around a
        call of a process that is not to be seen, whatever that throws."""
        stack: list[tuple[Process, Element]] = [(process, work)]
        seen: set[Place] = set()
        while stack:
            at, element = stack.pop()
            if (at.key, element.id) in seen:
                continue
            seen.add((at.key, element.id))
            host = at.elements.get(element.scope)
            for id in (*element.boundary, *_listening(at, host, element.id)):
                if any(event.trigger in triggers for event in at.elements[id].events):
                    yield at.key, id
            if host is not None:
                stack.append((at, host))
            else:
                stack += self._callers.get(at.key, [])


def _listening(process: Process, host: Element | None, came: str) -> list[str]:
    """Starts of the event subprocesses of a scope that may still catch. `came`: what the throw comes from."""
    inside = host.event_subprocesses if host is not None else process.event_subprocesses
    passed = process.elements.get(came)
    if passed is not None and passed.event_subprocess:
        start = process.elements.get(passed.start)
        if start is not None and start.interrupting:
            return []  # the scope is already stopped
    starts = [process.elements[id].start for id in inside if id != came]
    return [one for one in starts if one]


def _matching(process: Process, candidates: Iterable[str], trigger: Trigger, code: str) -> Element | None:
    listening = [process.elements[id] for id in candidates]
    for wanted in (code, ""):
        for one in listening:
            if any(event.trigger is trigger and event.code == wanted for event in one.events):
                return one
    return None

"""How a playing begins 试运行从哪里开始: by what is heard, by a plain start, by a condition that holds, or by the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from engine.calendar import Moment
from engine.commands import StartProcess
from engine.definitions.model import Element, Event, Package, Process, Trigger
from engine.errors import EngineError, InputInvalid, NotFound
from engine.execution.play_post import starts_on
from engine.execution.starting import timer_firing
from engine.values import Value

Heard = tuple[str, dict[str, Value]]
"""A message's or signal's name and payload."""
Begin = tuple[datetime, StartProcess]


@dataclass
class Beginning:
    """What is known before anything has begun. `messages` and `signals` are used up by the starts that hear them."""

    package: Package
    moment: Moment
    messages: list[Heard]
    signals: list[Heard]

    def at(self, process: Process, start: str, variables: dict[str, Value]) -> Begin:
        """Begin where one was told to. Raises `NotFound`, `InputInvalid`."""
        if start not in process.entries:
            names = "、".join(process.entries) or "无"
            raise NotFound(f"流程“{process.name}”不能从“{start[:60]}”开始，可选的有：{names}。")
        element = process.elements.get(start)
        begin = self._heard(process, (start,), variables)
        if begin is not None:
            return begin
        due = self.moment.now
        if element is not None and element.events and element.events[0].trigger is Trigger.TIMER:
            due = self._due(element, element.events[0], variables)
        return max(self.moment.now, due), StartProcess(process.key, start, variables)

    def first(self, process: Process, variables: dict[str, Value]) -> Begin | None:
        """When and where a process begins, None where it waits to be begun by another."""
        begin = self._heard(process, process.entries, variables)
        if begin is not None:
            return begin
        if process.plain_entries:
            return self.moment.now, StartProcess(process.key, process.plain_entries[0], variables)
        for start in starts_on(process, Trigger.CONDITIONAL):
            events = process.elements[start].events
            if not _parallel(process, start) and any(self._holds(event, variables) for event in events):
                return self.moment.now, StartProcess(process.key, start, variables)
        timers: list[tuple[datetime, str]] = []
        for start in starts_on(process, Trigger.TIMER):
            element = process.elements[start]
            if not _parallel(process, start):
                clocks = [event for event in element.events if event.trigger is Trigger.TIMER]
                timers.append((min(self._due(element, clock, variables) for clock in clocks), start))
        if not timers:
            return None
        due, start = min(timers, key=lambda one: one[0])
        return max(self.moment.now, due), StartProcess(process.key, start, variables)

    def _heard(self, process: Process, starts: tuple[str, ...], variables: dict[str, Value]) -> Begin | None:
        for trigger, given in ((Trigger.MESSAGE, self.messages), (Trigger.SIGNAL, self.signals)):
            for one in given:
                for start in starts_on(process, trigger, one[0]):
                    if start in starts and not _parallel(process, start):
                        given.remove(one)
                        return self.moment.now, StartProcess(process.key, start, {**variables, **one[1]})
        for start in starts:
            if _parallel(process, start):
                begin = self._all(process, start, variables)
                if begin is not None:
                    return begin
        return None

    def _all(self, process: Process, start: str, variables: dict[str, Value]) -> Begin | None:
        """A parallel multiple start begins the case when all its triggers have come."""
        element = process.elements[start]
        messages, signals = list(self.messages), list(self.signals)
        due, values = self.moment.now, dict(variables)
        for event in element.events:
            if event.trigger is Trigger.TIMER:
                due = max(due, self._due(element, event, variables))
            elif event.trigger is Trigger.CONDITIONAL:
                if not self._holds(event, variables):
                    return None
            else:
                given = messages if event.trigger is Trigger.MESSAGE else signals
                one = next((one for one in given if one[0] == event.name), None)
                if one is None:
                    return None
                given.remove(one)
                values.update(one[1])
        self.messages[:], self.signals[:] = messages, signals
        return due, StartProcess(process.key, start, values)

    def _holds(self, event: Event, variables: dict[str, Value]) -> bool:
        if event.trigger is not Trigger.CONDITIONAL or event.when is None:
            return False
        try:
            return event.when.evaluate(variables, self.moment) is True
        except EngineError:
            return False

    def _due(self, element: Element, event: Event, variables: dict[str, Value]) -> datetime:
        """The instant at which a timer start event begins the case."""
        due, _, _ = timer_firing(self.package, event, variables, self.moment)
        if due is None:
            raise InputInvalid(f"开始事件“{element.id}”的时间没有得出有效的时间，流程不会开始。")
        return due


def _parallel(process: Process, start: str) -> bool:
    element = process.elements.get(start)
    return element is not None and element.event is not None and element.event.parallel


def owners(package: Package, start: str) -> Iterator[str]:
    """The processes that can begin at `start`."""
    return (process.key for process in package.processes.values() if start in process.entries)

"""What cases of a playing say to each other 试运行中案件之间的消息: along the message flows that are drawn, or by name.

A message is kept until somebody takes it, and taken once; a signal is heard by everybody who waits at that moment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from engine import facts as f
from engine.calendar import Moment
from engine.commands import DeliverMessage, DeliverSignal, KernelCommand
from engine.definitions.model import Collaboration, Kind, MessageFlow, Package, Process, Trigger
from engine.execution.correlation import hears
from engine.execution.play_case import PlayedCase
from engine.execution.records import Subscription
from engine.execution.starting import begun_by
from engine.values import Value

To = tuple[PlayedCase | None, KernelCommand]
"""A command and the case it is for; None: it begins one."""


@dataclass
class Said:
    """A message or signal on its way. `flow` is the message flow it travels along, None: by name to whoever waits."""

    what: str
    name: str
    key: str
    variables: dict[str, Value]
    sender: PlayedCase
    flow: MessageFlow | None = None


@dataclass
class Post:
    """The messages and signals under way. `partners` are the processes that a message or signal may begin."""

    package: Package
    partners: tuple[str, ...]
    under_way: list[Said] = field(default_factory=list)
    moment: Moment = field(init=False)
    ready: deque[To] = field(default_factory=deque)
    """Deliveries of one signal: everybody hears it before anything else happens."""

    def collect(self, case: PlayedCase, facts: Iterable[f.Fact]) -> None:
        """Take up what a case has said in these facts."""
        facts = list(facts)
        results: dict[int, dict[str, Value]] = {}
        for index, fact in enumerate(facts):
            if isinstance(fact, f.WorkItemCompleted):
                results[fact.id] = fact.form
            elif isinstance(fact, f.JobCompleted):
                results[fact.id] = fact.result
            elif isinstance(fact, f.SignalSent):
                self.under_way.append(Said("signal", fact.name, "", fact.variables, case))
            elif isinstance(fact, f.MessageSent):
                flows = self._flows(case, fact.element)
                for flow in flows:
                    self._send(fact.name, fact.key, fact.variables, case, flow)
                own = (x for x in facts[index:] if isinstance(x, f.MessageReceived) and x.name == fact.name)
                if not flows and next(own, None) is None:
                    self.under_way.append(Said("message", fact.name, fact.key, fact.variables, case))
            elif (element := case.finished(fact)) and not self._throws(element):
                assert isinstance(fact, f.ElementCompleted)
                for flow in self._drawn(case, element):
                    self._send(flow.message, "", results.get(fact.id, {}), case, flow)

    def _send(
        self, name: str, key: str, variables: dict[str, Value], case: PlayedCase, flow: MessageFlow
    ) -> None:
        boxes = {
            p.id for p in self._collaboration(case).participants if p.process not in self.package.processes
        }
        if flow.target not in boxes:  # what goes to a black box has left the diagram
            self.under_way.append(Said("message", name, key, variables, case, flow))

    def _throws(self, element: str) -> bool:
        """Whether the element says for itself what it sends."""
        found = next(p.elements[element] for p in self.package.processes.values() if element in p.elements)
        thrown = any(event.trigger is Trigger.MESSAGE for event in found.events)
        return thrown and found.kind in (Kind.THROW, Kind.END, Kind.SEND)

    def _collaboration(self, case: PlayedCase) -> Collaboration:
        return self.package.processes[case.process].collaboration

    def _drawn(self, case: PlayedCase, element: str) -> list[MessageFlow]:
        """The message flows that begin at an element."""
        return [flow for flow in self._collaboration(case).message_flows if flow.source == element]

    def _flows(self, case: PlayedCase, element: str) -> list[MessageFlow]:
        """The message flows along which an element's message goes: its own, or else those of its pool's border."""
        own = self._drawn(case, element)
        if own:
            return own
        together = self._collaboration(case)
        pools = {p.id for p in together.participants if p.process == case.process}
        return [flow for flow in together.message_flows if flow.source in pools]

    # -- who takes it ----------------------------------------------------------------------------------

    def next(self, cases: list[PlayedCase], moment: Moment) -> To | None:
        """The next delivery, of what has been under way longest; None when nobody takes any of it now."""
        self.moment = moment
        for said in list(self.under_way):
            if self.ready:
                break
            if said.what == "signal":
                self.under_way.remove(said)
                self.ready.extend(self._heard_by_all(said, cases))
                continue
            one = self._taken(said, cases)
            if one is not None:
                self.under_way.remove(said)
                return one
        return self.ready.popleft() if self.ready else None

    def _heard_by_all(self, said: Said, cases: list[PlayedCase]) -> Iterator[To]:
        yield from hear_signal(cases, said.name, said.variables, said.sender)
        for key in self.partners:
            process = self.package.processes[key]
            if key == said.sender.process:
                continue
            for start in starts_on(process, Trigger.SIGNAL, said.name):
                yield None, begun_by(process, start, Trigger.SIGNAL, said.name, said.variables)

    def _taken(self, said: Said, cases: list[PlayedCase]) -> To | None:
        if said.flow is None:
            others = [key for key in self.partners if key != said.sender.process]
            return self._by_name(said, [c for c in cases if c is not said.sender], others)
        target = said.flow.target
        pool = next((p for p in self._collaboration(said.sender).participants if p.id == target), None)
        if pool is not None:
            inside = [c for c in cases if c.process == pool.process]
            keys = [pool.process] if pool.process in self.package.processes else []
            return self._by_name(said, inside, keys) or self._only_start(said, keys)
        process = next((p for p in self.package.processes.values() if target in p.elements), None)
        if process is None:
            return None
        for case in cases:
            for one in case.state.subscriptions.values():
                if one.element == target and case.process == process.key and self._hears(case, one, said):
                    return case, DeliverMessage(one.name, said.key, dict(said.variables))
        if target in process.starts:
            return None, begun_by(process, target, Trigger.MESSAGE, said.name, said.variables)
        return None

    def _by_name(self, said: Said, cases: list[PlayedCase], partners: list[str]) -> To | None:
        for case in cases:
            for one in case.state.subscriptions.values():
                if one.name == said.name and self._hears(case, one, said):
                    return case, DeliverMessage(said.name, said.key, dict(said.variables))
        for key in partners:
            for start in starts_on(self.package.processes[key], Trigger.MESSAGE, said.name):
                return None, begun_by(
                    self.package.processes[key], start, Trigger.MESSAGE, said.name, said.variables
                )
        return None

    def _hears(self, case: PlayedCase, one: Subscription, said: Said) -> bool:
        if one.what != "message" or (one.key and one.key != said.key):
            return False
        # what is drawn as the flow's end may call the message by another name than the sender
        return hears(self.package, case.state, self.moment, one, said.variables)

    def _only_start(self, said: Said, partners: list[str]) -> To | None:
        """A message flow that ends at a pool's border begins the pool's process where only one start hears messages."""
        for key in partners:
            process = self.package.processes[key]
            found = starts_on(process, Trigger.MESSAGE)
            aimed_at = {flow.target for flow in process.collaboration.message_flows}
            if len(found) == 1 and found[0] not in aimed_at:
                return None, begun_by(process, found[0], Trigger.MESSAGE, said.name, said.variables)
        return None


def hear_signal(
    cases: Iterable[PlayedCase], name: str, variables: dict[str, Value], sender: PlayedCase | None = None
) -> Iterator[To]:
    """A signal for every case that waits for it now."""
    for case in cases:
        if case is not sender and any(
            one.what == "signal" and one.name == name for one in case.state.subscriptions.values()
        ):
            yield case, DeliverSignal(name, dict(variables))


def starts_on(process: Process, trigger: Trigger, name: str = "") -> list[str]:
    """The start events of a process that wait for this trigger, a message or signal of this name ("" = any)."""
    found = []
    for id in process.starts:
        element = process.elements[id]
        if any(e.trigger is trigger and name in ("", e.name) for e in element.events):
            found.append(id)
    return found

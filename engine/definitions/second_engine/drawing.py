"""A package drawn for the second engine: the same tokens, nothing else.

Waiting (for people, machines, time, messages) becomes a manual task or an event that waits for one message of its
own; what computes becomes a script task without effect; conditions are numbers of flows which the following looks up.
So SpiffWorkflow never sees an expression of ours, let alone runs one.
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from engine.definitions.model import Element, Flow, Kind, Package, Process, Trigger
from engine.definitions.vocabulary import BPMN

_GATEWAYS = frozenset({Kind.EXCLUSIVE, Kind.PARALLEL, Kind.INCLUSIVE})
_WORK = frozenset({Kind.USER, Kind.MANUAL, Kind.SERVICE})
_AWAITED = frozenset({Trigger.TIMER, Trigger.MESSAGE, Trigger.SIGNAL, Trigger.ESCALATION, Trigger.ERROR})
"""What a catching event may wait for; the following tells the second engine when it has come."""


def wait_name(element: str) -> str:
    """The message for which the event `element` waits."""
    return f"wait:{element}"


def left_out(process: Process) -> dict[str, str]:
    """The elements that are not drawn, each with the reason: from there on nothing is compared."""
    found: dict[str, str] = {}
    for element in process.elements.values():
        if element.scope in found:
            found[element.id] = found[element.scope]
        elif reason := _unsuited(element):
            found[element.id] = reason
    return found


def _unsuited(element: Element) -> str:
    """Why the second engine is not given an element, "" where it is."""
    triggers = {event.trigger for event in element.events}
    if element.event_subprocess:
        return "事件子流程"
    if element.for_compensation or triggers & {Trigger.COMPENSATION, Trigger.CANCEL} or element.transaction:
        return "补偿与事务"
    if element.ad_hoc is not None:
        return "自由子流程"
    if element.loop is not None and (element.loop.kind == "standard" or element.loop.throws):
        return "循环" if element.loop.kind == "standard" else "多实例的事件"
    if element.start_quantity > 1 or element.completion_quantity > 1:
        return "令牌数量"
    if len(element.events) > 1:
        return "多重事件"
    waits = element.kind in (Kind.CATCH, Kind.BOUNDARY, Kind.RECEIVE)
    if waits and not triggers <= {*_AWAITED, Trigger.NONE, Trigger.LINK}:
        return "条件事件"
    return "复杂网关" if element.kind is Kind.COMPLEX else ""


def called_from(package: Package, key: str) -> list[Process]:
    """A process and all it calls, itself first."""
    found: dict[str, Process] = {}
    stack = [key]
    while stack:
        process = package.processes[stack.pop()]
        if process.key in found:
            continue
        found[process.key] = process
        stack += [e.called for e in process.elements.values() if e.called in package.processes]
    return list(found.values())


def draw(package: Package, key: str, start: str) -> etree._Element:
    """The process `key` begun at `start`, with everything it calls, as one BPMN document."""
    root = etree.Element(f"{{{BPMN}}}definitions", nsmap={None: BPMN})  # type: ignore[dict-item]  # the stubs know no default namespace
    waits: list[str] = []
    for process in called_from(package, key):
        begins = start if process.key == key else _plain_start(process)
        node = _add(root, "process", id=process.key, isExecutable="true")
        _Writer(process, left_out(process), waits).scope(node, process.key, begins)
    for element in waits:
        root.insert(0, root.makeelement(f"{{{BPMN}}}message", id=f"m_{element}", name=wait_name(element)))
    return root


def _plain_start(process: Process) -> str:
    return next((s for s in process.starts if process.elements[s].plain_start), "")


def _add(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{BPMN}}}{tag}", attrib=attributes)


class _Writer:
    """Writes the scopes of one process."""

    def __init__(self, process: Process, out: Mapping[str, str], waits: list[str]) -> None:
        self.process = process
        self.out = out
        self.waits = waits
        self.back = _back_flows(process)

    def scope(self, parent: etree._Element, scope: str, start: str) -> None:
        """Everything drawn directly in a scope that begins at `start`."""
        ends = 0
        for element in self.process.elements.values():
            if element.scope != scope or element.id in self.out:
                continue
            if element.kind is Kind.START and element.id != start:
                continue
            self.element(parent, element)
            flows = [f for f in element.outgoing if f.target not in self.out]
            if element.kind is Kind.END:
                ends += 1
            elif not element.outgoing and not element.event_subprocess:
                ends += 1
                _add(parent, "endEvent", id=f"end_{element.id}")
                self.flow(parent, f"last_{element.id}", element.id, f"end_{element.id}")
            else:
                self.flows(parent, element, {f.id for f in flows})
        if not ends:
            _add(parent, "endEvent", id=f"end_of_{scope}")

    def element(self, parent: etree._Element, element: Element) -> None:
        """One element."""
        kind, id = element.kind, element.id
        event = element.event
        trigger = event.trigger if event is not None else Trigger.NONE
        if kind is Kind.START:
            _add(parent, "startEvent", id=id)
        elif kind is Kind.END:
            node = _add(parent, "endEvent", id=id)
            if trigger is Trigger.TERMINATE:
                _add(node, "terminateEventDefinition")
        elif kind in _GATEWAYS:
            if joins(element):
                self.held(parent, element)
            default = {"default": element.default} if element.default else {}
            _add(parent, kind.value, id=id, **default)
        elif kind is Kind.EVENT_GATEWAY:
            _add(parent, kind.value, id=id)
        elif kind is Kind.BOUNDARY:
            node = _add(parent, kind.value, id=id, attachedToRef=element.attached_to)
            node.set("cancelActivity", "true" if element.interrupting else "false")
            self.waiting(node, id)
        elif kind is Kind.CATCH and trigger in _AWAITED:
            self.waiting(_add(parent, kind.value, id=id), id)
        elif kind is Kind.RECEIVE:
            self.waits.append(id)
            self.looped(_add(parent, "receiveTask", id=id, messageRef=f"m_{id}"), element)
        elif kind is Kind.SUBPROCESS:
            node = _add(parent, "subProcess", id=id)
            self.looped(node, element)
            self.scope(node, id, element.start)
        elif kind is Kind.CALL:
            self.looped(_add(parent, "callActivity", id=id, calledElement=element.called), element)
        elif kind in _WORK or (kind in (Kind.SEND, Kind.RULE) and waits_for_work(element)):
            self.looped(_add(parent, "manualTask", id=id), element)
        else:
            node = _add(parent, "scriptTask", id=id)
            self.looped(node, element)
            node.append(_script())

    def held(self, parent: etree._Element, element: Element) -> None:
        """Before an inclusive join every token waits to be told whether it goes on for all or ends."""
        _add(parent, "scriptTask", id=f"in_{element.id}").append(_script())
        self.flow(parent, f"on_{element.id}", f"in_{element.id}", element.id)
        for flow in element.incoming:
            self.waiting(_add(parent, "intermediateCatchEvent", id=f"held_{flow}"), f"held_{flow}")
            self.flow(parent, f"told_{flow}", f"held_{flow}", f"whether_{flow}")
            _add(parent, "exclusiveGateway", id=f"whether_{flow}", default=f"drop_{flow}")
            self.flow(parent, f"pass_{flow}", f"whether_{flow}", f"in_{element.id}", f"passes:{flow}")
            self.flow(parent, f"drop_{flow}", f"whether_{flow}", f"dropped_{flow}")
            _add(parent, "endEvent", id=f"dropped_{flow}")

    def waiting(self, node: etree._Element, id: str) -> None:
        """An event that waits for its own message."""
        self.waits.append(id)
        _add(node, "messageEventDefinition", messageRef=f"m_{id}")

    def looped(self, node: etree._Element, element: Element) -> None:
        """Multi-instance; how many there are the following knows."""
        if element.loop is None:
            return
        sequential = "true" if element.loop.kind == "sequential" else "false"
        mark = _add(node, "multiInstanceLoopCharacteristics", isSequential=sequential)
        _add(mark, "loopCardinality").text = f"rounds:{element.id}"
        if element.loop.completion is not None or element.loop.sign is not None:
            _add(mark, "completionCondition").text = f"enough:{element.id}"

    def flows(self, parent: etree._Element, element: Element, drawn: set[str]) -> None:
        """What leads away. Where an activity is left by more than one way or by a condition, gateways say so, as the
        standard does (13.2.1): an inclusive one for conditions and default, a parallel one before it for other ways."""
        asks = every = element.id
        conditional = any(f.condition is not None for f in element.outgoing)
        plain = [f for f in element.outgoing if f.condition is None and f.id != element.default]
        splits = conditional or len(element.outgoing) > 1
        if splits and element.kind not in _GATEWAYS and element.kind is not Kind.EVENT_GATEWAY:
            if plain or not conditional:
                every = f"all_{element.id}"
                _add(parent, "parallelGateway", id=every)
                self.flow(parent, f"to_{every}", element.id, every)
            if conditional:
                asks = f"out_{element.id}"
                nothing = f"none_{element.id}" if plain else ""  # then no way of the others need be taken
                default = element.default or nothing
                _add(parent, "inclusiveGateway", id=asks, **({"default": default} if default else {}))
                self.flow(parent, f"to_{asks}", every, asks)
                if default and default == nothing:
                    _add(parent, "endEvent", id=f"end_{nothing}")
                    self.flow(parent, nothing, asks, f"end_{nothing}")
        for flow in element.outgoing:
            target = flow.target
            if flow.id not in drawn:
                target = f"gone_{flow.id}"
                _add(parent, "endEvent", id=target)
            elif joins(self.process.elements[target]):
                target = f"held_{flow.id}"
            elif flow.id in self.back:
                target = self.turn(parent, flow)
            asked = conditional and flow.id != element.default
            condition = (
                "" if not asked else f"flow:{flow.id}" if flow.condition is not None else f"always:{flow.id}"
            )
            if every != element.id and (flow in plain or not conditional):
                self.flow(parent, flow.id, every, target)
            else:
                self.flow(parent, flow.id, asks, target, condition)

    def turn(self, parent: etree._Element, flow: Flow) -> str:
        """On the way back of a loop a choice that is none: SpiffWorkflow foresees what is certain to come, and where
        nothing but an event ends a loop it would never be done with foreseeing."""
        turn = f"turn_{flow.id}"
        _add(parent, "exclusiveGateway", id=turn, default=f"stop_{flow.id}")
        self.flow(parent, f"back_{flow.id}", turn, flow.target, f"always:{flow.id}")
        self.flow(parent, f"stop_{flow.id}", turn, f"stopped_{flow.id}")
        _add(parent, "endEvent", id=f"stopped_{flow.id}")
        return turn

    def flow(self, parent: etree._Element, id: str, source: str, target: str, condition: str = "") -> None:
        node = _add(parent, "sequenceFlow", id=id, sourceRef=source, targetRef=target)
        if condition:
            _add(node, "conditionExpression").text = condition


def _back_flows(process: Process) -> set[str]:
    """The flows that close a loop, looking from each beginning in drawn order."""
    found: set[str] = set()
    done: set[str] = set()
    for root in process.elements.values():
        if root.incoming or root.id in done:
            continue
        path: list[tuple[str, int]] = [(root.id, 0)]
        on_path = {root.id}
        while path:
            id, at = path.pop()
            outgoing = process.elements[id].outgoing
            if at == len(outgoing):
                on_path.discard(id)
                done.add(id)
                continue
            path.append((id, at + 1))
            flow = outgoing[at]
            if flow.target in on_path:
                found.add(flow.id)
            elif flow.target not in done:
                on_path.add(flow.target)
                path.append((flow.target, 0))
    return found


def joins(element: Element) -> bool:
    """Whether it is an inclusive join, at which the kernel says who waits for whom."""
    return element.kind is Kind.INCLUSIVE and len(element.incoming) > 1


def _script() -> etree._Element:
    node = etree.Element(f"{{{BPMN}}}script")
    node.text = "0"
    return node


def waits_for_work(element: Element) -> bool:
    """Whether a send or rule task is done by somebody outside: a topic's handler or whoever answers."""
    if element.kind is Kind.SEND:
        return bool(element.topic) or element.event is None
    return bool(element.topic) or not element.decision

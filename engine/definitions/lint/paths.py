"""Rules about where tokens can go 路径: what is never reached, what never ends, what never waits."""

from __future__ import annotations

from collections.abc import Mapping

from engine.definitions.components import components
from engine.definitions.lint.rules import Remarks, rule, title
from engine.definitions.model import Element, Kind, Package, Process, Trigger

_WAITING = frozenset(
    {Kind.USER, Kind.MANUAL, Kind.RECEIVE, Kind.CATCH, Kind.EVENT_GATEWAY, Kind.BOUNDARY, Kind.SERVICE}
)


@rule("unreachable", diagram="warning")
def unreachable(process: Process, package: Package) -> Remarks:
    """Everything drawn can be reached from a start event."""
    waiting = [*process.starts, *process.implicit, *process.event_subprocesses]
    waiting += [e.id for e in process.elements.values() if e.instantiate]
    starts = [e for e in process.elements.values() if e.kind is Kind.START]
    seen: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        element = process.elements[key]
        waiting += [f.target for f in element.outgoing]
        waiting += element.boundary
        if element.handler:
            waiting.append(element.handler)
        waiting += element.event_subprocesses
        waiting += element.implicit
        waiting += [start.id for start in starts if start.scope == key]
        if element.ad_hoc is not None:
            waiting += element.ad_hoc.begins
    hidden = set(process.elements) - seen
    for key in process.elements:
        element = process.elements[key]
        if key not in hidden or element.scope in hidden:  # the scope around it is the finding
            continue
        yield element, f"从开始事件走不到{title(element)}，请连上顺序流或删去。"


@rule("no_end_reachable", diagram="warning")
def no_end_reachable(process: Process, package: Package) -> Remarks:
    """From everywhere a token can leave its scope: by an end, or because something interrupts the scope."""
    ends = {key for key, e in process.elements.items() if not e.outgoing}
    waiting = list(ends)
    while waiting:
        element = process.elements[waiting.pop()]
        before = [process.flows[f].source for f in element.incoming]
        if element.kind is Kind.BOUNDARY and element.attached_to in process.elements:
            before.append(element.attached_to)
        for key in before:
            if key not in ends:
                ends.add(key)
                waiting.append(key)
    for key, element in process.elements.items():
        if key not in ends and not _interruptible(process, element.scope):
            yield element, f"从{title(element)}出发走不到结束事件，请画一条通向结束的路。"


def _interruptible(process: Process, scope: str) -> bool:
    """True when an interrupting event ends this scope, or one around it, from outside its flows."""
    while True:
        host = process.elements.get(scope)
        handlers = host.event_subprocesses if host else process.event_subprocesses
        for key in handlers:
            start = process.elements.get(process.elements[key].start)
            if start is not None and _interrupts(start):
                return True
        if host is None:
            return False
        if any(_interrupts(process.elements[b]) for b in host.boundary):
            return True
        scope = host.scope


def _interrupts(event: Element) -> bool:
    """An event that stops its host; compensation only comes when the host has completed."""
    undoing = event.event is not None and event.event.trigger is Trigger.COMPENSATION
    return event.interrupting and not undoing


@rule("global_task_unused", "warning")
def global_task_unused(process: Process, package: Package) -> Remarks:
    """A global task is performed where it is called, and nowhere else."""
    if process.task:
        calls = (e for p in package.processes.values() for e in p.elements.values() if e.kind is Kind.CALL)
        if not any(call.called == process.key for call in calls):
            yield process, f"全局任务“{process.name}”没有被调用，不会办理，请画一个调用活动，或删去它。"


@rule("implicit_end", "warning")
def implicit_end(process: Process, package: Package) -> Remarks:
    """A path that stops without an end event: legal, but a reader must guess."""
    if process.task:
        return
    for element in process.elements.values():
        if element.outgoing or element.kind is Kind.END or element.event_subprocess:
            continue
        undoing = element.for_compensation or any(e.trigger is Trigger.COMPENSATION for e in element.events)
        if not element.inside_ad_hoc and not undoing:  # there it is the rule
            yield element, f"{title(element)}后面没有连线，流程到这里就结束了，图上看不出来，请画结束事件。"


@rule("automatic_loop", diagram="warning")
def automatic_loop(process: Process, package: Package) -> Remarks:
    """A loop in which nothing waits runs until the step budget stops it."""
    waiting = _waiting_processes(package)
    children = _children(process)
    automatic = {k for k, e in process.elements.items() if not _waits(e, children, waiting)}
    after = {k: [f.target for f in process.elements[k].outgoing if f.target in automatic] for k in automatic}
    for circle in _circles(after):
        first = min(circle, key=lambda k: (process.elements[k].line, k))
        names = "、".join(process.elements[k].name or k for k in circle)[:120]
        yield (
            process.elements[first],
            f"循环（{names}）中没有任何等待，会不停空转，请加入用户任务、定时或消息等待。",
        )


def _children(process: Process) -> dict[str, list[Element]]:
    """By scope, what a token inside it can come to by flows."""
    found: dict[str, list[Element]] = {}
    for element in process.elements.values():
        if not element.event_subprocess and element.kind is not Kind.BOUNDARY:
            found.setdefault(element.scope, []).append(element)
    return found


def _waits(element: Element, children: Mapping[str, list[Element]], waiting: frozenset[str]) -> bool:
    """True when a token stops at this element for a person, a message, the clock or a worker."""
    if element.kind in _WAITING or (element.kind is Kind.SEND and element.topic):
        return True
    if element.kind is Kind.SUBPROCESS:
        return any(_waits(e, children, waiting) for e in children.get(element.id, ()))
    return element.kind is Kind.CALL and element.called in waiting


def _waiting_processes(package: Package) -> frozenset[str]:
    """Keys that wait when they are called, a missing process included; grown until nothing is added."""
    called = {
        e.called for p in package.processes.values() for e in p.elements.values() if e.kind is Kind.CALL
    }
    waiting = frozenset(called - set(package.processes))
    children = {key: _children(p) for key, p in package.processes.items()}
    while True:
        more = {
            key
            for key, inside in children.items()
            if key not in waiting and any(_waits(e, inside, waiting) for e in inside.get(key, ()))
        }
        if not more:
            return waiting
        waiting |= more


def _circles(after: Mapping[str, list[str]]) -> list[list[str]]:
    """Groups of elements in which one can go round."""
    keys = sorted(after)
    number = {key: i for i, key in enumerate(keys)}
    parts = components([[number[target] for target in after[key]] for key in keys])
    return [
        [keys[i] for i in part] for part in parts if len(part) > 1 or keys[part[0]] in after[keys[part[0]]]
    ]


@rule("code_uncaught", "warning")
def code_uncaught(process: Process, package: Package) -> Remarks:
    """A thrown error or escalation that nobody catches halts the case, or goes unheard."""
    for element in process.elements.values():
        if element.kind not in {Kind.THROW, Kind.END}:
            continue
        for event in element.events:
            if event.trigger not in {Trigger.ERROR, Trigger.ESCALATION}:
                continue
            if not _caught(process, element.scope, event.trigger, event.code, package, set()):
                word = "错误" if event.trigger is Trigger.ERROR else "升级"
                yield (
                    element,
                    f"{title(element)}抛出的{word}“{event.code}”没有人接收，请在外层画{word}边界事件或事件子流程。",
                )


def _caught(
    process: Process, scope: str, trigger: Trigger, code: str, package: Package, seen: set[tuple[str, str]]
) -> bool:
    if (process.key, scope) in seen:
        return False
    seen.add((process.key, scope))
    host = process.elements.get(scope)
    catchers = [
        process.elements[h].start for h in (host.event_subprocesses if host else process.event_subprocesses)
    ]
    if host is not None:
        if _catches(process, [*catchers, *host.boundary], trigger, code):
            return True
        return _caught(process, host.scope, trigger, code, package, seen)
    if _catches(process, catchers, trigger, code):
        return True
    for caller in package.processes.values():
        for call in caller.elements.values():
            if call.kind is Kind.CALL and call.called == process.key:
                if _catches(caller, call.boundary, trigger, code):
                    return True
                if _caught(caller, call.scope, trigger, code, package, seen):
                    return True
    return False


def _catches(process: Process, events: list[str] | tuple[str, ...], trigger: Trigger, code: str) -> bool:
    found = (event for k in events if k in process.elements for event in process.elements[k].events)
    return any(event.trigger is trigger and event.code in ("", code) for event in found)

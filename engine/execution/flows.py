"""Sequence flows 顺序流: which ones a token takes, and joins 汇合, where tokens wait for each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.definitions.model import Element, Flow, Kind, Process
from engine.execution.run import Halt, Run
from engine.execution.state import Instance
from engine.facts import FlowTaken
from engine.values import Value

_EXCLUSIVE, _PARALLEL, _INCLUSIVE = Kind.EXCLUSIVE, Kind.PARALLEL, Kind.INCLUSIVE


def choose(
    run: Run,
    instance: Instance,
    element: Element,
    near: Mapping[str, Value] | None,
    form: Mapping[str, Value] | None,
) -> tuple[Flow, ...]:
    """The flows by which a finished element is left. Raises `Halt` when conditions leave no way out."""
    flows = element.outgoing
    if element.kind is _PARALLEL:
        return flows
    default = element.default
    if element.kind is _EXCLUSIVE:
        for flow in flows:
            if flow.id != default and run.condition(flow, instance, near, form):
                return (flow,)
        chosen: tuple[Flow, ...] = ()
    else:
        chosen = tuple(f for f in flows if f.id != default and run.condition(f, instance, near, form))
    if not chosen:
        chosen = tuple(flow for flow in flows if flow.id == default)
    if not chosen:
        raise Halt(
            "no_flow_matches",
            f"“{element.name or element.id}”之后没有一条路的条件成立，也没有画默认路径。"
            "请核对案件信息后重试，或请流程管理员补画默认路径。",
        )
    return chosen


def take(
    run: Run,
    process: Process,
    scope: int,
    flow: Flow,
    cause: int,
    strand: int,
) -> None:
    """Send a token along a flow, to what it reaches or to wait at a join."""
    target = process.elements[flow.target]
    if len(target.incoming) > 1 and (target.kind is _PARALLEL or target.kind is _INCLUSIVE):
        run.emit(FlowTaken(scope, flow.id, target.id, cause, strand))
        if target.kind is _PARALLEL and _complete(run.state.instances[scope], target):
            run.later(_join, scope, process, target)
        return
    run.emit(FlowTaken(scope, flow.id, "", cause, strand))
    run.later(_arrive, scope, process, target, cause, strand)


def _arrive(
    run: Run,
    scope: int,
    process: Process,
    target: Element,
    cause: int,
    strand: int,
) -> None:
    run.enter(run, process, target, scope, cause, strand)


def _complete(scope: Instance, gateway: Element) -> bool:
    waiting = scope.arrivals.get(gateway.id)
    return waiting is not None and {token[0] for token in waiting}.issuperset(gateway.incoming)


def _join(run: Run, scope: int, process: Process, gateway: Element) -> None:
    here = run.state.instances[scope]
    if _complete(here, gateway):
        _fire(run, here, process, gateway)


def _fire(run: Run, scope: Instance, process: Process, gateway: Element) -> None:
    """Take one waiting token of every incoming flow that has one. The strand of the latest goes on."""
    waiting = scope.arrivals[gateway.id]
    consumes: dict[str, tuple[str, int, int]] = {}
    for token in waiting:
        consumes.setdefault(token[0], token)
    cause = strand = 0
    for _, its_cause, its_strand in consumes.values():
        cause, strand = its_cause or cause, its_strand or strand
    run.enter(run, process, gateway, scope.id, cause, strand, consumes=tuple(consumes))


def fire_inclusive(run: Run) -> bool:
    """Let one inclusive join go on that no token of its scope keeps waiting any more. Asked when all else rests.

    BPMN 2.0.2, 13.4.3: a token elsewhere keeps the join waiting when it can reach an incoming flow that has no token,
    unless it can just as well reach one that has. Paths through the join itself do not count. So two joins in a large
    loop (a case that is opened again) do not wait for each other. Joins that still do are freed, the first to have
    been reached first.
    """
    circle: tuple[Instance, Process, Element] | None = None
    for scope in [one for one in run.state.instances.values() if one.arrivals]:
        process = run.inside(scope)[0]
        inclusive = [g for g in scope.arrivals if process.elements[g].kind is _INCLUSIVE]
        for id in inclusive:
            gateway = process.elements[id]
            marked = {token[0] for token in scope.arrivals[id]}
            empty = [flow for flow in gateway.incoming if flow not in marked]
            upstream = before(process, gateway, empty)
            if upstream:
                upstream -= before(process, gateway, marked)
            active = {run.state.instances[child].element for child in scope.children}
            waiting = {g for g in scope.arrivals if g != id}
            if not upstream & (active | waiting):
                _fire(run, scope, process, gateway)
                return True
            if circle is None and not upstream & (active | (waiting - set(inclusive))):
                circle = (scope, process, gateway)
    if circle is not None:
        _fire(run, *circle)
        return True
    return False


def before(process: Process, gateway: Element, flows: Iterable[str]) -> set[str]:
    """The elements of the same scope from which a token can reach one of these incoming flows of `gateway` without
    going through it, boundary events included."""
    found: set[str] = set()
    stack = [process.flows[flow].source for flow in flows]
    while stack:
        id = stack.pop()
        if id == gateway.id or id in found:
            continue
        found.add(id)
        at = process.elements[id]
        stack += [process.flows[flow].source for flow in at.incoming]
        if at.attached_to:
            stack.append(at.attached_to)
    return found

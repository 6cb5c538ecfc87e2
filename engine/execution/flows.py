"""Sequence flows 顺序流: which ones a token takes, and joins 汇合, where tokens wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from engine.definitions.model import Element, Flow, Kind, Process
from engine.definitions.upstream import awaited
from engine.execution.run import Halt, Run
from engine.execution.state import COMPENSATING, Instance
from engine.facts import FlowTaken
from engine.values import Value

_EXCLUSIVE, _PARALLEL, _INCLUSIVE, _COMPLEX = Kind.EXCLUSIVE, Kind.PARALLEL, Kind.INCLUSIVE, Kind.COMPLEX
WAITING = "waitingForStart"
COUNT = "activationCount"
"""What the conditions after a complex gateway may ask besides variables (BPMN 2.0.2, table 10.58)."""

_GATEWAYS = (_EXCLUSIVE, _INCLUSIVE, _COMPLEX)

Gather = Callable[[Run, Instance, Process, Element], object]
Token = tuple[str, int, int]
"""A waiting token: its flow, cause and strand."""

GATHERING: dict[Kind, Gather] = {}
"""What follows when a token has come to where tokens wait for each other; by default, as for an activity."""


def gathering(*kinds: Kind) -> Callable[[Gather], Gather]:
    """Register what follows when a token has come to an element of these kinds."""

    def register(do: Gather) -> Gather:
        for kind in kinds:
            GATHERING[kind] = do
        return do

    return register


def choose(
    run: Run,
    instance: Instance,
    element: Element,
    near: Mapping[str, Value] | None,
    form: Mapping[str, Value] | None,
) -> tuple[Flow, ...]:
    """The flows by which a finished element is left. Raises `Halt` when conditions leave no way out.

    Conditions are asked in the order in which the flows are drawn. An activity's flows without a condition are a
    parallel split beside the inclusive one of those with conditions (BPMN 2.0.2, 13.2.1): they never keep its default
    flow from being taken.
    """
    flows = element.outgoing
    if element.kind is _PARALLEL:
        return flows
    default = element.default
    if element.kind is _COMPLEX:
        if instance.variables is None:  # nothing had to come together
            near = {COUNT: 1, WAITING: True, **(near or {})}
        elif not instance.variables[WAITING]:
            return _late(run, instance, element, near)
    if element.kind is _EXCLUSIVE:
        for flow in flows:
            if flow.id != default and run.condition(flow, instance, near, form):
                return (flow,)
        chosen: tuple[Flow, ...] = ()
    else:
        chosen = tuple(f for f in flows if f.id != default and run.condition(f, instance, near, form))
    if default and not any(f.condition is not None or element.kind in _GATEWAYS for f in chosen):
        chosen = tuple(f for f in flows if f.id == default or f in chosen)
    if not chosen and flows:
        raise Halt(
            "no_flow_matches",
            f"“{element.name or element.id}”之后没有一条路的条件成立，也没有画默认路径。"
            "请核对案件信息后重试，或请流程管理员补画默认路径。",
        )
    return chosen


def _late(
    run: Run, instance: Instance, gateway: Element, near: Mapping[str, Value] | None
) -> tuple[Flow, ...]:
    """The flows a complex gateway takes for tokens that came after it had begun; it may be none."""
    asked = [f for f in gateway.outgoing if f.condition is not None and f.id != gateway.default]
    chosen = tuple(flow for flow in asked if run.condition(flow, instance, near, None))
    return chosen or tuple(flow for flow in gateway.outgoing if flow.id == gateway.default)


def take(
    run: Run,
    process: Process,
    scope: int,
    flow: Flow,
    cause: int,
    strand: int,
) -> None:
    """Send a token along a flow, to what it reaches or to wait where tokens gather."""
    target = process.elements[flow.target]
    if target.gathers:
        run.emit(FlowTaken(scope, flow.id, target.id, cause, strand))
        GATHERING.get(target.kind, _gather)(run, run.state.instances[scope], process, target)
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


# -- where tokens gather -------------------------------------------------------------------------------


@gathering(_INCLUSIVE)
def _rest(run: Run, scope: Instance, process: Process, gateway: Element) -> None:
    """An inclusive join is looked at when all else rests."""


@gathering(_PARALLEL)
def _meet(run: Run, scope: Instance, process: Process, gateway: Element) -> None:
    if _complete(scope, gateway):
        run.later(_join, scope.id, process, gateway)


def _complete(scope: Instance, gateway: Element) -> bool:
    waiting = scope.arrivals.get(gateway.id, ())
    incoming = gateway.incoming
    return len(waiting) >= len(incoming) and {token[0] for token in waiting}.issuperset(incoming)


def _join(run: Run, scope: int, process: Process, gateway: Element) -> None:
    here = run.state.instances[scope]
    if _complete(here, gateway):
        fire(run, here, process, gateway)


def fire(run: Run, scope: Instance, process: Process, gateway: Element) -> None:
    """Take one waiting token of every incoming flow that has one."""
    first: dict[str, Token] = {}
    for token in scope.arrivals[gateway.id]:
        first.setdefault(token[0], token)
    _begin(run, scope, process, gateway, list(first.values()))


def _gather(run: Run, scope: Instance, process: Process, element: Element) -> None:
    """An activity begins when `startQuantity` tokens have come, by whichever flows (BPMN 2.0.2, 13.3.2)."""
    if len(scope.arrivals[element.id]) >= element.start_quantity:
        run.later(_start, scope.id, process, element)


def _start(run: Run, scope: int, process: Process, element: Element) -> None:
    here = run.state.instances[scope]
    waiting = here.arrivals.get(element.id, ())
    if len(waiting) >= element.start_quantity:
        _begin(run, here, process, element, waiting[: element.start_quantity])


def _begin(run: Run, scope: Instance, process: Process, element: Element, tokens: Sequence[Token]) -> None:
    cause, strand = latest(tokens)
    consumes = tuple(flow for flow, _, _ in tokens)
    run.enter(run, process, element, scope.id, cause, strand, consumes=consumes)


def latest(tokens: Iterable[Token]) -> tuple[int, int]:
    """The cause and the strand that go on where tokens have come together: the latest's that has one."""
    cause = strand = 0
    for _, its_cause, its_strand in tokens:
        cause, strand = its_cause or cause, its_strand or strand
    return cause, strand


# -- when all else rests -------------------------------------------------------------------------------


def fire_inclusive(run: Run, scopes: Iterable[Instance]) -> bool:
    """Let one inclusive join of these scopes go on that no token of its scope keeps waiting any more.

    Joins that wait for nothing but each other are freed, the first to have been reached first.
    """
    circle: tuple[Instance, Process, Element] | None = None
    for scope in scopes:
        process = run.inside(scope)[0]
        joins = [g for g in scope.arrivals if waits_like_inclusive(process.elements[g])]
        held: dict[str, frozenset[str]] = {}
        for id in joins:
            gateway = process.elements[id]
            upstream = awaited(process, gateway, {token[0] for token in scope.arrivals[id]})
            held[id] = upstream & (at_work(run, scope) | (scope.arrivals.keys() - {id}))
            if not held[id]:
                fire(run, scope, process, gateway)
                return True
        if circle is None:
            free = next((id for id in joins if _in_a_circle(id, held)), None)
            if free is not None:
                circle = (scope, process, process.elements[free])
    if circle is not None:
        fire(run, *circle)
        return True
    return False


def at_work(run: Run, scope: Instance) -> set[str]:
    """The elements of a scope that have a token. What has completed and is being undone has none any more."""
    state = run.state
    return {state.instances[id].element for id in scope.children if state.phase(id) != COMPENSATING}


def _in_a_circle(join: str, held: Mapping[str, frozenset[str]]) -> bool:
    """Whether all that keeps this join waiting, by however many steps, are joins."""
    seen: set[str] = set()
    stack = [join]
    while stack:
        id = stack.pop()
        if id not in held:
            return False
        if id not in seen:
            seen.add(id)
            stack += held[id]
    return True


def waits_like_inclusive(element: Element) -> bool:
    """An inclusive join, or a complex gateway that does not say when it begins."""
    return element.kind is _INCLUSIVE or (element.kind is _COMPLEX and element.activation is None)

"""Complex gateways 复杂网关: joins that begin before all tokens have come (BPMN 2.0.2, 10.6.5 and 13.4.5).

Waiting for start, the gateway begins as soon as its activation condition holds, looked at whenever a token comes or
something else has changed. It takes a token from every incoming flow that has one and sends tokens out like an
inclusive split. Then it waits for reset: until no more tokens can come by its other incoming flows, as an inclusive
join would wait. Tokens that came late are taken then, and the flows with a condition are looked at once more, now with
`waitingForStart` false. Without late tokens nothing is sent, nor by flows without a condition: otherwise a
discriminator (WCP-9), for which the standard made this gateway, would let every token through twice.

A gateway without an activation condition begins when all tokens have come that can: it is an inclusive join.
"""

from __future__ import annotations

from engine.definitions.model import Element, Kind, Process
from engine.definitions.upstream import awaited
from engine.execution.context import Context
from engine.execution.elements import behaviour, finish_scope, introduce, leave
from engine.execution.flows import COUNT, WAITING, at_work, fire_inclusive, gathering, latest
from engine.execution.run import Halt, Run
from engine.execution.state import Instance
from engine.facts import GatewayActivated, GatewayReset
from engine.values import Value

_COMPLEX = Kind.COMPLEX


@behaviour(Kind.COMPLEX)
def _split(run: Run, instance: Instance, element: Element) -> None:
    leave(run, instance)


@gathering(Kind.COMPLEX)
def look(run: Run, scope: Instance, process: Process, gateway: Element) -> bool:
    """Begin, if the activation condition holds now. Whether it did."""
    if gateway.activation is None or gateway.id in (scope.activated or ()):
        return False
    if any(run.state.incidents[id].element == gateway.id for id in scope.holds if id in run.state.incidents):
        return False
    counts = _counts(gateway, [token[0] for token in scope.arrivals.get(gateway.id, ())])
    if not counts[COUNT]:
        return False
    near: dict[str, Value] = {**_named(run, scope, process, gateway, counts), **counts, WAITING: True}
    try:
        if not run.holds(gateway.activation, scope, near):
            return False
    except Halt as problem:
        run.incident(scope, gateway.id, problem)
        return False
    come = tuple(dict.fromkeys(token[0] for token in scope.arrivals[gateway.id]))
    _enter(run, scope, process, gateway, come, True)
    if len(come) < len(gateway.incoming):
        run.emit(GatewayActivated(scope.id, gateway.id, come))
    return True


def go_on(run: Run) -> bool:
    """All else rests: let one gateway at which tokens gather go on. Whether one did."""
    waiting = [
        one
        for one in run.state.instances.values()
        if (one.arrivals and not run.inside(one)[0].rests.isdisjoint(one.arrivals)) or one.activated
    ]
    return bool(waiting) and (fire_inclusive(run, waiting) or _settle(run, waiting))


def _settle(run: Run, scopes: list[Instance]) -> bool:
    """Let one complex gateway begin or reset."""
    for scope in scopes:
        process = run.inside(scope)[0]
        for id in list(scope.activated or ()):
            if _reset(run, scope, process, process.elements[id]):
                return True
        for id in list(scope.arrivals):
            if process.elements[id].kind is _COMPLEX and look(run, scope, process, process.elements[id]):
                return True
    return False


def _reset(run: Run, scope: Instance, process: Process, gateway: Element) -> bool:
    """Wait for start again, when no token is expected any more by a flow that has not delivered one."""
    assert scope.activated is not None
    taken = scope.activated[gateway.id]
    waiting = [token[0] for token in scope.arrivals.get(gateway.id, ())]
    active = at_work(run, scope)
    others = {id for id in scope.arrivals if id != gateway.id}
    if awaited(process, gateway, {*taken, *waiting}) & (active | others):
        return False
    late = tuple(flow for flow in dict.fromkeys(waiting) if flow not in taken)
    if late and any(flow.condition is not None for flow in gateway.outgoing):
        _enter(run, scope, process, gateway, late, False)
        late = ()
    run.emit(GatewayReset(scope.id, gateway.id, late))
    run.later(finish_scope, scope.id)
    return True


def _enter(
    run: Run, scope: Instance, process: Process, gateway: Element, flows: tuple[str, ...], start: bool
) -> None:
    """Take a token from each of these flows. What the conditions of the outgoing flows may ask are the gateway's locals."""
    tokens = {token[0]: token for token in reversed(scope.arrivals[gateway.id]) if token[0] in flows}
    cause, strand = latest(tokens[flow] for flow in flows)
    variables = {**_counts(gateway, list(flows)), WAITING: start}
    instance, _ = introduce(
        run, process, gateway, scope.id, cause, strand, variables=variables, consumes=flows
    )
    run.later(_leave, instance.id)


def _leave(run: Run, id: int) -> None:
    leave(run, run.state.instances[id])


def _counts(gateway: Element, come: list[str]) -> dict[str, Value]:
    """The tokens on each incoming flow, by its id, and their sum."""
    counts: dict[str, Value] = {flow: come.count(flow) for flow in gateway.incoming}
    return {**counts, COUNT: len(come)}


def _named(
    run: Run, scope: Instance, process: Process, gateway: Element, counts: dict[str, Value]
) -> dict[str, Value]:
    """The same by the flows' names, where no variable has that name."""
    seen = Context(run, scope.id)
    names = {process.flows[id].name: counts[id] for id in gateway.incoming}
    return {name: count for name, count in names.items() if name and name not in seen}

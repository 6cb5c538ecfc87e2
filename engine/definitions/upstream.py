"""What lies before a gateway 网关的上游: from where a token can still come to it. It follows from the drawing alone, so
the kernel and the soundness analysis ask here, and it is worked out once for a drawing (`Process.upstream`).
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.definitions.model import Element, Process


def awaited(process: Process, gateway: Element, come: Iterable[str]) -> frozenset[str]:
    """The elements of the same scope whose token keeps the gateway waiting: from there it can come by an incoming flow
    that is not among those that have `come`, unless it can just as well come by one of these. Paths through the
    gateway itself do not count, so two joins in a large loop do not wait for each other (BPMN 2.0.2, 13.4.3). What a
    boundary event may yet do keeps the gateway waiting, but never excuses a token from being waited for."""
    marked = set(come)
    missing = [flow for flow in gateway.incoming if flow not in marked]
    if not missing:
        return frozenset()
    found = frozenset().union(*(before(process, gateway, flow) for flow in missing))
    excused = (before(process, gateway, flow, by_borders=False) for flow in marked)
    return found.difference(*excused) if found else found


def before(process: Process, gateway: Element, flow: str, by_borders: bool = True) -> frozenset[str]:
    """The elements of the same scope from which a token can reach this incoming flow of `gateway` without going
    through it. `by_borders`: by boundary events too, not by sequence flows alone."""
    known = process.upstream.get((gateway.id, flow, by_borders))
    if known is not None:
        return known
    found: set[str] = set()
    stack = [process.flows[flow].source]
    while stack:
        id = stack.pop()
        if id == gateway.id or id in found:
            continue
        found.add(id)
        at = process.elements[id]
        stack += [process.flows[one].source for one in at.incoming]
        if at.attached_to and by_borders:
            stack.append(at.attached_to)
    return process.upstream.setdefault((gateway.id, flow, by_borders), frozenset(found))

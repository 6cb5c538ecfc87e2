"""What people call an element 怎么称呼: its own name, or what an unnamed event or call means in the office's words.

Diagrams leave clocks on tasks and inner calls unnamed, and rightly: a name on each would bury the drawing. Whoever tells
about a case still needs words for them, never element ids.
"""

from __future__ import annotations

from engine.definitions.model import Element, Kind, Package, Process, Trigger


def called(package: Package, element: Element) -> str:
    """The element's name as people say it; "" when the drawing gives no words for it."""
    if element.name:
        return element.name
    process = next((p for p in package.processes.values() if p.elements.get(element.id) is element), None)
    if process is None:
        return ""
    if element.kind is Kind.CALL and element.called in package.processes:
        return package.processes[element.called].name
    if element.event is None:
        return ""
    if element.event.trigger is Trigger.TIMER:
        return _clock(process, element)
    host = process.elements.get(element.attached_to)
    names = "、".join(dict.fromkeys(event.name for event in element.events if event.name))
    return host.name if host is not None and host.name else names


def called_by_id(package: Package, element: str) -> str:
    """`called` for an element known by id alone; the id where nothing in the package bears it or nothing names it."""
    for process in package.processes.values():
        if element in process.elements:
            return called(package, process.elements[element]) or element
    return element


def _clock(process: Process, element: Element) -> str:
    """A timer: the reminder or the limit of the step it hangs on, else the moment at which something follows."""
    host = process.elements.get(element.attached_to)
    if host is not None and host.name:
        return f"{host.name}的{'时限' if element.interrupting else '时限提醒'}"
    following = next((process.elements[flow.target].name for flow in element.outgoing), "")
    return f"{following}的时点" if following else "流程内部时点"

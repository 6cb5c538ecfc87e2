"""What comes after a step and who would get it 下一步: read from the drawing and asked of the routing, nothing is done.

A gateway that chooses is not foreseen (视结果而定): what the form will say decides, and guessing it would be half a conclusion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.assignment import group_list, route
from engine.definitions.model import Element, Kind, Process
from engine.errors import EngineError
from engine.execution.state import Item
from engine.handlers.work import Work

MOST = 12
"""Steps that are told; a drawing that fans out further says nothing to a person at this point."""

_PEOPLE = frozenset({Kind.USER, Kind.MANUAL})
_CHOOSING = frozenset({Kind.EXCLUSIVE, Kind.INCLUSIVE, Kind.COMPLEX, Kind.EVENT_GATEWAY})
_WAITING = frozenset({Kind.CATCH, Kind.RECEIVE})


@dataclass(frozen=True, slots=True)
class Next:
    """A step people may get next, or what the case then waits for or ends with (`what`: step | wait | end)."""

    what: str
    element: str
    name: str
    unit: str = ""  # who would get it as things stand; "" where that is not known yet
    role: str = ""  # the post's title
    each: bool = False  # one for each of several 多实例
    certain: bool = True  # False: a gateway decides on the way 视结果而定
    waits: bool = False  # others must be done as well before 等并行步骤


@dataclass(frozen=True, slots=True)
class _At:
    process: Process
    element: str
    certain: bool
    waits: bool


def ahead(item: Item, work: Work) -> list[Next]:
    """What may follow when this item is finished, the certain first, each once."""
    instance = work.state.instances[item.id]
    process = work.package.processes[instance.process]
    element = process.elements[instance.element]
    start = _At(process, element.id, True, element.loop is not None)
    waiting = list(_leaving(start, element, work))
    seen: set[str] = set()
    found: dict[str, Next] = {}
    while waiting and len(found) < MOST:
        at = waiting.pop(0)
        if at.element in seen:
            continue
        seen.add(at.element)
        here = at.process.elements[at.element]
        told = _told(here, at, item, work)
        if told is not None:
            found[told.element] = told
            continue
        waiting += _on(here, at, work)
    return sorted(found.values(), key=lambda n: (not n.certain, n.what != "step"))


def _told(here: Element, at: _At, item: Item, work: Work) -> Next | None:
    """What a person is told of this element; None where the way goes on."""
    if here.kind in _PEOPLE:
        unit, role = _holder(here, item, work)
        each = here.loop is not None
        return Next(
            "step", here.id, here.name or here.id, "" if each else unit, role, each, at.certain, at.waits
        )
    if here.kind in _WAITING:
        return Next("wait", here.id, here.name or "消息或时限", certain=at.certain, waits=at.waits)
    if here.kind is Kind.END and here.scope == at.process.key and at.process.key == work.package.main:
        return Next("end", here.id, here.name or "办结", certain=at.certain, waits=at.waits)
    return None


def _on(here: Element, at: _At, work: Work) -> Iterator[_At]:
    """Where the way goes on from an element that is passed without anybody's doing."""
    if here.kind is Kind.SUBPROCESS and here.start:
        yield replace(at, element=here.start)
    elif here.kind is Kind.CALL and here.called in work.package.processes:
        called = work.package.processes[here.called]
        for start in called.starts[:1]:
            yield replace(at, process=called, element=start)
    elif here.kind is Kind.END:
        scope = at.process.elements.get(here.scope)
        if scope is not None and not scope.event_subprocess:
            yield from _leaving(replace(at, waits=at.waits or scope.loop is not None), scope, work)
    else:
        joins = here.kind in (Kind.PARALLEL, Kind.INCLUSIVE) and len(here.incoming) > 1
        yield from _leaving(replace(at, waits=at.waits or joins), here, work)


def _leaving(at: _At, element: Element, work: Work) -> Iterator[_At]:
    """Its flows. More than one from a gateway that chooses, or one that has a condition, is not certain."""
    flows = element.outgoing
    choosing = element.kind in _CHOOSING and len(flows) > 1
    if not flows and element.scope in at.process.elements:  # ends without an end event: the scope may be over
        scope = at.process.elements[element.scope]
        if not scope.event_subprocess:
            yield from _leaving(replace(at, waits=True), scope, work)
    for flow in flows:
        certain = at.certain and not choosing and flow.condition is None
        yield replace(at, element=flow.target, certain=certain)


def _holder(task: Element, item: Item, work: Work) -> tuple[str, str]:
    """Unit and post's title that routing would choose by what the case knows now."""
    context = work.context(item.id)
    try:
        groups = task.roles
        if task.groups is not None:
            groups = group_list(task.groups.evaluate(context, work.moment))
        found = route(
            groups,
            work.package.roles,
            context,
            work.place,
            work.directory,
            work.moment,
            own_unit=task.unit,
        )
    except EngineError:
        return "", ""
    title = work.package.role_title(found.role) if found.role else ""
    return (found.unit if found.holders else ""), title

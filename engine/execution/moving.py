"""退回: sending the case back from an open work item to an earlier step of the same scope."""

from __future__ import annotations

from engine.commands import MoveItem
from engine.definitions.model import Element, Kind, Process
from engine.errors import NotAllowed, NotFound, NotOpen
from engine.execution.elements import enter
from engine.execution.run import Run
from engine.execution.scopes import item_ended, release
from engine.execution.state import Instance
from engine.facts import ElementCancelled, WorkItemReturned

_NOT_A_STEP = (Kind.START, Kind.END, Kind.BOUNDARY)


def move_item(run: Run, command: MoveItem) -> None:
    """Cancel the item's element and enter `to` instead. Raises `NotOpen`, `NotFound`, `NotAllowed`."""
    state = run.state
    item = state.items.get(command.item)
    if item is None:
        raise NotOpen()
    instance = state.instances[item.id]
    process, element = run.process(instance), run.element(instance)
    target = process.elements.get(command.to)
    if target is None:
        raise NotFound(f"流程中没有环节“{command.to}”，请刷新后重新选择退回到哪一步。")
    refuse(run, instance, process, element, target)
    scope, cause, strand = instance.scope, instance.cause, instance.strand
    run.emit(WorkItemReturned(item.id, target.id, command.person, command.unit, command.reason))
    release(run, instance)
    run.emit(ElementCancelled(item.id))
    item_ended(run, item.id)
    enter(run, process, target, scope, cause, strand)


def refuse(run: Run, instance: Instance, process: Process, element: Element, target: Element) -> None:
    """Raise `NotAllowed` where a return would leave tokens that should not be there."""
    here, there = element.name or element.id, target.name or target.id
    if target.kind in _NOT_A_STEP or target.event_subprocess:
        raise NotAllowed(f"“{there}”不是办理环节，不能退回到那里。")
    if target.scope != element.scope:
        raise NotAllowed(f"“{there}”与“{here}”不在同一段流程内，不能直接退回到那里。")
    if element.for_compensation or target.for_compensation:
        one = here if element.for_compensation else there
        raise NotAllowed(f"“{one}”是补偿环节，只在撤销时办理，不能退回，也不能退回到那里。")
    if instance.loop:
        raise NotAllowed(f"“{here}”是多方同时办理的环节，不能由其中一方退回。请提交意见，由后续环节处理。")
    scope = run.state.instances[instance.scope]
    again = reached(process, target, element.id)
    others = {
        child.element
        for id in scope.children
        if id != instance.id and (child := run.state.instances[id]).cause == instance.cause
    }
    waiting = {
        process.flows[flow].source
        for tokens in scope.arrivals.values()
        for flow, cause, _ in tokens
        if cause == instance.cause
    }
    beside = sorted((others | waiting) & again)
    if beside:
        names = "、".join(f"“{process.elements[one].name or one}”" for one in beside)
        raise NotAllowed(
            f"“{there}”之后还有并行环节{names}正在进行或已经办完待汇合，退回会重复办理。请待并行各环节汇合后再退回。"
        )


def reached(process: Process, start: Element, until: str) -> set[str]:
    """What a token passes from `start` on before it comes to `until`, by whichever way."""
    if start.id == until:
        return set()
    found: set[str] = {start.id}
    stack = [start.id]
    while stack:
        for flow in process.elements[stack.pop()].outgoing:
            if flow.target not in found and flow.target != until:
                found.add(flow.target)
                stack.append(flow.target)
    return found

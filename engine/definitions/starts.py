"""Where tokens begin 从哪里开始 (BPMN 2.0.2, 10.5.2, 13.2, 13.3.4): at start events; where none is drawn, at everything that
has no incoming flow; and at receive tasks and event gateways that begin a case by what they hear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from engine.definitions.model import Element, Kind, Trigger
from engine.definitions.reading import Node, Reading


def of_process(
    reading: Reading,
    elements: dict[str, Element],
    sources: Mapping[str, Node],
    process: str,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Where a case can begin: start events, receive tasks and the events after a gateway that begin it (which begins at
    the one that comes); and what begins by itself without a start event."""
    inside = [e for e in elements.values() if e.scope == process]
    for element in elements.values():
        if element.instantiate:
            _instantiates(reading, element, sources[element.id], process)
    starts: list[str] = []
    for element in inside:
        if element.kind is Kind.START or (element.instantiate and element.kind is Kind.RECEIVE):
            starts.append(element.id)
        elif element.instantiate:
            starts += [flow.target for flow in element.outgoing if flow.target not in starts]
    drawn = any(e.kind is Kind.START for e in inside)
    return tuple(starts), () if drawn else _implicit(inside, sources)


def of_subprocesses(reading: Reading, elements: dict[str, Element], sources: Mapping[str, Node]) -> None:
    """Give every subprocess its start: one start event, or without it (not in an event subprocess) what has no incoming
    flow."""
    inside: dict[str, list[Element]] = {}
    for element in elements.values():
        inside.setdefault(element.scope, []).append(element)
    for key, element in list(elements.items()):
        if element.kind is not Kind.SUBPROCESS or element.ad_hoc is not None:
            continue
        content = inside.get(key, [])
        found = [e.id for e in content if e.kind is Kind.START]
        implicit = () if found or element.event_subprocess else _implicit(content, sources)
        if not found and not implicit and not element.event_subprocess:
            word = "里没有可以开始的环节" if content else "是空的"
            reading.loose("subprocess_start", sources[key], f"子流程{word}，请在里面从开始事件画起。")
        elements[key] = replace(element, start=found[0] if found else "", implicit=implicit)


def _implicit(inside: Iterable[Element], sources: Mapping[str, Node]) -> tuple[str, ...]:
    """BPMN 2.0.2, 10.5.2: without a start event everything begins that no flow comes to, but for what something else
    begins: boundary events, event subprocesses, compensation activities, link targets, instantiating elements."""
    return tuple(
        element.id
        for element in inside
        if not element.incoming
        and element.kind not in (Kind.START, Kind.BOUNDARY)
        and not element.event_subprocess
        and not element.instantiate
        and sources[element.id].get("isForCompensation") not in ("true", "1")
        and not (element.kind is Kind.CATCH and any(e.trigger is Trigger.LINK for e in element.events))
    )


def _instantiates(reading: Reading, element: Element, node: Node, process: str) -> None:
    """What begins a case stands in the process itself (BPMN 2.0.2, 10.3.3 and 10.6.6), and does so once."""
    word = "接收任务" if element.kind is Kind.RECEIVE else "事件网关"
    if element.scope != process:
        message = f"子流程里的{word}不能启动案件，请把 instantiate 改为 false。"
        reading.error("instantiate_place", node, message)
    elif element.loop is not None:
        reading.error("instantiate_place", node, f"启动案件的{word}不能循环，请删去循环标记。")

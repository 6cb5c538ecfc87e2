"""Link events 链接事件: a pair of them is a sequence flow that is not drawn."""

from __future__ import annotations

from collections.abc import Mapping

from engine.definitions.model import Element, Flow, Kind, Trigger
from engine.definitions.reading import Node, Reading


def link_flows(
    reading: Reading,
    elements: Mapping[str, Element],
    sources: Mapping[str, Node],
    outgoing: Mapping[str, list[Flow]],
    incoming: Mapping[str, list[str]],
) -> list[Flow]:
    """The flows that link events stand for, one for each throwing end. `sources` are the XML elements of `elements`,
    `outgoing` and `incoming` the flows that are drawn."""
    targets: dict[tuple[str, str], Element] = {}
    throwing: list[Element] = []
    for element in elements.values():
        if element.event is None or element.event.trigger is not Trigger.LINK:
            continue
        node, name = sources[element.id], element.event.name[:60]
        if element.kind is Kind.THROW:
            throwing.append(element)
            if outgoing.get(element.id):
                reading.error(
                    "link_flow",
                    node,
                    f"链接抛出事件“{name}”不能有流出的顺序流，请连到同名的链接捕获事件之后。",
                )
        elif element.kind is Kind.CATCH:
            if incoming.get(element.id):
                reading.error(
                    "link_flow", node, f"链接捕获事件“{name}”不能有流入的顺序流，请改连到链接抛出事件。"
                )
            if targets.setdefault((element.scope, element.event.name), element) is not element:
                reading.error(
                    "link_twice", node, f"同一层有两个链接捕获事件“{name}”，不知道该走哪一个，请改名。"
                )
    found: list[Flow] = []
    for element in throwing:
        name = element.event.name if element.event else ""
        target = targets.get((element.scope, name))
        if target is None:
            reading.error(
                "link_target",
                sources[element.id],
                f"链接抛出事件“{name[:60]}”在同一层没有同名的链接捕获事件，请补画或改名。",
            )
        else:
            id = f"{element.id}→{target.id}"
            found.append(Flow(id=id, source=element.id, target=target.id, name=name, line=element.line))
    return found

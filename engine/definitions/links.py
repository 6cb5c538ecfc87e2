"""Link events 链接事件: a pair of them is a sequence flow that is not drawn. The standard's rules judge them
(`standard.links`); here they become flows."""

from __future__ import annotations

from collections.abc import Mapping

from engine.definitions.model import Element, Flow, Kind, Trigger
from engine.definitions.reading import Node, is_bpmn, text_of


def link_flows(elements: Mapping[str, Element], sources: Mapping[str, Node]) -> list[Flow]:
    """The flows that link events stand for, one for each throwing end: to the catching end it names as its `target`, else
    to the one of the same name in the same scope. `sources` are the XML elements of `elements`."""
    catching: dict[tuple[str, str], Element] = {}
    throwing: list[Element] = []
    for element in elements.values():
        if element.event is None or element.event.trigger is not Trigger.LINK:
            continue
        if element.kind is Kind.THROW:
            throwing.append(element)
        elif element.kind is Kind.CATCH:
            for name in (f"#{_link(sources[element.id]).get('id')}", element.event.name):
                catching.setdefault((element.scope, name), element)
    found: list[Flow] = []
    for element in throwing:
        name = element.event.name if element.event else ""
        targets = [
            text_of(one).rpartition(":")[2] for one in _link(sources[element.id]) if is_bpmn(one, "target")
        ]
        target = catching.get((element.scope, f"#{targets[0]}" if targets else name))
        if target is not None:
            id = f"{element.id}→{target.id}"
            found.append(Flow(id=id, source=element.id, target=target.id, name=name, line=element.line))
    return found


def _link(node: Node) -> Node:
    """The link definition of an event; the event itself when it is somewhere else."""
    return next((child for child in node if is_bpmn(child, "linkEventDefinition")), node)

"""Link events 链接事件: a pair of them is a sequence flow that is not drawn (BPMN 2.0.2, 10.5.5).

A pair is joined by the names of its definitions or, where they write them, by `source` and `target`.
"""

from __future__ import annotations

from engine.definitions.reading import Node, is_bpmn
from engine.definitions.standard.drawing import Drawing, children
from engine.definitions.standard.rules import Wrong, rule


@rule("link_flow", "10.5.4", "{it}是链接，不能有{side}的顺序流", "删去连线，由同名的另一端接上")
def link_flow(drawing: Drawing) -> Wrong:
    for node, _ in _links(drawing, "intermediateThrowEvent"):
        if drawing.outgoing.get(node):
            yield node, {"side": "流出"}
    for node, _ in _links(drawing, "intermediateCatchEvent"):
        if drawing.incoming.get(node):
            yield node, {"side": "流入"}


@rule("link_open", "10.5.4", "{it}是链接的一端，却没有{side}的顺序流", "连上顺序流")
def link_open(drawing: Drawing) -> Wrong:
    for node, _ in _links(drawing, "intermediateThrowEvent"):
        if not drawing.incoming.get(node):
            yield node, {"side": "流入"}
    for node, _ in _links(drawing, "intermediateCatchEvent"):
        if not drawing.outgoing.get(node):
            yield node, {"side": "流出"}


@rule("link_name", "10.5.5", "{it}的链接没有名称", "填写链接名称，两端写同一个", plays=True)
def link_name(drawing: Drawing) -> Wrong:
    for node, link in (
        *_links(drawing, "intermediateThrowEvent"),
        *_links(drawing, "intermediateCatchEvent"),
    ):
        if not str(link.get("name") or "").strip():
            yield node


@rule("link_target", "10.5.5", "{it}的链接“{name}”在同一层没有去处", "在同一层补画同名的链接捕获事件，或改名")
def link_target(drawing: Drawing) -> Wrong:
    by_name, by_link = _ends(drawing, "intermediateCatchEvent")
    for node, link in _links(drawing, "intermediateThrowEvent"):
        named = drawing.references(link, "target")
        found = (
            [event for one in named for event in by_link.get(one, ())] if named else by_name.get(_name(link))
        )
        if not any(event.getparent() is node.getparent() for event in found or ()):
            yield node, {"name": _name(link)}


@rule("link_source", "10.5.5", "{it}的链接“{name}”在同一层没有来处", "在同一层补画同名的链接抛出事件，或删去")
def link_source(drawing: Drawing) -> Wrong:
    by_name, by_link = _ends(drawing, "intermediateThrowEvent")
    pointing: dict[Node, list[Node]] = {}
    for event, other in _links(drawing, "intermediateThrowEvent"):
        for one in drawing.references(other, "target"):
            pointing.setdefault(one, []).append(event)
    for node, link in _links(drawing, "intermediateCatchEvent"):
        found = [event for one in drawing.references(link, "source") for event in by_link.get(one, ())]
        found += by_name.get(_name(link), [])
        found += pointing.get(link, [])
        if not any(event.getparent() is node.getparent() for event in found):
            yield node, {"name": _name(link)}


@rule("link_twice", "10.5.5", "同一层有两个链接捕获事件“{name}”，不知道该走哪一个", "把其中一个改名")
def link_twice(drawing: Drawing) -> Wrong:
    seen: set[tuple[Node | None, str]] = set()
    for node, link in _links(drawing, "intermediateCatchEvent"):
        name = str(link.get("name") or "").strip()
        if name and (node.getparent(), name) in seen:
            yield node, {"name": name}
        seen.add((node.getparent(), name))


@rule("link_pair", "10.5.5", "{it}的链接与它所指的另一端没有互相指明", "让 target 与 source 互相对应")
def link_pair(drawing: Drawing) -> Wrong:
    """Where both ends write whom they are joined to, they say the same."""
    for node, link in _links(drawing, "intermediateThrowEvent"):
        targets = drawing.references(link, "target")
        if (
            len(children(link, "target")) > 1
            or targets
            and children(targets[0], "source")
            and link not in drawing.references(targets[0], "source")
        ):
            yield node
    for node, link in _links(drawing, "intermediateCatchEvent"):
        for source in drawing.references(link, "source"):
            if children(source, "target") and link not in drawing.references(source, "target"):
                yield node


def _links(drawing: Drawing, tag: str) -> list[tuple[Node, Node]]:
    return [
        (node, one)
        for node in drawing.nodes(tag)
        for one in drawing.definitions(node)
        if is_bpmn(one, "linkEventDefinition")
    ]


def _ends(drawing: Drawing, tag: str) -> tuple[dict[str, list[Node]], dict[Node, list[Node]]]:
    """Link events by the name of their link, and by the link itself."""
    by_name: dict[str, list[Node]] = {}
    by_link: dict[Node, list[Node]] = {}
    for event, link in _links(drawing, tag):
        by_link.setdefault(link, []).append(event)
        if _name(link):
            by_name.setdefault(_name(link), []).append(event)
    return by_name, by_link


def _name(link: Node) -> str:
    return str(link.get("name") or "").strip()

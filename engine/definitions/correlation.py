"""Read how messages find the case they are meant for 读消息关联: BPMN's correlation properties, keys and subscriptions
(BPMN 2.0.2, 8.4.2). All expressions are FEEL.

A property says for each message where its value lies in the payload (`messagePath`); a key is one or several properties; a
process may say by a subscription what values it expects (`dataPath`), instead of those of the first message.
"""

from __future__ import annotations

from engine.definitions.model import Correlation, CorrelationKey
from engine.definitions.reading import Node, Reading, is_bpmn, local, text_of
from engine.definitions.vocabulary import BPMN
from engine.feel import Expression

_NAMED = {"id": None, "name": None}


def read(reading: Reading, root: Node) -> Correlation:
    """The keys of a file and where its messages carry their properties."""
    paths: dict[tuple[str, str], Expression] = {}
    known: set[str] = set()
    for node in root:
        if is_bpmn(node, "correlationProperty"):
            known.add(str(node.get("id")))
            _property(reading, node, paths)
    keys = [_key(reading, node, known) for node in root.iter(f"{{{BPMN}}}correlationKey")]
    for property in {p for key in keys for p in key.properties}:
        if not any(p == property for p, _ in paths):
            node = next(n for n in root if n.get("id") == property)
            reading.loose(
                "correlation_path",
                node,
                f"关联属性“{property[:40]}”没有写怎样从消息里取值，请补写 correlationPropertyRetrievalExpression。",
            )
    return Correlation(tuple(keys), paths)


def _property(reading: Reading, node: Node, paths: dict[tuple[str, str], Expression]) -> None:
    reading.attributes(node, {**_NAMED, "type": None})
    reading.extensions(node)
    for child in reading.children(node, "correlationPropertyRetrievalExpression"):
        reading.attributes(child, {"id": None, "messageRef": None})
        reading.extensions(child)
        raw = str(child.get("messageRef") or "")
        message = reading.messages.get(raw, reading.messages.get(raw.rpartition(":")[2], ""))
        if not message:
            reading.error("unknown_reference", child, f"引用的消息“{raw[:60]}”不存在，请重新选择。")
        parts = reading.children(child, "messagePath")
        if len(parts) != 1:
            reading.loose(
                "correlation_path", child, "取关联值要写一个路径（messagePath），如“=订单.编号”，请补写。"
            )
            continue
        value = reading.optional_formula(parts[0], "关联值的路径")
        if value is not None and message:
            paths[str(node.get("id")), message] = value


def _key(reading: Reading, node: Node, known: set[str]) -> CorrelationKey:
    reading.attributes(node, _NAMED)
    reading.extensions(node)
    properties = tuple(
        text_of(child).rpartition(":")[2] for child in reading.children(node, "correlationPropertyRef")
    )
    for property in properties:
        if property not in known:
            reading.error(
                "unknown_reference", node, f"引用的关联属性“{property[:60]}”不存在，请重新选择或删去。"
            )
    if not properties:
        reading.loose(
            "correlation_key", node, "关联键没有列出关联属性，请补写 correlationPropertyRef 或删去。"
        )
    name = str(node.get("name") or node.get("id") or "、".join(properties))
    return CorrelationKey(str(node.get("id") or name), name, tuple(p for p in properties if p in known))


def read_subscriptions(
    reading: Reading, process: Node, correlation: Correlation
) -> dict[str, dict[str, Expression]]:
    """What a process expects: key id → property → FEEL over the case's variables."""
    keys = {key.id: key for key in correlation.keys}
    found: dict[str, dict[str, Expression]] = {}
    for node in process:
        if not is_bpmn(node, "correlationSubscription"):
            continue
        reading.attributes(node, {"id": None, "correlationKeyRef": None})
        reading.extensions(node)
        key = keys.get(str(node.get("correlationKeyRef") or "").rpartition(":")[2])
        if key is None:
            reading.error(
                "unknown_reference",
                node,
                f"引用的关联键“{str(node.get('correlationKeyRef') or '')[:60]}”不存在，请重新选择或删去。",
            )
            continue
        bindings = found.setdefault(key.id, {})
        for child in reading.children(node, "correlationPropertyBinding"):
            reading.attributes(child, {"id": None, "correlationPropertyRef": None})
            property = str(child.get("correlationPropertyRef") or "").rpartition(":")[2]
            parts = [part for part in child if local(part) == "dataPath"]
            if property not in key.properties or len(parts) != 1:
                reading.loose(
                    "correlation_binding",
                    child,
                    f"关联绑定要指明“{key.name[:40]}”的一个关联属性，并写一个路径（dataPath），请改正。",
                )
                continue
            value = reading.optional_formula(parts[0], "关联值的路径")
            if value is not None:
                bindings[property] = value
    return found

"""What goes into an element and comes out of it, as Camunda's modelers write it 输入输出参数: `camunda:inputOutput` with plain
text, FEEL, lists and maps, and a call's `camunda:in` and `camunda:out`.
"""

from __future__ import annotations

from engine.definitions.model import Binding, Kind
from engine.definitions.reading import Node, Reading, literal, local, namespace, text_of
from engine.definitions.vocabulary import CAMUNDA, KIND_TITLES
from engine.feel import Expression

MAX_BINDINGS = 100

_CALL = {"source", "sourceExpression", "target", "variables", "businessKey", "local"}


def read_input_output(
    reading: Reading, node: Node, kind: Kind, inputs: list[Binding], outputs: list[Binding]
) -> None:
    """The parameters of an `inputOutput`, appended to `inputs` and `outputs`."""
    for child in node:
        tag = local(child)
        if tag not in {"inputParameter", "outputParameter"}:
            reading.unknown_child(child)
            continue
        name = str(child.get("name") or "").strip()
        if not name:
            reading.error("binding_name", child, "输入输出参数没有名称，请填写。")
            continue
        if tag == "inputParameter" and kind in {Kind.START, Kind.CATCH, Kind.BOUNDARY}:
            reading.error("binding_place", child, f"{KIND_TITLES[kind]}不能有输入参数，请删去“{name}”。")
            continue
        if tag == "outputParameter" and kind in {Kind.THROW, Kind.END}:
            reading.error(
                "binding_place", child, f"{KIND_TITLES[kind]}不能有输出参数，请改为输入参数（随事件带出）。"
            )
            continue
        bindings = inputs if tag == "inputParameter" else outputs
        _bind(reading, child, bindings, name, _parameter(reading, child, f"参数“{name}”"))


def read_call_mapping(reading: Reading, node: Node, bindings: list[Binding], already: bool) -> bool:
    """A `camunda:in` or `camunda:out`; true when it passes all variables."""
    for raw in node.attrib:
        if raw not in _CALL:
            reading.error("unknown_attribute", node, f"变量传递上的“{str(raw)[:60]}”不起作用，请删去。")
    if node.get("businessKey") is not None:
        reading.error(
            "call_business_key",
            node,
            "被调用的流程与本案是同一个案件，没有另外的业务编号，请删去 businessKey。",
        )
        return already
    if node.get("local") not in (None, "false"):
        reading.error("call_local", node, "变量传递不能限于本层（local），请删去 local，逐个写出要传的变量。")
    if node.get("variables") is not None:
        if node.get("variables") != "all":
            reading.error("attribute_value", node, "变量传递的 variables 只能是 all。")
        return True
    target = str(node.get("target") or "").strip()
    source = str(node.get("source") or "").strip()
    formula = str(node.get("sourceExpression") or "").strip()
    if not target or bool(source) == bool(formula):
        reading.error(
            "call_mapping",
            node,
            "变量传递要写目标变量（target），并在来源变量（source）和表达式（sourceExpression）中写一个。",
        )
        return already
    _bind(reading, node, bindings, target, reading.formula(node, source or formula, f"变量“{target}”"))
    return already


def _bind(reading: Reading, node: Node, bindings: list[Binding], name: str, value: Expression | None) -> None:
    if len(bindings) >= MAX_BINDINGS:
        reading.error("too_many_bindings", node, f"一个元素最多 {MAX_BINDINGS} 个参数，请并成一个上下文。")
    elif any(b.name == name for b in bindings):
        reading.error("binding_twice", node, f"参数“{name}”写了两次，请只留一个。")
    elif reading.variable(node, name, "参数") and value is not None:
        bindings.append(Binding(name, value))


# -- values --------------------------------------------------------------------------------------------


def _parameter(reading: Reading, node: Node, what: str) -> Expression | None:
    """Plain text, FEEL after `=`, or a list or map of such."""
    if not len(node):
        return reading.text_or_formula(node, text_of(node), what)
    source = _value(reading, node, what)
    return None if source is None else reading.formula(node, source, what)


def _value(reading: Reading, node: Node, what: str) -> str | None:
    """FEEL for the content of a parameter, an entry or a `camunda:value`; None where there is a finding."""
    parts = [child for child in node if isinstance(child.tag, str)]
    if not parts:
        text = text_of(node)
        if not text.startswith(("=", "${", "#{")):
            return literal(text)
        return None if reading.formula(node, text, what) is None else f"({text.removeprefix('=').strip()})"
    if len(parts) > 1:
        reading.error("binding_value", node, f"{what}写了几个值，请只留一个，或放进一个列表。")
        return None
    return _structure(reading, parts[0], what)


def _structure(reading: Reading, node: Node, what: str) -> str | None:
    tag = local(node) if namespace(node) == CAMUNDA else ""
    children = [child for child in node if isinstance(child.tag, str)]
    if tag == "list":
        items = [
            _value(reading, child, what) if local(child) == "value" else _structure(reading, child, what)
            for child in children
        ]
        return None if None in items else "[" + ", ".join(str(item) for item in items) + "]"
    if tag == "map":
        entries: list[str] = []
        for child in children:
            if local(child) != "entry" or not child.get("key"):
                reading.error("binding_value", child, f"{what}的一项没有名称（key），请填写。")
                return None
            value = _value(reading, child, what)
            if value is None:
                return None
            entries.append(f"{literal(str(child.get('key')))}: {value}")
        return "{" + ", ".join(entries) + "}"
    if tag == "script" and str(node.get("scriptFormat") or "").strip().lower() == "feel":
        text = text_of(node)
        return None if reading.formula(node, text, what) is None else f"({text.removeprefix('=').strip()})"
    reading.unknown_child(node)
    return None

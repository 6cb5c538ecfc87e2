"""Flow nodes of a diagram 流程元素: one BPMN element → one `model.Element`, or findings.

Called by `bpmn` for every flow node, with the scope it is drawn in. Flows are tied to it afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from engine.definitions.data import read_data
from engine.definitions.events import read_event
from engine.definitions.loops import read_loop, without_gathered
from engine.definitions.model import AdHoc, Binding, Element, Kind
from engine.definitions.parameters import read_call_mapping, read_input_output
from engine.definitions.reading import (
    Node,
    Reading,
    boolean,
    camunda,
    is_bpmn,
    line_of,
    literal,
    local,
    text_of,
)
from engine.definitions.vocabulary import (
    ACTIVITIES,
    AD_HOC_ATTRIBUTES,
    EVENT_DEFINITIONS,
    EVENTS,
    GLOBAL_TASK_ATTRIBUTES,
    GLOBAL_TASKS,
    INSTEAD,
    KIND_TITLES,
    NODE_ATTRIBUTES,
    NODE_DECORATION,
    PEOPLE,
    PROPERTIES,
)
from engine.errors import EngineError
from engine.feel import Expression, compile_expression

_MAPPINGS = frozenset({"singleEntry", "singleResult", "collectEntries", "resultList"})


@dataclass
class Extensions:
    """What stands in an element's `extensionElements`."""

    inputs: list[Binding] = field(default_factory=list)
    outputs: list[Binding] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    passes_all: bool = False
    returns_all: bool = False


def read_node(reading: Reading, node: Node, kind: Kind, scope: str, position: str) -> Element:
    """A flow node without its flows. `position` says where a start event is drawn (see `POSITIONS`)."""
    ad_hoc = local(node) == "adHocSubProcess"
    if local(node) in GLOBAL_TASKS:
        reading.attributes(node, GLOBAL_TASK_ATTRIBUTES, tag=kind.value)
    else:
        reading.attributes(node, AD_HOC_ATTRIBUTES if ad_hoc else NODE_ATTRIBUTES[kind])
    extensions = _extensions(reading, node, kind)
    event = read_event(reading, node, kind, position, extensions.properties.get("correlationKey", ""))
    data = read_data(reading, node, kind)
    loop = read_loop(reading, node, extensions.properties, data) if kind in ACTIVITIES else None
    if loop is not None:
        data = without_gathered(reading, node, data)
    _strangers(reading, node, kind)
    people = kind in PEOPLE
    groups, roles = _groups(reading, node) if people else (None, ())
    assignee = _of_people(reading, node, "assignee", "办理人") if people else ""
    due = _of_people(reading, node, "dueDate", "时限") if people else ""
    unit = extensions.properties.get("unit", "")
    summary = extensions.properties.get("summary", "")
    element_id = str(node.get("id") or "")
    return Element(
        id=element_id,
        kind=kind,
        scope=scope,
        name=" ".join(str(node.get("name") or "").split()),
        line=line_of(node),
        default=str(node.get("default") or ""),
        activation=_activation(reading, node) if kind is Kind.COMPLEX else None,
        start_quantity=_quantity(reading, node, "startQuantity"),
        completion_quantity=_quantity(reading, node, "completionQuantity"),
        ad_hoc=_ad_hoc(reading, node) if ad_hoc else None,
        event=event,
        loop=loop,
        inputs=(*data.taken, *extensions.inputs),
        outputs=(*data.given, *extensions.outputs),
        data_inputs=data.inputs,
        data_outputs=data.outputs,
        declares=reading.declared.get(element_id, ()) if kind is Kind.SUBPROCESS else (),
        attached_to=str(node.get("attachedToRef") or "").rpartition(":")[2] if kind is Kind.BOUNDARY else "",
        interrupting=_interrupting(reading, node, kind),
        instantiate=kind in {Kind.RECEIVE, Kind.EVENT_GATEWAY}
        and boolean(reading, node, "instantiate", False),
        all_events=kind is Kind.EVENT_GATEWAY
        and str(node.get("eventGatewayType") or "").strip().lower() == "parallel",
        event_subprocess=kind is Kind.SUBPROCESS and boolean(reading, node, "triggeredByEvent", False),
        transaction=_transaction(reading, node),
        for_compensation=kind in ACTIVITIES and boolean(reading, node, "isForCompensation", False),
        groups=groups,
        roles=roles,
        assignee=reading.text_or_formula(node, assignee, "办理人") if assignee else None,
        due=reading.formula(node, due, "时限") if due else None,
        form=_plain(reading, node, "formKey", "表单") if people else "",
        unit=reading.formula(node, unit, "承办单位") if unit else None,
        summary=reading.formula(node, summary, "事由") if summary else None,
        topic=_topic(reading, node) if kind in {Kind.SERVICE, Kind.SEND} else "",
        decision=_decision(reading, node) if kind is Kind.RULE else "",
        result_variable=reading.variable(node, camunda(node, "resultVariable"), "结果变量"),
        map_decision_result=_mapping(reading, node),
        script=_script(reading, node) if kind is Kind.SCRIPT else None,
        called=_called(reading, node) if kind is Kind.CALL else "",
        passes_all=extensions.passes_all,
        returns_all=extensions.returns_all,
        properties=extensions.properties,
        documentation="\n".join(text_of(c) for c in node if is_bpmn(c, "documentation")),
    )


def _interrupting(reading: Reading, node: Node, kind: Kind) -> bool:
    if kind is Kind.BOUNDARY:
        return boolean(reading, node, "cancelActivity", True)
    if kind is Kind.START:
        return boolean(reading, node, "isInterrupting", True)
    return True


MOST_TOKENS = 100
"""Tokens an activity may need or make: more would use up the steps of one command."""


def _quantity(reading: Reading, node: Node, name: str) -> int:
    """`startQuantity` or `completionQuantity`: a natural number, at least 1 (BPMN 2.0.2, table 10.3)."""
    raw = str(node.get(name, "1")).strip()
    if not re.fullmatch(r"\+?\d{1,9}", raw) or int(raw) < 1:
        return 1  # the standard's rules say so
    if int(raw) > MOST_TOKENS:
        reading.loose("token_quantity", node, f"“{name}”最多 {MOST_TOKENS}，不能是“{raw}”，请减少。")
    return min(int(raw), MOST_TOKENS)


def _activation(reading: Reading, node: Node) -> Expression | None:
    """When a complex gateway begins; without it, when all tokens have come that can."""
    parts = [child for child in node if is_bpmn(child, "activationCondition")]
    if len(parts) > 1:
        reading.error("activation_twice", parts[1], "一个复杂网关只能有一个激活条件，请只留一个。")
    return reading.formula(parts[0], reading.expression_child(parts[0]), "激活条件") if parts else None


def _ad_hoc(reading: Reading, node: Node) -> AdHoc:
    parts = [child for child in node if is_bpmn(child, "completionCondition")]
    if len(parts) > 1:
        reading.error("completion_twice", parts[1], "一个自由子流程只能有一个完成条件，请只留一个。")
    return AdHoc(
        sequential=str(node.get("ordering") or "").strip().lower() == "sequential",
        completion=reading.formula(parts[0], reading.expression_child(parts[0]), "完成条件")
        if parts
        else None,
        cancels=boolean(reading, node, "cancelRemainingInstances", True),
    )


def _transaction(reading: Reading, node: Node) -> bool:
    """BPMN 2.0.2, 10.3.5: a transaction is a subprocess. Of its methods the kernel knows compensation, the default."""
    method = str(node.get("method") or "").strip()
    if local(node) != "transaction":
        if method:
            reading.error("unknown_attribute", node, "method 只能写在事务子流程上，请删去。")
        return False
    if method.lower().removeprefix("##") not in {"", "compensate"}:
        reading.loose(
            "attribute_value", node, f"事务的方式（method）“{method[:60]}”不执行，一律按补偿办理，请删去。"
        )
    if boolean(reading, node, "triggeredByEvent", False):
        reading.error("transaction_event", node, "事务不能由事件触发，请在事件子流程里面再画事务。")
    return True


def _strangers(reading: Reading, node: Node, kind: Kind) -> None:
    """Children that no reader of this element takes up. A subprocess's own content is `bpmn`'s."""
    known = {"incoming", "outgoing", "extensionElements"} | NODE_DECORATION
    if kind in EVENTS:
        known |= {*EVENT_DEFINITIONS, "eventDefinitionRef"}
    if kind in ACTIVITIES:
        known |= {"multiInstanceLoopCharacteristics", "standardLoopCharacteristics"}
    if kind is Kind.SCRIPT:
        known |= {"script"}
    if kind is Kind.COMPLEX:
        known |= {"activationCondition"}
    if kind is Kind.SUBPROCESS:
        return
    for child in node:
        if not is_bpmn(child, *known):
            reading.unknown_child(child)


# -- people and machines -------------------------------------------------------------------------------


def _plain(reading: Reading, node: Node, name: str, what: str) -> str:
    value = camunda(node, name)
    if value.startswith(("=", "${", "#{")) or ":" in value:
        reading.loose("attribute_value", node, f"{what}“{value[:60]}”应直接写代码，不能是表达式或地址。")
        return ""
    return value


def _of_people(reading: Reading, node: Node, name: str, what: str) -> str:
    """What says who does a step and by when: in a lone diagram nothing of it decides where tokens go."""
    value = camunda(node, name)
    return "" if reading.another_engine(node, value, what) else value


def _groups(reading: Reading, node: Node) -> tuple[Expression | None, tuple[str, ...]]:
    raw = _of_people(reading, node, "candidateGroups", "候选岗位")
    if not raw:
        return None, ()
    if raw.startswith("=") or "${" in raw or "#{" in raw:
        return reading.formula(node, raw, "候选岗位"), ()
    roles = tuple(part for piece in raw.split(",") if (part := piece.strip()))
    return reading.constant(node, "[" + ", ".join(literal(role) for role in roles) + "]"), roles


def _topic(reading: Reading, node: Node) -> str:
    kind, topic = camunda(node, "type"), camunda(node, "topic")
    if kind and kind != "external":
        reading.loose("attribute_value", node, f"camunda:type 只能是 external，不能是“{kind[:40]}”。")
    if bool(kind) != bool(topic):
        reading.loose("external_task", node, '外部任务要同时写 camunda:type="external" 和 camunda:topic。')
    return topic


def _decision(reading: Reading, node: Node) -> str:
    decision = _plain(reading, node, "decisionRef", "决策表")
    if not decision:
        reading.loose("decision_missing", node, "业务规则任务没有写决策表，请填写 camunda:decisionRef。")
    return decision


def _mapping(reading: Reading, node: Node) -> str:
    raw = camunda(node, "mapDecisionResult")
    if raw and raw not in _MAPPINGS:
        reading.error(
            "attribute_value", node, f"决策结果映射“{raw[:40]}”有误，只能是 {'、'.join(sorted(_MAPPINGS))}。"
        )
        return "singleResult"
    return raw or "singleResult"


def _script(reading: Reading, node: Node) -> Expression | None:
    """A script in FEEL. In a lone diagram one in another language is left out: its task passes."""
    attribute = "scriptLanguage" if local(node) in GLOBAL_TASKS else "scriptFormat"
    language = str(node.get(attribute) or "").strip()
    foreign = "feel" not in language.lower()
    if foreign:
        reading.loose("attribute_value", node, INSTEAD[attribute])
    scripts = [child for child in node if is_bpmn(child, "script")]
    if not scripts:
        reading.loose("expression_empty", node, "脚本任务没有内容，请写 FEEL 表达式。")
        return None
    text = text_of(scripts[0])
    if foreign and reading.lone and (language or not _is_feel(text, camunda(node, "resultVariable"))):
        return None
    return reading.formula(scripts[0], text, "脚本")


def _is_feel(text: str, result: str) -> bool:
    """Whether a script that does not say its language is FEEL: it compiles, and has somewhere to put what it gives."""
    source = text.strip().removeprefix("=").strip()
    try:
        compile_expression(source)
    except EngineError:
        return False
    return bool(result) or source.startswith("{")


def _called(reading: Reading, node: Node) -> str:
    called = str(node.get("calledElement") or "").strip()
    if not called:
        reading.error("call_missing", node, "调用活动没有写被调用的流程，请填写 calledElement。")
    elif called.startswith(("=", "${", "#{")):
        reading.error("attribute_value", node, "被调用的流程不能是表达式，请直接写流程代码。")
        return ""
    return called.rpartition(":")[2]


# -- extension elements --------------------------------------------------------------------------------


def _extensions(reading: Reading, node: Node, kind: Kind) -> Extensions:
    found = Extensions()
    known = ["properties"]
    if kind in ACTIVITIES or kind in {Kind.THROW, Kind.END, Kind.START, Kind.CATCH, Kind.BOUNDARY}:
        known.append("inputOutput")
    if kind is Kind.CALL:
        known += ["in", "out"]
    for child in reading.extensions(node, *known):
        match local(child):
            case "properties":
                _properties(reading, child, kind, found)
            case "inputOutput":
                read_input_output(reading, child, kind, found.inputs, found.outputs)
            case "in":
                found.passes_all |= read_call_mapping(reading, child, found.inputs, found.passes_all)
            case "out":
                found.returns_all |= read_call_mapping(reading, child, found.outputs, found.returns_all)
    return found


def _properties(reading: Reading, node: Node, kind: Kind, found: Extensions) -> None:
    for child in node:
        if local(child) != "property":
            reading.unknown_child(child)
            continue
        name = str(child.get("name") or "").strip()
        value = str(child.get("value") or "").strip()
        allowed = PROPERTIES.get(name)
        for raw in child.attrib:
            if raw not in {"id", "name", "value"}:
                reading.error(
                    "unknown_attribute",
                    child,
                    f"扩展属性“{name[:40]}”上的“{str(raw)[:60]}”不起作用，请删去。",
                )
        if allowed is None:
            names = "、".join(PROPERTIES)
            reading.loose("unknown_property", child, f"扩展属性“{name[:40]}”不认识，可用的有：{names}。")
        elif kind not in allowed:
            reading.error(
                "unknown_property",
                child,
                f"扩展属性“{name}”不能用在{KIND_TITLES[kind]}上，请移到它适用的元素。",
            )
        elif name in found.properties:
            reading.error("duplicate_property", child, f"扩展属性“{name}”写了两次，请只留一个。")
        elif not value:
            reading.error("property_empty", child, f"扩展属性“{name}”没有值，请填写或删去。")
        elif "${" in value or "#{" in value:
            reading.error("expression_language", child, f"扩展属性“{name}”：不支持“${{…}}”写法，请写 FEEL。")
        else:
            found.properties[name] = value

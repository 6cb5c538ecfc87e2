"""Read a BPMN file 读流程图: definitions, processes, scopes, lanes and flows → `model.Process`.

Straight from lxml, so that every finding names its element and line. What the kernel does not execute is a finding
(see `vocabulary`); pictures, notes and collapsed participants are legal and left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from engine.definitions import collaboration, compensation, correlation, data, standard, starts, xml
from engine.definitions.global_tasks import read_global_tasks
from engine.definitions.links import link_flows
from engine.definitions.model import AdHoc, Element, Flow, Kind, Process
from engine.definitions.nodes import read_node
from engine.definitions.reading import (
    Node,
    Reading,
    boolean,
    instead,
    is_bpmn,
    line_of,
    local,
    namespace,
    text_of,
)
from engine.definitions.vocabulary import (
    BPMN,
    DECORATION_NAMESPACES,
    DEFINITION_CHILDREN,
    EVENT_DEFINITIONS,
    FLOW_NODES,
    OUTSIDE_WORLD,
    SCOPE_DECORATION,
)
from engine.errors import DefinitionRefused, Finding

MAX_NODES = 500
MAX_FLOWS = 2_000

_DEFINITIONS: Mapping[str, frozenset[str] | None] = dict.fromkeys(
    ("id", "name", "targetNamespace", "expressionLanguage", "typeLanguage", "exporter", "exporterVersion")
)
_PROCESS: Mapping[str, frozenset[str] | None] = {
    "id": None,
    "name": None,
    "isExecutable": None,
    "isClosed": frozenset({"false"}),
    "processType": frozenset({"none", "public", "private"}),
}
_FLOW: Mapping[str, frozenset[str] | None] = dict.fromkeys(
    ("id", "name", "sourceRef", "targetRef", "isImmediate")
)
_NAMED: Mapping[str, frozenset[str] | None] = dict.fromkeys(("id", "name", "itemRef", "structureRef"))


@dataclass
class _Draft:
    """One process while it is read."""

    key: str
    elements: dict[str, Element] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    flow_nodes: dict[str, Node] = field(default_factory=dict)
    """Flow id → its XML element, for findings."""
    order: dict[str, list[str]] = field(default_factory=dict)
    """Element id → the flow ids of its `outgoing` children."""
    sources: dict[str, Node] = field(default_factory=dict)
    """Element id → its XML element."""
    lanes: dict[str, str] = field(default_factory=dict)


def read(
    content: bytes, file: str, *, lone: bool = False, rules: Collection[standard.Rule] = standard.UNPLAYABLE
) -> tuple[dict[str, Process], list[Finding]]:
    """BPMN bytes → processes by id, and findings. Processes are usable only where no finding is an error.

    `lone`: the diagram stands alone and may come from any tool (see `Reading.loose`). `rules`: the structural rules of the
    standard that are held against it.
    """
    reading = Reading(file, lone=lone)
    try:
        root = xml.parse(content, file)
    except DefinitionRefused as refusal:
        return {}, list(refusal.fields["findings"])
    if not is_bpmn(root, "definitions"):
        reading.error("not_bpmn", root, "不是 BPMN 2.0 文件（最外层应为 definitions），请从流程设计器导出。")
        return {}, reading.findings
    judged = standard.judge(root, file, rules)
    reading.said |= {(finding.rule, finding.element) for finding in judged}
    _definitions(reading, root)
    together = collaboration.read(reading, root)
    data.read_items(reading, root)
    reading.associations = compensation.associations(root)
    keys = correlation.read(reading, root)
    processes: dict[str, Process] = {}
    for node in root:
        if is_bpmn(node, "process"):
            process = _process(reading, node)
            if process.key in processes:
                continue  # the doubled id was found above
            processes[process.key] = replace(
                process,
                collaboration=together,
                correlation=keys,
                expects=correlation.read_subscriptions(reading, node, keys),
            )
    collaboration.check(reading, root, processes)
    tasks = read_global_tasks(reading, root)
    if not processes:
        reading.error("no_process", root, "图中没有流程，请至少画一个带开始事件的流程。")
    return processes | {
        key: task for key, task in tasks.items() if key not in processes
    }, judged + reading.findings


# -- the root ------------------------------------------------------------------------------------------


def _definitions(reading: Reading, root: Node) -> None:
    reading.attributes(root, _DEFINITIONS)
    language = str(root.get("expressionLanguage") or "")
    if language and "feel" not in language.lower():
        reading.warning(
            "expression_language", root, "表达式一律按 FEEL 读取，请把 expressionLanguage 删去或改为 FEEL。"
        )
    reading.extensions(root)
    used = {text_of(ref).rpartition(":")[2] for ref in root.iter(f"{{{BPMN}}}eventDefinitionRef")}
    for loop in root.iter(f"{{{BPMN}}}multiInstanceLoopCharacteristics"):
        used |= {str(loop.get(f"{one}BehaviorEventRef") or "").rpartition(":")[2] for one in ("one", "none")}
    for node in reading.children(root, *DEFINITION_CHILDREN, *OUTSIDE_WORLD):
        key, tag = str(node.get("id") or ""), local(node)
        name = str(node.get("name") or "").strip()
        match tag:
            case "message" | "signal":
                reading.attributes(node, _NAMED)
                reading.children(node)
                reading.extensions(node)
                title = "消息" if tag == "message" else "信号"
                if not name:
                    reading.loose(f"{tag}_name", node, f"{title}没有名称，按编号“{key[:60]}”等待，请填写。")
                elif name.startswith(("=", "${", "#{")):
                    reading.error(
                        f"{tag}_name",
                        node,
                        f"{title}名称“{name[:60]}”不能是表达式，请写固定名称，用关联键区分。",
                    )
                (reading.messages if tag == "message" else reading.signals)[key] = name or key
            case "error" | "escalation":
                reading.attributes(node, {**_NAMED, f"{tag}Code": None})
                reading.children(node)
                reading.extensions(node)
                code = str(node.get(f"{tag}Code") or "").strip()
                if not code:  # caught, it means any code; thrown it is refused where it is thrown
                    title = "错误" if tag == "error" else "升级"
                    reading.loose(f"{tag}_code", node, f"{title}“{name or key}”没有代码，请填写 {tag}Code。")
                (reading.errors if tag == "error" else reading.escalations)[key] = code
            case "collaboration":
                pass  # see `collaboration`
            case _ if tag in EVENT_DEFINITIONS:
                reading.definitions[key] = node
                if key not in used:
                    reading.warning(
                        "definition_unused", node, "没有事件引用这个事件定义，请删去，或在事件上引用它。"
                    )
            case _ if tag in OUTSIDE_WORLD:
                reading.loose("unknown_element", node, f"“{tag}”不能用在此处。{instead(tag)}")
            case _:
                pass


# -- processes and scopes ------------------------------------------------------------------------------


def _process(reading: Reading, node: Node) -> Process:
    reading.attributes(node, _PROCESS)
    reading.extensions(node)
    key = str(node.get("id") or "")
    if not key:
        reading.error("process_id", node, "流程没有代码（id），请填写。")
    executable = boolean(reading, node, "isExecutable", True)
    if not executable:
        reading.warning(
            "not_executable", node, "流程标记为不可执行，仍按可执行流程检查和运行，请勾选“可执行”。"
        )
    draft = _Draft(key)
    _scope(reading, node, draft, key, "process start")
    own = _tie(reading, draft)
    inputs, outputs = data.read_signature(reading, node)
    begins, implicit = starts.of_process(reading, draft.elements, draft.sources, key)
    handlers = tuple(e.id for e in draft.elements.values() if e.event_subprocess and e.scope == key)
    return Process(
        key=key,
        name=str(node.get("name") or "").strip() or key,
        executable=executable,
        file=reading.file,
        elements=draft.elements,
        flows=draft.flows,
        starts=begins,
        implicit=implicit,
        event_subprocesses=handlers,
        lanes=draft.lanes,
        line=line_of(node),
        inputs=inputs,
        outputs=outputs,
        declares=reading.declared.get(key, ()),
        compensation=own,
    )


def _scope(reading: Reading, node: Node, draft: _Draft, scope: str, position: str) -> None:
    """Everything drawn directly inside a process or subprocess, and then what is inside that."""
    inside_activity = local(node) != "process"
    for child in node:
        tag = local(child)
        if not is_bpmn(child):
            if namespace(child) not in DECORATION_NAMESPACES:
                reading.unknown_child(child)
        elif tag in FLOW_NODES:
            _node(reading, child, draft, scope, position)
        elif tag == "sequenceFlow":
            _flow(reading, child, draft)
        elif tag == "laneSet":
            _lanes(reading, child, draft)
        elif (
            tag in SCOPE_DECORATION
            or tag in {"extensionElements", "ioSpecification"}
            or inside_activity
            and tag
            in {
                "incoming",
                "outgoing",
                "multiInstanceLoopCharacteristics",
                "standardLoopCharacteristics",
                "dataInputAssociation",
                "dataOutputAssociation",
            }
            or tag == "completionCondition"
            and local(node) == "adHocSubProcess"
        ):
            continue
        else:
            reading.unknown_child(child)


def _node(reading: Reading, node: Node, draft: _Draft, scope: str, position: str) -> None:
    kind = FLOW_NODES[local(node)]
    reading.nodes += 1
    if reading.nodes > MAX_NODES:
        if reading.nodes == MAX_NODES + 1:
            reading.error(
                "too_many_nodes", node, f"一个文件最多 {MAX_NODES} 个元素，请拆成几张图，用调用活动连接。"
            )
        return
    key = str(node.get("id") or "")
    if not key:
        reading.error("element_id", node, "元素没有编号（id），请填写。")
        return
    if key in draft.elements or key in draft.flows or key == draft.key:
        return  # found by the standard's rules
    element = read_node(reading, node, kind, scope, position if kind is Kind.START else kind.value)
    draft.elements[key] = element
    draft.sources[key] = node
    for child in node:
        if is_bpmn(child, "outgoing"):
            draft.order.setdefault(key, []).append((child.text or "").strip().rpartition(":")[2])
    if kind is Kind.SUBPROCESS:
        inner = "event subprocess start" if element.event_subprocess else "subprocess start"
        _scope(reading, node, draft, key, inner)


def _flow(reading: Reading, node: Node, draft: _Draft) -> None:
    reading.attributes(node, _FLOW)
    reading.extensions(node)
    key = str(node.get("id") or "")
    if not key:
        reading.loose("flow_id", node, "顺序流没有编号（id），请填写，改版后才认得出是同一条。")
        key = _flow_name(node, draft)
    if key in draft.flows or key in draft.elements:
        return
    if len(draft.flows) >= MAX_FLOWS:
        if len(draft.flows) == MAX_FLOWS and not any(f.rule == "too_many_flows" for f in reading.findings):
            reading.error(
                "too_many_flows", node, f"一个流程最多 {MAX_FLOWS} 条顺序流，请拆成几张图，用调用活动连接。"
            )
        return
    conditions = reading.children(node, "conditionExpression")
    condition = None
    if conditions:
        text = reading.expression_child(conditions[0])
        condition = reading.formula(conditions[0], text, "条件")
    draft.flows[key] = Flow(
        id=key,
        source=_end(node, "sourceRef"),
        target=_end(node, "targetRef"),
        name=" ".join(str(node.get("name") or "").split()),
        condition=condition,
        line=line_of(node),
    )
    draft.flow_nodes[key] = node


def _flow_name(node: Node, draft: _Draft) -> str:
    """What a flow is called that nothing refers to and that therefore needs no id (BPMN 2.0.2, 8.3.1): never an id."""
    name = f"{_end(node, 'sourceRef')}->{_end(node, 'targetRef')}"
    alike = sum(key == name or key.startswith(f"{name}#") for key in draft.flows)
    return f"{name}#{alike + 1}" if alike else name


def _end(flow: Node, attribute: str) -> str:
    """The id a flow's end names; some tools put the file's prefix before it as where the schema wants a QName."""
    return str(flow.get(attribute) or "").strip().rpartition(":")[2]


def _lanes(reading: Reading, node: Node, draft: _Draft) -> None:
    reading.attributes(node, {"id": None, "name": None})
    reading.extensions(node)
    for lane in reading.children(node, "lane"):
        reading.attributes(lane, {"id": None, "name": None, "partitionElementRef": None})
        reading.extensions(lane)
        name = " ".join(str(lane.get("name") or "").split())
        for child in reading.children(lane, "flowNodeRef", "childLaneSet"):
            if is_bpmn(child, "childLaneSet"):
                _lanes(reading, child, draft)
            else:
                draft.lanes.setdefault((child.text or "").strip(), name)


# -- tying flows to elements ---------------------------------------------------------------------------


def _tie(reading: Reading, draft: _Draft) -> str:
    """Give every element its flows, boundary events, inner start and event subprocesses, and what undoes it.

    Gives the compensation event subprocess of the process itself."""
    outgoing: dict[str, list[Flow]] = {}
    incoming: dict[str, list[str]] = {}
    for key, flow in list(draft.flows.items()):
        if flow.source not in draft.elements or flow.target not in draft.elements:
            del draft.flows[key]  # the standard's rules say so
            continue
        outgoing.setdefault(flow.source, []).append(flow)
        incoming.setdefault(flow.target, []).append(key)
    for link in link_flows(draft.elements, draft.sources):
        draft.flows[link.id] = link
        outgoing.setdefault(link.source, []).append(link)
        incoming.setdefault(link.target, []).append(link.id)
    for key, element in list(draft.elements.items()):
        rank = {flow: i for i, flow in enumerate(draft.order.get(key, []))}
        flows = sorted(outgoing.get(key, []), key=lambda f: rank.get(f.id, len(rank)))
        draft.elements[key] = replace(
            element,
            lane=draft.lanes.get(key, ""),
            outgoing=tuple(flows),
            incoming=tuple(incoming.get(key, ())),
        )
    _boundaries(draft)
    _inner(reading, draft)
    own = compensation.bind(reading, draft.elements, draft.sources, draft.key)
    for key in [k for k in draft.lanes if k not in draft.elements]:
        del draft.lanes[key]
    return own


def _boundaries(draft: _Draft) -> None:
    """Tie boundary events to what they are attached to."""
    attached: dict[str, list[str]] = {}
    for element in draft.elements.values():
        host = draft.elements.get(element.attached_to)
        if element.kind is Kind.BOUNDARY and host is not None and host.scope == element.scope:
            attached.setdefault(host.id, []).append(element.id)
    for key, events in attached.items():
        draft.elements[key] = replace(draft.elements[key], boundary=tuple(events))


def _inner(reading: Reading, draft: _Draft) -> None:
    """Where every subprocess begins, and its event subprocesses."""
    handlers: dict[str, list[str]] = {}
    for element in draft.elements.values():
        if element.event_subprocess:
            handlers.setdefault(element.scope, []).append(element.id)
    for key, inside in handlers.items():
        if key in draft.elements:
            draft.elements[key] = replace(draft.elements[key], event_subprocesses=tuple(inside))
    for key, element in list(draft.elements.items()):
        if element.ad_hoc is not None:
            _ad_hoc(draft, draft.elements[key], element.ad_hoc)
    starts.of_subprocesses(reading, draft.elements, draft.sources)


def _ad_hoc(draft: _Draft, element: Element, how: AdHoc) -> None:
    """What is drawn directly in an ad-hoc subprocess: what has no incoming flow may begin (BPMN 2.0.2, 10.3.5)."""
    inside = [e for e in draft.elements.values() if e.scope == element.id]
    for one in inside:
        draft.elements[one.id] = replace(one, inside_ad_hoc=not one.for_compensation)
    begins = tuple(
        e.id
        for e in inside
        if not e.incoming
        and not e.event_subprocess
        and not e.for_compensation
        and e.kind not in (Kind.END, Kind.BOUNDARY)
    )
    draft.elements[element.id] = replace(
        draft.elements[element.id],
        ad_hoc=replace(how, begins=begins),
    )

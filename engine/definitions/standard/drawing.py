"""A file as it is drawn 图纸: its elements by tag and id, who is joined to whom, what an event waits for.

The rules of the standard look at this and not at the compiled process, so that they also judge what the kernel does not
execute (choreographies, interfaces, conversations).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.definitions.reading import Node, is_bpmn, local, text_of
from engine.definitions.vocabulary import BPMN, CAMUNDA

TASKS = frozenset(
    {
        "task",
        "userTask",
        "manualTask",
        "serviceTask",
        "sendTask",
        "receiveTask",
        "businessRuleTask",
        "scriptTask",
    }
)
SUBPROCESSES = frozenset({"subProcess", "transaction", "adHocSubProcess"})
ACTIVITIES = TASKS | SUBPROCESSES | {"callActivity"}
GATEWAYS = frozenset(
    {"exclusiveGateway", "inclusiveGateway", "parallelGateway", "complexGateway", "eventBasedGateway"}
)
THROWING = frozenset({"intermediateThrowEvent", "endEvent", "implicitThrowEvent"})
CATCHING = frozenset({"startEvent", "intermediateCatchEvent", "boundaryEvent"})
EVENTS = THROWING | CATCHING
CHOREOGRAPHY = frozenset({"choreographyTask", "subChoreography", "callChoreography"})
FLOW_NODES = ACTIVITIES | GATEWAYS | EVENTS | CHOREOGRAPHY
GLOBAL_TASKS = frozenset(
    {"globalTask", "globalUserTask", "globalManualTask", "globalScriptTask", "globalBusinessRuleTask"}
)
CALLABLE = GLOBAL_TASKS | {"process"}
EVENT_DEFINITIONS = frozenset(
    {
        "messageEventDefinition",
        "timerEventDefinition",
        "signalEventDefinition",
        "errorEventDefinition",
        "escalationEventDefinition",
        "conditionalEventDefinition",
        "compensateEventDefinition",
        "cancelEventDefinition",
        "linkEventDefinition",
        "terminateEventDefinition",
    }
)
ITEM_AWARE = frozenset(
    {
        "property",
        "dataObject",
        "dataObjectReference",
        "dataStore",
        "dataStoreReference",
        "dataInput",
        "dataOutput",
        "inputDataItem",
        "outputDataItem",
    }
)
ARTIFACTS = frozenset({"association", "textAnnotation", "group"})

_ENGINES = (
    "camunda.org",
    "zeebe",
    "activiti.org",
    "flowable.org",
    "jboss.org",
    "drools",
    "signavio",
    "bonitasoft",
)
"""Parts of the namespaces of engines that bind calls and messages in their own way."""

TITLES: dict[str, str] = {
    "process": "流程",
    "startEvent": "开始事件",
    "endEvent": "结束事件",
    "intermediateCatchEvent": "中间捕获事件",
    "intermediateThrowEvent": "中间抛出事件",
    "boundaryEvent": "边界事件",
    "task": "任务",
    "userTask": "用户任务",
    "manualTask": "手工任务",
    "serviceTask": "服务任务",
    "sendTask": "发送任务",
    "receiveTask": "接收任务",
    "businessRuleTask": "业务规则任务",
    "scriptTask": "脚本任务",
    "callActivity": "调用活动",
    "subProcess": "子流程",
    "transaction": "事务子流程",
    "adHocSubProcess": "自由子流程",
    "exclusiveGateway": "排他网关",
    "inclusiveGateway": "包容网关",
    "parallelGateway": "并行网关",
    "complexGateway": "复杂网关",
    "eventBasedGateway": "事件网关",
    "choreographyTask": "编排任务",
    "subChoreography": "子编排",
    "callChoreography": "调用编排",
    "choreography": "编排",
    "globalChoreographyTask": "全局编排任务",
    "globalConversation": "全局会话",
    "collaboration": "协作图",
    "sequenceFlow": "顺序流",
    "messageFlow": "消息流",
    "association": "关联线",
    "textAnnotation": "注释",
    "group": "分组",
    "dataObject": "数据对象",
    "dataObjectReference": "数据对象引用",
    "dataStore": "数据存储",
    "dataStoreReference": "数据存储引用",
    "dataInput": "数据输入",
    "dataOutput": "数据输出",
    "property": "属性",
    "inputSet": "输入集",
    "outputSet": "输出集",
    "dataInputAssociation": "数据输入关联",
    "dataOutputAssociation": "数据输出关联",
    "participant": "泳池",
    "lane": "泳道",
    "message": "消息",
    "signal": "信号",
    "error": "错误",
    "escalation": "升级",
    "itemDefinition": "数据类型",
    "interface": "服务接口",
    "operation": "服务操作",
    "resource": "人员资源",
    "category": "类别",
    "conversation": "会话",
    "subConversation": "子会话",
    "callConversation": "调用会话",
    "correlationKey": "关联键",
    "correlationProperty": "关联属性",
    **dict.fromkeys(GLOBAL_TASKS, "全局任务"),
}
TRIGGERS: dict[str, str] = {
    "": "空",
    "message": "消息",
    "timer": "定时",
    "signal": "信号",
    "error": "错误",
    "escalation": "升级",
    "conditional": "条件",
    "compensate": "补偿",
    "cancel": "取消",
    "link": "链接",
    "terminate": "终止",
}


@dataclass
class Drawing:
    """One file: an index over its elements, made by one walk."""

    root: Node
    ids: dict[str, Node] = field(default_factory=dict)
    twice: list[Node] = field(default_factory=list)
    """Elements whose id another has already."""
    by_tag: dict[str, list[Node]] = field(default_factory=dict)
    outgoing: dict[Node, list[Node]] = field(default_factory=dict)
    """Flow node → the sequence flows that name it as their source."""
    incoming: dict[Node, list[Node]] = field(default_factory=dict)
    boundaries: dict[Node, list[Node]] = field(default_factory=dict)
    """Activity → the boundary events on it."""
    associated: dict[Node, list[Node]] = field(default_factory=dict)
    """Element → what associations join it to, in either direction."""

    _processes: dict[Node, Node | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.root.iter("*"):
            key = node.get("id")
            if is_bpmn(node):
                self.by_tag.setdefault(local(node), []).append(node)
            elif _is_extension(node):
                continue
            if key is None:
                continue
            if str(key) in self.ids:
                self.twice.append(node)
            else:
                self.ids[str(key)] = node
        for flow in self.all("sequenceFlow"):
            for name, side in (("sourceRef", self.outgoing), ("targetRef", self.incoming)):
                end = self.find(flow, flow.get(name))
                if end is not None:
                    side.setdefault(end, []).append(flow)
        for event in self.all("boundaryEvent"):
            host = self.find(event, event.get("attachedToRef"))
            if host is not None:
                self.boundaries.setdefault(host, []).append(event)

        for association in self.all("association"):
            ends = [self.find(association, association.get(name)) for name in ("sourceRef", "targetRef")]
            for one, other in (ends, ends[::-1]):
                if one is not None and other is not None:
                    self.associated.setdefault(one, []).append(other)

    # -- finding things ----------------------------------------------------------------------------

    def all(self, *tags: str) -> list[Node]:
        """Elements with these tags, in the order of the tags and of the file."""
        return [node for tag in tags for node in self.by_tag.get(tag, ())]

    def find(self, at: Node, reference: str | None) -> Node | None:
        """What a reference names in this file; a prefix stands for this file's own namespace or for another file."""
        name = (reference or "").strip()
        if not name:
            return None
        if name in self.ids:
            return self.ids[name]
        prefix, colon, key = name.rpartition(":")
        return self.ids.get(key) if colon and not self.foreign(at, name) else None

    def foreign(self, at: Node, reference: str) -> bool:
        """True when the reference's prefix stands for another file's namespace."""
        prefix, colon, _ = reference.strip().rpartition(":")
        if not colon:
            return False
        space = at.nsmap.get(prefix)
        return space is not None and space not in {str(self.root.get("targetNamespace") or ""), BPMN}

    def of_engine(self) -> bool:
        """True when the file is in the dialect of an engine that binds calls and messages in its own way."""
        return any(part in str(space) for space in self.root.nsmap.values() for part in _ENGINES)

    def references(self, node: Node, child: str) -> list[Node]:
        """The elements that `node`'s children of a tag name."""
        found = (self.find(one, text_of(one)) for one in node if is_bpmn(one, child))
        return [one for one in found if one is not None]

    # -- places ------------------------------------------------------------------------------------

    def process(self, node: Node) -> Node | None:
        """The process around `node`."""
        if node not in self._processes:
            found = next((n for n in node.iterancestors() if is_bpmn(n, "process")), None)
            self._processes[node] = found
        return self._processes[node]

    def executable(self, node: Node) -> bool:
        """True where the process around `node` says that it is executable. One that says nothing claims nothing."""
        process = node if is_bpmn(node, "process") else self.process(node)
        return process is not None and true(process, "isExecutable")

    def nodes(self, *tags: str) -> Iterator[Node]:
        """Flow nodes (with these tags) of processes, at every depth."""
        for tag in tags or sorted(FLOW_NODES):
            for node in self.by_tag.get(tag, ()):
                if self.process(node) is not None:
                    yield node

    def levels(self) -> list[Node]:
        """Processes and subprocesses: what holds flow nodes."""
        return self.all("process", *sorted(SUBPROCESSES))

    # -- events ------------------------------------------------------------------------------------

    def definitions(self, event: Node) -> list[Node]:
        """What an event waits for or throws, drawn inside it or referred to."""
        found: list[Node] = []
        for child in event:
            if is_bpmn(child, *EVENT_DEFINITIONS):
                found.append(child)
            elif is_bpmn(child, "eventDefinitionRef"):
                named = self.find(child, text_of(child))
                if named is not None and local(named) in EVENT_DEFINITIONS:
                    found.append(named)
        return found

    def triggers(self, event: Node) -> list[str]:
        """`message`, `timer`, … of an event; empty for a plain one."""
        return [local(one).removesuffix("EventDefinition") for one in self.definitions(event)]

    def item(self, node: Node | None, attribute: str = "itemSubjectRef") -> Node | None:
        """The item definition of something that carries data. A reference carries that of what it refers to."""
        if node is None:
            return None
        found = self.find(node, node.get(attribute))
        if found is None and local(node) in {"dataObjectReference", "dataStoreReference"}:
            name = "dataObjectRef" if local(node) == "dataObjectReference" else "dataStoreRef"
            behind = self.find(node, node.get(name))
            return None if behind is node else self.item(behind)
        return found


def _is_extension(node: Node) -> bool:
    """Inside `extensionElements` a vendor writes what ids it likes."""
    return any(is_bpmn(one, "extensionElements") for one in node.iterancestors())


def true(node: Node, attribute: str, default: bool = False) -> bool:
    """A boolean attribute."""
    raw = node.get(attribute)
    return default if raw is None else str(raw).strip() in {"true", "1"}


def event_subprocess(node: Node) -> bool:
    return is_bpmn(node, "subProcess") and true(node, "triggeredByEvent")


def compensation(node: Node) -> bool:
    """An activity that only undoes another one."""
    return local(node) in ACTIVITIES and true(node, "isForCompensation")


def children(node: Node, *tags: str) -> list[Node]:
    return [child for child in node if is_bpmn(child, *tags)]


def title(node: Node) -> str:
    """How an element is called in a sentence: its kind and its name."""
    tag = local(node)
    kind = "事件子流程" if event_subprocess(node) else TITLES.get(tag, tag)
    name = " ".join(str(node.get("name") or node.get("id") or "").split())
    return f"{kind}“{name[:40]}”" if name else kind


def camunda(node: Node, name: str) -> str:
    return str(node.get(f"{{{CAMUNDA}}}{name}") or "").strip()

"""What a diagram may contain 图中可用的内容: tags, attributes, decoration, and what to draw instead of the rest.

Tables only. `bpmn` refuses whatever stands in none of them, so that nothing drawn is ignored silently.
"""

from __future__ import annotations

import re

from engine.definitions.model import Kind, Trigger

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
CAMUNDA = "http://camunda.org/schema/1.0/bpmn"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

DECORATION_NAMESPACES = frozenset(
    {
        "http://www.omg.org/spec/BPMN/20100524/DI",
        "http://www.omg.org/spec/DD/20100524/DI",
        "http://www.omg.org/spec/DD/20100524/DC",
        "http://bpmn.io/schema/bpmn/biocolor/1.0",
        "http://www.omg.org/spec/BPMN/non-normative/color/1.0",
        "http://camunda.org/schema/modeler/1.0",
        "http://bpmn.io/schema/bpmn",
    }
)
"""Drawing, colours and the modeler's own notes: shown, never executed."""

GLOBAL_TASKS: dict[str, Kind] = {
    "globalTask": Kind.TASK,
    "globalUserTask": Kind.USER,
    "globalManualTask": Kind.MANUAL,
    "globalBusinessRuleTask": Kind.RULE,
    "globalScriptTask": Kind.SCRIPT,
}
"""Under `definitions`: tasks that are called, and the task each stands for."""

FLOW_NODES: dict[str, Kind] = {kind.value: kind for kind in Kind} | {
    "adHocSubProcess": Kind.SUBPROCESS,
    "transaction": Kind.SUBPROCESS,
}

OPINION_FORM = "加签意见"
"""Key of the form of an added signer (`definitions.opinion`)."""

OPINION, REASON = "加签意见", "加签理由"
"""Its fields that say whether one agrees, and why not."""

AGAINST = "不同意"
"""What stands under `OPINION` there of who does not agree."""

ACTIVITIES = frozenset(
    {
        Kind.TASK,
        Kind.USER,
        Kind.MANUAL,
        Kind.SERVICE,
        Kind.SEND,
        Kind.RECEIVE,
        Kind.RULE,
        Kind.SCRIPT,
        Kind.SUBPROCESS,
        Kind.CALL,
    }
)
PEOPLE = frozenset({Kind.USER, Kind.MANUAL})
GATEWAYS = frozenset({Kind.EXCLUSIVE, Kind.PARALLEL, Kind.INCLUSIVE, Kind.COMPLEX, Kind.EVENT_GATEWAY})
EVENTS = frozenset({Kind.START, Kind.END, Kind.CATCH, Kind.THROW, Kind.BOUNDARY})

KIND_TITLES: dict[Kind, str] = {
    Kind.START: "开始事件",
    Kind.END: "结束事件",
    Kind.CATCH: "中间捕获事件",
    Kind.THROW: "中间抛出事件",
    Kind.BOUNDARY: "边界事件",
    Kind.TASK: "任务",
    Kind.USER: "用户任务",
    Kind.MANUAL: "手工任务",
    Kind.SERVICE: "服务任务",
    Kind.SEND: "发送任务",
    Kind.RECEIVE: "接收任务",
    Kind.RULE: "业务规则任务",
    Kind.SCRIPT: "脚本任务",
    Kind.EXCLUSIVE: "排他网关",
    Kind.PARALLEL: "并行网关",
    Kind.INCLUSIVE: "包容网关",
    Kind.COMPLEX: "复杂网关",
    Kind.EVENT_GATEWAY: "事件网关",
    Kind.SUBPROCESS: "子流程",
    Kind.CALL: "调用活动",
}

TRIGGER_TITLES: dict[Trigger, str] = {
    Trigger.NONE: "空",
    Trigger.TIMER: "定时",
    Trigger.MESSAGE: "消息",
    Trigger.SIGNAL: "信号",
    Trigger.ERROR: "错误",
    Trigger.ESCALATION: "升级",
    Trigger.TERMINATE: "终止",
    Trigger.LINK: "链接",
    Trigger.CONDITIONAL: "条件",
    Trigger.MULTIPLE: "多重",
    Trigger.COMPENSATION: "补偿",
    Trigger.CANCEL: "取消",
}

EVENT_DEFINITIONS: dict[str, Trigger] = {
    "timerEventDefinition": Trigger.TIMER,
    "messageEventDefinition": Trigger.MESSAGE,
    "signalEventDefinition": Trigger.SIGNAL,
    "errorEventDefinition": Trigger.ERROR,
    "escalationEventDefinition": Trigger.ESCALATION,
    "terminateEventDefinition": Trigger.TERMINATE,
    "linkEventDefinition": Trigger.LINK,
    "conditionalEventDefinition": Trigger.CONDITIONAL,
    "compensateEventDefinition": Trigger.COMPENSATION,
    "cancelEventDefinition": Trigger.CANCEL,
}

DEFINITION_CHILDREN = frozenset(
    {
        *EVENT_DEFINITIONS,
        *GLOBAL_TASKS,
        "process",
        "collaboration",
        "message",
        "signal",
        "error",
        "escalation",
        "itemDefinition",
        "category",
        "dataStore",
        "correlationProperty",
    }
)
"""Under `definitions`. `itemDefinition`, `category` and `dataStore` are for reading only; event definitions are those
that events refer to (`eventDefinitionRef`)."""

OUTSIDE_WORLD = frozenset({"interface", "endPoint", "partnerEntity", "partnerRole", "resource"})
"""Under `definitions`: how web services, partners and resources are described. A package says so otherwise."""

LEFT_OUT = frozenset(
    {
        "import",
        "extension",
        "relationship",
        "choreography",
        "globalChoreographyTask",
        "globalConversation",
        "globalTask",
        "globalUserTask",
        "globalManualTask",
        "globalScriptTask",
        "globalBusinessRuleTask",
        "correlationProperty",
        "correlationKey",
        "correlationSubscription",
        "conversation",
        "subConversation",
        "callConversation",
        "conversationLink",
        "conversationAssociation",
        "participantAssociation",
        "messageFlowAssociation",
        "choreographyRef",
        "supportedInterfaceRef",
        "supports",
        "ioBinding",
        "resourceRole",
        "performer",
        "humanPerformer",
        "potentialOwner",
        "rendering",
        "categoryValueRef",
        "operationRef",
        "implementation",
        "isClosed",
        "definitionalCollaborationRef",
    }
)
"""Elements and attributes that change nothing of where tokens go: a lone diagram of another tool plays without them and is
warned of; a package says otherwise what they mean, or leaves them out."""

SCOPE_DECORATION = frozenset(
    {
        "documentation",
        "textAnnotation",
        "association",
        "group",
        "dataObject",
        "dataObjectReference",
        "dataStoreReference",
        "property",
        "auditing",
        "monitoring",
        "correlationSubscription",
    }
)
NODE_DECORATION = frozenset(
    {
        "documentation",
        "property",
        "auditing",
        "monitoring",
        "ioSpecification",
        "dataInputAssociation",
        "dataOutputAssociation",
        "dataInput",
        "dataOutput",
        "inputSet",
        "outputSet",
    }
)

POSITIONS: dict[str, frozenset[Trigger]] = {
    "process start": frozenset(
        {Trigger.NONE, Trigger.TIMER, Trigger.MESSAGE, Trigger.SIGNAL, Trigger.CONDITIONAL}
    ),
    "subprocess start": frozenset({Trigger.NONE}),
    "event subprocess start": frozenset(
        {
            Trigger.TIMER,
            Trigger.MESSAGE,
            Trigger.SIGNAL,
            Trigger.ERROR,
            Trigger.ESCALATION,
            Trigger.CONDITIONAL,
            Trigger.COMPENSATION,
        }
    ),
    Kind.END.value: frozenset(
        {
            Trigger.NONE,
            Trigger.MESSAGE,
            Trigger.SIGNAL,
            Trigger.ERROR,
            Trigger.ESCALATION,
            Trigger.TERMINATE,
            Trigger.COMPENSATION,
            Trigger.CANCEL,
        }
    ),
    Kind.CATCH.value: frozenset(
        {Trigger.TIMER, Trigger.MESSAGE, Trigger.SIGNAL, Trigger.LINK, Trigger.CONDITIONAL}
    ),
    Kind.THROW.value: frozenset(
        {
            Trigger.NONE,
            Trigger.MESSAGE,
            Trigger.SIGNAL,
            Trigger.ESCALATION,
            Trigger.LINK,
            Trigger.COMPENSATION,
        }
    ),
    Kind.BOUNDARY.value: frozenset(
        {
            Trigger.TIMER,
            Trigger.MESSAGE,
            Trigger.SIGNAL,
            Trigger.ERROR,
            Trigger.ESCALATION,
            Trigger.CONDITIONAL,
            Trigger.COMPENSATION,
            Trigger.CANCEL,
        }
    ),
}
"""Which triggers an event may have where it is drawn; a multiple event several of them, but no link."""

NOT_TOGETHER = frozenset({Trigger.ERROR})
"""What stops that which throws it, so that nothing could wait for the other triggers of a parallel multiple event."""

# Attributes without a namespace. A value set means: only these (lower case); None: read by `bpmn`.
_ANY: dict[str, frozenset[str] | None] = {"id": None, "name": None}
_TASK_ATTRIBUTES: dict[str, frozenset[str] | None] = {
    **_ANY,
    "default": None,
    "isForCompensation": None,
    "startQuantity": None,
    "completionQuantity": None,
}
_IMPLEMENTATION = frozenset({"##unspecified", "##webservice"})
_DIRECTION = frozenset({"unspecified", "converging", "diverging", "mixed"})
_FALSE = frozenset({"false"})
_BOOLEAN = frozenset({"true", "false", "1", "0"})
NODE_ATTRIBUTES: dict[Kind, dict[str, frozenset[str] | None]] = {
    **dict.fromkeys(ACTIVITIES, _TASK_ATTRIBUTES),
    Kind.USER: {**_TASK_ATTRIBUTES, "implementation": _IMPLEMENTATION},
    Kind.SERVICE: {**_TASK_ATTRIBUTES, "implementation": _IMPLEMENTATION},
    Kind.RULE: {**_TASK_ATTRIBUTES, "implementation": _IMPLEMENTATION},
    Kind.SEND: {**_TASK_ATTRIBUTES, "implementation": _IMPLEMENTATION, "messageRef": None},
    Kind.RECEIVE: {
        **_TASK_ATTRIBUTES,
        "implementation": _IMPLEMENTATION,
        "messageRef": None,
        "instantiate": _BOOLEAN,
    },
    Kind.SCRIPT: {**_TASK_ATTRIBUTES, "scriptFormat": None},
    Kind.SUBPROCESS: {**_TASK_ATTRIBUTES, "triggeredByEvent": None, "method": None},
    Kind.CALL: {**_TASK_ATTRIBUTES, "calledElement": None},
    Kind.START: {**_ANY, "isInterrupting": None, "parallelMultiple": _BOOLEAN},
    Kind.END: _ANY,
    Kind.CATCH: {**_ANY, "parallelMultiple": _BOOLEAN},
    Kind.THROW: _ANY,
    Kind.BOUNDARY: {**_ANY, "attachedToRef": None, "cancelActivity": None, "parallelMultiple": _BOOLEAN},
    Kind.EXCLUSIVE: {**_ANY, "default": None, "gatewayDirection": _DIRECTION},
    Kind.INCLUSIVE: {**_ANY, "default": None, "gatewayDirection": _DIRECTION},
    Kind.COMPLEX: {**_ANY, "default": None, "gatewayDirection": _DIRECTION},
    Kind.PARALLEL: {**_ANY, "gatewayDirection": _DIRECTION},
    Kind.EVENT_GATEWAY: {
        **_ANY,
        "gatewayDirection": _DIRECTION,
        "instantiate": _BOOLEAN,
        "eventGatewayType": frozenset({"exclusive", "parallel"}),
    },
}
"""Attributes of flow nodes. A set of values means that only these (in lower case) may be written."""

GLOBAL_TASK_ATTRIBUTES: dict[str, frozenset[str] | None] = {
    **_ANY,
    "implementation": _IMPLEMENTATION,
    "scriptLanguage": frozenset({"feel"}),
}

AD_HOC_ATTRIBUTES: dict[str, frozenset[str] | None] = {
    **_TASK_ATTRIBUTES,
    "triggeredByEvent": _FALSE,
    "ordering": frozenset({"parallel", "sequential"}),
    "cancelRemainingInstances": None,
}

_CAMUNDA_DECORATION = frozenset({"modelerTemplate", "modelerTemplateVersion", "modelerTemplateIcon"})
_WORK = frozenset({"candidateGroups", "assignee", "dueDate", "formKey"})
_EXTERNAL = frozenset({"type", "topic"})
CAMUNDA_ATTRIBUTES: dict[str, frozenset[str]] = {
    **dict.fromkeys(FLOW_NODES, _CAMUNDA_DECORATION),
    Kind.USER.value: _CAMUNDA_DECORATION | _WORK,
    Kind.MANUAL.value: _CAMUNDA_DECORATION | _WORK,
    Kind.SERVICE.value: _CAMUNDA_DECORATION | _EXTERNAL,
    Kind.SEND.value: _CAMUNDA_DECORATION | _EXTERNAL,
    Kind.RULE.value: _CAMUNDA_DECORATION | {"decisionRef", "resultVariable", "mapDecisionResult"},
    Kind.SCRIPT.value: _CAMUNDA_DECORATION | {"resultVariable"},
    "process": _CAMUNDA_DECORATION | {"historyTimeToLive", "versionTag"},
    "multiInstanceLoopCharacteristics": frozenset({"collection", "elementVariable"}),
    "errorEventDefinition": frozenset({"errorCodeVariable", "errorMessageVariable"}),
    "escalationEventDefinition": frozenset({"escalationCodeVariable"}),
}
"""`camunda:` attributes by tag. Decoration of the modeler is legal everywhere it writes it."""

PROPERTIES: dict[str, frozenset[Kind]] = {
    "status": ACTIVITIES | EVENTS,
    "separateFrom": PEOPLE,
    "unit": PEOPLE,
    "returnTo": PEOPLE,
    "copyTo": PEOPLE,
    "documents": PEOPLE,
    "summary": PEOPLE,
    "correlationKey": EVENTS | {Kind.RECEIVE, Kind.SEND},
    "outputCollection": ACTIVITIES,
    "outputElement": ACTIVITIES,
    "passAt": PEOPLE | {Kind.SUBPROCESS},
    "veto": PEOPLE | {Kind.SUBPROCESS},
    "waitForAll": PEOPLE | {Kind.SUBPROCESS},
    "opinion": PEOPLE | {Kind.SUBPROCESS},
    "outcome": PEOPLE | {Kind.SUBPROCESS},
}
"""Extension properties and the elements they may stand on."""

INSTEAD: dict[str, str] = {
    # elements
    "subChoreography": "编排图不执行，请改画流程图。",
    "choreographyTask": "编排图不执行，请改画流程图。",
    "choreography": "编排图不执行，请改画流程图。",
    "potentialOwner": "人员资源不执行，请在“候选岗位”（camunda:candidateGroups）中写岗位代码。",
    "humanPerformer": "人员资源不执行，请在“办理人”（camunda:assignee）或“候选岗位”中填写。",
    "performer": "人员资源不执行，请在“候选岗位”（camunda:candidateGroups）中写岗位代码。",
    "resourceRole": "人员资源不执行，请在“候选岗位”（camunda:candidateGroups）中写岗位代码。",
    "resource": "人员资源不执行，请在“候选岗位”（camunda:candidateGroups）中写岗位代码。",
    "rendering": "表现形式不执行，请用表单（camunda:formKey）。",
    "import": "不能引用外部文件，请把被引用的流程放进同一流程包。",
    "interface": "服务接口不执行，请在服务任务上写 camunda:topic。",
    "executionListener": "执行监听器不执行，请画成服务任务。",
    "taskListener": "任务监听器不执行，请画成服务任务或边界事件。",
    "formData": "请改用表单文件（camunda:formKey）。",
    "connector": '连接器不执行，请改用外部任务（camunda:type="external" 和 camunda:topic）。',
    "field": "请改用输入参数（camunda:inputParameter）。",
    "failedJobRetryTimeCycle": "请删去；还试几次、隔多久再试，由领取任务的程序在报告失败时给出。",
    "errorEventDefinition": "请在任务上画错误边界事件来接收错误。",
    "script": "请改写成以 = 开头的 FEEL 表达式，或把 scriptFormat 改为 feel。",
    # attributes
    "candidateStarterGroups": "谁可以登记请写在 process.toml 的 [start.*] 里。",
    "candidateStarterUsers": "谁可以登记请写在 process.toml 的 [start.*] 里。",
    "isStartableInTasklist": "谁可以登记请写在 process.toml 的 [start.*] 里。",
    "formKey": "表单只能写在用户任务上；登记用的表单请写在 process.toml 的 [start.*] 里。",
    "resultVariable": "结果会并入流程变量；只取一部分时请改用输出参数（camunda:outputParameter）。",
    "dueDate": "时限只能写在用户任务上，其他元素请画定时边界事件。",
    "candidateGroups": "岗位只能写在用户任务和手工任务上。请改画用户任务。",
    "assignee": "办理人只能写在用户任务和手工任务上。请改画用户任务。",
    "candidateUsers": "请改用“候选岗位”（camunda:candidateGroups），由职责库派到单位和人。",
    "class": '请改用外部任务（camunda:type="external" 和 camunda:topic）。',
    "expression": "请改用外部任务，或改画脚本任务写 FEEL。",
    "delegateExpression": '请改用外部任务（camunda:type="external" 和 camunda:topic）。',
    "asyncBefore": "系统自行决定何时提交，请取消“异步”勾选。",
    "asyncAfter": "系统自行决定何时提交，请取消“异步”勾选。",
    "exclusive": "系统自行决定何时提交，请取消“异步”勾选。",
    "jobPriority": "任务优先级不执行，请删去。",
    "priority": "优先级不执行，请删去；待办按时限排序。",
    "followUpDate": "跟进日期不执行，请改画定时边界事件。",
    "initiator": "请删去；登记人已记在案件里。",
    "formRef": "请改用 camunda:formKey。",
    "resource_attribute": "请把脚本直接写在图中。",
    "isForCompensation": "补偿标记只能打在任务、子流程和调用活动上，请删去。",
    "waitForCompletion": "只有补偿事件有等待与否，请删去。",
    "instantiate": "请写 true 或 false。",
    "parallelMultiple": "请写 true 或 false。",
    "implementation": "服务实现不执行，请删去，写 camunda:topic。",
    "operationRef": "服务操作不执行，请删去，写 camunda:topic。",
    "scriptLanguage": "脚本只能用 FEEL，请把脚本语言（scriptLanguage）改为 feel。",
    "scriptFormat": "脚本只能用 FEEL，请把脚本格式改为 feel。",
    "eventGatewayType": "请写 Exclusive，或在启动案件的网关上写 Parallel。",
    "calledElementBinding": "被调用的流程总是同一流程包中的同一版本，请删去该属性。",
    "decisionRefBinding": "决策表总是同一流程包中的同一版本，请删去该属性。",
    "errorMessage": "请删去；错误说明由抛出错误的步骤给出。",
}
"""What to draw instead, by tag or attribute name."""

RESERVED = frozenset(
    {
        "p",
        "case",
        "item",
        "cause",
        "form",
        "loopCounter",
        "nrOfInstances",
        "nrOfCompletedInstances",
        "nrOfActiveInstances",
        "activationCount",
        "waitingForStart",
    }
)
"""Names that expressions already know (docs/dialect.md); a variable of that name would hide them."""

VARIABLE = re.compile(r"[^\W\d]\w{0,99}")
"""What a variable may be called, so that every expression can read it."""

REMOVE = "请删去，或改用手册所列的写法。"

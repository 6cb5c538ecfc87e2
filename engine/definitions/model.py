"""A process package as the kernel sees it 流程包: compiled, immutable, with every name resolved.

Made by `definitions.compile` from BPMN, DMN, forms and process.toml; addressed by the hash of its files. A case
is pinned to one package version and everything it calls (processes, decisions, forms, parameters) comes from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from engine.feel import Expression
from engine.values import Value

if TYPE_CHECKING:
    from engine.definitions.decisions import Decision
    from engine.definitions.forms import Form


class Kind(StrEnum):
    """What an element is. Values are BPMN's own tag names."""

    START = "startEvent"
    END = "endEvent"
    CATCH = "intermediateCatchEvent"
    THROW = "intermediateThrowEvent"
    BOUNDARY = "boundaryEvent"
    TASK = "task"
    USER = "userTask"
    MANUAL = "manualTask"
    SERVICE = "serviceTask"
    SEND = "sendTask"
    RECEIVE = "receiveTask"
    RULE = "businessRuleTask"
    SCRIPT = "scriptTask"
    EXCLUSIVE = "exclusiveGateway"
    PARALLEL = "parallelGateway"
    INCLUSIVE = "inclusiveGateway"
    COMPLEX = "complexGateway"
    EVENT_GATEWAY = "eventBasedGateway"
    SUBPROCESS = "subProcess"
    CALL = "callActivity"


_JOINS = frozenset({Kind.PARALLEL, Kind.INCLUSIVE, Kind.COMPLEX})


class Trigger(StrEnum):
    """What an event waits for or throws."""

    NONE = "none"
    TIMER = "timer"
    MESSAGE = "message"
    SIGNAL = "signal"
    ERROR = "error"
    ESCALATION = "escalation"
    TERMINATE = "terminate"
    LINK = "link"
    CONDITIONAL = "conditional"
    MULTIPLE = "multiple"
    COMPENSATION = "compensation"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Event:
    """An event's definition. `code` is the error or escalation code ("" catches all); `name` the message's, signal's
    or link's name, `key` the FEEL expression of a message's correlation key, evaluated where it waits or is sent."""

    trigger: Trigger
    name: str = ""
    code: str = ""
    key: Expression | None = None
    timer: str = ""  # "date" | "duration" | "cycle"
    # date: gives a date and time or a date; duration: a duration; cycle: the text `R3/PT1H`, or the next date
    # and time (evaluated anew after each firing, null ends it); of a conditional event its condition
    when: Expression | None = None
    code_variable: str = ""  # where an error's or escalation's code is put
    message_variable: str = ""  # where an error's message is put
    parts: tuple[Event, ...] = ()  # of a multiple event: its single definitions, in the order drawn
    parallel: bool = False  # of a multiple event that waits: all parts must have come, not any one
    activity: str = ""  # thrown compensation: the activity to be undone, "" for all in reach
    waits: bool = True  # thrown compensation: goes on when all is undone (waitForCompletion)

    @property
    def each(self) -> tuple[Event, ...]:
        """The single definitions: a multiple event's parts, or the event itself."""
        return self.parts or (self,)


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence flow. `condition` None: always."""

    id: str
    source: str
    target: str
    name: str = ""
    condition: Expression | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Throw:
    """An implicit throw event of a multi-instance (BPMN 2.0.2, 10.3.8): `events` are thrown when a round ends.

    `behavior` "none": with every round, "one": with the first, "complex": where `condition` holds, which also ends the
    multi-instance.
    """

    behavior: str
    events: tuple[Event, ...] = ()
    condition: Expression | None = None


OPINION, OUTCOME = "意见", "会签结果"
"""[P] The key of an opinion and the variable of the result of a 会签, where the diagram names no others."""


@dataclass(frozen=True, slots=True)
class Countersign:
    """会签: how a multi-instance is decided by what its rounds deliver (docs/dialect.md).

    `share` gives the part of all signers, above 0 and at most 1, whose agreement passes it; `veto`: one objection fails it
    一票否决; `waits`: all are heard before it goes on. `opinion` is the key under which a delivered context holds the
    opinion; `outcome` the variable that gets 通过 or 不通过.
    """

    share: Expression
    veto: bool = False
    waits: bool = False
    opinion: str = OPINION
    outcome: str = OUTCOME


@dataclass(frozen=True, slots=True)
class Loop:
    """Standard loop, or multi-instance over a `collection` or `cardinality`.

    Expressions see `loopCounter`, `nrOfInstances`, `nrOfCompletedInstances`, `nrOfActiveInstances`.
    """

    kind: str  # "standard" | "parallel" | "sequential"
    collection: Expression | None = None
    cardinality: Expression | None = None
    element_variable: str = ""
    completion: Expression | None = None
    output_collection: str = ""
    output_element: Expression | None = None
    condition: Expression | None = None  # standard loop: goes on while true
    test_before: bool = False
    maximum: int | None = None
    throws: tuple[Throw, ...] = ()  # what a multi-instance throws when a round ends
    sign: Countersign | None = None


@dataclass(frozen=True, slots=True)
class AdHoc:
    """How the activities of an ad-hoc subprocess are performed (BPMN 2.0.2, 13.3.5): those without incoming flows
    begin, all at once or `sequential`, until all are done or `completion` holds, which then `cancels` the others."""

    sequential: bool = False
    completion: Expression | None = None
    cancels: bool = True
    begins: tuple[str, ...] = ()  # ids of the elements without incoming flows, as drawn


@dataclass(frozen=True, slots=True)
class Binding:
    """One input or output parameter: `name` := `value`. `source`: a data output is copied, where one of that name was
    delivered at all."""

    name: str
    value: Expression
    source: str = ""


@dataclass(frozen=True, slots=True)
class Element:
    """A node of the diagram. `scope` is the id of the subprocess (or process) it is drawn in."""

    id: str
    kind: Kind
    scope: str
    name: str = ""
    line: int = 0
    lane: str = ""
    incoming: tuple[str, ...] = ()
    outgoing: tuple[Flow, ...] = ()
    default: str = ""
    activation: Expression | None = None  # complex gateway: when the tokens that have come let it begin
    start_quantity: int = 1  # tokens an activity needs to begin
    completion_quantity: int = 1  # tokens it sends along each flow
    event: Event | None = None
    loop: Loop | None = None
    inputs: tuple[Binding, ...] = ()
    outputs: tuple[Binding, ...] = ()
    data_inputs: tuple[str, ...] = ()  # names of its data inputs and outputs, in the order drawn
    data_outputs: tuple[str, ...] = ()
    declares: tuple[str, ...] = ()  # of a subprocess: the variables that are its own
    # boundary events
    attached_to: str = ""
    interrupting: bool = True
    boundary: tuple[str, ...] = ()
    # scopes: subprocesses
    event_subprocess: bool = False
    start: str = ""  # the start event tokens begin at
    implicit: tuple[str, ...] = ()  # without a start event: what no flow comes to, where tokens begin
    event_subprocesses: tuple[str, ...] = ()  # drawn directly inside this scope
    ad_hoc: AdHoc | None = None
    inside_ad_hoc: bool = False  # an activity drawn directly in an ad-hoc subprocess
    transaction: bool = False
    # compensation
    for_compensation: bool = False  # undoes another activity; outside all flows
    handler: str = ""  # the compensation activity that undoes this one
    compensation: str = ""  # the compensation event subprocess drawn directly inside
    compensable: bool = False  # has one of these, or may have by what it calls
    # receive tasks and event gateways that begin a case
    instantiate: bool = False
    all_events: bool = False  # event gateway: the first event begins the case, the others still have to come
    # people
    groups: Expression | None = None  # gives a string or a list of strings
    roles: tuple[str, ...] = ()  # the candidate groups, where they are drawn as plain text
    assignee: Expression | None = None
    due: Expression | None = None
    form: str = ""
    unit: Expression | None = None  # extension property `unit`, compiled
    summary: Expression | None = None  # extension property `summary`, compiled: what this very item is about
    # machines
    topic: str = ""
    decision: str = ""
    result_variable: str = ""
    map_decision_result: str = "singleResult"  # singleEntry | singleResult | collectEntries | resultList
    script: Expression | None = None
    called: str = ""  # key of the process a call activity calls
    passes_all: bool = False  # call activity: all variables go in
    returns_all: bool = False  # call activity: all variables come back
    properties: Mapping[str, str] = field(default_factory=dict)
    documentation: str = ""
    # worked out once, for the kernel
    gathers: bool = field(
        init=False, default=False, repr=False
    )  # tokens may have to wait for each other here
    branches: bool = field(
        init=False, default=False, repr=False
    )  # there is something to decide when it is left

    passes: bool = field(
        init=False, default=False, repr=False
    )  # there is nothing to work out when it is entered

    def __post_init__(self) -> None:
        works_out = self.loop is not None or self.inputs or self.passes_all or self.declares
        object.__setattr__(self, "passes", not works_out and self.kind not in (Kind.CALL, Kind.END))
        gathers = self.start_quantity > 1 or (len(self.incoming) > 1 and self.kind in _JOINS)
        object.__setattr__(self, "gathers", gathers)
        conditional = len(self.outgoing) > 1 or any(flow.condition is not None for flow in self.outgoing)
        branches = conditional or self.completion_quantity > 1 or self.inside_ad_hoc
        object.__setattr__(self, "branches", branches or self.kind is Kind.COMPLEX)

    @property
    def events(self) -> tuple[Event, ...]:
        """The single event definitions of the element; none for what is no event."""
        return () if self.event is None else self.event.each

    @property
    def plain_start(self) -> bool:
        """Of a start event: whether nothing triggers it but a person or a call."""
        return self.event is None or self.event.trigger is Trigger.NONE

    def names(self, key: str) -> tuple[str, ...]:
        """An extension property that is a comma list, e.g. `returnTo`, as its parts."""
        return tuple(part for raw in self.properties.get(key, "").split(",") if (part := raw.strip()))


@dataclass(frozen=True, slots=True)
class Participant:
    """A pool 泳池. `process` is the key of the process drawn in it, "" where nothing is drawn inside."""

    id: str
    name: str = ""
    process: str = ""


@dataclass(frozen=True, slots=True)
class MessageFlow:
    """A message flow 消息流 between two pools. `source` and `target` are ids of elements or participants."""

    id: str
    source: str
    target: str
    name: str = ""
    message: str = ""  # the name of the message drawn on it


@dataclass(frozen=True, slots=True)
class Collaboration:
    """What one file says of several processes together 协作图 (BPMN 2.0.2, 9)."""

    participants: tuple[Participant, ...] = ()
    message_flows: tuple[MessageFlow, ...] = ()


@dataclass(frozen=True, slots=True)
class CorrelationKey:
    """What tells the messages of one conversation from those of another: the values of these properties together."""

    id: str
    name: str
    properties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Correlation:
    """How messages find their case 消息关联 (BPMN 2.0.2, 8.4.2). `paths`: property and message name → FEEL over the
    message's payload."""

    keys: tuple[CorrelationKey, ...] = ()
    paths: Mapping[tuple[str, str], Expression] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Process:
    """One executable process. `elements` are all nodes at every depth, `flows` all sequence flows, by id.

    `upstream` is filled when it is first asked for (see `upstream.before`): it follows from the drawing alone.
    """

    key: str
    name: str
    file: str
    elements: Mapping[str, Element]
    flows: Mapping[str, Flow]
    starts: tuple[
        str, ...
    ]  # where a case can begin: start events of the process itself, receive tasks and events
    # after a gateway that begin one (not start events of event subprocesses)
    event_subprocesses: tuple[str, ...]
    implicit: tuple[str, ...] = ()  # without a start event: what no flow comes to, where tokens begin
    lanes: Mapping[str, str] = field(default_factory=dict)  # element id → lane name
    line: int = 0
    collaboration: Collaboration = Collaboration()  # of the file it is drawn in
    upstream: dict[tuple[str, str, bool], frozenset[str]] = field(
        default_factory=dict, repr=False, compare=False
    )  # gateway, incoming flow and whether by boundary events → the elements from which a token can come by it
    inputs: tuple[str, ...] = ()  # what it takes and gives when it is called, in the order drawn
    outputs: tuple[str, ...] = ()
    declares: tuple[str, ...] = ()  # the variables that are its own when it is called
    task: bool = False  # a global task: a process of one step, for calls only
    executable: bool = True  # False where the drawing says that it is not
    compensation: str = ""  # its compensation event subprocess, for who calls it
    correlation: Correlation = Correlation()  # of the file it is drawn in
    expects: Mapping[str, Mapping[str, Expression]] = field(
        default_factory=dict
    )  # key → property → its value here
    rests: frozenset[str] = field(
        init=False, default=frozenset(), repr=False, compare=False
    )  # gateways that are looked at when all else rests

    def __post_init__(self) -> None:
        gateways = [e.id for e in self.elements.values() if e.kind in (Kind.INCLUSIVE, Kind.COMPLEX)]
        object.__setattr__(self, "rests", frozenset(gateways))

    @property
    def entries(self) -> tuple[str, ...]:
        """What a case can be begun at by name: its starts, or the process itself where it begins without one."""
        return self.starts or ((self.key,) if self.implicit else ())

    @property
    def plain_entries(self) -> tuple[str, ...]:
        """The entries that nothing triggers but a person or a call."""
        return tuple(id for id in self.entries if id == self.key or self.elements[id].plain_start)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number of the domain 参数: edited by the office, with where it comes from (provenance)."""

    key: str
    title: str
    value: Value
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class Role:
    """A candidate role 岗位. `unit` computes the unit from the case's variables; where it gives null the
    responsibility table 职责库 decides (industry × place → unit)."""

    key: str
    title: str
    unit: Expression | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """What a person may ask of a running case: a message with a form."""

    key: str
    title: str
    message: str
    roles: tuple[str, ...]
    form: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Who may begin a case at a start event of the main process, and with which form."""

    title: str
    roles: tuple[str, ...] = ()
    form: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """One immutable version of a process package. `hash` is SHA-256 over its files."""

    hash: str
    key: str
    title: str
    owner: str
    main: str  # key of the process cases start with
    processes: Mapping[str, Process]
    decisions: Mapping[str, Decision]
    forms: Mapping[str, Form]
    parameters: Mapping[str, Parameter]
    roles: Mapping[str, Role]
    actions: Mapping[str, Action]
    register: Mapping[str, Any]  # register columns and the variables behind them
    files: Mapping[str, bytes]  # path inside the package → content, as deployed
    starts: Mapping[str, Start] = field(default_factory=dict)  # start event id → who may start there
    number: Mapping[str, str] = field(default_factory=dict)  # `series` and `format` of the case number
    titles: Mapping[str, str] = field(init=False, repr=False, compare=False)  # element id → name, or the id

    def __post_init__(self) -> None:
        elements = [e for process in self.processes.values() for e in process.elements.values()]
        object.__setattr__(self, "titles", {e.id: e.name or e.id for e in elements})

    def role_title(self, role: str) -> str:
        """What people call the role; the role itself when the package does not define it."""
        return self.roles[role].title if role in self.roles else role

    def values(self) -> dict[str, Value]:
        """The context `p` that expressions see: parameter key → value."""
        return {k: v.value for k, v in self.parameters.items()}

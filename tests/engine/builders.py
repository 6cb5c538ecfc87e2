"""Small diagrams for tests, written as text: BPMN XML from a few words a line, read as the product reads it.

    diagram('''
        start S
        user A groups=DB
        S -> A -> E
        end E
    ''')

Lines: `KIND ID key=value …` for an element, indented lines below `sub`/`eventsub`/`adhoc`/`transaction` are inside it,
`A -> B -> C` for flows, with `A -> B if EXPRESSION`, `A -> B default` and `A -> B as NAME`. Values with blanks stand in
double quotes. `undo=B` makes an activity the compensation activity that boundary event B is bound to. A process is
`process KEY` with indented lines; `globaluser ID …` and its like are global tasks; lines outside any are process `main`.

`A ~> B` is a message flow (`A ~> B message=NAME` with a message drawn on it); every process is then the pool `KEY_pool`.
`pool ID` at the margin is a pool without content. Data objects and associations: see `builders_data`.

`key KEY PROPERTY MESSAGE=FEEL …` at the margin is a property of a correlation key with its place in each message, `expects
KEY PROPERTY=FEEL …` in a process its subscription to the key.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from engine import commands as c
from engine import facts as f
from engine.calendar import Moment, WorkCalendar, seed
from engine.clock import SHANGHAI
from engine.definitions import bpmn
from engine.definitions.compile import package_hash
from engine.definitions.model import Package, Parameter
from engine.execution.advance import advance
from engine.execution.history import History
from engine.execution.state import State, fold
from engine.values import dumps, loads
from tests.engine.builders_data import SCOPE_KINDS, element_data, scope_data

_TAGS = {
    "start": "startEvent",
    "end": "endEvent",
    "catch": "intermediateCatchEvent",
    "throw": "intermediateThrowEvent",
    "boundary": "boundaryEvent",
    "task": "task",
    "user": "userTask",
    "manual": "manualTask",
    "service": "serviceTask",
    "send": "sendTask",
    "receive": "receiveTask",
    "rule": "businessRuleTask",
    "script": "scriptTask",
    "xor": "exclusiveGateway",
    "and": "parallelGateway",
    "or": "inclusiveGateway",
    "complex": "complexGateway",
    "event": "eventBasedGateway",
    "sub": "subProcess",
    "eventsub": "subProcess",
    "adhoc": "adHocSubProcess",
    "globaltask": "globalTask",
    "globaluser": "globalUserTask",
    "globalmanual": "globalManualTask",
    "globalrule": "globalBusinessRuleTask",
    "globalscript": "globalScriptTask",
    "transaction": "transaction",
    "call": "callActivity",
}
_CAMUNDA = {
    "groups": "candidateGroups",
    "assignee": "assignee",
    "due": "dueDate",
    "form": "formKey",
    "topic": "topic",
    "decision": "decisionRef",
    "result": "resultVariable",
    "map": "mapDecisionResult",
}
_DEFINITIONS = {
    "date": "timeDate",
    "duration": "timeDuration",
    "cycle": "timeCycle",
    "link": "linkEventDefinition",
    "condition": "conditionalEventDefinition",
    "message": "messageEventDefinition",
    "signal": "signalEventDefinition",
    "error": "errorEventDefinition",
    "escalation": "escalationEventDefinition",
    "terminate": "terminateEventDefinition",
    "compensate": "compensateEventDefinition",
    "cancel": "cancelEventDefinition",
}
_PROPERTIES = (
    "status",
    "separateFrom",
    "returnTo",
    "copyTo",
    "correlationKey",
    "outputCollection",
    "outputElement",
    "unit",
    "summary",
    "passAt",
    "veto",
    "waitForAll",
    "opinion",
    "outcome",
)


@dataclass
class _Node:
    kind: str
    id: str
    words: dict[str, str]
    inside: list[_Node | _Link] = field(default_factory=list)


@dataclass
class _Link:
    source: str
    target: str
    condition: str = ""
    default: bool = False
    name: str = ""


class _Writer:
    def __init__(self, pools: list[str] | None = None, messages: list[str] | None = None) -> None:
        self.roots: dict[tuple[str, str], str] = {}
        self.flows: dict[str, int] = {}
        self.definitions_: list[str] = []
        self.pools = pools or []
        self.data: dict[str, str] = {}
        self.keys: list[tuple[str, str, list[tuple[str, str]]]] = []
        self.messages = messages or []

    def reference(self, tag: str, name: str) -> str:
        return self.roots.setdefault((tag, name), f"{tag}_{len(self.roots)}")

    def definitions(self, processes: list[_Node]) -> str:
        body = "".join(
            f'<bpmn:process id="{p.id}" isExecutable="true" name={quoteattr(p.words.get("name", p.id))}>'
            f"{self.scope(p.inside)}</bpmn:process>"
            for p in processes
        )
        lines = (n for p in processes for n in p.inside if isinstance(n, _Node))
        body = "".join(self.node(n, "") for n in lines if n.kind.startswith("global")) + body
        together = self.collaboration(processes)
        roots = ""
        for (tag, name), id in self.roots.items():
            code = f" {tag}Code={quoteattr(name)}" if tag in ("error", "escalation") else ""
            roots += f"<bpmn:{tag} id={quoteattr(id)} name={quoteattr(name)}{code}/>"
        roots += "".join(self.definitions_)
        return (
            '<?xml version="1.0" encoding="UTF-8"?><bpmn:definitions '
            'xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="urn:test">'
            f"{roots}{together}{body}</bpmn:definitions>"
        )

    def collaboration(self, processes: list[_Node]) -> str:
        properties = "".join(
            f'<bpmn:correlationProperty id="{key}_{name}" name="{name}">'
            + "".join(
                f'<bpmn:correlationPropertyRetrievalExpression messageRef="{self.reference("message", message)}">'
                f"<bpmn:messagePath>{escape(path)}</bpmn:messagePath></bpmn:correlationPropertyRetrievalExpression>"
                for message, path in paths
            )
            + "</bpmn:correlationProperty>"
            for key, name, paths in self.keys
        )
        keys = "".join(
            f'<bpmn:correlationKey id="{key}" name="{key}">'
            + "".join(
                f"<bpmn:correlationPropertyRef>{key}_{name}</bpmn:correlationPropertyRef>"
                for k, name, _ in self.keys
                if k == key
            )
            + "</bpmn:correlationKey>"
            for key in dict.fromkeys(key for key, _, _ in self.keys)
        )
        if not self.pools and not self.messages and not keys:
            return ""
        inside = "".join(f'<bpmn:participant id="{p.id}_pool" processRef="{p.id}"/>' for p in processes)
        inside += "".join(f'<bpmn:participant id="{id}"/>' for id in self.pools)
        for number, line in enumerate(self.messages):
            ends, _, message = line.partition(" message=")
            source, target = (end.strip() for end in ends.split("~>"))
            drawn = f' messageRef="{self.reference("message", message)}"' if message else ""
            inside += f'<bpmn:messageFlow id="mf{number}" sourceRef="{source}" targetRef="{target}"{drawn}/>'
        return f'{properties}<bpmn:collaboration id="together">{inside}{keys}</bpmn:collaboration>'

    def scope(self, content: list[_Node | _Link]) -> str:
        defaults: dict[str, str] = {}
        flows = ""
        for link in content:
            if isinstance(link, _Link):
                id = f"{link.source}-{link.target}"
                self.flows[id] = self.flows.get(id, 0) + 1
                if self.flows[id] > 1:
                    id += f"-{self.flows[id]}"
                name = f" name={quoteattr(link.name)}" if link.name else ""
                if link.default:
                    defaults[link.source] = id
                condition = (
                    f'<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">={escape(link.condition)}'
                    "</bpmn:conditionExpression>"
                    if link.condition
                    else ""
                )
                flows += (
                    f'<bpmn:sequenceFlow id="{id}"{name} sourceRef="{link.source}" targetRef="{link.target}">'
                    f"{condition}</bpmn:sequenceFlow>"
                )
        inside = [n for n in content if isinstance(n, _Node) and not n.kind.startswith("global")]
        data = scope_data([(n.kind, n.id, n.words.get("name", "")) for n in inside if n.kind in SCOPE_KINDS])
        nodes = "".join(
            self.node(n, defaults.get(n.id, "")) for n in inside if n.kind not in (*SCOPE_KINDS, "expects")
        )
        notes = "".join(
            f'<bpmn:association id="undo-{n.id}" sourceRef="{n.words["undo"]}" targetRef="{n.id}"/>'
            for n in inside
            if "undo" in n.words
        )
        expects = "".join(
            f'<bpmn:correlationSubscription id="{n.id}_expected" correlationKeyRef="{n.id}">'
            + "".join(
                f'<bpmn:correlationPropertyBinding correlationPropertyRef="{n.id}_{name}"><bpmn:dataPath>'
                f"{escape(path)}</bpmn:dataPath></bpmn:correlationPropertyBinding>"
                for name, path in n.words.items()
            )
            + "</bpmn:correlationSubscription>"
            for n in inside
            if n.kind == "expects"
        )
        return data + nodes + flows + notes + expects

    def node(self, node: _Node, default: str) -> str:
        words = dict(node.words)
        tag = _TAGS[node.kind]
        attributes = f"id={quoteattr(node.id)}"
        if "name" in words:
            attributes += f" name={quoteattr(words.pop('name'))}"
        if default:
            attributes += f" default={quoteattr(default)}"
        extensions, body = "", ""
        for word, name in (("needs", "startQuantity"), ("makes", "completionQuantity")):
            if word in words:
                attributes += f' {name}="{words.pop(word)}"'
        if node.kind == "complex" and "when" in words:
            body += f"<bpmn:activationCondition>{escape(words.pop('when'))}</bpmn:activationCondition>"
        if node.kind == "adhoc":
            attributes += ' ordering="Sequential"' if words.pop("sequential", "") else ""
            attributes += ' cancelRemainingInstances="false"' if words.pop("keep", "") else ""
            if "until" in words:
                body += f"<bpmn:completionCondition>{escape(words.pop('until'))}</bpmn:completionCondition>"
        data = element_data(node.id, node.kind, words, self.data)
        if "undo" in words:
            attributes += ' isForCompensation="true"'
            words.pop("undo")
        if node.kind == "eventsub":
            attributes += ' triggeredByEvent="true"'
        if node.kind == "boundary":
            attributes += f' attachedToRef="{words.pop("on")}"'
            if words.pop("interrupting", "") == "false":
                attributes += ' cancelActivity="false"'
        elif words.pop("interrupting", "") == "false":
            attributes += ' isInterrupting="false"'
        if words.pop("instantiate", ""):
            attributes += ' instantiate="true"'
        if words.pop("together", ""):
            attributes += ' eventGatewayType="Parallel"'
        if words.pop("parallel", ""):
            attributes += ' parallelMultiple="true"'
        if "called" in words:
            attributes += f" calledElement={quoteattr(words.pop('called'))}"
        if "topic" in words:
            attributes += ' camunda:type="external"'
        if node.kind in ("script", "globalscript"):
            attributes += f' {"scriptFormat" if node.kind == "script" else "scriptLanguage"}="feel"'
            body += f"<bpmn:script>{escape(words.pop('do'))}</bpmn:script>"
        for word, name in _CAMUNDA.items():
            if word in words:
                attributes += f" camunda:{name}={quoteattr(words.pop(word))}"
        properties = "".join(
            f'<camunda:property name="{name}" value={quoteattr(words.pop(name))}/>'
            for name in _PROPERTIES
            if name in words
        )
        if properties:
            extensions += f"<camunda:properties>{properties}</camunda:properties>"
        parameters = ""
        for word in [w for w in words if w[:3] in ("in:", "out")]:
            value, name = words.pop(word), word.partition(":")[2]
            if word in ("in", "out"):
                extensions += f'<camunda:{word} variables="all"/>'
            elif node.kind == "call":
                extensions += f"<camunda:{word.partition(':')[0]} sourceExpression={quoteattr(value)} target={quoteattr(name)}/>"
            else:
                which = "inputParameter" if word[:3] == "in:" else "outputParameter"
                parameters += f"<camunda:{which} name={quoteattr(name)}>={escape(value)}</camunda:{which}>"
        if "in" in words:
            words.pop("in")
            extensions += '<camunda:in variables="all"/>'
        if parameters:
            extensions += f"<camunda:inputOutput>{parameters}</camunda:inputOutput>"
        loop = self.loop(words)
        event = self.event(node, words)
        if node.kind in ("receive", "send") and "message" in node.words:
            attributes += f' messageRef="{self.reference("message", node.words["message"])}"'
            words.pop("message", None)
            event = ""
        if words:
            raise AssertionError(f"unknown words on {node.id}: {words}")
        if extensions:
            extensions = f"<bpmn:extensionElements>{extensions}</bpmn:extensionElements>"
        inner = extensions + data + self.scope(node.inside) + loop + event + body
        return f"<bpmn:{tag} {attributes}>{inner}</bpmn:{tag}>"

    def event(self, node: _Node, words: dict[str, str]) -> str:
        if node.kind in ("receive", "send"):
            return ""
        """Every definition named on the line, in that order; a second of a kind has a digit (`signal2=b`), one that
        stands at the root and is referred to has `ref:` before it."""
        found = ""
        for word in list(words):
            kind = word.removeprefix("ref:").rstrip("0123456789")
            if kind not in _DEFINITIONS:
                continue
            tag, attributes, inner = self.definition(kind, words.pop(word), words)
            if word.startswith("ref:"):
                id = f"definition_{len(self.definitions_)}"
                self.definitions_.append(f'<bpmn:{tag} id="{id}"{attributes}>{inner}</bpmn:{tag}>')
                found += f"<bpmn:eventDefinitionRef>{id}</bpmn:eventDefinitionRef>"
            else:
                found += f"<bpmn:{tag}{attributes}>{inner}</bpmn:{tag}>"
        return found

    def root_definition(self, text: str) -> str:
        """The id of an event definition at the root, e.g. of `signal x`."""
        kind, _, value = text.partition(" ")
        tag, attributes, inner = self.definition(kind, value, {})
        id = f"definition_{len(self.definitions_)}"
        self.definitions_.append(f'<bpmn:{tag} id="{id}"{attributes}>{inner}</bpmn:{tag}>')
        return id

    def definition(self, kind: str, value: str, words: dict[str, str]) -> tuple[str, str, str]:
        """Tag, attributes and content of one event definition."""
        tag = _DEFINITIONS[kind]
        if tag.startswith("time"):
            inner = f'<bpmn:{tag} xsi:type="bpmn:tFormalExpression">{escape(value)}</bpmn:{tag}>'
            return "timerEventDefinition", "", inner
        if kind == "link":
            return tag, f" name={quoteattr(value)}", ""
        if kind == "condition":
            inner = f'<bpmn:condition xsi:type="bpmn:tFormalExpression">{escape(value)}</bpmn:condition>'
            return tag, "", inner
        if kind in ("terminate", "cancel"):
            return tag, "", ""
        if kind == "compensate":
            attributes = f" activityRef={quoteattr(value)}" if value != "true" else ""
            if "wait" in words:
                attributes += f" waitForCompletion={quoteattr(words.pop('wait'))}"
            return tag, attributes, ""
        attributes = f' {kind}Ref="{self.reference(kind, value)}"' if value != "*" else ""
        for word, attribute in (("code", f"{kind}CodeVariable"), ("text", f"{kind}MessageVariable")):
            if word in words and kind in ("error", "escalation"):
                attributes += f" camunda:{attribute}={quoteattr(words.pop(word))}"
        return tag, attributes, ""

    def loop(self, words: dict[str, str]) -> str:
        if "while" in words or "most" in words:
            before = ' testBefore="true"' if words.pop("before", "") else ""
            most = f' loopMaximum="{words.pop("most")}"' if "most" in words else ""
            condition = words.pop("while", "")
            inner = f"<bpmn:loopCondition>={escape(condition)}</bpmn:loopCondition>" if condition else ""
            return (
                f"<bpmn:standardLoopCharacteristics{before}{most}>{inner}</bpmn:standardLoopCharacteristics>"
            )
        if not {"each", "times", "from"} & words.keys():
            return ""
        attributes, inner = "", ""
        if words.pop("sequential", ""):
            attributes += ' isSequential="true"'
        if "each" in words:
            attributes += f" camunda:collection={quoteattr('=' + words.pop('each'))}"
        if "as" in words:
            attributes += f" camunda:elementVariable={quoteattr(words.pop('as'))}"
        if "times" in words:
            inner += f"<bpmn:loopCardinality>={escape(words.pop('times'))}</bpmn:loopCardinality>"
        for word, tag in (("from", "loopDataInputRef"), ("into", "loopDataOutputRef")):
            inner += f"<bpmn:{tag}>{words.pop(word)}</bpmn:{tag}>" if word in words else ""
        for word, tag in (("item", "inputDataItem"), ("gives", "outputDataItem")):
            inner += (
                f'<bpmn:{tag} id="{words[word]}_{tag}" name="{words.pop(word)}"/>' if word in words else ""
            )
        for word in ("one", "none"):
            if word in words:
                attributes += f' behavior="{word.title()}"'
                if words[word] != "true":
                    attributes += f' {word}BehaviorEventRef="{self.root_definition(words[word])}"'
                words.pop(word)
        for word in [w for w in words if w.startswith("when")]:
            attributes += ' behavior="Complex"' if word == "when" else ""
            condition, _, event = words.pop(word).partition(" throw ")
            id = self.root_definition(event) if event else ""
            thrown = f"<bpmn:eventDefinitionRef>{id}</bpmn:eventDefinitionRef>"
            inner += (
                f"<bpmn:complexBehaviorDefinition><bpmn:condition>={escape(condition)}</bpmn:condition>"
                f"{f'<bpmn:event>{thrown}</bpmn:event>' if id else ''}</bpmn:complexBehaviorDefinition>"
            )
        if "until" in words:
            inner += f"<bpmn:completionCondition>={escape(words.pop('until'))}</bpmn:completionCondition>"
        return f"<bpmn:multiInstanceLoopCharacteristics{attributes}>{inner}</bpmn:multiInstanceLoopCharacteristics>"


def xml(text: str) -> bytes:
    """The text form → BPMN bytes."""
    processes: list[_Node] = []
    stack: list[tuple[int, _Node]] = []
    pools: list[str] = []
    messages: list[str] = []
    data: dict[str, str] = {}
    keys: list[tuple[str, str, list[tuple[str, str]]]] = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if "~>" in line:
            messages.append(line)
            continue
        if line.startswith("key "):
            _, key, name, *paths = _words(line)
            keys.append((key, name, [(p.partition("=")[0], p.partition("=")[2]) for p in paths]))
            continue
        if line.startswith("pool "):
            pools.append(line.removeprefix("pool "))
            continue
        indent = len(raw) - len(raw.lstrip())
        while stack and stack[-1][0] >= indent:
            stack.pop()
        if line.startswith("process "):
            words = _words(line)
            process = _Node("process", words[1], dict(w.split("=", 1) for w in words[2:]))
            processes.append(process)
            stack = [(indent, process)]
            continue
        if not stack:
            if not any(p.id == "main" for p in processes):
                processes.insert(0, _Node("process", "main", {}))
            parent = next(p for p in processes if p.id == "main")
        else:
            parent = stack[-1][1]
        if "->" in line:
            parent.inside.extend(_links(line))
            continue
        kind, id, *rest = _words(line)
        node = _Node(kind, id, dict((w.split("=", 1) if "=" in w else (w, "true")) for w in rest))
        parent.inside.append(node)
        if kind in SCOPE_KINDS:
            data[id] = kind
        if kind in ("sub", "eventsub", "adhoc", "transaction"):
            stack.append((indent, node))
    writer = _Writer(pools, messages)
    writer.data, writer.keys = data, keys
    return writer.definitions(processes).encode()


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.quotes = '"'
    return list(lexer)


def _links(line: str) -> Iterable[_Link]:
    condition, default = "", False
    match = re.fullmatch(r"(.*?) if (.*)", line)
    if match:
        line, condition = match[1], match[2]
    elif line.endswith(" default"):
        line, default = line.removesuffix(" default"), True
    line, _, name = line.partition(" as ")
    ids = [part.strip() for part in line.split("->")]
    return [_Link(a, b, condition, default, name.strip()) for a, b in zip(ids, ids[1:], strict=False)]


def diagram(text: str, parameters: dict[str, Any] | None = None) -> Package:
    """The text form → a package, read as the product reads it but not linted: the kernel must also do right by
    drawings that the office is advised against."""
    data = xml(text)
    processes, findings = bpmn.read(data, "test.bpmn", rules=())
    errors = [str(finding) for finding in findings if finding.severity == "error"]
    assert not errors, "\n".join(errors)
    return Package(
        hash=package_hash({"test.bpmn": data}),
        key="test",
        title="",
        owner="",
        main=next(iter(processes)),
        processes=processes,
        decisions={},
        forms={},
        parameters={k: Parameter(k, k, v, "", "") for k, v in (parameters or {}).items()},
        roles={},
        actions={},
        register={},
        files={"test.bpmn": data},
    )


# -- playing a case ------------------------------------------------------------------------------------

CALENDAR: WorkCalendar = seed([2026])
MONDAY = datetime(2026, 9, 28, 9, 0, tzinfo=SHANGHAI).astimezone(UTC)
MOMENT = Moment(MONDAY, CALENDAR)


class Play:
    """A case on a virtual clock. Every step also proves that folding the facts and restoring from a snapshot
    give the same state."""

    def __init__(self, package: Package, /, at: datetime = MONDAY, start: str = "", **variables: Any) -> None:
        self._begin(package, at, c.StartProcess("", start, variables))

    @classmethod
    def begun(cls, package: Package, command: c.StartProcess) -> Play:
        """A case that begins by this very command."""
        play = cls.__new__(cls)
        play._begin(package, MONDAY, command)
        return play

    def _begin(self, package: Package, at: datetime, command: c.StartProcess) -> None:
        self.package = package
        self.now = at
        self.state = State()
        self.facts: list[f.Fact] = []
        self.new: list[f.Fact] = []
        self.log: list[tuple[c.KernelCommand, Moment]] = []
        self.do(command)

    def do(self, command: c.KernelCommand) -> Play:
        """Carry out one command."""
        moment = Moment(self.now, CALENDAR)
        self.log.append((command, moment))
        history = History(self.package, self.facts)
        assert not self.facts or history.fits(self.state)
        self.new = advance(self.package, self.state, command, moment, "case", history)
        self.facts += self.new
        assert fold(self.facts) == self.state
        restored = State.from_data(loads(dumps(self.state.to_data())))
        assert restored == self.state
        self.state = restored
        return self

    def again(self) -> list[f.Fact]:
        """The facts of the same commands once more, without a snapshot between them."""
        state, facts = State(), []
        for command, moment in self.log:
            facts += advance(self.package, state, command, moment, "case", History(self.package, list(facts)))
        assert state == self.state
        return facts

    def complete(self, element: str, nth: int = 0, person: str = "", **variables: Any) -> Play:
        """Finish the (nth) open item or job of an element."""
        for item in [i for i in self.state.items.values() if i.element == element][nth:]:
            return self.do(c.CompleteItem(item.id, variables, person))
        for job in [j for j in self.state.jobs.values() if j.element == element][nth:]:
            return self.do(c.CompleteJob(job.id, variables))
        raise AssertionError(f"{element} is not open; open: {self.open}")

    def message(self, name: str, key: str = "", **variables: Any) -> Play:
        return self.do(c.DeliverMessage(name, key, variables))

    def signal(self, name: str, **variables: Any) -> Play:
        return self.do(c.DeliverSignal(name, variables))

    def wait(self, **length: Any) -> Play:
        """Let time pass; every deadline fires at its own instant, in order."""
        until = self.now + timedelta(**length)
        new: list[f.Fact] = []
        while True:
            armed = [d for d in self.state.deadlines.values() if d.due is not None and d.due <= until]
            if not armed:
                break
            first = min(armed, key=lambda d: (d.due, d.id))
            assert first.due is not None
            self.now = max(self.now, first.due)
            self.do(c.PassDeadline(first.id))
            new += self.new
        self.now, self.new = until, new
        return self

    @property
    def open(self) -> list[str]:
        """Elements with an open item or job, in order of their ids."""
        return [t.element for _, t in sorted({**self.state.items, **self.state.jobs}.items())]

    def item(self, element: str) -> Any:
        return next(i for i in self.state.items.values() if i.element == element)

    @property
    def variables(self) -> dict[str, Any]:
        return self.state.root_variables

    @property
    def incidents(self) -> list[tuple[str, str]]:
        return [(i.element, i.code) for i in self.state.incidents.values()]

    def trace(self, facts: list[f.Fact] | None = None) -> list[str]:
        """The last step as short words: `+A` entered, `A` completed, `-A` cancelled, and the rest by kind."""
        return trace(self.facts, self.new if facts is None else facts)


_SHORT = {
    "CaseStarted", "VariablesSet", "FlowTaken", "WorkItemOffered", "WorkItemCompleted", "JobOffered", "JobCompleted",
}  # fmt: skip


def trace(all_facts: list[f.Fact], facts: list[f.Fact]) -> list[str]:
    """Facts as short words; deadlines and subscriptions by their event's id."""
    names: dict[int, str] = {}
    for fact in all_facts:
        if isinstance(fact, f.ElementEntered | f.DeadlineSet | f.Subscribed | f.IncidentRaised):
            names[fact.id] = fact.element
        elif isinstance(fact, f.CompensationThrown) and fact.runner:
            names[fact.runner] = names[fact.id]
    words = []
    for fact in facts:
        match fact:
            case f.ElementEntered():
                words.append(f"+{fact.element}")
            case f.ElementCompleted():
                words.append(names[fact.id])
            case f.ElementCancelled():
                words.append(f"-{names[fact.id]}")
            case f.DeadlineSet() | f.Subscribed():
                words.append(f"wait {fact.element}")
            case f.DeadlinePassed() | f.MessageReceived() | f.SignalReceived():
                words.append(f"fire {names[fact.id]}")
            case f.DeadlineDropped() | f.Unsubscribed():
                words.append(f"drop {names[fact.id]}")
            case f.IncidentRaised():
                words.append(f"incident {fact.element} {fact.code}")
            case f.CaseCompleted():
                words.append(f"end {fact.end}")
            case f.ErrorThrown():
                words.append(f"error {fact.code} {fact.caught_by}".strip())
            case f.EscalationThrown():
                words.append(f"escalation {fact.code} {fact.caught_by}".strip())
            case f.MessageSent() | f.SignalSent():
                words.append(f"send {fact.name}")
            case f.CompensationThrown():
                words.append(f"undo {' '.join(names[id] for id in fact.activities) or '-'}")
            case f.CompensationBegan():
                words.append(f"undo {names[fact.id]}")
            case f.CompensationEnded():
                words.append(f"undone {names.get(fact.id, '')}".strip())
            case f.StatusChanged():
                words.append(f"status {fact.status}")
            case _ if type(fact).__name__ not in _SHORT:
                words.append(type(fact).__name__)
    return words

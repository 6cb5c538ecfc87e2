"""Following the kernel's facts on the second engine 两机对照.

What came from outside (forms, results, time, messages) is told to SpiffWorkflow in the order of the facts; which way
tokens go from there it finds out by itself, and where it needs a condition our FEEL answers. What elements wrote is
written when the second engine comes past the same element. After every command the work it offers must be the kernel's.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine import facts as f
from engine.calendar import Moment
from engine.definitions.model import Element, Flow, Kind, Package
from engine.definitions.second_engine.drawing import called_from, joins, left_out
from engine.definitions.second_engine.spiff import SpiffCase
from engine.errors import EngineError
from engine.values import Value

Telling = Callable[[], None]


class Differs(Exception):
    """The engines offer different work."""


class Ended(Exception):
    """What comes next the second engine is not right about: the comparison ends here."""


@dataclass(slots=True)
class Execution:
    """What the facts have said of one execution of an element. `compared`: the second engine executes it too."""

    element: str
    scope: int
    strand: int = 0
    loop: int = 0
    body: bool = False
    cause: int = 0
    compared: bool = True
    rounds: int = 0
    done: int = 0
    result: dict[str, Value] = field(default_factory=dict)
    form: dict[str, Value] | None = None


@dataclass(slots=True)
class Passing:
    """What is due when the second engine comes past an element: variables by scope, escalations by who catches them."""

    writes: list[tuple[int, dict[str, Value]]]
    thrown: list[str]


class SecondEngine:
    """Follows one case from its beginning. `compared` counts the commands after which both engines offered the same;
    `ended` says why the comparison stopped before the case did, "" while it goes on."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.compared = 0
        self.ended = ""
        self._case: SpiffCase | None = None
        self._moment: Moment | None = None
        self._over = False  # the kernel's case has ended
        self._elements: dict[str, Element] = {}
        self._flows: dict[str, Flow] = {}
        self._out: dict[str, str] = {}
        self._parameters = package.values()
        # of the kernel's case
        self._executions: dict[int, Execution] = {}
        self._work: dict[int, str] = {}  # open work items and jobs → element
        self._armed: dict[int, tuple[int, str]] = {}  # deadlines and subscriptions → owner, event
        self._fired: set[tuple[int, str]] = set()  # owner and event that has come
        self._joins: set[tuple[int, str]] = set()  # scope and parallel join that has gone on
        self._variables: dict[int, dict[str, Value]] = defaultdict(dict)
        # what the second engine will need to know when it gets there, element by element
        self._visits: dict[str, deque[int]] = defaultdict(deque)
        self._passing: dict[tuple[str, bool], deque[Passing]] = defaultdict(deque)
        self._rounds: dict[str, deque[int]] = defaultdict(deque)
        self._enough: set[str] = set()  # multi-instances that ended early
        self._at: dict[str, int] = {}  # the execution of an element it is at
        self._passes = False  # whether the token just told goes on from an inclusive join
        self._problem = ""

    def follow(self, facts: Sequence[f.Fact], moment: Moment) -> str:
        """Follow one command's facts. Gives the difference found, "" for none."""
        if self.ended or not facts:
            return ""
        self._moment = moment
        try:
            for tell in list(self._learn(facts)):
                tell()
            if self._problem:
                raise Ended(self._problem)
            self._agree()
        except Ended as reason:
            self.ended = str(reason)
            return ""
        except Differs as difference:
            self.ended = str(difference)
            return str(difference)
        self.compared += 1
        return ""

    # -- the facts ---------------------------------------------------------------------------------------

    def _learn(self, facts: Sequence[f.Fact]) -> Iterator[Telling]:
        """Take the facts in; gives what is to be told to the second engine, in order."""
        now = Passing([], [])
        for fact in facts:
            match fact:
                case f.CaseStarted():
                    yield self._started(fact)
                case f.CaseCompleted():
                    self._over = True
                case f.ElementEntered():
                    yield from self._entered(fact)
                case f.FlowTaken() if (fact.scope, fact.waits_at) in self._joins:
                    raise Ended(f"“{self._name(fact.waits_at)}”再次汇合，第二引擎会算上上一轮的令牌")
                case f.LoopOpened():
                    known = self._executions[fact.id]
                    known.rounds = len(fact.items)
                    self._rounds[known.element].append(known.rounds)
                case f.WorkItemOffered() | f.JobOffered():
                    self._work[fact.id] = fact.element
                case f.WorkItemCompleted():
                    yield from self._done(fact.id, fact.form, fact.form)
                case f.JobCompleted():
                    yield from self._done(fact.id, fact.result, None)
                case f.DeadlineSet() | f.Subscribed():
                    self._armed[fact.id] = (fact.owner, fact.element)
                case f.DeadlineDropped() | f.Unsubscribed():
                    self._armed.pop(fact.id, None)
                case f.DeadlinePassed() | f.MessageReceived() | f.SignalReceived():
                    if fact.id in self._armed:
                        yield from self._came(*self._armed[fact.id])
                    if isinstance(fact, f.DeadlinePassed):
                        self._armed.pop(fact.id, None)
                case f.VariablesSet():
                    now.writes.append((fact.scope, fact.values))
                case f.EscalationThrown():
                    now.thrown.append(fact.caught_by)
                case f.ElementCompleted():
                    self._completed(fact.id, now)
                    now = Passing([], [])
                case f.ElementCancelled():
                    self._work.pop(fact.id, None)
                case _ if type(fact) in _ENDS:
                    raise Ended(_ENDS[type(fact)])

    def _started(self, fact: f.CaseStarted) -> Telling:
        for process in called_from(self.package, fact.process):
            self._out |= left_out(process)
            self._flows |= process.flows
            self._elements |= process.elements
        self._variables[1] = dict(fact.variables)
        self._executions[1] = Execution("", 0)

        def tell() -> None:
            self._case = SpiffCase(
                self.package, fact.process, fact.start, self._answer, self._entering, self._past
            )
            self._case.go()

        return tell

    def _entered(self, fact: f.ElementEntered) -> Iterator[Telling]:
        around = self._executions[fact.scope]
        element = self._elements[fact.element]
        reason = self._out.get(fact.element, "")
        if around.compared and reason and not self._beside(element):
            raise Ended(f"“{element.name or element.id}”（{reason}）不对照")
        compared = around.compared and not reason
        self._executions[fact.id] = Execution(
            fact.element, fact.scope, fact.strand, fact.loop, fact.body, fact.cause, compared
        )
        if fact.variables:
            self._variables[fact.id] = dict(fact.variables)
        if not compared:
            return
        if not fact.body:
            self._visits[fact.element].append(fact.id)
        if joins(element):
            yield from self._joined(fact.consumes)
        elif fact.consumes:
            self._joins.add((fact.scope, fact.element))

    def _beside(self, element: Element) -> bool:
        """Whether what is left out goes on beside the rest and changes nothing of it."""
        return element.event_subprocess and not self._elements[element.start].interrupting

    def _done(self, id: int, result: dict[str, Value], form: dict[str, Value] | None) -> Iterator[Telling]:
        known = self._executions[id]
        known.result, known.form = dict(result), form
        beside = sorted({i for i, e in self._work.items() if e == known.element and self._both(i)} | {id})
        self._work.pop(id, None)
        if not known.compared:
            return

        def tell() -> None:
            case, place = self._running, beside.index(id)
            if place >= case.offered().count(known.element):
                raise Differs(f"“{self._name(known.element)}”已经办完，第二引擎没有这件工作")
            case.finish(known.element, place)

        yield tell

    def _came(self, owner: int, id: str) -> Iterator[Telling]:
        """What an armed event waited for has come."""
        element = self._elements.get(id)
        if element is None or id in self._out or not self._both(owner):
            return
        if (owner, id) in self._fired:
            raise Ended(f"“{self._name(id)}”不中断任务而再次触发，第二引擎只触发一次")
        source = self._flows[element.incoming[0]].source if element.incoming else ""
        after_gateway = source != "" and self._elements[source].kind is Kind.EVENT_GATEWAY
        beside = sorted(
            {o for o, e in self._armed.values() if e == id and self._both(o) and (o, e) not in self._fired}
        )
        self._fired.add((owner, id))

        def tell() -> None:
            waits_at, place = source if after_gateway else id, beside.index(owner)
            if place >= self._running.waiting(waits_at):
                raise Differs(f"“{self._name(id)}”发生了，第二引擎没有在等")
            self._running.tell(id, waits_at, place)

        yield tell

    def _joined(self, flows: tuple[str, ...]) -> Iterator[Telling]:
        """The kernel has let an inclusive join go on: one of its tokens passes, the others end."""

        def tell() -> None:
            for flow in flows:
                event = f"held_{flow}"
                waiting = self._running.waiting(event)
                if not waiting:
                    raise Differs(f"汇合收到了令牌（{flow}），第二引擎没有")
                if waiting > 1:
                    raise Ended(f"汇合前有几个令牌在等（{flow}），无法对照")
                self._passes = flow == flows[0]
                self._running.tell(event, event, 0)

        yield tell

    def _completed(self, id: int, passing: Passing) -> None:
        self._work.pop(id, None)
        known = self._executions[id]
        if known.loop:
            self._executions[known.scope].done += 1
        if known.body and known.done < known.rounds:
            self._enough.add(known.element)
        if known.compared:
            self._passing[known.element, known.body].append(passing)
        else:
            self._write(passing)

    def _both(self, id: int) -> bool:
        return self._executions[id].compared

    # -- the second engine -------------------------------------------------------------------------------

    @property
    def _running(self) -> SpiffCase:
        assert self._case is not None
        return self._case

    def _entering(self, element: str, body: bool) -> None:
        """The second engine executes an element: which execution that is, and what it throws while its scope lives."""
        if self._visits[element] and not body:
            self._at[element] = self._visits[element].popleft()
        passing = self._passing[element, body]
        for catcher in passing[0].thrown if passing else ():
            if catcher and catcher not in self._out:
                self._running.throw(catcher)

    def _past(self, element: str, body: bool) -> None:
        if self._passing[element, body]:
            self._write(self._passing[element, body].popleft())

    def _write(self, passing: Passing) -> None:
        for scope, values in passing.writes:
            self._variables[scope].update(values)

    def _agree(self) -> None:
        ours = Counter(element for id, element in self._work.items() if self._both(id))
        theirs = Counter(self._running.offered())
        said = [
            f"只有{who}开出：{self._names(more)}"
            for who, more in (("本系统", ours - theirs), ("第二引擎", theirs - ours))
            if more
        ]
        if self._over and not self._running.finished:
            said.append("本系统已经办结，第二引擎还在等待")
        if said:
            raise Differs("；".join(said))

    def _name(self, id: str) -> str:
        return self._elements[id].name or id if id in self._elements else id

    def _names(self, elements: Counter[str]) -> str:
        return "、".join(
            f"“{self._name(e)}”" + (f"×{n}" if n > 1 else "") for e, n in sorted(elements.items())
        )

    # -- its questions -------------------------------------------------------------------------------------

    def _answer(self, question: str) -> Any:
        """What `drawing` wrote where the second engine needs to know something."""
        what, _, key = question.partition(":")
        match what:
            case "flow":
                return self._holds(self._flows[key])
            case "rounds":
                return self._rounds[key].popleft() if self._rounds[key] else 0
            case "enough":
                enough = key in self._enough
                self._enough.discard(key)
                return enough
            case "passes":
                return self._passes
            case _:
                return True

    def _holds(self, flow: Flow) -> bool:
        assert flow.condition is not None and self._moment is not None
        try:
            return flow.condition.evaluate(self._seen(self._at.get(flow.source, 1)), self._moment) is True
        except EngineError as problem:
            self._problem = f"条件“{flow.condition.text}”无法计算：{problem.message}"
            return False

    def _seen(self, id: int) -> Mapping[str, Value]:
        """What an expression sees from an execution: variables outwards, then what the engine itself tells."""
        known = self._executions[id]
        layers: list[Mapping[str, Value]] = [known.form or known.result]
        counter = cause = 0
        while id:
            at = self._executions[id]
            layers += [self._variables[id], self._variables[at.strand] if at.strand else {}]
            counter, cause = counter or at.loop, cause or at.cause
            id = at.scope
        seen: dict[str, Value] = {
            "p": self._parameters,
            "form": known.form,
            "loopCounter": counter or None,
            "cause": {"id": cause} if cause else None,
        }
        for layer in reversed(layers):
            seen.update(layer)
        return seen


_ENDS: dict[type[f.Fact], str] = {
    f.WorkItemReturned: "第二引擎没有退回",
    f.WorkItemTakenBack: "第二引擎没有撤回",
    f.SignerAdded: "第二引擎没有加签",
    f.SignerTakenBack: "第二引擎没有减签",
    f.SigningReturned: "第二引擎没有加签",
    f.IncidentRaised: "案件出现异常",
    f.ErrorThrown: "抛出错误之后不对照",
    f.CaseCancelled: "案件已作废",
    f.CaseMerged: "案件已并入另一案件",
    f.RegisterCorrected: "台账内容由安委办更正",
}
"""Facts after which the comparison ends."""

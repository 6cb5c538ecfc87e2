"""What is said about a fault of soundness 提醒: what happens, by which way, and what to draw instead."""

from __future__ import annotations

from collections.abc import Iterable

from engine.definitions.lint.rules import title
from engine.definitions.model import Element, Kind, Package, Process, Trigger
from engine.definitions.soundness.analysis import MOST_STATES, Analysis, Fault
from engine.definitions.vocabulary import GATEWAYS
from engine.errors import Finding

_FIRST, _LAST = 3, 6
"""Steps of a long path that are named: the first and the last ones."""


def check(package: Package, *, lone: bool = False, most: int = MOST_STATES) -> list[Finding]:
    """The faults of all scopes of a package. What happens whatever is decided is an error (BPMN calls no such process
    invalid, but its cases cannot be finished); what depends on a decision is a warning, as is everything in a lone
    diagram, because conditions may exclude it."""
    found: list[Finding] = []
    said: set[tuple[str, str]] = set()
    for fault in Analysis(package, most).faults:
        at = fault.at
        key = at.key if isinstance(at, Process) else at.id
        if (fault.kind, key) in said:
            continue
        said.add((fault.kind, key))
        severity = "error" if fault.certain and not lone else "warning"
        found.append(
            Finding(
                severity,
                f"soundness_{fault.kind}",
                _sentence(fault),
                fault.process.file,
                key,
                at.line,
                fault.path,
            )
        )
    return found


def _sentence(fault: Fault) -> str:
    process, at = fault.process, fault.at
    way = _way(process, fault.path)
    there = f"流程“{at.name}”" if isinstance(at, Process) else title(at)
    others = _names(process, fault.missing)
    match fault.kind:
        case "deadlock":
            always = "（无论怎样选择都如此）" if fault.certain else ""
            return (
                f"走“{way}”之后，{there}一直等不到来自{others}的一路，案件停在这里{always}。"
                f"请让分开与汇合成对：{_remedy(at)}"
            )
        case "livelock":
            return f"走“{way}”之后，只能在{others}之间来回，再也走不到结束。请画一条走得出去的路。"
        case "unsynchronised":
            return (
                f"走“{way}”，两路没有汇合就都到了{there}，{others}会同时办两份。"
                "请先用并行（包容）网关汇合，或在前面只走其中一路。"
            )
        case "unbounded":
            return (
                f"走“{way}”，每绕一圈多出一路，{others}会越积越多。请先汇合再绕回，或用排他网关决定是否绕回。"
            )
        case "budget":
            return (
                f"{there}的走法太多，看了 {fault.states} 种情形仍未查完，会不会停住还不能确定。"
                "请把并行的大段拆成子流程后再检查。"
            )
    return _never(there, at)


def _remedy(at: Element | Process) -> str:
    if isinstance(at, Element) and at.kind is Kind.PARALLEL:
        return "前面用并行网关分开，或把这里改为包容（排他）网关。"
    return "在前面用相应的网关分开，或改接流入的顺序流。"


def _never(there: str, at: Element | Process) -> str:
    event = at.event if isinstance(at, Element) else None
    if event is not None and event.trigger in (Trigger.ERROR, Trigger.ESCALATION):
        word = "错误" if event.trigger is Trigger.ERROR else "升级"
        what = f"{word}“{event.code}”" if event.code else f"任何{word}"
        return f"{there}等待{what}，但里面没有环节会抛出，永远不会触发。请改正代码，或删去。"
    return f"{there}永远走不到：前面的子流程不会结束，或抛出之后总被中断。请检查它前面的环节，或删去。"


def _names(process: Process, ids: Iterable[str]) -> str:
    elements = [process.elements[id] for id in dict.fromkeys(ids)]
    names = "、".join(title(e) if e.kind in GATEWAYS else f"“{_called(e)}”" for e in elements[:_LAST])
    return f"{names}等" if len(elements) > _LAST else names


def _called(element: Element) -> str:
    return (element.name or element.id)[:40]


def _way(process: Process, path: tuple[str, ...]) -> str:
    """The path in people's words: steps, events and questions with their answers, a long one in its ends."""
    steps: list[str] = []
    for index, id in enumerate(path):
        element = process.elements.get(id)
        if element is None:
            continue
        if element.kind not in GATEWAYS:
            steps.append(_called(element))
        elif len(element.outgoing) > 1 and element.kind is not Kind.PARALLEL:
            steps.append(_called(element) + _answer(process, path, index))
    if len(steps) > _FIRST + _LAST + 1:
        steps = [*steps[:_FIRST], "…", *steps[-_LAST:]]
    return " → ".join(steps)


def _answer(process: Process, path: tuple[str, ...], index: int) -> str:
    """The flows by which a gateway is left, as they are named or by where they lead."""
    flows = []
    for id in path[index + 1 :]:
        if id not in process.flows:
            break
        flow = process.flows[id]
        flows.append(flow.name or _called(process.elements[flow.target]))
    return f"（{'、'.join(flows)}）" if flows else ""

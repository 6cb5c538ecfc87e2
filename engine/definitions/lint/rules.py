"""How a rule is written 规则: a small function over one process, with a stable id and a severity.

A rule yields `(element or flow, sentence)`; the sentence says what is wrong and what to do instead. `diagram` is the
severity in a lone diagram, which has no package around it: "" leaves the rule out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.definitions.model import Element, Flow, Package, Process
from engine.definitions.reading import MAX_FINDINGS
from engine.definitions.vocabulary import KIND_TITLES
from engine.errors import Finding

Remarks = Iterator[tuple[Element | Flow | Process, str]]
Check = Callable[[Process, Package], Remarks]


@dataclass(frozen=True, slots=True)
class Rule:
    """A check with its id and severities."""

    id: str
    severity: str
    diagram: str
    check: Check


RULES: dict[str, Rule] = {}


def rule(key: str, severity: str = "error", diagram: str | None = None) -> Callable[[Check], Check]:
    """Register a check under a stable id."""

    def register(check: Check) -> Check:
        RULES[key] = Rule(key, severity, severity if diagram is None else diagram, check)
        return check

    return register


def run(package: Package, *, lone: bool) -> list[Finding]:
    """All rules over all processes."""
    findings: list[Finding] = []
    for process in package.processes.values():
        for known in RULES.values():
            severity = known.diagram if lone else known.severity
            if not severity:
                continue
            for place, message in known.check(process, package):
                key = place.key if isinstance(place, Process) else place.id
                if len(findings) >= MAX_FINDINGS:
                    return findings
                findings.append(Finding(severity, known.id, message, process.file, key, place.line))
    return findings


def title(element: Element) -> str:
    """How an element is called in a sentence: its kind and its name."""
    return f"{'事务' if element.transaction else ''}{KIND_TITLES[element.kind]}“{element.name or element.id}”"

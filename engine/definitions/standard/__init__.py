"""The structural rules of BPMN 2.0.2 规范的结构规则: what the schema lets pass and the standard forbids.

`judge` looks at a file as it is drawn, whatever tool made it and whether or not the kernel executes what it shows.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from engine.definitions.reading import Node, line_of, owner
from engine.definitions.standard import (
    activities,
    collaboration,
    compensation,
    data,
    events,
    flows,
    gateways,
    identity,
    links,
    services,
)
from engine.definitions.standard.drawing import Drawing, title
from engine.definitions.standard.rules import RULES, Rule
from engine.errors import Finding

__all__ = ["ALL", "RULES", "UNPLAYABLE", "Rule", "judge"]

MAX_OF_A_RULE = 25
"""Findings of one rule in one file; whoever has mended those asks again."""

_SUBJECTS = (
    identity,
    flows,
    gateways,
    events,
    links,
    compensation,
    activities,
    data,
    services,
    collaboration,
)
ALL: tuple[Rule, ...] = tuple(
    rule for subject in _SUBJECTS for rule in RULES.values() if rule.check.__module__ == subject.__name__
)
UNPLAYABLE: tuple[Rule, ...] = tuple(rule for rule in ALL if not rule.plays)
"""The rules whose breach the kernel could not bear."""


def judge(root: Node, file: str, rules: Collection[Rule] = ALL) -> list[Finding]:
    """What the standard forbids in this file."""
    drawing = Drawing(root)
    findings: dict[tuple[str, str, int], Finding] = {}
    for rule in rules:
        for wrong in islice(rule.check(drawing), MAX_OF_A_RULE):
            node, fields = wrong if isinstance(wrong, tuple) else (wrong, {})
            sentence = rule.sentence({"it": title(node), **fields})
            finding = Finding("error", rule.key, sentence, file, owner(node), line_of(node))
            findings.setdefault((rule.key, finding.element, finding.line), finding)
    return list(findings.values())

"""Everything there is to say 检查: of a package before it is published, and of a lone diagram of any tool.

A package is held against the standard, the schema and this dialect. A lone diagram is refused for what the standard forbids
and for nothing else; what is legal and not executed here is a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from engine.definitions import bpmn, lint, soundness, standard, xml
from engine.definitions.compile import compile_package, lone_package, refuses
from engine.definitions.decisions import Decision, read_decisions
from engine.errors import Finding

_UNREADABLE = ("xml_", "not_bpmn")
_SAYS_AS_WELL: Mapping[str, frozenset[str]] = {
    "error_interrupts": frozenset({"boundary_interrupts"}),
    "error_missing": frozenset({"error_code_missing", "unknown_reference"}),
    "escalation_missing": frozenset({"escalation_code_missing", "unknown_reference"}),
    "subprocess_start": frozenset({"subprocess_start_twice", "event_subprocess_start"}),
    "unreachable": frozenset(
        {"node_incoming", "intermediate_flow", "link_source", "end_incoming", "gateway_flows"}
        | {"boundary_host", "compensation_bound", "compensation_handler", "link_open", "link_twice"}
        | {"receive_instantiates", "event_gateway_instantiates"}
    ),
    "implicit_end": frozenset(
        {"node_outgoing", "start_outgoing", "intermediate_flow", "gateway_flows", "link_target", "link_pair"}
        | {"link_open", "boundary_outgoing"}
    ),
    "no_end_reachable": frozenset({"node_outgoing", "start_outgoing", "intermediate_flow"}),
    "call_unknown": frozenset({"unknown_reference", "call_start", "reference_kind"}),
    "none_start_twice": frozenset({"subprocess_start_twice"}),
    "expression_empty": frozenset({"expression_body", "condition_missing", "timer_text"}),
    "expression_invalid": frozenset({"expression_natural", "expression_feel"}),
    "attribute_value": frozenset({"quantity", "script_format", "reference_kind", "event_gateway_parallel"}),
    "event_position": frozenset({"event_trigger_missing"}),
    "event_reference": frozenset({"reference_kind"}),
    "unknown_reference": frozenset({"reference_kind"}),
    "process_id": frozenset({"element_id"}),
    "loop_event": frozenset({"loop_behavior", "unknown_reference"}),
    "message_topic": frozenset({"reference_kind"}),
}
"""Findings that only repeat what another says of the same element."""


def check_files(files: Mapping[str, bytes]) -> list[Finding]:
    """Everything about a package before it is published: schema, standard, reading, lint, forms, decisions."""
    from engine.definitions import schema  # loads SpiffWorkflow, which running cases do not need

    package, findings = compile_package(files)
    if package is not None:
        findings += soundness.check(package)
    for path in sorted(p for p in files if p.endswith(".bpmn")):
        findings += schema.check(files[path], path)
    return once(findings)


def check_diagram(data: bytes, file: str, tables: Mapping[str, bytes] | None = None) -> list[Finding]:
    """Everything about a lone diagram. `tables` are the DMN files beside it."""
    from engine.definitions import schema

    name = PurePosixPath(file).name or "diagram.bpmn"
    processes, findings = bpmn.read(data, name, lone=True, rules=standard.ALL)
    if any(f.rule.startswith(_UNREADABLE) for f in findings):
        return findings
    decisions: dict[str, Decision] = {}
    for path in sorted(tables or {}):
        found, remarks = read_decisions((tables or {})[path], path)
        decisions.update(found)
        findings += remarks
    package = lone_package(data, name, processes, decisions, tables or {}) if processes else None
    if package is not None:
        findings += lint.check_diagram(package)
    judged = frozenset(standard.judge(xml.parse(data, name), name))
    findings = [f if f in judged or f.file != name else _legal(f) for f in findings]
    findings += [_legal(f) if f.rule == "schema_order" else f for f in schema.check(data, name)]
    if package is not None and not refuses(findings):
        findings += soundness.check(package, lone=True)
    return once(findings)


def once(findings: list[Finding]) -> list[Finding]:
    """Errors first, and of several findings that say the same the first."""
    said: dict[tuple[str, str], set[str]] = {}
    errors: set[tuple[str, str, int]] = set()
    for one in findings:
        said.setdefault((one.file, one.element), set()).add(one.rule)
        if one.severity == "error" and not one.rule.startswith("schema"):
            errors.add((one.file, one.element, one.line))
    kept: dict[tuple[str, str, str, int], Finding] = {}
    for one in findings:
        if said[(one.file, one.element)] & _SAYS_AS_WELL.get(one.rule, frozenset()):
            continue
        if one.rule.startswith("schema") and (one.file, one.element, one.line) in errors:
            continue  # what to do has been said
        kept.setdefault((one.file, one.rule, one.element, one.line), one)
    return sorted(kept.values(), key=lambda f: (f.severity != "error", f.file, f.line))


def _legal(finding: Finding) -> Finding:
    """What only the kernel cannot do is legal, and a warning."""
    message = finding.message
    if finding.rule == "unknown_element":
        message = message.replace("不能用在此处", "存在但不执行", 1)
    elif finding.severity == "error" and finding.rule != "schema_order":
        message = f"存在但不执行：{message}"
    return replace(finding, severity="warning", message=message)

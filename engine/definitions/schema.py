"""BPMN 2.0 schema check 规范校验, with the validator and the schemas that SpiffWorkflow carries.

Extension elements and attributes of other namespaces (`camunda:`) are lax in the standard's schema and pass. The
schema is compiled once a process (about 10 ms); a check of a 300-element diagram takes a few milliseconds.
"""

from __future__ import annotations

import copy
import re
from functools import lru_cache, partial
from threading import Lock
from typing import Any

from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnValidator

from engine.definitions import xml
from engine.definitions.reading import MAX_FINDINGS, line_of, owner
from engine.errors import DefinitionRefused, Finding

_NAMESPACE = re.compile(r"\{[^{}]*\}")
_SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"Element '(?P<a>[^']*)': This element is not expected\. Expected is (?:one of )?\((?P<b>[^)]*)\)"
        ),
        "“{a}”不应出现在这里，此处应为：{b}。请从流程设计器重新导出",
    ),
    (
        re.compile(r"Element '(?P<a>[^']*)': This element is not expected"),
        "“{a}”不应出现在这里，请删去或移到正确的位置",
    ),
    (
        re.compile(r"Element '(?P<a>[^']*)', attribute '(?P<b>[^']*)': The attribute '[^']*' is not allowed"),
        "“{a}”不能有属性“{b}”，请删去",
    ),
    (
        re.compile(r"Element '(?P<a>[^']*)': The attribute '(?P<b>[^']*)' is required but missing"),
        "“{a}”缺少属性“{b}”，请补上",
    ),
    (
        re.compile(
            r"Element '(?P<a>[^']*)': Missing child element\(s\)\. Expected is (?:one of )?\((?P<b>[^)]*)\)"
        ),
        "“{a}”内容不完整，还应有：{b}",
    ),
    (
        re.compile(r"Element '(?P<a>[^']*)', attribute '(?P<b>[^']*)': '(?P<c>[^']*)' is not a valid value"),
        "“{a}”的属性“{b}”不能写“{c}”，请改正（编号须以字母、汉字或下划线开头，不含空格）",
    ),
    (
        re.compile(r"Element '(?P<a>[^']*)': '(?P<c>[^']*)' is not a valid value"),
        "“{a}”的内容“{c}”写法不对，请改正",
    ),
)
_ORDER = {
    tag: rank
    for rank, tag in enumerate(
        (
            "documentation",
            "extensionElements",
            "import",
            "itemDefinition",
            "auditing",
            "monitoring",
            "categoryValueRef",
            "supportedInterfaceRef",
            "incoming",
            "outgoing",
            "ioSpecification",
            "ioBinding",
            "property",
            "dataInput",
            "dataOutput",
            "dataInputAssociation",
            "dataOutputAssociation",
            "inputSet",
            "outputSet",
            "resourceRole",
            "performer",
            "humanPerformer",
            "potentialOwner",
            "multiInstanceLoopCharacteristics",
            "standardLoopCharacteristics",
            "laneSet",
            "participant",
            "messageFlow",
        )
    )
}
"""The schema's order of what may stand in one element; what is in neither list keeps the order it is written in, between."""

_LAST = {
    tag: rank
    for rank, tag in enumerate(
        (
            "association",
            "group",
            "textAnnotation",
            "resourceRole",
            "performer",
            "humanPerformer",
            "potentialOwner",
            "correlationSubscription",
            "supports",
            "conversation",
            "subConversation",
            "callConversation",
            "correlationKey",
            "choreographyRef",
            "conversationLink",
            "BPMNDiagram",
            "relationship",
        ),
        start=1_000,
    )
}

_lock = Lock()


@lru_cache(maxsize=1)
def _schema() -> Any:
    return BpmnValidator().validator  # type: ignore[no-untyped-call]  # the package has no types


def check(data: bytes, file: str) -> list[Finding]:
    """Findings of the schema, each with its line and the nearest element's id; empty when the file conforms.

    A file that is no safe XML is refused by `bpmn.read`; here it gives the same findings.
    """
    try:
        root = xml.parse(data, file)
    except DefinitionRefused as refusal:
        return list(refusal.fields["findings"])
    entries = _entries(root)
    if not entries:
        return []
    tree = root.getroottree()
    misplaced = _only_misplaced(root, entries)
    findings: dict[tuple[str, int], Finding] = {}
    for message, line, path in entries[:MAX_FINDINGS]:
        rule = "schema_order" if (line, message) in misplaced else "schema"
        finding = Finding("error", rule, _sentence(message), file, _element(tree, path), line)
        findings.setdefault(
            (finding.element, line), finding
        )  # one wrong value is reported two or three times
    return list(findings.values())


def _entries(root: etree._Element) -> list[tuple[str, int, str | None]]:
    """What the validator says: message, line, path."""
    with _lock:  # the error log belongs to the schema object
        if _schema().validate(root):
            return []
        return [(e.message, e.line, e.path) for e in _schema().error_log]


def _only_misplaced(root: etree._Element, entries: list[tuple[str, int, str | None]]) -> set[tuple[int, str]]:
    """Those of the entries that the schema would not say if the children stood in its order: nothing is wrong but their
    places, which mean nothing."""
    unexpected = [
        (line, message) for message, line, _ in entries if "This element is not expected" in message
    ]
    if not unexpected:
        return set()
    ordered = copy.deepcopy(root)
    lines: set[int] = {line for line, _ in unexpected}
    for parent in list(ordered.iter("*")):
        children = list(parent)
        if any(line_of(child) in lines for child in children):
            children.sort(key=partial(_rank, etree.QName(parent).localname))
            parent.extend(children)  # an element that is appended again moves
    still = {line for message, line, _ in _entries(ordered) if "not expected" in message}
    return {(line, message) for line, message in unexpected if line not in still}


def _rank(parent: str, child: etree._Element) -> int:
    tag = etree.QName(child).localname
    if parent == "process" and tag in {"supportedInterfaceRef", "ioSpecification", "ioBinding"}:
        return _ORDER["auditing"] - 1
    if tag in _LAST and (tag not in _ORDER or parent == "process"):
        return _LAST[tag]
    return _ORDER.get(tag, len(_ORDER))


def _element(tree: etree._ElementTree, path: str | None) -> str:
    """Id of the element at the validator's path."""
    try:
        prefixes = {k: v for k, v in tree.getroot().nsmap.items() if k}
        found = tree.xpath(path, namespaces=prefixes) if path else None
    except etree.XPathError:
        return ""
    return (
        owner(found[0]) if isinstance(found, list) and found and isinstance(found[0], etree._Element) else ""
    )


def _sentence(message: str) -> str:
    plain = _NAMESPACE.sub("", " ".join(message.split()))
    for pattern, sentence in _SENTENCES:
        if match := pattern.search(plain):
            parts = {k: " ".join(v.split())[:120] for k, v in match.groupdict().items()}
            return "不符合 BPMN 2.0 规范：" + sentence.format(**parts) + "。"
    return f"不符合 BPMN 2.0 规范：{plain[:200]}，请从流程设计器重新导出。"

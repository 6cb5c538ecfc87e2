"""One DMN file being read 读取过程: where findings are gathered, and children, attributes and FEEL texts are checked.

What is not read is a finding, with element id and line, never ignored: an error where it would change an answer, a
warning where it only describes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from engine.definitions.reading import MAX_FINDINGS, line_of, local, owner, text_of
from engine.errors import ExpressionInvalid, Finding
from engine.feel import Expression, compile_expression, compile_unary
from engine.feel.nodes import Type as FeelType

Node = etree._Element
Known = frozenset[str]

NAMESPACES = frozenset(
    {
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",  # 1.1
        "http://www.omg.org/spec/DMN/20180521/MODEL/",  # 1.2
        "https://www.omg.org/spec/DMN/20191111/MODEL/",  # 1.3
        "https://www.omg.org/spec/DMN/20211108/MODEL/",  # 1.4
        "https://www.omg.org/spec/DMN/20230324/MODEL/",  # 1.5
    }
)
"""What is read has the same form in all of them; what a later version adds is read in the earlier ones too."""

FEEL_NAMES = frozenset(
    {
        "",
        "feel",
        "http://www.omg.org/spec/FEEL/20140401",
        "http://www.omg.org/spec/DMN/20180521/FEEL/",
        "https://www.omg.org/spec/DMN/20191111/FEEL/",
        "https://www.omg.org/spec/DMN/20211108/FEEL/",
        "https://www.omg.org/spec/DMN/20230324/FEEL/",
    }
)
EXPRESSIONS = frozenset(
    ["literalExpression", "decisionTable", "context", "list", "relation", "invocation", "functionDefinition"]
    + ["conditional", "filter", "for", "every", "some"]
)
"""The elements that are boxed expressions."""

_DESCRIPTIVE = frozenset(
    ["description", "question", "allowedAnswers", "authorityRequirement", "extensionElements"]
    + ["decisionMaker", "decisionOwner", "usingProcess", "usingTask", "supportedObjective"]
    + ["impactedPerformanceIndicator"]
)
_ROOT_DESCRIPTIVE = _DESCRIPTIVE | frozenset(
    ["knowledgeSource", "textAnnotation", "association", "group", "organizationUnit", "performanceIndicator"]
    + ["elementCollection", "businessContextElement"]
)
_TYPED = frozenset(["typeRef"])
_LANGUAGE = frozenset(["expressionLanguage"])
_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "definitions": frozenset(
        ["namespace", "expressionLanguage", "typeLanguage", "exporter", "exporterVersion"]
    ),
    "import": frozenset(["namespace", "locationURI", "importType"]),
    "itemDefinition": frozenset(["typeLanguage", "isCollection"]),
    "itemComponent": frozenset(["typeLanguage", "isCollection"]),
    "functionItem": frozenset(["outputTypeRef"]),
    "decisionTable": frozenset(["hitPolicy", "aggregation", "preferredOrientation", "outputLabel"]) | _TYPED,
    "literalExpression": _TYPED | _LANGUAGE,
    "inputExpression": _TYPED | _LANGUAGE,
    "outputEntry": _TYPED | _LANGUAGE,
    "defaultOutputEntry": _TYPED | _LANGUAGE,
    "inputEntry": _LANGUAGE,
    "inputValues": _LANGUAGE,
    "outputValues": _LANGUAGE,
    "allowedValues": _LANGUAGE,
    "typeConstraint": _LANGUAGE,
    "encapsulatedLogic": _TYPED | {"kind"},
    "functionDefinition": _TYPED | {"kind"},
    "requiredDecision": frozenset(["href"]),
    "requiredInput": frozenset(["href"]),
    "requiredKnowledge": frozenset(["href"]),
    "outputDecision": frozenset(["href"]),
    "encapsulatedDecision": frozenset(["href"]),
    "inputDecision": frozenset(["href"]),
    "inputDataReference": frozenset(["href"]),
    "for": _TYPED | {"iteratorVariable"},
    "every": _TYPED | {"iteratorVariable"},
    "some": _TYPED | {"iteratorVariable"},
}
_ALSO_TYPED = frozenset(
    ["variable", "output", "column", "formalParameter", "parameter", "parameters", "row"]
    + ["context", "list", "relation", "invocation", "conditional", "filter"]
    + ["if", "then", "else", "in", "match", "return", "satisfies"]
)
_PLAIN_ATTRIBUTES = frozenset(["id", "name", "label"])
_REFUSED = {
    "importedValues": "不支持引用外部数值，请把这些值直接写进表达式。",
    "businessKnowledgeModel": "业务知识模型应直接放在 definitions 之下，请移出去。",
}


@dataclass
class Reading:
    """Findings of one file. `lone`: it stands in no package, so that what the standard calls an error of one
    expression is null when it is evaluated, and a warning. `knowledge` are the names of its functions, for a hint
    where one is not connected; `types` its item definitions for FEEL."""

    file: str
    lone: bool = False
    findings: list[Finding] = field(default_factory=list)
    errors: int = 0
    knowledge: frozenset[str] = frozenset()
    types: tuple[tuple[str, FeelType], ...] = ()

    def note(self, rule: str, node: Node, message: str, severity: str = "error") -> None:
        self.errors += severity == "error"
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(severity, rule, message, self.file, owner(node), line_of(node)))

    def warn(self, rule: str, node: Node, message: str) -> None:
        self.note(rule, node, message, "warning")

    def attributes(self, node: Node) -> None:
        """Attributes of DMN that are not read; those of other namespaces (drawing tools) decorate."""
        tag = local(node)
        known = _PLAIN_ATTRIBUTES | _ATTRIBUTES.get(tag, _TYPED if tag in _ALSO_TYPED else frozenset())
        for name in map(str, node.attrib):
            if not name.startswith("{") and name not in known and not (tag == "inputData" and name == "href"):
                self.warn("unknown_attribute", node, f"属性“{name[:40]}”不起作用，请删去。")

    def children(self, node: Node, *known: str) -> dict[str, list[Node]]:
        """Children by tag; all that are neither known nor descriptive are findings."""
        self.attributes(node)
        found: dict[str, list[Node]] = {tag: [] for tag in known}
        descriptive = _ROOT_DESCRIPTIVE if local(node) == "definitions" else _DESCRIPTIVE
        for child in elements(node):
            tag = local(child)
            if tag in known:
                found[tag].append(child)
            elif tag not in descriptive:
                self.note(
                    "unknown_element", child, _REFUSED.get(tag, f"元素“{tag[:40]}”不能放在这里，请删去。")
                )
        return found

    def one(self, parts: Mapping[str, list[Node]], tag: str) -> Node | None:
        """The only child of a tag; a second one is an error."""
        found = parts[tag]
        if len(found) > 1:
            self.note("element_twice", found[1], f"“{tag}”只能有一个，请删去多余的。")
        return found[0] if found else None

    def name(self, node: Node, what: str) -> str:
        """A required `name`."""
        name = " ".join((node.get("name") or "").split())
        if not name:
            self.note("name_missing", node, f"{what}没有名称，别处无法引用它。请填写名称。")
        elif name.startswith("$"):
            self.note("name_invalid", node, f"{what}的名称不能以 $ 开头，请改名。")
            return ""
        return name

    # -- FEEL ------------------------------------------------------------------------------------------

    def expression(self, node: Node, known: Known = frozenset()) -> Expression | None:
        """The FEEL expression in a node's `text`; None when it is empty or wrong (then with a finding). A leading "="
        is allowed, as everywhere."""
        return self.compiled(node, text_in(node).removeprefix("=").strip(), compile_expression, known)

    def tests(self, node: Node, known: Known = frozenset()) -> Expression | None:
        """The unary tests in a node's `text`; None when they are empty or wrong."""
        return self.compiled(node, text_in(node), compile_unary, known)

    def compiled(
        self, node: Node, text: str, compile_: Callable[..., Expression], known: Known
    ) -> Expression | None:
        self.language(node)
        if not text:
            return None
        # types are asked for by name only there; elsewhere they would only make the cache of expressions slow
        types = self.types if "instance" in text or "function" in text else ()
        try:
            return compile_(text, known, types)
        except ExpressionInvalid as error:
            hint = ""
            if any(name in text and name not in known for name in self.knowledge):
                hint = "如果要调用业务知识模型或决策服务，请先把它连到这个决策（知识需求）。"
            lax = self.lax(text, compile_, known, types)
            self.note(error.code, node, error.message + hint, "error" if lax is None else "warning")
            return lax

    def lax(
        self, text: str, compile_: Callable[..., Expression], known: Known, types: Any
    ) -> Expression | None:
        """In a lone file: the expression with what is wrong in it null, where the standard allows that."""
        if not self.lone:
            return None
        try:
            return compile_(text, known, types, strict=False)
        except ExpressionInvalid:
            return None

    def language(self, node: Node) -> None:
        language = (node.get("expressionLanguage") or "").strip()
        if language.lower() not in FEEL_NAMES and language not in FEEL_NAMES:
            self.note(
                "expression_language", node, f"表达式语言只能是 FEEL，不能是“{language[:40]}”。请删去该设置。"
            )


def elements(node: Node) -> Iterator[Node]:
    """The child elements of DMN; drawing (DMNDI) and tools' extensions are passed over."""
    return (
        child for child in node if isinstance(child.tag, str) and etree.QName(child).namespace in NAMESPACES
    )


def text_in(node: Node) -> str:
    """What its `text` children say."""
    return "".join(text_of(child) for child in elements(node) if local(child) == "text").strip()

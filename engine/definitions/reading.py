"""One file being read 读取过程: where findings are gathered, and attributes, expressions and children are checked.

Shared by `bpmn` (processes and scopes) and `nodes` (the elements in them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lxml import etree

from engine.definitions import vocabulary
from engine.definitions.vocabulary import BPMN, CAMUNDA, DECORATION_NAMESPACES, XSI
from engine.errors import EngineError, Finding
from engine.feel import Expression, compile_expression

if TYPE_CHECKING:
    from engine.definitions.data import Item

Node = etree._Element

MAX_FINDINGS = 300
MAX_EXPRESSION_TEXT = 250_000
"""Characters of all expressions of one file: compiling them is the longest part of a check (about 1 s for so many)."""

_EXPRESSION_COST = 40
"""What an expression costs besides its characters."""

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

_EXPRESSION_ATTRIBUTES: Mapping[str, frozenset[str] | None] = {
    "id": None,
    "language": None,
    "evaluatesToTypeRef": None,
}


_IN_BPMN = f"{{{BPMN}}}"


def local(node: Node) -> str:
    """Tag name without namespace."""
    return str(node.tag).rpartition("}")[2]


def namespace(node: Node) -> str:
    return str(node.tag).rpartition("}")[0][1:]


def is_bpmn(node: Node, *tags: str) -> bool:
    tag = str(node.tag)
    return tag.startswith(_IN_BPMN) and (not tags or tag[len(_IN_BPMN) :] in tags)


def boolean(reading: Reading, node: Node, name: str, default: bool) -> bool:
    """A boolean attribute; anything but true and false is a finding."""
    raw = node.get(name)
    if raw is None:
        return default
    value = _BOOLEANS.get(str(raw).strip())
    if value is None:
        reading.error("attribute_value", node, f"“{name}”只能是 true 或 false。")
        return default
    return value


def line_of(node: Node) -> int:
    """Where the element stands in the file, from 1; 0 when unknown."""
    return int(node.sourceline) if isinstance(node.sourceline, int) else 0


def text_of(node: Node) -> str:
    """All text inside, without surrounding white space."""
    return "".join(str(part) for part in node.itertext()).strip()


def camunda(node: Node, name: str) -> str:
    """A `camunda:` attribute, "" when absent."""
    return str(node.get(f"{{{CAMUNDA}}}{name}") or "").strip()


def literal(text: str) -> str:
    """FEEL source of a string literal."""
    escaped = (
        text.replace("\\", "\\\\")
        .replace('"', '\\"')
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\t", "\\t")
    )
    return f'"{escaped}"'


@dataclass
class Reading:
    """The findings of one file, and what its root declares."""

    file: str
    findings: list[Finding] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)
    """Root element id → name."""
    signals: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """Root element id → code."""
    escalations: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, Node] = field(default_factory=dict)
    """Root element id → the event definition that events refer to."""
    items: dict[str, Item] = field(default_factory=dict)
    """Item-aware elements by id, references included (see `data`)."""
    associations: list[tuple[str, str]] = field(default_factory=list)
    """The two ends of every association of the file."""
    declared: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Process or subprocess id → the variables that are its own."""
    lone: bool = False
    """A diagram without a package: what another tool leaves out or adds is a warning, see `loose`."""
    said: set[tuple[str, str]] = field(default_factory=set)
    """What the rules of the standard have found already: rule, element."""
    nodes: int = 0
    expression_text: int = 0
    """Characters of expressions read so far."""

    def error(self, rule: str, node: Node, message: str) -> None:
        self._note("error", rule, node, message)

    def warning(self, rule: str, node: Node, message: str) -> None:
        self._note("warning", rule, node, message)

    def loose(self, rule: str, node: Node, message: str) -> None:
        """An error in a package; in a lone diagram a warning, because the diagram plays without it."""
        self._note("warning" if self.lone else "error", rule, node, message)

    def _note(self, severity: str, rule: str, node: Node, message: str) -> None:
        around = [owner(one) for one in (node, node.getparent()) if one is not None]
        if any((rule, element) in self.said for element in around):
            return
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(severity, rule, message, self.file, owner(node), line_of(node)))

    # -- what may stand here -----------------------------------------------------------------------

    def attributes(self, node: Node, allowed: Mapping[str, frozenset[str] | None], *, tag: str = "") -> None:
        """Every attribute of `node` must be known; `tag` chooses the `camunda:` ones (default: the node's)."""
        known = vocabulary.CAMUNDA_ATTRIBUTES.get(tag or local(node), frozenset())
        for raw, raw_value in node.attrib.items():
            name, value = etree.QName(str(raw)), str(raw_value)
            space, key = name.namespace or "", name.localname
            if space in DECORATION_NAMESPACES:
                continue
            if space == XSI and key in {"type", "schemaLocation"}:
                continue
            if space == "" and key in allowed:
                values = allowed[key]
                if values is None or value.strip().lower() in values:
                    continue
                if self.lone and key in vocabulary.LEFT_OUT:
                    self.left_out(node, key)
                else:
                    self.error("attribute_value", node, f"“{key}”不能是“{_short(value)}”。{instead(key)}")
                continue
            if space == CAMUNDA and key in known:
                continue
            shown = f"camunda:{key}" if space == CAMUNDA else key if not space else f"{{{space}}}{key}"
            if space not in ("", CAMUNDA, BPMN, XSI):
                self.foreign(node, shown)
                continue
            if self.lone and (space == CAMUNDA or (space == "" and key in vocabulary.LEFT_OUT)):
                self.left_out(node, shown)
            else:
                self.error("unknown_attribute", node, f"属性“{_short(shown)}”在此处不起作用。{instead(key)}")

    def unknown_child(self, node: Node) -> None:
        """`node` stands where nothing of its kind may stand."""
        tag = local(node)
        space = namespace(node)
        shown = f"camunda:{tag}" if space == CAMUNDA else tag if space == BPMN else f"{{{space}}}{tag}"
        if self.lone and (space == CAMUNDA or (space == BPMN and tag in vocabulary.LEFT_OUT)):
            self.left_out(node, shown)
        else:
            self.error("unknown_element", node, f"“{_short(shown)}”不能用在此处。{instead(tag)}")

    def left_out(self, node: Node, name: str) -> None:
        """What changes nothing of where tokens go: in a lone diagram it is warned of and left out."""
        self.warning(
            "not_executed", node, f"“{_short(name)}”存在但不执行。{instead(name.partition(':')[2] or name)}"
        )

    def another_engine(self, node: Node, text: str, what: str) -> bool:
        """An expression of another engine that says nothing of where tokens go is left out of a lone diagram."""
        if not self.lone or not ("${" in text or "#{" in text):
            return False
        self.warning("not_executed", node, f"{what}“{_short(text)}”存在但不执行，请改写成 FEEL。")
        return True

    def foreign(self, node: Node, shown: str) -> None:
        """Another tool's extension: the standard lets everybody add some, and whoever does not know them play on."""
        self.loose(
            "foreign_extension",
            node,
            f"其他工具的扩展“{_short(shown)}”不起作用，请删去，或改用手册所列的写法。",
        )

    def children(self, node: Node, *known: str) -> list[Node]:
        """The BPMN children of `node` whose tags are `known`; anything else is a finding. Decoration and
        `extensionElements` are left out (see `extensions`)."""
        found = []
        for child in node:
            if is_bpmn(child, *known):
                found.append(child)
            elif (
                is_bpmn(child, "extensionElements", "documentation")
                or namespace(child) in DECORATION_NAMESPACES
            ):
                continue
            else:
                self.unknown_child(child)
        return found

    def extensions(self, node: Node, *known: str) -> list[Node]:
        """The `camunda:` extension elements of `node` with `known` tags; any other is a finding."""
        found = []
        for holder in node.findall(f"{{{BPMN}}}extensionElements"):
            for child in holder:
                if namespace(child) == CAMUNDA and local(child) in known:
                    found.append(child)
                elif namespace(child) in (CAMUNDA, BPMN):
                    self.unknown_child(child)
                elif namespace(child) not in DECORATION_NAMESPACES:
                    self.foreign(child, f"{{{namespace(child)}}}{local(child)}")
        return found

    # -- expressions -------------------------------------------------------------------------------

    def formula(self, node: Node, text: str, what: str) -> Expression | None:
        """FEEL, with or without a leading `=`. An error is a finding that quotes what is wrong."""
        source = text.strip()
        source = source[1:].strip() if source.startswith("=") else source
        if "${" in source or "#{" in source:
            self.error(
                "expression_language", node, f"{what}：不支持“${{…}}”写法，请直接写 FEEL，如“=预警级 > 2”。"
            )
            return None
        if not source:
            self.error("expression_empty", node, f"{what}为空，请填写 FEEL 表达式。")
            return None
        before = self.expression_text
        self.expression_text += len(source) + _EXPRESSION_COST
        if self.expression_text > MAX_EXPRESSION_TEXT:
            if before <= MAX_EXPRESSION_TEXT:
                self.error("too_much_text", node, "图中的表达式太多太长，请拆成几张图，用调用活动连接。")
            return None
        try:
            return compile_expression(source)
        except EngineError as error:
            self.error("expression_invalid", node, f"{what}“{_short(source)}”有误：{error.message}")
            return None

    def text_or_formula(self, node: Node, text: str, what: str) -> Expression | None:
        """Plain text, or FEEL after a leading `=`."""
        source = text.strip()
        if source.startswith("=") or "${" in source or "#{" in source:
            return self.formula(node, source, what)
        return self.constant(node, literal(source))

    def constant(self, node: Node, source: str) -> Expression | None:
        """FEEL made here from plain text, e.g. a string literal."""
        return self.formula(node, source, "文字")

    def variable(self, node: Node, name: str, what: str) -> str:
        """The name of a variable that is written here; "" when nothing could read it."""
        if not name or (vocabulary.VARIABLE.fullmatch(name) and name not in vocabulary.RESERVED):
            return name
        reason = (
            "是系统保留的名称"
            if name in vocabulary.RESERVED
            else "只能含汉字、字母、数字和下划线，且不以数字开头"
        )
        self.error("variable_name", node, f"{what}“{_short(name)}”{reason}，请改名。")
        return ""

    def expression_child(self, node: Node) -> str:
        """The text of a BPMN expression element; its language must be FEEL."""
        self.attributes(node, _EXPRESSION_ATTRIBUTES)
        language = str(node.get("language") or "").strip()
        if language and "feel" not in language.lower():
            self.error(
                "expression_language",
                node,
                f"表达式语言“{_short(language)}”不支持，请改为 FEEL（删去 language 属性即可）。",
            )
        for child in node:
            self.unknown_child(child)
        return text_of(node)

    def optional_formula(self, node: Node, what: str) -> Expression | None:
        """The FEEL of a BPMN expression element without which a diagram still runs: in a lone diagram what is no FEEL is
        warned of and left out."""
        before = len(self.findings)
        value = self.formula(node, self.expression_child(node), what)
        if not any(finding.severity == "error" for finding in self.findings[before:]):
            return value
        if self.lone:
            self.findings[before:] = [replace(one, severity="warning") for one in self.findings[before:]]
        return None


def owner(node: Node) -> str:
    """Id of the nearest element around `node` that has one."""
    current: Node | None = node
    while current is not None:
        if current.get("id"):
            return str(current.get("id"))
        current = current.getparent()
    return ""


def instead(name: str) -> str:
    """The sentence that says what to draw instead."""
    return vocabulary.INSTEAD.get(name, vocabulary.REMOVE)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"

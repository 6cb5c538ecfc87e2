"""The elements of a decision requirement graph read from XML (DMN 1.3, clause 6): decisions, input data, knowledge
models, services, with what they require.

An element is made when it is asked for, what it requires first, so that a circle is found on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from engine.definitions.dmn.boxes import Box, FunctionBox
from engine.definitions.dmn.graph import (
    REQUIREMENT_DEPTH,
    Decision,
    InputData,
    Knowledge,
    Requirement,
    Service,
)
from engine.definitions.dmn.read_boxes import Boxes
from engine.definitions.dmn.reading import EXPRESSIONS, Node, elements
from engine.definitions.dmn.types import ANY, Type, component_names
from engine.definitions.reading import line_of, local
from engine.feel.lexer import is_plain

if TYPE_CHECKING:
    from engine.definitions.dmn.read_model import Model

Element = Decision | InputData | Knowledge

WORDS = {
    "decision": "决策",
    "inputData": "输入数据",
    "businessKnowledgeModel": "业务知识模型",
    "decisionService": "决策服务",
}
_REQUIREMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "informationRequirement": {"requiredDecision": ("decision",), "requiredInput": ("inputData",)},
    "knowledgeRequirement": {"requiredKnowledge": ("businessKnowledgeModel", "decisionService")},
}


class Elements:
    """One model's elements by id, made once each."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.reading = model.reading
        self.types = model.types
        self.made: dict[str, Element | None] = {}
        self.way: list[str] = []

    def element(self, id: str) -> Element | None:
        """One element with everything it requires; None when something in it is wrong (then with findings)."""
        if id in self.made:
            return self.made[id]
        node = self.model.nodes[id]
        if id in self.way or len(self.way) >= REQUIREMENT_DEPTH:
            self.reading.note(
                "requirement_circle",
                node,
                f"{WORDS[local(node)]}“{variable_of(node)[:40]}”经其所需内容又依赖自身，或依赖过深。请删去一条连线。",
            )
            return None
        before = self.reading.errors
        self.way.append(id)
        tag = local(node)
        made: Element | None
        if tag == "inputData":
            made = self.input_data(node, id)
        elif tag == "decision":
            made = self.decision(node, id)
        elif tag == "businessKnowledgeModel":
            made = self.knowledge(node, id)
        else:
            made = self.service(node, id)
        self.way.pop()
        self.made[id] = made if self.reading.errors == before else None
        return self.made[id]

    def input_data(self, node: Node, id: str) -> InputData:
        parts = self.reading.children(node, "variable")
        variable = self.variable(node, parts)
        return InputData(
            id, node.get("name") or id, variable_of(node), self.types.of(variable), line_of(node)
        )

    def decision(self, node: Node, id: str) -> Decision | None:
        reading = self.reading
        parts = reading.children(node, *EXPRESSIONS, *_REQUIREMENTS, "variable")
        logics = [one for one in elements(node) if local(one) in EXPRESSIONS]
        name, own = node.get("name") or id, variable_of(node) or id
        of = self.types.of(self.variable(node, parts))
        requires = self.requirements(parts)
        if requires is None:
            return None
        if len(logics) > 1:
            reading.note(
                "decision_logic", logics[1], f"决策“{name[:40]}”只能有一张决策表或一个表达式，请删去多余的。"
            )
            return None
        logic: Box | None = None
        if logics:
            logic = Boxes(reading, self.types, name, id).read(logics[0], self.known(requires))
            if logic is None:
                return None
        else:
            reading.warn(
                "decision_logic", node, f"决策“{name[:40]}”没有决策表或表达式，结果总为空。请补上，或删去它。"
            )
        names = self.names(logic, requires, node)
        key = f"{self.model.namespace}#{id}"
        return Decision(id, name, own, logic, requires, of, line_of(node), names, key)

    def knowledge(self, node: Node, id: str) -> Knowledge | None:
        reading = self.reading
        parts = reading.children(node, "variable", "encapsulatedLogic", "knowledgeRequirement")
        name, own = node.get("name") or id, variable_of(node) or id
        of = self.types.of(self.variable(node, parts))
        requires = self.requirements({"informationRequirement": [], **parts})
        encapsulated = reading.one(parts, "encapsulatedLogic")
        if requires is None:
            return None
        logic: FunctionBox | None = None
        if encapsulated is not None:
            known = self.known(requires) | {own}
            logic = Boxes(reading, self.types, name, id).function(encapsulated, known)
            if logic is None:
                return None
        else:
            reading.warn(
                "knowledge_logic", node, f"业务知识模型“{name[:40]}”没有内容，调用它总得空值。请补上。"
            )
        return Knowledge(id, name, own, logic, requires, _result(of), line_of(node), self.key(id))

    def service(self, node: Node, id: str) -> Knowledge | None:
        reading = self.reading
        tags = ("outputDecision", "encapsulatedDecision", "inputDecision", "inputData")
        parts = reading.children(node, "variable", *tags)
        name, own = node.get("name") or id, variable_of(node) or id
        of = self.types.of(self.variable(node, parts))
        if not parts["outputDecision"]:
            reading.note(
                "service_output", node, f"决策服务“{name[:40]}”没有输出决策，请至少放一个决策在输出区。"
            )
            return None
        found: dict[str, list[Element]] = {}
        inputs: list[Requirement] = []
        for tag in tags:
            wanted = ("inputData",) if tag == "inputData" else ("decision",)
            found[tag] = []
            for one in parts[tag]:
                requirement = self.required(one, wanted)
                if requirement is None:
                    return None
                found[tag].append(requirement.element)
                if tag in ("inputData", "inputDecision"):
                    inputs.append(requirement)
        outputs = tuple(one for one in found["outputDecision"] if isinstance(one, Decision))
        self.enclosed(node, name, found)
        service = Service(_result(of), outputs, tuple(inputs))
        logic = FunctionBox(ANY, service.parameters, service)
        return Knowledge(id, name, own, logic, (), ANY, line_of(node), self.key(id))

    def enclosed(self, node: Node, name: str, found: dict[str, list[Element]]) -> None:
        """What a service's decisions require must be inside it or among its inputs (DMN 1.3, 6.2.5)."""
        inside = [*found["outputDecision"], *found["encapsulatedDecision"]]
        held = {_key(one) for group in found.values() for one in group}
        for one in inside:
            for requirement in one.requires if isinstance(one, Decision) else ():
                element = requirement.element
                if isinstance(element, Decision) and element.key not in held:
                    self.reading.warn(
                        "service_enclosure",
                        node,
                        f"决策服务“{name[:40]}”中的“{one.name[:40]}”需要的决策“{element.name[:40]}”既不在服务内，也不是它的输入。"
                        "请把它放进服务，或列为输入决策。",
                    )

    # -- requirements ----------------------------------------------------------------------------------

    def requirements(self, parts: Mapping[str, list[Node]]) -> tuple[Requirement, ...] | None:
        """What an element requires; None when one of them is missing or wrong."""
        found: dict[tuple[str, ...], Requirement] = {}
        whole = True
        for tag, kinds in _REQUIREMENTS.items():
            for node in parts[tag]:
                references = self.reading.children(node, *kinds)
                given = [(one, kind) for kind, ones in references.items() for one in ones]
                if len(given) != 1:
                    self.reading.note("requirement", node, "连线没有连到所需的内容，请重新连线或删去。")
                    whole = False
                for reference, kind in given[:1]:
                    one = self.required(reference, kinds[kind])
                    if one is None:
                        whole = False
                    elif one.path not in found:
                        found[one.path] = one
                    elif _key(found[one.path].element) != _key(one.element):
                        self.reading.note(
                            "requirement_names",
                            node,
                            f"所需的两项内容都叫“{one.path[-1][:40]}”，表达式中分不清。请改成不同的名称。",
                        )
        return tuple(found.values()) if whole else None

    def required(self, node: Node, wanted: tuple[str, ...]) -> Requirement | None:
        """What one reference points at, here or in an imported model."""
        self.reading.attributes(node)
        href = (node.get("href") or "").strip()
        word = "或".join(WORDS[tag] for tag in wanted)
        space, mark, id = href.rpartition("#")
        path: tuple[str, ...] = ()
        model = self.model
        if space and space != self.model.namespace:
            if space not in self.model.imports:
                self.reading.note(
                    "import_missing",
                    node,
                    f"所需的{word}在“{space[:80]}”中，但没有引用那个模型。请先引用它，再重新连线。",
                )
                return None
            name, model = self.model.imports[space]
            path = (name,) if name else ()
        target = model.nodes.get(id if mark else href)
        if target is None:
            self.reading.note(
                "requirement", node, f"所需的{word}“{href[:60]}”不存在或有错误。请修正后重新连线。"
            )
            return None
        if local(target) not in wanted:
            self.reading.note(
                "requirement_kind",
                node,
                f"这里应连到{word}，“{variable_of(target)[:40]}”却是{WORDS[local(target)]}。请重新连线。",
            )
            return None
        element = model.elements.element(id if mark else href)
        if element is None:
            if model is not self.model:  # else it is told where it is wrong
                self.reading.note(
                    "requirement",
                    node,
                    f"所需的{word}“{variable_of(target)[:40]}”有错误（见 {model.reading.file}），请先修正。",
                )
            return None
        return Requirement((*path, element.variable), element)

    def known(self, requires: tuple[Requirement, ...]) -> frozenset[str]:
        """The names an element's expressions may use whatever characters they hold, and call."""
        found = {name for one in requires for name in one.path}
        hard = set(self.types.hard_names())
        for one in requires:
            element = one.element
            if isinstance(element, Decision | InputData):
                hard.update(_hard(element.type))
            elif element.logic is not None:  # its parameters, for calls by name
                hard.update(name for name, _ in element.logic.parameters if not is_plain(name))
        return frozenset(found | hard)

    def names(self, logic: Box | None, requires: tuple[Requirement, ...], node: Node) -> frozenset[str]:
        """The roots an element reads from the case, itself and through what it requires."""
        own = logic.names() if logic is not None else frozenset()
        over = {one.path[0] for one in requires}
        through: set[str] = set()
        for one in requires:
            if isinstance(one.element, Decision):
                through |= one.element.names
            elif isinstance(one.element, InputData):
                through.add(one.element.variable)
            elif one.element.logic is not None:
                through |= one.element.logic.names()
        elsewhere = {
            variable_of(other): other
            for other in self.model.nodes.values()
            if other is not node and local(other) in ("decision", "inputData")
        }
        for name in sorted((own - over) & elsewhere.keys()):
            other = elsewhere[name]
            self.reading.warn(
                "requirement_missing",
                node,
                f"表达式用到{WORDS[local(other)]}“{name[:40]}”，但没有从它连线过来，只会读到案件中的同名变量。请补上连线。",
            )
        return frozenset((own - over) | through)

    def variable(self, node: Node, parts: Mapping[str, list[Node]]) -> Node | None:
        variable = self.reading.one(parts, "variable")
        if variable is not None:
            self.reading.children(variable)
        return variable

    def key(self, id: str) -> str:
        return f"{self.model.namespace}#{id}"


def _key(element: Element) -> str:
    return element.key if isinstance(element, Decision | Knowledge) else f"{element.id} {element.variable}"


def _result(of: Type) -> Type:
    """What a function of this type returns; other tools write the result's type itself."""
    return (of.result or ANY) if of.kind == "function" else of


def variable_of(node: Node) -> str:
    """The name an element is read by: its variable's, else its own."""
    variable = next((one for one in elements(node) if local(one) == "variable"), None)
    name = (variable.get("name") if variable is not None else None) or node.get("name") or ""
    return " ".join(name.split())


def _hard(of: Type) -> Iterator[str]:
    return (name for name in component_names(of) if not is_plain(name))

"""Decision requirement graphs read from XML (DMN 1.3, clause 6): elements, requirements, imports.

`Library` holds the models of several files; `Model` one of them. Elements are made when they are asked for, what they
require first, so that a circle is found on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.definitions import xml
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
from engine.definitions.dmn.read_types import Types
from engine.definitions.dmn.reading import EXPRESSIONS, NAMESPACES, Node, Reading, elements
from engine.definitions.dmn.types import ANY, Type, component_names
from engine.definitions.reading import line_of, local, namespace
from engine.errors import DefinitionRefused, Finding
from engine.feel.lexer import is_plain

Element = Decision | InputData | Knowledge

_WORDS = {
    "decision": "决策",
    "inputData": "输入数据",
    "businessKnowledgeModel": "业务知识模型",
    "decisionService": "决策服务",
}
_ROOT = ("import", "itemDefinition", *_WORDS)
_REQUIREMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "informationRequirement": {"requiredDecision": ("decision",), "requiredInput": ("inputData",)},
    "knowledgeRequirement": {"requiredKnowledge": ("businessKnowledgeModel", "decisionService")},
}


class Library:
    """The DMN files that may import each other, by path."""

    def __init__(self, files: Mapping[str, bytes], lone: bool = False) -> None:
        self.files = files
        self.lone = lone
        self.models: dict[str, Model | None] = {}

    def model(self, path: str) -> tuple[Model | None, list[Finding]]:
        """One file's model, and why there is none."""
        if path not in self.models:
            try:
                root = xml.parse(self.files[path], path)
            except DefinitionRefused as refusal:
                self.models[path] = None
                return None, list(refusal.fields["findings"])
            self.models[path] = model = Model(self, Reading(path, self.lone), root)
            model.begin()
        return self.models[path], []

    def of_namespace(self, wanted: str, asking: str) -> list[Model]:
        """The models of a namespace in the other files."""
        found = []
        for path in sorted(self.files):
            if path != asking and wanted.encode() in self.files[path]:
                model, _ = self.model(path)
                if model is not None and model.namespace == wanted:
                    found.append(model)
        return found


class Model:
    """One file's model."""

    def __init__(self, library: Library, reading: Reading, root: Node) -> None:
        self.library = library
        self.reading = reading
        self.root = root
        self.namespace = root.get("namespace") or ""
        self.types = Types(reading)
        self.imports: dict[str, tuple[str, Model]] = {}  # by namespace: the import's name, the model
        self.nodes: dict[str, Node] = {}  # decisions, input data, knowledge models, services by id
        self.made: dict[str, Element | None] = {}
        self.way: list[str] = []

    # -- the file as a whole ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Take up what is declared: types, imports, elements with their ids."""
        reading, root = self.reading, self.root
        if local(root) != "definitions" or namespace(root) not in NAMESPACES:
            reading.note(
                "dmn_version",
                root,
                "不是 DMN 1.1 至 1.5 的决策文件，请用本系统的设计器或 DMN 1.3 工具重新导出。",
            )
            return
        reading.language(root)
        self.unique_ids()
        parts = reading.children(root, *_ROOT)
        self.types.declare(parts["itemDefinition"])
        for tag in _WORDS:
            for node in parts[tag]:
                self.declare(node)
        self.unique_names()
        reading.knowledge = frozenset(
            _variable(node)
            for node in self.nodes.values()
            if local(node) in ("businessKnowledgeModel", "decisionService")
        )
        for node in parts["import"]:
            self.import_(node)
        self.types.read()
        if not self.nodes and not self.types.nodes and not reading.errors:
            reading.note("no_decision", root, "文件中没有决策，请至少画一个决策。")

    def unique_ids(self) -> None:
        seen: set[str] = set()
        for node in self.root.iter():
            if not isinstance(node.tag, str) or namespace(node) not in NAMESPACES:
                continue
            id = node.get("id")
            if id and id in seen:
                sentence = f"编号“{id[:40]}”在文件中用了两次，请改成不同的编号。"
                if local(node) in _WORDS:
                    self.reading.note("decision_id", node, sentence)
                else:  # nothing refers to it
                    self.reading.warn("id_twice", node, sentence)
            seen.add(id or "")

    def declare(self, node: Node) -> None:
        word = _WORDS[local(node)]
        id = node.get("id") or ""
        self.reading.name(node, word)
        if not id:
            self.reading.note("decision_id", node, f"{word}没有 id，别处无法引用它。请补上 id。")
        else:
            self.nodes.setdefault(id, node)

    def unique_names(self) -> None:
        """Names tell elements apart in expressions (DMN 1.3, 6.3.2)."""
        seen: dict[str, Node] = {}
        for node in self.nodes.values():
            name = _variable(node)
            if name and name in seen:
                self.reading.warn(
                    "name_twice",
                    node,
                    f"{_WORDS[local(node)]}与{_WORDS[local(seen[name])]}同名“{name[:40]}”，表达式中分不清。请改成不同的名称。",
                )
            seen.setdefault(name, node)

    def import_(self, node: Node) -> None:
        """An import of another DMN model of the same package or folder, by its namespace."""
        reading = self.reading
        reading.attributes(node)
        wanted = (node.get("namespace") or "").strip()
        kind = (node.get("importType") or "").strip()
        name = " ".join((node.get("name") or "").split())
        if kind and kind not in NAMESPACES:
            reading.note(
                "import_type", node, f"只能引用 DMN 模型，不能引用“{kind[:60]}”。请把所需内容画进决策模型。"
            )
            return
        if wanted == self.namespace:
            reading.note("import_self", node, "模型引用了它自己，请删去这条引用。")
            return
        if name and any(name == other for other, _ in self.imports.values()):
            reading.note("import_twice", node, f"有两条引用都叫“{name[:40]}”，请改成不同的名称。")
            return
        found = self.library.of_namespace(wanted, reading.file) if wanted else []
        if len(found) != 1:
            what = "没有" if not found else "有几个"
            reading.note(
                "import_missing" if not found else "import_ambiguous",
                node,
                f"{what}命名空间为“{wanted[:80]}”的决策文件。请把要引用的 .dmn 文件放在同一文件夹（只放一份）。",
            )
            return
        (model,) = found
        self.imports[wanted] = (name, model)
        self.types.imported[name] = model.types
        self.types.spaces[wanted] = model.types

    def decisions(self) -> dict[str, Decision]:
        """All decisions and decision services by id, without those that are wrong."""
        found: dict[str, Decision] = {}
        for id, node in self.nodes.items():
            element = self.element(id)
            if isinstance(element, Decision):
                found[id] = element
            elif isinstance(element, Knowledge) and local(node) == "decisionService":
                found[id] = _as_decision(element)
        return found

    # -- elements --------------------------------------------------------------------------------------

    def element(self, id: str) -> Element | None:
        """One element with everything it requires; None when something in it is wrong (then with findings)."""
        if id in self.made:
            return self.made[id]
        node = self.nodes[id]
        if id in self.way or len(self.way) >= REQUIREMENT_DEPTH:
            self.reading.note(
                "requirement_circle",
                node,
                f"{_WORDS[local(node)]}“{_variable(node)[:40]}”经其所需内容又依赖自身，或依赖过深。请删去一条连线。",
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
        return InputData(id, node.get("name") or id, _variable(node), self.types.of(variable), line_of(node))

    def decision(self, node: Node, id: str) -> Decision | None:
        reading = self.reading
        parts = reading.children(node, *EXPRESSIONS, *_REQUIREMENTS, "variable")
        logics = [one for one in elements(node) if local(one) in EXPRESSIONS]
        name, own = node.get("name") or id, _variable(node) or id
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
        key = f"{self.namespace}#{id}"
        return Decision(id, name, own, logic, requires, of, line_of(node), names, key)

    def knowledge(self, node: Node, id: str) -> Knowledge | None:
        reading = self.reading
        parts = reading.children(node, "variable", "encapsulatedLogic", "knowledgeRequirement")
        name, own = node.get("name") or id, _variable(node) or id
        of = self.types.of(self.variable(node, parts))
        requires = self.requirements({"informationRequirement": [], **parts})
        encapsulated = reading.one(node, parts, "encapsulatedLogic")
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
        name, own = node.get("name") or id, _variable(node) or id
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
        word = "或".join(_WORDS[tag] for tag in wanted)
        space, mark, id = href.rpartition("#")
        path: tuple[str, ...] = ()
        model = self
        if space and space != self.namespace:
            if space not in self.imports:
                self.reading.note(
                    "import_missing",
                    node,
                    f"所需的{word}在“{space[:80]}”中，但没有引用那个模型。请先引用它，再重新连线。",
                )
                return None
            name, model = self.imports[space]
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
                f"这里应连到{word}，“{_variable(target)[:40]}”却是{_WORDS[local(target)]}。请重新连线。",
            )
            return None
        element = model.element(id if mark else href)
        if element is None:
            if model is not self:  # else it is told where it is wrong
                self.reading.note(
                    "requirement",
                    node,
                    f"所需的{word}“{_variable(target)[:40]}”有错误（见 {model.reading.file}），请先修正。",
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
            _variable(other): other
            for other in self.nodes.values()
            if other is not node and local(other) in ("decision", "inputData")
        }
        for name in sorted((own - over) & elsewhere.keys()):
            other = elsewhere[name]
            self.reading.warn(
                "requirement_missing",
                node,
                f"表达式用到{_WORDS[local(other)]}“{name[:40]}”，但没有从它连线过来，只会读到案件中的同名变量。请补上连线。",
            )
        return frozenset((own - over) | through)

    def variable(self, node: Node, parts: Mapping[str, list[Node]]) -> Node | None:
        variable = self.reading.one(node, parts, "variable")
        if variable is not None:
            self.reading.children(variable)
        return variable

    def key(self, id: str) -> str:
        return f"{self.namespace}#{id}"


def _as_decision(service: Knowledge) -> Decision:
    """A decision service to be decided as a whole, from the case's variables."""
    logic = service.logic.body if service.logic is not None else None
    names = logic.names() if logic is not None else frozenset()
    return Decision(
        service.id, service.name, service.variable, logic, (), ANY, service.line, names, service.key
    )


def _key(element: Element) -> str:
    return element.key if isinstance(element, Decision | Knowledge) else f"{element.id} {element.variable}"


def _result(of: Type) -> Type:
    """What a function of this type returns; other tools write the result's type itself."""
    return (of.result or ANY) if of.kind == "function" else of


def _variable(node: Node) -> str:
    """The name an element is read by: its variable's, else its own."""
    variable = next((one for one in elements(node) if local(one) == "variable"), None)
    name = (variable.get("name") if variable is not None else None) or node.get("name") or ""
    return " ".join(name.split())


def _hard(of: Type) -> Iterator[str]:
    return (name for name in component_names(of) if not is_plain(name))

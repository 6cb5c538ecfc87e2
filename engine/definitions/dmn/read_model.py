"""Decision models read from XML: the file as a whole, its types, its imports of other models.

`Library` holds the models of several files; `Model` one of them, with its `Elements`.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.definitions import xml
from engine.definitions.dmn.graph import Decision, Knowledge
from engine.definitions.dmn.read_elements import WORDS, Elements, variable_of
from engine.definitions.dmn.read_types import Types
from engine.definitions.dmn.reading import NAMESPACES, Node, Reading
from engine.definitions.dmn.types import ANY
from engine.definitions.reading import local, namespace
from engine.errors import DefinitionRefused, Finding

_ROOT = ("import", "itemDefinition", *WORDS)


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
        self.import_names: set[str] = set()
        self.elements = Elements(self)

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
        for tag in WORDS:
            for node in parts[tag]:
                self.declare(node)
        self.unique_names()
        reading.knowledge = frozenset(
            variable_of(node)
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
                if local(node) in WORDS:
                    self.reading.note("decision_id", node, sentence)
                else:  # nothing refers to it
                    self.reading.warn("id_twice", node, sentence)
            seen.add(id or "")

    def declare(self, node: Node) -> None:
        """Take up an element by its id. Without one nothing can refer to it; in a lone file it may still be decided, by
        its name."""
        word = WORDS[local(node)]
        name = self.reading.name(node, word)
        id = node.get("id") or ""
        if not id:
            severity = "warning" if self.reading.lone else "error"
            self.reading.note("decision_id", node, f"{word}没有 id，别处无法引用它。请补上 id。", severity)
            id = name if self.reading.lone else ""
        if id:
            self.nodes.setdefault(id, node)

    def unique_names(self) -> None:
        """Names tell elements apart in expressions (DMN 1.3, 6.3.2)."""
        seen: dict[str, Node] = {}
        for node in self.nodes.values():
            name = variable_of(node)
            if name and name in seen:
                self.reading.warn(
                    "name_twice",
                    node,
                    f"{WORDS[local(node)]}与{WORDS[local(seen[name])]}同名“{name[:40]}”，表达式中分不清。请改成不同的名称。",
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
        if name in self.import_names:
            reading.note("import_twice", node, f"有两条引用都叫“{name[:40]}”，请改成不同的名称。")
            return
        self.import_names |= {name} - {""}
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
            element = self.elements.element(id)
            if isinstance(element, Decision):
                found[id] = element
            elif isinstance(element, Knowledge) and local(node) == "decisionService":
                found[id] = _as_decision(element)
        return found


def _as_decision(service: Knowledge) -> Decision:
    """A decision service to be decided as a whole, from the case's variables."""
    logic = service.logic.body if service.logic is not None else None
    names = logic.names() if logic is not None else frozenset()
    return Decision(
        service.id, service.name, service.variable, logic, (), ANY, service.line, names, service.key
    )

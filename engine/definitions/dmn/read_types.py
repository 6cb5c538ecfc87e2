"""Item definitions 类型定义 read from XML, and `typeRef` looked up (DMN 1.3 to 1.5, 7.3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.definitions.dmn.reading import Node, Reading, text_in
from engine.definitions.dmn.types import ANY, BASIC, Type, as_feel, component_names
from engine.definitions.reading import text_of
from engine.errors import ExpressionInvalid
from engine.feel import Expression
from engine.feel.lexer import is_plain
from engine.feel.nodes import Type as FeelType
from engine.feel.syntax import Parser


@dataclass
class Types:
    """One model's item definitions by name. `imported` holds those of its imports by the import's name, `spaces` by
    namespace."""

    reading: Reading
    nodes: dict[str, Node] = field(default_factory=dict)
    imported: dict[str, Types] = field(default_factory=dict)
    spaces: dict[str, Types] = field(default_factory=dict)
    done: dict[str, Type] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    def declare(self, nodes: list[Node]) -> None:
        """Take up a model's item definitions. Their content is read by `read`, after the imports are known."""
        for node in nodes:
            name = self.reading.name(node, "类型定义")
            if name in self.nodes:
                self.reading.note("type_twice", node, f"类型“{name[:40]}”定义了两次，请改成不同的名称。")
            elif name:
                self.nodes[name] = node

    def read(self) -> None:
        """Read every item definition, also those nothing refers to."""
        for name in self.nodes:
            self.named(name)
        self.reading.types = self.for_feel()

    def for_feel(self) -> tuple[tuple[str, FeelType], ...]:
        """Item definitions as FEEL knows types, those of imports behind the import's name."""
        own = tuple((name, as_feel(of)) for name, of in self.done.items())
        return own + tuple(
            (f"{prefix}.{name}" if prefix else name, of)
            for prefix, types in self.imported.items()
            for name, of in types.reading.types
        )

    def hard_names(self) -> frozenset[str]:
        """Names of components, here and in imported models, that FEEL could not read word by word."""
        among = [self, *self.imported.values()]
        found = {name for types in among for of in types.done.values() for name in component_names(of)}
        return frozenset(name for name in found if not is_plain(name))

    # -- looking up ------------------------------------------------------------------------------------

    def of(self, node: Node | None, attribute: str = "typeRef") -> Type:
        """The type that a node's attribute names."""
        if node is None:
            return ANY
        return self.referred((node.get(attribute) or "").strip(), node)

    def referred(self, text: str, node: Node) -> Type:
        """The type of a reference; an unknown one is an error, in a lone file a warning and any type."""
        if not text:
            return ANY
        found = self.found(text, node)
        if found is None:
            message = f"没有名为“{text[:40]}”的类型。请选择基本类型，或在类型定义中添加它。"
            self.reading.note("type_unknown", node, message, "warning" if self.reading.lone else "error")
            return ANY
        return found

    def found(self, text: str, node: Node) -> Type | None:
        """A model's own type before FEEL's, as it is written, behind a prefix (1.1) or an import's name (1.2 on)."""
        if text in self.nodes:
            return self.named(text)
        if text in BASIC:
            return BASIC[text]
        prefix, colon, name = text.rpartition(":")
        if colon and "<" not in text:
            space = self.spaces.get(str(node.nsmap.get(prefix) or ""))
            return space.found(name, node) if space is not None else self.found(name, node)
        for imported, types in sorted(self.imported.items(), key=lambda pair: -len(pair[0])):
            if imported and text.startswith(imported + "."):
                return types.found(text[len(imported) + 1 :], node)
            if not imported and text in types.nodes:
                return types.named(text)
        if "<" in text:
            return self.written(text, node)
        return BASIC.get(text.lower())  # "String", "Boolean": other tools' spelling

    def written(self, text: str, node: Node) -> Type | None:
        """A type in FEEL's own notation: `list<number>`, `context<a: string>`."""
        try:
            return self._of_feel(Parser(text).type(), node)
        except ExpressionInvalid:
            return None

    def _of_feel(self, of: FeelType, node: Node) -> Type | None:
        if not of.parts:
            return self.found(of.name, node)
        inside = [(name, self._of_feel(part, node)) for name, part in of.parts]
        parts = tuple((name, part) for name, part in inside if part is not None)
        if len(parts) != len(inside):
            return None
        if of.name == "list":
            return Type(of.name, "list", item=parts[0][1])
        if of.name == "context":
            return Type(of.name, "context", parts)
        if of.name == "function":
            takes = tuple(part for name, part in parts if name != "->")
            return Type(of.name, "function", takes=takes, result=dict(parts).get("->", ANY))
        return BASIC.get(of.name)

    # -- reading ---------------------------------------------------------------------------------------

    def named(self, name: str) -> Type:
        """An item definition of this model."""
        if name in self.done:
            return self.done[name]
        node = self.nodes[name]
        if name in self.open:
            self.reading.note("type_circle", node, f"类型“{name[:40]}”的定义又用到它自己，请改用别的类型。")
            self.done[name] = ANY
            return ANY
        self.open.append(name)
        made = self.item(node, name)
        self.open.pop()
        return self.done.setdefault(name, made)

    def item(self, node: Node, name: str) -> Type:
        """An item definition or component: of a type, of components, or a function; several of them if a collection."""
        reading = self.reading
        parts = reading.children(
            node, "typeRef", "itemComponent", "allowedValues", "typeConstraint", "functionItem"
        )
        kinds = [tag for tag in ("typeRef", "itemComponent", "functionItem") if parts[tag]]
        if len(kinds) > 1:
            reading.note(
                "type_kinds", node, f"类型“{name[:40]}”只能选一种：基于其他类型、由若干项组成或函数。"
            )
        of = ANY
        reference = reading.one(parts, "typeRef")
        function = reading.one(parts, "functionItem")
        if reference is not None:
            of = self.referred(text_of(reference), reference)
        elif parts["itemComponent"]:
            of = Type(name, "context", self.components(parts["itemComponent"], name))
        elif function is not None:
            of = self.function(function, name)
        allowed = self.limits(node, parts, "allowedValues")
        constraint = self.limits(node, parts, "typeConstraint")
        if node.get("isCollection") in ("true", "1"):
            return Type(name, "list", item=of, allowed=allowed, constraint=constraint)
        if allowed is None and constraint is None:
            return replace(of, name=name)
        return Type(name, of.kind, allowed=allowed, constraint=constraint, base=of)

    def components(self, nodes: list[Node], name: str) -> tuple[tuple[str, Type], ...]:
        found: dict[str, Type] = {}
        for node in nodes:
            part = self.reading.name(node, f"类型“{name[:40]}”的组成项")
            if part in found:
                self.reading.note(
                    "type_twice", node, f"类型“{name[:40]}”有两个组成项叫“{part[:40]}”，请改名。"
                )
            elif part:
                found[part] = self.item(node, part)
        return tuple(found.items())

    def function(self, node: Node, name: str) -> Type:
        """A function type: its parameters by position, its result."""
        parameters = self.reading.children(node, "parameters")["parameters"]
        for parameter in parameters:
            self.reading.attributes(parameter)
        takes = tuple(self.of(parameter) for parameter in parameters)
        return Type(name, "function", takes=takes, result=self.of(node, "outputTypeRef"))

    def limits(self, node: Node, parts: Mapping[str, list[Node]], tag: str) -> Expression | None:
        one = self.reading.one(parts, tag)
        if one is None:
            return None
        self.reading.children(one, "text")
        if not text_in(one):
            self.reading.warn("allowed_values", one, "允许值是空的，不起作用。请填写或删去。")
        return self.reading.tests(one, self.hard_names())

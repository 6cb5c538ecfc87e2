"""Boxed expressions read from XML (DMN 1.3 to 1.5, 10.2), nested as they are drawn."""

from __future__ import annotations

from collections.abc import Callable

from engine.definitions.dmn import boxes as b
from engine.definitions.dmn.read_tables import read_table
from engine.definitions.dmn.read_types import Types
from engine.definitions.dmn.reading import EXPRESSIONS, Known, Node, Reading, elements, text_in
from engine.definitions.dmn.types import ANY, Type
from engine.definitions.reading import local


class Boxes:
    """Reads the boxed expressions of one decision or knowledge model, whose name and id stand in sentences."""

    def __init__(self, reading: Reading, types: Types, name: str, id: str) -> None:
        self.reading = reading
        self.types = types
        self.name = name
        self.id = id

    def read(self, node: Node, known: Known) -> b.Box | None:
        """One boxed expression; None when it is wrong (then with findings)."""
        return _READERS[local(node)](self, node, known)

    def only(self, node: Node, inside: list[Node], known: Known, what: str) -> b.Box | None:
        """The one expression among the children of `node`."""
        if len(inside) != 1:
            self.reading.note("expression_missing", node, f"{what}应有且只有一个表达式，请填写。")
            return None
        return self.read(inside[0], known)

    def optional(self, node: Node, inside: list[Node], known: Known, what: str) -> b.Box | None:
        """At most one expression; what is left empty is null."""
        if not inside or (len(inside) == 1 and _is_empty(inside[0])):
            return None
        return self.only(node, inside, known, what)

    def expressions_in(self, node: Node, *known: str) -> tuple[list[Node], dict[str, list[Node]]]:
        """The boxed expressions directly inside a node, in order, and its other children by tag."""
        parts = self.reading.children(node, *EXPRESSIONS, *known)
        return [one for one in elements(node) if local(one) in EXPRESSIONS], parts

    # -- each kind -------------------------------------------------------------------------------------

    def literal(self, node: Node, known: Known) -> b.Box | None:
        self.reading.children(node, "text")
        before = self.reading.errors
        text = self.reading.expression(node, known)
        if text is None:
            if self.reading.errors == before:
                self.reading.note(
                    "expression_missing", node, f"“{self.name[:40]}”中有一个表达式是空的，请填写。"
                )
            return None
        return b.Literal(self.types.of(node), text)

    def table(self, node: Node, known: Known) -> b.Box | None:
        return read_table(self.reading, self.types, node, known, self.name, self.id)

    def context(self, node: Node, known: Known) -> b.Box | None:
        entries: list[tuple[str, Type, b.Box | None]] = []
        result: b.Box | None = None
        seen: set[str] = set()
        before = self.reading.errors
        rows = self.reading.children(node, "contextEntry")["contextEntry"]
        for row in rows:
            inside, parts = self.expressions_in(row, "variable")
            variable = self.reading.one(parts, "variable")
            if variable is None:
                if row is not rows[-1]:
                    self.reading.note(
                        "context_result", row, "没有名称的一行是结果，只能放在最后。请补上名称或移到最后。"
                    )
                result = self.only(row, inside, known, "盒式上下文的结果")
                continue
            self.reading.attributes(variable)
            name = self.reading.name(variable, "盒式上下文的一行")
            if name in seen:
                self.reading.note("context_entry_twice", row, f"名称“{name[:40]}”重复，请改成不同的名称。")
            own = known | {name} if inside and local(inside[0]) == "functionDefinition" else known
            entries.append((name, self.types.of(variable), self.optional(row, inside, own, f"“{name[:40]}”")))
            seen.add(name)
            known |= {name}
        if self.reading.errors > before:
            return None
        return b.Context(self.types.of(node), tuple(entries), result)

    def list_(self, node: Node, known: Known) -> b.Box | None:
        inside, _ = self.expressions_in(node)
        before = self.reading.errors
        items = [None if _is_empty(one) else self.read(one, known) for one in inside]
        return None if self.reading.errors > before else b.ListBox(self.types.of(node), tuple(items))

    def relation(self, node: Node, known: Known) -> b.Box | None:
        reading = self.reading
        before = reading.errors
        parts = reading.children(node, "column", "row")
        columns: list[tuple[str, Type]] = []
        for column in parts["column"]:
            reading.attributes(column)
            name = reading.name(column, "关系表的列")
            if name in [one for one, _ in columns]:
                reading.note("column_twice", column, f"关系表的列名“{name[:40]}”重复，请改成不同的名称。")
            columns.append((name, self.types.of(column)))
        rows = []
        for row in parts["row"]:
            inside, _ = self.expressions_in(row)
            if len(inside) != len(columns):
                reading.note("relation_width", row, "关系表这一行的格数与列数不一致，请补齐或删去多余的格。")
            rows.append(tuple(None if _is_empty(one) else self.read(one, known) for one in inside))
        if reading.errors > before:
            return None
        return b.Relation(self.types.of(node), tuple(columns), tuple(rows))

    def function(self, node: Node, known: Known) -> b.FunctionBox | None:
        """A `functionDefinition`, or a knowledge model's `encapsulatedLogic`, which is one."""
        reading = self.reading
        before = reading.errors
        inside, parts = self.expressions_in(node, "formalParameter")
        kind = (node.get("kind") or "FEEL").strip()
        if kind.upper() not in ("FEEL", "F"):
            reading.note(
                "function_kind",
                node,
                f"函数只能用 FEEL 书写，不能是外部的“{kind[:20]}”（Java、PMML 等不执行）。请改用 FEEL 或决策表。",
            )
            return None
        parameters: list[tuple[str, Type]] = []
        for parameter in parts["formalParameter"]:
            reading.attributes(parameter)
            name = reading.name(parameter, "函数的参数")
            if name in [one for one, _ in parameters]:
                reading.note("parameter_twice", parameter, f"参数“{name[:40]}”重复，请改成不同的名称。")
            parameters.append((name, self.types.of(parameter)))
        names = known | {name for name, _ in parameters}
        body = self.only(node, inside, names, f"“{self.name[:40]}”的函数")
        if body is None or reading.errors > before:
            return None
        of = self.types.of(node)
        if of.result is not None or (of is not ANY and of.kind != "function"):
            # the type of a definition is the function's, or (other tools) what it returns
            body = b.Typed(of.result or of, body)
        return b.FunctionBox(ANY, tuple(parameters), body)

    def invocation(self, node: Node, known: Known) -> b.Box | None:
        reading = self.reading
        before = reading.errors
        inside, parts = self.expressions_in(node, "binding")
        called = self.only(node, inside, known, "盒式调用要调用的函数")
        bindings: list[tuple[str, b.Box | None]] = []
        for binding in parts["binding"]:
            values, more = self.expressions_in(binding, "parameter")
            parameter = reading.one(more, "parameter")
            if parameter is None:
                reading.note("binding_parameter", binding, "盒式调用的一行没有写参数，请选择参数。")
                continue
            reading.attributes(parameter)
            name = reading.name(parameter, "盒式调用的参数")
            if name in [one for one, _ in bindings]:
                reading.note("parameter_twice", binding, f"参数“{name[:40]}”绑定了两次，请删去一行。")
            bindings.append((name, self.optional(binding, values, known, f"参数“{name[:40]}”")))
        if called is None or reading.errors > before:
            return None
        return b.Invocation(self.types.of(node), called, tuple(bindings))

    def conditional(self, node: Node, known: Known) -> b.Box | None:
        parts = self.reading.children(node, "if", "then", "else")
        branches = [self.child(node, parts, tag, known) for tag in ("if", "then", "else")]
        condition, then, otherwise = branches
        if condition is None or then is None or otherwise is None:
            return None
        return b.Conditional(self.types.of(node), condition, then, otherwise)

    def filter_(self, node: Node, known: Known) -> b.Box | None:
        parts = self.reading.children(node, "in", "match")
        source = self.child(node, parts, "in", known)
        match = self.child(node, parts, "match", known | {"item"})
        if source is None or match is None:
            return None
        return b.FilterBox(self.types.of(node), source, match)

    def iteration(self, node: Node, known: Known) -> b.Box | None:
        word = local(node)
        last = "return" if word == "for" else "satisfies"
        parts = self.reading.children(node, "in", last)
        variable = " ".join((node.get("iteratorVariable") or "").split())
        if not variable:
            self.reading.note(
                "iterator_variable", node, f"盒式 {word} 没有写循环变量，请填写 iteratorVariable。"
            )
        source = self.child(node, parts, "in", known)
        more = {variable, "partial"} if word == "for" else {variable}
        body = self.child(node, parts, last, known | more)
        if source is None or body is None or not variable:
            return None
        of = self.types.of(parts["in"][0])
        # the type written at `in` is the list's or (other tools) an entry's
        entry = of.item if of.item is not None else (ANY if of.kind in ("list", "range") else of)
        return b.Iteration(self.types.of(node), word, variable, entry, source, body)

    def child(self, node: Node, parts: dict[str, list[Node]], tag: str, known: Known) -> b.Box | None:
        """The expression inside a wrapping child such as `if` or `return`."""
        wrapper = self.reading.one(parts, tag)
        if wrapper is None:
            self.reading.note(
                "expression_missing", node, f"盒式 {local(node)} 缺少“{tag}”部分，请在设计器中补上。"
            )
            return None
        inside, _ = self.expressions_in(wrapper)
        return self.only(wrapper, inside, known, f"盒式 {local(node)} 的“{tag}”部分")


def _is_empty(node: Node) -> bool:
    """A literal expression that is left blank."""
    return local(node) == "literalExpression" and not text_in(node)


_READERS: dict[str, Callable[[Boxes, Node, Known], b.Box | None]] = {
    "literalExpression": Boxes.literal,
    "decisionTable": Boxes.table,
    "context": Boxes.context,
    "list": Boxes.list_,
    "relation": Boxes.relation,
    "functionDefinition": Boxes.function,
    "invocation": Boxes.invocation,
    "conditional": Boxes.conditional,
    "filter": Boxes.filter_,
    "for": Boxes.iteration,
    "every": Boxes.iteration,
    "some": Boxes.iteration,
}

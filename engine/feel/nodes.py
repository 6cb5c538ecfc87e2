"""The syntax tree 语法树 of an expression. Plain data; `syntax` makes it, `compiler` reads it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.values import Value


@dataclass(frozen=True, slots=True)
class Node:
    """`at` is the position in the text."""

    at: int


@dataclass(frozen=True, slots=True)
class Type:
    """A type's name with its parameters: `list<number>`, `context<a: string>`, `function<number>->string` (whose
    result is the part named "->")."""

    name: str
    parts: tuple[tuple[str, Type], ...] = ()


ANY = Type("Any")


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: Value


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """`first op operand op operand …` of one precedence, from the left: + -, * /, **, comparison."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Negate(Node):
    operand: Node


@dataclass(frozen=True, slots=True)
class Junction(Node):
    """`and` / `or` over all its operands."""

    word: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Between(Node):
    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class Test(Node):
    """One unary test. `op` "" is a value, range or list; `asks` is true when it mentions `?` itself."""

    op: str
    operand: Node
    asks: bool


@dataclass(frozen=True, slots=True)
class Tests(Node):
    """Unary tests of a decision cell, joined by "or"; none at all matches everything."""

    tests: tuple[Test, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class In(Node):
    value: Node
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class InstanceOf(Node):
    value: Node
    type: Type


@dataclass(frozen=True, slots=True)
class RangeNode(Node):
    low: Node | None
    high: Node | None
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True)
class ListNode(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ContextNode(Node):
    entries: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Path(Node):
    value: Node
    name: str


@dataclass(frozen=True, slots=True)
class Filter(Node):
    value: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`names` are the parameters' names of a call by name, None of a positional one."""

    function: Node
    arguments: tuple[Node, ...]
    names: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class If(Node):
    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Iteration(Node):
    """`for` (word "for"), `some`, `every` over `sources` (name, list or first of range, last of range)."""

    word: str
    sources: tuple[tuple[str, Node, Node | None], ...]
    body: Node


@dataclass(frozen=True, slots=True)
class FunctionNode(Node):
    """`types` are the parameters' declared types, None where none is declared."""

    parameters: tuple[str, ...]
    types: tuple[Type | None, ...]
    body: Node

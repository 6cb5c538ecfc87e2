"""Syntax tree → closures 编译. An expression is compiled once and evaluated many times.

Every node becomes a function of its environment. What can repeat charges the run with the number of nodes it
repeats, so that the budget counts evaluated nodes without counting at each node.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from engine.feel import nodes as n
from engine.feel import semantics as s
from engine.feel.budget import Run
from engine.feel.functions import FUNCTIONS, Builtin
from engine.feel.lexer import invalid
from engine.feel.loops import count_through, count_up, loop_over, quantified
from engine.feel.numbers import whole
from engine.feel.operators import any_of, binary, entry_at, operation
from engine.feel.scope import Code, Env
from engine.feel.semantics import Function
from engine.feel.types import converted, is_instance, told
from engine.values import Range

# what a round of a loop and a call of an author's function cost beside their body, in nodes
_ROUND = 3
_CALL = 6


class Compiler:
    """Compiles one text's tree; `names` and `possible` collect the roots it reads from outside."""

    def __init__(self, text: str, known: frozenset[str] = frozenset(), *, strict: bool = True) -> None:
        self.text = text
        self.known = known
        self.strict = strict
        self.names: set[str] = set()
        self.possible: set[str] = set()
        self.size = 0
        self.scopes: list[AbstractSet[str]] = []  # names declared by the expression itself, innermost last
        self.partial = False  # whether the loop that is being compiled reads `partial`
        self.filters = 0  # inside how many filters, where an entry's own names come first

    def code(self, node: n.Node) -> Code:
        self.size += 1
        made: Code = getattr(self, "_" + type(node).__name__.lower())(node)
        return made

    def sized(self, node: n.Node) -> tuple[Code, int]:
        """A node's code and how many nodes it evaluates at most once through."""
        before = self.size
        code = self.code(node)
        return code, self.size - before

    # -- values ----------------------------------------------------------------------------------------

    def _literal(self, node: n.Literal) -> Code:
        value = node.value
        return lambda env: value

    def _name(self, node: n.Name) -> Code:
        name = node.name
        self.partial = self.partial or name == "partial"
        local = any(name in scope for scope in self.scopes)
        builtin = FUNCTIONS.get(name)
        if not local:
            (self.possible if self.filters or builtin is not None else self.names).add(name)
        if not self.scopes and not self.filters and builtin is None:
            return lambda env: env.values.get(name)
        fallback = _as_value(builtin) if builtin is not None else None

        def look(env: Env) -> Any:
            at: Env | None = env
            while at is not None:
                if name in at.values:
                    return at.values[name]
                at = at.parent
            return fallback

        return look

    def _listnode(self, node: n.ListNode) -> Code:
        items = [self.code(one) for one in node.items]
        return lambda env: [item(env) for item in items]

    def _contextnode(self, node: n.ContextNode) -> Code:
        entries: list[tuple[str, Code]] = []
        declared: set[str] = set()
        self.scopes.append(declared)
        for key, value in node.entries:
            if isinstance(
                value, n.FunctionNode
            ):  # which may call itself; other entries see the outer meaning
                declared.add(key)
            entries.append((key, self.code(value)))
            declared.add(key)
        self.scopes.pop()

        def make(env: Env) -> dict[str, Any]:
            made: dict[str, Any] = {}
            inside = Env(made, env, env.run)
            for key, value in entries:
                made[key] = value(inside)
            return made

        return make

    def _rangenode(self, node: n.RangeNode) -> Code:
        low = self.code(node.low) if node.low is not None else None
        high = self.code(node.high) if node.high is not None else None
        low_closed, high_closed = node.low_closed, node.high_closed

        def make(env: Env) -> Range | None:
            a = low(env) if low is not None else None
            b = high(env) if high is not None else None
            if (low is not None and a is None) or (high is not None and b is None):
                return None
            return s.make_range(a, b, low_closed, high_closed)

        return make

    def _functionnode(self, node: n.FunctionNode) -> Code:
        self.scopes.append(frozenset(node.parameters))
        body, size = self.sized(node.body)
        self.scopes.pop()
        size += _CALL
        parameters, types = node.parameters, node.types
        typed = any(of is not None for of in types)
        returns = told(node.body)

        def make(env: Env) -> Function:
            def call(run: Run, *arguments: Any) -> Any:
                if len(arguments) != len(parameters):
                    return None
                run.charge(size)
                if typed:
                    arguments = tuple(
                        value if of is None else converted(value, of, run)
                        for value, of in zip(arguments, types, strict=True)
                    )
                run.enter()
                value = body(Env(dict(zip(parameters, arguments, strict=True)), env, run))
                run.leave()
                return value

            return Function(parameters, call, types=types, returns=returns)

        return make

    # -- operators -------------------------------------------------------------------------------------

    def _chain(self, node: n.Chain) -> Code:
        first = self.code(node.first)
        if len(node.rest) == 1:
            op, operand = node.rest[0]
            return binary(op, first, self.code(operand))
        rest = [(operation(op), self.code(operand)) for op, operand in node.rest]

        def run_chain(env: Env) -> Any:
            value = first(env)
            for apply, operand in rest:
                value = apply(value, operand(env), env.run)
            return value

        return run_chain

    def _negate(self, node: n.Negate) -> Code:
        operand = self.code(node.operand)
        return lambda env: s.negate(operand(env))

    def _junction(self, node: n.Junction) -> Code:
        operands = [self.code(one) for one in node.operands]
        decisive: bool = node.word == "or"

        def junction(env: Env) -> bool | None:
            unknown = False
            for operand in operands:
                value = operand(env)
                if value is decisive:
                    return bool(decisive)
                if value is not True and value is not False:
                    unknown = True
            return None if unknown else not decisive

        return junction

    def _between(self, node: n.Between) -> Code:
        value, low, high = self.code(node.value), self.code(node.low), self.code(node.high)

        def between(env: Env) -> bool | None:
            at = value(env)
            above, below = s.order(at, low(env)), s.order(at, high(env))
            return s.both(None if above is None else above >= 0, None if below is None else below <= 0)

        return between

    def _in(self, node: n.In) -> Code:
        value = self.code(node.value)
        tests = [self.test(one, asks=False) for one in node.tests]

        def membership(env: Env) -> bool | None:
            at = value(env)
            return any_of(test(at, env) for test in tests)

        return membership

    def _tests(self, node: n.Tests) -> Code:
        tests = [self.test(one, asks=one.asks) for one in node.tests]
        negated = node.negated
        if not tests:
            return lambda env: True

        def decide(env: Env) -> bool | None:
            at = env.values.get("?")
            found = any_of(test(at, env) for test in tests)
            if negated:
                return None if found is None else not found
            return found

        return decide

    def test(self, node: n.Test, *, asks: bool) -> Callable[[Any, Env], bool | None]:
        """One unary test as a function of the input value; one that mentions `?` is its own answer."""
        operand = self.code(node.operand)
        op = node.op
        if op:
            return lambda value, env: s.compare(op, value, operand(env), env.run)
        if asks:

            def own(value: Any, env: Env) -> bool | None:
                answer = operand(env)
                if answer is None or isinstance(answer, bool):
                    return answer
                return s.matches(value, answer, env.run)

            return own
        return lambda value, env: s.matches(value, operand(env), env.run)

    def _instanceof(self, node: n.InstanceOf) -> Code:
        value, of = self.code(node.value), node.type
        return lambda env: is_instance(value(env), of, env.run)

    # -- access ----------------------------------------------------------------------------------------

    def _path(self, node: n.Path) -> Code:
        value, name = self.code(node.value), node.name

        def access(env: Env) -> Any:
            of = value(env)
            return of.get(name) if type(of) is dict else s.path(of, name, env.run)

        return access

    def _filter(self, node: n.Filter) -> Code:
        source = self.code(node.value)
        condition = node.condition
        if isinstance(condition, n.Literal) and type(condition.value) is int:
            self.size += 1
            index = condition.value
            return lambda env: entry_at(s.as_list(source(env)), index)
        self.filters += 1
        self.scopes.append(frozenset(["item"]))
        test, size = self.sized(condition)
        size += _ROUND
        self.scopes.pop()
        self.filters -= 1

        def pick(env: Env) -> Any:
            items = s.as_list(source(env))
            if items is None:
                return None
            run = env.run
            kept = []
            for item in items:
                run.charge(size)
                inside = Env({"item": item}, env, run)
                if type(item) is dict:
                    inside = Env(item, inside, run)
                answer = test(inside)
                if answer is True:
                    kept.append(item)
                elif answer is not False and answer is not None:
                    index = whole(answer) if s.kind(answer) == "number" else None
                    return entry_at(items, index) if index is not None else None
            return kept

        return pick

    # -- calls -----------------------------------------------------------------------------------------

    def _call(self, node: n.Call) -> Code:
        arguments = [self.code(one) for one in node.arguments]
        callee = node.function
        if isinstance(callee, n.Name) and not any(callee.name in scope for scope in self.scopes):
            builtin = FUNCTIONS.get(callee.name)
            if callee.name in self.known:  # a function of the model; else a value that hides no built-in
                otherwise = self.builtin(node, builtin, arguments) if builtin is not None else _nothing
                return self.called(node, arguments, otherwise)
            if builtin is not None:
                return self.builtin(node, builtin, arguments)
            if not self.filters and self.strict:
                raise invalid(self.text, callee.at, f"没有名为“{callee.name[:40]}”的函数，请核对函数名。")
        return self.called(node, arguments, _nothing)

    def called(self, node: n.Call, arguments: list[Code], otherwise: Code) -> Code:
        """A call of a function value; `otherwise` where the value is no function."""
        function, names = self.code(node.function), node.names

        def call(env: Env) -> Any:
            target = function(env)
            if not isinstance(target, Function):
                return otherwise(env)
            values = [argument(env) for argument in arguments]
            if names is not None:
                if set(names) != set(target.parameters):
                    return None
                values = [values[names.index(parameter)] for parameter in target.parameters]
            return target.call(env.run, *values)

        return call

    def builtin(self, node: n.Call, builtin: Builtin, arguments: list[Code]) -> Code:
        call = builtin.call
        if node.names is not None:
            places = builtin.named(node.names)
            if places is None:
                if not self.strict:
                    return _nothing
                raise invalid(self.text, node.at, f"参数名不对，请写成 {builtin.usage()}。")
            arguments = [_nothing if place is None else arguments[place] for place in places]
        elif not builtin.positional(len(arguments)):
            if not self.strict:
                return _nothing
            raise invalid(self.text, node.at, f"参数个数不对，请写成 {builtin.usage()}。")
        if not arguments:
            return lambda env: call(env.run)
        if len(arguments) == 1:
            (only,) = arguments
            return lambda env: call(env.run, only(env))
        if len(arguments) == 2:
            one, two = arguments
            return lambda env: call(env.run, one(env), two(env))
        return lambda env: call(env.run, *[argument(env) for argument in arguments])

    # -- words -----------------------------------------------------------------------------------------

    def _if(self, node: n.If) -> Code:
        condition, then, otherwise = (
            self.code(node.condition),
            self.code(node.then),
            self.code(node.otherwise),
        )
        return lambda env: then(env) if condition(env) is True else otherwise(env)

    def _iteration(self, node: n.Iteration) -> Code:
        sources: list[tuple[str, Callable[[Env], list[Any] | None]]] = []
        declared: set[str] = set()
        for name, first, last in node.sources:
            self.scopes.append(frozenset(declared))
            sources.append((name, self.source(first, last)))
            self.scopes.pop()
            declared.add(name)
        if node.word == "for":
            declared.add("partial")
        self.scopes.append(frozenset(declared))
        outer, self.partial = self.partial, False
        body, size = self.sized(node.body)
        reads, self.partial = self.partial, outer or self.partial
        self.scopes.pop()
        size += _ROUND * len(sources)
        if node.word == "for":
            return loop_over(sources, body, size, reads)
        return quantified(sources, body, size, node.word == "some")

    def source(self, first: n.Node, last: n.Node | None) -> Callable[[Env], list[Any] | None]:
        low = self.code(first)
        if last is None:

            def listed(env: Env) -> list[Any] | None:
                value = low(env)
                if isinstance(value, Range):
                    return count_through(value, env.run)
                return s.as_list(value)

            return listed
        high = self.code(last)
        return lambda env: count_up(low(env), high(env), env.run)


def _nothing(env: Env) -> None:
    return None


def _as_value(builtin: Builtin) -> Function:
    """A built-in as a value, for `sort(list, before)` and the like."""

    def call(run: Run, *arguments: Any) -> Any:
        return builtin.call(run, *arguments) if builtin.positional(len(arguments)) else None

    return Function(tuple(name for name, _ in builtin.signatures[0]), call)

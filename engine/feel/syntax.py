"""Tokens → syntax tree 句法: a Pratt parser.

FEEL's names may hold spaces. Two names side by side mean nothing else in FEEL, so words are joined as far as they
go; only the built-in names that hold a keyword ("date and time", "working days between") are matched as a whole.
"""

from __future__ import annotations

from decimal import Decimal

from engine.feel import nodes as n
from engine.feel.budget import DEPTH_LIMIT
from engine.feel.cursor import Cursor
from engine.feel.functions import FUNCTIONS
from engine.feel.lexer import KEYWORDS, Token, invalid
from engine.feel.numbers import DIGITS, MATH
from engine.feel.temporal import parse_temporal
from engine.feel.types import TYPE_NAMES

_NAMES = sorted(
    ((tuple(name.split(" ")), name) for name in FUNCTIONS if " " in name), key=lambda p: -len(p[0])
)

# binding powers, loosest first
OR, AND, COMPARISON, ADDITIVE, MULTIPLICATIVE, POWER, PREFIX = range(1, 8)
_COMPARISONS = frozenset(["=", "!=", "<", "<=", ">", ">="])
_LEVELS = dict.fromkeys(_COMPARISONS, COMPARISON)
_LEVELS |= {"+": ADDITIVE, "-": ADDITIVE, "*": MULTIPLICATIVE, "/": MULTIPLICATIVE, "**": POWER}
_TYPES = {
    "date and time": ("date", "and", "time"),
    "years and months duration": ("years", "and", "months", "duration"),
    "days and time duration": ("days", "and", "time", "duration"),
}
_ORDERS = _COMPARISONS - {"=", "!="}
_KEY_SIGNS = frozenset("+-*/.")
_CHAIN_LIMIT = 2_000


class Parser(Cursor):
    """One text's parser. `expression_text` and `tests_text` are its entries; all raise `ExpressionInvalid`."""

    def __init__(
        self,
        text: str,
        known: frozenset[str] = frozenset(),
        types: tuple[tuple[str, n.Type], ...] = (),
        *,
        strict: bool = True,
    ) -> None:
        super().__init__(text, known | {name for name, _ in types} if types else known)
        self.types = types
        self.strict = strict
        self.depth = 0
        self.questions = 0  # mentions of `?` so far

    # -- entries ---------------------------------------------------------------------------------------

    def expression_text(self) -> n.Node:
        """A whole text that is one expression."""
        if self.token.kind == "end":
            self.fail("表达式为空，请填写。")
        node = self.expression()
        self.finish()
        return node

    def tests_text(self) -> n.Tests:
        """A whole text that is unary tests: `-`, `not(…)`, or tests between commas; an empty one matches all."""
        if self.token.kind == "end" or (self.is_op("-") and self.tokens[1].kind == "end"):
            return n.Tests(0, (), False)
        if self.is_word("not") and self.tokens[1].text == "(" and self._closes_at_end(1):
            self.i = 2
            tests = self.tests_list()
            self.expect(")")
            self.finish()
            return n.Tests(0, tests, True)
        tests = self.tests_list()
        self.finish()
        return n.Tests(0, tests, False)

    def _closes_at_end(self, start: int) -> bool:
        """Whether the bracket at token `start` closes at the text's end: `not(…)` around the whole cell."""
        depth = 0
        for i in range(start, len(self.tokens)):
            token = self.tokens[i]
            if token.kind == "op":
                depth += (token.text in "([{") - (token.text in ")]}")
                if depth == 0:
                    return self.tokens[i + 1].kind == "end"
        return False

    def tests_list(self) -> tuple[n.Test, ...]:
        tests = [self.test()]
        while self.take(","):
            tests.append(self.test())
        return tuple(tests)

    def test(self) -> n.Test:
        at, before = self.token.start, self.questions
        if self.token.kind == "op" and self.token.text in _COMPARISONS:
            op = self.advance().text
            operand = self.expression(ADDITIVE)
        else:
            op, operand = "", self.expression()
            if self.is_op("..") and not isinstance(operand, n.RangeNode):
                self.fail("区间请写成 [1..5] 或 (1..5)。")
        return n.Test(at, op, operand, self.questions > before)

    # -- expressions -----------------------------------------------------------------------------------

    def expression(self, power: int = OR) -> n.Node:
        """An expression of operators that bind at least as tightly as `power`."""
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            self.fail(f"嵌套超过 {DEPTH_LIMIT} 层，请拆分为几个较短的表达式。")
        node = self.prefix()
        while True:
            token = self.token
            if token.kind == "op":
                level = _LEVELS.get(token.text, 0)
                if level and level >= power:
                    node = self.chain(node, level)
                    continue
            elif token.kind == "name":
                word = token.text
                if word in ("and", "or") and power <= (AND if word == "and" else OR):
                    node = self.junction(node, word)
                    continue
                if power <= COMPARISON:
                    if word == "between":
                        node = self.between(node)
                        continue
                    if word == "in":
                        node = self.membership(node)
                        continue
                    if word == "instance" and self.peek_word(1, "of"):
                        self.i += 2
                        node = n.InstanceOf(token.start, node, self.type())
                        continue
            break
        self.depth -= 1
        return node

    def chain(self, first: n.Node, level: int) -> n.Node:
        """Operators of one level, side by side."""
        rest: list[tuple[str, n.Node]] = []
        at = self.token.start
        while self.token.kind == "op" and _LEVELS.get(self.token.text) == level:
            op = self.advance().text
            if op in ("=", "!=") and self.token.kind == "op" and self.token.text in _ORDERS:
                rest.append((op, self.half_range()))  # range("[2..)") = >=2
            else:
                rest.append((op, self.expression(level + 1)))
            if len(rest) > _CHAIN_LIMIT:
                self.fail("连续运算过多，请拆分。")
        return n.Chain(at, first, tuple(rest))

    def junction(self, first: n.Node, word: str) -> n.Node:
        operands = [first]
        at = self.token.start
        while self.is_word(word):
            self.i += 1
            operands.append(self.expression((AND if word == "and" else OR) + 1))
        return n.Junction(at, word, tuple(operands))

    def between(self, value: n.Node) -> n.Node:
        at = self.advance().start
        low = self.expression(ADDITIVE)
        if not self.is_word("and"):
            self.fail("between 之后应写成“between 下限 and 上限”。")
        self.i += 1
        return n.Between(at, value, low, self.expression(ADDITIVE))

    def membership(self, value: n.Node) -> n.Node:
        at = self.advance().start
        if self.token.kind == "op" and self.token.text in _COMPARISONS:
            return n.In(at, value, (self.test(),))
        if self.is_op("(") and self._is_tests(self.i):
            self.i += 1
            tests = self.tests_list()
            self.expect(")")
            return n.In(at, value, tests)
        operand = self.expression(ADDITIVE)
        return n.In(at, value, (n.Test(at, "", operand, False),))

    def _is_tests(self, start: int) -> bool:
        """Whether the bracket at token `start` holds tests: a comma, or a comparison first, and no range."""
        first = self.tokens[start + 1]
        if first.kind == "op" and first.text in _COMPARISONS:
            return True
        depth = 0
        for token in self.tokens[start:]:
            if token.kind != "op":
                continue
            depth += (token.text in "([{") - (token.text in ")]}")
            if depth <= 0:
                return False
            if depth == 1 and token.text == ",":
                return True
            if depth == 1 and token.text == "..":
                return False
        return False

    # -- beginnings ------------------------------------------------------------------------------------

    def prefix(self) -> n.Node:
        token = self.token
        if token.kind == "op" and token.text == "-":
            self.i += 1
            operand = self.expression(PREFIX)
            if isinstance(operand, n.Literal) and type(operand.value) in (int, Decimal):
                value = operand.value
                return n.Literal(token.start, -value if type(value) is int else value.copy_negate())
            return n.Negate(token.start, operand)
        return self.postfix(self.primary())

    def primary(self) -> n.Node:
        token = self.token
        if token.kind == "name":
            return self.worded(token)
        self.i += 1
        if token.kind == "number":
            return n.Literal(token.start, self.number(token))
        if token.kind == "string":
            return n.Literal(token.start, token.text)
        if token.kind == "at":
            value = parse_temporal(token.text)
            if value is None and self.strict:
                self.fail(f"“{token.text[:40]}”不是有效的日期、时间或时长，请改正。", token)
            return n.Literal(token.start, value)
        if token.kind == "quoted":
            return n.Name(token.start, token.text)
        if token.kind == "op":
            if token.text == "(":
                return self.parenthesis(token)
            if token.text == "[":
                return self.bracket(token)
            if token.text == "]":
                return self.range_(token, self.expression(), False)
            if token.text == "{":
                return self.context(token)
        if token.kind == "end":
            self.fail("表达式不完整，后面还缺内容，请补全。", token)
        raise invalid(self.text, token.start, "此处应是一个值、名称或括号，请改正。")

    def worded(self, token: Token) -> n.Node:
        word = token.text
        if word in ("true", "false", "null"):
            self.i += 1
            return n.Literal(token.start, {"true": True, "false": False, "null": None}[word])
        if word == "if":
            return self.conditional(token)
        if word == "for":
            return self.iteration(token)
        if word in ("some", "every") and self._is_quantifier():
            return self.iteration(token)
        if word == "function" and self.peek_op(1, "("):
            return self.function(token)
        if word == "external":
            self.fail("不支持外部函数，请用 FEEL 写出函数的内容。", token)
        if word in KEYWORDS and word not in ("some", "every"):
            self.fail(f"“{word}”是保留字，不能用在此处，请换一个名称。", token)
        return n.Name(token.start, self.name())

    def _is_quantifier(self) -> bool:
        """`some x in …`: the words up to `in` follow at once."""
        i = self.i + 1
        while self.tokens[i].kind in ("name", "quoted") and self.tokens[i].text != "in":
            i += 1
        return i > self.i + 1 and self.tokens[i].text == "in" and self.tokens[i].kind == "name"

    def name(self) -> str:
        """A name, as long as it goes: a built-in's whole name, or words side by side up to a keyword."""
        for words, whole in _NAMES:
            if self.words_at(words) and self.tokens[self.i + len(words)].text == "(":
                self.i += len(words)
                return whole
        parts = [self.advance().text]
        if parts[0] == "?":
            self.questions += 1
            return "?"
        while self.token.kind == "name" and self.token.text not in KEYWORDS and self.token.text != "?":
            if self.token.text == "instance" and self.peek_word(1, "of"):
                break
            parts.append(self.advance().text)
        return " ".join(parts)

    def number(self, token: Token) -> int | Decimal:
        if token.text.isdigit() and len(token.text) <= DIGITS:
            return int(token.text)
        value = MATH.create_decimal(token.text)
        if not value.is_finite() or len(token.text) > 400:
            self.fail("数字超出范围，请改小。", token)
        return value

    def parenthesis(self, token: Token) -> n.Node:
        if self.token.kind == "op" and self.token.text in _COMPARISONS:  # (>= 5): a range with one end
            node = self.half_range()
            self.expect(")")
            return node
        node = self.expression()
        if self.is_op(".."):
            return self.range_(token, node, False)
        self.expect(")")
        return node

    def half_range(self) -> n.Node:
        """`>= 5` where a value stands: a range with one end (DMN 1.5, 10.3.2.7)."""
        token = self.advance()
        op = token.text
        end = self.expression(ADDITIVE)
        if op == "=":
            return n.RangeNode(token.start, end, end, True, True)
        if op == "!=":
            self.fail("区间不能用 !=，请改用 not(…)。", token)
        low = op[0] == ">"
        closed = len(op) == 2
        return n.RangeNode(
            token.start, end if low else None, None if low else end, closed and low, closed and not low
        )

    def entry(self) -> n.Node:
        """An entry of a list: a value, or a range with one end."""
        if self.token.kind == "op" and self.token.text in _ORDERS:
            return self.half_range()
        return self.expression()

    def bracket(self, token: Token) -> n.Node:
        if self.take("]"):
            return n.ListNode(token.start, ())
        first = self.entry()
        if self.is_op(".."):
            return self.range_(token, first, True)
        items = [first]
        while self.take(","):
            items.append(self.entry())
        self.expect("]")
        return n.ListNode(token.start, tuple(items))

    def range_(self, token: Token, low: n.Node, low_closed: bool) -> n.Node:
        self.expect("..")
        high = self.expression()
        end = self.advance()
        if end.kind != "op" or end.text not in ("]", ")", "["):
            self.fail("区间缺少结尾的 ] 或 )，请补上。", end)
        return n.RangeNode(token.start, low, high, low_closed, end.text == "]")

    def context(self, token: Token) -> n.Node:
        entries: list[tuple[str, n.Node]] = []
        seen: set[str] = set()
        doubled = False
        if not self.take("}"):
            while True:
                at = self.token
                key = self.key()
                if key in seen:
                    doubled = True
                    if self.strict:
                        self.fail(f"键“{key}”重复，请删去一个或改名。", at)
                if key.startswith("$"):  # how values are tagged in JSON
                    self.fail("键名不能以 $ 开头，请改名。", at)
                seen.add(key)
                self.expect(":")
                entries.append((key, self.expression()))
                if not self.take(","):
                    break
            self.expect("}")
        return n.Literal(token.start, None) if doubled else n.ContextNode(token.start, tuple(entries))

    def key(self) -> str:
        """A context entry's or a parameter's name: a text, or words and the signs a name may have, up to the colon
        (keywords allowed)."""
        token = last = self.advance()
        if token.kind in ("string", "quoted"):
            return token.text
        if token.kind != "name":
            self.fail("此处应是键名，请补上。", token)
        while self.token.kind in ("name", "number") or (
            self.token.kind == "op" and self.token.text in _KEY_SIGNS
        ):
            last = self.advance()
        return " ".join(self.text[token.start : last.end].split())

    def conditional(self, token: Token) -> n.Node:
        self.i += 1
        condition = self.expression()
        self.keyword("then", "if 之后缺少 then。")
        then = self.expression()
        self.keyword("else", "if … then 之后缺少 else。")
        return n.If(token.start, condition, then, self.expression())

    def iteration(self, token: Token) -> n.Node:
        word = self.advance().text
        sources: list[tuple[str, n.Node, n.Node | None]] = []
        while True:
            if self.token.kind not in ("name", "quoted") or self.is_word("in"):
                self.fail(f"{word} 之后应写“变量 in 列表”。")
            name = self.advance().text if self.token.kind == "quoted" else self.name()
            if self.take(":"):
                self.type()
            self.keyword("in", f"{word} {name} 之后缺少 in。")
            first = self.expression()
            last = self.expression() if self.take("..") else None
            sources.append((name, first, last))
            if len(sources) > DEPTH_LIMIT:
                self.fail("循环变量过多，请减少。")
            if not self.take(","):
                break
        if word == "for":
            self.keyword("return", "for … in … 之后缺少 return。")
        else:
            self.keyword("satisfies", f"{word} … in … 之后缺少 satisfies。")
        return n.Iteration(token.start, word, tuple(sources), self.expression())

    def function(self, token: Token) -> n.Node:
        self.i += 2
        parameters: list[str] = []
        types: list[n.Type | None] = []
        if not self.take(")"):
            while True:
                if self.token.kind not in ("name", "quoted"):
                    self.fail("此处应是参数名，请补上。")
                name = self.advance().text if self.token.kind == "quoted" else self.name()
                if name in parameters:
                    self.fail(f"参数“{name}”重复，请删去一个或改名。")
                parameters.append(name)
                types.append(self.type() if self.take(":") else None)
                if not self.take(","):
                    break
            self.expect(")")
        if self.is_word("external"):
            self.fail("不支持外部函数，请用 FEEL 写出函数的内容。")
        return n.FunctionNode(token.start, tuple(parameters), tuple(types), self.expression())

    # -- endings ---------------------------------------------------------------------------------------

    def postfix(self, node: n.Node) -> n.Node:
        links = 0
        while self.token.kind == "op":
            at = self.token.start
            links += 1
            if links > DEPTH_LIMIT:
                self.fail(f"连续取值超过 {DEPTH_LIMIT} 层，请拆分。")
            if self.token.text == ".":
                self.i += 1
                if self.token.kind == "quoted":
                    node = n.Path(at, node, self.advance().text)
                elif self.token.kind == "name":
                    node = n.Path(at, node, self.path_name())
                else:
                    self.fail("“.”之后应是名称，请补上。")
            elif self.token.text == "[":
                if self._ends_range():
                    return node
                self.i += 1
                condition = self.expression()
                self.expect("]")
                node = n.Filter(at, node, condition)
            elif self.token.text == "(":
                self.i += 1
                node = self.call(at, node)
            else:
                break
        return node

    def path_name(self) -> str:
        parts = [self.advance().text]
        while self.token.kind == "name" and self.token.text not in KEYWORDS:
            if self.token.text == "instance" and self.peek_word(1, "of"):
                break
            parts.append(self.advance().text)
        return " ".join(parts)

    def _ends_range(self) -> bool:
        """A `[` that closes an open range (`]1..5[`): what follows cannot begin an expression."""
        after = self.tokens[self.i + 1]
        if after.kind == "end":
            return True
        if after.kind == "op":
            return after.text not in ("(", "[", "{", "-", "]") or after.text == "]"
        return after.kind == "name" and after.text in KEYWORDS - {
            "if",
            "for",
            "some",
            "every",
            "true",
            "false",
            "null",
        }

    def call(self, at: int, function: n.Node) -> n.Node:
        arguments: list[n.Node] = []
        names: list[str] = []
        if not self.take(")"):
            by_name = self._is_named()
            while True:
                if by_name:
                    token = self.token
                    name = self.key()
                    if name in names:
                        self.fail(f"参数“{name}”重复，请删去一个或改名。", token)
                    names.append(name)
                    self.expect(":")
                arguments.append(self.expression())
                if not self.take(","):
                    break
            self.expect(")")
        return n.Call(at, function, tuple(arguments), tuple(names) if names else None)

    def _is_named(self) -> bool:
        """`name with spaces :` comes next."""
        i = self.i
        if self.tokens[i].kind not in ("name", "quoted", "string"):
            return False
        while self.tokens[i].kind in ("name", "quoted", "string"):
            i += 1
        return self.tokens[i].text == ":" and self.tokens[i].kind == "op"

    def type(self) -> n.Type:
        """A type by its name: FEEL's, or the model's."""
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            self.fail(f"嵌套超过 {DEPTH_LIMIT} 层，请拆分。")
        at = self.token
        name = self.type_name()
        parts: list[tuple[str, n.Type]] = []
        if self.take("<"):
            while not self.is_op(">"):
                key = ""
                if name == "context":
                    key = self.key()
                    self.expect(":")
                parts.append((key, self.type()))
                if not self.take(","):
                    break
            self.expect(">")
        if name == "function" and self.take("->"):
            parts.append(("->", self.type()))
        self.depth -= 1
        own = next((of for key, of in self.types if key == name), None)
        if own is not None and not parts:
            return own
        if name not in TYPE_NAMES:
            if self.strict:
                self.fail(f"没有名为“{name[:40]}”的类型，请改为 FEEL 的类型。", at)
            return n.Type("")  # which no value is of
        if name in ("list", "range") and len(parts) > 1:
            self.fail(f"{name} 只带一个类型参数，请删去多余的。", at)
        return n.Type(name, tuple(parts))

    def type_name(self) -> str:
        for whole, words in _TYPES.items():
            if self.words_at(words):
                self.i += len(words)
                return whole
        if self.token.kind not in ("name", "quoted"):
            self.fail("此处应是类型名，请补上。")
        parts = [self.advance().text]
        while self.token.kind == "name" and self.token.text not in KEYWORDS:
            parts.append(self.advance().text)
        while self.is_op(".") and self.tokens[self.i + 1].kind == "name":
            self.i += 1
            parts[-1] += "." + self.advance().text
        return " ".join(parts)

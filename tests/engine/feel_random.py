"""Random FEEL expressions: well-typed ones of every kind, and now and then one with a value of a wrong kind.

Numbers are made so that binary fractions are exact too (halves, quarters, no division but by powers of two), for the
other implementation counts in floats.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

CONTEXT: dict[str, Any] = {
    "a": 5,
    "b": 7,
    "c": -2.5,
    "s": "督办通知",
    "t": "abc def",
    "yes": True,
    "no": False,
    "nothing": None,
    "xs": [3, 1, 2],
    "ys": ["b", "a", "c"],
    "order": {"customer": {"name": "甲"}, "items": [{"price": 5, "n": 1}, {"price": 20, "n": 2}]},
    "people": [{"name": "甲", "age": 18}, {"name": "乙", "age": 30}, {"name": "丙", "age": 45}],
    "某县": {"应急局": {"电话": "110"}},
}


class Author:
    """Writes expressions from a seed; `depth` bounds how far they nest."""

    def __init__(self, seed: int, slips: float = 0.03) -> None:
        self.random = Random(seed)
        self.slips = slips
        self.bound: list[str] = []  # names of numbers that loops have bound

    def expression(self, depth: int = 3) -> str:
        kinds = [
            self.number,
            self.boolean,
            self.boolean,
            self.text,
            self.numbers,
            self.texts,
            self.context,
            self.moment,
        ]
        return self.random.choice(kinds)(depth)

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def one_of(self, *makers: Callable[[], str]) -> str:
        return self.random.choice(makers)()

    def wrong(self, depth: int, right: Callable[[int], str]) -> str:
        """Nearly always what is asked for; else something of any kind, or null."""
        if self.random.random() >= self.slips:
            return right(depth)
        return self.one_of(
            lambda: "null",
            lambda: "nothing",
            lambda: self.number(depth),
            lambda: self.boolean(depth),
            lambda: self.text(depth),
            lambda: self.numbers(depth),
        )

    # -- kinds -----------------------------------------------------------------------------------------

    def number(self, depth: int) -> str:
        d = depth - 1
        if depth <= 0:
            names = ["a", "b", "c", *self.bound]
            return self.pick("0", "1", "2", "3", "10", "0.5", "1.25", "-4", "-0.5", "100", *names)
        n = lambda: self.wrong(d, self.number)  # noqa: E731
        xs = lambda: self.wrong(d, self.numbers)  # noqa: E731
        text = lambda: self.wrong(d, self.text)  # noqa: E731
        return self.one_of(
            lambda: f"{n()} {self.pick('+', '-', '*')} {n()}",
            lambda: f"({n()} {self.pick('+', '-', '*')} {n()}) * {n()}",
            lambda: f"({n()}) / {self.pick('2', '4', '0.5', '8')}",
            lambda: f"-({n()})",
            lambda: f"({self.pick('2', '3', '-2')}) ** {self.pick('0', '1', '2', '3')}",
            lambda: f"if {self.wrong(d, self.boolean)} then {n()} else {n()}",
            lambda: f"{self.pick('abs', 'floor', 'ceiling')}({n()})",
            lambda: f"modulo({n()}, {self.pick('3', '5', '-4', '0.5')})",
            lambda: (
                f"{self.pick('round up', 'round down', 'round half up', 'round half down')}({n()}, {self.pick('0', '1')})"
            ),
            lambda: f"decimal({n()}, {self.pick('0', '1', '2')})",
            lambda: f"{self.pick('min', 'max', 'sum', 'mean', 'product', 'median')}({xs()})",
            lambda: f"{self.pick('min', 'max', 'sum')}({n()}, {n()}, {n()})",
            lambda: f"count({xs()})",
            lambda: f"string length({text()})",
            lambda: f"({xs()})[{self.pick('1', '2', '-1', '-2', '9', '0')}]",
            lambda: f"people[{self.pick('1', '2', '-1')}].age",
            lambda: f"order.items[{self.pick('n = 1', 'price > 5', 'price > 99')}][1].price",
            lambda: f'date("{self.day()}").{self.pick("year", "month", "day", "weekday")}',
            lambda: f'number("{self.pick("12", "0.5", "-3", "abc")}")',
            lambda: f'{self.pick("day of year", "week of year")}(date("{self.day()}"))',
            lambda: f"{{x: {n()}, y: x + 1}}.{self.pick('x', 'y')}",
            lambda: f"(function(p, q) p {self.pick('+', '-', '*')} q)({n()}, {n()})",
        )

    def boolean(self, depth: int) -> str:
        d = depth - 1
        if depth <= 0:
            return self.pick("true", "false", "yes", "no")
        n = lambda: self.wrong(d, self.number)  # noqa: E731
        t = lambda: self.wrong(d, self.text)  # noqa: E731
        flag = lambda: self.wrong(d, self.boolean)  # noqa: E731
        xs = lambda: self.wrong(d, self.numbers)  # noqa: E731
        compare = lambda: self.pick("=", "!=", "<", "<=", ">", ">=")  # noqa: E731
        r = lambda: self.range_(d)  # noqa: E731
        return self.one_of(
            lambda: f"({n()}) {compare()} ({n()})",
            lambda: f"({n()}) {compare()} ({n()})",
            lambda: f"({t()}) {compare()} ({t()})",
            lambda: f"({self.wrong(d, self.context)}) {self.pick('=', '!=')} ({self.wrong(d, self.context)})",
            lambda: f"({n()}) {self.pick('=', '!=')} null",
            lambda: f"({flag()}) {self.pick('and', 'or')} ({flag()})",
            lambda: f"({flag()}) {self.pick('and', 'or')} ({flag()}) {self.pick('and', 'or')} ({flag()})",
            lambda: f"not({flag()})",
            lambda: f"({n()}) between ({n()}) and ({n()})",
            lambda: f"({n()}) in {r()}",
            lambda: f"({n()}) in ({r()}, {compare()} {n()})",
            lambda: f"({n()}) in ({n()}, {n()})",
            lambda: f"({n()}) in {self.pick('<', '<=', '>', '>=')} ({n()})",
            lambda: self.quantified(d),
            lambda: f"({n()}) instance of {self.pick('number', 'string', 'boolean', 'list', 'Any')}",
            lambda: f"{self.pick('contains', 'starts with', 'ends with')}({t()}, {t()})",
            lambda: f'matches({t()}, "{self.pick("a", "^a", "[a-c]+$", "督.通", "x")}")',
            lambda: f"list contains({xs()}, {n()})",
            lambda: f"{self.pick('all', 'any')}([{flag()}, {flag()}])",
            lambda: f"{self.pick('odd', 'even')}({n()})",
            lambda: f'date("{self.day()}") {compare()} date("{self.day()}")',
            lambda: f'@"{self.length()}" {compare()} @"{self.length()}"',
            lambda: f"{self.pick('before', 'after')}({n()}, {n()})",
            lambda: f"{self.pick('before', 'after')}({r()}, {r()})",
            lambda: f"{self.pick('includes')}({r()}, {n()})",
            lambda: f"{self.pick('meets', 'met by', 'overlaps')}({r()}, {r()})",
            lambda: f"{self.pick('is')}({n()}, {n()})",
        )

    def text(self, depth: int) -> str:
        d = depth - 1
        if depth <= 0:
            return self.pick(
                '""', '"a"', '"abc"', '"督办"', '"b c"', "s", "t", "某县.应急局.电话", "order.customer.name"
            )
        t = lambda: self.wrong(d, self.text)  # noqa: E731
        n = lambda: self.pick("1", "2", "3", "-1", "-2")  # noqa: E731
        return self.one_of(
            lambda: f"{t()} + {t()}",
            lambda: f"if {self.wrong(d, self.boolean)} then {t()} else {t()}",
            lambda: f"string({self.wrong(0, self.number)})",
            lambda: f"substring({t()}, {n()})",
            lambda: f"substring({t()}, {n()}, {self.pick('1', '2', '5')})",
            lambda: f"{self.pick('upper case', 'lower case')}({t()})",
            lambda: f"{self.pick('substring before', 'substring after')}({t()}, {t()})",
            lambda: (
                f'replace({t()}, "{self.pick("a", "[a-c]", "(b)(c)?", "督")}", "{self.pick("x", "", "--")}")'
            ),
            lambda: f'replace({t()}, "{self.pick("(b)(c)?", "(督|办)")}", "{self.pick("$1-", "[$1]")}")',
            lambda: f'string join({self.wrong(d, self.texts)}, "{self.pick(",", "", "、")}")',
            lambda: f"({self.wrong(d, self.texts)})[{self.pick('1', '-1', '7')}]",
            lambda: f'string(date("{self.day()}"))',
            lambda: f"people[age {self.pick('>', '<=')} {self.number(0)}][1].name",
            lambda: f'{self.pick("day of week", "month of year")}(date("{self.day()}"))',
        )

    def numbers(self, depth: int) -> str:
        d = depth - 1
        if depth <= 0:
            return self.pick("[]", "[1]", "[1, 2, 3]", "[3, 1, 2, 1]", "xs", "[0.5, -1]")
        n = lambda: self.wrong(d, self.number)  # noqa: E731
        xs = lambda: self.wrong(d, self.numbers)  # noqa: E731
        at = lambda: self.pick("1", "2", "-1")  # noqa: E731
        return self.one_of(
            lambda: f"[{n()}, {n()}, {n()}]",
            lambda: self.loop(d),
            lambda: f"({xs()})[item {self.pick('>', '<', '=', '!=')} {self.number(0)}]",
            lambda: f"append({xs()}, {n()})",
            lambda: f"concatenate({xs()}, {xs()})",
            lambda: f"union({xs()}, {xs()})",
            lambda: f"{self.pick('reverse', 'distinct values', 'flatten')}({xs()})",
            lambda: f"sort({xs()}, function(p, q) p {self.pick('<', '>')} q)",
            lambda: f"sublist({xs()}, {at()})",
            lambda: f"sublist({xs()}, {at()}, 1)",
            lambda: f"insert before({xs()}, {at()}, {n()})",
            lambda: f"remove({xs()}, {at()})",
            lambda: f"list replace({xs()}, {at()}, {n()})",
            lambda: f"index of({xs()}, {n()})",
            lambda: "people.age",
            lambda: "order.items.price",
            lambda: f"mode({xs()})",
            lambda: f"if {self.wrong(d, self.boolean)} then {xs()} else {xs()}",
        )

    def texts(self, depth: int) -> str:
        d = depth - 1
        if depth <= 0:
            return self.pick('["a", "b"]', "ys", "[]", '["督办", ""]')
        t = lambda: self.wrong(d, self.text)  # noqa: E731
        return self.one_of(
            lambda: f"[{t()}, {t()}]",
            lambda: f'split({t()}, "{self.pick(" ", ",", "b")}")',
            lambda: f"append({self.wrong(d, self.texts)}, {t()})",
            lambda: "people.name",
            lambda: f"for i in people return i.name + {t()}",
            lambda: f"{self.pick('reverse', 'distinct values')}({self.wrong(d, self.texts)})",
        )

    def context(self, depth: int) -> str:
        d = depth - 1
        if depth <= 0:
            return self.pick("{}", "{x: 1}", "order.customer", '{x: 1, y: "a"}', "people[1]")
        return self.one_of(
            lambda: f"{{x: {self.wrong(d, self.number)}, y: {self.wrong(d, self.text)}}}",
            lambda: f"{{x: {self.wrong(d, self.number)}, z: {{w: x}}}}",
            lambda: f'context put({self.wrong(d, self.context)}, "x", {self.wrong(d, self.number)})',
            lambda: f"context merge([{self.wrong(d, self.context)}, {self.wrong(d, self.context)}])",
            lambda: f'get value({self.wrong(d, self.context)}, "{self.pick("x", "z")}")',
            lambda: f"get entries({self.wrong(d, self.context)})",
        )

    def moment(self, depth: int) -> str:
        return self.one_of(
            lambda: f'string(date("{self.day()}") {self.pick("+", "-")} @"{self.length()}")',
            lambda: f'string(date("{self.day()}") - date("{self.day()}"))',
            lambda: f'string(@"{self.day()}T{self.clock()}" {self.pick("+", "-")} @"{self.length()}")',
            lambda: f'string(@"{self.length()}" {self.pick("+", "-")} @"{self.length()}")',
            lambda: f'string(@"{self.day()}T{self.clock()}")',
            lambda: f'string(date and time(date("{self.day()}"), time("{self.clock()}")))',
            lambda: (
                f'@"{self.day()}T{self.clock()}".{self.pick("hour", "minute", "second", "day", "weekday")}'
            ),
            lambda: (
                f'@"{self.length()}".{self.pick("days", "hours", "minutes", "seconds", "years", "months")}'
            ),
            lambda: f'string(years and months duration(date("{self.day()}"), date("{self.day()}")))',
            lambda: f'@"{self.day()}" in [@"{self.day()}"..@"{self.day()}"]',
            lambda: (
                f'string(time("{self.clock()}") {self.pick("+", "-")} @"{self.pick("PT1H", "PT90M", "PT36H")}")'
            ),
        )

    # -- parts -----------------------------------------------------------------------------------------

    def loop(self, depth: int) -> str:
        name = f"i{len(self.bound)}"
        source = self.one_of(
            lambda: self.wrong(depth, self.numbers), lambda: self.pick("1..3", "3..1", "-1..1", "2..2")
        )
        self.bound.append(name)
        body = self.wrong(depth, self.number)
        self.bound.pop()
        return f"(for {name} in {source} return {body})"

    def quantified(self, depth: int) -> str:
        name = f"i{len(self.bound)}"
        source = self.wrong(depth, self.numbers)
        self.bound.append(name)
        body = self.wrong(depth, self.boolean)
        self.bound.pop()
        return f"({self.pick('some', 'every')} {name} in {source} satisfies {body})"

    def range_(self, depth: int) -> str:
        low = self.random.randrange(-3, 8)
        return f"{self.pick('[', '(')}{low}..{low + self.random.randrange(0, 6)}{self.pick(']', ')')}"

    def day(self) -> str:
        return self.pick("2024-02-29", "2026-01-31", "2026-10-01", "2025-12-29", "2026-03-30", "1999-12-31")

    def clock(self) -> str:
        return self.pick("00:00:00", "08:30:00", "23:59:59", "12:00:01")

    def length(self) -> str:
        return self.pick("P1D", "PT36H", "P10D", "PT90M", "P1M", "P1Y2M", "P13M", "-P1D", "-P2M", "PT0S")

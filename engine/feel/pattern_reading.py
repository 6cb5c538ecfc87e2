"""Reading a pattern 正则: XPath's syntax → the program that `pattern` runs.

Back-references and class subtraction do not fit a program without backtracking and are refused (the function gives
null), as is anything malformed or too large.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from engine.feel.pattern import Accepts, Program, Step

PATTERN_LIMIT = 1_000  # characters
PROGRAM_LIMIT = 2_000  # instructions, after {n,m} is written out
WORK_LIMIT = 8_000  # instructions written while reading, those thrown away included
NESTING_LIMIT = 50


class PatternInvalid(ValueError):
    """The pattern is malformed, too long, or uses what is not supported. `work` is what finding out took."""

    work = 0


_META = frozenset(".\\?*+{}()[]|^$")


@lru_cache(maxsize=512)
def compile_pattern(pattern: str, flags: str = "") -> Program:
    """A pattern's program. Flags: s dot matches line ends, m `^$` at lines, i ignore case, x ignore blanks, q plain.

    Raises `PatternInvalid`.
    """
    if len(pattern) > PATTERN_LIMIT or not set(flags) <= set("smixq"):
        raise PatternInvalid("too long, or unknown flag")
    if "q" in flags:
        if "i" not in flags:
            return Program([], 0, False, pattern, True)
        pattern = "".join("\\" + c if c in _META else c for c in pattern)
    elif "i" not in flags and "x" not in flags and not set(pattern) & _META:
        return Program([], 0, False, pattern, False)
    reader = _Reader(pattern, flags)
    try:
        return reader.program()
    except PatternInvalid as invalid:
        invalid.work = reader.work
        raise


class _Reader:
    """Recursive descent over a pattern, writing the program as it goes."""

    def __init__(self, pattern: str, flags: str) -> None:
        self.pattern = "".join(c for c in pattern if c not in " \t\r\n") if "x" in flags else pattern
        self.flags = flags
        self.at = 0
        self.groups = 0
        self.nesting = 0
        self.steps: list[Step] = []
        self.work = 0

    def program(self) -> Program:
        self.emit(Step("save", 0))
        self.alternatives()
        if self.at < len(self.pattern):
            raise PatternInvalid("unbalanced )")
        self.emit(Step("save", 1))
        self.emit(Step("match"))
        return Program(self.steps, self.groups, "m" in self.flags, None, "q" in self.flags, self.work)

    def emit(self, step: Step) -> int:
        self.work += 1
        if len(self.steps) >= PROGRAM_LIMIT or self.work > WORK_LIMIT:
            raise PatternInvalid("too large")
        self.steps.append(step)
        return len(self.steps) - 1

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def alternatives(self) -> None:
        self.nesting += 1
        if self.nesting > NESTING_LIMIT:
            raise PatternInvalid("nested too deeply")
        ends: list[int] = []
        while True:
            begin = len(self.steps)
            self.sequence()
            if self.peek() != "|":
                break
            self.at += 1
            self.insert(begin, Step("split", begin + 1, len(self.steps) + 2))
            ends.append(self.emit(Step("jump")))
        for end in ends:
            self.steps[end].x = len(self.steps)
        self.nesting -= 1

    def insert(self, place: int, step: Step) -> None:
        """Put a step in front of what was written from `place` on; that moves by one."""
        self.emit(Step("match"))
        for i in range(len(self.steps) - 1, place, -1):
            self.steps[i] = self.steps[i - 1]
        self.steps[place] = step
        for moved in self.steps[place + 1 :]:
            _shift(moved, place, 1)

    def sequence(self) -> None:
        while self.peek() not in ("", "|", ")"):
            begin = len(self.steps)
            self.atom()
            self.quantifier(begin)

    def quantifier(self, begin: int) -> None:
        char = self.peek()
        if char not in ("*", "+", "?", "{") or not char:
            return
        self.at += 1
        if char == "{":
            low, high = self.counts()
        else:
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        lazy = self.peek() == "?"
        self.at += lazy
        if self.peek() in ("*", "+", "?", "{") and self.peek():
            raise PatternInvalid("two quantifiers")
        body = self.steps[begin:]
        del self.steps[begin:]
        for _ in range(low):
            self.paste(body, begin)
        if high is None:
            loop = self.emit(Step("split"))
            self.paste(body, begin)
            self.emit(Step("jump", loop))
            self.fork(loop, len(self.steps), lazy)
        else:
            forks = []
            for _ in range(high - low):
                forks.append(self.emit(Step("split")))
                self.paste(body, begin)
            for fork in forks:
                self.fork(fork, len(self.steps), lazy)

    def fork(self, at: int, after: int, lazy: bool) -> None:
        step = self.steps[at]
        step.x, step.y = (after, at + 1) if lazy else (at + 1, after)

    def paste(self, body: list[Step], begin: int) -> None:
        """A copy of `body`, which was written for place `begin`, at the end."""
        away = len(self.steps) - begin
        for step in body:
            copy = Step(step.op, step.x, step.y, step.accepts)
            _shift(copy, begin, away)
            self.emit(copy)

    def counts(self) -> tuple[int, int | None]:
        end = self.pattern.find("}", self.at)
        low, comma, high = self.pattern[self.at : max(end, 0)].partition(",")
        if end < 0 or not _digits(low) or (high and not _digits(high)):
            raise PatternInvalid("bad {n,m}")
        self.at = end + 1
        least = int(low)
        most = int(high) if high else (None if comma else least)
        if least > PROGRAM_LIMIT or (most is not None and not least <= most <= PROGRAM_LIMIT):
            raise PatternInvalid("bad {n,m}")
        return least, most

    def atom(self) -> None:
        char = self.peek()
        self.at += 1
        if char == "(":
            self.group()
        elif char == "[":
            self.one(self.klass())
        elif char == ".":
            self.one((lambda c: True) if "s" in self.flags else (lambda c: c not in "\n\r"))
        elif char == "^":
            self.emit(Step("start"))
        elif char == "$":
            self.emit(Step("end"))
        elif char == "\\":
            self.one(self.escape())
        elif char in "*+?{}]":
            raise PatternInvalid("nothing to repeat, or unbalanced bracket")
        else:
            self.one(_is(char))

    def group(self) -> None:
        capturing = True
        if self.pattern.startswith("?:", self.at):
            capturing = False
            self.at += 2
        elif self.peek() == "?":
            raise PatternInvalid("unknown group")
        number = 0
        if capturing:
            self.groups += 1
            number = self.groups
            self.emit(Step("save", 2 * number))
        self.alternatives()
        if self.peek() != ")":
            raise PatternInvalid("unbalanced (")
        self.at += 1
        if capturing:
            self.emit(Step("save", 2 * number + 1))

    def one(self, accepts: Accepts) -> None:
        if "i" in self.flags:
            exact = accepts
            accepts = lambda c: exact(c) or any(exact(v) for v in (c.lower(), c.upper()) if len(v) == 1)  # noqa: E731
        self.emit(Step("one", accepts=accepts))

    def escape(self) -> Accepts:
        char = self.peek()
        self.at += 1
        if char in _CLASSES:
            return _CLASSES[char]
        if char in _CONTROLS:
            return _is(_CONTROLS[char])
        if char and char in "pP" and self.peek() == "{":
            end = self.pattern.find("}", self.at)
            name = self.pattern[self.at + 1 : max(end, 0)]
            self.at = end + 1
            if name not in _CATEGORIES:
                raise PatternInvalid("unknown category")
            return _category(name, char == "p")
        if not char or char.isalnum():
            raise PatternInvalid("unknown escape")
        return _is(char)

    def klass(self) -> Accepts:
        """`[…]`, after its opening bracket."""
        negated = self.peek() == "^"
        self.at += negated
        singles: set[str] = set()
        spans: list[tuple[str, str]] = []
        others: list[Accepts] = []
        first = True
        while True:
            char = self.peek()
            if not char or (char == "[" and not first) or char == "[":
                raise PatternInvalid("unbalanced [")
            if char == "]" and not first:
                self.at += 1
                break
            if char == "]":
                raise PatternInvalid("empty class")
            first = False
            low = self.member(others)
            if low is None:
                continue
            if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                if self.peek() == "[":
                    raise PatternInvalid("class subtraction")
                high = self.member(others)
                if high is None or high < low:
                    raise PatternInvalid("bad range")
                spans.append((low, high))
            else:
                singles.add(low)

        def accepts(c: str) -> bool:
            inside = c in singles or any(a <= c <= b for a, b in spans) or any(other(c) for other in others)
            return inside is not negated

        return accepts

    def member(self, others: list[Accepts]) -> str | None:
        """One character of a class; a class within it goes to `others`."""
        char = self.peek()
        self.at += 1
        if char != "\\":
            return char
        escaped = self.peek()
        if escaped and (escaped in _CLASSES or escaped in "pP"):
            others.append(self.escape())
            return None
        self.at += 1
        if escaped in _CONTROLS:
            return _CONTROLS[escaped]
        if not escaped or escaped.isalnum():
            raise PatternInvalid("unknown escape")
        return escaped


def _shift(step: Step, begin: int, away: int) -> None:
    """Move a step's targets with what they point at."""
    if step.op in ("jump", "split"):
        if step.x >= begin:
            step.x += away
        if step.op == "split" and step.y >= begin:
            step.y += away


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6


def _is(char: str) -> Accepts:
    return lambda c: c == char


def _category(name: str, positive: bool) -> Accepts:
    return lambda c: unicodedata.category(c).startswith(name) is positive


def _not(accepts: Accepts) -> Accepts:
    return lambda c: not accepts(c)


def _digit(c: str) -> bool:
    return c.isdecimal()


def _word(c: str) -> bool:
    return unicodedata.category(c)[0] not in "PZC"


def _space(c: str) -> bool:
    return c in " \t\r\n"


_CLASSES: dict[str, Accepts] = {
    "d": _digit,
    "D": _not(_digit),
    "w": _word,
    "W": _not(_word),
    "s": _space,
    "S": _not(_space),
}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}
_CATEGORIES = frozenset(
    "L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po Z Zs Zl Zp S Sm Sc Sk So C Cc Cf Co Cn".split()  # noqa: SIM905
)

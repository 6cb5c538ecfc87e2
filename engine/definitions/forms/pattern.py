"""Patterns of form fields 格式: the common part of JavaScript's regular expressions, matched in linear time.

A pattern is written by whoever draws the form and runs on text that anybody sends. It is therefore not given to a
backtracking matcher: all its states are followed at once, so that `(a+)+$` costs no more than `a+$`. Look-around,
back-references and word boundaries are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.errors import InputInvalid

MAX_PATTERN = 256
MAX_STATES = 600
MAX_TEXT = 1_000
"""Longest text, in characters, that is matched against a pattern."""

Test = Callable[[str], bool]

_DIGIT: Test = lambda c: "0" <= c <= "9"  # noqa: E731
_WORD: Test = lambda c: c == "_" or (c.isascii() and c.isalnum())  # noqa: E731
_SPACE: Test = lambda c: c.isspace() or c == "\ufeff"  # noqa: E731
_CLASSES: dict[str, Test] = {
    "d": _DIGIT,
    "D": lambda c: not _DIGIT(c),
    "w": _WORD,
    "W": lambda c: not _WORD(c),
    "s": _SPACE,
    "S": lambda c: not _SPACE(c),
}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}

# A node is what the parser makes: ("test", Test) | ("start",) | ("end",) | ("empty",) | ("both", a, b)
# | ("either", a, b) | ("repeat", node, low, high or None)
Tree = tuple[object, ...]


@dataclass
class Pattern:
    """A compiled pattern. `found` answers as JavaScript's `test`: anywhere in the text unless anchored."""

    text: str
    _tests: list[Test | None] = field(default_factory=list)
    """By state: consumes one character when true; None for a state that only leads on."""
    _anchors: list[str] = field(default_factory=list)
    """By state: "" or "start" or "end": passable only there."""
    _next: list[list[int]] = field(default_factory=list)
    _first: int = 0
    _last: int = 0

    def found(self, text: str) -> bool:
        """True when the pattern occurs in `text`. Texts longer than `MAX_TEXT` never match."""
        if len(text) > MAX_TEXT:
            return False
        current: set[int] = set()
        for position in range(len(text) + 1):
            current.add(self._first)
            current = self._closed(current, position == 0, position == len(text))
            if self._last in current:
                return True
            if position < len(text):
                letter = text[position]
                moved: set[int] = set()
                for state in current:
                    test = self._tests[state]
                    if test is not None and test(letter):
                        moved.update(self._next[state])
                current = moved
        return False

    def _closed(self, states: set[int], at_start: bool, at_end: bool) -> set[int]:
        """All states reachable without reading a character."""
        waiting, seen = list(states), set(states)
        while waiting:
            state = waiting.pop()
            anchor = self._anchors[state]
            if (
                self._tests[state] is not None
                or (anchor == "start" and not at_start)
                or (anchor == "end" and not at_end)
            ):
                continue
            for following in self._next[state]:
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return seen

    # -- building ----------------------------------------------------------------------------------

    def _state(self, test: Test | None = None, anchor: str = "") -> int:
        if len(self._tests) >= MAX_STATES:
            raise InputInvalid("格式太复杂，请写短一些")
        self._tests.append(test)
        self._anchors.append(anchor)
        self._next.append([])
        return len(self._tests) - 1

    def _build(self, tree: Tree) -> tuple[int, int]:
        """States for a node: where it begins and where it ends."""
        match tree:
            case ("both", a, b):
                first, middle = self._build(a)  # type: ignore[arg-type]
                second, last = self._build(b)  # type: ignore[arg-type]
                self._next[middle].append(second)
                return first, last
            case ("either", a, b):
                begin, end = self._state(), self._state()
                for part in (a, b):
                    first, last = self._build(part)  # type: ignore[arg-type]
                    self._next[begin].append(first)
                    self._next[last].append(end)
                return begin, end
            case ("repeat", node, int(low), high):
                return self._repeat(node, low, high)  # type: ignore[arg-type]
            case ("test", test):
                begin, end = self._state(test), self._state()  # type: ignore[arg-type]
            case ("empty",):
                begin, end = self._state(), self._state()
            case (anchor,):
                begin, end = self._state(anchor=str(anchor)), self._state()
        self._next[begin].append(end)
        return begin, end

    def _repeat(self, node: Tree, low: int, high: int | None) -> tuple[int, int]:
        begin = end = self._state()
        for _ in range(low):
            first, last = self._build(node)
            self._next[end].append(first)
            end = last
        if high is None:
            first, last = self._build(node)
            loop, out = self._state(), self._state()
            self._next[end].append(loop)
            self._next[loop] += [first, out]
            self._next[last].append(loop)
            return begin, out
        out = self._state()
        for _ in range(high - low):
            first, last = self._build(node)
            self._next[end] += [first, out]
            end = last
        self._next[end].append(out)
        return begin, out


def compile_pattern(text: str) -> Pattern:
    """Read a pattern. Raises `InputInvalid` with the reason in Chinese."""
    if len(text) > MAX_PATTERN:
        raise InputInvalid(f"格式超过 {MAX_PATTERN} 个字符")
    tree = _Parser(text).whole()
    pattern = Pattern(text)
    first, last = pattern._build(tree)
    pattern._first, pattern._last = first, last
    return pattern


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self) -> str:
        if self.at >= len(self.text):
            raise InputInvalid("格式没有写完")
        self.at += 1
        return self.text[self.at - 1]

    def whole(self) -> Tree:
        tree = self.either()
        if self.at < len(self.text):
            raise InputInvalid("格式中的括号不成对")
        return tree

    def either(self) -> Tree:
        tree = self.sequence()
        while self.peek() == "|":
            self.take()
            tree = ("either", tree, self.sequence())
        return tree

    def sequence(self) -> Tree:
        tree: Tree = ("empty",)
        while self.peek() not in ("", "|", ")"):
            tree = ("both", tree, self.repeated())
        return tree

    def repeated(self) -> Tree:
        tree = self.atom()
        if self.peek() not in ("*", "+", "?", "{"):
            return tree
        low, high = self.counts()
        if self.peek() == "?":  # lazy: the same texts match
            self.take()
        if self.peek() and self.peek() in "*+?{":
            raise InputInvalid("格式中的重复次数写了两次")
        return ("repeat", tree, low, high)

    def counts(self) -> tuple[int, int | None]:
        letter = self.take()
        if letter != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[letter]
        body = ""
        while (letter := self.take()) != "}":
            body += letter
        low, comma, high = body.partition(",")
        if (
            not low.isascii()
            or not low.isdigit()
            or (high and not (high.isascii() and high.isdigit()))
            or len(body) > 9
        ):
            raise InputInvalid("格式中的重复次数写法不对")
        if not comma:
            return int(low), int(low)
        if high and int(high) < int(low):
            raise InputInvalid("格式中的重复次数上限小于下限")
        return int(low), int(high) if high else None

    def atom(self) -> Tree:
        letter = self.take()
        if letter == "(":
            return self.group()
        if letter == "[":
            return ("test", self.letters())
        if letter == "^":
            return ("start",)
        if letter == "$":
            return ("end",)
        if letter == ".":
            return ("test", lambda c: c not in "\n\r\u2028\u2029")
        if letter == "\\":
            return ("test", self.escape())
        if letter in "*+?{":
            raise InputInvalid(f"格式中“{letter}”前面没有内容")
        return ("test", _one(letter))

    def group(self) -> Tree:
        self.depth += 1
        if self.depth > 20:
            raise InputInvalid("格式中的括号太深")
        if self.peek() == "?":
            self.take()
            if self.take() != ":":
                raise InputInvalid("格式中不支持环视和命名分组")
        tree = self.either()
        if self.take() != ")":
            raise InputInvalid("格式中的括号不成对")
        self.depth -= 1
        return tree

    def escape(self) -> Test:
        letter = self.peek()
        if letter in _CLASSES and letter:
            self.take()
            return _CLASSES[letter]
        return _one(self.escaped_letter())

    def escaped_letter(self) -> str:
        letter = self.take()
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter in "ux":
            digits = "".join(self.take() for _ in range(4 if letter == "u" else 2))
            try:
                return chr(int(digits, 16))
            except ValueError:
                raise InputInvalid("格式中的字符编码写法不对") from None
        if letter.isascii() and letter.isalnum():
            raise InputInvalid(f"格式中不支持“\\{letter}”")
        return letter

    def letters(self) -> Test:
        """A class in square brackets."""
        negated = self.peek() == "^"
        if negated:
            self.take()
        tests: list[Test] = []
        while (letter := self.take()) != "]":
            if letter == "\\" and self.peek() in _CLASSES and self.peek():
                tests.append(_CLASSES[self.take()])
                continue
            low = self.escaped_letter() if letter == "\\" else letter
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.take()
                letter = self.take()
                high = self.escaped_letter() if letter == "\\" else letter
                if high < low:
                    raise InputInvalid("格式中的字符范围前后颠倒")
                tests.append(_between(low, high))
            else:
                tests.append(_one(low))
        return lambda c: any(test(c) for test in tests) != negated


def _one(letter: str) -> Test:
    return lambda c: c == letter


def _between(low: str, high: str) -> Test:
    return lambda c: low <= c <= high

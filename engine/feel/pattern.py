"""Patterns 正则 for `matches`, `replace` and `split`: XPath's regular expressions without backtracking.

A pattern becomes a small program that walks the text once with all its threads side by side, so that no pattern
can take more than (text length x program length) steps; every step is charged to the run. Back-references and
class subtraction do not fit this and are refused (the function gives null), as is anything malformed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from engine.feel.budget import Run

PATTERN_LIMIT = 1_000  # characters
PROGRAM_LIMIT = 2_000  # instructions, after {n,m} is written out
NESTING_LIMIT = 50

Accepts = Callable[[str], bool]


class PatternInvalid(ValueError):
    """The pattern is malformed, too long, or uses what is not supported."""


@dataclass(slots=True)
class Step:
    """An instruction: "one" accepts a character, "split" goes to x first and y second, "jump" to x, "save" keeps
    the position in slot x, "start"/"end" hold at the text's (or line's) ends, "match" has found it."""

    op: str
    x: int = 0
    y: int = 0
    accepts: Accepts | None = None


# -- running -------------------------------------------------------------------------------------------

Saved = tuple[int | None, ...]


class Program:
    """A compiled pattern."""

    def __init__(
        self, steps: list[Step], groups: int, multiline: bool, literal: str | None, quoted: bool
    ) -> None:
        self.steps = steps
        self.groups = groups
        self.multiline = multiline
        self.plain = literal
        self.literal = quoted  # flag q: the replacement is plain text too

    def search(self, text: str, start: int, run: Run) -> Saved | None:
        """The leftmost match at or after `start`: positions of the match and of each group."""
        if self.plain is not None:
            run.charge(1 + (len(text) >> 8))
            at = text.find(self.plain, start)
            return None if at < 0 else (at, at + len(self.plain))
        steps = self.steps
        nothing: Saved = (None,) * (2 * self.groups + 2)
        threads: list[tuple[int, Saved]] = []
        found: Saved | None = None
        for at in range(start, len(text) + 1):
            if found is None:  # a later start counts less than every earlier one
                self._add(threads, {pc for pc, _ in threads}, 0, nothing, text, at, run)
            run.charge(3 + 2 * len(threads))
            if not threads and found is not None:
                break
            ahead: list[tuple[int, Saved]] = []
            seen: set[int] = set()
            for pc, saved in threads:
                step = steps[pc]
                if step.op == "match":
                    found = saved
                    break  # threads after this one count less
                if at < len(text) and step.accepts is not None and step.accepts(text[at]):
                    self._add(ahead, seen, pc + 1, saved, text, at + 1, run)
            threads = ahead
        return found

    def _add(
        self,
        threads: list[tuple[int, Saved]],
        seen: set[int],
        pc: int,
        saved: Saved,
        text: str,
        at: int,
        run: Run,
    ) -> None:
        """Follow everything that takes no character, in order of preference."""
        stack = [(pc, saved)]
        visits = 0
        while stack:
            pc, saved = stack.pop()
            if pc in seen:
                continue
            seen.add(pc)
            visits += 1
            step = self.steps[pc]
            if step.op == "jump":
                stack.append((step.x, saved))
            elif step.op == "split":
                stack.append((step.y, saved))
                stack.append((step.x, saved))
            elif step.op == "save":
                stack.append((pc + 1, (*saved[: step.x], at, *saved[step.x + 1 :])))
            elif step.op == "start":
                if at == 0 or (self.multiline and text[at - 1] == "\n"):
                    stack.append((pc + 1, saved))
            elif step.op == "end":
                if at == len(text) or (self.multiline and text[at] == "\n"):
                    stack.append((pc + 1, saved))
            else:
                threads.append((pc, saved))
        run.charge(2 + 2 * visits)


def expand(replacement: str, text: str, found: Saved, *, literal: bool) -> str | None:
    """The replacement with `$n` filled in; null for a lone `$` or backslash."""
    if literal or ("$" not in replacement and "\\" not in replacement):
        return replacement
    pieces: list[str] = []
    i = 0
    while i < len(replacement):
        char = replacement[i]
        following = replacement[i + 1 : i + 2]
        if char == "\\":
            if following not in ("\\", "$"):
                return None
            pieces.append(following)
            i += 2
        elif char == "$":
            if not (following.isascii() and following.isdigit()):
                return None
            number, i = int(following), i + 2
            while i < len(replacement) and replacement[i].isascii() and replacement[i].isdigit():
                longer = number * 10 + int(replacement[i])
                if longer * 2 >= len(found):
                    break
                number, i = longer, i + 1
            if number * 2 < len(found):
                begin, end = found[2 * number], found[2 * number + 1]
                if begin is not None and end is not None:
                    pieces.append(text[begin:end])
        else:
            pieces.append(char)
            i += 1
    return "".join(pieces)


# -- reading -------------------------------------------------------------------------------------------

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
    return _Reader(pattern, flags).program()


class _Reader:
    """Recursive descent over a pattern, writing the program as it goes."""

    def __init__(self, pattern: str, flags: str) -> None:
        self.pattern = "".join(c for c in pattern if c not in " \t\r\n") if "x" in flags else pattern
        self.flags = flags
        self.at = 0
        self.groups = 0
        self.nesting = 0
        self.steps: list[Step] = []

    def program(self) -> Program:
        self.emit(Step("save", 0))
        self.alternatives()
        if self.at < len(self.pattern):
            raise PatternInvalid("unbalanced )")
        self.emit(Step("save", 1))
        self.emit(Step("match"))
        return Program(self.steps, self.groups, "m" in self.flags, None, "q" in self.flags)

    def emit(self, step: Step) -> int:
        if len(self.steps) >= PROGRAM_LIMIT:
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

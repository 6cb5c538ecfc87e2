"""Reading a pattern 正则 into the program that `pattern` runs.

What a pattern may say is a `Dialect`: XPath's, which FEEL uses, stands here; JavaScript's, which forms use, in
`engine.definitions.forms.pattern`. Back-references and look-around do not fit a program without backtracking and are
refused, as is anything malformed or too large.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from engine.feel.pattern import Accepts, Program, Step

WORK_LIMIT = 8_000  # instructions written while reading, those thrown away included


class PatternInvalid(ValueError):
    """The pattern is malformed, too long, or uses what is not supported; the sentence says which, in Chinese.

    `work` is what finding out took.
    """

    work = 0


@dataclass(frozen=True, eq=False)
class Dialect:
    """What a pattern may say, and how large it may be."""

    length: int
    """Characters of a pattern."""
    program: int
    """Instructions, after {n,m} is written out."""
    nesting: int
    """Brackets within brackets, the whole pattern counted as one."""
    classes: Mapping[str, Accepts]
    """What `\\d`, `\\w`, `\\s` and their opposites accept."""
    controls: Mapping[str, str]
    """Control characters by the letter after the backslash."""
    line_ends: str
    """What a dot does not accept."""
    xpath: bool
    """XPath's: groups are kept, `\\p{L}` is known, a bracket that means itself must be escaped. Otherwise JavaScript's:
    groups only group, `\\u4e00` and `\\x41` are known, a bracket without its partner or within a class means itself."""


_META = frozenset(".\\?*+{}()[]|^$")


@lru_cache(maxsize=512)
def read_pattern(pattern: str, flags: str, dialect: Dialect) -> Program:
    """A pattern's program. Flags: s dot matches line ends, m `^$` at lines, i ignore case, x ignore blanks, q plain.

    Raises `PatternInvalid`.
    """
    if len(pattern) > dialect.length:
        raise PatternInvalid(f"格式超过 {dialect.length} 个字符")
    if not set(flags) <= set("smixq"):
        raise PatternInvalid("格式的选项不认识")
    if "q" in flags:
        if "i" not in flags:
            return Program([], 0, False, pattern, True)
        pattern = "".join("\\" + c if c in _META else c for c in pattern)
    elif "i" not in flags and "x" not in flags and not set(pattern) & _META:
        return Program([], 0, False, pattern, False)
    reader = _Reader(pattern, flags, dialect)
    try:
        return reader.program()
    except PatternInvalid as invalid:
        invalid.work = reader.work
        raise


class _Reader:
    """Recursive descent over a pattern, writing the program as it goes."""

    def __init__(self, pattern: str, flags: str, dialect: Dialect) -> None:
        self.pattern = _without_blanks(pattern) if "x" in flags else pattern
        self.flags = flags
        self.dialect = dialect
        self.at = 0
        self.groups = 0
        self.nesting = 0
        self.steps: list[Step] = []
        self.work = 0

    def program(self) -> Program:
        self.emit(Step("save", 0))
        self.alternatives()
        if self.at < len(self.pattern):
            raise PatternInvalid("格式中的括号不成对")
        self.emit(Step("save", 1))
        self.emit(Step("match"))
        return Program(self.steps, self.groups, "m" in self.flags, None, "q" in self.flags, self.work)

    def emit(self, step: Step) -> int:
        self.work += 1
        if len(self.steps) >= self.dialect.program or self.work > WORK_LIMIT:
            raise _too_large()
        self.steps.append(step)
        return len(self.steps) - 1

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise PatternInvalid("格式没有写完")
        self.at += 1
        return char

    def skip(self, char: str) -> bool:
        """Whether this character comes next; it is then taken."""
        there = self.peek() == char
        self.at += there
        return there

    def alternatives(self) -> None:
        self.nesting += 1
        if self.nesting > self.dialect.nesting:
            raise PatternInvalid("格式中的括号太深")
        ends: list[int] = []
        while True:
            begin = len(self.steps)
            self.sequence()
            if not self.skip("|"):
                break
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
        if not self.at_quantifier():
            return
        char = self.take()
        low, high = self.counts() if char == "{" else _COUNTS[char]
        lazy = self.skip("?")
        if self.at_quantifier():
            raise PatternInvalid("格式中的重复次数写了两次")
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

    def at_quantifier(self) -> bool:
        return self.peek() in ("*", "+", "?", "{")

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
            raise PatternInvalid("格式中的重复次数写法不对")
        self.at = end + 1
        least = int(low)
        most = int(high) if high else (None if comma else least)
        if most is not None and most < least:
            raise PatternInvalid("格式中的重复次数上限小于下限")
        if max(least, most or 0) > self.dialect.program:
            raise _too_large()
        return least, most

    def atom(self) -> None:
        char = self.take()
        if char == "(":
            self.group()
        elif char == "[":
            self.emit(Step("one", accepts=self.klass()))
        elif char == ".":
            line_ends = "" if "s" in self.flags else self.dialect.line_ends
            self.one(lambda c: c not in line_ends)
        elif char == "^":
            self.emit(Step("start"))
        elif char == "$":
            self.emit(Step("end"))
        elif char == "\\":
            accepts = self.class_escape()  # flag i says nothing of a class like \p{Lu} (XPath 3.1, 5.6.2)
            if accepts is not None:
                self.emit(Step("one", accepts=accepts))
            else:
                self.one(_is(self.letter_escape()))
        elif char in "*+?{":
            raise PatternInvalid(f"格式中“{char}”前面没有内容")
        elif self.dialect.xpath and char in "}]":
            raise PatternInvalid("格式中的括号不成对")
        else:
            self.one(_is(char))

    def group(self) -> None:
        kept = self.dialect.xpath
        if self.skip("?"):
            if not self.skip(":"):
                raise PatternInvalid("格式中不支持环视和命名分组")
            kept = False
        number = 0
        if kept:
            self.groups += 1
            number = self.groups
            self.emit(Step("save", 2 * number))
        self.alternatives()
        if not self.skip(")"):
            raise PatternInvalid("格式中的括号不成对")
        if kept:
            self.emit(Step("save", 2 * number + 1))

    def one(self, accepts: Accepts) -> None:
        self.emit(Step("one", accepts=_either_case(accepts) if "i" in self.flags else accepts))

    def class_escape(self) -> Accepts | None:
        """A class after a backslash; null, and nothing taken, when it is a single character."""
        char = self.peek()
        if char in self.dialect.classes:
            self.at += 1
            return self.dialect.classes[char]
        if not self.dialect.xpath or char not in ("p", "P") or self.pattern[self.at + 1 : self.at + 2] != "{":
            return None
        end = self.pattern.find("}", self.at)
        name = self.pattern[self.at + 2 : max(end, 0)]
        self.at = end + 1
        if name.startswith("Is") and name[2:] in _BLOCKS:
            first, last = _BLOCKS[name[2:]]
            inside = char == "p"
            return lambda c: (first <= ord(c) <= last) is inside
        if name not in _CATEGORIES:
            raise PatternInvalid("格式中的字符类别不认识")
        return _category(name, char == "p")

    def letter_escape(self) -> str:
        char = self.take()
        if char in self.dialect.controls:
            return self.dialect.controls[char]
        if char in "ux" and not self.dialect.xpath:
            digits = "".join(self.take() for _ in range(4 if char == "u" else 2))
            try:
                return chr(int(digits, 16))
            except ValueError:
                raise PatternInvalid("格式中的字符编码写法不对") from None
        if char.isalnum() and (char.isascii() or self.dialect.xpath):
            raise PatternInvalid(f"格式中不支持“\\{char}”")
        return char

    def klass(self) -> Accepts:
        """`[…]`, after its opening bracket. With flag i both cases of what is listed are meant, also of what is left
        out: `[^Q]` is neither q nor Q (XPath 3.1, 5.6.2)."""
        negated = self.skip("^")
        singles: set[str] = set()
        spans: list[tuple[str, str]] = []
        others: list[Accepts] = []
        if self.dialect.xpath and self.peek() == "]":
            raise PatternInvalid("格式中的方括号里没有内容")
        taken_off: Accepts | None = None
        while not self.skip("]"):
            if self.dialect.xpath and self.pattern.startswith("-[", self.at) and (singles or spans or others):
                self.at += 2
                taken_off = self.subtracted()
                break
            low = self.member(others)
            if low is None:
                continue
            after = self.pattern[self.at + 1 : self.at + 2]
            if self.peek() == "-" and after not in ("]", "") and not (after == "[" and self.dialect.xpath):
                self.at += 1
                high = self.member(others)
                if high is None or high < low:
                    raise PatternInvalid("格式中的字符范围前后颠倒")
                spans.append((low, high))
            else:
                singles.add(low)

        starts, ends = _merged(spans)
        kinds = list(dict.fromkeys(others))

        def listed(c: str) -> bool:
            k = bisect_right(starts, c)
            return c in singles or (k > 0 and c <= ends[k - 1])

        named = _either_case(listed) if "i" in self.flags else listed

        def accepts(c: str) -> bool:
            return (named(c) or any(kind(c) for kind in kinds)) is not negated

        if taken_off is None:
            return accepts
        without = taken_off
        return lambda c: accepts(c) and not without(c)

    def subtracted(self) -> Accepts:
        """`-[…]]` at the end of a class, after its second bracket: what the class leaves out (XML Schema, F.1)."""
        self.nesting += 1
        if self.nesting > self.dialect.nesting:
            raise _too_large()
        found = self.klass()
        self.nesting -= 1
        if not self.skip("]"):
            raise PatternInvalid("格式中的方括号不成对")
        return found

    def member(self, others: list[Accepts]) -> str | None:
        """One character of a class; a class within it goes to `others`."""
        char = self.take()
        if char == "[" and self.dialect.xpath:
            raise PatternInvalid("格式中的方括号不成对")
        if char != "\\":
            return char
        accepts = self.class_escape()
        if accepts is None:
            return self.letter_escape()
        others.append(accepts)
        return None


_COUNTS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def _merged(spans: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Spans of characters in order and apart, their firsts and their lasts: a wide class is as quick as a narrow one."""
    starts: list[str] = []
    ends: list[str] = []
    for first, last in sorted(spans):
        if ends and first <= ends[-1]:
            ends[-1] = max(ends[-1], last)
        else:
            starts.append(first)
            ends.append(last)
    return starts, ends


def _without_blanks(pattern: str) -> str:
    """The pattern of flag x: blanks go, but for those in a class (XPath 3.1, 5.6.2)."""
    kept: list[str] = []
    depth, escaped = 0, False
    for char in pattern:
        if char in " \t\r\n" and not depth:
            continue
        if not escaped:
            depth = max(0, depth + (char == "[") - (char == "]"))
        escaped = char == "\\" and not escaped
        kept.append(char)
    return "".join(kept)


def _too_large() -> PatternInvalid:
    return PatternInvalid("格式太复杂，请写短一些")


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


def _either_case(accepts: Accepts) -> Accepts:
    return lambda c: accepts(c) or any(accepts(v) for v in (c.lower(), c.upper()) if len(v) == 1)


@lru_cache(maxsize=256)
def _category(name: str, positive: bool) -> Accepts:
    return lambda c: unicodedata.category(c).startswith(name) is positive


def classes(digit: Accepts, word: Accepts, space: Accepts) -> dict[str, Accepts]:
    """A dialect's `\\d`, `\\w`, `\\s` with their opposites."""
    small = {"d": digit, "w": word, "s": space}
    return small | {letter.upper(): _not(accepts) for letter, accepts in small.items()}


def _not(accepts: Accepts) -> Accepts:
    return lambda c: not accepts(c)


_CATEGORIES = frozenset(
    [
        "L",
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "M",
        "Mn",
        "Mc",
        "Me",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Ps",
        "Pe",
    ]
    + ["Pi", "Pf", "Po", "Z", "Zs", "Zl", "Zp", "S", "Sm", "Sc", "Sk", "So", "C", "Cc", "Cf", "Co", "Cn"]
)

_BLOCKS = {  # of Unicode, by XML Schema's names: those of the scripts written here, and the common ones
    "BasicLatin": (0x0, 0x7F),
    "Latin-1Supplement": (0x80, 0xFF),
    "LatinExtended-A": (0x100, 0x17F),
    "Greek": (0x370, 0x3FF),
    "Cyrillic": (0x400, 0x4FF),
    "Mongolian": (0x1800, 0x18AF),
    "GeneralPunctuation": (0x2000, 0x206F),
    "CJKSymbolsandPunctuation": (0x3000, 0x303F),
    "CJKUnifiedIdeographsExtensionA": (0x3400, 0x4DBF),
    "CJKUnifiedIdeographs": (0x4E00, 0x9FFF),
    "HalfwidthandFullwidthForms": (0xFF00, 0xFFEF),
}

XPATH = Dialect(
    length=1_000,
    program=2_000,
    nesting=50,
    classes=classes(
        str.isdecimal, lambda c: unicodedata.category(c)[0] not in "PZC", lambda c: c in " \t\r\n"
    ),
    controls={"n": "\n", "r": "\r", "t": "\t"},
    line_ends="\n\r",
    xpath=True,
)


def compile_pattern(pattern: str, flags: str = "") -> Program:
    """The program of a FEEL pattern. Flags as for `read_pattern`. Raises `PatternInvalid`."""
    return read_pattern(pattern, flags, XPATH)

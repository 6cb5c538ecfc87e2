"""Patterns of form fields 格式: the common part of JavaScript's regular expressions, matched in linear time.

A pattern is written by whoever draws the form and runs on text that anybody sends. It is therefore run by the
expressions' matcher, which follows all states at once, so that `(a+)+$` costs no more than `a+$`. Look-around,
back-references and word boundaries are refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import InputInvalid
from engine.feel.pattern import Program
from engine.feel.pattern_reading import Dialect, PatternInvalid, classes, read_pattern

MAX_TEXT = 1_000
"""Longest text, in characters, that is matched against a pattern."""

_JAVASCRIPT = Dialect(
    length=256,
    program=600,
    nesting=21,
    classes=classes(
        lambda c: "0" <= c <= "9",
        lambda c: c == "_" or (c.isascii() and c.isalnum()),
        lambda c: c.isspace() or c == "\ufeff",
    ),
    controls={"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"},
    line_ends="\n\r\u2028\u2029",
    xpath=False,
)


@dataclass(frozen=True)
class Pattern:
    """A pattern as it was written, and its program."""

    text: str
    _program: Program

    def found(self, text: str) -> bool:
        """Whether it occurs in `text`: anywhere unless anchored. Texts longer than `MAX_TEXT` never match."""
        return len(text) <= MAX_TEXT and self._program.search(text, 0, _free) is not None


def compile_pattern(text: str) -> Pattern:
    """Read a pattern. Raises `InputInvalid` with the reason in Chinese."""
    try:
        return Pattern(text, read_pattern(text, "", _JAVASCRIPT))
    except PatternInvalid as invalid:
        raise InputInvalid(str(invalid)) from None


def _free(_steps: int) -> None:
    """The limits of pattern and text bound the work; nobody counts it."""

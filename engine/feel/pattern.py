"""Patterns 正则 at work: regular expressions without backtracking, for expressions and for the fields of forms.

A pattern becomes a small program (see `pattern_reading`) that walks the text once with all its threads side by
side, so that no pattern can take more than (text length x program length) steps; every step is charged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Accepts = Callable[[str], bool]
Charge = Callable[[int], None]
"""Told how many steps were taken; may raise to end the search."""


@dataclass(slots=True)
class Step:
    """An instruction: "one" accepts a character, "split" goes to x first and y second, "jump" to x, "save" keeps
    the position in slot x, "start"/"end" hold at the text's (or line's) ends, "match" has found it."""

    op: str
    x: int = 0
    y: int = 0
    accepts: Accepts | None = None


Saved = tuple[int | None, ...]


class Program:
    """A compiled pattern."""

    def __init__(
        self, steps: list[Step], groups: int, multiline: bool, plain: str | None, literal: bool, work: int = 0
    ) -> None:
        self.steps = steps
        self.groups = groups
        self.multiline = multiline
        self.plain = plain  # the pattern is this very text
        self.literal = literal  # flag q: the replacement is plain text too
        self.work = work  # instructions written to make it

    def search(self, text: str, start: int, charge: Charge) -> Saved | None:
        """The leftmost match at or after `start`: positions of the match and of each group."""
        if self.plain is not None:
            charge(1 + (len(text) >> 8))
            at = text.find(self.plain, start)
            return None if at < 0 else (at, at + len(self.plain))
        steps = self.steps
        nothing: Saved = (None,) * (2 * self.groups + 2)
        threads: list[tuple[int, Saved]] = []
        found: Saved | None = None
        for at in range(start, len(text) + 1):
            if found is None:  # a later start counts less than every earlier one
                self._add(threads, {pc for pc, _ in threads}, 0, nothing, text, at, charge)
            charge(3 + 2 * len(threads))
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
                    self._add(ahead, seen, pc + 1, saved, text, at + 1, charge)
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
        charge: Charge,
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
        charge(2 + 2 * visits)


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

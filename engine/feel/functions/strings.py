"""String functions. Positions count characters from 1, from the end when negative."""

from __future__ import annotations

from typing import Any

from engine.feel import semantics
from engine.feel.budget import Run
from engine.feel.functions.registry import function
from engine.feel.numbers import position
from engine.feel.pattern import Program, expand
from engine.feel.pattern_reading import XPATH, PatternInvalid, compile_pattern


@function("substring", "string, start position, length?", single=True)
def substring(run: Run, text: Any, start: Any, length: Any = None) -> str | None:
    """`substring("督办通知", 3)` = "通知". Null for a start outside the text or a length below 1 (DMN 1.5, 10.3.4.3);
    a length beyond the end takes the rest."""
    at = position(start)
    count = position(length) if length is not None else None
    if not isinstance(text, str) or not at or abs(at) > len(text):
        return None
    if length is not None and (count is None or count < 1):
        return None
    run.text(len(text))
    begin = at - 1 if at > 0 else len(text) + at
    return text[begin:] if count is None else text[begin : begin + count]


@function("string length", "string", single=True)
def string_length(run: Run, text: Any) -> int | None:
    return len(text) if isinstance(text, str) else None


@function("upper case", "string", single=True)
def upper_case(run: Run, text: Any) -> str | None:
    if not isinstance(text, str):
        return None
    run.text(3 * len(text))  # some letters become three
    return text.upper()


@function("lower case", "string", single=True)
def lower_case(run: Run, text: Any) -> str | None:
    if not isinstance(text, str):
        return None
    run.text(3 * len(text))
    return text.lower()


@function("trim", "string", single=True)
def trim(run: Run, text: Any) -> str | None:
    """Without white space at both ends (an extension, as other engines have it)."""
    if not isinstance(text, str):
        return None
    run.text(len(text))
    return text.strip()


@function("substring before", "string, match", single=True)
def substring_before(run: Run, text: Any, match: Any) -> str | None:
    """What stands before the first `match`; an empty text when there is none."""
    if not isinstance(text, str) or not isinstance(match, str):
        return None
    run.text(len(text))
    at = text.find(match)
    return text[:at] if at >= 0 else ""


@function("substring after", "string, match", single=True)
def substring_after(run: Run, text: Any, match: Any) -> str | None:
    """What stands after the first `match`; an empty text when there is none."""
    if not isinstance(text, str) or not isinstance(match, str):
        return None
    run.text(len(text))
    at = text.find(match)
    return text[at + len(match) :] if at >= 0 else ""


@function("contains", "string, match", single=True)
def contains(run: Run, text: Any, match: Any) -> bool | None:
    if not isinstance(text, str) or not isinstance(match, str):
        return None
    run.text(len(text))
    return match in text


@function("starts with", "string, match", single=True)
def starts_with(run: Run, text: Any, match: Any) -> bool | None:
    return text.startswith(match) if isinstance(text, str) and isinstance(match, str) else None


@function("ends with", "string, match", single=True)
def ends_with(run: Run, text: Any, match: Any) -> bool | None:
    return text.endswith(match) if isinstance(text, str) and isinstance(match, str) else None


@function("matches", "input, pattern, flags?", single=True)
def matches(run: Run, text: Any, pattern: Any, flags: Any = None) -> bool | None:
    """Whether the pattern is found anywhere in the text. Patterns: see `engine.feel.pattern_reading`."""
    program = _program(run, text, pattern, flags)
    return None if program is None else program.search(text, 0, run.charge) is not None


@function("replace", "input, pattern, replacement, flags?", single=True)
def replace(run: Run, text: Any, pattern: Any, replacement: Any, flags: Any = None) -> str | None:
    """Every match replaced; `$1` in the replacement is the first group. A pattern that matches nothing at all
    is refused with null, as in XPath."""
    program = _program(run, text, pattern, flags)
    if program is None or not isinstance(replacement, str) or program.search("", 0, run.charge) is not None:
        return None
    pieces: list[str] = []
    at, length = 0, 0
    while (found := program.search(text, at, run.charge)) is not None:
        piece = expand(replacement, text, found, literal=program.literal)
        if piece is None:
            return None
        start, end = found[0] or 0, found[1] or 0
        length += start - at + len(piece)
        run.text(length)
        pieces += [text[at:start], piece]
        at = end
    pieces.append(text[at:])
    run.text(length + len(text) - at)
    return "".join(pieces)


@function("split", "string, delimiter", single=True)
def split(run: Run, text: Any, delimiter: Any) -> list[str] | None:
    """The pieces between matches of the pattern `delimiter`."""
    program = _program(run, text, delimiter, None)
    if program is None or program.search("", 0, run.charge) is not None:
        return None
    pieces: list[str] = []
    at = 0
    while (found := program.search(text, at, run.charge)) is not None:
        pieces.append(text[at : found[0]])
        run.entries(len(pieces) & 1)
        at = found[1] or 0
    pieces.append(text[at:])
    run.entries(len(pieces))
    return pieces


@function("string join", "list, delimiter?, prefix?, suffix?")
def string_join(
    run: Run, items: Any, delimiter: Any = None, prefix: Any = None, suffix: Any = None
) -> str | None:
    """The list's texts in one; null entries are left out."""
    values = semantics.as_list(items)
    around = [part if part is not None else "" for part in (delimiter, prefix, suffix)]
    if values is None or not all(isinstance(part, str) for part in around):
        return None
    run.entries(len(values))
    texts = [value for value in values if value is not None]
    if not all(isinstance(value, str) for value in texts):
        return None
    between, before, after = around
    run.text(sum(map(len, texts)) + len(between) * len(texts) + len(before) + len(after))
    return before + between.join(texts) + after


def _program(run: Run, text: Any, pattern: Any, flags: Any) -> Program | None:
    """The pattern's program; reading it is charged the same whether it was read before or not."""
    if not isinstance(text, str) or not isinstance(pattern, str) or not isinstance(flags, str | None):
        return None
    run.charge(20 + 6 * min(len(pattern), XPATH.length))
    try:
        program = compile_pattern(pattern, flags or "")
    except PatternInvalid as invalid:
        run.charge(2 * invalid.work)
        return None
    run.charge(2 * program.work)
    return program

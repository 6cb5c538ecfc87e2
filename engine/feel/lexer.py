"""Text → tokens 词法. Names are cut into words here; the parser joins words into names with spaces."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from engine.errors import ExpressionInvalid


class Token(NamedTuple):
    """`kind` is name, quoted (a name in backticks), number, string, at (`@"…"`), op or end."""

    kind: str
    text: str
    start: int
    end: int


KEYWORDS = frozenset(
    ["for", "in", "return", "if", "then", "else", "some", "every", "satisfies", "and", "or", "between"]
    + ["true", "false", "null"]
)
_SPACE = re.compile(r"(?:\s|\ufeff|//[^\n]*|/\*.*?\*/)+", re.S)
_NUMBER = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.A)
_NAME = re.compile(r"(?:[^\W\d]|[\U00010000-\U000effff])(?:[\w·]|[\U00010000-\U000effff])*|\?")
"""Letters of every script, and all beyond the basic plane: 🐎 is a name (DMN 1.5, 10.3.1.2, rules 27 to 29)."""
_STRING = re.compile(r'"((?:[^"\\\r\n]|\\.)*)"')
_QUOTED = re.compile(r"`([^`\r\n]{1,200})`")
_OP = re.compile(r"\*\*|\.\.\.|\.\.|->|<=|>=|!=|[-+*/=<>()\[\]{},:.]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|(.))", re.S)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\"}

_FULL_WIDTH = dict(
    zip("（），；：“”‘’＝＞＜＋－＊／【】｛｝。、！？≥≤≠", "(),;:\"\"''=><+-*/[]{}.,!?   ", strict=False)
)
_HINTS = {"≥": ">=", "≤": "<=", "≠": "!="}


def invalid(text: str, position: int, message: str) -> ExpressionInvalid:
    """The refusal of an expression: what is wrong and where (character counted from 1 for people)."""
    near = text[position : position + 12].split("\n")[0]
    where = f"第 {position + 1} 个字符“{near}”处" if near else "末尾"
    return ExpressionInvalid(
        f"表达式写法有误（{where}）：{message}表达式：{text[:120]}", text=text, position=position
    )


def tokens(text: str, known: frozenset[str] = frozenset()) -> list[Token]:
    """All tokens, closed by one of kind "end". Raises `ExpressionInvalid`.

    `known` are names in force; one that could not be read word by word ("Teacher's mark", "Part 2", "tax - free")
    is one token wherever it stands, as if it were in backticks (DMN 1.3, 10.3.1.2: the longest name wins).
    """
    found: list[Token] = []
    at = 0
    names = _pattern(known) if known else None
    while True:
        if space := _SPACE.match(text, at):
            at = space.end()
        if at >= len(text):
            found.append(Token("end", "", len(text), len(text)))
            return found
        match = names.match(text, at) if names is not None else None
        token = (
            Token("quoted", " ".join(match[0].split()), at, match.end())
            if match is not None and not _goes_on(found, match[0])
            else _one(text, at)
        )
        found.append(token)
        at = token.end


def _goes_on(found: list[Token], name: str) -> bool:
    """Whether `in a list` after a value is the keyword `in`, and not the name that begins with it."""
    if name.split()[0] not in KEYWORDS or not found:
        return False
    last = found[-1]
    if last.kind == "op":
        return last.text in ")]}"
    return last.kind != "name" or last.text not in KEYWORDS


@lru_cache(maxsize=256)
def _pattern(known: frozenset[str]) -> re.Pattern[str] | None:
    """What finds the names that cannot be read word by word, longest first."""
    hard = sorted(
        (name for name in known if name and not is_plain(name)), key=lambda name: (-len(name), name)
    )
    if not hard:
        return None
    spelled = (r"\s+".join(re.escape(word) for word in name.split()) for name in hard)
    return re.compile("|".join(one + (r"(?![\w·])" if one[-1].isalnum() else "") for one in spelled))


def is_plain(name: str) -> bool:
    """Whether the parser joins the name from its words."""
    return all(_NAME.fullmatch(word) and word != "?" and word not in KEYWORDS for word in name.split())


def _one(text: str, at: int) -> Token:
    char = text[at]
    if char == '"' or (char == "@" and text[at + 1 : at + 2] == '"'):
        start = at + (char == "@")
        match = _STRING.match(text, start)
        if match is None:
            raise invalid(text, at, "文字缺少结尾的双引号，请补上。")
        return Token("string" if start == at else "at", _unescape(match[1]), at, match.end())
    if char.isdecimal() and char.isascii() or (char == "." and text[at + 1 : at + 2].isdigit()):
        match = _NUMBER.match(text, at)
        if match is not None and char.isascii():
            return Token("number", match[0], at, match.end())
    if match := _NAME.match(text, at):
        return Token("name", match[0], at, match.end())
    if match := _QUOTED.match(text, at):
        return Token("quoted", match[1], at, match.end())
    if match := _OP.match(text, at):
        return Token("op", match[0], at, match.end())
    if char in _HINTS or char in _FULL_WIDTH:
        raise invalid(
            text, at, f"“{char}”是全角符号，请改用半角的 {_HINTS.get(char) or _FULL_WIDTH[char]} 。"
        )
    if text.startswith("${", at) or text.startswith("#{", at):
        raise invalid(text, at, "不支持 ${…} 写法，请直接写 FEEL 表达式。")
    if text.startswith(("&&", "||"), at):
        raise invalid(text, at, "请用 and、or 连接条件。")
    if char == "'":
        raise invalid(text, at, "文字请用半角双引号括起来。")
    raise invalid(text, at, "此处的符号不是 FEEL 的写法，请改正。")


def _unescape(body: str) -> str:
    """FEEL's escapes; an unknown one (as in a pattern, `\\d`) keeps its backslash."""
    if "\\" not in body:
        return body

    def one(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        if code:
            number = int(code, 16)
            return chr(number) if number < 0x110000 else match[0]
        return _ESCAPES.get(match[3], match[0])

    joined = _ESCAPE.sub(one, body)
    # two escapes may spell one character beyond the basic plane; a half of one is no text, and NUL none that a case can keep
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")

"""Where a parser stands in its tokens: looking, taking, expecting, failing."""

from __future__ import annotations

from typing import NoReturn

from engine.feel.lexer import Token, invalid, tokens


class Cursor:
    """One text's tokens and a place in them. Raises `ExpressionInvalid`."""

    def __init__(self, text: str, known: frozenset[str] = frozenset()) -> None:
        self.text = text
        self.tokens = tokens(text, known)
        self.i = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.i]

    def advance(self) -> Token:
        token = self.tokens[self.i]
        if token.kind != "end":
            self.i += 1
        return token

    def is_op(self, text: str) -> bool:
        token = self.tokens[self.i]
        return token.kind == "op" and token.text == text

    def is_word(self, text: str) -> bool:
        token = self.tokens[self.i]
        return token.kind == "name" and token.text == text

    def peek_op(self, ahead: int, text: str) -> bool:
        token = self.tokens[min(self.i + ahead, len(self.tokens) - 1)]
        return token.kind == "op" and token.text == text

    def peek_word(self, ahead: int, text: str) -> bool:
        token = self.tokens[min(self.i + ahead, len(self.tokens) - 1)]
        return token.kind == "name" and token.text == text

    def take(self, text: str) -> bool:
        if self.is_op(text):
            self.i += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.take(text):
            self.fail(f"此处缺少“{text}”。")

    def keyword(self, word: str, message: str) -> None:
        if not self.is_word(word):
            self.fail(message)
        self.i += 1

    def finish(self) -> None:
        if self.token.kind != "end":
            self.fail("此处之后的内容多余，或者前面缺少运算符。")

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        raise invalid(self.text, (token or self.token).start, message)

    def words_at(self, words: tuple[str, ...]) -> bool:
        """Whether these words come next, with a token after them."""
        return all(
            self.tokens[k].kind == "name" and self.tokens[k].text == word
            for k, word in enumerate(words, self.i)
            if k < len(self.tokens)
        ) and self.i + len(words) < len(self.tokens)

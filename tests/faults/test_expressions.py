"""Twenty thousand expressions, right, injured and hostile: each gives a value or a refusal within 50 ms."""

from __future__ import annotations

import random
from decimal import Decimal
from time import process_time
from typing import Any

import pytest

from engine.errors import EngineError
from engine.feel import compile_expression, compile_unary
from tests.engine import feel_random
from tests.engine.test_feel_budgets import BOMBS, LIMIT, MOMENT
from tests.engine.test_feel_budgets import CONTEXT as LARGE

pytestmark = pytest.mark.slow

PARTS, EACH = 8, 2_500
PIECES = [
    "(", ")", "[", "]", "{", "}", '"', "@", '@"P1D"', "..", "**", "9" * 40, "1e6000", "-", "not(", "for i in 1..9999 return ", "item",
    " in ", "function(x) ", " instance of ", "督" * 50, "\\u0000", "\\uD800", "xs[item > ", "partial", "?", "\u202e", "//", "/*", "rows.b",
]  # fmt: skip


def injured(text: str, choice: random.Random) -> str:
    """A few characters lost, doubled or put in."""
    for _ in range(choice.randint(1, 3)):
        at, much = choice.randrange(len(text) + 1), choice.randint(1, 12)
        piece = choice.choice([choice.choice(PIECES), text[at : at + much] * choice.randint(2, 4), ""])
        text = text[:at] + piece + text[at + choice.choice([0, 0, 1, much]) :]
    return text[:4_000]


def asked(text: str, unary: bool, context: dict[str, Any]) -> tuple[str, float]:
    """What came of it, and the seconds of this process that it took: of three tries the quickest, if the first was slow."""
    took = []
    for _ in range(3):
        begun = process_time()
        try:
            (compile_unary if unary else compile_expression)(text).evaluate(context, MOMENT)
            found = "value"
        except EngineError as error:
            assert "internal" not in error.fields, text
            assert error.message and not error.message.isascii(), text
            found = error.code
        took.append(process_time() - begun)
        if took[-1] <= LIMIT:
            break
    return found, min(took)


@pytest.mark.parametrize("part", range(PARTS))
def test_each_gives_a_value_or_a_refusal_in_time(part: int) -> None:
    choice = random.Random(part)
    small = {**feel_random.CONTEXT, "c": Decimal("-2.5"), "?": 3}
    slow: list[tuple[float, str]] = []
    kinds: dict[str, int] = {}
    for number in range(EACH):
        context: dict[str, Any] = small
        match number % 10:
            case 0 | 1 | 2 | 3:
                text = feel_random.Author(part * EACH + number, slips=0.2).expression(2 + number % 4)
            case 4 | 5 | 6 | 7:
                text = injured(feel_random.Author(part * EACH + number).expression(3), choice)
            case _:
                text, context = injured(choice.choice(list(BOMBS.values())), choice), small | LARGE
        found, took = asked(text, number % 7 == 0, context)
        kinds[found] = kinds.get(found, 0) + 1
        if took > LIMIT:
            slow.append((took, text[:200]))
    assert slow == []
    assert kinds["value"] > EACH // 4 and kinds["expression_invalid"] > EACH // 10, kinds

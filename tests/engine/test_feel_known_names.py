"""Names that a decision model declares 模型中的名称: any characters in them, and functions among them."""

from __future__ import annotations

from datetime import date

import pytest

from engine.errors import ExpressionInvalid
from engine.feel import compile_expression
from engine.feel.budget import Run
from engine.feel.semantics import Function
from tests.engine.builders import MOMENT

KNOWN = frozenset(["教师's 评语", "Part 2", "tax - free", "twice", "date", "Time and place"])
CONTEXT = {
    "教师's 评语": 3,
    "Part 2": 4,
    "tax - free": 5,
    "twice": Function(("a",), lambda run, a: None if a is None else a * 2),
    "Time and place": 7,
    "date": 1,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("教师's 评语 + Part  2", 7),
        ("twice(Part 2)", 8),
        ("twice(a: tax - free)", 10),
        ("Time and place * 2", 14),
        ("{x: {Part 2: 9}}.x.Part 2", 9),
        ("date + 1", 2),
        ('date("2020-01-01")', date(2020, 1, 1)),  # a value hides no built-in function
        ("Part 2(1)", None),  # no function
        ("[twice][1](3)", 6),
    ],
)
def test_the_longest_known_name_wins(text: str, expected: object) -> None:
    assert compile_expression(text, KNOWN).compute(CONTEXT, Run(MOMENT)) == expected


def test_without_the_declaration_they_are_mistakes() -> None:
    for text in ("教师's 评语", "twice(1)", "Part 2"):
        with pytest.raises(ExpressionInvalid):
            compile_expression(text)

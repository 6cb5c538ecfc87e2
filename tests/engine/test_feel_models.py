"""FEEL inside a decision model: names with signs and keywords, the model's types, functions from outside."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from engine.errors import ExpressionInvalid
from engine.feel import Function, Type, compile_expression, compile_unary, converted, is_instance
from engine.feel.budget import Run
from engine.feel.functions import FUNCTIONS
from engine.feel.temporal import ZULU
from tests.engine.builders import MOMENT

PERSON = Type("context", (("name", Type("string")), ("age", Type("number"))))
KNOWN = frozenset(["Pre-bureau risk", "in a list", "价格/单价", "a.b", "double", "years and months", "x'"])
TYPES = (("tPerson", PERSON), ("tPeople", Type("list", (("", PERSON),))), ("t 255", Type("number")))


def value(text: str, /, **context: Any) -> Any:
    return compile_expression(text, KNOWN, TYPES).compute(context, Run(MOMENT))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pre-bureau risk + 1", 8),
        ("Pre-bureau   risk - 1", 6),
        ("for i in in a list return i * 2", [2, 4]),
        ("1 in in a list", True),
        ("r.Pre-bureau risk", 3),
        ("{p: Pre-bureau risk}.p", 7),
        ("价格/单价", 12),
        ("a.b + 1", 2),
        ("years and months", 5),
        ("x' * 2", 18),
        ('"Pre-bureau risk"', "Pre-bureau risk"),
    ],
)
def test_names_are_read_as_the_longest_in_scope(text: str, expected: Any) -> None:
    context = {
        "Pre-bureau risk": 7,
        "in a list": [1, 2],
        "价格/单价": 12,
        "a.b": 1,
        "years and months": 5,
        "x'": 9,
    }
    assert value(text, **context, r={"Pre-bureau risk": 3}) == expected


def test_without_the_vocabulary_the_signs_are_operators() -> None:
    assert compile_expression("a-b").evaluate({"a": 5, "b": 3, "a-b": 1}, MOMENT) == 2
    assert compile_expression("Pre-bureau risk").names == {"Pre", "bureau risk"}
    assert compile_expression("Pre-bureau risk", KNOWN).names == {"Pre-bureau risk"}


def test_unary_tests_know_the_names_too() -> None:
    test = compile_unary("> Pre-bureau risk", KNOWN)
    assert test.compute({"?": 8, "Pre-bureau risk": 7}, Run(MOMENT)) is True


def test_a_function_from_outside_is_called_by_place_and_by_name() -> None:
    def double(run: Run, n: Any, by: Any) -> Any:
        return n * by

    function = Function(("n", "by"), double, types=(Type("number"), Type("number")), returns=Type("number"))
    assert value("double(4, 2)", double=function) == 8
    assert value("double(by: 3, n: 4)", double=function) == 12
    assert value("double(4)", double=Function(("n",), lambda run, n: 2 * n)) == 8
    assert value("sort([3, 1], double)", double=Function(("a", "b"), lambda run, a, b: a < b)) == [1, 3]
    assert value("double instance of function<number, number> -> number", double=function) is True
    assert value("double instance of function<number> -> number", double=function) is False
    assert value("double(4, 2)", double=5) is None
    assert value("double", double=function) is function


def test_the_models_types() -> None:
    person = {"name": "甲", "age": 30}
    assert value("p instance of tPerson", p=person) is True
    assert value("p instance of tPeople", p=[person, person]) is True
    assert value("p instance of tPeople", p=[person, 1]) is False
    assert value("300 instance of t 255") is True
    assert value('(function(p: tPerson) p.age)({name: "甲", age: 3})') == 3
    assert value('(function(p: tPerson) p)({name: "甲"})') is None


@pytest.mark.parametrize(
    ("value_", "of", "expected"),
    [
        ([5], Type("number"), 5),
        (5, Type("list", (("", Type("number")),)), [5]),
        ("a", Type("list", (("", Type("number")),)), None),
        (["a"], Type("number"), None),
        (5, Type("list"), [5]),
        (None, Type("list"), None),
        ([1, None], Type("list", (("", Type("number")),)), [1, None]),
        (date(2000, 1, 2), Type("date and time"), datetime(2000, 1, 2, tzinfo=ZULU)),
        ({"name": "甲", "age": 1, "more": 2}, PERSON, {"name": "甲", "age": 1, "more": 2}),
        ({"name": "甲"}, PERSON, None),
        (5, Type("string"), None),
        (5, Type("Any"), 5),
    ],
)
def test_values_are_converted_to_a_type(value_: Any, of: Type, expected: Any) -> None:
    assert converted(value_, of, Run(MOMENT)) == expected


def test_null_is_of_no_type_but_may_stand_inside() -> None:
    assert is_instance(None, Type("Any"), Run(MOMENT)) is False
    assert is_instance({"a": None}, Type("context", (("a", Type("string")),)), Run(MOMENT)) is True


@pytest.mark.parametrize(
    "text",
    [
        "unknown(1)",
        "abs()",
        "abs(1, 2)",
        "abs(m: 1)",
        '@"2026-13-01"',
        "{a: 1, a: 2}",
        "null()",
        '"abs"(-1)',
        "123()",
    ],
)
def test_errors_of_one_expression_are_null_where_the_model_is_not_ours(text: str) -> None:
    assert compile_expression(text, strict=False).evaluate({}, MOMENT) is None
    if text[0] not in 'n"1':
        with pytest.raises(ExpressionInvalid):
            compile_expression(text)


def test_an_unknown_type_fits_nothing() -> None:
    assert compile_expression("1 instance of tUnknown", strict=False).evaluate({}, MOMENT) is False
    with pytest.raises(ExpressionInvalid, match="类型"):
        compile_expression("1 instance of tUnknown")


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_built_in_takes_its_parameters_by_name(name: str) -> None:
    """In any order, and gives what it gives by place (DMN 1.5, 10.3.2.13)."""
    values = [[3, 1, 2], 2, 1, 4, 5, 6, None]
    for signature in FUNCTIONS[name].signatures:
        if not signature:
            continue
        context = {f"v{k}": value for k, value in enumerate(values)}
        placed = f"{name}({', '.join(f'v{k}' for k in range(len(signature)))})"
        named = f"{name}({', '.join(f'{key}: v{k}' for k, (key, _) in reversed(list(enumerate(signature))))})"
        first = compile_expression(placed).evaluate(context, MOMENT)
        assert compile_expression(named).evaluate(context, MOMENT) == first, named

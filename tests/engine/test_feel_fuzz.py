"""Fuzzing FEEL 模糊测试: whatever is written and whatever it meets, the outcome is a value or an EngineError."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.calendar import Moment, seed
from engine.errors import EngineError, ExpressionInvalid
from engine.feel import Expression, compile_expression, compile_unary
from engine.feel.functions import FUNCTIONS
from engine.values import Months, dumps, loads

MOMENT = Moment(datetime(2026, 9, 28, 1, 0, tzinfo=UTC), seed(range(2025, 2027)))
NAMES = ["a", "b", "金额", "列表", "first name", "日期", "缺"]

ENDS = [datetime.max.replace(tzinfo=zone) for zone in (None, UTC)] + [
    datetime.min.replace(tzinfo=zone) for zone in (None, UTC)
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**34) + 1, 10**34 - 1),
    st.integers(-5, 40),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**20), max_value=10**20),
    st.sampled_from([Decimal("1E+6000"), Decimal("1E-6000"), Decimal("-0"), Decimal("0.1")]),
    st.text(max_size=12),
    st.sampled_from(["2026-10-10", "2026-10-10T18:00:00", "PT1H", "a+", "(", "08:30:00", "$1"]),
    st.dates(),
    st.datetimes(
        timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=8)), timezone(-timedelta(hours=11))])
    ),
    st.times(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=8))])),
    st.timedeltas(),
    st.sampled_from([timedelta.max, timedelta.min, date.max, date.min, time.max, *ENDS]),
    st.builds(Months, st.integers(-(10**10), 10**10)),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "item", "x y"]), inner)
    ),
    max_leaves=8,
)
contexts = st.fixed_dictionaries(dict.fromkeys(NAMES[:-1], values))

literals = st.sampled_from(
    ["null", "true", "false", "0", "1", "-1", "3.50", "1e3", "1e-6100", "9999999999999999999999999999999999"]
    + [
        '""',
        '"甲"',
        '"a\\"b"',
        '@"2026-10-10"',
        '@"2026-10-10T18:00:00"',
        '@"2026-10-10T18:00:00Z"',
        '@"08:30:00"',
    ]
    + [
        '@"P1D"',
        '@"-PT36H"',
        '@"P14M"',
        "[]",
        "[1, 2, 3]",
        '["b", "a", null]',
        "{}",
        '{a: 1, "x y": [2]}',
        "[1..5]",
    ]
    + [
        "(1..5)",
        '[@"2026-01-01"..@"2026-12-31"]',
        "function(x) x",
        "function(x, y) x < y",
        "(> 3)",
        "now()",
        "today()",
    ]
    + ['@"9999-12-31"', '@"0001-01-01T00:00:00Z"', '@"P999999999D"', '@"2026-10-10T18:00:00@Asia/Shanghai"']
)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def call(name: str) -> st.SearchStrategy[str]:
        return st.lists(inner, max_size=4).map(lambda args: f"{name}({', '.join(args)})")

    operators = st.sampled_from(
        ["+", "-", "*", "/", "**", "=", "!=", "<", "<=", ">", ">=", "and", "or", "in"]
    )
    types = st.sampled_from(
        ["number", "list<number>", "context<a: Any>", "date and time", "range<number>", "Any"]
    )
    return st.one_of(
        st.builds("({} {} {})".format, inner, operators, inner),
        st.builds("({} {} {} {} {})".format, inner, operators, inner, operators, inner),
        st.builds("-({})".format, inner),
        st.builds("({} between {} and {})".format, inner, inner, inner),
        st.builds("({} in ({}, > {}))".format, inner, inner, inner),
        st.builds("({} instance of {})".format, inner, types),
        st.builds("(if {} then {} else {})".format, inner, inner, inner),
        st.builds("(for i in {} return {})".format, inner, inner),
        st.builds("(for i in {}, j in i return [i, j, {}, partial])".format, inner, inner),
        st.builds("(for i in {}..{} return i)".format, inner, inner),
        st.builds("(some i in {} satisfies {})".format, inner, inner),
        st.builds("(every i in {} satisfies i = {})".format, inner, inner),
        st.builds("[{}..{}]".format, inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({})[item > {}]".format, inner, inner),
        st.builds(
            "({}).{}".format,
            inner,
            st.sampled_from(
                ["a", "year", "hours", "x y", "time offset", "start", "timezone", "months", "weekday"]
            ),
        ),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{a: {}, b: a, f: function(n) {}, c: f(a)}}".format, inner, inner),
        st.builds("(function(x, y) {})({}, {})".format, inner, inner, inner),
        st.sampled_from(sorted(FUNCTIONS)).flatmap(call),
    )


expressions = st.recursive(st.one_of(literals, st.sampled_from(NAMES), st.just("i")), compound, max_leaves=12)
words = st.sampled_from(
    [
        "if",
        "then",
        "else",
        "for",
        "in",
        "return",
        "some",
        "every",
        "satisfies",
        "and",
        "or",
        "between",
        "instance",
    ]
    + [
        "of",
        "function",
        "not",
        "true",
        "null",
        "date",
        "time",
        "?",
        "-",
        "+",
        "*",
        "**",
        "/",
        "(",
        ")",
        "[",
        "]",
        "{",
    ]
    + [
        "}",
        ",",
        ":",
        ".",
        "..",
        "<",
        "<=",
        "=",
        "!=",
        '"a"',
        '"',
        "@",
        '@"P1D"',
        "1",
        "1.",
        ".5",
        "1e",
        "金额",
        "`",
        "`a b`",
    ]
    + ["\\", "//", "/*", "*/", "->", "list", "<number>", "（", "“", "item", "x", "\n", "\u3000", "１"]
)
pytestmark = pytest.mark.slow
relaxed = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def evaluated(expression: Expression, context: dict[str, Any]) -> None:
    try:
        value = expression.evaluate(context, MOMENT)
    except EngineError as error:
        assert "internal" not in error.fields, expression.text
        assert error.message
    else:
        assert loads(dumps(value)) == value


@relaxed
@given(expressions, contexts)
def test_whatever_is_evaluated_gives_a_value_or_a_refusal(text: str, context: dict[str, Any]) -> None:
    try:
        expression = compile_expression(text)
    except ExpressionInvalid as error:
        assert 0 <= error.fields["position"] <= len(text)
        return
    evaluated(expression, context)
    evaluated(expression, {})


@relaxed
@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(values, max_size=4))
def test_every_function_meets_any_values(name: str, arguments: list[Any]) -> None:
    context = {f"v{k}": value for k, value in enumerate(arguments)}
    try:
        expression = compile_expression(f"{name}({', '.join(context)})")
    except ExpressionInvalid as error:
        assert "参数个数" in error.message
        return
    evaluated(expression, context)


@relaxed
@given(values, values, st.sampled_from(["+", "-", "*", "/", "**", "=", "!=", "<", "<=", ">", ">="]))
def test_every_operator_meets_any_values(a: Any, b: Any, op: str) -> None:
    evaluated(compile_expression(f"a {op} b"), {"a": a, "b": b})


@relaxed
@given(
    st.lists(words, max_size=14).map(" ".join)
    | st.lists(words, max_size=14).map("".join)
    | st.text(max_size=40)
)
def test_any_text_compiles_or_says_where_it_is_wrong(text: str) -> None:
    for read in (compile_expression, compile_unary):
        try:
            expression = read(text)
        except ExpressionInvalid as error:
            assert 0 <= error.fields["position"] <= len(text)
            assert error.message
        else:
            evaluated(expression, {"?": 1, "金额": 2, "x": [1]})


@relaxed
@given(expressions, values)
def test_unary_tests_answer_true_false_or_null(text: str, value: Any) -> None:
    try:
        test = compile_unary(text)
        assert test.evaluate({"?": value, "a": value}, MOMENT) in (True, False, None)
    except EngineError as error:
        assert "internal" not in error.fields


@relaxed
@given(expressions, contexts)
def test_the_same_expression_gives_the_same_value(text: str, context: dict[str, Any]) -> None:
    """Pure: nothing is remembered between evaluations, and the context is left as it was."""
    try:
        expression = compile_expression(text)
        before = dumps(context)
        first, second = expression.evaluate(context, MOMENT), expression.evaluate(context, MOMENT)
    except EngineError:
        return
    assert dumps(first) == dumps(second)
    assert dumps(context) == before

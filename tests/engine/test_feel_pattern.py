"""Patterns 正则: the same matches as Python's engine where both apply, in time that never explodes."""

from __future__ import annotations

import re
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.feel import compile_expression
from engine.feel.budget import Run
from engine.feel.pattern_reading import PatternInvalid, compile_pattern
from tests.engine.builders import MOMENT

atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", "^", "$", "[a-c]", "(?:ab)", r"\.", "c"])
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("({})".format, inner),
        st.builds(
            "(?:{}){}".format,
            inner,
            st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{1,2}", "{2}", "{0,1}"]),
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=500, deadline=None)
@given(patterns, st.text(alphabet="abc1.", max_size=8))
def test_the_same_span_as_pythons_engine(pattern: str, text: str) -> None:
    found = compile_pattern(pattern).search(text, 0, Run(MOMENT).charge)
    expected = re.search(pattern, text)
    assert (found and found[0]) == (expected and expected.start())
    if not re.search(r"[*+?}]\?|[$^]", pattern):  # a loop over what may be empty ends elsewhere by rule
        assert (found and found[1]) == (expected and expected.end())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (r'matches("2026年10月", "^\d{4}年\d{1,2}月$")', True),
        (r'matches("鄂前安办函〔2026〕12号", "〔\d{4}〕\d+号$")', True),
        ('matches("abc", "B")', False),
        ('matches("abc", "B", "i")', True),
        ('matches("ABC", "[a-c]+", "i")', True),
        (r'matches("a\nb", "a.b")', False),
        (r'matches("a\nb", "a.b", "s")', True),
        (r'matches("a\nb", "^b$")', False),
        (r'matches("a\nb", "^b$", "m")', True),
        ('matches("ab", "a b", "x")', True),
        ('matches("a.b", "a.b", "q")', True),
        ('matches("axb", "a.b", "q")', False),
        ('matches("AXB A.B", "a.b", "qi")', True),
        (r'matches("督", "\p{L}")', True),
        (r'matches("1", "\p{L}")', False),
        (r'matches("1", "\P{L}")', True),
        (r'matches("a-b", "[\w-]+")', True),
        (r'matches("]", "[\]]")', True),
        ('matches("", "")', True),
        ('replace("abracadabra", "bra", "*")', "a*cada*"),
        ('replace("abracadabra", "a.*a", "*")', "*"),
        ('replace("abracadabra", "a.*?a", "*")', "*c*bra"),
        ('replace("abracadabra", "a(.)", "a$1$1")', "abbraccaddabbra"),
        ('replace("AAAA", "A+", "b")', "b"),
        ('replace("AAAA", "A+?", "b")', "bbbb"),
        ('replace("darted", "^(.*?)d(.*)$", "$1c$2")', "carted"),
        (r'replace("a.b", "a.b", "$1\\", "q")', "$1\\"),
        ('replace("abc", "b", "[$0]")', "a[b]c"),
        ('replace("abc", "(b)", "$12")', "ab2c"),
        (r'replace("5元", "元", "\$")', "5$"),
        (r'split("甲、乙，丙", "[、，]")', ["甲", "乙", "丙"]),
        ('split("", ",")', [""]),
        ('split(",", ",")', ["", ""]),
    ],
)
def test_xpath_patterns(expression: str, expected: Any) -> None:
    assert compile_expression(expression).evaluate({}, MOMENT) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "[",
        "[]",
        "a**",
        "*a",
        "a{2,1}",
        "a{x}",
        r"(a)\1",
        r"\b",
        "(?=a)",
        "(?<n>a)",
        "[a-z-[b]",
        "[a-z-[b]c]",
        "[-[b]]",
        "[z-a]",
        "\\",
    ]
    + [r"\p{Foo}", "a{9999}", "(a{1,99}){1,99}", "(" * 60 + ")" * 60, "a" * 1001, r"\q", "a{", "}"],
)
def test_what_is_no_pattern_is_null(pattern: str) -> None:
    with pytest.raises(PatternInvalid):
        compile_pattern(pattern, "x" if len(pattern) > 1000 else "")
    assert compile_expression("matches(t, p)").evaluate({"t": "aaa", "p": pattern}, MOMENT) is None


@pytest.mark.parametrize(
    "call",
    ['matches("a", "a", "z")', 'replace("abc", "x*", "-")', 'split("abc", "")', 'replace("a", "a", "$")'],
)
def test_what_xpath_refuses_is_null(call: str) -> None:
    assert compile_expression(call).evaluate({}, MOMENT) is None


@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "(a|aa)+b", "(a|a?)+b", "a*a*a*a*a*b", "((a+)+)+b", "(.*)(.*)(.*)b"]
)
def test_patterns_that_explode_elsewhere_do_not_here(pattern: str) -> None:
    compiled = compile_pattern(pattern)
    begun = process_time()
    assert compiled.search("a" * 400, 0, Run(MOMENT).charge) is None
    assert process_time() - begun < 0.2

"""FEEL as this dialect has it: names, Chinese, exact numbers, Shanghai's days, working time, and its refusals."""

from __future__ import annotations

from collections import ChainMap
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from engine.calendar import Moment, seed
from engine.clock import SHANGHAI
from engine.errors import CalendarUnknown, ExpressionFailed, ExpressionInvalid
from engine.feel import Expression, compile_expression, compile_unary
from engine.values import Months, dumps, loads

MOMENT = Moment(datetime(2026, 9, 28, 1, 0, tzinfo=UTC), seed(range(2025, 2027)))  # 09:00 in Shanghai


def value(text: str, /, **context: Any) -> Any:
    return compile_expression(text).evaluate(context, MOMENT)


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


# -- names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('金额 > 100 and 等级 = "重大"', {"金额", "等级"}),
        ("workdays(now(), p.plan_days)", {"p"}),
        ("first name + last name", {"first name", "last name"}),
        ("for x in 列表 return x + y", {"列表", "y"}),
        ("{a: 1, b: a + c}", {"c"}),
        ("{a: a}", {"a"}),
        ("some x in xs satisfies x > 阈值", {"xs", "阈值"}),
        ("function(x) x + y", {"y"}),
        ("if a then b else c.d", {"a", "b", "c"}),
        ("`主办(督办)部门`.电话", {"主办(督办)部门"}),
        ("乌兰·巴特尔", {"乌兰·巴特尔"}),
        ("完成百分比 instance of number", {"完成百分比"}),
        ("整改期限 between today() and 延期至", {"整改期限", "延期至"}),
        ("item.due", {"item"}),
    ],
)
def test_names_are_the_free_roots(text: str, names: set[str]) -> None:
    assert compile_expression(text).names == names


def test_names_in_a_filter_may_be_entries_names() -> None:
    found = compile_expression("清单[等级 = p.级 and item.金额 > 1]")
    assert found.names == {"清单"}
    assert found.possible_names == {"等级", "p"}


def test_a_variable_may_bear_a_functions_name() -> None:
    assert value("days + count", days=1, count=2) == 3
    assert compile_expression("days + 1").possible_names == {"days"}
    assert value("count(count)", count=[1, 2]) == 2


def test_names_with_spaces_join_as_far_as_they_go() -> None:
    assert value("完成 百分比 + 1", **{"完成 百分比": 40}) == 41
    assert value("  完成   百分比 ", **{"完成 百分比": 40}) == 40
    assert value("a.完成 百分比", a={"完成 百分比": 1}) == 1
    assert value("{first name: 1, b: first name + 1}.b") == 2
    assert value("sending workday + 1", **{"sending workday": 1}) == 2


def test_functions_with_keywords_in_their_names() -> None:
    assert value('working days between("2026-09-30", "2026-10-10")') == 3
    assert value("工作 between 1 and 3", 工作=2) is True
    assert value('date and time("2026-01-01T08:30:00")') == datetime(2026, 1, 1, 8, 30)  # noqa: DTZ001
    assert value('@"2026-01-01T08:30:00" instance of date and time and true') is True


def test_locals_hide_outer_names() -> None:
    assert value("for x in [1] return x", x=9) == [1]
    assert value("{x: 1, y: x}.y", x=9) == 1
    assert value("{x: x + 1}.x", x=9) == 10
    assert value("[{x: 1}][x = 1]", x=9) == [{"x": 1}]
    assert value("[{y: 9}][y = x]", x=9) == [{"y": 9}]
    assert value("(function(x) x)(1)", x=9) == 1


def test_any_mapping_is_a_context() -> None:
    chain = ChainMap({"a": 1}, {"a": 2, "b": 3})
    assert compile_expression("a + b").evaluate(chain, MOMENT) == 4
    assert compile_expression("for x in [1] return a + b + x").evaluate(chain, MOMENT) == [5]


def test_expressions_of_one_text_are_equal() -> None:
    assert compile_expression("a + 1") == Expression("a + 1", frozenset("a"))
    assert "a + 1" in repr(compile_expression("a + 1"))


# -- numbers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6 / 2", 3),
        ("0.1 + 0.2", Decimal("0.3")),
        ("1 / 3", Decimal("0.3333333333333333333333333333333333")),
        ("1.5 * 2", Decimal("3.0")),
        ("2 ** 0.5", Decimal("1.414213562373095048801688724209698")),
        ("2 ** -1", Decimal("0.5")),
        ("9999999999999999999999999999999999 + 0", 10**34 - 1),
        ("9999999999999999999999999999999999 + 1", Decimal("1E+34")),
        ("-9999999999999999999999999999999.999", Decimal("-9999999999999999999999999999999.999")),
        ("0 ** 0", 1),
        ("0 ** -1", None),
        ("(-8) ** 0.5", None),
        ("decimal(2.345, 2)", Decimal("2.34")),
        ("round half up(2.345, 2)", Decimal("2.35")),
        ("decimal(1234, -2)", 1200),
        ("floor(-1.5)", -2),
        ('number("1e3")', Decimal("1E+3")),
        ("abs(-9999999999999999999999999999999999)", 10**34 - 1),
        ("modulo(-12, 5)", 3),
    ],
)
def test_numbers_are_exact(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    "text", ["1 / 3", "sqrt(2)", "mean([1, 2])", "1e-3 * 2", "exp(1)", "sum([0.5, 1])", "5 / 2"]
)
def test_there_are_no_floats(text: str) -> None:
    assert type(value(text)) is Decimal


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1.50", "1.5"),
        ("100", "100"),
        ("1e3", "1000"),
        ("-0.0", "0"),
        ("0 * -2.5", "0"),
        ("-1e-6170 / 1e100", "0"),
        ("0.00001", "0.00001"),
        ("3.0", "3"),
    ],
)
def test_numbers_as_text(given: str, expected: str) -> None:
    assert value(f"string({given})") == expected


# -- dates and times -----------------------------------------------------------------------------------


def test_an_instant_shows_shanghais_parts() -> None:
    """01:00 UTC and 22:00 UTC of the day before: people see 09:00 and 06:00 of their own day."""
    late = datetime(2026, 9, 27, 22, 0, tzinfo=UTC)
    assert value("date(at)", at=late) == date(2026, 9, 28)
    assert value("[at.year, at.month, at.day, at.hour]", at=late) == [2026, 9, 28, 6]
    assert value("string(at)", at=late) == "2026-09-28T06:00:00+08:00"
    assert value("time(at)", at=late) == time(6, 0, tzinfo=timezone(timedelta(hours=8)))
    assert value("day of week(at)", at=late) == "Monday"
    assert value("at.time offset", at=late) == timedelta(hours=8)
    assert value("date(now()) = today()") is True
    assert value("now()") == MOMENT.now


def test_a_date_and_time_without_zone_is_shanghais() -> None:
    local = datetime(2026, 9, 28, 9, 0)  # noqa: DTZ001
    assert value("local = now()", local=local) is True
    assert value("local <= now() and local >= now()", local=local) is True
    assert value("now() - local", local=local) == timedelta(0)
    assert value("string(local)", local=local) == "2026-09-28T09:00:00"
    assert value('@"08:30:00" = @"00:30:00Z"') is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('@"2026-10-10"', date(2026, 10, 10)),
        ('@"08:30:00"', time(8, 30)),
        ('@"08:30"', time(8, 30)),
        ('@"2026-10-10T18:00"', datetime(2026, 10, 10, 18)),  # noqa: DTZ001
        ('@"2026-10-10T18:00:00.5Z"', datetime(2026, 10, 10, 18, 0, 0, 500_000, tzinfo=UTC)),
        ('@"2026-10-10T18:00:00@Asia/Shanghai"', datetime(2026, 10, 10, 10, tzinfo=UTC)),
        ('@"P5D"', timedelta(days=5)),
        ('@"P1Y6M"', Months(18)),
        ('date("2026-10-10") + duration("P1D")', date(2026, 10, 11)),
        ('date("2026-10-10") + duration("PT36H")', date(2026, 10, 11)),
        ('duration("P1M") + date("2026-01-31")', date(2026, 2, 28)),
        ('date("2026-01-01") - date("2025-12-31")', timedelta(days=1)),
        ('date("2026-01-01") - duration("P1Y")', date(2025, 1, 1)),
        ('@"23:00:00" + @"PT2H"', time(1, 0)),
        ('@"01:00:00" - @"23:00:00"', -timedelta(hours=22)),
        ('date("9999-12-31") + duration("P1D")', None),
        ('date("2026-01-01") + 1', None),
        ('date("2026-01-01") + date("2026-01-01")', None),
        ('duration("P1D") + duration("P1M")', None),
        ('duration("P1Y") / duration("P1M")', 12),
        ('duration("P1M") * 1.5', Months(1)),
        ('duration("PT1H") / 0', None),
        ('-duration("P1M")', Months(-1)),
        ('date("2026-01-01") < date and time("2026-01-02T00:00:00")', None),
        ('date and time(date("2026-10-10"), time("18:00:00+08:00"))', datetime(2026, 10, 10, 10, tzinfo=UTC)),
        ('abs(duration("-P3D"))', timedelta(days=3)),
        ('years and months duration(@"2026-01-31", @"2026-03-30")', Months(1)),
        ('years and months duration(@"2026-03-30", @"2026-01-31")', Months(-1)),
        ('[@"2026-09-01"..@"2026-09-30"].end.day', 30),
        ('@"2026-09-15" in [@"2026-09-01"..@"2026-09-30"]', True),
        ('for d in @"2026-09-29"..@"2026-10-01" return d.day', [29, 30, 1]),
        ('time(8, 30, 0, duration("PT8H"))', time(8, 30, tzinfo=timezone(timedelta(hours=8)))),
        ('time("18:00:00@Asia/Shanghai")', time(18, tzinfo=timezone(timedelta(hours=8)))),
        ('date("26-1-1")', None),
        ('date and time("2026-10-10T25:00:00")', None),
        ('max([@"2026-01-02", @"2026-01-01"])', date(2026, 1, 2)),
        ('sum([duration("P1D"), duration("PT12H")])', timedelta(hours=36)),
    ],
)
def test_dates_times_and_durations(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected and type(found) is type(expected)


# -- working time --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("workdays(now(), 5)", "2026-10-10T18:00"),
        ("workdays(today(), p.plan_days)", "2026-10-13T18:00"),
        ('workdays("2026-09-30", 1)', "2026-10-08T18:00"),
        ('workdays("2026-09-30T17:00:00", 1)', "2026-10-08T18:00"),
        ('workdays("2026-09-29T20:00:00Z", 1)', "2026-10-08T18:00"),  # already the 30th in Shanghai
        ("workdays(from: today(), n: 0)", "2026-09-28T18:00"),
        ('workdays("2026-10-08", -1)', "2026-09-30T18:00"),
        ("days(now(), 12)", "2026-10-10T18:00"),
        ('months("2026-01-31", 1)', "2026-02-28T18:00"),
        ("sending(now())", "2026-09-28T09:00"),
        ('sending("2026-09-30T19:00:00")', "2026-10-08T08:30"),
        ('sending(date("2026-10-03"))', "2026-10-08T08:30"),
        ("sending workday(workdays(now(), 2), 3)", "2026-10-10T08:30"),
        ("sending workday(now(), 1)", "2026-09-29T08:30"),
    ],
)
def test_working_time(text: str, expected: str) -> None:
    found = value(text, p={"plan_days": 7})
    assert found == shanghai(expected)
    assert found.tzinfo is UTC


def test_working_days_as_values() -> None:
    assert value('working days between("2026-09-28", workdays("2026-09-28", 5))') == 5
    assert value('working days between(today(), "2026-09-25")') == -1  # the 28th itself; 25 to 27 are off
    assert [value(f'is working day("2026-10-{d}")') for d in ("09", "10", "11")] == [True, True, False]
    assert value("is working day(today())") is True
    assert value("string(date(workdays(now(), 5)))") == "2026-10-10"


@pytest.mark.parametrize(
    "text",
    [
        'workdays("soon", 1)',
        "workdays(null, 1)",
        "workdays(today(), null)",
        'workdays(today(), "1")',
        "workdays(1, 1)",
    ]
    + ["workdays(today(), 1.5)", "sending(null)", "is working day(1)", 'working days between(today(), "x")'],
)
def test_working_time_of_nonsense_is_null(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize(
    "text",
    ["workdays(today(), 300)", "months(today(), 12)", 'is working day("2027-02-01")', "days(now(), 200)"]
    + ["if workdays(today(), 300) > now() then 1 else 2", "[1, 2][workdays(today(), 300) > now()]"],
)
def test_an_unconfirmed_year_is_an_error_and_not_null(text: str) -> None:
    with pytest.raises(CalendarUnknown, match="2027年"):
        value(text)


# -- unary tests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "given", "expected"),
    [
        ("-", 1, True),
        ("", None, True),
        ("5", 5, True),
        ('"甲", "乙"', "乙", True),
        ('not("甲", "乙")', "丙", True),
        ('not("甲")', "甲", False),
        ("not(> 5)", 3, True),
        ("> 5, < 2", 1, True),
        ("[1..5]", 6, False),
        ("(>= 5)", 5, True),
        ("? > 5 and ? < 8", 6, True),
        ("not(? > 5)", 3, True),
        ("not(true) or ? = 3", 3, True),
        ("null", None, True),
        ("> 5", "x", None),
        ("a", 3, True),
        ("[1, 2, 3]", 3, True),
        ('starts with(?, "矿")', "矿山", True),
        ("= 5", 5, True),
        ('@"2026-01-01"', date(2026, 1, 1), True),
        ('< date("2026-01-01")', date(2025, 1, 1), True),
        ("every x in ? satisfies x > 0", [1, 2], True),
    ],
)
def test_unary_tests(cell: str, given: Any, expected: Any) -> None:
    assert compile_unary(cell).evaluate({"?": given, "a": 3}, MOMENT) is expected


# -- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("", 0, "为空"),
        ("1 +", 3, "不完整"),
        ("(1 + 2", 6, "缺少“)”"),
        ("1 2", 2, "多余"),
        ("金额 》 3", 3, "符号"),
        ("金额 ＞ 3", 3, "半角的 >"),
        ("（1）", 0, "半角的 ("),
        ("等级 = “重大”", 5, '半角的 "'),
        ("等级 = '重大'", 5, "双引号"),
        ("金额 ≥ 3", 3, ">="),
        ("a && b", 2, "and"),
        ("a == 3", 3, "此处应是"),
        ("${金额}", 0, "${"),
        ('"没有结尾', 0, "双引号"),
        ("if a then 1", 11, "else"),
        ("if a", 4, "then"),
        ("for x in xs", 11, "return"),
        ("some x in xs", 12, "satisfies"),
        ("for in xs return 1", 4, "变量 in 列表"),
        ("a between 1", 11, "between"),
        ("工作日(1)", 0, "没有名为“工作日”的函数"),
        ("workdays(now())", 8, "workdays(from, n)"),
        ('substring(text: "a", start: 1)', 9, "参数名"),
        ("x instance of 数字", 14, "类型"),
        ('@"2026-02-30"', 0, "日期"),
        ("{a: 1, a: 2}", 7, "重复"),
        ("{$date: 1}", 1, "符号"),
        ('{"$date": 1}', 1, "$"),
        ("function(x) external {}", 12, "外部函数"),
        ("a.", 2, "名称"),
        ("[1..", 4, "不完整"),
        ("[1..2", 5, "区间"),
        ("then", 0, "保留字"),
        ("1..2", 1, "多余"),
    ],
)
def test_refusals_say_where_and_what(text: str, position: int, hint: str) -> None:
    with pytest.raises(ExpressionInvalid) as refusal:
        compile_expression(text)
    assert refusal.value.fields["position"] == position
    assert hint in refusal.value.message
    assert refusal.value.fields["text"] == text


def test_texts_that_are_no_text_are_refused() -> None:
    for text in ("1\x00", '"\ud800"'):
        with pytest.raises(ExpressionInvalid):
            compile_expression(text)


@pytest.mark.parametrize("text", ["function(x) x", "{f: function(x) x}", "[sum]", "[[1..5], sum]"])
def test_what_no_variable_can_hold_is_not_a_result(text: str) -> None:
    with pytest.raises(ExpressionFailed, match="函数"):
        value(text)


@pytest.mark.parametrize(
    "text", ["[1..5]", '(@"2026-10-01"..@"2026-10-08"]', "[1.5..12345678901234567890123]", "[>3, <2]"]
)
def test_a_range_can_be_kept_and_is_the_same_when_it_comes_back(text: str) -> None:
    kept = value(text)
    assert loads(dumps(kept)) == kept
    assert value("kept = original", kept=loads(dumps(kept)), original=kept) is True
    assert value("r instance of range or every x in r satisfies x instance of range", r=kept) is True


@pytest.mark.parametrize(
    "text",
    [
        "missing",
        "missing.a.b",
        "1 + null",
        '"a" * 2',
        "null > 1",
        "1 / 0",
        "[1][2]",
        "missing[1]",
        "sum(missing)",
    ]
    + [
        "not(3)",
        "substring(1, 2)",
        "{a: 1}.b",
        "1.a",
        "for x in null return x",
        '"a".b',
        "{a: 1, r: a(1)[1].b}.r",
    ],
)
def test_what_cannot_be_computed_is_null(text: str) -> None:
    assert value(text) is None


# -- pieces the other implementation has no say in --------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1, 2, 3][index]", 2),
        ("xs[-1]", 3),
        ("sort(names, function(a, b) string length(a) < string length(b))", ["a", "bb", "ccc"]),
        ("sort(xs)", [1, 2, 3]),
        ("all(true, true, null)", None),
        ("{f: function(n) if n = 0 then 1 else n * f(n - 1), r: f(5)}.r", 120),
        ("sum(for x in xs return x * x)", 14),
        ("[for x in xs return x][1]", [1, 2, 3]),
        ("((1))", 1),
        ("-(-1)", 1),
        ("- xs[1]", -1),
        ('"a" < "b" and not(false)', True),
        ("xs = [1, 2, 3]", True),
        ("{a: [1, {b: 2}]} = {a: [1, {b: 2}]}", True),
        ("[1..3] = [1..3]", True),
        ("[1..3] = [1..3)", False),
        ("count([[]])", 1),
        ('string(["甲", null, {数: 1.0}])', '["甲", null, {数: 1}]'),
        ("concatenate(xs, [4])", [1, 2, 3, 4]),
        ('context put({a: {b: 1}}, ["a", "b"], 2)', {"a": {"b": 2}}),
        ('get value({a: {b: 1}}, ["a", "b"])', 1),
        ('context([{key: "$a", value: 1}])', None),
        ("before([1..5), 5)", True),
        ("meets([1..5], [5..9])", True),
        ("meets([1..5), [5..9])", False),
        ("overlaps([5..8], [1..5))", False),
        ("includes([1..5], 5)", True),
        ("during([2..3], (1..5))", True),
        ("any([false, null])", None),
        ("list replace(xs, 2, 9)", [1, 9, 3]),
        ("if 1 then 2 else 3", 3),
        ("5 in (> 3, < 1)", True),
        ("[{a: 1}, {a: 2}][a = 2].a", [2]),
        ("for x in [[1, 2], [3]], y in x return y", [1, 2, 3]),
        ("some x in xs, y in xs satisfies x + y = 6", True),
        ("every x in xs satisfies x", None),
        ("(function(a, b) a - b)(b: 1, a: 3)", 2),
        ("xs instance of list<number>", True),
        ("[1..2] instance of range<number>", True),
        ("sum instance of function", True),
        ("// 说明\n1", 1),
    ],
)
def test_pieces(text: str, expected: Any) -> None:
    assert value(text, xs=[1, 2, 3], names=["ccc", "a", "bb"], index=2) == expected

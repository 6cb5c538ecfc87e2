"""Rules that hit together where only one may 规则重叠: told when a table is checked, with a value that shows it."""

from __future__ import annotations

import pytest

from engine.definitions.decisions import read_decisions


def table(policy: str, *rules: tuple[str, ...]) -> bytes:
    def escaped(text: str) -> str:
        return text.replace("<", "&lt;")

    width = len(rules[0]) - 1
    columns = "".join(
        f'<input label="列{k}"><inputExpression><text>x{k}</text></inputExpression></input>'
        for k in range(width)
    )
    rows = "".join(
        "<rule>"
        + "".join(f"<inputEntry><text>{escaped(cell)}</text></inputEntry>" for cell in rule[:-1])
        + f"<outputEntry><text>{escaped(rule[-1])}</text></outputEntry></rule>"
        for rule in rules
    )
    return (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="m" name="m" namespace="n">'
        f'<decision id="d" name="表"><decisionTable hitPolicy="{policy}">{columns}<output name="o"/>{rows}'
        "</decisionTable></decision></definitions>"
    ).encode()


@pytest.mark.parametrize(
    ("rules", "at"),
    [
        ([("> 10", "1"), ("> 100", "2")], "列0 为 101"),
        ([("<= 10", "1"), (">= 10", "2")], "列0 为 10"),
        ([("[1..5]", "1"), ("[5..9]", "2")], "列0 为 5"),
        ([('"甲","乙"', "1"), ('"丙","乙"', "2")], "列0 为 “乙”"),
        ([("-", "1"), ("3", "2")], "列0 为 3"),
        ([("-", "1"), ("", "2")], "会同时命中，"),
        ([("true", "1"), ("true, false", "2")], "列0 为 True"),
        ([('@"2026-10-01"', "1"), ('>= @"2026-09-01"', "2")], "2026-10-01"),
        ([("> 1", '"甲"', "1"), ("< 9", '"甲","乙"', "2")], "列1 为 “甲”"),
    ],
)
def test_rules_that_overlap_are_told_with_a_value(rules: list[tuple[str, ...]], at: str) -> None:
    _, findings = read_decisions(table("UNIQUE", *rules), "t.dmn")
    (one,) = findings
    assert (one.severity, one.rule) == ("warning", "rules_overlap")
    assert "第 1 条与第 2 条" in one.message
    assert at in one.message


@pytest.mark.parametrize(
    "rules",
    [
        [("<= 10", "1"), ("> 10", "2")],
        [("[1..5)", "1"), ("[5..9]", "2")],
        [("< 4", "1"), ("> 3", "2")],  # nothing between for whole numbers
        [('"甲"', "1"), ('"乙"', "2")],
        [('"甲"', "1"), ("5", "2")],
        [("true", "1"), ("false", "2")],
        [("> 1", '"甲"', "1"), ("> 1", '"乙"', "2")],
        [("? > 1", "1"), ("? > 2", "2")],  # cannot be told
        [("not(1)", "1"), ("2", "2")],
        [("上限", "1"), ("3", "2")],
    ],
)
def test_rules_that_do_not_or_cannot_be_told_are_not(rules: list[tuple[str, ...]]) -> None:
    assert read_decisions(table("UNIQUE", *rules), "t.dmn")[1] == []


def test_any_tells_only_of_different_results() -> None:
    assert read_decisions(table("ANY", ("> 1", "1"), ("> 2", "1")), "t.dmn")[1] == []
    (one,) = read_decisions(table("ANY", ("> 1", "1"), ("> 2", "2")), "t.dmn")[1]
    assert "结果一致" in one.message


def test_first_tells_of_rules_never_reached() -> None:
    (one,) = read_decisions(table("FIRST", ("> 1", "1"), ("-", "2"), ("3", "3")), "t.dmn")[1]
    assert one.rule == "rule_unreached"
    assert "第 2 条" in one.message
    assert read_decisions(table("FIRST", ("> 1", "1"), ("-", "2")), "t.dmn")[1] == []


def test_a_large_table_is_read_in_time_and_not_told_too_often() -> None:
    rules = [(f"> {k}", str(k)) for k in range(250)]
    _, findings = read_decisions(table("UNIQUE", *rules), "t.dmn")
    assert len(findings) == 5
    assert read_decisions(table("UNIQUE", *rules, *rules), "t.dmn")[1] == []

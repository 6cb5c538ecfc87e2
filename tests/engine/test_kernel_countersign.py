"""会签 in the kernel: when several sign, what decides, how it counts, and what a diagram may not say about it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.definitions import bpmn
from engine.execution.countersign import needed, tally
from engine.execution.run import Run
from tests.engine.builders import MOMENT, Play, diagram, xml

SIGN = """
start S
user A name=会签 each=单位们 as=单位 outputCollection=会签意见 outputElement="{{单位: 单位, 意见: form.意见}}" {}
user Y name=执行
user N name=重拟
xor X
S -> A -> X
X -> Y if 会签结果="通过"
X -> N default
"""


def signing(rule: str, count: int = 5, **parameters: Any) -> Play:
    units = [f"单位{n}" for n in range(1, count + 1)]
    return Play(diagram(SIGN.format(rule), parameters), 单位们=units)


def say(play: Play, *opinions: str) -> Play:
    for opinion in opinions:
        play.complete("A", 意见=opinion)
    return play


@pytest.mark.parametrize(
    ("rule", "count", "said", "open_"),
    [
        ("passAt=2/3", 5, ["同意"] * 3, ["A", "A"]),
        ("passAt=2/3", 5, ["同意"] * 4, ["Y"]),  # four of five are the fewest that reach two thirds
        ("passAt=2/3", 3, ["同意", "同意"], ["Y"]),  # 2/3 exactly
        ("passAt=2/3", 3, ["反对", "同意", "同意"], ["Y"]),
        ("passAt=2/3", 3, ["反对", "弃权"], ["N"]),  # out of reach
        ("passAt=2/3 veto=true", 5, ["同意", "反对"], ["N"]),
        ("passAt=2/3 veto=true", 5, ["同意", "弃权", "同意", "同意", "同意"], ["Y"]),
        ("passAt=2/3 waitForAll=true", 3, ["同意", "同意"], ["A"]),
        ("passAt=2/3 waitForAll=true", 3, ["同意", "同意", "反对"], ["Y"]),
        ("passAt=2/3 veto=true waitForAll=true", 3, ["同意", "同意", "反对"], ["N"]),
        ("passAt=1", 2, ["同意"], ["A"]),
        ("passAt=1", 2, ["同意", "同意"], ["Y"]),
        ("passAt=0.5", 4, ["同意", "同意"], ["Y"]),
        ("passAt=p.ratio", 4, ["同意", "同意", "同意"], ["Y"]),
        ("passAt=1", 0, [], ["Y"]),  # nobody has to agree
        ("passAt=2/3 sequential=true", 3, ["同意"], ["A"]),
        ("passAt=2/3 sequential=true", 3, ["同意", "同意"], ["Y"]),
    ],
)
def test_a_share_a_veto_all_or_as_many_as_it_takes(
    rule: str, count: int, said: list[str], open_: list[str]
) -> None:
    play = say(signing(rule, count, ratio=Decimal("0.75")), *said)
    assert play.open == open_
    assert play.again() == play.facts


def test_the_result_and_the_opinions_are_variables() -> None:
    play = say(signing("passAt=1 veto=true outcome=结果", 3), "同意", "不同意")
    assert play.variables["结果"] == "不通过"
    assert play.variables["会签意见"] == [
        {"单位": "单位1", "意见": "同意"},
        {"单位": "单位2", "意见": "不同意"},
    ]


def test_an_opinion_may_be_the_delivered_text_itself_or_stand_under_another_key() -> None:
    text = SIGN.replace("{{单位: 单位, 意见: form.意见}}", "form.态度")
    play = Play(diagram(text.format("passAt=1/2")), 单位们=["甲", "乙"])
    assert play.complete("A", 态度="同意").open == ["Y"]
    text = SIGN.replace("意见: form.意见", "态度: form.态度")
    play = Play(diagram(text.format("passAt=1/2 opinion=态度")), 单位们=["甲", "乙"])
    assert play.complete("A", 态度="同意").open == ["Y"]


def test_what_it_stands_at_reads_as_a_sentence() -> None:
    play = say(signing("passAt=2/3 veto=true waitForAll=true"), "同意", "反对", "同意")
    run = Run(play.package, play.state, MOMENT, "case", print, print)
    body = next(i for i in play.state.instances.values() if i.body)
    loop = run.element(body).loop
    assert loop is not None
    found = tally(run, body, loop, run.collected(body))
    assert str(found) == "3/5 已签，2 同意、1 反对；达到 2/3（4 方）同意为通过，等各方签完，一票否决"


@pytest.mark.parametrize("share", ["0", "2", "null", "true", "多数"])
def test_a_share_that_is_no_part_of_a_whole_halts_the_step(share: str) -> None:
    play = say(signing(f"passAt={share}"), "同意")
    assert play.incidents == [("A", "expression_failed")]


def test_the_fewest_that_reach_a_share() -> None:
    third = Decimal(2) / Decimal(3)
    assert [needed(Decimal("0.5"), n) for n in (1, 2, 3, 4, 5)] == [1, 1, 2, 2, 3]
    assert [needed(1, n) for n in (1, 7)] == [1, 7]
    assert needed(third, 0) == 0


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("user A veto=true each=[1] outputCollection=o outputElement=form", "loop_sign"),
        ("user A passAt=1 each=[1]", "loop_sign"),
        ("user A passAt=1 veto=也许 each=[1] outputCollection=o outputElement=form", "loop_sign"),
        ("user A passAt=1", "unknown_property"),
        ("user A passAt=1 most=3", "unknown_property"),
        ("service A topic=t passAt=1 each=[1] outputCollection=o outputElement=x", "unknown_property"),
        (
            "user A passAt=1 outcome=item each=[1] outputCollection=o outputElement=form",
            "variable_name",
        ),
    ],
)
def test_what_a_diagram_may_not_say(line: str, rule: str) -> None:
    _, findings = bpmn.read(xml(f"start S\n{line}\nS -> A"), "test.bpmn", rules=())
    assert rule in {finding.rule for finding in findings if finding.severity == "error"}

"""A joint check 联合检查 through the product: several units at once, two of three opinions suffice, and
papers are put together in any order until they are enough. Routed, suspended, restored and replayed like any other work."""

from __future__ import annotations

from tests.engine.handling import package
from tests.engine.test_scenario import failures, play

DRAWN = """
    start S
    and F
    user A name=能源局意见 groups=DB
    user B name=企业自查 groups=QY
    user C name=安委办意见 groups=AWB
    complex J name=过半 when="activationCount >= 2"
    user Z name=汇总 groups=AWB
    adhoc H name=收尾 until="结论 != null"
        user K name=归卷 groups=AWB form=judge
        user L name=登报 groups=DB
        user M name=回访 groups=AWB
        L -> M
    end Done
    S -> F
    F -> A -> J
    F -> B -> J
    F -> C -> J
    J -> Z -> H -> Done
"""

BEGUN = """
  - start: {by: 能文, at: S, form: {}}
  - expect: {open: [能源局意见, 企业自查, 安委办意见]}
  - complete: {item: 企业自查, by: kuang}
  - complete: {item: 能源局意见, by: 牛力}
  - expect: {open: [安委办意见, 汇总], facts: [GatewayActivated]}
"""


def test_two_of_three_suffice_and_the_third_is_still_taken() -> None:
    report = play(
        BEGUN
        + """
  - suspend: {by: 班布尔, reason: 等通知}
  - resume: {by: 班布尔, reason: 通知已到}
  - complete: {item: 汇总, by: 班布尔}
  - expect: {open: [安委办意见, 归卷, 登报]}
  - complete: {item: 安委办意见, by: 班布尔}
  - expect: {facts: [GatewayReset], open: [归卷, 登报]}
  - complete: {item: 登报, by: 牛力}
  - expect: {open: [归卷, 回访]}
  - complete: {item: 回访, by: 班布尔}
  - complete: {item: 归卷, by: 班布尔, form: {结论: 合格}}
  - expect: {ended: Done}
""",
        package(DRAWN),
    )
    assert failures(report) == []


def test_the_papers_are_enough_when_it_is_said_so() -> None:
    report = play(
        BEGUN
        + """
  - complete: {item: 汇总, by: 班布尔}
  - complete: {item: 归卷, by: 班布尔, form: {结论: 合格}}
  - expect: {open: [安委办意见], facts: [ActivitiesEnabled]}
  - complete: {item: 安委办意见, by: 班布尔}
  - expect: {ended: Done}
""",
        package(DRAWN),
    )
    assert failures(report) == []

"""Going back 退回与撤回 through the product, inside parallel branches, rounds, subprocesses and called processes: routed,
claimed, told, restored and replayed like any other work."""

from __future__ import annotations

import pytest

from tests.engine.handling import package
from tests.engine.test_scenario import failures, play

DRAWN = """
process main
    start S
    user A name=登记审核 groups=AWB status=待受理 form=judge
    and F
    user B name=能源局意见 groups=DB status=会签中
    user C name=企业自查 groups=QY
    and J
    user M name=专家意见 groups=DB each="[1, 2, 3]" as=n outputCollection=意见 outputElement=n
    sub P name=整改
        start p
        user P1 name=整改方案 groups=QY
        user P2 name=方案审查 groups=DB
        end pe
        p -> P1 -> P2 -> pe
    call K name=外委检测 called=other
    service T name=发函 topic=notice.send "in:title=\\"函告\\"" "in:unit=\\"一号矿\\"" "in:role=\\"QY\\""
    user Z name=汇总 groups=AWB
    end Done
    S -> A -> F
    F -> B -> J
    F -> C -> J
    J -> M -> P -> K -> T -> Z -> Done
process other
    start o
    user O1 name=委托 groups=AWB
    user O2 name=检测 groups=DB
    end oe
    o -> O1 -> O2 -> oe
"""

BEGUN = """
  - start: {by: 能文, at: S, form: {}}
  - complete: {item: 登记审核, by: 班布尔, form: {结论: 属实}}
"""

SIGNED = (
    BEGUN
    + """
  - complete: {item: 能源局意见, by: 能文}
  - complete: {item: 企业自查, by: kuang}
"""
)

RETURNS = {
    "一路退回，另一路还在办的随之撤销，并通知其单位": BEGUN
    + """
  - return: {item: 企业自查, by: kuang, to: 登记审核, reason: 材料不全}
  - expect: {open: [登记审核], status: 待受理, facts: [WorkItemWithdrawn], notices: [“企业自查”被退回]}
  - complete: {item: 登记审核, by: 班布尔, form: {结论: 属实}}
  - expect: {open: [能源局意见, 企业自查]}
""",
    "一路退回，另一路已办结待汇合的作废，要重新办理": BEGUN
    + """
  - complete: {item: 能源局意见, by: 能文}
  - return: {item: 企业自查, by: kuang, reason: 材料不全}
  - expect: {open: [登记审核], notices: [“企业自查”被退回]}
  - complete: {item: 登记审核, by: 包文, form: {结论: 属实}}
  - complete: {item: 企业自查, by: kuang}
  - expect: {open: [能源局意见]}
  - complete: {item: 能源局意见, by: 牛力}
  - expect: {open: [专家意见, 专家意见, 专家意见]}
""",
    "汇合之后退回其中一路，另一路不重办": SIGNED
    + """
  - return: {item: 专家意见, by: 牛力, to: 能源局意见, reason: 意见不明确}
  - expect: {open: [能源局意见], status: 会签中}
  - complete: {item: 能源局意见, by: 能文}
  - expect: {open: [专家意见, 专家意见, 专家意见]}
""",
    "多方同时办理，由其中一方退回，各方都重来": SIGNED
    + """
  - complete: {item: 专家意见, nth: 1, by: 能文}
  - claim: {item: 专家意见, nth: 1, by: 能文}
  - return: {item: 专家意见, nth: 2, by: 牛力, to: 登记审核, reason: 材料不全}
  - expect: {open: [登记审核], notices: [“专家意见”被退回]}
  - complete: {item: 登记审核, by: 班布尔, form: {结论: 属实}}
  - complete: {item: 能源局意见, by: 能文}
  - complete: {item: 企业自查, by: kuang}
  - expect: {open: [专家意见, 专家意见, 专家意见]}
""",
    "退回给多方，各方重新办理": SIGNED
    + """
  - complete: {item: 专家意见, by: 能文}
  - complete: {item: 专家意见, by: 能文}
  - complete: {item: 专家意见, by: 能文}
  - expect: {variables: {意见: [1, 2, 3]}}
  - return: {item: 整改方案, by: kuang, to: 专家意见, reason: 意见互相矛盾}
  - expect: {open: [专家意见, 专家意见, 专家意见], notices: [“整改方案”被退回]}
""",
    "从子流程里退到外面，不能退进没有打开的子流程": SIGNED
    + """
  - proceed: {until: P2}
  - return: {item: 方案审查, by: 能文, to: 企业自查, reason: 情况不实}
  - expect: {open: [企业自查]}
  - proceed: {until: O1}
  - return: {item: 委托, by: 班布尔, to: 方案审查, reason: 方案不行, refused: not_allowed}
  - return: {item: 委托, by: 班布尔, to: 企业自查, reason: 方案不行}
  - expect: {open: [企业自查]}
""",
    "从被调用的流程退到调用它的流程": SIGNED
    + """
  - proceed: {until: O2}
  - return: {item: 检测, by: 能文, to: 委托, reason: 写明项目}
  - expect: {open: [委托]}
  - proceed: {until: O2}
  - return: {item: 检测, by: 能文, to: 能源局意见, reason: 意见有误}
  - expect: {open: [能源局意见]}
  - proceed: {until: Z}
  - complete: {item: 汇总, by: 班布尔}
  - expect: {ended: Done}
""",
}

WITHDRAWALS = {
    "离岗前办结的并行一路，由替岗人代为撤回并重新办理": BEGUN
    + """
  - complete: {item: 能源局意见, by: 能文}
  - withdraw: {item: 能源局意见, by: 简宁, reason: 写错了, refused: not_found}
  - away: {who: 能文, until: 2026-09-28, substitute: 简宁, reason: 请假}
  - withdraw: {item: 能源局意见, by: 简宁, reason: 写错了}
  - expect: {open: [企业自查, 能源局意见], holder: {能源局意见: 简宁}, notices: [“能源局意见”被撤回]}
  - complete: {item: 能源局意见, by: 简宁}
  - expect: {open: [企业自查]}
""",
    "替岗人代办的会签一方，期满后由本人撤回": SIGNED
    + """
  - away: {who: 能文, until: 2026-09-28, substitute: 简宁, reason: 请假}
  - complete: {item: 专家意见, by: 简宁}
  - withdraw: {item: 专家意见, by: 简宁, reason: 再想想}
  - complete: {item: 专家意见, by: 简宁}
  - wait: until 2026-09-29T09:00
  - withdraw: {item: 专家意见, by: 简宁, reason: 再想想, refused: not_allowed}
  - withdraw: {item: 专家意见, nth: 2, by: 能文, reason: 情况有变}
  - expect: {open: [专家意见, 专家意见, 专家意见]}
""",
    "并行的一路办结后撤回，另一路照常": BEGUN
    + """
  - complete: {item: 能源局意见, by: 能文}
  - withdraw: {item: 能源局意见, by: 能文, reason: 写错了}
  - expect: {open: [企业自查, 能源局意见], holder: {能源局意见: 能文}}
  - complete: {item: 企业自查, by: kuang}
  - expect: {open: [能源局意见]}
  - complete: {item: 能源局意见, by: 能文}
  - expect: {open: [专家意见, 专家意见, 专家意见]}
""",
    "最后一路办结后撤回，汇合之后未签收的待办随之撤销": SIGNED
    + """
  - withdraw: {item: 企业自查, by: kuang, reason: 附件漏了}
  - expect: {open: [企业自查], notices: [“企业自查”被撤回]}
  - complete: {item: 企业自查, by: kuang}
  - expect: {open: [专家意见, 专家意见, 专家意见]}
""",
    "多方之一撤回自己的，别人的不动": SIGNED
    + """
  - complete: {item: 专家意见, by: 能文}
  - complete: {item: 专家意见, by: 牛力}
  - withdraw: {item: 专家意见, by: 能文, reason: 再想想}
  - expect: {open: [专家意见, 专家意见]}
  - complete: {item: 专家意见, by: 能文}
  - complete: {item: 专家意见, by: 能文}
  - expect: {variables: {意见: [1, 2, 3]}, open: [整改方案]}
""",
    "多方办齐以后最后一方撤回，多方重新打开": SIGNED
    + """
  - complete: {item: 专家意见, by: 能文}
  - complete: {item: 专家意见, by: 能文}
  - complete: {item: 专家意见, by: 牛力}
  - withdraw: {item: 专家意见, by: 牛力, reason: 再想想}
  - expect: {open: [专家意见], holder: {专家意见: 牛力}}
  - complete: {item: 专家意见, by: 牛力}
  - expect: {variables: {意见: [1, 2, 3]}, open: [整改方案]}
""",
    "后面已经有人签收，不能撤回": SIGNED
    + """
  - claim: {item: 专家意见, by: 牛力}
  - withdraw: {item: 企业自查, by: kuang, reason: 附件漏了, refused: not_allowed}
  - release: {item: 专家意见, by: 牛力, reason: 让他改}
  - withdraw: {item: 企业自查, by: kuang, reason: 附件漏了}
  - expect: {open: [企业自查]}
""",
    "别人办结的、已经发出公文的，不能撤回": SIGNED
    + """
  - withdraw: {item: 企业自查, by: 能文, reason: 附件漏了, refused: not_allowed}
  - proceed: {until: O2}
  - complete: {item: 检测, by: 能文}
  - withdraw: {item: 检测, by: 能文, reason: 数据有误, refused: not_allowed}
  - expect: {open: [汇总]}
""",
    "子流程最后一步办结后撤回，子流程重新打开": SIGNED
    + """
  - proceed: {until: P2}
  - complete: {item: 方案审查, by: 能文}
  - expect: {open: [委托]}
  - withdraw: {item: 方案审查, by: 能文, reason: 看漏一条}
  - expect: {open: [方案审查]}
  - return: {item: 方案审查, by: 能文, to: 整改方案, reason: 重拟}
  - proceed: {until: Z}
  - expect: {open: [汇总]}
""",
}


@pytest.mark.parametrize("title", [*RETURNS, *WITHDRAWALS])
def test_it_goes_back(title: str) -> None:
    steps = {**RETURNS, **WITHDRAWALS}[title]
    assert failures(play(steps, package(DRAWN))) == []

"""A case in which offices undo what they had done: routed, limited, returned and replayed like any other work."""

from __future__ import annotations

from tests.engine.handling import package
from tests.engine.test_scenario import failures, play

DRAWN = """
    start S
    transaction X name=备案
        start s
        user A name=登记 groups=DB status=登记中
        boundary AB on=A compensate
        user AU name=注销登记 undo=AB groups=DB due="workdays(now(), 2)" status=注销中
        boundary AT on=AU duration=P3D interrupting=false
        task urged
        end told
        user B name=领取证照 groups=QY
        boundary BB on=B compensate
        user BU name=交回证照 undo=BB groups=QY
        user C name=核查 groups=AWB returnTo=B form=judge
        xor G
        end e
        end c cancel
        s -> A -> B -> C -> G
        G -> c if 结论 = "不合格"
        G -> e default
        AT -> urged -> told
    boundary XC on=X cancel
    user N name=告知 groups=AWB
    end Done
    end Gone
    S -> X -> Done
    XC -> N -> Gone
"""

BEGUN = """
  - start: {by: 能文, at: S, form: {}}
  - complete: {item: 登记, by: 牛力}
  - complete: {item: 领取证照, by: kuang}
"""


def test_what_was_done_is_undone_by_those_who_hold_it() -> None:
    report = play(
        BEGUN
        + """
  - return: {item: 核查, by: 班布尔, to: B, reason: 未领全}
  - complete: {item: 领取证照, by: kuang}
  - complete: {item: 核查, by: 班布尔, form: {结论: 不合格}}
  - expect: {open: [交回证照], holder: {交回证照: 一号矿}, facts: [TransactionCancelled, CompensationThrown]}
  - complete: {item: 交回证照, by: kuang}
  - expect: {open: [注销登记], status: 注销中, holder: {注销登记: 能源局}, due: {AU: 2026-09-30T18:00}}
  - suspend: {by: 班布尔, reason: 等通知}
  - resume: {by: 班布尔, reason: 通知已到}
  - complete: {item: 注销登记, by: 班布尔, refused: not_allowed}
  - wait: 9 days
  - complete: {item: 注销登记, by: 牛力}
  - expect: {open: [告知]}
  - complete: {item: 告知, by: 班布尔}
  - expect: {ended: Gone}
""",
        package(DRAWN),
    )
    assert failures(report) == []


def test_nothing_is_undone_where_all_went_well() -> None:
    report = play(
        BEGUN
        + """
  - complete: {item: 核查, by: 班布尔, form: {结论: 合格}}
  - expect: {ended: Done}
""",
        package(DRAWN),
    )
    assert failures(report) == []

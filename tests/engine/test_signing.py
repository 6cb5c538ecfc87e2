"""会签、加签、减签 through the product: who may, who can be added, what waits for whom, what ends with what. Every scenario is
also restored from its snapshot between every step, and replayed from its facts."""

from __future__ import annotations

import pytest

from engine import commands as c
from engine import facts as f
from engine.audit.sentences import sentence
from engine.definitions.model import Package
from engine.errors import AlreadyClaimed, Conflict, EngineError, InputInvalid, NotAllowed, NotFound
from engine.execution.explain import explain
from tests.engine.handling import Desk, package
from tests.engine.test_scenario import failures, play

PLAIN = """
    start S
    and F
    user A name=初核 groups=DB due="workdays(now(), 5)"
    boundary A1 on=A interrupting=false duration=P30D
    user A2 name=催办 groups=AWB
    user B name=企业自查 groups=QY
    and J
    user Z name=汇总 groups=AWB returnTo=F
    end Done
    S -> F
    F -> A -> J
    F -> B -> J
    J -> Z -> Done
    A1 -> A2
"""
"""A step inside a parallel block."""

TOGETHER = """
    start S
    user A name=会签 groups=DB form=judge each="[\\"能源局\\", \\"住建局\\", \\"城川镇\\"]" as=单位 unit=单位 \
outputCollection=会签意见 outputElement="{单位: 单位, 意见: 结论}" passAt=2/3 veto=true groups="=[\\"DB@\\" + 单位, \\"SD@\\" + 单位]"
    user Y name=执行 groups=AWB
    user N name=重拟 groups=AWB
    xor X
    end Done
    S -> A -> X
    X -> Y if 会签结果="通过"
    X -> N default
    Y -> Done
    N -> Done
"""

IN_PARALLEL = """
    start S
    and F
    and J
    sub A name=会签 each="[\\"能源局\\", \\"住建局\\"]" as=单位 outputCollection=会签意见 outputElement="{单位: 单位, 意见: 答.结论}" passAt=1
        user A_sign name=各单位签署 form=judge groups="=[\\"DB@\\" + 单位, \\"SD@\\" + 单位]" out:答=form
        boundary A_late on=A_sign interrupting=false duration=P3D
        start A_in
        end A_out
        end A_urged escalation=催签
        A_in -> A_sign -> A_out
        A_late -> A_urged
    boundary A_esc on=A escalation=催签 interrupting=false
    user A_urge name=提醒 groups=AWB
    end A_told
    A_esc -> A_urge -> A_told
    user B name=企业自查 groups=QY
    user Z name=汇总 groups=AWB
    end Done
    S -> F
    F -> A -> J
    F -> B -> J
    J -> Z -> Done
"""
"""A 会签 whose rounds are subprocesses with clocks of their own, inside a parallel block."""

BEGUN = "  - start: {by: 能文, at: S, form: {主办: 能源局}}\n"


def drawn(text: str) -> Package:
    return package(text)


def passes(text: str, steps: str) -> None:
    assert failures(play(BEGUN + steps, drawn(text))) == []


class TestBefore:
    """前加签: the holder waits for the answer."""

    def test_inside_a_parallel_block(self) -> None:
        passes(
            PLAIN,
            """
  - add_signer: {item: 初核, by: 能文, way: 前加签, person: 简宁, reason: 请核对结构, until: 2026-09-30T18:00}
  - expect: {open: [初核, 企业自查, 征求意见：初核], holder: {征求意见：初核: 住建局}, due: {征求意见：初核: 2026-09-30T18:00}}
  - complete: {item: 初核, by: 能文, refused: conflict}
  - suspend: {by: 班布尔, reason: 等待检测}
  - add_signer: {item: 初核, by: 能文, way: 前加签, unit: 城川镇, role: SD, reason: 属地情况, refused: suspended}
  - resume: {by: 班布尔, reason: 检测完成}
  - release: {item: 征求意见：初核, by: 简宁, reason: 外出}
  - claim: {item: 征求意见：初核, by: 简宁}
  - complete: {item: 企业自查, by: kuang}
  - complete: {item: 征求意见：初核, by: 简宁, form: {加签意见: 不同意}, refused: form_invalid}
  - return: {item: 征求意见：初核, by: 简宁, reason: 材料不全, refused: not_allowed}
  - complete: {item: 征求意见：初核, by: 简宁, form: {加签意见: 不同意, 加签理由: 数据有误}}
  - expect: {open: [初核], facts: [SignerAdded]}
  - complete: {item: 初核, by: 能文}
  - expect: {open: [汇总]}
  - withdraw: {item: 初核, by: 能文, reason: 写错了, refused: not_allowed}
""",
        )

    def test_inside_a_multi_instance_only_its_own_round_waits(self) -> None:
        passes(
            TOGETHER,
            """
  - add_signer: {item: 会签, by: 能文, way: 前加签, person: 牛力, reason: 听同事意见}
  - complete: {item: 会签, by: 能文, form: {结论: 同意}, refused: conflict}
  - complete: {item: 会签, by: 简宁, form: {结论: 同意}}
  - expect: {open: [会签, 会签, 征求意见：会签]}
  - complete: {item: 征求意见：会签, by: 牛力, form: {加签意见: 同意}}
  - complete: {item: 会签, by: 能文, form: {结论: 同意}}
  - expect: {open: [执行], variables: {会签结果: 通过}}
""",
        )

    def test_it_ends_with_the_step_it_was_asked_in(self) -> None:
        passes(
            TOGETHER,
            """
  - add_signer: {item: 会签, by: 能文, way: 前加签, person: 牛力, reason: 听同事意见}
  - complete: {item: 会签, by: 简宁, form: {结论: 不同意}}
  - expect: {open: [重拟], variables: {会签结果: 不通过}, notices: [不用再签], facts: [SigningDecided]}
""",
        )

    def test_returning_the_step_takes_it_along(self) -> None:
        desk = Desk(
            drawn("start S\nuser A groups=DB\nuser B name=B groups=DB returnTo=A\nend E\nS -> A -> B -> E")
        )
        desk.start(主办="能源局").finish("A", "neng")
        item = desk.item("B")
        desk.do(c.AddSigner("case", item.id, "before", "请会商", person="jian"), "neng")
        assert [i.name for i in desk.state.items.values()] == ["B", "征求意见：B"]
        desk.do(c.ReturnItem("case", item.id, "材料不全", "A"), "neng")
        assert [i.element for i in desk.state.items.values()] == ["A"]
        assert not desk.state.signers
        told = [x for x in desk.new if isinstance(x, f.NoticeSent)]
        assert [(x.person, "随之撤销" in x.body) for x in told] == [("jian", True)]

    def test_an_opinion_once_given_cannot_be_taken_back_nor_be_a_return(self) -> None:
        desk = Desk(
            drawn("start S\nuser A groups=DB\nuser B name=B groups=DB returnTo=A\nend E\nS -> A -> B -> E")
        )
        desk.start(主办="能源局").finish("A", "neng")
        desk.do(c.AddSigner("case", desk.item("B").id, "before", "请会商", person="jian"), "neng")
        asked = next(i.id for i in desk.state.items.values() if i.name == "征求意见：B")
        with pytest.raises(NotAllowed, match="由加签人退回"):
            desk.do(c.ReturnItem("case", asked, "材料不全", "A"), "jian")
        desk.do(c.FinishItem("case", asked, {"加签意见": "同意"}), "jian")
        with pytest.raises(NotAllowed, match="意见已经交出"):
            desk.do(c.WithdrawItem("case", asked, "写错了"), "jian")

    def test_a_round_taken_back_stays_so_when_the_countersign_is_reopened(self) -> None:
        """撤回 of the last signature opens the 会签 again, with those who are left."""
        desk = Desk(drawn(TOGETHER.replace("passAt=2/3 veto=true", "passAt=1 waitForAll=true")))
        desk.start(主办="能源局")
        by_unit = {i.unit: i.id for i in desk.state.items.values()}
        desk.do(c.TakeBackSigner("case", by_unit["城川镇"], "无关"), "ban")
        desk.do(c.FinishItem("case", by_unit["能源局"], {"结论": "同意"}), "neng")
        desk.do(c.FinishItem("case", by_unit["住建局"], {"结论": "同意"}), "jian")
        assert [i.element for i in desk.state.items.values()] == ["Y"]
        desk.do(c.WithdrawItem("case", by_unit["住建局"], "看错了"), "jian")
        (again,) = desk.state.items.values()
        assert (again.element, again.unit) == ("A", "住建局")
        desk.do(c.FinishItem("case", again.id, {"结论": "不同意"}), "jian")
        assert [i.element for i in desk.state.items.values()] == ["N"]

    def test_who_was_added_by_name_is_asked_again_when_the_deciding_signature_is_taken_back(self) -> None:
        """撤回 of the veto that had stopped the others: the added round lies with the same person, and with nobody else."""
        desk = Desk(drawn(TOGETHER.replace(', \\"城川镇\\"', "")))
        desk.start(主办="能源局")
        by_unit = {i.unit: i.id for i in desk.state.items.values()}
        desk.do(c.AddSigner("case", by_unit["住建局"], "beside", "请一并把关", person="cheng"), "jian")
        desk.do(c.FinishItem("case", by_unit["住建局"], {"结论": "不同意"}), "jian")
        assert [i.element for i in desk.state.items.values()] == ["N"]
        desk.do(c.WithdrawItem("case", by_unit["住建局"], "看错了"), "jian")
        open_again = {(i.unit, i.person) for i in desk.state.items.values()}
        assert open_again == {
            ("住建局", "jian"),
            ("能源局", ""),
            ("城川镇", "cheng"),
        }

    def test_whose_opinion_was_wanted_is_asked_again_when_the_deciding_signature_is_taken_back(self) -> None:
        """The round it was wanted for had been stopped, and goes on: before it, after it, but for who was taken back."""
        desk = Desk(drawn(TOGETHER))
        desk.start(主办="能源局")
        by_unit = {i.unit: i.id for i in desk.state.items.values()}
        asked = by_unit["能源局"]
        for way, person in (("before", "niu"), ("after", "bao"), ("after", "ji")):
            desk.do(c.AddSigner("case", asked, way, "听同事意见", person=person), "neng")
        gone = next(s.id for s in desk.state.signers.values() if s.person == "ji")
        desk.do(c.TakeBackSigner("case", gone, "不必了"), "neng")
        desk.do(c.FinishItem("case", by_unit["住建局"], {"结论": "不同意"}), "jian")
        assert [i.element for i in desk.state.items.values()] == ["N"] and not desk.state.signers
        desk.do(c.WithdrawItem("case", by_unit["住建局"], "看错了"), "jian")
        held = [(i.name, i.person) for i in desk.state.items.values()]
        assert sorted(held) == [("会签", ""), ("会签", "jian"), ("会签", "neng"), ("征求意见：会签", "niu")]
        assert [(s.way, s.person, s.by) for s in desk.state.signers.values()] == [
            ("before", "niu", "neng"),
            ("after", "bao", "neng"),
        ]
        mine = next(i.id for i in desk.state.items.values() if i.person == "neng")
        with pytest.raises(Conflict):
            desk.do(c.FinishItem("case", mine, {"结论": "同意"}), "neng")

    def test_taken_back_the_holder_need_not_wait(self) -> None:
        passes(
            PLAIN,
            """
  - add_signer: {item: 初核, by: 能文, way: 前加签, unit: 住建局, role: DB, reason: 请核对结构}
  - take_back_signer: {item: 征求意见：初核, by: 牛力, reason: 不必了, refused: not_allowed}
  - take_back_signer: {item: 征求意见：初核, by: 能文, reason: 已口头答复}
  - expect: {open: [初核, 企业自查], facts: [SignerTakenBack], notices: [已减签]}
  - complete: {item: 初核, by: 能文}
  - expect: {open: [企业自查]}
""",
        )


class TestAfter:
    """后加签: the step is complete when the added one has signed too."""

    def test_inside_a_parallel_block_and_its_clocks_go_on(self) -> None:
        passes(
            PLAIN,
            """
  - add_signer: {item: 初核, by: 能文, way: 后加签, person: 简宁, reason: 请复核}
  - expect: {open: [初核, 企业自查]}
  - complete: {item: 企业自查, by: kuang}
  - complete: {item: 初核, by: 能文}
  - expect: {open: [后加签：初核], due: {后加签：初核: 2026-10-10T18:00}}
  - suspend: {by: 班布尔, reason: 等待检测}
  - resume: {by: 班布尔, reason: 检测完成}
  - wait: 31 days
  - expect: {open: [后加签：初核, 催办]}
  - complete: {item: 后加签：初核, by: 简宁, form: {加签意见: 同意}}
  - expect: {open: [汇总, 催办]}
""",
        )

    def test_inside_a_multi_instance_the_round_counts_when_it_is_signed(self) -> None:
        passes(
            TOGETHER,
            """
  - add_signer: {item: 会签, by: 能文, way: 后加签, person: 牛力, reason: 请把关}
  - complete: {item: 会签, by: 能文, form: {结论: 同意}}
  - complete: {item: 会签, by: 简宁, form: {结论: 同意}}
  - expect: {open: [会签, 后加签：会签], variables: {会签结果: null}}
  - complete: {item: 后加签：会签, by: 牛力, form: {加签意见: 有补充意见, 加签理由: 注意工期}}
  - expect: {open: [执行], variables: {会签结果: 通过}}
""",
        )

    def test_who_does_not_agree_sends_it_back_inside_a_parallel_block(self) -> None:
        """The holder does the step anew within its limit, and who had not agreed signs anew; what runs beside goes on."""
        passes(
            PLAIN,
            """
  - add_signer: {item: 初核, by: 能文, way: 后加签, person: 简宁, reason: 请复核}
  - add_signer: {item: 初核, by: 能文, way: 后加签, unit: 城川镇, role: SD, reason: 属地把关}
  - complete: {item: 初核, by: 能文}
  - complete: {item: 后加签：初核, by: 简宁, form: {加签意见: 不同意}, refused: form_invalid}
  - complete: {item: 后加签：初核, by: 简宁, form: {加签意见: 不同意, 加签理由: 数据有误}}
  - expect:
      open: [企业自查, 初核]
      holder: {初核: 能源局}
      due: {初核: 2026-10-10T18:00}
      facts: [SigningReturned]
      notices: ["“初核”被退回重新办理：后加签不同意", "“后加签：初核”暂不用签"]
  - complete: {item: 企业自查, by: kuang}
  - complete: {item: 初核, by: 牛力, refused: already_claimed}
  - complete: {item: 初核, by: 能文}
  - expect: {open: [后加签：初核, 后加签：初核]}
  - complete: {item: 后加签：初核, by: 简宁, form: {加签意见: 同意}}
  - complete: {item: 后加签：初核, by: 程川, form: {加签意见: 不同意, 加签理由: 缺签名}}
  - expect: {open: [初核]}
  - wait: 31 days
  - expect: {open: [初核, 催办]}
  - complete: {item: 初核, by: 能文}
  - complete: {item: 后加签：初核, by: 程川, form: {加签意见: 有补充意见, 加签理由: 注意工期}}
  - expect: {open: [汇总, 催办]}
""",
        )

    def test_sent_back_inside_a_multi_instance_the_last_word_counts(self) -> None:
        passes(
            TOGETHER,
            """
  - add_signer: {item: 会签, by: 能文, way: 后加签, person: 牛力, reason: 请把关}
  - complete: {item: 会签, by: 能文, form: {结论: 不同意}}
  - complete: {item: 会签, by: 简宁, form: {结论: 同意}}
  - complete: {item: 后加签：会签, by: 牛力, form: {加签意见: 不同意, 加签理由: 应当同意}}
  - expect: {open: [会签, 会签], variables: {会签结果: null}}
  - complete: {item: 会签, by: 能文, form: {结论: 同意}}
  - expect: {open: [会签, 后加签：会签], variables: {会签结果: null}}
  - complete: {item: 后加签：会签, by: 牛力, form: {加签意见: 同意}}
  - expect: {open: [执行], variables: {会签结果: 通过, 会签意见: [{单位: 能源局, 意见: 同意}, {单位: 住建局, 意见: 同意}]}}
""",
        )

    def test_done_anew_it_may_be_taken_from_the_signer_returned_or_signed_by_more(self) -> None:
        sent_back = """
  - add_signer: {item: 汇总, by: 班布尔, way: 后加签, person: 简宁, reason: 请复核}
  - complete: {item: 汇总, by: 班布尔}
  - complete: {item: 后加签：汇总, by: 简宁, form: {加签意见: 不同意, 加签理由: 数据有误}}
  - expect: {open: [汇总]}
"""
        begun = "\n  - complete: {item: 初核, by: 能文}\n  - complete: {item: 企业自查, by: kuang}"
        passes(
            PLAIN,
            begun
            + sent_back
            + """
  - take_back_signer: {person: 简宁, item: 汇总, by: 班布尔, reason: 已当面说明}
  - expect: {open: [汇总]}
  - complete: {item: 汇总, by: 班布尔}
  - expect: {ended: Done, open: []}
""",
        )
        passes(
            PLAIN,
            begun
            + sent_back
            + """
  - return: {item: 汇总, by: 班布尔, to: F, reason: 按意见重做, refused: not_allowed}
  - add_signer: {item: 汇总, by: 班布尔, way: 后加签, person: 程川, reason: 属地也看一下}
  - complete: {item: 汇总, by: 班布尔}
  - expect: {open: [后加签：汇总, 后加签：汇总]}
  - withdraw: {item: 汇总, by: 班布尔, reason: 写错了, refused: not_allowed}
  - complete: {item: 后加签：汇总, by: 简宁, form: {加签意见: 同意}}
  - complete: {item: 后加签：汇总, by: 程川, form: {加签意见: 同意}}
  - expect: {ended: Done}
""",
        )

    def test_taken_back_before_and_after_its_turn(self) -> None:
        added = """
  - add_signer: {item: 初核, by: 能文, way: 后加签, person: 简宁, reason: 请复核}
"""
        passes(
            PLAIN,
            added
            + """
  - take_back_signer: {person: 简宁, item: 初核, by: 能文, reason: 不必了}
  - complete: {item: 初核, by: 能文}
  - expect: {open: [企业自查]}
""",
        )
        passes(
            PLAIN,
            added
            + """
  - complete: {item: 初核, by: 能文}
  - take_back_signer: {item: 后加签：初核, by: 班布尔, reason: 本人请假}
  - expect: {open: [企业自查]}
""",
        )


class TestBeside:
    """并加签: one more of the 会签, who counts in the share."""

    def test_one_more_counts(self) -> None:
        passes(
            TOGETHER,
            """
  - add_signer: {item: 会签, by: 能文, way: 并加签, unit: 水利局, role: DB, reason: 涉及河道, refused: not_allowed}
  - add_signer: {item: 会签, by: 能文, way: 并加签, unit: 安委办, role: AWB, reason: 牵头单位把关, until: 2026-09-30T18:00}
  - expect: {open: [会签, 会签, 会签, 会签], holder: {会签: 安委办}, due: {会签: 2026-09-30T18:00}}
  - complete: {item: 会签, by: 能文, form: {结论: 同意}}
  - complete: {item: 会签, by: 简宁, form: {结论: 同意}}
  - expect: {open: [会签, 会签]}
  - complete: {item: 会签, by: 班布尔, form: {结论: 同意}}
  - expect: {open: [执行], variables: {会签意见: [{单位: 能源局, 意见: 同意}, {单位: 住建局, 意见: 同意}, {单位: 安委办, 意见: 同意}]}}
""",
        )

    def test_rounds_with_clocks_inside_a_parallel_block(self) -> None:
        passes(
            IN_PARALLEL,
            """
  - add_signer: {item: 各单位签署, by: 能文, way: 并加签, unit: 城川镇, role: SD, reason: 属地也要签}
  - expect: {open: [各单位签署, 各单位签署, 各单位签署, 企业自查], holder: {各单位签署: 城川镇}}
  - add_signer: {item: 各单位签署, by: 能文, way: 并加签, person: 简宁, reason: 再加, refused: input_invalid}
  - wait: 4 days
  - expect: {open: [各单位签署, 各单位签署, 各单位签署, 企业自查, 提醒, 提醒, 提醒]}
  - add_signer: {item: 各单位签署, by: 简宁, way: 前加签, unit: 能源局, role: DB, reason: 请会商}
  - take_back_signer: {item: 各单位签署, by: 简宁, reason: 不再需要, nth: 2, refused: not_allowed}
  - take_back_signer: {item: 各单位签署, by: 班布尔, reason: 单位已撤并, nth: 2}
  - expect: {open: [各单位签署, 各单位签署, 企业自查, 提醒, 提醒, 提醒]}
  - complete: {item: 提醒, by: 班布尔}
  - complete: {item: 提醒, by: 班布尔}
  - complete: {item: 提醒, by: 班布尔}
  - complete: {item: 各单位签署, by: 能文, form: {结论: 同意}}
  - complete: {item: 各单位签署, by: 程川, form: {结论: 同意}}
  - expect: {open: [企业自查], variables: {会签结果: 通过}}
""",
        )

    def test_one_after_the_other_is_added_to_before_or_after_only(self) -> None:
        passes(
            TOGETHER.replace("as=单位 unit", "as=单位 sequential=true unit"),
            """
  - add_signer: {item: 会签, by: 能文, way: 并加签, unit: 安委办, role: AWB, reason: 把关, refused: conflict}
  - add_signer: {item: 会签, by: 能文, way: 前加签, unit: 安委办, role: AWB, reason: 把关}
  - complete: {item: 征求意见：会签, by: 包文, form: {加签意见: 同意}}
  - take_back_signer: {item: 会签, by: 包文, reason: 单位撤并}
  - expect: {open: [会签], holder: {会签: 住建局}}
  - complete: {item: 会签, by: 简宁, form: {结论: 同意}}
  - complete: {item: 会签, by: 程川, form: {结论: 同意}}
  - expect: {open: [执行]}
""",
        )


class TestTakingBack:
    """减签 looks again whether the 会签 is decided, and never takes the last."""

    def test_it_may_decide(self) -> None:
        passes(
            TOGETHER,
            """
  - complete: {item: 会签, by: 能文, form: {结论: 同意}}
  - complete: {item: 会签, by: 简宁, form: {结论: 弃权}}
  - take_back_signer: {item: 会签, by: 班布尔, reason: 与属地无关}
  - expect: {open: [重拟], variables: {会签结果: 不通过}, notices: [已减签]}
""",
        )
        passes(
            TOGETHER.replace("2/3 veto=true", "1/2"),
            """
  - complete: {item: 会签, by: 能文, form: {结论: 同意}}
  - expect: {open: [会签, 会签]}
  - take_back_signer: {item: 会签, by: 班布尔, reason: 与属地无关}
  - expect: {open: [执行], facts: [SigningDecided]}
""",
        )

    def test_never_the_last(self) -> None:
        passes(
            TOGETHER,
            """
  - take_back_signer: {item: 会签, by: 班布尔, reason: 与其无关}
  - take_back_signer: {item: 会签, by: 班布尔, reason: 与其无关}
  - take_back_signer: {item: 会签, by: 班布尔, reason: 与其无关, refused: conflict}
  - expect: {open: [会签]}
  - complete: {item: 会签, by: 程川, form: {结论: 同意}}
  - expect: {open: [执行]}
""",
        )

    def test_a_completion_condition_is_asked_again(self) -> None:
        passes(
            TOGETHER.replace("passAt=2/3 veto=true", 'until="count(会签意见) >= nrOfInstances / 2"')
            .replace("会签结果", "会签意见[1].意见")
            .replace('"通过"', '"同意"'),
            """
  - complete: {item: 会签, by: 能文, form: {结论: 同意}}
  - expect: {open: [会签, 会签]}
  - take_back_signer: {item: 会签, by: 班布尔, reason: 与属地无关}
  - expect: {open: [执行], notices: [会签已有结论]}
""",
        )


def desk(text: str = PLAIN) -> Desk:
    return Desk(drawn(text)).start(主办="能源局")


REFUSALS: list[tuple[str, str, dict[str, object], type[EngineError], str]] = [
    (PLAIN, "neng", {"way": "sideways", "person": "jian"}, InputInvalid, "加签方式"),
    (PLAIN, "neng", {"way": "before"}, InputInvalid, "哪个岗位或人员"),
    (PLAIN, "neng", {"way": "beside", "person": "jian"}, Conflict, "不是同时签署的会签"),
    (PLAIN, "neng", {"way": "before", "person": "neng"}, Conflict, "就在能文手中"),
    (PLAIN, "neng", {"way": "before", "unit": "能源局", "role": "DB"}, Conflict, "选择具体人员"),
    (PLAIN, "neng", {"way": "before", "person": "谁"}, NotFound, "没有这个人员"),
    (PLAIN, "neng", {"way": "before", "person": "old"}, NotFound, "没有这个人员"),
    (PLAIN, "neng", {"way": "before", "unit": "没有"}, NotFound, "没有“没有”这个单位"),
    (PLAIN, "neng", {"way": "before", "unit": "水利局", "role": "DB"}, NotAllowed, "没有在岗"),
    (PLAIN, "cheng", {"way": "before", "person": "jian"}, NotAllowed, "不在您或您的单位手中"),
    (TOGETHER, "neng", {"way": "beside", "unit": "住建局", "role": "HQ"}, Conflict, "已经在会签名单中"),
    (TOGETHER, "neng", {"way": "beside", "unit": "城川镇", "role": "SD"}, Conflict, "已经在签"),
    (PLAIN, "neng", {"way": "before", "person": "jian", "reason": " "}, InputInvalid, "理由"),
]


class TestRefusals:
    @pytest.mark.parametrize(("text", "by", "asked", "kind", "words"), REFUSALS)
    def test_who_may_and_who_can_be_added(
        self, text: str, by: str, asked: dict[str, object], kind: type[EngineError], words: str
    ) -> None:
        case = desk(text)
        item = case.item("A")
        with pytest.raises(kind, match=words):
            case.do(c.AddSigner("case", item.id, **{"reason": "请会商", **asked}), by)  # type: ignore[arg-type]
        assert not case.state.signers

    def test_an_enterprise_learns_of_no_other(self) -> None:
        case = desk()
        item = case.item("B")
        hidden = c.AddSigner("case", item.id, "before", "请会商", unit="二号矿", role="QY")
        unknown = c.AddSigner("case", item.id, "before", "请会商", unit="无此矿", role="QY")
        said = []
        for command in (hidden, unknown):
            with pytest.raises(NotFound) as refusal:
                case.do(command, "kuang")
            said.append(str(refusal.value).replace(command.unit, "…"))
        assert said[0] == said[1]

    def test_who_claimed_it_is_the_one_to_ask(self) -> None:
        case = desk()
        item = case.item("A")
        case.do(c.ClaimItem("case", item.id), "niu")
        with pytest.raises(AlreadyClaimed, match="请本人或安委办加签"):
            case.do(c.AddSigner("case", item.id, "before", "请会商", person="jian"), "neng")
        case.do(c.AddSigner("case", item.id, "before", "请会商", person="jian"), "ban")
        assert case.item("A").person == "niu" or case.directory.name_of(case.item("A").person) == "牛力"

    def test_who_was_asked_asks_nobody_else_but_may_hand_it_on(self) -> None:
        case = desk()
        case.do(c.AddSigner("case", case.item("A").id, "before", "请会商", unit="住建局", role="DB"), "neng")
        asked = next(i for i in case.state.items.values() if i.name == "征求意见：初核")
        with pytest.raises(Conflict, match="是加签来的"):
            case.do(c.AddSigner("case", asked.id, "before", "请会商", person="niu"), "jian")
        with pytest.raises(Conflict, match="已经在签"):
            case.do(
                c.AddSigner("case", case.item("A").id, "before", "请会商", unit="住建局", role="DB"), "neng"
            )
        case.do(c.TransferItem("case", asked.id, "归口", unit="能源局"), "jian")
        assert case.state.items[asked.id].unit == "能源局"

    def test_duties_stay_separate(self) -> None:
        text = "start S\nuser A groups=DB\nuser B groups=AWB separateFrom=A\nend E\nS -> A -> B -> E"
        case = Desk(drawn(text)).start(主办="能源局").finish("A", "neng")
        with pytest.raises(EngineError, match="已在本案办理"):
            case.do(c.AddSigner("case", case.item("B").id, "before", "请会商", person="neng"), "ban")

    def test_a_limit_lies_ahead_and_within_the_steps_own(self) -> None:
        case = desk()
        item = case.item("A")
        assert item.due is not None
        from datetime import timedelta

        for way, due, words in (
            ("before", case.now, "晚于现在"),
            ("before", item.due + timedelta(days=1), "不能晚于"),
            ("before", item.due.replace(tzinfo=None), "时区"),
            ("after", item.due, "沿用"),
        ):
            with pytest.raises(InputInvalid, match=words):
                case.do(c.AddSigner("case", item.id, way, "请会商", person="jian", due=due), "neng")


class TestTelling:
    def test_in_sentences_and_in_what_the_case_waits_for(self) -> None:
        case = desk()
        item = case.item("A")
        case.do(c.AddSigner("case", item.id, "before", "请核对", person="jian"), "neng")
        from engine.calendar import Moment
        from engine.handlers.setting import Setting
        from engine.handlers.work import Work
        from tests.engine.builders import CALENDAR

        moment = Moment(case.now, CALENDAR)
        said = [w.text for w in explain(case.package, case.state, moment) if w.kind == "item"]
        assert any("“征求意见：初核”" in text for text in said)
        assert any("收到加签人的意见后才能办结" in text for text in said)
        work = Work(
            case.state,
            Setting(case.package, case.directory, moment, c.ENGINE, "case", case.number),
        )
        assert work.waits_for(case.item("A")) == "简宁（住建局）"
        names = {p.id: p.name for p in case.directory.people.values()}
        fact = next(x for x in case.facts if isinstance(x, f.SignerAdded))
        told = sentence(fact, case.package, names)
        assert "加住建局（督办部门承办人）简宁，理由：请核对" in told and "前加签（征求意见）" in told

    def test_who_does_not_agree_is_told_with_the_reason(self) -> None:
        case = desk()
        case.do(c.AddSigner("case", case.item("A").id, "after", "请复核", person="jian"), "neng")
        case.do(c.FinishItem("case", case.item("A").id, {}), "neng")
        (asked,) = (i for i in case.state.items.values() if i.name == "后加签：初核")
        case.do(c.FinishItem("case", asked.id, {"加签意见": "不同意", "加签理由": "数据有误"}), "jian")
        (again,) = (i for i in case.state.items.values() if i.element == "A")
        assert (again.unit, again.role, again.person) == ("能源局", "DB", "neng")
        assert again.basis == "简宁后加签不同意，退回原办理人重新办理，理由：数据有误"
        names = {p.id: p.name for p in case.directory.people.values()}
        fact = next(x for x in case.facts if isinstance(x, f.SigningReturned))
        told = sentence(fact, case.package, names)
        assert told.endswith("退回能源局（督办部门承办人）能文重新办理，办结后再签，理由：数据有误")

    def test_a_case_from_before_has_no_signers_and_reads_as_ever(self) -> None:
        case = desk()
        data = case.state.to_data()
        assert "signers" not in data
        assert f.from_data({"kind": "WorkItemRouted", "id": 3, "unit": "a", "role": "b", "basis": "c"}) == (
            f.WorkItemRouted(3, "a", "b", "c")
        )

"""Going back by people 退回与撤回: who may, whose work goes with it and who is told, and what is refused in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from engine import commands as c
from engine import facts as f
from engine.assignment import acting_as
from engine.audit.ledger import Entry
from engine.audit.sentences import timeline
from engine.calendar import Moment
from engine.directory import Absence
from engine.errors import EngineError, NotAllowed, NotFound, SeparationOfDuties
from engine.execution.history import History
from engine.handlers import Setting
from engine.handlers.going_back import losses_of, repeated, return_ways, why_not_withdrawn
from engine.handlers.work import Work
from tests.engine.builders import CALENDAR
from tests.engine.handling import Desk, package

DRAWN = """
    start S
    user A name=登记审核 groups=AWB form=judge
    and F
    user B name=能源局意见 groups=DB
    user C name=企业自查 groups=QY
    service T name=发函 topic=notice.send in:title="\\"函告\\"" in:unit="\\"能源局\\"" in:role="\\"DB\\""
    and J
    user M name=专家意见 groups=DB separateFrom=M each="[1, 2]" as=n
    user Z name=汇总 groups=AWB
    end Done
    S -> A -> F
    F -> B -> J
    F -> C -> T -> J
    J -> M -> Z -> Done
"""


@pytest.fixture
def desk() -> Desk:
    return Desk(package(DRAWN)).start().finish("A", "ban", 结论="属实")


def seen(desk: Desk, by: str) -> Work:
    """The case as somebody looks at it."""
    actor = acting_as(by, desk.directory)
    moment = Moment(desk.now, CALENDAR)
    return Work(
        desk.state,
        Setting(
            desk.package,
            desk.directory,
            moment,
            actor,
            "case",
            desk.number,
            history=lambda package: History(package, desk.facts),
        ),
    )


def send_back(desk: Desk, element: str, by: str, to: str = "", nth: int = 0) -> Desk:
    item = [i for i in desk.state.items.values() if i.element == element][nth]
    return desk.do(c.ReturnItem("case", item.id, "材料不全", to), by)


def withdraw(desk: Desk, element: str, by: str) -> Desk:
    done = [x.id for x in desk.facts if isinstance(x, f.WorkItemCompleted) and x.element == element]
    return desk.do(c.WithdrawItem("case", done[-1], "写错了"), by)


def notices(desk: Desk) -> list[tuple[str, str]]:
    return [(x.person or f"{x.role}@{x.unit}", x.body) for x in desk.new if isinstance(x, f.NoticeSent)]


def told(desk: Desk) -> list[str]:
    actor = c.Actor("x", "某人")
    entries = [Entry("case", n, desk.now, fact, actor, "") for n, fact in enumerate(desk.facts, 1)]
    names = {p.id: p.name for p in desk.directory.people.values()}
    return [line.text for line in timeline(entries, desk.package, names) if not line.technical]


def test_before_confirming_one_sees_whose_work_goes_with_it(desk: Desk) -> None:
    desk.finish("C", "kuang")
    work = seen(desk, "neng")
    item = desk.item("B")
    (way,) = return_ways(item, work)
    (loss,) = losses_of(way.recall, work, item.id)
    assert (way.to, loss.step, loss.person, loss.done) == ("A", "企业自查", "kuang", True)
    assert repeated(way.recall, work) == ["发函"]


def test_who_had_finished_is_told_that_it_is_to_be_done_again(desk: Desk) -> None:
    desk.finish("C", "kuang")
    send_back(desk, "B", "neng")
    ((to, body),) = notices(desk)
    assert to == "kuang"
    assert body == (
        "能文将“能源局意见”退回到“登记审核”，理由：材料不全。已办结的“企业自查”随之作废，办到这一步时请重新办理。"
    )
    assert "因“能源局意见”退回，阿拉腾其木格·呼和已办结的“企业自查”作废，办到这一步时重新办理" in told(desk)
    assert "C" not in desk.state.performers


def test_who_has_claimed_is_told_by_name_and_a_post_where_nobody_has(desk: Desk) -> None:
    send_back(desk, "C", "kuang")
    assert [to for to, _ in notices(desk)] == ["DB@能源局"]
    desk.finish("A", "ban", 结论="属实").do(c.ClaimItem("case", desk.item("B").id), "niu")
    send_back(desk, "C", "kuang")
    ((to, body),) = notices(desk)
    assert (to, body.endswith("待办“能源局意见”随之撤销，不用再办。")) == ("niu", True)


def test_rounds_that_exclude_each_other_may_be_done_again_by_the_same(desk: Desk) -> None:
    """separateFrom names the step itself: what is void keeps nobody from it."""
    desk.finish("B", "neng").finish("C", "kuang").finish("M", "neng").finish("M", "niu")
    assert sorted(desk.state.performers["M"]) == ["neng", "niu"]
    send_back(desk, "Z", "ban", "M")
    assert "M" not in desk.state.performers and not desk.incidents
    desk.finish("M", "niu").finish("M", "neng").finish("Z", "bao")
    assert desk.state.ended == "completed"


def test_a_step_of_another_branch_is_refused_in_words(desk: Desk) -> None:
    desk.finish("C", "kuang")
    with pytest.raises(NotAllowed, match="“企业自查”与“能源局意见”各走各的路"):
        send_back(desk, "B", "neng", "C")
    with pytest.raises(NotFound, match="没有环节“X”"):
        send_back(desk, "B", "neng", "X")


def test_taken_back_it_lies_with_the_person_again(desk: Desk) -> None:
    due = desk.item("B").due
    desk.finish("B", "niu").wait(days=1)
    withdraw(desk, "B", "niu")
    item = desk.item("B")
    assert (item.unit, item.role, item.person, item.due) == ("能源局", "DB", "niu", due)
    assert "B" not in desk.state.performers
    history = seen(desk, "niu").history
    assert history.executions[history.executions[item.id].again].form == {}
    assert "某人撤回了已办结的“能源局意见”，理由：写错了" in told(desk)


def test_where_nothing_was_lost_nobody_is_told(desk: Desk) -> None:
    assert notices(withdraw(desk.finish("B", "niu"), "B", "niu")) == []


@pytest.mark.parametrize(
    ("by", "steps", "says"),
    [
        ("neng", (), "由牛力办结，只有本人可以撤回"),
        ("niu", (("claim", "neng"),), "其后的“专家意见”已由能文签收。请联系其退签，或由其退回"),
        ("niu", (("claim", "niu"),), "其后的“专家意见”已由您本人签收。请先退签"),
        ("niu", (("finish", "neng"),), "其后的“专家意见”已由能文办结"),
    ],
)
def test_once_somebody_has_begun_it_stays(desk: Desk, by: str, steps: tuple, says: str) -> None:
    desk.finish("C", "kuang").finish("B", "niu")
    for what, person in steps:
        item = desk.item("M").id
        desk.do(c.ClaimItem("case", item) if what == "claim" else c.FinishItem("case", item, {}), person)
    with pytest.raises(NotAllowed, match=says):
        withdraw(desk, "B", by)
    done = next(x.id for x in desk.facts if isinstance(x, f.WorkItemCompleted) and x.element == "B")
    assert says.rstrip("。") in why_not_withdrawn(done, seen(desk, by))


def test_what_has_gone_out_cannot_be_taken_back(desk: Desk) -> None:
    with pytest.raises(NotAllowed, match="自动步骤“发函”已经发出，收不回来"):
        withdraw(desk.finish("C", "kuang"), "C", "kuang")


def test_an_ended_case_and_what_nobody_finished_are_refused(desk: Desk) -> None:
    for item in (desk.item("B").id, 1, 0, 999):
        with pytest.raises(NotFound, match="没有这件已经办结的事项"):
            desk.do(c.WithdrawItem("case", item, "写错了"), "niu")
    with pytest.raises(EngineError, match="撤回的理由"):
        desk.finish("B", "niu").do(c.WithdrawItem("case", 99, " "), "niu")
    desk.finish("C", "kuang").finish("M", "neng").finish("M", "niu").finish("Z", "ban")
    with pytest.raises(EngineError, match="案件已经结束，不能再撤回"):
        withdraw(desk, "Z", "ban")


def test_the_engine_alone_moves_tokens(desk: Desk) -> None:
    with pytest.raises(NotAllowed, match="只能由系统执行"):
        desk.do(c.TakeBack(desk.item("B").id), "ban")


# -- for another 代 ------------------------------------------------------------------------------------------

DAY = date(2026, 9, 28)


def away(desk: Desk, person: str, substitute: str) -> Desk:
    absence = Absence("one", person, DAY, DAY, "请假", substitute)
    desk.directory = replace(desk.directory, absences=(absence,), day=DAY)
    return desk


def back(desk: Desk) -> Desk:
    desk.directory = replace(desk.directory, absences=())
    return desk


@pytest.mark.parametrize("finisher", ["jian", "neng"])
def test_a_substitute_takes_back_what_was_done_for_who_is_away_or_by_that_one_before(
    desk: Desk, finisher: str
) -> None:
    """Inside a parallel block; whoever of the two had finished it, and it lies with the substitute then."""
    if finisher == "neng":
        desk.do(c.ClaimItem("case", desk.item("B").id), "neng").finish("B", "neng")
    away(desk, "neng", "jian")
    if finisher == "jian":
        desk.finish("B", "jian")
        assert desk.state.performers["B"] == ["neng", "jian"]
    withdraw(desk, "B", "jian")
    assert (desk.item("B").person, desk.item("B").behalf) == ("jian", "neng")
    assert "B" not in desk.state.performers, "nobody has done it, and nobody is kept from anything by it"
    told_to = [to for to, _ in notices(desk)]
    assert told_to == ["neng"], "for whom it was taken back"
    desk.finish("B", "jian").finish("C", "kuang")
    assert len([i for i in desk.state.items.values() if i.element == "M"]) == 2


def test_a_substitute_takes_back_one_round_of_several(desk: Desk) -> None:
    desk.finish("B", "niu").finish("C", "kuang").finish("M", "neng")
    away(desk, "neng", "jian")
    withdraw(desk, "M", "jian")
    again = next(i for i in desk.state.items.values() if i.element == "M" and i.person)
    assert (again.person, again.behalf) == ("jian", "neng") and "M" not in desk.state.performers
    desk.do(c.FinishItem("case", again.id, {}), "jian")
    assert desk.state.performers["M"] == ["neng", "jian"]
    desk.finish("M", "niu")
    withdraw(desk, "M", "niu")  # the whole is open again, and that round alone
    assert [i.person for i in desk.state.items.values()] == ["niu"]
    assert desk.state.performers["M"] == ["neng", "jian"]


def test_who_may_not_do_it_again_does_not_take_it_back(desk: Desk) -> None:
    """专家意见 is by different people: niu, who has given one, cannot have neng's come back into his hands."""
    desk.finish("B", "niu").finish("C", "kuang").finish("M", "neng")
    first = next(x.id for x in desk.facts if isinstance(x, f.WorkItemCompleted) and x.element == "M")
    desk.finish("M", "niu")
    away(desk, "neng", "niu")
    with pytest.raises(SeparationOfDuties, match="牛力已在本案办理“专家意见”"):
        desk.do(c.WithdrawItem("case", first, "写错了"), "niu")
    assert why_not_withdrawn(first, seen(desk, "niu"))


def test_when_the_days_are_over_it_is_for_whom_it_was_done(desk: Desk) -> None:
    away(desk, "neng", "jian").finish("B", "jian")
    back(desk)
    with pytest.raises(NotAllowed, match="由您代能文办结，代办期已结束，请能文撤回"):
        withdraw(desk, "B", "jian")
    with pytest.raises(NotAllowed, match="由简宁代能文办结，只有简宁、能文或其替岗人可以撤回"):
        withdraw(desk, "B", "niu")
    withdraw(desk, "B", "neng")
    assert (desk.item("B").person, desk.item("B").behalf) == ("neng", "")
    ((to, body),) = notices(desk)
    assert (to, body) == ("jian", "能文撤回了已办结的“能源局意见”，理由：写错了。这一步由其重新办理。")


def test_what_a_substitute_had_done_keeps_neither_from_it_once_it_is_void(desk: Desk) -> None:
    desk.finish("B", "niu").finish("C", "kuang")
    away(desk, "neng", "jian").do(c.ClaimItem("case", desk.item("M").id), "neng").finish("M", "jian")
    assert desk.state.performers["M"] == ["neng", "jian"]
    send_back(desk, "M", "niu", "B")
    assert "M" not in desk.state.performers

"""The case as a whole, actions, automatic steps, incidents, and the engine's own commands."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import commands as c
from engine.directory import from_data
from engine.errors import Conflict, FormInvalid, InputInvalid, NotAllowed, NotFound, NotOpen, Suspended
from engine.handlers import FileInfo
from engine.handlers.topics import TOPICS
from tests.engine.handling import OFFICE, Desk, package


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestSuspend:
    def test_the_office_suspends_and_resumes(self, desk: Desk) -> None:
        desk.until("B")
        assert desk.item("B").due == datetime(2026, 9, 30, 10, tzinfo=UTC)
        desk.do(c.SuspendCase("case", "不可抗力"), "ban")
        for command in (
            c.ClaimItem("case", desk.item("B").id),
            c.FinishItem("case", desk.item("B").id, {"结论": "重大"}),
            c.CallAction("case", "extension", {"理由": "设备未到"}),
        ):
            with pytest.raises(Suspended):
                desk.do(command, "kuang" if isinstance(command, c.CallAction) else "neng")
        with pytest.raises(Suspended, match="已经挂起"):
            desk.do(c.SuspendCase("case", "再挂"), "ban")
        desk.do(c.AddNote("case", "巡查正常"), "cheng")
        desk.wait(days=1).do(c.ResumeCase("case", "已恢复"), "ban")
        # one working day later: after the National Day holidays
        assert desk.item("B").due == datetime(2026, 10, 8, 10, tzinfo=UTC)
        with pytest.raises(Conflict, match="没有挂起"):
            desk.do(c.ResumeCase("case", "已恢复"), "ban")

    def test_not_everybody_may(self, desk: Desk) -> None:
        desk.start()
        with pytest.raises(NotAllowed, match="挂起由安委办办理"):
            desk.do(c.SuspendCase("case", "不可抗力"), "kuang")
        with pytest.raises(NotFound):
            desk.do(c.SuspendCase("case", "不可抗力"), "jian")

    def test_roles_and_length_are_the_packages(self) -> None:
        desk = Desk(package(suspend_max_days=30, suspend_roles=["FG"])).start()
        with pytest.raises(NotAllowed, match="挂起由分管领导办理"):
            desk.do(c.SuspendCase("case", "不可抗力"), "ban")
        with pytest.raises(InputInvalid, match="最长 30 日"):
            desk.do(c.SuspendCase("case", "不可抗力"), "zhu")
        with pytest.raises(InputInvalid, match="最长 30 日"):
            desk.do(c.SuspendCase("case", "不可抗力", desk.now + timedelta(days=31)), "zhu")
        with pytest.raises(InputInvalid, match="晚于现在"):
            desk.do(c.SuspendCase("case", "不可抗力", desk.now), "zhu")
        desk.do(c.SuspendCase("case", "不可抗力", desk.now + timedelta(days=30)), "zhu")
        assert desk.state.suspended


class TestCancelAndNote:
    def test_cancel(self, desk: Desk) -> None:
        desk.start()
        with pytest.raises(NotAllowed, match="作废由安委办办理"):
            desk.do(c.CancelCase("case", "重复登记"), "neng")
        with pytest.raises(InputInvalid, match="作废的理由"):
            desk.do(c.CancelCase("case", ""), "ban")
        desk.do(c.CancelCase("case", "重复登记"), "ban")
        assert desk.state.ended == "cancelled"
        with pytest.raises(NotOpen):
            desk.do(c.CancelCase("case", "重复登记"), "ban")
        with pytest.raises(NotOpen):
            desk.do(c.CallAction("case", "extension", {"理由": "x"}), "ban")
        desk.do(c.AddNote("case", "补充说明"), "ban")

    def test_a_note_says_something(self, desk: Desk) -> None:
        desk.start()
        for text in ("  ", "长" * 4001):
            with pytest.raises(InputInvalid, match="评论"):
                desk.do(c.AddNote("case", text), "ban")


class TestAttach:
    def test_once_and_only_what_is_there(self, desk: Desk) -> None:
        desk.start()
        desk.files["f1"] = FileInfo("f1", "现场.jpg", "image/jpeg", 3, "d" * 64, "", "kuang")
        desk.do(c.AttachFile("case", "f1"), "kuang")
        assert desk.kinds() == ["FileAttached"]
        with pytest.raises(NotFound):
            desk.do(c.AttachFile("case", "f2"), "kuang")
        with pytest.raises(NotFound):
            desk.do(c.AttachFile("case", "f1"), "jian")


class TestAuditors:
    def test_they_see_everything_and_write_nothing(self, desk: Desk) -> None:
        desk.start()
        desk.files["f1"] = FileInfo("f1", "现场.jpg", "image/jpeg", 3, "d" * 64, "", "ji")
        item = desk.item("A").id
        for command in (
            c.AddNote("case", "看过"),
            c.AttachFile("case", "f1"),
            c.ClaimItem("case", item),
            c.FinishItem("case", item, {}),
            c.TransferItem("case", item, "理由", "安委办"),
            c.SuspendCase("case", "理由"),
            c.CancelCase("case", "理由"),
            c.CallAction("case", "extension", {"理由": "x"}),
            c.DeliverMessage("延期申请"),
            c.ImportCase("test", "M", {}, "", {}),
        ):
            with pytest.raises(NotAllowed):
                desk.do(command, "ji")


class TestAction:
    def test_the_case_hears_it_and_the_item_is_routed(self, desk: Desk) -> None:
        desk.until("C").do(c.CallAction("case", "extension", {"理由": "设备未到"}), "kuang")
        assert desk.item("XU").unit == "安委会"
        assert desk.state.items.keys() > {desk.item("C").id}

    def test_refusals(self, desk: Desk) -> None:
        desk.until("C")
        with pytest.raises(NotFound, match="没有“nothing”这项申请"):
            desk.do(c.CallAction("case", "nothing", {}), "kuang")
        with pytest.raises(NotAllowed, match="“申请延期”由本案的企业经办办理"):
            desk.do(c.CallAction("case", "extension", {"理由": "x"}), "neng")
        with pytest.raises(NotAllowed):  # holds the role, but not for this enterprise
            desk.do(c.CallAction("case", "extension", {"理由": "x"}), "cheng")
        with pytest.raises(FormInvalid):
            desk.do(c.CallAction("case", "extension", {}), "kuang")

    def test_the_parent_asks_for_an_enterprise_without_people(self, desk: Desk) -> None:
        desk.start("neng", 企业="三号矿").do(c.CallAction("case", "extension", {"理由": "设备未到"}), "cheng")
        assert desk.item("XU").unit == "安委会"

    def test_not_when_the_case_does_not_wait_for_it(self) -> None:
        drawn = "start S\n user A groups=AWB\n end E\n S -> A -> E"
        desk = Desk(package(drawn)).start("kuang")
        with pytest.raises(Conflict, match="现在所处的环节不能“申请延期”"):
            desk.do(c.CallAction("case", "extension", {"理由": "x"}), "kuang")


class TestNobody:
    """No one to do it: visible at once, set right by transfer, by an appointment and retry, or by taking the item."""

    @pytest.fixture
    def halted(self, desk: Desk) -> Desk:
        desk.start("neng", 企业="二号矿")
        return desk.finish("A", "ban").finish("B", "neng", 结论="重大")

    def appoint(self, desk: Desk) -> None:
        office = copy.deepcopy(OFFICE)
        office["people"].append({"account": "er", "name": "二矿长", "posts": ["QY@二号矿"]})
        desk.directory = from_data(office)

    def test_an_incident_at_once_and_the_unit_for_display(self, halted: Desk) -> None:
        assert halted.incidents == [("C", "no_one_to_do_it")]
        assert halted.item("C").unit == "二号矿"
        message = next(iter(halted.state.incidents.values())).message
        assert message == "“整改”没有人可以办理：按案件信息“企业”由二号矿办理，但二号矿没有在岗的企业经办"

    def test_it_is_raised_once(self, halted: Desk) -> None:
        halted.do(c.AddNote("case", "已联系企业"), "ban")
        assert halted.kinds() == ["NoteAdded"]

    def test_transfer_sets_it_right(self, halted: Desk) -> None:
        halted.do(c.TransferItem("case", halted.item("C").id, "由属地代办", "城川镇"), "ban")
        assert halted.incidents == []
        halted.finish("C", "cheng")

    def test_retry_after_an_appointment(self, halted: Desk) -> None:
        incident = next(iter(halted.state.incidents))
        halted.do(c.RetryIncident(incident), "ban")
        assert halted.incidents == [("C", "no_one_to_do_it")]
        self.appoint(halted)
        halted.do(c.RetryIncident(next(iter(halted.state.incidents))), "ban")
        assert halted.incidents == []
        with pytest.raises(NotFound, match="已经处理"):
            halted.do(c.RetryIncident(incident), "ban")

    def test_when_separation_of_duties_leaves_nobody(self, desk: Desk) -> None:
        desk.start("neng").finish("A", "ban")
        desk.do(c.TransferItem("case", desk.item("B").id, "职责所在", "住建局"), "neng").finish(
            "B", "jian", 结论="重大"
        )
        desk.do(c.TransferItem("case", desk.item("C").id, "代办", "城川镇"), "kuang")
        office = copy.deepcopy(OFFICE)
        office["responsibilities"][0]["unit"] = "住建局"
        desk.directory = from_data(office)
        desk.finish("C", "cheng")
        assert desk.item("D").unit == "住建局"
        assert desk.incidents == [("D", "no_one_to_do_it")]
        message = next(iter(desk.state.incidents.values())).message
        assert "住建局在岗的人员都已办理过“判定”，同一人不能再办这一步。请转办" in message
        desk.do(c.TransferItem("case", desk.item("D").id, "回避", "能源局"), "ban").finish("D", "niu")
        assert desk.incidents == []

    def test_retry_with_a_corrected_variable(self, halted: Desk) -> None:
        halted.do(c.RetryIncident(next(iter(halted.state.incidents)), {"企业": "一号矿"}), "ban")
        assert halted.incidents == []
        assert halted.item("C").unit == "一号矿"

    def test_the_appointed_simply_does_it(self, halted: Desk) -> None:
        self.appoint(halted)
        halted.finish("C", "er")
        assert halted.incidents == []
        assert halted.item("D").unit == "能源局"


class TestTopics:
    def with_service(self, words: str) -> Desk:
        drawn = f"start S\n user A groups=AWB\n service T {words}\n user B groups=AWB\n end E\n S -> A -> T -> B -> E"
        return Desk(package(drawn)).start("kuang")

    def test_a_failing_topic_never_loses_the_persons_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(inputs: Any, call: Any) -> dict[str, Any]:
            call.say(None)
            raise ZeroDivisionError

        desk = self.with_service("topic=broken")
        monkeypatch.setitem(TOPICS, "broken", fail)
        desk.finish("A", "ban")
        assert desk.incidents == [("T", "job_failed")]
        assert desk.state.performers == {"S": ["kuang"], "A": ["ban"]}
        assert "ZeroDivisionError" in next(iter(desk.state.incidents.values())).message
        monkeypatch.setitem(TOPICS, "broken", lambda inputs, call: {"好": 1})
        desk.do(c.RetryIncident(next(iter(desk.state.incidents))), "ban")
        assert desk.state.root_variables["好"] == 1
        assert desk.item("B").unit == "安委办"

    def test_a_topic_says_what_to_correct(self) -> None:
        desk = self.with_service('topic=notice.send in:title="\\"通知\\""').finish("A", "ban")
        assert "没有收件单位或人员" in next(iter(desk.state.incidents.values())).message

    def test_letter_number(self) -> None:
        words = 'topic=letter.number in:series="\\"鄂前安办函\\"" in:format="\\"{series}〔{year}〕第{number}号\\""'
        desk = self.with_service(words).finish("A", "ban")
        assert desk.state.root_variables["文号"] == "鄂前安办函〔2026〕第1号"

    def test_letters_and_notices_reach_each_receiver(self) -> None:
        words = 'topic=letter.send in:title="\\"通知书\\"" in:number="\\"1号\\"" in:units="[\\"能源局\\", {unit: 企业, role: \\"QY\\"}]"'
        desk = self.with_service(words).finish("A", "ban")
        sent = [(x.unit, x.role, x.title, x.key) for x in desk.new if x.kind == "NoticeSent"]
        job = next(x.id for x in desk.new if x.kind == "JobOffered")
        assert sent == [
            ("能源局", "", "1号 通知书", f"case/{job}/1"),
            ("一号矿", "QY", "1号 通知书", f"case/{job}/2"),
        ]
        assert desk.state.root_variables["送达时间"] == desk.now

    def test_a_notice_to_a_person(self) -> None:
        words = 'topic=notice.send in:title="\\"通知\\"" in:person="\\"班布尔\\""'
        desk = self.with_service(words).finish("A", "ban")
        assert [x.person for x in desk.new if x.kind == "NoticeSent"] == ["ban"]

    def test_archive_and_statistics(self) -> None:
        desk = self.with_service("topic=archive").finish("A", "ban")
        assert desk.state.root_variables["归档目录"] == [
            {"步骤": "S", "办理人": "阿拉腾其木格·呼和"},
            {"步骤": "A", "办理人": "班布尔"},
        ]
        assert self.with_service("topic=statistics").finish("A", "ban").state.root_variables["入账时间"]

    def test_other_topics_wait_for_a_worker(self) -> None:
        desk = self.with_service("topic=outside").finish("A", "ban")
        job = next(iter(desk.state.jobs))
        with pytest.raises(NotFound):
            desk.do(c.CompleteJob(job, {}), "jian")
        with pytest.raises(NotAllowed):
            desk.do(c.CompleteJob(job, {}), "kuang")
        desk.do(c.CompleteJob(job, {"好": 1}), "ban")
        assert desk.item("B").unit == "安委办"

    def test_a_diagram_that_never_waits_is_stopped(self) -> None:
        from engine.errors import StepBudgetExceeded

        drawn = "start S\n user A groups=AWB\n service T topic=statistics\n xor G\n end E\n S -> A -> T -> G\n G -> T default\n G -> E if 停 = true"
        with pytest.raises(StepBudgetExceeded):
            Desk(package(drawn)).start("kuang").finish("A", "ban")


class TestMachine:
    def test_the_engines_own_commands_are_not_for_people(self, desk: Desk) -> None:
        desk.start()
        item = desk.item("A").id
        for command in (
            c.CompleteItem(item),
            c.PassDeadline(9),
            c.MoveItem(item, "B"),
            c.Cancel("无"),
            c.ThrowError(item, "E"),
        ):
            with pytest.raises(NotAllowed, match="只能由系统执行"):
                desk.do(command, "ban")

    def test_the_engine_may(self, desk: Desk) -> None:
        desk.start().do(c.CompleteItem(desk.item("A").id, {}, "ban"))
        assert desk.item("B").unit == "能源局"

    def test_the_office_delivers_a_message(self, desk: Desk) -> None:
        desk.start().do(c.DeliverMessage("延期申请"), "ban")
        assert desk.item("XU").unit == "安委会"
        with pytest.raises(NotAllowed, match="由安委办办理"):
            desk.do(c.DeliverMessage("延期申请"), "kuang")

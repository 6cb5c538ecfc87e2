"""People and their work items: start, claim, finish, release, transfer, return, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine import commands as c
from engine import facts as f
from engine.assignment import acting_as
from engine.directory import Person, Post
from engine.errors import (
    AlreadyClaimed,
    Conflict,
    FormInvalid,
    InputInvalid,
    NotAllowed,
    NotFound,
    NotOpen,
    SeparationOfDuties,
)
from engine.handlers import FileInfo
from engine.handlers.visibility import CaseView, may_see
from tests.engine.handling import DIAGRAM, REPORT, Desk, package


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestStart:
    def test_a_case_begins_with_its_form_and_is_routed(self, desk: Desk) -> None:
        desk.start()
        assert desk.state.root_variables["描述"] == "通风机停用"
        item = desk.item("A")
        assert (item.unit, item.role) == ("安委办", "AWB")
        assert item.basis == "安委办经办人只设在安委办"

    def test_only_roles_of_the_start(self, desk: Desk) -> None:
        with pytest.raises(NotAllowed, match="“登记”由企业经办、督办部门承办人办理"):
            desk.start("zhu")
        assert desk.state.started is None

    def test_errors_by_field_in_chinese(self, desk: Desk) -> None:
        with pytest.raises(FormInvalid) as refusal:
            desk.start(描述="")
        assert refusal.value.fields["errors"] == {"描述": ["“描述”为必填项。"]}

    def test_choices_come_from_the_directory(self, desk: Desk) -> None:
        desk.start(企业="二号矿")  # has nobody, and may be named all the same
        with pytest.raises(FormInvalid) as refusal:
            Desk().start(企业="能源局")
        assert list(refusal.value.fields["errors"]) == ["企业"]

    def test_message_start(self, desk: Desk) -> None:
        desk.do(c.StartCase("test", {}, "M"), "ban")
        assert desk.item("A").unit == "安委办"

    def test_unknown_start_and_second_start(self, desk: Desk) -> None:
        with pytest.raises(NotFound, match="没有“A”这个登记入口"):
            desk.do(c.StartCase("test", {}, "A"), "ban")
        desk.start()
        with pytest.raises(Conflict):
            desk.start()

    def test_the_none_start_is_the_default(self, desk: Desk) -> None:
        desk.do(c.StartCase("test", REPORT), "neng")
        assert desk.state.start == "S"

    def test_import_by_the_office_keeps_the_row(self, desk: Desk) -> None:
        command = c.ImportCase("test", "M", {"企业": "一号矿"}, "台账.xlsx 第5行", {"序号": 1}, None, "存疑")
        with pytest.raises(NotAllowed, match="由安委办导入"):
            desk.do(command, "neng")
        desk.do(command, "ban")
        assert desk.kinds().count("HistoryImported") == 1
        assert desk.item("A").unit == "安委办"


class TestClaimAndFinish:
    def test_claim_then_finish(self, desk: Desk) -> None:
        desk.start().do(c.ClaimItem("case", desk.item("A").id), "ban")
        assert desk.item("A").person == "ban"
        with pytest.raises(AlreadyClaimed, match="已由班布尔签收"):
            desk.finish("A", "bao")
        desk.finish("A", "ban")
        assert desk.item("B").unit == "能源局"
        assert desk.item("B").basis == "按职责库：煤矿由能源局负责（方案(7)）"

    def test_finishing_claims_implicitly_and_names_the_unit(self, desk: Desk) -> None:
        desk.start().finish("A", "ban")
        assert desk.kinds()[:2] == ["WorkItemClaimed", "WorkItemCompleted"]
        done = next(fact for fact in desk.new if fact.kind == "WorkItemCompleted")
        assert (done.person, done.unit) == ("ban", "安委办")

    def test_foreign_people_find_nothing(self, desk: Desk) -> None:
        desk.start()
        with pytest.raises(NotFound):
            desk.finish("A", "jian")

    def test_people_of_the_case_are_told_who_does_it(self, desk: Desk) -> None:
        desk.start()
        with pytest.raises(NotAllowed, match="由安委办办理"):
            desk.finish("A", "kuang")

    def test_a_closed_item_is_not_open(self, desk: Desk) -> None:
        desk.start()
        item = desk.item("A").id
        desk.finish("A", "ban")
        with pytest.raises(NotOpen):
            desk.do(c.FinishItem("case", item, {}), "ban")

    def test_a_wrong_form_changes_nothing(self, desk: Desk) -> None:
        desk.until("B")
        with pytest.raises(FormInvalid):
            desk.finish("B", "neng")
        assert desk.item("B").person == ""

    def test_a_task_without_form_takes_no_content(self, desk: Desk) -> None:
        with pytest.raises(InputInvalid, match="没有表单"):
            desk.start().finish("A", "ban", 多余="内容")

    def test_separation_of_duties(self, desk: Desk) -> None:
        desk.until("D")
        with pytest.raises(SeparationOfDuties, match="能文已在本案办理“判定”，不能再办理“复查”"):
            desk.finish("D", "neng")
        with pytest.raises(SeparationOfDuties):
            desk.do(c.ClaimItem("case", desk.item("D").id), "neng")
        desk.finish("D", "niu")

    def test_who_began_the_case_can_be_kept_apart_too(self) -> None:
        drawn = "start S\n user B name=判定 groups=DB separateFrom=S\n end E\n S -> B -> E"
        desk = Desk(package(drawn)).start("neng")
        with pytest.raises(SeparationOfDuties):
            desk.finish("B", "neng")
        desk.finish("B", "niu")

    def test_to_the_end(self, desk: Desk) -> None:
        desk.until("E").finish("E", "bao")
        assert (desk.state.ended, desk.state.end) == ("completed", "Done")
        assert desk.state.number == "试〔2026〕1号"
        notice = next(fact for fact in desk.facts if fact.kind == "NoticeSent")
        assert (notice.unit, notice.role, notice.title) == ("一号矿", "QY", "已办结")
        with pytest.raises(NotOpen, match="案件已经结束"):
            desk.do(c.FinishItem("case", 3, {}), "ban")


class TestReleaseAndTransfer:
    def test_release(self, desk: Desk) -> None:
        desk.start().do(c.ClaimItem("case", desk.item("A").id), "ban")
        with pytest.raises(InputInvalid, match="至少 2 个字"):
            desk.do(c.ReleaseItem("case", desk.item("A").id, " 否 "), "ban")
        desk.do(c.ReleaseItem("case", desk.item("A").id, "外出"), "ban")
        assert desk.item("A").person == ""
        with pytest.raises(NotAllowed, match="还没有人签收"):
            desk.do(c.ReleaseItem("case", desk.item("A").id, "外出"), "ban")

    def test_only_oneself_or_the_office_releases(self, desk: Desk) -> None:
        desk.until("B").do(c.ClaimItem("case", desk.item("B").id), "neng")
        with pytest.raises(NotAllowed, match="只有本人或安委办"):
            desk.do(c.ReleaseItem("case", desk.item("B").id, "有事"), "niu")
        desk.do(c.ReleaseItem("case", desk.item("B").id, "有事"), "ban")
        assert desk.kinds() == ["WorkItemReleased"], "the office knows what it does"

    def test_given_back_somebody_else_is_told(self, desk: Desk) -> None:
        """退签: the others of the post; where none of them may do it, the office."""

        def told() -> tuple[str, str, str, str]:
            desk.do(c.ClaimItem("case", desk.item("D").id), "niu")
            desk.do(c.ReleaseItem("case", desk.item("D").id, "临时出差"), "niu")
            note = desk.new[-1]
            assert isinstance(note, f.NoticeSent) and note.title == "退签：复查"
            return note.unit, note.role, note.person, note.body

        desk.until("B").finish("B", "neng", 结论="重大").finish("C", "kuang")
        unit, role, person, body = told()
        assert (unit, role, person) == ("安委办", "", "")
        assert body == "牛力（能源局）：临时出差。能源局没有其他人可以办理这一步，请转办或在通讯录中设岗。"
        nan = Person("nan", "nan", "南山")
        desk.directory = replace(
            desk.directory,
            people=desk.directory.people | {"nan": nan},
            posts=(*desk.directory.posts, Post("nan", "能源局", "DB")),
        )
        assert told() == (
            "能源局", "DB", "", "牛力（能源局）：临时出差。这一步退回岗位，请签收办理。",
        )  # fmt: skip

    def transfer(self, desk: Desk, by: str, **to: str) -> Desk:
        return desk.do(c.TransferItem("case", desk.item("B").id, "职责所在", **to), by)

    def test_to_another_unit(self, desk: Desk) -> None:
        self.transfer(desk.until("B"), "neng", unit="住建局")
        assert (desk.item("B").unit, desk.item("B").person) == ("住建局", "")
        desk.finish("B", "jian", 结论="重大")

    def test_to_a_person_of_ones_unit(self, desk: Desk) -> None:
        self.transfer(desk.until("B"), "neng", person="牛力")
        assert (desk.item("B").unit, desk.item("B").person) == ("能源局", "niu")
        with pytest.raises(AlreadyClaimed, match="请本人或安委办转办"):
            self.transfer(desk, "neng", unit="住建局")
        self.transfer(desk, "ban", unit="住建局")

    def test_an_assigned_item_transferred_to_a_unit_is_the_units(self) -> None:
        drawn = "start S\n user B name=判定 groups=DB assignee=neng\n end E\n S -> B -> E"
        desk = Desk(package(drawn)).start("kuang")
        with pytest.raises(NotAllowed, match="指定由能文办理"):
            desk.finish("B", "niu")
        desk.do(c.TransferItem("case", desk.item("B").id, "外出", "住建局"), "neng").finish("B", "jian")

    def test_an_assignee_drawn_by_name(self) -> None:
        drawn = "start S\n user B name=判定 groups=DB assignee=能文\n end E\n S -> B -> E"
        desk = Desk(package(drawn)).start("kuang")
        assert (desk.item("B").person, desk.item("B").unit) == ("neng", "能源局")
        desk.finish("B", "neng")

    def test_an_assignee_nobody_knows(self) -> None:
        drawn = "start S\n user B name=判定 groups=DB assignee=谁\n end E\n S -> B -> E"
        desk = Desk(package(drawn)).start("kuang")
        assert desk.incidents == [("B", "no_one_to_do_it")]
        desk.do(c.TransferItem("case", desk.item("B").id, "改派", person="niu"), "ban").finish("B", "niu")

    def test_a_slip_in_the_register_locks_nobody_out(self) -> None:
        made = replace(package(), register={"party": "企业", "region": 'workdays(date("1900-01-01"), 1)'})
        Desk(made).start().do(c.AddNote("case", "看得到"), "kuang")

    @pytest.mark.parametrize(
        ("to", "says"),
        [
            ({}, "请选择"),
            ({"unit": "没有局"}, "没有“没有局”这个单位"),
            ({"unit": "水利局"}, "水利局没有在岗的督办部门承办人"),
            ({"person": "谁"}, "没有这个人员"),
            ({"person": "ban"}, "没有督办部门承办人岗位"),
            ({"person": "jian", "unit": "能源局"}, "简宁在能源局没有"),
            ({"unit": "能源局"}, "已经在能源局"),
        ],
    )
    def test_where_it_cannot_go(self, desk: Desk, to: dict[str, str], says: str) -> None:
        with pytest.raises((NotFound, NotAllowed, InputInvalid), match=says):
            self.transfer(desk.until("B"), "neng", **to)

    def test_others_may_not(self, desk: Desk) -> None:
        with pytest.raises(NotAllowed, match="不在您或您的单位手中"):
            self.transfer(desk.until("B"), "kuang", unit="住建局")


class TestReturn:
    def returned(self, desk: Desk, element: str, by: str, to: str = "", reason: str = "材料不全") -> Desk:
        return desk.do(c.ReturnItem("case", desk.item(element).id, reason, to), by)

    def test_to_the_drawn_target(self, desk: Desk) -> None:
        self.returned(desk.until("C"), "C", "kuang", "B")
        assert desk.item("B").unit == "能源局"
        assert desk.kinds()[0] == "WorkItemReturned"

    def test_to_the_step_before_when_none_is_drawn(self, desk: Desk) -> None:
        self.returned(desk.until("D"), "D", "niu")
        assert [i.element for i in desk.state.items.values()] == ["C"]

    def test_refusals(self, desk: Desk) -> None:
        desk.until("C")
        with pytest.raises(NotAllowed, match="不能退回到“登记审核”。可以退回的步骤：判定"):
            self.returned(desk, "C", "kuang", "A")
        with pytest.raises(InputInvalid, match="退回的理由"):
            self.returned(desk, "C", "kuang", "B", " 无")
        with pytest.raises(NotAllowed, match="之前没有可以退回的步骤"):
            self.returned(Desk().start(), "A", "ban")


class TestFiles:
    def upload(self, desk: Desk, file: str, **more: Any) -> None:
        desk.files[file] = FileInfo(
            **{
                "id": file,
                "name": f"{file}.jpg",
                "media_type": "image/jpeg",
                "size": 9,
                "digest": "d" * 64,
                "uploaded_by": "neng",
                **more,
            }
        )

    def attached(self, desk: Desk) -> list[tuple[str, int]]:
        return [(fact.file, fact.item) for fact in desk.facts if fact.kind == "FileAttached"]

    def test_files_of_the_form_are_attached(self, desk: Desk) -> None:
        self.upload(desk, "p1")
        desk.start(照片=["p1"])
        assert self.attached(desk) == [("p1", 0)]

    def test_files_beside_the_form(self, desk: Desk) -> None:
        desk.until("B")
        self.upload(desk, "p2")
        item = desk.item("B").id
        desk.do(c.FinishItem("case", item, {"结论": "重大"}, ("p2",)), "neng")
        assert self.attached(desk) == [("p2", item)]

    def test_unknown_foreign_and_taken_files(self, desk: Desk) -> None:
        with pytest.raises(NotFound, match="附件不存在"):
            desk.start(照片=["nothing"])
        self.upload(desk, "p3", uploaded_by="jian")
        with pytest.raises(NotFound, match="不是您上传的"):
            desk.start(照片=["p3"])
        self.upload(desk, "p4", case="other")
        with pytest.raises(Conflict, match="已属于另一案件"):
            desk.start(照片=["p4"])
        self.upload(desk, "p5", case="case", uploaded_by="jian")
        desk.start(照片=["p5"])  # this case's already
        assert self.attached(desk) == []


class TestVisibility:
    @pytest.mark.parametrize("person", ["ban", "zhu", "neng", "niu", "cheng", "kuang"])
    def test_those_concerned_see_it(self, desk: Desk, person: str) -> None:
        desk.start().do(c.AddNote("case", "看到了"), person)

    def test_who_registered_it_and_that_unit_see_it(self, desk: Desk) -> None:
        desk.start("neng", 行业="施工", 属地="")
        for person in ("neng", "niu"):
            desk.do(c.AddNote("case", "我登记的"), person)
        with pytest.raises(NotFound):
            desk.do(c.AddNote("case", "与我无关"), "cheng")

    def test_others_do_not(self, desk: Desk) -> None:
        with pytest.raises(NotFound):
            desk.start().do(c.AddNote("case", "看到了"), "jian")

    def test_a_unit_named_in_the_case_sees_it(self, desk: Desk) -> None:
        desk.start(主办="住建局").do(c.AddNote("case", "会签"), "jian")

    def test_who_held_it_before_still_sees_it(self, desk: Desk) -> None:
        desk.until("B").do(c.TransferItem("case", desk.item("B").id, "转办", "住建局"), "neng")
        desk.do(c.TransferItem("case", desk.item("B").id, "不归我管", "能源局"), "jian")
        desk.finish("B", "niu", 结论="重大").do(c.AddNote("case", "办过"), "jian")

    def test_from_rows(self, desk: Desk) -> None:
        jian = acting_as("jian", desk.directory)
        assert not may_see(jian, CaseView(party="一号矿", region="城川镇", sector="煤矿"), desk.directory)
        assert may_see(jian, CaseView(sector="施工"), desk.directory)
        assert may_see(jian, CaseView(units=frozenset({"住建局"})), desk.directory)
        assert may_see(jian, CaseView(people=frozenset({"jian"})), desk.directory)
        assert not may_see(c.Actor(person="nobody"), CaseView(), desk.directory)


def test_the_package_of_these_tests_compiles() -> None:
    assert package(DIAGRAM).processes

"""Who holds an item and who may do it: every rule of routing, and the directory behind it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from engine.assignment import Place, acting_as, candidates, group_list, may_do, route
from engine.calendar import Moment
from engine.directory import Directory, from_data
from engine.errors import AlreadyClaimed, InputInvalid, NotAllowed, SeparationOfDuties
from engine.execution.state import Item
from engine.feel import compile_expression
from tests.engine.builders import CALENDAR, MONDAY
from tests.engine.handling import OFFICE, package

COAL = Place("煤矿", "城川镇")


@pytest.fixture(scope="module")
def directory() -> Directory:
    return from_data(OFFICE)


def routed(
    directory: Directory, *groups: str, place: Place = COAL, **variables: Any
) -> tuple[str, str, bool]:
    options = {k: variables.pop(k) for k in ("own_unit", "assignee") if k in variables}
    found = route(groups, package().roles, variables, place, directory, Moment(MONDAY, CALENDAR), **options)
    assert found.basis
    return found.unit, found.role, found.holders


class TestRoute:
    def test_explicit_unit_wins(self, directory: Directory) -> None:
        assert routed(directory, "DB@住建局", 主办="能源局") == ("住建局", "DB", True)

    def test_own_unit_of_the_task_before_the_role_rule(self, directory: Directory) -> None:
        own = compile_expression("会签单位")
        assert routed(directory, "DB", own_unit=own, 会签单位="住建局", 主办="能源局") == (
            "住建局",
            "DB",
            True,
        )

    def test_role_rule(self, directory: Directory) -> None:
        assert routed(directory, "DB", 主办="住建局") == ("住建局", "DB", True)

    def test_responsibility_table_when_the_rule_gives_null(self, directory: Directory) -> None:
        assert routed(directory, "DB") == ("能源局", "DB", True)
        assert routed(directory, "DB", place=Place("施工", "城川镇")) == ("住建局", "DB", True)
        assert routed(directory, "SD", place=Place("", "城川镇")) == ("城川镇", "SD", True)

    def test_the_more_specific_line_wins_even_when_nobody_is_there(self, directory: Directory) -> None:
        assert routed(directory, "DB", place=Place("煤矿", "昂素镇")) == ("水利局", "DB", False)

    def test_the_only_unit_with_the_role(self, directory: Directory) -> None:
        assert routed(directory, "AWB") == ("安委办", "AWB", True)

    def test_several_units_and_no_rule(self, directory: Directory) -> None:
        assert routed(directory, "HQ") == ("", "HQ", False)

    def test_nobody_anywhere(self, directory: Directory) -> None:
        assert routed(directory, "ZJ") == ("", "ZJ", False)
        assert routed(directory) == ("", "", False)

    def test_the_parent_acts_for_an_enterprise_without_people(self, directory: Directory) -> None:
        assert routed(directory, "QY", 企业="三号矿") == ("城川镇", "QY", True)
        assert routed(directory, "QY", 企业="二号矿") == ("二号矿", "QY", False)

    def test_an_unknown_unit_is_kept_for_display(self, directory: Directory) -> None:
        assert routed(directory, "QY", 企业="没有的矿") == ("没有的矿", "QY", False)

    def test_the_first_group_with_people_takes_it(self, directory: Directory) -> None:
        assert routed(directory, "QY", "SD", 企业="二号矿") == ("城川镇", "SD", True)
        assert routed(directory, "QY", "ZJ", 企业="二号矿") == ("二号矿", "QY", False)

    def test_assignee(self, directory: Directory) -> None:
        assert routed(directory, "DB", assignee="jian") == ("住建局", "DB", True)
        assert routed(directory, assignee="班布尔") == ("安委办", "AWB", True)
        assert routed(directory, assignee="old") == ("", "", False)
        assert routed(directory, assignee="谁") == ("", "", False)

    def test_the_basis_names_the_rule(self, directory: Directory) -> None:
        found = route(("DB",), package().roles, {}, COAL, directory, Moment(MONDAY, CALENDAR))
        assert found.basis == "按职责库：煤矿由能源局负责（方案(7)）"


def test_group_list() -> None:
    assert group_list("DB, SD，QY") == ("DB", "SD", "QY")
    assert group_list(["DB@能源局", None, " "]) == ("DB@能源局",)
    assert group_list(None) == ()


class _Task:
    def __init__(self, apart: str = "") -> None:
        self.properties = {"separateFrom": apart} if apart else {}


def an_item(**more: Any) -> Item:
    return Item(
        **{
            "id": 5,
            "element": "D",
            "name": "复查",
            "groups": ("DB",),
            "offered": MONDAY,
            "unit": "能源局",
            "role": "DB",
            **more,
        }
    )


def may(directory: Directory, person: str, item: Item, apart: str = "", **done: list[str]) -> None:
    may_do(acting_as(person, directory), item, done, _Task(apart), {"B": "判定"}, directory)


class TestMayDo:
    def test_holder_of_the_post(self, directory: Directory) -> None:
        may(directory, "neng", an_item())
        with pytest.raises(NotAllowed, match="“复查”由能源局办理"):
            may(directory, "jian", an_item())

    def test_claimed_by_another(self, directory: Directory) -> None:
        may(directory, "niu", an_item(person="niu"))
        with pytest.raises(AlreadyClaimed, match="已由牛力签收"):
            may(directory, "neng", an_item(person="niu"))

    def test_assignee_only(self, directory: Directory) -> None:
        may(directory, "jian", an_item(assignee="jian"))
        with pytest.raises(NotAllowed, match="指定由简宁办理"):
            may(directory, "neng", an_item(assignee="jian"))

    def test_separation_of_duties_says_who_and_which_step(self, directory: Directory) -> None:
        may(directory, "niu", an_item(), "A,B", B=["neng"])
        with pytest.raises(
            SeparationOfDuties, match="能文已在本案办理“判定”，不能再办理“复查”。请转交能源局其他人员办理。"
        ):
            may(directory, "neng", an_item(), "A,B", B=["neng"])

    def test_candidates(self, directory: Directory) -> None:
        def able(item: Item, apart: str = "", **done: list[str]) -> list[str]:
            return candidates(item, done, _Task(apart), {}, directory)

        assert able(an_item()) == ["neng", "niu"]
        assert able(an_item(), "B", B=["neng"]) == ["niu"]
        assert able(an_item(person="neng")) == ["neng"]
        assert able(an_item(assignee="jian")) == ["jian"]
        assert able(an_item(unit="水利局")) == []


class TestDirectory:
    def test_retired_people_and_units_do_not_count(self, directory: Directory) -> None:
        assert directory.members("水利局", "DB") == []
        assert directory.posts_of("old") == []
        assert directory.find_person("old") is not None and directory.name_of("old") == "退休人"
        data = copy.deepcopy(OFFICE)
        next(u for u in data["units"] if u["name"] == "能源局")["active"] = False
        less = from_data(data)
        assert less.members("能源局", "DB") == [] and less.responsible("DB", "煤矿", "城川镇") is None

    def test_find_by_name_or_account(self, directory: Directory) -> None:
        for text in ("kuang", "阿拉腾其木格·呼和"):
            found = directory.find_person(text)
            assert found is not None and found.id == "kuang"
        assert directory.find_person("无此人") is None

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda d: d["units"].append({"name": "安委办"}), "重复"),
            (lambda d: d["units"].append({"name": "新", "kind": "部队"}), "类别"),
            (lambda d: d["units"].append({"name": "新", "parent": "没有"}), "前面"),
            (lambda d: d["units"].append({"name": "新", "颜色": "红"}), "不认识的项 颜色"),
            (lambda d: d["people"].append({"account": "ban", "name": "又一"}), "账号重复"),
            (
                lambda d: d["people"].append({"account": "x", "name": "x", "posts": ["DB@没有"]}),
                "没有这个单位",
            ),
            (lambda d: d["responsibilities"].append({"roles": ["DB"], "unit": "没有"}), "没有“没有”这个单位"),
            (
                lambda d: d["responsibilities"].append({"sector": "煤矿", "roles": ["DB"], "unit": "住建局"}),
                "重复",
            ),
        ],
    )
    def test_wrong_data_is_refused_with_its_place(self, change: Any, says: str) -> None:
        data = copy.deepcopy(OFFICE)
        change(data)
        with pytest.raises(InputInvalid, match=says):
            from_data(data)

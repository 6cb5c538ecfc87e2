"""Drafts of forms 草稿: they go with the person from device to device, are nobody else's, and end with the item; conclusions are never
filled in beforehand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from engine.runtime.form_drafts import KEPT, sweep
from engine.store.tables import begun_forms, form_drafts
from tests import stores
from tests.web.builder import REGISTERED, Site
from web.case.queries import prefill, required_files
from web.identity import host_clock

pytestmark = stores.both

FORMS = Path(__file__).parents[2] / "forms" / "major_hazard_supervision"


def address(site: Site, case: str, element: str = "A") -> str:
    return f"/api/v1/cases/{case}/items/{site.item(case, element)}/draft"


def kept(site: Site) -> int:
    with site.engine.read() as c:
        return int(c.execute(sa.select(sa.func.count()).select_from(form_drafts)).scalar_one())


def test_what_was_begun_on_one_device_goes_on_at_another(site: Site) -> None:
    at = address(site, site.begin())
    wang = site.user("wang")
    assert wang.get(at).json == {"revision": 0, "data": None, "age": 0}
    first = wang.put(at, {"data": {"说明": "到现场了"}}).json["revision"]
    assert first > 0
    desk = site.stranger().sign_in("wang")
    found = desk.get(at).json
    assert (found["revision"], found["data"]) == (first, {"说明": "到现场了"})
    second = desk.put(at, {"data": {"说明": "到现场了，风机停着"}, "base": first}).json["revision"]
    assert second > first
    late = wang.put(at, {"data": {"说明": "旧的"}, "base": first})
    assert late.status_code == 409
    assert "另一台设备" in late.json["detail"]
    assert wang.get(at).json["data"] == {"说明": "到现场了，风机停着"}


def test_a_draft_is_nobody_elses(site: Site) -> None:
    case = site.begin()
    at = address(site, case)
    site.user("wang").put(at, {"data": {"说明": "只有我看得见"}})
    assert site.user("li").get(at).json["data"] is None  # of the same unit and post
    assert site.user("liu").get(at).status_code == 404  # of another department
    refused = site.user("zhao").put(at, {"data": {"说明": "不是我的步骤"}})
    assert refused.status_code == 403
    for page in (f"/cases/{case}", at.removesuffix("/draft").removeprefix("/api/v1")):
        for account in ("wang", "li", "zhao"):
            assert "只有我看得见" not in site.user(account).get(page).text
    assert kept(site) == 1


def test_a_draft_ends_with_its_item(site: Site) -> None:
    case = site.begin()
    at = address(site, case)
    for account in ("wang", "li"):
        site.user(account).put(at, {"data": {"说明": "写到一半"}})
    done = site.user("wang").post(
        at.replace("/draft", "/finish"), {"form": {"说明": "写完了", "结论": "属实"}}
    )
    assert done.status_code == 200, done.text
    for account in ("wang", "li"):
        assert site.user(account).get(at).json["data"] is None
    assert (sweep(site.engine, host_clock.now()), kept(site)) == (2, 0)
    assert site.user("li").put(at, {"data": {"说明": "晚了"}}).status_code == 409


def test_a_step_that_comes_back_begins_without_the_draft_of_the_one_before(site: Site) -> None:
    case = site.begin()
    site.user("wang").put(address(site, case), {"data": {"说明": "第一次", "结论": "属实"}})
    form = {"form": {"说明": "第一次", "结论": "属实"}}
    site.user("wang").post(address(site, case).replace("/draft", "/finish"), form)
    back = {"reason": "照片不清楚，请重拍", "to": "A"}
    at = address(site, case, "B").replace("/draft", "/return")
    assert site.user("zhao").post(at, back).status_code == 200
    again = address(site, case)
    assert site.user("wang").get(again).json["data"] is None
    begun = site.user("wang").get(again.removesuffix("/draft")).json["data"]
    assert begun["说明"] == "第一次"
    assert "结论" not in begun


def test_who_does_not_want_a_draft_throws_it_away(site: Site) -> None:
    at = address(site, site.begin())
    wang = site.user("wang")
    wang.put(at, {"data": {"说明": "不要了"}})
    assert wang.send("DELETE", at).status_code == 204
    assert wang.get(at).json["data"] is None


START = "/api/v1/starts/tiny/S/draft"


def test_a_registration_goes_on_at_another_device_and_ends_with_the_case(site: Site) -> None:
    wang = site.user("wang")
    first = wang.put(START, {"data": {"名称": "写到一半"}}).json["revision"]
    desk = site.stranger().sign_in("wang")
    assert desk.get(START).json["data"] == {"名称": "写到一半"}
    assert START in desk.get("/register/new/tiny/S").text
    assert site.user("li").get(START).json["data"] is None
    later = desk.put(START, {"data": {"名称": "写完了"}, "base": first}).json["revision"]
    assert wang.put(START, {"data": {"名称": "旧的"}, "base": first}).status_code == 409
    begun = {"package": "tiny", "start": "S", "form": REGISTERED}
    assert wang.post("/api/v1/cases", begun | {"draft": first}).status_code == 201
    assert wang.get(START).json["revision"] == later, "another device had gone on since"
    assert desk.post("/api/v1/cases", begun | {"draft": later}).status_code == 201
    assert desk.get(START).json == {"revision": 0, "data": None, "age": 0}


def test_nobody_keeps_a_registration_that_is_not_open_to_him_or_not_there(site: Site) -> None:
    assert site.user("gao").put(START, {"data": {}}).status_code == 403
    assert site.user("gao").get(START).status_code == 403
    assert site.user("wang").put(START.replace("/S/", "/X/"), {"data": {}}).status_code == 404
    assert site.user("wang").put(START.replace("tiny", "nobody"), {"data": {}}).status_code == 404


def test_a_registration_nobody_went_on_with_is_gone_after_a_week(site: Site) -> None:
    wang = site.user("wang")
    known = wang.put(START, {"data": {"名称": "忘了"}}).json["revision"]
    with site.engine.database.write() as c:
        c.execute(sa.update(begun_forms).values(saved_at=host_clock.now() - KEPT))
    assert wang.get(START).json["data"] is None
    assert wang.put(START, {"data": {"名称": "新的"}}).json["revision"] > known
    with site.engine.database.write() as c:
        c.execute(sa.update(begun_forms).values(saved_at=host_clock.now() - KEPT))
    assert sweep(site.engine, host_clock.now()) == 1
    assert wang.put(START, {"data": {"名称": "不要了"}}).status_code == 200
    assert wang.send("DELETE", START).status_code == 204
    assert wang.get(START).json["data"] is None


def test_an_action_goes_on_at_another_device_and_ends_when_it_was_asked_for(site: Site) -> None:
    case = site.begin()
    at = f"/api/v1/cases/{case}/actions/extension"
    wang = site.user("wang")
    kept = wang.put(f"{at}/draft", {"data": {"理由": "等配件"}})
    assert kept.status_code == 200, kept.text
    desk = site.stranger().sign_in("wang")
    assert desk.get(f"{at}/draft").json["data"] == {"理由": "等配件"}
    assert site.user("li").get(f"{at}/draft").json["data"] is None
    assert site.user("liu").get(f"{at}/draft").status_code == 404  # of another department
    assert wang.put(f"{at}s/draft", {"data": {}}).status_code == 404
    asked = desk.post(at, {"form": {}, "draft": kept.json["revision"]})
    assert asked.status_code == 200, asked.text
    assert wang.get(f"{at}/draft").json["data"] is None


def fields(schema: dict[str, Any]) -> list[str]:
    return [c["key"] for c in schema["components"] if "key" in c]


@pytest.mark.parametrize("key", ["T21", "T29", "X_false_check", "X_closure_check", "GH_check", "T22"])
def test_a_check_begins_without_anything_that_was_found_before(key: str) -> None:
    schema = json.loads((FORMS / f"{key}.json").read_text("utf-8"))
    before = dict.fromkeys(fields(schema), "上一次填的")
    begun = prefill(schema, {}, before, {})
    judged = (
        "结论",
        "意见",
        "结果",
        "签名",
        "核实",
        "确认",
        "核验",
        "复查人",
        "坐标",
        "照片",
        "反弹",
        "消除",
    )
    assert [name for name in begun if any(word in name for word in judged)] == []


def test_rows_are_said_again_but_not_what_was_found() -> None:
    schema = json.loads((FORMS / "T21.json").read_text("utf-8"))
    found = [{"清单项": "更换电机", "查验方法": "现场查看", "结果": "合格"}]
    asked = [{"清单项": "更换电机"}]
    assert prefill(schema, {}, {"逐条核对": found}, {})["逐条核对"] == asked
    assert prefill(schema, {}, {}, {}, {"逐条核对": found})["逐条核对"] == asked
    plan = json.loads((FORMS / "T13.json").read_text("utf-8"))
    people = [{"姓名": "巴特尔", "职责": "项目负责人"}]
    begun = prefill(plan, {"姓名": "案件里另有此名"}, {"机构人员": people, "目标任务": "修复"}, {})
    assert begun == {"机构人员": people, "目标任务": "修复"}


def test_the_photos_a_step_asks_for_are_named_beforehand() -> None:
    def asked(key: str) -> list[str]:
        return required_files(json.loads((FORMS / f"{key}.json").read_text("utf-8")))

    assert asked("T21") == ["复查照片"]
    assert asked("T02") == []
    assert required_files(None) == []

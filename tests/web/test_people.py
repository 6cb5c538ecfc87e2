"""The office's pages for people: who is away, who stands in, what a leaver leaves, and the list of a handover."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from engine.runtime.worker import Worker
from tests import stores
from tests.web.builder import Site

pytestmark = stores.both

FORM = {"说明": "现场已核", "结论": "属实"}
DAYS = {"first": "2026-09-28", "last": "2026-09-30", "reason": "请假"}


def _item(site: Site, case: str) -> str:
    return f"/api/v1/cases/{case}/items/{site.item(case, 'A')}"


def test_a_person_names_a_colleague_who_then_acts_in_ones_name(site: Site) -> None:
    case = site.begin()
    address = _item(site, case)
    wang, li = site.user("wang"), site.user("li")
    assert wang.post(f"{address}/claim").status_code == 200
    assert li.post(f"{address}/finish", {"form": FORM}).status_code == 409
    said = wang.post("/api/v1/directory/my-absences", DAYS | {"substitute": "li"})
    assert said.status_code == 201, said.text
    mine = li.get("/api/v1/items?tab=mine").json["items"]
    assert [r["case"] for r in mine] == [case] and li.get("/api/v1/items/counts").json["mine"] == 1
    page = li.get("/worklist?tab=mine").text
    assert "代王建军办" in page
    told = li.get("/admin/account").text
    assert "您现在替岗：<strong>王建军</strong>（能源局 · 督办部门承办人）" in told
    assert li.get(f"/cases/{case}/items/{site.item(case, 'A')}").status_code == 200
    assert li.post(f"{address}/finish", {"form": FORM}).status_code == 200
    told = site.user("zhao").get(f"/cases/{case}").text
    assert "李娜代王建军（能源局）办结了“核实”" in told
    done = li.get("/api/v1/items?tab=done").json["items"][0]
    assert (done["closed_by"], done["behalf"]) == ("li", "wang")


def test_only_ones_own_absence_and_only_a_colleague(site: Site) -> None:
    wang, li, zhao = site.user("wang"), site.user("li"), site.user("zhao")
    asked = wang.post("/api/v1/directory/my-absences", DAYS | {"substitute": "liu"})
    assert asked.status_code == 403 and "本单位同事" in asked.json["detail"]
    assert wang.post("/api/v1/directory/people/li/absences", DAYS).status_code == 403
    mine = wang.post("/api/v1/directory/my-absences", DAYS).json["id"]
    assert li.send("DELETE", f"/api/v1/directory/my-absences/{mine}", {}).status_code == 404
    assert li.send("DELETE", f"/api/v1/directory/absences/{mine}", {}).status_code == 403
    assert [a["id"] for a in zhao.get("/api/v1/directory/absences").json["items"]] == [mine]
    assert wang.send("DELETE", f"/api/v1/directory/my-absences/{mine}", {}).status_code == 204
    by_office = zhao.post("/api/v1/directory/people/wang/absences", DAYS | {"substitute": "liu"})
    assert by_office.status_code == 201, "a department's person from another department, by the office"
    assert (
        "无人替岗" not in zhao.get("/admin/people").text
        and "刘洋替岗" in zhao.get("/admin/people?person=wang").text
    )


def test_to_stand_in_for_the_office_opens_no_administration(site: Site) -> None:
    site.user("zhao").post("/api/v1/directory/people/zhao/absences", DAYS | {"substitute": "qimuge"})
    assert site.user("qimuge").get("/admin/people").status_code == 200
    refused = site.user("zhao").post(
        "/api/v1/directory/people/qimuge/absences",
        DAYS | {"substitute": "wang", "first": "2026-10-20", "last": "2026-10-21"},
    )
    assert refused.status_code == 403 and site.user("wang").get("/admin/people").status_code == 403


def test_who_is_away_without_a_substitute_is_a_hint_where_something_waits(site: Site) -> None:
    case = site.begin()
    assert site.user("wang").post(f"{_item(site, case)}/claim").status_code == 200
    page = f"/cases/{case}/items/{site.item(case, 'A')}"
    zhao = site.user("zhao")
    assert "无人替岗" not in zhao.get(page).text
    zhao.post("/api/v1/directory/people/wang/absences", DAYS)
    for address in (page, f"/cases/{case}"):
        told = zhao.get(address).text
        assert "王建军离岗至 2026-09-30，无人替岗" in told and "/admin/people?person=wang#absences" in told
    assert "指定替岗人" not in site.user("li").get(page).text
    given = zhao.post(f"{_item(site, case)}/transfer", {"reason": "换人办理", "person": "wang"})
    assert given.status_code in (403, 422)
    assert zhao.get("/api/v1/monitor?reason=nobody").json["items"] == [], "a hint, no incident"
    assert "wang" not in [p["id"] for p in zhao.get(f"{_item(site, case)}/candidates").json["people"]]


@pytest.mark.parametrize("how", ["retired", "posts"])
def test_the_office_is_told_what_would_be_left_alone_before_it_confirms(site: Site, how: str) -> None:
    case = site.begin()
    zhao = site.user("zhao")
    change: dict[str, Any] = {"active": False} if how == "retired" else {"posts": []}
    assert (
        zhao.put("/api/v1/directory/people/li", {"account": "li", "name": "李娜"} | change).status_code == 200
    )
    page = zhao.get("/admin/people?person=wang").text
    assert "1 件待办没有人可以办理" in page and case in page
    last = {"account": "wang", "name": "王建军"} | change
    refused = zhao.put("/api/v1/directory/people/wang", last)
    assert refused.status_code == 409 and "1 件待办没有人可以办理" in refused.json["detail"]
    assert [r["case"] for r in refused.json["rows"]] == [case]
    assert site.engine.directory().members("能源局", "DB") == ["wang"]
    assert zhao.put("/api/v1/directory/people/wang", last | {"accept_left": True}).status_code == 200
    Worker(site.engine).step()
    stuck = zhao.get("/api/v1/monitor?reason=nobody").json["items"]
    assert [r["id"] for r in stuck] == [case] and "没有在岗的" in stuck[0]["reasons"][0]["why"]


def test_a_unit_is_not_retired_unawares(site: Site) -> None:
    site.begin()
    zhao = site.user("zhao")
    assert "1 件待办没有人可以办理" in zhao.get("/admin/units?unit=能源局").text
    body = {"name": "能源局", "kind": "督办部门", "active": False}
    assert zhao.put("/api/v1/directory/units/能源局", body).status_code == 409
    assert zhao.put("/api/v1/directory/units/能源局", body | {"accept_left": True}).status_code == 200


def test_a_handover_from_the_page_to_the_signed_list(site: Site) -> None:
    cases = [site.begin(名称=f"隐患{n}") for n in (1, 2)]
    for case in cases:
        assert site.user("wang").post(f"{_item(site, case)}/claim").status_code == 200
    zhao = site.user("zhao")
    assert "2 件" in zhao.get("/admin/people/wang/handover").text
    assert site.user("li").get("/admin/people/wang/handover").status_code == 403
    found = zhao.get("/api/v1/directory/people/wang/in-hand").json
    assert sorted(x["case"] for x in found["items"]) == sorted(cases) and found["alone"] == 0
    begun = zhao.post("/api/v1/directory/people/wang/handovers", {"successor": "li", "reason": "调离能源局"})
    assert begun.status_code == 201, begun.text
    address = f"/admin/handovers/{begun.json['handover']}"
    page = zhao.get(address)
    assert page.headers["Refresh"] == "2" and "0 / 2" in page.text
    Worker(site.engine).step()
    page = zhao.get(address)
    assert "Refresh" not in page.headers and page.text.count("已移交") == 2 and "接手人（签字）" in page.text
    book = openpyxl.load_workbook(io.BytesIO(zhao.get(f"{address}/list.xlsx").data)).active
    said = [str(cell.value) for row in book.iter_rows() for cell in row if cell.value is not None]
    assert "工作交接清单" in said and said.count("已移交") == 2 and {"隐患1", "隐患2"} <= set(said)
    assert begun.json["handover"] in zhao.get("/admin/handovers").text
    assert zhao.get("/admin/handovers/unknown").status_code == 404
    assert "没有需要移交" in zhao.get("/admin/people/wang/handover").text
    assert len(site.user("li").get("/api/v1/items?tab=mine").json["items"]) == 2

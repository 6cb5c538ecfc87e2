"""A whole case by the API alone, and what refuses on the way."""

from __future__ import annotations

import io

import pytest

from tests import pictures, stores
from tests.web.builder import KEY, Site

pytestmark = stores.both


def finish(site: Site, account: str, case: str, element: str, form: dict[str, object]) -> dict[str, object]:
    answer = site.user(account).post(
        f"/api/v1/cases/{case}/items/{site.item(case, element)}/finish", {"form": form}
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def test_a_case_from_entry_to_its_end(site: Site) -> None:
    case = site.begin()
    wang, zhao = site.user("wang"), site.user("zhao")
    listed = wang.get("/api/v1/items?tab=unclaimed").json["items"]
    assert [(i["element"], i["unit"]) for i in listed] == [("A", "能源局")]
    item = listed[0]["item"]
    shown = wang.get(f"/api/v1/cases/{case}/items/{item}").json
    assert shown["schema"]["title"] == "核实表"
    assert shown["may"]["finish"] and shown["may"]["claim"]
    assert wang.post(f"/api/v1/cases/{case}/items/{item}/claim").status_code == 200
    assert wang.get("/api/v1/items?tab=mine").json["items"][0]["item"] == item
    finish(site, "wang", case, "A", {"说明": "现场核实", "结论": "属实", "人数": 3})
    assert zhao.get(f"/api/v1/cases/{case}").json["status"] == "待审批"
    finish(site, "zhao", case, "B", {})
    jobs = zhao.post("/api/v1/jobs/fetch-and-lock", {"topic": "outside", "worker": "w1"}).json["items"]
    assert [j["case"] for j in jobs] == [case]
    at = f"/api/v1/jobs/{case}/{jobs[0]['job']}"
    held = zhao.post(f"{at}/extend", {"worker": "w1", "seconds": 120})
    assert held.json["locked_until"] > jobs[0]["locked_until"]
    assert zhao.post(f"{at}/unlock", {"worker": "w1"}).status_code == 204
    assert zhao.post(f"{at}/extend", {"worker": "w1", "seconds": 120}).status_code == 409
    jobs = zhao.post("/api/v1/jobs/fetch-and-lock", {"topic": "outside", "worker": "w1"}).json["items"]
    tried = zhao.post(f"{at}/fail", {"worker": "w1", "reason": "忙", "retries": 7, "wait": 0})
    assert tried.status_code == 200
    jobs = zhao.post("/api/v1/jobs/fetch-and-lock", {"topic": "outside", "worker": "w1"}).json["items"]
    assert jobs[0]["retries"] == 7
    done = zhao.post(
        f"/api/v1/jobs/{case}/{jobs[0]['job']}/complete", {"worker": "w1", "variables": {"外部编号": "X1"}}
    )
    assert done.status_code == 200 and done.json["ended"] is True
    told = zhao.get(f"/api/v1/cases/{case}/timeline?oldest_first=true").json["items"]
    assert told[0]["kind"] == "CaseStarted" and told[-1]["kind"] == "CaseCompleted"
    assert all(line["sentence"] for line in told)
    labels = {v["key"]: v["label"] for v in wang.get(f"/api/v1/cases/{case}/variables").json["items"]}
    assert labels["说明"] == "核实说明"


def test_a_step_is_taken_back_and_returned(site: Site) -> None:
    case = site.begin()
    form = {"说明": "现场核实", "结论": "属实", "人数": 3}
    item = site.item(case, "A")
    finish(site, "wang", case, "A", dict(form))
    wang, zhao = site.user("wang"), site.user("zhao")
    assert wang.get(f"/api/v1/cases/{case}/items/{item}").json["may"] == {"withdraw": True}
    assert f"/cases/{case}/items/{item}#withdraw" in wang.get(f"/cases/{case}").text
    at = f"/api/v1/cases/{case}/items/{item}/withdraw"
    assert zhao.post(at, {"reason": "写错了"}).status_code == 403
    assert wang.post(at, {"reason": "写错了"}).status_code == 200
    again = wang.get(f"/api/v1/cases/{case}/items/{site.item(case, 'A')}").json
    assert (again["data"] | form, again["may"]["finish"]) == (again["data"], True)
    item = site.item(case, "A")
    finish(site, "wang", case, "A", dict(form))
    sent = zhao.get(f"/api/v1/cases/{case}/items/{site.item(case, 'B')}").json
    assert sent["targets"] == [{"id": "A", "name": "核实", "withdraws": [], "repeats": []}]
    assert zhao.post(f"/api/v1/cases/{case}/items/{site.item(case, 'B')}/claim").status_code == 200
    refused = wang.get(f"/api/v1/cases/{case}/items/{item}").json
    assert refused["may"] == {} and "其后的“审批”已由" in refused["refusal"]
    answer = zhao.post(
        f"/api/v1/cases/{case}/items/{site.item(case, 'B')}/return", {"to": "A", "reason": "不清楚"}
    )
    assert answer.status_code == 200 and site.item(case, "A") > item


def test_a_wrong_form_says_what_is_wrong_at_each_field(site: Site) -> None:
    case = site.begin()
    answer = site.user("wang").post(
        f"/api/v1/cases/{case}/items/{site.item(case, 'A')}/finish", {"form": {"人数": -1, "结论": "不知道"}}
    )
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert set(answer.json["errors"]) == {"说明", "结论", "人数"}
    assert all(s for sentences in answer.json["errors"].values() for s in sentences)


def test_the_same_key_does_not_act_twice(site: Site) -> None:
    body = {
        "package": KEY,
        "start": "S",
        "form": {"名称": "甲", "企业": "一号煤矿", "行业": "煤矿", "属地": "上海庙镇"},
    }
    first = site.user("wang").post("/api/v1/cases", body, Idempotency_Key="k1").json["case"]
    again = site.user("wang").post("/api/v1/cases", body, Idempotency_Key="k1")
    assert again.json["case"] == first
    other = site.user("li").post("/api/v1/cases", body, Idempotency_Key="k1").json["case"]
    assert other != first
    assert len(site.user("zhao").get("/api/v1/cases").json["items"]) == 2


def test_return_transfer_release_and_candidates(site: Site) -> None:
    case = site.begin()
    item = site.item(case, "A")
    base = f"/api/v1/cases/{case}/items/{item}"
    wang, li, liu = site.user("wang"), site.user("li"), site.user("liu")
    assert {p["id"] for p in wang.get(f"{base}/candidates").json["people"]} == {"wang", "li"}
    wang.post(f"{base}/claim")
    taken = li.post(f"{base}/claim")
    assert (taken.status_code, taken.json["code"]) == (409, "already_claimed")
    assert wang.post(f"{base}/release", {"reason": "改由他人办理"}).status_code == 200
    assert wang.post(f"{base}/transfer", {"reason": "属于建设领域", "unit": "住建局"}).status_code == 200
    assert liu.get("/api/v1/items?tab=unclaimed").json["items"][0]["item"] == item
    finish(site, "liu", case, "A", {"说明": "核实", "结论": "属实"})
    back = f"/api/v1/cases/{case}/items/{site.item(case, 'B')}/return"
    assert site.user("zhao").post(back, {"reason": ""}).status_code == 400
    assert site.user("zhao").post(back, {"reason": "材料不足", "to": "A"}).status_code == 200
    assert site.engine.load(case).status == "核实中"


def test_suspend_resume_note_and_file(site: Site) -> None:
    case = site.begin()
    zhao, wang = site.user("zhao"), site.user("wang")
    assert wang.post(f"/api/v1/cases/{case}/suspend", {"reason": "不可抗力"}).status_code == 403
    assert (
        zhao.post(f"/api/v1/cases/{case}/suspend", {"reason": "不可抗力", "until": "2026-10-20"}).status_code
        == 200
    )
    held = wang.post(
        f"/api/v1/cases/{case}/items/{site.item(case, 'A')}/finish", {"form": {"说明": "x", "结论": "属实"}}
    )
    assert (held.status_code, held.json["code"]) == (409, "suspended")
    assert zhao.post(f"/api/v1/cases/{case}/resume", {"reason": "可以继续"}).status_code == 200
    assert wang.post(f"/api/v1/cases/{case}/notes", {"text": "已电话通知"}).status_code == 201
    png = pictures.PNG
    headers = {"X-CSRF-Token": wang.csrf}
    up = wang.client.post("/api/v1/files", data={"file": (io.BytesIO(png), "现场.png")}, headers=headers)
    assert up.status_code == 201, up.text
    assert wang.post(f"/api/v1/cases/{case}/files", {"file": up.json["id"]}).status_code == 201
    assert site.user("gao").get(f"/api/v1/files/{up.json['id']}").status_code == 404, (
        "what others wrote is not the enterprise's"
    )
    got = site.user("li").get(f"/api/v1/files/{up.json['id']}")
    assert got.data == png
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    got.close()
    fake = wang.client.post(
        "/api/v1/files", data={"file": (io.BytesIO(b"<script>"), "x.png")}, headers=headers
    )
    assert fake.status_code == 400
    page = wang.client.post("/api/v1/files", data={"file": (io.BytesIO(b"<svg/>"), "x.svg")}, headers=headers)
    assert page.status_code == 400


def test_an_action_is_offered_to_whom_it_belongs(site: Site) -> None:
    case = site.begin()
    assert [a["key"] for a in site.user("wang").get(f"/api/v1/cases/{case}/actions").json["items"]] == [
        "extension"
    ]
    assert site.user("gao").get(f"/api/v1/cases/{case}/actions").json["items"] == []
    assert site.user("gao").post(f"/api/v1/cases/{case}/actions/extension").status_code == 403
    assert site.user("wang").post(f"/api/v1/cases/{case}/actions/extension").status_code == 200


def test_tokens_can_do_what_sessions_can(site: Site) -> None:
    secret = site.token("wang")
    client = site.app.test_client()
    header = {"Authorization": f"Bearer {secret}"}
    body = {
        "package": KEY,
        "start": "S",
        "form": {"名称": "甲", "企业": "一号煤矿", "行业": "煤矿", "属地": "上海庙镇"},
    }
    assert client.post("/api/v1/cases", json=body, headers=header).status_code == 201
    assert client.get("/api/v1/me", headers=header).json["account"] == "wang"
    assert client.get("/api/v1/me", headers={"Authorization": "Bearer duban_wrong"}).status_code == 401
    assert client.get("/worklist", headers=header).status_code == 302


def test_what_moves_on_while_it_is_looked_at_is_looked_at_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = site.begin()
    finish(site, "wang", case, "A", {"说明": "现场核实", "结论": "属实", "人数": 3})
    item = site.item(case, "B")
    load, stale = site.engine.load, site.engine.load(case)  # read just before the case moves on
    finish(site, "zhao", case, "B", {})
    for address in (f"/api/v1/cases/{case}/items/{item}", f"/cases/{case}/items/{item}"):
        first = [stale]
        monkeypatch.setattr(site.engine, "load", lambda one, first=first: first.pop() if first else load(one))
        answer = site.user("zhao").get(address)
        assert answer.status_code == 200 and first == [], answer.text

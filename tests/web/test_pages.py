"""The pages: what they show to whom, in which order, and how fast."""

from __future__ import annotations

import io
import json
import re
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from flask import url_for

from engine.runtime.worker import Worker
from engine.store import append_only
from engine.store import tables as t
from tests import stores
from tests.web.builder import KEY, Site, User
from web import assets, present
from web.case.queries import prefill
from web.cells import guarded
from web.worklist import queries as worklist_queries

pytestmark = stores.both

QUICK = 0.3  # seconds a page may take


def _rows(page: str) -> list[str]:
    return re.findall(r'<tr data-href="([^"]+)"', page)


def test_the_worklist_is_soonest_due_first(site: Site) -> None:
    cases = []
    for hours in (0, 30, 60):
        cases.append(site.begin(名称=f"第{hours}"))
        site.engine.clock.at += timedelta(hours=24)  # type: ignore[attr-defined]
    page = site.user("wang").get("/worklist?tab=unclaimed").text
    assert [next(c for c in cases if c in row) for row in _rows(page)] == cases
    assert "还剩" in page


def test_what_is_late_is_red_and_counted(site: Site) -> None:
    case = site.begin()
    site.engine.clock.at += timedelta(days=14)  # type: ignore[attr-defined]
    page = site.user("wang").get("/worklist?tab=overdue").text
    assert f"/cases/{case}/items/" in page and "bg-red" in page
    assert re.search(r"已超 \d+ 个工作日", page)
    stuck = site.user("zhao").get("/api/v1/monitor").json
    (row,) = stuck["items"]
    assert {r["kind"] for r in row["reasons"]} == {"overdue", "stalled"}
    assert row["holders"][0]["unit"] == "能源局" and row["next"]["name"] == "逾期提醒"
    page = site.user("zhao").get("/monitor").text
    assert "球在谁手里" in page and "能源局" in page and "逾期提醒" in page


def test_long_lists_come_page_by_page(site: Site) -> None:
    made = [site.begin(名称=f"案{n}") for n in range(5)]
    seen: list[str] = []
    after = ""
    for _ in range(4):
        answer = site.user("wang").get(f"/api/v1/items?tab=all&limit=2&after={after}").json
        seen += [i["case"] for i in answer["items"]]
        after = answer["next"]
        if not after:
            break
    assert sorted(seen) == sorted(made) and len(seen) == 5


def test_the_register_filters(site: Site) -> None:
    old = site.begin(名称="存量案", 发现日期="2023-11-01")
    new = site.begin(名称="增量案", 发现日期="2024-02-01")
    zhao = site.user("zhao")

    def found(query: str) -> set[str]:
        return {i["id"] for i in zhao.get(f"/api/v1/cases?{query}").json["items"]}

    assert found("stock=存量") == {old}
    assert found("stock=增量") == {new}
    assert found("q=增量") == {new}
    assert found("q=%25") == set()
    assert found("region=城川镇") == set()
    assert found("sector=煤矿&state=open") == {old, new}
    site.engine.clock.at += timedelta(days=14)  # type: ignore[attr-defined]
    assert found("overdue=true") == {old, new}


def test_the_export_opens_and_holds_no_formula(site: Site) -> None:
    evil = '=HYPERLINK("http://x","y")'
    site.begin(名称=evil)
    site.begin(名称="@SUM(A1)")
    data = site.user("zhao").get("/register/export.xlsx").data
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert all(cell.data_type != "f" for cell in cells)
    texts = [str(c.value) for c in cells]
    assert "'" + evil in texts and "'@SUM(A1)" in texts
    assert all(not t.startswith(("=", "+", "@", "\t")) for t in texts)


@pytest.mark.parametrize("value", ["=1", "+1", "-1", "@x", "\tx", "\rx", "=\x00cmd"])
def test_guarded(value: str) -> None:
    assert str(guarded(value)).startswith("'")


def test_a_page_shows_the_islands_their_props(site: Site) -> None:
    case = site.begin(名称="</script><script>alert(1)</script>")
    page = site.user("wang").get(f"/cases/{case}/items/{site.item(case, 'A')}").text
    assert "<script>alert" not in page
    props = [json.loads(p) for p in re.findall(r'<script type="application/json">(.*?)</script>', page, re.S)]
    form = next(p for p in props if "schema" in p)
    assert form["submitUrl"].endswith("/finish") and form["readonly"] is False
    diagram = next(p for p in props if "xmlUrl" in p)
    assert diagram["marks"]["active"] == {"A": 1}
    xml = site.user("wang").get(diagram["xmlUrl"])
    assert xml.status_code == 200 and b"definitions" in xml.data
    other = site.user("gao").get(f"/cases/{case}/items/{site.item(case, 'A')}").text
    assert '"readonly":true' in other and "办理单位转办" in other


def test_a_finished_step_shows_what_was_filled_in(site: Site) -> None:
    case = site.begin()
    item = site.item(case, "A")
    site.user("wang").post(
        f"/api/v1/cases/{case}/items/{item}/finish", {"form": {"说明": "现场核实无误", "结论": "属实"}}
    )
    page = site.user("li").get(f"/cases/{case}/items/{item}").text
    assert "现场核实无误" in page and '"readonly":true' in page
    case_page = site.user("li").get(f"/cases/{case}").text
    assert "核实" in case_page and "王建军" in case_page and "待审批" in case_page


def test_conclusions_are_never_filled_in_for_a_person(site: Site) -> None:
    case = site.begin()
    form = {"说明": "第一次核实", "结论": "属实", "人数": 4}
    site.user("wang").post(f"/api/v1/cases/{case}/items/{site.item(case, 'A')}/finish", {"form": form})
    back = f"/api/v1/cases/{case}/items/{site.item(case, 'B')}/return"
    assert site.user("zhao").post(back, {"reason": "再核", "to": "A"}).status_code == 200
    data = site.user("wang").get(f"/api/v1/cases/{case}/items/{site.item(case, 'A')}").json["data"]
    assert data.get("说明") == "第一次核实" and data.get("人数") == 4
    assert "结论" not in data


def test_what_the_diagram_hands_to_an_item_is_filled_in_but_no_conclusion() -> None:
    fields = ["草稿", "结论", "说明"]
    schema = {"components": [{"type": "textarea", "key": key, "id": key} for key in fields]}
    before = {"草稿": "上一级的草稿", "说明": "上次填的"}
    given = {"草稿": "本级的草稿", "结论": "属实"}
    assert prefill(schema, {}, before, {}, given) == {"草稿": "本级的草稿", "说明": "上次填的"}


def test_people_are_shown_by_name_not_by_account(site: Site) -> None:
    form = SimpleNamespace(
        schema={"components": [{"key": "包案领导", "valuesKey": "people_FG"}, {"key": "说明"}]}
    )
    chosen = present.chosen_of_directory([form])
    assert chosen == {"包案领导": "people"}
    with site.app.app_context():
        assert present.named("wang", chosen["包案领导"]) == "王建军"
        assert present.named(["wang", "li"], "people") == ["王建军", "李娜"]
        assert present.named("wang", chosen.get("说明", "")) == "wang"


def test_files_are_shown_by_name_not_by_id() -> None:
    assert present.with_files(["a1", "b2", 3], {"a1": "照片.jpg"}) == ["照片.jpg", "b2", 3]
    assert present.text(present.with_files("a1", {"a1": "照片.jpg"})) == "照片.jpg"


def test_a_case_says_what_may_be_asked_not_which_messages_it_hears(site: Site) -> None:
    case = site.begin()
    now = site.user("wang").get(f"/cases/{case}").text
    assert "其间有权的单位可以提出：申请延期。" in now
    assert "同时等待" not in now and "A1" not in re.sub(r"<script.*?</script>", "", now, flags=re.S)


def test_a_town_reads_what_is_sent_to_an_enterprise_without_an_account(site: Site) -> None:
    zhao = site.user("zhao")
    unit = {"name": "三号砖厂", "kind": "企业", "parent": "上海庙镇"}
    assert zhao.post("/api/v1/directory/units", unit).status_code == 201
    person = {
        "account": "tuya", "name": "图雅", "posts": ["QY@上海庙镇"], "password": "Sufficient-2026",
    }  # fmt: skip
    assert zhao.post("/api/v1/directory/people", person).status_code == 201
    case, at = site.begin(), site.engine.moment().now
    sent = [("三号砖厂", "QY", "催办：整改期限"), ("一号煤矿", "QY", "催办：有账号的企业")]
    with site.engine.database.write() as c:
        for key, (where, role, title) in enumerate(sent):
            row = {"key": str(key), "case": case, "unit": where, "role": role, "title": title, "at": at}
            c.execute(sa.insert(t.notices).values(row))
    town = User(site.app).sign_in("tuya", "Sufficient-2026")
    page = town.get("/notices").text
    assert "催办：整改期限" in page and "代三号砖厂收" in page
    assert "有账号的企业" not in page
    assert "催办：整改期限" not in site.user("gao").get("/notices").text


def test_a_suspended_case_says_until_when(site: Site) -> None:
    case = site.begin()
    until = (site.engine.moment().now + timedelta(days=10)).date().isoformat()
    answer = site.user("zhao").post(f"/api/v1/cases/{case}/suspend", {"until": until, "reason": "暴雪封路"})
    assert answer.status_code == 200, answer.text
    now = site.user("zhao").get(f"/cases/{case}").text
    assert "到“挂起期满，自动恢复”。" in now and "“”" not in now and "其间有权" not in now


def test_the_office_edits_its_directory_and_calendar(site: Site) -> None:
    zhao = site.user("zhao")
    unit = {"name": "消防救援大队", "kind": "督办部门"}
    assert zhao.post("/api/v1/directory/units", unit).status_code == 201
    assert zhao.post("/api/v1/directory/units", unit).status_code == 409
    person = {"account": "song", "name": "宋刚", "posts": ["DB@消防救援大队"], "password": "Sufficient-2026"}
    assert zhao.post("/api/v1/directory/people", person).status_code == 201
    site.user("wang")
    line = {"sector": "消防", "region": "*", "role": "DB", "unit": "消防救援大队", "source": "试"}
    assert zhao.put("/api/v1/directory/responsibilities", line).status_code == 200
    assert "消防救援大队" in zhao.get("/admin/responsibilities").text
    assert zhao.put("/api/v1/calendar/days/2026-11-07", {"working": True, "note": "补班"}).status_code == 200
    assert "补班" in zhao.get("/admin/calendar?year=2026").text
    kinds = {f["kind"] for f in zhao.get("/api/v1/audit/office").json["items"]}
    assert {"UnitSaved", "PersonSaved", "PostsSet", "ResponsibilitySet", "CalendarDaySet"} <= kinds
    assert (
        "密码"
        in zhao.post("/api/v1/directory/people", person | {"account": "w2", "password": "short"}).json[
            "detail"
        ]
    )


def test_a_process_is_published_by_api_and_new_cases_take_it(site: Site) -> None:
    zhao, base = site.user("zhao"), f"/api/v1/packages/{KEY}"
    old_case = site.begin()
    version = zhao.get(f"{base}/versions/newest").json
    text = zhao.get(f"{base}/versions/1/files/tiny.bpmn").text
    files = {"tiny.bpmn": text.replace("workdays(now(),3)", "workdays(now(),5)")}
    checked = zhao.post(f"{base}/check", {"base": version["hash"], "files": files}).json
    assert checked["ok"] and any("时限" in c for c in checked["changes"]), checked
    saved = zhao.post(f"{base}/draft", {"base": version["hash"], "files": files, "revision": 0}).json
    assert saved["revision"] == 1
    assert (
        zhao.post(f"{base}/draft", {"base": version["hash"], "files": files, "revision": 0}).status_code
        == 409
    )
    assert "继续修改草稿" in zhao.get(f"/processes/{KEY}").text
    made = zhao.post(f"{base}/versions", {"base": version["hash"], "files": files, "note": "放宽核实时限"})
    assert made.status_code == 201 and made.json["version"] == 2
    new_case = site.begin()

    def due(case: str) -> Any:
        return zhao.get(f"/api/v1/cases/{case}").json["items"][0]["due"]

    assert due(new_case) > due(old_case)
    assert [v["version"] for v in zhao.get(f"{base}/versions").json["items"]] == [2, 1]
    stale = zhao.post(f"{base}/versions", {"base": version["hash"], "files": files, "note": "x"})
    assert stale.status_code == 409
    broken = {
        "tiny.bpmn": text.replace('id="B"', 'id="B" camunda:topic="x"', 1).replace(
            "sequenceFlow", "sequenceFlop", 1
        )
    }
    refused = zhao.post(f"{base}/versions", {"base": made.json["hash"], "files": broken})
    assert refused.status_code == 422 and refused.json["findings"]
    assert all(f["message"] for f in refused.json["findings"])
    assert site.user("wang").post(f"{base}/versions", {"files": files}).status_code == 403


def test_a_parameter_is_changed_in_the_table(site: Site) -> None:
    zhao, base = site.user("zhao"), f"/api/v1/packages/{KEY}"
    made = zhao.put(f"{base}/parameters", {"values": {"days": 4, "stock_until": "2023-12-31"}})
    assert made.status_code == 201, made.text
    (said,) = made.json["changes"]
    assert "核实时限" in said and "3" in said and "4" in said
    assert zhao.put(f"{base}/parameters", {"values": {"days": "many"}}).status_code == 400
    assert zhao.put(f"{base}/parameters", {"values": {"unknown": 1}}).status_code == 404
    assert zhao.put(f"{base}/parameters", {"values": {"days": 4}}).status_code == 400


def test_the_trail_by_case_person_kind_and_day(site: Site) -> None:
    case = site.begin()
    ji = site.user("ji")

    def found(query: str) -> list[dict[str, Any]]:
        return list(ji.get(f"/api/v1/audit/facts?{query}").json["items"])

    assert {f["case"] for f in found(f"case={case}")} == {case}
    assert found("person=王建军")[0]["person"] == "wang"
    assert [f["kind"] for f in found("kind=CaseStarted")] == ["CaseStarted"]
    assert found("since=2026-09-28&until=2026-09-28") and not found("until=2026-09-27")
    report = ji.post("/api/v1/audit/verify").json
    assert report["ok"] and report["cases"] == 1
    with site.engine.database.write() as c, append_only.lifted(c):
        c.exec_driver_sql("UPDATE facts SET person_name='别人' WHERE seq=2")
    report = ji.post("/api/v1/audit/verify").json
    assert not report["ok"] and report["breaks"][0]["case"] == case
    assert "不符" in ji.get("/audit/verify").text


def test_nobody_to_do_it_is_shown_and_retried(site: Site) -> None:
    zhao = site.user("zhao")
    for account, name in (("wang", "王建军"), ("li", "李娜")):
        assert (
            zhao.put(
                f"/api/v1/directory/people/{account}", {"account": account, "name": name, "posts": []}
            ).status_code
            == 200
        )
    body = {"名称": "甲", "企业": "一号煤矿", "行业": "煤矿", "属地": "上海庙镇"}
    case = zhao.post("/api/v1/cases", {"package": KEY, "start": "S", "form": body}).json["case"]
    rows = zhao.get("/api/v1/monitor?reason=nobody").json["items"]
    assert [r["id"] for r in rows] == [case] and rows[0]["reasons"][0]["why"]
    assert "无人可办" in zhao.get("/monitor").text
    zhao.put("/api/v1/directory/people/wang", {"account": "wang", "name": "王建军", "posts": ["DB@能源局"]})
    incident = rows[0]["reasons"][0]["incident"]
    assert zhao.post(f"/api/v1/cases/{case}/incidents/{incident}/retry").status_code == 200
    assert zhao.get("/api/v1/monitor?reason=nobody").json["items"] == []


def test_openapi_holds_every_route(shared: Site) -> None:
    spec = shared.stranger().get("/api/v1/openapi.json").json
    assert spec["openapi"].startswith("3.1")
    paths = spec["paths"]
    for rule in shared.app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/") and "openapi" not in rule.rule:
            address = re.sub(r"<(?:[a-z]+(?:\([^)]*\))?:)?([a-z]+)>", r"{\1}", rule.rule)
            assert address in paths, address
            for method in set(rule.methods or ()) - {"HEAD", "OPTIONS"}:
                operation = paths[address][method.lower()]
                assert operation["summary"] and operation["responses"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(spec)))
    assert references <= set(spec["components"]["schemas"])


def test_alive_and_ready(site: Site) -> None:
    user = site.stranger()
    assert user.get("/livez").json == {"status": "ok"}
    ready = user.get("/readyz")
    assert ready.status_code == 200, ready.json
    asked = {"database", "migration", "deadlines", "disk", "clock", "redis", "outbox", "letters"}
    assert set(ready.json["checks"]) == asked
    site.begin()
    site.engine.clock.at += timedelta(days=30)  # type: ignore[attr-defined]
    assert user.get("/readyz").status_code == 503, "a deadline is overdue and nobody passed it"
    while Worker(site.engine).step():
        pass
    assert user.get("/readyz").status_code == 200


def test_pages_work_without_the_built_front_end(
    shared: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(assets, "DIST", tmp_path)
    page = shared.user("wang").get("/worklist")
    assert page.status_code == 200 and "make frontend" in page.text


def test_assets_come_from_the_manifest(shared: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / ".vite").mkdir()
    built = {
        "src/app.js": {"file": "assets/app-1.js", "css": ["assets/app-1.css"], "imports": ["_x.js"]},
        "_x.js": {"file": "x.js", "css": ["x.css"]},
    }
    (tmp_path / ".vite" / "manifest.json").write_text(json.dumps(built))
    (tmp_path / "x.css").write_text("a{}")
    monkeypatch.setattr(assets, "DIST", tmp_path)
    page = shared.user("wang").get("/worklist").text
    assert '<script type="module" src="/assets/assets/app-1.js">' in page and "/assets/x.css" in page
    answer = shared.stranger().get("/assets/x.css")
    assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
    answer.close()


def test_an_error_page_is_friendly_and_says_nothing_of_the_inside(
    shared: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setitem(shared.app.view_functions, "worklist.index", _declared(broken))
    page = shared.user("wang").get("/worklist")
    assert page.status_code == 500
    assert (
        "系统出现问题" in page.text
        and "编号" in page.text
        and "secret" not in page.text
        and "Traceback" not in page.text
    )
    missing = shared.user("wang").get("/cases/nothing")
    assert missing.status_code == 404 and "没有找到" in missing.text


def _declared(view: Any) -> Any:
    view.may = ("signed_in",)
    return view


def test_pages_are_quick(shared: Site) -> None:
    zhao = shared.user("zhao")
    slow: list[str] = []
    pages = [
        "/worklist",
        "/register",
        "/monitor",
        "/processes",
        f"/processes/{KEY}",
        "/audit",
        f"/cases/{shared.mine}",
        "/admin/people",
    ]
    for page in pages:
        zhao.get(page)  # compiled templates
        taken = []
        for _ in range(3):
            begun = time.process_time()
            assert zhao.get(page).status_code == 200
            taken.append(time.process_time() - begun)
        if min(taken) > QUICK:
            slow.append(f"{page}: {min(taken):.3f} s")
    assert slow == []


def test_the_worklist_asks_seldom_and_builds_nothing_anew(site: Site) -> None:
    """Who asks, the clock, the packages, what is set, the kept filters, the numbers of the tabs, the page, the messages:
    each is one statement, and opening the page again makes no new one."""
    site.begin()
    wang = site.user("wang")
    wang.get("/worklist?tab=unclaimed")
    made, sent = worklist_queries._page.cache_info().misses, []

    def listen(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    sa.event.listen(site.engine.database.engine, "before_cursor_execute", listen)
    try:
        assert "备用风机停用" in wang.get("/worklist?tab=unclaimed").text
    finally:
        sa.event.remove(site.engine.database.engine, "before_cursor_execute", listen)
    assert len([s for s in sent if s.startswith("SELECT") and "clock_timestamp" not in s]) <= 8, sent
    assert worklist_queries._page.cache_info().misses == made


def test_addresses_are_those_of_the_routes(shared: Site) -> None:
    with shared.app.test_request_context():
        for case in ("0123abcd", "别的案 件?"):
            assert present.case_path(case) == url_for("case.show", case=case)
            assert present.item_path(case, 7) == url_for("case.item", case=case, item=7)


def test_an_archived_case_says_so_to_who_may_see_it(site: Site) -> None:
    case = site.begin()
    row = {"case": case, "archive": "0" * 64, "at": site.engine.now()}
    with site.engine.database.write() as c:
        c.execute(sa.insert(t.archived), [row])
    ji = site.user("ji")
    for path in (f"/cases/{case}", f"/api/v1/cases/{case}"):
        answer = ji.get(path)
        assert answer.status_code == 404 and "封存" in answer.text
    assert "封存" not in ji.get("/cases/unknown").text

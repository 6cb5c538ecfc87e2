"""抄送, 催办, 评论 and 并案 over the API and on the pages: who comes to see what by them, and who still does not."""

from __future__ import annotations

import io
from typing import Any

import pytest

from engine.audit.rebuild import rebuild
from engine.commands import Actor
from engine.facts import from_data
from engine.runtime.relay import relay
from tests import stores
from tests.web.builder import Site, User


def upload(user: User, name: str) -> str:
    body = {"file": (io.BytesIO(b"%PDF-1.4 x"), name)}
    answer = user.client.post("/api/v1/files", data=body, headers={"X-CSRF-Token": user.csrf})
    return str(answer.json["id"])


def attach(user: User, case: str, name: str) -> str:
    file = upload(user, name)
    assert user.post(f"/api/v1/cases/{case}/files", {"file": file}).status_code == 201
    return file


def rebuilt(site: Site) -> None:
    """All rows anew, from the facts."""
    with site.engine.database.write() as connection:
        rebuild(connection, site.engine.package, site.engine.calendar())


def sees(user: User, case: str) -> bool:
    page, api = user.get(f"/cases/{case}").status_code, user.get(f"/api/v1/cases/{case}").status_code
    listed = case in [c["id"] for c in user.get("/api/v1/cases").json["items"]]
    assert {page, api} == {200 if listed else 404}
    return listed


class TestCopies:
    pytestmark = stores.both

    def test_who_has_a_copy_sees_the_case_and_reads_it(self, site: Site) -> None:
        case = site.begin("wang")
        wang, liu = site.user("wang"), site.user("liu")
        assert not sees(liu, case)
        sent = wang.post(f"/api/v1/cases/{case}/copies", {"to": ["刘洋"], "note": "请知悉"})
        assert sent.status_code == 201, sent.text
        assert sees(liu, case)
        mine = liu.get("/api/v1/copies").json
        assert [(r["case"], r["note"], r["read_at"]) for r in mine["items"]] == [(case, "请知悉", None)]
        assert mine["unread"] == 1
        assert "把本案抄送给您" in liu.get(f"/cases/{case}").text
        assert liu.post(f"/api/v1/cases/{case}/copies/read").status_code == 200
        assert liu.get("/api/v1/copies?unread=true").json == {"items": [], "next": "", "unread": 0}
        assert "把本案抄送给您" not in liu.get(f"/cases/{case}").text
        relay(site.engine, 100)
        assert [n["title"] for n in liu.get("/api/v1/notices").json["items"]] == ["抄送：备用风机停用"]
        assert "已阅知" in wang.get(f"/cases/{case}").text

    def test_to_a_unit_and_to_a_post_of_it(self, site: Site) -> None:
        case = site.begin("liu", 名称="脚手架", 企业="二号工地", 行业="建筑施工", 属地="城川镇")
        zhao = site.user("zhao")
        assert not sees(site.user("wang"), case) and not sees(site.user("mutu"), case)
        told = zhao.post(f"/api/v1/cases/{case}/copies", {"to": ["能源局（督办部门承办人）", "上海庙镇"]})
        assert told.status_code == 201, told.text
        assert sees(site.user("wang"), case) and sees(site.user("mutu"), case)
        assert site.user("li").post(f"/api/v1/cases/{case}/copies/read").status_code == 200
        read = {who: site.user(who).get("/api/v1/copies").json for who in ("li", "wang")}
        assert [(r["unread"], r["items"][0]["read_by"]) for r in read.values()] == [(0, "li"), (1, "")]
        assert site.user("li").post(f"/api/v1/cases/{case}/copies/read").status_code == 409
        assert "把本案抄送给" in site.user("wang").get(f"/cases/{case}").text, "each reads for oneself"
        assert "把本案抄送给" not in site.user("li").get(f"/cases/{case}").text
        assert site.user("wang").post(f"/api/v1/cases/{case}/copies/read").status_code == 200
        assert site.user("wang").get("/api/v1/copies?unread=true").json["items"] == []
        of_case = zhao.get(f"/api/v1/cases/{case}/copies").json["items"]
        read_by = [(r["unit"], r["readers"], r["read_by"], r["for_all"]) for r in of_case]
        assert read_by == [("能源局", ["li", "wang"], "li", True), ("上海庙镇", [], "", False)]
        rebuilt(site)
        assert zhao.get(f"/api/v1/cases/{case}/copies").json["items"] == of_case

    def test_what_one_read_for_all_before_stays_read(self, site: Site) -> None:
        """As facts from before everybody read for oneself say it."""
        case = site.begin("liu", 名称="脚手架", 企业="二号工地", 行业="建筑施工", 属地="城川镇")
        told = site.user("zhao").post(f"/api/v1/cases/{case}/copies", {"to": ["能源局"]})
        assert told.status_code == 201, told.text
        old = from_data({"kind": "CopyRead", "id": 1, "person": "li"})
        site.engine.say(case, [old], Actor("li", "李志强"), lambda *_: None)
        for account in ("li", "wang"):
            mine = site.user(account).get("/api/v1/copies").json
            assert (mine["unread"], mine["items"][0]["read_by"]) == (0, "li")
            assert "把本案抄送给" not in site.user(account).get(f"/cases/{case}").text
        assert site.user("wang").post(f"/api/v1/cases/{case}/copies/read").status_code == 409

    def test_one_finds_what_was_copied(self, site: Site) -> None:
        wang, liu = site.user("wang"), site.user("liu")
        fan = site.begin("wang")
        door = site.begin("wang", 名称="防火门损坏")
        for case, note in ((fan, "请知悉"), (door, "涉及100%的工地")):
            assert (
                wang.post(f"/api/v1/cases/{case}/copies", {"to": ["刘洋"], "note": note}).status_code == 201
            )

        def found(**query: str) -> list[str]:
            return [r["case"] for r in liu.get("/api/v1/copies", query_string=query).json["items"]]

        assert found(q="防火门") == [door] and found(q="知悉") == [fan] and found(q="100%") == [door]
        assert found(q="没有的") == [] and set(found(package="tiny")) == {fan, door}
        assert found(region="上海庙镇", q="风机") == [fan] and found(region="昂素镇") == []
        page = liu.get("/worklist?tab=copied&q=防火门").text
        assert "防火门损坏" in page and "备用风机" not in page and 'value="防火门"' in page
        assert "没有相符的事项" in liu.get("/worklist?tab=copied&q=没有的").text
        kept = {"name": "工地的", "tab": "copied", "q": "工地"}
        assert liu.post("/api/v1/items/filters", kept).status_code == 201
        assert "工地的" in liu.get("/worklist?tab=copied").text

    def test_pages_go_on_where_they_ended(self, site: Site) -> None:
        cases = [site.begin("wang") for _ in range(5)]
        for case in cases:
            site.user("wang").post(f"/api/v1/cases/{case}/copies", {"to": ["刘洋"]})
        found: list[str] = []
        after = ""
        while True:
            page = site.user("liu").get("/api/v1/copies", query_string={"limit": 2, "after": after}).json
            found += [r["case"] for r in page["items"]]
            after = page["next"]
            if not after:
                break
        assert sorted(found) == sorted(cases) and len(found) == 5

    @pytest.mark.parametrize("to", [["查无此人"], [], [""], ["二号工地"], ["王建军"]])
    def test_what_is_refused(self, site: Site, to: list[str]) -> None:
        case = site.begin("wang")
        answer = site.user("wang").post(f"/api/v1/cases/{case}/copies", {"to": to})
        assert answer.status_code in (400, 403, 422), answer.text

    def test_an_enterprise_gets_another_ones_case_from_the_office_only(self, site: Site) -> None:
        case = site.begin("wang")
        copies = f"/api/v1/cases/{case}/copies"
        assert site.user("wang").post(copies, {"to": ["孙会计"]}).status_code == 403
        assert not sees(site.user("sun"), case)
        # the enterprise of the case does not learn that there is another one
        gao = site.user("gao").post(copies, {"to": ["孙会计"]})
        assert gao.status_code == 400 and "通讯录中没有" in gao.json["detail"]
        assert site.user("zhao").post(copies, {"to": ["孙会计"]}).status_code == 201
        assert sees(site.user("sun"), case)
        shown = site.user("sun").get(copies).json["items"]
        assert [r["person"] for r in shown] == ["sun"]
        site.user("zhao").post(copies, {"to": ["刘洋"]})
        assert "刘洋" not in site.user("sun").get(f"/cases/{case}").text

    def test_a_report_stays_one(self, site: Site) -> None:
        case = site.begin("wang", 来源渠道="群众举报")
        copies = f"/api/v1/cases/{case}/copies"
        said = site.user("wang").post(copies, {"to": ["牧图"], "note": "群众举报的，请核实"})
        assert said.status_code == 400 and "不能知悉举报" in said.json["detail"]
        assert site.user("wang").post(copies, {"to": ["牧图"], "note": "请协助"}).status_code == 201
        assert "举报" not in site.user("mutu").get(f"/cases/{case}").text
        assert site.user("wang").post(copies, {"to": ["刘洋"], "note": "群众举报的"}).status_code == 201
        attach(site.user("wang"), case, "现场照片.pdf")
        for address in ("copies", "files", "timeline", "people", ""):
            assert "举报" not in site.user("mutu").get(f"/api/v1/cases/{case}/{address}".rstrip("/")).text
        assert "举报" in site.user("wang").get(f"/api/v1/cases/{case}").text, (
            "or nothing would be hidden here"
        )


class TestUrging:
    def test_it_shows_how_often_and_by_whom(self, site: Site) -> None:
        case = site.begin("wang")
        item = site.item(case, "A")
        urge = f"/api/v1/cases/{case}/items/{item}/urge"
        assert site.user("zhao").post(urge, {"text": "请今日办结"}).status_code == 200
        again = site.user("zhao").post(urge, {"text": "再催"})
        assert again.status_code == 409 and "每个工作日最多催办 1 次" in again.json["detail"]
        page = site.user("li").get(f"/cases/{case}/items/{item}").text
        assert "已催办 1 次" in page and "赵立新（安委办）" in page and "请今日办结" in page
        assert "已催 1 次" in site.user("wang").get(f"/cases/{case}").text
        assert "每个工作日最多催办 1 次" in site.user("zhao").get(f"/cases/{case}/items/{item}").text
        assert site.user("li").post(urge, {"text": "催自己"}).status_code == 403
        assert site.user("liu").post(urge, {"text": "看不到"}).status_code == 404
        relay(site.engine, 100)
        assert "催办：核实" in [n["title"] for n in site.user("li").get("/api/v1/notices").json["items"]]

    def test_the_office_sets_the_limit(self, site: Site) -> None:
        case = site.begin("wang")
        urge = f"/api/v1/cases/{case}/items/{site.item(case, 'A')}/urge"
        assert site.user("wang").put("/api/v1/settings/urging", {"a_day": 9}).status_code == 403
        assert site.user("zhao").put("/api/v1/settings/urging", {"a_day": 0}).status_code == 422
        assert site.user("zhao").put("/api/v1/settings/urging", {"a_day": 2}).status_code == 200
        assert (
            'name="a_day" type="number" min="1" max="99" value="2"' in site.user("zhao").get("/monitor").text
        )
        answers = [site.user("zhao").post(urge, {"text": "请办结"}).status_code for _ in range(3)]
        assert answers == [200, 200, 409]


class TestComments:
    def test_a_conversation(self, site: Site) -> None:
        case = site.begin("wang")
        notes = f"/api/v1/cases/{case}/notes"
        wang, zhao = site.user("wang"), site.user("zhao")
        assert wang.post(notes, {"text": "@赵立新 材料齐了吗<b>？"}).status_code == 201
        assert zhao.post(notes, {"text": "@王建军 还差照片", "reply": 1}).status_code == 201
        page = wang.get(f"/cases/{case}").text
        assert '<span class="mention">@赵立新</span> 材料齐了吗&lt;b&gt;？' in page
        assert page.index("材料齐了吗") < page.index("还差照片"), "an answer stands below"
        relay(site.engine, 100)
        assert any("评论中@您" in n["title"] for n in zhao.get("/api/v1/notices").json["items"])

    def test_whom_one_names_must_see_the_case(self, site: Site) -> None:
        case = site.begin("wang")
        notes, wang = f"/api/v1/cases/{case}/notes", site.user("wang")
        refused = wang.post(notes, {"text": "@刘洋 请看"})
        assert refused.status_code == 403 and "同时抄送" in refused.json["detail"]
        assert not sees(site.user("liu"), case)
        assert wang.post(notes, {"text": "@刘洋 请看", "copy": True}).status_code == 201
        assert sees(site.user("liu"), case)

    def test_an_enterprise_reads_what_is_meant_for_it(self, site: Site) -> None:
        case = site.begin("wang")
        notes = f"/api/v1/cases/{case}/notes"
        site.user("wang").post(notes, {"text": "内部意见：先不通知企业"})
        site.user("wang").post(notes, {"text": "@高建军 请补充照片"})
        page = site.user("gao").get(f"/cases/{case}").text
        assert "请补充照片" in page and "内部意见" not in page

    def test_nobody_learns_of_a_report_by_a_long_comment(self, site: Site) -> None:
        case = site.begin("wang", 来源渠道="群众举报")
        site.user("wang").post(f"/api/v1/cases/{case}/notes", {"text": "现场情况" * 30 + "与举报一致"})
        for address in (f"/cases/{case}", f"/api/v1/cases/{case}/timeline"):
            assert "举报" not in site.user("mutu").get(address).text

    def test_whom_one_may_address(self, site: Site) -> None:
        case = site.begin("wang")
        found = site.user("wang").get(f"/api/v1/cases/{case}/people?q=").json
        names = [p["name"] for p in found["people"]]
        assert names[0] == "李娜" and "王建军" not in names, "who works on it comes first, oneself not at all"
        assert {p["name"]: p["sees"] for p in found["people"]}["刘洋"] is False
        assert "孙会计" not in site.user("gao").get(f"/api/v1/cases/{case}/people?q=").text
        only = site.user("wang").get(f"/api/v1/cases/{case}/people?q=刘").json
        assert [p["name"] for p in only["people"]] == ["刘洋"]


class TestMerging:
    @pytest.fixture
    def pair(self, site: Site) -> tuple[str, str]:
        return site.begin("wang"), site.begin("wang", 名称="风机停用")

    def merge(self, site: Site, gone: str, into: str, by: str = "zhao") -> Any:
        body = {"into": into, "reason": "同一处风机重复上报"}
        return site.user(by).post(f"/api/v1/cases/{gone}/merge", body)

    def test_sight_and_papers_follow(self, site: Site, pair: tuple[str, str]) -> None:
        into, gone = pair
        file = attach(site.user("wang"), gone, "现场照片.pdf")
        site.user("zhao").post(f"/api/v1/cases/{gone}/copies", {"to": ["刘洋"]})
        assert not sees(site.user("liu"), into)
        assert self.merge(site, gone, into, by="wang").status_code == 403
        assert self.merge(site, gone, into).status_code == 200
        relay(site.engine, 100)
        assert sees(site.user("liu"), into)
        page = site.user("mutu").get(f"/cases/{into}").text
        assert "现场照片.pdf" in page
        with site.user("mutu").get(f"/api/v1/files/{file}") as download:
            assert download.status_code == 200
        assert f'href="/cases/{into}"' in site.user("wang").get(f"/cases/{gone}").text
        assert "已并案" in site.user("wang").get("/register?state=merged").text
        assert self.merge(site, gone, into).status_code == 409

    def test_a_reports_papers_stay_where_they_are(self, site: Site) -> None:
        into = site.begin("wang")
        gone = site.begin("wang", 来源渠道="群众举报")
        file = attach(site.user("wang"), gone, "来信.pdf")
        assert self.merge(site, gone, into).status_code == 200
        relay(site.engine, 100)
        assert "来信.pdf" in site.user("wang").get(f"/cases/{into}").text
        assert "来信.pdf" not in site.user("mutu").get(f"/cases/{into}").text
        copied = site.begin("liu", 名称="脚手架", 企业="二号工地", 行业="建筑施工", 属地="城川镇")
        assert not sees(site.user("mutu"), copied)
        told = site.user("mutu").get(f"/api/v1/cases/{into}/timeline").text
        assert "并入本案" in told and '"people"' not in told
        assert site.user("sun").get(f"/api/v1/files/{file}").status_code == 404

    def test_other_enterprises_gain_nothing(self, site: Site, pair: tuple[str, str]) -> None:
        into, gone = pair
        site.user("zhao").post(f"/api/v1/cases/{gone}/copies", {"to": ["孙会计"]})
        assert self.merge(site, gone, into).status_code == 200
        relay(site.engine, 100)
        assert not sees(site.user("sun"), into)

    def test_not_the_same_hazard(self, site: Site, pair: tuple[str, str]) -> None:
        into, gone = pair
        other = site.begin("liu", 名称="脚手架", 企业="二号工地", 行业="建筑施工", 属地="城川镇")
        assert self.merge(site, gone, gone).status_code == 400
        assert self.merge(site, gone, "查无此号").status_code == 404
        answer = self.merge(site, gone, other)
        assert answer.status_code == 403 and "不是同一处隐患" in answer.json["detail"]

"""The register 隐患台账: light and rung a line, filters in the address, columns one chooses, the unit's list, likely doubles."""

from __future__ import annotations

import io
import re
from pathlib import Path
from urllib.parse import quote

import openpyxl
import pytest

from tests import stores
from tests.web.builder import Site, open_site
from tests.web.hazards import later, numbered, with_hazards
from web.register import words

pytestmark = stores.both


@pytest.fixture
def hazards(site: Site) -> Site:
    """Monday 28 September 2026, 09:00; a week of holidays begins on 1 October."""
    return with_hazards(site)


def found(site: Site, query: str, account: str = "zhao") -> set[str]:
    answer = site.user(account).get(f"/api/v1/cases?{query}")
    assert answer.status_code == 200, answer.text
    return {i["id"] for i in answer.json["items"]}


def test_the_light_is_that_of_limit_working_days_and_rung(hazards: Site) -> None:
    late = hazards.begin(名称="过了期限", 整改期限="2026-09-27")
    # 29 and 30 September, 8, 9 and 10 October (a working Saturday) are the five working days after this Monday.
    near = hazards.begin(名称="五个工作日", 整改期限="2026-10-10")
    far = hazards.begin(名称="六个工作日", 整改期限="2026-10-12")
    letter = hazards.begin(名称="已发督促函", 整改期限="2027-01-10", 预警级=2)
    report = hazards.begin(名称="已通报", 整改期限="2027-01-10", 预警级=3)
    none = hazards.begin(名称="没有期限")
    assert found(hazards, "light=red") == {late, report}
    assert found(hazards, "light=yellow") == {near, letter}
    assert found(hazards, "light=green") == {far}
    assert found(hazards, "light=blue") == set()
    page = hazards.user("zhao").get("/register").text
    shown = dict(re.findall(r'<tr data-href="/cases/([^"]+)">\s*<td data-label="灯"[^>]*>(.*?)</td>', page))
    assert {case: re.sub("<[^>]+>", "", said) for case, said in shown.items()} == {
        late: "灯：红", near: "灯：黄", far: "灯：绿", letter: "灯：黄督促函", report: "灯：红通报", none: "未定期限",
    }  # fmt: skip
    later(hazards, 13)  # Sunday the 11th
    assert found(hazards, "light=red") == {late, near, report}


def test_the_parameters_decide_and_can_be_edited(hazards: Site) -> None:
    case = hazards.begin(整改期限="2026-10-10")
    assert found(hazards, "light=yellow") == {case}
    files = hazards.engine.newest("tiny").files
    said = files["process.toml"].replace(b'\xe6\x97\xa5"\nvalue = 5', b'\xe6\x97\xa5"\nvalue = 4')
    assert said != files["process.toml"]
    from engine.commands import ENGINE

    hazards.engine.publish({**files, "process.toml": said}, ENGINE, "黄灯改为四个工作日")
    assert found(hazards, "light=green") == {case}


def test_filters_of_rung_unit_and_month(hazards: Site) -> None:
    mine = hazards.begin(名称="风机", 预警级=2, 督办部门="能源局")
    other = hazards.begin(
        "liu", 名称="脚手架", 企业="二号工地", 行业="建筑施工", 属地="城川镇", 督办部门="住建局"
    )
    assert found(hazards, "rung=2") == {mine} and found(hazards, "rung=9") == set() == found(
        hazards, "rung=x"
    )
    assert found(hazards, "unit=一号煤矿") == {mine} == found(hazards, "unit=上海庙镇")
    assert found(hazards, "unit=住建局") == {other}
    assert found(hazards, "unit=没有的单位") == set()
    assert found(hazards, "month=2026-09") == {mine, other}
    assert found(hazards, "month=2026-10") == set() == found(hazards, "month=2026-13")
    assert found(hazards, "unit=二号工地", "wang") == set(), "another department's case stays unseen"


def test_everybody_chooses_columns_for_oneself(hazards: Site, data: Path) -> None:
    hazards.begin(名称="风机", 部位="回风巷")
    zhao = hazards.user("zhao")
    assert "回风巷" not in zhao.get("/register").text
    offered = zhao.get("/api/v1/register/columns").json
    assert "部位" in {x["key"] for x in offered["items"] if x["official"]} and "部位" not in offered["chosen"]
    answer = zhao.put("/api/v1/register/columns", {"columns": ["部位", "party"]})
    assert answer.json == {"chosen": ["party", "部位"]}
    page = zhao.get("/register").text
    assert "回风巷" in page and 'data-label="行业"' not in page
    assert "回风巷" not in hazards.user("wang").get("/register").text
    refused = zhao.put("/api/v1/register/columns", {"columns": ["没有"]})
    assert refused.status_code == 400 and "没有“没有”这一列" in refused.json["detail"]
    again = open_site(data)  # kept in the database, not in a process
    assert "回风巷" in again.user("zhao").get("/register").text
    assert zhao.put("/api/v1/register/columns", {"columns": []}).json["chosen"][0] == "party"


def test_a_page_counts_what_it_shows(hazards: Site) -> None:
    for n in range(3):
        hazards.begin(名称=f"风机{n}")
    assert "共 3 件" in hazards.user("wang").get("/register").text
    assert "共 1 件" in hazards.user("wang").get("/register?q=风机1").text
    assert "没有符合条件的案件" in hazards.user("zhao").get("/register?q=没有人写过").text
    assert "还没有您能看到的案件" in hazards.user("sun").get("/register").text


WORDS = {
    "风机": {"风机停用", "旧风机"},
    "备": {"100%备用", "设备A_1"},
    "用": {"风机停用", "100%备用"},
    "0%": {"100%备用"},
    "A_1": {"设备A_1"},
    "A%1": set(),
    "没有人写过": set(),
    "〔2026〕7号": {"旧风机"},
    "一号煤矿": {"风机停用", "旧风机", "100%备用", "设备A_1"},
    "机停": {"风机停用"},
    "风停": set(),
}
"""What is looked for, and the cases of one enterprise that have it."""


def test_words_are_found_wherever_they_stand(hazards: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {hazards.begin(名称=name): name for name in ("风机停用", "旧的名称", "100%备用", "设备A_1")}
    renamed = next(case for case, name in cases.items() if name == "旧的名称")
    numbered(hazards, renamed, "隐患〔2026〕7号")
    changed = hazards.user("zhao").post(
        f"/api/v1/cases/{renamed}/correct", {"values": {"名称": "旧风机"}, "reason": "改名"}
    )
    assert changed.status_code == 200, changed.text
    cases[renamed] = "旧风机"
    hazards.begin("liu", 名称="别处的风机", 企业="二号工地", 行业="建筑施工", 属地="城川镇")
    for looked_through in (1000, 1):  # among the newest, and by the words kept beside the cases
        monkeypatch.setattr(words, "LOOKED_THROUGH", looked_through)
        for said, names in WORDS.items():
            query = "q=" + quote(said)
            assert {cases[case] for case in found(hazards, query, "wang")} == names, (said, looked_through)
            assert "别处的风机" not in hazards.user("wang").get(f"/register?{query}").text
        assert len(found(hazards, "q=风机")) == 3 == len(found(hazards, "q=风机&limit=2")) + 1, looked_through
    page = hazards.user("zhao").get("/api/v1/cases?q=风机&limit=2").json
    rest = hazards.user("zhao").get(f"/api/v1/cases?q=风机&limit=2&after={page['next']}").json["items"]
    assert len({i["id"] for i in (*page["items"], *rest)}) == 3
    assert "共 3 件" in hazards.user("zhao").get("/register?q=风机").text


# -- the unit's list --------------------------------------------------------------------------------------


def struck_off(site: Site, case: str, day: str) -> None:
    made = site.user("wang").post(
        f"/api/v1/cases/{case}/items/{site.item(case, 'A')}/finish",
        {"form": {"说明": "现场核实已整改", "结论": "属实", "销号日期": day}},
    )
    assert made.status_code == 200, made.text


def test_a_units_list_strikes_off_what_is_closed_and_keeps_the_numbers(hazards: Site) -> None:
    one, two, three = (
        numbered(hazards, hazards.begin(名称=f"隐患{said}", 督办部门="能源局"), f"隐患〔2026〕{n}号")
        for n, said in zip((8, 9, 10), "一二三", strict=True)
    )  # entered at one instant, as an imported ledger is
    hazards.begin("liu", 名称="别处", 企业="二号工地", 行业="建筑施工", 属地="城川镇", 督办部门="住建局")
    struck_off(hazards, two, "2026-09-28")
    for unit in ("一号煤矿", "上海庙镇", "能源局"):
        page = hazards.user("zhao").get(f"/register/lists?unit={unit}").text
        rows = re.findall(
            r'<tr( class="struck")?>\s*<td data-label="序号"[^>]*>(\d+)</td>.*?隐患([一二三])<', page, re.S
        )
        assert rows == [("", "1", "一"), (' class="struck"', "2", "二"), ("", "3", "三")], unit
        assert "2026-09-28 销号，能源局 王建军" in page
    sheet = openpyxl.load_workbook(
        io.BytesIO(hazards.user("zhao").get("/register/lists.xlsx?unit=一号煤矿").data)
    ).worksheets[0]
    assert [(sheet.cell(r, 1).value, sheet.cell(r, 5).value, sheet.cell(r, 5).font.strike) for r in (5, 6, 7)] == [
        (1, "隐患一", False), (2, "隐患二", True), (3, "隐患三", False),
    ]  # fmt: skip
    assert sheet.cell(6, 10).value == "2026-09-28 销号，能源局 王建军"
    assert sheet.cell(8, 1).value == "单位负责人（签字）："
    later(hazards, 10)
    october = hazards.user("zhao").get("/register/lists?unit=一号煤矿").text
    assert "隐患二" not in october, "what was struck off in September is no longer on October's list"
    both = hazards.user("zhao").get("/register/lists?unit=一号煤矿&since=2026-09-01&date=2026-10-08").text
    assert both.count('<td data-label="序号"') == 3
    assert {one, three} <= set(re.findall(r"/cases/([^\"]+)\"", october))


def test_a_list_shows_no_more_than_its_reader_sees(hazards: Site) -> None:
    hazards.begin(名称="煤矿的")
    page = hazards.user("liu").get("/register/lists?unit=一号煤矿").text
    assert "煤矿的" not in page and "这个单位在这段时间没有隐患" in page
    assert hazards.user("zhao").get("/register/lists?unit=没有").status_code == 404
    assert hazards.user("zhao").get("/register/lists?unit=纪检组").status_code == 400
    assert hazards.user("zhao").get("/register/lists?unit=能源局&date=昨天").status_code == 400
    assert "选一个单位出清单" in hazards.user("zhao").get("/register/lists").text


def test_an_issued_list_stays_as_it_was_and_marks_what_is_closed_since(hazards: Site) -> None:
    one, two = (
        numbered(hazards, hazards.begin(名称=f"隐患{said}", 督办部门="能源局"), f"隐患〔2026〕{n}号")
        for n, said in enumerate("一二", 8)
    )
    asked, zhao = {"unit": "一号煤矿"}, hazards.user("zhao")
    made = zhao.post("/api/v1/register/lists", asked, Idempotency_Key="one")
    assert made.status_code == 201, made.text
    address = f"/register/lists/{made.json['list']}"
    again = zhao.post("/api/v1/register/lists", asked, Idempotency_Key="one")
    assert again.json == made.json, "asked twice, issued once"
    struck_off(hazards, one, "2026-09-28")
    later(hazards, 10)
    hazards.begin(名称="隐患三", 督办部门="能源局")
    now = zhao.get("/register/lists?unit=一号煤矿").text
    assert re.findall(r'序号" class="num">(\d)</td>.*?隐患([一二三])<', now, re.S) == [
        ("1", "二"),
        ("2", "三"),
    ]
    assert f'href="{address}"' in now, "lists issued before stand below"
    kept = zhao.get(address).text
    assert re.findall(r'序号" class="num">(\d)</td>.*?隐患([一二三])<', kept, re.S) == [
        ("1", "一"),
        ("2", "二"),
    ]
    assert "编号：<strong>〔2026〕第1号" in kept and kept.count('<tr class="struck">') == 1
    items = zhao.get(f"/api/v1{address}").json["items"]
    assert [(i["case"], i["struck"], i["later"]) for i in items] == [
        (one, "", "2026-09-28 销号，能源局 王建军"), (two, "", ""),
    ]  # fmt: skip
    sheet = openpyxl.load_workbook(io.BytesIO(zhao.get(f"{address}/list.xlsx").data)).worksheets[0]
    assert [(sheet.cell(r, 1).value, sheet.cell(r, 5).value, sheet.cell(r, 5).font.strike) for r in (5, 6)] == [
        (1, "隐患一", True), (2, "隐患二", False),
    ]  # fmt: skip
    assert "编号：〔2026〕第1号" in sheet.cell(2, 1).value
    following = hazards.user("wang").post("/api/v1/register/lists", asked)
    assert "〔2026〕第2号" in zhao.get(f"/register/lists/{following.json['list']}").text


def test_who_may_issue_and_open_lists(hazards: Site) -> None:
    hazards.begin(名称="煤矿的", 督办部门="能源局")
    asked = {"unit": "一号煤矿"}
    made = hazards.user("wang").post("/api/v1/register/lists", asked).json["list"]
    refused = hazards.user("gao").post("/api/v1/register/lists", asked)
    assert refused.status_code == 403 and "安委办、督办部门或属地出具" in refused.json["detail"]
    assert "煤矿的" in hazards.user("gao").get(f"/register/lists/{made}").text, "it was issued to them"
    assert hazards.user("zhao").get(f"/register/lists/{made}").status_code == 200
    for stranger in ("liu", "sun", "mutu"):
        assert hazards.user(stranger).get(f"/register/lists/{made}").status_code == 404, stranger
        assert hazards.user(stranger).get("/api/v1/register/lists").json["items"] == [], stranger
    nothing = hazards.user("wang").post("/api/v1/register/lists", {"unit": "二号工地"})
    assert nothing.status_code == 400 and "没有隐患" in nothing.json["detail"]
    towns = hazards.user("zhao").post("/api/v1/register/lists", {"unit": "上海庙镇"}).json["list"]
    assert "煤矿的" in hazards.user("mutu").get(f"/register/lists/{towns}").text


# -- likely doubles ---------------------------------------------------------------------------------------


def test_what_is_probably_the_same_hazard_is_suggested(hazards: Site) -> None:
    same = numbered(
        hazards, hazards.begin(名称="备用通风机停用，瓦斯监测线路老化", 部位="11302工作面"), "隐患〔2026〕7号"
    )
    hazards.begin(名称="职工食堂灭火器过期", 部位="食堂")
    hazards.begin(
        "liu", 名称="备用通风机停用，瓦斯监测线路老化", 企业="二号工地", 行业="建筑施工", 属地="上海庙镇"
    )
    query = "package=tiny&party=一号煤矿&region=上海庙镇&words=11302工作面 备用通风机停用、监测线路老化"
    items = hazards.user("zhao").get(f"/api/v1/register/similar?{query}").json["items"]
    assert [(i["case"], i["number"]) for i in items] == [(same, "隐患〔2026〕7号")], (
        "another enterprise's is another hazard"
    )
    assert items[0]["reasons"][:2] == ["同一企业", "同一属地"] and items[0]["likeness"] > 80
    assert hazards.user("liu").get(f"/api/v1/register/similar?{query}").json["items"] == []
    assert hazards.user("zhao").get(f"/api/v1/register/similar?{query}&case={same}").json["items"] == [], (
        "itself"
    )
    assert (
        hazards.user("zhao")
        .get("/api/v1/register/similar?package=tiny&party=一号煤矿&words=风")
        .json["items"]
        == []
    )
    later(hazards, 366)
    assert hazards.user("zhao").get(f"/api/v1/register/similar?{query}").json["items"] == []


def test_the_form_asks_for_doubles(hazards: Site) -> None:
    page = hazards.user("wang").get("/register/new/tiny/S").text
    assert '"alike":["名称","部位"]' in page and '"party":"企业"' in page and 'data-island="similar"' in page

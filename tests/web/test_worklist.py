"""我的待办: its tabs and what they count, its orders page by page, what it is narrowed by, the filters people keep."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from engine.audit.rebuild import rebuild
from engine.calendar import seed
from engine.commands import Actor
from engine.store import tables as t
from engine.store.projection import by_number
from tests import stores
from tests.engine.builders import xml
from tests.engine.office_builder import MONDAY
from tests.web.builder import KEY, TOML, Site, User
from web.counting import counted
from web.worklist import queries, saved
from web.worklist.wants import line

pytestmark = stores.both

TABS = ("unclaimed", "mine", "soon", "overdue", "unit", "done", "begun", "copied")


def numbers(site: Site, account: str) -> dict[str, int]:
    return dict(site.user(account).get("/api/v1/items/counts").json)


def listed(user: User, query: str, limit: int = 200) -> list[dict[str, Any]]:
    """All rows of a list, page by page."""
    found: list[dict[str, Any]] = []
    after = ""
    for _ in range(1000):
        answer = user.get(f"/api/v1/items?{query}&limit={limit}&after={after}")
        assert answer.status_code == 200, answer.text
        found += answer.json["items"]
        after = answer.json["next"]
        if not after:
            return found
    raise AssertionError("no end")


def act(user: User, case: str, item: int, what: str, body: Any = None) -> None:
    answer = user.post(f"/api/v1/cases/{case}/items/{item}/{what}", body)
    assert answer.status_code == 200, answer.text


# -- tabs --------------------------------------------------------------------------------------------------


def test_each_tab_holds_what_it_says(site: Site) -> None:
    """One item goes through the tabs; a second one of the same unit stays with a colleague."""
    case, other = site.begin(), site.begin("li")
    item, wang = site.item(case, "A"), site.user("wang")
    act(site.user("li"), other, site.item(other, "A"), "claim")
    usual = {"soon": 0, "overdue": 0, "unit": 2, "done": 0, "begun": 1, "copied": 0}
    assert numbers(site, "wang") == {"unclaimed": 1, "mine": 0} | usual
    act(wang, case, item, "claim")
    assert numbers(site, "wang") == {"unclaimed": 0, "mine": 1} | usual
    site.engine.clock.at += timedelta(days=2)  # type: ignore[attr-defined]
    assert numbers(site, "wang")["soon"] == 1  # Wednesday; its limit is Thursday 8 October, holidays between
    site.engine.clock.at += timedelta(days=12)  # type: ignore[attr-defined]
    assert numbers(site, "wang") == {"unclaimed": 0, "mine": 1} | usual | {"overdue": 1}
    act(wang, case, item, "finish", {"form": {"说明": "核实", "结论": "属实"}})
    assert numbers(site, "wang") == {"unclaimed": 0, "mine": 0} | usual | {"unit": 1, "done": 1}
    for tab in TABS:
        page = wang.get(f"/worklist?tab={tab}")
        assert page.status_code == 200 and (case in page.text) == (tab in ("done", "begun")), tab


def test_what_is_due_soon_is_for_the_office_to_say(site: Site) -> None:
    case = site.begin()  # on Monday, three working days: until Thursday 8 October
    wang, zhao = site.user("wang"), site.user("zhao")
    assert numbers(site, "wang")["soon"] == 0 and case not in wang.get("/worklist?tab=soon").text
    assert wang.send("PUT", "/api/v1/items/settings", {"soon_days": 3}).status_code == 403
    assert zhao.send("PUT", "/api/v1/items/settings", {}).status_code == 400
    answer = zhao.send("PUT", "/api/v1/items/settings", {"soon_days": 2})
    assert answer.json == {"soon_days": 2, "bulk_items": 50}
    assert numbers(site, "wang")["soon"] == 0
    zhao.send("PUT", "/api/v1/items/settings", {"soon_days": 3})
    assert numbers(site, "wang")["soon"] == 1
    page = wang.get("/worklist?tab=soon").text
    assert case in page and "bg-orange-lt" in page
    with site.engine.read() as c:
        last = c.execute(sa.select(t.office_facts).order_by(t.office_facts.c.seq.desc())).first()
    assert last.kind == "WorklistSet" and "3 个工作日内到期算将到期" in last.data.decode()


def test_what_i_began_says_where_it_stands(site: Site) -> None:
    case = site.begin("wang")
    site.begin("li")
    rows = site.user("wang").get("/api/v1/items/begun").json["items"]
    assert [r["id"] for r in rows] == [case]
    assert [(x["name"], x["unit"], x["person"]) for x in rows[0]["at"]] == [("核实", "能源局", "")]
    page = site.user("wang").get("/worklist?tab=begun").text
    assert "备用风机停用" in page and "核实 · 能源局" in page
    assert site.user("wang").get("/api/v1/items/begun?q=没有人写过").json["items"] == []
    assert site.user("gao").get("/api/v1/items/begun").json["items"] == []


def test_what_was_copied_waits_to_be_read(site: Site) -> None:
    """To a person, to a post, to another unit: each counts what it has not read, and finds it with its note."""
    case, wang = site.begin(), site.user("wang")
    sent = wang.post(f"/api/v1/cases/{case}/copies", {"to": ["赵立新", "住建局"], "note": "请知悉"})
    assert sent.status_code == 201, sent.text
    for account, count in {"zhao": 1, "liu": 1, "qimuge": 0, "wang": 0}.items():
        assert numbers(site, account)["copied"] == count, account
        assert ("请知悉" in site.user(account).get("/worklist?tab=copied").text) == bool(count), account
    assert site.user("zhao").post(f"/api/v1/cases/{case}/copies/read").status_code == 200
    assert numbers(site, "zhao")["copied"] == 0 and numbers(site, "liu")["copied"] == 1
    assert "已阅" in site.user("zhao").get("/worklist?tab=copied").text


# -- orders ------------------------------------------------------------------------------------------------


def crowd(site: Site, count: int) -> list[str]:
    """Items at one post, in two units: some without a limit, some at the same instant, most of numbered cases."""
    cases = [site.begin("wang" if n % 3 else "liu", 名称=f"第{n}件") for n in range(count)]
    i = t.work_items
    with site.engine.database.write() as c:
        for n, case in enumerate(cases):
            number = f"小〔2026〕{(n * 7) % count + 5}号" if n % 4 else ""
            due = None if n % 5 == 0 else MONDAY + timedelta(hours=(n * 5) % 7)
            came = MONDAY - timedelta(minutes=(n * 3) % 11)
            row = {"due": due, "offered_at": came, "by_number": by_number(number), "unit": "能源局"}
            c.execute(sa.update(i).where(i.c.case == case).values(**row))
            c.execute(sa.update(t.cases).where(t.cases.c.id == case).values(number=number))
    return cases


def test_every_order_is_kept_page_by_page(site: Site) -> None:
    cases = crowd(site, 14)
    wang = site.user("wang")

    def figure(row: dict[str, Any]) -> int:
        found = re.search(r"(\d+)号", row["number"])
        return int(found[1]) if found else 0

    sorted_: dict[str, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = {
        "due": lambda rows: sorted(rows, key=lambda r: (r["due"] or "9999", r["case"])),
        "received": lambda rows: sorted(rows, key=lambda r: (r["offered_at"], r["case"]), reverse=True),
        "number": lambda rows: sorted(rows, key=lambda r: (figure(r), r["case"]), reverse=True),
    }
    for tab in ("unclaimed", "unit", "all"):
        for sort, expected in sorted_.items():
            whole = listed(wang, f"tab={tab}&sort={sort}")
            assert sorted(r["case"] for r in whole) == sorted(cases)
            assert [r["case"] for r in whole] == [r["case"] for r in expected(whole)], (tab, sort)
            assert listed(wang, f"tab={tab}&sort={sort}", limit=3) == whole, (tab, sort)
    for one in cases[:6]:
        act(wang, one, site.item(one, "A"), "claim")
    for sort in sorted_:
        mine = listed(wang, f"tab=mine&sort={sort}", limit=4)
        assert sorted(r["case"] for r in mine) == sorted(cases[:6])
        assert [r["case"] for r in mine] == [r["case"] for r in sorted_[sort](mine)]
    assert wang.get("/api/v1/items?sort=size").status_code == 400
    assert wang.get("/worklist?tab=mine&sort=size").status_code == 400


def test_a_number_orders_items_from_the_moment_it_is_given(site: Site) -> None:
    """An item that was open before its case was numbered, one that came after, and the same rows from the facts again."""
    diagram = """
    process numbered name=编号流程
        start S name=登记
        and F
        user A name=承办 groups=DB@能源局
        user B name=初审 groups=DB@能源局
        service N name=编号 topic=case.number
        user D name=复核 groups=DB@能源局
        and J
        end E name=已办结
        S -> F -> A -> J -> E
        F -> B -> N -> D -> J
    """
    toml = (
        TOML.replace('"tiny"', '"numbered"').split("[actions.extension]")[0] + TOML.split('form = "enter"')[1]
    )
    toml += '\n[start.S]\ntitle = "登记"\nroles = ["DB"]\n'
    site.engine.publish(
        {"process.toml": toml.encode(), "numbered.bpmn": xml(diagram)}, Actor("zhao", "赵立新"), "试验"
    )
    wang = site.user("wang")
    begun = wang.post("/api/v1/cases", {"package": "numbered", "start": "S"})
    assert begun.status_code == 201, begun.text
    case = begun.json["case"]
    act(wang, case, site.item(case, "B"), "finish")

    def kept() -> dict[str, str]:
        with site.engine.read() as c:
            rows = c.execute(sa.select(t.work_items.c.element, t.work_items.c.by_number)).all()
        return {row.element: row.by_number for row in rows}

    number = wang.get(f"/api/v1/cases/{case}").json["number"]
    assert number and kept() == {"A": by_number(number), "B": "", "D": by_number(number)}
    assert by_number("小〔2026〕9号") < by_number("小〔2026〕10号")
    before = kept()
    with site.engine.database.write() as c:
        rebuild(c, site.engine.package, site.engine.calendar())
    assert kept() == before


# -- narrowing ---------------------------------------------------------------------------------------------


def test_words_are_found_and_a_number_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = crowd(site, 9)
    wang = site.user("wang")
    titles = {r["case"]: r["title"] for r in listed(wang, "tab=unit")}
    assert [titles[r["case"]] for r in listed(wang, "tab=unit&q=第4件")] == ["第4件"]
    assert len(listed(wang, "tab=unit&q=核实")) == 9 and listed(wang, "tab=unit&q=100%") == []
    assert len(listed(wang, "tab=unit&q=一号煤矿")) == 9
    numbered = next(r for r in listed(wang, "tab=unit") if r["number"])
    monkeypatch.setattr(queries, "LOOKED_THROUGH", 2)
    assert [r["case"] for r in wang.get(f"/api/v1/items?tab=unit&q={numbered['number']}").json["items"]] == [
        numbered["case"]
    ]
    assert len(cases) == 9


def test_a_narrowed_page_stops_and_goes_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many items are looked through; what lies behind them is found by going on, in every order."""
    crowd(site, 11)
    wang = site.user("wang")
    monkeypatch.setattr(queries, "LOOKED_THROUGH", 3)
    for sort in ("due", "received", "number"):
        first = wang.get(f"/api/v1/items?tab=unit&sort={sort}&q=第").json
        assert len(first["items"]) == 3 and first["stopped"]
        whole = listed(wang, f"tab=unit&sort={sort}")
        assert listed(wang, f"tab=unit&sort={sort}&q=第") == whole
        last = whole[-1]
        assert [r["case"] for r in listed(wang, f"tab=unit&sort={sort}&q={last['title']}")] == [last["case"]]
    page = wang.get("/worklist?tab=unit&q=没有人写过").text
    assert "已往后翻看 3 件，还没有找到" in page and "接着往后找" in page


def test_filters_narrow_to_what_they_say(site: Site) -> None:
    mine, other = site.begin("wang"), site.begin("wang", 属地="城川镇")
    wang = site.user("wang")
    act(wang, mine, site.item(mine, "A"), "claim")
    for query, cases in {
        "region=城川镇": {other},
        "step=核实": {mine, other},
        "step=审批": set(),
        f"package={KEY}": {mine, other},
        "package=nothing": set(),
        "unit=能源局": {mine, other},
        "unit=住建局": set(),
        "held=wang": {mine},
        "held=nobody": {other},
        "held=nobody&region=上海庙镇": set(),
    }.items():
        assert {r["case"] for r in listed(wang, f"tab=unit&{query}")} == cases, query
    page = wang.get("/worklist?tab=unit&held=wang&region=上海庙镇").text
    assert mine in page and other not in page and "筛选（2 项）" in page
    assert 'value="wang" selected' in page and 'value="上海庙镇" selected' in page
    assert "没有相符的事项" in wang.get("/worklist?tab=unit&region=城川镇&held=wang").text
    assert wang.get(f"/worklist?q={'长' * 101}").status_code == 400


def test_somebody_elses_items_are_never_found(site: Site) -> None:
    case = site.begin("liu", 名称="住建局的事", 企业="二号工地", 行业="建筑施工", 属地="城川镇")
    number = "小〔2026〕77号"
    with site.engine.database.write() as c:
        c.execute(sa.update(t.cases).where(t.cases.c.id == case).values(number=number))
    for tab in (*TABS[:-2], "all"):
        for query in ("q=住建局的事", f"q={number}", "unit=住建局", "held=liu"):
            assert listed(site.user("wang"), f"tab={tab}&{query}") == [], (tab, query)


# -- filters people keep -----------------------------------------------------------------------------------


def test_a_kept_filter_opens_the_page_where_its_owner_wants_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    wang, li, at = site.user("wang"), site.user("li"), "/api/v1/items/filters"
    made = wang.post(
        at, {"name": " 城川镇的 ", "tab": "unit", "region": "城川镇", "sort": "received", "first": True}
    )
    assert made.status_code == 201, made.text
    assert made.json["name"] == "城川镇的"
    opened = wang.get("/worklist")
    assert opened.status_code == 302 and opened.location == f"/worklist?{made.json['query']}"
    page = wang.get(opened.location).text
    assert "城川镇的" in page and 'value="received" selected' in page and 'value="城川镇" selected' in page
    assert wang.get("/worklist?tab=mine").status_code == 200 and li.get("/worklist").status_code == 200
    again = wang.post(at, {"name": "城川镇的", "tab": "unit", "region": "上海庙镇"}).json
    assert again["id"] == made.json["id"] and wang.get("/worklist").status_code == 200
    (kept,) = wang.get(at).json["items"]
    assert "%E4%B8%8A" in kept["query"] and not kept["first"]
    assert li.get(at).json["items"] == [] and "城川镇的" not in li.get("/worklist").text
    for method, body in (("PUT", {"first": True}), ("DELETE", None)):
        assert li.send(method, f"{at}/{kept['id']}", body).status_code == 404
    assert wang.put(f"{at}/{kept['id']}", {"first": True}).status_code == 200
    assert wang.get("/worklist").status_code == 302
    monkeypatch.setattr(saved, "MOST", 1)
    assert wang.post(at, {"name": "又一个", "tab": "mine"}).status_code == 400
    assert wang.post(at, {"name": "  ", "tab": "mine"}).status_code in (400, 422)
    assert wang.send("DELETE", f"{at}/{kept['id']}").status_code == 204
    assert wang.get("/worklist").status_code == 200


# -- in words ----------------------------------------------------------------------------------------------


def test_a_limit_is_counted_in_words() -> None:
    calendar = seed([2026])
    now = MONDAY  # 28 September, 09:00; National Day is 1 to 7 October, Saturday the 10th is made up

    def said(day: str, hour: int = 18, **more: Any) -> tuple[str, str, str]:
        due = calendar.end_of(date.fromisoformat(day)) + timedelta(hours=hour - 18)
        found = counted(due, now, calendar, soon=1, **more)
        return found.text, found.tone, found.aside

    assert said("2026-09-28") == ("今天 18:00 到期", "warning", "")
    assert said("2026-09-28", 8) == ("今天 08:00 已到期", "danger", "")
    assert said("2026-09-29") == ("还剩 1 个工作日", "warning", "")
    assert said("2026-10-08") == ("还剩 3 个工作日", "muted", "跳过 10/1–10/7 国庆节")
    assert said("2026-10-10")[::2] == ("还剩 5 个工作日", "跳过 10/1–10/7 国庆节，10/10 调休上班")
    assert said("2026-09-24") == ("已超 1 个工作日", "danger", "跳过 9/25–9/27 中秋节")
    assert said("2026-09-27")[0] == "已超 1 个工作日"
    assert said("2026-10-08", suspended=True) == ("案件已挂起，时限停钟", "muted", "")
    assert counted(None, now, calendar, soon=1).text == "无时限"
    found = counted(calendar.end_of(date(2026, 10, 8)), now, calendar, soon=1)
    assert found.days == (
        ("9/29 周二", "第 1 个工作日"),
        ("9/30 周三", "第 2 个工作日"),
        ("10/1–10/7", "国庆节，不计"),
        ("10/8 周四", "第 3 个工作日"),
    )
    unknown = counted(MONDAY + timedelta(days=200), now, calendar, soon=1)
    assert "日历未确认" in unknown.text and not unknown.days
    long = counted(calendar.end_of(date(2026, 12, 31)), now, calendar, soon=1)
    assert len(long.days) < 40 and long.days[-1][1] == "第 61–64 个工作日"


def test_a_row_says_what_is_wanted_and_how_the_limit_is_counted(site: Site) -> None:
    case = site.begin()
    package = site.engine.newest(KEY)
    assert line(package, "A", "check") == "需填写核实说明，选择结论；3 个工作日内"
    assert line(package, "B", "") == "没有表单，核实后直接办结；1 个工作日内"
    page = site.user("wang").get("/worklist?tab=unclaimed").text
    assert "需填写核实说明，选择结论；3 个工作日内" in page
    assert "还剩 3 个工作日" in page and "跳过 10/1–10/7 国庆节" in page and "10/8 周四" in page
    assert site.user("zhao").post(f"/api/v1/cases/{case}/suspend", {"reason": "等待鉴定"}).status_code == 200
    assert "时限停钟" in site.user("wang").get("/worklist?tab=unclaimed").text


def test_an_empty_tab_says_what_to_do_next(shared: Site) -> None:
    for account in ("wang", "gao", "ji", "zhao"):
        for tab in TABS:
            page = shared.user(account).get(f"/worklist?tab={tab}").text
            assert ("empty-title" in page) != ("<tbody>" in page), (account, tab)
            if "empty-title" in page:
                assert re.search(r'class="empty-action"><a class="btn btn-primary" href="[^"]+">', page), (
                    account,
                    tab,
                )

"""Who is away, who stands in, and what is handed over: from the person's own page to the list that is signed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.answers import answers
from tests.browser.barriers import beside_the_screen
from tests.browser.clerk import Clerk
from tests.browser.person import SCREENSHOTS, Person

TITLE = "替岗与移交（浏览器测试）"


@pytest.mark.slow
def test_a_colleague_stands_in_and_the_leavers_work_is_handed_over(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path
) -> None:
    zhao = sign_in("zhaolixin")
    cases = [clerk("zhaolixin").register(f"{TITLE}{number}", photo) for number in (1, 2)]
    for case in cases:
        clerk("zhaolixin").claim(case, "T02")

    zhao.go("/admin/account")
    zhao.page.get_by_label("事由").fill("出差")
    zhao.page.get_by_label("替岗人").select_option(label="斯琴高娃（旗安委办）")
    zhao.page.locator("#absences").get_by_role("button", name="登记").click()
    expect(zhao.page.locator("[data-absence]")).to_contain_text("替岗人：斯琴高娃")
    zhao.screenshot("70-my-absence")

    siqin = sign_in("siqingaowa", phone=True)
    siqin.go("/worklist?tab=mine")
    expect(siqin.page.locator("#worklist")).to_contain_text("代赵立新办")
    siqin.screenshot("71-worklist-standing-in-phone")
    siqin.go("/admin/account")
    siqin.screenshot("71b-account-phone")
    siqin.open_item(cases[0], "T02")
    siqin.fill(answers(siqin.form_key(), siqin.today(), photo))
    siqin.submit()
    siqin.go(f"/cases/{cases[0]}")
    expect(siqin.page.locator("#timeline")).to_contain_text("斯琴高娃代赵立新")
    siqin.screenshot("72-case-done-for-another-phone")

    zhao.go("/admin/account")
    zhao.page.locator("[data-absence]").get_by_role("button", name="撤销").click()
    zhao.agree()
    expect(zhao.page.locator("[data-absence]")).to_have_count(0)

    office = sign_in("wangjianguo")
    office.go(f"/cases/{cases[1]}")
    office.page.locator("summary", has_text="案件管理").click()
    expect(office.page.get_by_label("挂起到（最长")).to_have_attribute("required", "")
    office.page.locator("#suspend-until").fill((office.today() + timedelta(days=10)).isoformat())
    office.page.locator("#suspend-reason").fill("等待上级鉴定结论")
    office.page.get_by_role("button", name="挂起", exact=True).click()
    office.agree()
    expect(office.page.locator("#timeline")).to_contain_text("将案件挂起")
    office.settle()
    office.go("/admin/people?person=zhaolixin")
    office.screenshot("73-person")
    office.page.get_by_role("link", name="移交名下事项").click()
    expect(office.page.locator("#in-hand")).to_contain_text(f"{TITLE}2")
    office.page.get_by_label("接手人").select_option(label="斯琴高娃（旗安委办）")
    office.page.get_by_label("移交事由").fill("调离，由斯琴高娃接手")
    office.screenshot("74-handover-confirm")
    office.page.get_by_role("button", name="移交", exact=False).last.click()
    office.agree()
    office.page.wait_for_url("**/admin/handovers/*")
    row = office.page.locator("#handover tr", has_text=f"{TITLE}2")
    expect(row).to_contain_text("已移交", timeout=30_000)
    expect(row).to_contain_text("案件挂起")
    expect(office.page.locator("#handover").locator("xpath=../preceding-sibling::div")).to_contain_text(
        "其中挂起 1 件"
    )
    expect(office.page.locator(".signatures")).to_contain_text("接手人（签字）")
    office.screenshot("75-handover-list")
    listed = office.page.url.removeprefix(office.address)
    office.page.emulate_media(media="print")
    office.screenshot("76-handover-printed")
    siqin.go(f"/cases/{cases[1]}")
    assert any("斯琴高娃" in line for line in siqin.rows()), siqin.rows()

    phone = sign_in("zhaolixin", phone=True)
    for name, address in (
        ("77-handover-list-phone", listed), ("78-person-phone", "/admin/people?person=wangjianguo"), ("79-handovers-phone", "/admin/handovers"),
        ("82-left-alone-phone", "/admin/units?unit=旗安委办"),
        ("80-handover-confirm-phone", "/admin/people/siqingaowa/handover"), ("81-people-phone", "/admin/people"),
    ):  # fmt: skip
        phone.go(address)
        if "unit=" in address:
            phone.page.locator("#alone").scroll_into_view_if_needed()
        phone.screenshot(name)
        assert beside_the_screen(phone) == [], address


def test_a_step_that_nobody_can_take_is_an_incident_until_somebody_can(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path
) -> None:
    office, phone = sign_in("zhaolixin"), sign_in("siqingaowa", phone=True)
    page = office.page
    office.go("/admin/responsibilities")
    page.get_by_label("行业").fill("农业机械")
    page.get_by_label("岗位").select_option("DB")
    page.get_by_label("由谁负责").select_option(label="农牧局")  # where nobody has a post yet
    with page.expect_navigation():
        page.get_by_role("button", name="新增或修改").click()
    office.settle()
    expect(page.locator("#lines tr", has_text="农业机械")).to_contain_text("农牧局")

    case = clerk("zhaolixin").register("岗位无人（浏览器测试）", photo, 行业="农业机械")
    desk = clerk("zhaolixin")
    while (
        step := _open_step(desk, case)
    ) != "T03":  # T02, and what the office may have drawn behind it in another test
        desk.finish(case, step, photo)
    for one, name in ((office, "desk"), (phone, "phone")):
        row = one.page.locator("#monitor tr", has_text="岗位无人（浏览器测试）")
        _look_until(one, "/monitor?reason=nobody", row.count)
        expect(row).to_contain_text("农牧局没有在岗的督办部门承办人")
        one.page.screenshot(path=str(SCREENSHOTS / f"83-nobody-{name}.png"))
    page.locator("#monitor tr", has_text="岗位无人（浏览器测试）").get_by_role("link").first.click()
    office.settle()
    expect(page.get_by_role("heading", name="异常：")).to_contain_text("农牧局没有在岗的督办部门承办人")
    office.screenshot("84-nobody-case")

    office.go("/admin/people?new")
    for label, text in {"姓名": "额尔敦", "账号": "eerdun", "岗位（每行一个": "DB@农牧局"}.items():
        page.get_by_label(label).fill(text)
    with page.expect_navigation():
        page.get_by_role("button", name="保存").click()
    _look_until(office, f"/cases/{case}", lambda: not page.get_by_role("heading", name="异常：").count())
    expect(page.get_by_role("heading", name="异常：")).to_have_count(0)
    assert any("农牧局" in row for row in office.rows()), office.rows()
    phone.go("/monitor?reason=nobody")
    expect(phone.page.locator("#content")).not_to_contain_text("岗位无人（浏览器测试）")


def _open_step(desk: Clerk, case: str) -> str:
    items = desk.ask("GET", f"/cases/{case}")["items"]
    return next(str(item["element"]) for item in items if item["state"] == "open")


def _look_until(person: Person, path: str, there: Callable[[], object]) -> None:
    """Open the page again until a worker has done what it shows, for half a minute at most."""
    for _ in range(60):
        person.go(path)
        if there():
            return
        person.page.wait_for_timeout(500)

"""What plain pages can do without a form of their own: take a step, leave a note, move the demo's clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.answers import PACKAGE
from tests.browser.barriers import violations
from tests.browser.clerk import Clerk
from tests.browser.person import SCREENSHOTS, Person, both_sizes


@both_sizes
def test_a_step_is_signed_for_given_back_and_handed_on(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path, phone: bool
) -> None:
    case = clerk("zhaolixin").register("签收、退签与转办（浏览器测试）", photo)
    office = sign_in("zhaolixin", phone=phone)
    office.open_item(case, "T02")
    sign = office.page.get_by_role("button", name="签收")
    for reason in ("先签收再说，本周外出", ""):
        sign.click()
        expect(sign).to_have_count(0)
        office.settle()
        if reason:
            office.page.locator("#release > summary").click()
            office.page.locator("#release-reason").fill(reason)
            office.screenshot("40-give-back")
            office.page.locator("#release").get_by_role("button", name="退签").click()
            expect(sign).to_be_visible()
            office.settle()
    office.page.locator("#transfer > summary").click()
    office.page.get_by_label("转给本单位人员").select_option(label="斯琴高娃")
    office.page.locator("#transfer-reason").fill("本周外出检查")
    office.screenshot("40-hand-on")
    office.page.locator("#transfer").get_by_role("button", name="转办").click()
    expect(office.page.locator("dialog.dialog")).to_be_visible()
    assert violations(office) == []
    office.agree()
    office.page.wait_for_url(lambda url: url.endswith(f"/cases/{case}"))
    office.settle()
    assert any("斯琴高娃" in row for row in office.rows()), office.rows()
    told = office.page.locator("#timeline")
    for words in ("退签", "先签收再说，本周外出", "本周外出检查"):
        expect(told).to_contain_text(words)
    office.screenshot("40-case-transferred")


@both_sizes
def test_who_has_several_posts_chooses_one(sign_in: Callable[..., Person], phone: bool) -> None:
    town = sign_in("mutu", phone=phone)
    for post, said in (("SD@上海庙镇", "属地"), ("QY@上海庙镇", "企业经办")):
        town.go("/worklist")
        if phone:
            town.page.get_by_role("button", name="打开导航").click()
        choice = town.page.get_by_label("当前岗位")
        expect(choice).to_be_visible()
        expect(choice.locator(f'option[value="{post}"]')).to_contain_text(said)
        if post.startswith("SD"):
            town.page.screenshot(path=str(SCREENSHOTS / f"43-posts-{'phone' if phone else 'desk'}.png"))
        with town.page.expect_navigation():
            choice.select_option(value=post)
        town.settle()
        expect(town.page.get_by_label("当前岗位")).to_have_value(post)


def test_the_diagram_shows_where_the_case_stands(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path
) -> None:
    office = sign_in("zhaolixin")
    office.go(f"/cases/{clerk('zhaolixin').register('图上的位置（浏览器测试）', photo)}")
    office.page.locator("#diagram").scroll_into_view_if_needed()
    drawing = office.page.locator("#diagram .djs-container")
    expect(drawing.locator('[data-element-id="T02"].mark-active')).to_be_visible()
    expect(office.page.locator("#diagram .mark-badge-token")).to_have_text("1")
    expect(office.page.locator("#diagram .bjs-powered-by")).to_be_visible()
    drawing.locator('[data-element-id="T02"] .djs-hit').first.click()
    expect(office.page.locator("#diagram .diagram-caption")).to_contain_text("T02 查重受理：正在办理")


def test_the_demo_clock_moves_and_shows_what_is_late(sign_in: Callable[..., Person]) -> None:
    office = sign_in("zhaolixin")
    office.go("/monitor")
    before = office.today()
    for _ in range(2):
        shown = office.page.locator("[data-demo-now]").inner_text()
        office.page.get_by_role("button", name="拨到下一个工作日").click()
        office.page.wait_for_function(
            "(shown) => document.querySelector('[data-demo-now]')?.innerText !== shown", arg=shown
        )
        office.settle()
    assert office.today() > before
    office.go("/worklist?tab=unit")
    office.screenshot("41-worklist-after-two-days")
    office.go("/monitor")
    office.screenshot("42-monitor-after-two-days")


def test_every_page_can_be_looked_at(sign_in: Callable[..., Person]) -> None:
    office = sign_in("zhaolixin")
    for name, path in {
        "10-worklist": "/worklist",
        "11-register": "/register",
        "12-monitor": "/monitor",
        "13-processes": "/processes",
        "14-audit": "/audit",
        "15-admin": "/admin/units",
        "16-people": "/admin/people",
        "17-responsibilities": "/admin/responsibilities",
        "18-calendar": "/admin/calendar",
        "19-import": "/register/import",
        "20-process": f"/processes/{PACKAGE}",
        "50-form": f"/processes/{PACKAGE}/versions/newest/forms/T13",
        "51-verify": "/audit/verify",
        "53-messages": "/notices",
    }.items():
        office.go(path)
        assert office.page.locator("h1").count() == 1, path
        office.screenshot(name)

"""What plain pages can do without a form of their own: take a step, leave a note, move the demo's clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.answers import PACKAGE, answers
from tests.browser.person import Person


def test_a_step_is_taken_transferred_and_noted(sign_in: Callable[..., Person], photo: Path) -> None:
    office = sign_in("zhaolixin")
    office.start(PACKAGE)
    office.fill(answers("T01", office.today(), photo, 隐患名称="签收与备注（浏览器测试）"))
    office.submit()
    case = office.case_of_page()
    office.open_item(case, "T02")
    office.page.get_by_role("button", name="签收").click()
    expect(office.page.get_by_role("button", name="签收")).to_have_count(0)
    office.settle()
    office.go(f"/cases/{case}")
    office.page.get_by_label("写评论").fill("已电话核实，企业当天停用该设备。")
    office.page.get_by_role("button", name="发表").click()
    expect(office.page.locator("#notes")).to_contain_text("已电话核实")
    office.open_item(case, "T02")
    office.page.locator("#transfer > summary").click()
    office.page.get_by_label("转给本单位人员").select_option(label="斯琴高娃")
    office.page.locator("#transfer-reason").fill("本周外出检查")
    office.page.locator("#transfer").get_by_role("button", name="转办").click()
    office.page.locator("dialog.dialog").get_by_role("button", name="确定").click()
    office.page.wait_for_url(lambda url: url.endswith(f"/cases/{case}"))
    office.settle()
    assert any("斯琴高娃" in row for row in office.rows()), office.rows()
    office.screenshot("40-case-transferred")


def test_the_diagram_shows_where_the_case_stands(sign_in: Callable[..., Person], photo: Path) -> None:
    office = sign_in("zhaolixin")
    office.start(PACKAGE)
    office.fill(answers("T01", office.today(), photo, 隐患名称="图上的位置（浏览器测试）"))
    office.submit()
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

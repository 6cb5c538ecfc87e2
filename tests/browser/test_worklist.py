"""我的待办 as people use it: by mouse and keyboard at the desk, by thumb on the phone; several items together."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.browser.barriers import beside_the_screen, violations
from tests.browser.person import Person

SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value;
    }).observe({ type: 'layout-shift', buffered: true });
"""
"""Counts by how much the page moves under its reader."""

WORKER = "zhangwei"
"""Of a department at which the demonstration's ledger leaves items that nobody has signed."""


def boxes(person: Person) -> Locator:
    return person.page.locator("#worklist [data-pick]")


def with_limit(person: Person) -> Locator:
    """The first row of an item that has a limit: other journeys leave items without one in the same product."""
    return person.page.locator("#worklist tbody tr").filter(has=person.page.locator(".counting")).first


def bar(person: Person) -> Locator:
    return person.page.get_by_role("region", name="批量办理")


def test_items_are_found_and_signed_together_at_the_desk(sign_in: Callable[..., Person]) -> None:
    worker, elsewhere = sign_in(WORKER), sign_in(WORKER)
    worker.go("/worklist?tab=unclaimed")
    assert boxes(worker).count() >= 3
    row = with_limit(worker)
    expect(row.locator(".wants")).to_contain_text("需")
    row.locator(".counting > summary").focus()
    worker.page.keyboard.press("Enter")
    expect(row.locator(".counting ol")).to_contain_text("第 1 个工作日")
    boxes(worker).first.focus()
    worker.page.keyboard.press("Space")
    expect(bar(worker)).to_contain_text("已选 1 件")
    worker.page.keyboard.press("Escape")
    expect(bar(worker)).to_be_hidden()

    elsewhere.go("/worklist?tab=unclaimed")
    elsewhere.page.locator("#worklist .act a").first.click()
    elsewhere.page.get_by_role("button", name="签收").click()
    expect(elsewhere.page.get_by_role("button", name="签收")).to_have_count(0)

    for at in range(3):
        boxes(worker).nth(at).check()
    first = boxes(worker).first.get_attribute("data-name") or ""
    worker.screenshot("60-worklist-chosen")
    bar(worker).get_by_role("button", name="签收").click()
    told = worker.page.locator("dialog.dialog")
    expect(told).to_contain_text("已签收 2 件，1 件没有办成")
    assert violations(worker) == []
    expect(told.locator("[data-told] li")).to_have_count(1)
    expect(told.locator("[data-told] li")).to_contain_text(first)
    expect(told.locator("[data-told] li")).to_contain_text("已由您签收")
    with worker.page.expect_navigation():
        told.get_by_role("button", name="知道了").click()

    worker.go("/worklist?tab=mine")
    worker.page.locator("[data-pick-all]").check()
    bar(worker).get_by_role("button", name="评论").click()
    dialog = worker.page.locator("dialog.dialog")
    assert violations(worker) == []
    dialog.get_by_label("评论").fill("已电话通知企业负责人，下周现场核实。")
    dialog.get_by_role("button", name="评论").click()
    expect(worker.page.locator("#toasts")).to_contain_text("已评论 3 件")
    worker.settle()

    for at in range(2):
        boxes(worker).nth(at).check()
    bar(worker).get_by_role("button", name="转办").click()
    expect(dialog.locator("li")).to_have_count(2)
    assert violations(worker) == []
    dialog.get_by_label("转给本单位人员").select_option(label="乌云其木格")
    dialog.get_by_label("理由").fill("本周由乌云其木格办理。")
    worker.screenshot("60-worklist-handing-on")
    dialog.get_by_role("button", name="转办").click()
    expect(worker.page.locator("#toasts")).to_contain_text("已转办 2 件")
    worker.go("/worklist?tab=unit")
    expect(worker.page.locator("#worklist .holder", has_text="乌云其木格")).to_have_count(2)


def test_a_search_is_kept_under_a_name(sign_in: Callable[..., Person]) -> None:
    worker = sign_in(WORKER)
    worker.go("/worklist?tab=unit")
    worker.page.get_by_role("searchbox").fill("矿")
    worker.page.get_by_role("searchbox").press("Enter")
    worker.page.wait_for_url(lambda url: "q=%E7%9F%BF" in url)
    with worker.page.expect_navigation():
        worker.page.get_by_label("排序").select_option("number")
    worker.settle()
    worker.page.get_by_text("常用筛选", exact=True).click()
    worker.page.get_by_label("常用筛选的名字").fill("煤矿的，新案在前")
    worker.page.get_by_label("打开我的待办时先用它").check()
    worker.page.get_by_role("button", name="保存").click()
    kept = worker.page.get_by_role("navigation", name="常用筛选")
    expect(kept.get_by_role("link")).to_have_text("煤矿的，新案在前 首选")
    worker.screenshot("61-worklist-kept-filter")
    worker.go("/worklist")
    assert "q=%E7%9F%BF" in worker.page.url and "sort=number" in worker.page.url
    worker.page.get_by_text("常用筛选", exact=True).click()
    worker.page.get_by_role("button", name="删去").click()
    worker.agree()
    expect(kept).to_have_count(0)


def test_on_the_phone_the_next_thing_is_under_the_thumb(sign_in: Callable[..., Person]) -> None:
    worker = sign_in(WORKER, phone=True)
    worker.page.add_init_script(SHIFTS)
    worker.go("/worklist?tab=unit")
    worker.page.wait_for_timeout(500)
    assert worker.page.evaluate("window.shifted") < 0.01
    width = worker.page.evaluate("document.documentElement.clientWidth")
    assert beside_the_screen(worker) == []
    card = with_limit(worker)
    button = card.locator(".act .btn").bounding_box()
    whole = card.bounding_box()
    text = card.locator(".limit").bounding_box()
    assert button and whole and text
    assert button["x"] + button["width"] > width * 0.85 and button["height"] >= 44 and button["width"] >= 44
    assert button["y"] + button["height"] <= text["y"] + 1, (
        "the action stands beside the lines, not below them"
    )
    card.locator(".pick label").tap()
    expect(bar(worker)).to_be_visible()
    worker.page.wait_for_timeout(200)
    together, below = bar(worker).bounding_box(), worker.page.locator("nav.fixed-bottom").bounding_box()
    assert together and below and together["y"] + together["height"] <= below["y"] + 1
    assert all(
        one.bounding_box()["height"] >= 44
        for one in bar(worker).get_by_role("button").all()
        if one.is_visible()
    )  # type: ignore[index]
    assert violations(worker) == []
    card.locator(".counting > summary").tap()
    expect(card.locator(".counting ol")).to_be_visible()
    worker.screenshot("62-worklist-cards")
    worker.go("/worklist?tab=unclaimed")
    boxes(worker).first.check()
    bar(worker).get_by_role("button", name="签收").tap()
    expect(worker.page.locator("#toasts")).to_contain_text("已签收 1 件")
    for tab in ("soon", "overdue", "begun", "copied", "done"):
        worker.go(f"/worklist?tab={tab}")
        assert violations(worker) == [], tab
        assert beside_the_screen(worker) == [], tab

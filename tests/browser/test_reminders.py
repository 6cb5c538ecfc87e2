"""How one is reached outside 提醒方式: entered on one's own page, tried out, given up."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.person import Person, both_sizes
from tests.engine.receiver import Receiver


@both_sizes
def test_a_person_chooses_how_to_be_reminded_and_tries_it(
    sign_in: Callable[..., Person], service: Receiver, phone: bool
) -> None:
    number = "w1" if phone else "w2"
    person = sign_in("wuyunqimuge", phone=phone)
    person.go("/admin/account")
    card = person.page.locator(".card:has(> .card-header:has-text('提醒方式'))")
    card.get_by_label("工号").fill("不是工号")
    card.get_by_role("button", name="保存").click()
    expect(card).to_contain_text("工号")
    expect(card.get_by_text("已登记")).to_have_count(0)
    card.get_by_label("工号").fill(number)
    card.get_by_label("什么时候提醒").select_option(label="只要每日汇总")
    card.get_by_role("button", name="保存").click()
    expect(card.get_by_text("已登记")).to_be_visible()
    expect(card.get_by_label("什么时候提醒").locator("option:checked")).to_have_text("只要每日汇总")
    person.settle()
    card.get_by_role("button", name="发一条测试").click()
    expect(person.page.locator("#sent")).to_contain_text("督办提醒测试")
    for _ in range(20):
        if (number, "督办提醒测试") in service.taken:
            break
        person.page.wait_for_timeout(500)
    person.page.wait_for_timeout(500)
    person.go("/admin/account")
    expect(person.page.locator("#sent .list-group-item").first).to_contain_text("已发出")
    card.scroll_into_view_if_needed()
    person.screenshot("68-reminders")
    assert (number, "督办提醒测试") in service.taken
    card.get_by_role("button", name="停用").click()
    person.agree()
    expect(card.get_by_text("已登记")).to_have_count(0)

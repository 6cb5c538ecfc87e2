"""加签 in the browser: who holds a step asks another for an opinion, who answers it on the phone; the holder reads it and goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.answers import PACKAGE, answers
from tests.browser.person import Person


def test_an_opinion_is_asked_for_answered_on_the_phone_and_read(
    sign_in: Callable[..., Person], photo: Path
) -> None:
    office = sign_in("zhaolixin")
    office.start(PACKAGE)
    office.fill(answers("T01", office.today(), photo, 隐患名称="征求意见（浏览器测试）"))
    office.submit()
    case = office.case_of_page()
    office.open_item(case, "T02")
    office.page.locator("#add-signer > summary").click()
    form = office.page.locator("#add-signer form")
    form.get_by_label("前加签").check()
    form.get_by_label("加签给").select_option(value="liuyang")
    form.get_by_label("理由").fill("请核对是否与应急系统的隐患重复。")
    office.screenshot("60-add-signer")
    form.get_by_role("button", name="加签").click()
    expect(office.page.locator("#content .alert-warning")).to_contain_text("还在等刘洋")
    office.settle()
    expect(office.page.locator(".signing")).to_contain_text("前加签")
    office.screenshot("61-waits-for-an-opinion")

    asked = sign_in("liuyang", phone=True)
    asked.go("/worklist")
    asked.page.get_by_role("link", name="征求意见").first.click()
    asked.settle()
    assert asked.form_key() == "加签意见"
    asked.fill({"加签意见": "有补充意见"})
    asked.page.wait_for_timeout(300)
    asked.fill({"加签理由": "应急系统没有重复登记，但企业地址有变更。"})
    asked.screenshot("62-opinion-on-the-phone")
    asked.submit()

    office.go(f"/cases/{case}")
    office.open_item(case, "T02")
    expect(office.page.locator(".signing")).to_contain_text("企业地址有变更")
    office.screenshot("63-opinion-read")
    office.fill(answers("T02", office.today(), photo))
    office.submit()
    assert not any("T02" in row for row in office.rows()), office.rows()

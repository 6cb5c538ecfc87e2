"""加签 in the browser: who holds a step asks another for an opinion, who answers it on the phone; the holder reads it and goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.answers import answers
from tests.browser.clerk import Clerk
from tests.browser.person import Person, both_sizes


@both_sizes
def test_an_opinion_is_asked_for_answered_and_read(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path, phone: bool
) -> None:
    case = clerk("zhaolixin").register("征求意见（浏览器测试）", photo)
    office = sign_in("zhaolixin", phone=phone)
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

    office.page.locator("#add-signer > summary").click()
    form.get_by_label("前加签").check()
    form.get_by_label("加签给").select_option(value="lina")
    form.get_by_label("理由").fill("请核对是否与在建工地有关。")
    form.get_by_role("button", name="加签").click()
    also = office.page.locator(".signing li", has_text="李娜")
    expect(also).to_contain_text("未签")
    office.settle()
    also.locator("summary", has_text="减签").click()
    also.get_by_label("理由").fill("与工地无关，不必再签。")
    office.screenshot("61-take-back")
    also.get_by_role("button", name="减签").click()
    office.agree()
    expect(also).to_contain_text("减签")
    office.settle()
    expect(office.page.locator("#content .alert-warning")).to_contain_text("还在等刘洋")
    office.screenshot("61-taken-back")

    asked = sign_in("liuyang", phone=phone)
    asked.go("/worklist")
    asked.page.locator(f"#worklist a[href^='/cases/{case}/']", has_text="征求意见").click()
    asked.settle()
    assert asked.form_key() == "加签意见"
    asked.fill({"加签意见": "有补充意见"})
    asked.page.wait_for_timeout(300)
    asked.fill({"加签理由": "应急系统没有重复登记，但企业地址有变更。"})
    asked.screenshot("62-opinion")
    asked.submit()

    office.go(f"/cases/{case}")
    office.open_item(case, "T02")
    expect(office.page.locator(".signing")).to_contain_text("企业地址有变更")
    office.screenshot("63-opinion-read")
    office.fill(answers("T02", office.today(), photo))
    office.submit()
    assert not any("T02" in row for row in office.rows()), office.rows()

"""退回与撤回 at the browser: who finished a step takes it back as it was; who returns a case sees whose work goes with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.clerk import Clerk
from tests.browser.person import Person, both_sizes


@both_sizes
def test_a_step_is_taken_back_and_then_returned(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path, phone: bool
) -> None:
    size = "phone" if phone else "desk"
    office, department = sign_in("zhaolixin", phone=phone), sign_in("zhangwei", phone=phone)
    case = clerk("zhaolixin").register(f"退回与撤回（浏览器测试，{size}）", photo)
    clerk("zhaolixin").finish(case, "T02", photo)

    office.go(f"/cases/{case}")
    office.screenshot("60-case-may-be-withdrawn")
    office.page.locator("[data-back]").get_by_role("link", name="撤回").click()
    office.settle()
    office.page.locator("#withdraw-reason").fill("受理意见写错了")
    office.screenshot("61-withdraw")
    office.page.locator("#withdraw").get_by_role("button", name="撤回").click()
    office.agree()
    office.page.wait_for_url(lambda url: url.endswith(f"/cases/{case}"))
    expect(office.page.locator("#timeline")).to_contain_text("撤回了已办结的“T02 查重受理”")

    office.open_item(case, "T02")
    office.screenshot("62-open-again")
    office.submit()  # as it had been filled in

    department.open_item(case, "T03")
    department.page.locator("#return > summary").click()
    department.page.locator("#return-reason").fill("归口部门不对")
    department.screenshot("63-return")
    department.page.locator("#return").get_by_role("button", name="退回").click()
    department.agree()
    department.page.wait_for_url(lambda url: url.endswith(f"/cases/{case}"))
    expect(department.page.locator("#timeline")).to_contain_text("退回到“T02 查重受理”，理由：归口部门不对")

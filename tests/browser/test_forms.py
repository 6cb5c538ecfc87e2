"""Filling in forms at the desk and on the phone: drafts survive, photos are seen, the button can be reached."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.answers import PACKAGE, answers
from tests.browser.barriers import beside_the_screen
from tests.browser.person import Person


def test_what_was_typed_survives_a_reload(sign_in: Callable[..., Person], photo: Path) -> None:
    finder = sign_in("wuyunqimuge")
    finder.start(PACKAGE)
    finder.fill(
        {"隐患名称": "草稿里的名称", "隐患描述": "写到一半停电了", "来源渠道": "督导检查", "现场照片": photo}
    )
    expect(finder.page.locator(".draft-note")).to_contain_text(re.compile("草稿已(存在本机|保存)"))
    finder.page.reload()
    finder.settle()
    expect(finder.page.locator(".draft-note")).to_contain_text("已恢复")
    expect(finder.page.get_by_label("隐患名称")).to_have_value("草稿里的名称")
    expect(finder.page.locator(".upload-file[data-file] img")).to_be_visible()
    with finder.page.expect_response(lambda r: r.request.method == "DELETE"):
        finder.page.get_by_role("button", name="清除草稿").click()
    expect(finder.page.get_by_label("隐患名称")).to_have_value("")
    finder.page.reload()
    finder.settle()
    expect(finder.page.get_by_label("隐患名称")).to_have_value("")


def test_a_registration_begun_on_the_phone_goes_on_at_the_desk(
    sign_in: Callable[..., Person], photo: Path
) -> None:
    phone = sign_in("liuyang", phone=True)
    phone.start(PACKAGE)
    phone.fill({"隐患名称": "手机上先记一笔"})
    expect(phone.page.locator(".draft-note")).to_contain_text("换一台设备也能接着填")
    phone.screenshot("67-registration-draft")

    desk = sign_in("liuyang")
    desk.start(PACKAGE, afresh=False)
    expect(desk.page.get_by_label("隐患名称")).to_have_value("手机上先记一笔")
    expect(desk.page.locator(".draft-note")).to_contain_text("在另一台设备上保存的草稿")
    desk.screenshot("68-registration-draft-at-the-desk")
    with desk.page.expect_response(
        lambda r: r.request.method == "PUT" and "回来登记" in (r.request.post_data or "")
    ):
        desk.fill(answers("T01", desk.today(), photo, 隐患名称="手机上先记一笔，回来登记"))

    # The draft ends when what was submitted from it arrives, however late.
    desk.page.context.set_offline(True)
    desk.form.locator("[data-form-submit]").click()
    expect(desk.page.locator(".form-kept")).to_contain_text("待发送")
    phone.page.reload()
    phone.settle()
    expect(phone.page.get_by_label("隐患名称")).to_have_value("手机上先记一笔，回来登记")
    desk.page.context.set_offline(False)
    desk.page.wait_for_url("**/cases/*")

    phone.page.reload()
    phone.settle()
    expect(phone.page.get_by_label("隐患名称")).to_have_value("")


def test_a_refused_form_leads_to_the_first_empty_field(sign_in: Callable[..., Person]) -> None:
    finder = sign_in("wuyunqimuge")
    finder.start(PACKAGE)
    said = finder.press_submit()
    assert "有内容还没有填好，未提交" in said
    assert "隐患名称：此项必须填写。" in said
    assert not [word for word in said.split() if word.isascii() and word.isalpha()], said
    finder.page.locator(".error-summary").get_by_role("link", name="隐患名称").click()
    expect(finder.page.get_by_label("隐患名称")).to_be_focused()


def test_an_expired_session_leads_back_to_the_form_with_what_was_typed(
    sign_in: Callable[..., Person], photo: Path
) -> None:
    finder = sign_in("wuyunqimuge")
    finder.start(PACKAGE)
    finder.fill(answers("T01", finder.today(), photo, 隐患名称="登录超时也不丢"))
    expect(finder.page.locator(".draft-note")).to_contain_text(re.compile("草稿已(存在本机|保存)"))
    finder.page.context.clear_cookies()
    assert "登录已超时，没有提交" in finder.press_submit()
    finder.page.locator(".error-summary").get_by_role("link", name="重新登录").click()
    finder.page.locator('[data-demo-account="wuyunqimuge"]').first.click()
    finder.page.wait_for_url(lambda url: "/register/new" in url)
    finder.settle()
    expect(finder.page.get_by_label("隐患名称")).to_have_value("登录超时也不丢")


def test_a_town_files_a_hazard_by_phone(sign_in: Callable[..., Person], photo: Path) -> None:
    town = sign_in("mutu", phone=True)
    town.start(PACKAGE)
    expect(town.page.get_by_role("button", name="拍照")).to_be_visible()
    assert town.page.locator("input[type=file][capture]").count() == 1
    town.fill(answers("T01", town.today(), photo, 隐患名称="手机登记的隐患", 现场照片=[photo, photo]))
    town.screenshot("30-entry-by-phone")
    button = town.form.locator("[data-form-submit]")
    bar = town.page.locator("nav.fixed-bottom")
    below, above = button.bounding_box(), bar.bounding_box()
    assert below and above
    assert below["height"] >= 44
    assert below["y"] + below["height"] <= above["y"], "the button lies under the bottom bar"
    assert beside_the_screen(town) == []
    town.submit()
    town.screenshot("31-case-by-phone")
    assert "手机登记的隐患" in town.page.locator("h1").inner_text()


def test_a_lost_connection_keeps_what_was_filled_in(sign_in: Callable[..., Person], photo: Path) -> None:
    finder = sign_in("wuyunqimuge")
    finder.start(PACKAGE)
    finder.fill(answers("T01", finder.today(), photo, 隐患名称="断网时登记的隐患"))
    finder.page.context.set_offline(True)
    finder.form.locator("[data-form-submit]").click()
    expect(finder.page.locator(".form-kept")).to_contain_text("待发送")
    finder.page.get_by_role("button", name="修改").click()
    expect(finder.page.get_by_label("隐患名称")).to_have_value("断网时登记的隐患")
    expect(finder.page.get_by_label("隐患名称")).to_be_editable()
    finder.page.context.set_offline(False)
    finder.submit()
    assert "断网时登记的隐患" in finder.page.locator("h1").inner_text()

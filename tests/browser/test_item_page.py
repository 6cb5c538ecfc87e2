"""A step's page as a whole: the case beside the form, what comes next, thumbs, keys, and the place of a photo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.answers import PACKAGE, answers
from tests.browser.barriers import beside_the_screen, too_small, violations
from tests.browser.clerk import Clerk
from tests.browser.person import Person


def test_a_step_shows_the_case_and_what_comes_after_it(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path
) -> None:
    office = sign_in("zhaolixin")
    case = clerk("zhaolixin").register("办完以后给谁", photo)
    office.open_item(case, "T02")
    after = office.page.locator("#next")
    expect(after).to_contain_text("视结果而定，可能是")
    expect(after.locator('[data-next="T03"]')).to_contain_text("能源局")
    expect(office.page.locator("#papers")).to_contain_text("现场照片.jpg")
    expect(office.page.get_by_text("最近办理")).to_be_visible()
    office.screenshot("63-item")
    assert violations(office) == []


def test_a_step_is_done_with_the_thumb(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path
) -> None:
    office = sign_in("zhaolixin", phone=True)
    case = clerk("zhaolixin").register("用拇指办一步", photo)
    office.open_item(case, "T02")
    assert too_small(office) == []
    assert beside_the_screen(office) == []
    button, bar = office.form.locator("[data-form-submit]"), office.page.locator("nav.fixed-bottom")
    below, above = button.bounding_box(), bar.bounding_box()
    assert below and above and below["height"] >= 44
    assert below["y"] + below["height"] <= above["y"]
    assert violations(office) == []
    office.page.screenshot(path="var/screenshots/64-item-whole-phone.png", full_page=True)
    receiver = office.form.locator(".fjs-form-field-label", has_text="接收单位")
    expect(receiver).to_have_count(0)
    office.fill({"处理": "移交"})
    expect(receiver.first).to_be_visible()
    said = office.press_submit()
    assert "接收单位" in said and "主案号" not in said, "what is hidden is not asked for"
    office.page.screenshot(path="var/screenshots/64-item-refused-phone.png")
    office.fill(answers("T02", office.today(), photo))
    expect(receiver).to_have_count(0)
    office.submit()


def test_a_step_is_done_without_a_mouse(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path
) -> None:
    office = sign_in("zhaolixin")
    case = clerk("zhaolixin").register("只用键盘办一步", photo)
    office.open_item(case, "T02")
    page = office.page
    reached: list[str] = []
    page.evaluate("() => document.body.focus()")
    for _ in range(120):
        page.keyboard.press("Tab")
        here: dict[str, Any] = page.evaluate(
            "() => { const e = document.activeElement; const box = e.getBoundingClientRect();"
            " const style = getComputedStyle(e); return { name: e.id || e.dataset.formSubmit !== undefined && 'submit'"
            " || e.textContent.trim().slice(0, 20) || e.tagName, seen: style.outlineStyle !== 'none' || style.boxShadow !== 'none' || box.height === 0 } }"
        )
        reached.append(str(here["name"]))
        if here["name"] == "submit":
            break
    assert reached[-1] == "submit", reached
    page.keyboard.press("Enter")
    expect(page.locator(".error-summary")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the first line leads to its field
    expect(page.locator(".error-summary")).not_to_be_focused()
    choice = office.form.get_by_label("处理意见")
    choice.focus()
    page.keyboard.type("移交")
    expect(office.form.get_by_text("移交", exact=True)).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(choice).to_have_value("移交")
    page.locator("#transfer > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#transfer-reason")).to_be_visible()


STYLES = """(one) => [one, one.closest('.fjs-input-group') ?? one.parentElement].map((each) => {
  const style = getComputedStyle(each);
  return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.borderColor, style.backgroundColor].join();
}).join()"""

BEFORE = f"""() => {{
  const styles = {STYLES};
  window.plain = new Map([...document.querySelectorAll('a, button, input, select, textarea, summary, [tabindex]')]
    .filter((one) => !one.contains(document.activeElement)).map((one) => [one, styles(one)]));
}}"""
"""Remembers what everything that can be focused looks like while it is not."""

UNSEEN = f"""() => {{
  const styles = {STYLES}, one = document.activeElement, box = one.getBoundingClientRect();
  const within = box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const lit = window.plain.get(one) !== styles(one);
  return one === document.body || (within && lit) ? '' : `${{one.outerHTML.slice(0, 120)}} within ${{within}} lit ${{lit}}`;
}}"""
"""What has the focus and does not show it; "" otherwise."""


def tab_to(page: Page, wanted: Locator, *, most: int = 60) -> None:
    """Press Tab until this control has the focus; each stop on the way must be seen."""
    for _ in range(most):
        page.evaluate(BEFORE)
        page.keyboard.press("Tab")
        assert page.evaluate(UNSEEN) == ""
        if wanted.count() and wanted.first.evaluate("(one) => one === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by {most} times Tab")


def test_a_whole_step_is_finished_by_keys_alone(
    sign_in: Callable[..., Person], brought: Callable[[str, str], str], photo: Path
) -> None:
    case = brought("只用键盘办结（浏览器测试）", "T10")
    office = sign_in("zhaolixin")
    page, keys = office.page, office.page.keyboard
    page.add_init_script("addEventListener('mousedown', () => { window.clicked = true; })")

    page.emulate_media(reduced_motion="reduce")  # a colour or a place on its way is nothing to compare
    office.go(f"/cases/{case}")
    tab_to(page, page.locator("#now a.btn-primary"))
    keys.press("Enter")
    page.wait_for_url("**/items/*")
    office.settle()
    tab_to(page, office.form.get_by_label("政府网站"))
    keys.press("Space")
    tab_to(page, office.form.get_by_label("公告链接或张贴位置"))
    keys.type("旗政府网站通知公告栏")
    tab_to(page, office.form.get_by_label("公告日期"))
    keys.type(office.today().isoformat())
    keys.press("Enter")
    with page.expect_file_chooser() as chosen:  # the window in which files are chosen is the system's
        tab_to(page, office.form.get_by_role("button", name="选择文件"))
        keys.press("Enter")
    chosen.value.set_files(photo)
    expect(office.form.locator(".upload-file[data-file]")).to_have_count(1)
    tab_to(page, office.form.locator("[data-form-submit]"))
    assert page.evaluate("window.clicked") is None
    keys.press("Enter")
    page.wait_for_url(f"**/cases/{case}")
    expect(page.locator("#timeline")).to_contain_text("办结了“T10 社会公告”")


def test_a_photo_says_when_and_where_only_after_consent(sign_in: Callable[..., Person], photo: Path) -> None:
    town = sign_in("mutu", phone=True)
    town.page.context.grant_permissions(["geolocation"])
    town.page.context.set_geolocation({"latitude": 38.183, "longitude": 107.498, "accuracy": 12})
    town.start(PACKAGE)
    sent: list[str] = []
    town.page.on("request", lambda r: sent.append(r.headers.get("upload-metadata", "")))
    camera = town.page.get_by_role("button", name="拍照")
    camera.click()
    dialog = town.page.locator("dialog.dialog")
    expect(dialog).to_contain_text("照片要附上拍摄位置吗")
    assert violations(town) == []
    town.screenshot("65-place-asked")
    with town.page.expect_file_chooser() as chosen:
        dialog.get_by_role("button", name="不附位置").click()
    chosen.value.set_files(str(photo))
    expect(town.page.locator(".upload-file[data-file]")).to_contain_text("未附位置")
    town.page.get_by_role("button", name="位置：不附").click()
    with town.page.expect_file_chooser() as chosen:
        camera.click()
    chosen.value.set_files(str(photo))
    expect(town.page.locator(".upload-file[data-file]").nth(1)).to_contain_text(
        "北纬38.1830 东经107.4980 ±12米"
    )
    told = [m for m in sent if "taken_at" in m]
    assert len(told) == 2
    assert "latitude" not in told[0]
    assert "latitude" in told[1] and "accuracy" in told[1]


def test_a_draft_begun_on_the_phone_goes_on_at_the_desk(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path
) -> None:
    phone = sign_in("zhaolixin", phone=True)
    case = clerk("zhaolixin").register("手机上写到一半", photo)
    phone.open_item(case, "T02")
    phone.fill({"理由": "在现场写的"})
    expect(phone.page.locator(".draft-note")).to_contain_text("换一台设备也能接着填")

    desk = sign_in("zhaolixin")
    desk.open_item(case, "T02")
    expect(desk.page.get_by_label("理由").first).to_have_value("在现场写的")
    expect(desk.page.locator(".draft-note")).to_contain_text("在另一台设备上保存的草稿")
    desk.screenshot("66-draft-at-the-desk")
    desk.fill({"理由": "回到办公室补全"})
    expect(desk.page.locator(".draft-note")).to_contain_text("换一台设备也能接着填")

    phone.fill({"理由": "手机上又改了一笔"})  # that page is still open, and does not know of the desk
    note = phone.page.locator(".draft-note")
    expect(note).to_contain_text("刚在另一台设备上保存过")
    note.get_by_role("button", name="改用那一份").click()
    expect(phone.page.get_by_label("理由").first).to_have_value("回到办公室补全")

    desk.fill(answers("T02", desk.today(), photo))
    desk.submit()
    gone = phone.page.evaluate("(url) => fetch(url).then((r) => r.json())", draft_of(phone))
    assert gone["data"] is None


def draft_of(person: Person) -> str:
    """Where the drafts of the step whose page is open are kept."""
    address: str = person.page.evaluate(
        "() => JSON.parse(document.querySelector('[data-island=form] > script').textContent).draftUrl"
    )
    return address

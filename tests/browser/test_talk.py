"""People talking about a case, as they see it: copies, comments with @, urging, and two cases that become one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.answers import PACKAGE, answers
from tests.browser.person import Person
from tests.browser.test_accessibility import violations


def begin(office: Person, photo: Path, name: str) -> str:
    office.start(PACKAGE)
    office.fill(answers("T01", office.today(), photo, 隐患名称=name))
    office.submit()
    return office.case_of_page()


def barriers(person: Person) -> list[str]:
    """What axe-core finds on the page, beside what it says of every page with a drawing on it."""
    return [one for one in violations(person) if "diagram-canvas" not in one]


def test_copied_named_urged_and_merged(sign_in: Callable[..., Person], photo: Path) -> None:
    office = sign_in("zhaolixin")
    case = begin(office, photo, "备用风机停用（往来）")
    office.open_item(case, "T02")
    item = office.page.url
    office.page.get_by_role("button", name="签收").click()
    expect(office.page.get_by_role("button", name="签收")).to_have_count(0)

    number = office.page.locator(".page-pretitle").inner_text().rpartition("·")[2].strip()

    # 抄送: by the keyboard alone, from a name half typed
    office.go(f"/cases/{case}")
    office.page.locator("#copies summary").click()
    to = office.page.locator("#copy-to")
    to.press_sequentially("李娜")
    expect(office.page.locator("#copy-to-names [role=option]").first).to_contain_text("住房和城乡建设局")
    office.screenshot("50-copy-names-offered")
    assert barriers(office) == []
    to.press("Enter")
    expect(to).to_have_value("李娜、")
    office.page.locator("#copy-note").fill("涉及工地风机，请知悉。")
    office.page.locator("#copies").get_by_role("button", name="抄送", exact=True).click()
    expect(office.page.locator("#copies")).to_contain_text("未阅")

    # 评论 with @: arrows and Enter; the text stays a plain text
    office.settle()
    note = office.page.locator("#note")
    note.press_sequentially("设备清单已上传，@李")
    expect(office.page.locator("#note-names [role=option]")).not_to_have_count(0)
    note.press("ArrowDown")
    note.press("ArrowUp")
    note.press("Enter")
    note.press_sequentially("请核对。")
    office.screenshot("51-comment-with-at")
    office.page.locator("#notes").get_by_role("button", name="发表").click()
    expect(office.page.locator("#notes .mention")).to_contain_text("@")

    # on the phone of who got the copy: read, and answered
    lina = sign_in("lina", phone=True)
    lina.go(f"/cases/{case}")
    expect(lina.page.locator(".alert-info")).to_contain_text("把本案抄送给您")
    expect(lina.page.get_by_text("抄送给别人")).to_have_count(0)  # who only has a copy sends none
    lina.screenshot("52-copy-on-the-phone")
    lina.page.get_by_role("button", name="已阅").click()
    expect(lina.page.locator(".alert-info")).to_have_count(0)
    lina.settle()
    lina.page.locator("#notes .comment-reply summary").first.click()
    reply = lina.page.locator("#notes .comment-reply textarea").first
    expect(reply).to_have_value("@赵立新 ")
    reply.press_sequentially("已核对，数量无误。")
    expect(reply).to_have_value("@赵立新 已核对，数量无误。")
    lina.screenshot("53-reply-on-the-phone")
    lina.page.locator("#notes .comment-reply").get_by_role("button", name="回复").first.click()
    expect(lina.page.locator(".comment-answer")).to_contain_text("数量无误")
    lina.settle()
    lina.screenshot("54-conversation-on-the-phone")
    assert barriers(lina) == []

    # 催办 by a colleague of the office
    other = sign_in("siqingaowa")
    other.go(item.removeprefix(other.address))
    other.page.locator("#urge > summary").click()
    other.page.locator("#urge-text").fill("请于今日下班前办结。")
    other.screenshot("55-urging")
    other.page.locator("#urge").get_by_role("button", name="催办").click()
    expect(other.page.locator("#urges")).to_contain_text("已催办 1 次")
    other.settle()
    other.page.locator("#urge > summary").click()
    expect(other.page.locator("#urge")).to_contain_text("每个工作日最多催办 1 次")
    other.screenshot("56-urged")
    assert barriers(other) == []
    urged = sign_in("zhaolixin", phone=True)
    urged.go(item.removeprefix(urged.address))
    urged.screenshot("57-urged-on-the-phone")

    # 并案: the second case about the same fan ends and leads to the first
    double = begin(office, photo, "备用风机停用（重复）")
    office.go(f"/cases/{double}")
    office.page.locator("summary", has_text="案件管理").click()
    office.page.locator("#merge-into").fill(number)
    office.page.locator("#merge-reason").fill("同一处风机重复上报。")
    office.screenshot("58-merging")
    office.page.locator("#merge").get_by_role("button", name="并案").click()
    office.page.locator("dialog.dialog").get_by_role("button", name="确定").click()
    expect(office.page.locator("#merged")).to_contain_text("本案已并入")
    office.settle()
    office.screenshot("59-merged")
    assert barriers(office) == []
    office.page.locator("#merged a").click()
    office.page.wait_for_url(f"**/cases/{case}")
    expect(office.page.locator("#timeline")).to_contain_text("抄送给李娜")
    office.page.wait_for_function(
        "async () => (await (await fetch(location.href)).text()).includes('并入本案的案件')"
    )
    office.go(f"/cases/{case}")
    office.screenshot("60-the-case-that-goes-on")

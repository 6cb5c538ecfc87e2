"""What people do between each other: 抄送, 评论 with @, 催办, 并案, each at the desk and on the phone; names are offered while one types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.barriers import violations
from tests.browser.clerk import Clerk
from tests.browser.person import Person, both_sizes


@both_sizes
def test_a_copy_is_sent_to_half_a_name_and_read(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path, phone: bool
) -> None:
    size = "phone" if phone else "desk"
    case = clerk("zhaolixin").register(f"备用风机停用（抄送，{size}）", photo)
    office = sign_in("zhaolixin", phone=phone)
    office.go(f"/cases/{case}")
    office.page.locator("#copies summary").click()
    to = office.page.locator("#copy-to")
    to.press_sequentially("李娜")
    expect(office.page.locator("#copy-to-names [role=option]").first).to_contain_text("住房和城乡建设局")
    office.page.locator("#copies").scroll_into_view_if_needed()
    office.screenshot("50-copy-names-offered")
    assert violations(office) == []
    to.press("Enter")
    expect(to).to_have_value("李娜、")
    office.page.locator("#copy-note").fill("涉及工地风机，请知悉。")
    office.page.locator("#copies").get_by_role("button", name="抄送", exact=True).click()
    expect(office.page.locator("#copies")).to_contain_text("未阅")
    expect(office.page.locator("#timeline")).to_contain_text("抄送给李娜")

    lina = sign_in("lina", phone=phone)
    lina.go("/worklist?tab=copied")
    row = lina.page.locator("#worklist tr", has_text=f"（抄送，{size}）")
    expect(row).to_contain_text("涉及工地风机")
    row.get_by_role("link", name="查看").click()
    expect(lina.page.locator(".alert-info")).to_contain_text("把本案抄送给您")
    expect(lina.page.get_by_text("抄送给别人")).to_have_count(0)  # who only has a copy sends none
    lina.screenshot("52-copy-arrived")
    lina.page.get_by_role("button", name="已阅").click()
    expect(lina.page.locator(".alert-info")).to_have_count(0)
    lina.settle()
    lina.go("/worklist?tab=copied")
    lina.page.locator("#find input[type=search]").fill(f"（抄送，{size}）")
    lina.page.locator("#find").get_by_role("button", name="查找").click()
    expect(lina.page.locator("#worklist tbody tr")).to_have_count(1)
    expect(lina.page.locator("#worklist")).to_contain_text("已阅")
    lina.settle()
    lina.screenshot("52b-copied-found")
    assert violations(lina) == []


@both_sizes
def test_who_is_named_answers(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path, phone: bool
) -> None:
    case = clerk("zhaolixin").register("备用风机停用（评论）", photo)
    office = sign_in("zhaolixin", phone=phone)
    office.go(f"/cases/{case}")
    note = office.page.locator("#note")
    note.press_sequentially("设备清单已上传，@李娜")
    expect(office.page.locator("#note-names [role=option]")).not_to_have_count(0)
    note.press("ArrowDown")
    note.press("ArrowUp")
    note.press("Enter")
    note.press_sequentially("请核对。")
    office.screenshot("51-comment-with-at")
    office.page.locator("#notes").get_by_role("button", name="发表").click()
    expect(office.page.locator("#notes .mention")).to_have_text("@李娜")

    lina = sign_in("lina", phone=phone)
    lina.go("/notices")
    lina.page.locator("#content .list-group-item", has_text="赵立新在评论中@您").first.click()
    lina.settle()
    lina.page.locator("#notes .comment-reply summary").first.click()
    reply = lina.page.locator("#notes .comment-reply textarea").first
    expect(reply).to_have_value("@赵立新 ")
    reply.press_sequentially("已核对，数量无误。")
    expect(reply).to_have_value("@赵立新 已核对，数量无误。")
    lina.screenshot("53-reply")
    lina.page.locator("#notes .comment-reply").get_by_role("button", name="回复").first.click()
    expect(lina.page.locator(".comment-answer")).to_contain_text("数量无误")
    lina.settle()
    lina.screenshot("54-conversation")
    assert violations(lina) == []


@both_sizes
def test_who_holds_a_step_is_urged_once_a_day(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path, phone: bool
) -> None:
    case = clerk("zhaolixin").register("备用风机停用（催办）", photo)
    item = clerk("zhaolixin").item(case, "T02")
    clerk("zhaolixin").claim(case, "T02")
    other = sign_in("siqingaowa", phone=phone)
    other.go(f"/cases/{case}/items/{item}")
    other.page.locator("#urge > summary").click()
    expect(other.page.locator("#urge")).to_contain_text("对赵立新说一句")
    other.page.locator("#urge-text").fill("请于今日下班前办结。")
    other.screenshot("55-urging")
    other.page.locator("#urge").get_by_role("button", name="催办").click()
    expect(other.page.locator("#urges")).to_contain_text("已催办 1 次")
    other.settle()
    other.page.locator("#urge > summary").click()
    expect(other.page.locator("#urge")).to_contain_text("每个工作日最多催办 1 次")
    other.screenshot("56-urged")
    assert violations(other) == []
    urged = sign_in("zhaolixin", phone=phone)
    urged.go("/worklist?tab=mine&q=备用风机停用（催办）")
    row = urged.page.locator(f"#worklist tr:has(a[href='/cases/{case}/items/{item}'])")
    expect(row).to_contain_text("催办 1 次")
    urged.screenshot("57-urged-in-the-worklist")


@both_sizes
def test_the_second_case_about_a_hazard_leads_to_the_first(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path, phone: bool
) -> None:
    case, double = (
        clerk("zhaolixin").register(f"皮带机头消火栓无水（{which}）", photo)
        for which in ("先登记的", "重复的")
    )
    number = clerk("zhaolixin").ask("GET", f"/cases/{case}")["number"]
    office = sign_in("zhaolixin", phone=phone)
    office.open_item(double, "T02")
    expect(office.page.locator("#form")).to_contain_text("由安委办并案")
    found = office.page.locator("#likely .list-group-item", has_text=number)
    expect(found).to_contain_text("同一企业")
    if phone:
        office.page.get_by_role("link", name="看可能重复的案件").click()
        expect(found).to_be_in_viewport()
    department = sign_in("zhangwei", phone=phone)
    department.go(office.page.url.partition("#")[0].removeprefix(department.address))
    expect(department.page.locator("#likely")).to_contain_text("请安委办并案")
    expect(department.page.locator("#likely .btn")).to_have_count(0)
    office.screenshot("58-likely-double-of-a-case")
    assert violations(office) == []
    found.get_by_role("link", name=f"并入{number}").click()
    expect(office.page.locator("#merge-into")).to_have_value(number)
    expect(office.page.locator("#merge")).to_be_in_viewport()
    office.page.locator("#merge-reason").fill("同一处消火栓重复上报。")
    office.screenshot("59-merging")
    office.page.locator("#merge").get_by_role("button", name="并案").click()
    office.agree()
    expect(office.page.locator("#merged")).to_contain_text("本案已并入")
    office.settle()
    office.screenshot("59-merged-away")
    assert violations(office) == []
    office.page.locator("#merged a").click()
    office.page.wait_for_url(f"**/cases/{case}")
    office.page.wait_for_function(
        "async () => (await (await fetch(location.href)).text()).includes('并入本案的案件')"
    )
    office.go(f"/cases/{case}")
    expect(office.page.locator(f'#joined a[href="/cases/{double}"]')).to_be_visible()
    office.page.locator("#joined").scroll_into_view_if_needed()
    office.screenshot("60-the-case-that-goes-on")

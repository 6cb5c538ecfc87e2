"""The register in a real browser, at a desk and on a phone: the list with its lights, chosen columns, the unit's list, likely
doubles while somebody registers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet
from playwright.sync_api import expect

from tests.browser.answers import PACKAGE, answers
from tests.browser.barriers import beside_the_screen, violations
from tests.browser.clerk import Clerk
from tests.browser.person import Person


def test_the_register_at_a_desk(sign_in: Callable[..., Person], photo: Path) -> None:
    office = sign_in("zhaolixin")
    office.go("/register")
    page = office.page
    expect(page.locator("#register .light").first).to_be_visible()
    office.screenshot("60-register")
    page.get_by_text("选择列").click()
    page.get_by_role("checkbox", name="部位").check()
    page.get_by_role("checkbox", name="行业").uncheck()
    office.screenshot("61-register-columns")
    page.locator(".columns-list").get_by_role("button", name="保存").click()
    expect(page.locator("#register thead")).to_contain_text("部位")
    expect(page.locator("#register thead")).not_to_contain_text("行业")
    page.get_by_label("灯", exact=True).select_option("red")
    page.wait_for_url(lambda url: "light=red" in url)
    expect(page.locator("#register .light-green")).to_have_count(0)
    office.go("/register/lists")
    page.get_by_label("单位（企业、属地、督办部门）").fill("能源局")
    page.get_by_role("button", name="出清单").click()
    expect(page.locator("#content")).to_contain_text("能源局隐患整改销号清单")
    office.screenshot("62-unit-list")
    page.emulate_media(media="print")
    office.screenshot("63-unit-list-print")
    expect(page.locator(".signatures")).to_be_visible()
    expect(page.get_by_role("button", name="出清单")).to_be_hidden()
    page.emulate_media(media="screen")
    numbers = page.locator('#unit-list td[data-label="序号"]').all_inner_texts()
    page.get_by_role("button", name="出具").click()
    office.agree()
    expect(page.locator(".unit-list")).to_contain_text("编号：〔")
    assert page.locator('#unit-list td[data-label="序号"]').all_inner_texts() == numbers
    office.screenshot("68-issued-list")
    office.go("/register/lists")
    expect(page.locator("#issued-lists")).to_contain_text("能源局")
    office.screenshot("69-issued-lists")


def test_a_double_is_suggested_while_somebody_registers(sign_in: Callable[..., Person], photo: Path) -> None:
    office = sign_in("zhaolixin")
    given = answers("T01", office.today(), photo, 隐患名称="主井提升机制动闸间隙超限（查重试验）")
    office.start(PACKAGE)
    office.fill(given)
    office.submit()
    first = office.case_of_page()
    office.start(PACKAGE)
    office.fill(given)
    card = office.page.locator('[data-island="similar"] a', has_text="查重试验")
    expect(card).to_have_attribute("href", f"/cases/{first}")
    expect(card).to_contain_text("同一企业")
    office.screenshot("64-likely-double")
    office.leave_page()


def test_the_register_on_a_phone(sign_in: Callable[..., Person]) -> None:
    town = sign_in("zhaolixin", phone=True)
    town.go("/register")
    expect(town.page.locator("#register .light").first).to_be_visible()
    assert beside_the_screen(town) == []
    town.screenshot("65-register-phone")
    light = town.page.get_by_label("灯", exact=True)
    expect(light).to_be_hidden()  # the first screen is the list's
    above = town.page.locator("#register tbody tr").first.bounding_box()
    assert above and above["y"] < 700
    town.page.get_by_role("button", name="筛选", exact=True).tap()
    expect(light).to_be_visible()
    town.screenshot("65-register-phone-filters")
    light.select_option("red")
    town.page.wait_for_url(lambda url: "light=red" in url)
    expect(town.page.get_by_role("button", name="筛选（1 项）")).to_have_attribute("aria-expanded", "false")
    town.go("/register")
    town.page.locator("#register").scroll_into_view_if_needed()
    town.screenshot("67-register-cards")
    town.go("/register/lists?unit=能源局")
    assert beside_the_screen(town) == []
    town.screenshot("66-unit-list-phone")


def cell(sheet: Worksheet, row: int, header: str) -> Any:
    """The cell of this row under the column of this name."""
    for head in sheet.iter_rows(min_row=3, max_row=4):
        for one in head:
            if one.value == header:
                return sheet.cell(row, one.column)
    raise AssertionError(f"the workbook has no column {header}")


def test_a_workbook_goes_out_and_comes_back(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path, tmp_path: Path
) -> None:
    made = [clerk("zhaolixin").register(f"台账回导（浏览器测试{n}）", photo) for n in (1, 2)]
    numbers = [clerk("zhaolixin").ask("GET", f"/cases/{case}")["number"] for case in made]
    office = sign_in("zhaolixin")
    page = office.page
    office.go("/register?q=台账回导（浏览器测试")
    with page.expect_download() as coming:
        page.get_by_role("link", name="导出").click()
    assert coming.value.suggested_filename.startswith("隐患台账-")
    file = tmp_path / "改过的台账.xlsx"
    coming.value.save_as(file)
    book = openpyxl.load_workbook(file)
    sheet = book.worksheets[0]
    rows = [
        next(one.row for line in sheet.iter_rows() for one in line if one.value == number)
        for number in numbers
    ]
    cell(sheet, rows[0], "隐患部位").value = "配电室二层"
    cell(sheet, rows[1], "督办部门").value = "水利局"  # what the work decides
    book.save(file)

    office.go("/register")
    page.get_by_role("link", name="导入台账").click()
    page.get_by_label("第一步：选择工作簿（.xlsx）").set_input_files(file)
    page.get_by_role("button", name="上传并预览").click()
    good, bad = (page.locator("#returned tr", has_text=number) for number in numbers)
    expect(good).to_contain_text("配电室二层")
    expect(bad).to_contain_text(str(rows[1]))
    expect(bad).to_contain_text("不能更正：由办理过程产生，请在案件中办理")
    office.screenshot("70-workbook-preview")
    page.get_by_role("button", name="第三步：导入").click()
    asked = page.locator("dialog.dialog")
    office.agree()
    expect(asked.get_by_role("alert")).to_contain_text(f"没有写入任何内容：第 {rows[1]} 行“督办部门”")
    assert violations(office) == []
    office.screenshot("70-workbook-refused")
    asked.get_by_role("button", name="取消").click()
    page.get_by_label("跳过读不懂的行和不能更正的内容").check()
    page.get_by_role("button", name="第三步：导入").click()
    office.agree()
    page.wait_for_url(lambda url: url.endswith("/register"))
    office.go(f"/cases/{made[0]}")
    expect(page.locator("#timeline")).to_contain_text("改为“配电室二层”")
    assert "水利局" not in clerk("zhaolixin").ask("GET", f"/cases/{made[1]}")["register"].values()

"""What a step asks for: fields that appear when they are wanted, rows, photos that must be there, and no conclusion beforehand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.answers import PACKAGE, answers
from tests.browser.barriers import beside_the_screen
from tests.browser.person import Person, both_sizes


@both_sizes
def test_a_field_appears_when_it_is_wanted(sign_in: Callable[..., Person], phone: bool) -> None:
    town = sign_in("mutu", phone=phone)
    town.start(PACKAGE)
    measures = town.form.get_by_label("已采取的措施")
    expect(measures).to_have_count(0)
    town.fill({"是否已采取措施": True})
    expect(measures).to_be_visible()
    measures.scroll_into_view_if_needed()
    town.screenshot("70-field-appeared")
    assert "已采取的措施：此项必须填写。" in town.press_submit()
    town.fill({"是否已采取措施": False})
    expect(measures).to_have_count(0)
    assert "已采取的措施" not in town.press_submit()
    town.leave_page()


@pytest.fixture(scope="module")
def planned(brought: Callable[[str, str], str]) -> str:
    """A case whose enterprise is to hand in its plan."""
    return brought("治理方案（浏览器测试）", "T13")


@both_sizes
def test_the_enterprise_fills_in_rows_and_what_must_be_attached(
    sign_in: Callable[..., Person], planned: str, photo: Path, phone: bool
) -> None:
    head = sign_in("batu", phone=phone)
    head.open_item(planned, "T13")
    expect(head.page.locator("#content")).to_contain_text("提交前要备好：预案附件")
    plan = answers("T13", head.today(), photo, 预案附件=None)
    first = plan["方法措施"][0]
    head.fill(plan | {"方法措施": [first, first | {"项": "检修配电柜"}]})
    head.form.get_by_text("机构人员").first.scroll_into_view_if_needed()
    head.screenshot("71-plan-rows")
    assert "预案附件：此项必须填写。" in head.press_submit()
    head.screenshot("71-plan-refused")
    assert beside_the_screen(head) == []
    held = head.form.locator("input").evaluate_all("all => all.map(one => one.value)")
    assert {first["项"], "检修配电柜"} <= set(held), "a refused plan keeps its rows"
    head.leave_page()


@pytest.fixture(scope="module")
def fixed(brought: Callable[[str, str], str]) -> str:
    """A case whose fixing is to be checked 复查."""
    return brought("复查（浏览器测试）", "T21")


@both_sizes
def test_a_check_begins_with_what_is_to_be_checked_and_no_conclusion(
    sign_in: Callable[..., Person], fixed: str, phone: bool
) -> None:
    department = sign_in("zhangwei", phone=phone)
    department.open_item(fixed, "T21")
    expect(department.form.get_by_label("清单项")).to_have_value("更换电机")  # of the enterprise's plan
    expect(department.form.locator("input[type=radio]").first).to_be_visible()
    expect(department.form.locator("input[type=radio]:checked, input[type=checkbox]:checked")).to_have_count(
        0
    )
    expect(department.form.get_by_label("结论理由")).to_have_value("")
    department.form.get_by_label("清单项").scroll_into_view_if_needed()
    department.screenshot("72-check-begins")
    after = department.page.locator("#next")
    expect(after).to_contain_text("视结果而定")
    expect(after.locator('[data-next="T22"]')).to_contain_text("会签")
    after.scroll_into_view_if_needed()
    department.screenshot("72-check-next")

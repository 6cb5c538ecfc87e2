"""The office changes its process in the modeler page: what is published is what the next case runs; what is broken is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.answers import PACKAGE, answers
from tests.browser.barriers import violations
from tests.browser.drawing import Drawing
from tests.browser.person import Person

STEP = "登记复核"


def open_modeler(person: Person) -> Drawing:
    person.go(f"/processes/{PACKAGE}/edit")
    return Drawing(person)


def enter_hazard(person: Person, photo: Path, title: str) -> str:
    person.start(PACKAGE)
    person.fill(answers("T01", person.today(), photo, 隐患名称=title))
    person.submit()
    return person.case_of_page()


@pytest.mark.slow
def test_the_next_case_runs_what_was_published(sign_in: Callable[..., Person], photo: Path) -> None:
    office, department = sign_in("zhaolixin"), sign_in("zhangwei")
    running = enter_hazard(department, photo, "发布前立案（浏览器测试）")

    drawing = open_modeler(office)
    office.screenshot("20-modeler")
    drawing.set_parameter("intake_days", 3)
    office.screenshot("21-parameters")
    drawing.open_tab("重大事故隐患挂牌督办")
    drawing.insert_user_task(drawing.flow("G1", "T03"), STEP, "AWB_JB", "X_meeting", "workdays(now(), 2)")
    office.screenshot("22-modeler-step-added")
    changes = drawing.publish("浏览器测试：受理时限改为 3 个工作日，判定前增加登记复核。")
    assert any(STEP in change for change in changes), changes
    assert any("3" in change for change in changes), changes

    later = enter_hazard(department, photo, "发布后立案（浏览器测试）")
    assert office.days_left(later, "T02") == 3
    for case in (running, later):
        office.open_item(case, "T02")
        office.fill(answers("T02", office.today(), photo))
        office.submit()
    assert office.open_items(later) == [STEP]
    assert office.open_items(running) == ["T03 隐患判定"]


def test_a_broken_diagram_is_refused_at_its_elements(sign_in: Callable[..., Person]) -> None:
    office = sign_in("zhaolixin")
    drawing = open_modeler(office)
    drawing.select("T03")
    drawing.group("督办").get_by_label("承办角色代码").fill("没有这个角色")
    office.page.keyboard.press("Tab")
    drawing.select("G2")
    office.page.keyboard.press("Delete")
    findings = drawing.check()
    assert any("T03" in line for line in findings), findings
    office.page.locator('.finding[data-finding="T03"] button').first.click()
    assert drawing.selected()["id"] == "T03"
    assert office.page.locator('.djs-overlays[data-container-id="T03"] .finding-badge').count() >= 1
    assert violations(office) == []
    office.screenshot("23-modeler-findings")
    office.page.locator('[data-modeler="publish"]').click()
    office.page.locator(".toast-danger").wait_for()
    assert office.page.locator("dialog.dialog").count() == 0
    office.leave_page()


def test_the_office_says_what_decides_a_countersign(sign_in: Callable[..., Person]) -> None:
    office = sign_in("zhaolixin")
    drawing = open_modeler(office)
    drawing.set_parameter("countersign_plan_share", 80)
    assert violations(office) == []
    drawing.open_tab("重大事故隐患挂牌督办")
    drawing.select("T14h_each")
    panel = drawing.group("会签")
    share, veto = panel.get_by_label("多少方同意为通过"), panel.get_by_label("一票否决")
    expect(share.locator("option:checked")).to_have_text("方案会签通过比例（现为 80%）")
    expect(veto).to_be_checked()
    expect(panel.get_by_label("结论存入变量")).to_have_value("方案会签结果")
    office.screenshot("24-modeler-countersign")
    share.select_option(label="三分之二以上同意")
    expect(panel.get_by_label("通过比例（表达式）")).to_have_value("2/3")
    veto.uncheck()
    share.select_option(label="（不按会签计票）")
    expect(veto).to_have_count(0)
    drawing.undo()  # all that had gone with the share comes back together
    expect(veto).not_to_be_checked()

    drawing.select("T23")
    expect(panel).to_have_count(0)
    office.page.locator('.djs-context-pad [data-action="replace"]:visible').click()
    office.page.locator('.djs-popup [data-id="toggle-parallel-mi"]').click()
    share.select_option(label="销号会签通过比例（现为 100%）")
    expect(panel.get_by_label("各方意见存入变量")).to_have_value("会签意见")
    expect(panel.get_by_label("每一方记什么")).to_have_value("{意见: form.意见}")
    panel.get_by_label("意见一项的名称").scroll_into_view_if_needed()
    office.screenshot("25-modeler-countersign-begun")
    findings = drawing.check()
    assert any("T23" in line and "集合" in line for line in findings), findings
    drawing.undo(2)
    changes = drawing.changes()
    assert any("会签通过比例" in one and "2/3" in one for one in changes), changes
    assert any("方案”不再一票否决" in one for one in changes), changes
    office.screenshot("26-modeler-countersign-changes")
    assert violations(office) == []
    office.page.locator("dialog.dialog").get_by_role("button", name="取消").click()
    office.leave_page()


def test_the_modeler_is_wholly_chinese(sign_in: Callable[..., Person]) -> None:
    office = sign_in("zhaolixin")
    drawing = open_modeler(office)
    drawing.walk()
    assert drawing.untranslated() == []
    assert office.page.locator(".modeler-diagram:not([hidden]) .bjs-powered-by").is_visible()

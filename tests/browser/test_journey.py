"""One hazard from 登记 to 销号 and 归档, by ten people of ten roles, each in a browser of their own, the enterprise's on
the phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.answers import PACKAGE, answers
from tests.browser.barriers import beside_the_screen, too_small, violations
from tests.browser.clerk import STEPS
from tests.browser.person import SCREENSHOTS, Person

TITLE = "备用主通风机停用未修复（浏览器测试）"

ROLES = {
    "zhaolixin": "AWB_JB",
    "wangjianguo": "AWB_ZR",
    "zhangwei": "DB",
    "liuyang": "HQ",
    "mutu": "SD",
    "gaojianjun": "QY",
    "batu": "QY_ZY",
    "aodengaoqier": "FG",
    "chenzhiyuan": "ZY",
    "qimuge": "WS",
}
IN_THE_FIELD = {"batu", "gaojianjun"}
"""Of the enterprise: they work with the phone, lists and all."""
PICTURED = {"T03", "T13", "T16", "T21", "T24"}


def fits_the_thumb(worker: Person, name: str) -> None:
    """The filled form on the phone: large enough to press, nothing beside the screen, rows come and go."""
    page = worker.page
    assert too_small(worker) == [], name
    assert beside_the_screen(worker) == [], name
    assert violations(worker) == [], name
    lists = worker.form.get_by_role("button", name="增加一行")
    if lists.count():
        rows = worker.form.locator(".fjs-repeat-row-container")
        before = rows.count()
        lists.last.tap()
        expect(rows).to_have_count(before + 1)
        page.screenshot(path=str(SCREENSHOTS / f"{name}-rows.png"), full_page=True)
        rows.last.locator(".fjs-repeat-row-remove").tap()
        expect(rows).to_have_count(before)


@pytest.mark.slow
def test_a_hazard_is_driven_from_entry_to_archive_by_nine_roles(
    sign_in: Callable[..., Person], photo: Path
) -> None:
    people: dict[str, Person] = {}

    def person(account: str) -> Person:
        if account not in people:
            people[account] = sign_in(account, phone=account in IN_THE_FIELD)
        return people[account]

    finder = person("zhangwei")
    finder.go("/worklist")
    finder.screenshot("01-worklist-before")
    finder.start(PACKAGE)
    finder.screenshot("02-entry-form")
    assert "此项必须填写" in finder.press_submit()
    finder.screenshot("03-entry-form-refused")
    finder.fill(answers("T01", finder.today(), photo, 隐患名称=TITLE))
    finder.screenshot("04-entry-form-filled")
    finder.submit()
    case = finder.case_of_page()

    roles = {"DB"}
    for account, element, changed in STEPS:
        worker = person(account)
        worker.open_item(case, element)
        if element in PICTURED:
            worker.screenshot(f"step-{element}")
        roles.add(ROLES[account])
        worker.fill(answers(worker.form_key(), worker.today(), photo, **changed))
        if worker.phone:
            fits_the_thumb(worker, f"phone-{element}")
        worker.submit()

    office = person("zhaolixin")
    office.go(f"/cases/{case}")
    office.screenshot("90-case-archived")
    assert "已归档" in office.page.locator("#content").inner_text()
    assert len(roles) >= 9, roles
    office.go(f"/cases/{case}?tab=timeline")
    office.screenshot("91-case-timeline")

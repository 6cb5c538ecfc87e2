"""One hazard from 登记 to 销号 and 归档, by ten people of ten roles, each in a browser of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.answers import PACKAGE, answers
from tests.browser.person import Person

TITLE = "备用主通风机停用未修复（浏览器测试）"

# Who finishes which step, in the order the process offers them; the fields that differ from the default answers.
STEPS: list[tuple[str, str, dict[str, Any]]] = [
    ("zhaolixin", "T02", {}),
    ("zhangwei", "T03", {}),
    ("zhangwei", "T04", {}),
    ("zhaolixin", "T05", {"级别": "旗政府"}),
    ("wangjianguo", "T06", {}),
    ("aodengaoqier", "T07", {}),
    ("chenzhiyuan", "T08", {}),
    ("qimuge", "T09", {}),
    ("zhaolixin", "T10", {}),
    ("mutu", "T11", {}),
    ("batu", "T12", {}),
    ("zhangwei", "T12b", {}),
    ("liuyang", "T12b", {}),
    ("mutu", "T12b", {}),
    ("batu", "T13", {}),
    ("zhangwei", "T14", {}),
    ("liuyang", "T14h", {}),
    ("zhaolixin", "T15", {}),
    ("gaojianjun", "T16", {"完成百分比": 100, "整改是否完成": True}),
    ("batu", "T20", {}),
    ("zhangwei", "T21", {}),
    ("liuyang", "T22", {}),
    ("zhaolixin", "T23", {}),
    ("chenzhiyuan", "T24", {}),
    ("qimuge", "T25", {}),
    ("zhaolixin", "T26", {}),
    ("mutu", "T26s", {}),
    ("zhaolixin", "T28", {}),
]
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
PICTURED = {"T03", "T13", "T16", "T21", "T24"}


@pytest.mark.slow
def test_a_hazard_is_driven_from_entry_to_archive_by_nine_roles(
    sign_in: Callable[..., Person], photo: Path
) -> None:
    people: dict[str, Person] = {}

    def person(account: str) -> Person:
        if account not in people:
            people[account] = sign_in(account)
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
        worker.submit()

    office = person("zhaolixin")
    office.go(f"/cases/{case}")
    office.screenshot("90-case-archived")
    assert "已归档" in office.page.locator("#content").inner_text()
    assert len(roles) >= 9, roles
    office.go(f"/cases/{case}?tab=timeline")
    office.screenshot("91-case-timeline")

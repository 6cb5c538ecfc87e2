"""Every page by axe-core's rules 无障碍: nothing serious on any page, at the desk and on the phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.answers import PACKAGE
from tests.browser.person import Person

AXE = Path(__file__).parents[2] / "web" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = [
    "/worklist",
    "/register",
    "/monitor",
    "/processes",
    "/audit",
    "/admin/units",
    "/admin/people?person=zhangwei",
    "/admin/people/zhangwei/handover",
    "/admin/account",
    "/pending",
]
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa"]},
    "resultTypes": ["violations"],
}


def violations(person: Person) -> list[str]:
    """Serious and critical findings on the page that is open; the drawings and libraries' own widgets are left out."""
    person.page.evaluate(AXE.read_text("utf-8"))
    found: dict[str, Any] = person.page.evaluate(
        "(rules) => axe.run({ exclude: [['.djs-container'], ['.fjs-powered-by'], ['.bio-properties-panel']] }, rules)",
        RULES,
    )
    return [
        f"{person.page.url} {one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:3]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.skipif(not AXE.exists(), reason="axe-core 没有安装（make frontend），未检查无障碍。")
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_no_page_has_serious_barriers(sign_in: Callable[..., Person], phone: bool) -> None:
    person = sign_in("zhaolixin", phone=phone)
    found = []
    for path in PAGES:
        person.go(path)
        found += violations(person)
    person.start(PACKAGE)
    found += violations(person)
    assert found == [], "\n".join(found)

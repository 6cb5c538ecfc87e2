"""Every page by axe-core's rules 无障碍: nothing serious on any page, at the desk and on the phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.answers import PACKAGE
from tests.browser.barriers import violations
from tests.browser.clerk import Clerk
from tests.browser.person import DESK, PHONE, Person
from tests.web.builder import make_office, open_site

LEDGER = Path(__file__).parents[2] / "processes" / "demo_ledger_2024.xlsx"
FROM = f"/register/new/{PACKAGE}/Start_self"
PAGES = {
    "/worklist": "/worklist",
    "/notices": "/notices",
    "/register": "/register",
    "/register/lists": "/register/lists?unit=能源局",
    "/register/lists/<string:listed>": "/register/lists/{listed}",
    "/register/new": "/register/new",
    "/register/new/<string:package>/<string:start>": FROM,
    "/register/import": "/register/import?file={workbook}&package=" + PACKAGE,
    "/cases/<string:case>": "/cases/{case}",
    "/cases/<string:case>/items/<int(max=2147483647):item>": "/cases/{case}/items/{item}",
    "/cases/<string:case>/actions/<string:action>": "/cases/{case}/actions/false_fix",
    "/monitor": "/monitor",
    "/processes": "/processes",
    "/processes/<string:key>": f"/processes/{PACKAGE}",
    "/processes/<string:key>/versions/<string:which>": f"/processes/{PACKAGE}/versions/newest",
    "/processes/<string:key>/versions/<string:which>/forms/<string:form>": f"/processes/{PACKAGE}/versions/newest/forms/T13",
    "/processes/<string:key>/edit": f"/processes/{PACKAGE}/edit",
    "/audit": "/audit",
    "/audit/office": "/audit/office",
    "/audit/verify": "/audit/verify",
    "/admin/units": "/admin/units?unit=能源局",
    "/admin/people": "/admin/people?person=zhangwei",
    "/admin/people/<string:person>/handover": "/admin/people/zhangwei/handover",
    "/admin/handovers": "/admin/handovers",
    "/admin/handovers/<string:handover>": "/admin/handovers/{handover}",
    "/admin/responsibilities": "/admin/responsibilities",
    "/admin/calendar": "/admin/calendar",
    "/admin/reminders": "/admin/reminders",
    "/admin/evidence": "/admin/evidence",
    "/admin/account": "/admin/account",
    "/pending": "/pending",
    "/offline": "/offline",
}
"""Every page by its route, and an address of it. A page that is not listed here fails `test_no_page_is_forgotten`."""

ELSEWHERE = {
    "/": "leads to the worklist",
    "/sign-in": "looked at by a stranger",
    "/register/export.xlsx": "workbook",
    "/register/lists.xlsx": "workbook",
    "/register/lists/<string:listed>/list.xlsx": "workbook",
    "/admin/handovers/<string:handover>/list.xlsx": "workbook",
    "/processes/<string:key>/draft/<path:path>": "text for the modeler",
    "/assets/<path:name>": "files",
    "/icons/<string:name>.png": "picture",
    "/favicon.svg": "picture",
    "/manifest.webmanifest": "for browsers",
    "/sw.js": "for browsers",
    "/livez": "for machines",
    "/readyz": "for machines",
}
"""What is no page, or has no place in the list."""

UNFOLD = """(round) => {
  const groups = new Map();
  for (const one of document.querySelectorAll('details')) {
    if (!one.name) one.open = true;
    else groups.set(one.name, [...(groups.get(one.name) || []), one]);
  }
  let more = false;
  for (const all of groups.values()) {
    if (round < all.length) all[round].open = true;
    more ||= round + 1 < all.length && all[0].checkVisibility();
  }
  for (const one of document.querySelectorAll('[data-unfold][aria-expanded=false]')) if (one.checkVisibility()) one.click();
  for (const one of document.querySelectorAll('[data-bs-toggle=collapse][aria-expanded=false]')) if (one.checkVisibility()) one.click();
  return more;
}"""
"""Opens all that is folded away; of what opens only one at a time, one each round. Whether there is another round."""


@pytest.mark.no_browser
def test_no_page_is_forgotten(tmp_path: Path) -> None:
    make_office(tmp_path)
    rules = open_site(tmp_path).app.url_map.iter_rules()
    reached = {r.rule for r in rules if "GET" in (r.methods or ()) and not r.rule.startswith("/api/")}
    assert reached == PAGES.keys() | ELSEWHERE.keys()


@pytest.fixture(scope="module")
def addresses(clerk: Callable[[str], Clerk], photo: Path) -> list[str]:
    """One of each page, filled with something."""
    office, holder = clerk("zhaolixin"), clerk("tianxiaomei")
    case = office.register("无障碍检查（浏览器测试）", photo, 行业="特种设备")
    office.finish(case, "T02", photo)
    item = holder.item(case, "T03")
    holder.claim(case, "T03")
    back = {"successor": "", "reason": "调离，退回岗位"}
    known = {
        "case": case,
        "item": item,
        "listed": office.ask("POST", "/register/lists", {"unit": "能源局"})["list"],
        "workbook": office.upload(LEDGER),
        "handover": office.ask("POST", "/directory/people/tianxiaomei/handovers", back)["handover"],
    }
    return [address.format(**known) for address in PAGES.values()]


def test_no_page_has_serious_barriers(sign_in: Callable[..., Person], addresses: list[str]) -> None:
    person = sign_in("zhaolixin")
    found = []
    for address in addresses:
        person.go(address)
        found += at_both_sizes(person)
    for size in (DESK, PHONE):
        person.page.set_viewport_size(size)
        person.go(FROM)
        person.form.get_by_label("来源渠道").click()
        expect(person.form.locator(".fjs-dropdownlist-item").first).to_be_visible()
        found += violations(person)
        person.page.keyboard.press("Escape")
        person.form.get_by_label("发现日期").click()
        expect(person.page.locator(".flatpickr-calendar.open")).to_be_visible()
        person.page.wait_for_timeout(400)  # until it has faded in
        found += violations(person)
    person.leave_page()
    person.page.context.clear_cookies()
    person.go("/sign-in")
    found += at_both_sizes(person)
    assert found == [], "\n".join(found)


def at_both_sizes(person: Person) -> list[str]:
    """Findings on the page that is open, everything on it opened, at the desk and as wide as a phone."""
    found = unfolded(person)
    person.page.set_viewport_size(PHONE)
    found += unfolded(person)
    person.page.set_viewport_size(DESK)
    return found


def unfolded(person: Person) -> list[str]:
    """Findings on the page that is open, everything on it opened."""
    found, round, more = [], 0, True
    while more:
        more = person.page.evaluate(UNFOLD, round)
        found += violations(person, "details[name][open]" if round else "html")
        round += 1
    return found

"""A person at the browser 经办人: signs in, finds work, fills in form-js forms by field key, submits, takes pictures.

Everything goes through what a person can see and press; the form's schema on the page is read only to find which
control belongs to a field key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, ViewportSize, expect

SCREENSHOTS = Path(__file__).parents[2] / "var" / "screenshots"
DESK: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PATIENCE = 30_000  # milliseconds an element may take to appear on a slow machine

both_sizes = pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
"""Once at the desk, once on the phone."""


class Person:
    """One account in a browser window of its own."""

    def __init__(
        self, browser: Browser, address: str, account: str, phone: bool = False, log: Path | None = None
    ) -> None:
        self.account = account
        self.log = log
        self.address = address
        self.phone = phone
        self._context = browser.new_context(
            viewport=PHONE if phone else DESK,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            has_touch=phone,
            is_mobile=phone,
        )
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))
        self.page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        # A refused submit is logged by Chromium as a failed resource; what counts here are our own errors and the policy.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def close(self) -> None:
        self._context.close()

    # -- moving about ----------------------------------------------------------------------------------

    def go(self, path: str) -> None:
        """Open a page of the product and wait for its islands."""
        answer = self.page.goto(self.address + path)
        if answer is not None and answer.status >= 400:
            raise AssertionError(
                f"{self.account} at {path}: {answer.status}\n{self.page.inner_text('main')}\n{self._log_end()}"
            )
        self.settle()

    def _log_end(self) -> str:
        return self.log.read_text("utf-8", "replace")[-4000:] if self.log is not None else ""

    def settle(self) -> None:
        """Wait until every island of the page is there; a drawing far below the fold waits for its reader."""
        self.page.wait_for_load_state("load")
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('[data-island]:not([data-waiting])')].every((one) => one.hasAttribute('data-ready'))"
        )

    def sign_in(self) -> None:
        """With the one-click button of the demo's sign-in page."""
        self.page.goto(f"{self.address}/sign-in")
        self.page.locator(f'[data-demo-account="{self.account}"]').first.click()
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def act_as(self, post: str) -> None:
        """Choose one of several posts, e.g. `AWB_JB@旗安委办`."""
        if self.page.locator("select#post").count():
            self.page.select_option("select#post", post)
            self.page.wait_for_load_state("load")

    def today(self) -> date:
        """The product's day, as the demo bar shows it."""
        if not self.page.locator("[data-demo-now]").count():
            self.go("/worklist")
        text = self.page.locator("[data-demo-now]").inner_text()
        found = re.search(r"(\d+)年(\d+)月(\d+)日", text)
        assert found, text
        year, month, day = map(int, found.groups())
        return date(year, month, day)

    def leave_page(self) -> None:
        """Close a page with unsaved work, agreeing to lose it."""
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.page.goto("about:blank")

    def agree(self) -> None:
        """Press 确定 in the question that is asked."""
        self.page.locator("dialog.dialog").get_by_role("button", name="确定").click()

    # -- cases and their work --------------------------------------------------------------------------

    def start(self, package: str, start: str = "Start_self", *, afresh: bool = True) -> None:
        """Open the entry form of a process from the worklist's button 登记. `afresh`: not with what was begun before."""
        self.go("/worklist")
        self.page.locator(".page-header").get_by_role("link", name="登记").click()
        self.settle()
        if not self.form.count():
            wanted = f'a[href*="{package}"][href*="{start}"]'
            self.page.locator("#content").locator(wanted).first.click()
            self.settle()
        begun = self.page.locator(".draft-note").get_by_role("button", name="清除草稿")
        if afresh and begun.count():
            with self.page.expect_response(lambda r: r.request.method == "DELETE"):
                begun.click()

    def case_of_page(self) -> str:
        """The id of the case whose page is open."""
        found = re.search(r"/cases/([^/?#]+)", self.page.url)
        assert found, self.page.url
        return found.group(1)

    def open_item(self, case: str, element: str) -> None:
        """Open a step of a case that this person may do: from the case's page, by its button 办理."""
        self.go(f"/cases/{case}")
        row = self.page.locator(f'#now tr[data-item="{element}"]').filter(
            has=self.page.locator("a.btn-primary")
        )
        if not row.count():
            raise AssertionError(f"{self.account} may not do {element}; open are {self.rows()}")
        row.first.locator("a.btn-primary").click()
        self.settle()

    def rows(self) -> list[str]:
        """The open steps of the case's page that is open, a line each."""
        return [" ".join(text.split()) for text in self.page.locator("#now tr[data-item]").all_inner_texts()]

    def open_items(self, case: str) -> list[str]:
        """The names of a case's open steps."""
        self.go(f"/cases/{case}")
        return self.page.locator("#now tr[data-item] td:first-child").all_inner_texts()

    def days_left(self, case: str, element: str) -> int:
        """Working days left for a step, as the case's page says."""
        self.go(f"/cases/{case}")
        text = self.page.locator(f'#now tr[data-item="{element}"]').first.inner_text()
        found = re.search(r"还剩 (\d+) 个工作日", text)
        assert found, text
        return int(found.group(1))

    # -- forms -----------------------------------------------------------------------------------------

    @property
    def form(self) -> Locator:
        return self.page.locator('[data-island="form"]')

    def form_key(self) -> str:
        """The key of the form on the page, e.g. T03."""
        return self.form.get_attribute("data-form") or ""

    def fill(self, values: Mapping[str, Any]) -> None:
        """Fill in the page's form: field key → value. A value is what the form submits; a `Path` (or a list) is uploaded."""
        for key, value in values.items():
            field = self._field(key)
            self._fill_one(field, value, "")

    def _schema(self) -> dict[str, Any]:
        text = self.form.locator(':scope > script[type="application/json"]').text_content() or "{}"
        props: dict[str, Any] = json.loads(text)
        return props

    def _field(self, key: str) -> dict[str, Any]:
        props = self._schema()
        for field in props["schema"]["components"]:
            if field.get("key") == key or field.get("path") == key:
                return {**field, "_data": props.get("data") or {}}
        known = [f.get("key") or f.get("path") for f in props["schema"]["components"]]
        raise AssertionError(f"the form has no field {key}; it has {known}")

    def _control(self, field: Mapping[str, Any], suffix: str, part: str = "") -> Locator:
        """The control whose id ends in the field's id (with row number), as form-js names them."""
        return self.form.locator(f'[id^="fjs-form-"][id$="-{field["id"]}{suffix}{part}"]').first

    def _fill_one(self, field: Mapping[str, Any], value: Any, suffix: str) -> None:
        kind = field["type"]
        if kind in ("textfield", "textarea", "number"):
            self._control(field, suffix).fill(str(value))
        elif kind == "datetime":
            box = self._control(field, suffix, "-date")
            box.fill(str(value)[:10])
            box.press("Enter")
            box.press("Tab")
            if field.get("subtype") == "datetime":
                time = self._control(field, suffix, "-time")
                time.fill(str(value)[11:16])
                time.press("Enter")
        elif kind == "checkbox":
            self._control(field, suffix).set_checked(bool(value))
        elif kind == "radio":
            self._control(field, suffix, f"-{self._options(field).index(value)}").check()
        elif kind == "checklist":
            for one in value:
                self._control(field, suffix, f"-{self._options(field).index(one)}").check()
        elif kind == "select":
            self._choose(field, suffix, value)
        elif kind == "taglist":
            box = self._control(field, suffix)
            group = box.locator("xpath=ancestor::*[contains(@class,'fjs-form-field-taglist')][1]")
            for one in value:
                label = self._label(field, one)
                if group.locator(".fjs-taglist-tag", has_text=label).count():
                    continue  # filled in beforehand
                box.fill(label)
                self._pick(label)
            box.press("Escape")
        elif kind == "filepicker":
            self.attach(field["key"], value)
        elif kind == "dynamiclist":
            self._fill_rows(field, value, suffix)
        else:
            raise AssertionError(f"do not know how to fill a {kind}")

    def _options(self, field: Mapping[str, Any]) -> list[Any]:
        return [option["value"] for option in self._choices(field)]

    def _choices(self, field: Mapping[str, Any]) -> list[dict[str, Any]]:
        found = field.get("values") or field.get("_data", {}).get(field.get("valuesKey"), [])
        return [one if isinstance(one, dict) else {"label": one, "value": one} for one in found]

    def _label(self, field: Mapping[str, Any], value: Any) -> str:
        for option in self._choices(field):
            if value in (option["value"], option["label"]):
                return str(option["label"])
        raise AssertionError(
            f"{field.get('key')} does not offer {value}; it offers {[o['label'] for o in self._choices(field)]}"
        )

    def _choose(self, field: Mapping[str, Any], suffix: str, value: Any) -> None:
        label = self._label(field, value)
        box = self._control(field, suffix, "-search" if field.get("searchable") else "")
        if not box.count():
            box = self._control(field, suffix)
        box.click()
        if field.get("searchable"):
            box.fill(label)
        self._pick(label)

    def _pick(self, label: str) -> None:
        self.form.locator(".fjs-dropdownlist-item").filter(
            has_text=re.compile(f"^{re.escape(label)}$")
        ).first.click()

    def _fill_rows(self, field: Mapping[str, Any], rows: list[Mapping[str, Any]], suffix: str) -> None:
        for number, row in enumerate(rows):
            inner = {c.get("key"): c for c in field["components"]}
            first = next(iter(inner.values()))
            if not self.form.locator(f'[id*="-{first["id"]}{suffix}_{number}"]').count():
                row_above = self.form.locator(f'[id*="-{first["id"]}{suffix}_{number - 1}"]').first
                whole = row_above.locator("xpath=ancestor::*[.//button[contains(., '增加一行')]][1]")
                whole.get_by_role("button", name="增加一行").click()
            for key, value in row.items():
                self._fill_one({**inner[key], "_data": field["_data"]}, value, f"{suffix}_{number}")

    def attach(self, key: str, files: Path | list[Path]) -> None:
        """Upload to a file field and wait until the thumbnails are there."""
        chosen = [files] if isinstance(files, Path) else files
        box = self.form.locator(f'input[type=file][data-field="{key}"]')
        list_ = box.locator("xpath=ancestor::*[contains(@class,'upload')][1]/..").locator(
            ".upload-file[data-file]"
        )
        before = list_.count()
        box.set_input_files([str(path) for path in chosen])
        expect(list_).to_have_count(before + len(chosen), timeout=PATIENCE)

    def submit(self) -> None:
        """Press the form's button and wait for the next page; a refused form fails with what the page says."""
        here = self.page.url
        self.form.locator("[data-form-submit]").click()
        try:
            self.page.wait_for_function(
                "(here) => location.href !== here || !document.querySelector('[data-form-submit]')"
                " || !document.querySelector('.error-summary')?.hidden",
                arg=here,
            )
        except Error as error:
            if "navigat" not in str(error) and "context" not in str(error):
                raise
        summary = self.page.locator(".error-summary:not([hidden])")
        if summary.count():
            raise AssertionError(f"{self.account}: the form was refused: {summary.inner_text()}")
        self.settle()

    def press_submit(self) -> str:
        """Press the button of a form that should be refused; gives what the summary says."""
        self.form.locator("[data-form-submit]").click()
        summary = self.page.locator(".error-summary:not([hidden])")
        summary.wait_for()
        return summary.inner_text()

    # -- pictures --------------------------------------------------------------------------------------

    def screenshot(self, name: str) -> None:
        """The page at desk and phone size, for people to look at: var/screenshots/<name>-{desk,phone}.png."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        if self.phone:
            self.page.screenshot(path=str(SCREENSHOTS / f"{name}-phone.png"))
            return
        self.page.screenshot(path=str(SCREENSHOTS / f"{name}-desk.png"))
        self.page.set_viewport_size(PHONE)
        self.page.wait_for_timeout(250)
        self.page.screenshot(path=str(SCREENSHOTS / f"{name}-phone.png"))
        self.page.set_viewport_size(DESK)
        self.page.wait_for_timeout(100)

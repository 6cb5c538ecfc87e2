"""没有网络: a filled step is kept and arrives exactly once, pages can be read again, and nobody else sees or sends any of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.answers import PACKAGE, answers
from tests.browser.barriers import violations
from tests.browser.conftest import Product
from tests.browser.person import Person
from tests.pictures import saved, scene

PIECE = 1 << 20
SLOW_STORE = """
    const open = IDBFactory.prototype.open;
    IDBFactory.prototype.open = function (...named) {
        const real = open.apply(this, named), late = {};
        real.onupgradeneeded = () => { late.result = real.result; late.onupgradeneeded?.(); };
        real.onsuccess = () => setTimeout(() => { late.result = real.result; late.onsuccess?.(); }, 2000);
        return late;
    };
"""
"""What this browser keeps is there two seconds after the page."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of more than two pieces."""
    path = tmp_path_factory.mktemp("large") / "井口全景.jpg"
    path.write_bytes(saved(scene(11, (3200, 2400)), quality=99))
    assert path.stat().st_size > 2 * PIECE
    return path


def carried(person: Person) -> None:
    """Wait until the service worker has taken over and the page that is open is kept."""
    person.page.evaluate("() => navigator.serviceWorker.ready.then(() => undefined)")
    person.page.wait_for_function("() => Boolean(navigator.serviceWorker.controller)")
    person.page.reload()
    person.settle()
    person.page.wait_for_function(
        "async (path) => { for (const name of await caches.keys()) if (name.startsWith('pages-') &&"
        " await (await caches.open(name)).match(path)) return true; return false }",
        arg=person.page.evaluate("() => location.pathname + location.search"),
    )


def another_tab(person: Person, path: str) -> Page:
    """A second page of the same browser."""
    page = person.page.context.new_page()
    page.goto(person.address + path)
    return page


def found(person: Person, title: str) -> int:
    """How many cases of this title the product has, asked by the person's own session."""
    answer: dict[str, Any] = person.page.evaluate(
        "(q) => fetch('/api/v1/cases?limit=100&q=' + encodeURIComponent(q)).then((r) => r.json())", title
    )
    return sum(1 for row in answer["items"] if row["title"] == title)


def fill_offline(person: Person, title: str, photo: Path) -> None:
    """Fill in a new hazard without a network, photo and all, and press 登记."""
    person.start(PACKAGE)
    carried(person)
    person.page.context.set_offline(True)
    expect(person.page.locator("#net")).to_contain_text("没有网络")
    person.fill(answers("T01", person.today(), photo, 隐患名称=title))
    expect(person.page.locator(".upload-file[data-file]")).to_contain_text("待上传")
    person.form.locator("[data-form-submit]").click()
    expect(person.page.locator(".form-kept")).to_contain_text("待发送")


def test_what_is_filled_in_without_a_network_arrives_once_after_the_page_was_closed(
    sign_in: Callable[..., Person], photo: Path
) -> None:
    town = sign_in("mutu", phone=True)
    fill_offline(town, "矿区没信号时登记的隐患", photo)
    assert violations(town) == []
    town.screenshot("60-waiting")
    context = town.page.context
    town.page.close()

    # Still without a network: the product opens from what is kept, and knows what waits.
    town.page = context.new_page()
    town.page.goto(f"{town.address}/pending")
    row = town.page.locator("[data-pending]")
    expect(row).to_have_attribute("data-pending", "waiting")
    expect(town.page.locator("#net")).to_contain_text("待发送 1 件")
    row.get_by_text("填写的内容").click()
    expect(row).to_contain_text("矿区没信号时登记的隐患")
    assert violations(town) == []
    town.screenshot("61-pending")
    town.page.close()

    context.set_offline(False)
    town.page = context.new_page()
    town.page.goto(f"{town.address}/pending")
    expect(town.page.locator("[data-pending]")).to_have_attribute("data-pending", "delivered")
    assert found(town, "矿区没信号时登记的隐患") == 1
    town.page.get_by_role("link", name="打开案件").click()
    town.settle()
    assert "矿区没信号时登记的隐患" in town.page.locator("h1").inner_text()
    expect(town.page.get_by_text("现场照片.jpg").first).to_be_visible()


def test_a_server_that_is_away_is_waited_for(
    product: Product, sign_in: Callable[..., Person], photo: Path
) -> None:
    town = sign_in("mutu", phone=True)
    town.start(PACKAGE)
    carried(town)
    town.fill(answers("T01", town.today(), photo, 隐患名称="服务器停机时登记的隐患"))
    product.stop()
    try:
        town.form.locator("[data-form-submit]").click()
        expect(town.page.locator(".form-kept")).to_contain_text("待发送")
        town.page.reload()
        expect(town.page.locator("#net")).to_contain_text("没有连上服务器")
    finally:
        product.start()
    town.go("/pending")
    expect(town.page.locator("[data-pending]")).to_have_attribute("data-pending", "delivered")
    assert found(town, "服务器停机时登记的隐患") == 1


def test_an_answer_that_is_lost_is_asked_for_again_and_nothing_is_done_twice(
    sign_in: Callable[..., Person], photo: Path
) -> None:
    office = sign_in("zhaolixin")
    office.start(PACKAGE)
    office.fill(answers("T01", office.today(), photo, 隐患名称="答复丢失的登记"))
    keys: list[str] = []

    def lose_the_first(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) > 1:
            route.continue_()
        else:
            route.fetch()  # the server does it; the browser never learns
            route.abort()

    office.page.context.route("**/api/v1/cases", lose_the_first)
    office.form.locator("[data-form-submit]").click()
    office.page.wait_for_url("**/cases/*")  # by the next try
    office.settle()
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert found(office, "答复丢失的登记") == 1


def test_two_tabs_send_once(sign_in: Callable[..., Person], photo: Path) -> None:
    town = sign_in("mutu", phone=True)
    town.go("/worklist")
    carried(town)
    other = another_tab(town, "/worklist")
    town.page.bring_to_front()  # a page behind another one is slowed down by the browser
    fill_offline(town, "两个页面只发一次", photo)
    sent: list[str] = []
    town.page.context.on(
        "request",
        lambda r: sent.append(r.url) if r.method == "POST" and r.url.endswith("/api/v1/cases") else None,
    )
    town.page.context.set_offline(False)
    town.page.wait_for_url("**/cases/*")
    expect(other.locator("#net")).to_be_hidden()
    assert len(sent) == 1
    assert found(town, "两个页面只发一次") == 1


def test_what_the_server_refuses_comes_back_with_its_reasons(
    sign_in: Callable[..., Person], photo: Path
) -> None:
    office = sign_in("zhaolixin")
    office.start(PACKAGE)
    office.fill(answers("T01", office.today(), photo, 隐患名称="撤下重填的事项"))
    office.submit()
    case = office.case_of_page()
    office.open_item(case, "T02")
    carried(office)
    office.page.context.set_offline(True)
    office.fill(answers("T02", office.today(), photo))
    office.form.locator("[data-form-submit]").click()
    expect(office.page.locator(".form-kept")).to_contain_text("待发送")
    office.page.close()
    # Meanwhile the item goes to a colleague: what waits cannot be done by this person any more.
    desk = sign_in("zhaolixin")
    desk.open_item(case, "T02")
    desk.page.locator("#transfer > summary").click()
    desk.page.get_by_label("转给本单位人员").select_option(label="斯琴高娃")
    desk.page.locator("#transfer-reason").fill("本周外出检查")
    desk.page.locator("#transfer").get_by_role("button", name="转办").click()
    desk.agree()
    desk.page.wait_for_url(lambda url: url.endswith(f"/cases/{case}"))
    context = office._context
    context.set_offline(False)
    office.page = context.new_page()
    office.page.goto(f"{office.address}/pending")
    row = office.page.locator("[data-pending]")
    expect(row).to_have_attribute("data-pending", "refused")
    expect(row).to_contain_text("斯琴高娃")
    expect(office.page.locator("#net")).to_contain_text("被退回 1 件")
    assert violations(office) == []
    office.screenshot("62-refused")
    row.get_by_role("button", name="放弃").click()
    office.page.locator("dialog.dialog").get_by_role("button", name="放弃").click()
    expect(office.page.get_by_text("没有待发送的内容")).to_be_visible()


def test_a_photo_goes_on_where_the_network_left_it(sign_in: Callable[..., Person], large: Path) -> None:
    """Begun in the form, kept when the network went, broken once more on its way, and whole in the end."""
    town = sign_in("mutu", phone=True)
    context = town.page.context
    offsets: list[int] = []
    begun: list[str] = []
    lets_through = 1

    def count(route: Route) -> None:
        if route.request.method == "PATCH":
            if len(offsets) >= lets_through:
                route.abort("connectionfailed")
                return
            offsets.append(int(route.request.headers["upload-offset"]))
        route.continue_()

    context.route("**/api/v1/uploads/*", count)
    context.on(
        "request",
        lambda r: begun.append(r.url) if r.method == "POST" and r.url.endswith("/api/v1/uploads") else None,
    )
    town.start(PACKAGE)
    carried(town)
    town.fill(answers("T01", town.today(), large, 隐患名称="断断续续传的照片", 现场照片=None))
    town.form.locator('input[type=file][data-field="现场照片"]').set_input_files(str(large))
    expect(town.page.locator(".upload-file .upload-note")).to_have_text("网络中断，正在等待续传")
    context.set_offline(True)
    expect(town.page.locator(".upload-file[data-file]")).to_contain_text("待上传", timeout=40_000)
    town.form.locator("[data-form-submit]").click()
    expect(town.page.locator(".form-kept")).to_contain_text("待发送")
    town.page.close()

    lets_through = 2  # one piece more, then it breaks again
    context.set_offline(False)
    town.page = context.new_page()
    town.page.goto(f"{town.address}/pending")
    expect(town.page.locator("[data-pending]")).to_contain_text("没有网络，恢复后自动发送")
    assert offsets == [0, PIECE]
    lets_through = 99
    town.page.close()
    town.page = context.new_page()
    town.page.goto(f"{town.address}/pending")
    expect(town.page.locator("[data-pending]")).to_have_attribute("data-pending", "delivered")
    assert offsets[2] == 2 * PIECE, "no piece is sent a second time"
    assert len(begun) == 1
    assert found(town, "断断续续传的照片") == 1
    town.page.get_by_role("link", name="打开案件").click()
    town.settle()
    kept = town.page.locator("#files a[data-picture]").first.get_attribute("data-original")
    came = town.page.request.get(f"{town.address}{kept}").body()
    assert hashlib.sha256(came).digest() == hashlib.sha256(large.read_bytes()).digest()


def test_a_wrong_field_comes_back_into_the_form_it_was_typed_in(
    sign_in: Callable[..., Person], photo: Path, tmp_path: Path
) -> None:
    """Kept without a network, refused when it was sent: first for its photo, then for what was typed."""
    no_photo = tmp_path / "不是照片.jpg"
    no_photo.write_text("改了名字的文本")
    town = sign_in("mutu", phone=True)
    context = town.page.context
    town.start(PACKAGE)
    carried(town)
    context.set_offline(True)
    too_short = "🚨🚨🚨"  # three to the server, six to the page, which counts as JavaScript does
    town.fill(answers("T01", town.today(), no_photo, 隐患名称="退回来改的隐患", 隐患描述=too_short))
    town.form.locator("[data-form-submit]").click()
    expect(town.page.locator(".form-kept")).to_contain_text("待发送")

    def reopened() -> None:
        town.page.close()
        context.set_offline(False)
        town.page = context.new_page()
        town.page.goto(f"{town.address}/pending")
        row = town.page.locator("[data-pending]")
        expect(row).to_have_attribute("data-pending", "refused")
        row.get_by_role("link", name="打开，修改后再提交").click()
        town.settle()
        expect(town.page.get_by_label("隐患名称")).to_have_value("退回来改的隐患")
        expect(town.page.get_by_label("隐患名称")).to_be_editable()

    def said(part: str) -> Locator:
        return town.form.locator(f".fjs-form-field-{part} .fjs-form-field-error")

    reopened()
    expect(town.page.locator(".error-summary")).to_contain_text("现场照片")
    expect(said("filepicker")).to_have_count(1)
    town.screenshot("67-refused-photo")
    town.page.get_by_role("button", name=re.compile("^移除")).click()
    town.attach("现场照片", photo)
    context.set_offline(True)
    town.form.locator("[data-form-submit]").click()
    expect(town.page.locator(".form-kept")).to_contain_text("待发送")

    reopened()
    expect(said("textarea")).to_contain_text("不能少于 5 个字")
    town.page.locator(".error-summary a").first.click()
    expect(town.page.get_by_label("隐患描述")).to_be_focused()
    expect(town.page.get_by_label("隐患描述")).to_have_value(too_short)
    town.screenshot("68-refused-field")
    town.page.reload()  # nothing of it hangs on this page
    town.settle()
    expect(town.page.get_by_label("隐患名称")).to_have_value("退回来改的隐患")
    town.fill({"隐患描述": "巷道顶板淋水，已设警戒。"})
    town.submit()
    assert found(town, "退回来改的隐患") == 1
    town.go("/pending")
    expect(town.page.get_by_text("没有待发送的内容")).to_be_visible()


def sign_out(page: Page) -> None:
    """By the menu, once it is open: what is clicked while it unfolds slides away under the finger."""
    page.get_by_role("button", name="打开导航").click()
    expect(page.locator("#side")).to_have_class(re.compile(r"\bcollapse\b.*\bshow\b"))
    page.get_by_role("button", name="退出登录").click()


def test_after_signing_out_nothing_of_the_first_person_is_sent_or_shown(
    sign_in: Callable[..., Person], photo: Path
) -> None:
    town = sign_in("mutu", phone=True)
    fill_offline(town, "换人登录也不会发出", photo)
    town.page.goto(f"{town.address}/pending")
    expect(town.page.locator("[data-pending]")).to_be_visible()
    page, context = town.page, town.page.context
    # Signing out itself needs the server; what waits is held back so that it is still waiting then.
    context.route("**/api/v1/cases", lambda route: route.abort())
    context.set_offline(False)
    page.add_init_script(SLOW_STORE)
    page.goto(f"{town.address}/pending")
    sign_out(page)  # at once, before the page knows what it holds
    expect(page.locator("dialog.dialog")).to_contain_text("还有 1 件没有送达")
    assert violations(town) == []
    page.locator("dialog.dialog").get_by_role("button", name="仍要退出").click()
    page.wait_for_url("**/sign-in")
    page.wait_for_function("async () => !(await caches.keys()).some((name) => name.startsWith('pages-'))")
    context.unroute("**/api/v1/cases")
    context.set_offline(True)
    page.goto(f"{town.address}/worklist")
    expect(page.locator("h1")).to_have_text("没有网络")
    expect(page.locator("#net")).not_to_contain_text("待发送")
    context.set_offline(False)

    town.account = "wuyunqimuge"
    town.sign_in()
    page.goto(f"{town.address}/pending")
    expect(page.get_by_text("没有待发送的内容")).to_be_visible()
    assert found(town, "换人登录也不会发出") == 0

    sign_out(page)
    page.wait_for_url("**/sign-in")
    town.account = "mutu"
    town.sign_in()
    page.goto(f"{town.address}/pending")
    expect(page.locator("[data-pending]")).to_have_attribute("data-pending", "delivered")
    assert found(town, "换人登录也不会发出") == 1

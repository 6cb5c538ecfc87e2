"""Script in every text that people may enter, in a real browser: none of it runs, no page breaks, nothing is asked of other
hosts. The texts reach pages and islands: names of steps, documentation, forms, parameters, units, cases, notes, findings."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from tests.engine.builders import xml
from tests.web.builder import DIAGRAM, FORM, KEY, START_FORM, TOML, Site, User, files, make_office, open_site

VECTORS = (
    "<script>window.__ran=1</script>",
    "</script><script>window.__ran=1</script>",
    "\"><img src=x onerror=window.__ran=1>",
    "'><svg/onload=window.__ran=1>",
    "<iframe srcdoc='<script>parent.__ran=1</script>'></iframe>",
    "<a href=javascript:window.__ran=1 autofocus onfocus=window.__ran=1 tabindex=1>x</a>",
    "<details open ontoggle=window.__ran=1>x</details>",
    "<math><mtext></mtext><mglyph><svg><mtext><style><img src=x onerror=window.__ran=1>",
    "<noscript><p title=\"</noscript><img src=x onerror=window.__ran=1>\">",
    "{{constructor.constructor('window.__ran=1')()}}",
    "[x](javascript:window.__ran=1)",
    "![x](x\" onerror=\"window.__ran=1)",
    "<!--><img src=x onerror=window.__ran=1>-->",
    "<style>@import 'http://evil.invalid/x.css';</style>",
    "<meta http-equiv=refresh content='0;url=http://evil.invalid/'>",
    "<form action=http://evil.invalid/><button formaction=javascript:window.__ran=1>x</button></form>",
)  # fmt: skip
ALL = " ".join(VECTORS)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _poisoned() -> dict[str, bytes]:
    """The tiny package with script in every text of it."""
    found = dict(files())
    drawing = xml(DIAGRAM).decode()
    for name in ("核实", "审批", "登记", "已办结", "逾期提醒", "小流程"):
        drawing = drawing.replace(f'name="{name}"', f'name="{_escaped(name + ALL)}"')
    drawing = (
        drawing.replace(
            "<bpmn:incoming", f"<bpmn:documentation>{_escaped(ALL)}</bpmn:documentation><bpmn:incoming", 1
        )
        if "<bpmn:incoming" in drawing
        else drawing
    )
    found["tiny.bpmn"] = drawing.encode()
    form, start = json.loads(json.dumps(FORM)), json.loads(json.dumps(START_FORM))
    for component in (*form["components"], *start["components"]):
        component["label"] = component.get("label", "") + ALL
        component["description"] = ALL
        for value in component.get("values", ()):
            value["label"] += ALL
    form["title"] = start["title"] = ALL
    form["components"].append({"type": "text", "id": "t1", "text": ALL})
    start["components"].append({"type": "text", "id": "t2", "text": ALL})
    found["forms/check.json"] = json.dumps(form).encode()
    found["forms/enter.json"] = json.dumps(start).encode()
    toml = TOML
    for title in ("小流程", "核实时限", "申请延期", "督办部门承办人", "隐患名称"):
        toml = toml.replace(f'title="{title}"', f"title={json.dumps(title + ALL)}")
        toml = toml.replace(f'title = "{title}"', f"title = {json.dumps(title + ALL)}")
    found["process.toml"] = toml.replace('source = "试验"', f"source = {json.dumps(ALL)}").encode()
    return found


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str, str]]:
    folder = tmp_path_factory.mktemp("poisoned")
    make_office(folder)
    site = open_site(Path(shutil.copytree(folder, tmp_path_factory.mktemp("site") / "data")))
    zhao = site.user("zhao")
    texts = {path: data.decode() for path, data in _poisoned().items()}
    made = zhao.post(f"/api/v1/packages/{KEY}/versions", {"files": texts, "note": ALL[:1900]})
    assert made.status_code == 201, made.text[:3000]
    site.user("zhao").put(
        "/api/v1/directory/units/能源局", {"name": "能源局" + ALL[:180], "kind": "督办部门"}
    )
    case = site.begin(名称=ALL, 来源渠道=ALL)
    wang = site.user("wang")
    wang.post(f"/api/v1/cases/{case}/notes", {"text": ALL})
    up = wang.client.post(
        "/api/v1/files", data={"file": (io.BytesIO(b"%PDF-1.4"), "<img src=x onerror=window.__ran=1>.pdf")},
        headers={"X-CSRF-Token": wang.csrf},
    )  # fmt: skip
    wang.post(f"/api/v1/cases/{case}/files", {"file": up.json["id"]})
    item = f"/api/v1/cases/{case}/items/{site.item(case, 'A')}"
    done = wang.post(f"{item}/finish", {"form": {"说明": VECTORS[2], "结论": "属实"}})
    assert done.status_code == 200, done.text
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield site, case, f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    site.engine.close()


def test_no_text_is_ever_run(poisoned: tuple[Site, str, str], browser: Browser) -> None:
    site, case, address = poisoned
    context = browser.new_context()
    user = User(site.app).sign_in("zhao")
    cookie = user.client.get_cookie("duban")
    assert cookie is not None
    context.add_cookies([{"name": "duban", "value": cookie.value, "url": address}])
    page = context.new_page()
    foreign: list[str] = []
    dialogs: list[str] = []
    page.on(
        "request",
        lambda r: foreign.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None,
    )
    page.on("dialog", lambda d: (dialogs.append(d.message), d.dismiss()))
    item = site.item(case, "B")
    seen = 0
    for where in (
        "/worklist", "/register", "/register/new", f"/register/new/{KEY}/S", f"/cases/{case}", f"/cases/{case}?all&technical",
        f"/cases/{case}/items/{item}", f"/cases/{case}/items/{item - 1}", f"/cases/{case}/actions/extension", "/processes",
        f"/processes/{KEY}", f"/processes/{KEY}/edit", f"/processes/{KEY}/versions/newest/forms/check",
        f"/processes/{KEY}/versions/newest/forms/enter", "/monitor", "/audit", "/audit/office", "/admin/units", "/admin/people",
        "/notices", f"/api/v1/packages/{KEY}/versions/newest/files/tiny.bpmn", f"/sign-in?next={VECTORS[2]}",
    ):  # fmt: skip
        page.goto(address + where, wait_until="load")
        _settled(page)
        assert not page.evaluate("window.__ran"), where
        assert page.url.startswith(address), (where, page.url)
        seen += "onerror" in page.content()
    assert seen > 8, "the vectors must have been on the pages, or nothing was tried"
    assert (foreign, dialogs) == ([], [])
    context.close()


def _settled(page: Page) -> None:
    """Islands have drawn what they draw, and the mouse has been over it: tooltips are texts too."""
    page.wait_for_timeout(400)
    for element in page.query_selector_all(".djs-element .djs-visual, [data-island] [title]")[:6]:
        if element.is_visible():
            element.hover(force=True, timeout=1000, no_wait_after=True)
    page.wait_for_timeout(100)

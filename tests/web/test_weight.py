"""Every page is small on the way 每页压缩后不到 200 kB: its HTML with what its head names, before the islands."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.browser.test_build import FRONTEND, LARGEST, first_files, weight
from tests.web.builder import Site

PAGES = (
    "/worklist", "/worklist?tab=unit", "/worklist?tab=done", "/notices", "/register", "/register/new", "/register/new/tiny/S",
    "/register/import", "/monitor", "/processes", "/processes/tiny", "/audit", "/audit/verify", "/admin/units", "/admin/people",
    "/admin/responsibilities", "/admin/calendar", "/admin/account", "/pending", "/offline", "/sign-in",
)  # fmt: skip


def test_every_page_is_under_two_hundred_kilobytes(shared: Site) -> None:
    manifest = FRONTEND / "dist" / ".vite" / "manifest.json"
    if not manifest.exists():
        pytest.skip("前端尚未构建（make frontend），未称重。")
    first = weight(first_files(json.loads(manifest.read_text("utf-8"))))
    zhao, case = shared.user("zhao"), shared.mine
    heavy = []
    for page in (*PAGES, f"/cases/{case}", f"/cases/{case}/items/{shared.item(case, 'A')}"):
        answer = zhao.get(page, follow_redirects=True)
        assert answer.status_code == 200, page
        if (size := first + len(gzip.compress(answer.data, 6))) > LARGEST:
            heavy.append(f"{page}: {size}")
    assert heavy == []


def test_the_product_can_be_put_among_a_phones_apps(shared: Site) -> None:
    stranger = shared.stranger()
    manifest = json.loads(stranger.get("/manifest.webmanifest").data)
    assert (manifest["lang"], manifest["display"], manifest["scope"]) == ("zh-CN", "standalone", "/")
    for icon in manifest["icons"]:
        answer = stranger.get(icon["src"])
        assert answer.content_type == "image/png"
        side = int.from_bytes(answer.data[16:20], "big")  # PNG's IHDR
        answer.close()
        assert f"{side}x{side}" == icon["sizes"]
    assert any(icon["purpose"] == "maskable" for icon in manifest["icons"])


def test_every_page_says_whose_it_is(shared: Site) -> None:
    wang = shared.user("wang")
    assert wang.get("/worklist").headers["X-Duban-Person"] == "wang"
    assert wang.get(f"/cases/{shared.theirs}").headers["X-Duban-Person"] == "wang"  # a 404 too
    assert wang.get("/offline").headers["X-Duban-Person"] == ""  # kept for everybody, says nothing of anybody
    assert "王建军" not in wang.get("/offline").text
    assert shared.stranger().get("/sign-in").headers["X-Duban-Person"] == ""
    assert "X-Duban-Person" not in wang.get("/api/v1/me").headers

"""Photos from the phone to the reviewer: an upload that is interrupted goes on, thumbnails and the viewer show it with its time
and place, and a photo handed in a second time is put beside the first, for the reviewer only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from PIL import ImageOps
from playwright.sync_api import Route, expect

from engine.clock import SHANGHAI
from tests.browser.answers import PACKAGE, answers
from tests.browser.barriers import violations
from tests.browser.clerk import Clerk
from tests.browser.person import DESK, PHONE, SCREENSHOTS, Person
from tests.pictures import cropped, exif, saved, scene

TAKEN = datetime(2024, 9, 20, 10, 30, tzinfo=SHANGHAI)
PIECE = 1 << 20


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A photo of some megabytes as a phone makes it, and the same mirrored and cut."""
    folder = tmp_path_factory.mktemp("shots")
    picture = scene(7, (3200, 2400))
    first, second = folder / "井口现场.jpg", folder / "整改现场.jpg"
    first.write_bytes(saved(picture, quality=99, exif=exif(TAKEN, (38.2468, 107.4821), "HUAWEI Mate60")))
    second.write_bytes(saved(cropped(ImageOps.mirror(picture), 0.06, 0.04, 0.05, 0.05), quality=70))
    assert first.stat().st_size > 2 * PIECE
    return first, second


FILM = """async () => {
  const canvas = document.createElement('canvas'), drawn = canvas.getContext('2d'), parts = [];
  const recorder = new MediaRecorder(canvas.captureStream(10), { mimeType: 'video/mp4' });
  recorder.ondataavailable = (event) => parts.push(event.data);
  const ended = new Promise((then) => { recorder.onstop = then; });
  recorder.start();
  for (let at = 0; at < 10; at += 1) {
    drawn.fillStyle = '#98a2b3'; drawn.fillRect(0, 0, 300, 150);
    drawn.fillStyle = '#7a1f1f'; drawn.fillRect(20 * at, 50, 60, 60);
    await new Promise((then) => setTimeout(then, 100));
  }
  recorder.stop();
  await ended;
  return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
}"""
"""A second of video, made by the browser itself."""


def test_a_video_is_handed_in_played_and_downloaded(
    sign_in: Callable[..., Person], clerk: Callable[[str], Clerk], photo: Path, tmp_path: Path
) -> None:
    case = clerk("zhaolixin").register("现场视频（浏览器测试）", photo)
    department = sign_in("zhangwei", phone=True)
    film, fake = tmp_path / "现场视频.mp4", tmp_path / "改名的照片.mp4"
    film.write_bytes(bytes(department.page.evaluate(FILM)))
    fake.write_bytes(photo.read_bytes())
    department.go(f"/cases/{case}/actions/false_fix")
    department.form.locator('input[type=file][data-field="虚假证据"]').set_input_files(fake)
    refused = department.page.locator(".upload-failed")
    expect(refused).to_contain_text("内容与扩展名不符")
    department.screenshot("67-no-video")
    refused.get_by_role("button", name="移除").click()
    department.fill({"虚假情况": "现场未见新风机，见视频。", "虚假证据": film})
    department.screenshot("67-video-uploaded")
    department.submit()

    office = sign_in("zhaolixin")
    office.go(f"/cases/{case}")
    video = office.page.locator("#files video")
    video.scroll_into_view_if_needed()
    office.page.wait_for_function("document.querySelector('#files video').readyState > 0")
    office.screenshot("67-video")
    played = video.evaluate(
        "async (one) => { one.muted = true; await one.play();"
        " await new Promise((then) => { one.onended = then; }); return [one.videoWidth, one.currentTime, one.error]; }"
    )
    assert played[0] == 300 and played[1] > 0.5 and played[2] is None
    with office.page.expect_download() as coming:
        office.page.locator("#files").get_by_role("link", name=film.name).click()
    coming.value.save_as(tmp_path / "下载.mp4")
    assert coming.value.suggested_filename == film.name
    assert (tmp_path / "下载.mp4").read_bytes() == film.read_bytes()


def test_a_photo_from_the_phone_to_the_reviewer(
    sign_in: Callable[..., Person], shots: tuple[Path, Path]
) -> None:
    first, second = shots
    town = sign_in("mutu", phone=True)
    town.start(PACKAGE)
    box = town.form.locator('input[type=file][data-field="现场照片"]')
    offsets: list[int] = []

    def broken(route: Route) -> None:
        if route.request.method == "PATCH":
            offsets.append(int(route.request.headers["upload-offset"]))
            if len(offsets) > 1:
                route.abort("connectionfailed")
                return
        route.continue_()

    town.page.route("**/api/v1/uploads/*", broken)
    box.set_input_files(str(first))
    note = town.page.locator(".upload-file .upload-note")
    expect(note).to_have_text("网络中断，正在等待续传")
    town.page.locator(".upload-file").scroll_into_view_if_needed()
    town.screenshot("60-upload-interrupted")
    assert offsets[:2] == [0, PIECE]
    town.page.unroute("**/api/v1/uploads/*")
    town.page.on(
        "request", lambda r: offsets.append(int(r.headers["upload-offset"])) if r.method == "PATCH" else None
    )
    known = len(offsets)
    town.leave_page()
    town.start(PACKAGE)
    town.attach("现场照片", first)
    assert min(offsets[known:]) == PIECE, "a page that was loaded anew goes on where the other stopped"
    town.fill(answers("T01", town.today(), first, 隐患名称="井口积水", 现场照片=None))
    town.screenshot("61-upload-done")
    town.submit()
    case = town.case_of_page()
    town.page.locator("#files").scroll_into_view_if_needed()
    expect(town.page.locator("#files img")).to_have_js_property("complete", True)
    assert (
        "拍摄于 2024年9月20日" in town.page.locator("#files").inner_text()
        or "HUAWEI Mate60" in town.page.locator("#files").inner_text()
    )
    town.screenshot("62-gallery")
    town.page.locator("#files a[data-picture]").first.click()
    expect(town.page.locator("dialog.viewer img")).to_be_visible()
    town.page.wait_for_function("document.querySelector('dialog.viewer img').naturalWidth > 1000")
    assert violations(town) == []
    town.screenshot("63-viewer")
    town.page.keyboard.press("Escape")
    expect(town.page.locator("dialog.viewer")).to_have_count(0)

    town.start(PACKAGE)
    town.fill(answers("T01", town.today(), second, 隐患名称="另一处积水"))
    town.submit()
    doubtful = town.case_of_page()

    office = sign_in("zhaolixin")
    card = office.page.locator("#hints")
    for _ in range(20):
        office.go(f"/cases/{doubtful}")
        if card.count():
            break
        office.page.wait_for_timeout(1000)
    expect(card.locator('[data-hint="duplicate"]')).to_contain_text("镜像")
    expect(card.locator("figure img")).to_have_count(2)
    card.scroll_into_view_if_needed()
    office.page.wait_for_function(
        "[...document.querySelectorAll('#hints img')].every((one) => one.naturalWidth > 0)"
    )
    office.screenshot("64-hint")
    office.page.set_viewport_size(PHONE)
    card.scroll_into_view_if_needed()
    office.page.screenshot(path=str(SCREENSHOTS / "64-hint-phone.png"))
    office.page.set_viewport_size(DESK)
    assert card.locator(f'a[href="/cases/{case}"]').count() == 1
    card.locator("a[data-picture]").first.click()
    office.page.keyboard.press("ArrowRight")
    expect(office.page.locator("dialog.viewer .viewer-words")).to_contain_text("井口现场.jpg（2/2）")
    office.page.keyboard.press("Escape")
    card.locator("textarea").fill("已电话核对，两处为同一井口。")
    card.get_by_role("button", name="排除").click()
    expect(office.page.locator("#hints")).to_contain_text("已排除")
    assert "排除了疑似虚假整改提示" in office.page.locator("#timeline").inner_text()
    office.page.locator("#hints").scroll_into_view_if_needed()
    office.screenshot("65-hint-judged")

    town.go(f"/cases/{doubtful}")
    assert "疑似虚假" not in town.page.content(), "who handed it in is told nothing"
    office.go("/admin/evidence")
    office.screenshot("66-evidence-settings")

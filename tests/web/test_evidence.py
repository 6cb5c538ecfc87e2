"""Evidence by the API: uploads that go on where they stopped, what is taken and what is not, what a photo says of itself."""

from __future__ import annotations

import io
import os
import zipfile
from base64 import b64encode
from datetime import datetime
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from werkzeug.test import TestResponse

from engine.clock import SHANGHAI
from engine.runtime import half_uploads
from tests import pictures, stores
from tests.web.builder import Site, User

pytestmark = stores.both

UPLOADS = "/api/v1/uploads"
PDF = b"%PDF-1.7 " + bytes(range(256)) * 40


TAKEN = datetime(2026, 9, 20, 10, 30, tzinfo=SHANGHAI)


def fetched(user: User, address: str) -> TestResponse:
    """What is answered, wholly read."""
    answer = user.get(address)
    answer.get_data()
    answer.close()
    return answer


def begin(user: User, name: str, size: int) -> TestResponse:
    said = {"Upload-Length": str(size), "Upload-Metadata": f"filename {b64encode(name.encode()).decode()}"}
    return user.client.post(UPLOADS, headers={"X-CSRF-Token": user.csrf, **said})


def piece(user: User, id_: str, offset: int, content: bytes, **more: str) -> TestResponse:
    said = {"Upload-Offset": str(offset), **{k.replace("_", "-"): v for k, v in more.items()}}
    return user.client.patch(
        f"{UPLOADS}/{id_}", data=content, content_type="application/offset+octet-stream",
        headers={"X-CSRF-Token": user.csrf, **said},
    )  # fmt: skip


def reached(user: User, id_: str) -> int:
    return int(user.client.head(f"{UPLOADS}/{id_}").headers["Upload-Offset"])


def upload(user: User, name: str, content: bytes) -> str:
    """Whole, in one piece."""
    id_ = str(begin(user, name, len(content)).json["id"])
    answer = piece(user, id_, 0, content)
    assert answer.status_code == 204, answer.text
    return id_


def left(site: Site) -> list[str]:
    """Whatever lies where uploads lie."""
    folder = site.engine.data_folder
    return sorted(f.name for part in ("uploads", "files") for f in (folder / part).glob("*"))


def test_an_upload_goes_on_where_it_stopped(site: Site) -> None:
    wang = site.user("wang")
    answer = begin(wang, "批复.pdf", len(PDF))
    id_ = answer.json["id"]
    assert answer.status_code == 201 and answer.headers["Location"].endswith(f"{UPLOADS}/{id_}")
    assert piece(wang, id_, 0, PDF[:4000]).headers["Upload-Offset"] == "4000"
    assert piece(wang, id_, 0, PDF[:4000]).status_code == 409, "it was there already"
    assert reached(wang, id_) == 4000
    assert wang.get(f"/api/v1/files/{id_}/info").status_code == 404, "not a file yet"
    assert piece(wang, id_, 4000, PDF[4000:]).status_code == 204
    assert reached(wang, id_) == len(PDF), "whoever lost the last answer can ask"
    assert fetched(wang, f"/api/v1/files/{id_}").data == PDF
    assert piece(wang, id_, len(PDF), b"").status_code == 204, "asked again, it is done"
    assert left(site) == [id_]


def test_a_piece_with_a_checksum_counts_whole_or_not_at_all(site: Site) -> None:
    wang = site.user("wang")
    id_ = begin(wang, "批复.pdf", len(PDF)).json["id"]
    good = f"sha1 {b64encode(sha1(PDF[:100]).digest()).decode()}"
    answer = piece(wang, id_, 0, PDF[:99] + b"?", Upload_Checksum=good)
    assert (answer.status_code, answer.json["code"]) == (460, "checksum_mismatch")
    assert reached(wang, id_) == 0
    assert piece(wang, id_, 0, PDF[:100], Upload_Checksum=good).status_code == 204
    assert piece(wang, id_, 100, b"x", Upload_Checksum="crc32 AAAA").status_code == 400


def test_an_upload_is_its_owners_alone(site: Site) -> None:
    wang, li = site.user("wang"), site.user("li")
    id_ = begin(wang, "批复.pdf", len(PDF)).json["id"]
    assert li.client.head(f"{UPLOADS}/{id_}").status_code == 404
    assert piece(li, id_, 0, PDF).status_code == 404
    assert li.send("DELETE", f"{UPLOADS}/{id_}").status_code == 404
    assert wang.send("DELETE", f"{UPLOADS}/{id_}").status_code == 204
    assert wang.client.head(f"{UPLOADS}/{id_}").status_code == 404
    assert left(site) == []


def zipped(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def bomb() -> bytes:
    """Some hundred kilobytes that say they are forty thousand by forty thousand pixels."""
    huge = Image.new("1", (40_000, 40_000))
    return pictures.saved(huge, "PNG")


BAD: dict[str, tuple[str, Any, str]] = {
    "a page by the name of a picture": ("图.jpg", b"<html><script>", "内容与扩展名不符"),
    "half a picture": ("图.jpg", lambda: pictures.saved(pictures.scene(1))[:9000], "照片打不开"),
    "a picture with an archive behind it": ("图.png", lambda: pictures.PNG + zipped(a=b"x"), "夹带"),
    "a picture with a page in it": ("图.png", lambda: pictures.PNG + b"<script>alert(1)</script>", "夹带"),
    "a picture that swells": ("图.png", bomb, "像素"),
    "a document that swells": ("表.xlsx", lambda: zipped(xl__workbook_xml=b"", **{"xl__workbook.xml": b"0" * 30_000_000}), "压缩炸弹"),
    "a document with macros": ("文.docx", lambda: zipped(**{"word__document.xml": b"x", "word__vbaProject.bin": b"x"}), "宏"),
    "a table by the name of a text": ("文.docx", lambda: zipped(**{"xl__workbook.xml": b"x"}), "内容与扩展名不符"),
    "a drawing that runs": ("图.svg", b"<svg/>", "不接受"),
    "nothing": ("空.pdf", b"", "空文件"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_is_refused_leaves_nothing(site: Site, what: str) -> None:
    wang = site.user("wang")
    name, made, said = BAD[what]
    content = made() if callable(made) else made
    answer = begin(wang, name, len(content))
    if answer.status_code == 201:
        answer = piece(wang, answer.json["id"], 0, content)
    assert answer.status_code == 400 and said in answer.json["detail"], answer.text
    assert left(site) == []


def test_too_much_and_too_large_is_refused_before_it_comes(site: Site) -> None:
    wang = site.user("wang")
    assert "超过 500 MB" in begin(wang, "录像.mp4", 501 << 20).json["detail"]
    id_ = begin(wang, "批复.pdf", 100).json["id"]
    assert piece(wang, id_, 0, PDF).status_code == 400, "more than was said"
    for _ in range(half_uploads.MOST_HALF - 1):
        begin(wang, "批复.pdf", 100)
    assert begin(wang, "批复.pdf", 100).status_code == 409


def test_half_uploads_are_swept_after_a_time(site: Site) -> None:
    wang = site.user("wang")
    old, young = (begin(wang, "批复.pdf", 100).json["id"] for _ in range(2))
    part = Path(site.engine.data_folder, "uploads", f"{old}.part")
    os.utime(part, (1, 1))
    assert half_uploads.sweep(site.engine) == 1
    assert left(site) == [f"{young}.json", f"{young}.part"]
    assert wang.client.head(f"{UPLOADS}/{old}").status_code == 404


def test_a_server_that_was_stopped_before_it_looked_looks_later(site: Site) -> None:
    wang = site.user("wang")
    id_ = begin(wang, "批复.pdf", len(PDF)).json["id"]
    Path(site.engine.data_folder, "uploads", f"{id_}.part").write_bytes(PDF)
    assert reached(wang, id_) == len(PDF)
    assert wang.get(f"/api/v1/files/{id_}/info").status_code == 404
    assert piece(wang, id_, len(PDF), b"").status_code == 204
    assert wang.get(f"/api/v1/files/{id_}/info").json["size"] == len(PDF)


def phone(seed: int = 3) -> bytes:
    said = pictures.exif(TAKEN, (39.1234, 107.9876), "HUAWEI Mate60")
    return pictures.saved(pictures.scene(seed), exif=said, quality=88)


def test_a_photo_says_when_where_and_with_what(site: Site) -> None:
    wang, case = site.user("wang"), site.begin()
    photo = phone()
    id_ = upload(wang, "现场.jpg", photo)
    assert wang.post(f"/api/v1/cases/{case}/files", {"file": id_}).status_code == 201
    told = wang.get(f"/api/v1/files/{id_}/info").json
    assert (told["latitude"], told["longitude"], told["device"]) == (39123400, 107987600, "HUAWEI Mate60")
    assert told["taken_at"] == "2026-09-20T02:30:00+00:00"
    assert fetched(wang, f"/api/v1/files/{id_}").data == photo, "the original stays byte for byte"
    for side, longest in (("small", 360), ("large", 960)):
        answer = fetched(wang, f"/api/v1/files/{id_}/{side}")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        with Image.open(io.BytesIO(answer.data)) as made:
            assert max(made.size) == longest and not dict(made.getexif()) and "exif" not in made.info
    page = wang.get(f"/cases/{case}").text
    assert (
        f"/api/v1/files/{id_}/small" in page
        and "HUAWEI Mate60" in page
        and "北纬 39.1234°、东经 107.9876°" in page
    )
    assert site.user("liu").get(f"/api/v1/files/{id_}/small").status_code == 404, "a foreign department's"


def test_a_picture_without_anything_said(site: Site) -> None:
    wang, case = site.user("wang"), site.begin()
    id_ = upload(wang, "截图.png", pictures.PNG)
    wang.post(f"/api/v1/cases/{case}/files", {"file": id_})
    assert "无拍摄信息" in wang.get(f"/cases/{case}").text
    pdf = upload(wang, "批复.pdf", PDF)
    assert fetched(wang, f"/api/v1/files/{pdf}/small").status_code == 404


def test_a_phones_heic_is_taken_and_shown_as_jpeg(site: Site) -> None:
    wang = site.user("wang")
    said = pictures.exif(TAKEN, (39.5, 107.5), "Apple iPhone15")
    id_ = upload(wang, "IMG_1.HEIC", pictures.saved(pictures.scene(4, (640, 480)), "HEIF", exif=said))
    told = wang.get(f"/api/v1/files/{id_}/info").json
    assert (told["media_type"], told["device"], told["latitude"]) == (
        "image/heic",
        "Apple iPhone15",
        39_500_000,
    )
    assert fetched(wang, f"/api/v1/files/{id_}/large").mimetype == "image/jpeg"
    assert (
        fetched(wang, f"/api/v1/files/{id_}?inline").headers["Content-Disposition"].startswith("attachment")
    )


def test_what_the_browser_says_counts_where_the_photo_says_nothing(site: Site) -> None:
    wang, plain = site.user("wang"), pictures.JPEG
    said = {"taken_at": "2026-09-28T01:00:00.000Z", "latitude": "38.246800", "longitude": "107.482100"}
    pairs = {"filename": "拍照.jpg", **said}
    about = ",".join(f"{k} {b64encode(v.encode()).decode()}" for k, v in pairs.items())
    headers = {"X-CSRF-Token": wang.csrf, "Upload-Length": str(len(plain)), "Upload-Metadata": about}
    one = wang.client.post(UPLOADS, headers=headers).json["id"]
    assert piece(wang, one, 0, plain).status_code == 204
    form = {"file": (io.BytesIO(plain), "拍照.jpg"), **said}
    two = wang.client.post("/api/v1/files", data=form, headers={"X-CSRF-Token": wang.csrf}).json["id"]
    for id_ in (one, two):
        told = wang.get(f"/api/v1/files/{id_}/info").json
        assert (told["taken_at"], told["latitude"], told["stated"]) == (
            "2026-09-28T01:00:00+00:00",
            38_246_800,
            True,
        )
    form = {"file": (io.BytesIO(phone()), "现场.jpg"), **said}
    three = wang.client.post("/api/v1/files", data=form, headers={"X-CSRF-Token": wang.csrf}).json["id"]
    told = wang.get(f"/api/v1/files/{three}/info").json
    assert (told["latitude"], told["stated"]) == (39_123_400, False), "the photo's own word comes first"
    form = {"file": (io.BytesIO(plain), "拍照.jpg"), "taken_at": "昨天", "latitude": "nan", "longitude": "9"}
    four = wang.client.post("/api/v1/files", data=form, headers={"X-CSRF-Token": wang.csrf}).json["id"]
    told = wang.get(f"/api/v1/files/{four}/info").json
    assert (told["taken_at"], told["latitude"], told["stated"]) == (None, None, False)

"""Uploads that go on where they stopped 断点续传: the tus protocol 1.0.0 with creation, termination and checksum.

An upload becomes the file of the same id, `/files/<id>`, when its last byte has come.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import BinaryIO, cast

from flask import Response, request

from engine.errors import InputInvalid
from engine.runtime import half_uploads
from engine.runtime.half_uploads import CHECKSUMS, Half
from web.api import Room, schemas
from web.context import the_engine, who
from web.identity import may
from web.security import accepts

room = Room("api_uploads", __name__, url_prefix="/uploads", description="断点续传")

VERSION = "1.0.0"
PIECE = "application/offset+octet-stream"


def _answer(status: int, half: Half | None = None, **more: str) -> Response:
    answer = Response(status=status)
    if status != 204 or half is None:
        answer.headers["Content-Type"] = "application/json"
    answer.headers["Tus-Resumable"] = VERSION
    answer.headers["Tus-Version"] = VERSION
    answer.headers["Tus-Extension"] = "creation,termination,checksum"
    answer.headers["Tus-Checksum-Algorithm"] = ",".join(CHECKSUMS)
    if half is not None:
        answer.headers["Upload-Offset"] = str(half.offset)
        answer.headers["Upload-Length"] = str(half.size)
    for name, value in more.items():
        answer.headers[name.replace("_", "-")] = value
    return answer


def _number(name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdecimal()) or len(text) > 15:
        raise InputInvalid(f"请在请求头 {name} 中给出字节数。")
    return int(text)


STATED = ("taken_at", "latitude", "longitude")


def _about() -> tuple[str, dict[str, str]]:
    """`filename` of Upload-Metadata (pairs of a key and its value in base64, by commas), and what the browser says of a photo."""
    pairs = dict(
        pair.strip().partition(" ")[::2] for pair in request.headers.get("Upload-Metadata", "").split(",")
    )
    try:
        said = {
            key: b64decode(pairs[key].strip(), validate=True).decode()
            for key in ("filename", *STATED)
            if key in pairs
        }
    except (binascii.Error, UnicodeDecodeError):
        said = {}
    name = said.pop("filename", "")
    if not name:
        raise InputInvalid("请在请求头 Upload-Metadata 中给出 filename（base64）。")
    return name, said


def _checksum() -> tuple[str, bytes] | None:
    algorithm, _, text = request.headers.get("Upload-Checksum", "").partition(" ")
    if not algorithm:
        return None
    try:
        if algorithm not in CHECKSUMS:
            raise ValueError
        return algorithm, b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise InputInvalid(f"Upload-Checksum 应为 {' 或 '.join(CHECKSUMS)} 加 base64 摘要。") from None


@room.route("", methods=["POST"])
@room.doc(parameters=schemas.UPLOAD_LENGTH)
@room.response(201)
@may("signed_in")
def begin() -> Response:
    """登记一个上传：Upload-Length 总字节数，Upload-Metadata 文件名。答复的 Location 是续传地址，其末段是将来的文件编号。"""
    name, said = _about()
    half = half_uploads.begin(the_engine(), name, _number("Upload-Length"), who().actor, said)
    answer = _answer(201, half, Location=f"{request.path}/{half.id}")
    answer.set_data(f'{{"id": "{half.id}"}}')
    return answer


@room.route("/<string:file>", methods=["GET"])
@room.response(200)
@may("signed_in")
def progress(file: str) -> Response:
    """传到了哪里（HEAD 也可）：Upload-Offset。"""
    half = half_uploads.look(the_engine(), file, who().actor)
    answer = _answer(200, half, Cache_Control="no-store")
    answer.set_data(f'{{"id": "{half.id}", "offset": {half.offset}, "size": {half.size}}}')
    return answer


@room.route("/<string:file>", methods=["PATCH"])
@room.doc(requestBody=schemas.PIECE, parameters=schemas.UPLOAD_OFFSET)
@room.response(204)
@may("signed_in")
@accepts("piece")
def go_on(file: str) -> Response:
    """续传一段：从 Upload-Offset 起。传完即核对内容，不合格的拒收并清除。"""
    if request.mimetype not in (PIECE, "application/octet-stream"):
        raise InputInvalid(f"续传的内容类型应为 {PIECE}。")
    content = cast(BinaryIO, request.stream)
    half, _ = half_uploads.go_on(
        the_engine(), file, _number("Upload-Offset"), content, who().actor, _checksum()
    )
    return _answer(204, half)


@room.route("/<string:file>", methods=["DELETE"])
@room.response(204)
@may("signed_in")
def drop(file: str) -> Response:
    """放弃一个没传完的上传。"""
    half_uploads.drop(the_engine(), file, who().actor)
    return _answer(204)

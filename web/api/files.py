"""Uploaded files 附件: taken by content, given back as attachments only."""

from __future__ import annotations

from typing import Any, BinaryIO, cast
from urllib.parse import quote

from flask import Response, request, send_file

from engine.errors import InputInvalid, NotFound
from engine.runtime import pictures, uploads
from engine.runtime.file_kinds import PICTURES
from web import discretion
from web.api import Room, schemas
from web.context import the_engine, who
from web.identity import may
from web.security import accepts
from web.sight import file_row

room = Room("api_files", __name__, url_prefix="", description="附件")

_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp"})
"""Kinds a browser may show in an <img>; nothing else is ever given but to be saved."""

_SIDES = {"small": pictures.SMALL, "large": pictures.LARGE}


@room.route("/files", methods=["POST"])
@room.doc(requestBody=schemas.UPLOAD)
@room.response(201)
@may("signed_in")
@accepts("file")
def upload() -> dict[str, Any]:
    """上传一个文件（multipart，字段名 file）。按内容和扩展名核对类型。"""
    found = request.files.get("file")
    if found is None or not found.filename:
        raise InputInvalid("请选择要上传的文件（字段名 file）。")
    info = uploads.save(
        the_engine(), found.filename, cast(BinaryIO, found.stream), who().actor, request.form.to_dict()
    )
    return {
        "id": info.id,
        "name": info.name,
        "media_type": info.media_type,
        "size": info.size,
        "digest": info.digest,
    }


@room.route("/files/<string:file>/info", methods=["GET"])
@room.response(200)
@may("signed_in")
def info(file: str) -> dict[str, Any]:
    """文件名、类型、大小、SHA-256。"""
    with the_engine().read() as c:
        return discretion.of(who()).uploaded(dict(file_row(c, who(), file)._mapping))


@room.route("/files/<string:file>", methods=["GET"])
@room.response(200)
@may("signed_in")
def download(file: str) -> Response:
    """下载。"""
    engine = the_engine()
    with engine.read() as c:
        row: Any = file_row(c, who(), file)
    answer = send_file(
        uploads.path(engine, file),
        mimetype=row.media_type,
        as_attachment=True,
        download_name="file",
        etag=row.digest,
    )
    shown = "inline" if row.media_type in _SHOWN and "inline" in request.args else "attachment"
    answer.headers["Content-Disposition"] = f"{shown}; filename*=UTF-8''{quote(row.name, safe='')}"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, max-age=3600"
    return answer


@room.route("/files/<string:file>/<any(small, large):side>", methods=["GET"])
@room.response(200)
@may("signed_in")
def thumbnail(file: str, side: str) -> Response:
    """照片的缩略图（small）或大图（large）：JPEG，不带拍摄信息。"""
    engine = the_engine()
    with engine.read() as c:
        row: Any = file_row(c, who(), file)
    if row.media_type not in PICTURES:
        raise NotFound("这个附件不是照片，没有缩略图，请下载查看。")
    uploads.path(engine, file)
    megapixels = uploads.rules(engine).megapixels
    made = pictures.small(engine.data_folder, file, _SIDES[side], row.media_type, megapixels)
    answer = send_file(made, mimetype="image/jpeg", etag=f"{row.digest}-{side}")
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, max-age=3600"
    return answer

"""Kinds of files 材料的类型: told by what is in a file, never by its name alone.

A small table of signatures; what is zipped is looked into, pictures are opened (`pictures`). A file that is two things at
once (a picture with a web page or an archive in it), that would swell when it is unpacked, or that carries macros is refused.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InputInvalid

PICTURE, DOCUMENT, VIDEO = "照片", "文档", "视频"
"""Families 大类: each has its own largest size."""

SWELLS_TO = 200_000_000
"""Bytes a zipped file may hold unpacked [P]."""

RATIO, SMALL = 100, 1_000_000
"""How much smaller than its content a part of more than `SMALL` bytes may be in a zip [P]."""

MOST_PARTS = 2000
"""Files in a zip [P]."""

ENDS = 1 << 16
"""Bytes looked at from the beginning and from the end for signs of a second kind."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file: its key, media type, family, extensions, how it begins (any of the ways, each (offset, bytes) of which all
    must be there), and a member a zip, or a stream a compound file, must hold."""

    key: str
    media_type: str
    family: str
    extensions: tuple[str, ...]
    begins: tuple[tuple[tuple[int, bytes], ...], ...]
    member: str = ""


def _office(kind: str) -> str:
    return f"application/vnd.openxmlformats-officedocument.{kind}"


_ZIP = (((0, b"PK\x03\x04"),),)
_OLE = (((0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),),)


def _brands(*brands: bytes) -> tuple[tuple[tuple[int, bytes], ...], ...]:
    """ISO base media files begin with a box `ftyp` that says the brand."""
    return tuple(((4, b"ftyp" + brand),) for brand in brands)


KINDS = (
    FileKind("jpeg", "image/jpeg", PICTURE, (".jpg", ".jpeg"), (((0, b"\xff\xd8\xff"),),)),
    FileKind("png", "image/png", PICTURE, (".png",), (((0, b"\x89PNG\r\n\x1a\n"),),)),
    FileKind("webp", "image/webp", PICTURE, (".webp",), (((0, b"RIFF"), (8, b"WEBP")),)),
    FileKind("heic", "image/heic", PICTURE, (".heic", ".heif"), _brands(b"heic", b"heix", b"mif1", b"heim", b"heis")),
    FileKind("pdf", "application/pdf", DOCUMENT, (".pdf",), (((0, b"%PDF-"),),)),
    FileKind("docx", _office("wordprocessingml.document"), DOCUMENT, (".docx",), _ZIP, "word/document.xml"),
    FileKind("xlsx", _office("spreadsheetml.sheet"), DOCUMENT, (".xlsx",), _ZIP, "xl/workbook.xml"),
    FileKind("pptx", _office("presentationml.presentation"), DOCUMENT, (".pptx",), _ZIP, "ppt/presentation.xml"),
    FileKind("doc", "application/msword", DOCUMENT, (".doc",), _OLE, "WordDocument"),
    FileKind("xls", "application/vnd.ms-excel", DOCUMENT, (".xls",), _OLE, "Workbook"),
    FileKind("zip", "application/zip", DOCUMENT, (".zip",), _ZIP),
    FileKind("mp4", "video/mp4", VIDEO, (".mp4",), _brands(b"mp4", b"iso", b"avc1", b"M4V", b"3gp", b"MSNV")),
    FileKind("mov", "video/quicktime", VIDEO, (".mov",), _brands(b"qt  ")),
)  # fmt: skip

BY_KEY = {kind.key: kind for kind in KINDS}
PICTURES = frozenset(kind.media_type for kind in KINDS if kind.family == PICTURE)
"""Media types of pictures."""

_FOREIGN = (b"<script", b"<html", b"<!doctype", b"<?php")
"""What begins a page or a program, in a file that is none."""


def known(name: str, allowed: tuple[str, ...]) -> FileKind | None:
    """The kind that a file's extension says, if it is one of the `allowed` (keys of `KINDS`)."""
    suffix = Path(name).suffix.lower()
    return next((BY_KEY[key] for key in allowed if key in BY_KEY and suffix in BY_KEY[key].extensions), None)


def extensions(allowed: tuple[str, ...]) -> str:
    """The extensions of these kinds, for people."""
    return "、".join(e.lstrip(".") for key in allowed if key in BY_KEY for e in BY_KEY[key].extensions)


def check(kind: FileKind, file: Path, name: str) -> None:
    """Raises `InputInvalid` where the file is not what its name says, or is more than that. Pictures are opened elsewhere."""
    with file.open("rb") as opened:
        head = opened.read(ENDS)
        opened.seek(max(0, file.stat().st_size - ENDS))
        tail = opened.read()
    if not any(all(head[at : at + len(magic)] == magic for at, magic in way) for way in kind.begins):
        raise InputInvalid(f"“{name}”的内容与扩展名不符，请上传原始文件，不要改扩展名。")
    if kind.begins is _ZIP:
        _check_zip(kind, file, name)
        return
    if kind.begins is _OLE:
        _check_compound(kind, file, name)
        return
    signs = (head + b"\n" + tail).lower()
    if (kind.family != DOCUMENT and any(sign in signs for sign in _FOREIGN)) or zipfile.is_zipfile(file):
        raise InputInvalid(f"“{name}”里夹带了网页、程序或压缩包，不能接收。请上传手机或相机生成的原始文件。")


def _check_zip(kind: FileKind, file: Path, name: str) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError):
        raise InputInvalid(f"“{name}”打不开，文件可能不完整，请重新保存后再上传。") from None
    names = {part.filename for part in parts}
    if kind.member and kind.member not in names:
        raise InputInvalid(f"“{name}”的内容与扩展名不符，请上传原始文件，不要改扩展名。")
    swollen = sum(part.file_size for part in parts) > SWELLS_TO
    dense = any(p.file_size > SMALL and p.file_size > RATIO * max(p.compress_size, 1) for p in parts)
    if len(parts) > MOST_PARTS or swollen or dense:
        raise InputInvalid(f"“{name}”解压后过大（疑似压缩炸弹），不能接收。请拆分后再上传。")
    if kind.member and any(one.lower().endswith("vbaproject.bin") for one in names):
        raise InputInvalid(f"“{name}”带有宏，不能接收。请另存为不带宏的文档后再上传。")


def _check_compound(kind: FileKind, file: Path, name: str) -> None:
    """Old Office files: streams are named in UTF-16 in the file's directory."""
    content = file.read_bytes()
    if kind.member.encode("utf-16-le") not in content:
        raise InputInvalid(f"“{name}”的内容与扩展名不符，请上传原始文件，不要改扩展名。")
    if "_VBA_PROJECT".encode("utf-16-le") in content:
        raise InputInvalid(f"“{name}”带有宏，不能接收。请另存为不带宏的文档后再上传。")

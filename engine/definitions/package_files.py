"""The files of a package 流程包文件: from folders, to one archive for storage and back.

Paths inside a package: `process.toml`, `ledger.toml` (columns of an older ledger), `*.bpmn`, `*.dmn`,
`forms/<key>.json`, `scenarios/*.yaml`. What else may lie in the folders is listed; anything unlisted is refused, so
that nothing is left out by mistake.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from engine.errors import DefinitionRefused, Finding, InputInvalid, NotFound

MAX_FILES = 400
MAX_FILE_BYTES = 2_000_000
MAX_TOTAL_BYTES = 20_000_000
MAX_RATIO = 100

_NAME = r"[^/\\\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]{1,120}"
"""A file's name: no folders, no control or direction characters, nothing that is no character."""

_PATH = re.compile(
    rf"process\.toml|ledger\.toml|{_NAME}\.(bpmn|dmn)|forms/{_NAME}\.json|scenarios/{_NAME}\.ya?ml"
)
_BESIDE = re.compile(r"README(\..*)?\.md|documents/.*|\..*|.*/\..*|.*~|.*\.(md|svg|png)")
"""Lies in a package's folder without being part of its version: papers to read, letter templates."""


def known_path(path: str) -> bool:
    """True for a path that may stand in a package."""
    return _PATH.fullmatch(path) is not None and ".." not in path and not path.startswith(".")


def load_folder(package_folder: Path, forms_folder: Path | None = None) -> dict[str, bytes]:
    """Files of a package as they lie on disk: `processes/<key>` and `forms/<key>`.

    Raises `NotFound` where the folder has no process.toml, `DefinitionRefused` for a file that belongs nowhere, a link, or
    too much of anything.
    """
    if not (package_folder / "process.toml").is_file():
        raise NotFound(f"文件夹“{package_folder.name}”中没有 process.toml，不是流程包。")
    files: dict[str, bytes] = {}
    for folder, prefix in ((package_folder, ""), (forms_folder, "forms/")):
        if folder is None or not folder.is_dir():
            continue
        for found in sorted(folder.rglob("*")):
            path = prefix + found.relative_to(folder).as_posix()
            if found.is_dir() or _BESIDE.fullmatch(path.removeprefix("forms/")):
                continue
            if found.is_symlink() or not known_path(path):
                raise _refused(
                    path,
                    "不属于流程包，请移走（可用：process.toml、ledger.toml、*.bpmn、*.dmn、forms/*.json、scenarios/*.yaml）。",
                )
            if found.stat().st_size > MAX_FILE_BYTES:
                raise _refused(path, "超过 2 MB，请拆小。")
            files[path] = found.read_bytes()
    if len(files) > MAX_FILES or sum(map(len, files.values())) > MAX_TOTAL_BYTES:
        raise _refused("", f"流程包最多 {MAX_FILES} 个文件、20 MB，请拆分。")
    return files


def _refused(path: str, message: str) -> DefinitionRefused:
    return DefinitionRefused(
        f"文件“{path}”{message}", findings=[Finding("error", "package_file", message, path)]
    )


def zip_files(files: Mapping[str, bytes]) -> bytes:
    """One archive; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[path])
    return buffer.getvalue()


def unzip_files(data: bytes) -> dict[str, bytes]:
    """The inverse of `zip_files`, for archives from anywhere.

    Counts, sizes and ratios are checked before anything is unpacked, and again while reading, because an archive may lie
    about them. Raises `InputInvalid`.
    """
    if len(data) > MAX_TOTAL_BYTES:
        raise InputInvalid("压缩包超过 20 MB，请拆分。")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [e for e in archive.infolist() if not e.is_dir()]
            _bounded(entries)
            return {e.filename: _read(archive, e) for e in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise InputInvalid("不是完整的 ZIP 压缩包，请重新打包。") from error


def _bounded(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_FILES:
        raise InputInvalid(f"压缩包内超过 {MAX_FILES} 个文件，请拆分。")
    if len({e.filename for e in entries}) != len(entries):
        raise InputInvalid("压缩包内有同名文件，请重新打包。")
    for entry in entries:
        if not known_path(entry.filename):
            raise InputInvalid(f"压缩包内的“{entry.filename[:80]}”不属于流程包，请移去后重新打包。")
        if entry.flag_bits & 1:
            raise InputInvalid("压缩包有密码，请取消密码后重新打包。")
        if entry.file_size > MAX_FILE_BYTES or entry.file_size > MAX_RATIO * max(entry.compress_size, 64):
            raise InputInvalid(f"压缩包内的“{entry.filename[:80]}”过大，请拆小。")
    if sum(e.file_size for e in entries) > MAX_TOTAL_BYTES:
        raise InputInvalid("压缩包解开后超过 20 MB，请拆分。")


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(entry) as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except Exception as error:  # zlib, lzma and bz2 each raise their own
        raise InputInvalid(f"压缩包内的“{entry.filename[:80]}”已损坏，请重新打包。") from error
    if len(content) > MAX_FILE_BYTES:
        raise InputInvalid(f"压缩包内的“{entry.filename[:80]}”过大，请拆小。")
    return content

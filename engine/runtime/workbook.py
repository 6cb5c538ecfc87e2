"""Opening a workbook from outside 工作簿: bounded and checked before anything is unpacked.

An .xlsx is a zip of XML. Size, number of parts, ratio of packing and document types are looked at first, so that
a small file cannot fill the memory (压缩炸弹) or make the reader fetch anything. Only cell values come out.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import Any

from engine.errors import InputInvalid

LARGEST_FILE = 20_000_000
LARGEST_CONTENT = 200_000_000
LARGEST_RATIO = 100
SMALLEST_RATED = 100_000
"""Bytes of content below which the ratio of packing does not matter."""
MOST_PARTS = 2_000
MOST_ROWS = 20_000
MOST_COLUMNS = 200

Cell = str | int | Decimal | date | None
"""What a cell holds: a datetime at midnight is its date, text is stripped, "" is None."""

_FORBIDDEN = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet's rows, each with its number in the sheet (from 1)."""

    name: str
    rows: list[tuple[int, list[Cell]]]


def read_workbook(data: bytes) -> list[Sheet]:
    """The worksheets of an .xlsx file. Raises `InputInvalid` with the reason for anything else."""
    import openpyxl  # a large library, which processes that see no workbook need not hold

    _look_inside(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns about decorations it does not keep
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            try:
                return [_sheet(sheet) for sheet in book.worksheets]
            finally:
                book.close()
    except InputInvalid:
        raise
    except Exception as error:
        raise InputInvalid(
            f"工作簿无法读取（{type(error).__name__}），请用 Excel 或 WPS 打开后另存为 .xlsx 再导入。"
        ) from error


def _look_inside(data: bytes) -> None:
    if len(data) > LARGEST_FILE:
        raise InputInvalid(f"文件超过 {LARGEST_FILE // 1_000_000} MB，请拆分后再导入。")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            entries = parts.infolist()
            total = sum(e.file_size for e in entries)
            if len(entries) > MOST_PARTS or total > LARGEST_CONTENT:
                raise InputInvalid("文件展开后过大，已拒绝打开。请另存为普通的 .xlsx 后再导入。")
            for entry in entries:
                if entry.file_size > SMALLEST_RATED and entry.file_size > LARGEST_RATIO * max(
                    entry.compress_size, 1
                ):
                    raise InputInvalid("文件压缩率异常，已拒绝打开。请另存为普通的 .xlsx 后再导入。")
            for entry in entries:
                if entry.filename.endswith((".xml", ".rels", ".vml")):
                    _look_at(parts, entry)
    except InputInvalid:
        raise
    except Exception as error:  # a damaged zip fails in many ways
        raise InputInvalid("不是 .xlsx 工作簿（或已加密、已损坏）。.xls 文件请另存为 .xlsx。") from error


def _look_at(parts: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Refuse document types and entities, in UTF-8 and in UTF-16, reading no more than the part declares."""
    with parts.open(entry) as stream:
        text = stream.read(entry.file_size + 1)
    if len(text) > entry.file_size or _FORBIDDEN.search(text.replace(b"\x00", b"")):
        raise InputInvalid("工作簿中含有不允许的内容（文档类型声明），已拒绝打开。")


def _sheet(sheet: Any) -> Sheet:
    sheet.reset_dimensions()  # what the file says about its size may be wrong
    rows: list[tuple[int, list[Cell]]] = []
    for number, row in _numbered(sheet):
        cells = [_cell(value) for value in row]
        while cells and cells[-1] is None:
            cells.pop()
        if cells:
            rows.append((number, cells))
    return Sheet(sheet.title, rows)


def _numbered(sheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    rows = sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True)
    for number, row in enumerate(islice(rows, MOST_ROWS + 1), 1):
        if number > MOST_ROWS:
            raise InputInvalid(f"工作表“{sheet.title}”超过 {MOST_ROWS} 行，请拆分后再导入。")
        yield number, row


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, bool):
        return None if value is None else ("是" if value else "否")
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        number = Decimal(repr(value))
        return int(number) if number == number.to_integral_value() else number
    if isinstance(value, time):
        return value.isoformat()
    return str(value).replace("\x00", "").strip() or None

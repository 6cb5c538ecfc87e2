"""The register as a workbook 导出台账. No cell can ever become a formula."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from web.present import day, text

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet might read as the beginning of a formula or command."""


def guarded(value: Any) -> str | int | float | date | None:
    """A cell's value: numbers and dates as they are, text that a spreadsheet could execute behind an apostrophe."""
    if value is None or isinstance(value, bool):
        return None if value is None else text(value)
    if isinstance(value, datetime):
        return day(value)
    if isinstance(value, int | float | date):
        return value
    said = "" if value in ("", []) else text(value)
    clean = "".join(ch for ch in said if ch >= " " or ch in "\t\n")[:32_000]
    return "'" + clean if said.startswith(DANGEROUS) or clean.startswith(DANGEROUS) else clean


def workbook(title: str, note: str, headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """An .xlsx with a title row, a note, a header row that stays in sight, and the rows."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    for i, header in enumerate(headers, 1):
        sheet.column_dimensions[get_column_letter(i)].width = max(10, min(40, 2 * len(header) + 8))
    sheet.freeze_panes = "A4"
    sheet.append([_cell(sheet, title, Font(bold=True, size=14))])
    sheet.append([_cell(sheet, note, Font(color="666666"))])
    fill = PatternFill("solid", fgColor="E9EEF5")
    sheet.append([_cell(sheet, h, Font(bold=True), fill) for h in headers])
    for row in rows:
        sheet.append([_cell(sheet, guarded(v)) for v in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(sheet: Any, value: Any, font: Font | None = None, fill: PatternFill | None = None) -> Any:
    cell = WriteOnlyCell(sheet, value=value)
    if isinstance(value, str):
        cell.data_type = "s"
    cell.alignment = Alignment(vertical="top", wrap_text=font is None)
    if font is not None:
        cell.font = font
    if fill is not None:
        cell.fill = fill
    return cell

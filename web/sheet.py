"""A worksheet written row by row 台账工作簿: official title and head, repeated on every printed page, and as many rows as there are.

openpyxl makes an empty workbook with the title, the merged head, the widths, the page and one row of each style; the rows go
into its sheet as they come, so that a hundred thousand of them need neither much memory nor minutes.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from typing import IO, Any
from xml.sax.saxutils import escape

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter

from web.cells import Head, Line, guarded

PAPERS = {"A3": 8, "A4": 9}

FIRST = 5
"""The row after title, note and the two rows of the head."""

_SHEET = "xl/worksheets/sheet1.xml"
_SIGNS = re.compile("[&<>]")


def write(
    out: IO[bytes], title: str, note: str, heads: Sequence[Head], lines: Iterable[Line], *, paper: str = "A3"
) -> None:
    """Write the workbook. No cell of it can become a formula."""
    with zipfile.ZipFile(_empty(title, note, heads, paper)) as made:
        sheet = made.read(_SHEET).decode()
        head, styles, foot = _parts(sheet, len(heads))
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as book:
            for entry in made.infolist():
                if entry.filename != _SHEET:
                    book.writestr(entry, made.read(entry.filename))
            entry = zipfile.ZipInfo(_SHEET)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with book.open(entry, "w", force_zip64=True) as stream:
                stream.write(head.encode())
                _rows(stream, lines, styles, [get_column_letter(n) for n in range(1, len(heads) + 1)])
                stream.write(foot.encode())


def _rows(stream: Any, lines: Iterable[Line], styles: dict[str, list[str]], letters: Sequence[str]) -> None:
    gathered: list[str] = []
    for number, line in enumerate(lines, FIRST):
        style = styles["plain" if line.plain else "struck" if line.struck else "usual"]
        gathered.append(f'<row r="{number}">')
        for letter, s, value in zip(letters, style, line.cells, strict=False):
            gathered.append(_cell(f"{letter}{number}", s, guarded(value)))
        gathered.append("</row>")
        if len(gathered) > 20_000:
            stream.write("".join(gathered).encode())
            gathered.clear()
    stream.write("".join(gathered).encode())


def _cell(at: str, style: str, value: Any) -> str:
    if value is None or value == "":
        return f'<c r="{at}" s="{style}"/>'
    if isinstance(value, str):
        return f'<c r="{at}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{escape(value) if _SIGNS.search(value) else value}</t></is></c>'
    if isinstance(value, date):
        value = (value - date(1899, 12, 30)).days
    return f'<c r="{at}" s="{style}"><v>{value}</v></c>'


def _parts(sheet: str, columns: int) -> tuple[str, dict[str, list[str]], str]:
    """What stands before the rows, the styles of each kind of row's cells, and what stands after."""
    begin, end = sheet.index(f'<row r="{FIRST}"'), sheet.index("</sheetData>")
    styles: dict[str, list[str]] = {}
    for n, kind in enumerate(("usual", "struck", "plain"), FIRST):
        found = dict(re.findall(rf'<c r="([A-Z]+){n}" s="(\d+)"', sheet[begin:end]))
        styles[kind] = [found[get_column_letter(c)] for c in range(1, columns + 1)]
    return re.sub("<dimension [^>]*/>", "", sheet[:begin]), styles, sheet[end:]


# -- the empty workbook ------------------------------------------------------------------------------------

_SONG, _HEI = "宋体", "黑体"
_THIN = Side(style="thin", color="808080")
_LINES = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_FORMATS = {"date": "yyyy-mm-dd", "number": "0.######", "text": "@"}


def _empty(title: str, note: str, heads: Sequence[Head], paper: str) -> io.BytesIO:
    book = Workbook()
    sheet: Any = book.active
    sheet.title = re.sub(r"[\[\]:*?/\\]", " ", title)[:31]
    last = get_column_letter(len(heads))
    for number, said, font in ((1, title, Font(_HEI, size=18)), (2, note, Font(_SONG, size=11))):
        sheet.merge_cells(f"A{number}:{last}{number}")
        cell = sheet.cell(number, 1)
        cell.value, cell.data_type, cell.font = guarded(said), "s", font
        middle = "center" if number == 1 else "left"
        cell.alignment = Alignment(horizontal=middle, vertical="center", wrap_text=number == 2)
    sheet.row_dimensions[1].height, sheet.row_dimensions[2].height = 32, 22
    _head(sheet, heads)
    for n, kind in enumerate(("usual", "struck", "plain"), FIRST):
        for c, head in enumerate(heads, 1):
            cell = sheet.cell(n, c)
            cell.font = Font(
                _SONG, size=10, strike=kind == "struck", color="808080" if kind == "struck" else "000000"
            )
            cell.number_format = _FORMATS[head.kind]
            cell.alignment = Alignment(
                vertical="center",
                wrap_text=kind != "plain",
                horizontal="left" if head.kind == "text" else "center",
            )
            if kind != "plain":
                cell.border = _LINES
    _page(sheet, paper)
    kept = io.BytesIO()
    book.save(kept)
    return kept


def _head(sheet: Any, heads: Sequence[Head]) -> None:
    fill, font = PatternFill("solid", fgColor="E9EEF5"), Font(_HEI, size=10)
    for row in (3, 4):
        for c in range(1, len(heads) + 1):
            cell = sheet.cell(row, c)
            cell.fill, cell.font, cell.border = fill, font, _LINES
            cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    at = 0
    while at < len(heads):
        head, letter = heads[at], get_column_letter(at + 1)
        sheet.column_dimensions[letter].width = head.width
        if not head.group:
            sheet.cell(3, at + 1).value = guarded(head.title)
            sheet.merge_cells(f"{letter}3:{letter}4")
            at += 1
            continue
        end = at
        while end < len(heads) and heads[end].group == head.group:
            sheet.cell(4, end + 1).value = guarded(heads[end].title)
            sheet.column_dimensions[get_column_letter(end + 1)].width = heads[end].width
            end += 1
        sheet.cell(3, at + 1).value = guarded(head.group)
        if end - at > 1:
            sheet.merge_cells(f"{letter}3:{get_column_letter(end)}3")
        at = end
    sheet.row_dimensions[3].height = sheet.row_dimensions[4].height = 22


def _page(sheet: Any, paper: str) -> None:
    sheet.freeze_panes = f"C{FIRST}"
    sheet.print_title_rows = f"1:{FIRST - 1}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = PAPERS[paper]
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_margins.left = sheet.page_margins.right = 0.4
    sheet.page_margins.top = sheet.page_margins.bottom = 0.6
    sheet.print_options.horizontalCentered = True
    sheet.oddFooter.center.text = "第 &P 页，共 &N 页"

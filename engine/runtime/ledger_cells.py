"""Reading the cells of an office's ledger 台账单元格: dates in the styles people write, amounts, lists of units.

Each reader returns the value with a remark where something had to be understood rather than read, and raises
`Unreadable` with the reason where it could not be.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from engine.runtime.workbook import Cell

EARLIEST_YEAR = 1990
LATEST_YEAR = 2100
"""Years outside these are slips of the pen."""


class Unreadable(Exception):
    """A cell's text cannot be understood; the message says why, in Chinese."""


_DATE = re.compile(r"(\d{4})\s*(?:年|[-/.．。])\s*(\d{1,2})\s*(?:月|[-/.．。])\s*(\d{1,2})\s*日?")
_WITHIN = re.compile(r"(\d{1,4})\s*(?:个)?(?:日|天)(?:之?内|以内)?")
_AMOUNT = re.compile(r"(约|大约|近|预计)?\s*(\d+(?:\.\d+)?)\s*(万元|万|元)?\s*(左右|余)?")
_SPLIT = re.compile(r"[、,，;；/\s]+")
_STANDARD = re.compile(r"《[^》]+》")
_NUMBERED = re.compile(r"[A-Z]{2,4}(?:/T)?\s*\d[\d.]*(?:[-—–]\d{2,4})?")
_SAME = re.compile(r"^同(?:一|上)?标准\s*")


def text_of(cell: Cell) -> str:
    """A cell as text, white space inside collapsed; "" when empty."""
    if cell is None:
        return ""
    if isinstance(cell, date):
        return cell.isoformat()
    return re.sub(r"\s+", " ", str(cell)).strip()


def read_date(cell: Cell) -> date | None:
    """A real date, or text such as 2024年1月22日, 2024/05/26, 2024.2.9, 2024-01-22; None when empty."""
    if cell is None or isinstance(cell, date):
        found = cell
    else:
        match = _DATE.fullmatch(text_of(cell))
        if match is None:
            raise Unreadable(f"“{text_of(cell)[:40]}”不是日期，应写成 2024年1月22日 的样子")
        year, month, day = (int(part) for part in match.groups())
        try:
            found = date(year, month, day)
        except ValueError:
            raise Unreadable(f"“{text_of(cell)[:40]}”不是存在的日期") from None
    if found is not None and not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise Unreadable(f"“{text_of(cell)[:40]}”的年份不合理")
    return found


def read_limit(cell: Cell, since: date | None) -> tuple[date | None, str]:
    """A date, or "30日内" counted in calendar days from `since`; with the remark that says how."""
    match = _WITHIN.fullmatch(text_of(cell)) if isinstance(cell, str) else None
    if match is None:
        return read_date(cell), ""
    if since is None:
        raise Unreadable(f"“{text_of(cell)}”要从发现日期起算，但发现日期没有读出")
    until = since + timedelta(days=int(match.group(1)))
    return until, f"“{text_of(cell)}”自{since.isoformat()}起算为{until.isoformat()}"


def read_amount(cell: Cell) -> tuple[int | Decimal | None, str]:
    """An amount in 万元: a number, "8万", "约30", "80000元"; with a remark where it was not a plain number."""
    if cell is None:
        return None, ""
    if isinstance(cell, int | Decimal):
        if cell < 0:
            raise Unreadable(f"金额“{cell}”是负数")
        return cell, ""
    text = text_of(cell)
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise Unreadable(f"“{text[:40]}”不是金额，应写数字（万元）")
    about, digits, unit, more = match.groups()
    try:
        number = Decimal(digits)
    except InvalidOperation:
        raise Unreadable(f"“{text[:40]}”不是金额") from None
    if unit == "元":
        number /= 10_000
    value = int(number) if number == number.to_integral_value() else number
    if about or more:
        return value, f"“{text}”是约数，按 {value} 万元记"
    return value, f"“{text}”按 {value} 万元记" if unit else ""


def split_units(cell: Cell) -> list[str]:
    """Names in a list such as "能源局、属地政府"."""
    return [part for part in _SPLIT.split(text_of(cell)) if part]


def standard_of(text: str) -> str:
    """The standard that a clause cites, with its title marks; "" when it cites none by title."""
    match = _STANDARD.match(text)
    return match.group() if match else ""


def parts_of_standard(text: str) -> tuple[str, str]:
    """(title, clause) of a citation such as "《煤矿标准》第八条" or "GB 35181-2017 6.3"; title "" where it has none."""
    match = _STANDARD.match(text)
    if match is not None:
        return match.group()[1:-1], text[match.end() :].strip()
    match = _NUMBERED.match(text)
    if match is not None:
        return match.group().strip(), text[match.end() :].strip()
    clause = same_standard(text)
    return "", text if clause is None else clause


def same_standard(text: str) -> str | None:
    """The clause out of "同标准第八条"; None when the text cites no "same standard"."""
    match = _SAME.match(text)
    return text[match.end() :].strip() if match else None


_WIDE = str.maketrans("（）：，／．", "():,/.")


def header_of(cell: Cell) -> str:
    """A header for comparison: without white space, brackets and punctuation in half width."""
    return re.sub(r"\s+", "", text_of(cell)).translate(_WIDE)

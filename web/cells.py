"""What stands in a worksheet 工作簿单元格: its columns, its rows, and values that no spreadsheet can take for a formula.

Apart from `sheet`, which writes them with a large library: only who writes a workbook reads that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from web.present import day, text

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet might read as the beginning of a formula or command."""

LONGEST = 32_000
"""Characters of a cell; the format takes 32767."""

_UNWRITABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Head:
    """A column: its header, the merged one above it (the same as its neighbour's; "" none), its width in characters, and whether
    dates or numbers stand in it."""

    title: str
    group: str = ""
    width: int = 12
    kind: str = "text"  # text | date | number


@dataclass(frozen=True, slots=True)
class Line:
    """A row. `struck`: drawn through, as what is 销号 in a list; `plain`: without the table's lines, as signatures are."""

    cells: Sequence[Any]
    struck: bool = False
    plain: bool = False


def guarded(value: Any) -> str | int | float | Decimal | date | None:
    """A cell's value: numbers and dates as they are, text that a spreadsheet could execute behind an apostrophe."""
    if type(value) is str and value.isprintable() and not value.startswith(DANGEROUS):
        return value[:LONGEST]  # nearly every cell of a large ledger
    if value is None or isinstance(value, bool):
        return None if value is None else text(value)
    if isinstance(value, datetime):
        return day(value)
    if isinstance(value, int | float | Decimal | date):
        return value
    said = "" if value in ("", []) else text(value)
    clean = _UNWRITABLE.sub("", said)[:LONGEST]
    return "'" + clean if said.startswith(DANGEROUS) or clean.startswith(DANGEROUS) else clean


def unguarded(said: str) -> str:
    """What a cell said before it was guarded."""
    return said[1:] if said.startswith("'") and said[1:].startswith(DANGEROUS) else said

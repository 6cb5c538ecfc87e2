"""Rows of an older ledger 台账行: finding the header of a sheet and reading the rows below it, cell by cell.

A row is the variables of a case to be, its remarks (kept with the case), its problems (which refuse it), and what
the workbook said.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from engine.directory import ANY, Directory, Unit
from engine.runtime import ledger_cells as cells
from engine.runtime.ledger_cells import Unreadable
from engine.runtime.ledger_map import Column, LedgerMap
from engine.runtime.workbook import Cell, Sheet
from engine.values import Value, canonical

CASE_NUMBER = "案件编号"
"""The header under which a row says which case it is, because it was exported from here."""

OURS = (CASE_NUMBER, "当前状态", "灯", "升级处置")
"""Columns an exported ledger has beside the official ones; nothing is read from them but the number."""

DEEPEST_HEADER = 20
"""Rows from the top in which the header must lie."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be imported: sheet row, column's header, reason."""

    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"第 {self.row} 行“{self.column}”：{self.reason}"


@dataclass(slots=True)
class Row:
    """A row of the ledger. `number` is its row in the sheet, `serial` what the office numbered it."""

    sheet: str
    number: int
    serial: int | None
    original: dict[str, Cell]
    variables: dict[str, Value] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    digest: str = ""

    def remark(self, text: str) -> None:
        """Keep a remark; an empty one says nothing."""
        if text:
            self.remarks.append(text)

    @property
    def good(self) -> bool:
        return not self.problems

    @property
    def case_number(self) -> str:
        """The number of the case that the row was exported from; "" for a row of another ledger."""
        return cells.text_of(self.original.get(CASE_NUMBER))


@dataclass(slots=True)
class Preview:
    """What an import would do. `rows` in the workbook's order, without those that were exported from here: these are `returned`;
    `new_units` the enterprises not yet known."""

    file: str
    digest: str
    package: str
    map: LedgerMap
    rows: list[Row] = field(default_factory=list)
    returned: list[Row] = field(default_factory=list)
    subtotals: int = 0
    signatures: int = 0
    cutoff: date | None = None
    remarks: list[str] = field(default_factory=list)
    new_units: list[Unit] = field(default_factory=list)

    @property
    def problems(self) -> list[Problem]:
        return [p for row in self.rows for p in row.problems]

    @property
    def good_rows(self) -> list[Row]:
        return [row for row in self.rows if row.good]

    @property
    def states(self) -> dict[str, int]:
        """Rows by the state they would be imported in."""
        return dict(Counter(str(row.variables.get(self.map.state) or "（未读出）") for row in self.rows))


# -- finding the header --------------------------------------------------------------------------------


def find_header(
    sheet: Sheet, rules: LedgerMap
) -> tuple[int, dict[int, tuple[str, Column | None]], list[str]] | None:
    """(index of the first data row, column index → (header text, column), missing headers) or None.

    The header may be one row or two merged ones: a column's name is that of the lower row where it has one.
    """
    best: tuple[int, int, dict[int, tuple[str, Column | None]]] | None = None
    for at in range(min(DEEPEST_HEADER, len(sheet.rows))):
        for height in (1, 2):
            block = [row for _, row in sheet.rows[at : at + height]]
            if len(block) < height:
                continue
            found = _name_columns(block, rules)
            score = sum(1 for _, column in found.values() if column is not None)
            if best is None or score > best[0]:
                best = (score, at + height, found)
    needed = [c for c in rules.columns if c.required]
    if best is None or best[0] * 2 < len(needed):
        return None
    score, start, found = best
    there = {column.variable for _, column in found.values() if column is not None}
    return start, found, [c.headers[0] for c in needed if c.variable not in there]


def _name_columns(block: Sequence[list[Cell]], rules: LedgerMap) -> dict[int, tuple[str, Column | None]]:
    found: dict[int, tuple[str, Column | None]] = {}
    taken: set[str] = set()
    for index in range(max(len(row) for row in block)):
        texts = [cells.text_of(row[index]) for row in block if index < len(row) and row[index] is not None]
        if not texts:
            continue
        text = re.sub(r"\s+", "", texts[-1])
        column = rules.column_of(cells.header_of(text))
        if column is not None and column.variable in taken:
            column = None  # the first column of a name counts
        if column is not None:
            taken.add(column.variable)
        found[index] = (text, column)
    return found


# -- reading rows --------------------------------------------------------------------------------------


def read_sheet(
    sheet: Sheet,
    start: int,
    columns: dict[int, tuple[str, Column | None]],
    made: Preview,
    directory: Directory,
) -> None:
    """Read the rows from index `start` on into the preview."""
    rules = made.map
    unknown = [text for text, column in columns.values() if column is None and text not in OURS]
    if unknown:
        made.remarks.append(f"工作表“{sheet.name}”的 {'、'.join(unknown)} 列没有对应的内容，只随原文保留")
    for _, row in sheet.rows[:start]:
        made.cutoff = made.cutoff or _cutoff(row, rules.cutoff)
    for number, row in sheet.rows[start:]:
        texts = [cells.text_of(cell) for cell in row if cell is not None]
        if texts[0].startswith(rules.subtotals):
            made.subtotals += 1
        elif any(re.split("[:：]", text)[0] in rules.signatures for text in texts):
            made.signatures += 1
        else:
            read = _read_row(sheet.name, number, row, columns, made, directory)
            (made.returned if read.case_number else made.rows).append(read)


def _cutoff(row: list[Cell], label: str) -> date | None:
    for cell in row if label else ():
        match = re.search(re.escape(label) + r"\s*[:：]?\s*(\S+)", cells.text_of(cell))
        if match:
            try:
                return cells.read_date(match.group(1))
            except Unreadable:
                return None
    return None


def _read_row(
    sheet: str,
    number: int,
    row: list[Cell],
    columns: dict[int, tuple[str, Column | None]],
    made: Preview,
    directory: Directory,
) -> Row:
    given = {i: row[i] if i < len(row) else None for i in columns}
    read = Row(sheet, number, None, {columns[i][0]: cell for i, cell in given.items()})
    read.variables.update(made.map.constants)
    order = sorted(columns, key=lambda i: _pass(columns[i][1]))
    for index in order:
        header, column = columns[index]
        if column is None:
            continue
        cell = given[index]
        if cell is None and column.required:
            read.problems.append(Problem(number, header, "没有填写"))
        try:
            _read_cell(column, cell, read, directory)
        except Unreadable as reason:
            read.variables.setdefault(column.variable, None)
            read.problems.append(Problem(number, header, str(reason)))
    content = {h: c for h, c in read.original.items() if c is not None}
    for header, column in columns.values():
        if column is not None and column.kind == "serial":
            content.pop(header, None)  # renumbering a ledger does not make its rows new
    read.digest = hashlib.sha256(canonical(content)).hexdigest()
    return read


def _pass(column: Column | None) -> int:
    """Columns that look at others are read after them."""
    return 1 if column is not None and column.kind in ("limit", "units") else 0


def _read_cell(column: Column, cell: Cell, row: Row, directory: Directory) -> None:
    values, text = row.variables, cells.text_of(cell)
    name = column.variable
    values[name] = None
    match column.kind:
        case "serial":
            if cell is not None and not (
                text.isdecimal() and len(text) < 10
            ):  # "²" is a digit, and no number
                raise Unreadable(f"“{text[:40]}”不是序号")
            row.serial = values[name] = int(text) if text else None
        case "date":
            values[name] = cells.read_date(cell)
        case "limit":
            since = values.get(column.since)
            values[name], remark = cells.read_limit(cell, since if isinstance(since, date) else None)
            row.remark(remark)
        case "amount":
            values[name], remark = cells.read_amount(cell)
            row.remark(remark)
        case "choice":
            if text and text not in column.values:
                raise Unreadable(f"“{text[:40]}”不在 {'、'.join(column.values)} 之中")
            values[name] = column.values.get(text)
            values.update(column.sets.get(column.values.get(text, ""), {}))
        case "code" | "digits":
            values[name] = text or None
            shape = text.isdecimal() if column.kind == "digits" else text.isalnum() and text.isascii()
            if text and not (shape and len(text) == column.length):
                row.remarks.append(f"{name}“{text[:40]}”不是 {column.length} 位，请核对")
        case "unit":
            if text and (text not in directory.units or not directory.units[text].active):
                raise Unreadable(f"“{text[:40]}”不在单位列表中，请先在通讯录中添加或改正")
            values[name] = text or None
        case "sector":
            values[name] = text or None
            if text and text not in {r.sector for r in directory.responsibilities if r.sector != ANY}:
                row.remarks.append(f"{name}“{text[:40]}”在职责库中没有对应的单位")
        case "units":
            _read_units(column, cell, row, directory)
        case _:
            values[name] = text or None
    if column.also:
        values[column.also] = values[name]


def _read_units(column: Column, cell: Cell, row: Row, directory: Directory) -> None:
    units: list[Value] = []
    for name in cells.split_units(cell):
        alias = column.aliases.get(name)
        unit = row.variables.get(alias) if alias else name
        if not isinstance(unit, str) or unit not in directory.units:
            raise Unreadable(f"“{name[:40]}”不在单位列表中，请先在通讯录中添加或改正")
        if unit not in units:
            units.append(unit)
    row.variables[column.variable] = units
    if column.first:
        row.variables[column.first] = units[0] if units else None
    if column.others:
        row.variables[column.others] = units[1:]

"""Reading an older ledger 台账预览: what each row would become, what had to be understood, and what cannot be read.

Nothing is written here. A row is the variables of a case to be, its remarks (kept with the case), its problems
(which refuse it), and what the workbook said, cell by cell.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from engine.calendar import Moment
from engine.definitions.model import Package
from engine.directory import ANY, Directory, Unit
from engine.errors import EngineError, InputInvalid
from engine.runtime import ledger_cells as cells
from engine.runtime.ledger_cells import Unreadable
from engine.runtime.ledger_map import Column, LedgerMap, read_map
from engine.runtime.workbook import Cell, Sheet, read_workbook
from engine.values import Value, canonical

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

    @property
    def good(self) -> bool:
        return not self.problems


@dataclass(slots=True)
class Preview:
    """What an import would do. `rows` in the workbook's order; `new_units` the enterprises not yet known."""

    file: str
    digest: str
    package: str
    map: LedgerMap
    rows: list[Row] = field(default_factory=list)
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


def preview(data: bytes, file: str, package: Package, directory: Directory, moment: Moment) -> Preview:
    """Read a workbook by the package's `ledger.toml`. Raises `InputInvalid` when no sheet holds such a ledger."""
    rules = read_map(package.files)
    made = Preview(file=file, digest=hashlib.sha256(data).hexdigest(), package=package.key, map=rules)
    refusals: list[str] = []
    for sheet in read_workbook(data):
        header = _find_header(sheet, rules)
        if header is None:
            made.remarks.append(f"工作表“{sheet.name}”没有台账表头，未读取")
            continue
        at, columns, missing = header
        if missing:
            refusals.append(f"工作表“{sheet.name}”缺少 {'、'.join(missing)} 列")
            continue
        _read_sheet(sheet, at, columns, made, directory)
    if refusals:
        raise InputInvalid("；".join(refusals) + "。请补上这些列的表头后再导入。")
    if not made.rows:
        raise InputInvalid(f"没有读到“{rules.title}”的数据：请检查表头，应有 {_wanted(rules)} 等列。")
    _relate(made, moment)
    _check(made, moment)
    made.new_units = _new_units(made, directory)
    return made


def _wanted(rules: LedgerMap) -> str:
    return "、".join(c.headers[0] for c in rules.columns if c.required)


# -- finding the header --------------------------------------------------------------------------------


def _find_header(
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


def _read_sheet(
    sheet: Sheet,
    start: int,
    columns: dict[int, tuple[str, Column | None]],
    made: Preview,
    directory: Directory,
) -> None:
    rules = made.map
    unknown = [text for text, column in columns.values() if column is None]
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
            made.rows.append(_read_row(sheet.name, number, row, columns, made, directory))


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
            _read_cell(column, cell, read, made, directory)
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


def _read_cell(column: Column, cell: Cell, row: Row, made: Preview, directory: Directory) -> None:
    values, text = row.variables, cells.text_of(cell)
    name = column.variable
    values[name] = None
    match column.kind:
        case "serial":
            if cell is not None and not text.isdigit():
                raise Unreadable(f"“{text[:40]}”不是序号")
            row.serial = values[name] = int(text) if text else None
        case "date":
            values[name] = cells.read_date(cell)
        case "limit":
            since = values.get(column.since)
            values[name], remark = cells.read_limit(cell, since if isinstance(since, date) else None)
            _remark(row, remark)
        case "amount":
            values[name], remark = cells.read_amount(cell)
            _remark(row, remark)
        case "choice":
            if text and text not in column.values:
                raise Unreadable(f"“{text[:40]}”不在 {'、'.join(column.values)} 之中")
            values[name] = column.values.get(text)
            values.update(column.sets.get(column.values.get(text, ""), {}))
        case "code" | "digits":
            values[name] = text or None
            shape = text.isdigit() if column.kind == "digits" else text.isalnum() and text.isascii()
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


def _remark(row: Row, text: str) -> None:
    if text:
        row.remarks.append(text)


# -- rows that refer to each other -----------------------------------------------------------------------


def _relate(made: Preview, moment: Moment) -> None:
    rules = made.map
    serials = Counter(row.serial for row in made.rows if row.serial is not None)
    by_serial: dict[int | None, Row] = {row.serial: row for row in made.rows if row.serial is not None}
    contents: dict[str, Row] = {}
    for row in made.rows:
        if row.serial is not None and serials[row.serial] > 1:
            row.remarks.append(f"序号{row.serial}在台账中出现 {serials[row.serial]} 次")
        twin = contents.setdefault(row.digest, row)
        if twin is not row:
            row.problems.append(Problem(row.number, "整行", f"与第 {twin.number} 行内容完全相同"))
    for column in rules.columns:
        if column.kind == "standard":
            _resolve_standards(column, made)
        elif column.kind == "notes":
            for row in made.rows:
                _read_note(column, row, by_serial, rules)
        elif column.fill_by:
            _fill(column, made)


def _resolve_standards(column: Column, made: Preview) -> None:
    """ "同标准第八条" means the standard that the row before of the same industry cited."""
    last: dict[Value, tuple[str, Row]] = {}
    for row in made.rows:
        text = row.variables.get(column.variable)
        if not isinstance(text, str):
            continue
        group = row.variables.get(column.same_by)
        clause = cells.same_standard(text)
        if clause is None:
            standard = cells.standard_of(text)
            if standard:
                last[group] = (standard, row)
        elif group in last:
            standard, source = last[group]
            row.variables[column.variable] = standard + clause
            row.remarks.append(f"“{text}”按序号{source.serial}解为“{standard}{clause}”，请核对")
        else:
            row.remarks.append(f"“{text}”之前没有同一{column.same_by}的标准，所指不明，原文保留")
        title, clause = cells.parts_of_standard(str(row.variables[column.variable]))
        row.variables |= {k: v or None for k, v in ((column.title, title), (column.clause, clause)) if k}


def _fill(column: Column, made: Preview) -> None:
    known: dict[Value, dict[str, int | None]] = {}
    for row in made.rows:
        value = row.variables.get(column.variable)
        if isinstance(value, str):
            known.setdefault(row.variables.get(column.fill_by), {}).setdefault(value, row.serial)
    for row in made.rows:
        choices = known.get(row.variables.get(column.fill_by), {})
        if row.variables.get(column.variable) is None:
            if len(choices) == 1:
                ((value, serial),) = choices.items()
                row.variables[column.variable] = value
                row.remarks.append(f"缺{column.variable}，按序号{serial}同一{column.fill_by}补为{value}")
            else:
                row.remarks.append(f"缺{column.variable}")
        elif len(choices) > 1:
            row.remarks.append(f"同一{column.fill_by}有不同的{column.variable}：{'、'.join(choices)}，请核对")


def _read_note(column: Column, row: Row, by_serial: dict[int | None, Row], rules: LedgerMap) -> None:
    text = row.variables.get(column.variable)
    for part in re.split("[;；，,]", text) if isinstance(text, str) else ():
        part = part.strip()
        for rule in rules.notes:
            match = rule.pattern.fullmatch(part)
            if match is None:
                continue
            row.variables.update(rule.set)
            _remark(row, rule.remark)
            if rule.same_as:
                _same_as(rule.same_as, int(match.group(1)), row, by_serial, rules)
            break
        else:
            if part:
                row.remarks.append(f"备注“{part[:100]}”没有对应的含义，原文保留")


def _same_as(
    variable: str, serial: int, row: Row, by_serial: dict[int | None, Row], rules: LedgerMap
) -> None:
    other = by_serial.get(serial)
    if other is None or other is row:
        row.remarks.append(f"备注称与序号{serial}重复，但台账中没有这个序号的另一行")
        return
    name = other.variables.get(rules.party)
    if name != row.variables.get(rules.party):
        row.remarks.append(
            f"备注称与序号{serial}重复，但序号{serial}是“{name}”，不是同一{rules.party}，未作合并"
        )
        return
    row.variables[variable] = serial
    row.remarks.append(f"备注称与序号{serial}重复，同一{rules.party}，请核对后合并")


# -- checks and units ------------------------------------------------------------------------------------


def _check(made: Preview, moment: Moment) -> None:
    rules = made.map
    known: dict[str, Value] = {c.variable: None for c in rules.columns}
    known |= {name: None for rule in rules.notes for name in rule.set}
    for row in made.rows:
        context = {**known, **row.variables, rules.cutoff: made.cutoff}
        for check in rules.checks:
            try:
                if check.when.evaluate(context, moment) is not True:
                    continue
            except EngineError as refusal:
                row.problems.append(Problem(row.number, check.column or "检查", refusal.message))
                continue
            _remark(row, check.remark)
            if check.problem:
                row.problems.append(Problem(row.number, check.column or "整行", check.problem))


def _new_units(made: Preview, directory: Directory) -> list[Unit]:
    """Enterprises the directory does not know, from the good rows; a contradiction between rows is a remark."""
    rules = made.map
    new: dict[str, Unit] = {}
    for row in made.good_rows:
        name = row.variables.get(rules.party)
        if not isinstance(name, str):
            continue
        place = _text(row, rules.party_parent)
        before = new.get(name) or directory.units.get(name)
        if before is None:
            new[name] = Unit(
                id=name,
                name=name,
                kind=rules.party_kind or "企业",
                parent=place if place in directory.units else "",
                code=_text(row, rules.party_code),
                region=place,
                sector=_text(row, rules.party_sector),
            )
        elif before.region and place and before.region != place:
            row.remarks.append(f"“{name}”在通讯录或前面的行中属于{before.region}，本行属地为{place}，请核对")
    return list(new.values())


def _text(row: Row, variable: str) -> str:
    value = row.variables.get(variable) if variable else None
    return value if isinstance(value, str) else ""

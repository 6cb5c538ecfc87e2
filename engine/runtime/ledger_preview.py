"""What an import of an older ledger would do 台账预览: the rows, what had to be understood, and what cannot be read.

Nothing is written here. Rows are read one by one (`ledger_rows`); then they are looked at beside each other, checked
for contradictions, and the enterprises nobody knows yet are named.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter

from engine.calendar import Moment
from engine.definitions.model import Package
from engine.directory import Directory, Unit
from engine.errors import EngineError, InputInvalid
from engine.runtime import ledger_cells as cells
from engine.runtime.ledger_map import Column, LedgerMap, read_map
from engine.runtime.ledger_rows import Preview, Problem, Row, find_header, read_sheet
from engine.runtime.workbook import read_workbook
from engine.values import Value

__all__ = ["Preview", "Problem", "Row", "preview"]


def preview(data: bytes, file: str, package: Package, directory: Directory, moment: Moment) -> Preview:
    """Read a workbook by the package's `ledger.toml`. Raises `InputInvalid` when no sheet holds such a ledger."""
    rules = read_map(package.files)
    made = Preview(file=file, digest=hashlib.sha256(data).hexdigest(), package=package.key, map=rules)
    refusals: list[str] = []
    for sheet in read_workbook(data):
        header = find_header(sheet, rules)
        if header is None:
            made.remarks.append(f"工作表“{sheet.name}”没有台账表头，未读取")
            continue
        at, columns, missing = header
        if missing:
            refusals.append(f"工作表“{sheet.name}”缺少 {'、'.join(missing)} 列")
            continue
        read_sheet(sheet, at, columns, made, directory)
    if refusals:
        raise InputInvalid("；".join(refusals) + "。请补上这些列的表头后再导入。")
    if not made.rows and not made.returned:
        raise InputInvalid(f"没有读到“{rules.title}”的数据：请检查表头，应有 {_wanted(rules)} 等列。")
    _relate(made)
    _check(made, moment)
    made.new_units = _new_units(made, directory)
    return made


def _wanted(rules: LedgerMap) -> str:
    return "、".join(c.headers[0] for c in rules.columns if c.required)


# -- rows that refer to each other -----------------------------------------------------------------------


def _relate(made: Preview) -> None:
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
            row.remark(rule.remark)
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
            row.remark(check.remark)
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

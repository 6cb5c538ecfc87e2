"""An exported ledger that comes back edited 台账回导: what each row would change of the case it came from, before anything is written.

A row is known by its case's number. Its cells are compared with what the export would say now. What differs is a correction where
the package lets the column be corrected (`correct`), and refused with the reason otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from engine.calendar import Moment
from engine.commands import Command, CorrectRegister
from engine.definitions.model import Package
from engine.runtime.ledger_cells import header_of, text_of
from engine.runtime.ledger_map import Column
from engine.runtime.ledger_rows import Preview, Row
from engine.store import tables as t
from engine.values import Value, canonical
from web import discretion
from web.cells import guarded, unguarded
from web.context import the_directory
from web.identity import Who
from web.register import layout, queries
from web.sight import visible

_SOME = 500
"""Cases looked for together."""

_k = t.cases


@dataclass(frozen=True, slots=True)
class Change:
    """A cell that says something else: the column's header, what the case says, what the row says; `refused` why not."""

    header: str
    before: str
    after: str
    variable: str = ""
    value: Value = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """A row that came back, with the case it is of ("" when there is none)."""

    row: Row
    case: str = ""
    seq: int = 0
    changes: list[Change] = field(default_factory=list)

    @property
    def corrections(self) -> list[Change]:
        return [c for c in self.changes if not c.refused]

    @property
    def refusals(self) -> list[Change]:
        return [c for c in self.changes if c.refused]


def compare(c: sa.Connection, who: Who, made: Preview, package: Package, moment: Moment) -> list[Returned]:
    """What the rows of the workbook that were exported from here would change, in the workbook's order."""
    official = layout.official(package, the_directory(), moment)
    assert official is not None, "the preview has read the same ledger.toml"
    columns = [column for column in made.map.columns if column.kind != "serial"]
    correct = {x["key"] for x in package.register.get("columns", ()) if x.get("correct")}
    reader = replace(discretion.of(who), reports=False)
    known = _cases(c, who, package, [row.case_number for row in made.returned])
    seen: set[str] = set()
    found = []
    for row in made.returned:
        case = known.get(row.case_number)
        if case is None:
            reason = f"台账中没有编号为“{row.case_number[:60]}”的案件。新登记的隐患，请把案件编号留空。"
            found.append(Returned(row, changes=[Change("案件编号", "", row.case_number, refused=reason)]))
            continue
        if case["id"] in seen:
            reason = "同一案件在工作簿中出现了不止一次，只看最前面的一行。"
            found.append(Returned(row, changes=[Change("案件编号", "", row.case_number, refused=reason)]))
            continue
        seen.add(case["id"])
        cells = official.values(reader.case(case))
        changes = list(_changes(row, columns, cells, correct, bool(case["ended_at"])))
        found.append(Returned(row, case["id"], case["seq"], changes))
    return found


def _cases(c: sa.Connection, who: Who, package: Package, numbers: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for at in range(0, len(numbers), _SOME):
        some = _k.c.number.in_(numbers[at : at + _SOME])
        wanted = sa.select(_k).where(some, _k.c.package_key == package.key, visible(who))
        found |= {row.number: queries.as_row(row) | {"holders": []} for row in c.execute(wanted)}
    return found


def _changes(
    row: Row, columns: Sequence[Column], cells: Sequence[Any], correct: set[str], ended: bool
) -> Iterator[Change]:
    wrong = {header_of(p.column): p.reason for p in row.problems}
    given = {header_of(header): (header, cell) for header, cell in row.original.items()}
    for column, cell in zip(columns, cells, strict=False):
        at = next((header_of(h) for h in column.headers if header_of(h) in given), None)
        if at is None:
            continue  # a column somebody took out says nothing
        header, sent = given[at]
        before, after = _text(guarded(cell)), _text(sent)
        if before == after:
            continue
        if ended:
            refused = "案件已经结束，台账不能再更正"
        elif column.variable not in correct:
            refused = "由办理过程产生，请在案件中办理"
        elif at in wrong:
            refused = wrong[at]
        else:
            refused = ""
        value = row.variables.get(column.variable)
        value = unguarded(value) if isinstance(value, str) else value
        yield Change(header, unguarded(before), unguarded(after), column.variable, value, refused)


def _text(cell: Any) -> str:
    """A cell as it is compared: dates as days, numbers without needless places, white space as one."""
    if isinstance(cell, float):
        cell = Decimal(repr(cell))
    if isinstance(cell, Decimal):
        cell = int(cell) if cell == cell.to_integral_value() else cell.normalize()
    return text_of(cell.isoformat() if isinstance(cell, date) else cell)


def seen_as(found: Sequence[Returned]) -> str:
    """A digest of everything the rows would change: whoever confirms means this, and nothing else."""
    said = [
        [r.case, [[c.variable, c.before, c.after, c.refused] for c in r.changes]] for r in found if r.changes
    ]
    return hashlib.sha256(canonical(said)).hexdigest() if said else ""


def commands(found: Sequence[Returned], file: str) -> list[tuple[Command, str]]:
    """The corrections as commands, each with an id that is the same for the same change of the same standing; cases in one
    order, so that two people who import at once wait for each other instead of locking each other out."""
    made: list[tuple[Command, str]] = []
    for r in sorted(found, key=lambda one: one.case):
        values = {c.variable: c.value for c in r.corrections}
        if values:
            reason = f"台账回导：{file[:100]} {r.row.sheet} 第{r.row.number}行"
            digest = hashlib.sha256(canonical([r.case, r.seq, values])).hexdigest()
            made.append((CorrectRegister(r.case, values, reason), f"correct/{digest[:48]}"))
    return made

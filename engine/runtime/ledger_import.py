"""Importing an older ledger 台账补录: a preview first, then all of it or nothing that is not said.

Before anything is written every row is decided once in memory, so that a row the process would refuse is found
beforehand. Then all rows become cases in one transaction, each under a command id made of its content, so that the
same row can never become two cases.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from engine.calendar import Moment
from engine.commands import ENGINE, Actor, Command, ImportCase
from engine.definitions.model import Package
from engine.directory import Directory
from engine.errors import Conflict, EngineError, InputInvalid
from engine.execution.state import State
from engine.handlers import Setting, decide
from engine.runtime.engine import Engine
from engine.runtime.ledger_preview import Preview, Problem, Row, preview
from engine.runtime.office import load_directory

MOST_LISTED = 20
"""Problems listed in a refusal's sentence; all are in its fields."""


@dataclass(slots=True)
class ImportReport:
    """What was done. `cases` maps the row's number in the sheet to its case's id; `left_out` are bad rows that were
    skipped, `there_before` rows imported earlier."""

    cases: dict[int, str] = field(default_factory=dict)
    new_units: list[str] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)
    there_before: list[int] = field(default_factory=list)


def preview_file(engine: Engine, data: bytes, file: str, package: str) -> Preview:
    """What importing the workbook would do now, rows imported earlier included (`already_imported`).

    Raises `InputInvalid` when the file is no such workbook, `NotFound` for an unknown package.
    """
    moment, newest = engine.moment(), engine.newest(package)
    made = preview(data, PurePath(file).name, newest, engine.directory(), moment)
    _rehearse(made, newest, engine.directory(), moment)
    return made


def already_imported(engine: Engine, made: Preview) -> list[Row]:
    """The rows of the preview that became cases earlier."""
    return [row for row in made.good_rows if engine.was_asked(command_id(made, row))]


def import_rows(
    engine: Engine,
    made: Preview,
    actor: Actor,
    *,
    skip_bad_rows: bool = False,
    skip_imported: bool = False,
    corrections: Sequence[tuple[Command, str]] = (),
) -> ImportReport:
    """Make a case of every row. Raises before anything is written when a row has problems (`InputInvalid`) or was
    imported earlier (`Conflict`), unless the caller says to leave such rows out. `corrections` of cases that are there, with
    their ids, are made in the same transaction."""
    report = ImportReport(left_out=[row.number for row in made.rows if not row.good])
    if made.problems and not skip_bad_rows:
        listed = "；".join(str(p) for p in made.problems[:MOST_LISTED])
        raise InputInvalid(
            f"台账有 {len(report.left_out)} 行不能导入，未导入任何内容：{listed}。改正后重试，或选择跳过这些行。",
            problems=[{"row": p.row, "column": p.column, "reason": p.reason} for p in made.problems],
        )
    before = {row.number for row in already_imported(engine, made)}
    report.there_before = sorted(before)
    if before and not skip_imported:
        raise Conflict(
            f"台账中有 {len(before)} 行以前已经导入（第 {'、'.join(map(str, sorted(before)[:MOST_LISTED]))} 行"
            f"{'等' if len(before) > MOST_LISTED else ''}），未重复导入。只导入其余各行的，请选择跳过已导入的行。",
            rows=sorted(before),
        )
    rows = [row for row in made.good_rows if row.number not in before]
    if not rows and not corrections:
        return report
    package, moment = engine.newest(made.package), engine.moment()
    foreseen = engine.directory().with_units(made.new_units)
    for row in rows:  # before anything is written: may this actor, and does the process still take the row?
        _decided(made, row, package, foreseen, moment, actor)
    wanted = {row.variables.get(made.map.party) for row in rows}
    known = engine.directory().units
    new = [unit for unit in made.new_units if unit.id in wanted and unit.id not in known]
    if new:
        load_directory(engine, Directory(units={unit.id: unit for unit in new}), actor)
        report.new_units = [unit.id for unit in new]
    asked = [(command_of(made, row), command_id(made, row)) for row in rows]
    outcomes = engine.do_all([*corrections, *asked], actor, package=made.package)[len(corrections) :]
    report.cases = {row.number: outcome.case for row, outcome in zip(rows, outcomes, strict=True)}
    return report


def command_of(made: Preview, row: Row) -> ImportCase:
    """The command that makes a case of a row."""
    happened = next(
        (row.variables[c.variable] for c in made.map.columns if c.kind == "date" and c.required), None
    )
    return ImportCase(
        package=made.package,
        start=made.map.start,
        variables=dict(row.variables),
        source=f"{made.file} {row.sheet} 第{row.number}行",
        row=dict(row.original),
        happened=happened,
        note="；".join(row.remarks),
    )


def command_id(made: Preview, row: Row) -> str:
    """The same content of a row always asks under the same id (60 characters at most)."""
    digest = hashlib.sha256(f"{made.package}/{row.digest}".encode()).hexdigest()
    return f"import/{digest[:48]}"


def _rehearse(made: Preview, package: Package, directory: Directory, moment: Moment) -> None:
    """Decide every good row in memory: what the process refuses is a problem of its row, an incident a remark."""
    foreseen = directory.with_units(made.new_units)
    for row in made.good_rows:
        try:
            state = _decided(made, row, package, foreseen, moment, ENGINE)
        except EngineError as refusal:
            row.problems.append(Problem(row.number, "整行", refusal.message))
        else:
            row.remarks += [f"导入后需处理：{i.message}" for i in state.incidents.values()]


def _decided(
    made: Preview, row: Row, package: Package, directory: Directory, moment: Moment, actor: Actor
) -> State:
    """The case the row would become. Nothing is written; numbers are not used up."""
    given: Counter[tuple[str, int]] = Counter()

    def number(series: str, year: int) -> int:
        given[series, year] += 1
        return given[series, year]

    state = State()
    decide(command_of(made, row), state, Setting(package, directory, moment, actor, "rehearsal", number))
    return state

"""The preview of an uploaded ledger 台账预览, as data for page and API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.commands import Actor
from engine.errors import Conflict, InputInvalid
from engine.runtime import ledger_import, uploads
from engine.runtime.ledger_import import ImportReport
from engine.runtime.ledger_preview import Preview
from engine.values import plain
from web.context import the_engine
from web.identity import Who
from web.register.coming_back import Returned, commands, compare, seen_as
from web.sight import file_row

MOST_LISTED = 20
"""Refused cells that are told in a refusal's sentence; the preview shows all of them."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """An uploaded workbook: what importing it would do, the rows imported earlier, and the rows that came back from here."""

    made: Preview
    before: set[int]
    returned: list[Returned]

    @property
    def changed(self) -> list[Returned]:
        return [r for r in self.returned if r.corrections]

    @property
    def refused(self) -> list[Returned]:
        return [r for r in self.returned if r.refusals]

    @property
    def seen(self) -> str:
        """What whoever confirms has seen of the rows that came back."""
        return seen_as(self.returned)


def preview(who: Who, file: str, package: str) -> Ledger:
    """What importing the uploaded workbook would do. Nothing is written."""
    engine = the_engine()
    with engine.read() as c:
        row: Any = file_row(c, who, file)
    made = ledger_import.preview_file(engine, uploads.path(engine, file).read_bytes(), row.name, package)
    before = {r.number for r in ledger_import.already_imported(engine, made)}
    returned: list[Returned] = []
    if made.returned:
        with engine.read() as c:
            returned = compare(c, who, made, engine.newest(package), engine.moment_in(c))
    return Ledger(made, before, returned)


def confirm(
    found: Ledger, actor: Actor, *, seen: str, skip_bad_rows: bool, skip_imported: bool
) -> ImportReport:
    """Import the new rows and correct the cases of those that came back, in one transaction. Raises before anything is written:
    `Conflict` when something has changed since the preview (`seen`), `InputInvalid` when a row would change what cannot be
    corrected, unless such cells are to be left as they are."""
    if found.changed and seen != found.seen:
        raise Conflict("预览之后台账又有变化，没有写入任何内容。请刷新预览，核对后再导入。")
    if found.refused and not skip_bad_rows:
        said = [f"第 {r.row.number} 行“{c.header}”：{c.refused}" for r in found.refused for c in r.refusals]
        raise InputInvalid(
            f"有 {len(said)} 处不能更正，没有写入任何内容：{'；'.join(said[:MOST_LISTED])}。改回后重试，或选择跳过这些内容。",
            problems=[
                {"row": r.row.number, "column": c.header, "reason": c.refused}
                for r in found.refused
                for c in r.refusals
            ],
        )
    corrections = commands(found.returned, found.made.file)
    return ledger_import.import_rows(
        the_engine(),
        found.made,
        actor,
        skip_bad_rows=skip_bad_rows,
        skip_imported=skip_imported,
        corrections=corrections,
    )


def as_data(found: Ledger) -> dict[str, Any]:
    """The preview as JSON."""
    made = found.made
    return {
        "file": made.file,
        "package": made.package,
        "rows": [
            {
                "sheet": r.sheet,
                "number": r.number,
                "serial": r.serial,
                "variables": plain(r.variables),
                "remarks": r.remarks,
                "problems": [{"row": p.row, "column": p.column, "reason": p.reason} for p in r.problems],
                "imported_before": r.number in found.before,
            }
            for r in made.rows
        ],
        "returned": [
            {
                "sheet": r.row.sheet,
                "number": r.row.number,
                "case": r.case,
                "case_number": r.row.case_number,
                "changes": [
                    {"column": c.header, "before": c.before, "after": c.after, "refused": c.refused}
                    for c in r.changes
                ],
            }
            for r in found.returned
        ],
        "seen": found.seen,
        "states": made.states,
        "subtotals": made.subtotals,
        "remarks": made.remarks,
        "new_units": [u.id for u in made.new_units],
        "problems": len(made.problems),
    }

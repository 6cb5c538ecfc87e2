"""The preview of an uploaded ledger 台账预览, as data for page and API."""

from __future__ import annotations

from typing import Any

from engine.runtime import ledger_import, uploads
from engine.runtime.ledger_preview import Preview
from engine.values import plain
from web.context import the_engine
from web.identity import Who
from web.sight import file_row


def preview(who: Who, file: str, package: str) -> tuple[Preview, set[int]]:
    """What importing the uploaded workbook would do, and the rows imported earlier."""
    engine = the_engine()
    with engine.read() as c:
        row: Any = file_row(c, who, file)
    made = ledger_import.preview_file(engine, uploads.path(engine, file).read_bytes(), row.name, package)
    return made, {r.number for r in ledger_import.already_imported(engine, made)}


def as_data(made: Preview, before: set[int]) -> dict[str, Any]:
    """The preview as JSON."""
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
                "imported_before": r.number in before,
            }
            for r in made.rows
        ],
        "states": made.states,
        "subtotals": made.subtotals,
        "remarks": made.remarks,
        "new_units": [u.id for u in made.new_units],
        "problems": len(made.problems),
    }

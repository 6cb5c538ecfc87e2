"""Who reads what of a case one may see 保密与内外有别.

That a report 举报 stands behind a case is known to the office, leaders, auditors, departments and the keeper of reports;
towns and enterprises never learn of it (领域说明 4, P2). What units write to each other is not the enterprise's to read:
it sees the register, its own forms and files, and who has the ball.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.definitions.model import Kind, Package
from engine.directory import ENTERPRISE, OFFICE, SEES_ALL
from web.context import the_engine
from web.identity import Who

REPORTED = "群众举报"
"""The channel 来源渠道 that gives a reporter away."""

KEEPERS = frozenset({"JB"})
"""Roles 举报专管员 whose steps exist only because somebody reported."""

INFORMED = frozenset({OFFICE, "督办部门"}) | SEES_ALL
"""Kinds of unit that may know of a report."""


@dataclass(frozen=True, slots=True)
class Discretion:
    """What one person may read. `reports`: that somebody reported; `inner`: what other units wrote."""

    reports: bool
    inner: bool
    units: frozenset[str]
    person: str

    def text(self, value: Any) -> Any:
        """A value of a case, without what gives a reporter away."""
        if self.reports:
            return value
        if isinstance(value, str):
            return "" if REPORTED in value else value
        if isinstance(value, Mapping):
            return {k: self.text(v) for k, v in value.items() if "举报" not in k}
        if isinstance(value, list):
            return [self.text(v) for v in value]
        return value

    def case(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row of the register."""
        return (
            row
            if self.reports
            else row | {"origin": self.text(row["origin"]), "register": self.text(row["register"])}
        )

    def items(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Work items, without the keepers' steps."""
        return [r for r in rows if self.reports or r["role"] not in KEEPERS]

    def hides_item(self, row: Any) -> bool:
        return not self.reports and row.role in KEEPERS

    def fact(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """A line of the history; None when it is not this person's to read."""
        if self.reports and self.inner:
            return row
        if not self.reports and (
            row["role"] in KEEPERS or "举报" in row["sentence"] or row["data"].get("role") in KEEPERS
        ):
            return None
        own = row["unit"] in self.units
        if not self.inner and not own:
            return None if row["technical"] or row["kind"] == "NoteAdded" else row | {"data": {}}
        return row | {
            "data": {} if row["kind"] == "CaseStarted" and not self.reports else self.text(row["data"])
        }

    def facts(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Lines of the history."""
        return [shown for row in rows if (shown := self.fact(row)) is not None]

    def variables(
        self, rows: list[dict[str, Any]], columns: Iterable[str], own: Iterable[str]
    ) -> list[dict[str, Any]]:
        """The case's contents: for enterprises the register's columns and what they filled in themselves."""
        if self.reports and self.inner:
            return rows
        allowed = {*columns, *own}
        shown = [
            r
            for r in rows
            if (self.inner or r["key"] in allowed) and (self.reports or "举报" not in r["key"])
        ]
        return [r | {"value": self.text(r["value"]), "text": self.text(r["text"])} for r in shown]

    def files(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Attached files: for enterprises those of its own steps and people."""
        return [r for r in rows if self.file(r["uploaded_by"], r.get("unit") or "", r.get("role") or "")]

    def file(self, uploaded_by: str, unit: str, role: str) -> bool:
        """Whether a file may be read: by who uploaded it and the unit and role of the step it came with."""
        if not self.reports and role in KEEPERS:
            return False
        return self.inner or uploaded_by == self.person or unit in self.units

    def explanation(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        """What the case waits for."""
        return rows if self.reports else [r for r in rows if "举报" not in r["text"]]

    def marks(self, found: dict[str, dict[str, Any]], package: Package) -> dict[str, dict[str, Any]]:
        """Marks of the diagram, without the start the case came in by and the keepers' steps."""
        if self.reports:
            return found
        hidden = {
            e.id
            for p in package.processes.values()
            for e in p.elements.values()
            if e.kind == Kind.START or set(e.roles) & KEEPERS
        }
        return {
            key: {
                name: {k: n for k, n in part.items() if k not in hidden}
                if isinstance(part, dict)
                else [e for e in part if e not in hidden]
                for name, part in marks.items()
            }
            for key, marks in found.items()
        }


def of(who: Who) -> Discretion:
    """What `who` may read, by all of the person's posts."""
    units = the_engine().directory().units
    kinds = {units[u].kind for u in who.units if u in units}
    return Discretion(
        reports=bool(kinds & INFORMED) or bool(set(who.roles) & KEEPERS),
        inner=bool(kinds - {ENTERPRISE}),
        units=frozenset(who.units),
        person=who.person,
    )

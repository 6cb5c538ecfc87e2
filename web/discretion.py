"""Who reads what of a case one may see 保密与内外有别.

That a report 举报 stands behind a case is known to the office, leaders, auditors, departments and the keeper of reports;
towns and enterprises never learn of it (领域说明 4, P2). What units write to each other is not the enterprise's to read:
it sees the register, its own forms and files, and who has the ball.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from engine.definitions.model import Kind, Package
from engine.directory import AUDITOR, ENTERPRISE, OFFICE, Directory
from engine.handlers.visibility import KEEPERS, REPORT, knows, tells
from engine.store import tables as t
from web.context import the_directory
from web.identity import Who

REPORTED = "群众举报"
"""The channel 来源渠道 that gives a reporter away."""

_TALK = frozenset({"NoteAdded", "CaseCopied", "CopyRead", "WorkItemUrged"})
INNER = _TALK | {"SigningDecided", "SigningReturned", "IncidentRaised", "IncidentResolved", "JobFailed"}
"""Kinds of fact that are between the units and the office, unless they are addressed to the reader."""

_WRITTEN = ("text", "note", "reason", "title", "body")
_ENDS_MET = frozenset({"CaseMerged", "CaseJoined"})

_CAME = frozenset({"WorkItemRouted", "WorkItemTransferred"})
_REASON = re.compile("，理由：.*", re.DOTALL)
_FAILURE = re.compile("出现异常：.*（", re.DOTALL)


@dataclass(frozen=True)
class Discretion:
    """What one person may read. `reports`: that somebody reported; `inner`: what other units wrote."""

    reports: bool
    inner: bool
    units: frozenset[str]
    person: str
    directory: Directory = field(repr=False, compare=False)

    @cached_property
    def keepers(self) -> frozenset[str]:
        """Ids of the people who keep reports."""
        return frozenset(p.person for p in self.directory.posts if p.role in KEEPERS)

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
        return [r for r in rows if self.reports or not tells(r["role"], r["name"])]

    def hides_item(self, row: Any) -> bool:
        return not self.reports and tells(row.role, row.name)

    def shown_items(self) -> sa.ColumnElement[bool]:
        """The condition on `work_items` rows under which a list may speak of them."""
        i = t.work_items
        if self.reports:
            return sa.true()
        return sa.and_(i.c.role.not_in(KEEPERS), i.c.name.not_like(f"%{REPORT}%"))

    def deadlines(self, rows: Iterable[dict[str, Any]], package: Package) -> list[dict[str, Any]]:
        """Armed timers, without those of steps that give a report away."""
        hidden = frozenset() if self.reports else telling(package)
        return [r for r in rows if r["element"] not in hidden]

    def incidents(self, rows: Iterable[dict[str, Any]], package: Package) -> list[dict[str, Any]]:
        """Open incidents; what failed inside is the office's to read."""
        hidden = frozenset() if self.reports else telling(package)
        shown = [
            r for r in rows if r["element"] not in hidden and (self.reports or REPORT not in r["message"])
        ]
        return shown if self.inner else [r | {"message": "自动步骤停在这里，由安委办处理。"} for r in shown]

    def fact(
        self,
        row: dict[str, Any],
        steps: frozenset[str] = frozenset(),
        came: frozenset[int] = frozenset(),
    ) -> dict[str, Any] | None:
        """A line of the history; None when it is not this person's to read. `steps`: elements that came to its units; `came`: the
        items."""
        if row["kind"] == "HintJudged" and not self._reviewed(row):
            return None
        if self.reports and self.inner:
            return row
        if not self.reports and (
            row["technical"]  # how the diagram was walked names every flow and clock on the way
            or row["role"] in KEEPERS
            or REPORT in row["sentence"]
            or row["data"].get("role") in KEEPERS
            or (row["kind"] in _TALK and not self.keepers.isdisjoint(_named_in(row["data"])))
            or any(REPORT in str(row["data"].get(key, "")) for key in _WRITTEN)  # a sentence is cut short
        ):
            return None
        if row["kind"] in _ENDS_MET:  # who could see the other case is no business of towns and enterprises
            row = row | {"data": {}}
        own = row["unit"] in self.units
        if not self.inner and not own and self._addressed(row, came):
            return row | {"data": self.text(row["data"])}
        if not self.inner and not own:
            if row["technical"] or row["kind"] in INNER:
                return None
            to_them = row["data"].get("to") in steps  # 退回 to their own step: they must know why
            said = row["sentence"] if to_them else _REASON.sub("", row["sentence"])
            return row | {"data": {}, "sentence": said}
        return row | {
            "data": {} if row["kind"] == "CaseStarted" and not self.reports else self.text(row["data"])
        }

    def _reviewed(self, row: dict[str, Any]) -> bool:
        """Whether a word on a hint at a false fix is for this person: the office's and auditors', and who gave it. Never for who
        handed the picture in."""
        units = self.directory.units
        kinds = {units[u].kind for u in self.units if u in units}
        return row["data"]["by"] != self.person and (
            bool(kinds & {OFFICE, AUDITOR}) or row["person"] == self.person
        )

    def _addressed(self, row: dict[str, Any], came: frozenset[int]) -> bool:
        """Whether others meant it for this person or its units: a comment with @, a copy, the urging of a step of theirs."""
        data = row["data"]
        if row["kind"] == "WorkItemUrged":
            return data["id"] in came
        to_them = data.get("person") == self.person or data.get("unit") in self.units
        return (row["kind"] == "CaseCopied" and to_them) or self.person in data.get("mentions", ())

    def facts(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Lines of the history."""
        told = list(rows)
        came = frozenset(
            x["data"]["id"] for x in told if x["kind"] in _CAME and x["data"]["unit"] in self.units
        )
        offered = (x["data"] for x in told if x["kind"] == "WorkItemOffered")
        steps = frozenset(d["element"] for d in offered if d["id"] in came)
        return [shown for row in told if (shown := self.fact(row, steps, came)) is not None]

    def targets(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Steps an item may be returned to, without the keepers' steps: neither as targets nor among what is withdrawn."""
        if self.reports:
            return rows
        return [
            r
            | {
                "withdraws": [w for w in r["withdraws"] if not tells(w["role"], w["step"])],
                "repeats": [name for name in r["repeats"] if REPORT not in name],
            }
            for r in rows
            if REPORT not in r["name"]
        ]

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
        return [
            self.uploaded({k: v for k, v in r.items() if k != "origin"})  # of the case; it says who reported
            for r in rows
            if self.file(r["uploaded_by"], r.get("unit") or "", r.get("role") or "", r.get("step") or "")
            and not (r.get("merged") and self.hides_joined(r["origin"]))
        ]

    def hides_joined(self, origin: str) -> bool:
        """Whether what came with a merged case stays there: it was begun by a report, of which this person must not know."""
        return not self.reports and REPORTED in origin

    def copies(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Who got copies 抄送: for enterprises their own, and nobody learns of the keepers."""
        return [
            r if self.reports else self._read_by_others(r)
            for r in rows
            if (self.inner or r["person"] == self.person or r["unit"] in self.units)
            and (
                self.reports
                or (
                    r["role"] not in KEEPERS
                    and REPORT not in r["note"]
                    and self.keepers.isdisjoint((r["person"], r["sent_by"]))
                )
            )
        ]

    def _read_by_others(self, row: dict[str, Any]) -> dict[str, Any]:
        """A copy's row, without the keepers among those who have read it."""
        readers = [p for p in row["readers"] if p not in self.keepers]
        return row | {"readers": readers, "read_by": "" if row["read_by"] in self.keepers else row["read_by"]}

    def uploaded(self, row: dict[str, Any]) -> dict[str, Any]:
        """A file's row, without the keeper's name, which would say that somebody reported."""
        return row | {"uploaded_by": ""} if not self.reports and row["uploaded_by"] in self.keepers else row

    def file(self, uploaded_by: str, unit: str, role: str, step: str) -> bool:
        """Whether a file may be read: by who uploaded it and the unit, role and name of the step it came with."""
        if not self.reports and tells(role, step):
            return False
        return self.inner or uploaded_by == self.person or unit in self.units

    def explanation(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        """What the case waits for."""
        told = rows if self.reports else [r for r in rows if REPORT not in r["text"]]
        return told if self.inner else [r | {"text": _FAILURE.sub("出现异常（", r["text"])} for r in told]

    def marks(self, found: dict[str, dict[str, Any]], package: Package) -> dict[str, dict[str, Any]]:
        """Marks of the diagram, without the start the case came in by and the keepers' steps."""
        if self.reports:
            return found
        hidden = telling(package)
        return {
            key: {
                name: {k: n for k, n in part.items() if k not in hidden}
                if isinstance(part, dict)
                else [e for e in part if e not in hidden]
                for name, part in marks.items()
            }
            for key, marks in found.items()
        }


def _named_in(data: Mapping[str, Any]) -> Iterable[str]:
    """People whom a line of people's talk names."""
    return (data.get("person", ""), *data.get("mentions", ()))


def telling(package: Package) -> frozenset[str]:
    """Ids of the elements by which a diagram gives a report away: the start a case came in by, what is called after a
    report, the keepers' steps, and whatever is drawn in them or hangs on them."""
    found: set[str] = set()
    for process in package.processes.values():
        drawn = process.elements.values()
        found |= {
            e.id for e in drawn if e.kind == Kind.START or REPORT in e.name or not KEEPERS.isdisjoint(e.roles)
        }
        while more := {e.id for e in drawn if (e.scope in found or e.attached_to in found)} - found:
            found |= more
    return frozenset(found)


def of(who: Who) -> Discretion:
    """What `who` may read, by all of the person's posts."""
    directory = the_directory()
    units = directory.units
    kinds = {units[u].kind for u in who.units if u in units}
    return Discretion(
        reports=knows(who.posts, directory),
        inner=bool(kinds - {ENTERPRISE}),
        units=frozenset(who.units),
        person=who.person,
        directory=directory,
    )

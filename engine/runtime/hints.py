"""Hints at false fixes 疑似虚假整改提示: rows about pictures, for reviewers only. Nothing is decided by them and no rule reads them.

What is noticed: a picture like one of another case (`duplicate`), or of another step of the same case (`unchanged`: the
“after” is the “before”), one taken before the order (`older`), one taken far from the site (`far`).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from engine.clock import SHANGHAI
from engine.definitions.model import Package
from engine.handlers.setting import HintInfo
from engine.runtime.evidence_rules import EvidenceRules
from engine.store.raw import Line
from engine.store.tables import files, hints, work_items

ORDER = "evidence_order"
"""The package's parameter: the variable that holds the day of the order 督办日期."""

PLACE = "evidence_place"
"""The package's parameter: variables that may hold the site's coordinates 现场坐标, the first that does counts."""

EARTH = 6_371_000
"""Metres of the earth's radius."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing noticed, not yet kept. `file` is the picture it is about, `other` the one that it is like."""

    kind: str
    case: str
    file: str
    said: str
    other: str = ""
    other_case: str = ""

    def row(self, now: datetime) -> dict[str, Any]:
        """The row to insert once: its id is the same however often it is noticed."""
        named = hashlib.sha256(f"{self.kind}\n{self.file}\n{self.other}".encode()).hexdigest()
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"id": named[:32], "made_at": now, **said}


def alike(later: Any, earlier: Any, percent: int, how: str, rules: EvidenceRules) -> Hint | None:
    """The hint that two pictures alike give, if they are enough so: rows of `files`, with `step` the name of the step they came
    with. `how`: what was done to one of them ("" nothing)."""
    if later.case != earlier.case:
        if percent < rules.similar_percent:
            return None
        said = f"“{later.name}”与另一案件的一张照片{how}相同（相似度 {percent}%）。"
        return Hint("duplicate", later.case, later.id, said, earlier.id, earlier.case)
    if later.item == earlier.item or percent < rules.unchanged_percent:
        return None
    step = f"“{earlier.step}”" if earlier.step else "登记时"
    said = f"“{later.name}”与本案{step}的“{earlier.name}”{how}相同（相似度 {percent}%），整改前后可能用了同一张照片。"
    return Hint("unchanged", later.case, later.id, said, earlier.id, earlier.case)


def of_shot(
    file: Any, began: datetime, values: Mapping[str, Any], package: Package, rules: EvidenceRules
) -> Iterator[Hint]:
    """What a picture's own time and place give. `file` is a row of `files` with `offered_at` of its step (None: it came with
    none), `began` when the case began, `values` its variables."""
    order = _order(file, began, values, package)
    if (
        file.taken_at is not None
        and order is not None
        and file.taken_at < order - timedelta(hours=rules.older_hours)
    ):
        said = f"“{file.name}”拍摄于 {_day(file.taken_at)}，早于督办日期 {_day(order)}。"
        yield Hint("older", file.case, file.id, said)
    place = next((p for name in _named(package, PLACE) if (p := coordinates(values.get(name)))), None)
    if place is not None and file.latitude is not None and file.longitude is not None:
        metres = distance((file.latitude / 1e6, file.longitude / 1e6), place)
        if metres > rules.far_metres:
            said = f"“{file.name}”的拍摄地点离现场约 {metres / 1000:.1f} 公里。"
            yield Hint("far", file.case, file.id, said)


def _order(file: Any, began: datetime, values: Mapping[str, Any], package: Package) -> datetime | None:
    """The instant a picture of this step may not be older than: the order's, if the step came after it; else the case's
    beginning. None for what came with the registration."""
    came = file.offered_at or file.uploaded_at
    for name in _named(package, ORDER):
        day = values.get(name)
        if isinstance(day, str):
            try:
                day = date.fromisoformat(day[:10])
            except ValueError:
                continue
        if isinstance(day, datetime):
            day = day.astimezone(SHANGHAI).date()
        if isinstance(day, date):
            order = datetime.combine(day, time(), SHANGHAI).astimezone(UTC)
            if came >= order:
                return order
    return began if file.offered_at is not None else None


def _named(package: Package, parameter: str) -> list[str]:
    found = package.parameters.get(parameter)
    value = found.value if found is not None else []
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _day(instant: datetime) -> str:
    return f"{instant.astimezone(SHANGHAI):%Y-%m-%d}"


_NUMBER = re.compile(
    r"(\d{1,3}(?:\.\d+)?)(?:\s*[°度]\s*(?:(\d{1,2}(?:\.\d+)?)\s*[′'分]\s*(?:(\d{1,2}(?:\.\d+)?)\s*[″\"秒])?)?)?"
)


def coordinates(text: Any) -> tuple[float, float] | None:
    """Degrees north and east in a text, in either order, decimal or with minutes and seconds; None where there are none in China."""
    if not isinstance(text, str):
        return None
    found = [
        sum(float(part or 0) / 60**n for n, part in enumerate(m.groups()))
        for m in _NUMBER.finditer(text[:500])
        if "." in m[0] or m[2]
    ]
    for first, second in zip(found, found[1:], strict=False):
        for north, east in ((first, second), (second, first)):
            if 15 <= north <= 55 and 70 <= east <= 140:
                return north, east
    return None


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres between two places on a sphere."""
    north, east, far_north, far_east = map(math.radians, (*one, *other))
    part = math.sin((far_north - north) / 2) ** 2
    part += math.cos(north) * math.cos(far_north) * math.sin((far_east - east) / 2) ** 2
    return 2 * EARTH * math.asin(math.sqrt(min(part, 1.0)))


# -- reading -----------------------------------------------------------------------------------------------


def info(connection: sa.Connection | Line, id_: str) -> HintInfo | None:
    """What decides who may say something of a hint; None when there is none of this id."""
    if isinstance(connection, Line):
        found = connection.execute(_ONE, (id_,))
    else:
        found = connection.execute(_one, {"b_id": id_}).first()
    return None if found is None else HintInfo(*found)


def of_case(connection: sa.Connection, case: str, only: Iterable[str] | None = None) -> list[Any]:
    """The hints of a case with `uploaded_by`, `name` and `unit` of their picture's step, newest first; `only`: these files'."""
    query = _whole.where(hints.c.case == case)
    if only is not None:
        query = query.where(hints.c.file.in_(list(only)))
    return list(connection.execute(query.order_by(hints.c.made_at.desc(), hints.c.id)).all())


_from = hints.join(files, files.c.id == hints.c.file).outerjoin(
    work_items, sa.and_(work_items.c.case == files.c.case, work_items.c.item == files.c.item)
)
_unit = sa.func.coalesce(work_items.c.unit, "").label("unit")
_whole = sa.select(hints, files.c.uploaded_by, files.c.name, files.c.item, _unit).select_from(_from)
_one = (
    sa.select(
        hints.c.id,
        hints.c.case,
        hints.c.file,
        hints.c.said,
        hints.c.verdict,
        hints.c.reason,
        files.c.uploaded_by,
        _unit,
    )
    .select_from(_from)
    .where(hints.c.id == sa.bindparam("b_id"))
)
_ONE = """SELECT h.id, h."case", h.file, h.said, h.verdict, h.reason, f.uploaded_by, coalesce(w.unit, '')
FROM hints h JOIN files f ON f.id = h.file LEFT JOIN work_items w ON w."case" = f."case" AND w.item = f.item WHERE h.id = $1"""


picture_rows = sa.select(files, work_items.c.name.label("step"), work_items.c.offered_at).outerjoin(
    work_items, sa.and_(work_items.c.case == files.c.case, work_items.c.item == files.c.item)
)
"""A picture's file with the step it came with, as it is looked at and compared."""

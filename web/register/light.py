"""The lights 红黄绿灯 of cases that run: from the case's own limit, the working days left of it, and the ladder's rung.

How many days and which rungs are the package's parameters (`light_yellow_days`, `light_yellow_rung`, `light_red_rung`), which
the office edits; the newest version's count for every case. A package without them knows red for what is past its limit, and green.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from engine.calendar import Moment
from engine.clock import SHANGHAI
from engine.definitions.model import Package
from engine.errors import CalendarUnknown
from engine.store.tables import cases

RED, YELLOW, GREEN = "red", "yellow", "green"

LIGHTS = {RED: "红灯", YELLOW: "黄灯", GREEN: "绿灯"}

NO_RUNG = 1000
"""Higher than any rung: the light of a package that does not say at which rung it changes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When cases of one package are red or yellow. `soon`: the last day of a limit that counts as near."""

    today: date
    soon: date
    yellow_rung: int
    red_rung: int

    def of(self, row: Mapping[str, Any]) -> str:
        """The light of a row of `cases`; "" for one that is closed, suspended, or has neither limit nor rung."""
        limit, rung = row["deadline"], row["rung"]
        if row["state"] != "open" or row["closed_on"] is not None or (limit is None and not rung):
            return ""
        if (limit is not None and limit < self.today) or rung >= self.red_rung:
            return RED
        if (limit is not None and limit <= self.soon) or rung >= self.yellow_rung:
            return YELLOW
        return GREEN

    def condition(self, light: str) -> sa.ColumnElement[bool]:
        """The same of rows in the database."""
        k = cases.c
        shown = sa.and_(k.state == "open", k.closed_on.is_(None), sa.or_(k.deadline.is_not(None), k.rung > 0))
        red = sa.or_(_by(k.deadline < self.today), k.rung >= self.red_rung)
        near = sa.or_(_by(k.deadline <= self.soon), k.rung >= self.yellow_rung)
        asked = {RED: red, YELLOW: sa.and_(~red, near), GREEN: sa.and_(~red, ~near)}
        return sa.and_(shown, asked[light])


def _by(compared: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """What is compared with a limit that is not there is false, also when it is negated."""
    return sa.func.coalesce(compared, sa.false(), type_=sa.Boolean())


def rule_of(package: Package, moment: Moment) -> Rule:
    """The package's rule today. Where the calendar of the next days is not confirmed, days are counted as they come."""
    today = moment.now.astimezone(SHANGHAI).date()
    days = _whole(package, "light_yellow_days", 0)
    try:
        soon = moment.calendar.workdays(today, days).astimezone(SHANGHAI).date() if days else today
    except CalendarUnknown:
        soon = today + timedelta(days=days)
    if not days:
        soon = today - timedelta(days=1)
    return Rule(
        today,
        soon,
        _whole(package, "light_yellow_rung", NO_RUNG),
        _whole(package, "light_red_rung", NO_RUNG),
    )


def rules_of(packages: Iterable[Package], moment: Moment) -> dict[str, Rule]:
    """The rules by the packages' keys."""
    return {package.key: rule_of(package, moment) for package in packages}


def condition(light: str, rules: Mapping[str, Rule]) -> sa.ColumnElement[bool]:
    """Cases of any package that have this light."""
    if light not in LIGHTS:
        return sa.false()
    ways = [sa.and_(cases.c.package_key == key, rule.condition(light)) for key, rule in rules.items()]
    return sa.or_(sa.false(), *ways)


def rung_name(package: Package | None, rung: int) -> str:
    """What the office calls a rung 督促函、通报、约谈、曝光; "" for none."""
    if rung <= 0:
        return ""
    names = package.register.get("rungs", ()) if package is not None else ()
    return str(names[rung]) if rung < len(names) else f"第 {rung} 级"


def _whole(package: Package, key: str, otherwise: int) -> int:
    parameter = package.parameters.get(key)
    value = parameter.value if parameter is not None else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise

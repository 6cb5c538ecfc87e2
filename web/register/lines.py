"""One line of the list 清单 a case: its light, its rung, what is left of its limit, and the columns somebody chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.calendar import Moment
from engine.definitions.model import Package
from web import present
from web.register import light


def lines(
    rows: Iterable[dict[str, Any]], packages: Sequence[Package], moment: Moment
) -> list[dict[str, Any]]:
    """Rows of the register with what the page adds to them."""
    rules = light.rules_of(packages, moment)
    known = {p.key: p for p in packages}
    return [_line(row, known.get(row["package_key"]), rules.get(row["package_key"]), moment) for row in rows]


def _line(
    row: dict[str, Any], package: Package | None, rule: light.Rule | None, moment: Moment
) -> dict[str, Any]:
    shown = rule.of(row) if rule is not None else ""
    running = row["state"] in ("open", "suspended") and row["closed_on"] is None
    due = present.end_of_day(row["deadline"]) if row["deadline"] is not None and running else None
    left = present.left(due, moment.now, moment.calendar) if due is not None else None
    return row | {
        "light": shown,
        "light_name": light.LIGHTS[shown][:1] if shown else _without_light(row),
        "rung_name": light.rung_name(package, row["rung"]),
        "left": left,
    }


def _without_light(row: Mapping[str, Any]) -> str:
    if row["closed_on"] is not None:
        return "销号"
    return {
        "open": "未定期限",
        "suspended": "挂起",
        "completed": "办结",
        "cancelled": "作废",
        "merged": "并案",
    }[row["state"]]

"""What people fill in: the package's own default answers (scenarios/defaults.yaml), with this day's dates and a real photo."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

PACKAGE = "major_hazard_supervision"
DEFAULTS = Path(__file__).parents[2] / "processes" / PACKAGE / "scenarios" / "defaults.yaml"
FILE_ENDINGS = (".jpg", ".jpeg", ".png", ".pdf")
# Days from today, for the dates of the defaults that must lie ahead of the day the test runs on.
AHEAD = {"整改期限": 30, "时限要求": 25, "预计完成": 25, "完成日": 15, "节点日期": 20}


def answers(form: str, today: date, photo: Path, **changed: Any) -> dict[str, Any]:
    """The default answers to `form` with `changed` on top; None leaves a field alone."""
    values = {key: _as_filled_in(key, value, today, photo) for key, value in _known().get(form, {}).items()}
    values.update(changed)
    return {key: value for key, value in values.items() if value is not None}


@lru_cache(maxsize=1)
def _known() -> dict[str, Any]:
    known: dict[str, Any] = yaml.safe_load(DEFAULTS.read_text("utf-8"))
    return known


def _as_filled_in(key: str, value: Any, today: date, photo: Path) -> Any:
    if isinstance(value, date):
        return (today + timedelta(days=AHEAD.get(key, 0))).isoformat()
    if (
        isinstance(value, list)
        and value
        and all(isinstance(v, str) and v.endswith(FILE_ENDINGS) for v in value)
    ):
        return [photo for _ in value]
    if isinstance(value, list):
        return [_as_filled_in(key, v, today, photo) for v in value]
    if isinstance(value, Mapping):
        return {k: _as_filled_in(k, v, today, photo) for k, v in value.items()}
    return value

"""The register's columns on the page 台账列: those that always stand there, the official ones, and which of them a person wants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
import sqlalchemy as sa

from engine.definitions.model import Package
from engine.errors import InputInvalid
from engine.runtime.engine import Engine
from engine.store import settings
from web import present
from web.register.queries import columns_of

BASE = {
    "party": "企业",
    "sector": "行业",
    "region": "属地",
    "status": "状态",
    "holders": "谁在办",
    "deadline": "期限",
    "supervisor": "督办部门",
    "started_at": "立案",
    "closed_on": "销号",
}
"""Columns that every process has; light, rung, number and name stand before them."""

USUAL = ("party", "sector", "region", "status", "holders", "deadline")
"""What somebody sees who has chosen nothing."""

_TWICE = ("party", "sector", "region", "deadline", "supervisor", "closed")
"""What a package's register says these are is a column of `BASE` already."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column one may choose. `holds` says whether ids of `people` or `units` stand in it; "" neither."""

    key: str
    title: str
    official: bool = False
    holds: str = ""


def offered(packages: Iterable[Package]) -> list[Column]:
    """All columns of these packages: first those that every process has."""
    found = {key: Column(key, title) for key, title in BASE.items()}
    for package in packages:
        there = {str(package.register.get(part, "")) for part in _TWICE}
        holding = present.chosen_of_directory(package.forms.values())
        for key, title in columns_of(package.register):
            if key not in there:
                found.setdefault(key, Column(key, title, True, holding.get(key, "")))
    return list(found.values())


def chosen(c: sa.Connection, person: str, every: Sequence[Column]) -> list[Column]:
    """The columns a person sees, in the order in which they are offered."""
    kept = settings.get(c, [_key(person)]).get(_key(person))
    keys = set(orjson.loads(kept)) if kept else set(USUAL)
    return [column for column in every if column.key in keys] or [x for x in every if x.key in USUAL]


def choose(engine: Engine, person: str, keys: Sequence[str], every: Sequence[Column]) -> list[str]:
    """Keep what a person wants to see; nothing: the usual columns again. Raises `InputInvalid` for a column there is not."""
    known = [column.key for column in every]
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise InputInvalid(f"台账没有“{unknown[0][:40]}”这一列，请刷新页面后重选。", field="columns")
    kept = [key for key in known if key in set(keys)]
    with engine.database.write() as c:
        settings.put(c, _key(person), orjson.dumps(kept).decode() if kept else "")
    return kept or list(USUAL)


def _key(person: str) -> str:
    """Ids of people have 40 characters at most, keys of settings 60."""
    return f"register_columns/{person}"

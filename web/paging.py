"""Pages of long lists by keyset 分页: `after` is the last row's sort key, opaque to the caller. Never an offset."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from engine.errors import InputInvalid

LARGEST = 200
FAR = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for "no instant" in ordered keys, so that rows without a limit come last."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the key to ask for the next ones with ("" when there are none)."""

    rows: list[dict[str, Any]]
    next: str

    def data(self) -> dict[str, Any]:
        """As the API answers."""
        return {"items": self.rows, "next": self.next}


def encode(key: Sequence[Any]) -> str:
    """A row's sort key as an opaque text."""
    plain = [k.isoformat() if isinstance(k, datetime) else k for k in key]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).decode().rstrip("=")


def decode(after: str, kinds: Sequence[type]) -> list[Any]:
    """The inverse; `InputInvalid` for anything we did not write ourselves."""
    try:
        raw = orjson.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        if not isinstance(raw, list) or len(raw) != len(kinds):
            raise ValueError
        found: list[Any] = []
        for kind, value in zip(kinds, raw, strict=True):
            if kind is datetime:
                instant = datetime.fromisoformat(value)
                if instant.tzinfo is None:
                    raise ValueError
                found.append(instant)
            elif type(value) is kind:
                found.append(value)
            else:
                raise ValueError
        return found
    except (ValueError, TypeError, binascii.Error):
        raise InputInvalid("翻页标记无效，请从第一页重新查询。") from None


def beyond(
    columns: Sequence[sa.ColumnElement[Any]], key: Sequence[Any], *, descending: bool = False
) -> sa.ColumnElement[bool]:
    """The condition "after this key" in the columns' lexicographic order, as one comparison of rows: an index whose
    columns end with these is entered at the key."""
    here = sa.tuple_(*columns)
    there = sa.tuple_(*(sa.literal(k, c.type) for c, k in zip(columns, key, strict=True)))
    return here < there if descending else here > there


def paged(
    c: sa.Connection,
    statement: sa.Select[Any],
    columns: tuple[sa.ColumnElement[Any], ...],
    key_of: Callable[[Any], Sequence[Any]],
    row_of: Callable[[Any], dict[str, Any]],
    *,
    kinds: Sequence[type],
    after: str = "",
    limit: int = 50,
    descending: bool = False,
    bound: Mapping[str, Any] | None = None,
) -> Page:
    """Run `statement` ordered by `columns`, from `after` on, at most `limit` rows. `bound` are the values of its parameters;
    a statement that is always the same object is made into a page's once."""
    limit = max(1, min(limit, LARGEST))
    values = {**(bound or {}), "b_count": limit + 1}
    if after:
        values |= {f"b_after_{n}": part for n, part in enumerate(decode(after, kinds))}
    rows = c.execute(_ordered(statement, columns, descending, bool(after)), values).all()
    more = len(rows) > limit
    rows = rows[:limit]
    return Page([row_of(r) for r in rows], encode(key_of(rows[-1])) if more else "")


@lru_cache(maxsize=128)
def _ordered(
    statement: sa.Select[Any], columns: tuple[sa.ColumnElement[Any], ...], descending: bool, later: bool
) -> sa.Select[Any]:
    """A page of `statement`: the first one, or a later one that begins after a key."""
    if later:
        here = sa.tuple_(*columns)
        key = sa.tuple_(*(sa.bindparam(f"b_after_{n}", type_=c.type) for n, c in enumerate(columns)))
        statement = statement.where(here < key if descending else here > key)
    order = [column.desc() if descending else column.asc() for column in columns]
    return statement.order_by(*order).limit(sa.bindparam("b_count", type_=sa.Integer()))

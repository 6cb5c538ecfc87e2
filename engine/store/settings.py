"""Settings kept in the database 系统设置: small texts by key. Version counters tell caches when to read anew."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from engine.store.tables import settings

_some = sa.select(settings.c.key, settings.c.value).where(
    settings.c.key.in_(sa.bindparam("keys", expanding=True))
)
_put = postgresql.insert(settings)  # in words that SQLite shares
_put = _put.on_conflict_do_update(index_elements=[settings.c.key], set_={"value": _put.excluded.value})


def get(connection: sa.Connection, keys: Sequence[str]) -> dict[str, str]:
    """The values of those of `keys` that are set."""
    return {row.key: row.value for row in connection.execute(_some, {"keys": list(keys)})}


def put(connection: sa.Connection, key: str, value: str) -> None:
    """Set a key, new or not, in the caller's writing transaction."""
    connection.execute(_put, {"key": key, "value": value})


def bump(connection: sa.Connection, key: str) -> int:
    """Count a version counter up and return it."""
    value = int(get(connection, [key]).get(key, "0")) + 1
    put(connection, key, str(value))
    return value

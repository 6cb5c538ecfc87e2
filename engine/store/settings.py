"""Settings kept in the database 系统设置: small texts by key. Version counters tell caches when to read anew."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from engine.store.tables import settings

_some = sa.select(settings.c.key, settings.c.value).where(
    settings.c.key.in_(sa.bindparam("keys", expanding=True))
)
_update = (
    sa.update(settings).where(settings.c.key == sa.bindparam("b_key")).values(value=sa.bindparam("v_value"))
)
_insert = sa.insert(settings)


def get(connection: sa.Connection, keys: Sequence[str]) -> dict[str, str]:
    """The values of those of `keys` that are set."""
    return {row.key: row.value for row in connection.execute(_some, {"keys": list(keys)})}


def put(connection: sa.Connection, key: str, value: str) -> None:
    """Set a key, new or not, in the caller's writing transaction."""
    if connection.execute(_update, {"b_key": key, "v_value": value}).rowcount == 0:
        connection.execute(_insert, [{"key": key, "value": value}])


def bump(connection: sa.Connection, key: str) -> int:
    """Count a version counter up and return it."""
    value = int(get(connection, [key]).get(key, "0")) + 1
    put(connection, key, str(value))
    return value

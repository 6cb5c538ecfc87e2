"""Changes of rows 行的增改删: gathered by a batch of facts, written in few statements that are made once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


class Rows:
    """New rows and changes of rows of one table, keyed by the small id inside the case."""

    def __init__(self, table: sa.Table, key: str) -> None:
        self.table, self.key = table, key
        self.new: dict[int, dict[str, Any]] = {}
        self.changed: dict[int, dict[str, Any]] = {}
        self.gone: set[int] = set()

    def add(self, id_: int, **values: Any) -> None:
        """A new row, with all its columns."""
        self.new[id_] = values

    def change(self, id_: int, **values: Any) -> None:
        """Some columns of a row, new or there before."""
        if id_ in self.new:
            self.new[id_].update(values)
        else:
            self.changed.setdefault(id_, {}).update(values)

    def drop(self, id_: int) -> None:
        """The row goes; one that is new is never written."""
        self.changed.pop(id_, None)
        if self.new.pop(id_, None) is None:
            self.gone.add(id_)

    def write(self, connection: sa.Connection, case: str) -> None:
        """Write everything gathered: what goes, what changes, what is new."""
        if self.gone:
            connection.execute(
                _delete(self.table, self.key), [{"b_case": case, "b_id": i} for i in sorted(self.gone)]
            )
        for columns, rows in _by_columns(self.changed):
            statement = _update(self.table, self.key, columns)
            connection.execute(
                statement,
                [{"b_case": case, "b_id": i, **{f"v_{k}": v for k, v in row.items()}} for i, row in rows],
            )
        if self.new:
            connection.execute(
                insert(self.table), [{"case": case, self.key: i, **row} for i, row in self.new.items()]
            )


@lru_cache(maxsize=64)
def insert(table: sa.Table) -> sa.Insert:
    """The table's insert statement."""
    return sa.insert(table)


@lru_cache(maxsize=64)
def insert_once(table: sa.Table) -> sa.Insert:
    """Inserts a row unless one of its key is there. PostgreSQL's words for it, which SQLite shares."""
    return postgresql.insert(table).on_conflict_do_nothing()


@lru_cache(maxsize=512)
def _update(table: sa.Table, key: str, columns: tuple[str, ...]) -> sa.Update:
    statement = sa.update(table).where(table.c.case == sa.bindparam("b_case"))
    statement = statement.where(table.c[key] == sa.bindparam("b_id"))
    return statement.values({c: sa.bindparam(f"v_{c}") for c in columns})


@lru_cache(maxsize=64)
def _delete(table: sa.Table, key: str) -> sa.Delete:
    return sa.delete(table).where(
        table.c.case == sa.bindparam("b_case"), table.c[key] == sa.bindparam("b_id")
    )


def _by_columns(
    rows: Mapping[int, dict[str, Any]],
) -> list[tuple[tuple[str, ...], list[tuple[int, dict[str, Any]]]]]:
    """Rows grouped by the set of columns they change: one statement a group."""
    groups: dict[tuple[str, ...], list[tuple[int, dict[str, Any]]]] = {}
    for id_, row in rows.items():
        groups.setdefault(tuple(sorted(row)), []).append((id_, row))
    return list(groups.items())

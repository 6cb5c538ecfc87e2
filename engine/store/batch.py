"""A batch of row changes 一批改动: gathered while facts are read, then written in one go.

Changes of one row meet in the batch: a row that is new and changed is written once, one that is new and gone not at all.
Tables that others refer to come first.
PostgreSQL gets everything as one statement, a chain of data-modifying CTEs in one round trip, whose text depends on the
kinds and numbers of the changes only, so that the server has it prepared; SQLite, where a statement costs no round trip,
gets one for each kind of change. Nothing here begins or ends a transaction.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from engine.store import raw
from engine.store.tables import metadata

Key = tuple[Any, ...]
"""A row's primary key, in the order of the table's key columns."""

Row = dict[str, Any]

SPELLED_OUT = 32
"""Rows of one kind of change that are spelled out in the text of the statement; more travel as one JSON text, so that large
batches share one statement, and cost the client an eighth of what arrays do."""


@dataclass(slots=True)
class _Changes:
    """What happens to one table."""

    new: dict[Key, Row] = field(default_factory=dict)
    once: list[Row] = field(default_factory=list)
    changed: dict[Key, Row] = field(default_factory=dict)
    gone: dict[Key, None] = field(default_factory=dict)


class Batch:
    """Row changes of one transaction. `many`: of many commands at once, so that their numbers vary from batch to batch; then
    all rows travel as JSON and the statement's text depends on the kinds of changes only."""

    def __init__(self, *, many: bool = False) -> None:
        self.spelled_out = 0 if many else SPELLED_OUT
        self._tables: dict[sa.Table, _Changes] = {}

    def _of(self, table: sa.Table) -> _Changes:
        found = self._tables.get(table)
        if found is None:
            found = self._tables[table] = _Changes()
        return found

    def insert(self, table: sa.Table, key: Key, row: Row) -> None:
        """A new row under `key`. `row` holds its other columns, all of them that have no default of the database's."""
        self._of(table).new[key] = row

    def insert_once(self, table: sa.Table, row: Row) -> None:
        """A new row, unless one like it (by a unique column) is there."""
        self._of(table).once.append(row)

    def change(self, table: sa.Table, key: Key, **values: Any) -> None:
        """Some columns of a row, new or there before."""
        changes = self._of(table)
        present = changes.new.get(key) or changes.changed.get(key)
        if present is None:
            changes.changed[key] = values
        else:
            present.update(values)

    def expect(self, table: sa.Table, key: Key, column: str, value: int) -> None:
        """A row that is changed must hold this in `column`, which is changed, too, and takes no NULL: otherwise the write fails
        with `sa.exc.IntegrityError`, wholly. So a statement alone does what a lock would."""
        row = self._of(table).changed.get(key)
        if row is not None:
            row[WAS + column] = value

    def delete(self, table: sa.Table, key: Key) -> None:
        """The row goes; one that is new is never written."""
        changes = self._of(table)
        changes.changed.pop(key, None)
        if changes.new.pop(key, None) is None:
            changes.gone[key] = None

    def pending(self, table: sa.Table, key: Key) -> Row:
        """What the batch says of a row so far; empty when nothing."""
        changes = self._tables.get(table)
        return (changes.new.get(key) or changes.changed.get(key) or {}) if changes is not None else {}

    def write(self, connection: sa.Connection | raw.Line) -> None:
        """Write everything, in the caller's transaction, and be empty again."""
        touched = sorted(self._tables, key=_order().__getitem__)
        groups = [group for table in touched for group in _groups(table, self._tables[table])]
        self._tables = {}
        if not groups:
            return
        if isinstance(connection, raw.Line) or connection.dialect.name == "postgresql":
            shape = tuple(
                (g.kind, g.table, g.columns, len(g.rows) if len(g.rows) <= self.spelled_out else 0)
                for g in groups
            )
            raw.execute(connection, _one_statement(shape), _parameters(groups, self.spelled_out))
        else:
            for group in groups:
                connection.execute(
                    _core(group.kind, group.table, group.columns),
                    [dict(zip(group.columns, row, strict=True)) for row in group.rows],
                )


# -- groups ------------------------------------------------------------------------------------------------

DELETE, UPDATE, INSERT, ONCE = "delete", "update", "insert", "once"
KEY, WAS = "key ", "was "
"""Before the name of a column by which a row is found, or whose old value is expected, to tell it from one that is set."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Changes that one statement can make: same table, same kind, same columns. `rows` hold values in their order."""

    kind: str
    table: sa.Table
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def _groups(table: sa.Table, changes: _Changes) -> list[_Group]:
    names = key_columns(table)
    by_key = tuple(KEY + name for name in names)
    groups: list[_Group] = []
    if changes.gone:
        groups.append(_Group(DELETE, table, by_key, list(changes.gone)))
    for columns, rows in _alike(changes.changed.items()):
        groups.append(_Group(UPDATE, table, by_key + columns, rows))
    for columns, rows in _alike(changes.new.items()):
        groups.append(_Group(INSERT, table, names + columns, rows))
    for columns, rows in _alike(((), row) for row in changes.once):
        groups.append(_Group(ONCE, table, columns, rows))
    return groups


def _alike(rows: Iterable[tuple[Key, Row]]) -> Iterable[tuple[tuple[str, ...], list[tuple[Any, ...]]]]:
    """Rows grouped by the columns they have, each as its key and its values."""
    found: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for key, row in rows:
        found.setdefault(tuple(row), []).append((*key, *row.values()))
    return found.items()


@lru_cache(maxsize=1)
def _order() -> dict[sa.Table, int]:
    return {table: n for n, table in enumerate(metadata.sorted_tables)}


@lru_cache(maxsize=64)
def key_columns(table: sa.Table) -> tuple[str, ...]:
    """The names of a table's key columns, in order."""
    return tuple(column.name for column in table.primary_key.columns)


# -- SQLite: one statement a group -------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _core(kind: str, table: sa.Table, columns: tuple[str, ...]) -> Any:
    if kind == INSERT:
        return sa.insert(table)
    if kind == ONCE:
        return insert_once(table)
    where = [
        table.c[c.removeprefix(KEY)] == sa.bindparam(c, type_=table.c[c.removeprefix(KEY)].type)
        for c in columns
        if c.startswith(KEY)
    ]
    if kind == DELETE:
        return sa.delete(table).where(*where)
    named: dict[str, sa.ColumnElement[Any]] = {
        c: sa.bindparam(c, type_=table.c[c].type) for c in columns if not c.startswith((KEY, WAS))
    }
    for c in (c.removeprefix(WAS) for c in columns if c.startswith(WAS)):
        named[c] = sa.case((table.c[c] == sa.bindparam(WAS + c), named[c]))
    return sa.update(table).where(*where).values(named)


@lru_cache(maxsize=64)
def insert_once(table: sa.Table) -> sa.Insert:
    """Inserts a row unless one of its key is there. PostgreSQL's words for it, which SQLite shares."""
    return postgresql.insert(table).on_conflict_do_nothing()


# -- PostgreSQL: one statement a batch ---------------------------------------------------------------------

_Shape = tuple[tuple[str, sa.Table, tuple[str, ...], int], ...]


@lru_cache(maxsize=4096)
def _one_statement(shape: _Shape) -> str:
    """The text for changes of this shape. The server runs such a chain from its end, so the first comes last in it: rows are
    met in the order of the tables, the case before what belongs to it, by everybody (`again` says why). References are
    checked at the statement's end."""
    count = itertools.count(1)
    first, *others = [_part(*group, count) for group in shape]
    chain = ", ".join(f"w{n} AS ({part})" for n, part in enumerate(reversed(others)))
    return f"WITH {chain} {first}" if chain else first


def _part(kind: str, table: sa.Table, columns: tuple[str, ...], count: int, numbers: Iterator[int]) -> str:
    types = [_type(table.c[c.removeprefix(KEY).removeprefix(WAS)]) for c in columns]
    quoted = [f'"{c.removeprefix(KEY)}"' for c in columns]
    rows = _rows(quoted, types, count, numbers)
    source = f"({rows}) AS v({', '.join(quoted)})"
    if kind in (INSERT, ONCE):
        what = f'INSERT INTO "{table.name}" ({", ".join(quoted)}) {rows}'
        return what + (" ON CONFLICT DO NOTHING" if kind == ONCE else "")
    by_key = [f't."{c.removeprefix(KEY)}" = v."{c.removeprefix(KEY)}"' for c in columns if c.startswith(KEY)]
    where = " AND ".join(by_key)
    if kind == DELETE:
        return f'DELETE FROM "{table.name}" AS t USING {source} WHERE {where}'
    new = {c: f'v."{c}"' for c in columns if not c.startswith((KEY, WAS))}
    for c in (c.removeprefix(WAS) for c in columns if c.startswith(WAS)):
        new[c] = f'CASE WHEN t."{c}" = v."{WAS}{c}" THEN {new[c]} END'
    sets = ", ".join(f'"{c}" = {value}' for c, value in new.items())
    return f'UPDATE "{table.name}" AS t SET {sets} FROM {source} WHERE {where}'


def _rows(quoted: Sequence[str], types: Sequence[str], count: int, numbers: Iterator[int]) -> str:
    """The rows: so many spelled out, or (0) any number read from one JSON text."""
    if count == 0:
        columns = ", ".join(f"{name} {type_}" for name, type_ in zip(quoted, types, strict=True))
        return f"SELECT * FROM json_to_recordset(${next(numbers)}::json) AS r({columns})"
    rows = (f"({', '.join(f'${next(numbers)}::{t}' for t in types)})" for _ in range(count))
    return "VALUES " + ", ".join(rows)


def _parameters(groups: Sequence[_Group], spelled_out: int) -> tuple[Any, ...]:
    values: list[Any] = []
    for group in groups:
        if len(group.rows) > spelled_out:
            names = [c.removeprefix(KEY) for c in group.columns]
            rows = [dict(zip(names, row, strict=True)) for row in group.rows]
            values.append(orjson.dumps(rows, default=_hexadecimal).decode())
        else:
            for row in group.rows:
                values.extend(row)
    return tuple(values)


def _hexadecimal(value: object) -> str:
    """Bytes as PostgreSQL reads them from a text."""
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(f"no column holds a {type(value).__name__}")


_TYPES: tuple[tuple[type[sa.types.TypeEngine[Any]], str], ...] = (
    (sa.BigInteger, "bigint"),
    (sa.Integer, "integer"),
    (sa.Boolean, "boolean"),
    (sa.LargeBinary, "bytea"),
    (sa.Date, "date"),
)


def _type(column: sa.Column[Any]) -> str:
    """The server's name for a column's type. Text without its length: a cast would cut what is too long, in silence."""
    for kind, name in _TYPES:
        if isinstance(column.type, kind):
            return name
    return "text" if isinstance(column.type, sa.String) else "timestamptz"

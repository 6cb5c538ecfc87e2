"""Tables as lines 表的导出与装入: one form for both stores, so that a copy can be read, verified and loaded without the store
it came from. A table is a file of JSON arrays, one a row, ordered by the primary key; bytes are base64, instants and dates ISO
text in UTC, everything else as JSON has it.

Tables are found in the database itself, not in this program's definitions: a copy can be made before an upgrade.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import sqlalchemy as sa

VERSION_TABLE = "alembic_version"
"""Kept apart: a copy says its revision itself."""

MADE_AGAIN = ("case_words",)
"""Tables that the database itself makes of the others, by triggers: no copy holds them."""

TOGETHER = 2000


@dataclass(frozen=True, slots=True)
class Shape:
    """A table's name, its columns in order, and those that hold bytes or truths."""

    name: str
    columns: tuple[str, ...]
    bytes: tuple[str, ...]
    truths: tuple[str, ...]
    key: tuple[str, ...]


def reflected(connection: sa.Connection) -> sa.MetaData:
    """The tables as they are in the database. A partitioned table counts once."""
    found = sa.MetaData()
    names = set(sa.inspect(connection).get_table_names()) - {VERSION_TABLE}
    if connection.dialect.name == "postgresql":
        parts = connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relispartition")
        names -= set(parts.scalars())
    found.reflect(connection, only=sorted(names))
    return found


def shapes(connection: sa.Connection) -> list[tuple[Shape, str]]:
    """Every table, but those in `MADE_AGAIN`, those first that others refer to, each with the query that gives its rows in order."""
    kept = (t for t in reflected(connection).sorted_tables if t.name not in MADE_AGAIN)
    return [(_shape(table), _query(connection, table)) for table in kept]


def of_cases(
    connection: sa.Connection, ids: Sequence[str], leave: Collection[str]
) -> list[tuple[Shape, Iterator[bytes]]]:
    """The rows that belong to these cases: of `cases` itself and of every table with a column `case`, but those in `leave`."""
    found = []
    for table in reflected(connection).sorted_tables:
        column = "id" if table.name == "cases" else "case"
        if column not in table.columns or table.name in (*leave, *MADE_AGAIN):
            continue
        asked: tuple[Any, ...]
        if connection.dialect.name == "postgresql":
            where, asked = f" WHERE {_q(column)} = ANY(%s)", (list(ids),)
        else:
            where = f" WHERE {_q(column)} IN (SELECT value FROM json_each(?))"
            asked = (orjson.dumps(list(ids)).decode(),)
        shape = _shape(table)
        found.append((shape, lines(connection, shape, _query(connection, table, where), asked)))
    return found


def _shape(table: sa.Table) -> Shape:
    return Shape(
        str(table.name),  # reflection gives a kind of its own
        tuple(str(c.name) for c in table.columns),
        tuple(str(c.name) for c in table.columns if isinstance(c.type, sa.LargeBinary)),
        tuple(str(c.name) for c in table.columns if isinstance(c.type, sa.Boolean)),
        tuple(str(c.name) for c in table.primary_key.columns),
    )


def _query(connection: sa.Connection, table: sa.Table, where: str = "") -> str:
    """PostgreSQL writes instants as SQLite keeps them, and kinds that JSON does not have as text."""
    asked = []
    for column in table.columns:
        name, kind = _q(column.name), column.type
        if connection.dialect.name != "postgresql":
            asked.append(name)
        elif isinstance(kind, sa.DateTime):
            asked.append(f"to_char(timezone('UTC', {name}), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')")
        elif isinstance(kind, sa.Integer | sa.Boolean | sa.LargeBinary | sa.String):
            asked.append(name)
        else:
            asked.append(f"CAST({name} AS text)")
    return f"SELECT {', '.join(asked)} FROM {_q(table.name)}{where} ORDER BY {_list(table.primary_key.columns.keys())}"


def lines(
    connection: sa.Connection, shape: Shape, query: str, asked: tuple[Any, ...] = ()
) -> Iterator[bytes]:
    """The table's rows, streamed in the connection's consistent view."""
    at_bytes = [n for n, c in enumerate(shape.columns) if c in shape.bytes]
    at_truths = [n for n, c in enumerate(shape.columns) if c in shape.truths]
    with connection.exec_driver_sql(
        query, asked or None, execution_options={"yield_per": TOGETHER}
    ) as result:
        for row in result:
            cells = list(row)
            for n in at_bytes:
                if cells[n] is not None:
                    cells[n] = base64.b64encode(cells[n]).decode()
            for n in at_truths:
                if cells[n] is not None:
                    cells[n] = bool(cells[n])
            yield orjson.dumps(cells) + b"\n"


def cells_of(line: bytes, shape: Shape) -> list[Any]:
    """A line's values, bytes as bytes."""
    cells: list[Any] = orjson.loads(line)
    for n, column in enumerate(shape.columns):
        if column in shape.bytes and cells[n] is not None:
            cells[n] = base64.b64decode(cells[n])
    return cells


def load(connection: sa.Connection, shape: Shape, rows: Iterable[list[Any]]) -> int:
    """Put rows into an empty table of the same columns, in the caller's transaction. Returns how many."""
    cursor: Any = connection.connection.cursor()
    done, waiting = 0, iter(rows)
    if connection.dialect.name != "postgresql":
        marks = ", ".join("?" for _ in shape.columns)
        statement = f"INSERT INTO {_q(shape.name)} ({_list(shape.columns)}) VALUES ({marks})"
        while part := list(islice(waiting, TOGETHER)):
            cursor.executemany(statement, part)
            done += len(part)
        return done
    with cursor.copy(f"COPY {_q(shape.name)} ({_list(shape.columns)}) FROM STDIN") as copy:
        for row in waiting:
            copy.write_row(row)
            done += 1
    _count_on(connection, shape)
    return done


def _count_on(connection: sa.Connection, shape: Shape) -> None:
    """PostgreSQL's own counters of ids go on after the highest that was loaded."""
    for column in shape.key:
        named = {"t": _q(shape.name), "c": column}
        counter = connection.execute(sa.text("SELECT pg_get_serial_sequence(:t, :c)"), named).scalar()
        if counter is not None:
            highest = f"(SELECT max({_q(column)}) FROM {_q(shape.name)})"
            connection.execute(
                sa.text(f"SELECT setval(:s, coalesce({highest}, 1), {highest} IS NOT NULL)"), {"s": counter}
            )


def empty(connection: sa.Connection) -> bool:
    """Whether no table holds a row (or there is none)."""
    return all(
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is None
        for table in reflected(connection).sorted_tables
    )


def drop_all(connection: sa.Connection) -> None:
    """Take every table away, with what lies in it, in the caller's transaction."""
    reflected(connection).drop_all(connection)
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {VERSION_TABLE}")


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _list(names: Iterable[str]) -> str:
    return ", ".join(_q(name) for name in names)

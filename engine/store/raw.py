"""Statements in PostgreSQL's own words ($1, $2, …), for the few that every command needs.

The driver sends them as they are, where it would read through a long text for places to fill each time, and their row comes
as the driver reads it, without what SQLAlchemy learns about the columns of a result. Everything else is SQLAlchemy's: the
connection and its transaction, its errors, and whoever listens to statements. Only a `Line` has nothing but the pool and the
errors of it: around two statements of 12 µs each it would cost a hundred.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

_MARK = "duban_raw"
"""Execution option of such statements: a list that takes their first row."""


class Line:
    """A connection out of the pool on which every statement is a transaction by itself."""

    def __init__(self, engine: sa.Engine) -> None:
        """Raises what `engine.connect()` does."""
        self.dialect = engine.dialect
        try:
            self._held = engine.raw_connection()
        except psycopg.Error as error:
            raise self._as_sqlalchemy_says("", error, lost=False) from error

    def execute(self, statement: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
        """Send a statement and give its first row. Raises `sa.exc.DBAPIError`s as a `sa.Connection` does."""
        try:
            return _first_row(self._held, statement, parameters)
        except psycopg.Error as error:
            lost = self.dialect.is_disconnect(error, self._held.dbapi_connection, None)  # type: ignore[arg-type]
            if lost:
                self._held.invalidate(error)
            raise self._as_sqlalchemy_says(statement, error, lost=lost) from error

    def _as_sqlalchemy_says(self, statement: str, error: psycopg.Error, *, lost: bool) -> BaseException:
        return sa.exc.DBAPIError.instance(
            statement,
            (),
            error,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=self.dialect,
        )

    def close(self) -> None:
        self._held.close()


class Query:
    """A select whose first row every request asks for: its text is made once. `columns` of the row are given as the driver
    reads them: texts, numbers and truths, no instants."""

    def __init__(self, select: sa.Select[Any]) -> None:
        self.select = select
        compiled = select.compile(dialect=_DIALECT)
        self.text = str(compiled)
        self._given = [(name, compiled.params[name]) for name in compiled.positiontup or ()]
        self._row = namedtuple("Row", [column.name for column in select.selected_columns])  # type: ignore[misc]

    def first(self, line: Line, parameters: Mapping[str, Any]) -> Any:
        found = line.execute(self.text, [parameters.get(name, value) for name, value in self._given])
        return None if found is None else self._row(*found)


_DIALECT = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


def execute(
    connection: sa.Connection | Line, statement: str, parameters: Sequence[Any]
) -> tuple[Any, ...] | None:
    """Send a statement and give its first row, None when it has none."""
    if isinstance(connection, Line):
        return connection.execute(statement, parameters)
    rows: list[tuple[Any, ...]] = []
    connection.exec_driver_sql(statement, tuple(parameters), execution_options={_MARK: rows})
    return rows[0] if rows else None


def listen(engine: sa.Engine) -> None:
    """Make `execute` work on the connections of this engine (PostgreSQL, psycopg)."""
    sa.event.listen(engine, "do_execute", _execute)


def _execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    rows = context.execution_options.get(_MARK)
    if rows is None:
        return False
    row = _first_row(context.root_connection.connection, statement, parameters)
    if row is not None:
        rows.append(row)
    return True


def _first_row(held: Any, statement: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
    """`held`: a connection of the pool. Its cursor for such statements is kept as long as it lives there."""
    cursor = held.info.get(_MARK)
    if cursor is None:
        cursor = held.info[_MARK] = psycopg.RawCursor(held.dbapi_connection)
    cursor.execute(statement, parameters)
    return cursor.fetchone() if cursor.pgresult.ntuples else None

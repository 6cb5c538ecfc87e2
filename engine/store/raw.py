"""Statements in PostgreSQL's own words ($1, $2, …), for the few that every command needs.

The driver sends them as they are, where it would read through a long text for places to fill each time, and their row comes
as the driver reads it, without what SQLAlchemy learns about the columns of a result. Everything else is SQLAlchemy's: the
connection and its transaction, its errors, and whoever listens to statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import sqlalchemy as sa

_MARK = "duban_raw"
"""Execution option of such statements: a list that takes their first row."""


def execute(connection: sa.Connection, statement: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
    """Send a statement and give its first row, None when it has none."""
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
    with psycopg.RawCursor(cursor.connection) as raw:
        raw.execute(statement, parameters)
        row = raw.fetchone() if raw.description is not None else None
        if row is not None:
            rows.append(row)
    return True

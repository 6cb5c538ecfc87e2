"""Tables that only grow 只增不改: triggers refuse UPDATE, DELETE and (where there is such a thing) TRUNCATE on them.

They stop accidents and programs with the application's rights; whoever owns the tables can take triggers away, and then the
checkpoints kept elsewhere tell. `grants` says which rights a role of the application's own needs that is not the owner.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

TABLES = ("facts", "office_facts", "leaves", "tiles", "checkpoints")
"""What only grows."""

_FUNCTION = """
CREATE OR REPLACE FUNCTION duban_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% 只能追加，不能 %', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$
"""


def guard(connection: sa.Connection) -> None:
    """Put the triggers on, in the caller's transaction. The tables have none yet."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_FUNCTION.replace("%", "%%"))
    for table in TABLES:
        for name, when in _triggers(connection, table):
            connection.exec_driver_sql(f"CREATE TRIGGER {name} {when}")


def unguard(connection: sa.Connection) -> None:
    """Take the triggers away; only the tables' owner can."""
    for table in TABLES:
        for name, _ in _triggers(connection, table):
            where = f" ON {table}" if connection.dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{where}")


@contextmanager
def lifted(connection: sa.Connection) -> Iterator[None]:
    """For the length of the block, inside the caller's transaction, the tables can be changed (archiving, restoring)."""
    unguard(connection)
    yield
    guard(connection)


def _triggers(connection: sa.Connection, table: str) -> list[tuple[str, str]]:
    """(name, the rest of its CREATE TRIGGER)."""
    if connection.dialect.name == "postgresql":
        run = "EXECUTE FUNCTION duban_append_only()"
        return [
            (f"{table}_append_only", f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {run}"),
            (f"{table}_no_truncate", f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {run}"),
        ]
    return [
        (
            f"{table}_no_{event}",
            f"BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, '{table} 只能追加，不能 {event}'); END",
        )
        for event in ("UPDATE", "DELETE")
    ]


def grants(connection: sa.Connection, role: str) -> list[str]:
    """PostgreSQL's statements that give a role what the application needs and no more: on the tables that only grow INSERT and
    SELECT, of the migrations' number SELECT. The role itself is made by the administrator."""
    found = sa.inspect(connection)
    name = _quoted(role)
    said = [f"GRANT USAGE ON SCHEMA public TO {name}", f"REVOKE CREATE ON SCHEMA public FROM {name}"]
    for table in sorted(found.get_table_names()):
        rights = "SELECT, INSERT" if table in TABLES else "SELECT, INSERT, UPDATE, DELETE"
        rights = "SELECT" if table == "alembic_version" else rights
        said += [
            f"REVOKE ALL ON {_quoted(table)} FROM {name}",
            f"GRANT {rights} ON {_quoted(table)} TO {name}",
        ]
    return said + [
        f"GRANT USAGE ON SEQUENCE {_quoted(s)} TO {name}" for s in sorted(found.get_sequence_names())
    ]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

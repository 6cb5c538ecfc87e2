"""Tables that only grow 只增不改: triggers refuse UPDATE, DELETE and (where there is such a thing) TRUNCATE on them. The migrations make them.

They stop accidents and programs with the application's rights; whoever owns the tables can take triggers away, and then the
checkpoints kept elsewhere tell. `grants` says which rights a role of the application's own needs that is not the owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

TABLES = ("facts", "office_facts", "leaves", "tiles", "checkpoints", "archived")
"""What only grows."""


@contextmanager
def lifted(connection: sa.Connection, tables: Sequence[str] = TABLES) -> Iterator[None]:
    """For the length of the block, inside the caller's transaction, these tables can be changed. Only their owner can do so;
    on PostgreSQL other writers of them wait until the transaction ends, readers do not."""
    unguard(connection, tables)
    yield
    for table in tables:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        else:
            for name, when in _triggers(table):
                connection.exec_driver_sql(f"CREATE TRIGGER {name} {when}")


def unguard(connection: sa.Connection, tables: Sequence[str] = TABLES) -> None:
    """Switch the triggers off, in the caller's transaction."""
    for table in tables:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        else:
            for name, _ in _triggers(table):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")


def _triggers(table: str) -> list[tuple[str, str]]:
    """SQLite's: (name, the rest of its CREATE TRIGGER), as the migrations made them."""
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
    parts = set(connection.execute(_PARTITIONS).scalars())  # reached through the table they are parts of only
    said += [f"REVOKE ALL ON {_quoted(part)} FROM {name}" for part in sorted(parts)]
    for table in sorted(set(found.get_table_names()) - parts):
        rights = "SELECT, INSERT" if table in TABLES else "SELECT, INSERT, UPDATE, DELETE"
        rights = "SELECT" if table == "alembic_version" else rights
        said += [
            f"REVOKE ALL ON {_quoted(table)} FROM {name}",
            f"GRANT {rights} ON {_quoted(table)} TO {name}",
        ]
    return said + [
        f"GRANT USAGE ON SEQUENCE {_quoted(s)} TO {name}" for s in sorted(found.get_sequence_names())
    ]


_PARTITIONS = sa.text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

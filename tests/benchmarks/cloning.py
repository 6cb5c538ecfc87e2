"""Many cases out of one 案件的复制: a real case, as the engine left it, copied row by row under other ids by one statement a table.

Copies can be worked on like any case. Their chains do not verify (a hash names its case); `chains` makes some that do.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from engine.audit import chain

TABLES = ("cases", "facts", "commands", "snapshots", "work_items", "deadlines", "subscriptions")
INSTANT = 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'


def clone(
    dsn: str,
    case: str,
    count: int,
    prefix: str,
    *,
    due: str = "",
    without: tuple[str, ...] = (),
    settled: bool = True,
) -> None:
    """Copy `case` to the ids `prefix`1 … `prefix``count`, in the tables but `without`.

    `due` is SQL for the instant at which the deadlines of copy `n` are due, in the deadlines table and in the snapshot. `settled`:
    `settle` afterwards.
    """
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        # References are right by construction; checking each row would be most of the time.
        connection.execute("SET LOCAL session_replication_role = replica")
        armed = connection.execute(
            sql.SQL('SELECT to_char(due, {}) FROM deadlines WHERE "case" = {}').format(INSTANT, case)
        ).fetchone()
        for table in TABLES:
            if table not in without:
                connection.execute(_copied(connection, table, case, count, prefix, due, armed))
    if settled:
        settle(dsn)


def settle(dsn: str) -> None:
    """Vacuum and write everything out, so that it does not happen while something is measured."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _copied(
    connection: psycopg.Connection[Any],
    table: str,
    case: str,
    count: int,
    prefix: str,
    due: str,
    armed: tuple[str] | None,
) -> sql.Composed:
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'",
        [table],
    ).fetchall()
    key = "id" if table == "cases" else "case"
    new = sql.SQL("{} || n").format(prefix)
    values: dict[str, sql.Composable] = {name: sql.Identifier("t", name) for (name,) in found}
    values[key] = new
    if table == "commands":
        values["id"] = sql.SQL("{} || n || '/' || t.id").format(prefix)
    if due and armed and table == "deadlines":
        values["due"] = sql.SQL(due)  # type: ignore[arg-type]
    if due and armed and table == "snapshots":
        values["state"] = sql.SQL(
            "convert_to(replace(convert_from(t.state, 'UTF8'), {}, to_char({}, {})), 'UTF8')"
        ).format(armed[0], sql.SQL(due), INSTANT)  # type: ignore[arg-type]
    return sql.SQL(
        "INSERT INTO {} ({}) SELECT {} FROM {} t, generate_series(1, {}) n WHERE t.{} = {}"
    ).format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(values.values()),
        sql.Identifier(table),
        count,
        sql.Identifier(key),
        case,
    )


def chains(dsn: str, case: str, count: int, prefix: str) -> int:
    """Copies whose facts are chained anew under their own ids, so that they verify. Returns the number of their facts."""
    clone(dsn, case, count, prefix, without=("facts", "work_items", "deadlines", "subscriptions"))
    digest = chain.hash_function("sha256")
    with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as connection:
        facts = connection.execute('SELECT * FROM facts WHERE "case" = %s ORDER BY seq', [case]).fetchall()
        columns = list(facts[0])
        heads = []
        into = sql.SQL("COPY facts ({}) FROM STDIN").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
        with connection.cursor().copy(into) as copy:
            for number in range(1, count + 1):
                id_, head = f"{prefix}{number}", chain.START
                for fact in facts:
                    at = chain.instant_text(fact["at"])
                    words = (
                        fact["kind"],
                        fact["person"],
                        fact["person_name"],
                        fact["unit"],
                        fact["role"],
                        fact["command"],
                    )
                    head = chain.link(digest, head, id_, fact["seq"], at, *words, fact["data"])
                    copy.write_row([{**fact, "case": id_, "hash": head}[column] for column in columns])
                heads.append((id_, head))
        connection.execute("CREATE TEMPORARY TABLE heads (id text PRIMARY KEY, head bytea) ON COMMIT DROP")
        with connection.cursor().copy("COPY heads FROM STDIN") as copy:
            for row in heads:
                copy.write_row(row)
        connection.execute("UPDATE cases c SET head = h.head FROM heads h WHERE h.id = c.id")
        connection.execute('UPDATE snapshots s SET head = h.head FROM heads h WHERE h.id = s."case"')
    return count * len(facts)

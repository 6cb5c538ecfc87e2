"""The floor: the rows of a completion as bare SQL through the same driver, one SELECT and one statement of CTEs that takes
effect only where the case has not moved, as the product does it: two round trips. Nothing is decided, checked or hashed.

`SameRows` writes what the product writes into the product's own tables with all their indexes: three updates (case,
snapshot, item closed), one delete (deadline gone), four inserts (ten facts, item opened, deadline armed, receipt). The rows
are those of one real completion, read back from the database, with new keys.

`Lean` is the least that one could call a completion (2 UPDATE, 1 DELETE, 3 INSERT) in tables made for it: state in the
case's row, all facts of a completion as one row, no receipt, no projection for lists.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.benchmarks.ours import Competitor as Ours

HOURS = timedelta(hours=12)
PERSON = "anna"


class Competitor:
    """In a database that `ours.prepare` made."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        ours = Ours(dsn, folder)
        one = ours.session()
        case = one.start()
        with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as connection:
            self.start = Template(connection, case["case"], 0)
            one.complete(case)
            connection.rollback()
            self.step = Template(connection, case["case"], self.start.case["seq"])
        ours.engine.close()

    def session(self) -> Session:
        return Session(self.dsn, self.start, self.step)


class Template:
    """The rows of a case after one command, and the facts of that command."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]], case: str, before: int) -> None:
        def one(text: str) -> dict[str, Any]:
            row = connection.execute(text, [case]).fetchone()
            assert row is not None
            return row

        self.case = one("SELECT * FROM cases WHERE id = %s")
        self.snapshot = one('SELECT * FROM snapshots WHERE "case" = %s')
        self.item = one("""SELECT * FROM work_items WHERE "case" = %s AND state = 'open'""")
        self.deadline = one('SELECT * FROM deadlines WHERE "case" = %s')
        self.receipt = one('SELECT * FROM commands WHERE "case" = %s ORDER BY seq DESC LIMIT 1')
        self.facts = connection.execute(
            'SELECT * FROM facts WHERE "case" = %s AND seq > %s ORDER BY seq', [case, before]
        ).fetchall()
        self.data, self.hashes = [f["data"] for f in self.facts], [f["hash"] for f in self.facts]


class Session:
    """A case is its id, its number of facts, and the ids of its open item and deadline."""

    def __init__(self, dsn: str, start: Template, step: Template) -> None:
        self.connection = psycopg.connect(
            dsn, autocommit=True, prepare_threshold=2, options="-c timezone=UTC"
        )
        self.first, self.next = start, step
        made = [_insert("cases", start.case), _insert("snapshots", start.snapshot)]
        self.starting = self._statement(start, made)
        self.completing = self._statement(step, [sql.SQL(text) for text in _CHANGED])

    def _statement(self, template: Template, parts: list[sql.Composable]) -> bytes:
        """All that is written, as one statement. Columns are those that the tables have today; what is the same each time
        stands in the text, which the server has prepared."""
        inserts = [
            _insert("work_items", template.item),
            _insert("deadlines", template.deadline),
            _insert("commands", template.receipt),
        ]
        ctes = sql.SQL(", ").join(
            sql.SQL("w{} AS ({})").format(sql.SQL(str(n)), part) for n, part in enumerate([*parts, *inserts])
        )
        own = {"case": "%(case)s", "seq": "%(before)s + n", "at": "%(now)s", "command": "%(receipt)s"}
        values: dict[str, sql.Composable] = {
            column: sql.SQL(own.get(column, column))
            if column in own or column in _OF_FACT
            else sql.Literal(value)
            for column, value in template.facts[0].items()
        }
        last = sql.SQL(
            "INSERT INTO facts ({}) SELECT {} FROM unnest({}::text[], %(data)s::bytea[], %(hashes)s::bytea[])"
            " WITH ORDINALITY AS t(kind, data, hash, n)"
        ).format(
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(values.values()),
            sql.Literal([f["kind"] for f in template.facts]),
        )
        return sql.SQL("WITH {} {}").format(ctes, last).as_bytes(self.connection)

    def start(self) -> dict[str, Any]:
        case = {"case": secrets.token_hex(10), "seq": 0, "item": 0, "deadline": 0}
        self._write(self.starting, self.first, case)
        return case

    def complete(self, case: dict[str, Any]) -> None:
        self.connection.execute(_TAKE, [case["case"]]).fetchone()
        self._write(self.completing, self.next, case)

    def _write(self, statement: bytes, template: Template, case: dict[str, Any]) -> None:
        now = datetime.now(UTC)
        seq = case["seq"] + len(template.facts)
        item, deadline = case["item"] + 2, case["deadline"] + 2
        self.connection.execute(
            statement,
            {
                "case": case["case"], "before": case["seq"], "seq": seq, "now": now, "due": now + HOURS,
                "head": template.case["head"], "state": template.snapshot["state"], "receipt": secrets.token_hex(12),
                "closed": case["item"], "dropped": case["deadline"], "item": item, "deadline": deadline,
                "data": template.data, "hashes": template.hashes,
            },
        )  # fmt: skip
        case.update(seq=seq, item=item, deadline=deadline)


_TAKE = 'SELECT c.seq, c.head, s.state FROM cases c JOIN snapshots s ON s."case" = c.id WHERE c.id = %s'
_CHANGED = (
    "UPDATE cases SET seq = CASE WHEN seq = %(before)s THEN %(seq)s END, head = %(head)s, moved_at = %(now)s WHERE id = %(case)s",
    'UPDATE snapshots SET seq = %(seq)s, head = %(head)s, state = %(state)s WHERE "case" = %(case)s',
    "UPDATE work_items SET state = 'finished', person = 'anna', claimed_at = %(now)s, closed_at = %(now)s, closed_by = 'anna'"
    ' WHERE "case" = %(case)s AND item = %(closed)s',
    'DELETE FROM deadlines WHERE "case" = %(case)s AND deadline = %(dropped)s',
)
_OF_FACT = ("kind", "data", "hash")
_OWN: dict[str, dict[str, str]] = {
    "cases": {"id": "case", "seq": "seq", "head": "head", "started_at": "now", "moved_at": "now"},
    "snapshots": {"case": "case", "seq": "seq", "head": "head", "state": "state"},
    "work_items": {"case": "case", "item": "item", "offered_at": "now"},
    "deadlines": {"case": "case", "deadline": "deadline", "due": "due"},
    "commands": {"id": "receipt", "case": "case", "seq": "seq", "at": "now"},
}
"""Table → column → the parameter that gives its value; all other columns hold what they held in the template."""


def _insert(table: str, row: dict[str, Any]) -> sql.Composed:
    own = _OWN[table]
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(
            sql.Placeholder(own[column]) if column in own else sql.Literal(value)
            for column, value in row.items()
        ),
    )


class Lean:
    """In an empty database."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        with psycopg.connect(dsn) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(1)")  # two processes may come together
            connection.execute(_LEAN_TABLES)

    def session(self) -> LeanSession:
        return LeanSession(self.dsn)


_LEAN_TABLES = """
CREATE TABLE IF NOT EXISTS lean_case (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, seq int NOT NULL, state bytea NOT NULL,
    moved_at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS lean_item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "case" bigint NOT NULL, element text NOT NULL,
    unit text NOT NULL, due timestamptz, open boolean NOT NULL, closed_by text NOT NULL DEFAULT '', closed_at timestamptz);
CREATE INDEX IF NOT EXISTS lean_item_open ON lean_item (unit, due, id) WHERE open;
CREATE INDEX IF NOT EXISTS lean_item_case ON lean_item ("case") WHERE open;
CREATE TABLE IF NOT EXISTS lean_deadline (item bigint PRIMARY KEY, due timestamptz NOT NULL);
CREATE INDEX IF NOT EXISTS lean_deadline_due ON lean_deadline (due);
CREATE TABLE IF NOT EXISTS lean_fact ("case" bigint NOT NULL, seq int NOT NULL, at timestamptz NOT NULL, person text NOT NULL,
    data bytea NOT NULL, hash bytea NOT NULL, PRIMARY KEY ("case", seq));
"""
_LEAN_START = """
WITH c AS (INSERT INTO lean_case (seq, state, moved_at) VALUES (1, %(state)s, %(now)s) RETURNING id),
i AS (INSERT INTO lean_item ("case", element, unit, due, open) SELECT id, 'A', '能源局', %(due)s, true FROM c RETURNING id, "case"),
d AS (INSERT INTO lean_deadline SELECT id, %(due)s FROM i),
f AS (INSERT INTO lean_fact SELECT id, 1, %(now)s, %(who)s, %(data)s, %(hash)s FROM c)
SELECT "case", id FROM i
"""
_LEAN_COMPLETE = """
WITH c AS (UPDATE lean_case SET seq = CASE WHEN seq = %(seq)s - 1 THEN %(seq)s END, state = %(state)s, moved_at = %(now)s WHERE id = %(case)s),
o AS (UPDATE lean_item SET open = false, closed_by = %(who)s, closed_at = %(now)s WHERE id = %(item)s),
d AS (DELETE FROM lean_deadline WHERE item = %(item)s),
i AS (INSERT INTO lean_item ("case", element, unit, due, open) VALUES (%(case)s, 'B', '能源局', %(due)s, true) RETURNING id),
a AS (INSERT INTO lean_deadline SELECT id, %(due)s FROM i),
f AS (INSERT INTO lean_fact VALUES (%(case)s, %(seq)s, %(now)s, %(who)s, %(data)s, %(hash)s))
SELECT id FROM i
"""
_LEAN_TAKE = "SELECT seq, state FROM lean_case WHERE id = %s"


class LeanSession:
    """A case is its id and its open item's."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=2)
        self.state, self.data, self.hash = (
            secrets.token_bytes(650),
            secrets.token_bytes(980),
            secrets.token_bytes(32),
        )

    def _words(self) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "now": now, "due": now + HOURS, "who": PERSON, "state": self.state, "data": self.data, "hash": self.hash,
        }  # fmt: skip

    def start(self) -> dict[str, Any]:
        row = self.connection.execute(_LEAN_START, self._words()).fetchone()
        assert row is not None
        return {"case": row[0], "item": row[1]}

    def complete(self, case: dict[str, Any]) -> None:
        taken = self.connection.execute(_LEAN_TAKE, [case["case"]]).fetchone()
        assert taken is not None
        row = self.connection.execute(
            _LEAN_COMPLETE, {**self._words(), **case, "seq": taken[0] + 1}
        ).fetchone()
        assert row is not None
        case["item"] = row[0]

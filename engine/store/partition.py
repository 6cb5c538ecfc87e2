"""Facts by month 分区: an existing PostgreSQL database is prepared for many years of facts, without copying them.

Not the default: below some ten million facts a year it gives nothing and costs a little (docs/decisions.md). What is there becomes
one partition of the new table as it lies; months are made ahead, and what no month was made for goes to `facts_default` and stays there. The key of
a partitioned table must hold the column it is parted by, so it is (case, seq, at); that no number of a case comes twice is then kept
inside each partition by an index of its own, and over all of them by `cases.seq`, which is counted under the case's lock.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from engine.errors import InputInvalid

LOCK_SECONDS = 10
"""How long the change waits for whoever is writing facts before it gives up. [P]"""

MOST_MONTHS = 120

_TRIGGERS = sa.text(
    "SELECT tgname, pg_get_triggerdef(oid) AS made FROM pg_trigger WHERE tgrelid = 'facts'::regclass AND NOT tgisinternal"
)
_PARTITIONED = sa.text("SELECT relkind = 'p' FROM pg_class WHERE oid = 'facts'::regclass")
_NAMES = sa.text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'facts'::regclass")


def partition(connection: sa.Connection, months: int) -> list[str]:
    """Make `facts` a table by months if it is none, and the partitions of the next `months` months that are not there yet, in
    the caller's transaction. Returns the names of what was made; none when all is there. Only the tables' owner can do it.
    """
    if connection.dialect.name != "postgresql":
        raise InputInvalid(
            "SQLite 没有分区，也不需要：一个文件到几千万条事实仍可用。请在 PostgreSQL 上使用。"
        )
    if not 0 < months <= MOST_MONTHS:
        raise InputInvalid(f"提前建立的月数应在 1 到 {MOST_MONTHS} 之间。", field="months")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    made = [] if connection.execute(_PARTITIONED).scalar_one() else [_convert(connection)]
    there = set(connection.execute(_NAMES).scalars())
    month = _month(_latest(connection))
    for _ in range(months):
        month = _after(month)
        name = f"facts_{month:%Y_%m}"
        if name not in there:
            _create(connection, name, f"FOR VALUES FROM ('{month:%Y-%m-%d}') TO ('{_after(month):%Y-%m-%d}')")
            made.append(name)
    return made


def _convert(connection: sa.Connection) -> str:
    """The table as it is becomes the partition of everything before the next month. Returns its new name."""
    begin = _after(_month(_latest(connection)))
    old = f"facts_before_{begin:%Y_%m}"
    triggers = connection.execute(_TRIGGERS).all()
    for trigger in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {trigger.tgname} ON facts")
    for statement in (
        f"ALTER TABLE facts RENAME TO {old}",
        f"ALTER INDEX facts_by_person RENAME TO {old}_by_person",
        f"ALTER INDEX facts_by_time RENAME TO {old}_by_time",
        f"ALTER TABLE {old} DROP CONSTRAINT facts_pkey",
        f'CREATE UNIQUE INDEX {old}_once ON {old} ("case", seq)',
        f"CREATE TABLE facts (LIKE {old} INCLUDING DEFAULTS) PARTITION BY RANGE (at)",
        'ALTER TABLE facts ADD CONSTRAINT facts_pkey PRIMARY KEY ("case", seq, at)',
        'ALTER TABLE facts ADD CONSTRAINT facts_case_fkey FOREIGN KEY ("case") REFERENCES cases (id)',
        "CREATE INDEX facts_by_person ON facts (person, at)",
        "CREATE INDEX facts_by_time ON facts (at)",
        f"ALTER TABLE facts ATTACH PARTITION {old} FOR VALUES FROM (MINVALUE) TO ('{begin:%Y-%m-%d}')",
    ):
        connection.exec_driver_sql(statement)
    for trigger in triggers:
        connection.exec_driver_sql(trigger.made.replace("%", "%%"))
    _guard(connection, old)
    _create(connection, "facts_default", "DEFAULT")
    return old


def _create(connection: sa.Connection, name: str, holds: str) -> None:
    connection.exec_driver_sql(f"CREATE TABLE {name} PARTITION OF facts {holds}")
    connection.exec_driver_sql(f'CREATE UNIQUE INDEX {name}_once ON {name} ("case", seq)')
    _guard(connection, name)


def _guard(connection: sa.Connection, name: str) -> None:
    """Triggers on rows are inherited; those that refuse to empty a whole table are not."""
    for trigger in connection.execute(_TRIGGERS).all():
        if " FOR EACH STATEMENT " in trigger.made:
            connection.exec_driver_sql(trigger.made.replace("facts FOR EACH", f"{name} FOR EACH"))


def _latest(connection: sa.Connection) -> datetime:
    """Now, or the latest fact where a clock ran ahead."""
    found: datetime = connection.execute(
        sa.text("SELECT greatest(now(), (SELECT max(at) FROM facts))")
    ).scalar_one()
    return found.astimezone(UTC)


def _month(at: datetime) -> datetime:
    return datetime(at.year, at.month, 1, tzinfo=UTC)


def _after(month: datetime) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)

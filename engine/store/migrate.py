"""Bringing the tables up to this version of the program 升级数据库 (Alembic, configured here, without a file).

While machines are updated one after the other, programs of two versions work on one database (docs/migrations.md). So a
migration says which is the oldest program that its tables still serve (`serves`, a revision; its own where it says nothing), the
database remembers it, and a program that finds itself older than the database works on or refuses by that.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import sqlalchemy as sa

from engine.errors import InputInvalid
from engine.store import settings
from engine.store.database import Database, alone

log = logging.getLogger(__name__)

LOCK = 0x6475626D67  # "dubmg"
"""The number of the lock that one who migrates holds."""

SERVES = "oldest_program"
"""Key in the settings table: the revision of the oldest program that the tables serve."""

LOCK_SECONDS = 2
"""How long a migration waits for a table, and so how long it holds up those who come after it in the queue. [P]"""

ATTEMPTS, PAUSE_SECONDS = 60, 1.0
"""How often it tries, and how long it stays out of the way between. [P]"""

_LOCK_NOT_AVAILABLE = "55P03"

_FOLDER = Path(__file__).resolve().parents[2] / "migrations"


def _revisions() -> list[str]:
    """The revisions this program has, in their order: a migration's file begins with its revision, four digits."""
    return sorted(p.name[:4] for p in (_FOLDER / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


def revision_wanted() -> str:
    """The revision this program needs."""
    return _revisions()[-1]


def revision_in_force(database: Database) -> str:
    """The revision the database is at; "" for an empty database."""
    with database.read() as connection:
        return revision_of(connection)


def serves(database: Database) -> bool:
    """Whether this program may work on the tables as they are: they are its own, or newer and still serve it."""
    wanted = revision_wanted()
    with database.read() as connection:
        present = revision_of(connection)
        return present == wanted or (bool(present) and not knows(present) and _oldest(connection) <= wanted)


def upgrade(database: Database) -> str:
    """Run the missing migrations in one transaction and return the revision now in force.

    Two processes that start together wait for each other; the second finds nothing to do. A table that others hold is waited
    for briefly and again and again, so that nobody queues behind a migration for long. Tables that are newer than this
    program stay as they are; raises `InputInvalid` where they no longer serve it.
    """
    wanted = revision_wanted()
    present = revision_in_force(database)
    if present == wanted:
        return present
    if present and not knows(present):
        if serves(database):
            return present
        raise InputInvalid(
            f"数据库已升级到 {present}，本程序（{wanted}）过旧，不能再使用这个数据库。请更新程序后再启动。"
        )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _migrate(database)
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", "") != _LOCK_NOT_AVAILABLE or attempt == ATTEMPTS:
                raise
            log.warning("a table is in use; the migration is tried again (%d of %d)", attempt, ATTEMPTS)
            time.sleep(PAUSE_SECONDS)
        else:
            break
    return wanted


def _migrate(database: Database) -> None:
    with database.write() as connection:
        alone(connection, LOCK)
        if not database.is_sqlite:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        upgrade_in(connection)


def upgrade_in(connection: sa.Connection, revision: str = "head") -> None:
    """Bring the tables to a revision in the caller's transaction; at the newest they say which programs they serve."""
    # Only here: a large library that a program whose tables are up to date does not load.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    if revision == "head":
        head = ScriptDirectory.from_config(config).get_revision("head")
        settings.put(connection, SERVES, getattr(head.module, "serves", head.revision))


def knows(revision: str) -> bool:
    """Whether this program has the migrations up to a revision."""
    return revision in _revisions()


def revision_of(connection: sa.Connection) -> str:
    """The revision that the caller's transaction sees in force; "" for an empty database."""
    if not sa.inspect(connection).has_table(_version.name):
        return ""
    return connection.execute(sa.select(_version.c.version_num)).scalar() or ""


_version = sa.table("alembic_version", sa.column("version_num", sa.String()))
"""Alembic's own table: one row, the revision in force."""


def _oldest(connection: sa.Connection) -> str:
    """The revision of the oldest program that the tables serve; revisions are numbers of four digits, and sort as such."""
    return settings.get(connection, [SERVES]).get(SERVES, "9999")

"""Bringing the tables up to this version of the program 升级数据库 (Alembic, configured here, without a file)."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from engine.store.database import Database

_FOLDER = Path(__file__).resolve().parents[2] / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def revision_wanted() -> str:
    """The revision this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def revision_in_force(database: Database) -> str:
    """The revision the database is at; "" for an empty database."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def upgrade(database: Database) -> str:
    """Run the missing migrations in one transaction and return the revision now in force.

    Two processes that start together wait for each other; the second finds nothing to do.
    """
    wanted = revision_wanted()
    if revision_in_force(database) != wanted:
        with database.write() as connection:
            upgrade_in(connection)
    return wanted


def upgrade_in(connection: sa.Connection, revision: str = "head") -> None:
    """Bring the tables to a revision in the caller's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def knows(revision: str) -> bool:
    """Whether this program has the migrations up to a revision."""
    return any(one.revision == revision for one in ScriptDirectory.from_config(_config()).walk_revisions())

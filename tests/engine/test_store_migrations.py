"""Migrations make exactly the tables that the program speaks of."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from engine.errors import InputInvalid
from engine.store import migrate, settings
from engine.store.database import open_database
from engine.store.tables import metadata
from tests import stores

ONLY_IN_POSTGRESQL = {"case_words_pairs"}
"""An index over a function that SQLite does not have; `tests/web/test_register.py` sees that it is used."""


@stores.on_both
def test_migrations_and_tables_agree(tmp_path: Path) -> None:
    database = stores.closing(open_database(stores.url_in(tmp_path)))
    assert migrate.revision_in_force(database) == ""
    assert migrate.upgrade(database) == migrate.revision_wanted() == migrate.revision_in_force(database)
    with database.read() as connection:
        shared = {"include_object": lambda _, name, *more: name not in ONLY_IN_POSTGRESQL}
        assert compare_metadata(MigrationContext.configure(connection, opts=shared), metadata) == []


def test_partial_indexes_are_partial(tmp_path: Path) -> None:
    """Alembic does not compare the conditions of indexes; the worklist lives by them."""
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    migrate.upgrade(database)
    with database.read() as connection:
        rows = connection.execute(
            sa.text("select name, sql from sqlite_master where type = 'index' and sql is not null")
        )
        made = {row.name: row.sql for row in rows}
    for table in metadata.tables.values():
        for index in table.indexes:
            condition = index.dialect_options["sqlite"]["where"]
            assert (" WHERE " in made[str(index.name)]) == (condition is not None), index.name


@stores.on_both
def test_two_processes_may_start_together(tmp_path: Path) -> None:
    url = stores.url_in(tmp_path)
    errors: list[BaseException] = []

    def go() -> None:
        try:
            database = open_database(url)
            migrate.upgrade(database)
            database.close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_migrations_are_named_by_their_revisions_which_follow_each_other(tmp_path: Path) -> None:
    """The program knows its revisions by the files' names, without loading Alembic."""
    config = Config()
    config.set_main_option("script_location", str(migrate._FOLDER))
    config.set_main_option("path_separator", "os")
    there = list(ScriptDirectory.from_config(config).walk_revisions())
    assert [r.revision for r in reversed(there)] == migrate._revisions()
    assert [r.down_revision for r in reversed(there)] == [None, *migrate._revisions()[:-1]]


@stores.on_both
def test_newer_tables_serve_an_older_program_or_say_that_they_do_not(tmp_path: Path) -> None:
    database = stores.closing(open_database(stores.url_in(tmp_path)))
    wanted = migrate.upgrade(database)
    assert migrate.serves(database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9001'")
        settings.put(connection, migrate.SERVES, wanted)
    assert migrate.serves(database) and migrate.upgrade(database) == "9001"
    with database.write() as connection:
        settings.put(connection, migrate.SERVES, "9001")
    assert not migrate.serves(database)
    with pytest.raises(InputInvalid, match="过旧"):
        migrate.upgrade(database)


def test_durability_settings(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.write() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}

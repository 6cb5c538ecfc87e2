"""`duban db upgrade` 数据库: bring the tables to this version of the program."""

from __future__ import annotations

import argparse

from engine.runtime.settings import Settings
from engine.store import migrate
from engine.store.database import open_database


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("db", help="数据库", description="把数据库升级到本程序的版本。")
    actions = parser.add_subparsers(dest="action", required=True, metavar="操作")
    upgrade = actions.add_parser("upgrade", help="升级表结构")
    upgrade.set_defaults(run=run_upgrade)
    status = actions.add_parser("status", help="当前版本；需要升级时退出码为 1")
    status.set_defaults(run=run_status)


def run_upgrade(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    settings.data.mkdir(parents=True, exist_ok=True)
    database = open_database(settings.database)
    print(f"数据库版本：{migrate.upgrade(database)}")
    database.close()
    return 0


def run_status(args: argparse.Namespace) -> int:
    database = open_database(Settings.from_environment().database)
    present, wanted = migrate.revision_in_force(database), migrate.revision_wanted()
    database.close()
    print(f"数据库版本：{present or '（空）'}；程序需要：{wanted}")
    return 0 if present == wanted else 1

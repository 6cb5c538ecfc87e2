"""`duban db` 数据库: bring the tables to this version of the program; give the application's role its rights."""

from __future__ import annotations

import argparse

from engine.errors import InputInvalid
from engine.runtime.settings import Settings
from engine.store import append_only, migrate, partition
from engine.store.database import open_database


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "db", help="数据库", description="把数据库升级到本程序的版本，或给应用的角色授权。"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="操作")
    upgrade = actions.add_parser("upgrade", help="升级表结构")
    upgrade.set_defaults(run=run_upgrade)
    status = actions.add_parser("status", help="当前版本；需要升级时退出码为 1")
    status.set_defaults(run=run_status)
    roles = actions.add_parser(
        "roles", help="给应用的数据库角色授权（PostgreSQL）：事实、存证序列和检查点只能追加和读取"
    )
    roles.add_argument("role", help="角色名，由数据库管理员建好")
    roles.add_argument("--apply", action="store_true", help="立即执行；缺省只列出要执行的语句")
    roles.set_defaults(run=run_roles)
    parts = actions.add_parser(
        "partition", help="事实表按月分区（PostgreSQL，一年几千万条事实以上才需要）；再次执行则补建以后的月份"
    )
    parts.add_argument("--months", type=int, default=24, help="提前建立多少个月（缺省 24）")
    parts.set_defaults(run=run_partition)


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


def run_roles(args: argparse.Namespace) -> int:
    database = open_database(Settings.from_environment().database)
    if database.is_sqlite:
        raise InputInvalid("SQLite 没有角色。请用文件权限管住数据目录；只增不改由触发器保证。")
    with database.write() as connection:
        statements = append_only.grants(connection, args.role)
        for statement in statements if args.apply else ():
            connection.exec_driver_sql(statement)
    database.close()
    for statement in statements:
        print(f"{statement};")
    return 0


def run_partition(args: argparse.Namespace) -> int:
    database = open_database(Settings.from_environment().database)
    with database.write() as connection:
        made = partition.partition(connection, args.months)
    database.close()
    print("已建立分区：" + "、".join(made) if made else "以后各月的分区都已建好，没有要做的。")
    return 0

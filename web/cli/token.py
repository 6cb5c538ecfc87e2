"""`duban token` 令牌: personal tokens for the API (`Authorization: Bearer …`)."""

from __future__ import annotations

import argparse

import sqlalchemy as sa

from engine.runtime import accounts
from engine.store.tables import tokens
from web.cli.terminal import TERMINAL, line, opened, person_of, shown


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "token", help="接口令牌", description="接口的个人令牌（Authorization: Bearer …）。"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="操作")
    create = actions.add_parser("create", help="新建；令牌只显示这一次")
    create.add_argument("--user", required=True, help="账号")
    create.add_argument("--name", default="命令行", help="用途")
    create.add_argument("--json", action="store_true", help="输出 JSON")
    create.set_defaults(run=run_create)
    listing = actions.add_parser("list", help="列出")
    listing.add_argument("--user", required=True, help="账号")
    listing.set_defaults(run=run_list)
    revoke = actions.add_parser("revoke", help="收回")
    revoke.add_argument("id")
    revoke.set_defaults(run=run_revoke)


def run_create(args: argparse.Namespace) -> int:
    with opened() as engine:
        token, secret = accounts.make_token(engine, person_of(engine, args.user).id, args.name, TERMINAL)
    if args.json:
        line({"id": token.id, "token": secret})
    else:
        print(secret)
    return 0


def run_list(args: argparse.Namespace) -> int:
    with opened() as engine:
        person = person_of(engine, args.user)
        with engine.read() as connection:
            for row in connection.execute(sa.select(tokens).where(tokens.c.person == person.id)):
                state = f"已于 {shown(row.revoked_at)} 收回" if row.revoked_at else "有效"
                print(f"{row.id}  {row.name}  {shown(row.made_at)}  {state}")
    return 0


def run_revoke(args: argparse.Namespace) -> int:
    with opened() as engine:
        accounts.revoke_token(engine, args.id, TERMINAL)
    print("已收回")
    return 0

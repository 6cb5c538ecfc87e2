"""`duban user` 账号: people who can sign in."""

from __future__ import annotations

import argparse
import getpass
import secrets
import sys
from datetime import date

import sqlalchemy as sa

from engine.directory import Absence, Person
from engine.errors import InputInvalid
from engine.runtime import absences, accounts, handover, office
from engine.store.tables import people, posts
from web.cli.terminal import TERMINAL, line, opened, person_of


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("user", help="账号", description="可以登录的账号。")
    actions = parser.add_subparsers(dest="action", required=True, metavar="操作")
    listing = actions.add_parser("list", help="列出账号")
    listing.add_argument("--json", action="store_true", help="每行输出一条 JSON")
    listing.set_defaults(run=run_list)
    create = actions.add_parser("create", help="新建账号（密码从标准输入读取）")
    create.add_argument("account")
    create.add_argument("name", help="姓名")
    create.add_argument(
        "--post", action="append", default=[], metavar="岗位@单位", help="可重复，如 DB@能源局"
    )
    create.set_defaults(run=run_create)
    password = actions.add_parser("password", help="重设密码（从标准输入读取），并退出其全部登录")
    password.add_argument("account")
    password.set_defaults(run=run_password)
    disable = actions.add_parser("disable", help="停用账号")
    disable.add_argument("account")
    disable.add_argument("--accept-left", action="store_true", help="即使有待办将无人可办也停用")
    disable.set_defaults(run=run_disable)
    away = actions.add_parser("away", help="登记离岗，可指定替岗人")
    away.add_argument("account")
    away.add_argument("first", type=date.fromisoformat, metavar="开始日", help="如 2026-10-08")
    away.add_argument("last", type=date.fromisoformat, metavar="结束日", help="含当日")
    away.add_argument("--reason", default="请假", help="事由，默认 请假")
    away.add_argument("--substitute", default="", metavar="账号", help="替岗人")
    away.add_argument("--post", default="", metavar="岗位@单位", help="只替这一个岗位")
    away.set_defaults(run=run_away)
    back = actions.add_parser("back", help="撤销其全部离岗登记（销假）")
    back.add_argument("account")
    back.set_defaults(run=run_back)


def _password() -> str:
    if sys.stdin.isatty():
        first = getpass.getpass("密码：")
        if getpass.getpass("再输一遍：") != first:
            raise InputInvalid("两次输入的密码不一致。")
        return first
    return sys.stdin.readline().rstrip("\n")


def run_list(args: argparse.Namespace) -> int:
    with opened() as engine, engine.read() as connection:
        held: dict[str, list[str]] = {}
        for post in connection.execute(sa.select(posts)):
            held.setdefault(post.person, []).append(f"{post.role}@{post.unit}")
        for row in connection.execute(sa.select(people).order_by(people.c.account)):
            if args.json:
                line(
                    {
                        "account": row.account,
                        "name": row.name,
                        "active": row.active,
                        "posts": held.get(row.id, []),
                    }
                )
            else:
                state = "" if row.active else "（已停用）"
                print(f"{row.account}  {row.name}{state}  {'、'.join(held.get(row.id, []))}")
    return 0


def run_create(args: argparse.Namespace) -> int:
    given = []
    for text in args.post:
        role, at, unit = text.partition("@")
        if not (role and at and unit):
            raise InputInvalid(f"“{text}”应写成 岗位@单位，如 DB@能源局。")
        given.append((role, unit))
    password = _password()
    accounts.check_password(password)
    with opened() as engine:
        person = Person(secrets.token_hex(8), args.account, args.name)
        office.save_person(engine, person, TERMINAL)
        office.set_posts(engine, person.id, given, TERMINAL)
        accounts.set_password(engine, person.id, password, TERMINAL)
    print(f"已新建账号 {args.account}")
    return 0


def run_password(args: argparse.Namespace) -> int:
    with opened() as engine:
        accounts.set_password(engine, person_of(engine, args.account).id, _password(), TERMINAL)
    print("已重设")
    return 0


def run_disable(args: argparse.Namespace) -> int:
    with opened() as engine:
        row = person_of(engine, args.account)
        now = engine.directory()
        with engine.read() as connection:
            count, lines = handover.left_alone(connection, now, handover.without(now, person=row.id))
        if count and not args.accept_left:
            for one in lines:
                print(f"{one.number or one.case}  {one.title}  “{one.name}”", file=sys.stderr)
            raise InputInvalid(
                f"停用后有 {count} 件待办没有人可以办理。请先移交，或加 --accept-left 仍然停用。"
            )
        office.save_person(
            engine, Person(row.id, row.account, row.name, row.phone, False, row.title), TERMINAL
        )
    print("已停用")
    return 0


def run_away(args: argparse.Namespace) -> int:
    role, _, unit = args.post.partition("@")
    with opened() as engine:
        person = person_of(engine, args.account).id
        substitute = person_of(engine, args.substitute).id if args.substitute else ""
        asked = Absence("", person, args.first, args.last, args.reason, substitute, unit, role)
        found = absences.enter(engine, asked, TERMINAL, by_office=True)
        print(f"已登记：{absences.told(found, engine.directory())}")
    return 0


def run_back(args: argparse.Namespace) -> int:
    with opened() as engine:
        person = person_of(engine, args.account).id
        mine = [a for a in engine.directory().absences if a.person == person]
        for absence in mine:
            absences.withdraw(engine, absence.id, TERMINAL)
    print(f"已撤销 {len(mine)} 条离岗登记")
    return 0

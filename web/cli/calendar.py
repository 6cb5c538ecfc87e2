"""`duban calendar` 工作日历: which days are worked, and what a limit in working days comes to."""

from __future__ import annotations

import argparse

import sqlalchemy as sa

from engine.runtime import office
from engine.store.tables import calendar_days, calendar_years
from web.cli.terminal import TERMINAL, day_of, line, opened, shown


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "calendar", help="工作日历", description="查看工作日历，或推算若干个工作日之后是哪一天。"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="操作")
    show = actions.add_parser("show", help="列出某年的放假与补班")
    show.add_argument("year", type=int)
    show.add_argument("--json", action="store_true", help="每行输出一条 JSON")
    show.set_defaults(run=run_show)
    put = actions.add_parser("set", help="把某天定为上班或放假")
    put.add_argument("day", help="如 2026-10-10")
    put.add_argument("what", choices=("work", "off", "clear"), help="work 上班，off 放假，clear 恢复按星期")
    put.add_argument("--note", default="", help="依据")
    put.set_defaults(run=run_set)
    confirm = actions.add_parser("confirm", help="确认某年的安排已与公告核对")
    confirm.add_argument("year", type=int)
    confirm.add_argument("--source", required=True, help="公告名称")
    confirm.set_defaults(run=run_confirm)
    add = actions.add_parser("add", help="某天之后第 N 个工作日")
    add.add_argument("day")
    add.add_argument("days", type=int)
    add.set_defaults(run=run_add)


def run_show(args: argparse.Namespace) -> int:
    with opened() as engine, engine.read() as connection:
        days = connection.execute(
            sa.select(calendar_days)
            .where(sa.extract("year", calendar_days.c.day) == args.year)
            .order_by(calendar_days.c.day)
        ).all()
        year = connection.execute(sa.select(calendar_years).where(calendar_years.c.year == args.year)).first()
    confirmed = bool(year and year.confirmed)
    if args.json:
        line({"year": args.year, "confirmed": confirmed, "source": year.source if year else ""})
        for row in days:
            line({"day": row.day.isoformat(), "working": row.working, "note": row.note})
    else:
        print(
            f"{args.year} 年：{'已确认，' + year.source if year and confirmed else '尚未确认，时限遇到这一年会停下等待'}"
        )
        for row in days:
            print(f"  {row.day.isoformat()}  {'上班' if row.working else '放假'}  {row.note}")
    return 0 if confirmed else 1


def run_set(args: argparse.Namespace) -> int:
    day = day_of(args.day)
    with opened() as engine:
        if args.what == "clear":
            office.clear_calendar_day(engine, day, TERMINAL)
        else:
            office.set_calendar_day(engine, day, args.what == "work", args.note, TERMINAL)
    print("已保存")
    return 0


def run_confirm(args: argparse.Namespace) -> int:
    with opened() as engine:
        office.confirm_year(engine, args.year, args.source, TERMINAL)
    print("已确认")
    return 0


def run_add(args: argparse.Namespace) -> int:
    with opened() as engine:
        print(shown(engine.calendar().workdays(day_of(args.day), args.days)))
    return 0

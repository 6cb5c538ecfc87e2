"""`duban archive --before DATE TARGET` 封存: old closed cases go into a file that keeps their proof."""

from __future__ import annotations

import argparse
from datetime import datetime, time
from pathlib import Path

from engine.clock import SHANGHAI
from engine.errors import InputInvalid
from engine.runtime import archive
from web.cli.backup import progress_bar
from web.cli.terminal import TERMINAL, day_of, line, opened


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "archive",
        help="封存",
        description="把办结已久的案件连同附件移到一个存档文件。台账上仍有这一行，核验和检查点照样成立。",
    )
    parser.add_argument("target", type=Path, nargs="?", help="存档文件放在哪个目录")
    parser.add_argument("--before", metavar="日期", help="封存这一天之前办结的案件，如 2020-01-01")
    parser.add_argument("--keep-days", type=int, metavar="天", help="设置办结多少天后可以封存")
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if (args.before is None) != (args.target is None) or (args.before is None and args.keep_days is None):
        raise InputInvalid("请同时给出 --before 日期和存放目录；只设置年限的，给 --keep-days。")
    with opened() as engine:
        if args.keep_days is not None:
            archive.set_keep_days(engine, args.keep_days, TERMINAL)
            print(f"已设置：办结 {args.keep_days} 天后可以封存")
        if args.before is None:
            return 0
        before = datetime.combine(day_of(args.before), time(), SHANGHAI)
        try:
            done = archive.archive(
                engine, before, args.target, TERMINAL, None if args.json else progress_bar()
            )
        except OSError as error:
            raise InputInvalid(
                f"存档写不进 {args.target}：{error.strerror}。请检查目录、权限和剩余空间。"
            ) from None
    if args.json:
        line({"file": done.file, "sha256": done.digest, "cases": done.cases, "facts": done.facts})
    elif done.file is None:
        print("没有可以封存的案件。")
    else:
        print(f"已封存 {done.cases} 个案件、{done.facts} 条事实：{done.file}\nSHA-256 {done.digest}")
        print("请把存档文件另存一份并妥善保管：数据库里不再有这些记录。")
    return 0

"""`duban restore SOURCE` 恢复: a copy becomes the office again; letters are held until `duban outbox release`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from engine.runtime import backup
from engine.runtime.restore import restore
from engine.runtime.settings import Settings
from engine.store.database import open_database
from web.cli.backup import progress_bar
from web.cli.terminal import TERMINAL, instant_of, line, shown


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "restore",
        help="从备份恢复",
        description="把备份装进空的数据库并核验。请先停掉所有网站和后台进程。恢复后外发的内容暂停，等人核对后解除。",
    )
    parser.add_argument("source", type=Path, help="备份目录（取最近一次），或其中某一次备份的目录")
    parser.add_argument("--replace", action="store_true", help="数据库不是空的也恢复：原有内容全部删除")
    parser.add_argument(
        "--while-others-work",
        action="store_true",
        help="还有网站或后台进程连着数据库也恢复：它们手里的内容作废",
    )
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    settings.data.mkdir(parents=True, exist_ok=True)
    folder = backup.newest(args.source)
    began = time.monotonic()
    database = open_database(settings.database)
    try:
        bar = None if args.json else progress_bar()
        done = restore(
            folder,
            database,
            settings.data,
            TERMINAL,
            settings.clock(),
            replace=args.replace,
            while_others_work=args.while_others_work,
            progress=bar,
        )
    finally:
        database.close()
    took = time.monotonic() - began
    if args.json:
        line({"folder": folder, "at": done.manifest.at, "cases": done.cases, "facts": done.facts, "held": done.held, "seconds": round(took, 1)})  # fmt: skip
    else:
        print(
            f"已恢复 {shown(instant_of(done.manifest.at))} 的备份：{done.cases} 个案件、{done.facts} 条事实，用时 {took:.0f} 秒，核验相符。"
        )
        print(
            "这之后办理的内容需要重办。外发的内容已暂停：请用 duban outbox held 与收件方核对，再用 duban outbox release 解除。"
        )
    return 0

"""`duban backup TARGET` 备份: a whole, proved copy of the office while it works."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from engine.errors import InputInvalid
from engine.runtime.backup import Progress, backup
from engine.runtime.host_clock import SystemClock
from engine.runtime.pruning import Pruned, prune
from engine.runtime.settings import Settings
from engine.store.database import open_database
from web.cli.terminal import line


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "backup",
        help="备份",
        description="系统运行中做一份完整的备份并核验。同一目录可以反复备份，附件只存一份。签名密钥不在备份里。",
    )
    parser.add_argument("target", type=Path, help="备份目录，最好在另一台机器上")
    parser.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="做完并核验以后，只留最新的 N 份，删除更旧的（不完整的不算，也不删）；缺省全部保留",
    )
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    if args.keep is not None and args.keep < 1:
        raise InputInvalid("至少要保留一份备份：--keep 应为 1 或更大的数。")
    database = open_database(settings.database)
    try:
        bar = None if args.json else progress_bar()
        made = backup(database, settings.data, args.target, SystemClock().now(), bar)
        pruned = prune(args.target, args.keep, made.folder) if args.keep is not None else Pruned()
    except OSError as error:
        raise InputInvalid(
            f"备份写不进 {args.target}：{error.strerror}。请检查目录、权限和剩余空间。"
        ) from None
    finally:
        database.close()
    facts, cases = made.manifest.rows("facts"), made.manifest.rows("cases")
    if args.json:
        files = len(made.manifest.files)
        line({"folder": made.folder, "cases": cases, "facts": facts, "files": files, "missing": made.missing,
              "removed": pruned.removed, "not_whole": pruned.not_whole})  # fmt: skip
    else:
        print(
            f"已备份并核验：{made.folder}（{cases} 个案件、{facts} 条事实、{len(made.manifest.files)} 个附件）"
        )
        if pruned.removed:
            print(
                f"留下最新的 {len(pruned.kept)} 份，删除了更旧的 {len(pruned.removed)} 份、不再需要的附件 {pruned.files} 个"
            )
        for name in pruned.not_whole:
            print(f"这份备份不完整，没有算在内，也没有删除，请查看：{args.target / name}", file=sys.stderr)
        for one in made.missing:
            print(f"附件的内容不在数据目录中或被改动，没有备份：{one}", file=sys.stderr)
    return 1 if made.missing else 0


def progress_bar() -> Progress | None:
    """One line on a terminal that is written over; None where nobody looks."""
    if not sys.stderr.isatty():
        return None
    begun = time.monotonic()

    def show(what: str, done: int, total: int) -> None:
        sys.stderr.write(f"\r\x1b[K{what}（{done + 1}/{max(total, 1)}，{time.monotonic() - begun:.0f} 秒）")
        sys.stderr.flush()

    return show

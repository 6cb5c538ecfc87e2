"""`duban outbox` 外发: what is held after a restore, and its release once it was compared with the receivers."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.errors import InputInvalid
from engine.runtime import hold
from web.cli.terminal import TERMINAL, line, opened, shown


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "outbox", help="恢复后的外发", description="从备份恢复以后，外发的内容暂停；与收件方核对后解除。"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="操作")
    held = actions.add_parser("held", help="列出暂停外发的内容和编号；没有暂停时退出码为 0，暂停时为 1")
    held.add_argument("--json", action="store_true", help="每行输出一条 JSON")
    held.set_defaults(run=run_held)
    release = actions.add_parser("release", help="解除暂停，发送清单中的内容")
    release.add_argument(
        "--delivered", type=Path, metavar="文件", help="收件方已经收到的编号，每行一个：这些不再发送"
    )
    release.set_defaults(run=run_release)


def run_held(args: argparse.Namespace) -> int:
    with opened() as engine, engine.read() as connection:
        since, waiting = hold.since(connection), hold.waiting(connection)
    if since is None:
        waiting = []
    for one in waiting:
        if args.json:
            line({"key": one.key, "what": one.what, "case": one.case, "written_at": one.written_at})
        else:
            print(f"{one.key}  {one.what}  {shown(one.written_at)}")
    if not args.json:
        print(f"{shown(since)} 恢复后暂停外发，共 {len(waiting)} 件" if since else "没有暂停外发")
    return 1 if since else 0


def run_release(args: argparse.Namespace) -> int:
    delivered: list[str] = []
    if args.delivered is not None:
        try:
            delivered = [one.strip() for one in args.delivered.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError):
            raise InputInvalid(f"读不出文件 {args.delivered}，应为每行一个编号的文本文件。") from None
    with opened() as engine:
        sent, had = hold.release(engine, TERMINAL, [one for one in delivered if one])
    print(f"已解除：{sent} 件即将发送，{had} 件收件方已收到、不再发送")
    return 0

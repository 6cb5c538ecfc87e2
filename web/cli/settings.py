"""`duban settings` 运行设置: every setting, its present value, and where that came from. Secrets are never shown."""

from __future__ import annotations

import argparse

from engine.runtime import settings
from web.cli.terminal import line


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "settings",
        help="列出全部运行设置",
        description="列出全部运行设置：现在的值、来自环境变量还是文件、用途。密钥只显示是否已设置。",
    )
    parser.add_argument("--json", action="store_true", help="每行输出一条 JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    found = settings.read()
    if args.json:
        for one in settings.TABLE:
            value, origin = found[one.key]
            line({"name": one.name, "key": one.key, "value": one.shown(value), "from": origin, "default": one.default, "secret": one.secret, "purpose": one.purpose})  # fmt: skip
        return 0
    file = settings.file_in_force()
    print(f"设置文件：{file or '没有（DUBAN_SETTINGS，或当前目录的 duban.toml）'}")
    print("环境变量优先于文件；文件里的名称在括号中。\n")
    for one in settings.TABLE:
        value, origin = found[one.key]
        print(f"{one.name}（{one.key}）= {one.shown(value)}  [{origin}]\n    {one.purpose}")
    return 0

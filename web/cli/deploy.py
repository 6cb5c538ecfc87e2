"""`duban deploy` 发布: check a package folder and publish it as the next version; new cases take it at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.errors import InputInvalid
from web.cli.check import package_files, package_folders
from web.cli.terminal import TERMINAL, line, opened


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "deploy", help="发布流程包", description="检查流程包并发布为下一个版本，新案件立即使用。"
    )
    parser.add_argument("folder", type=Path, help="流程包文件夹，或装有流程包的文件夹（如 processes）")
    parser.add_argument("--forms", type=Path, help="表单文件夹（缺省：流程包旁的 forms/<流程包>）")
    parser.add_argument("--note", default="", help="发布说明")
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    folders = package_folders(args.folder)
    if not folders:
        raise InputInvalid(f"{args.folder}：没有找到流程包（缺少 process.toml）。")
    with opened() as engine:
        for folder in folders:
            package, findings = engine.publish(package_files(folder, args.forms), TERMINAL, args.note)
            if args.json:
                line({"key": package.key, "hash": package.hash, "warnings": len(findings)})
            else:
                print(f"已发布 {package.title}（{package.hash[:12]}），提醒 {len(findings)} 处")
    return 0

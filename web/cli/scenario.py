"""`duban scenario` 场景: run what a package promises, each scenario plainly, restored between every step, replayed,
and followed by the second engine."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.clock import SHANGHAI
from engine.errors import InputInvalid
from engine.runtime.scenario import Report, run_folder
from web.cli.check import package_folders
from web.cli.terminal import line


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "scenario",
        help="运行流程包的场景",
        description="运行流程包承诺的场景：每个场景各按三种方式运行（直接、逐步恢复、重放），并与第二引擎对照。",
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, help="流程包文件夹、装有流程包的文件夹，或单个场景文件"
    )
    parser.add_argument("--timeline", action="store_true", help="同时列出每件事发生的时间")
    parser.add_argument("--json", action="store_true", help="每个场景输出一行 JSON")
    parser.set_defaults(run=run)


def reports(path: Path) -> list[Report]:
    """Run the scenarios that `path` is or holds."""
    if path.is_file():
        return run_folder(path.resolve().parent.parent, only=path.name)
    return [report for folder in package_folders(path) for report in run_folder(folder)]


def run(args: argparse.Namespace) -> int:
    found: list[Report] = []
    for path in args.paths:
        ran = reports(path)
        if not ran:
            raise InputInvalid(f"{path}：没有找到场景（流程包的 scenarios/*.yaml）。")
        for report in ran:
            _show(report, args)
        found += ran
    failed = sum(not r.passed for r in found)
    if not args.json:
        print(
            f"{len(found)} 个场景，{len(found) - failed} 个通过，{failed} 个未通过"
            f"（每个场景各按三种方式运行；两机对照 {sum(r.compared for r in found)}/{sum(r.commands for r in found)} 步）"
        )
    return 1 if failed else 0


def _show(report: Report, args: argparse.Namespace) -> None:
    if args.json:
        data = {"file": report.file, "title": report.title, "steps": report.steps, "passed": report.passed}
        data |= {"commands": report.commands, "compared": report.compared, "comparison_ended": report.ended}
        line({**data, "failures": [str(f) for f in report.failures]})
        return
    print(f"{'通过' if report.passed else '未通过'}  {report.title}（{report.steps} 步，{report.file}）")
    if report.ended:
        print(f"    两机对照 {report.compared}/{report.commands} 步：{report.ended}")
    if args.timeline:
        for entry in report.timeline:
            at = entry.at.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
            print(f"    {at}  {entry.who}  {entry.fact}")
    for failure in report.failures:
        print(f"    {failure}")

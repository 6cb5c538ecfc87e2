"""`duban scenario` 场景: run what a package promises, each scenario plainly, restored between every step, and replayed."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

from engine.clock import SHANGHAI
from engine.definitions.compile import compile_package
from engine.definitions.model import Package
from engine.directory import from_data
from engine.errors import DefinitionRefused, InputInvalid
from engine.runtime.scenario import Report
from engine.runtime.scenario import run as run_scenario
from engine.runtime.scenario_file import read_defaults, read_scenario
from web.cli.check import package_files, package_folders
from web.cli.terminal import line

DIRECTORY = "demo_directory.toml"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("scenario", help="运行流程包的场景", description=__doc__)
    parser.add_argument(
        "paths", nargs="+", type=Path, help="流程包文件夹、装有流程包的文件夹，或单个场景文件"
    )
    parser.add_argument("--directory", type=Path, help=f"通讯录（缺省：流程包旁的 {DIRECTORY}）")
    parser.add_argument("--timeline", action="store_true", help="同时列出每件事发生的时间")
    parser.add_argument("--json", action="store_true", help="每个场景输出一行 JSON")
    parser.set_defaults(run=run)


def _package(folder: Path) -> Package:
    package, findings = compile_package(package_files(folder))
    if package is None:
        raise DefinitionRefused(f"流程包 {folder.name} 未通过检查，没有运行场景。", findings=findings)
    return package


def reports(path: Path, directory_file: Path | None = None) -> list[Report]:
    """Run the scenarios that `path` is or holds."""
    if path.is_file():
        folder, files = path.resolve().parent.parent, [path]
    else:
        folder, files = path, sorted((path / "scenarios").glob("*.yaml"))
    package = _package(folder)
    toml = directory_file or folder.resolve().parent / DIRECTORY
    directory = from_data(tomllib.loads(toml.read_text()))
    kept = folder / "scenarios" / "defaults.yaml"
    defaults = read_defaults(kept) if kept.is_file() else {}
    return [
        run_scenario(read_scenario(file, package.key), package, directory, defaults)
        for file in files
        if file.name != kept.name
    ]


def run(args: argparse.Namespace) -> int:
    found: list[Report] = []
    for path in args.paths:
        folders = [path] if path.is_file() else package_folders(path)
        if not folders:
            raise InputInvalid(f"{path}：没有找到流程包（缺少 process.toml），也不是场景文件。")
        for folder in folders:
            for report in reports(folder, args.directory):
                found.append(report)
                _show(report, args)
    failed = sum(not r.passed for r in found)
    if not args.json:
        print(
            f"{len(found)} 个场景，{len(found) - failed} 个通过，{failed} 个未通过（每个场景各按三种方式运行）"
        )
    return 1 if failed or not found else 0


def _show(report: Report, args: argparse.Namespace) -> None:
    if args.json:
        data = {"file": report.file, "title": report.title, "steps": report.steps, "passed": report.passed}
        line({**data, "failures": [str(f) for f in report.failures]})
        return
    print(f"{'通过' if report.passed else '未通过'}  {report.title}（{report.steps} 步，{report.file}）")
    if args.timeline:
        for entry in report.timeline:
            at = entry.at.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
            print(f"    {at}  {entry.who}  {entry.fact}")
    for failure in report.failures:
        print(f"    {failure}")

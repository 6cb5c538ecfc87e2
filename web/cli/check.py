"""`duban check` 检查: every fault of a diagram or a whole package, with element, line and what to draw instead."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

from engine.definitions import compile as compiling
from engine.errors import Finding, InputInvalid

FORMS = "forms"
PROCESSES = "processes"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("check", help="检查流程图或流程包", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, help=".bpmn 文件、流程包文件夹，或装有流程包的文件夹")
    parser.add_argument("--forms", type=Path, help="表单文件夹（缺省：流程包旁的 forms/<流程包>）")
    parser.add_argument("--json", action="store_true", help="每行输出一条 JSON")
    parser.set_defaults(run=run)


def package_folders(path: Path) -> list[Path]:
    """The package folders that `path` is or holds."""
    if (path / "process.toml").is_file():
        return [path]
    return sorted(p.parent for p in path.glob("*/process.toml"))


def forms_folder(package: Path, given: Path | None = None) -> Path:
    """Where a package's forms lie: `forms/<package>` beside `processes`."""
    return given or package.resolve().parent.parent / FORMS / package.resolve().name


def package_files(package: Path, forms: Path | None = None) -> dict[str, bytes]:
    """A package's files as they are deployed."""
    return compiling.load_folder(package, forms_folder(package, forms))


def tables_beside(path: Path, data: bytes) -> dict[str, bytes]:
    """The decision tables in a diagram's folder, where it asks for any."""
    if b"decisionRef" not in data:
        return {}
    return {one.name: one.read_bytes() for one in sorted(path.parent.glob("*.dmn"))}


def _findings(path: Path, forms: Path | None) -> list[tuple[str, list[Finding]]]:
    if path.is_file():
        data = path.read_bytes()
        package, findings = compiling.compile_diagram(data, path.name, tables_beside(path, data))
        if package is not None:
            from engine.definitions import schema  # loads SpiffWorkflow, which nothing else here needs

            # it plays; what the schema says besides is for whoever drew it
            findings += [replace(one, severity="warning") for one in schema.check(data, path.name)]
        return [(path.name, findings)]
    folders = package_folders(path)
    if not folders:
        raise InputInvalid(f"{path}：没有找到流程包（缺少 process.toml），也不是流程图文件。")
    return [(folder.name, compiling.check_files(package_files(folder, forms))) for folder in folders]


def run(args: argparse.Namespace) -> int:
    errors = 0
    for path in args.paths:
        for title, findings in _findings(path, args.forms):
            errors += sum(f.severity == "error" for f in findings)
            if args.json:
                for finding in findings:
                    print(json.dumps({"package": title, **asdict(finding)}, ensure_ascii=False))
                continue
            for finding in findings:
                print(f"{'错误' if finding.severity == 'error' else '提醒'}  {finding}")
            wrong = sum(f.severity == "error" for f in findings)
            print(f"{title}：{wrong} 处错误，{len(findings) - wrong} 处提醒")
    return 1 if errors else 0

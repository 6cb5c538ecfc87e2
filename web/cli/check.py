"""`duban check` 检查: every fault of a diagram or a whole package, with element, line and what to draw instead."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from engine.definitions import checking
from engine.definitions.compile import load_folder
from engine.definitions.decisions import read_decisions
from engine.definitions.lint.table import table
from engine.errors import DefinitionRefused, EngineError, Finding, InputInvalid

FORMS = "forms"
PROCESSES = "processes"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "check",
        help="检查流程图、决策文件或流程包",
        description="检查流程图、决策文件或整个流程包，逐条列出问题：哪个文件、哪一行、哪个元素、怎样改正。",
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, help=".bpmn 或 .dmn 文件、流程包文件夹，或装有它们的文件夹"
    )
    parser.add_argument("--forms", type=Path, help="表单文件夹（缺省：流程包旁的 forms/<流程包>）")
    parser.add_argument("--json", action="store_true", help="每行输出一条 JSON")
    parser.add_argument("--rules", action="store_true", help="列出全部规则，不检查文件")
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
    return load_folder(package, forms_folder(package, forms))


def tables_beside(path: Path, data: bytes) -> dict[str, bytes]:
    """The decision tables in a diagram's folder, where it asks for any."""
    if b"decisionRef" not in data:
        return {}
    return {one.name: one.read_bytes() for one in sorted(path.parent.glob("*.dmn"))}


def models_beside(path: Path, data: bytes) -> dict[str, bytes]:
    """The decision files in a decision file's folder, where it imports any."""
    if b"import" not in data:
        return {}
    return {one.name: one.read_bytes() for one in sorted(path.parent.glob("*.dmn")) if one != path}


def unopened(error: OSError) -> str:
    """Why a file could not be read, and what to do."""
    if isinstance(error, FileNotFoundError):
        return "没有这个文件，请检查路径"
    if isinstance(error, IsADirectoryError):
        return "这是文件夹，请写出其中的文件"
    if isinstance(error, PermissionError):
        return "没有读取的权限，请检查权限"
    return f"请检查路径和权限（{error.strerror}）"


def _findings(path: Path, forms: Path | None) -> list[tuple[str, list[Finding]]]:
    """What is found in a path, by diagram or package. Nothing that lies there stops the check of what comes after."""
    if path.is_file():
        return [(path.name, _of_file(path))]
    folders = package_folders(path)
    if folders:
        return [(folder.name, _of_package(folder, forms)) for folder in folders]
    files = sorted(one for one in path.glob("*") if one.suffix in {".bpmn", ".dmn"})
    if files:
        return [(one.name, _of_file(one)) for one in files]
    message = "没有找到流程包（缺少 process.toml），也没有流程图文件，请检查路径。"
    return [(path.name, [Finding("error", "not_found", message, str(path))])]


def _of_file(path: Path) -> list[Finding]:
    try:
        data = path.read_bytes()
        if path.suffix == ".dmn":
            return read_decisions(data, path.name, models_beside(path, data), lone=True)[1]
        return checking.check_diagram(data, path.name, tables_beside(path, data))
    except OSError as error:
        return [Finding("error", "not_found", f"打不开，{unopened(error)}。", path.name)]


def _of_package(folder: Path, forms: Path | None) -> list[Finding]:
    try:
        return checking.check_files(package_files(folder, forms))
    except DefinitionRefused as refusal:
        return list(refusal.fields.get("findings", ())) or [
            Finding("error", refusal.code, refusal.message, folder.name)
        ]
    except EngineError as error:
        return [Finding("error", error.code, error.message, folder.name)]


def run(args: argparse.Namespace) -> int:
    if args.rules:
        print(table(), end="")
        return 0
    if not args.paths:
        raise InputInvalid("请写出要检查的文件或文件夹，如 duban check 流程.bpmn。")
    errors, looked_at = 0, 0
    for path in args.paths:
        for title, findings in _findings(path, args.forms):
            wrong = sum(f.severity == "error" for f in findings)
            errors += wrong
            looked_at += all(finding.rule != "not_found" for finding in findings)
            for finding in findings:
                if args.json:
                    print(json.dumps({"package": title, **asdict(finding)}, ensure_ascii=False))
                else:
                    print(f"{'错误' if finding.severity == 'error' else '提醒'}  {finding}")
            if not args.json:
                print(f"{title}：{wrong} 处错误，{len(findings) - wrong} 处提醒")
    if not looked_at:
        return 2  # nothing to check there: a mistake of the asking, not of a drawing
    return 1 if errors else 0

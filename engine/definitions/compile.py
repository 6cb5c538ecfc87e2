"""Compile a package 编译流程包: files → one immutable `model.Package`, or findings.

`compile_package` for what the office publishes, `compile_diagram` for a lone diagram (`duban play`). Both are pure:
the same files give the same package, addressed by the same hash. What is said of a file besides is in `checking`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import TypeVar

from engine.definitions import bpmn, lint, manifest, standard
from engine.definitions.decisions import Decision, read_decisions
from engine.definitions.forms import Form, read_form
from engine.definitions.manifest import set_parameter
from engine.definitions.model import Kind, Package, Process
from engine.definitions.package_files import known_path, load_folder, unzip_files, zip_files
from engine.errors import Finding

__all__ = [
    "compile_diagram",
    "compile_package",
    "load_folder",
    "package_hash",
    "refuses",
    "set_parameter",
    "unzip_files",
    "zip_files",
]

T = TypeVar("T", Process, Decision)


def package_hash(files: Mapping[str, bytes]) -> str:
    """The version of a package: SHA-256 over its sorted (path, content) pairs, hexadecimal.

    Lengths go in before contents, so that no two different sets of files share the bytes that are hashed.
    """
    digest = hashlib.sha256()
    for path in sorted(files):
        name, content = path.encode(errors="surrogatepass"), files[path]
        digest.update(len(name).to_bytes(8, "big") + name + len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def compile_package(files: Mapping[str, bytes]) -> tuple[Package | None, list[Finding]]:
    """All files of a package → the package, and everything found in them; no package when a finding is an error."""
    findings = [
        Finding("error", "package_file", "不属于流程包，请移走。", path)
        for path in files
        if not known_path(path)
    ]
    about = manifest.read(files.get(manifest.FILE, b""))
    findings += about.findings
    read = partial(bpmn.read, rules=standard.ALL)
    processes, found = _by_key(files, ".bpmn", read, "流程", "process_twice")
    findings += found
    tables = {path: data for path, data in files.items() if path.endswith(".dmn")}
    read_tables = partial(read_decisions, others=tables)
    decisions, found = _by_key(files, ".dmn", read_tables, "决策", "decision_twice")
    findings += found
    forms, found = _forms(files)
    findings += found
    package = Package(
        hash=package_hash(files),
        key=about.key,
        title=about.title,
        owner=about.owner,
        main=about.main,
        processes=processes,
        decisions=decisions,
        forms=forms,
        parameters=about.parameters,
        roles=about.roles,
        actions=about.actions,
        register=about.register,
        files=dict(files),
        starts=about.starts,
        number=about.number,
    )
    silent = _consequences(findings)
    findings += [
        f for f in [*lint.check(package), *lint.check_manifest(package, about)] if f.rule not in silent
    ]
    findings.sort(key=lambda f: (f.severity != "error", f.file, f.line))
    return (None if refuses(findings) else package), findings


def _consequences(findings: list[Finding]) -> set[str]:
    """Rules that only repeat what is already said: a form that could not be read is not missing as well."""
    broken = {f.file for f in findings if f.severity == "error"}
    silent: set[str] = {"parameter_unused", "form_unused"} if broken else set()
    if any(f.startswith("forms/") for f in broken):
        silent.add("unknown_form")
    if any(f.endswith(".dmn") for f in broken):
        silent.add("unknown_decision")
    if manifest.FILE in broken:
        silent |= {"unknown_role", "unknown_parameter"}
    if any(f.rule.startswith("xml_") or f.rule in {"not_bpmn", "no_process"} for f in findings):
        silent |= {"call_unknown", "unknown_main", "start_unknown", "action_message", "separate_target"}
    return silent


def _by_key(
    files: Mapping[str, bytes],
    ending: str,
    read: Callable[[bytes, str], tuple[dict[str, T], list[Finding]]],
    word: str,
    rule: str,
) -> tuple[dict[str, T], list[Finding]]:
    """What all files of an ending define, by key; a key of two files is an error (`rule`)."""
    made: dict[str, T] = {}
    origin: dict[str, str] = {}
    findings: list[Finding] = []
    for path in sorted(p for p in files if p.endswith(ending)):
        found, remarks = read(files[path], path)
        findings += remarks
        for key, one in found.items():
            if key in made:
                message = f"{word}代码“{key}”在 {origin[key]} 中已经用过，请改名。"
                findings.append(Finding("error", rule, message, path, key, one.line))
            else:
                made[key], origin[key] = one, path
    return made, findings


def _forms(files: Mapping[str, bytes]) -> tuple[dict[str, Form], list[Finding]]:
    forms: dict[str, Form] = {}
    findings: list[Finding] = []
    for path in sorted(p for p in files if p.startswith("forms/")):
        form, remarks = read_form(files[path], path)
        findings += remarks
        if form is not None:
            forms[form.key] = form
    return forms, findings


def compile_diagram(
    data: bytes, file: str, tables: Mapping[str, bytes] | None = None
) -> tuple[Package | None, list[Finding]]:
    """A lone BPMN file as a package without roles, forms and parameters. `tables` are DMN files beside it, of which
    those count that hold a decision it asks for.

    Structure is checked, references into a package (roles, forms) are not. Its main process is the first that no
    other calls, one with a plain start before others, then one that is not said to be unexecutable.
    """
    name = PurePosixPath(file).name or "diagram.bpmn"
    processes, findings = bpmn.read(data, name, lone=True, rules=standard.UNPLAYABLE)
    if refuses(findings):
        return None, findings
    decisions, remarks = _beside(processes, name, tables or {})
    findings += remarks
    if refuses(findings):
        return None, findings
    package = lone_package(data, name, processes, decisions, tables or {})
    findings += lint.check_diagram(package)
    return (None if refuses(findings) else package), findings


def lone_package(
    data: bytes,
    name: str,
    processes: Mapping[str, Process],
    decisions: Mapping[str, Decision],
    tables: Mapping[str, bytes],
) -> Package:
    """A package around a lone diagram: no roles, forms and parameters."""
    main = _main(processes)
    files = {name: data, **tables}
    return Package(
        hash=package_hash(files),
        key=main.key,
        title=main.name,
        owner="",
        main=main.key,
        processes=processes,
        decisions=decisions,
        forms={},
        parameters={},
        roles={},
        actions={},
        register={},
        files=files,
    )


def _beside(
    processes: Mapping[str, Process], name: str, tables: Mapping[str, bytes]
) -> tuple[dict[str, Decision], list[Finding]]:
    """The decisions of the DMN files beside a lone diagram, and what is wrong with the files that it asks.

    Of several files with the same decision the one named like the diagram counts, else the first. While a decision is
    not found, every file may be the one that should hold it.
    """
    asked = {e.decision for p in processes.values() for e in p.elements.values() if e.decision}
    decisions: dict[str, Decision] = {}
    findings: list[Finding] = []
    others: list[Finding] = []
    own = PurePosixPath(name).stem
    for path in sorted(tables, key=lambda path: (PurePosixPath(path).stem != own, path)):
        found, remarks = read_decisions(tables[path], path, tables, lone=True)
        for id in asked & found.keys() & decisions.keys():
            message = f"决策代码“{id[:40]}”在几个文件中都有，这里用不到这一个，请改名或移走。"
            findings.append(Finding("warning", "decision_twice", message, path, id, found[id].line))
        (findings if asked & found.keys() - decisions.keys() else others).extend(remarks)
        decisions = found | decisions
    return decisions, findings if asked <= decisions.keys() else findings + others


def refuses(findings: list[Finding]) -> bool:
    """True when one of the findings is an error."""
    return any(f.severity == "error" for f in findings)


def _main(processes: Mapping[str, Process]) -> Process:
    called = {e.called for p in processes.values() for e in p.elements.values() if e.kind is Kind.CALL}
    own = [p for p in processes.values() if not p.task] or list(processes.values())
    free = [p for p in own if p.key not in called] or own
    plain = [p for p in free if p.plain_entries]
    return min(plain or free, key=lambda p: not p.executable)

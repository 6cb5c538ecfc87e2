"""Compile a package 编译流程包: files → one immutable `model.Package`, or findings.

`compile_package` for what the office publishes, `compile_diagram` for a lone diagram (`duban play`). Both are pure:
the same files give the same package, addressed by the same hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath

from engine.definitions import bpmn
from engine.definitions.model import Kind, Package, Process, Trigger
from engine.errors import Finding


def package_hash(files: Mapping[str, bytes]) -> str:
    """The version of a package: SHA-256 over its sorted (path, content) pairs, hexadecimal.

    Lengths go in before contents, so that no two different sets of files share the bytes that are hashed.
    """
    digest = hashlib.sha256()
    for path in sorted(files):
        name, content = path.encode(), files[path]
        digest.update(len(name).to_bytes(8, "big") + name + len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def compile_diagram(data: bytes, file: str) -> tuple[Package | None, list[Finding]]:
    """A lone BPMN file as a package without roles, forms, decisions and parameters.

    Its main process is the first that no other calls, one with a plain start before others.
    """
    name = PurePosixPath(file).name or "diagram.bpmn"
    processes, findings = bpmn.read(data, name)
    if refuses(findings):
        return None, findings
    main = _main(processes)
    files = {name: data}
    package = Package(
        hash=package_hash(files),
        key=main.key,
        title=main.name,
        owner="",
        main=main.key,
        processes=processes,
        decisions={},
        forms={},
        parameters={},
        roles={},
        actions={},
        register={},
        files=files,
    )
    return package, findings


def refuses(findings: list[Finding]) -> bool:
    """True when one of the findings is an error."""
    return any(f.severity == "error" for f in findings)


def _main(processes: Mapping[str, Process]) -> Process:
    called = {e.called for p in processes.values() for e in p.elements.values() if e.kind is Kind.CALL}
    free = [p for p in processes.values() if p.key not in called] or list(processes.values())
    plain = [p for p in free if any(_plain_start(p, s) for s in p.starts)]
    return (plain or free)[0]


def _plain_start(process: Process, start: str) -> bool:
    event = process.elements[start].event
    return event is None or event.trigger is Trigger.NONE

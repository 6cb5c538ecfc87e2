"""Reading DMN 1.1 to 1.5 决策模型: the door from a file to its decisions.

What is read stands in `dmn`. What is not read is a finding, with element id and line, never ignored. Input data need
no declaration to be read: expressions see the case's names.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.definitions.dmn.graph import Decision
from engine.definitions.dmn.read_model import Library
from engine.definitions.dmn.tables import Table
from engine.errors import Finding

__all__ = ["Decision", "Table", "read_decisions"]


def read_decisions(
    data: bytes, file: str, others: Mapping[str, bytes] | None = None, lone: bool = False
) -> tuple[dict[str, Decision], list[Finding]]:
    """All decisions and decision services of a DMN file by id, and what was found wrong with it. Those with an error
    are left out. `others` are files it may import, by path. `lone`: outside a package, where what the standard calls an
    error of one expression (an unknown function, arguments that do not fit) is a warning and null."""
    model, findings = Library({**(others or {}), file: data}, lone).model(file)
    if model is None:
        return {}, findings
    return model.decisions(), model.reading.findings

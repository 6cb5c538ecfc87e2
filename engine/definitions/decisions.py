"""Reading DMN 1.1 to 1.5 决策模型: the door from a file to its decisions.

What is read stands in `dmn`. What is not read is a finding, with element id and line, never ignored. Input data need
no declaration to be read: expressions see the case's names.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.definitions.dmn.graph import Decision
from engine.definitions.dmn.read_graph import Library, Model
from engine.definitions.dmn.tables import Table
from engine.errors import Finding

__all__ = ["Decision", "Table", "read_decisions", "read_model"]


def read_decisions(
    data: bytes, file: str, others: Mapping[str, bytes] | None = None
) -> tuple[dict[str, Decision], list[Finding]]:
    """All decisions and decision services of a DMN file by id, and what was found wrong with it. Those with an error
    are left out. `others` are files it may import, by path."""
    _, decisions, findings = read_model(data, file, others)
    return decisions, findings


def read_model(
    data: bytes, file: str, others: Mapping[str, bytes] | None = None
) -> tuple[Model | None, dict[str, Decision], list[Finding]]:
    """As `read_decisions`, with the model itself."""
    model, findings = Library({**(others or {}), file: data}).model(file)
    if model is None:
        return None, {}, findings
    decisions = model.decisions()
    return model, decisions, model.reading.findings

"""Structural rules 流程检查."""

from __future__ import annotations

from engine.definitions.manifest import Manifest
from engine.definitions.model import Package
from engine.errors import Finding


def check(package: Package) -> list[Finding]:
    """All rules."""
    return []


def check_diagram(package: Package) -> list[Finding]:
    """Rules of a lone diagram."""
    return []


def check_manifest(package: Package, about: Manifest) -> list[Finding]:
    """References of process.toml."""
    return []

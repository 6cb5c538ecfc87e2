"""Structural rules 流程检查: what the schema allows but the kernel would stumble over, or people would not understand.

`structure`, `paths` and `undoing` look at one drawing, `references` at the names it uses, `papers` at process.toml. Every rule is a
small function with a stable id; see `rules`.
"""

from engine.definitions.lint import paths, references, structure, undoing
from engine.definitions.lint.papers import check_manifest
from engine.definitions.lint.rules import RULES, run
from engine.definitions.model import Package
from engine.errors import Finding

__all__ = ["RULES", "check", "check_diagram", "check_manifest", "paths", "references", "structure", "undoing"]


def check(package: Package) -> list[Finding]:
    """All rules over the processes of a package."""
    return run(package, lone=False)


def check_diagram(package: Package) -> list[Finding]:
    """The rules that make sense for a lone diagram, without roles, forms and parameters."""
    return run(package, lone=True)

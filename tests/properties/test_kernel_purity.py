"""The kernel is pure: no clock, randomness or I/O can be reached from it, by imports or by names.

From `engine.execution.advance` every import is followed through the engine's own files, those inside functions too.
What they import from elsewhere must stand on a short list, and what could read a clock, throw dice or touch the world
from there must not be named.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENTRIES = (
    "engine.execution.advance",
    "engine.execution.state",
    "engine.execution.explain",
    "engine.execution.play",
)
PURE = frozenset(
    [
        "__future__",
        "array",
        "bisect",
        "calendar",
        "collections",
        "collections.abc",
        "contextlib",
        "copy",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "functools",
        "hashlib",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "string",
        "types",
        "typing",
        "unicodedata",
        "zoneinfo",
    ]
)
"""Modules that compute. `hashlib` and `json` read nothing; `zoneinfo` reads the time zones' tables only."""

LIBRARIES = frozenset({"holidays", "lxml", "marshmallow", "orjson", "tomllib"})
"""Libraries that compute on what they are given; `holidays` carries its days with it."""

CLOCKS = frozenset({"now", "today", "utcnow", "fromtimestamp", "utcfromtimestamp"})
WORLD = frozenset({"open", "input", "print", "eval", "exec", "compile", "__import__", "breakpoint", "hash"})
"""Built-ins that reach the world, run text, or differ from one process to the next."""


def file_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def imported(tree: ast.AST, module: str, package: bool) -> Iterator[str]:
    """The modules a file imports when it runs; imports for the type checker only are not followed."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            stack += node.orelse
            continue
        if isinstance(node, ast.stmt | ast.Module | ast.excepthandler | ast.match_case):
            stack += ast.iter_child_nodes(node)  # an expression imports nothing
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + (1 if package else 0)]
                base = ".".join([*parts, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if file_of(f"{base}.{alias.name}"))


def reached() -> dict[str, ast.Module]:
    """The engine's modules reached from the kernel, read."""
    found: dict[str, ast.Module] = {}
    stack = list(ENTRIES)
    while stack:
        module = stack.pop()
        path = file_of(module)
        if module in found or path is None:
            continue
        found[module] = ast.parse(path.read_text("utf-8"))
        stack.append(module.rpartition(".")[0])
        package = path.name == "__init__.py"
        stack += [name for name in imported(found[module], module, package) if name.startswith("engine")]
    return found


REACHED = reached()


def test_the_walk_reaches_the_kernel_and_what_it_stands_on() -> None:
    for module in ("engine.execution.elements", "engine.feel.compiler", "engine.values", "engine.calendar"):
        assert module in REACHED
    for room in ("engine.store", "engine.runtime", "engine.handlers", "engine.audit"):
        assert not [module for module in REACHED if module.startswith(room)]


@pytest.mark.parametrize("module", sorted(REACHED))
def test_no_clock_no_dice_no_world(module: str) -> None:
    tree = REACHED[module]
    path = file_of(module)
    assert path is not None
    elsewhere = {m for m in imported(tree, module, path.name == "__init__.py") if not m.startswith("engine")}
    assert not {m for m in elsewhere if m not in PURE and m.partition(".")[0] not in LIBRARIES}
    bound = _bound(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute):
            read_here = node.func.attr == "astimezone" and not node.args  # the machine's own time zone
            assert node.func.attr not in CLOCKS and not read_here, f"{module}:{node.lineno}"
        elif isinstance(node.func, ast.Name):
            assert node.func.id not in WORLD - bound, f"{module}:{node.lineno} {node.func.id}"


def _bound(tree: ast.AST) -> set[str]:
    """Names a file gives a meaning of its own."""
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    found |= {a.arg for n in ast.walk(tree) if isinstance(n, ast.arguments) for a in (*n.args, *n.kwonlyargs)}
    functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    return found | functions | ({"hash"} if "__hash__" in functions else set())


PLAYED = """
import random
from hashlib import sha256
from engine import facts
from engine.calendar import Moment
from engine.execution.advance import advance
from engine.execution.state import State
from engine.values import dumps
from engine import commands as c
from tests.engine.builders import CALENDAR, MONDAY, diagram
from tests.properties.random_process import Drawing
from tests.properties.test_two_engines import next_command

digest = sha256()
for seed in range(40):
    package, state, chance = diagram(Drawing(seed).text), State(), random.Random(seed)
    command, now = c.StartProcess("main", "", {"x": 1}), MONDAY
    for _ in range(20):
        if isinstance(command, c.PassDeadline):
            now = max(now, state.deadlines[command.deadline].due)
        for fact in advance(package, state, command, Moment(now, CALENDAR), "case"):
            digest.update(dumps(facts.to_data(fact)))
        command = None if state.ended else next_command(state, chance)
        if command is None:
            break
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_the_same_commands_give_the_same_facts_in_every_process() -> None:
    """Python orders sets of texts anew in every process: nothing may follow from that order."""
    said = {
        subprocess.run(
            [sys.executable, "-c", PLAYED],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)},
        ).stdout
        for seed in (0, 1, 2)
    }
    assert len(said) == 1

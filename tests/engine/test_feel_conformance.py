"""FEEL by the standard: every line of data/feel_conformance.txt, also after the value was kept and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.feel import Function, compile_expression
from engine.feel.budget import Run
from engine.feel.semantics import text
from engine.values import dumps, loads
from tests.engine.builders import MOMENT


def _read() -> list[Any]:
    clause, context, cases = "", {}, []
    lines = (Path(__file__).parent / "data/feel_conformance.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("## "):
            clause, context = line[3:], {}
        elif line.startswith("@ {"):
            context = compile_expression(line[2:]).evaluate({}, MOMENT)
        elif line and not line.startswith("#"):
            expression, _, expected = line.rpartition("  =>  ")
            cases.append(pytest.param(expression, context, expected, id=f"{clause.split()[0]} {expression}"))
    return cases


CASES = _read()


@pytest.mark.parametrize(("expression", "context", "expected"), CASES)
def test_feel_says(expression: str, context: dict[str, Any], expected: str) -> None:
    run = Run(MOMENT)
    value = compile_expression(expression, strict=False).compute(context, run)
    assert written(value, run) == expected
    if not isinstance(value, Function):
        assert written(loads(dumps(value)), run) == expected


def written(value: Any, run: Run) -> str:
    return text([value], run)[1:-1]


def test_the_file_is_whole() -> None:
    assert len(CASES) > 900
    assert all(case.values[0] and case.values[2] for case in CASES)

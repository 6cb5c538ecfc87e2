"""Decision models 决策模型 in `dmn/`: graphs, knowledge, services, types, imports, boxed expressions, tables, each with
the answers that `dmn/cases.yaml` expects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.definitions.decisions import Decision, read_decisions
from engine.definitions.dmn.evaluation import Deciding
from engine.errors import ExpressionFailed
from engine.values import Value, from_outside, json_text, plain
from tests.engine.builders import MOMENT

FOLDER = Path(__file__).parent / "dmn"
FILES = {path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.dmn"))}
CASES = yaml.safe_load((FOLDER / "cases.yaml").read_text(encoding="utf-8"))
ALL = [(file, number, case) for file, cases in CASES.items() for number, case in enumerate(cases, 1)]


def exact(value: Value) -> str:
    return json_text(plain(value, exact=True))


def decision(file: str, wanted: str) -> Decision:
    found, findings = read_decisions(FILES[file], file, FILES)
    assert [one for one in findings if one.severity == "error"] == []
    if wanted in found:
        return found[wanted]
    (one,) = [one for one in found.values() if one.name == wanted]
    return one


@pytest.mark.parametrize(
    ("file", "number", "case"), ALL, ids=[f"{file}-{number}-{case['decide']}" for file, number, case in ALL]
)
def test_a_model_answers_as_expected(file: str, number: int, case: dict[str, Any]) -> None:
    run = Deciding(MOMENT)
    one = decision(file, case["decide"])
    given = from_outside(case["given"])
    if "failed" in case:
        with pytest.raises(ExpressionFailed) as failed:
            one.decide(given, run)
        assert case["failed"] in failed.value.message
        return
    assert exact(one.decide(given, run)) == exact(from_outside(case["expect"]))
    assert case.get("remark", "") in "".join(run.remarks)
    if case["expect"] is not None and "null" not in exact(from_outside(case["expect"])):
        assert run.remarks == [] or "remark" in case


def test_every_model_is_asked_and_every_decision_of_it_answers() -> None:
    """No model lies here unasked; what a model holds can be decided without any variable, or says why not."""
    assert set(CASES) == set(FILES) - {"imports_base.dmn"}
    for file, data in FILES.items():
        for one in read_decisions(data, file, FILES)[0].values():
            try:
                one.decide({}, Deciding(MOMENT))
            except ExpressionFailed as failed:
                assert failed.message


def test_there_are_many_cases() -> None:
    assert len(ALL) >= 120

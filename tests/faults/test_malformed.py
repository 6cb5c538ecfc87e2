"""Ten thousand malformed diagrams, decision models, forms and JSON bodies each: every one ends in findings or a refusal, none in a
fault of ours, none after more than two seconds."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from engine.definitions.checking import check_diagram
from engine.definitions.decisions import read_decisions
from engine.definitions.forms.reading import read_form
from engine.errors import EngineError, InputInvalid
from tests import stores
from tests.engine.test_check_fuzz import DRAWINGS, cut, injured
from tests.engine.test_feel_budgets import MOMENT
from tests.faults.product import ROOT
from tests.web.builder import FORM, START_FORM, Site, copy_office, make_office, open_site
from web.security import strict_json

pytestmark = pytest.mark.slow

PARTS, EACH = 4, 2_500
HTTP = 1_500
"""Bodies sent over HTTP to each store."""

LONGEST = 2.0

MODELS = sorted((ROOT / "tests" / "engine" / "dmn").glob("*.dmn"))
FORMS = [*sorted((ROOT / "forms").rglob("*.json"))]
LARGE = sorted((ROOT / "processes").rglob("*.bpmn"))
ODD: list[Any] = [
    None, True, False, -1, 1.5, 1e308, 10**33, 10**400, "", "\x00", "a\x00b", "\ud800", "字" * 3_000, "\u202e", [], [[]], {}, {"$date": "x"},
    {"": 1}, [None] * 50, "=1+", "=" * 500, "R/PT0S", float("nan"), float("inf"), "${x}", "<x>", {"a": {"b": {"c": {"d": [[[[1]]]]}}}},
]  # fmt: skip


def injured_json(value: Any, choice: random.Random) -> bytes:
    """JSON with things taken away, put in, or put elsewhere; sometimes the bytes themselves are cut."""
    value = json.loads(json.dumps(value))
    for _ in range(choice.randint(1, 4)):
        places = list(_places(value))
        if not places:
            break
        inside, key = choice.choice(places)
        match choice.randrange(4):
            case 0:
                del inside[key]
            case 1:
                inside[key] = copy.deepcopy(choice.choice(ODD))
            case 2:
                inside[key] = copy.deepcopy(choice.choice([i[k] for i, k in places]))
            case _:
                if isinstance(inside, dict):
                    inside[str(choice.choice(["$x", "", "\x00", "form", "type", "a" * 300]))] = copy.deepcopy(
                        copy.deepcopy(choice.choice(ODD))
                    )
                else:
                    inside.append(copy.deepcopy(choice.choice(ODD)))
    data = json.dumps(value, ensure_ascii=choice.random() < 0.5).encode("utf-8", "surrogatepass")
    return cut(data, choice) if choice.random() < 0.2 and data else data


def _places(value: Any) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield value, key
            yield from _places(inner)
    elif isinstance(value, list):
        for key, inner in enumerate(value):
            yield value, key
            yield from _places(inner)


def diagram(choice: random.Random) -> None:
    path = choice.choice(LARGE) if choice.random() < 0.01 else choice.choice(DRAWINGS)
    data = path.read_bytes()
    data = cut(data, choice) if choice.random() < 0.25 else injured(data, choice)
    findings = check_diagram(data, "图.bpmn")
    assert all(f.message and f.rule and f.file for f in findings)


def model(choice: random.Random) -> None:
    data = choice.choice(MODELS).read_bytes()
    data = cut(data, choice) if choice.random() < 0.25 else injured(data, choice)
    _, findings = read_decisions(data, "表.dmn")
    assert all(f.message and f.rule and f.file for f in findings)


def form(choice: random.Random) -> None:
    schema = (
        json.loads(choice.choice(FORMS).read_bytes())
        if choice.random() < 0.5
        else choice.choice([FORM, START_FORM])
    )
    read, findings = read_form(injured_json(schema, choice), "f.json")
    assert read is not None or any(f.severity == "error" and f.message for f in findings)
    if read is not None:
        try:
            read.validate(
                strict_json(injured_json({"说明": "x", "人数": 3, "名称": "甲", "结论": "属实"}, choice)),
                {},
                MOMENT,
            )
        except EngineError as error:
            assert error.message


def body(choice: random.Random) -> None:
    given = {
        "package": "tiny",
        "form": {"说明": "x", "人数": 3, "多": [1, {"a": "b"}]},
        "files": ["x"],
        "start": "S",
    }
    try:
        strict_json(injured_json(given, choice))
    except InputInvalid as error:
        assert error.message


KINDS: dict[str, Callable[[random.Random], None]] = {
    "BPMN": diagram,
    "DMN": model,
    "form": form,
    "JSON": body,
}


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", KINDS)
def test_malformed_files_end_in_findings(kind: str, part: int) -> None:
    for number in range(EACH):
        seed = f"{kind} {part} {number}"
        begun = process_time()
        KINDS[kind](random.Random(seed))
        assert process_time() - begun <= LONGEST, seed


@pytest.fixture
def site(store: str, tmp_path: Path) -> Site:
    (tmp_path / "office").mkdir()
    make_office(tmp_path / "office")
    return open_site(copy_office(tmp_path / "office", tmp_path / "data"))


@stores.on_both
def test_malformed_bodies_over_http(site: Site) -> None:
    """Whole requests, into the database if they are let in: notes, beginnings, finished items, drafts, settings."""
    choice = random.Random(20260928)
    case, zhao, wang = site.begin(), site.user("zhao"), site.user("wang")
    address = f"/api/v1/cases/{case}"
    asked: list[tuple[Any, str, str, Any]] = [
        (wang, "POST", "/api/v1/cases", {"package": "tiny", "start": "S", "form": {"名称": "甲", "企业": "一号煤矿", "行业": "煤矿", "属地": "上海庙镇"}}),
        (wang, "POST", f"{address}/notes", {"text": "现场已看"}),
        (wang, "POST", f"{address}/items/{site.item(case, 'A')}/finish", {"form": {"说明": "x", "结论": "属实", "人数": 3}, "files": []}),
        (wang, "POST", f"{address}/actions/extension", {"form": {}}),
        (zhao, "POST", f"{address}/suspend", {"reason": "不可抗力", "until": "2026-10-10"}),
        (zhao, "PUT", "/api/v1/directory/units/住建局", {"name": "住建局", "kind": "督办部门", "phone": "1"}),
        (zhao, "PUT", "/api/v1/monitor/settings", {"days": 3}),
        (zhao, "PUT", "/api/v1/packages/tiny/parameters", {"values": {"days": 4}, "note": "试"}),
        (zhao, "POST", "/api/v1/jobs/fetch-and-lock", {"topic": "outside", "worker": "w", "seconds": 60, "most": 1}),
        (wang, "POST", "/api/v1/session", {"account": "wang", "password": "wrong"}),
    ]  # fmt: skip
    broken, slow, statuses = [], [], set()
    for _ in range(HTTP):
        user, method, path, right = choice.choice(asked)
        data = injured_json(right, choice)
        begun = process_time()
        headers = {"X-CSRF-Token": user.csrf, "Content-Type": "application/json"}
        answer = user.client.open(path, method=method, data=data, headers=headers)
        statuses.add(answer.status_code)
        if process_time() - begun > LONGEST:
            slow.append((path, data[:200]))
        if answer.status_code >= 500:
            broken.append((path, data[:200], answer.text[:200]))
    assert broken == [] and slow == []
    assert {200, 201, 400, 422} <= statuses, "some get in, some are refused by the schema, some before it"

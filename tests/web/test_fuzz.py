"""Every write of the API with odd values in every field its schema names: refused, never broken."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests import stores
from tests.web.builder import Site
from tests.web.test_routes import ENDS_THE_SESSION, filled, routes

pytestmark = stores.both

ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 10**33, 10**40, "", " ", "x", "é" * 40, "字" * 5000, "\u202e../../etc/passwd", "=cmd",
    "2026-02-30", "2026-10-08", "9999-12-31", "0001-01-01", "2026-10-08T10:00:00+08:00", "9999-12-31T23:59:59+00:00", "\U0001f600",
    "next_deadline", "*", "@", "DB@能源局", "newest", [], [[]], [None], ["x"], [{}], {}, {"a": {"b": [1, {"c": None}]}}, {"说明": []},
    {"process.toml": "x"}, {"process.toml": None}, {"../x.bpmn": "x"}, {"a.bpmn": 1}, {"tiny.bpmn": "<x"}, {"tiny.bpmn": "<!DOCTYPE x>"},
    {"days": None}, {"days": [1]}, {"days": 10**33}, {"days": {"x": 1}},
]  # fmt: skip
ROUNDS = 40


@pytest.mark.slow
def test_odd_values_are_refused_and_never_break(site: Site) -> None:
    chance = random.Random(20260928)
    case = site.begin()
    zhao = site.user("zhao")
    spec = site.stranger().get("/api/v1/openapi.json").json
    broken: list[str] = []
    tried = taken = 0
    for method, rule in routes(site):
        address = (
            filled(rule, case, site) if "case" not in rule.arguments or site.engine.load(case).items else None
        )
        if method == "GET" or address is None or not rule.rule.startswith("/api/v1/"):
            continue
        if (method, address) in ENDS_THE_SESSION or rule.rule in (
            "/api/v1/me/password",
            "/api/v1/session",
            "/api/v1/cases/<string:case>/cancel",
        ):
            continue
        operation = spec["paths"][_openapi(rule.rule)][method.lower()]
        for _ in range(ROUNDS):
            body = {
                name: _value(chance, kind) for name, kind in _fields(spec, operation) if chance.random() < 0.9
            }
            if rule.rule.removesuffix("/<string:person>") == "/api/v1/directory/people":
                body["account"] = f"odd{tried}"  # nobody of this test is renamed or retired
                address = "/api/v1/directory/people" if method == "POST" else "/api/v1/directory/people/gao"
            answer = zhao.send(method, address, body)
            tried += 1
            taken += answer.status_code not in (422, 413)
            if answer.status_code >= 500:
                broken.append(f"{method} {address} {body!r}: {answer.text}")
    assert broken == []
    assert tried > 500 and taken > 100, "most must get past the schema, or nothing behind it is tried"


def _openapi(rule: str) -> str:
    import re

    return re.sub(r"<(?:[a-z]+(?:\([^)]*\))?:)?([a-z]+)>", r"{\1}", rule)


def _value(chance: random.Random, kind: str) -> Any:
    """Mostly an odd value of the right kind, so that it gets past the schema; sometimes of any kind."""
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,), "integer": (int,), "boolean": (bool,), "array": (list,), "object": (dict,),
    }  # fmt: skip
    right = [v for v in ODD if type(v) in kinds.get(kind, ())]
    return chance.choice(right) if right and chance.random() < 0.9 else chance.choice(ODD)


def _fields(spec: dict[str, Any], operation: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, JSON type) of what the body may hold."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
    found = []
    for field, schema in sorted(spec["components"]["schemas"].get(name, {}).get("properties", {}).items()):
        kind = schema.get("type", "")
        found.append((field, kind if isinstance(kind, str) else kind[0]))
    return found

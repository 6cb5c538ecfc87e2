"""Every route says who may; every role gets what the declaration says; foreign ids do not exist; bad input is refused."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from werkzeug.routing import Rule

from engine.errors import EngineError
from tests import stores
from tests.web.builder import KEY, Site, User
from web.errors import STATUS
from web.identity import LEVELS

pytestmark = stores.both

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROLES = {
    "wang": {"signed_in"},
    "gao": {"signed_in"},
    "zhao": {"signed_in", "office", "publisher", "auditor"},
    "ji": {"signed_in", "auditor"},
}

# Addresses that change more than a look: tried last or with care.
ENDS_THE_SESSION = {("DELETE", "/api/v1/session"), ("POST", "/sign-out")}


def routes(site: Site) -> Iterator[tuple[str, Rule]]:
    for rule in site.app.url_map.iter_rules():
        for method in METHODS:
            if method in (rule.methods or ()):
                yield method, rule


def filled(rule: Rule, case: str, site: Site) -> str:
    """The rule's address with ids that exist."""
    values = {
        "case": case, "item": str(site.item(case, "A")), "key": KEY, "which": "1", "against": "1", "path": "process.toml",
        "package": KEY, "start": "S", "form": "check", "action": "extension", "file": "nothing", "incident": "1", "job": "1",
        "unit": "能源局", "person": "wang", "day": "2026-10-01", "year": "2026", "token": "nothing", "name": "x.js", "filter": "nothing",
        "side": "small", "hint": "nothing",
        "absence": "nothing", "listed": "nothing", "handover": "nothing", "channel": "nothing",
    }  # fmt: skip
    return re.sub(r"<(?:[a-z]+(?:\([^)]*\))?:)?([a-z]+)>", lambda m: values[m[1]], rule.rule)


def test_every_route_declares_who_may(shared: Site) -> None:
    silent = [
        rule.rule
        for rule in shared.app.url_map.iter_rules()
        if not getattr(shared.app.view_functions[rule.endpoint], "may", ())
    ]
    assert silent == []


def test_only_these_are_open_to_anyone(shared: Site) -> None:
    opened = {
        r.rule
        for r in shared.app.url_map.iter_rules()
        if "anyone" in shared.app.view_functions[r.endpoint].may
    }  # type: ignore[attr-defined]
    assert opened == {
        "/sign-in", "/assets/<path:name>", "/favicon.svg", "/livez", "/readyz", "/api/v1/session", "/api/v1/openapi.json",
        "/manifest.webmanifest", "/icons/<string:name>.png", "/sw.js", "/offline",
    }  # fmt: skip


@pytest.mark.slow
def test_the_matrix_of_roles_and_routes(site: Site) -> None:
    case = site.begin()
    wrong: list[str] = []
    for account in (None, *ROLES):
        for method, rule in routes(site):
            levels = set(site.app.view_functions[rule.endpoint].may)  # type: ignore[attr-defined]
            address = filled(rule, case, site)
            if (method, address) in ENDS_THE_SESSION or (account is not None and "anyone" in levels):
                continue
            user = site.stranger() if account is None else site.user(account)
            status = _try(user, method, address)
            if account is None:
                good = "anyone" in levels or status == (401 if address.startswith("/api/") else 302)
            elif levels & ROLES[account]:
                # The handlers may refuse by the case's own rules (403), never because nobody is signed in.
                good = status not in (401, 405) and status < 500
            else:
                good = status == 403
            if not good or status >= 500 and rule.rule != "/readyz":
                wrong.append(f"{account} {method} {address}: {status}")
    assert wrong == []


def _try(user: User, method: str, address: str) -> int:
    if method == "GET":
        answer = user.get(address)
    else:
        answer = user.send(method, address, {"nonsense": 1})
    answer.close()
    return answer.status_code


def test_looking_changes_nothing(site: Site) -> None:
    case = site.begin()
    before = site.engine.facts(case)
    for method, rule in routes(site):
        if method == "GET":
            site.user("zhao").get(filled(rule, case, site)).close()
    assert site.engine.facts(case) == before


@pytest.mark.parametrize(
    ("account", "foreign"),
    [("liu", "mine"), ("sun", "mine"), ("wang", "theirs"), ("gao", "theirs"), ("mutu", "theirs")],
)
def test_what_one_may_not_see_does_not_exist(shared: Site, account: str, foreign: str) -> None:
    case = getattr(shared, foreign)
    user = shared.user(account)
    seen: list[str] = []
    for method, rule in routes(shared):
        if "case" not in rule.arguments or rule.rule.startswith("/api/v1/jobs"):
            continue
        if "signed_in" not in shared.app.view_functions[rule.endpoint].may:
            continue  # refused before any id is looked at (the matrix above)
        body: Any = (
            {
                "reason": "试一试",
                "verdict": "dismissed",
                "text": "试",
                "file": "x",
                "form": {},
                "data": {},
                "to": ["能源局"],
                "into": case,
                "way": "before",
                "signer": "x",
                "values": {"名称": "x"},
            }
            if method != "GET"
            else None
        )
        answer = (
            user.get(filled(rule, case, shared))
            if method == "GET"
            else _valid(user, method, rule, filled(rule, case, shared), body)
        )
        if (
            answer.status_code != 404
            or "备用风机" in answer.text
            or "脚手架" in answer.text
            or "ETag" in answer.headers
        ):
            seen.append(f"{method} {rule.rule}: {answer.status_code}")
    assert seen == []
    for address in (
        "/api/v1/cases",
        "/register",
        "/api/v1/items?tab=unit",
        "/monitor",
        "/api/v1/monitor",
        "/worklist",
    ):
        assert case not in user.get(address).text


def _valid(user: User, method: str, rule: Rule, address: str, body: dict[str, Any]) -> Any:
    """A body the schema of this route takes, so that only the id can be the reason of the refusal."""
    wanted = {
        "release": ["reason"], "return": ["reason"], "transfer": ["reason"], "suspend": ["reason"], "resume": ["reason"], "cancel": ["reason"],
        "<string:hint>": ["reason", "verdict"], "copies": ["to"], "urge": ["text"], "merge": ["into", "reason"], "draft": ["data"] if method == "PUT" else [], "notes": ["text"], "files": ["file"], "finish": ["form"], "<string:action>": ["form"],
        "signers": ["reason", "way", "signer"], "take-back": ["reason"], "withdraw": ["reason"], "correct": ["values", "reason"],
    }.get(rule.rule.rsplit("/", 1)[1], [])  # fmt: skip
    return user.send(method, address, {k: body[k] for k in wanted})


def test_who_began_a_case_goes_on_seeing_it(site: Site) -> None:
    case = site.begin("liu")
    assert site.engine.load(case).items[site.item(case, "A")].unit == "能源局"
    assert site.user("liu").get(f"/api/v1/cases/{case}").status_code == 200
    assert [c["id"] for c in site.user("liu").get("/api/v1/cases").json["items"]] == [case]
    assert site.user("sun").get(f"/api/v1/cases/{case}").status_code == 404


def test_files_of_foreign_cases_do_not_exist(site: Site) -> None:
    case = site.begin()
    wang = site.user("wang")
    up = wang.client.post(
        "/api/v1/files",
        data={"file": (io.BytesIO(b"%PDF-1.4 x"), "函.pdf")},
        headers={"X-CSRF-Token": wang.csrf},
    )
    file = up.json["id"]
    assert site.user("li").get(f"/api/v1/files/{file}").status_code == 404, (
        "not attached yet: the uploader's alone"
    )
    wang.post(f"/api/v1/cases/{case}/files", {"file": file})
    assert site.user("liu").get(f"/api/v1/files/{file}").status_code == 404
    assert site.user("liu").get(f"/api/v1/files/{file}/info").status_code == 404
    good = site.user("li").get(f"/api/v1/files/{file}")
    assert good.status_code == 200
    good.close()


def test_every_refusal_has_a_status() -> None:
    def below(cls: type[EngineError]) -> Iterator[type[EngineError]]:
        for sub in cls.__subclasses__():
            yield sub
            yield from below(sub)

    assert {c.code for c in below(EngineError) if c.__module__.startswith(("engine.", "web."))} <= set(STATUS)


MALFORMED = {
    "not json": b"{",
    "deep nesting": b"[" * 100_000 + b"]" * 100_000,
    "deep object": b'{"form":' * 40 + b"1" + b"}" * 40,
    "nan": b'{"form": {"a": NaN}}',
    "infinity": b'{"form": {"a": Infinity}}',
    "minus infinity": b'{"form": {"a": -Infinity}}',
    "nul": b'{"form": {"\\u8bf4\\u660e": "a\\u0000b"}}',
    "nul in key": b'{"a\\u0000b": 1}',
    "lone surrogate": b'{"form": {"\\u8bf4\\u660e": "\\ud800"}}',
    "huge integer": b'{"form": {"\\u4eba\\u6570": ' + b"9" * 400 + b"}}",
    "big exponent": b'{"form": {"\\u4eba\\u6570": 1e400}}',
    "boolean as integer": b'{"form": {"\\u4eba\\u6570": true}}',
    "array instead of object": b"[1]",
    "null": b"null",
    "a number": b"1",
    "a string": b'"x"',
    "tagged": b'{"form": {"\\u8bf4\\u660e": {"$date": "2026-01-01"}}}',
    "wrong type": b'{"form": []}',
    "form is null": b'{"form": null}',
    "files are objects": b'{"form": {}, "files": [{}]}',
    "not utf-8": b'{"form": "\xff\xfe"}',
    "utf-16": '{"form": {}}'.encode("utf-16"),
    "empty key": b'{"": 1}',
    "repeated": b'{"form": {}, "form": 1}',
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_bodies_are_refused_and_never_break(shared: Site, what: str) -> None:
    user = shared.user("wang")
    headers = {"X-CSRF-Token": user.csrf, "Content-Type": "application/json"}
    case = shared.mine
    for address in (
        f"/api/v1/cases/{case}/items/{shared.item(case, 'A')}/finish",
        "/api/v1/cases",
        f"/api/v1/cases/{case}/notes",
    ):
        answer = user.client.post(address, data=MALFORMED[what], headers=headers)
        assert 400 <= answer.status_code < 500, (address, answer.status_code)
        assert answer.content_type == "application/problem+json"
        problem = json.loads(answer.data)
        assert {"type", "title", "detail", "code", "status"} <= set(problem)
        assert "Traceback" not in answer.text and 'File "' not in answer.text


ODD_QUERIES = [
    "limit=abc",
    "limit=-1",
    "limit=99999999999999999999",
    "after=zzz",
    "after=W10",
    "after=%00",
    "q=%00",
    "q=%ff",
    "nonsense=1",
    "overdue=maybe",
    "since=yesterday",
    "tab=x",
]


@pytest.mark.parametrize("query", ODD_QUERIES)
def test_odd_queries_are_refused_and_never_break(shared: Site, query: str) -> None:
    for address in (
        "/api/v1/cases",
        "/api/v1/items",
        "/api/v1/audit/facts",
        "/register",
        "/worklist",
        "/audit",
        "/monitor",
    ):
        status = shared.user("zhao").get(f"{address}?{query}").status_code
        assert status < 500, (address, query)


@pytest.mark.parametrize(
    "address",
    ["/cases/%00", "/cases/..%2f..%2fetc", "/api/v1/cases/x/items/99999999999999999999", "/api/v1/files/../../etc/passwd",
     "/assets/../app.py", "/assets/.vite/manifest.json", "/api/v1/packages/tiny/versions/1/files/../process.toml",
     "/api/v1/packages/tiny/versions/99999999999999999999", "/api/v1/cases/" + "x" * 3000, "/api/v1/calendar/days/x", "/api/v1/calendar/years/99999999999"],
)  # fmt: skip
def test_odd_addresses_never_break(shared: Site, address: str) -> None:
    for account in ("zhao", "wang"):
        answer = shared.user(account).get(address)
        assert 300 <= answer.status_code < 500, (address, answer.status_code)


def test_bodies_beyond_the_limits_are_refused(shared: Site) -> None:
    user = shared.user("zhao")
    headers = {"X-CSRF-Token": user.csrf, "Content-Type": "application/json"}
    large = b'{"text": "' + b"x" * 1_100_000 + b'"}'
    assert (
        user.client.post(f"/api/v1/cases/{shared.mine}/notes", data=large, headers=headers).status_code == 413
    )
    model = b'{"files": {"a.bpmn": "' + b"x" * 1_500_000 + b'"}}'
    assert user.client.post(f"/api/v1/packages/{KEY}/check", data=model, headers=headers).status_code == 200
    model = b'{"files": {"a.bpmn": "' + b"x" * 2_200_000 + b'"}}'
    assert user.client.post(f"/api/v1/packages/{KEY}/check", data=model, headers=headers).status_code == 413


def test_fields_nobody_asked_for_are_refused(shared: Site) -> None:
    answer = shared.user("wang").post(
        f"/api/v1/cases/{shared.mine}/notes", {"text": "好", "state": "completed"}
    )
    assert answer.status_code == 422 and "state" in answer.json["errors"]


def test_a_wrong_method_names_the_right_ones(shared: Site) -> None:
    answer = shared.user("wang").send("DELETE", "/api/v1/me")
    assert answer.status_code == 405 and "GET" in answer.headers["Allow"]


def test_levels_are_known(shared: Site) -> None:
    used = {level for view in shared.app.view_functions.values() for level in getattr(view, "may", ())}
    assert used <= set(LEVELS)


def test_towns_and_enterprises_never_learn_of_a_report(site: Site) -> None:
    case = site.begin("wang", 名称="举报查实案", 来源渠道="群众举报")
    site.user("wang").post(
        f"/api/v1/cases/{case}/items/{site.item(case, 'A')}/finish",
        {"form": {"说明": "内部意见甲", "结论": "属实"}},
    )
    told = {"wang", "zhao", "ji"}
    for account in ("wang", "zhao", "ji", "mutu", "gao"):
        user = site.user(account)
        texts = []
        for method, rule in routes(site):
            if method == "GET" and "case" in rule.arguments and rule.rule.count("<") == 1:
                texts.append(user.get(filled_case(rule, case)).text)
        texts += [user.get(a).text for a in ("/register", "/api/v1/cases", "/worklist")]
        assert any("群众举报" in t for t in texts) == (account in told), account
        assert any("内部意见甲" in t for t in texts) == (account != "gao"), account
        book = openpyxl.load_workbook(io.BytesIO(user.get("/register/export.xlsx").data))
        assert "群众举报" not in [c.value for row in book.active.iter_rows() for c in row]  # type: ignore[union-attr]


def filled_case(rule: Rule, case: str) -> str:
    return rule.rule.replace("<string:case>", case)


def test_what_is_said_where_nothing_closer_is_said_is_one_sentence() -> None:
    """A class's docstring is read by people; what programmers should know of it stands elsewhere."""

    def below(cls: type[EngineError]) -> Iterator[type[EngineError]]:
        yield cls
        for child in cls.__subclasses__():
            yield from below(child)

    said = {
        cls.__name__: cls().message
        for cls in below(EngineError)
        if cls.__module__.startswith(("engine.", "web."))
    }
    assert {
        n: text for n, text in said.items() if "\n" in text or "`" in text or not text.endswith("。")
    } == {}


@pytest.mark.parametrize("digit", ["¹", "²²²²", "٣", "1¹"])
def test_digits_that_are_no_numbers(shared: Site, digit: str) -> None:
    zhao = shared.user("zhao")
    for address in (
        f"/api/v1/packages/{KEY}/versions/{digit}", f"/admin/calendar?year={digit}", f"/api/v1/cases?limit={digit}",
        f"/api/v1/cases/{shared.mine}/items/{digit}", f"/api/v1/monitor?days={digit}", f"/packages/{KEY}/{digit}",
    ):  # fmt: skip
        assert zhao.get(address).status_code < 500, address
    body = {"base": digit, "files": {}, "note": ""}
    assert zhao.post(f"/api/v1/packages/{KEY}/versions", body).status_code == 404

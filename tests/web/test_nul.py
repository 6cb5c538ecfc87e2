"""NUL and lone surrogates: no text column of PostgreSQL takes them, so every way in refuses them in words, on both stores alike:
JSON, forms, addresses, headers, file names, packages, expressions, the ledger's import."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from engine.commands import Actor
from engine.errors import EngineError
from engine.store import tables
from tests import stores
from tests.engine.builders import xml
from tests.web.builder import DIAGRAM, KEY, TOML, Site
from tests.web.builder import files as package_files

pytestmark = stores.both

ODD = ["a\x00b", "\x00", "a\ud800b", "\udfff"]


@pytest.mark.parametrize("odd", ODD)
def test_plain_forms_headers_and_addresses(shared: Site, odd: str) -> None:
    raw = odd.encode("utf-8", "surrogatepass")
    quoted = "".join(f"%{byte:02x}" for byte in raw)
    stranger, zhao = shared.stranger(), shared.user("zhao")
    for body in (f"account={quoted}&password=x", f"account=zhao&password={quoted}&next={quoted}"):
        kind = "application/x-www-form-urlencoded"
        answer = stranger.client.post("/sign-in", data=body, content_type=kind)
        assert answer.status_code < 500, answer.text
    for address in (
        f"/sign-in?next={quoted}", f"/register?q={quoted}", f"/api/v1/cases?q={quoted}", f"/api/v1/cases/{quoted}", f"/cases/{quoted}",
        f"/api/v1/audit/facts?person={quoted}", f"/api/v1/directory/units/{quoted}", f"/api/v1/files/{quoted}",
        f"/api/v1/items?after={quoted}", f"/register/export.xlsx?q={quoted}", f"/assets/{quoted}",
    ):  # fmt: skip
        assert zhao.get(address).status_code < 500, address
    for name in ("Idempotency-Key", "X-CSRF-Token", "Authorization", "Cookie", "If-None-Match", "User-Agent"):
        value = raw.decode("latin-1")
        answer = stranger.client.get("/api/v1/me", headers={name: value})
        assert answer.status_code < 500, (name, answer.text)
        answer = zhao.post(f"/api/v1/cases/{shared.mine}/notes", {"text": "好"}, **{name: value})
        assert answer.status_code < 500, (name, answer.text)


@pytest.mark.parametrize("odd", ODD)
def test_names_of_files(shared: Site, odd: str) -> None:
    wang = shared.user("wang")
    raw = odd.encode("utf-8", "surrogatepass")
    body = (
        b'--end\r\nContent-Disposition: form-data; name="file"; filename="'
        + raw
        + b'.pdf"\r\n\r\n%PDF-1.4 x\r\n--end--\r\n'
    )
    kind, headers = "multipart/form-data; boundary=end", {"X-CSRF-Token": wang.csrf}
    answer = wang.client.post("/api/v1/files", data=body, content_type=kind, headers=headers)
    assert answer.status_code < 500, answer.text
    if answer.status_code == 201:
        assert answer.json["name"].isprintable()
        assert wang.post(f"/api/v1/cases/{shared.mine}/files", {"file": answer.json["id"]}).status_code == 201


def toml_with(**replaced: str) -> bytes:
    text = TOML
    for old, new in replaced.items():
        assert f'"{old}"' in text
        text = text.replace(f'"{old}"', new)
    return text.encode()


PACKAGES: dict[str, dict[str, bytes]] = {
    "a title": {"process.toml": toml_with(小流程='"小\\u0000流程"')},
    "an owner": {"process.toml": toml_with(安委办='"安\\u0000委办"')},
    "a role": {"process.toml": toml_with(督办部门承办人='"承\\u0000办人"')},
    "a parameter": {"process.toml": toml_with(核实时限='"核\\u0000实"')},
    "a series": {"process.toml": toml_with(小='"小\\u0000"')},
    "a form's label": {"forms/enter.json": package_files()["forms/enter.json"].replace("隐患名称".encode(), b"a\\u0000b")},
    "a form's surrogate": {"forms/enter.json": package_files()["forms/enter.json"].replace("隐患名称".encode(), b"a\\ud800b")},
    "a name of a file": {"forms/a\x00b.json": package_files()["forms/enter.json"]},
}  # fmt: skip


@pytest.mark.parametrize("what", PACKAGES)
def test_packages(site: Site, what: str) -> None:
    """Refused, or taken and worked with; never broken."""
    texts = {p: d.decode() for p, d in (package_files() | PACKAGES[what]).items()}
    zhao = site.user("zhao")
    for address in (f"/api/v1/packages/{KEY}/check", f"/api/v1/packages/{KEY}/versions"):
        answer = zhao.post(address, {"files": texts, "note": "试"})
        assert answer.status_code < 500, (address, answer.text)
    if answer.status_code == 201:
        site.begin()


EXPRESSIONS = {
    "a title": ("    user A", '    script Q name=算 do="string join([\\"a\\", \\"b\\"], \\"\\\\u0000\\")" result=名称\n    user A'),
    "a lone surrogate": ("    user A", '    script Q name=算 do="\\"a\\\\uD800b\\"" result=名称\n    user A'),
}  # fmt: skip


@pytest.mark.parametrize("what", EXPRESSIONS)
def test_expressions(site: Site, what: str) -> None:
    """What a diagram's own expression makes: refused when it is published, or an incident; never broken."""
    old, new = EXPRESSIONS[what]
    diagram = DIAGRAM.replace(old, new, 1).replace("S -> A", "S -> Q -> A")
    files = package_files() | {"tiny.bpmn": xml(diagram)}
    try:
        site.engine.publish(files, Actor("zhao", "赵立新"), "试")
    except EngineError:
        return
    form: dict[str, Any] = {"名称": "甲", "企业": "一号煤矿", "行业": "煤矿", "属地": "上海庙镇"}
    answer = site.user("wang").post("/api/v1/cases", {"package": KEY, "start": "S", "form": form})
    assert answer.status_code < 500, answer.text
    with site.engine.read() as connection:
        titles = connection.execute(sa.select(tables.cases.c.title)).scalars().all()
    assert not any("\x00" in title for title in titles)

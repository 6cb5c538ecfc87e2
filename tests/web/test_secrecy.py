"""What towns and enterprises must not learn, on the office's own process: that somebody reported 举报, what units wrote to
each other, and which other enterprises there are."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
import yaml

from engine.clock import FixedClock
from tests import stores
from tests.web.builder import Site
from tests.web.test_real_package import MAIN, SCENARIOS, Office, real, with_files
from tests.web.test_routes import routes

__all__ = ["real"]

pytestmark = [*stores.both, pytest.mark.slow]

OPINION = "内部意见乙丙丁"
DEFAULTS: dict[str, Any] = yaml.safe_load((SCENARIOS / "defaults.yaml").read_text("utf-8"))
OUTSIDERS = ("牧图", "高建军", "巴图")


@pytest.fixture(scope="module")
def reported(real: Site) -> tuple[Site, Office, str]:
    """A case that came by a report, at the step at which the reporter is answered, that step being late; and somebody has
    reported a false fix."""
    people = Office(real)
    case = _begin(people, "苏雅拉", "Start_report", 来源渠道="群众举报")
    _proceed(real, people, case, {"T27"})
    action = people["赵立新"].post(
        f"/api/v1/cases/{case}/actions/false_fix", {"form": with_files(people["赵立新"], DEFAULTS["X_false"])}
    )
    assert action.status_code == 200, action.text
    assert isinstance(real.engine.clock, FixedClock)
    real.engine.clock.at += timedelta(days=60)
    for account in people.users:
        people.users[account].client.delete_cookie("duban")
    return real, Office(real), case


def _begin(people: Office, by: str, start: str, **form: Any) -> str:
    user = people[by]
    values = with_files(user, DEFAULTS["T01"] | form)
    made = user.post("/api/v1/cases", {"package": MAIN, "start": start, "form": values})
    assert made.status_code == 201, made.text
    return str(made.json["case"])


def _proceed(site: Site, people: Office, case: str, until: set[str]) -> None:
    """Every open item is done by the first who may, with the forms' usual contents, until one of `until` is open."""
    accounts = {p.id: p.name for p in site.engine.directory().people.values()}
    for _ in range(80):
        items = people["赵立新"].get(f"/api/v1/cases/{case}").json["items"]
        if until & {i["element"] for i in items}:
            return
        item = items[0]
        address = f"/api/v1/cases/{case}/items/{item['item']}"
        who = people["赵立新"].get(f"{address}/candidates").json["people"]
        assert who, item
        user = people[accounts[who[0]["id"]]]
        form = dict(DEFAULTS.get(item["form"], {}))
        if item["role"] not in ("QY", "QY_ZY"):
            form |= {k: OPINION for k in ("判定理由", "督办要求") if k in form}
        done = user.post(f"{address}/finish", {"form": with_files(user, form)})
        assert done.status_code == 200, (item, done.text)
    raise AssertionError(f"{until} was never reached")


def _looked_at(site: Site, case: str, user: Any) -> Iterator[tuple[str, str]]:
    """Every address of the case, and the lists, as the person reads them."""
    state = site.engine.load(case)
    numbers = sorted({*state.items, *range(1, 40)})
    for method, rule in routes(site):
        if method != "GET" or "case" not in rule.arguments:
            continue
        address = rule.rule.replace("<string:case>", case)
        if "item" in rule.arguments:
            for n in numbers:
                at = re.sub(r"<int[^>]*>", str(n), address)
                yield at, user.get(at).text
        elif "<" not in address:
            for more in ("", "?all&technical") if address.startswith("/cases") else ("",):
                yield address + more, user.get(address + more).text
    for address in (
        "/register", "/api/v1/cases", "/monitor", "/api/v1/monitor", "/worklist?tab=unit", "/api/v1/items?tab=unit",
        "/api/v1/items?tab=done", "/notices", "/api/v1/notices", "/register/lists?unit=上海庙镇", "/register/lists?unit=鹰骏一号煤矿",
        "/api/v1/register/columns", f"/api/v1/register/similar?package={MAIN}&party=鹰骏一号煤矿&words=备用主通风机停用未修复风量不足",
    ):  # fmt: skip
        yield address, user.get(address).text


@pytest.mark.parametrize("name", OUTSIDERS)
def test_nothing_tells_that_somebody_reported(reported: tuple[Site, Office, str], name: str) -> None:
    site, people, case = reported
    told = []
    for address, text in _looked_at(site, case, people[name]):
        text = text.replace(
            '"label":"举报受理中心","value":"举报受理中心"', ""
        )  # that there is such a unit is no secret
        told += [
            f"{address}: …{text[max(0, m.start() - 60) : m.end() + 40]}…"
            for m in re.finditer("举报|T27|V_check|V_start|Start_report|X_false|苏雅拉|suyala", text)
        ]
    assert told == []


@pytest.mark.parametrize("name", ("高建军", "巴图"))
def test_enterprises_do_not_read_what_units_wrote(reported: tuple[Site, Office, str], name: str) -> None:
    site, people, case = reported
    assert OPINION in people["赵立新"].get(f"/cases/{case}").text
    read = [address for address, text in _looked_at(site, case, people[name]) if OPINION in text]
    assert read == []


@pytest.mark.parametrize("name", ("高建军", "巴图"))
def test_enterprises_do_not_learn_of_each_other(reported: tuple[Site, Office, str], name: str) -> None:
    site, people, case = reported
    user = people[name]
    others = [u.id for u in site.engine.directory().units_of_kind("企业") if u.id != "鹰骏一号煤矿"]
    assert others
    read = []
    pages = [
        r.rule for m, r in routes(site) if m == "GET" and "<" not in r.rule and not r.rule.endswith(".xlsx")
    ]
    pages += [f"/api/v1/starts/{MAIN}/Start_self", f"/register/new/{MAIN}/Start_self"]
    for address, text in (
        *((p, user.get(p).text) for p in pages if p != "/sign-in"),
        *_looked_at(site, case, user),
    ):
        read += [f"{address}: {o}" for o in others if o in text]
    book = openpyxl.load_workbook(io.BytesIO(user.get("/register/export.xlsx").data))
    read += [str(c.value) for row in book.active.iter_rows() for c in row if c.value in others]  # type: ignore[union-attr]
    assert read == []
    values = with_files(user, DEFAULTS["T01"] | {"企业": others[0]})
    made = user.post("/api/v1/cases", {"package": MAIN, "start": "Start_self", "form": values})
    assert made.status_code in (403, 422), "an enterprise registers its own hazards, nobody else's"

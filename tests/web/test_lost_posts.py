"""Posts that are lost, accounts that are closed, and an office that must not lock itself out."""

from __future__ import annotations

from typing import Any

import pytest

from tests import stores
from tests.web.builder import PASSWORD, Site, User

pytestmark = stores.both

FORM = {"说明": "现场已核", "结论": "属实"}


def _person(account: str, name: str, **more: Any) -> dict[str, Any]:
    return {"account": account, "name": name} | more


def test_who_lost_the_post_cannot_finish_what_was_claimed_in_it(site: Site) -> None:
    case = site.begin()
    address = f"/api/v1/cases/{case}/items/{site.item(case, 'A')}"
    li, zhao = site.user("li"), site.user("zhao")
    assert li.post(f"{address}/claim").status_code == 200
    assert (
        zhao.put("/api/v1/directory/people/li", _person("li", "李娜", posts=["DB@住建局"])).status_code == 200
    )
    refused = li.post(f"{address}/finish", {"form": FORM})
    assert refused.status_code == 403 and "岗位" in refused.json["detail"]
    stuck = zhao.get("/api/v1/monitor?reason=nobody").json["items"]
    assert [r["id"] for r in stuck] == [case] and "李娜" in stuck[0]["reasons"][0]["why"]
    assert zhao.post(f"{address}/release", {"reason": "人员调离"}).status_code == 200
    assert site.user("wang").post(f"{address}/finish", {"form": FORM}).status_code == 200


def test_an_auditor_writes_nothing(site: Site) -> None:
    case = site.begin()
    address = f"/api/v1/cases/{case}"
    item = f"{address}/items/{site.item(case, 'A')}"
    ji, before = site.user("ji"), site.engine.facts(case)
    reason = {"reason": "审计要求这样办理"}
    asked: list[tuple[str, str, Any]] = [
        ("POST", f"{address}/notes", {"text": "审计备注"}), ("POST", f"{address}/files", {"file": "x"}),
        ("POST", f"{address}/suspend", reason | {"until": "2026-10-10"}), ("POST", f"{address}/resume", reason),
        ("POST", f"{address}/cancel", reason), ("POST", f"{address}/actions/extension", {"form": {}}),
        ("POST", f"{item}/claim", {}), ("POST", f"{item}/finish", {"form": FORM}), ("POST", f"{item}/return", reason),
        ("POST", f"{item}/release", reason), ("POST", f"{item}/transfer", reason | {"unit": "住建局"}),
        ("PUT", "/api/v1/monitor/settings", {"days": 3}), ("POST", "/api/v1/packages/tiny/versions", {"files": {}}),
        ("PUT", "/api/v1/packages/tiny/parameters", {"values": {"days": 9}}), ("PUT", "/api/v1/calendar/days/2026-10-01", {"working": True}),
    ]  # fmt: skip
    wrong = [(m, a, s) for m, a, body in asked if (s := ji.send(m, a, body).status_code) not in (403, 404)]
    assert wrong == []
    assert site.engine.facts(case) == before


def test_a_closed_account_is_closed_everywhere(site: Site) -> None:
    li, zhao = site.user("li"), site.user("zhao")
    token = {"Authorization": f"Bearer {site.token('li')}"}
    assert site.stranger().get("/api/v1/me", headers=token).status_code == 200
    assert zhao.put("/api/v1/directory/people/li", _person("li", "李娜", active=False)).status_code == 200
    assert li.get("/api/v1/me").status_code == 401
    assert site.stranger().get("/api/v1/me", headers=token).status_code == 401
    assert (
        site.stranger()
        .client.post("/api/v1/session", json={"account": "li", "password": PASSWORD})
        .status_code
        == 401
    )
    assert zhao.put("/api/v1/directory/people/li", _person("li", "李娜")).status_code == 200
    assert li.get("/api/v1/me").status_code == 401, "the old session stays dead"


@pytest.mark.parametrize("how", ["kind", "posts", "active"])
def test_the_office_cannot_lock_itself_out(site: Site, how: str) -> None:
    zhao = site.user("zhao")
    if how == "kind":
        answer = zhao.put("/api/v1/directory/units/安委办", {"name": "安委办", "kind": "企业"})
    else:
        change: dict[str, Any] = {"posts": []} if how == "posts" else {"active": False}
        other = zhao.put("/api/v1/directory/people/qimuge", _person("qimuge", "其木格", **change))
        assert other.status_code == 200, "one of two may go"
        answer = zhao.put("/api/v1/directory/people/zhao", _person("zhao", "赵立新", **change))
    assert answer.status_code == 409 and "安委办" in answer.json["detail"]
    assert zhao.get("/admin/people").status_code == 200


def test_a_post_is_chosen_only_among_ones_own(site: Site) -> None:
    wang: User = site.user("wang")
    assert wang.put("/api/v1/me/post", {"post": "AWB@安委办"}).status_code == 403
    assert wang.put("/api/v1/me/post", {"post": "DB@能源局"}).status_code == 200
    assert wang.get("/api/v1/directory/people").status_code == 403

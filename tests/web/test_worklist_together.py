"""Many items together 批量办理: each by its own command, each answered for; what is refused does not touch the others."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from engine.runtime.engine import Engine
from tests import stores
from tests.web.builder import Site

pytestmark = stores.both

AT = "/api/v1/items"


def which(site: Site, cases: list[str], element: str = "A") -> list[dict[str, Any]]:
    return [{"case": case, "item": site.item(case, element)} for case in cases]


def together(
    site: Site, account: str, does: str, items: list[dict[str, Any]], key: str = "", **more: Any
) -> TestResponse:
    headers = {"Idempotency_Key": key} if key else {}
    return site.user(account).post(f"{AT}/{does}", {"items": items, **more}, **headers)


def facts(site: Site, case: str, kind: str) -> list[Any]:
    return [e.fact for e in site.engine.facts(case) if e.fact.kind == kind]


def test_each_is_signed_and_who_came_first_keeps_it(site: Site) -> None:
    """One was signed by a colleague, one is a stranger's, one is nowhere: the others are signed, these say why not."""
    cases = [site.begin() for _ in range(3)]
    theirs = site.begin("liu", 企业="二号工地", 行业="建筑施工", 属地="城川镇")
    items = which(site, [*cases, theirs])
    taken = site.user("li").post(f"/api/v1/cases/{cases[1]}/items/{items[1]['item']}/claim")
    assert taken.status_code == 200
    answer = together(site, "wang", "claim", [*items, {"case": "nowhere", "item": 1}, items[0]])
    assert answer.status_code == 200 and (answer.json["done"], answer.json["failed"]) == (2, 3)
    told = {one["case"]: one for one in answer.json["results"]}
    assert len(answer.json["results"]) == 5  # asked for twice is asked for once
    assert told[cases[0]]["done"] and told[cases[2]]["done"]
    assert told[cases[1]]["code"] == "already_claimed" and "李娜" in told[cases[1]]["detail"]
    assert told[theirs]["code"] == told["nowhere"]["code"] == "not_found"
    assert told[theirs]["detail"] == told["nowhere"]["detail"]
    mine = {r["case"] for r in site.user("wang").get(f"{AT}?tab=mine").json["items"]}
    assert mine == {cases[0], cases[2]}


def test_the_same_key_does_nothing_twice(site: Site) -> None:
    cases = [site.begin() for _ in range(2)]
    items = which(site, cases)
    first = together(site, "wang", "note", items, "k1", text="已电话核实")
    again = together(site, "wang", "note", items, "k1", text="已电话核实")
    assert first.json == again.json and first.json["done"] == 2
    assert [len(facts(site, case, "NoteAdded")) for case in cases] == [1, 1]
    assert together(site, "wang", "note", items, "k2", text="再次核实").json["done"] == 2
    assert [len(facts(site, case, "NoteAdded")) for case in cases] == [2, 2]
    assert {facts(site, case, "NoteAdded")[0].item for case in cases} == {items[0]["item"]}


def test_what_was_done_before_a_failure_is_not_done_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database fails in the middle: the whole call is refused; asked again under its key it goes on from there."""
    cases = [site.begin() for _ in range(3)]
    items = which(site, cases)
    executed, real = [], Engine.execute

    def failing(self: Engine, command: Any, *args: Any, **more: Any) -> Any:
        executed.append(command.case)
        if len(executed) == 2:
            raise sa.exc.OperationalError("claim", {}, Exception("gone"))
        return real(self, command, *args, **more)

    monkeypatch.setattr(Engine, "execute", failing)
    assert together(site, "wang", "claim", items, "k").status_code == 503
    assert [len(facts(site, case, "WorkItemClaimed")) for case in cases] == [1, 0, 0]
    assert together(site, "wang", "claim", items, "k").json["done"] == 3
    assert [len(facts(site, case, "WorkItemClaimed")) for case in cases] == [1, 1, 1]


def test_they_are_handed_over_with_one_reason(site: Site) -> None:
    cases = [site.begin() for _ in range(2)]
    items = which(site, cases)
    assert together(site, "wang", "transfer", items, reason="出差", person="li").json["done"] == 2
    assert {r["person"] for r in site.user("li").get(f"{AT}?tab=mine").json["items"]} == {"li"}
    nobody = together(site, "wang", "transfer", items, reason="出差")
    assert nobody.json["failed"] == 2 and "转办" in nobody.json["results"][0]["detail"]
    assert together(site, "wang", "transfer", items, person="li").status_code == 422
    assert together(site, "wang", "transfer", items, reason=" ", person="li").status_code == 400
    assert together(site, "wang", "note", items, text=" ").status_code == 400


def test_only_what_needs_no_form_is_finished_together(site: Site) -> None:
    cases = [site.begin() for _ in range(2)]
    forms = {"form": {"说明": "核实", "结论": "属实"}}
    site.user("wang").post(f"/api/v1/cases/{cases[0]}/items/{site.item(cases[0], 'A')}/finish", forms)
    asked = [*which(site, cases[:1], "B"), *which(site, cases[1:])]
    answer = together(site, "zhao", "finish", asked)
    assert [one["done"] for one in answer.json["results"]] == [True, False]
    mine = together(site, "wang", "finish", asked[1:]).json["results"][0]
    assert not mine["done"] and "有表单" in mine["detail"]
    assert not site.engine.load(cases[0]).items and site.item(cases[1], "A")


def test_how_many_at_once_is_for_the_office_to_say(site: Site) -> None:
    cases = [site.begin() for _ in range(2)]
    assert site.user("zhao").put(f"{AT}/settings", {"bulk_items": 1}).status_code == 200
    refused = together(site, "wang", "claim", which(site, cases))
    assert refused.status_code == 400 and "一次最多办 1 件" in refused.json["detail"]
    assert site.user("wang").get(f"{AT}?tab=mine").json["items"] == []
    assert together(site, "wang", "claim", []).status_code == 422
    assert together(site, "wang", "claim", [{"case": "x", "item": n} for n in range(201)]).status_code == 422
    assert together(site, "ji", "note", which(site, cases[:1]), text="看看").json["failed"] == 1

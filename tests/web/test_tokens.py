"""Personal tokens over several web processes: what one of them takes away, every other refuses with the next request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from engine.commands import ENGINE
from engine.directory import Person
from engine.runtime import accounts, office
from engine.runtime.engine import Engine
from engine.store.tables import tokens
from tests.web.builder import Site
from web.app import create_app


@pytest.fixture
def elsewhere(site: Site) -> Iterator[tuple[Engine, Flask]]:
    """Another process's engine and app over the same database, with what they remember by themselves."""
    url = str(site.engine.database.engine.url)
    engine = Engine.open(url, site.engine.data_folder, site.engine.clock)
    yield engine, create_app(engine, site.app.extensions["duban.settings"])
    engine.close()


def test_a_revoked_token_is_refused_at_once(site: Site, elsewhere: tuple[Engine, Flask]) -> None:
    secret = site.token("wang")
    header = {"Authorization": f"Bearer {secret}"}
    client = site.app.test_client()
    assert client.get("/api/v1/me", headers=header).status_code == 200
    with site.engine.read() as connection:
        token = connection.execute(sa.select(tokens.c.id).where(tokens.c.person == "wang")).scalar_one()
    accounts.revoke_token(elsewhere[0], token, ENGINE)
    assert client.get("/api/v1/me", headers=header).status_code == 401


def test_the_token_of_a_retired_person_is_refused_at_once(
    site: Site, elsewhere: tuple[Engine, Flask]
) -> None:
    case = site.begin()
    header = {"Authorization": f"Bearer {site.token('wang')}"}
    finish = f"/api/v1/cases/{case}/items/{site.item(case, 'A')}/finish"
    client = elsewhere[1].test_client()
    assert client.get(f"/api/v1/cases/{case}", headers=header).status_code == 200
    office.save_person(site.engine, Person("wang", "wang", "王建军", active=False), ENGINE)
    form = {"form": {"说明": "属实", "结论": "属实"}}
    assert client.post(finish, json=form, headers=header).status_code == 401
    assert site.item(case, "A"), "nothing was done"


def test_who_loses_the_post_can_no_longer_finish_its_items(
    site: Site, elsewhere: tuple[Engine, Flask]
) -> None:
    case = site.begin()
    header = {"Authorization": f"Bearer {site.token('wang')}"}
    item = site.item(case, "A")
    client = elsewhere[1].test_client()
    assert client.get(f"/api/v1/cases/{case}/items/{item}", headers=header).status_code == 200
    office.set_posts(site.engine, "wang", [("DB", "住建局")], ENGINE)
    form = {"form": {"说明": "属实", "结论": "属实"}}
    answer = client.post(f"/api/v1/cases/{case}/items/{item}/finish", json=form, headers=header)
    assert answer.status_code in (403, 404), answer.text
    assert site.item(case, "A") == item

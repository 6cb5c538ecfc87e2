"""Signing in, staying in, being put out; CSRF; headers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.commands import ENGINE
from engine.runtime import accounts
from tests import stores
from tests.web.builder import PASSWORD, Site, User
from web import throttle
from web.errors import TooMany

pytestmark = stores.both


def test_wrong_password_and_unknown_account_answer_alike(site: Site) -> None:
    one = site.stranger().client.post("/api/v1/session", json={"account": "wang", "password": "wrong"})
    two = site.stranger().client.post("/api/v1/session", json={"account": "nobody", "password": "wrong"})
    assert one.status_code == two.status_code == 401
    assert one.json["detail"] == two.json["detail"]


def test_five_failures_lock_the_account(site: Site) -> None:
    for _ in range(5):
        assert (
            site.stranger()
            .client.post("/api/v1/session", json={"account": "li", "password": "wrong"})
            .status_code
            == 401
        )
    assert (
        site.stranger()
        .client.post("/api/v1/session", json={"account": "li", "password": PASSWORD})
        .status_code
        == 401
    )
    site.engine.clock.at += timedelta(minutes=16)  # type: ignore[attr-defined]
    assert (
        site.stranger()
        .client.post("/api/v1/session", json={"account": "li", "password": PASSWORD})
        .status_code
        == 201
    )


def test_many_sign_ins_from_one_address_are_slowed_down(site: Site) -> None:
    signed_in = site.user("wang")
    site.app.extensions["duban.sign_ins"] = throttle.Throttle("sign-in", 30, 60)
    client = site.stranger().client
    wrong = {"account": "li", "password": "no"}
    answers = [client.post("/api/v1/session", json=wrong) for _ in range(31)]
    assert [a.status_code for a in answers] == [401] * 30 + [429]
    assert (
        0 < int(answers[-1].headers["Retry-After"]) <= 60 and "请一分钟后再试" in answers[-1].json["detail"]
    )
    assert client.post("/sign-in", data={}).status_code == 429, "the form and the API are counted together"
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.post("/api/v1/session", json=wrong, environ_overrides=elsewhere).status_code == 401
    assert signed_in.get("/worklist").status_code == 200, "whoever is signed in is not counted"


def test_a_window_ends_and_those_that_ended_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(throttle.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(throttle, "MOST_KEPT", 3)
    counted = throttle.Throttle("test", 2, 60)
    for _ in range(2):
        counted.attempt("a")
    with pytest.raises(TooMany):
        counted.attempt("a")
    now[0] += 61
    counted.attempt("a")
    for other in "bcd":
        counted.attempt(other)
    now[0] += 61
    counted.attempt("e")
    assert set(counted._here) == {"e"}


def test_the_session_ends_when_idle_and_at_the_end_of_the_day(site: Site) -> None:
    user = User(site.app).sign_in("wang")
    for _ in range(3):
        site.host.at += timedelta(minutes=10)
        assert user.get("/api/v1/me").status_code == 200
    site.host.at += timedelta(minutes=16)
    assert user.get("/api/v1/me").status_code == 401
    user.sign_in("wang")
    for _ in range(49):
        site.host.at += timedelta(minutes=10)
        last = user.get("/api/v1/me").status_code
    assert last == 401, "nobody stays signed in for more than eight hours"


def test_the_demo_clock_does_not_sign_people_out(site: Site) -> None:
    user = site.user("wang")
    site.engine.clock.at += timedelta(days=30)  # type: ignore[attr-defined]
    assert user.get("/api/v1/me").status_code == 200


def test_a_new_password_and_a_retired_account_end_every_session(site: Site) -> None:
    one, two = User(site.app).sign_in("wang"), User(site.app).sign_in("wang")
    accounts.set_password(site.engine, "wang", "Another-Word-2026", ENGINE)
    assert one.get("/api/v1/me").status_code == two.get("/api/v1/me").status_code == 401
    user = site.user("li")
    zhao = site.user("zhao")
    changed = zhao.put("/api/v1/directory/people/li", {"account": "li", "name": "李娜", "active": False})
    assert changed.status_code == 200, changed.text
    assert user.get("/api/v1/me").status_code == 401


def test_a_signed_out_cookie_is_dead(site: Site) -> None:
    user = User(site.app).sign_in("wang")
    kept = user.client.get_cookie("duban")
    assert kept is not None
    assert user.send("DELETE", "/api/v1/session").status_code == 204
    user.client.set_cookie("duban", kept.value)
    assert user.get("/api/v1/me").status_code == 401


def test_signing_in_makes_a_new_session(site: Site) -> None:
    user = site.stranger()
    before = user.page_token("/sign-in")
    user.sign_in("wang")
    assert user.csrf != before
    assert user.page_token("/worklist") == user.csrf


def test_a_forged_cookie_is_nobody(site: Site) -> None:
    user = User(site.app).sign_in("wang")
    kept = user.client.get_cookie("duban")
    assert kept is not None
    body, _, rest = kept.value.partition(".")
    user.client.set_cookie("duban", body[:-2] + "AA." + rest)
    assert user.get("/api/v1/me").status_code == 401


def test_writes_need_the_token_of_the_session(site: Site) -> None:
    user = site.user("zhao")
    good = user.csrf
    for bad in ("", "x", "é"):
        user.csrf = bad.encode().decode("latin-1")
        assert user.put("/api/v1/monitor/settings", {"days": 7}).status_code == 403
    user.csrf = good
    assert user.put("/api/v1/monitor/settings", {"days": 7}).status_code == 200
    assert user.client.post("/sign-out", data={}).status_code == 403
    assert user.client.post("/sign-out", data={"csrf_token": good}).status_code == 302


def test_demo_sign_in_exists_in_demo_mode_only(data, site: Site) -> None:  # type: ignore[no-untyped-def]
    from tests.web.builder import open_site

    page = site.stranger()
    token = page.page_token("/sign-in")
    assert 'data-demo-account="wang"' in page.get("/sign-in").text
    answer = page.client.post("/sign-in", data={"demo": "1", "account": "wang", "csrf_token": token})
    assert answer.status_code == 302
    production = open_site(data, "production")
    try:
        page = production.stranger()
        token = page.page_token("/sign-in")
        assert "data-demo-account" not in page.get("/sign-in").text
        assert (
            page.client.post(
                "/sign-in", data={"demo": "1", "account": "wang", "csrf_token": token}
            ).status_code
            == 401
        )
        answer = page.client.post("/api/v1/session", json={"account": "wang", "demo": True})
        assert answer.status_code == 403
        user = production.user("zhao")
        assert user.get("/api/v1/demo/clock").status_code == 404
        assert user.post("/api/v1/demo/clock", {"to": "next_working_day"}).status_code == 404
        assert 'id="demo-clock"' not in user.get("/worklist").text
    finally:
        production.engine.close()


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_after_signing_in_one_stays_here(shared: Site, target: str) -> None:
    user = shared.stranger()
    token = user.page_token("/sign-in")
    answer = user.client.post(
        "/sign-in", data={"demo": "1", "account": "wang", "csrf_token": token, "next": target}
    )
    assert answer.headers["Location"] == "/"


def test_one_post_of_several_may_be_chosen(site: Site) -> None:
    zhao = site.user("zhao")
    body = {"account": "zhao", "name": "赵立新", "posts": ["AWB@安委办", "DB@能源局"]}
    assert zhao.put("/api/v1/directory/people/zhao", body).status_code == 200
    assert zhao.put("/api/v1/me/post", {"post": "DB@能源局"}).json["post"] == "DB@能源局"
    assert zhao.get("/api/v1/me").json["post"] == "DB@能源局"
    assert zhao.put("/api/v1/me/post", {"post": "AWB@纪检组"}).status_code == 403


@pytest.mark.parametrize(
    "path", ["/sign-in", "/worklist", "/api/v1/me", "/nowhere", "/livez", "/api/v1/nowhere"]
)
def test_every_answer_carries_the_wall(shared: Site, path: str) -> None:
    headers = shared.user("wang").get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "geolocation=(self)" in headers["Permissions-Policy"]
    cookie = next(
        (c for c in headers.getlist("Set-Cookie") if c.startswith("duban=")), "HttpOnly; SameSite=Lax"
    )
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie

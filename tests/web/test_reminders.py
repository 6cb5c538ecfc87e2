"""Where a person is reached: entered on one's own page, tried out, given up; the office sees what could not be sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.runtime import dispatch
from engine.runtime.channels import Channel
from tests.engine.receiver import Receiver, receiving
from tests.web.builder import Site

HOOK = "/api/v1/me/contacts/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def channels(site: Site, receiver: Receiver) -> dict[str, Channel]:
    found = {
        "hook": Channel("hook", "内网通知", receiver.url, address="工号", pattern="[a-z0-9]+"),
        "crowd": Channel("crowd", "工作群", "json://127.0.0.1:1/x", unit="能源局"),
    }
    site.app.extensions["duban.channels"] = found
    return found


def test_a_person_enters_an_address_and_tries_it(
    site: Site, channels: dict[str, Channel], receiver: Receiver
) -> None:
    wang = site.user("wang")
    assert "工号" in wang.get("/admin/account").text
    assert wang.put(HOOK, {"address": "w 1", "way": "hours"}).status_code == 400
    assert wang.put(HOOK, {"address": "w1", "way": "daily"}).status_code == 422
    assert wang.put("/api/v1/me/contacts/none", {"address": "w1", "way": "hours"}).status_code == 404
    assert wang.put("/api/v1/me/contacts/crowd", {"address": "w1", "way": "hours"}).status_code == 400
    assert wang.post(f"{HOOK}/test").status_code == 404, "nothing is entered yet"
    assert wang.put(HOOK, {"address": "w1", "way": "hours"}).status_code == 204
    mine = wang.get("/api/v1/me/contacts").json["items"]
    assert [(one["channel"], one["address"], one["way"]) for one in mine] == [("hook", "w1", "hours")]
    assert site.user("liu").get("/api/v1/me/contacts").json["items"][0]["address"] == ""
    assert wang.post(f"{HOOK}/test").status_code == 202
    assert dispatch.send_due(site.engine, channels) == 1
    assert receiver.taken == [("w1", "督办提醒测试")]
    assert wang.get("/api/v1/me/deliveries").json["items"][0]["state"] == "已发出"
    assert "已发出" in wang.get("/admin/account").text
    assert wang.send("DELETE", HOOK).status_code == 204
    assert wang.send("DELETE", HOOK).status_code == 404


def test_the_office_sees_what_was_not_taken(
    site: Site, channels: dict[str, Channel], receiver: Receiver
) -> None:
    wang, zhao = site.user("wang"), site.user("zhao")
    wang.put(HOOK, {"address": "w1", "way": "hours"})
    wang.post(f"{HOOK}/test")
    assert "提醒都已发出" in zhao.get("/admin/reminders").text
    receiver.status = 502
    dispatch.send_due(site.engine, channels)
    page = zhao.get("/admin/reminders").text
    assert "王建军" in page and "还会再试" in page and "502" in page and "w1" not in page
    assert wang.get("/admin/reminders").status_code == 403
    assert wang.get("/api/v1/reminders").status_code == 403
    assert wang.put("/api/v1/reminders", {"digest_at": "07:00", "attempts": 3}).status_code == 403
    assert zhao.put("/api/v1/reminders", {"digest_at": "7:00", "attempts": 3}).status_code == 400
    assert zhao.put("/api/v1/reminders", {"digest_at": "07:00", "attempts": 3}).status_code == 204
    answer = zhao.get("/api/v1/reminders").json
    assert (answer["digest_at"], answer["attempts"], len(answer["items"])) == ("07:00", 3, 1)


def test_without_channels_the_pages_say_how_there_come_to_be_some(site: Site) -> None:
    assert "DUBAN_CHANNELS" in site.user("zhao").get("/admin/reminders").text
    assert "还没有开通" in site.user("wang").get("/admin/account").text

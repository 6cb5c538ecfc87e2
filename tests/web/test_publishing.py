"""Publishing as people do it at once, back again, and against the product: races, reverting, bombs."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from tests import stores
from tests.engine.builders import xml
from tests.web.builder import DIAGRAM, FORM, KEY, TOML, Site, User

pytestmark = stores.both

PARAMETERS = f"/api/v1/packages/{KEY}/parameters"


def _days(site: Site) -> Any:
    return site.engine.newest(KEY).parameters["days"].value


def test_two_who_publish_over_the_same_version_do_not_undo_each_other(site: Site) -> None:
    base = site.engine.newest(KEY).hash
    users = [site.user("zhao"), site.user("qimuge"), User(site.app).sign_in("zhao")]
    start, answers = threading.Barrier(len(users)), []

    def change(user: User, value: int) -> None:
        start.wait()
        answers.append(user.put(PARAMETERS, {"base": base, "values": {"days": value}}).status_code)

    threads = [threading.Thread(target=change, args=(u, 10 + n)) for n, u in enumerate(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409, 409]


def test_what_was_in_force_before_can_be_in_force_again(site: Site) -> None:
    zhao = site.user("zhao")
    first = site.engine.newest(KEY).hash
    assert zhao.put(PARAMETERS, {"values": {"days": 9}}).status_code == 201
    case = site.begin()
    assert zhao.put(PARAMETERS, {"values": {"days": 3}}).status_code == 201
    assert _days(site) == 3 and site.engine.newest(KEY).hash == first
    assert [v["version"] for v in zhao.get(f"/api/v1/packages/{KEY}/versions").json["items"]] == [3, 2]
    assert site.engine.package_of(case).parameters["days"].value == 9
    assert zhao.get(f"/processes/{KEY}").status_code == 200
    report = zhao.post("/api/v1/audit/verify").json
    assert report["ok"]


@pytest.mark.parametrize(
    "address", ("/%0d%0aX:1", "//[", "/%00", "/\\evil", "//evil", "/%09/evil", "https://evil", "/%0a/evil")
)
def test_nobody_is_sent_elsewhere_after_signing_in(shared: Site, address: str) -> None:
    answer = shared.user("wang").get(f"/sign-in?next={address}")
    assert answer.status_code in (302, 400)
    assert answer.headers.get("Location", "/") == "/"


def _bombs() -> dict[str, dict[str, Any]]:
    tasks = "\n".join(f"    user U{n} name=步{n} groups=DB" for n in range(1500))
    long = (
        "process tiny name=长\n    start S\n"
        + tasks
        + "\n    end E\n    S -> "
        + " -> ".join(f"U{n}" for n in range(1500))
        + " -> E\n"
    )
    deep = "(" * 5000 + "1" + ")" * 5000
    form = json.dumps(FORM, ensure_ascii=False)
    return {
        "1500 tasks": {"tiny.bpmn": xml(long).decode()},
        "deep feel": {"tiny.bpmn": xml(DIAGRAM).decode().replace("workdays(now(), 3)", deep).replace("workdays(now(),3)", deep)},
        "power tower": {"tiny.bpmn": xml(DIAGRAM).decode().replace("workdays(now(),3)", "9**9**9**9**9**9")},
        "nested loops": {"tiny.bpmn": xml(DIAGRAM).decode().replace("workdays(now(),3)", "count(for a in 1..100000, b in 1..100000, c in 1..100000 return a)")},
        "two thousand forms": {f"forms/f{n}.json": form.replace('"check"', f'"f{n}"') for n in range(2000)},
        "deep form": {"forms/check.json": '{"components":' + '[{"type":"group","components":' * 3000 + "[]" + "}]" * 3000 + "}"},
        "deep toml": {"process.toml": TOML + "\nx = " + "[" * 5000 + "]" * 5000},
        "deep yaml": {"scenarios/a.yaml": "[" * 20000},
        "yaml aliases": {"scenarios/a.yaml": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
        )},
        "deep xml": {"tiny.bpmn": "<a>" * 100_000},
        "entities": {"tiny.bpmn": '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(f'<!ENTITY a{n} "&a{n - 1 if n else ""};&a{n - 1 if n else ""};">' for n in range(30)) + "]><x>&a29;</x>"},
        "1.9 MB of nothing": {"tiny.bpmn": "<x>" + " " * 1_900_000 + "</x>"},
        "1.9 MB of attributes": {"tiny.bpmn": "<x " + " ".join(f'a{n}="1"' for n in range(150_000)) + "/>"},
        "a pattern that never ends": {"forms/check.json": form.replace('"maxLength": 100', '"pattern": "(a+)+(a+)+(a+)+$"')},
    }  # fmt: skip


BOMBS = _bombs()


@pytest.mark.slow
@pytest.mark.parametrize("what", BOMBS)
def test_bombs_are_answered_in_seconds_and_never_break(site: Site, what: str) -> None:
    zhao = site.user("zhao")
    body = {"base": "newest", "files": BOMBS[what]}
    began = time.process_time()
    checked = zhao.post(f"/api/v1/packages/{KEY}/check", body)
    took = time.process_time() - began
    assert checked.status_code in (200, 413, 400, 422), checked.text[:500]
    assert took < 5, f"{what}: {took:.1f} s"
    began = time.process_time()
    published = zhao.post(f"/api/v1/packages/{KEY}/versions", body)
    assert published.status_code < 500 and time.process_time() - began < 8, published.text[:500]
    for address in (f"/processes/{KEY}", "/register/new"):
        began = time.process_time()
        assert zhao.get(address).status_code == 200
        assert time.process_time() - began < 5


def test_a_drawing_is_never_a_page(shared: Site) -> None:
    """Asked for by itself, a drawing is data: an XML file could be XHTML with a script in it."""
    answer = shared.user("zhao").get(f"/api/v1/packages/{KEY}/versions/newest/files/tiny.bpmn")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_monitors_setting_leaves_a_fact(site: Site) -> None:
    zhao = site.user("zhao")
    assert zhao.put("/api/v1/monitor/settings", {"days": 7}).status_code == 200
    newest = zhao.get("/api/v1/audit/office").json["items"][0]
    assert (
        newest["kind"] == "MonitorSet" and "7 个工作日" in newest["sentence"] and newest["person"] == "zhao"
    )
    assert zhao.post("/api/v1/audit/verify").json["ok"]

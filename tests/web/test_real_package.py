"""The office's own process through the web alone: scenario 01 from entry to archive, each step by its person over the
API, every page looked at on the way; and the ledger of 2024 by the import page."""

from __future__ import annotations

import io
import sys
import tomllib
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.clock import SHANGHAI, FixedClock
from engine.commands import ENGINE
from engine.definitions.compile import load_folder
from engine.directory import from_data
from engine.runtime import office
from engine.runtime.engine import Engine
from engine.runtime.settings import Settings
from engine.runtime.worker import Worker
from tests import pictures, stores
from tests.web.builder import Site, User
from web.app import create_app

ROOT = Path(__file__).parents[2]
MAIN = "major_hazard_supervision"
SCENARIOS = ROOT / "processes" / MAIN / "scenarios"
BYTES = {
    ".jpg": pictures.JPEG,
    ".png": pictures.PNG,
    ".pdf": b"%PDF-1.4 test",
}

pytestmark = [*stores.both, pytest.mark.slow]


@pytest.fixture(scope="module")
def real(store: str, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The demo office with its process, on Tuesday 1 September 2026, 09:00; no cases yet."""
    folder = tmp_path_factory.mktemp("real")
    clock = FixedClock(datetime(2026, 9, 1, 9, 0, tzinfo=SHANGHAI))
    engine = stores.closing(Engine.open(stores.url_in(folder), folder, clock))
    office.seed_calendar(engine, range(2023, 2027), ENGINE)
    directory = from_data(tomllib.loads((ROOT / "processes" / "demo_directory.toml").read_text("utf-8")))
    office.load_directory(engine, directory, ENGINE)
    engine.publish(load_folder(ROOT / "processes" / MAIN, ROOT / "forms" / MAIN), ENGINE, "试验")
    app = create_app(engine, Settings(folder, "", 8000, "demo", "s" * 40))
    app.config["SESSION_CLOCK"] = FixedClock(clock.at)
    app.extensions["duban.sign_ins"].most = sys.maxsize
    return Site(app, engine, app.config["SESSION_CLOCK"])


class Office:
    """People of the demo office by name, each with a browser."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.users: dict[str, User] = {}
        self.accounts = {p.name: p.account for p in site.engine.directory().people.values()}

    def __getitem__(self, name: str) -> User:
        if name not in self.users:
            user = User(self.site.app)
            answer = user.client.post("/api/v1/session", json={"account": self.accounts[name], "demo": True})
            assert answer.status_code == 201, answer.text
            user.csrf = answer.json["csrf_token"]
            self.users[name] = user
        return self.users[name]


def upload(user: User, name: str) -> str:
    content = BYTES[Path(name).suffix]
    answer = user.client.post(
        "/api/v1/files", data={"file": (io.BytesIO(content), name)}, headers={"X-CSRF-Token": user.csrf}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def with_files(user: User, value: Any) -> Any:
    """The same form with every file name replaced by an uploaded file's id."""
    if isinstance(value, str) and Path(value).suffix in BYTES:
        return upload(user, value)
    if isinstance(value, list):
        return [with_files(user, v) for v in value]
    if isinstance(value, dict):
        return {k: with_files(user, v) for k, v in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else value


def move_to(site: Site, until: datetime) -> None:
    """Let time pass as it would: never beyond a deadline that is due before."""
    clock, worker = site.engine.clock, Worker(site.engine)
    assert isinstance(clock, FixedClock)
    while True:
        from engine.runtime import demo_clock

        due = demo_clock.next_deadline(site.engine)
        clock.at = max(clock.at, min(until, due) if due is not None else until)
        while worker.step():
            pass
        if clock.at >= until:
            return


def test_from_entry_to_archive_through_the_web(real: Site) -> None:
    defaults = yaml.safe_load((SCENARIOS / "defaults.yaml").read_text("utf-8"))
    story = yaml.safe_load((SCENARIOS / "01_straight_through.yaml").read_text("utf-8"))
    people, case, acted = Office(real), "", set()
    for n, row in enumerate(story["steps"], 1):
        ((what, given),) = row.items()
        if what == "wait":
            text = given.removeprefix("until ")
            day = datetime.fromisoformat(text)
            move_to(
                real, (day if day.time() != time() else day + timedelta(hours=9)).replace(tzinfo=SHANGHAI)
            )
        elif what == "start":
            user = people[given["by"]]
            form = with_files(user, defaults["T01"] | given.get("form", {}))
            (entry,) = (s for s in user.get("/api/v1/starts").json["items"] if s["start"] == "Start_self")
            begun = user.post(
                "/api/v1/cases", {"package": entry["package"], "start": entry["start"], "form": form}
            )
            assert begun.status_code == 201, (n, begun.text)
            case = begun.json["case"]
            acted.add(given["by"])
        elif what == "complete":
            user = people[given["by"]]
            mine = [i for i in user.get("/api/v1/items?tab=all&limit=200").json["items"] if i["case"] == case]
            item = next((i for i in mine if i["element"] == given["item"]), None)
            assert item is not None, (n, given, [(i["element"], i["unit"]) for i in mine])
            page = user.get(f"/cases/{case}/items/{item['item']}")
            assert page.status_code == 200 and 'data-island="form"' in page.text, (n, given)
            form = with_files(user, defaults.get(item["form"], {}) | given.get("form", {}))
            done = user.post(f"/api/v1/cases/{case}/items/{item['item']}/finish", {"form": form})
            assert done.status_code == 200, (n, given, done.text)
            acted.add(given["by"])
            for address in ("/worklist", f"/cases/{case}"):
                assert user.get(address).status_code == 200, (n, address)
        elif what == "expect":
            shown = people["赵立新"].get(f"/api/v1/cases/{case}").json
            if "status" in given:
                assert shown["status"] == given["status"], (n, given)
            if "open" in given:
                assert sorted(i["element"] for i in shown["items"]) == sorted(given["open"]), (n, given)
            if "holder" in given:
                held = {i["element"]: i["unit"] for i in shown["items"]}
                assert given["holder"].items() <= held.items(), (n, given)
    assert len(acted) >= 9
    ended = people["赵立新"].get(f"/api/v1/cases/{case}").json
    assert ended["state"] == "completed" and ended["number"]
    report = people["纪晓峰"].post("/api/v1/audit/verify").json
    assert report["ok"] and report["cases"] == 1


def test_the_ledger_is_previewed_and_imported_by_the_page(real: Site) -> None:
    people = Office(real)
    zhao = people["赵立新"]
    data = (ROOT / "processes" / "demo_ledger_2024.xlsx").read_bytes()
    answer = zhao.client.post(
        "/api/v1/files", data={"file": (io.BytesIO(data), "台账.xlsx")}, headers={"X-CSRF-Token": zhao.csrf}
    )
    assert answer.status_code == 201, answer.text
    file = answer.json["id"]
    page = zhao.get(f"/register/import?file={file}&package={MAIN}")
    assert page.status_code == 200 and "第二步：核对预览" in page.text
    shown = zhao.get(f"/api/v1/import-ledger/preview?file={file}&package={MAIN}").json
    count = len(shown["rows"])
    assert count > 30
    before = len(zhao.get("/api/v1/cases?limit=200").json["items"])
    body = {"file": file, "package": MAIN, "skip_bad_rows": True}
    done = zhao.post("/api/v1/import-ledger", body)
    assert done.status_code == 201, done.text
    assert len(zhao.get("/api/v1/cases?limit=200").json["items"]) == before + done.json["imported"]
    again = zhao.post("/api/v1/import-ledger", body)
    assert again.status_code == 409
    assert people["张伟"].post("/api/v1/import-ledger", body).status_code == 403

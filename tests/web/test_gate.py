"""The gate, a pool without a free connection, and what `/readyz` says, with the app in this process."""

from __future__ import annotations

import json
import logging
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.runtime import hold
from engine.runtime.engine import Engine
from engine.runtime.settings import Settings
from engine.store.tables import deadlines
from tests import stores
from tests.engine.working import PATIENCE, eventually
from tests.services import child
from tests.web.builder import Site
from web import gate, logs
from web.app import create_app
from web.errors import Busy


def test_who_finds_the_queue_full_is_refused_at_once_and_who_waits_is_let_in() -> None:
    made = gate.Gate(1, 1, 10)
    made.enter()
    let_in = threading.Event()
    waiting = threading.Thread(target=lambda: (made.enter(), let_in.set()))
    waiting.start()
    eventually(lambda: made.waiting)
    with pytest.raises(Busy):
        made.enter()
    assert not let_in.is_set()
    made.leave()
    waiting.join(PATIENCE)
    assert let_in.is_set() and (made.working, made.waiting) == (1, 0)


def test_nobody_waits_longer_than_is_said() -> None:
    made = gate.Gate(1, 5, 0.05)
    made.enter()
    with pytest.raises(Busy):
        made.enter()
    assert (made.working, made.waiting) == (1, 0)


def test_every_request_leaves_again(site: Site) -> None:
    for path in ("/worklist", "/nowhere", "/api/v1/me", "/api/v1/cases/none", "/livez"):
        site.stranger().get(path)
    made = site.app.extensions["duban.gate"]
    assert (made.working, made.waiting) == (0, 0)


def test_a_full_house_is_told_in_words_and_livez_answers(data: Path) -> None:
    settings = replace(_settings(data), threads=1, queue=0)
    engine = stores.closing(Engine.open(settings.database, data))
    app = create_app(engine, settings)
    app.extensions["duban.gate"].enter()
    asked = app.test_client()
    refused = asked.get("/api/v1/me")
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) >= 1
    assert refused.mimetype == "application/problem+json" and "没有生效" in refused.json["detail"]
    page = asked.get("/sign-in")
    assert page.status_code == 429 and "请稍等" in page.text and page.headers["Retry-After"]
    assert asked.get("/livez").status_code == asked.get("/readyz").status_code == 200


def test_no_free_connection_is_429(data: Path) -> None:
    settings = replace(_settings(data), pool=1, wait_seconds=0.1)
    engine = stores.closing(
        Engine.open(settings.database, data, pool=settings.pool, pool_seconds=settings.wait_seconds)
    )
    app = create_app(engine, settings)
    token = {"Authorization": "Bearer duban_" + "x" * 40}
    with engine.read():
        refused = app.test_client().get("/api/v1/me", headers=token)
        assert refused.status_code == 429 and refused.headers["Retry-After"]
    assert app.test_client().get("/api/v1/me", headers=token).status_code == 401


def test_ready_says_what_fails_and_what_only_warns(data: Path) -> None:
    settings = _settings(data)
    engine = stores.closing(Engine.open(settings.database, data))

    def ready(**changed: object) -> tuple[int, dict[str, dict[str, object]]]:
        answer = create_app(engine, replace(settings, **changed)).test_client().get("/readyz")  # type: ignore[arg-type]
        return answer.status_code, answer.json["checks"]

    assert ready()[0] == 200
    status, checks = ready(redis=f"redis://127.0.0.1:{child.free_port()}/0")
    assert status == 200 and checks["redis"]["warning"] is True
    status, checks = ready(disk_free=100)
    assert status == 503 and checks["disk"]["ok"] is False
    with engine.database.write() as connection:
        hold.begin(connection, engine.now())
    status, checks = ready()
    assert status == 200 and checks["letters"]["warning"] is True and "outbox held" in str(checks["letters"])


def test_a_deadline_overdue_for_a_minute_is_not_ready(site: Site) -> None:
    site.begin()
    assert site.stranger().get("/readyz").status_code == 200
    with site.engine.read() as connection:
        first = connection.execute(
            sa.select(sa.func.min(deadlines.c.due, type_=deadlines.c.due.type))
        ).scalar()
    site.engine.clock.at = first.replace(microsecond=0)  # type: ignore[attr-defined, union-attr]
    assert site.stranger().get("/readyz").status_code == 200
    with ExitStack() as back:
        before = site.engine.clock.at  # type: ignore[attr-defined]
        back.callback(setattr, site.engine.clock, "at", before)
        site.engine.clock.at = first + timedelta(seconds=61)  # type: ignore[attr-defined, operator]
        late = site.stranger().get("/readyz")
        assert late.status_code == 503 and "已过 61 秒" in late.json["checks"]["deadlines"]["detail"]


def test_a_json_line_tells_where_and_not_what() -> None:
    try:
        raise ValueError("王建军 entered this")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "unforeseen", (), sys.exc_info())
    record.case = "c1"
    line = json.loads(logs.JsonLines().format(record))
    assert line["case"] == "c1" and line["message"] == "unforeseen"
    assert line["exception"][0].startswith("ValueError ") and "test_gate.py" in line["exception"][0]
    assert "王建军" not in json.dumps(line, ensure_ascii=False)


def _settings(data: Path) -> Settings:
    return Settings(data, stores.url_in(data), 8000, "demo", "s" * 40)

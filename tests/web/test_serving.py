"""Real servers: several processes, an orderly end, a session on any of them, and what is told when there is too much to do."""

from __future__ import annotations

import http.cookiejar
import json
import signal
import sqlite3
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from engine.runtime.engine import Engine
from tests import stores
from tests.engine.working import eventually
from tests.services import redis as redis_service
from tests.web.builder import PASSWORD
from tests.web.servers import Asking, Running, prepared, running

pytestmark = [pytest.mark.slow, *stores.both]

LEAVE_SECONDS = 30
"""The promise: told to stop, a process is gone by then."""


@contextmanager
def nobody_writes(data: Path) -> Iterator[None]:
    """Hold what every new case needs, so that whoever begins one waits."""
    url = stores.url_in(data)
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()
    else:
        with psycopg.connect(url.replace("+psycopg", "")) as held:
            held.execute("LOCK TABLE cases IN EXCLUSIVE MODE")
            yield
            held.rollback()


def cases(data: Path) -> set[str]:
    """Ids of the cases there are."""
    engine = Engine.open(stores.url_in(data), data)
    try:
        with engine.read() as connection:
            return set(connection.exec_driver_sql("SELECT id FROM cases").scalars())
    finally:
        engine.close()


def server(store: str) -> list[str]:
    """What serves an office in this store."""
    return ["serve"] if store == stores.SQLITE else ["web"]


def nobody_listens(it: Running) -> bool:
    try:
        it.ask("/livez", timeout=2)
    except OSError:
        return True
    return False


def test_told_to_stop_it_answers_whom_it_let_in(store: str, data: Path) -> None:
    token = prepared(data)
    with running(server(store), data) as it, ExitStack() as held:
        it.until_ready()
        assert it.begin(token, "first").status == 201  # everything is warm
        held.enter_context(nobody_writes(data))
        slow = Asking(lambda: it.begin(token, "in flight"))
        time.sleep(1.0)
        assert slow.is_alive(), "the request does not wait: the test shows nothing"
        began = time.monotonic()
        it.process.send_signal(signal.SIGTERM)
        eventually(lambda: nobody_listens(it), "it lets others in")
        assert it.process.poll() is None, "it left while somebody waited for an answer"
        held.close()
        assert it.process.wait(LEAVE_SECONDS) == 0
        assert time.monotonic() - began < LEAVE_SECONDS
        slow.join(10)
        assert slow.answer is not None and slow.answer.status == 201, (slow.answer, slow.error)
        assert slow.answer.json["case"] in cases(data)


def test_the_worker_leaves_in_order(store: str, data: Path) -> None:
    prepared(data)
    with running(["worker"], data) as it:
        it.until_logged("the worker begins")
        began = time.monotonic()
        assert it.end() == 0
        assert time.monotonic() - began < LEAVE_SECONDS


def test_too_many_at_once_are_told_to_come_later(store: str, data: Path) -> None:
    """200 clients against a small server that stands still for two seconds: an answer for each, 2xx or 429, no other; what was
    acknowledged is there, and what was refused is not."""
    token = prepared(data)
    small = {"DUBAN_THREADS": "2", "DUBAN_QUEUE": "20", "DUBAN_WAIT_SECONDS": "8", "DUBAN_PROCESSES": "1"}
    with running(server(store), data, **small) as it:
        it.until_ready()
        assert it.begin(token, "first").status == 201
        before = cases(data)
        with nobody_writes(data):
            asked = [Asking(lambda n=n: it.begin(token, f"load {n}")) for n in range(200)]
            time.sleep(2)
            began = time.monotonic()
            assert it.ask("/livez").status == 200, "who asks whether we live is never refused"
            assert time.monotonic() - began < 5
        for one in asked:
            one.join(60)
        answers = [one.answer for one in asked if one.answer is not None]
        statuses = Counter(a.status for a in answers)
        assert len(answers) == 200, [one.error for one in asked if one.answer is None][:3]
        assert set(statuses) == {201, 429}, statuses
        assert statuses[201] >= 20, "those who found a place in the queue were served"
        assert max(one.took for one in asked) < 40, "nobody waits without end"
        refused = next(a for a in answers if a.status == 429)
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert int(refused.headers["Retry-After"]) >= 1 and "请稍等" in refused.json["detail"]
        acknowledged = {a.json["case"] for a in answers if a.status == 201}
        assert cases(data) - before == acknowledged
        assert it.begin(token, "afterwards").status == 201, "it works on as if nothing had been"


class Browser:
    """Cookies of one person, at whatever server."""

    def __init__(self) -> None:
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.csrf = ""

    def send(self, it: Running, method: str, path: str, body: object = None) -> int:
        request = urllib.request.Request(
            f"http://127.0.0.1:{it.port}{path}",
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json", "X-CSRF-Token": self.csrf},
            method=method,
        )
        try:
            with self.opener.open(request, timeout=30) as answer:
                text = answer.read()
                if path.endswith("/session") and method == "POST":
                    self.csrf = json.loads(text)["csrf_token"]
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code


def test_a_session_is_known_on_every_host_and_dead_on_every_host(store: str, data: Path) -> None:
    prepared(data)
    with running(["serve"], data) as one, running(["serve"], data, log="other") as two:
        one.until_ready(), two.until_ready()
        person = Browser()
        signed_in = {"account": "wang", "password": PASSWORD}
        assert person.send(one, "POST", "/api/v1/session", signed_in) == 201
        assert person.send(two, "GET", "/api/v1/me") == 200
        kept = [(c.name, c.value) for c in person.cookies]
        assert person.send(one, "DELETE", "/api/v1/session") == 204
        for it in (one, two):
            cookie = "; ".join(f"{n}={v}" for n, v in kept)
            assert it.ask("/api/v1/me", Cookie=cookie).status == 401, "a signed-out cookie came back to life"


def test_sign_ins_are_counted_together_through_redis(
    store: str, data: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    prepared(data)
    server = redis_service.Redis(tmp_path_factory.mktemp("redis")).start()
    wrong = {"account": "nobody", "password": "no"}
    try:
        with (
            running(["serve"], data, DUBAN_REDIS=server.url()) as one,
            running(["serve"], data, DUBAN_REDIS=server.url(), log="other") as two,
        ):
            one.until_ready(), two.until_ready()
            both = [it.ask("/api/v1/session", wrong).status for _ in range(16) for it in (one, two)]
            assert both[:30] == [401] * 30 and both[30:] == [429] * 2, both
            server.kill()
            assert two.ask("/api/v1/session", wrong).status in (401, 429), (
                "losing Redis loses nobody's sign-in"
            )
            ready = two.ask("/readyz")
            assert ready.status == 200 and ready.json["checks"]["redis"]["warning"] is True
    finally:
        server.stop()

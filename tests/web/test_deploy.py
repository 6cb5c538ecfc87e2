"""What lies in deploy/ is exercised as far as it goes without a container engine: the units are verified by systemd and their
very commands run, the compose file's too; nginx with our configuration stands before two real web servers."""

from __future__ import annotations

import configparser
import http.client
import http.server
import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.runtime import settings
from engine.runtime.engine import Engine
from tests import stores
from tests.services import child
from tests.services import redis as redis_service
from tests.web.builder import KEY
from tests.web.servers import FORM, ROOT, SECRET, Running, prepared, running

pytestmark = [pytest.mark.slow]

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
HARDENED = {
    "NoNewPrivileges": "true",
    "ProtectSystem": "strict",
    "ProtectHome": "true",
    "PrivateTmp": "true",
    "PrivateDevices": "true",
    "CapabilityBoundingSet": "",
    "RestrictSUIDSGID": "true",
}
DUBAN = [sys.executable, "-m", "web.cli.main"]


class Unit(configparser.ConfigParser):
    """A unit file; keys keep their case."""

    def __init__(self, path: Path) -> None:
        super().__init__(interpolation=None, strict=True)
        self.optionxform = str  # type: ignore[assignment, method-assign]
        self.read(path, encoding="utf-8")

    @property
    def words(self) -> list[str]:
        """What it starts, without the program itself."""
        program, *words = shlex.split(self["Service"]["ExecStart"])
        assert program == "/opt/duban/.venv/bin/duban"
        return words


SERVICES = [p for p in UNITS if p.suffix == ".service"]


@pytest.mark.parametrize("path", SERVICES, ids=lambda p: p.name)
def test_services_are_hardened(path: Path) -> None:
    service = Unit(path)["Service"]
    assert {k: service.get(k) for k in HARDENED} == HARDENED
    assert service["User"] == "duban" and service["EnvironmentFile"] == "/etc/duban/duban.env"


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` on copies in which the program is where it is here."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not on this machine: the units are only parsed, not verified")
    for path in UNITS:
        text = path.read_text().replace("/opt/duban/.venv/bin/duban", sys.executable)
        (tmp_path / path.name).write_text(text)
    instance = tmp_path / "duban-worker@1.service"
    instance.symlink_to(tmp_path / "duban-worker@.service")
    given = [str(p) for p in sorted(tmp_path.iterdir()) if "@." not in p.name]
    said = subprocess.run(
        [analyze, "verify", "--man=no", *given], capture_output=True, text=True, timeout=60, check=False
    )
    ours = [line for line in said.stderr.splitlines() if "duban" in line]
    assert ours == [] and said.returncode == 0, said.stderr
    broken = tmp_path / "duban-broken.service"
    broken.write_text((tmp_path / "duban-web.service").read_text().replace("ExecStart=", "ExecStrat="))
    said = subprocess.run(
        [analyze, "verify", "--man=no", str(broken)], capture_output=True, text=True, timeout=60, check=False
    )
    assert said.returncode != 0 or "ExecStrat" in said.stderr, "this check cannot fail"


def test_the_example_of_settings_is_understood(tmp_path: Path) -> None:
    lines = (DEPLOY / "duban.env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert given["DUBAN_SECRET"] == "", "an example brings no secret that somebody would keep"
    found = settings.read(given)
    assert found["mode"][0] == "production" and found["proxies"][0] == 1


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def test_the_compose_file_holds_together() -> None:
    """Every service that is named is there, every volume declared, every file of ours that is mounted or built from exists,
    every setting known, nothing published but nginx."""
    made = compose()
    services = made["services"]
    assert set(services) == {"web", "worker", "postgres", "redis", "nginx"}
    for name, service in services.items():
        assert service.get("image"), name
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists() or source == "./certificates"
            else:
                assert source in made["volumes"], volume
        assert ("ports" in service) == (name == "nginx")
    assert (ROOT / services["web"]["build"]["dockerfile"]).is_file()
    for name in ("web", "worker"):
        found = settings.read({k: filled(v) for k, v in services[name]["environment"].items()})
        assert found["mode"][0] == "production"
        grace = int(services[name]["stop_grace_period"].removesuffix("s"))
        assert grace > 30, "an orderly end takes up to thirty seconds"


def filled(value: str) -> str:
    return re.sub(r"\$\{(\w+)(:\?[^}]*)?\}", SECRET.replace(" ", "-").replace(",", ""), value)


def test_the_image_copies_what_is_there() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    let_in = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for line in lines:
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists() and f"!{source}" in let_in, source
    assert any(line == f"CMD {json.dumps(['duban', 'web'])}" for line in lines)


@pytest.mark.parametrize("store", [stores.POSTGRESQL], indirect=True)
def test_the_commands_of_units_and_compose_file_run(store: str, data: Path, tmp_path: Path) -> None:
    """The very words after `duban`, with the very settings, but for addresses and folders."""
    token = prepared(data)
    services = compose()["services"]
    units = {p.stem: Unit(p).words for p in SERVICES}
    assert [["duban", *units["duban-web"]], ["duban", *units["duban-worker@"]]] == [
        services["web"]["command"],
        services["worker"]["command"],
    ]
    own = {
        "DUBAN_DATABASE",
        "DUBAN_REDIS",
        "DUBAN_DATA",
        "DUBAN_SECRET",
        "DUBAN_PORT",
        "DUBAN_HOST",
        "DUBAN_MODE",
    }
    said = {k: v for k, v in services["web"]["environment"].items() if k not in own}
    said |= {"DUBAN_REDIS": redis_service.shared().url()}
    with (
        running(units["duban-web"], data, **said) as web,
        running(units["duban-worker@"], data, **said) as worker,
    ):
        web.until_ready()
        worker.until_logged("the worker begins")
        assert web.begin(token, "by the unit").status == 201
        ready = web.ask("/readyz")
        assert ready.status == 200 and ready.json["checks"]["redis"] == {"ok": True, "detail": "可以连接"}, (
            ready.text
        )
        lines = [json.loads(line) for line in web.log.read_text().splitlines() if line.startswith("{")]
        told = next(line for line in lines if line.get("route") == "/api/v1/cases")
        assert told["status"] == 201 and len(told["command"]) == 40
        for hidden in (token, "王建军", "一号煤矿", SECRET):
            assert hidden not in web.log.read_text(), "a log that tells who"
        assert worker.end() == 0 and web.end() == 0
    words = [w.replace("/var/backups/duban", str(tmp_path / "backups")) for w in units["duban-backup"]]
    with running(words, data) as backup:
        assert backup.process.wait(60) == 0, backup.log.read_text()
    assert list((tmp_path / "backups").glob("*/manifest.json"))


@contextmanager
def nginx(folder: Path, ports: list[int]) -> Iterator[str]:
    """nginx with deploy/nginx.conf before the web servers on these ports; its https address."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None or shutil.which("openssl") is None:
        pytest.skip(
            "nginx or openssl is not on this machine (apt-get install nginx-light openssl): deploy/nginx.conf is not tried"
        )
    folder.mkdir()
    (folder / "certificates").mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", folder / "certificates/duban.key", "-out", folder / "certificates/duban.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    plain, tls = child.free_port(), child.free_port()
    text = (DEPLOY / "nginx.conf").read_text()
    here = "\n".join(f"server 127.0.0.1:{p} max_fails=0;" for p in ports)
    for before, after in {
        "server web:8000 max_fails=0;": here,
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl;": f"listen 127.0.0.1:{tls} ssl;",
        "pid /run/nginx.pid;": f"pid {folder}/pid;",
        "worker_processes auto;": "worker_processes 1;",
    }.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    own = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    if os.geteuid() == 0:  # its workers would be nobody, who may not look into a test's folder
        text = "user root;\n" + text
    (folder / "nginx.conf").write_text(text.replace("http {", "http {" + own, 1))
    process = child.start(
        [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr", "-g", "daemon off;"],
        folder / "log",
        end_with=signal.SIGTERM,
    )
    try:
        yield f"https://127.0.0.1:{tls}"
    finally:
        process.terminate()
        process.wait(30)


def over_tls(url: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, str]:
    """Status, headers, text; the test's own certificate is taken on trust."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, body, {k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60, context=trusting) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read().decode()


@pytest.mark.parametrize("store", [stores.POSTGRESQL], indirect=True)
def test_nginx_stands_before_two_web_servers(store: str, data: Path, tmp_path: Path) -> None:
    token = prepared(data)
    small = {"DUBAN_PROCESSES": "1", "DUBAN_PROXIES": "1"}
    with running(["web"], data, **small) as one, running(["web"], data, log="second", **small) as two:
        one.until_ready(), two.until_ready()
        with nginx(tmp_path / "nginx", [one.port, two.port]) as base:
            until(lambda: over_tls(f"{base}/livez")[0] == 200)
            status, headers, _ = over_tls(f"{base}/sign-in")
            assert status == 200 and "Secure" in headers["Set-Cookie"], (
                "the app does not know that it was https"
            )
            assert "Strict-Transport-Security" in headers
            assert over_tls(f"{base}/readyz")[0] == 200
            bearer = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
            found = Counter(over_tls(f"{base}/api/v1/me", **bearer)[0] for _ in range(10))
            assert found == {200: 10}
            too_large = b'{"a": "' + b"x" * (1 << 20) + b'"}'
            assert over_tls(f"{base}/api/v1/cases", too_large, **bearer)[0] == 413, "the app's own limit"
            assert over_tls(f"{base}/api/v1/cases", b"x" * (52 << 20), **bearer)[0] == 413, "nginx's limit"
            assert one.end() == 0
            found = Counter(over_tls(f"{base}/api/v1/me", **bearer)[0] for _ in range(10))
            assert found == {200: 10}, "with one server gone the other answers"


@contextmanager
def listener(answering: bool) -> Iterator[tuple[int, list[bytes]]]:
    """A server's port and the bodies it was sent. It answers 201, or hangs up when it has read everything."""
    bodies: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.close_connection = True
            if answering:
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """To nobody."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, bodies
        finally:
            server.shutdown()
            thread.join()


def test_only_what_has_a_number_is_sent_again(tmp_path: Path) -> None:
    """A server that hangs up after it was sent a write may have done it: asking the other one is right only under a number."""
    with (
        listener(False) as (dying, first),
        listener(True) as (living, second),
        nginx(tmp_path / "nginx", [dying, living]) as base,
    ):
        until(lambda: over_tls(f"{base}/readyz")[0] > 0)
        body = b"x" * 300_000
        told = Counter(over_tls(base, body, Idempotency_Key=f"k{n}")[0] for n in range(6))
        assert told == {201: 6} and len(first) >= 1 and second == [body] * 6
        first.clear(), second.clear()
        told = Counter(over_tls(base, body)[0] for _ in range(6))
        assert told[502] == len(first) >= 1 and told[201] == len(second) and sum(told.values()) == 6


def until(reached: Callable[[], bool]) -> None:
    """Until nginx listens."""
    end = time.monotonic() + 20
    while True:
        try:
            if reached():
                return
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


class Client(threading.Thread):
    """Somebody who looks and writes with hardly a pause, over one connection as browsers keep it, and takes note of every answer."""

    def __init__(self, base: str, token: str, name: str) -> None:
        super().__init__(name=name)
        self.address, self.token = base.removeprefix("https://"), token
        self.answers: Counter[int] = Counter()
        self.began: set[str] = set()
        self.wrong: list[str] = []
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(self.address, timeout=60, context=trusting)
        count = 0
        while not self.over.wait(0.01):
            count += 1
            key = f"{self.name}-{count}"
            headers = {
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            }
            body = json.dumps({"package": KEY, "start": "S", "form": FORM | {"名称": key}})
            try:
                if count % 2:
                    connection.request("GET", "/api/v1/items", headers=headers)
                else:
                    connection.request("POST", "/api/v1/cases", body, headers)
                answer = connection.getresponse()
                text = answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(f"{key}: {error!r}")
                connection.close()
                continue
            self.answers[answer.status] += 1
            if answer.status == 201:
                self.began.add(json.loads(text)["case"])
            elif answer.status != 200:
                self.wrong.append(f"{key}: {answer.status} {text[:200]}")
        connection.close()


@pytest.mark.parametrize("store", [stores.POSTGRESQL], indirect=True)
def test_a_rolling_restart_is_seen_by_nobody(store: str, data: Path, tmp_path: Path) -> None:
    """Two servers behind nginx are restarted one after the other, twice, while six people work: no error, nothing twice."""
    token = prepared(data)
    small = {"DUBAN_PROCESSES": "1", "DUBAN_PROXIES": "1"}
    ports = [child.free_port(), child.free_port()]

    def started(n: int) -> Running:
        it = everything.enter_context(
            running(["web"], data, log=f"web{n}", DUBAN_PORT=str(ports[n]), **small)
        )
        return it.until_ready()

    with ExitStack() as everything:
        servers = [started(0), started(1)]
        base = everything.enter_context(nginx(tmp_path / "nginx", ports))
        clients = [Client(base, token, f"client{n}") for n in range(6)]
        try:
            restarts = []
            for n in (0, 1, 0, 1):
                time.sleep(1)
                began = time.monotonic()
                assert servers[n].end() == 0
                restarts.append(time.monotonic() - began)
                servers[n] = started(n)
        finally:
            for one in clients:
                one.over.set()
            for one in clients:
                one.join()
    answers = sum((one.answers for one in clients), Counter[int]())
    said = f"{dict(answers)}; told to stop, gone after {max(restarts):.1f} s at most"
    assert [line for one in clients for line in one.wrong] == [], said
    assert answers[200] > 100 and answers[201] > 100, said
    engine = Engine.open(stores.url_in(data), data)
    with engine.read() as connection:
        there = set(connection.exec_driver_sql("SELECT id FROM cases").scalars())
    engine.close()
    assert there == set().union(*(one.began for one in clients)), "what was acknowledged, and no more"
    print(said)  # noqa: T201


@pytest.mark.parametrize(("proxies", "secure"), [("0", False), ("1", True)])
def test_forwarded_headers_are_believed_only_when_told(data: Path, proxies: str, secure: bool) -> None:
    prepared(data)
    with running(["serve"], data, DUBAN_PROXIES=proxies) as it:
        it.until_ready()
        answer = it.ask("/sign-in", X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.9")
        assert ("Secure" in answer.headers["Set-Cookie"]) is secure

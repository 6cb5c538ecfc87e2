"""The API on SQLite: a completion and a start through HTTP, by one client with a token, beside an answer that does nothing.

The server is the product's own process (`duban serve`, worker included) on a free port of loopback.
"""

from __future__ import annotations

import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from engine.commands import ENGINE
from engine.runtime import accounts
from tests.benchmarks.bench_engine import FOUR_STEPS
from tests.benchmarks.table import SQLITE, Row
from tests.engine.office_builder import KEY, WITHOUT_ACTIONS, new_office, trial_files

TABLE = SQLITE

ROUNDS = 200
API = "/api/v1"


class Client:
    """One keep-alive connection with a personal token."""

    def __init__(self, port: int, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: object = None) -> Any:
        data = orjson.dumps(body) if body is not None else None
        headers = self.headers if path.startswith(API) else {}
        self.connection.request(method, path, data, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status < 300, (path, answer.status, content[:400])
        return orjson.loads(content)

    def timed(self, method: str, path: str, body: object = None) -> tuple[float, Any]:
        """Milliseconds, and the answer."""
        begun = time.perf_counter()
        answer = self.ask(method, path, body)
        return (time.perf_counter() - begun) * 1000, answer


def rows(full: bool = False) -> list[Row]:
    """Rows of `make bench`; `bench-full` has the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = new_office(folder, files=trial_files(FOUR_STEPS, WITHOUT_ACTIONS))
        _, token = accounts.make_token(engine, "anna", "bench", ENGINE)
        engine.close()
        server, port = serve(folder)
        try:
            return measure(Client(port, token))
        finally:
            server.terminate()
            server.wait(timeout=30)


def serve(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """`duban serve` on the folder's database; returns the process and its port once it answers."""
    environment = {**os.environ, "DUBAN_DATA": str(folder), "DUBAN_MODE": "demo", "PORT": "0"}
    environment.pop("DUBAN_DATABASE", None)
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("duban")), "serve"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    for line in server.stdout:
        found = re.search(r"http://[\d.]+:(\d+)", line)
        if found:
            return server, int(found.group(1))
    raise RuntimeError(f"the server ended with {server.wait()}")


def measure(client: Client) -> list[Row]:
    nothing, starting, finishing = [], [], []
    for _ in range(ROUNDS):  # interleaved, so that a noisy machine is noisy for all
        nothing.append(client.timed("GET", "/livez")[0])
        took, made = client.timed("POST", f"{API}/cases", {"package": KEY, "form": {}})
        starting.append(took)
        case = made["case"]
        item = client.ask("GET", f"{API}/cases/{case}/items")["items"][0]["item"]
        finishing.append(client.timed("POST", f"{API}/cases/{case}/items/{item}/finish", {"form": {}})[0])
    floor, begun, done = map(statistics.median, (nothing, starting, finishing))
    return [
        Row(
            "completion through the API, SQLite",
            f"{done:.2f}",
            "ms",
            f"median of {ROUNDS}; one client, token checked, fsync included",
        ),
        Row("start through the API, SQLite", f"{begun:.2f}", "ms", f"median of {ROUNDS}"),
        Row(
            "an answer that does nothing",
            f"{floor:.2f}",
            "ms",
            f"the floor: /livez; ratio {done / floor:.1f}",
        ),
    ]

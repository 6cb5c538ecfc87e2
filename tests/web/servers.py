"""Real processes of the product for tests: `duban serve`, `duban web`, `duban worker`, over an office of `builder`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.commands import ENGINE
from engine.runtime import accounts, demo_clock
from engine.runtime.engine import Engine
from engine.store import settings
from tests import stores
from tests.engine.office_builder import MONDAY
from tests.services import child
from tests.web.builder import KEY

ROOT = Path(__file__).parents[2]
READY_SECONDS = 60
SECRET = "a secret for the tests only, " + "x" * 20
FORM = {
    "名称": "备用风机停用",
    "企业": "一号煤矿",
    "行业": "煤矿",
    "属地": "上海庙镇",
    "发现日期": "2026-09-20",
}


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Running:
    """One command of the product. `port` is 0 for those that do not listen."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def ask(
        self, path: str, body: Any = None, *, token: str = "", timeout: float = 60, **headers: str
    ) -> Answer:
        """GET, or POST where there is a body."""
        return ask(f"http://127.0.0.1:{self.port}", path, body, token=token, timeout=timeout, **headers)

    def begin(self, token: str, key: str, timeout: float = 60) -> Answer:
        """A fresh case, by the API, under an Idempotency-Key."""
        asked = {"package": KEY, "start": "S", "form": FORM | {"名称": key}}
        return self.ask("/api/v1/cases", asked, token=token, timeout=timeout, Idempotency_Key=key)

    def until_ready(self) -> Running:
        until = time.monotonic() + READY_SECONDS
        while True:
            try:
                if self.ask("/livez").status == 200:
                    return self
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(self.log.read_text(errors="replace"))
            time.sleep(0.05)

    def until_logged(self, words: str) -> None:
        until = time.monotonic() + READY_SECONDS
        while words not in self.log.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(self.log.read_text(errors="replace"))
            time.sleep(0.05)

    def end(self, by: signal.Signals = signal.SIGTERM, timeout: float = 40) -> int:
        """Its exit code."""
        self.process.send_signal(by)
        return self.process.wait(timeout)


def ask(
    base: str, path: str, body: Any = None, *, token: str = "", timeout: float = 60, **headers: str
) -> Answer:
    """One request; refusals are answers too."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        given["Authorization"] = f"Bearer {token}"
    data = None
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(base + path, data, given)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.headers, refused.read().decode())


def environment(data: Path, **more: str) -> dict[str, str]:
    """The office's settings, in demo mode so that its clock can stand in a year whose calendar is known."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("DUBAN_") and k != "PORT"}
    return own | {
        "DUBAN_DATA": str(data),
        "DUBAN_DATABASE": stores.url_in(data),
        "DUBAN_MODE": "demo",
        "DUBAN_SECRET": SECRET,
        "PYTHONPATH": str(ROOT),
        **more,
    }


@contextmanager
def running(
    words: list[str], data: Path, *, program: list[str] | None = None, log: str = "", **more: str
) -> Iterator[Running]:
    """`duban WORDS` over the office in `data`; killed at the end if it still runs."""
    port = int(more.pop("DUBAN_PORT", "0")) or child.free_port()
    path = data.parent / f"{log or words[0]}-{port}.log"
    command = [*(program or [sys.executable, "-m", "web.cli.main"]), *words]
    with path.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment(data, **more) | {"DUBAN_PORT": str(port)},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield Running(process, port, path)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def prepared(data: Path, account: str = "wang") -> str:
    """Put the office's clock to the builders' Monday, and make a token of the account."""
    engine = Engine.open(stores.url_in(data), data, demo_clock.DemoClock())
    try:
        with engine.database.write() as connection:
            offset = (MONDAY - datetime.now(UTC)).total_seconds()
            settings.put(connection, demo_clock.KEY, repr(offset))
        return accounts.make_token(engine, account, "测试", ENGINE)[1]
    finally:
        engine.close()


@dataclass
class Asking(threading.Thread):
    """A request in a thread of its own; `answer` is there when it is over."""

    what: Any
    answer: Answer | None = None
    error: BaseException | None = None
    took: float = 0.0
    _: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.start()

    def run(self) -> None:
        began = time.monotonic()
        try:
            self.answer = self.what()
        except BaseException as error:
            self.error = error
        self.took = time.monotonic() - began

    __hash__ = threading.Thread.__hash__

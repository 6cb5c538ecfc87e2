"""The real product in a real browser: `duban serve` with demo data on a free port, Debian's Chromium in front of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.barriers import AXE
from tests.browser.clerk import Clerk, until
from tests.browser.person import PATIENCE, Person
from tests.engine.receiver import Receiver, receiving

expect.set_options(timeout=PATIENCE)

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "web" / "frontend" / "dist" / ".vite" / "manifest.json"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=zh-CN",
]
START_WITHIN = 90  # seconds; the demo data are made on the first start


def missing() -> str:
    """Why the browser tests cannot run here; empty when they can."""
    if chromium() is None:
        return "没有找到 Chromium（/usr/bin/chromium），浏览器测试未运行。Debian 上可用 apt-get install chromium 安装。"
    if not MANIFEST.exists() or not AXE.exists():
        return "前端尚未构建（make frontend），浏览器测试未运行。"
    return ""


def chromium() -> str | None:
    """The browser's path; CHROMIUM names another one."""
    named = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    return named if Path(named).exists() else shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    reason = missing()
    for item in items:
        if not str(item.path).startswith(str(Path(__file__).parent)) or item.get_closest_marker("no_browser"):
            continue
        item.add_marker(pytest.mark.browser)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


class Product:
    """A running product: where it is, where it keeps its data; it can be stopped and started again. `reminders`: the address of
    a service that takes reminders, "" for none."""

    def __init__(self, folder: Path, reminders: str = "") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self.data = folder / "data"
        self.log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._channels = folder / "channels.toml"
        if reminders:
            self._channels.touch(0o600)
            self._channels.write_text(
                f'[[channel]]\nkey = "inner"\ntitle = "内网通知"\nurl = "{reminders}"\naddress = "工号"\npattern = "[a-z0-9]+"\n',
                "utf-8",
            )

    def start(self) -> None:
        """Begin `duban serve --demo` and wait until it is ready."""
        environment = {
            **os.environ,
            "PORT": str(self._port),
            "DUBAN_DATA": str(self.data),
            "PYTHONUNBUFFERED": "1",
        }
        for name in ("DUBAN_DATABASE", "DUBAN_MODE", "DUBAN_CHANNELS"):
            environment.pop(name, None)
        if self._channels.exists():
            environment["DUBAN_CHANNELS"] = str(self._channels)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).parent / "duban"), "serve", "--demo"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """End it, by its own process id."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        if process.poll() is None:
            process.kill()
            process.wait()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_WITHIN
        while time.monotonic() < until:
            if process.poll() is not None:
                pytest.fail(f"duban serve ended with {process.returncode}:\n{self.log.read_text()[-3000:]}")
            try:
                with urllib.request.urlopen(f"{self.address}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        pytest.fail(f"duban serve was not ready within {START_WITHIN} s:\n{self.log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def service() -> Iterator[Receiver]:
    """A service outside that takes the product's reminders."""
    with receiving() as found:
        yield found


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, service: Receiver) -> Iterator[Product]:
    """`duban serve --demo` on a free port with data of its own."""
    running = Product(tmp_path_factory.mktemp("product"), service.url)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def clerk(product: Product) -> Callable[[str], Clerk]:
    """`clerk("account")` gives a `Clerk`, who works without a window; each signs in once."""
    return cache(lambda account: Clerk(product.address, account))


@pytest.fixture(scope="session")
def brought(clerk: Callable[[str], Clerk], photo: Path) -> Callable[[str, str], str]:
    """`brought(title, "T13")` gives a new case that has come to this step, everything before it done by those who do it."""

    def bring(title: str, element: str) -> str:
        case = clerk("zhangwei").register(title, photo)
        for account, step, changed in until(element):
            clerk(account).finish(case, step, photo, **changed)
        return case

    return bring


@pytest.fixture
def sign_in(product: Product, browser: Browser) -> Iterator[Callable[..., Person]]:
    """`sign_in("account")` gives a `Person` with a browser window of their own; all are closed afterwards.

    A script error or a refusal by the content policy in any window fails the test.
    """
    people: list[Person] = []

    def enter(account: str, phone: bool = False) -> Person:
        person = Person(browser, product.address, account, phone=phone, log=product.log)
        people.append(person)
        person.sign_in()
        return person

    yield enter
    complaints = [c for person in people for c in person.complaints]
    for person in people:
        person.close()
    assert not complaints, complaints


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo as a phone makes it: a JPEG of a wall, a pipe and daylight."""
    from PIL import Image, ImageDraw

    path = tmp_path_factory.mktemp("photos") / "现场照片.jpg"
    picture = Image.new("RGB", (1280, 960), (176, 182, 186))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 640, 1280, 960), fill=(104, 98, 90))
    draw.rectangle((180, 420, 1100, 500), fill=(60, 74, 92))
    draw.ellipse((560, 340, 720, 580), fill=(150, 44, 36))
    picture.save(path, quality=85)
    return path

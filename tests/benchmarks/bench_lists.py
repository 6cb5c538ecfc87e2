"""The lists people open: worklist, register, what is stuck; as real signed-in people, through the pages, over 10⁴ to 10⁶ open items.

"In the database" is the page's own statement by the bare driver, prepared, as the page sends it; "whole" is the answer to
`GET` of the signed-in browser: session, posts, all statements, template. Both are told by the quickest tenth of the rounds:
the machine is shared, and what others take is no cost of the list; beside them stands the processor time of the web process.
Flat means: the largest size against the smallest.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient

from engine.clock import FixedClock
from engine.commands import Actor, StartCase
from engine.runtime.engine import Engine
from engine.runtime.settings import Settings
from engine.store import tables as t
from tests.benchmarks import filling
from tests.benchmarks.server import server
from tests.benchmarks.table import LISTS, Row, at_most
from tests.engine.office_builder import MONDAY
from web.app import create_app

TABLE = LISTS

SIZES = (10_000, 100_000)
FULL_SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 60

PAGES = (
    ("worklist, four posts, unclaimed", filling.WORKER, "/worklist?tab=unclaimed", "AS page"),
    ("worklist, one's own", filling.WORKER, "/worklist?tab=mine", "AS page"),
    ("worklist, of four units", filling.WORKER, "/worklist?tab=unit", "AS page"),
    ("worklist, due soon", filling.WORKER, "/worklist?tab=soon", "AS page"),
    ("worklist, overdue", filling.WORKER, "/worklist?tab=overdue", "AS page"),
    (
        "worklist, four posts, by when it came",
        filling.WORKER,
        "/worklist?tab=unclaimed&sort=received",
        "AS page",
    ),
    ("worklist, one's own, by when it came", filling.WORKER, "/worklist?tab=mine&sort=received", "AS page"),
    ("worklist, of four units, by case number", filling.WORKER, "/worklist?tab=unit&sort=number", "AS page"),
    ("worklist, words nobody wrote", filling.WORKER, "/worklist?tab=unit&q=没有人写过", "AS page"),
    (
        "worklist, a step and a place",
        filling.WORKER,
        "/worklist?tab=unit&step=核实隐患情况&region=第7镇",
        "AS page",
    ),
    (
        "worklist, a case's number",
        filling.WORKER,
        "/worklist?tab=unit&q=鄂前安督字〔2026〕第4002号",
        "AS page",
    ),
    ("worklist, done", filling.WORKER, "/worklist?tab=done", "AS page"),
    ("worklist, done, words nobody wrote", filling.WORKER, "/worklist?tab=done&q=没有人写过", "AS page"),
    ("worklist, begun", filling.MEMBER, "/worklist?tab=begun", "AS page"),
    ("worklist, the numbers of the tabs", filling.WORKER, "/worklist?tab=copied", "AS begun"),
    ("register, the office", filling.OFFICE, "/register", "AS overdue"),
    ("register, four departments", filling.WORKER, "/register", "AS overdue"),
    ("register, an enterprise", filling.ENTERPRISE, "/register", "AS overdue"),
    ("register, words nobody wrote", filling.OFFICE, "/register?q=没有人写过", "AS overdue"),
    ("stuck, overdue, the office", filling.OFFICE, "/monitor?reason=overdue", r"work_items.due < .* LIMIT"),
    ("stuck, all reasons, the office", filling.OFFICE, "/monitor", ""),
)
"""What is opened, by whom, where, and a word that tells the page's own statement from the others."""

_DOUBLE = "package=tiny&party=第77煤矿&region=第7镇&words=104工作面 深基坑支护未按方案，周边堆载"
REGISTER = (
    ("register, red lights, the office", filling.OFFICE, "/register?light=red"),
    ("register, summoned, the office", filling.OFFICE, "/register?rung=4"),
    ("register, of a department, the office", filling.OFFICE, "/register?unit=第3监管局"),
    ("register, a month, four departments", filling.WORKER, "/register?month=2026-03"),
    ("register, words nobody wrote, four departments", filling.WORKER, "/register?q=没有人写过"),
    ("list of a department, a thousand hazards", filling.OFFICE, "/register/lists?unit=第3监管局"),
    ("list of an enterprise", filling.OFFICE, "/register/lists?unit=第77煤矿"),
    ("likely doubles, the office", filling.OFFICE, f"/api/v1/register/similar?{_DOUBLE}"),
    ("likely doubles, four departments", filling.WORKER, f"/api/v1/register/similar?{_DOUBLE}"),
)
"""The register's other questions: wholly answered within `PAGE_MS` at 10⁵ cases."""

OPEN_CASES, FINISHED_ITEMS = 100_000, 1_000_000
"""The office in which every page is opened: of cases that have ended there are as many again, of open items two for each open case."""

AT_SCALE = (
    ("worklist, one's own", filling.WORKER, "/worklist?tab=mine"),
    ("worklist, to be claimed", filling.WORKER, "/worklist?tab=unclaimed"),
    ("worklist, of four units", filling.WORKER, "/worklist?tab=unit"),
    ("worklist, overdue", filling.WORKER, "/worklist?tab=overdue"),
    ("worklist, done", filling.WORKER, "/worklist?tab=done"),
    ("worklist, begun", filling.MEMBER, "/worklist?tab=begun"),
    ("worklist, of a town", filling.TOWN, "/worklist?tab=unit"),
    ("worklist, of an enterprise", filling.ENTERPRISE, "/worklist?tab=unit"),
    ("worklist, words nobody wrote", filling.WORKER, "/worklist?tab=unit&q=没有人写过"),
    ("register, the office", filling.OFFICE, "/register"),
    ("register, four departments", filling.WORKER, "/register"),
    ("register, one department", filling.MEMBER, "/register"),
    ("register, a town", filling.TOWN, "/register"),
    ("register, an enterprise", filling.ENTERPRISE, "/register"),
    ("register, words everybody writes, the office", filling.OFFICE, "/register?q=通风机"),
    ("register, words everybody writes, four departments", filling.WORKER, "/register?q=通风机"),
    ("register, words of few cases, the office", filling.OFFICE, "/register?q=第4077号工作面"),
    ("register, words of few cases, four departments", filling.WORKER, "/register?q=第4077号工作面"),
    ("register, a word of two signs nobody wrote, four departments", filling.WORKER, "/register?q=塔吊"),
    ("register, words nobody wrote, the office", filling.OFFICE, "/register?q=没有人写过"),
    ("register, words nobody wrote, an enterprise", filling.ENTERPRISE, "/register?q=没有人写过"),
    ("register, a case's number", filling.WORKER, "/register?q=鄂前安督字〔2026〕第4002号"),
    ("monitor, the office", filling.OFFICE, "/monitor"),
    ("monitor, four departments", filling.WORKER, "/monitor"),
    ("monitor, a town", filling.TOWN, "/monitor"),
    ("monitor, an enterprise", filling.ENTERPRISE, "/monitor"),
    ("monitor, overdue, the office", filling.OFFICE, "/monitor?reason=overdue"),
    ("case page", filling.WORKER, "/cases/{case}"),
    ("item page", filling.WORKER, "/cases/{case}/items/{item}"),
)
"""Every kind of page there is much behind, by who opens it; `{case}` and `{item}` are a real case's."""

PAGE_MS = 300
"""Server time of any page at 10⁵ cases."""

EXPORT_SECONDS = 30
"""A workbook of all cases, 10⁵ or twice as many, is there before a person or a proxy gives up. [P]"""


@dataclass
class Figures:
    """Milliseconds of a page at one size."""

    database: float
    whole: float
    processor: float  # of the web process alone
    statements: int

    def beside(self) -> str:
        return f"{self.statements} statements; {self.processor:.1f} ms of the web's processor"


def rows(full: bool = False) -> Iterator[Row]:
    """Rows of `make bench` (10⁴ and 10⁵ open items) and `make bench-full` (10⁶ too), and of SQLite at 10⁵."""
    found: dict[int, dict[str, Figures]] = {}
    sizes = FULL_SIZES if full else SIZES
    with ExitStack() as offices:
        engines: dict[int, Engine] = {}
        for size in sizes:
            made = offices.enter_context(office(server().url(server().create()), size))
            engines[size], behind, took = made
            yield Row(f"filled: {size:,} open items", f"{behind:,}", "rows", f"in {took:.0f} s")
        for (
            name,
            *page,
        ) in PAGES:  # one page at all sizes, then the next: what is compared is measured in the same minute
            for size, engine in engines.items():
                found.setdefault(size, {})[name] = measured(engine, *page)
    smallest, largest = sizes[0], sizes[-1]
    for name, *_ in PAGES:
        small, large = found[smallest][name], found[largest][name]
        if large.database:
            note = f"{small.database:.2f} at {smallest:,}; the page's statement, of {large.statements}"
            yield Row(
                f"{name}: in the database, {largest:,} open",
                f"{large.database:.2f}",
                "ms",
                note,
                at_most(large.database, 2),
            )
        note = f"{small.whole:.1f} at {smallest:,}; {large.beside()}"
        yield Row(
            f"{name}: whole, {largest:,} open", f"{large.whole:.1f}", "ms", note, at_most(large.whole, 20)
        )
        base = (large.database, small.database) if large.database else (large.whole, small.whole)
        ratio = base[0] / base[1]
        yield Row(
            f"{name}: {largest:,} against {smallest:,}", f"{ratio:.2f}", "×", "flat?", at_most(ratio, 1.5)
        )
    yield from _at_scale()
    with (
        tempfile.TemporaryDirectory() as folder,
        office(f"sqlite:///{folder}/duban.db", 100_000) as (engine, _, took),
    ):
        for name, *page in PAGES:
            it = measured(engine, *page)
            yield Row(
                f"SQLite, {name}: whole, 100,000 open",
                f"{it.whole:.1f}",
                "ms",
                f"{it.statements} statements",
                at_most(it.whole, 20),
            )
        yield from _register(engine, "SQLite", "100,000 open")


def _at_scale() -> Iterator[Row]:
    """Every page over as many open cases and finished items as a province has."""
    with office(server().url(server().create()), 2 * OPEN_CASES) as (engine, behind, took):
        beside = f"{OPEN_CASES:,} open cases / {FINISHED_ITEMS:,} finished items"
        with engine.read() as c:
            counted = [
                c.execute(sa.select(sa.func.count()).where(where)).scalar_one()
                for where in (t.cases.c.state == "open", t.work_items.c.state == "finished")
            ]
        assert counted == [OPEN_CASES, FINISHED_ITEMS], counted
        yield Row(f"filled: {beside}", f"{behind:,}", "rows", f"in {took:.0f} s")
        begun = engine.execute(
            StartCase(engine.newest_all()[0].key, _FORM, "S"), Actor(filling.WORKER, "王建军")
        )
        real = {"case": begun.case, "item": next(iter(begun.state.items))}
        for name, account, address in AT_SCALE:
            it = measured(engine, account, address.format(**real), "")
            whole = f"{it.whole:.1f}"
            yield Row(f"{name}: whole, {beside}", whole, "ms", it.beside(), at_most(it.whole, PAGE_MS))
        yield from _register(engine, "PostgreSQL", beside)


_FORM = {
    "名称": "备用通风机停用",
    "企业": "第77煤矿",
    "行业": "行业3",
    "属地": "第7镇",
    "发现日期": "2026-09-20",
}


def _register(engine: Engine, store: str, beside: str) -> Iterator[Row]:
    """The register's own rows, and all its cases as a workbook."""
    for name, account, address in REGISTER:
        it = measured(engine, account, address, "")
        target = at_most(it.whole, PAGE_MS)
        yield Row(f"{store}, {name}: whole, {beside}", f"{it.whole:.1f}", "ms", it.beside(), target)
    app = create_app(engine, Settings(engine.data_folder, "", 8000, "demo", "s" * 40))
    browser = signed_in(app.test_client(), filling.OFFICE)
    began = time.perf_counter()
    size = len(browser.get("/register/export.xlsx").data)
    took = time.perf_counter() - began
    with engine.read() as c:
        exported = c.execute(sa.select(sa.func.count()).select_from(t.cases)).scalar_one()
    target = at_most(took, EXPORT_SECONDS)
    yield Row(f"{store}, export of {exported:,} cases", f"{took:.1f}", "s", f"{size / 1e6:.1f} MB", target)


@contextmanager
def office(url: str, size: int) -> Iterator[tuple[Engine, int, float]]:
    """An office with `size` open items; with how many rows there are, and how many seconds filling took."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine.open(url, Path(folder), FixedClock(MONDAY))
        try:
            filling.furnish(engine)
            began = time.perf_counter()
            behind = filling.fill(engine, size)
            yield engine, behind, time.perf_counter() - began
        finally:
            engine.close()


def measured(engine: Engine, account: str, address: str, word: str) -> Figures:
    """The page, opened again and again by one browser; and its own statement."""
    app = create_app(engine, Settings(engine.data_folder, "", 8000, "demo", "s" * 40))
    browser = signed_in(app.test_client(), account)
    sent: list[tuple[str, Any]] = []

    def listen(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        sent.append((statement, parameters))

    sa.event.listen(engine.database.engine, "before_cursor_execute", listen)
    try:
        took, used = [], []
        for _ in range(ROUNDS):
            sent.clear()
            began, processor = time.perf_counter(), time.process_time()
            answer = browser.get(address)
            took.append((time.perf_counter() - began) * 1000)
            used.append((time.process_time() - processor) * 1000)
            assert answer.status_code == 200, (address, answer.status_code)
    finally:
        sa.event.remove(engine.database.engine, "before_cursor_execute", listen)
    own = [s for s in sent if word and re.search(word, s[0], re.DOTALL)]
    assert bool(own) == bool(word), (address, word)
    return Figures(alone(engine, *own[0]) if own else 0.0, quick(took), quick(used), len(sent))


def alone(engine: Engine, statement: str, parameters: Any) -> float:
    """Milliseconds of a statement by the bare driver, its rows fetched."""
    took = []
    connection = engine.database.engine.raw_connection()
    try:
        for _ in range(ROUNDS):
            cursor = connection.cursor()
            began = time.perf_counter()
            cursor.execute(statement, parameters)
            cursor.fetchall()
            took.append((time.perf_counter() - began) * 1000)
            cursor.close()
    finally:
        connection.close()
    return quick(took)


def quick(took: list[float]) -> float:
    """The median of the quickest tenth, without the first rounds, in which statements are prepared."""
    calm = sorted(took[10:])
    return statistics.median(calm[: len(calm) // 10])


def signed_in(browser: FlaskClient, account: str) -> FlaskClient:
    """By the demo's one-click sign-in."""
    found = re.search(r'name="csrf-token" content="([^"]+)"', browser.get("/sign-in").text)
    assert found
    answer = browser.post("/sign-in", data={"account": account, "demo": "1", "csrf_token": found[1]})
    assert answer.status_code == 302, answer.text
    return browser

"""How the databases read the worklist, and the words of the register: every order of every tab from its own index, nothing sorted but what was read for the
page, however much lies behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from engine.clock import FixedClock
from engine.runtime.engine import Engine
from engine.store import tables as t
from tests import stores
from tests.benchmarks import filling
from tests.engine.office_builder import MONDAY
from web.identity import Who
from web.register import words
from web.worklist import queries
from web.worklist.limits import soon_until
from web.worklist.wanted import OPEN, SORTS, Wanted

pytestmark = stores.both

ITEMS = 3_000
"""Open items, and five times as many closed ones: enough for a scan to be told from an index."""

UNREAD = 40
"""Copies that the worker has still to read."""

READS = {
    "due": {"unclaimed": {"items_of_post"}, "mine": {"items_of_person"}, "unit": {"items_of_unit"}},
    "received": {
        "unclaimed": {"items_of_post_offered_at"},
        "mine": {"items_of_person_offered_at"},
        "unit": {"items_of_unit_offered_at"},
    },
    "number": {
        "unclaimed": {"items_of_post_by_number"},
        "mine": {"items_of_person_by_number"},
        "unit": {"items_of_unit_by_number"},
    },
}
"""The index that each tab is read from in each order; 将到期 and 超期 are a stretch of the order by limits, at posts and one's own."""

SHAPES = [(tab, sort) for tab in OPEN for sort in (SORTS if tab in READS["due"] else ("due",))]
SHAPES.append(("done", "due"))


@pytest.fixture(scope="module")
def filled(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("filled")
    with stores.use(store):
        engine = stores.closing(Engine.open(stores.url_in(folder), folder, FixedClock(MONDAY)))
        filling.furnish(engine)
        filling.fill(engine, ITEMS)
        _give_the_worker_enough(engine)
        yield engine


def _give_the_worker_enough(engine: Engine) -> None:
    """Half the departments' items come to the worker's four units; a fifth of it is the worker's own, or was."""
    i = t.work_items
    departments = sa.and_(i.c.role == "DB", i.c.item % 2 == 0)
    hers = sa.func.substr(i.c.case, 10, 1) == "4"
    nearer = sa.case(
        *(
            (sa.func.substr(i.c.case, 9, 1) == str(n), f"第{at}监管局")
            for n, at in enumerate(filling.WORKER_AT)
        ),
        else_=f"第{filling.WORKER_AT[0]}监管局",
    )
    with engine.database.write() as c:
        c.execute(sa.update(i).where(departments, i.c.state == "open").values(unit=nearer))
        c.execute(
            sa.update(i).where(i.c.role == "DB", hers, i.c.state == "open").values(person=filling.WORKER)
        )
        c.execute(sa.update(i).where(hers, i.c.state != "open").values(closed_by=filling.WORKER))
        _copy_to_her_posts(c)
        if engine.database.is_sqlite:
            c.exec_driver_sql("ANALYZE")
    if not engine.database.is_sqlite:
        with engine.database.glance() as c:  # not in a transaction
            c.exec_driver_sql("VACUUM ANALYZE work_items, copies, copy_reads")


def _copy_to_her_posts(c: sa.Connection) -> None:
    """A copy of every case to each of the worker's posts: every second case everybody has read, and of the others she all but the
    newest."""
    of_cases = sa.select(t.cases.c.id, t.cases.c.started_at).order_by(t.cases.c.started_at, t.cases.c.id)
    sent = [
        {
            "case": case.id, "copy": at, "what": "copy", "unit": f"第{unit}监管局", "role": "DB",
            "at": case.started_at, "began": case.started_at,
            "read_at": MONDAY if n % 2 else None, "read_by": filling.WORKER if n % 2 else "",
        }
        for n, case in enumerate(c.execute(of_cases))
        for at, unit in enumerate(filling.WORKER_AT, 1)
    ]  # fmt: skip
    read = [row for row in sent if row["read_at"] is None][:-UNREAD]
    c.execute(sa.insert(t.copies), sent)
    c.execute(
        sa.insert(t.copy_reads),
        [{"case": r["case"], "copy": r["copy"], "person": filling.WORKER, "at": MONDAY} for r in read],
    )


def worker(engine: Engine) -> Who:
    posts = tuple(engine.directory().posts_of(filling.WORKER))
    return Who(filling.WORKER, "王建军", filling.WORKER, posts, posts[0], frozenset(), "session")


@contextmanager
def sent_to(engine: Engine, table: str) -> Iterator[list[tuple[str, Any]]]:
    """The statements that name a table, with their parameters, while the block lasts."""
    sent: list[tuple[str, Any]] = []

    def listen(conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if table in statement:
            sent.append((statement, parameters))

    sa.event.listen(engine.database.engine, "before_cursor_execute", listen)
    try:
        yield sent
    finally:
        sa.event.remove(engine.database.engine, "before_cursor_execute", listen)


def asked(engine: Engine, wanted: Wanted, after: str = "") -> tuple[queries.Found, list[tuple[str, Any]]]:
    """A page and the statements it took."""
    span = queries.Span(MONDAY, soon_until(engine.moment(), 1))
    with engine.read() as c, sent_to(engine, "work_items") as sent:
        return queries.items(c, worker(engine), wanted, span, after=after, limit=30), sent


def plan(engine: Engine, statement: str, parameters: Any) -> list[str]:
    """How the database reads a statement, a line for each step; a step inside another is indented."""
    connection = engine.database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        if engine.database.is_sqlite:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return _of_sqlite(cursor.fetchall())
        # So few rows are cheaper read whole: without that way, what still is read whole has no index to be read by.
        cursor.execute("BEGIN")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_hashjoin = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        told = cursor.fetchone()[0]
        cursor.execute("ROLLBACK")
        return _steps((orjson.loads(told) if isinstance(told, str) else told)[0]["Plan"])
    finally:
        connection.close()


def _of_sqlite(rows: list[tuple[int, int, int, str]]) -> list[str]:
    """SQLite's plan. A sort beside which a table is read, and nothing that was read and limited before, is a full one."""

    def limited(parent: int) -> bool:
        return any(
            p == parent and said.startswith(("SCAN page", "SCAN anon", "SCAN (subquery"))
            for _, p, _, said in rows
        )

    return [
        f"FULL SORT {said}" if "TEMP B-TREE" in said and not limited(parent) else said
        for _, parent, _, said in rows
    ]


def _steps(node: dict[str, Any]) -> list[str]:
    """PostgreSQL's plan. A sort under which nothing is limited is called a full one."""
    kind, inner = node["Node Type"], node.get("Plans", [])
    said = f"{kind} {node.get('Index Name', '')} {node.get('Relation Name', '')}"
    if "Sort" in kind and not _limits(node):
        said = f"FULL SORT of {node.get('Sort Key')}"
    return [said, *(step for one in inner for step in _steps(one))]


def _limits(node: dict[str, Any]) -> bool:
    return node["Node Type"] == "Limit" or any(_limits(one) for one in node.get("Plans", []))


def faults(steps: list[str]) -> list[str]:
    """Steps that read more than a page."""
    return [
        s for s in steps if s.startswith(("FULL SORT", "Seq Scan", "Bitmap", "SCAN work_items", "SCAN cases"))
    ]


@pytest.mark.parametrize(("tab", "sort"), SHAPES, ids=[f"{tab}-{sort}" for tab, sort in SHAPES])
def test_a_page_is_read_in_the_order_of_its_index(filled: Engine, tab: str, sort: str) -> None:
    wanted = Wanted(tab=tab).but(sort=sort)
    expected = READS[sort].get(tab, {"items_of_post", "items_of_person"})
    expected = {"items_closed_by"} if tab == "done" else expected
    first, sent = asked(filled, wanted)
    assert len(first.rows) == 30 and first.next
    later, more = asked(filled, wanted, first.next)
    assert later.rows and later.rows[0] not in first.rows
    for statement, parameters in (sent[-1], more[-1]):
        steps = plan(filled, statement, parameters)
        assert faults(steps) == [], "\n".join(steps)
        read = {name for step in steps for name in step.split() if name.startswith("items_")}
        if sort == "due":  # a unit all of whose items are one post's may be read instead of the post
            read = {name.replace("items_of_unit", "items_of_post") for name in read}
            expected = {name.replace("items_of_unit", "items_of_post") for name in expected}
        assert read == expected, "\n".join(steps)


@pytest.mark.parametrize("sort", SORTS)
def test_words_are_looked_for_in_so_many_items_and_no_more(filled: Engine, sort: str) -> None:
    found, sent = asked(filled, Wanted(tab="unit", q="没有人写过", sort=sort))
    assert found.rows == [] and found.stopped and found.next
    assert len(sent) == 2  # the page, and where it stopped
    for statement, parameters in sent:
        steps = plan(filled, statement, parameters)
        assert faults(steps) == [], "\n".join(steps)


def test_a_number_is_found_without_looking(filled: Engine) -> None:
    with filled.read() as c:
        some = asked(filled, Wanted(tab="unit"))[0].rows[-1]
        assert c.execute(sa.text("SELECT count(*) FROM work_items")).scalar() == ITEMS * 6
    found, sent = asked(filled, Wanted(tab="unit", q=some["number"]))
    assert some["number"] in {row["number"] for row in found.rows} and not found.stopped
    for statement, parameters in sent:
        steps = plan(filled, statement, parameters)
        assert [s for s in steps if s.startswith(("SCAN work_items", "SCAN cases", "Seq Scan"))] == []


def test_counting_reads_indexes_alone(filled: Engine) -> None:
    with filled.read() as c, sent_to(filled, "work_items") as sent:
        found = queries.counts(c, worker(filled), queries.Span(MONDAY, soon_until(filled.moment(), 1)))
    assert found["unit"] == found["done"] == queries.MOST_COUNTED and found["copied"] == UNREAD
    steps = plan(filled, *sent[0])
    assert faults(steps) == [], "\n".join(steps)


def test_words_nobody_wrote_are_not_looked_for_in_the_cases(filled: Engine) -> None:
    with filled.read() as c, sent_to(filled, "case_words") as sent:
        assert c.execute(words.holding(c, "没有人写过")).all() == []
        assert len(c.execute(words.holding(c, "监测线路")).all()) == ITEMS
    steps = plan(filled, *sent[0])
    read = "SCAN case_words" if filled.database.is_sqlite else "case_words_pairs"
    assert any(read in step for step in steps), "\n".join(steps)

"""The tables beside the model 两相对照: at the end of an instant they show the same, no more and no less; at the end of a day the
chains hold. That is what lost, duplicated, early and late mean here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from engine.audit.rebuild import rebuild
from engine.audit.verify import verify
from engine.store import tables
from tests.engine.office_builder import rows
from tests.faults.simulation.live import Fault
from tests.faults.simulation.model import Model
from tests.faults.simulation.observer import Observer
from tests.faults.simulation.offices import Office


def compare(model: Model, observer: Observer) -> None:
    """At the end of an instant the tables show what the model shows."""
    for case, one in model.cases.items():
        for (kind, element), had_to in one.course.seen.items():
            if observer.counted[case, kind, element] != had_to:
                word = "late" if kind == "DeadlinePassed" else "lost"
                raise Fault(
                    word,
                    f"{kind} {element} of {case}: {had_to} by now, {observer.counted[case, kind, element]} recorded",
                )
    for what in model.outstanding():
        raise Fault("lost", what)
    with observer.looking.read() as connection:
        for check, had_to_be, is_ in _tables(model, connection):
            if had_to_be != is_:
                raise Fault(check, f"missing {dict(had_to_be - is_)}, too many {dict(is_ - had_to_be)}")


def _tables(model: Model, connection: sa.Connection) -> Iterable[tuple[str, Counter[Any], Counter[Any]]]:
    t = tables
    cases = model.cases
    found = connection.execute(sa.select(t.cases.c.id, t.cases.c.state))
    yield "cases", Counter((i, one.state) for i, one in cases.items()), Counter((i, s) for i, s in found)
    i = t.work_items.c
    items = sa.select(i.case, i.element, i.unit, i.role, i.person).where(i.state == "open")
    had = Counter(
        (i, live.node.id, live.unit, live.role, live.person)
        for i, one in cases.items()
        for live in one.course.lives
        if live.is_item
    )
    yield "items", had, Counter(tuple(row) for row in connection.execute(items))
    clocks: Counter[Any] = Counter()
    for id, one in cases.items():
        clocks += Counter((id, armed.element, armed.due) for armed in one.course.clocks())
    armed = sa.select(t.deadlines.c.case, t.deadlines.c.element, t.deadlines.c.due)
    yield "deadlines", clocks, Counter(tuple(row) for row in connection.execute(armed))
    jobs = sa.select(t.jobs.c.case, t.jobs.c.element, t.jobs.c.retries)
    had_jobs = Counter(
        (i, live.node.id, live.retries)
        for i, one in cases.items() for live in one.course.lives if live.node.kind == "job" and not live.halted
    )  # fmt: skip
    yield "jobs", had_jobs, Counter(tuple(row) for row in connection.execute(jobs))
    n = t.notices.c
    notices = connection.execute(sa.select(n.case, n.title, n.person, n.role, n.unit))
    had_come = Counter(
        (case, f"{title} → {who or f'{role}@{unit}'}") for case, title, who, role, unit in notices
    )
    had_notices = Counter(
        {(i, e): n for i, one in cases.items() for (k, e), n in one.course.seen.items() if k == "NoticeSent"}
    )
    yield "notices", had_notices, had_come


def prove(office: Office) -> None:
    """The chains hold, the facts fold to the snapshots, the rows are those that a rebuild gives."""
    with office.observer.read() as connection:
        report = verify(connection, fold=True)
        if not report.ok:
            raise Fault("chain", str(report.breaks[0]))
        before = rows(connection, without=("locked_by", "locked_until"))
    with office.observer.write() as connection:
        rebuild(connection, lambda hash_: office.packages[hash_], office.seen.calendar)
        rebuilt = rows(connection, without=("locked_by", "locked_until"))
    if before != rebuilt:
        raise Fault(
            "rebuild",
            f"the rows of {[t for t in before if before[t] != rebuilt[t]]} are not those of the facts",
        )

"""Cases that begin by the clock 定时立案 (BPMN 2.0.2, 10.5.2): the timer starts of main processes, as rows of the outbox.

A publication plans the first firing of each; when that is due the relay begins the case and plans the next. A version that
is no longer in force begins nothing more. The row's key names version, start and firing, so that nothing begins twice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from engine.calendar import Moment
from engine.commands import ENGINE, StartProcess
from engine.definitions.model import Package, Trigger
from engine.errors import EngineError
from engine.execution.starting import joins, timer_firing
from engine.execution.timers import counted_from, later_by
from engine.store.batch import insert_once
from engine.store.tables import outbox, packages
from engine.values import dumps, parse_duration

if TYPE_CHECKING:
    from engine.runtime.engine import Engine

log = logging.getLogger(__name__)

insert = insert_once(outbox)
Row = dict[str, Any]


def planned(package: Package, version: int, moment: Moment) -> list[Row]:
    """The first firing of every timer start of the main process. A date that has passed begins nothing any more."""
    rows: list[Row] = []
    process = package.processes[package.main]
    for start in process.starts:
        if joins(process, start):
            continue  # the clock alone does not begin it
        for part, event in enumerate(process.elements[start].events):
            if event.trigger is not Trigger.TIMER:
                continue
            try:
                due, repeats, interval = timer_firing(package, event, {}, moment)
            except EngineError as problem:
                log.warning("start %s of %s is not planned: %s", start, package.key, problem.message)
                continue
            length = parse_duration(interval) if interval else None
            day = counted_from(moment.now, due, interval) if due is not None else 0
            while due is not None and due < moment.now and length is not None and repeats:
                due, repeats = later_by(due, length, day), repeats - 1 if repeats > 0 else -1
            if due is None or (due < moment.now and event.timer != "duration"):
                continue
            data = {
                "package": package.key,
                "hash": package.hash,
                "version": version,
                "start": start,
                "part": part,
                "repeats": repeats,
                "interval": interval,
                "day": day,
                "due": due,
                "firing": 1,
            }
            rows.append(_row(data, moment.now))
    return rows


def begin(engine: Engine, key: str, data: Mapping[str, Any]) -> list[Row]:
    """Begin the case, if its version is still in force. Gives the next firing."""
    with engine.read() as connection:
        newest = connection.execute(
            sa.select(packages.c.hash, packages.c.version)
            .where(packages.c.key == data["package"])
            .order_by(packages.c.version.desc())
            .limit(1)
        ).one_or_none()
    if newest is None or (newest.hash, newest.version) != (data["hash"], data["version"]):
        return []
    package = engine.package(data["hash"])
    command = StartProcess(package.main, data["start"])
    engine.begin(command, ENGINE, f"clock-{key}", package=package.key)
    following = _next(package, data, engine.moment())
    return [] if following is None else [_row({**data, **following}, engine.now())]


def _next(package: Package, data: Mapping[str, Any], moment: Moment) -> Mapping[str, Any] | None:
    """When a cycle fires after this: the fixed interval after the last time, or computed anew."""
    repeats, due = data["repeats"], data["due"]
    if not repeats:
        return None
    following: datetime | None
    length = parse_duration(data["interval"]) if data["interval"] else None
    if length is not None:
        following = later_by(due, length, data.get("day", 0))
    else:
        event = package.processes[package.main].elements[data["start"]].events[data["part"]]
        following, _, _ = timer_firing(package, event, {}, moment)
        if following is not None and following <= due:
            following = None
    if following is None:
        return None
    return {"due": following, "repeats": repeats - 1 if repeats > 0 else -1, "firing": data["firing"] + 1}


def _row(data: Mapping[str, Any], now: datetime) -> Row:
    key = f"{data['package']}/{data['version']}/{data['start']}/{data['part']}/{data['firing']}"
    return {
        "key": f"begin/{key}",
        "case": "",
        "what": "begin",
        "data": dumps(dict(data)),
        "written_at": now,
        "send_at": data["due"],
    }

"""SpiffWorkflow behind Flask: a peer of the benchmarks over HTTP, on top of what `peers.spiff` does with a case.

`SPIFF_DSN` names the database, `SPIFF_KIND` the class of `peers.spiff`. A request is one transaction on a connection that its
thread keeps; nobody is asked for a token. `/nothing` answers without doing anything: Flask's own floor.
"""

from __future__ import annotations

import functools
import os
import threading
from pathlib import Path
from typing import Any

import orjson
import psycopg
from flask import Flask, Response, request
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from tests.benchmarks.peers import spiff

app = Flask(__name__)
_local = threading.local()


@functools.cache
def keeper() -> spiff.Competitor:
    """How workflows are written and read."""
    found: spiff.Competitor = getattr(spiff, os.environ["SPIFF_KIND"])(os.environ["SPIFF_DSN"], Path())
    return found


def connection() -> psycopg.Connection[Any]:
    """This thread's."""
    found: psycopg.Connection[Any] | None = getattr(_local, "connection", None)
    if found is None:
        found = _local.connection = psycopg.connect(os.environ["SPIFF_DSN"], prepare_threshold=1)
    return found


def answer(case: int, workflow: BpmnWorkflow) -> Response:
    ready = workflow.get_tasks(state=TaskState.READY, manual=True)
    tasks = [{"item": str(task.id), "element": task.task_spec.name} for task in ready]
    return Response(orjson.dumps({"case": case, "open": tasks}), content_type="application/json")


@app.get("/nothing")
def nothing() -> Response:
    return Response(b"{}", content_type="application/json")


@app.post("/cases")
def begin() -> Response:
    workflow = BpmnWorkflow(keeper().spec)
    workflow.do_engine_steps()
    with connection().transaction():
        insert = "INSERT INTO spiff (state) VALUES (%s) RETURNING id"
        row = connection().execute(insert, [keeper().write(workflow)]).fetchone()
    assert row is not None
    return answer(row[0], workflow)


@app.get("/cases/<int:case>/tasks")
def tasks(case: int) -> Response:
    with connection().transaction():
        row = connection().execute("SELECT state FROM spiff WHERE id = %s", [case]).fetchone()
    assert row is not None
    return answer(case, keeper().read(row[0]))


@app.post("/cases/<int:case>/tasks/<task>/finish")
def finish(case: int, task: str) -> Response:
    form = orjson.loads(request.get_data())["form"]
    with connection().transaction():
        row = connection().execute("SELECT state FROM spiff WHERE id = %s FOR UPDATE", [case]).fetchone()
        assert row is not None
        workflow = keeper().read(row[0])
        workflow.refresh_waiting_tasks()  # timers that are due come first, as with us
        ready = workflow.get_tasks(state=TaskState.READY, manual=True)
        found = next(t for t in ready if str(t.id) == task)
        found.data.update(form)
        found.run()
        workflow.do_engine_steps()
        connection().execute("UPDATE spiff SET state = %s WHERE id = %s", [keeper().write(workflow), case])
    return answer(case, workflow)

"""SpiffWorkflow behind Flask: a peer of the benchmarks. A case is one row with the workflow as JSON in PostgreSQL.

As lean as it can honestly be: the diagram is parsed once and is not part of the JSON, orjson reads and writes it, a
request is one transaction on a connection that its thread keeps. No permissions, no form check, no history beyond what
SpiffWorkflow keeps itself. `SPIFF_DSN` names the database. `/nothing` answers without doing anything: Flask's own floor.
"""

from __future__ import annotations

import functools
import io
import os
import threading
from typing import Any

import orjson
import psycopg
from flask import Flask, Response, request
from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.serializer.config import DEFAULT_CONFIG
from SpiffWorkflow.bpmn.serializer.default import BpmnProcessSpecConverter
from SpiffWorkflow.bpmn.specs import BpmnProcessSpec
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from tests.engine.builders import xml

TABLE = """
CREATE TABLE spiff (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ended boolean NOT NULL DEFAULT false, state bytea NOT NULL
)
"""
STEPS = "ABCD"
FOUR = "\n".join(
    ["start S", "end E", f"S -> {' -> '.join(STEPS)} -> E"]
    + [
        f"user {s}\nboundary {s}1 on={s} interrupting=false duration=PT12H\nend {s}2\n{s}1 -> {s}2"
        for s in STEPS
    ]
)

app = Flask(__name__)
_local = threading.local()


class SharedSpec(BpmnProcessSpecConverter):  # type: ignore[misc]
    """The diagram by its name only: every process of the server has it in memory."""

    def to_dict(self, spec: BpmnProcessSpec) -> dict[str, Any]:
        return {"name": spec.name}

    def from_dict(self, dct: dict[str, Any]) -> BpmnProcessSpec:
        return spec()


@functools.cache
def spec() -> BpmnProcessSpec:
    parser = BpmnParser()
    text = xml(FOUR).replace(b">PT12H<", b">'PT12H'<").replace(b"userTask", b"manualTask")
    parser.add_bpmn_xml(etree.parse(io.BytesIO(text)).getroot(), filename="four.bpmn")
    return parser.get_spec("main")


@functools.cache
def serializer() -> BpmnWorkflowSerializer:
    configured = BpmnWorkflowSerializer.configure({**DEFAULT_CONFIG, BpmnProcessSpec: SharedSpec})
    return BpmnWorkflowSerializer(configured)


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


def loaded(state: bytes) -> BpmnWorkflow:
    return serializer().from_dict(orjson.loads(state))


def state_of(workflow: BpmnWorkflow) -> bytes:
    return orjson.dumps(serializer().to_dict(workflow))


@app.get("/nothing")
def nothing() -> Response:
    return Response(b"{}", content_type="application/json")


@app.post("/cases")
def begin() -> Response:
    workflow = BpmnWorkflow(spec())
    workflow.do_engine_steps()
    with connection().transaction():
        insert = "INSERT INTO spiff (state) VALUES (%s) RETURNING id"
        row = connection().execute(insert, [state_of(workflow)]).fetchone()
    return answer(row[0], workflow)


@app.get("/cases/<int:case>/tasks")
def tasks(case: int) -> Response:
    with connection().transaction():
        row = connection().execute("SELECT state FROM spiff WHERE id = %s", [case]).fetchone()
    return answer(case, loaded(row[0]))


@app.post("/cases/<int:case>/tasks/<task>/finish")
def finish(case: int, task: str) -> Response:
    form = orjson.loads(request.get_data())["form"]
    with connection().transaction():
        row = connection().execute("SELECT state FROM spiff WHERE id = %s FOR UPDATE", [case]).fetchone()
        workflow = loaded(row[0])
        open_task = next(
            t for t in workflow.get_tasks(state=TaskState.READY, manual=True) if str(t.id) == task
        )
        open_task.data.update(form)
        open_task.run()
        workflow.do_engine_steps()
        update = "UPDATE spiff SET state = %s, ended = %s WHERE id = %s"
        connection().execute(update, [state_of(workflow), workflow.completed, case])
    return answer(case, workflow)

"""SpiffWorkflow with a case as one row, the workflow as JSON in PostgreSQL, as its documentation's examples keep it.

`Competitor` keeps the JSON as SpiffWorkflow's serializer makes it, with the diagram in it. `Lean` leaves the diagram out and
reads and writes by orjson, as the server of the HTTP benchmark does: the best that can be made of it from outside.
Timers are looked at when a case is (nothing wakes a case whose timer is due), and nobody's permission, form or history is kept
beside what SpiffWorkflow keeps itself.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psycopg
from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.serializer.config import DEFAULT_CONFIG
from SpiffWorkflow.bpmn.serializer.default import BpmnProcessSpecConverter
from SpiffWorkflow.bpmn.specs import BpmnProcessSpec
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from tests.benchmarks.competitor import diagram
from tests.benchmarks.form import FILLED
from tests.engine.builders import xml

TABLE = "CREATE TABLE IF NOT EXISTS spiff (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state text NOT NULL)"


def _spec() -> BpmnProcessSpec:
    parser = BpmnParser()
    text = xml(diagram("结论 == '退回'")).decode()
    for ours, theirs in ((">=结论", ">结论"), (">PT12H<", ">'PT12H'<"), ("userTask", "manualTask")):
        text = text.replace(ours, theirs)
    parser.add_bpmn_xml(etree.parse(io.BytesIO(text.encode())).getroot(), filename="four.bpmn")
    return parser.get_spec("main")


class Competitor:
    """In an empty database."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn, self.spec = dsn, _spec()
        with psycopg.connect(dsn) as connection:
            connection.execute(TABLE)
        self.write: Callable[[BpmnWorkflow], str]
        self.read: Callable[[str], BpmnWorkflow]
        self._choose()

    def _choose(self) -> None:
        serializer = BpmnWorkflowSerializer()
        self.write, self.read = serializer.serialize_json, serializer.deserialize_json

    def session(self) -> Session:
        return Session(self)


class Lean(Competitor):
    """The diagram stays in memory."""

    def _choose(self) -> None:
        spec = self.spec

        class ByName(BpmnProcessSpecConverter):  # type: ignore[misc]
            def to_dict(self, one: BpmnProcessSpec) -> dict[str, Any]:
                return {"name": one.name}

            def from_dict(self, dct: dict[str, Any]) -> BpmnProcessSpec:
                return spec

        configured = BpmnWorkflowSerializer.configure({**DEFAULT_CONFIG, BpmnProcessSpec: ByName})
        serializer = BpmnWorkflowSerializer(configured)
        self.write = lambda workflow: orjson.dumps(serializer.to_dict(workflow)).decode()
        self.read = lambda state: serializer.from_dict(orjson.loads(state))


class Session:
    """A case is its id."""

    def __init__(self, competitor: Competitor) -> None:
        self.by = competitor
        self.connection = psycopg.connect(competitor.dsn, prepare_threshold=2)

    def start(self) -> int:
        workflow = BpmnWorkflow(self.by.spec)
        workflow.do_engine_steps()
        with self.connection.transaction():
            insert = "INSERT INTO spiff (state) VALUES (%s) RETURNING id"
            row = self.connection.execute(insert, [self.by.write(workflow)]).fetchone()
        assert row is not None
        return int(row[0])

    def complete(self, case: int) -> None:
        with self.connection.transaction():
            row = self.connection.execute(
                "SELECT state FROM spiff WHERE id = %s FOR UPDATE", [case]
            ).fetchone()
            assert row is not None
            workflow = self.by.read(row[0])
            workflow.refresh_waiting_tasks()  # timers that are due come first, as with us
            task = workflow.get_tasks(state=TaskState.READY, manual=True)[0]
            task.data.update(FILLED)
            task.run()
            workflow.do_engine_steps()
            self.connection.execute(
                "UPDATE spiff SET state = %s WHERE id = %s", [self.by.write(workflow), case]
            )

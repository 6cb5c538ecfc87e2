"""Global tasks 全局任务: a task drawn once at the root and performed wherever it is called (BPMN 2.0.2, 10.3.6).

Each becomes a process of one step: the task itself, which begins when the process is called.
"""

from __future__ import annotations

from engine.definitions.data import read_signature
from engine.definitions.model import Process
from engine.definitions.nodes import read_node
from engine.definitions.reading import Node, Reading, is_bpmn, line_of, local
from engine.definitions.vocabulary import GLOBAL_TASKS


def read_global_tasks(reading: Reading, root: Node) -> dict[str, Process]:
    """The global tasks of a file, by id."""
    found: dict[str, Process] = {}
    for node in root:
        key = str(node.get("id") or "")
        if is_bpmn(node, *GLOBAL_TASKS) and key and key not in found:
            found[key] = _process(reading, node, key)
    return found


def _process(reading: Reading, node: Node, key: str) -> Process:
    reading.nodes += 1
    task = read_node(reading, node, GLOBAL_TASKS[local(node)], key, "")
    inputs, outputs = read_signature(reading, node)
    return Process(
        key=key,
        name=task.name or key,
        file=reading.file,
        elements={key: task},
        flows={},
        starts=(),
        event_subprocesses=(),
        implicit=(key,),
        line=line_of(node),
        inputs=inputs,
        outputs=outputs,
        declares=outputs,
        task=True,
    )

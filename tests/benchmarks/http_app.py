"""The product as a server of the benchmarks: `python -m tests.benchmarks.http_app PORT WORKERS THREADS`.

One process reads the program and forks what serves: granian's web processes and the worker, which so share its memory. What
it serves and on which database the environment's settings say. `FORM` is the form of each step, `FILLED` and `LAST` what
people fill in.
"""

from __future__ import annotations

import gc
import multiprocessing
import sys
import threading
from typing import Any

from flask import Flask

from engine.runtime.settings import Settings
from engine.runtime.worker import Worker
from web import app

FORM = {
    "schemaVersion": 19,
    "type": "default",
    "id": "opinion",
    "title": "办理意见",
    "components": [
        {"type": "textarea", "key": "意见", "label": "意见", "id": "F1", "validate": {"required": True, "maxLength": 4000}},
        {"type": "radio", "key": "结论", "label": "结论", "id": "F2", "validate": {"required": True},
         "values": [{"label": "同意", "value": "同意"}, {"label": "退回", "value": "退回"}]},
        {"type": "number", "key": "金额", "label": "金额（万元）", "id": "F3", "validate": {"min": 0, "max": 100000}},
    ],
}  # fmt: skip
FILLED: dict[str, Any] = {"意见": "现场情况属实，同意按方案治理。", "结论": "同意", "金额": 12.5}
LAST = FILLED | {"结论": "退回"}
"""Of the fourth step: ends the case."""


def product(*_: object) -> Flask:
    """The product by the environment's settings."""
    settings = Settings.from_environment()
    return app.create_app(settings.engine(), settings)


def passing_deadlines() -> None:
    """The worker, until this process is ended."""
    Worker(Settings.from_environment().engine()).run(threading.Event())


def main(port: int, workers: int, threads: int) -> None:
    from granian.constants import Interfaces
    from granian.server import Server

    app.rooms()
    gc.collect()
    gc.freeze()  # what is never collected is never written to, and stays shared
    multiprocessing.Process(target=passing_deadlines, daemon=True).start()
    Server(
        "duban", port=port, interface=Interfaces.WSGI, workers=workers, blocking_threads=threads,
        websockets=False, log_enabled=False,
    ).serve(target_loader=product, wrap_loader=False)  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

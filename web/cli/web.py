"""`duban web` 网站: the pages and the API in several processes; `duban worker` runs beside it.

What all of them need is read and made once, by the process that then forks them: the program, the app, the published packages.
They share those pages of memory, and a process that is begun anew is there at once. Connections and threads are each one's own.
"""

from __future__ import annotations

import argparse
import gc
import sys
from typing import Any

from flask import Flask
from granian import Granian
from granian.constants import Interfaces

from engine.errors import InputInvalid
from engine.runtime.settings import Settings
from web import gate, logs
from web.app import create_app

LEAVE_SECONDS = 25
"""What a request still has when the server is told to stop; processes that do not end by then are killed [P]."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "web",
        help="启动网站（多进程，用于 PostgreSQL）",
        description="启动网站和接口，多个进程，用于 PostgreSQL；后台任务另由 duban worker 运行。",
    )
    parser.add_argument("--host", help="监听地址（缺省取 DUBAN_HOST）")
    parser.add_argument("--port", type=int, help="端口（缺省取 DUBAN_PORT、PORT，再缺省 8000）")
    parser.add_argument("--processes", type=int, help="进程数（缺省取 DUBAN_PROCESSES）")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    if settings.on_sqlite:
        raise InputInvalid(
            "duban web 用多个进程，须配 PostgreSQL（DUBAN_DATABASE）；一台机器用 SQLite 请运行 duban serve。"
        )
    logs.begin(settings.log)
    _make(settings)
    host = args.host or settings.host
    port = args.port if args.port is not None else settings.port
    processes = args.processes or settings.processes
    print(
        f"督办网站：http://{host}:{port}，{processes} 个进程，{_mode(settings)}", file=sys.stderr, flush=True
    )
    Granian(
        "web.cli.web:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=processes,
        blocking_threads=gate.server_threads(settings),
        backpressure=max(gate.server_threads(settings), 1),
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=LEAVE_SECONDS,
        log_dictconfig=_left_to_us(),
    ).serve()
    return 0


_made: Flask | None = None


def _make(settings: Settings) -> None:
    """The app over its engine, before there are processes. Tables are brought up to date, or refused, before anybody is let in."""
    global _made
    gc.disable()  # nothing made here is thrown away, and a collection would look through it all again and again
    engine = settings.engine("web")
    _made = create_app(engine, settings)
    engine.newest_all()
    engine.directory()
    engine.database.close()  # no connection is inherited: each process opens its own when it needs one
    gc.enable()
    gc.freeze()  # what is never collected is not written to, and stays shared


def application() -> Flask:
    """The app, in each process."""
    assert _made is not None, "made before the processes are"
    logs.begin(_made.extensions["duban.settings"].log)  # the server has had its own way with them
    return _made


def _mode(settings: Settings) -> str:
    return "演示模式（任何人可免密登录）" if settings.demo else "正式环境"


def _left_to_us() -> dict[str, Any]:
    """The server's own lines go the way of all others."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {},
        "handlers": {},
        "loggers": {"_granian": {"handlers": [], "propagate": True}, "granian.access": {"handlers": []}},
    }

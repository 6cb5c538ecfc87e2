"""`duban web` 网站: the pages and the API in several processes, each with an engine of its own; `duban worker` runs beside it."""

from __future__ import annotations

import argparse
import gc
import sys
from typing import Any

from granian import Granian
from granian.constants import Interfaces

from engine.errors import InputInvalid
from engine.runtime.settings import Settings
from web import gate, logs
from web.app import create_app, rooms

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
    settings.engine().close()  # tables are brought up to date, or refused, before anybody is let in
    host = args.host or settings.host
    port = args.port if args.port is not None else settings.port
    processes = args.processes or settings.processes
    print(
        f"督办网站：http://{host}:{port}，{processes} 个进程，{_mode(settings)}", file=sys.stderr, flush=True
    )
    rooms()  # read before the processes are forked, which so share it
    gc.collect()
    gc.freeze()  # what is never collected is not written to, and stays shared
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


def application() -> Any:
    """The app of one process, made by it."""
    settings = Settings.from_environment()
    logs.begin(settings.log)
    return create_app(settings.engine("web"), settings)


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

"""`duban web` 网站: the pages and the API in several processes; `duban worker` runs beside it.

What all of them need is read and made once, by the process that then forks them: the program, the app, the published packages.
They share those pages of memory, and a process that is begun anew is there at once. Connections and threads are each one's own.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import Any

import sqlalchemy as sa
from flask import Flask
from granian import Granian
from granian.constants import Interfaces

from engine.errors import InputInvalid
from engine.runtime.settings import Settings
from web import gate, logs
from web.app import create_app

LEAVE_SECONDS = 25
"""What a request still has when the server is told to stop; processes that do not end by then are killed [P]."""

LOOK_SECONDS = 0.5
"""How soon a process notices that the one which looks after it is gone [P]."""

BEGIN_SECONDS = 2
"""What the server of a process has for its beginning, before it is told to stop [P]."""

ENDINGS = (signal.SIGTERM, signal.SIGINT)


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
    global _server
    _server = Granian(
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
    )
    _server.serve()
    return 0


_server: Any = None
"""The one that looks after the others; a process that it has forked finds it here as it was then."""

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
    for name in ENDINGS:  # the parent's handlers, inherited, would swallow them
        signal.signal(name, signal.SIG_DFL)  # nobody is let in before the server sets its own
    if _server is not None and _server.interrupt_signal:  # they have
        sys.exit(0)
    _end_when_told()
    logs.begin(_made.extensions["duban.settings"].log)  # the server has had its own way with them
    with contextlib.suppress(sa.exc.DBAPIError), _made.extensions["duban.engine"].read() as connection:
        connection.execute(sa.select(1))  # whoever is about to restore the database sees that we work on it
    return _made


def _end_when_told() -> None:
    """This process ends when it is told to, and when the process that looks after it is killed: it would go on answering at the
    port, with the program of its day, beside whatever is started there next.

    The server loses a signal that comes while it begins, and takes a second one ill. So signals are waited for here, by a thread,
    and handed to it once, when it has begun.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    begun = time.monotonic()
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # in every thread: those to come inherit it

    def watch(pid: int | None) -> None:
        while os.getppid() == pid and signal.sigtimedwait(ENDINGS, LOOK_SECONDS) is None:
            pass
        time.sleep(max(0.0, begun + BEGIN_SECONDS - time.monotonic()))
        heard = signal.getsignal(signal.SIGTERM)
        if not callable(heard):
            os._exit(0)  # it has not come so far as to let anybody in
        heard(signal.SIGTERM, None)
        time.sleep(LEAVE_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, args=(parent.pid,), name="parent", daemon=True).start()


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

"""`duban worker` 后台任务: passes deadlines and sends what waits to be sent, until stopped."""

from __future__ import annotations

import argparse
import logging
import signal
import threading

from engine.runtime.settings import Settings
from engine.runtime.worker import Worker
from web import logs

log = logging.getLogger(__name__)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "worker",
        help="单独运行后台任务（时限、发送）",
        description="单独运行后台任务：处理到期的时限，发送待发的内容，直到停止。可在多台机器上各运行几个。",
    )
    parser.add_argument("--once", action="store_true", help="把眼下该做的做完就退出")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    logs.begin(settings.log)
    engine = settings.engine("worker")
    try:
        worker = Worker(engine, settings.reminder_channels())
        if args.once:
            done = 0
            while step := worker.step():
                done += step
            print(f"完成 {done} 项")
            return 0
        stop = threading.Event()

        def leave(*_: object) -> None:
            stop.set()
            engine.bell.set()

        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, leave)
        log.info("the worker begins")
        worker.run(stop, settings.poll_seconds)  # the step that is running is finished
    finally:
        engine.close()
    return 0

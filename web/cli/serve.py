"""`duban serve` 启动: the pages and the API, with the worker in the same process."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading

from waitress.server import create_server

from engine.errors import InputInvalid
from engine.runtime.settings import Settings
from engine.runtime.worker import Worker
from web.app import create_app
from web.cli import demo

THREADS = 8
"""Requests answered at once."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "serve", help="启动网站（含后台任务）", description="启动网站和接口，后台任务在同一进程中运行。"
    )
    parser.add_argument("--demo", action="store_true", help="演示模式：首次启动时装入演示数据，可以拨动时钟")
    parser.add_argument("--host", default="127.0.0.1", help="监听地址（缺省 127.0.0.1）")
    parser.add_argument("--port", type=int, help="端口（缺省取 PORT，再缺省 8000）")
    parser.add_argument(
        "--no-worker", action="store_true", help="不在本进程运行后台任务（另行运行 duban worker）"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("waitress").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if args.demo and os.environ.get("DUBAN_MODE", "demo") != "demo":
        raise InputInvalid("DUBAN_MODE=production 时不能使用 --demo。")
    settings = Settings.from_environment()
    engine = settings.engine()
    port = args.port if args.port is not None else settings.port
    if args.demo and not demo.is_seeded(engine):
        print("装入演示数据（只在首次启动时进行）…", flush=True)
        demo.seed(engine, lambda what: print(f"  · {what}", flush=True))
    server = create_server(create_app(engine, settings), host=args.host, port=port, threads=THREADS)
    stop = threading.Event()
    worker = threading.Thread(target=Worker(engine).run, args=(stop,), name="worker")
    if not args.no_worker:
        worker.start()
    _announce(args.host, getattr(server, "effective_port", port), settings)

    def leave(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
    try:
        server.run()
    except (SystemExit, KeyboardInterrupt):
        print("正在停止…", file=sys.stderr)
    finally:
        server.close()
        stop.set()
        engine.bell.set()
        if worker.is_alive():
            worker.join(timeout=30)
        engine.close()
    return 0


def _announce(host: str, port: int, settings: Settings) -> None:
    print(f"\n督办已启动：http://{host}:{port}（数据在 {settings.data}）", flush=True)
    if not settings.demo:
        return
    people = demo.people()
    if people:
        print(f"\n演示账号（密码都是 {demo.PASSWORD}，登录页上也可直接点选）：")
        width = max(len(account) for account, _, _ in people)
        for account, name, title in people:
            print(f"  {account:<{width}}  {name}：{title}")
    print("\n按 Ctrl+C 停止。", flush=True)

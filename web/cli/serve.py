"""`duban serve` 启动: the pages and the API, with the worker in the same process. For one machine."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from engine.errors import InputInvalid
from engine.runtime.settings import Settings
from engine.runtime.worker import Worker
from web import gate, logs
from web.app import create_app
from web.cli import demo

LEAVE_SECONDS = 25
"""What requests that are being answered still have when the server is told to stop [P]."""

LOOK_SECONDS = 0.5
"""How soon a signal is noticed."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "serve", help="启动网站（含后台任务）", description="启动网站和接口，后台任务在同一进程中运行。"
    )
    parser.add_argument("--demo", action="store_true", help="演示模式：首次启动时装入演示数据，可以拨动时钟")
    parser.add_argument("--host", help="监听地址（缺省取 DUBAN_HOST，再缺省 127.0.0.1）")
    parser.add_argument("--port", type=int, help="端口（缺省取 DUBAN_PORT、PORT，再缺省 8000）")
    parser.add_argument(
        "--no-worker", action="store_true", help="不在本进程运行后台任务（另行运行 duban worker）"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    said = {"DUBAN_MODE": "demo"} if args.demo and not os.environ.get("DUBAN_MODE") else {}
    settings = Settings.from_environment({**os.environ, **said})
    if args.demo and not settings.demo:
        raise InputInvalid("DUBAN_MODE=production 时不能使用 --demo。")
    logs.begin(settings.log)
    engine = settings.engine("serve")
    host, port = args.host or settings.host, args.port if args.port is not None else settings.port
    if args.demo and not demo.is_seeded(engine):
        print("装入演示数据（只在首次启动时进行）…", flush=True)
        demo.seed(engine, lambda what: print(f"  · {what}", flush=True))
    sockets: dict[int, Any] = {}
    app, threads = create_app(engine, settings), gate.server_threads(settings)
    server = create_server(
        app,
        map=sockets,
        host=host,
        port=port,
        threads=threads,
        clear_untrusted_proxy_headers=not settings.proxies,
    )
    stop = threading.Event()
    worker = threading.Thread(
        target=Worker(engine, settings.reminder_channels()).run,
        args=(stop, settings.poll_seconds),
        name="worker",
    )
    if not args.no_worker:
        worker.start()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    _announce(host, getattr(server, "effective_port", port), settings)
    try:
        while not stop.is_set():
            wasyncore.loop(timeout=LOOK_SECONDS, use_poll=True, map=sockets, count=1)
        print("正在停止…", file=sys.stderr)
        engine.bell.set()
        _answer_what_is_asked(sockets)
    finally:
        stop.set()
        engine.bell.set()
        server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(sockets)
        if worker.is_alive():
            worker.join(timeout=30)
        engine.close()
    return 0


def _answer_what_is_asked(sockets: dict[int, Any]) -> None:
    """Let nobody in any more, and go on until every request that came is answered and sent."""
    for one in list(sockets.values()):
        if isinstance(one, BaseWSGIServer):
            wasyncore.dispatcher.close(one)
    until = time.monotonic() + LEAVE_SECONDS
    while time.monotonic() < until:
        if not any(
            one.requests or one.total_outbufs_len for one in sockets.values() if isinstance(one, HTTPChannel)
        ):
            return
        wasyncore.loop(timeout=0.05, use_poll=True, map=sockets, count=1)


def _announce(host: str, port: int, settings: Settings) -> None:
    print(f"\n督办已启动：http://{host}:{port}（数据在 {settings.data}）", flush=True)
    if not settings.demo:
        print("正式环境。", flush=True)
        return
    print("演示模式：任何人都可免密登录、可拨动时钟。正式使用请设置 DUBAN_MODE=production。", flush=True)
    people = demo.people()
    if people:
        print(f"\n演示账号（密码都是 {demo.PASSWORD}，登录页上也可直接点选）：")
        width = max(len(account) for account, _, _ in people)
        for account, name, title in people:
            print(f"  {account:<{width}}  {name}：{title}")
    print("\n按 Ctrl+C 停止。", flush=True)

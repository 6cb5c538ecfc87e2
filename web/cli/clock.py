"""`duban clock` 演示时钟: see and move the demo's clock. A production setting refuses it."""

from __future__ import annotations

import argparse

from engine.errors import NotAllowed
from engine.runtime import demo_clock
from engine.runtime.worker import Worker
from web.cli.terminal import TERMINAL, instant_of, line, opened, shown


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "clock", help="演示时钟（仅演示模式）", description="查看或拨动演示时钟；正式运行时不可用。"
    )
    parser.add_argument(
        "to",
        nargs="?",
        default="show",
        help="show 查看；next-deadline 拨到下一个时限；next-working-day 下一个工作日；或 2026-10-08T08:30",
    )
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with opened() as engine:
        if not isinstance(engine.clock, demo_clock.DemoClock):
            raise NotAllowed("时钟只能在演示模式下拨动，正式环境使用真实时间。")
        fired = 0
        if args.to != "show":
            if args.to == "next-deadline":
                target = demo_clock.next_deadline(engine)
                if target is None:
                    print("没有等待中的时限")
                    return 1
            elif args.to == "next-working-day":
                target = demo_clock.next_working_day(engine)
            else:
                target = instant_of(args.to)
            demo_clock.move_to(engine, target, TERMINAL)
            worker = Worker(engine)
            while step := worker.step():
                fired += step
        now = engine.now()
        if args.json:
            line({"now": now.isoformat(), "done": fired})
        else:
            print(f"演示时钟：{shown(now)}" + (f"，处理了 {fired} 项" if args.to != "show" else ""))
    return 0

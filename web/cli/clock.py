"""`duban clock` 时钟: confirm the system's clock after it has jumped; in demo mode, see and move the demo's clock."""

from __future__ import annotations

import argparse

from engine.errors import NotAllowed
from engine.runtime import demo_clock, guarded_clock
from engine.runtime.worker import Worker
from web.cli.terminal import TERMINAL, instant_of, line, opened, shown


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "clock",
        help="时钟：核对告警、确认时钟；演示时钟（仅演示模式）",
        description="时钟跳动后，核对无误即可确认，时限随后继续处理；演示模式下查看或拨动演示时钟。",
    )
    parser.add_argument(
        "to",
        nargs="?",
        default="show",
        help="show 查看；confirm 确认时钟无误；allow 设置允许的偏差（--seconds）；演示模式：next-deadline 拨到下一个时限；"
        "next-working-day 下一个工作日；或 2026-10-08T08:30",
    )
    parser.add_argument("--seconds", type=float, default=guarded_clock.MOST_SECONDS, help="允许的偏差（秒）")
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with opened() as engine:
        if args.to == "confirm":
            print(f"已确认时钟，时限继续处理。原告警：{guarded_clock.confirm(engine, TERMINAL)}")
            return 0
        if args.to == "allow":
            guarded_clock.allow(engine, args.seconds, TERMINAL)
            print(f"时钟允许的偏差：{args.seconds:g} 秒")
            return 0
        if args.to == "show" and isinstance(engine.clock, guarded_clock.GuardedClock):
            with engine.read() as connection:
                alarm = guarded_clock.alarm(connection)
            print(f"时钟：{shown(engine.now())}" + (f"。告警：{alarm}" if alarm else "，没有告警"))
            return 1 if alarm else 0
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

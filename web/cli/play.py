"""`duban play` 试运行：play a lone diagram in memory on a virtual clock, one JSON fact a line.

Ends 0 when the case completed, 3 when it waits, 4 at an incident, 2 when the diagram or the input is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.calendar import seed
from engine.clock import SHANGHAI
from engine.definitions.compile import compile_diagram
from engine.errors import EngineError, InputInvalid
from engine.execution.explain import explain
from engine.execution.play import Heard, Playing, read_answers
from engine.feel.numbers import MATH
from engine.runtime.host_clock import SystemClock
from engine.values import Months, from_outside, json_text, parse_duration
from web.cli.check import tables_beside, unopened

COMPLETED, REFUSED, WAITING, INCIDENT = 0, 2, 3, 4
_YEARS = range(1900, 2201)
"""Where the virtual clock may begin: days before and after it can be reckoned."""
_EXIT = {"completed": COMPLETED, "waiting": WAITING, "incident": INCIDENT}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "play",
        help="在内存里试运行一张流程图",
        description="在内存里按虚拟时钟试运行一张流程图，每行输出一条 JSON 事实。",
        epilog="退出码：0 办结；3 在等待；4 出现异常；2 流程图或输入被拒绝。",
    )
    parser.add_argument("file", type=Path, metavar="FILE.bpmn")
    parser.add_argument("--variables", metavar="JSON", default="{}", help="立案时的变量，一个 JSON 对象")
    parser.add_argument(
        "--answers",
        type=Path,
        metavar="FILE",
        help='用户任务和外部任务的结果：{元素编号: [{"variables": {…}}, {"bpmnError": 代码}, {"fail": 原因}]}，按次序使用；加 "after": "PT2H" 则过后才办',
    )
    parser.add_argument(
        "--message",
        action="append",
        default=[],
        metavar="NAME",
        help="有人等这条消息时送达一次（可重复；可写 NAME={JSON} 带上内容）",
    )
    parser.add_argument("--signal", action="append", default=[], metavar="NAME", help="同上，信号")
    parser.add_argument(
        "--until",
        metavar="DURATION",
        help="虚拟时间最多走多远，如 P30D、PT2H（缺省到没有时限为止，至多一年）",
    )
    parser.add_argument(
        "--hold",
        action="store_true",
        help="停在没有给出结果的用户任务，不自动办理；不写 --until 时时钟也随之停住",
    )
    parser.add_argument(
        "--process", default="", metavar="ID", help="图中有几个流程时，只试运行这一个（缺省时各泳池一起运行）"
    )
    parser.add_argument(
        "--start",
        default="",
        metavar="ID",
        help="从哪个开始事件开始（缺省依次为：--message、--signal 送来的，第一个空开始事件，条件成立的，最早的定时）",
    )
    parser.add_argument("--now", metavar="ISO", help="虚拟时钟的起点（缺省为现在），不带时区即北京时间")
    parser.add_argument("--json", action="store_true", help="输出总是 JSON；此项只为与其他子命令一致")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    try:
        data = args.file.read_bytes()
    except OSError as error:
        _line({"kind": "Refused", "code": "not_found", "message": f"打不开 {args.file}：{unopened(error)}。"})
        return REFUSED
    try:
        package, findings = compile_diagram(data, args.file.name, tables_beside(args.file, data))
        if package is None:
            for finding in findings:
                _line({"kind": "Finding", **asdict(finding)})
            return REFUSED
        for finding in findings:
            print(finding, file=sys.stderr)
        now = _instant(args.now)
        playing = Playing(
            package,
            now,
            seed(range(now.year - 1, now.year + 2)),
            args.process,
            _object(args.variables, "--variables"),
            _answers(args.answers),
            [_heard(text) for text in args.message],
            [_heard(text) for text in args.signal],
            _duration(args.until),
            args.hold,
            args.start,
        )
        for row in playing.run():
            _line(row)
    except EngineError as error:
        _line({"kind": "Refused", "code": error.code, "message": error.message})
        return REFUSED
    for case in playing.cases:
        for one in explain(package, case.state, playing.moment):
            print(one if len(playing.cases) == 1 else f"{case.label}：{one}", file=sys.stderr)
    return _EXIT[playing.outcome]


def _line(row: dict[str, Any]) -> None:
    print(json_text(row))


def _instant(text: str | None) -> datetime:
    if not text:
        return SystemClock().now()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputInvalid(f"--now 应是日期时间，如 2026-09-28T09:00，不是“{text[:40]}”。") from None
    if found.year not in _YEARS:
        raise InputInvalid(f"--now 的年份应在 {_YEARS[0]} 至 {_YEARS[-1]} 年之间，不是“{text[:40]}”。")
    return (found if found.tzinfo else found.replace(tzinfo=SHANGHAI)).astimezone(UTC)


def _duration(text: str | None) -> timedelta | Months | None:
    if not text:
        return None
    found = parse_duration(text)
    if found is None:
        raise InputInvalid(f"--until 应是 ISO 时长，如 P30D、PT2H，不是“{text[:40]}”。")
    return found


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_float=MATH.create_decimal)
    except ValueError as error:
        raise InputInvalid(f"{where} 不是有效的 JSON：{error}") from None
    except RecursionError:
        raise InputInvalid(f"{where} 的 JSON 嵌套太深，请减少层数。") from None


def _object(text: str, where: str) -> dict[str, Any]:
    found = from_outside(_json(text, where))
    if not isinstance(found, dict):
        raise InputInvalid(f'{where} 应是一个 JSON 对象，如 {{"甲": 1}}。')
    return found


def _answers(path: Path | None) -> dict[str, list[dict[str, Any]]]:
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputInvalid(f"打不开回答文件 {path}，或它不是 UTF-8 文本。") from None
    return read_answers(_json(text, str(path)))


def _heard(text: str) -> Heard:
    """`NAME`, or `NAME={JSON object}` with a payload."""
    name, mark, payload = text.partition("={")
    if not mark:
        return text, {}
    return name, _object("{" + payload, f"“{name}”的内容")

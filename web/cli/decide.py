"""`duban decide` 试算决策: decide one decision of a DMN file and print the answer as one line of JSON.

Ends 0 with an answer (null is one), 4 when nothing can be decided, 2 when the file or the input is refused. What is wrong
with the file, and why a value became null on the way, is told on stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

from engine.calendar import Moment, seed
from engine.definitions.decisions import Decision, read_decisions
from engine.definitions.dmn.evaluation import Deciding
from engine.definitions.dmn.graph import InputData, Knowledge, Service
from engine.definitions.dmn.types import Type
from engine.errors import CalendarUnknown, EngineError, ExpressionFailed, InputInvalid
from engine.feel.temporal import Temporal, parse_date, parse_date_time, parse_time
from engine.runtime.host_clock import SystemClock
from engine.values import Value, from_outside, json_text, parse_duration, plain
from web.cli.check import models_beside, unopened
from web.cli.terminal import instant_of

ANSWERED, REFUSED, UNDECIDED = 0, 2, 4
WITHIN_ONE = frozenset(["expression_invalid", "expression_language", "function_kind"])
"""Errors that spoil the element they stand in and what requires it, so that another decision may still be asked."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "decide",
        help="试算一个决策",
        description="算出 DMN 文件中一个决策或决策服务的结果，输出一行 JSON。同一文件夹中的 .dmn 可被引用。",
        epilog="退出码：0 得出结果（空值也是结果）；4 无法得出结果；2 文件或输入被拒绝。",
    )
    parser.add_argument("file", type=Path, metavar="FILE.dmn")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--decision", default="", metavar="ID", help="决策的编号或名称（只有一个时可不写）")
    which.add_argument("--service", default="", metavar="ID", help="决策服务的编号或名称")
    parser.add_argument(
        "--variables",
        metavar="JSON",
        default="{}",
        help="输入，一个 JSON 对象；类型为日期、时间、时长的输入数据写 ISO 文字",
    )
    parser.add_argument(
        "--now", metavar="ISO", help="now()、today() 的时刻（缺省为现在），不带时区即北京时间"
    )
    parser.add_argument("--json", action="store_true", help="出错时也输出 JSON；结果总是 JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    try:
        data = args.file.read_bytes()
    except OSError as error:
        raise InputInvalid(f"打不开 {args.file}：{unopened(error)}。") from None
    decisions, findings = read_decisions(data, args.file.name, models_beside(args.file, data), lone=True)
    for finding in findings:
        if args.json:
            print(json.dumps(asdict(finding), ensure_ascii=False), file=sys.stderr)
        else:
            print(f"{'错误' if finding.severity == 'error' else '提醒'}  {finding}", file=sys.stderr)
    named = args.service or args.decision
    wrong = {finding.rule for finding in findings if finding.severity == "error"}
    if wrong and not (named and wrong <= WITHIN_ONE):
        return REFUSED
    try:
        decision = _wanted(decisions, args.decision, args.service)
    except InputInvalid:
        if wrong:
            return REFUSED
        raise
    given = _given(args.variables, decision)
    now = instant_of(args.now) if args.now else SystemClock().now()
    deciding = Deciding(Moment(now, seed(range(now.year - 1, now.year + 2))))
    try:
        answer = decision.decide(given, deciding)
    except (ExpressionFailed, CalendarUnknown) as error:
        _say(error, args.json)
        return UNDECIDED
    for remark in deciding.remarks:
        print(remark, file=sys.stderr)
    print(json_text(plain(answer, exact=True)))
    return ANSWERED


def _wanted(decisions: dict[str, Decision], decision: str, service: str) -> Decision:
    """The decision or service by id, else by name; without either the only decision that no other requires."""
    services = {id: one for id, one in decisions.items() if isinstance(one.logic, Service)}
    plain = {id: one for id, one in decisions.items() if id not in services}
    among = services if service else plain
    key = service or decision
    if not key:
        required = {r.element.id for one in plain.values() for r in one.requires}
        found = [one for id, one in plain.items() if id not in required]
        if len(found) == 1:
            return found[0]
    else:
        found = [one for id, one in among.items() if id == key] or [
            one for one in among.values() if one.name == key
        ]
        if len(found) == 1:
            return found[0]
    word = "决策服务" if service else "决策"
    listed = "、".join(f"{one.id}（{one.name}）" for one in list(among.values())[:12]) or "没有"
    if not key:
        raise InputInvalid(f"文件中有几个决策，请用 --decision 选一个：{listed}。")
    raise InputInvalid(f"没有{word}“{key[:40]}”，或有几个同名。文件中的{word}：{listed}。")


def _given(text: str, decision: Decision) -> dict[str, Value]:
    """The variables, texts read as dates, times and durations where the input data are of these types."""
    try:
        raw = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise InputInvalid("--variables 不是有效的 JSON。") from None
    if not isinstance(raw, dict):
        raise InputInvalid('--variables 应是一个 JSON 对象，如 {"甲": 1}。')
    given: dict[str, Value] = from_outside(raw)
    for name, of in _inputs(decision, set()).items():
        if name in given:
            given[name] = _typed(given[name], of)
    return given


def _inputs(decision: Decision, seen: set[str]) -> dict[str, Type]:
    """The names a decision reads from outside with their types: the input data that it requires, itself or through
    others; of a service also the decisions it is given."""
    if decision.key in seen:
        return {}
    seen.add(decision.key)
    found: dict[str, Type] = {}
    inner = [r.element for r in decision.requires if isinstance(r.element, Decision)]
    if isinstance(decision.logic, Service):
        for one in decision.logic.inputs:
            if not isinstance(one.element, Knowledge):
                found |= {".".join(one.path): one.element.type, one.path[-1]: one.element.type}
        inner += decision.logic.outputs
    found |= {
        r.element.variable: r.element.type for r in decision.requires if isinstance(r.element, InputData)
    }
    for required in inner:
        found = _inputs(required, seen) | found
    return found


def _date_and_time(text: str) -> Temporal | None:
    """A date and time; a date alone is one as well, its midnight (DMN 1.3, 10.3.2.9.4)."""
    return parse_date_time(text) or parse_date(text)


_READ: dict[str, Callable[[str], Temporal | None]] = {
    "date": parse_date,
    "date and time": _date_and_time,
    "time": parse_time,
    "days and time duration": parse_duration,
    "years and months duration": parse_duration,
}
"""As FEEL reads them, with its zones."""


def _typed(value: Value, of: Type) -> Value:
    """A text as what its type says; one that cannot be read stays a text, which does not fit the type."""
    if isinstance(value, str) and of.kind in _READ:
        read = _READ[of.kind](value)
        return value if read is None else read
    if isinstance(value, list):
        return [_typed(one, of.item or of) for one in value]
    if isinstance(value, dict):
        parts = dict(of.parts)
        return {key: _typed(one, parts[key]) if key in parts else one for key, one in value.items()}
    return value


def _say(error: EngineError, as_json: bool) -> None:
    """Why nothing could be decided."""
    if as_json:
        print(json.dumps({"code": error.code, "detail": error.message}, ensure_ascii=False), file=sys.stderr)
    else:
        print(error.message, file=sys.stderr)

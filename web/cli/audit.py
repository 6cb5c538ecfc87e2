"""`duban audit verify` 核验: recompute every chain of the ledger and name the first break."""

from __future__ import annotations

import argparse

from engine.audit.verify import verify
from web.cli.terminal import line, opened


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("audit", help="审计", description="重新核算台账的每条链，指出第一处不符。")
    actions = parser.add_subparsers(dest="action", required=True, metavar="操作")
    check = actions.add_parser("verify", help="核验全部案件的事实链")
    check.add_argument("--case", default="", help="只核验一个案件（标识）")
    check.add_argument("--fold", action="store_true", help="同时由事实重放出状态，与快照比对")
    check.add_argument("--json", action="store_true", help="输出 JSON")
    check.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with opened() as engine, engine.read() as connection:
        report = verify(connection, case=args.case, fold=args.fold)
    if args.json:
        line(report.to_data())
    else:
        print(f"核验 {report.cases} 个案件、{report.facts} 条事实，另有管理记录 {report.office_facts} 条")
        for found in report.breaks:
            print(f"断裂：案件 {found.case} 第 {found.seq} 条：{found.reason}")
        print("全部相符" if report.ok else f"{len(report.breaks)} 处不符")
    return 0 if report.ok else 1

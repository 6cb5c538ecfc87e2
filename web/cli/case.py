"""`duban case` 案件: list cases, show one with what it waits for and its trail, retry an incident."""

from __future__ import annotations

import argparse

import sqlalchemy as sa

from engine.audit.sentences import timeline
from engine.commands import RetryIncident
from engine.errors import NotFound
from engine.execution.explain import explain
from engine.runtime.engine import Engine
from engine.store.tables import cases
from web.cli.terminal import TERMINAL, line, opened, shown


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "case", help="查看案件", description="列出案件，查看一件在等什么和经过，或重试异常。"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="操作")
    listing = actions.add_parser("list", help="列出案件")
    listing.add_argument(
        "--state", choices=("open", "suspended", "completed", "cancelled", "merged"), help="只列某种状态"
    )
    listing.add_argument("--limit", type=int, default=50, help="最多几条（缺省 50）")
    listing.add_argument("--json", action="store_true", help="每行输出一条 JSON")
    listing.set_defaults(run=run_list)
    show = actions.add_parser("show", help="一个案件：现在在等什么，发生过什么")
    show.add_argument("case", help="案件编号或标识")
    show.add_argument("--technical", action="store_true", help="连同流转细节")
    show.add_argument("--json", action="store_true", help="每行输出一条 JSON")
    show.set_defaults(run=run_show)
    retry = actions.add_parser("retry", help="重试异常步骤")
    retry.add_argument("case", help="案件编号或标识")
    retry.set_defaults(run=run_retry)


def _find(engine: Engine, text: str) -> str:
    with engine.read() as connection:
        found = connection.execute(
            sa.select(cases.c.id).where(sa.or_(cases.c.id == text, cases.c.number == text))
        ).scalar()
    if found is None:
        raise NotFound(f"没有案件“{text}”。用 duban case list 查看。")
    return str(found)


def run_list(args: argparse.Namespace) -> int:
    query = sa.select(cases).order_by(cases.c.started_at.desc()).limit(args.limit)
    if args.state:
        query = query.where(cases.c.state == args.state)
    with opened() as engine, engine.read() as connection:
        for row in connection.execute(query):
            if args.json:
                line(
                    {
                        k: row._mapping[k]
                        for k in ("id", "number", "title", "state", "status", "region", "sector", "party")
                    }
                )
            else:
                print(
                    f"{row.number or row.id}  {row.status or row.state}  {row.region}  {row.party}  {row.title}"
                )
    return 0


def run_show(args: argparse.Namespace) -> int:
    with opened() as engine:
        case = _find(engine, args.case)
        package, state, entries = engine.package_of(case), engine.load(case), engine.facts(case)
        waits = explain(package, state, engine.moment())
        names = {p.id: p.name for p in engine.directory().people.values()}
        told = timeline(entries, package, names)
        if args.json:
            line(
                {
                    "case": case,
                    "number": state.number,
                    "status": state.status,
                    "waits_for": [str(w) for w in waits],
                }
            )
            for said in told:
                entry = said.entry
                line(
                    {
                        "seq": entry.seq,
                        "at": entry.at.isoformat(),
                        "kind": entry.fact.kind,
                        "sentence": said.text,
                    }
                )
            return 0
        print(f"{state.number or case}  {state.status}")
        print("现在等待：" if waits else "没有等待的事项。")
        for wait in waits:
            print(f"  · {wait}")
        print("经过：")
        for said in told:
            if args.technical or not said.technical:
                print(f"  {shown(said.entry.at)}  {said.text}")
    return 0


def run_retry(args: argparse.Namespace) -> int:
    with opened() as engine:
        case = _find(engine, args.case)
        waiting = list(engine.load(case).incidents)
        for incident in waiting:
            engine.execute(RetryIncident(incident), TERMINAL, case=case)
        after = engine.load(case)
    left = len(after.incidents)
    print(f"重试 {len(waiting)} 处异常，仍有 {left} 处；待办 {len(after.items)} 项")
    return 4 if left else 0
